/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: budgets, halts, kicks, interrupts and their shadows. */
#include "cpu_harness.h"

#include "cpu/registers.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void test_add_in_each_mode_is_done(void **state)
{
    static const uint8_t add[] = {0x01, 0xd8, 0x90, 0xeb, 0xfb}; /* 1: add eax, ebx; nop; jmp 1b */

    for (enum board_mode m = BOARD_REAL; m <= BOARD_64_USER; m++) {
        struct board *b = board_make(m);

        board_code(b, add, sizeof add);
        b->cpu->gpr[GPR_BX] = 3;
        board_run(b, 301);
        assert_int_equal(b->cpu->gpr[GPR_AX], 303);
        board_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_in_each_mode_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
