/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x87: every row of the instruction table against this machine's own processor, from stacks full, empty and
 * between, with numbers of all kinds, all roundings and precisions, exceptions masked and not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cpu_native.h"

static bool left_out(enum insn_name name)
{
    return false;
}

static void test_x87_masked_does_what_the_host_does(void **state)
{
    if (!native_has(CLASS_X87))
        skip();
    native_random_seed(1);
    assert_int_equal(native_compare_rows(CLASS_X87, left_out, NULL, 600, false), 0);
}

static void test_x87_unmasked_does_what_the_host_does(void **state)
{
    if (!native_has(CLASS_X87))
        skip();
    native_random_seed(2);
    assert_int_equal(native_compare_rows(CLASS_X87, left_out, NULL, 600, true), 0);
}

/* ---- Refusals -------------------------------------------------------------------------------------------------------
 */

static int fault_with(uint64_t cr0, const uint8_t *code, unsigned length, bool due)
{
    static struct native_state s;
    struct cpu *cpu = native_cpu();
    uint64_t usual = cpu->cr0;

    native_random_state(&s, false);
    uint16_t control = 0x37e, status = due ? 1 : 0; /* an invalid operation, unmasked */
    memcpy(s.fx, &control, 2);
    memcpy(s.fx + 2, &status, 2);
    cpu->cr0 = (usual & ~(CR0_EM | CR0_TS | CR0_MP | CR0_NE)) | cr0;
    fpu_mode_changed(cpu);
    int v = native_ours(&s, code, length);
    cpu->cr0 = usual;
    fpu_mode_changed(cpu);
    return v;
}

static void test_x87_is_refused_as_cr0_says(void **state)
{
    static const uint8_t fld1[] = {0xd9, 0xe8}, fwait[] = {0x9b}, fninit[] = {0xdb, 0xe3}, fnstsw[] = {0xdf, 0xe0};

    assert_int_equal(fault_with(CR0_NE, fld1, 2, false), NATIVE_NO_FAULT);
    assert_int_equal(fault_with(CR0_NE, fld1, 2, true), VECTOR_MF);
    assert_int_equal(fault_with(0, fld1, 2, true), NATIVE_NO_FAULT);
    assert_int_equal(fault_with(CR0_NE | CR0_TS, fld1, 2, true), VECTOR_NM);
    assert_int_equal(fault_with(CR0_NE | CR0_EM, fld1, 2, false), VECTOR_NM);
    assert_int_equal(fault_with(CR0_NE, fwait, 1, true), VECTOR_MF);
    assert_int_equal(fault_with(CR0_TS, fwait, 1, false), NATIVE_NO_FAULT);
    assert_int_equal(fault_with(CR0_TS | CR0_MP, fwait, 1, false), VECTOR_NM);
    assert_int_equal(fault_with(CR0_EM, fwait, 1, false), NATIVE_NO_FAULT);
    assert_int_equal(fault_with(CR0_NE, fninit, 2, true), NATIVE_NO_FAULT);
    assert_int_equal(fault_with(CR0_NE, fnstsw, 2, true), NATIVE_NO_FAULT);
    assert_int_equal(fault_with(CR0_TS, fnstsw, 2, false), VECTOR_NM);
}

/* ---- Layouts of the environment that 64-bit code does not have
 * --------------------------------------------------------- */

/* fnstenv [rsi] with bytes 0 to 13 or 27 as given, from ip 12345678, dp 23456789, opcode 123, all registers empty. */
static void assert_environment(enum cpu_mode mode, bool wide, const uint8_t *expected)
{
    static const uint8_t narrow_code[] = {0x66, 0xd9, 0x36}, wide_code[] = {0xd9, 0x36};
    static struct native_state s;
    struct cpu *cpu = native_cpu();

    memset(&s, 0, sizeof s);
    memcpy(s.fx, &(uint16_t){0x37f}, 2);
    memcpy(s.fx + 2, &(uint16_t){0x3800}, 2);
    memcpy(s.fx + 6, &(uint16_t){0x123}, 2);
    memcpy(s.fx + 8, &(uint64_t){0x12345678}, 8);
    memcpy(s.fx + 16, &(uint64_t){0x23456789}, 8);
    s.rsi = (uint64_t)(uintptr_t)native_setup();
    /* bound as 64-bit code; the layout is chosen when it runs */
    cpu->mode = mode;
    native_ours(&s, wide ? wide_code : narrow_code, wide ? 2 : 3);
    cpu->mode = MODE_LONG;
    assert_memory_equal(s.memory, expected, wide ? 28 : 14);
}

static void test_fnstenv_in_real_mode_has_linear_pointers(void **state)
{
    assert_environment(
        MODE_V86, false,
        (const uint8_t[]){0x7f, 0x03, 0x00, 0x38, 0xff, 0xff, 0x78, 0x56, 0x23, 0x41, 0x89, 0x67, 0x00, 0x50});
    assert_environment(MODE_V86, true, (const uint8_t[]){0x7f, 0x03, 0xff, 0xff, 0x00, 0x38, 0xff, 0xff, 0xff, 0xff,
                                                         0xff, 0xff, 0x78, 0x56, 0xff, 0xff, 0x23, 0x41, 0x23, 0x01,
                                                         0x89, 0x67, 0xff, 0xff, 0x00, 0x50, 0x34, 0x02});
}

static void test_fnstenv_in_protected_mode_has_offsets_and_opcode(void **state)
{
    assert_environment(
        MODE_PROTECTED, false,
        (const uint8_t[]){0x7f, 0x03, 0x00, 0x38, 0xff, 0xff, 0x78, 0x56, 0x00, 0x00, 0x89, 0x67, 0x00, 0x00});
    assert_environment(MODE_PROTECTED, true,
                       (const uint8_t[]){0x7f, 0x03, 0xff, 0xff, 0x00, 0x38, 0xff, 0xff, 0xff, 0xff,
                                         0xff, 0xff, 0x78, 0x56, 0x34, 0x12, 0x00, 0x00, 0x23, 0x01,
                                         0x89, 0x67, 0x45, 0x23, 0x00, 0x00, 0xff, 0xff});
}

static int setup(void **state)
{
    native_setup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_x87_masked_does_what_the_host_does),
        cmocka_unit_test(test_x87_unmasked_does_what_the_host_does),
        cmocka_unit_test(test_x87_is_refused_as_cr0_says),
        cmocka_unit_test(test_fnstenv_in_real_mode_has_linear_pointers),
        cmocka_unit_test(test_fnstenv_in_protected_mode_has_offsets_and_opcode),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
