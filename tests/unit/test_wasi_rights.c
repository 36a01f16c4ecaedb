/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors and what they may do: rights that only shrink, directories that are only read, numbers that are given. */
#include "wasi_fixture.h"

#include "wasi/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOT   3u
#define LOCKED 4u /* in the tests with two directories: read only */
#define ALL    UINT64_MAX

static int setup(void **state)
{
    static struct program p;

    program_begin(&p);
    assert_int_equal(mkdirat(p.place_fd, "locked", 0755), 0);
    const struct wasi_preopen preopens[] = {
        {.name = "/", .fd = openat(p.place_fd, "in", O_PATH | O_CLOEXEC), .writable = true},
        {.name = "/locked", .fd = openat(p.place_fd, "locked", O_RDONLY | O_CLOEXEC)},
    };
    program_make(&p, &(struct wasi_options){.preopens = preopens, .n_preopens = 2, .stdio = {-1, -1, -1}});
    int fd = openat(p.place_fd, "locked/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_int_equal(write(fd, "locked", 6), 6);
    close(fd);
    host_file(&p, "file", "inside");
    *state = &p;
    return 0;
}

static int teardown(void **state)
{
    program_end(*state);
    return 0;
}

static void rights_of(struct program *p, uint32_t fd, uint64_t *base, uint64_t *inheriting)
{
    assert_int_equal(CALL(p, "fd_fdstat_get", fd, AT_RESULT), OK);
    *base = get64(p, AT_RESULT + 8);
    *inheriting = get64(p, AT_RESULT + 16);
}

static void test_read_only_directory_lets_nothing_be_changed(void **state)
{
    struct program *p = *state;
    uint64_t base, inheriting;
    uint32_t fd = 0, n;
    char text[16];

    rights_of(p, LOCKED, &base, &inheriting);
    assert_int_equal((base | inheriting) & RIGHTS_CHANGE, RIGHT_FD_WRITE);
    assert_int_equal(base & RIGHT_FD_WRITE, 0);
    assert_int_equal(do_open(p, LOCKED, "file", 0, 0, RIGHT_FD_WRITE, &fd), E_ROFS);
    assert_int_equal(p->denial.access, WASI_ACCESS_WRITE);
    assert_string_equal(p->denial.directory, "/locked");
    assert_int_equal(do_open(p, LOCKED, "file", 0, OFLAG_TRUNC, 0, &fd), E_NOTCAPABLE);
    assert_int_equal(do_open(p, LOCKED, "new", 0, OFLAG_CREAT, 0, &fd), E_NOTCAPABLE);
    assert_int_equal(do_path(p, "path_create_directory", LOCKED, "new"), E_NOTCAPABLE);
    assert_int_equal(do_path(p, "path_remove_directory", LOCKED, "file"), E_NOTCAPABLE);
    assert_int_equal(do_path(p, "path_unlink_file", LOCKED, "file"), E_NOTCAPABLE);
    assert_int_equal(do_two(p, "path_rename", LOCKED, "file", ROOT, "got"), E_NOTCAPABLE);
    assert_int_equal(do_two(p, "path_rename", ROOT, "file", LOCKED, "new"), E_NOTCAPABLE);
    assert_int_equal(do_two(p, "path_link", LOCKED, "file", ROOT, "got"), E_NOTCAPABLE);
    assert_int_equal(do_two(p, "path_link", ROOT, "file", LOCKED, "new"), E_NOTCAPABLE);
    n = put_text(p, AT_PATH, "file");
    assert_int_equal(CALL(p, "path_symlink", AT_PATH, n, LOCKED, AT_PATH, n), E_NOTCAPABLE);
    assert_int_equal(CALL(p, "path_filestat_set_times", LOCKED, 0, AT_PATH, n, 1, 1, FST_MTIM), E_NOTCAPABLE);
    assert_int_equal(CALL(p, "fd_filestat_set_times", LOCKED, 1, 1, FST_MTIM), E_NOTCAPABLE);

    /* Whoever asks for all there is, and not to write, gets what is left. */
    assert_int_equal(do_open(p, LOCKED, "file", 0, 0, ALL & ~(uint64_t)RIGHT_FD_WRITE, &fd), OK);
    assert_int_equal(do_read(p, fd, text, sizeof text, &n), OK);
    assert_string_equal(text, "locked");
    assert_int_equal(do_write(p, fd, "changed", &n), E_NOTCAPABLE);
    assert_int_equal(CALL(p, "fd_filestat_set_size", fd, 0), E_NOTCAPABLE);
    assert_int_equal(CALL(p, "fd_filestat_set_times", fd, 1, 1, FST_MTIM), E_NOTCAPABLE);
    assert_int_equal(CALL(p, "fd_allocate", fd, 0, 100), E_NOTCAPABLE);
    assert_int_equal(CALL(p, "fd_fdstat_set_rights", fd, RIGHTS_FILE, 0), E_NOTCAPABLE);
    assert_true(host_holds(p, "../locked/file", "locked"));
}

static void test_directory_below_a_read_only_one_is_read_only(void **state)
{
    struct program *p = *state;
    uint64_t base, inheriting;
    uint32_t dir, fd;

    assert_int_equal(do_open(p, LOCKED, ".", 0, OFLAG_DIRECTORY, RIGHTS_DIRECTORY, &dir), OK);
    rights_of(p, dir, &base, &inheriting);
    assert_int_equal((base | inheriting) & RIGHTS_CHANGE, RIGHT_FD_WRITE);
    assert_int_equal(do_open(p, dir, "file", 0, 0, RIGHT_FD_WRITE, &fd), E_ROFS);
    assert_int_equal(do_open(p, dir, "new", 0, OFLAG_CREAT, 0, &fd), E_NOTCAPABLE);
}

static void test_rights_that_were_dropped_do_not_come_back(void **state)
{
    struct program *p = *state;
    uint64_t base, inheriting;
    uint32_t dir, fd;

    assert_int_equal(CALL(p, "fd_fdstat_set_rights", ROOT, RIGHTS_DIRECTORY, RIGHT_FD_READ | RIGHT_PATH_OPEN), OK);
    assert_int_equal(CALL(p, "fd_fdstat_set_rights", ROOT, RIGHTS_DIRECTORY, ALL), E_NOTCAPABLE);
    assert_int_equal(CALL(p, "fd_fdstat_set_rights", ROOT, ALL, 0), E_NOTCAPABLE);
    assert_int_equal(CALL(p, "fd_fdstat_set_rights", ROOT, RIGHTS_DIRECTORY | (uint64_t)1 << 40, 0), E_NOTCAPABLE);
    assert_int_equal(do_open(p, ROOT, "file", 0, 0, RIGHT_FD_WRITE, &fd), E_NOTCAPABLE);
    assert_int_equal(do_open(p, ROOT, ".", 0, OFLAG_DIRECTORY, RIGHTS_DIRECTORY, &dir), OK);
    rights_of(p, dir, &base, &inheriting);
    assert_int_equal(base, RIGHT_PATH_OPEN);
    assert_int_equal(inheriting, RIGHT_FD_READ | RIGHT_PATH_OPEN);
}

/* The right of each function of a descriptor: with that one alone it works, with all others it does not. */
static void test_each_right_is_needed_and_enough(void **state)
{
    const struct {
        const char *name;
        uint64_t rights, args[5];
        size_t n;
    } cases[] = {
        {"fd_datasync", RIGHT_FD_DATASYNC, {0}, 1},
        {"fd_read", RIGHT_FD_READ, {0, AT_VECTOR, 1, AT_RESULT}, 4},
        {"fd_pread", RIGHT_FD_READ | RIGHT_FD_SEEK, {0, AT_VECTOR, 1, 0, AT_RESULT}, 5},
        {"fd_write", RIGHT_FD_WRITE, {0, AT_VECTOR, 1, AT_RESULT}, 4},
        {"fd_pwrite", RIGHT_FD_WRITE | RIGHT_FD_SEEK, {0, AT_VECTOR, 1, 0, AT_RESULT}, 5},
        {"fd_seek", RIGHT_FD_SEEK, {0, 1, WHENCE_SET, AT_RESULT}, 4},
        {"fd_fdstat_set_flags", RIGHT_FD_FDSTAT_SET_FLAGS, {0, FDFLAG_APPEND}, 2},
        {"fd_sync", RIGHT_FD_SYNC, {0}, 1},
        {"fd_advise", RIGHT_FD_ADVISE, {0, 0, 0, 0}, 4},
        {"fd_allocate", RIGHT_FD_ALLOCATE, {0, 0, 10}, 3},
        {"fd_filestat_get", RIGHT_FD_FILESTAT_GET, {0, AT_RESULT}, 2},
        {"fd_filestat_set_size", RIGHT_FD_FILESTAT_SET_SIZE, {0, 10}, 2},
        {"fd_filestat_set_times", RIGHT_FD_FILESTAT_SET_TIMES, {0, 0, 0, FST_MTIM_NOW}, 4},
    };
    struct program *p = *state;

    put(p, AT_VECTOR, &(struct wasi_iovec){AT_BUFFER, 4}, sizeof(struct wasi_iovec));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (uint64_t bit = 1; bit <= cases[i].rights; bit <<= 1) {
            uint64_t args[5];
            uint32_t fd = 0;
            if (!(cases[i].rights & bit))
                continue;
            memcpy(args, cases[i].args, sizeof args);
            assert_int_equal(do_open(p, ROOT, "file", 0, 0, RIGHTS_FILE, &fd), OK);
            args[0] = fd;
            assert_int_equal(CALL(p, "fd_fdstat_set_rights", fd, RIGHTS_FILE & ~bit, 0), OK);
            if (program_call(p, cases[i].name, args, cases[i].n) != E_NOTCAPABLE)
                fail_msg("%s goes without its right", cases[i].name);
            assert_int_equal(CALL(p, "fd_close", fd), OK);
        }
        uint64_t args[5];
        uint32_t fd = 0;
        memcpy(args, cases[i].args, sizeof args);
        assert_int_equal(do_open(p, ROOT, "file", 0, 0, RIGHTS_FILE, &fd), OK);
        args[0] = fd;
        assert_int_equal(CALL(p, "fd_fdstat_set_rights", fd, cases[i].rights, 0), OK);
        int r = program_call(p, cases[i].name, args, cases[i].n);
        if (r != OK)
            fail_msg("%s with its right: errno %d", cases[i].name, r);
        assert_int_equal(CALL(p, "fd_close", fd), OK);
    }
}

