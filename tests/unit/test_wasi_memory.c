/* SPDX-License-Identifier: Apache-2.0 */
/* Pointers and counts that lie: each ends in an error, and nothing beyond the program's memory is touched, where pages
 * lie that nobody may touch. */
#include "wasi_fixture.h"
#include "wasi_functions.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOT 3u

static int setup(void **state)
{
    static struct program p;

    program_begin(&p);
    program_make(&p, &(struct wasi_options){.args = (const char *const[]){"program", "one"},
                                            .n_args = 2,
                                            .env = (const char *const[]){"A=1"},
                                            .n_env = 1,
                                            .stdio = {-1, -1, -1},
                                            .clock_fixed = true,
                                            .seeded = true});
    host_file(&p, "file", "some bytes");
    *state = &p;
    return 0;
}

static uint32_t open_file(struct program *p)
{
    uint32_t fd = 0;

    assert_int_equal(do_open(p, ROOT, "file", 0, 0, RIGHT_FD_READ | RIGHT_FD_WRITE | UINT32_MAX, &fd), OK);
    return fd;
}

/* Each argument that is a pointer, of each function that has one. FD: a file, DIR: a directory, P: the pointer. */
static void test_pointers_beyond_memory_are_faults(void **state)
{
    struct program *p = *state;
    const uint64_t file = open_file(p), good = AT_BUFFER, path = AT_PATH, vector = AT_VECTOR;
    enum { P = 0xbad };
    const struct {
        const char *name;
        uint64_t args[9];
        size_t n;
    } cases[] = {
        {"args_get", {P, good}, 2},
        {"args_get", {good, P}, 2},
        {"args_sizes_get", {P, good}, 2},
        {"args_sizes_get", {good, P}, 2},
        {"environ_get", {P, good}, 2},
        {"environ_get", {good, P}, 2},
        {"environ_sizes_get", {P, good}, 2},
        {"environ_sizes_get", {good, P}, 2},
        {"clock_res_get", {0, P}, 2},
        {"clock_time_get", {0, 0, P}, 3},
        {"fd_fdstat_get", {file, P}, 2},
        {"fd_filestat_get", {file, P}, 2},
        {"fd_pread", {file, P, 1, 0, good}, 5},
        {"fd_pread", {file, vector, 1, 0, P}, 5},
        {"fd_prestat_get", {ROOT, P}, 2},
        {"fd_prestat_dir_name", {ROOT, P, 10}, 3},
        {"fd_pwrite", {file, P, 1, 0, good}, 5},
        {"fd_pwrite", {file, vector, 1, 0, P}, 5},
        {"fd_read", {file, P, 1, good}, 4},
        {"fd_read", {file, vector, 1, P}, 4},
        {"fd_readdir", {ROOT, P, 100, 0, good}, 5},
        {"fd_readdir", {ROOT, good, 100, 0, P}, 5},
        {"fd_seek", {file, 0, WHENCE_SET, P}, 4},
        {"fd_tell", {file, P}, 2},
        {"fd_write", {file, P, 1, good}, 4},
        {"fd_write", {file, vector, 1, P}, 4},
        {"path_create_directory", {ROOT, P, 4}, 3},
        {"path_filestat_get", {ROOT, 0, P, 4, good}, 5},
        {"path_filestat_get", {ROOT, 0, path, 4, P}, 5},
        {"path_filestat_set_times", {ROOT, 0, P, 4, 0, 0, 0}, 7},
        {"path_link", {ROOT, 0, P, 4, ROOT, path, 4}, 7},
        {"path_link", {ROOT, 0, path, 4, ROOT, P, 4}, 7},
        {"path_open", {ROOT, 0, P, 4, 0, 0, 0, 0, good}, 9},
        {"path_open", {ROOT, 0, path, 4, 0, 0, 0, 0, P}, 9},
        {"path_readlink", {ROOT, P, 4, good, 10, good}, 6},
        {"path_readlink", {ROOT, path, 4, P, 10, good}, 6},
        {"path_readlink", {ROOT, path, 4, good, 10, P}, 6},
        {"path_remove_directory", {ROOT, P, 4}, 3},
        {"path_rename", {ROOT, P, 4, ROOT, path, 4}, 6},
        {"path_rename", {ROOT, path, 4, ROOT, P, 4}, 6},
        {"path_symlink", {P, 4, ROOT, path, 4}, 5},
        {"path_symlink", {path, 4, ROOT, P, 4}, 5},
        {"path_unlink_file", {ROOT, P, 4}, 3},
        {"poll_oneoff", {P, good, 1, good}, 4},
        {"poll_oneoff", {good, P, 1, good}, 4},
        {"poll_oneoff", {good, AT_PATH, 1, P}, 4},
        {"random_get", {P, 8}, 2},
    };
    static const uint64_t bad[] = {PROGRAM_MEMORY, UINT32_MAX, UINT32_MAX - 8, 0x80000000u};

    put_text(p, AT_PATH, "file");
    put(p, AT_VECTOR, &(struct wasi_iovec){AT_BUFFER, 4}, sizeof(struct wasi_iovec));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t b = 0; b < sizeof bad / sizeof bad[0]; b++) {
            uint64_t args[9];
            for (size_t a = 0; a < cases[i].n; a++)
                args[a] = cases[i].args[a] == P ? bad[b] : cases[i].args[a];
            int r = program_call(p, cases[i].name, args, cases[i].n);
            if (r != E_FAULT)
                fail_msg("%s, case %zu, address 0x%llx: errno %d", cases[i].name, i, (unsigned long long)bad[b], r);
        }
    }
    assert_true(host_holds(p, "file", "some bytes"));
}

