/* SPDX-License-Identifier: Apache-2.0 */
/* Decoded blocks: code that changes, by itself or by somebody else, mappings that change, blocks that are thrown away;
 * and that blocks do what one instruction after the other does. */
#include "cpu_harness.h"

#include "cpu/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Page tables of 4 KiB pages for 0x400000 to 0x5fffff: the harness's entry 2 of level 2 is replaced. */
enum { SMALL = 0x400000, SMALL_TABLE = 0x5000 };

static void small_pages(struct board *b)
{
    board_write64(b, BOARD_TABLES + 0x2000 + 8 * (SMALL >> 21), SMALL_TABLE | 7);
    for (unsigned i = 0; i < 512; i++)
        board_write64(b, SMALL_TABLE + 8 * i, 0);
    cpu_tlb_flush(b->cpu, true);
}

static void map(struct board *b, unsigned page, uint64_t gpa)
{
    board_write64(b, SMALL_TABLE + 8 * page, gpa ? gpa | 7 : 0);
    cpu_tlb_flush_page(b->cpu, SMALL + 4096 * page);
}

#define CODE(b, ...)      board_code((b), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
#define BYTES(b, at, ...) board_write((b), (at), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void test_store_into_next_instruction_takes_effect_at_once(void **state)
{
    struct board *b = board_make(BOARD_64);

    /* mov byte [rip + 1], 7 (the immediate of what comes next); mov al, 1; jmp self */
    CODE(b, 0xc6, 0x05, 0x01, 0x00, 0x00, 0x00, 0x07, 0xb0, 0x01, 0xeb, 0xfe);
    board_run(b, 2);
    assert_int_equal(b->cpu->gpr[GPR_AX], 7);
    board_free(b);
}

static void test_store_into_a_block_already_run_makes_it_anew(void **state)
{
    struct board *b = board_make(BOARD_32);

    /* 1: mov al, 1; inc byte [BOARD_CODE + 1]; jmp 1b */
    CODE(b, 0xb0, 0x01, 0xfe, 0x05, 0x01, 0x00, 0x01, 0x00, 0xeb, 0xf6);
    board_run(b, 3 * 50 + 1);
    assert_int_equal(b->cpu->gpr[GPR_AX], 51);
    board_free(b);
}

static void test_bytes_that_were_no_instruction_may_become_one(void **state)
{
    struct board *b = board_make(BOARD_64);

    board_catch(b);
    CODE(b, 0xc6, 0x38, 0x07); /* c6 /7 is none */
    assert_int_equal(board_run_caught(b, 5).vector, VECTOR_UD);
    b->cpu->halted = false;
    BYTES(b, BOARD_CODE + 1, 0xc0); /* mov al, 7 */
    b->cpu->rip = BOARD_CODE;
    board_run(b, 1);
    assert_int_equal(b->cpu->gpr[GPR_AX], 7);
    board_free(b);
}

static void test_store_beside_code_drops_nothing(void **state)
{
    struct board *b = board_make(BOARD_64);

    /* 1: inc dword [rip + 0x100]; jmp 1b */
    CODE(b, 0xff, 0x05, 0x00, 0x01, 0x00, 0x00, 0xeb, 0xf8);
    board_run(b, 100);
    uint64_t made = b->cpu->engine->counts.made, dropped = b->cpu->engine->counts.dropped;
    board_run(b, 1000);
    assert_int_equal(board_read64(b, BOARD_CODE + 6 + 0x100), 550);
    assert_int_equal(b->cpu->engine->counts.dropped, dropped);
    assert_in_range(b->cpu->engine->counts.made, made, made + 2);
    board_free(b);
}

static void test_write_of_a_device_changes_code(void **state)
{
    struct board *b = board_make(BOARD_64);

    CODE(b, 0xb0, 0x01, 0xeb, 0xfc);
    board_run(b, 11);
    BYTES(b, BOARD_CODE + 1, 9);
    board_run(b, 2);
    assert_int_equal(b->cpu->gpr[GPR_AX], 9);
    board_free(b);
}

static void test_other_page_at_the_same_address_is_other_code(void **state)
{
    struct board *b = board_make(BOARD_64);

    small_pages(b);
    BYTES(b, 0x40000, 0xb0, 0x01, 0xeb, 0xfc); /* 1: mov al, 1; jmp 1b */
    BYTES(b, 0x41000, 0xb0, 0x02, 0xeb, 0xfc);
    map(b, 0, 0x40000);
    b->cpu->rip = SMALL;
    board_run(b, 10);
    assert_int_equal(b->cpu->gpr[GPR_AX], 1);
    map(b, 0, 0x41000);
    board_run(b, 10);
    assert_int_equal(b->cpu->gpr[GPR_AX], 2);
    board_free(b);
}

