/* SPDX-License-Identifier: Apache-2.0 */
/* codegen/x64_jump.h and the buffer: labels, short jumps, padding, growth, failure; where it can be told by running it,
 * the code is run. */
#include "codegen/arena.h"
#include "codegen/x64.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct code_arena arena;

static int setup(void **state)
{
    struct err err;

    (void)state;
    return code_arena_make(&arena, 1 << 20, &err);
}

static int teardown(void **state)
{
    (void)state;
    code_arena_free(&arena);
    return 0;
}

/* Runs what is in the buffer as a function of one number, and empties it. */
static uint64_t run(struct x64_buf *b, uint64_t argument)
{
    uint64_t (*fn)(uint64_t);
    uint8_t *code = code_arena_put(&arena, b->start, x64_size(b), 16);

    assert_int_equal(b->failed, 0);
    assert_non_null(code);
    memcpy(&fn, &code, sizeof(fn));
    x64_buf_reset(b);
    return fn(argument);
}

static uint32_t word_at(const struct x64_buf *b, uint32_t offset)
{
    uint32_t v;

    memcpy(&v, b->start + offset, sizeof(v));
    return v;
}

/* The sum 1 + ... + n: a forward and a backward jump. */
static void test_labels_forward_and_backward_make_a_loop(void **state)
{
    struct x64_buf b;
    struct x64_label loop = {0}, done = {0};

    (void)state;
    assert_int_equal(x64_buf_init(&b, 0), 0);
    x64_reserve(&b, 256);
    x64_zero(&b, X64_RAX);
    x64_bind(&b, &loop);
    x64_rr(&b, X64_TEST, X64_W64, X64_RDI, X64_RDI);
    x64_jcc(&b, X64_Z, &done);
    x64_rr(&b, X64_ADD, X64_W64, X64_RAX, X64_RDI);
    x64_r(&b, X64_DEC, X64_W64, X64_RDI);
    x64_jmp(&b, &loop);
    x64_bind(&b, &done);
    x64_bare(&b, X64_RET);
    assert_int_equal(run(&b, 100), 5050);
    x64_buf_free(&b);
}

static void test_label_with_many_uses_is_patched_everywhere(void **state)
{
    struct x64_buf b;
    struct x64_label there = {0};
    uint32_t here;

    (void)state;
    assert_int_equal(x64_buf_init(&b, 0), 0);
    for (int i = 0; i < 5000; i++) { /* the buffer moves in between */
        x64_reserve(&b, X64_INSTRUCTION_MAX);
        x64_jmp(&b, &there);
    }
    assert_false(x64_is_bound(&there));
    x64_bind(&b, &there);
    here = x64_size(&b);
    assert_int_equal(x64_label_offset(&there), here);
    assert_int_equal(here, 5000 * 5);
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(word_at(&b, i * 5 + 1), here - (i + 1) * 5);
    x64_buf_free(&b);
}

static void test_writing_more_than_was_reserved_is_found_out(void **state)
{
    struct x64_buf b;

    (void)state;
    assert_int_equal(x64_buf_init(&b, 0), 0);
    while (b.at <= b.end) /* nothing is reserved */
        x64_bare(&b, X64_RET);
    x64_reserve(&b, 1);
    assert_int_equal(b.failed, -EOVERFLOW);
    assert_ptr_equal(b.at, b.start);
    x64_buf_free(&b);
}

static void test_backward_jump_is_short_exactly_up_to_128_bytes(void **state)
{
    static const struct {
        size_t distance; /* from the label to the jump */
        uint32_t jmp, jcc;
    } cases[] = {{0, 2, 2}, {126, 2, 2}, {127, 5, 6}, {4000, 5, 6}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int conditional = 0; conditional < 2; conditional++) {
            struct x64_buf b;
            struct x64_label l = {0};
            uint32_t want = conditional ? cases[i].jcc : cases[i].jmp, size;
            int32_t rel;

            assert_int_equal(x64_buf_init(&b, 0), 0);
            x64_reserve(&b, X64_RESERVE_MAX);
            x64_bind(&b, &l);
            x64_nop(&b, cases[i].distance);
            conditional ? x64_jcc(&b, X64_NE, &l) : x64_jmp(&b, &l);
            size = x64_size(&b) - (uint32_t)cases[i].distance;
            assert_int_equal(size, want);
            rel = want == 2 ? (int8_t)b.at[-1] : (int32_t)word_at(&b, x64_size(&b) - 4);
            assert_int_equal(rel, -(int32_t)x64_size(&b));
            x64_buf_free(&b);
        }
    }
}