/* A record of n bytes fits at the very end of the memory, and not one byte further. */
static void test_results_fit_to_the_last_byte(void **state)
{
    struct program *p = *state;
    uint64_t file = open_file(p);

    assert_int_equal(CALL(p, "fd_filestat_get", file, PROGRAM_MEMORY - 64), OK);
    assert_int_equal(CALL(p, "fd_filestat_get", file, PROGRAM_MEMORY - 63), E_FAULT);
    assert_int_equal(CALL(p, "random_get", 0, PROGRAM_MEMORY), OK);
    assert_int_equal(CALL(p, "random_get", 1, PROGRAM_MEMORY), E_FAULT);
    assert_int_equal(CALL(p, "random_get", 0xaaaaaaaa, 0), OK); /* nothing is nowhere */
}

static void test_vector_of_1024_is_read_and_of_1025_refused(void **state)
{
    struct program *p = *state;
    uint64_t file = open_file(p);
    struct wasi_iovec v[1025];

    for (unsigned i = 0; i < 1025; i++)
        v[i] = (struct wasi_iovec){AT_BUFFER + i, 1};
    put(p, AT_VECTOR, v, sizeof v);

    assert_int_equal(CALL(p, "fd_read", file, AT_VECTOR, 1024, AT_RESULT), OK);
    assert_int_equal(get32(p, AT_RESULT), 10);
    assert_memory_equal(p->memory.base + AT_BUFFER, "some bytes", 10);
    assert_int_equal(CALL(p, "fd_read", file, AT_VECTOR, 1025, AT_RESULT), E_INVAL);
    assert_int_equal(CALL(p, "fd_read", file, AT_VECTOR, UINT32_MAX, AT_RESULT), E_INVAL);
    assert_int_equal(CALL(p, "fd_write", file, AT_VECTOR, 0x20000000, AT_RESULT), E_INVAL); /* times 8: 0 */
}

