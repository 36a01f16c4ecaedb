/* SPDX-License-Identifier: Apache-2.0 */
/* /proc, /sys and /dev, by guests that read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/stat.h>
#include <asm/unistd.h>
#include <linux/random.h>
#include <string.h>

#define RUN(guest) assert_int_equal(harness_run(NULL, guest), 0)
#define ROOM       8192

struct dirent_ {
    uint64_t ino;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[];
};

/* The whole of a file, or -errno in the first bytes of nothing. */
static int64_t read_all(const char *path, char *to, uint64_t n)
{
    int64_t fd = sys(__NR_open, user_string(path), O_RDONLY, 0), got;
    if (fd < 0)
        return fd;
    got = sys(__NR_read, fd, to, n - 1);
    if (got >= 0)
        to[got] = 0;
    sys(__NR_close, fd);
    return got;
}

static bool listed(const char *path, const char *name)
{
    char *room = user_alloc(ROOM);
    int64_t fd = sys(__NR_open, user_string(path), O_RDONLY | O_DIRECTORY, 0), n;
    volatile bool found = false;
    assert_true(fd >= 0);
    while ((n = sys(__NR_getdents64, fd, room, ROOM)) > 0)
        for (int64_t at = 0; at < n;) {
            const struct dirent_ *d = (const void *)(room + at);
            if (!strcmp(d->name, name))
                found = true;
            at += d->size;
        }
    assert_int_equal(n, 0);
    sys(__NR_close, fd);
    return found;
}

static void guest_process_files(void)
{
    char *text = user_alloc(ROOM);
    assert_true(read_all("/proc/self/status", text, ROOM) > 0);
    assert_non_null(strstr(text, "\nPid:\t1\n"));
    assert_non_null(strstr(text, "\nThreads:\t1\n"));
    assert_true(read_all("/proc/self/stat", text, ROOM) > 0);
    assert_memory_equal(text, "1 (", 3);
    assert_true(read_all("/proc/1/limits", text, ROOM) > 0);
    assert_non_null(strstr(text, "Max open files"));
    assert_true(read_all("/proc/self/mountinfo", text, ROOM) > 0);
    assert_non_null(strstr(text, " / / "));
    assert_non_null(strstr(text, " /proc "));
    assert_int_equal(read_all("/proc/2/status", text, ROOM), -ENOENT);
    assert_int_equal(read_all("/proc/01/status", text, ROOM), -ENOENT);
    assert_true(listed("/proc", "1"));
    assert_true(listed("/proc", "meminfo"));
    assert_true(listed("/proc/self", "fd"));
    assert_true(listed("/proc/self/task", "1"));
    assert_false(listed("/proc", "2"));
}

static void test_proc_shows_the_process_and_no_other(void **state)
{
    RUN(guest_process_files);
}

static void guest_fds(void)
{
    char *text = user_alloc(256);
    int64_t fd = sys(__NR_open, user_string("/file"), O_CREAT | O_RDWR, 0600), n;
    assert_int_equal(fd, 3);
    assert_int_equal(sys(__NR_write, fd, user_string("abc"), 3), 3);
    n = sys(__NR_readlink, user_string("/proc/self/fd/3"), text, 256);
    assert_int_equal(n, 5);
    assert_memory_equal(text, "/file", 5);
    assert_int_equal(sys(__NR_unlink, user_string("/file")), 0);
    n = sys(__NR_readlink, user_string("/proc/self/fd/3"), text, 256);
    assert_memory_equal(text, "/file (deleted)", 15);
    int64_t again =
        sys(__NR_open, user_string("/proc/self/fd/3"), O_RDONLY, 0); /* the open file itself, not its name */
    assert_true(again >= 0);
    assert_int_equal(sys(__NR_read, again, text, 8), 3);
    assert_true(listed("/proc/self/fd", "3"));
    assert_false(listed("/proc/self/fd", "9"));
    assert_true(read_all("/proc/self/fdinfo/3", text, 256) > 0);
    assert_memory_equal(text, "pos:\t3\n", 7);
    assert_int_equal(sys(__NR_readlink, user_string("/proc/self/fd/99"), text, 256), -ENOENT);
}

