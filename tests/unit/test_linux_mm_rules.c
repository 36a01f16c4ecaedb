/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of linux/mm, one by one: what is refused, what is counted, what programs in one space see of each other. */
#include "linux_mm_cells.h"

#include "linux/core/uaccess.h"

#include <linux/mman.h>
#include <linux/resource.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_mmap_writable_and_executable_is_refused(void **state)
{
    begin(false, 0);
    int both = PROT_READ | PROT_WRITE | PROT_EXEC, anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
    assert_int_equal(mm_map(task.mm, 0, PAGE_SIZE, both, anonymous, NULL, 0), -EACCES);
    assert_int_equal(mm_map(task.mm, TEXT_LOW, PAGE_SIZE, both, anonymous | MAP_FIXED, NULL, 0), -EACCES);
    int64_t at = mm_map(task.mm, 0, PAGE_SIZE, PROT_READ | PROT_EXEC, anonymous, NULL, 0);
    assert_int_equal(page_of((uint64_t)at) < TEXT_PAGES, 1);
    assert_int_equal(mm_protect(task.mm, (uint64_t)at, PAGE_SIZE, both), -EACCES);
    assert_int_equal(mm_protect(task.mm, (uint64_t)at, PAGE_SIZE, PROT_READ | PROT_WRITE), 0);
    end();
}

