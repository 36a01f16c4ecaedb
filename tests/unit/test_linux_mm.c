/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux/mm over a platform that is an array with one cell a page: random mmap, munmap, mprotect, mremap, madvise, brk,
 * each compared with what a plain array says; and single rules by name. 20,000 operations, times MOAT_TEST_SCALE.
 */
#include "linux/core/call.h"
#include "linux/fs/vfs.h"
#include "linux/mm/area.h"
#include "linux/task/task.h"

#include <linux/mman.h>
#include <linux/resource.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* libc's own headers do not go together with the kernel's types. */
extern char *getenv(const char *name);
extern int atoi(const char *text);

#define TEXT_LOW   0x400000ull
#define TEXT_PAGES 96u
#define DATA_LOW   0x10000000ull
#define DATA_PAGES 400u
#define PAGES      (TEXT_PAGES + DATA_PAGES)
#define FILE_PAGES 20u /* of the file, which ends in the middle of its last page */

struct cell {
    uint8_t mapped, prot, owner;
    uint32_t holds; /* 0: zeroes; FROM_FILE | page: the file's; else what the test wrote */
    uint32_t fresh; /* what it holds when it is forgotten; only in `should` */
};
#define FROM_FILE 0x80000000u

/* What the platform has, and what it should have. */
static struct cell is[PAGES], should[PAGES];
static bool one_space, makes_code;
static uint32_t spaces;
static uint64_t seed;
static _Alignas(PAGE_SIZE) char arena[4 << 20];

static uint32_t chance(uint32_t below)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((seed >> 33) % below);
}
static uint64_t address(uint32_t page)
{
    return page < TEXT_PAGES ? TEXT_LOW + page * PAGE_SIZE : DATA_LOW + (page - TEXT_PAGES) * PAGE_SIZE;
}
static uint32_t page_of(uint64_t at)
{
    if (at >= TEXT_LOW && at < TEXT_LOW + TEXT_PAGES * PAGE_SIZE)
        return (uint32_t)((at - TEXT_LOW) / PAGE_SIZE);
    assert_in_range(at, DATA_LOW, DATA_LOW + DATA_PAGES * PAGE_SIZE - 1);
    return TEXT_PAGES + (uint32_t)((at - DATA_LOW) / PAGE_SIZE);
}

/* ---- the platform ---- */

static struct aspace *space_create(struct aspace_range *r)
{
    *r = (struct aspace_range){.low = DATA_LOW,
                               .high = DATA_LOW + DATA_PAGES * PAGE_SIZE,
                               .text_low = TEXT_LOW,
                               .text_high = TEXT_LOW + TEXT_PAGES * PAGE_SIZE,
                               .jit = makes_code,
                               .shared = one_space};
    return (struct aspace *)(uintptr_t)++spaces;
}
static void space_destroy(struct aspace *as)
{
    assert_non_null(as);
}

static void check_range(uint64_t at, size_t n)
{
    assert_int_equal(at % PAGE_SIZE, 0);
    assert_int_equal(n % PAGE_SIZE, 0);
    assert_true(n > 0);
    assert_int_equal(page_of(at + n - PAGE_SIZE), page_of(at) + n / PAGE_SIZE - 1);
}

/* Where the platform has the pages of an object, for good. */
#define LENT 0x500000000ull

static uint64_t space_where(struct aspace *as, struct memobj *object, uint64_t offset, size_t n, bool shared)
{
    return shared && one_space ? LENT + offset : 0;
}

