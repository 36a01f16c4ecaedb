/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSE to SSE4.2: every row of the instruction table, registers and memory (aligned or not, over a page's end), against
 * this machine's own processor: results, MXCSR, flags, faults.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cpu_native.h"

#include "cpu/sse.h"

/* What our processor does not have, and what test_cpu_xstate.c is about. */
static bool left_out(enum insn_name name)
{
    switch (name) {
    case INSN_SHA1NEXTE:
    case INSN_SHA1MSG1:
    case INSN_SHA1MSG2:
    case INSN_SHA1RNDS4:
    case INSN_SHA256RNDS2:
    case INSN_SHA256MSG1:
    case INSN_SHA256MSG2:
    case INSN_GF2P8MULB:
    case INSN_GF2P8AFFINEQB:
    case INSN_GF2P8AFFINEINVQB:
    case INSN_FXSAVE:
    case INSN_FXRSTOR:
    case INSN_LDMXCSR:
        return true;
    default:
        return !sse_model_has(&native_cpu()->model, name, false); /* then the host has it not either */
    }
}

static void test_sse_masked_does_what_the_host_does(void **state)
{
    if (!native_has(CLASS_SSE))
        skip();
    native_random_seed(1);
    assert_int_equal(native_compare_rows(CLASS_SSE, left_out, NULL, 400, false), 0);
}

static void test_sse_unmasked_raises_what_the_host_raises(void **state)
{
    if (!native_has(CLASS_SSE))
        skip();
    native_random_seed(2);
    assert_int_equal(native_compare_rows(CLASS_SSE, left_out, NULL, 400, true), 0);
}

static bool left_out_of_sequences(enum insn_name name)
{
    return left_out(name) || name == INSN_FEMMS;
}

static void test_sequences_do_what_the_host_does(void **state)
{
    if (!native_has(CLASS_SSE))
        skip();
    native_random_seed(4);
    assert_int_equal(native_compare_sequences(left_out_of_sequences, 20000, false), 0);
    assert_int_equal(native_compare_sequences(left_out_of_sequences, 20000, true), 0);
}

/* ---- What the host's processor cannot be made to show ------------------------------------------------------------ */

static const uint8_t paddb[] = {0x66, 0x0f, 0xfc, 0xc1}, addsd_zero_by[] = {0xf2, 0x0f, 0x5e, 0xc1},
                     cvtpi2ps[] = {0x0f, 0x2a, 0xc1};

static int fault_of(const uint8_t *code, unsigned length)
{
    static struct native_state s;

    native_random_seed(3);
    native_random_state(&s, false);
    uint32_t mxcsr = 0x1d80; /* divide by zero unmasked */
    memcpy(s.fx + 24, &mxcsr, 4);
    memset(s.fx + 160, 0, 32);
    s.fx[160 + 7] = 0x40; /* 2.0 by 0 */
    return native_ours(&s, code, length);
}

static void test_sse_with_ts_raises_device_not_available(void **state)
{
    struct cpu *cpu = native_cpu();

    cpu->cr0 |= CR0_TS;
    fpu_mode_changed(cpu);
    assert_int_equal(fault_of(paddb, 4), VECTOR_NM);
    assert_int_equal(fault_of(addsd_zero_by, 4), VECTOR_NM);
    assert_int_equal(fault_of(cvtpi2ps, 3), VECTOR_NM);
    cpu->cr0 &= ~CR0_TS;
    fpu_mode_changed(cpu);
    assert_int_equal(fault_of(paddb, 4), NATIVE_NO_FAULT);
}

static void test_sse_with_em_or_without_osfxsr_is_invalid(void **state)
{
    struct cpu *cpu = native_cpu();

    cpu->cr0 |= CR0_EM | CR0_TS;
    fpu_mode_changed(cpu);
    assert_int_equal(fault_of(paddb, 4), VECTOR_UD);
    cpu->cr0 &= ~(CR0_EM | CR0_TS);
    cpu->cr4 &= ~CR4_OSFXSR;
    fpu_mode_changed(cpu);
    assert_int_equal(fault_of(paddb, 4), VECTOR_UD);
    assert_int_equal(fault_of(addsd_zero_by, 4), VECTOR_UD);
    cpu->cr4 |= CR4_OSFXSR;
    fpu_mode_changed(cpu);
}

static void test_sse_unmasked_without_osxmmexcpt_is_invalid(void **state)
{
    struct cpu *cpu = native_cpu();

    assert_int_equal(fault_of(addsd_zero_by, 4), VECTOR_XM);
    cpu->cr4 &= ~CR4_OSXMMEXCPT;
    assert_int_equal(fault_of(addsd_zero_by, 4), VECTOR_UD);
    cpu->cr4 |= CR4_OSXMMEXCPT;
}

static int setup(void **state)
{
    native_setup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sse_masked_does_what_the_host_does),
        cmocka_unit_test(test_sse_unmasked_raises_what_the_host_raises),
        cmocka_unit_test(test_sequences_do_what_the_host_does),
        cmocka_unit_test(test_sse_with_ts_raises_device_not_available),
        cmocka_unit_test(test_sse_with_em_or_without_osfxsr_is_invalid),
        cmocka_unit_test(test_sse_unmasked_without_osxmmexcpt_is_invalid),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