static void test_vector_with_one_bad_range_moves_nothing(void **state)
{
    static const struct wasi_iovec bad[] = {
        {PROGRAM_MEMORY - 1, 2}, {PROGRAM_MEMORY, 1}, {AT_BUFFER, UINT32_MAX}, {UINT32_MAX, UINT32_MAX}};
    struct program *p = *state;
    uint64_t file = open_file(p);

    put_text(p, AT_BUFFER, "overwritten");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct wasi_iovec v[2] = {{AT_BUFFER, 4}, bad[i]};
        put(p, AT_VECTOR, v, sizeof v);
        assert_int_equal(CALL(p, "fd_write", file, AT_VECTOR, 2, AT_RESULT), E_FAULT);
        assert_int_equal(CALL(p, "fd_pwrite", file, AT_VECTOR, 2, 0, AT_RESULT), E_FAULT);
        assert_int_equal(CALL(p, "fd_read", file, AT_VECTOR, 2, AT_RESULT), E_FAULT);
    }
    assert_true(host_holds(p, "file", "some bytes"));
    assert_memory_equal(p->memory.base + AT_BUFFER, "overwritten", 11);
}

/* The vector lies in what it lets fill: it was copied before. */
static void test_vector_that_is_overwritten_by_its_own_read(void **state)
{
    struct program *p = *state;
    uint64_t file = open_file(p);
    struct wasi_iovec v[2] = {{AT_VECTOR, 8}, {AT_BUFFER, 2}};

    put(p, AT_VECTOR, v, sizeof v);
    assert_int_equal(CALL(p, "fd_read", file, AT_VECTOR, 2, AT_RESULT), OK);
    assert_int_equal(get32(p, AT_RESULT), 10);
    assert_memory_equal(p->memory.base + AT_BUFFER, "es", 2);
}

static void test_calls_without_memory_are_faults(void **state)
{
    struct program *p = *state;

    p->instance.memory = NULL;
    assert_int_equal(CALL(p, "args_sizes_get", 0, 8), E_FAULT);
    assert_int_equal(CALL(p, "random_get", 0, 0), E_FAULT);
    assert_int_equal(CALL(p, "fd_close", ROOT), OK); /* which needs none */
    p->instance.memory = &p->memory;
}

/* Any function with any arguments: an errno that exists, and the guards stay whole. */
static void test_any_arguments_give_an_errno(void **state)
{
    static const uint64_t values[] = {0,          1,           2,         3,          4,
                                      AT_PATH,    AT_VECTOR,   AT_BUFFER, 64,         PROGRAM_MEMORY - 1,
                                      0x7fffffff, 0x80000000u, 0xfffffff, UINT32_MAX, UINT64_MAX};
    struct program *p = *state;

    srandom(1);
    for (unsigned i = 0; i < 200000; i++) {
        size_t f = (size_t)random() % (sizeof functions / sizeof functions[0]);
        uint64_t args[16];
        for (size_t a = 0; a < 16; a++)
            args[a] = values[(size_t)random() % (sizeof values / sizeof values[0])];
        if (!strcmp(functions[f].name, "proc_exit"))
            continue;
        if (i % 64 == 0) { /* something to find */
            put_text(p, AT_PATH, "file");
            put(p, AT_VECTOR, &(struct wasi_iovec){AT_BUFFER, 4}, sizeof(struct wasi_iovec));
        }
        int r = program_call(p, functions[f].name, args, functions[f].n);
        if (r < 0 || r > E_NOTCAPABLE)
            fail_msg("%s gives %d", functions[f].name, r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pointers_beyond_memory_are_faults, setup, program_test_teardown),
        cmocka_unit_test_setup_teardown(test_results_fit_to_the_last_byte, setup, program_test_teardown),
        cmocka_unit_test_setup_teardown(test_vector_of_1024_is_read_and_of_1025_refused, setup, program_test_teardown),
        cmocka_unit_test_setup_teardown(test_vector_with_one_bad_range_moves_nothing, setup, program_test_teardown),
        cmocka_unit_test_setup_teardown(test_vector_that_is_overwritten_by_its_own_read, setup, program_test_teardown),
        cmocka_unit_test_setup_teardown(test_calls_without_memory_are_faults, setup, program_test_teardown),
        cmocka_unit_test_setup_teardown(test_any_arguments_give_an_errno, setup, program_test_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