static void guest_console_by_name(void)
{
    char got[8];
    int64_t in = sys(__NR_open, user_string("/proc/self/fd/0"), O_RDONLY, 0);
    int64_t out = sys(__NR_open, user_string("/proc/self/fd/1"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(in > 0);
    assert_true(out > 0);
    assert_int_equal(sys(__NR_read, in, got, sizeof got), 5);
    assert_int_equal(sys(__NR_write, out, got, 5), 5);
    assert_int_equal(sys(__NR_read, in, got, sizeof got), 0);
    assert_int_equal(sys(__NR_open, user_string("/proc/self/fd/0"), O_WRONLY, 0), -EACCES);
    assert_int_equal(sys(__NR_open, user_string("/proc/self/fd/2"), O_RDONLY, 0), -EACCES);
}

static void test_console_is_opened_by_its_links(void **state)
{
    const struct harness h = {.input = "words"};
    assert_int_equal(harness_run(&h, guest_console_by_name), 0);
    assert_string_equal(harness_output(HOST_STDOUT), "words");
}

static void test_fd_links_lead_to_the_open_files(void **state)
{
    RUN(guest_fds);
}

static void guest_comm(void)
{
    char *text = user_alloc(256);
    int64_t fd = sys(__NR_open, user_string("/proc/self/comm"), O_WRONLY, 0);
    assert_true(fd >= 0);
    assert_int_equal(sys(__NR_write, fd, user_string("a-name-that-is-too-long\n"), 24), 24);
    assert_int_equal(read_all("/proc/self/comm", text, 256), 16);
    assert_string_equal(text, "a-name-that-is-\n");
    assert_int_equal(sys(__NR_open, user_string("/proc/version"), O_WRONLY, 0), -EACCES);
    assert_int_equal(sys(__NR_unlink, user_string("/proc/version")), -EPERM);
    assert_true(sys(__NR_open, user_string("/proc/new"), O_CREAT | O_WRONLY, 0600) < 0);
}

static void test_only_what_is_meant_can_be_written(void **state)
{
    RUN(guest_comm);
}

static void guest_pieces(void)
{
    char *whole = user_alloc(ROOM), *pieces = user_alloc(ROOM);
    int64_t n = read_all("/proc/meminfo", whole, ROOM), at = 0, got;
    assert_memory_equal(whole, "MemTotal:", 9);
    int64_t fd = sys(__NR_open, user_string("/proc/meminfo"), O_RDONLY, 0);
    while ((got = sys(__NR_read, fd, pieces + at, 7)) > 0)
        at += got;
    assert_int_equal(at, n);
    assert_int_equal(sys(__NR_lseek, fd, 0, 0), 0);
    assert_int_equal(sys(__NR_read, fd, pieces, 9), 9);
    assert_memory_equal(pieces, "MemTotal:", 9);
    assert_int_equal(sys(__NR_pread64, fd, pieces, 4, 3), 4);
    assert_memory_equal(pieces, "Tota", 4);
}

static void test_text_reads_the_same_in_pieces(void **state)
{
    RUN(guest_pieces);
}

static void guest_devices(void)
{
    char *bytes = user_alloc(64);
    struct stat st;
    memset(bytes, 1, 64);
    int64_t zero = sys(__NR_open, user_string("/dev/zero"), O_RDWR, 0),
            null = sys(__NR_open, user_string("/dev/null"), O_RDWR, 0);
    int64_t full = sys(__NR_open, user_string("/dev/full"), O_RDWR, 0),
            r = sys(__NR_open, user_string("/dev/urandom"), O_RDONLY, 0);
    assert_true(zero >= 0 && null >= 0 && full >= 0 && r >= 0);
    int bits = 0;
    assert_int_equal(sys(__NR_ioctl, r, RNDGETENTCNT, &bits), 0);
    assert_int_equal(bits, 256); /* as /proc/sys/kernel/random/entropy_avail */
    assert_int_equal(sys(__NR_ioctl, null, RNDGETENTCNT, &bits), -ENOTTY);
    assert_int_equal(sys(__NR_read, zero, bytes, 32), 32);
    assert_int_equal(bytes[0] | bytes[31], 0);
    assert_int_equal(bytes[32], 1);
    assert_int_equal(sys(__NR_read, null, bytes, 1), 0);
    assert_int_equal(sys(__NR_write, null, bytes, 64), 64);
    assert_int_equal(sys(__NR_write, full, bytes, 1), -ENOSPC);
    assert_int_equal(sys(__NR_read, r, bytes, 64), 64);
    uint8_t any = 0;
    for (int i = 0; i < 64; i++)
        any |= (uint8_t)bytes[i];
    assert_int_not_equal(any, 0);
    assert_int_equal(sys(__NR_stat, user_string("/dev/null"), &st), 0);
    assert_int_equal(st.st_rdev, 0x103);
    assert_int_equal(sys(__NR_open, user_string("/dev/tty"), O_RDWR, 0), -ENXIO);
    assert_int_equal(sys(__NR_mknod, user_string("/mine"), 0020666, 0x105), 0);
    int64_t mine = sys(__NR_open, user_string("/mine"), O_RDONLY, 0);
    assert_int_equal(sys(__NR_read, mine, bytes, 4), 4);
    assert_int_equal(bytes[0], 0);
}

static void test_devices_by_their_numbers(void **state)
{
    RUN(guest_devices);
}

static void guest_sys(void)
{
    char *text = user_alloc(256);
    assert_int_equal(read_all("/sys/devices/system/cpu/online", text, 256), 2);
    assert_string_equal(text, "0\n");
    assert_true(listed("/sys/devices/system/cpu", "cpu0"));
    assert_false(listed("/sys/devices/system/cpu", "cpu1"));
    assert_true(read_all("/proc/sys/kernel/random/boot_id", text, 256) == 37);
    assert_int_equal(text[14], '4');
    assert_true(read_all("/proc/sys/kernel/osrelease", text, 256) > 3);
}

static void test_sys_shows_the_processors_that_are_there(void **state)
{
    RUN(guest_sys);
}

static void guest_other_user(void)
{
    char *text = user_alloc(256);
    assert_int_equal(sys(__NR_setuid, 1000), 0);
    assert_int_equal(read_all("/proc/self/environ", text, 256), 0);
}

static void test_a_process_may_look_at_itself_without_privileges(void **state)
{
    RUN(guest_other_user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_shows_the_process_and_no_other),
        cmocka_unit_test(test_fd_links_lead_to_the_open_files),
        cmocka_unit_test(test_console_is_opened_by_its_links),
        cmocka_unit_test(test_only_what_is_meant_can_be_written),
        cmocka_unit_test(test_text_reads_the_same_in_pieces),
        cmocka_unit_test(test_devices_by_their_numbers),
        cmocka_unit_test(test_sys_shows_the_processors_that_are_there),
        cmocka_unit_test(test_a_process_may_look_at_itself_without_privileges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
