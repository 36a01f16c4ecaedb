/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVX and AVX2: every row of the instruction table, registers and memory (aligned or not, over a page's end), 16 and 32
 * bytes, against this machine's own processor: results, upper halves, MXCSR, flags, faults. Then what it cannot be made
 * to show: who refuses when, what CPUID says, the state's record, faults of masked and gathered elements.
 */
#include "cpu_harness.h"
#include "cpu_native.h"

#include "cpu/features.h"
#include "cpu/fpu.h"
#include "cpu/system.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_avx_masked_does_what_the_host_does(void **state)
{
    if (!native_has(CLASS_AVX))
        skip();
    native_random_seed(11);
    assert_int_equal(native_compare_rows(CLASS_AVX, native_lacks, NULL, 300, false), 0);
}

static void test_avx_unmasked_raises_what_the_host_raises(void **state)
{
    if (!native_has(CLASS_AVX))
        skip();
    native_random_seed(12);
    assert_int_equal(native_compare_rows(CLASS_AVX, native_lacks, NULL, 300, true), 0);
}

/* ---- Refusals ---------------------------------------------------------------------------------------------------- */

static const uint8_t vaddps[] = {0xc5, 0xfc, 0x58, 0xc1}, vpaddb[] = {0xc5, 0xf9, 0xfc, 0xc1},
                     vpaddb_32[] = {0xc5, 0xfd, 0xfc, 0xc1}, vmovaps[] = {0xc5, 0xfc, 0x28, 0x06},
                     vmovups[] = {0xc5, 0xfc, 0x10, 0x06}, vcomiss[] = {0xc5, 0xf8, 0x2f, 0xc1},
                     vcvttsd2si[] = {0xc5, 0xfb, 0x2c, 0xc1}, vpcmpistri[] = {0xc4, 0xe3, 0x79, 0x63, 0xc1, 0},
                     vzeroupper[] = {0xc5, 0xf8, 0x77}, andn[] = {0xc4, 0xe2, 0x78, 0xf2, 0xc1};
#define CODE(name) #name, name, sizeof(name)
static const struct coded {
    const char *label;
    const uint8_t *code;
    unsigned length;
} all[] = {{CODE(vaddps)},  {CODE(vpaddb)},     {CODE(vmovaps)},    {CODE(vmovups)},
           {CODE(vcomiss)}, {CODE(vcvttsd2si)}, {CODE(vpcmpistri)}, {CODE(vzeroupper)}};

static int fault_of(const uint8_t *code, unsigned length)
{
    static struct native_state s;

    native_random_seed(13);
    native_random_state(&s, false);
    s.rsi = (uint64_t)(uintptr_t)native_setup();
    return native_ours(&s, code, length);
}

static void expect_all(int fault, const char *when)
{
    fpu_mode_changed(native_cpu());
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        int got = fault_of(all[i].code, all[i].length);
        if (got != fault)
            fail_msg("%s %s: fault %d, expected %d", all[i].label, when, got, fault);
    }
}

static void test_avx_is_refused_as_controls_say(void **state)
{
    struct cpu *cpu = native_cpu();

    if (!native_has(CLASS_AVX))
        skip();
    expect_all(NATIVE_NO_FAULT, "as it is");
    cpu->xcr0 = 3;
    expect_all(VECTOR_UD, "without XCR0's bit");
    cpu->xcr0 = 7;
    cpu->cr4 &= ~CR4_OSXSAVE;
    cpu->cr0 |= CR0_TS;
    expect_all(VECTOR_UD, "without OSXSAVE");
    cpu->cr4 |= CR4_OSXSAVE;
    expect_all(VECTOR_NM, "with TS");
    cpu->cr0 &= ~CR0_TS;
    cpu->cr0 |= CR0_EM; /* means nothing to it, nor does OSFXSR */
    cpu->cr4 &= ~CR4_OSFXSR;
    expect_all(NATIVE_NO_FAULT, "with EM, without OSFXSR");
    cpu->cr0 &= ~CR0_EM;
    cpu->cr4 |= CR4_OSFXSR;
    cpu->mode = MODE_V86;
    expect_all(VECTOR_UD, "in virtual-8086 mode");
    cpu->mode = MODE_LONG;
    fpu_mode_changed(cpu);
}

static void test_avx_is_refused_where_the_model_has_none(void **state)
{
    struct cpu *cpu = native_cpu();
    struct cpu_model before = cpu->model;

    if (!native_has(CLASS_AVX))
        skip();
    cpu->model.features[CPU_AVX2 / 32] &= ~(1u << CPU_AVX2 % 32);
    expect_all(NATIVE_NO_FAULT, "without AVX2");
    assert_int_equal(fault_of(vpaddb_32, sizeof vpaddb_32), VECTOR_UD);
    cpu->model.features[CPU_AVX / 32] &= ~(1u << CPU_AVX % 32);
    expect_all(VECTOR_UD, "without AVX");
    assert_int_equal(fault_of(andn, sizeof andn), NATIVE_NO_FAULT); /* general registers: none of AVX's business */
    cpu->model = before;
}