/* Where the file stands may be told with either right, moved with one. */
static void test_telling_needs_less_than_seeking(void **state)
{
    struct program *p = *state;
    uint32_t fd;

    assert_int_equal(do_open(p, ROOT, "file", 0, 0, RIGHT_FD_TELL, &fd), OK);
    assert_int_equal(CALL(p, "fd_tell", fd, AT_RESULT), OK);
    assert_int_equal(CALL(p, "fd_seek", fd, 0, WHENCE_CUR, AT_RESULT), OK);
    assert_int_equal(CALL(p, "fd_seek", fd, 1, WHENCE_CUR, AT_RESULT), E_NOTCAPABLE);
    assert_int_equal(CALL(p, "fd_seek", fd, 0, WHENCE_SET, AT_RESULT), E_NOTCAPABLE);
    assert_int_equal(do_open(p, ROOT, "file", 0, 0, RIGHT_FD_SEEK, &fd), OK);
    assert_int_equal(CALL(p, "fd_tell", fd, AT_RESULT), OK);
    assert_int_equal(CALL(p, "fd_seek", fd, 0, 3, AT_RESULT), E_INVAL);
    assert_int_equal(CALL(p, "fd_seek", fd, UINT64_MAX, WHENCE_SET, AT_RESULT), E_INVAL);
}