static void test_link_to_another_page_follows_its_mapping(void **state)
{
    struct board *b = board_make(BOARD_64);

    small_pages(b);
    BYTES(b, 0x40000, 0xe9, 0xfb, 0x0f, 0x00, 0x00);             /* jmp to the next page */
    BYTES(b, 0x41000, 0xb0, 0x01, 0xe9, 0xf9, 0xef, 0xff, 0xff); /* mov al, 1; jmp back */
    BYTES(b, 0x42000, 0xb0, 0x02, 0x0f, 0x1f, 0x00, 0xe9, 0xf6, 0xef, 0xff, 0xff);
    map(b, 0, 0x40000);
    map(b, 1, 0x41000);
    b->cpu->rip = SMALL;
    board_run(b, 30);
    assert_int_equal(b->cpu->gpr[GPR_AX], 1);
    map(b, 1, 0x42000);
    board_run(b, 40);
    assert_int_equal(b->cpu->gpr[GPR_AX], 2);
    board_free(b);
}

static void test_same_code_at_two_addresses_finds_its_own_data(void **state)
{
    struct board *b = board_make(BOARD_64);

    small_pages(b);
    BYTES(b, 0x40000, 0x48, 0x8d, 0x05, 0x00, 0x00, 0x00, 0x00, 0xff, 0xe3); /* lea rax, [rip]; jmp rbx */
    map(b, 0, 0x40000);
    map(b, 3, 0x40000);
    b->cpu->rip = SMALL;
    b->cpu->gpr[GPR_BX] = SMALL + 0x3000;
    board_run(b, 2);
    assert_int_equal(b->cpu->gpr[GPR_AX], SMALL + 7);
    board_run(b, 2);
    assert_int_equal(b->cpu->gpr[GPR_AX], SMALL + 0x3007);
    board_free(b);
}

/* mov eax, 0x01020304 whose last two bytes are in the next page; jmp back. */
static void put_crossing(struct board *b, uint64_t first, uint64_t second)
{
    BYTES(b, first + 0xffd, 0xb8, 0x04, 0x03);
    BYTES(b, second, 0x02, 0x01, 0xeb, 0xf9);
}

static void test_instruction_over_a_pages_end_is_run_and_kept(void **state)
{
    struct board *b = board_make(BOARD_64);

    small_pages(b);
    put_crossing(b, 0x40000, 0x52000);
    map(b, 0, 0x40000);
    map(b, 1, 0x52000);
    b->cpu->rip = SMALL + 0xffd;
    board_run(b, 20);
    assert_int_equal(b->cpu->gpr[GPR_AX], 0x01020304);
    uint64_t made = b->cpu->engine->counts.made;
    board_run(b, 2000);
    assert_in_range(b->cpu->engine->counts.made, made, made + 2);
    board_free(b);
}

static void test_instruction_over_a_pages_end_follows_its_second_page(void **state)
{
    struct board *b = board_make(BOARD_64);

    small_pages(b);
    put_crossing(b, 0x40000, 0x52000);
    BYTES(b, 0x53000, 0x12, 0x11, 0xeb, 0xf9);
    map(b, 0, 0x40000);
    map(b, 1, 0x52000);
    b->cpu->rip = SMALL + 0xffd;
    board_run(b, 20);
    map(b, 1, 0x53000);
    board_run(b, 2);
    assert_int_equal(b->cpu->gpr[GPR_AX], 0x11120304);
    BYTES(b, 0x53000, 0x22);
    board_run(b, 2);
    assert_int_equal(b->cpu->gpr[GPR_AX], 0x11220304);
    board_free(b);
}

static void test_instruction_over_a_pages_end_faults_in_its_second_page(void **state)
{
    struct board *b = board_make(BOARD_64);

    small_pages(b);
    board_catch(b);
    put_crossing(b, 0x40000, 0x52000);
    map(b, 0, 0x40000);
    b->cpu->rip = SMALL + 0xffd;
    struct caught c = board_run_caught(b, 10);
    assert_int_equal(c.vector, VECTOR_PF);
    assert_int_equal(c.error, 0x10);
    assert_int_equal(c.rip, SMALL + 0xffd);
    assert_int_equal(b->cpu->cr2, SMALL + 0x1000);
    board_free(b);
}