/* Constants behind the code, read by rip with and without an immediate behind the displacement; and lea. */
static void test_label_of_data_is_read_relative_to_rip(void **state)
{
    static const uint64_t value = 0x1122334455667788u;

    (void)state;
    for (int bound_first = 0; bound_first < 2; bound_first++) {
        struct x64_buf b;
        struct x64_label data = {0}, code = {0}, wrong = {0};

        assert_int_equal(x64_buf_init(&b, 0), 0);
        x64_reserve(&b, 1024);
        if (bound_first) {
            x64_jmp(&b, &code);
            x64_bind(&b, &data);
            x64_bytes(&b, &value, sizeof(value));
        }
        x64_bind(&b, &code);
        x64_zero(&b, X64_RAX);
        x64_mi(&b, X64_CMP, X64_W32, x64_rip(0), 0x55667788);
        x64_label_use(&b, &data, 4);
        x64_jcc(&b, X64_NE, &wrong);
        x64_mi(&b, X64_CMP, X64_W8, x64_rip(0), (int8_t)0x88);
        x64_label_use(&b, &data, 1);
        x64_jcc(&b, X64_NE, &wrong);
        x64_lea_label(&b, X64_RCX, &data);
        x64_rm(&b, X64_MOV, X64_W64, X64_RAX, x64_rip(0));
        x64_label_use(&b, &data, 0);
        x64_rm(&b, X64_SUB, X64_W64, X64_RAX, x64_at(X64_RCX, 0));
        x64_rr(&b, X64_ADD, X64_W64, X64_RAX, X64_RDI);
        x64_bind(&b, &wrong);
        x64_bare(&b, X64_RET);
        if (!bound_first) {
            x64_bind(&b, &data);
            x64_bytes(&b, &value, sizeof(value));
        }
        assert_int_equal(run(&b, 77), 77);
        x64_buf_free(&b);
    }
}

static void test_jump_table_of_distances(void **state)
{
    struct x64_buf b;
    struct x64_label table = {0}, targets[3] = {{0}};
    uint32_t origin, field;

    (void)state;
    assert_int_equal(x64_buf_init(&b, 0), 0);
    for (int i = 0; i < 3; i++) {
        struct x64_label code = {0};

        x64_reserve(&b, 512);
        if (i == 0)
            x64_jmp(&b, &code);
        x64_bind(&b, &targets[i]);
        x64_mov_ri(&b, X64_RAX, 10u + (unsigned)i);
        x64_bare(&b, X64_RET);
        if (i == 0)
            field = x64_label_offset(&targets[0]) - 4;
    }
    x64_patch32(&b, field, x64_size(&b) - field - 4); /* to the code that follows */
    x64_lea_label(&b, X64_RCX, &table);
    x64_rm(&b, X64_MOVSXD, X64_W64, X64_RDX, x64_at_index(X64_RCX, X64_RDI, 2, 0));
    x64_rr(&b, X64_ADD, X64_W64, X64_RCX, X64_RDX);
    x64_jmp_r(&b, X64_RCX);
    x64_bind(&b, &table);
    origin = x64_size(&b);
    for (int i = 0; i < 3; i++)
        x64_distance(&b, &targets[i], origin);
    for (uint64_t i = 0; i < 3; i++) {
        struct x64_buf copy;

        assert_int_equal(x64_buf_init(&copy, 0), 0);
        x64_bytes(&copy, b.start, x64_size(&b));
        assert_int_equal(run(&copy, i), 10 + i);
        x64_buf_free(&copy);
    }
    x64_buf_free(&b);
}

static void test_short_jump_lands_or_fails(void **state)
{
    struct x64_buf b;
    uint32_t from;

    (void)state;
    assert_int_equal(x64_buf_init(&b, 0), 0);
    x64_reserve(&b, 512);
    x64_mov_ri(&b, X64_RAX, 1);
    x64_rr(&b, X64_TEST, X64_W64, X64_RDI, X64_RDI);
    from = x64_jcc_short(&b, X64_NZ);
    x64_mov_ri(&b, X64_RAX, 2);
    x64_land(&b, from);
    x64_bare(&b, X64_RET);
    assert_int_equal(run(&b, 5), 1);

    x64_reserve(&b, 512);
    from = x64_jmp_short(&b);
    x64_nop(&b, 127);
    x64_land(&b, from);
    assert_int_equal(b.failed, 0);
    from = x64_jmp_short(&b);
    x64_nop(&b, 128);
    x64_land(&b, from);
    assert_int_equal(b.failed, -ERANGE);
    x64_buf_free(&b);
}