static void test_numbers_are_the_lowest_from_3_and_end_at_the_limit(void **state)
{
    struct program *p = *state;
    uint32_t fd, last = LOCKED;
    int r;

    while ((r = do_open(p, ROOT, "file", 0, 0, RIGHT_FD_READ, &fd)) == OK)
        assert_int_equal(fd, ++last);
    assert_int_equal(r, E_MFILE);
    assert_true(last > 100 && last < 1024);
    assert_int_equal(do_open(p, ROOT, "new", 0, OFLAG_CREAT, 0, &fd), E_MFILE);
    assert_int_equal(faccessat(p->in_fd, "new", F_OK, 0), -1); /* was not made first */
    assert_int_equal(CALL(p, "fd_close", 70), OK);
    assert_int_equal(CALL(p, "fd_close", 50), OK);
    assert_int_equal(CALL(p, "fd_close", 50), E_BADF);
    assert_int_equal(do_open(p, ROOT, "file", 0, 0, RIGHT_FD_READ, &fd), OK);
    assert_int_equal(fd, 50);
    assert_int_equal(do_open(p, ROOT, "file", 0, 0, RIGHT_FD_READ, &fd), OK);
    assert_int_equal(fd, 70);
}

static void test_bad_numbers(void **state)
{
    static const uint64_t bad[] = {0, 1, 2, 5, 1023, 1024, 1025, 0x7fffffff, UINT32_MAX};
    struct program *p = *state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(CALL(p, "fd_close", bad[i]), E_BADF);
        assert_int_equal(CALL(p, "fd_renumber", bad[i], ROOT), E_BADF);
        assert_int_equal(CALL(p, "fd_renumber", ROOT, bad[i]), E_BADF);
        assert_int_equal(CALL(p, "fd_prestat_get", bad[i], AT_RESULT), E_BADF);
        assert_int_equal(CALL(p, "sock_shutdown", bad[i], 1), E_BADF);
        assert_int_equal(do_path(p, "path_unlink_file", (uint32_t)bad[i], "file"), E_BADF);
    }
    assert_int_equal(CALL(p, "fd_fdstat_get", ROOT, AT_RESULT), OK);
}