static int space_map(struct aspace *as, uint64_t at, size_t n, int prot, bool shared, struct memobj *object,
                     uint64_t offset)
{
    if (object && shared && one_space)
        return at == LENT + offset ? 0 : -ENODEV;
    check_range(at, n);
    assert_true(!((prot & PROT_WRITE) && (prot & PROT_EXEC)));
    assert_true(!(prot & PROT_EXEC) || at < DATA_LOW);
    for (uint32_t i = 0; i < n / PAGE_SIZE; i++) {
        struct cell *c = &is[page_of(at) + i];
        assert_true(!c->mapped || c->owner == (uintptr_t)as);
        uint32_t file_page = (uint32_t)(offset / PAGE_SIZE) + i;
        assert_true(!object || file_page < FILE_PAGES);
        *c = (struct cell){1, (uint8_t)prot, (uint8_t)(uintptr_t)as, object ? FROM_FILE | file_page : 0};
    }
    return 0;
}
static int space_unmap(struct aspace *as, uint64_t at, size_t n)
{
    if (at >= LENT)
        return 0;
    check_range(at, n);
    for (uint32_t i = 0; i < n / PAGE_SIZE; i++) {
        struct cell *c = &is[page_of(at) + i];
        assert_true(!c->mapped || c->owner == (uintptr_t)as);
        *c = (struct cell){0};
    }
    return 0;
}
static int space_protect(struct aspace *as, uint64_t at, size_t n, int prot)
{
    check_range(at, n);
    assert_true(!((prot & PROT_WRITE) && (prot & PROT_EXEC)));
    for (uint32_t i = 0; i < n / PAGE_SIZE; i++) {
        struct cell *c = &is[page_of(at) + i];
        assert_true(c->mapped && c->owner == (uintptr_t)as);
        c->prot = (uint8_t)prot;
    }
    return 0;
}
static int space_advise(struct aspace *as, uint64_t at, size_t n, int advice)
{
    check_range(at, n);
    assert_int_equal(advice, MADV_DONTNEED);
    for (uint32_t i = 0; i < n / PAGE_SIZE; i++) {
        assert_true(is[page_of(at) + i].mapped);
        is[page_of(at) + i].holds = 0;
    }
    return 0;
}
static int space_move(struct aspace *as, uint64_t from, size_t from_n, uint64_t to, size_t to_n, int prot)
{
    check_range(from, from_n);
    check_range(to, to_n);
    for (uint32_t i = 0; i < to_n / PAGE_SIZE; i++) {
        struct cell c = {1, (uint8_t)prot, (uint8_t)(uintptr_t)as, 0};
        if (i < from_n / PAGE_SIZE) {
            assert_int_equal(is[page_of(from) + i].prot, prot);
            c.holds = is[page_of(from) + i].holds;
            is[page_of(from) + i] = (struct cell){0};
        }
        assert_false(is[page_of(to) + i].mapped);
        is[page_of(to) + i] = c;
    }
    return 0;
}
static int host_memory(enum host_memory what, void *at, size_t n)
{
    return 0;
}

/* ---- a file, a task, a kernel ---- */

static int file_map(struct file *f, struct vma *v)
{
    v->object = f->inode->object;
    return 0;
}
static const struct file_ops file_ops = {.map = file_map};
static const char file_bytes[1];
static struct inode inode;
static struct file file;
static struct process process;
static struct task task;

static void begin(bool shared_space, uint64_t memory_limit)
{
    one_space = shared_space;
    spaces = 0;
    memset(is, 0, sizeof is);
    memset(should, 0, sizeof should);
    memset(&platform, 0, sizeof platform);
    platform.vcpus = 1;
    platform.host.memory = host_memory;
    platform.aspace = (struct aspace_ops){.create = space_create,
                                          .destroy = space_destroy,
                                          .map = space_map,
                                          .unmap = space_unmap,
                                          .protect = space_protect,
                                          .advise = space_advise,
                                          .move = space_move,
                                          .where = space_where};
    heap_init(arena, sizeof arena, 0);
    mm_init(memory_limit);
    inode = (struct inode){.refs = 1000,
                           .size = FILE_PAGES * PAGE_SIZE - 100,
                           .object = (struct memobj *)0x1000,
                           .bytes = file_bytes,
                           .mode = S_IFREG};
    file = (struct file){.refs = 1000, .ops = &file_ops, .inode = &inode};
    memset(&process, 0, sizeof process);
    for (unsigned i = 0; i < RLIM_NLIMITS; i++)
        process.limits[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    memset(&task, 0, sizeof task);
    task.process = &process;
    task.mm = mm_create();
    assert_non_null(task.mm);
    current = &task;
}

static void end(void)
{
    mm_put(task.mm);
    for (uint32_t i = 0; i < PAGES && one_space; i++)
        assert_false(is[i].mapped);
    uint64_t limit, used;
    mm_totals(&limit, &used);
    assert_int_equal(used, 0);
    assert_int_equal(vma_type.live, 0);
    assert_int_equal(file.refs, 1000);
    current = NULL;
}

/* ---- the array's view ---- */

static bool all_mapped(uint32_t page, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!should[page + i].mapped)
            return false;
    return true;
}