/* W is for general registers of 64 bits, and means nothing to them elsewhere; of some it chooses the instruction. */
static void test_w_outside_of_64_bit_mode_leaves_general_registers_alone(void **state)
{
    /* vcvttsd2si eax, xmm1 and vpsllvq xmm0, xmm1, xmm1, both with W */
    static const uint8_t convert[] = {0xc4, 0xe1, 0xfb, 0x2c, 0xc1}, shift[] = {0xc4, 0xe2, 0xf1, 0x47, 0xc1};
    const uint64_t large = UINT64_C(0xc2f0000000000000), one = 1; /* -2^48 */
    if (!native_has(CLASS_AVX))
        skip();
    struct board *b = board_make(BOARD_32);
    const char *names;

    cpu_model_find("max", &b->cpu->model, &names);
    b->cpu->cr4 |= CR4_OSXSAVE;
    b->cpu->xcr0 = 7;
    cpu_mode_changed(b->cpu);
    memcpy(b->cpu->fpu.xmm[1].bytes, &large, 8);
    board_code(b, convert, sizeof convert);
    board_run(b, 1);
    assert_int_equal(b->cpu->gpr[GPR_AX], 0x80000000);
    memcpy(b->cpu->fpu.xmm[1].bytes, &one, 8);
    memcpy(b->cpu->fpu.xmm[1].bytes + 8, &one, 8);
    board_code(b, shift, sizeof shift);
    board_run(b, 1);
    assert_int_equal(b->cpu->fpu.xmm[0].bytes[8], 2);
    board_free(b);
}

static void test_prefixes_that_vex_replaces_are_refused(void **state)
{
    static const uint8_t prefixes[] = {0xf0, 0x66, 0xf2, 0xf3, 0x48};
    uint8_t code[5];

    for (unsigned i = 0; i < sizeof prefixes; i++) {
        code[0] = prefixes[i];
        memcpy(code + 1, vaddps, 4);
        assert_int_equal(fault_of(code, 5), VECTOR_UD);
    }
    assert_int_equal(fault_of((const uint8_t[]){0xc5, 0xf4, 0x28, 0x06}, 4), VECTOR_UD); /* vmovaps with vvvv */
}

/* ---- What CPUID says --------------------------------------------------------------------------------------------- */

static void test_cpuid_tells_of_avx_where_it_is(void **state)
{
    struct board *b = board_make(BOARD_64);
    struct cpu_model m;
    const char *names;

    assert_int_equal(cpu_model_find("moat64", &m, &names), 0);
    assert_false(cpu_model_has(&m, CPU_AVX));
    b->cpu->model = m;
    assert_int_equal(cpu_cpuid(b->cpu, 0xd, 0).eax, 3);
    assert_int_equal(cpu_cpuid(b->cpu, 0xd, 0).ecx, 576);
    assert_int_equal(cpu_cpuid(b->cpu, 0xd, 2).eax, 0);
    if (native_has(CLASS_AVX)) {
        assert_int_equal(cpu_model_find("max", &b->cpu->model, &names), 0);
        assert_true(cpu_cpuid(b->cpu, 1, 0).ecx >> 28 & 1);
        assert_true(cpu_cpuid(b->cpu, 7, 0).ebx >> 5 & 1);
        assert_int_equal(cpu_cpuid(b->cpu, 0xd, 0).eax, 7);
        assert_int_equal(cpu_cpuid(b->cpu, 0xd, 0).ebx, 576);
        assert_int_equal(cpu_cpuid(b->cpu, 0xd, 0).ecx, 832);
        assert_int_equal(cpu_cpuid(b->cpu, 0xd, 2).eax, 256);
        assert_int_equal(cpu_cpuid(b->cpu, 0xd, 2).ebx, 576);
        b->cpu->xcr0 = 7;
        assert_int_equal(cpu_cpuid(b->cpu, 0xd, 0).ebx, 832);
        assert_int_equal(cpu_model_find("max,-xsave", &m, &names), 0);
        assert_false(cpu_model_has(&m, CPU_AVX) || cpu_model_has(&m, CPU_AVX2));
        assert_int_equal(cpu_model_find("moat64,+avx", &m, &names), 0);
        assert_true(cpu_model_has(&m, CPU_AVX) && !cpu_model_has(&m, CPU_AVX2));
    }
    board_free(b);
}

/* ---- Elements that are not touched, and those that fail ---------------------------------------------------------- */

