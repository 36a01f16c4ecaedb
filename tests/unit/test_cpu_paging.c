/* SPDX-License-Identifier: Apache-2.0 */
/* Paging: who may do what by which bits, error codes, accessed and dirty bits, sizes of pages, reserved bits, accesses
 * over a page's end, canonical addresses (Intel 3A, chapter 4). */
#include "cpu_harness.h"

#include "cpu/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Tables of our own at 0x80000, for linear addresses from AREA on; the harness's cover the code. */
enum { T4 = 0x80000, T3 = 0x81000, T2 = 0x82000, T1 = 0x83000, PAGE = 0x90000, AREA_INDEX = 256 };
#define AREA UINT64_C(0xffff800000000000)
#define NX   UINT64_C(0x8000000000000000)
enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80, G = 0x100 };
enum { FP_ = 1, FW = 2, FU = 4, FR = 8, FI = 16 };
enum { NONE = -1 }; /* no fault */

static void put(struct board *b, uint64_t table, uint64_t value)
{
    board_write64(b, table, value);
}

/* One page of 4 KiB at AREA -> PAGE, all bits of all levels given. */
static void map(struct board *b, uint64_t e4, uint64_t e3, uint64_t e2, uint64_t e1)
{
    put(b, BOARD_TABLES + 8 * AREA_INDEX, e4 ? T3 | e4 : 0);
    put(b, T3, e3 & PS ? PAGE | e3 : e3 ? T2 | e3 : 0);
    put(b, T2, e2 & PS ? e2 : e2 ? T1 | e2 : 0);
    put(b, T1, e1 ? PAGE | e1 : 0);
    cpu_tlb_flush(b->cpu, true);
}

static void control(struct board *b, uint64_t cr0, uint64_t cr4)
{
    b->cpu->cr0 = CR0_PE | CR0_PG | CR0_ET | cr0;
    b->cpu->cr4 = CR4_PAE | CR4_OSFXSR | cr4;
    cpu_mode_changed(b->cpu);
    cpu_tlb_flush(b->cpu, true);
}

enum { LOAD, STORE, JUMP };

/* One access at linear; the fault's error code, or NONE. */
static int access_at(struct board *b, unsigned kind, uint64_t linear)
{
    static const uint8_t code[3][3] = {{0x8a, 0x06, 0xf4}, {0x88, 0x06, 0xf4}, {0xff, 0xe6, 0xf4}};

    b->cpu->gpr[GPR_SI] = linear;
    b->cpu->gpr[GPR_SP] = BOARD_STACK;
    b->cpu->halted = false;
    board_code(b, code[kind], 3);
    cpu_tlb_flush_page(b->cpu, BOARD_HANDLERS);
    if (cpu_run(b->cpu, 1) == CPU_EXIT_BUDGET && kind != JUMP && b->cpu->rip == BOARD_CODE + 2)
        return NONE;
    if (kind == JUMP && cpu_run(b->cpu, 1) == CPU_EXIT_BUDGET && b->cpu->rip == linear + 1)
        return NONE;
    struct caught c = board_run_caught(b, 5);
    assert_int_equal(c.vector, VECTOR_PF);
    assert_int_equal(b->cpu->cr2, linear);
    return (int)c.error;
}