static void fill(uint32_t page, uint32_t n, int prot, bool from_file, uint32_t file_page)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t fresh = from_file && file_page + i < FILE_PAGES ? FROM_FILE | (file_page + i) : 0;
        should[page + i] = (struct cell){1, (uint8_t)prot, 1, fresh, fresh};
    }
}

/* Pages behind the end of the file have no access, whatever was asked. */
static bool past_end(const struct vma *v)
{
    return v->flags & VMA_PAST_END;
}

static void compare(void)
{
    struct mm *mm = task.mm;
    uint64_t pages = 0, data = 0;
    uint32_t n = 0;
    static struct cell by_tree[PAGES];
    memset(by_tree, 0, sizeof by_tree);
    for (struct vma *v = vma_first(mm); v; v = vma_next(v)) {
        n++, pages += vma_size(v) / PAGE_SIZE, data += vma_is_data(v) ? vma_size(v) / PAGE_SIZE : 0;
        for (uint64_t at = v->start; at < v->end; at += PAGE_SIZE) {
            struct cell *c = &by_tree[page_of(at)];
            *c = (struct cell){1, (uint8_t)v->prot, 1, 0};
            assert_int_equal(is[page_of(at)].prot, past_end(v) ? 0 : v->prot);
        }
    }
    assert_int_equal(mm->n_vmas, n);
    assert_int_equal(mm->pages_mapped, pages);
    assert_int_equal(mm->pages_data, data);
    for (uint32_t i = 0; i < PAGES; i++) {
        assert_int_equal(is[i].mapped, should[i].mapped);
        assert_int_equal(by_tree[i].mapped, should[i].mapped);
        if (!should[i].mapped)
            continue;
        assert_int_equal(by_tree[i].prot, should[i].prot);
        assert_int_equal(is[i].holds, should[i].holds);
    }
}

/* ---- operations ---- */

static int64_t call(call_handler *handler, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    struct args args = {{a, b, c, d, e, 0}};
    return handler(&task, &args);
}

static int random_prot(void)
{
    static const int prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
                                PROT_READ | PROT_EXEC};
    return prots[chance(5)];
}

static void do_map(void)
{
    uint32_t n = 1 + chance(12), at = chance(PAGES), file_page = chance(FILE_PAGES + 4);
    bool fixed = chance(3) == 0, no_replace = chance(2), from_file = chance(3) == 0;
    int prot = random_prot();
    bool fits = at + n <= PAGES && (at >= TEXT_PAGES || at + n <= TEXT_PAGES);
    int flags = MAP_PRIVATE | (from_file ? 0 : MAP_ANONYMOUS);
    if (fixed)
        flags |= no_replace ? MAP_FIXED_NOREPLACE : MAP_FIXED;
    bool free_there = true;
    for (uint32_t i = 0; i < n && fits; i++)
        free_there &= !should[at + i].mapped;
    int64_t r = mm_map(task.mm, fixed || chance(2) ? address(at) : 0, n * PAGE_SIZE, prot, flags,
                       from_file ? &file : NULL, from_file ? file_page * PAGE_SIZE : 0);
    if (r < 0) {
        if (fixed && !fits)
            assert_int_equal(r, -ENOMEM);
        else if (fixed && (prot & PROT_EXEC) && at >= TEXT_PAGES)
            assert_int_equal(r, -EACCES);
        else if (fixed)
            assert_true(r == -EEXIST && no_replace && !free_there);
        else
            assert_int_equal(r, -ENOMEM);
        return;
    }
    assert_true(!fixed || r == (int64_t)address(at));
    assert_true(!(prot & PROT_EXEC) || page_of((uint64_t)r) < TEXT_PAGES);
    for (uint32_t i = 0; i < n && !(fixed && !no_replace); i++)
        assert_false(should[page_of((uint64_t)r) + i].mapped);
    fill(page_of((uint64_t)r), n, prot, from_file, file_page);
}

static void do_unmap(void)
{
    uint32_t at = chance(PAGES), n = 1 + chance(20);
    uint32_t room = (at < TEXT_PAGES ? TEXT_PAGES : PAGES) - at;
    n = n < room ? n : room;
    assert_int_equal(mm_unmap(task.mm, address(at), n * PAGE_SIZE), 0);
    memset(&should[at], 0, n * sizeof should[0]);
}