static void test_mprotect_executable_outside_text_range_is_refused(void **state)
{
    begin(false, 0);
    int64_t at = mm_map(task.mm, 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
    assert_true(at >= (int64_t)DATA_LOW);
    assert_int_equal(mm_protect(task.mm, (uint64_t)at, PAGE_SIZE, PROT_READ | PROT_EXEC), -EACCES);
    assert_int_equal(
        mm_map(task.mm, (uint64_t)at, PAGE_SIZE, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0), -EACCES);
    assert_non_null(vma_find(task.mm, (uint64_t)at));
    end();
}

static void test_mmap_arguments_are_refused_as_linux_does(void **state)
{
    static const struct {
        const char *label;
        uint64_t at, n;
        int flags;
        int64_t want;
    } rows[] = {
        {"no length", 0, 0, MAP_PRIVATE | MAP_ANONYMOUS, -EINVAL},
        {"neither private nor shared", 0, PAGE_SIZE, MAP_ANONYMOUS, -EINVAL},
        {"longer than the address space", 0, UINT64_MAX - 5, MAP_PRIVATE | MAP_ANONYMOUS, -ENOMEM},
        {"fixed, not on a page", DATA_LOW + 1, PAGE_SIZE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -EINVAL},
        {"fixed at address zero", 0, PAGE_SIZE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -EPERM},
        {"fixed outside the ranges", 0x7000000000, PAGE_SIZE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -ENOMEM},
        {"fixed, wraps", UINT64_MAX & ~4095ull, 2 * PAGE_SIZE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -ENOMEM},
        {"fixed over the end", DATA_LOW + (DATA_PAGES - 1) * PAGE_SIZE, 2 * PAGE_SIZE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -ENOMEM},
        {"huge pages", 0, PAGE_SIZE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -ENOMEM},
    };
    begin(false, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t r = mm_map(task.mm, rows[i].at, rows[i].n, PROT_READ, rows[i].flags, NULL, 0);
        if (r != rows[i].want)
            fail_msg("%s: expected %lld, got %lld", rows[i].label, (long long)rows[i].want, (long long)r);
    }
    assert_int_equal(task.mm->n_vmas, 0);
    end();
}

static void test_mmap_of_a_file_is_bound_by_how_it_was_opened(void **state)
{
    begin(false, 0);
    file.flags = 0; /* O_RDONLY */
    assert_int_equal(mm_map(task.mm, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, &file, 0), -EACCES);
    int64_t at = mm_map(task.mm, 0, PAGE_SIZE, PROT_READ, MAP_SHARED, &file, 0);
    assert_true(at > 0);
    assert_int_equal(mm_protect(task.mm, (uint64_t)at, PAGE_SIZE, PROT_READ | PROT_WRITE), -EACCES);
    assert_true(mm_map(task.mm, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, &file, 0) > 0);
    file.flags = 1; /* O_WRONLY */
    assert_int_equal(mm_map(task.mm, 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE, &file, 0), -EACCES);
    end();
}

static void test_mmap_behind_the_end_of_a_file_is_a_bus_error(void **state)
{
    begin(false, 0);
    int code = 0;
    int64_t at = mm_map(task.mm, 0, 4 * PAGE_SIZE, PROT_READ, MAP_PRIVATE, &file, (FILE_PAGES - 1) * PAGE_SIZE);
    assert_true(at > 0);
    assert_int_equal(is[page_of((uint64_t)at)].holds, FROM_FILE | (FILE_PAGES - 1));
    assert_int_equal(is[page_of((uint64_t)at) + 1].prot, PROT_NONE);
    assert_int_equal(mm_fault(task.mm, (uint64_t)at + PAGE_SIZE, 4, &code), SIGBUS);
    assert_int_equal(code, BUS_ADRERR);
    end();
}

static void test_memory_limit_refuses_what_is_writable_and_gives_back(void **state)
{
    begin(false, 10 * PAGE_SIZE);
    int anonymous = MAP_PRIVATE | MAP_ANONYMOUS, rw = PROT_READ | PROT_WRITE;
    assert_int_equal(mm_map(task.mm, 0, 11 * PAGE_SIZE, rw, anonymous, NULL, 0), -ENOMEM);
    int64_t reserved = mm_map(task.mm, 0, 50 * PAGE_SIZE, PROT_NONE, anonymous, NULL, 0);
    assert_true(reserved > 0);
    assert_int_equal(mm_protect(task.mm, (uint64_t)reserved, 8 * PAGE_SIZE, rw), 0);
    assert_int_equal(mm_protect(task.mm, (uint64_t)reserved, 11 * PAGE_SIZE, rw), -ENOMEM);
    assert_int_equal(mm_map(task.mm, 0, 3 * PAGE_SIZE, rw, anonymous, NULL, 0), -ENOMEM);
    /* Unreserved is not counted; replaced is counted once. */
    assert_true(mm_map(task.mm, 0, 30 * PAGE_SIZE, rw, anonymous | MAP_NORESERVE, NULL, 0) > 0);
    assert_true(mm_map(task.mm, (uint64_t)reserved, 10 * PAGE_SIZE, rw, anonymous | MAP_FIXED, NULL, 0) > 0);
    assert_int_equal(mm_unmap(task.mm, (uint64_t)reserved, 8 * PAGE_SIZE), 0);
    assert_true(mm_map(task.mm, 0, 8 * PAGE_SIZE, rw, anonymous, NULL, 0) > 0);
    end();
}

static void test_resource_limits_bound_address_space_and_data(void **state)
{
    begin(false, 0);
    int anonymous = MAP_PRIVATE | MAP_ANONYMOUS, rw = PROT_READ | PROT_WRITE;
    process.limits[RLIMIT_DATA].rlim_cur = 4 * PAGE_SIZE;
    assert_int_equal(mm_map(task.mm, 0, 5 * PAGE_SIZE, rw, anonymous, NULL, 0), -ENOMEM);
    assert_true(mm_map(task.mm, 0, 5 * PAGE_SIZE, PROT_READ, anonymous, NULL, 0) > 0);
    process.limits[RLIMIT_AS].rlim_cur = 8 * PAGE_SIZE;
    assert_int_equal(mm_map(task.mm, 0, 4 * PAGE_SIZE, PROT_READ, anonymous, NULL, 0), -ENOMEM);
    assert_true(mm_map(task.mm, 0, 3 * PAGE_SIZE, PROT_READ, anonymous, NULL, 0) > 0);
    end();
}

static void test_growing_stack_grows_at_a_fault_and_keeps_away_from_its_neighbour(void **state)
{
    begin(false, 0);
    int code = 0, rw = PROT_READ | PROT_WRITE, fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    uint64_t top = DATA_LOW + 390 * PAGE_SIZE;
    assert_true(mm_map(task.mm, top - PAGE_SIZE, PAGE_SIZE, rw, fixed | MAP_GROWSDOWN, NULL, 0) > 0);
    assert_int_equal(mm_fault(task.mm, top - 5 * PAGE_SIZE + 8, 6, &code), 0);
    assert_non_null(vma_find(task.mm, top - 5 * PAGE_SIZE));
    assert_int_equal(task.mm->n_vmas, 1);
    /* A mebibyte stays free above memory, none above what has no access. */
    uint64_t below = top - 300 * PAGE_SIZE;
    assert_true(mm_map(task.mm, below - PAGE_SIZE, PAGE_SIZE, rw, fixed, NULL, 0) > 0);
    assert_int_equal(mm_fault(task.mm, below + 255 * PAGE_SIZE, 6, &code), SIGSEGV);
    assert_int_equal(mm_fault(task.mm, below + 256 * PAGE_SIZE, 6, &code), 0);
    assert_int_equal(mm_protect(task.mm, below - PAGE_SIZE, PAGE_SIZE, PROT_NONE), 0);
    assert_int_equal(mm_fault(task.mm, below + PAGE_SIZE, 6, &code), 0);
    process.limits[RLIMIT_STACK].rlim_cur = 2 * PAGE_SIZE;
    assert_int_equal(mm_unmap(task.mm, below - PAGE_SIZE, PAGE_SIZE), 0);
    assert_int_equal(mm_fault(task.mm, below - 2 * PAGE_SIZE, 6, &code), SIGSEGV);
    assert_int_equal(code, SEGV_MAPERR);
    end();
}

static void test_brk_grows_shrinks_and_stops_at_what_is_in_its_way(void **state)
{
    begin(false, 0);
    task.mm->brk_start = task.mm->brk = DATA_LOW + PAGE_SIZE;
    uint64_t b = DATA_LOW + PAGE_SIZE;
    assert_int_equal(call(sys_brk, 0, 0, 0, 0, 0), b);
    assert_int_equal(call(sys_brk, b + 5000, 0, 0, 0, 0), b + 5000);
    assert_int_equal(call(sys_brk, b + 3 * PAGE_SIZE, 0, 0, 0, 0), b + 3 * PAGE_SIZE);
    assert_int_equal(task.mm->n_vmas, 1);
    assert_string_equal(vma_find(task.mm, b)->label, "[heap]");
    assert_int_equal(call(sys_brk, b + 1, 0, 0, 0, 0), b + 1);
    assert_int_equal(task.mm->pages_mapped, 1);
    assert_true(
        mm_map(task.mm, b + 4 * PAGE_SIZE, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0) > 0);
    assert_int_equal(call(sys_brk, b + 5 * PAGE_SIZE, 0, 0, 0, 0), b + 1);
    assert_int_equal(call(sys_brk, b - 1, 0, 0, 0, 0), b + 1);
    end();
}

static void test_one_space_for_all_keeps_programs_apart(void **state)
{
    begin(true, 0);
    struct mm *other = mm_create();
    assert_non_null(other);
    assert_ptr_equal(other->map, task.mm->map);
    int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
    int64_t at = mm_map(task.mm, 0, 4 * PAGE_SIZE, PROT_READ, anonymous, NULL, 0);
    int64_t theirs = mm_map(other, 0, 4 * PAGE_SIZE, PROT_READ, anonymous, NULL, 0);
    assert_true(at > 0 && theirs > 0 && at != theirs);
    assert_int_equal(mm_map(other, (uint64_t)at, PAGE_SIZE, PROT_READ, anonymous | MAP_FIXED, NULL, 0), -ENOMEM);
    assert_int_equal(mm_protect(other, (uint64_t)at, PAGE_SIZE, PROT_NONE), -ENOMEM);
    assert_int_equal(mm_unmap(other, (uint64_t)at, PAGE_SIZE), 0);
    assert_null(vma_find(other, (uint64_t)at));
    assert_true(is[page_of((uint64_t)at)].mapped);
    mm_put(other);
    assert_false(is[page_of((uint64_t)theirs)].mapped);
    assert_true(is[page_of((uint64_t)at)].mapped);
    end();
}

/* Where pages cannot be at two addresses, everyone who shares them has them at the same one. */
static void test_one_space_for_all_lends_shared_pages_to_all_who_map_them(void **state)
{
    begin(true, 0);
    inode.bytes = NULL;
    file.flags = 2; /* O_RDWR */
    struct mm *other = mm_create();
    int rw = PROT_READ | PROT_WRITE;
    uint64_t page = PAGE_SIZE;
    assert_int_equal(mm_map(task.mm, 0, 4 * page, rw, MAP_SHARED, &file, 0), LENT);
    assert_int_equal(mm_map(task.mm, 0x7000, 4 * page, PROT_READ, MAP_SHARED, &file, 2 * page), LENT + 2 * page);
    assert_int_equal(mm_map(other, 0, 3 * page, rw, MAP_SHARED, &file, page), LENT + page);
    assert_int_equal(task.mm->pages_mapped, 6);
    assert_int_equal(vma_find(task.mm, LENT + 2 * page)->lent, 2);
    assert_int_equal(vma_find(task.mm, LENT + 2 * page)->prot, rw);
    assert_null(vma_find(other, LENT));
    /* The first of the two is taken back: what both had stays. */
    assert_int_equal(mm_unmap(task.mm, LENT, 4 * page), 0);
    assert_null(vma_find(task.mm, LENT + page));
    assert_non_null(vma_find(task.mm, LENT + 2 * page));
    assert_non_null(vma_find(other, LENT + page));
    assert_int_equal(mm_unmap(task.mm, LENT, 16 * page), 0);
    assert_int_equal(task.mm->pages_mapped, 0);
    /* At an address of one's own choice it cannot be; what is there stays. */
    assert_int_equal(mm_map(task.mm, DATA_LOW, page, rw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0), DATA_LOW);
    assert_int_equal(mm_map(task.mm, DATA_LOW, page, rw, MAP_SHARED | MAP_FIXED, &file, 0), -ENODEV);
    assert_non_null(vma_find(task.mm, DATA_LOW));
    assert_true(mm_map(task.mm, 0, page, rw, MAP_PRIVATE, &file, 0) >= (int64_t)DATA_LOW);
    mm_put(other);
    end();
}

static void test_fork_copies_mappings_but_what_is_marked(void **state)
{
    begin(false, 0);
    int rw = PROT_READ | PROT_WRITE, anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
    uint64_t at = DATA_LOW, page = PAGE_SIZE;
    struct mm *child = NULL;
    assert_true(mm_map(task.mm, at, 6 * page, rw, anonymous | MAP_FIXED, NULL, 0) > 0);
    assert_true(mm_map(task.mm, at + 8 * page, page, PROT_READ, MAP_PRIVATE | MAP_FIXED, &file, 0) > 0);
    for (uint32_t i = 0; i < 6; i++)
        is[TEXT_PAGES + i].holds = 100 + i;
    assert_int_equal(call(sys_madvise, at + page, page, MADV_DONTFORK, 0, 0), 0);
    assert_int_equal(call(sys_madvise, at + 3 * page, page, MADV_WIPEONFORK, 0, 0), 0);
    assert_int_equal(call(sys_mlockall, MCL_CURRENT | MCL_FUTURE, 0, 0, 0, 0), 0);
    assert_int_equal(mm_fork(task.mm, &child), 0);
    static const uint32_t holds[] = {100, 0, 102, 0, 104, 105};
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(forked[TEXT_PAGES + i].mapped, i != 1);
        assert_int_equal(forked[TEXT_PAGES + i].holds, holds[i]);
        assert_int_equal(vma_find(child, at + i * page) != NULL, i != 1);
    }
    assert_int_equal(child->pages_mapped, 6);
    assert_int_equal(child->pages_data, 5);
    assert_int_equal(child->pages_locked, 0);
    assert_false(child->lock_future);
    /* They go their own ways. */
    assert_int_equal(mm_unmap(child, at, 6 * page), 0);
    assert_non_null(vma_find(task.mm, at + page));
    assert_int_equal(is[TEXT_PAGES].holds, 100);
    mm_put(child);
    assert_int_equal(task.mm->pages_mapped, 7);
    end();
}