static const struct row {
    const char *label;
    uint64_t e4, e3, e2, e1, cr0, cr4;
    bool user, ac;
    int load, store, jump;
} rows[] = {
    {"supervisor's own page", P | W, P | W, P | W, P | W, CR0_WP, 0, false, false, NONE, NONE, NONE},
    {"nothing at level 4", 0, 0, 0, 0, CR0_WP, 0, false, false, 0, FW, FI},
    {"nothing at level 3", P | W, 0, 0, 0, CR0_WP, 0, false, false, 0, FW, FI},
    {"nothing at level 2", P | W, P | W, 0, 0, CR0_WP, 0, false, false, 0, FW, FI},
    {"nothing at level 1", P | W, P | W, P | W, 0, CR0_WP, 0, true, false, FU, FU | FW, FU | FI},
    {"read-only, WP", P | W, P | W, P | W, P, CR0_WP, 0, false, false, NONE, FP_ | FW, NONE},
    {"read-only, no WP", P | W, P | W, P | W, P, 0, 0, false, false, NONE, NONE, NONE},
    {"read-only above, WP", P | W, P, P | W, P | W, CR0_WP, 0, false, false, NONE, FP_ | FW, NONE},
    {"user, supervisor's page", P | W | U, P | W | U, P | W | U, P | W, 0, 0, true, false, FP_ | FU, FP_ | FU | FW,
     FP_ | FU | FI},
    {"user, supervisor's table", P | W, P | W | U, P | W | U, P | W | U, 0, 0, true, false, FP_ | FU, FP_ | FU | FW,
     FP_ | FU | FI},
    {"user's page", P | W | U, P | W | U, P | W | U, P | W | U, 0, 0, true, false, NONE, NONE, NONE},
    {"user, read-only", P | W | U, P | W | U, P | U, P | W | U, 0, 0, true, false, NONE, FP_ | FU | FW, NONE},
    {"no execution", P | W, P | W, P | W, P | W | NX, CR0_WP, 0, false, false, NONE, NONE, FP_ | FI},
    {"no execution above", P | W | NX, P | W, P | W, P | W, CR0_WP, 0, false, false, NONE, NONE, FP_ | FI},
    {"SMEP, user's page", P | W | U, P | W | U, P | W | U, P | W | U, CR0_WP, CR4_SMEP, false, false, NONE, NONE,
     FP_ | FI},
    {"SMEP, supervisor's page", P | W | U, P | W | U, P | W | U, P | W, CR0_WP, CR4_SMEP, false, false, NONE, NONE,
     NONE},
    {"SMAP, user's page", P | W | U, P | W | U, P | W | U, P | W | U, CR0_WP, CR4_SMAP, false, false, FP_, FP_ | FW,
     NONE},
    {"SMAP, user's page, AC", P | W | U, P | W | U, P | W | U, P | W | U, CR0_WP, CR4_SMAP, false, true, NONE, NONE,
     NONE},
    {"SMAP in user code", P | W | U, P | W | U, P | W | U, P | W | U, CR0_WP, CR4_SMAP, true, false, NONE, NONE, NONE},
    {"reserved bit at level 1", P | W, P | W, P | W, P | W | UINT64_C(1) << 45, CR0_WP, 0, false, false, FP_ | FR,
     FP_ | FR | FW, FP_ | FR | FI},
    {"reserved bit at level 3", P | W, P | W | UINT64_C(1) << 51, P | W, P | W, CR0_WP, 0, true, false, FP_ | FR | FU,
     FP_ | FR | FW | FU, FP_ | FR | FI | FU},
    {"PS at level 4", P | W | PS, P | W, P | W, P | W, CR0_WP, 0, false, false, FP_ | FR, FP_ | FR | FW, FP_ | FR | FI},
    {"large page with a low bit", P | W, P | W, P | W | PS | 1 << 13, 0, CR0_WP, 0, false, false, FP_ | FR,
     FP_ | FR | FW, FP_ | FR | FI},
    {"large page", P | W, P | W, P | W | PS, 0, CR0_WP, 0, false, false, NONE, NONE, NONE},
    {"large page, read-only", P | W, P | W, P | PS, 0, CR0_WP, 0, false, false, NONE, FP_ | FW, NONE},
};

static void test_rights_and_error_codes_are_those_of_the_manual(void **state)
{
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *r = &rows[i];
        const int want[] = {r->load, r->store, r->jump};

        for (unsigned kind = LOAD; kind <= JUMP; kind++) {
            struct board *b = board_make(r->user ? BOARD_64_USER : BOARD_64);

            board_catch(b);
            map(b, r->e4, r->e3, r->e2, r->e1);
            control(b, r->cr0, r->cr4);
            board_write(b, PAGE, (const uint8_t[]){0x90, 0x90}, 2);
            board_write(b, 0, (const uint8_t[]){0x90, 0x90}, 2);
            b->cpu->model.physical_bits = 40;
            b->cpu->rflags |= r->ac ? RFLAGS_AC : 0;
            if (r->cr4 && !r->user) { /* the code's and handlers' own pages must be the supervisor's then */
                for (unsigned e = 0; e < 8; e++)
                    board_write64(b, BOARD_TABLES + 0x2000 + 8 * e, (uint64_t)e << 21 | 0x83);
                cpu_tlb_flush(b->cpu, true);
            }
            int got = access_at(b, kind, AREA);
            if (got != want[kind])
                fail_msg("%s, access %u: error code %d, expected %d", r->label, kind, got, want[kind]);
            board_free(b);
        }
    }
}