static void do_protect(void)
{
    uint32_t at = chance(PAGES), n = 1 + chance(8);
    uint32_t room = (at < TEXT_PAGES ? TEXT_PAGES : PAGES) - at;
    n = n < room ? n : room;
    int prot = random_prot(), r = mm_protect(task.mm, address(at), n * PAGE_SIZE, prot);
    if (!all_mapped(at, n)) {
        assert_int_equal(r, -ENOMEM);
        return;
    }
    if ((prot & PROT_EXEC) && at >= TEXT_PAGES) {
        assert_int_equal(r, -EACCES);
        return;
    }
    assert_int_equal(r, 0);
    for (uint32_t i = 0; i < n; i++)
        should[at + i].prot = (uint8_t)prot;
}

static void do_write(void)
{
    uint32_t at = chance(PAGES);
    const struct vma *v = should[at].mapped && (should[at].prot & PROT_WRITE) ? vma_find(task.mm, address(at)) : NULL;
    if (v && !past_end(v))
        is[at].holds = should[at].holds = 1 + chance(1000000);
}

static void do_forget(void)
{
    uint32_t at = chance(PAGES - 4), n = 1 + chance(4);
    if (at < TEXT_PAGES && at + n > TEXT_PAGES)
        return;
    assert_int_equal(call(sys_madvise, address(at), n * PAGE_SIZE, MADV_DONTNEED, 0, 0),
                     all_mapped(at, n) ? 0 : -ENOMEM);
    for (uint32_t i = 0; i < n; i++)
        should[at + i].holds = should[at + i].fresh;
}

/* What mremap of pages within one mapping gives, by the array. */
static void do_remap(void)
{
    uint32_t at = chance(PAGES), old_n = 1 + chance(6), n = 1 + chance(10);
    const struct vma *v = vma_find(task.mm, address(at));
    if (!v || past_end(v) || old_n * PAGE_SIZE > v->end - address(at))
        return;
    bool fixed = chance(4) == 0;
    uint32_t to = chance(PAGES);
    int prot = v->prot;
    bool of_file = v->file;
    uint32_t file_page = (uint32_t)((v->offset + (address(at) - v->start)) / PAGE_SIZE);
    if (fixed && ((to < TEXT_PAGES ? TEXT_PAGES : PAGES) - to < n || (to < at + old_n && at < to + n) ||
                  ((prot & PROT_EXEC) && to >= TEXT_PAGES)))
        return;
    int64_t r = call(sys_mremap, address(at), old_n * PAGE_SIZE, n * PAGE_SIZE,
                     MREMAP_MAYMOVE | (fixed ? MREMAP_FIXED : 0), address(to));
    if (r < 0) {
        assert_int_equal(r, -ENOMEM);
        assert_true(!fixed && n > old_n);
        return;
    }
    struct cell old[16];
    memcpy(old, &should[at], old_n * sizeof old[0]);
    assert_true(!fixed || r == (int64_t)address(to));
    memset(&should[at], 0, old_n * sizeof old[0]);
    for (uint32_t i = 0; i < n; i++) {
        struct cell *c = &should[page_of((uint64_t)r) + i];
        assert_true(fixed || !c->mapped);
        uint32_t fresh = of_file && file_page + i < FILE_PAGES ? FROM_FILE | (file_page + i) : 0;
        *c = i < old_n ? old[i] : (struct cell){1, (uint8_t)prot, 1, fresh, fresh};
    }
}

static uint32_t operations(void)
{
    const char *scale = getenv("MOAT_TEST_SCALE");
    return 20000 * (scale && atoi(scale) > 0 ? (uint32_t)atoi(scale) : 1);
}

static void run(bool shared_space)
{
    begin(shared_space, 0);
    seed = shared_space ? 11 : 12;
    for (uint32_t i = 0; i < operations(); i++) {
        switch (chance(10)) {
        case 0:
        case 1:
        case 2:
            do_map();
            break;
        case 3:
        case 4:
            do_unmap();
            break;
        case 5:
        case 6:
            do_protect();
            break;
        case 7:
            do_write();
            break;
        case 8:
            do_forget();
            break;
        case 9:
            do_remap();
            break;
        }
        compare();
    }
    end();
}