/* 64-bit mode with AVX; of the page at BOARD_DATA and the 2 MiB page behind, the second is not there. */
enum { HOLE = 2 << 20 };
static struct board *board_with_avx(enum board_mode mode)
{
    struct board *b = board_make(mode);
    const char *names;

    board_catch(b);
    cpu_model_find("max", &b->cpu->model, &names);
    b->cpu->cr4 |= CR4_OSXSAVE;
    b->cpu->xcr0 = 7;
    board_write64(b, BOARD_TABLES + 0x2008, 0);
    cpu_mode_changed(b->cpu);
    cpu_tlb_flush(b->cpu, true);
    return b;
}
static void set32(struct board *b, unsigned reg, unsigned n, uint32_t v)
{
    memcpy(b->cpu->fpu.xmm[reg].bytes + 4 * (size_t)n, &v, 4);
}
static uint32_t get32(const struct board *b, unsigned reg, unsigned n)
{
    uint32_t v;
    memcpy(&v, b->cpu->fpu.xmm[reg].bytes + 4 * (size_t)n, 4);
    return v;
}

static void test_masked_moves_touch_chosen_elements_alone(void **state)
{
    /* vmaskmovps ymm0, ymm1, [rsi]; vmaskmovps [rsi], ymm1, ymm0 */
    static const uint8_t code[] = {0xc4, 0xe2, 0x75, 0x2c, 0x06, 0xc4, 0xe2, 0x75, 0x2e, 0x06};
    if (!native_has(CLASS_AVX))
        skip();
    struct board *b = board_with_avx(BOARD_64);

    board_code(b, code, sizeof code);
    b->cpu->gpr[GPR_SI] = HOLE - 16;
    board_write64(b, HOLE - 16, UINT64_C(0x1111111122222222));
    for (unsigned i = 0; i < 8; i++)
        set32(b, 1, i, i == 0 || i == 2 ? 0x80000000 : 0x7fffffff);
    board_run(b, 2);
    assert_int_equal(get32(b, 0, 0), 0x22222222);
    assert_int_equal(get32(b, 0, 1), 0);
    set32(b, 1, 5, 0x80000000);
    set32(b, 0, 0, 0x33333333);
    b->cpu->rip = BOARD_CODE + 5;
    struct caught c = board_run_caught(b, 3);
    assert_int_equal(c.vector, VECTOR_PF);
    assert_int_equal(b->cpu->cr2, HOLE + 4);
    assert_int_equal(board_read64(b, HOLE - 16), UINT64_C(0x1111111122222222)); /* nothing of it was stored */
    board_free(b);
}

static void test_gather_keeps_what_came_before_a_fault(void **state)
{
    static const uint8_t code[] = {0xc4, 0xe2, 0x6d, 0x90, 0x04, 0x0e}; /* vpgatherdd ymm0, [rsi + ymm1], ymm2 */
    if (!native_has(CLASS_AVX))
        skip();
    struct board *b = board_with_avx(BOARD_64);

    board_code(b, code, sizeof code);
    b->cpu->gpr[GPR_SI] = HOLE - 16;
    board_write64(b, HOLE - 16, UINT64_C(0x1111111122222222));
    for (unsigned i = 0; i < 8; i++) {
        set32(b, 0, i, 0x55);
        set32(b, 1, i, i == 3 ? 16 : i & 1 ? 4 : 0);
        set32(b, 2, i, i == 1 ? 0 : 0x80000000);
    }
    struct caught c = board_run_caught(b, 3);
    assert_int_equal(c.vector, VECTOR_PF);
    assert_int_equal(b->cpu->cr2, HOLE);
    assert_int_equal(get32(b, 0, 0), 0x22222222);
    assert_int_equal(get32(b, 0, 1), 0x55);
    assert_int_equal(get32(b, 0, 2), 0x22222222);
    assert_int_equal(get32(b, 0, 3), 0x55);
    assert_int_equal(get32(b, 2, 2), 0);
    assert_int_equal(get32(b, 2, 3), 0x80000000);
    set32(b, 1, 3, 4); /* and goes on there */
    b->cpu->rip = BOARD_CODE;
    b->cpu->halted = false;
    cpu_mode_changed(b->cpu);
    assert_int_equal(cpu_run(b->cpu, 1), CPU_EXIT_BUDGET);
    assert_int_equal(get32(b, 0, 3), 0x11111111);
    assert_int_equal(get32(b, 0, 7), 0x11111111);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(get32(b, 2, i), 0);
    board_free(b);
}