static void test_without_nxe_the_top_bit_is_reserved(void **state)
{
    struct board *b = board_make(BOARD_64);

    board_catch(b);
    b->cpu->msrs.efer &= ~EFER_NXE;
    map(b, P | W, P | W, P | W, P | W | NX);
    assert_int_equal(access_at(b, LOAD, AREA), FP_ | FR);
    assert_int_equal(access_at(b, JUMP, AREA), FP_ | FR); /* and no I: there is neither NX nor SMEP */
    board_free(b);
}

static void test_load_sets_accessed_and_store_sets_dirty(void **state)
{
    struct board *b = board_make(BOARD_64);

    board_catch(b);
    map(b, P | W, P | W, P | W, P | W);
    assert_int_equal(access_at(b, LOAD, AREA), NONE);
    assert_int_equal(board_read64(b, BOARD_TABLES + 8 * AREA_INDEX) & 0xfff, P | W | A);
    assert_int_equal(board_read64(b, T3) & 0xfff, P | W | A);
    assert_int_equal(board_read64(b, T2) & 0xfff, P | W | A);
    assert_int_equal(board_read64(b, T1) & 0xfff, P | W | A);
    assert_int_equal(access_at(b, STORE, AREA), NONE);
    assert_int_equal(board_read64(b, T1) & 0xfff, P | W | A | D);
    assert_int_equal(board_read64(b, T2) & 0xfff, P | W | A);
    board_free(b);
}

static void test_fault_leaves_accessed_and_dirty_of_the_page_alone(void **state)
{
    struct board *b = board_make(BOARD_64);

    board_catch(b);
    control(b, CR0_WP, 0);
    map(b, P | W, P | W, P | W, P);
    assert_int_equal(access_at(b, STORE, AREA), FP_ | FW);
    assert_int_equal(board_read64(b, T1) & 0xfff, P);
    board_free(b);
}

static void test_sizes_of_pages_lead_to_their_places(void **state)
{
    struct board *b = board_make(BOARD_64);
    uint64_t gpa;

    map(b, P | W, P | W, P | W | PS, 0);
    put(b, T2, 0x600000 | P | W | PS);
    assert_true(cpu_translate(b->cpu, AREA + 0x123456, ACCESS_LOAD, false, &gpa));
    assert_int_equal(gpa, 0x723456);
    map(b, P | W, P | W, P | W, P | W);
    assert_true(cpu_translate(b->cpu, AREA + 0x456, ACCESS_LOAD, false, &gpa));
    assert_int_equal(gpa, PAGE + 0x456);
    b->cpu->engine->gigabyte_pages = true;
    put(b, T3, UINT64_C(0x80000000) | P | W | PS);
    cpu_tlb_flush(b->cpu, true);
    assert_true(cpu_translate(b->cpu, AREA + 0x12345678, ACCESS_LOAD, false, &gpa));
    assert_int_equal(gpa, UINT64_C(0x92345678));
    board_free(b);
}

static void test_flush_of_one_page_of_a_large_one_flushes_all(void **state)
{
    struct board *b = board_make(BOARD_64);
    uint8_t v;

    map(b, P | W, P | W, P | W | PS, 0);
    put(b, T2, 0x600000 | P | W | PS);
    board_write(b, 0x600000, "a", 1);
    board_write(b, 0x601000, "b", 1);
    board_write(b, 0x800000, "c", 1);
    board_write(b, 0x801000, "d", 1);
    assert_true(cpu_load8(b->cpu, AREA, &v) && v == 'a');
    assert_true(cpu_load8(b->cpu, AREA + 0x1000, &v) && v == 'b');
    put(b, T2, 0x800000 | P | W | PS);
    cpu_tlb_flush_page(b->cpu, AREA + 0x1fffff);
    assert_true(cpu_load8(b->cpu, AREA, &v) && v == 'c');
    assert_true(cpu_load8(b->cpu, AREA + 0x1000, &v) && v == 'd');
    board_free(b);
}

