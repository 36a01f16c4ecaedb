/* SPDX-License-Identifier: Apache-2.0 */
/* codegen/arena.h and slots.h: no mapping is both writable and executable, pieces do not overlap, slots turn. */
#include "codegen/arena.h"
#include "codegen/slots.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t give_7[] = {0xb8, 7, 0, 0, 0, 0xc3}; /* mov eax, 7; ret */
static const uint8_t give_9[] = {0xb8, 9, 0, 0, 0, 0xc3};

static int call(const void *code)
{
    int (*fn)(void);

    memcpy(&fn, &code, sizeof(fn));
    return fn();
}

/* "r-xs" of the mapping that holds an address; "" when there is none. Counts the mappings that are writable and
 * executable. */
static unsigned look_at_maps(const void *address, char permissions[5])
{
    FILE *f = fopen("/proc/self/maps", "re");
    char line[512], p[5];
    uintptr_t start, end;
    unsigned both = 0;

    assert_non_null(f);
    permissions[0] = 0;
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &start, &end, p) != 3)
            continue;
        both += p[1] == 'w' && p[2] == 'x';
        if ((uintptr_t)address >= start && (uintptr_t)address < end)
            memcpy(permissions, p, sizeof(p));
    }
    fclose(f);
    return both;
}

static void make(struct code_arena *a, size_t size)
{
    struct err err;

    assert_int_equal(code_arena_make(a, size, &err), 0);
}

static void test_arena_views_are_writable_or_executable_never_both(void **state)
{
    struct code_arena a;
    char permissions[5];
    unsigned before = look_at_maps(NULL, permissions);
    uint8_t *code;

    (void)state;
    make(&a, 100000);
    code = code_arena_put(&a, give_7, sizeof(give_7), 16);
    assert_non_null(code);
    assert_int_equal(look_at_maps(code, permissions), before);
    assert_string_equal(permissions, "r-xs");
    look_at_maps(code_arena_writable(&a, code), permissions);
    assert_string_equal(permissions, "rw-s");
    assert_int_equal(call(code), 7);
    code_arena_free(&a);
    look_at_maps(code, permissions);
    assert_string_not_equal(permissions, "r-xs");
}

/* A child that writes to the executable view, and one that writes after the seal: both die of it. */
static void test_arena_refuses_writes_where_code_runs(void **state)
{
    struct code_arena a;
    uint8_t *code, *write;
    char permissions[5];

    (void)state;
    make(&a, 4096);
    code = code_arena_put(&a, give_7, sizeof(give_7), 16);
    assert_non_null(code);
    write = code_arena_writable(&a, code);
    for (int sealed = 0; sealed < 2; sealed++) {
        int status;
        pid_t pid;

        if (sealed) {
            code_arena_seal(&a);
            look_at_maps(write, permissions);
            assert_string_not_equal(permissions, "rw-s");
        }
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            signal(SIGSEGV, SIG_DFL);
            *(volatile uint8_t *)code = 0x90;
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    }
    assert_int_equal(mprotect(a.run, a.size, PROT_READ | PROT_WRITE), -1);
    void *copy = mremap(a.run, 0, a.size, MREMAP_MAYMOVE); /* of what is shared, a second mapping */
    if (copy != MAP_FAILED) {
        assert_int_equal(mprotect(copy, a.size, PROT_READ | PROT_WRITE), -1);
        munmap(copy, a.size);
    }
    assert_int_equal(call(code), 7);
    assert_null(code_arena_writable(&a, code));
    assert_null(code_arena_put(&a, give_7, sizeof(give_7), 16));
    code_arena_free(&a);
}

static void test_arena_pieces_are_aligned_and_apart(void **state)
{
    struct code_arena a;
    uint8_t *write, *run, *end = NULL;

    (void)state;
    make(&a, 1 << 20);
    for (size_t i = 1; i < 200; i++) {
        size_t alignment = (size_t)1 << (i % 13);

        assert_int_equal(code_arena_alloc(&a, i, alignment, &write, &run), 0);
        assert_int_equal((uintptr_t)run % (alignment < 16 ? 16 : alignment), 0);
        assert_true(run >= end);
        assert_ptr_equal(write, code_arena_writable(&a, run));
        memset(write, (int)i, i);
        assert_int_equal(run[i - 1], i & 0xff);
        end = run + i;
    }
    code_arena_free(&a);
}

static void test_arena_full_is_told(void **state)
{
    struct code_arena a;
    uint8_t *write, *run;
    struct err err;

    (void)state;
    assert_int_equal(code_arena_make(&a, 0, &err), -EINVAL);
    assert_int_equal(code_arena_make(&a, CODE_ARENA_MAX + 1, &err), -EINVAL);
    make(&a, 4096);
    assert_int_equal(code_arena_alloc(&a, a.size + 1, 16, &write, &run), -ENOSPC);
    assert_int_equal(code_arena_alloc(&a, SIZE_MAX, 16, &write, &run), -ENOSPC);
    assert_int_equal(code_arena_alloc(&a, a.size, 16, &write, &run), 0);
    assert_int_equal(code_arena_alloc(&a, 1, 16, &write, &run), -ENOSPC);
    code_arena_free(&a);
}

