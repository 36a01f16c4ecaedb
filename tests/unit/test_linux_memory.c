/* SPDX-License-Identifier: Apache-2.0 */
/* Memory by guests that call for it: what files, shared memory and limits look like through the system calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/unistd.h>
#include <linux/elf.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/resource.h>
#include <string.h>

#define PAGE      4096ul
#define RW        (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static uint8_t *map(uint64_t hint, size_t n, int prot, int flags, int64_t fd, uint64_t offset)
{
    int64_t at = sys(__NR_mmap, hint, n, prot, flags, fd, offset);
    assert_true(at > 0);
    return (uint8_t *)(uintptr_t)at;
}

/* A file of so many pages, page i full of bytes 'a' + i. */
static int64_t lettered(const char *path, size_t pages)
{
    int64_t fd = sys(__NR_open, user_string(path), O_RDWR | O_CREAT | O_TRUNC, 0644);
    uint8_t *page = user_alloc(PAGE);
    assert_true(fd >= 0);
    for (size_t i = 0; i < pages; i++) {
        memset(page, (int)('a' + i), PAGE);
        assert_int_equal(sys(__NR_write, fd, page, PAGE), PAGE);
    }
    return fd;
}

/* ---- files ---- */

static void guest_file_mappings(void)
{
    char byte = 'X';
    int64_t fd = lettered("/tmp/f", 3);
    uint8_t *shared = map(0, 2 * PAGE, RW, MAP_SHARED, fd, PAGE), *own = map(0, 2 * PAGE, RW, MAP_PRIVATE, fd, PAGE);
    assert_int_equal(shared[0], 'b');
    assert_int_equal(own[PAGE], 'c');
    shared[7] = 's', own[8] = 'p';
    assert_int_equal(sys(__NR_pread64, fd, &byte, 1, PAGE + 7), 1);
    assert_int_equal(byte, 's');
    assert_int_equal(sys(__NR_pread64, fd, &byte, 1, PAGE + 8), 1);
    assert_int_equal(byte, 'b');
    byte = 'w';
    assert_int_equal(sys(__NR_pwrite64, fd, &byte, 1, PAGE + 9), 1);
    assert_int_equal(shared[9], 'w');
    assert_int_equal(sys(__NR_msync, shared, 2 * PAGE, MS_SYNC), 0);
    /* The mapping holds the file. */
    assert_int_equal(sys(__NR_close, fd), 0);
    assert_int_equal(sys(__NR_unlink, user_string("/tmp/f")), 0);
    assert_int_equal(shared[PAGE], 'c');
    assert_int_equal(sys(__NR_munmap, shared, 2 * PAGE), 0);
    assert_int_equal(sys(__NR_munmap, own, 2 * PAGE), 0);
}

static void test_file_mappings_share_or_keep_what_is_written(void **state)
{
    assert_int_equal(harness_run(NULL, guest_file_mappings), 0);
}