static void test_global_page_outlives_a_flush_of_the_others(void **state)
{
    struct board *b = board_make(BOARD_64);
    uint8_t v;

    b->cpu->cr4 |= CR4_PGE;
    map(b, P | W, P | W, P | W, P | W | G);
    board_write(b, PAGE, "g", 1);
    board_write(b, PAGE + 0x1000, "n", 1);
    assert_true(cpu_load8(b->cpu, AREA, &v) && v == 'g');
    put(b, T1, (PAGE + 0x1000) | P | W);
    cpu_tlb_flush(b->cpu, false);
    assert_true(cpu_load8(b->cpu, AREA, &v) && v == 'g');
    cpu_tlb_flush(b->cpu, true);
    assert_true(cpu_load8(b->cpu, AREA, &v) && v == 'n');
    board_free(b);
}

static void test_store_over_a_missing_pages_begin_changes_nothing(void **state)
{
    struct board *b = board_make(BOARD_64);

    board_catch(b);
    map(b, P | W, P | W, P | W, P | W);
    /* mov [rsi], rax at the end of the page */
    board_code(b, (const uint8_t[]){0x48, 0x89, 0x06, 0xf4}, 4);
    b->cpu->gpr[GPR_SI] = AREA + 0xffc;
    b->cpu->gpr[GPR_AX] = ~UINT64_C(0);
    struct caught c = board_run_caught(b, 3);
    assert_int_equal(c.vector, VECTOR_PF);
    assert_int_equal(c.error, FW);
    assert_int_equal(b->cpu->cr2, AREA + 0x1000);
    assert_int_equal(board_read64(b, PAGE + 0xff8), 0);
    assert_int_equal(board_read64(b, T1) & 0xfff, P | W); /* neither accessed nor dirty */
    put(b, T1 + 8, (PAGE + 0x8000) | P | W);
    assert_true(cpu_store64(b->cpu, AREA + 0xffc, 1));
    assert_int_equal(board_read64(b, T1) & 0xfff, P | W | A | D);
    assert_int_equal(board_read64(b, T1 + 8) & 0xfff, P | W | A | D);
    board_free(b);
}

static void test_store_over_two_missing_pages_faults_in_the_first(void **state)
{
    struct board *b = board_make(BOARD_64);

    board_catch(b);
    map(b, P | W, P | W, P | W, 0);
    board_code(b, (const uint8_t[]){0x48, 0x89, 0x06, 0xf4}, 4);
    b->cpu->gpr[GPR_SI] = AREA + 0xffc;
    struct caught c = board_run_caught(b, 3);
    assert_int_equal(c.vector, VECTOR_PF);
    assert_int_equal(b->cpu->cr2, AREA + 0xffc);
    board_free(b);
}

static void test_access_over_two_pages_is_put_together(void **state)
{
    struct board *b = board_make(BOARD_64);
    uint64_t v;

    map(b, P | W, P | W, P | W, P | W);
    put(b, T1 + 8, (PAGE + 0x8000) | P | W);
    assert_true(cpu_store64(b->cpu, AREA + 0xffd, UINT64_C(0x1122334455667788)));
    assert_int_equal(board_read64(b, PAGE + 0xff8) >> 40, 0x667788);
    assert_int_equal(board_read64(b, PAGE + 0x8000), 0x1122334455);
    assert_true(cpu_load64(b->cpu, AREA + 0xffd, &v));
    assert_int_equal(v, UINT64_C(0x1122334455667788));
    uint8_t sixteen[16];
    assert_true(cpu_access(b->cpu, AREA + 0xff5, 16, ACCESS_LOAD, sixteen));
    assert_int_equal(sixteen[8], 0x88);
    assert_int_equal(sixteen[15], 0x11);
    board_free(b);
}