static void test_instruction_before_a_missing_page_runs(void **state)
{
    struct board *b = board_make(BOARD_64);

    small_pages(b);
    board_catch(b);
    BYTES(b, 0x40ffe, 0xb0, 0x05); /* mov al, 5 up to the end of the page */
    map(b, 0, 0x40000);
    b->cpu->rip = SMALL + 0xffe;
    struct caught c = board_run_caught(b, 10);
    assert_int_equal(b->cpu->gpr[GPR_AX], 5);
    assert_int_equal(c.vector, VECTOR_PF);
    assert_int_equal(c.rip, SMALL + 0x1000);
    board_free(b);
}

static void test_little_room_for_blocks_changes_nothing(void **state)
{
    struct board *b = board_make_small(BOARD_64);
    enum { JUMPS_ = 2000 };

    for (unsigned i = 0; i < JUMPS_; i++) /* inc eax; jmp +0x15: every 16 bytes */
        BYTES(b, 0x100000 + 16 * i, 0xff, 0xc0, 0xeb, 0x0c);
    BYTES(b, 0x100000 + 16 * JUMPS_, 0xe9, 0xfb, 0x82, 0xff, 0xff); /* back to the first */
    b->cpu->rip = 0x100000;
    board_run(b, 3 * (2 * JUMPS_ + 1));
    assert_int_equal(b->cpu->gpr[GPR_AX], 3 * JUMPS_);
    assert_true(b->cpu->engine->counts.flushes > 10);
    board_free(b);
}

static void test_stop_by_a_device_in_mid_block_is_exact(void **state)
{
    struct board *b = board_make(BOARD_64);

    /* mov [rdi], eax; inc eax; inc eax; jmp */
    CODE(b, 0x89, 0x07, 0xff, 0xc0, 0xff, 0xc0, 0xeb, 0xf8);
    b->cpu->gpr[GPR_DI] = BOARD_DEVICE + 8;
    b->stop_on_write = true;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(cpu_run(b->cpu, 1000), CPU_EXIT_STOP);
        assert_int_equal(b->device_writes, i + 1);
        assert_int_equal(b->device_value, 2 * i);
        assert_int_equal(b->cpu->gpr[GPR_AX], 2 * i);
        assert_int_equal(b->cpu->rip, BOARD_CODE + 2);
    }
    assert_int_equal(cpu_executed(b->cpu), 1 + 4 + 4);
    board_free(b);
}

static void test_many_blocks_in_a_row_need_no_stack(void **state)
{
    struct board *b = board_make(BOARD_64);

    /* 1: mov eax, [rdi]; call 2f; jmp 1b; 2: ret */
    CODE(b, 0x8b, 0x07, 0xe8, 0x02, 0x00, 0x00, 0x00, 0xeb, 0xf7, 0xc3);
    b->cpu->gpr[GPR_DI] = BOARD_DATA;
    board_run(b, 2000000);
    board_free(b);
}

/* ---- Blocks and steps ------------------------------------------------------------------------------------------ */

static uint64_t random_next(uint64_t *x)
{
    *x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
    return *x;
}

/* Pieces of programs: registers, memory around rsi and rsp, short branches, code that writes itself (near rdi). */
static const struct piece {
    uint8_t n, bytes[8];
} pieces[] = {
    {2, {0x01, 0xd8}},
    {2, {0x29, 0xc3}},
    {2, {0x31, 0xd1}},
    {3, {0x8b, 0x46, 0x10}},
    {3, {0x89, 0x4e, 0x14}},
    {3, {0x01, 0x56, 0x20}},
    {2, {0x74, 0x05}},
    {2, {0x75, 0xf0}},
    {2, {0x72, 0x0a}},
    {2, {0x7e, 0xf7}},
    {1, {0x50}},
    {1, {0x58}},
    {2, {0xeb, 0x03}},
    {3, {0xff, 0x46, 0x08}},
    {2, {0xd1, 0xe0}},
    {3, {0xc1, 0xfa, 0x05}},
    {3, {0x0f, 0xaf, 0xc3}},
    {2, {0xf7, 0xd8}},
    {3, {0x0f, 0xb6, 0xc8}},
    {2, {0x88, 0x07}},
    {3, {0x88, 0x5f, 0x20}},
    {2, {0x85, 0xc0}},
    {2, {0xff, 0xcb}},
    {3, {0x83, 0xf8, 0x10}},
    {1, {0x90}},
    {3, {0x0f, 0x44, 0xc3}},
    {3, {0x0f, 0x9c, 0xc0}},
    {2, {0x87, 0xd8}},
};

