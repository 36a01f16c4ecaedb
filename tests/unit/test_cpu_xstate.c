/* SPDX-License-Identifier: Apache-2.0 */
/* The unit's state in memory: fxsave and xsave and their inverses against this machine's own processor, and refusals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cpu_native.h"

static bool left_out(enum insn_name name)
{
    switch (name) {
    case INSN_FXSAVE:
    case INSN_FXRSTOR:
    case INSN_LDMXCSR:
    case INSN_STMXCSR:
    case INSN_VLDMXCSR:
    case INSN_VSTMXCSR:
    case INSN_XSAVE:
    case INSN_XRSTOR:
    case INSN_XSAVEOPT:
        return false;
    default:
        return true;
    }
}

/* An image that can be loaded, most of the time; what to save or load at random, of the components that we have. */
static void prepare(struct native_state *s, uint8_t *operand, enum insn_name name)
{
    static struct native_state other;
    const unsigned components = native_has(CLASS_AVX) ? 7 : 3;

    if (name != INSN_STMXCSR && name != INSN_VSTMXCSR)
        s->rsi = (uint64_t)(uintptr_t)native_setup() + (native_random() % 8 ? 0 : 16 * (native_random() % 4));
    s->rax = native_random() & components;
    s->rdx = 0;
    native_random_state(&other, native_random() % 2);
    if (name == INSN_LDMXCSR || name == INSN_STMXCSR || name == INSN_VLDMXCSR || name == INSN_VSTMXCSR) {
        memcpy(operand, other.fx + 24, 4);
        memcpy(s->memory, other.fx + 24, 4);
        if (native_random() % 8 == 0)
            s->memory[2] = 1;
        return;
    }
    memcpy(s->memory, other.fx, 512);
    memset(s->memory + 512, 0, 64);
    s->memory[512] = native_random() & components;
    switch (native_random() % 16) {
    case 0:
        s->memory[26] = 1; /* a reserved bit of MXCSR */
        break;
    case 1:
        s->memory[512 + 8 + native_random() % 16] = 1; /* of the header */
        break;
    case 2:
        s->memory[512 + 24 + native_random() % 40] = 1; /* there nobody minds */
        break;
    }
}

static void test_images_are_the_host_s(void **state)
{
    if (!native_has(CLASS_SYSTEM))
        skip();
    native_random_seed(1);
    assert_int_equal(native_compare_rows(CLASS_SSE, left_out, prepare, 500, false), 0);
    assert_int_equal(native_compare_rows(CLASS_SSE, left_out, prepare, 500, true), 0);
    if (native_has(CLASS_AVX))
        assert_int_equal(native_compare_rows(CLASS_AVX, left_out, prepare, 500, true), 0);
}

static void test_xsave_and_xrstor_do_what_the_host_does(void **state)
{
    if (!native_has(CLASS_SYSTEM))
        skip();
    native_random_seed(2);
    assert_int_equal(native_compare_rows(CLASS_SYSTEM, left_out, prepare, 500, false), 0);
}

/* ---- Refusals
 * --------------------------------------------------------------------------------------------------------- */

static int fault_of(const uint8_t *code, unsigned length, uint64_t rcx, uint64_t rax)
{
    static struct native_state s;

    native_random_state(&s, false);
    s.rsi = (uint64_t)(uintptr_t)native_setup();
    s.rcx = rcx;
    s.rax = rax;
    s.rdx = 0;
    memset(s.memory, 0, sizeof s.memory);
    return native_ours(&s, code, length);
}

static const uint8_t fxsave[] = {0x0f, 0xae, 0x06}, xsave[] = {0x0f, 0xae, 0x26}, xrstor[] = {0x0f, 0xae, 0x2e},
                     xgetbv[] = {0x0f, 0x01, 0xd0}, xsetbv[] = {0x0f, 0x01, 0xd1}, stmxcsr[] = {0x0f, 0xae, 0x1e},
                     xsavec[] = {0x0f, 0xc7, 0x26};

static void test_xsave_without_osxsave_is_invalid(void **state)
{
    struct cpu *cpu = native_cpu();

    assert_int_equal(fault_of(xsave, 3, 0, 3), NATIVE_NO_FAULT);
    cpu->cr4 &= ~CR4_OSXSAVE;
    assert_int_equal(fault_of(xsave, 3, 0, 3), VECTOR_UD);
    assert_int_equal(fault_of(xrstor, 3, 0, 3), VECTOR_UD);
    assert_int_equal(fault_of(xgetbv, 3, 0, 0), VECTOR_UD);
    assert_int_equal(fault_of(xsetbv, 3, 0, 3), VECTOR_UD);
    cpu->cr4 |= CR4_OSXSAVE;
    assert_int_equal(fault_of(xsavec, 3, 0, 3), VECTOR_UD);
}