static void test_device_is_asked_in_pieces_of_powers_of_two(void **state)
{
    struct board *b = board_make(BOARD_64);

    assert_true(cpu_access(b->cpu, BOARD_DEVICE + 0x20, 8, ACCESS_STORE, &(uint64_t){5}));
    assert_int_equal(b->device_writes, 1);
    assert_int_equal(b->device_value, 5);
    assert_true(cpu_access(b->cpu, BOARD_DEVICE + 0x30, 16, ACCESS_STORE, (uint64_t[]){6, 7}));
    assert_int_equal(b->device_writes, 3);
    assert_int_equal(b->device_last, BOARD_DEVICE + 0x38);
    assert_int_equal(b->device_value, 7);
    board_free(b);
}

static const struct {
    const char *label;
    uint8_t code[6];
    unsigned n, vector;
} canonical_rows[] = {
    {"mov al, [rsi]", {0x8a, 0x06}, 2, VECTOR_GP},
    {"mov al, [rbp]", {0x8a, 0x45, 0x00}, 3, VECTOR_SS},
    {"mov [rsi], al", {0x88, 0x06}, 2, VECTOR_GP},
    {"mov al, fs:[rsi]", {0x64, 0x8a, 0x06}, 3, VECTOR_GP},
    {"jmp rsi", {0xff, 0xe6}, 2, VECTOR_GP},
    {"push [rsi]", {0xff, 0x36}, 2, VECTOR_GP},
    {"xchg rsp, rsi; push rax", {0x48, 0x87, 0xf4, 0x50}, 4, VECTOR_SS},
    {"xchg rsp, rsi; pop rax", {0x48, 0x87, 0xf4, 0x58}, 4, VECTOR_SS},
    {"xchg rsp, rsi; ret", {0x48, 0x87, 0xf4, 0xc3}, 4, VECTOR_SS},
};

static void test_addresses_that_are_not_canonical_fault_by_segment(void **state)
{
    for (unsigned i = 0; i < sizeof canonical_rows / sizeof canonical_rows[0]; i++) {
        struct board *b = board_make(BOARD_64_USER); /* handlers have a good stack */

        board_catch(b);
        board_code(b, canonical_rows[i].code, canonical_rows[i].n);
        b->cpu->gpr[GPR_SI] = b->cpu->gpr[GPR_BP] = UINT64_C(0x0000900000000000);
        struct caught c = board_run_caught(b, 5);
        if (c.vector != canonical_rows[i].vector || c.error)
            fail_msg("%s: vector %u, error %lu, expected %u", canonical_rows[i].label, c.vector, (unsigned long)c.error,
                     canonical_rows[i].vector);
        board_free(b);
    }
}

static void test_alignment_is_checked_for_users_who_ask(void **state)
{
    struct board *b = board_make(BOARD_64_USER);

    board_catch(b);
    b->cpu->cr0 |= CR0_AM;
    b->cpu->rflags |= RFLAGS_AC;
    cpu_mode_changed(b->cpu);
    board_code(b, (const uint8_t[]){0x8b, 0x06, 0x8b, 0x46, 0x01}, 5); /* mov eax, [rsi]; mov eax, [rsi + 1] */
    b->cpu->gpr[GPR_SI] = BOARD_DATA;
    struct caught c = board_run_caught(b, 5);
    assert_int_equal(c.vector, VECTOR_AC);
    assert_int_equal(c.rip, BOARD_CODE + 2);
    board_free(b);
}

/* What is of many bytes is aligned as its fields are, before its page is looked for; and all of its bytes have to be
 * there: of maskmovdqu those that are not stored, of fxrstor those that nobody reads, too. */