static void test_mm_random_calls_answer_as_an_array(void **state)
{
    run(false);
}
static void test_mm_random_calls_in_one_space_for_all_answer_as_an_array(void **state)
{
    run(true);
}

/* ---- single rules ---- */

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
    compare();
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

static void test_growing_stack_grows_at_a_fault_and_stops_at_its_neighbour(void **state)
{
    begin(false, 0);
    int code = 0, rw = PROT_READ | PROT_WRITE;
    uint64_t top = DATA_LOW + 200 * PAGE_SIZE;
    assert_true(mm_map(task.mm, top - PAGE_SIZE, PAGE_SIZE, rw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED,
                       NULL, 0) > 0);
    assert_int_equal(mm_fault(task.mm, top - 5 * PAGE_SIZE + 8, 6, &code), 0);
    assert_non_null(vma_find(task.mm, top - 5 * PAGE_SIZE));
    assert_int_equal(task.mm->n_vmas, 1);
    assert_true(mm_map(task.mm, top - 9 * PAGE_SIZE, PAGE_SIZE, rw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0) >
                0);
    assert_int_equal(mm_fault(task.mm, top - 8 * PAGE_SIZE, 6, &code), SIGSEGV);
    assert_int_equal(mm_fault(task.mm, top - 7 * PAGE_SIZE, 6, &code), 0);
    process.limits[RLIMIT_STACK].rlim_cur = 2 * PAGE_SIZE;
    assert_int_equal(mm_fault(task.mm, top + 4 * PAGE_SIZE, 6, &code), SIGSEGV);
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

static void test_program_that_makes_code_gets_memory_that_can_become_executable(void **state)
{
    makes_code = true;
    begin(true, 0);
    makes_code = false;
    int rw = PROT_READ | PROT_WRITE, anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
    int64_t at = mm_map(task.mm, 0, 2 * PAGE_SIZE, rw, anonymous, NULL, 0);
    assert_int_equal(mm_protect(task.mm, (uint64_t)at, PAGE_SIZE, PROT_READ | PROT_EXEC), 0);
    assert_int_equal(mm_protect(task.mm, (uint64_t)at, PAGE_SIZE, rw | PROT_EXEC), -EACCES);
    /* What does not fit, and stacks, are elsewhere. */
    assert_true(mm_map(task.mm, 0, 2 * TEXT_PAGES * PAGE_SIZE, rw, anonymous, NULL, 0) >= (int64_t)DATA_LOW);
    assert_true(mm_map(task.mm, 0, PAGE_SIZE, rw, anonymous | MAP_STACK, NULL, 0) >= (int64_t)DATA_LOW);
    end();
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
        cmocka_unit_test(test_mm_random_calls_answer_as_an_array),
        cmocka_unit_test(test_mm_random_calls_in_one_space_for_all_answer_as_an_array),
        cmocka_unit_test(test_mmap_writable_and_executable_is_refused),
        cmocka_unit_test(test_mprotect_executable_outside_text_range_is_refused),
        cmocka_unit_test(test_mmap_arguments_are_refused_as_linux_does),
        cmocka_unit_test(test_mmap_of_a_file_is_bound_by_how_it_was_opened),
        cmocka_unit_test(test_mmap_behind_the_end_of_a_file_is_a_bus_error),
        cmocka_unit_test(test_memory_limit_refuses_what_is_writable_and_gives_back),
        cmocka_unit_test(test_resource_limits_bound_address_space_and_data),
        cmocka_unit_test(test_growing_stack_grows_at_a_fault_and_stops_at_its_neighbour),
        cmocka_unit_test(test_brk_grows_shrinks_and_stops_at_what_is_in_its_way),
        cmocka_unit_test(test_one_space_for_all_keeps_programs_apart),
        cmocka_unit_test(test_one_space_for_all_lends_shared_pages_to_all_who_map_them),
        cmocka_unit_test(test_program_that_makes_code_gets_memory_that_can_become_executable),
        cmocka_unit_test(test_plain_mmap_gives_zeroed_pages_apart_and_knows_its_limits),
        cmocka_unit_test(test_locking_is_counted_and_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
