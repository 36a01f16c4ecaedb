/* SPDX-License-Identifier: Apache-2.0 */
/* MMX: every row of the instruction table against this machine's own processor, the x87's tags and top with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cpu_native.h"

static bool left_out(enum insn_name name)
{
    return name == INSN_FEMMS; /* 3DNow! */
}

static void test_mmx_does_what_the_host_does(void **state)
{
    if (!native_has(CLASS_MMX))
        skip();
    native_random_seed(1);
    assert_int_equal(native_compare_rows(CLASS_MMX, left_out, NULL, 400, false), 0);
}

static void test_mmx_with_an_x87_error_due_raises_it(void **state)
{
    if (!native_has(CLASS_MMX))
        skip();
    native_random_seed(2);
    assert_int_equal(native_compare_rows(CLASS_MMX, left_out, NULL, 200, true), 0);
}

static void test_mmx_is_refused_as_cr0_says(void **state)
{
    static const uint8_t emms[] = {0x0f, 0x77};
    static struct native_state s;
    struct cpu *cpu = native_cpu();

    native_random_state(&s, false);
    assert_int_equal(native_ours(&s, emms, 2), NATIVE_NO_FAULT);
    cpu->cr0 |= CR0_TS;
    fpu_mode_changed(cpu);
    assert_int_equal(native_ours(&s, emms, 2), VECTOR_NM);
    cpu->cr0 |= CR0_EM;
    fpu_mode_changed(cpu);
    assert_int_equal(native_ours(&s, emms, 2), VECTOR_UD);
    cpu->cr0 &= ~(CR0_EM | CR0_TS);
    fpu_mode_changed(cpu);
}

static int setup(void **state)
{
    native_setup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mmx_does_what_the_host_does),
        cmocka_unit_test(test_mmx_with_an_x87_error_due_raises_it),
        cmocka_unit_test(test_mmx_is_refused_as_cr0_says),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