/* Of masked moves alignment is never checked, of others it is where the user asks for it. */
static void test_masked_moves_may_be_misaligned(void **state)
{
    /* vmaskmovps ymm0, ymm1, [rsi]; vmovss xmm0, [rsi] */
    static const uint8_t code[] = {0xc4, 0xe2, 0x75, 0x2c, 0x06, 0xc5, 0xfa, 0x10, 0x06};
    if (!native_has(CLASS_AVX))
        skip();
    struct board *b = board_with_avx(BOARD_64_USER);

    b->cpu->cr0 |= CR0_AM;
    b->cpu->rflags |= RFLAGS_AC;
    cpu_mode_changed(b->cpu);
    board_code(b, code, sizeof code);
    b->cpu->gpr[GPR_SI] = BOARD_DATA + 1;
    memset(b->cpu->fpu.xmm[1].bytes, 0xff, 32);
    struct caught c = board_run_caught(b, 4);
    assert_int_equal(c.vector, VECTOR_AC);
    assert_int_equal(c.rip, BOARD_CODE + 5);
    board_free(b);
}

/* A state with AVX is none for a processor without. */
static void test_state_with_avx_fits_where_avx_is(void **state)
{
    if (!native_has(CLASS_AVX))
        skip();
    struct board *b = board_with_avx(BOARD_64);
    struct vcpu_state s;
    const char *names;

    memset(b->cpu->fpu.xmm[3].bytes, 7, 32);
    cpu_state_get(b->cpu, &s);
    assert_int_equal(vcpu_state_check(&s, &names), 0);
    assert_true(cpu_state_fits(b->cpu, &s));
    memset(b->cpu->fpu.xmm, 0, sizeof b->cpu->fpu.xmm);
    cpu_state_set(b->cpu, &s);
    assert_int_equal(b->cpu->fpu.xmm[3].bytes[31], 7);
    assert_int_equal(cpu_model_find("moat64", &b->cpu->model, &names), 0);
    assert_false(cpu_state_fits(b->cpu, &s));
    s.xcr0 = 3;
    assert_true(cpu_state_fits(b->cpu, &s));
    board_free(b);
}

static void test_aligned_moves_want_their_whole_width(void **state)
{
    static const uint8_t store[] = {0xc5, 0xfc, 0x29, 0x06}, narrow[] = {0xc5, 0xf8, 0x29, 0x06};
    if (!native_has(CLASS_AVX))
        skip();
    struct board *b = board_with_avx(BOARD_64);

    b->cpu->gpr[GPR_SI] = BOARD_DATA + 16;
    board_code(b, narrow, sizeof narrow);
    board_run(b, 1);
    board_code(b, store, sizeof store);
    struct caught c = board_run_caught(b, 3);
    assert_int_equal(c.vector, VECTOR_GP);
    assert_int_equal(c.error, 0);
    board_free(b);
}

/* SSE leaves upper halves as they are. */
static void test_vzeroupper_in_32_bits_has_eight_registers(void **state)
{
    if (!native_has(CLASS_AVX))
        skip();
    struct board *b = board_make(BOARD_32);
    const char *names;

    cpu_model_find("max", &b->cpu->model, &names);
    b->cpu->cr4 |= CR4_OSXSAVE;
    b->cpu->xcr0 = 7;
    cpu_mode_changed(b->cpu);
    for (unsigned i = 0; i < 16; i++)
        memset(b->cpu->fpu.xmm[i].bytes, 1, 32);
    board_code(b, (const uint8_t[]){0x0f, 0x57, 0xc0, 0xc5, 0xf8, 0x77}, 6); /* xorps xmm0, xmm0; vzeroupper */
    board_run(b, 1);
    assert_int_equal(b->cpu->fpu.xmm[0].bytes[0], 0);
    assert_int_equal(b->cpu->fpu.xmm[0].bytes[16], 1);
    board_run(b, 1);
    assert_int_equal(b->cpu->fpu.xmm[7].bytes[15], 1);
    assert_int_equal(b->cpu->fpu.xmm[7].bytes[16], 0);
    assert_int_equal(b->cpu->fpu.xmm[8].bytes[16], 1);
    board_free(b);
}

static int setup(void **state)
{
    native_setup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_avx_masked_does_what_the_host_does),
        cmocka_unit_test(test_avx_unmasked_raises_what_the_host_raises),
        cmocka_unit_test(test_avx_is_refused_as_controls_say),
        cmocka_unit_test(test_avx_is_refused_where_the_model_has_none),
        cmocka_unit_test(test_w_outside_of_64_bit_mode_leaves_general_registers_alone),
        cmocka_unit_test(test_prefixes_that_vex_replaces_are_refused),
        cmocka_unit_test(test_cpuid_tells_of_avx_where_it_is),
        cmocka_unit_test(test_masked_moves_touch_chosen_elements_alone),
        cmocka_unit_test(test_gather_keeps_what_came_before_a_fault),
        cmocka_unit_test(test_masked_moves_may_be_misaligned),
        cmocka_unit_test(test_state_with_avx_fits_where_avx_is),
        cmocka_unit_test(test_aligned_moves_want_their_whole_width),
        cmocka_unit_test(test_vzeroupper_in_32_bits_has_eight_registers),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
