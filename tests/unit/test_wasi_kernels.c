/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own file systems, above all procfs, where a program would find its engine's memory: the whole root of
 * the host is given, and nothing there is opened, looked at or named. That this process could is shown first. */
#include "wasi/program.h"
#include "wasi_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOT    3u
#define E_ACCES 2

static int setup(void **state)
{
    static struct program p;
    const struct wasi_preopen whole = {
        .name = "/", .fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), .writable = true};

    program_begin(&p);
    program_make(&p, &(struct wasi_options){.stdio = {-1, -1, -1}, .preopens = &whole, .n_preopens = 1});
    *state = &p;
    return 0;
}

static int teardown(void **state)
{
    program_end(*state);
    return 0;
}

/* The number that the next descriptor would have. */
static int next_descriptor(const struct program *p)
{
    int fd = dup(p->in_fd);

    close(fd);
    return fd;
}

static void test_memory_of_the_engine_is_not_opened(void **state)
{
    static volatile char mine = 'a';
    struct program *p = *state;
    const int before = next_descriptor(p);
    char by_number[64];
    uint32_t fd;

    int own = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    assert_true(own >= 0);
    assert_int_equal(pwrite(own, "b", 1, (off_t)(uintptr_t)&mine), 1);
    assert_int_equal(mine, 'b');
    close(own);
    snprintf(by_number, sizeof by_number, "proc/%d/mem", (int)getpid());
    const struct {
        const char *name;
        uint64_t rights;
    } cases[] = {
        {"proc/self/mem", RIGHT_FD_READ | RIGHT_FD_WRITE},
        {"proc/self/mem", RIGHT_FD_WRITE},
        {"proc/self/mem", RIGHT_FD_READ},
        {"proc/thread-self/mem", RIGHT_FD_WRITE},
        {"proc/self/task/../mem", RIGHT_FD_WRITE},
        {by_number, RIGHT_FD_WRITE},
        {"proc/self/maps", RIGHT_FD_READ},
        {"proc/version", RIGHT_FD_READ},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        p->denial.error = 0;
        int r = do_open(p, ROOT, cases[i].name, LOOKUP_SYMLINK_FOLLOW, 0, cases[i].rights, &fd);
        if (r != E_ACCES || p->denial.error != -WASI_KERNELS)
            fail_msg("%s: %d, told as %d", cases[i].name, r, p->denial.error);
    }
    assert_int_equal(next_descriptor(p), before);
}

static void test_directories_of_the_kernel_are_no_way(void **state)
{
    struct program *p = *state;
    const int before = next_descriptor(p);
    uint32_t fd, n;

    assert_int_equal(do_open(p, ROOT, "proc", 0, OFLAG_DIRECTORY, 0, &fd), E_ACCES);
    assert_int_equal(do_open(p, ROOT, "proc/self", LOOKUP_SYMLINK_FOLLOW, OFLAG_DIRECTORY, 0, &fd), E_ACCES);
    n = put_text(p, AT_PATH, "proc/self");
    assert_int_equal(CALL(p, "path_filestat_get", ROOT, 0, AT_PATH, n, AT_BUFFER), E_ACCES);
    assert_int_equal(CALL(p, "path_filestat_set_times", ROOT, 0, AT_PATH, n, 0, 0, 0), E_ACCES);
    assert_int_equal(CALL(p, "path_readlink", ROOT, AT_PATH, n, AT_BUFFER, 64, AT_RESULT), E_ACCES);
    static const char *const one[] = {"path_create_directory", "path_remove_directory", "path_unlink_file"};
    for (size_t i = 0; i < sizeof one / sizeof one[0]; i++)
        assert_int_equal(do_path(p, one[i], ROOT, "proc/self/x"), E_ACCES);
    assert_int_equal(do_two(p, "path_link", ROOT, "proc/version", ROOT, "moat-no-such-directory/x"), E_ACCES);
    assert_int_equal(do_two(p, "path_rename", ROOT, "proc/version", ROOT, "moat-no-such-directory/x"), E_ACCES);
    uint32_t text = put_text(p, AT_PATH, "x"), name = put_text(p, AT_PATH2, "proc/x");
    assert_int_equal(CALL(p, "path_symlink", AT_PATH, text, ROOT, AT_PATH2, name), E_ACCES);
    assert_int_equal(next_descriptor(p), before);
}

/* A directory and files of the same root that are nobody's but their owner's. */
static void test_what_lies_beside_it_is_opened(void **state)
{
    struct program *p = *state;
    char path[96], text[16];
    uint32_t fd, n;

    host_file(p, "file", "inside");
    snprintf(path, sizeof path, "%s/in/file", p->place + 1);
    assert_int_equal(do_open(p, ROOT, path, 0, 0, RIGHT_FD_READ | RIGHT_FD_WRITE, &fd), OK);
    assert_int_equal(do_read(p, fd, text, sizeof text, &n), OK);
    assert_string_equal(text, "inside");
    assert_int_equal(do_open(p, ROOT, "dev/null", 0, 0, RIGHT_FD_READ, &fd), OK);
}

static void test_directory_of_the_kernel_is_not_given(void **state)
{
    static const char *const places[] = {"/proc", "/proc/self", "/proc/self/fd"};
    struct program p;

    program_begin(&p);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const struct wasi_preopen preopen = {.name = places[i],
                                             .fd = open(places[i], O_PATH | O_DIRECTORY | O_CLOEXEC)};
        const struct wasi_options o = {.stdio = {-1, -1, -1}, .preopens = &preopen, .n_preopens = 1};
        struct wasi *w;
        struct err err = {0};
        assert_true(preopen.fd >= 0);
        assert_int_equal(wasi_make(&p.store, &o, &w, &err), -EACCES);
        assert_non_null(strstr(err.text, places[i]));
        close(preopen.fd);
    }
    program_make(&p, &(struct wasi_options){.stdio = {-1, -1, -1}});
    program_end(&p);
}

/* By number, not opened: /dev/mem is opened by no test. */
static void test_device_that_is_memory_is_known_by_its_number(void **state)
{
    static const struct {
        unsigned major, minor;
        int answer;
    } cases[] = {{1, 1, -WASI_KERNELS}, {1, 2, -WASI_KERNELS}, {1, 4, -WASI_KERNELS}, {1, 3, 0}, {1, 5, 0}, {5, 1, 0}};
    struct program *p = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (mknodat(p->in_fd, "device", S_IFCHR | 0600, makedev(cases[i].major, cases[i].minor)) < 0)
            skip(); /* not root */
        int fd = openat(p->in_fd, "device", O_PATH | O_CLOEXEC);
        assert_int_equal(path_admit_device(fd), cases[i].answer);
        close(fd);
        assert_int_equal(unlinkat(p->in_fd, "device", 0), 0);
    }
    host_file(p, "file", "");
    int fd = openat(p->in_fd, "file", O_PATH | O_CLOEXEC);
    assert_int_equal(path_admit_device(fd), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_memory_of_the_engine_is_not_opened, setup, teardown),
        cmocka_unit_test_setup_teardown(test_directories_of_the_kernel_are_no_way, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_lies_beside_it_is_opened, setup, teardown),
        cmocka_unit_test(test_directory_of_the_kernel_is_not_given),
        cmocka_unit_test_setup_teardown(test_device_that_is_memory_is_known_by_its_number, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