static void test_areas_are_aligned_by_their_fields_and_there_as_a_whole(void **state)
{
    static const struct {
        const char *label;
        uint8_t code[4];
        uint64_t at;
        unsigned vector; /* VECTOR_UD: none */
    } cases[] = {
        {"maskmovdqu, aligned to 8", {0x66, 0x0f, 0xf7, 0xc1}, BOARD_BYTES - 24, VECTOR_UD},
        {"maskmovdqu, to 4", {0x66, 0x0f, 0xf7, 0xc1}, BOARD_BYTES - 20, VECTOR_AC},
        {"maskmovdqu, to 4, no page", {0x66, 0x0f, 0xf7, 0xc1}, BOARD_BYTES + 4, VECTOR_AC},
        {"maskmovdqu, half a page", {0x66, 0x0f, 0xf7, 0xc1}, BOARD_BYTES - 8, VECTOR_PF},
        {"fldenv, to 4", {0xd9, 0x27, 0x90, 0x90}, BOARD_DATA + 4, VECTOR_UD},
        {"fldenv, to 2", {0xd9, 0x27, 0x90, 0x90}, BOARD_DATA + 2, VECTOR_AC},
        {"fldenv, to 2, no page", {0xd9, 0x27, 0x90, 0x90}, BOARD_BYTES + 2, VECTOR_AC},
        {"fldenv of 16 bits, to 2", {0x66, 0xd9, 0x27, 0x90}, BOARD_DATA + 2, VECTOR_UD},
        {"fldenv of 16 bits, to 1", {0x66, 0xd9, 0x27, 0x90}, BOARD_DATA + 1, VECTOR_AC},
        {"fnsave, to 4", {0xdd, 0x37, 0x90, 0x90}, BOARD_DATA + 4, VECTOR_UD},
        {"fnsave, to 2", {0xdd, 0x37, 0x90, 0x90}, BOARD_DATA + 2, VECTOR_AC},
        {"fbld, to 4", {0xdf, 0x27, 0x90, 0x90}, BOARD_DATA + 4, VECTOR_AC},
        {"fbld, not canonical", {0xdf, 0x27, 0x90, 0x90}, UINT64_C(0x7000000000000004), VECTOR_GP},
        {"fxrstor", {0x0f, 0xae, 0x0f, 0x90}, BOARD_BYTES - 512, VECTOR_UD},
        {"fxrstor whose end is not canonical", {0x0f, 0xae, 0x0f, 0x90}, UINT64_C(0x7fffffffff80), VECTOR_GP},
        {"fldenv whose end is not canonical", {0xd9, 0x27, 0x90, 0x90}, UINT64_C(0x7ffffffffff0), VECTOR_PF},
        {"fxrstor without its last bytes", {0x0f, 0xae, 0x0f, 0x90}, BOARD_BYTES - 496, VECTOR_PF},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct board *b = board_make(BOARD_64_USER);
        board_catch(b);
        b->cpu->cr0 |= CR0_AM;
        b->cpu->cr4 |= CR4_OSFXSR;
        b->cpu->rflags |= RFLAGS_AC;
        cpu_mode_changed(b->cpu);
        board_code(b, cases[i].code, 4);
        board_write(b, BOARD_CODE + 4, (const uint8_t[]){0x0f, 0x0b}, 2); /* ud2 */
        b->cpu->gpr[GPR_DI] = cases[i].at;
        struct caught c = board_run_caught(b, 5);
        if (c.vector != cases[i].vector || (c.vector == VECTOR_UD && c.rip != BOARD_CODE + 4))
            fail_msg("%s: vector %u at %lx", cases[i].label, c.vector, (unsigned long)c.rip);
        board_free(b);
    }
}

/* ---- 32 bits -------------------------------------------------------------------------------------------------- */

static struct board *narrow(uint64_t cr4)
{
    struct board *b = board_make(BOARD_32);
    uint32_t low = 0 | P | W | U | PS;

    board_catch(b);
    for (unsigned i = 0; i < 4; i++) { /* the RAM one to one by 4 MiB pages */
        uint32_t e = low | i << 22;
        board_write(b, T4 + 4 * i, &e, 4);
    }
    b->cpu->cr3 = T4;
    b->cpu->cr4 = cr4 | CR4_OSFXSR;
    b->cpu->cr0 |= CR0_PG | CR0_WP;
    cpu_mode_changed(b->cpu);
    cpu_tlb_flush(b->cpu, true);
    return b;
}

static void put32(struct board *b, uint64_t at, uint32_t v)
{
    board_write(b, at, &v, 4);
    cpu_tlb_flush(b->cpu, true);
}