static void test_call_of_a_label_comes_back(void **state)
{
    struct x64_buf b;
    struct x64_label twice = {0};

    (void)state;
    assert_int_equal(x64_buf_init(&b, 0), 0);
    x64_reserve(&b, 256);
    x64_push(&b, X64_RBX);
    x64_rr(&b, X64_MOV, X64_W64, X64_RAX, X64_RDI);
    x64_call(&b, &twice);
    x64_call(&b, &twice);
    x64_pop(&b, X64_RBX);
    x64_bare(&b, X64_RET);
    x64_bind(&b, &twice);
    x64_rr(&b, X64_ADD, X64_W64, X64_RAX, X64_RAX);
    x64_bare(&b, X64_RET);
    assert_int_equal(run(&b, 3), 12);
    x64_buf_free(&b);
}

static void test_align_pads_to_the_boundary(void **state)
{
    struct x64_buf b;

    (void)state;
    assert_int_equal(x64_buf_init(&b, 0), 0);
    for (unsigned n = 0; n < 70; n++) {
        x64_reserve(&b, 256);
        x64_nop(&b, n);
        x64_align(&b, 32);
        assert_int_equal(x64_size(&b) % 32, 0);
    }
    x64_bare(&b, X64_RET);
    run(&b, 0);
    x64_buf_free(&b);
}

static void test_patches_overwrite(void **state)
{
    struct x64_buf b;
    uint32_t field;

    (void)state;
    assert_int_equal(x64_buf_init(&b, 0), 0);
    x64_reserve(&b, 64);
    field = x64_movabs(&b, X64_RAX, 0);
    x64_bare(&b, X64_RET);
    x64_patch64(&b, field, 0x8877665544332211u);
    x64_patch32(&b, field + 4, 0x12345678);
    assert_int_equal(run(&b, 0), 0x1234567844332211u);
    x64_buf_free(&b);
}

/* A full buffer of the caller's: the error is kept, nothing is written outside, and work can go on. */
static void test_fixed_buffer_full_is_told_and_nothing_overrun(void **state)
{
    enum { SIZE = X64_RESERVE_MAX, GUARD = 64 };
    uint8_t *memory = malloc(SIZE + GUARD);
    struct x64_label l = {0};
    struct x64_buf b;

    (void)state;
    assert_non_null(memory);
    memset(memory + SIZE, 0xa5, GUARD);
    assert_int_equal(x64_buf_fixed(&b, memory, SIZE - 1), -EINVAL);
    assert_int_equal(x64_buf_fixed(&b, memory, SIZE), 0);
    for (int i = 0; i < 10000; i++) {
        x64_reserve(&b, X64_INSTRUCTION_MAX);
        x64_jmp(&b, &l);
    }
    x64_bind(&b, &l);
    x64_patch32(&b, SIZE + 8, 0);
    assert_int_equal(b.failed, -ENOSPC);
    for (int i = 0; i < GUARD; i++)
        assert_int_equal(memory[SIZE + i], 0xa5);
    x64_buf_reset(&b);
    assert_int_equal(b.failed, 0);
    assert_int_equal(x64_size(&b), 0);
    x64_buf_free(&b);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels_forward_and_backward_make_a_loop),
        cmocka_unit_test(test_label_with_many_uses_is_patched_everywhere),
        cmocka_unit_test(test_writing_more_than_was_reserved_is_found_out),
        cmocka_unit_test(test_backward_jump_is_short_exactly_up_to_128_bytes),
        cmocka_unit_test(test_label_of_data_is_read_relative_to_rip),
        cmocka_unit_test(test_jump_table_of_distances),
        cmocka_unit_test(test_short_jump_lands_or_fails),
        cmocka_unit_test(test_call_of_a_label_comes_back),
        cmocka_unit_test(test_align_pads_to_the_boundary),
        cmocka_unit_test(test_patches_overwrite),
        cmocka_unit_test(test_fixed_buffer_full_is_told_and_nothing_overrun),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