static void test_renumbered_preopen_is_one_no_more(void **state)
{
    struct program *p = *state;
    uint32_t fd;

    assert_int_equal(do_open(p, ROOT, "file", 0, 0, RIGHT_FD_READ, &fd), OK);
    assert_int_equal(CALL(p, "fd_prestat_get", LOCKED, AT_RESULT), OK);
    assert_int_equal(get32(p, AT_RESULT), PREOPENTYPE_DIR);
    assert_int_equal(get32(p, AT_RESULT + 4), 7);
    assert_int_equal(CALL(p, "fd_prestat_dir_name", LOCKED, AT_BUFFER, 6), E_NAMETOOLONG);
    assert_int_equal(CALL(p, "fd_prestat_dir_name", LOCKED, AT_BUFFER, 7), OK);
    assert_memory_equal(p->memory.base + AT_BUFFER, "/locked", 7);
    assert_int_equal(CALL(p, "fd_prestat_get", fd, AT_RESULT), E_BADF);
    assert_int_equal(CALL(p, "fd_renumber", fd, fd), OK);
    assert_int_equal(CALL(p, "fd_renumber", fd, LOCKED), OK);
    assert_int_equal(CALL(p, "fd_prestat_get", LOCKED, AT_RESULT), E_BADF);
    assert_int_equal(CALL(p, "fd_close", fd), E_BADF);
    assert_int_equal(CALL(p, "fd_renumber", ROOT, LOCKED), OK);
    assert_int_equal(CALL(p, "fd_prestat_get", LOCKED, AT_RESULT), E_BADF);
    assert_int_equal(do_path(p, "path_unlink_file", LOCKED, "file"), OK); /* it is the writable one now */
    assert_int_equal(CALL(p, "fd_close", LOCKED), OK);
}