static void test_two_levels_lead_to_pages_of_both_sizes(void **state)
{
    struct board *b = narrow(CR4_PSE);
    uint64_t gpa;

    put32(b, T4 + 4 * 0x300, T3 | P | W | U);
    put32(b, T3 + 4 * 5, PAGE | P | W);
    assert_true(cpu_translate(b->cpu, 0xc0005123, ACCESS_STORE, false, &gpa));
    assert_int_equal(gpa, PAGE + 0x123);
    assert_int_equal(board_read64(b, T3 + 4 * 5) & 0xfff, P | W | A | D);
    put32(b, T4 + 4 * 0x301, 0x00c00000 | 3 << 13 | P | W | PS); /* PSE-36: bits 32 and 33 */
    assert_true(cpu_translate(b->cpu, 0xc0512345, ACCESS_LOAD, false, &gpa));
    assert_int_equal(gpa, UINT64_C(0x300d12345));
    put32(b, T4 + 4 * 0x301, 0x00c00000 | 1 << 21 | P | W | PS);
    assert_false(cpu_translate(b->cpu, 0xc0512345, ACCESS_LOAD, false, &gpa));
    assert_int_equal(b->cpu->fault.error, FP_ | FR);
    board_free(b);
}

static void test_without_pse_the_bit_means_nothing(void **state)
{
    struct board *b = narrow(0);
    uint64_t gpa;

    put32(b, T4, T3 | P | W | PS);
    put32(b, T3 + 4, PAGE | P | W);
    assert_true(cpu_translate(b->cpu, 0x1456, ACCESS_LOAD, false, &gpa));
    assert_int_equal(gpa, PAGE + 0x456);
    board_free(b);
}

static void test_pae_takes_its_first_level_from_registers(void **state)
{
    struct board *b = board_make(BOARD_32);
    uint64_t gpa;

    put(b, T4, T2 | P);
    put(b, T4 + 8, 0);
    put(b, T4 + 16, 0);
    put(b, T4 + 24, 0);
    put(b, T2, P | W | PS);
    put(b, T2 + 8, T1 | P | W);
    put(b, T1, PAGE | P | W | NX);
    b->cpu->msrs.efer = EFER_NXE;
    b->cpu->cr4 |= CR4_PAE;
    assert_true(cpu_pdptes_load(b->cpu, T4));
    b->cpu->cr3 = T4;
    b->cpu->cr0 |= CR0_PG;
    cpu_mode_changed(b->cpu);
    put(b, T4, 0); /* what is in memory does not count any more */
    assert_true(cpu_translate(b->cpu, 0x123456, ACCESS_LOAD, false, &gpa));
    assert_int_equal(gpa, 0x123456);
    assert_true(cpu_translate(b->cpu, 0x200456, ACCESS_LOAD, false, &gpa));
    assert_int_equal(gpa, PAGE + 0x456);
    assert_false(cpu_translate(b->cpu, 0x200456, ACCESS_FETCH, false, &gpa));
    assert_int_equal(b->cpu->fault.error, FP_ | FI);
    put(b, T4 + 8, 2 | P); /* reserved there */
    assert_false(cpu_pdptes_load(b->cpu, T4));
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rights_and_error_codes_are_those_of_the_manual),
        cmocka_unit_test(test_without_nxe_the_top_bit_is_reserved),
        cmocka_unit_test(test_load_sets_accessed_and_store_sets_dirty),
        cmocka_unit_test(test_fault_leaves_accessed_and_dirty_of_the_page_alone),
        cmocka_unit_test(test_sizes_of_pages_lead_to_their_places),
        cmocka_unit_test(test_flush_of_one_page_of_a_large_one_flushes_all),
        cmocka_unit_test(test_global_page_outlives_a_flush_of_the_others),
        cmocka_unit_test(test_store_over_a_missing_pages_begin_changes_nothing),
        cmocka_unit_test(test_store_over_two_missing_pages_faults_in_the_first),
        cmocka_unit_test(test_access_over_two_pages_is_put_together),
        cmocka_unit_test(test_device_is_asked_in_pieces_of_powers_of_two),
        cmocka_unit_test(test_addresses_that_are_not_canonical_fault_by_segment),
        cmocka_unit_test(test_alignment_is_checked_for_users_who_ask),
        cmocka_unit_test(test_areas_are_aligned_by_their_fields_and_there_as_a_whole),
        cmocka_unit_test(test_two_levels_lead_to_pages_of_both_sizes),
        cmocka_unit_test(test_without_pse_the_bit_means_nothing),
        cmocka_unit_test(test_pae_takes_its_first_level_from_registers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