static void test_saving_with_ts_raises_device_not_available(void **state)
{
    struct cpu *cpu = native_cpu();

    cpu->cr0 |= CR0_TS;
    fpu_mode_changed(cpu);
    assert_int_equal(fault_of(fxsave, 3, 0, 0), VECTOR_NM);
    assert_int_equal(fault_of(xsave, 3, 0, 3), VECTOR_NM);
    assert_int_equal(fault_of(stmxcsr, 3, 0, 0), VECTOR_NM);
    cpu->cr0 &= ~CR0_TS;
    fpu_mode_changed(cpu);
}

static void test_xsetbv_takes_what_there_is_in_ring_0_alone(void **state)
{
    const struct {
        const char *label;
        uint64_t rcx, rax;
        uint8_t cpl;
        int fault;
    } cases[] = {
        {"both", 0, 3, 0, NATIVE_NO_FAULT},
        {"x87", 0, 1, 0, NATIVE_NO_FAULT},
        {"without x87", 0, 2, 0, VECTOR_GP},
        {"with avx", 0, 7, 0, native_has(CLASS_AVX) ? NATIVE_NO_FAULT : VECTOR_GP},
        {"avx without sse", 0, 5, 0, VECTOR_GP},
        {"avx512", 0, 0xe7, 0, VECTOR_GP},
        {"register 1", 1, 3, 0, VECTOR_GP},
        {"ring 3", 0, 3, 3, VECTOR_GP},
        {"x87 again", 0, 1, 0, NATIVE_NO_FAULT},
    };
    struct cpu *cpu = native_cpu();

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cpu->cpl = cases[i].cpl;
        int fault = fault_of(xsetbv, 3, cases[i].rcx, cases[i].rax);
        cpu->cpl = 0;
        if (fault != cases[i].fault)
            fail_msg("%s: fault %d", cases[i].label, fault);
    }
    assert_int_equal(cpu->xcr0, 1);
    cpu->xcr0 = native_has(CLASS_AVX) ? 7 : 3;
    fpu_mode_changed(cpu);
}

/* An upper half that is 0 is in its first state: XSTATE_BV says so, and XSAVEOPT leaves the memory alone. */
static void test_xsave_of_upper_halves_that_are_0_says_so(void **state)
{
    static const uint8_t xsaveopt[] = {0x0f, 0xae, 0x36};
    static struct native_state s;

    if (!native_has(CLASS_AVX))
        skip();
    native_random_state(&s, false);
    s.rsi = (uint64_t)(uintptr_t)native_setup();
    s.rax = 7;
    s.rdx = 0;
    memset(s.high, 0, sizeof s.high);
    memset(s.memory, 0xaa, sizeof s.memory);
    memset(s.memory + 512, 0, 64);
    s.memory[512] = 4;
    assert_int_equal(native_ours(&s, xsaveopt, 3), NATIVE_NO_FAULT);
    assert_int_equal(s.memory[512], 3);
    assert_int_equal(s.memory[576], 0xaa);
    s.rax = 6;
    assert_int_equal(native_ours(&s, xsave, 3), NATIVE_NO_FAULT);
    assert_int_equal(s.memory[512], 3);
    assert_int_equal(s.memory[576], 0);
    s.high[255] = 1;
    assert_int_equal(native_ours(&s, xsaveopt, 3), NATIVE_NO_FAULT);
    assert_int_equal(s.memory[512], 7);
    assert_int_equal(s.memory[576 + 255], 1);
}

/* ---- For snapshots
 * ------------------------------------------------------------------------------------------------------ */

static void test_state_that_is_saved_and_loaded_is_the_same(void **state)
{
    static uint8_t first[VCPU_XSAVE_BYTES], second[VCPU_XSAVE_BYTES];
    static struct native_state s;
    struct cpu *cpu = native_cpu();

    native_random_state(&s, true);
    memcpy(first, s.fx, 416);
    memcpy(first + 576, s.high, sizeof s.high);
    first[576] = 1;
    first[512] = 7;
    fpu_from_xsave(cpu, first);
    fpu_to_xsave(cpu, first);
    fpu_reset(cpu);
    fpu_from_xsave(cpu, first);
    fpu_to_xsave(cpu, second);
    assert_memory_equal(first, second, sizeof first);
    assert_int_equal(second[512], 7);
    assert_memory_equal(second + 577, s.high + 1, sizeof s.high - 1);
    second[512] = 3; /* a record without the component: its bytes mean nothing */
    fpu_from_xsave(cpu, second);
    fpu_to_xsave(cpu, second);
    assert_int_equal(second[512], 3);
    assert_int_equal(second[576], 0);
}

static int setup(void **state)
{
    native_setup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images_are_the_host_s),
        cmocka_unit_test(test_xsave_and_xrstor_do_what_the_host_does),
        cmocka_unit_test(test_xsave_without_osxsave_is_invalid),
        cmocka_unit_test(test_saving_with_ts_raises_device_not_available),
        cmocka_unit_test(test_xsetbv_takes_what_there_is_in_ring_0_alone),
        cmocka_unit_test(test_xsave_of_upper_halves_that_are_0_says_so),
        cmocka_unit_test(test_state_that_is_saved_and_loaded_is_the_same),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