static void guest_two_mappings(void)
{
    int64_t fd = lettered("/tmp/m", 2);
    uint8_t *a = map(0, 2 * PAGE, RW, MAP_SHARED, fd, 0), *b = map(0, PAGE, RW, MAP_SHARED, fd, PAGE);
    a[PAGE + 1] = 42;
    assert_int_equal(b[1], 42);
    assert_int_equal(sys(__NR_munmap, a, 2 * PAGE), 0);
    assert_int_equal(b[1], 42);
    b[2] = 43;
    a = map(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    assert_int_equal(a[PAGE + 2], 43);
}

static void test_two_shared_mappings_are_the_same_memory(void **state)
{
    assert_int_equal(harness_run(NULL, guest_two_mappings), 0);
}

static void guest_refusals(void)
{
    int64_t rw = lettered("/tmp/f", 1), r = sys(__NR_open, user_string("/tmp/f"), O_RDONLY, 0),
            w = sys(__NR_open, user_string("/tmp/f"), O_WRONLY, 0),
            path = sys(__NR_open, user_string("/tmp/f"), O_PATH, 0), dir = sys(__NR_open, user_string("/tmp"), 0, 0);
    int64_t fds[2];
    assert_int_equal(sys(__NR_pipe, fds), 0);
    int64_t pipe = (int32_t)fds[0];
    assert_int_equal(sys(__NR_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, 99, 0), -EBADF);
    assert_int_equal(sys(__NR_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, path, 0), -EBADF);
    assert_int_equal(sys(__NR_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, dir, 0), -ENODEV);
    assert_int_equal(sys(__NR_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, pipe, 0), -ENODEV);
    assert_int_equal(sys(__NR_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, w, 0), -EACCES);
    assert_int_equal(sys(__NR_mmap, 0, PAGE, RW, MAP_SHARED, r, 0), -EACCES);
    assert_int_equal(sys(__NR_mmap, 0, PAGE, RW, MAP_SHARED, rw, 100), -EINVAL);
    assert_int_equal(sys(__NR_mmap, 0, PAGE, RW, MAP_SHARED, rw, -PAGE), -EOVERFLOW);
    assert_int_equal(sys(__NR_mmap, 0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, ANONYMOUS, -1, 0), -EACCES);
    uint8_t *ro = map(0, PAGE, PROT_READ, MAP_SHARED, r, 0);
    assert_int_equal(sys(__NR_mprotect, ro, PAGE, RW), -EACCES);
    assert_int_equal(sys(__NR_mprotect, ro, PAGE, 0x100), -EINVAL);
    assert_int_equal(sys(__NR_mprotect, ro + 1, PAGE, PROT_READ), -EINVAL);
}

static void test_mmap_is_refused_as_linux_does(void **state)
{
    assert_int_equal(harness_run(NULL, guest_refusals), 0);
}

static void guest_writable_code(void)
{
    sys(__NR_mmap, 0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, ANONYMOUS, -1, 0);
    sys(__NR_mprotect, map(0, PAGE, RW, ANONYMOUS, -1, 0), PAGE, PROT_READ | PROT_EXEC);
}

static void test_refusal_of_executable_memory_is_explained_in_the_trace(void **state)
{
    assert_int_equal(harness_run(&(struct harness){.trace = true}, guest_writable_code), 0);
    const char *trace = harness_output(HOST_TRACE);
    assert_non_null(strstr(trace, "never writable and executable at once"));
    assert_non_null(strstr(trace, "only memory of the text range becomes executable"));
}

/* ---- anonymous memory ---- */

static void guest_mremap(void)
{
    uint8_t *at = map(0, 3 * PAGE, RW, ANONYMOUS, -1, 0);
    memset(at, 1, PAGE), memset(at + PAGE, 2, PAGE), memset(at + 2 * PAGE, 3, PAGE);
    /* From the middle, so it has to move. */
    int64_t moved = sys(__NR_mremap, at + PAGE, PAGE, 4 * PAGE, 0, 0);
    assert_int_equal(moved, -ENOMEM);
    moved = sys(__NR_mremap, at + PAGE, PAGE, 4 * PAGE, MREMAP_MAYMOVE, 0);
    assert_true(moved > 0);
    uint8_t *to = (uint8_t *)(uintptr_t)moved;
    assert_int_equal(to[PAGE - 1], 2);
    assert_int_equal(to[PAGE], 0);
    assert_int_equal(to[4 * PAGE - 1], 0);
    assert_int_equal(at[2 * PAGE], 3);
    uint8_t byte;
    assert_int_equal(sys(__NR_mincore, at + PAGE, PAGE, &byte), -ENOMEM);
    assert_int_equal(sys(__NR_mincore, to, 4 * PAGE, user_alloc(4)), 0);
    assert_int_equal(sys(__NR_mremap, to, 4 * PAGE, PAGE, 0, 0), moved);
    assert_int_equal(sys(__NR_mremap, to, 2 * PAGE, PAGE, 0, 0), -EFAULT);
    assert_int_equal(sys(__NR_mremap, to, PAGE, PAGE, MREMAP_FIXED, at), -EINVAL);
    assert_int_equal(sys(__NR_mremap, to, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at), (int64_t)(uintptr_t)at);
    assert_int_equal(at[5], 2);
}

static void guest_grows_in_place(void)
{
    const size_t n = 300ul << 10;
    uint8_t *a = map(0, n, RW, ANONYMOUS, -1, 0), *b = map(0, n, RW, ANONYMOUS, -1, 0);
    a[n - 1] = 5, b[0] = 6;
    assert_int_equal(sys(__NR_mremap, a, n, 2 * n, 0, 0), (int64_t)(uintptr_t)a);
    assert_int_equal(sys(__NR_mremap, b, n, 2 * n, 0, 0), (int64_t)(uintptr_t)b);
    assert_int_equal(a[n - 1], 5);
    assert_int_equal(a[2 * n - 1], 0);
    assert_int_equal(b[0], 6);
}

static void test_mremap_of_what_is_large_grows_where_it_is(void **state)
{
    assert_int_equal(harness_run(NULL, guest_grows_in_place), 0);
}

static void test_mremap_moves_what_is_there(void **state)
{
    assert_int_equal(harness_run(NULL, guest_mremap), 0);
}

static void guest_dontneed(void)
{
    int64_t fd = lettered("/tmp/f", 1);
    uint8_t *at = map(0, 2 * PAGE, RW, ANONYMOUS, -1, 0), *own = map(0, PAGE, RW, MAP_PRIVATE, fd, 0);
    memset(at, 7, 2 * PAGE), own[0] = 7;
    assert_int_equal(sys(__NR_madvise, at, PAGE, MADV_DONTNEED), 0);
    assert_int_equal(at[0], 0);
    assert_int_equal(at[PAGE], 7);
    assert_int_equal(sys(__NR_madvise, own, PAGE, MADV_DONTNEED), 0);
    assert_int_equal(own[0], 'a');
    assert_int_equal(sys(__NR_madvise, at, PAGE, 12345), -EINVAL);
    assert_int_equal(sys(__NR_madvise, at + 1, PAGE, MADV_NORMAL), -EINVAL);
    assert_int_equal(sys(__NR_madvise, at, 0, MADV_DONTNEED), 0);
    assert_int_equal(sys(__NR_munmap, at + PAGE, PAGE), 0);
    assert_int_equal(sys(__NR_madvise, at, 2 * PAGE, MADV_DONTNEED), -ENOMEM);
}

static void test_madvise_dontneed_gives_zeroes_or_the_file_again(void **state)
{
    assert_int_equal(harness_run(NULL, guest_dontneed), 0);
}

static void guest_no_access(void)
{
    int64_t fd = lettered("/tmp/f", 1);
    uint8_t *at = map(0, 2 * PAGE, RW, ANONYMOUS, -1, 0);
    assert_int_equal(sys(__NR_mprotect, at + PAGE, PAGE, PROT_NONE), 0);
    assert_int_equal(sys(__NR_pread64, fd, at + PAGE, 10, 0), -EFAULT);
    assert_int_equal(sys(__NR_pwrite64, fd, at + PAGE, 10, 0), -EFAULT);
    assert_int_equal(sys(__NR_mprotect, at + PAGE, PAGE, PROT_READ), 0);
    assert_int_equal(sys(__NR_pread64, fd, at + PAGE, 10, 0), -EFAULT);
    assert_int_equal(sys(__NR_pwrite64, fd, at + PAGE, 10, 0), 10);
    assert_int_equal(sys(__NR_munmap, at, 2 * PAGE), 0);
    assert_int_equal(sys(__NR_pread64, fd, at, 10, 0), -EFAULT);
    assert_int_equal(sys(__NR_mprotect, at, PAGE, PROT_READ), -ENOMEM);
}

static void test_copies_stop_where_the_guest_would_fault(void **state)
{
    assert_int_equal(harness_run(NULL, guest_no_access), 0);
}

/* ---- limits ---- */

static void set_limit(int which, uint64_t n)
{
    uint64_t limit[2] = {n, n};
    assert_int_equal(sys(__NR_prlimit64, 0, which, limit, NULL), 0);
}

static void guest_limits(void)
{
    assert_int_equal(sys(__NR_mmap, 0, 5ul << 20, RW, ANONYMOUS, -1, 0), -ENOMEM);
    uint8_t *at = map(0, 5ul << 20, PROT_NONE, ANONYMOUS, -1, 0);
    assert_int_equal(sys(__NR_mprotect, at, 5ul << 20, RW), -ENOMEM);
    assert_int_equal(sys(__NR_mprotect, at, 1ul << 20, RW), 0);
    set_limit(RLIMIT_AS, 6ul << 20);
    assert_int_equal(sys(__NR_mmap, 0, 2ul << 20, PROT_NONE, ANONYMOUS, -1, 0), -ENOMEM);
    assert_int_equal(sys(__NR_munmap, at, 5ul << 20), 0);
    map(0, 2ul << 20, PROT_NONE, ANONYMOUS, -1, 0);
}

static void test_memory_limit_and_rlimit_give_enomem(void **state)
{
    assert_int_equal(harness_run(&(struct harness){.memory_limit = 4ul << 20}, guest_limits), 0);
}

/* ---- programs that cannot be ---- */

static int64_t try_exec(const void *bytes, size_t n)
{
    int64_t fd = sys(__NR_open, user_string("/tmp/x"), O_WRONLY | O_CREAT | O_TRUNC, 0755);
    uint8_t *copy = user_alloc(n + 1);
    uint64_t argv[2] = {(uint64_t)(uintptr_t)user_string("x"), 0};
    memcpy(copy, bytes, n);
    assert_int_equal(sys(__NR_write, fd, copy, n), n);
    assert_int_equal(sys(__NR_close, fd), 0);
    return sys(__NR_execve, user_string("/tmp/x"), argv, argv + 1);
}

static void guest_bad_programs(void)
{
    struct {
        struct elf64_hdr h;
        struct elf64_phdr p[2];
        char interp[16];
    } f = {.h = {.e_ident = "\177ELF\2\1\1",
                 .e_type = ET_DYN,
                 .e_machine = EM_X86_64,
                 .e_version = 1,
                 .e_phoff = 64,
                 .e_entry = 0x40,
                 .e_ehsize = 64,
                 .e_phentsize = 56,
                 .e_phnum = 2},
           .p = {{.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = sizeof f, .p_memsz = sizeof f},
                 {.p_type = PT_NULL, .p_offset = offsetof(typeof(f), interp), .p_filesz = 7}},
           .interp = "/tmp/x"};
    assert_int_equal(try_exec("", 0), -ENOEXEC);
    assert_int_equal(try_exec("\177ELF", 4), -ENOEXEC);
    assert_int_equal(try_exec(&f, 100), -ENOEXEC);
    f.p[0].p_flags |= PF_W;
    assert_int_equal(try_exec(&f, sizeof f), -EACCES);
    f.p[0].p_flags = PF_R | PF_X, f.p[1].p_type = PT_INTERP; /* it names itself */
    assert_int_equal(try_exec(&f, sizeof f), -ELIBBAD);
    memcpy(f.interp, "/tmp/y", 7);
    assert_int_equal(try_exec(&f, sizeof f), -ENOENT);
    f.p[1].p_type = PT_NULL, f.h.e_type = ET_EXEC, f.p[0].p_vaddr = 0x80000000, f.h.e_entry = 0x80000040;
    assert_int_equal(try_exec(&f, sizeof f), -ENOMEM);
    f.p[0].p_vaddr = 0, f.p[0].p_memsz = 1ul << 46, f.h.e_type = ET_DYN, f.h.e_entry = 0x40;
    assert_int_equal(try_exec(&f, sizeof f), -ENOMEM);
}

static void test_execve_of_a_damaged_program_fails_and_the_caller_goes_on(void **state)
{
    assert_int_equal(harness_run(NULL, guest_bad_programs), 0);
}

static void guest_seals_memory(void)
{
    const uint64_t n = 4 * 4096;
    int64_t at = sys(__NR_mmap, NULL, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), middle = at + 4096;
    assert_true(at > 0);
    assert_int_equal(sys(462 /* mseal */, middle + 1, 4096, 0), -EINVAL);
    assert_int_equal(sys(462, middle, 4096, 1), -EINVAL);
    assert_int_equal(sys(462, at, 1ull << 40, 0), -ENOMEM); /* not all of it is mapped */
    assert_int_equal(sys(462, middle, 4096, 0), 0);
    assert_int_equal(sys(__NR_mprotect, at, n, PROT_READ | PROT_WRITE), -EPERM);
    assert_int_equal(sys(__NR_munmap, at, n), -EPERM);
    assert_int_equal(sys(__NR_mmap, at, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), -EPERM);
    assert_int_equal(sys(__NR_mremap, middle, 4096, 8192, MREMAP_MAYMOVE), -EPERM);
    assert_int_equal(sys(__NR_madvise, at, n, MADV_DONTNEED), -EPERM);
    assert_int_equal(sys(__NR_madvise, at, n, MADV_WILLNEED), 0);
    assert_int_equal(sys(__NR_munmap, at, 4096), 0); /* what lies beside it is not sealed */
    assert_int_equal(sys(__NR_mprotect, middle + 4096, 4096, PROT_READ | PROT_WRITE), 0);
}

static void test_sealed_memory_stays_as_it_is(void **state)
{
    assert_int_equal(harness_run(NULL, guest_seals_memory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_mappings_share_or_keep_what_is_written),
        cmocka_unit_test(test_two_shared_mappings_are_the_same_memory),
        cmocka_unit_test(test_mmap_is_refused_as_linux_does),
        cmocka_unit_test(test_refusal_of_executable_memory_is_explained_in_the_trace),
        cmocka_unit_test(test_mremap_of_what_is_large_grows_where_it_is),
        cmocka_unit_test(test_mremap_moves_what_is_there),
        cmocka_unit_test(test_madvise_dontneed_gives_zeroes_or_the_file_again),
        cmocka_unit_test(test_copies_stop_where_the_guest_would_fault),
        cmocka_unit_test(test_memory_limit_and_rlimit_give_enomem),
        cmocka_unit_test(test_sealed_memory_stays_as_it_is),
        cmocka_unit_test(test_execve_of_a_damaged_program_fails_and_the_caller_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