static void test_fork_in_one_space_for_all_is_what_the_platform_says(void **state)
{
    begin(true, 0);
    struct mm *child = NULL;
    assert_int_equal(mm_fork(task.mm, &child), -ENOSYS);
    assert_null(child);
    end();
}

/* Shared memory without a file is the same memory for parent and child, and one futex. */
static void test_fork_shares_what_is_shared(void **state)
{
    begin(false, 0);
    struct mm *child = NULL;
    uint64_t at =
        (uint64_t)mm_map(task.mm, 0, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, NULL, 0);
    uint64_t own =
        (uint64_t)mm_map(task.mm, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
    uint64_t a[2], b[2];
    assert_int_equal(mm_fork(task.mm, &child), 0);
    assert_int_equal(mm_futex_key(task.mm, uptr(at + PAGE_SIZE + 8), false, a), 0);
    assert_int_equal(mm_futex_key(child, uptr(at + PAGE_SIZE + 8), false, b), 0);
    assert_memory_equal(a, b, sizeof a);
    assert_int_equal(mm_futex_key(task.mm, uptr(own), false, a), 0);
    assert_int_equal(mm_futex_key(child, uptr(own), false, b), 0);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(mm_futex_key(child, uptr(0x1000), false, b), -EFAULT);
    assert_int_equal(objects, 1);
    mm_put(child);
    assert_int_equal(objects, 1);
    end();
    assert_int_equal(objects, 0);
}

static void test_program_that_makes_code_may_execute_memory_wherever_it_lies(void **state)
{
    makes_code = true;
    begin(true, 0);
    int rw = PROT_READ | PROT_WRITE, rx = PROT_READ | PROT_EXEC, anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
    int64_t at = mm_map(task.mm, 0, 2 * PAGE_SIZE, rw, anonymous, NULL, 0);
    assert_true(at >= (int64_t)DATA_LOW);
    assert_int_equal(mm_protect(task.mm, (uint64_t)at, PAGE_SIZE, rx), 0);
    assert_int_equal(mm_map(task.mm, DATA_LOW, PAGE_SIZE, rx, anonymous | MAP_FIXED, NULL, 0), DATA_LOW);
    assert_true(mm_map(task.mm, 0, 2 * TEXT_PAGES * PAGE_SIZE, rx, anonymous, NULL, 0) >= (int64_t)DATA_LOW);
    int64_t near = mm_map(task.mm, 0, PAGE_SIZE, rx, anonymous, NULL, 0);
    assert_true(near > 0 && near < (int64_t)DATA_LOW);
    end();
    makes_code = false;
}

/* x86 error codes of a write and of a fetch, by a program, of a page that is there. */
#define WRITES  7u
#define FETCHES 21u

static int fault_at(uint64_t rip, uint64_t address, uint64_t error)
{
    int code;
    task.regs.rip = rip;
    return mm_fault(task.mm, address, error, &code);
}

static void test_pages_both_writable_and_executable_take_turns(void **state)
{
    makes_code = true;
    begin(true, 0);
    int rw = PROT_READ | PROT_WRITE, rx = PROT_READ | PROT_EXEC, both = rw | PROT_EXEC;
    int64_t at = mm_map(task.mm, 0, 3 * PAGE_SIZE, both, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
    assert_true(at > 0);
    uint64_t first = (uint64_t)at, second = first + PAGE_SIZE, elsewhere = TEXT_LOW;
    const struct cell *c = &is[page_of(first)];
    assert_int_equal(c[0].prot, rw);
    assert_int_equal(fault_at(first, first, FETCHES), 0);
    assert_int_equal(c[0].prot, rx);
    assert_int_equal(c[1].prot, rw);
    assert_int_equal(fault_at(elsewhere, first + 8, WRITES), 0);
    assert_int_equal(c[0].prot, rw);
    /* Code may write code again and again, but not to the page that it stands in. */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fault_at(first, first, FETCHES), 0);
        assert_int_equal(fault_at(first, second, WRITES), 0);
        assert_int_equal(fault_at(second, second, FETCHES), 0);
    }
    assert_int_equal(fault_at(first + 5, first + 100, WRITES), 0);
    assert_int_equal(fault_at(first + 5, first + 5, FETCHES), SIGSEGV);
    /* What allows no less leaves the pages as they are; what allows less does not. */
    assert_int_equal(mm_protect(task.mm, first, 2 * PAGE_SIZE, rx), 0);
    assert_int_equal(c[0].prot, rx);
    assert_int_equal(mm_protect(task.mm, first, 2 * PAGE_SIZE, both), 0);
    assert_int_equal(c[0].prot, rx);
    assert_int_equal(fault_at(elsewhere, first, WRITES), 0);
    assert_int_equal(mm_protect(task.mm, first, 2 * PAGE_SIZE, PROT_READ), 0);
    assert_int_equal(c[0].prot, PROT_READ);
    assert_int_equal(fault_at(elsewhere, first, WRITES), SIGSEGV);
    end();
    makes_code = false;
}