static unsigned count_open(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* All that was opened, and the preopens, are closed in the end. */
static void test_nothing_stays_open(void **state)
{
    struct program *p = *state;
    unsigned before = count_open();
    uint32_t fd;

    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(do_open(p, ROOT, i % 2 ? "." : "file", 0, 0, RIGHT_FD_READ | RIGHT_FD_READDIR, &fd), OK);
    assert_int_equal(count_open(), before + 50);
    put_text(p, AT_PATH, "x/y");
    CALL(p, "path_unlink_file", ROOT, AT_PATH, 3);
    do_two(p, "path_rename", ROOT, "./file", ROOT, "none/file");
    do_two(p, "path_link", ROOT, "./file", ROOT, "./other");
    CALL(p, "fd_readdir", fd, AT_BUFFER, 10, 0, AT_RESULT);
    CALL(p, "path_filestat_get", ROOT, 0, AT_PATH, 3, AT_BUFFER);
    CALL(p, "fd_renumber", fd, fd - 1);
    CALL(p, "fd_close", fd - 2);
    assert_int_equal(count_open(), before + 48);
    wasi_free(p->wasi);
    p->wasi = NULL;
    assert_int_equal(count_open(), before - 2);
}

/* What was given stays open and is the caller's. */
static void test_making_that_fails_takes_nothing(void **state)
{
    struct program *p = *state;
    int file = openat(p->in_fd, "file", O_RDONLY | O_CLOEXEC), dir = openat(p->place_fd, "in", O_PATH | O_CLOEXEC);
    struct wasi_preopen preopens[] = {{.name = "/", .fd = dir}, {.name = "/x", .fd = file}};
    struct wasi_options o = {.preopens = preopens, .n_preopens = 2, .stdio = {-1, -1, -1}};
    unsigned before = count_open();
    struct err err = {0};
    struct wasi *w;

    assert_int_equal(wasi_make(&p->store, &o, &w, &err), -ENOTDIR);
    assert_non_null(strstr(err.text, "/x"));
    o.n_preopens = 1;
    o.listeners = &file;
    o.n_listeners = 1;
    assert_int_equal(wasi_make(&p->store, &o, &w, &err), -ENOTSOCK);
    o.n_listeners = 5000;
    assert_int_equal(wasi_make(&p->store, &o, &w, &err), -EMFILE);
    assert_int_equal(count_open(), before);
    /* A standard descriptor that is closed here is closed there. */
    o.n_listeners = 0;
    o.stdio[0] = 1000;
    assert_int_equal(wasi_make(&p->store, &o, &w, &err), 0);
    assert_int_equal(count_open(), before);
    wasi_free(w);
    assert_int_equal(count_open(), before - 1);
    close(file);
}

static void test_type_of_import_must_fit(void **state)
{
    struct program *p = *state;
    struct wasm_functype type = {1, 1, (const uint8_t *)"\x7f\x7f"};
    struct wasm_function f = {0};
    const struct wasm_module m = {.types = &type, .functions = &f};
    struct wasm_import import = {.module = {"wasi_snapshot_preview1", 22}, .name = {"fd_close", 8}};
    struct wasm_extern out;
    struct err err = {0};

    assert_int_equal(wasi_resolve(p->wasi, &m, &import, &out, &err), 0);
    type.types = (const uint8_t *)"\x7e\x7f";
    assert_int_equal(wasi_resolve(p->wasi, &m, &import, &out, &err), -EINVAL);
    assert_non_null(strstr(err.text, "fd_close"));
    import.kind = WASM_KIND_MEMORY;
    assert_int_equal(wasi_resolve(p->wasi, &m, &import, &out, &err), -EINVAL);
    import.name = (struct wasm_name){"fd_clos", 7};
    assert_int_equal(wasi_resolve(p->wasi, &m, &import, &out, &err), -ENOENT);
    import.module = (struct wasm_name){"env", 3};
    assert_int_equal(wasi_resolve(p->wasi, &m, &import, &out, &err), -ENOENT);
    assert_non_null(strstr(err.text, "env.fd_clos"));
    import.module = (struct wasm_name){"wasi_unstable", 13};
    assert_int_equal(wasi_resolve(p->wasi, &m, &import, &out, &err), -ENOTSUP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read_only_directory_lets_nothing_be_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_directory_below_a_read_only_one_is_read_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rights_that_were_dropped_do_not_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_right_is_needed_and_enough, setup, teardown),
        cmocka_unit_test_setup_teardown(test_telling_needs_less_than_seeking, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers_are_the_lowest_from_3_and_end_at_the_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_renumbered_preopen_is_one_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_stays_open, setup, teardown),
        cmocka_unit_test_setup_teardown(test_making_that_fails_takes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_type_of_import_must_fit, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