static void random_program(uint8_t *out, unsigned n, uint64_t *x)
{
    unsigned at = 0;

    memset(out, 0x90, n);
    while (at + 16 < n) {
        const struct piece *p = &pieces[random_next(x) % (sizeof pieces / sizeof pieces[0])];

        memcpy(out + at, p->bytes, p->n);
        at += p->n;
    }
    out[n - 2] = 0xeb, out[n - 1] = 0x80; /* back */
}

static void set_up(struct board *b, const uint8_t *program, unsigned n, uint64_t x)
{
    board_catch(b);
    for (unsigned i = 0; i < 256; i++) /* what goes wrong begins again: mov esp, STACK; jmp to the code */
        BYTES(b, BOARD_HANDLERS + 16 * i, 0xbc, 0x00, 0x00, 0x02, 0x00, 0xe9,
              (uint8_t)(BOARD_CODE - (BOARD_HANDLERS + 16 * i + 10)),
              (uint8_t)((BOARD_CODE - (BOARD_HANDLERS + 16 * i + 10)) >> 8), 0x00, 0x00);
    board_write(b, BOARD_CODE, program, n);
    b->cpu->gpr[GPR_AX] = x >> 3, b->cpu->gpr[GPR_BX] = x >> 9, b->cpu->gpr[GPR_CX] = x >> 17;
    b->cpu->gpr[GPR_SI] = BOARD_CODE + n / 2, b->cpu->gpr[GPR_DI] = BOARD_CODE + n / 3;
    b->cpu->rip = BOARD_CODE;
}

static void same_state(struct board *a, struct board *b)
{
    assert_memory_equal(a->cpu->gpr, b->cpu->gpr, 8 * GPRS);
    assert_int_equal(a->cpu->rip, b->cpu->rip);
    assert_int_equal(cpu_rflags(a->cpu), cpu_rflags(b->cpu));
    assert_int_equal(cpu_executed(a->cpu), cpu_executed(b->cpu));
}

static void compare_modes(enum board_mode mode, uint64_t seed)
{
    uint64_t x = seed;
    uint8_t program[200];
    struct board *a = board_make(mode), *b = board_make_small(mode);

    random_program(program, sizeof program, &x);
    set_up(a, program, sizeof program, x);
    set_up(b, program, sizeof program, x);
    for (unsigned done = 0; done < 2000;) {
        unsigned n = 1 + (unsigned)(random_next(&x) % 100);

        board_run(a, n);
        for (unsigned i = 0; i < n; i++)
            board_run(b, 1);
        same_state(a, b);
        done += n;
    }
    assert_memory_equal(a->ram + BOARD_HANDLERS, b->ram + BOARD_HANDLERS, 0x30000);
    board_free(a);
    board_free(b);
}

static void test_blocks_do_what_steps_do(void **state)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        compare_modes(BOARD_32, seed * 77777);
        compare_modes(BOARD_64, seed * 99999);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_into_next_instruction_takes_effect_at_once),
        cmocka_unit_test(test_store_into_a_block_already_run_makes_it_anew),
        cmocka_unit_test(test_bytes_that_were_no_instruction_may_become_one),
        cmocka_unit_test(test_store_beside_code_drops_nothing),
        cmocka_unit_test(test_write_of_a_device_changes_code),
        cmocka_unit_test(test_other_page_at_the_same_address_is_other_code),
        cmocka_unit_test(test_link_to_another_page_follows_its_mapping),
        cmocka_unit_test(test_same_code_at_two_addresses_finds_its_own_data),
        cmocka_unit_test(test_instruction_over_a_pages_end_is_run_and_kept),
        cmocka_unit_test(test_instruction_over_a_pages_end_follows_its_second_page),
        cmocka_unit_test(test_instruction_over_a_pages_end_faults_in_its_second_page),
        cmocka_unit_test(test_instruction_before_a_missing_page_runs),
        cmocka_unit_test(test_little_room_for_blocks_changes_nothing),
        cmocka_unit_test(test_stop_by_a_device_in_mid_block_is_exact),
        cmocka_unit_test(test_many_blocks_in_a_row_need_no_stack),
        cmocka_unit_test(test_blocks_do_what_steps_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