/* What a kernel for a small program has instead of all the above. */
static void test_plain_mmap_gives_zeroed_pages_apart_and_knows_its_limits(void **state)
{
    begin(true, 20 * PAGE_SIZE);
    int rw = PROT_READ | PROT_WRITE, anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
    int64_t a = call(sys_mmap_plain, 0, 3 * PAGE_SIZE - 5, (uint64_t)rw, (uint64_t)anonymous, 0);
    int64_t b = call(sys_mmap_plain, 0, PAGE_SIZE, (uint64_t)rw, (uint64_t)anonymous, 0);
    assert_int_equal(a, DATA_LOW + (DATA_PAGES - 3) * PAGE_SIZE);
    assert_true(b > 0 && b + (int64_t)PAGE_SIZE < a);
    assert_int_equal(is[page_of((uint64_t)a) + 2].prot, rw);
    assert_int_equal(call(sys_mmap_plain, 0, 17 * PAGE_SIZE, (uint64_t)rw, (uint64_t)anonymous, 0), -ENOMEM);
    assert_int_equal(call(sys_mmap_plain, 0, 0, (uint64_t)rw, (uint64_t)anonymous, 0), -EINVAL);
    assert_int_equal(call(sys_mmap_plain, 0, PAGE_SIZE, (uint64_t)rw, MAP_PRIVATE, 3), -EBADF);
    assert_int_equal(call(sys_mmap_plain, 0, PAGE_SIZE, PROT_EXEC, (uint64_t)anonymous, 0), -EACCES);
    assert_int_equal(call(sys_mmap_plain, DATA_LOW, PAGE_SIZE, 0, (uint64_t)anonymous | MAP_FIXED, 0), -ENOMEM);
    assert_int_equal(call(sys_mmap_plain, 0, UINT64_MAX, 0, (uint64_t)anonymous, 0), -ENOMEM);
    memset(is, 0, sizeof is);
    end();
}