static void test_arena_given_back_is_int3_joined_and_used_again(void **state)
{
    struct code_arena a;
    uint8_t *write, *run[8], *again;

    (void)state;
    make(&a, 4096);
    for (int i = 0; i < 8; i++)
        assert_int_equal(code_arena_alloc(&a, a.size / 8, 16, &write, &run[i]), 0);
    memset(write, 0x90, 16);
    static const int order[] = {2, 4, 3, 7, 0, 6, 1, 5};
    for (int i = 0; i < 8; i++)
        code_arena_give_back(&a, run[order[i]], a.size / 8);
    for (size_t i = 0; i < a.size; i++)
        assert_int_equal(run[0][i], 0xcc);
    assert_int_equal(code_arena_alloc(&a, a.size, 16, &write, &again), 0); /* one hole of all of it */
    assert_ptr_equal(again, run[0]);
    code_arena_give_back(&a, again, a.size);
    again = code_arena_put(&a, give_9, sizeof(give_9), 16);
    assert_non_null(again);
    assert_int_equal(call(again), 9);
    code_arena_free(&a);
}

static void test_image_runs_from_a_file_and_is_not_writable(void **state)
{
    long page = sysconf(_SC_PAGESIZE);
    int fd = memfd_create("test-image", MFD_CLOEXEC);
    const uint8_t *run;
    char permissions[5];
    struct err err;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 2 * page), 0);
    assert_int_equal(pwrite(fd, give_7, sizeof(give_7), page), sizeof(give_7));
    assert_int_equal(code_image_map(fd, (uint64_t)page, (size_t)page + 1, &run, &err), -EINVAL);
    assert_int_equal(code_image_map(fd, (uint64_t)3 * (uint64_t)page, 1, &run, &err), -EINVAL);
    assert_int_equal(code_image_map(fd, (uint64_t)page, (size_t)page, &run, &err), 0);
    close(fd);
    assert_int_equal(call(run), 7);
    look_at_maps(run, permissions);
    assert_string_equal(permissions, "r-xp");
    code_image_unmap(run, (size_t)page);
}

static void test_slots_lead_to_their_targets(void **state)
{
    struct code_arena a;
    struct code_slots s;
    uint8_t *seven, *nine;

    (void)state;
    make(&a, 65536);
    seven = code_arena_put(&a, give_7, sizeof(give_7), 16);
    nine = code_arena_put(&a, give_9, sizeof(give_9), 16);
    assert_int_equal(code_slots_make(&s, &a, 1000, seven), 0);
    for (uint32_t i = 0; i < 1000; i += 3)
        assert_int_equal(code_slot_set(&s, i, nine), 0);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal((uintptr_t)code_slot(&s, i) % CODE_SLOT_SIZE, 0);
        assert_int_equal(call(code_slot(&s, i)), i % 3 ? 7 : 9);
        assert_ptr_equal(code_slot_target(&s, i), i % 3 ? seven : nine);
    }
    assert_int_equal(code_slot_set(&s, 1, seven + ((int64_t)3 << 30)), -ERANGE);
    assert_ptr_equal(code_slot_target(&s, 1), seven);
    assert_int_equal(code_slots_make(&s, &a, 1, seven + ((int64_t)3 << 30)), -ERANGE);
    assert_int_equal(code_slots_make(&s, &a, 100000, seven), -ENOSPC);
    code_arena_free(&a);
}

struct turning {
    struct code_slots slots;
    const void *targets[2];
};

static void *turn(void *data)
{
    struct turning *t = data;

    for (int i = 0; i < 20000; i++)
        code_slot_set(&t->slots, 0, t->targets[i & 1]);
    return NULL;
}

static void test_slot_turned_while_others_run_through_it(void **state)
{
    struct code_arena a;
    struct turning t = {0};
    pthread_t thread;

    (void)state;
    make(&a, 4096);
    t.targets[0] = code_arena_put(&a, give_7, sizeof(give_7), 16);
    t.targets[1] = code_arena_put(&a, give_9, sizeof(give_9), 16);
    assert_int_equal(code_slots_make(&t.slots, &a, 1, t.targets[0]), 0);
    assert_int_equal(pthread_create(&thread, NULL, turn, &t), 0);
    for (int i = 0; i < 20000; i++) {
        int got = call(code_slot(&t.slots, 0));

        assert_true(got == 7 || got == 9);
    }
    pthread_join(thread, NULL);
    assert_int_equal(call(code_slot(&t.slots, 0)), 9);
    code_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_views_are_writable_or_executable_never_both),
        cmocka_unit_test(test_arena_refuses_writes_where_code_runs),
        cmocka_unit_test(test_arena_pieces_are_aligned_and_apart),
        cmocka_unit_test(test_arena_full_is_told),
        cmocka_unit_test(test_arena_given_back_is_int3_joined_and_used_again),
        cmocka_unit_test(test_image_runs_from_a_file_and_is_not_writable),
        cmocka_unit_test(test_slots_lead_to_their_targets),
        cmocka_unit_test(test_slot_turned_while_others_run_through_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