static void test_locking_is_counted_and_bound(void **state)
{
    begin(false, 0);
    struct cred cred = {.refs = 1};
    task.cred = &cred;
    process.limits[RLIMIT_MEMLOCK].rlim_cur = 3 * PAGE_SIZE;
    uint64_t at = (uint64_t)mm_map(task.mm, 0, 6 * PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
    assert_int_equal(call(sys_mlock, at + 100, 2 * PAGE_SIZE, 0, 0, 0), 0);
    assert_int_equal(task.mm->pages_locked, 3);
    assert_int_equal(call(sys_mlock, at + 3 * PAGE_SIZE, PAGE_SIZE, 0, 0, 0), -ENOMEM);
    assert_int_equal(call(sys_munlock, at, PAGE_SIZE, 0, 0, 0), 0);
    assert_int_equal(call(sys_mlock, at + 3 * PAGE_SIZE, PAGE_SIZE, 0, 0, 0), 0);
    assert_int_equal(call(sys_msync, at, 6 * PAGE_SIZE, MS_INVALIDATE, 0, 0), -EBUSY);
    assert_int_equal(call(sys_mlockall, MCL_CURRENT, 0, 0, 0, 0), -ENOMEM);
    assert_int_equal(call(sys_munlockall, 0, 0, 0, 0, 0), 0);
    assert_int_equal(task.mm->pages_locked, 0);
    assert_int_equal(task.mm->n_vmas, 1);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mmap_writable_and_executable_is_refused),
        cmocka_unit_test(test_mprotect_executable_outside_text_range_is_refused),
        cmocka_unit_test(test_mmap_arguments_are_refused_as_linux_does),
        cmocka_unit_test(test_mmap_of_a_file_is_bound_by_how_it_was_opened),
        cmocka_unit_test(test_mmap_behind_the_end_of_a_file_is_a_bus_error),
        cmocka_unit_test(test_memory_limit_refuses_what_is_writable_and_gives_back),
        cmocka_unit_test(test_resource_limits_bound_address_space_and_data),
        cmocka_unit_test(test_growing_stack_grows_at_a_fault_and_keeps_away_from_its_neighbour),
        cmocka_unit_test(test_brk_grows_shrinks_and_stops_at_what_is_in_its_way),
        cmocka_unit_test(test_one_space_for_all_keeps_programs_apart),
        cmocka_unit_test(test_one_space_for_all_lends_shared_pages_to_all_who_map_them),
        cmocka_unit_test(test_fork_copies_mappings_but_what_is_marked),
        cmocka_unit_test(test_fork_in_one_space_for_all_is_what_the_platform_says),
        cmocka_unit_test(test_fork_shares_what_is_shared),
        cmocka_unit_test(test_program_that_makes_code_may_execute_memory_wherever_it_lies),
        cmocka_unit_test(test_pages_both_writable_and_executable_take_turns),
        cmocka_unit_test(test_plain_mmap_gives_zeroed_pages_apart_and_knows_its_limits),
        cmocka_unit_test(test_locking_is_counted_and_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
