/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a processor as a record: after a reset, there and back, and what is refused of one from outside. */
#include "cpu_guest.h"

#include "cpu/registers.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_reset_is_where_a_processor_begins(void **state)
{
    struct guest g = guest_make(BOARD_64);
    struct vcpu_state s;

    cpu_reset(g.cpu);
    cpu_state_get(g.cpu, &s);
    assert_int_equal(s.rip, 0xfff0);
    assert_int_equal(s.segments[SEG_CS].base, 0xffff0000);
    assert_int_equal(s.segments[SEG_CS].selector, 0xf000);
    assert_int_equal(s.rflags, 2);
    assert_int_equal(s.cr0, 0x60000010);
    assert_int_equal(s.dr[6], 0xffff0ff0);
    assert_int_equal(s.gpr[GPR_DX], g.cpu->model.signature);
    assert_int_equal(s.msrs.pat, UINT64_C(0x0007040600070406));
    assert_int_equal(g.cpu->mode, MODE_REAL);
    assert_int_equal(vcpu_state_check(&s, NULL), 0);
    vcpu_state_reset(&s);
    assert_int_equal(vcpu_state_check(&s, NULL), 0);
    guest_free(&g);
}

GUEST_CODE(work, 64, "inc %rax\n add %rax, %rbx\n movq %rbx, %xmm3\n stc\n push %rbx\n jmp .-17\n");

static void test_state_moved_to_another_processor_goes_on_there(void **state)
{
    struct guest one = guest_make(BOARD_64), two = guest_make(BOARD_REAL);
    struct vcpu_state s, a, b;

    guest_code(&one, work);
    assert_int_equal(guest_run(&one, 100), GUEST_RUNS);
    cpu_state_get(one.cpu, &s);
    assert_int_equal(vcpu_state_check(&s, NULL), 0);
    memcpy(two.b->ram, one.b->ram, BOARD_BYTES);
    cpu_state_set(two.cpu, &s);
    assert_int_equal(guest_run(&one, 101), guest_run(&two, 101));
    cpu_state_get(one.cpu, &a);
    cpu_state_get(two.cpu, &b);
    a.tsc = b.tsc = 0; /* the boards' own */
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_equal(one.b->ram, two.b->ram, BOARD_BYTES);
    guest_free(&one);
    guest_free(&two);
}

static void test_shadows_and_halting_are_part_of_the_state(void **state)
{
    struct guest one = guest_make(BOARD_64), two = guest_make(BOARD_64);
    struct vcpu_state s;
    const uint8_t sti[] = {0xfb, 0x90, 0xf4};

    board_code(one.b, sti, sizeof sti);
    board_code(two.b, sti, sizeof sti);
    board_run(one.b, 1);
    cpu_state_get(one.cpu, &s);
    assert_int_equal(s.shadow_sti, 1);
    cpu_state_set(two.cpu, &s);
    two.b->interrupt = 0x44;
    cpu_set_intr(two.cpu, true);
    assert_int_equal(guest_run(&two, 10), 0x44);
    assert_int_equal(guest_stack(&two, 0), BOARD_CODE + 2); /* not before the nop was done */
    cpu_state_get(two.cpu, &s);
    assert_int_equal(s.halted, 1);
    guest_free(&one);
    guest_free(&two);
}

static struct vcpu_state running(void)
{
    struct guest g = guest_make(BOARD_64);
    struct vcpu_state s;

    cpu_state_get(g.cpu, &s);
    guest_free(&g);
    return s;
}

static void test_state_that_cannot_be_is_refused(void **state)
{
    const struct vcpu_state good = running();
    struct vcpu_state s;
    const char *why;

#define REFUSED(change)                                                                                                \
    do {                                                                                                               \
        s = good;                                                                                                      \
        why = NULL;                                                                                                    \
        change;                                                                                                        \
        if (vcpu_state_check(&s, &why) != -EINVAL || !why)                                                             \
            fail_msg("taken: %s", #change);                                                                            \
    } while (0)
    assert_int_equal(vcpu_state_check(&good, &why), 0);
    REFUSED(s.version = 2);
    REFUSED(s.bytes--);
    REFUSED(s.cr0 &= ~CR0_PE);
    REFUSED(s.cr0 &= ~CR0_PG);
    REFUSED(s.cr0 |= UINT64_C(1) << 32);
    REFUSED(s.cr4 &= ~CR4_PAE);
    REFUSED(s.cr4 |= CR4_LA57);
    REFUSED(s.cr3 |= UINT64_C(1) << 52);
    REFUSED(s.cr8 = 16);
    REFUSED(s.xcr0 = 0);
    REFUSED(s.xcr0 = 5);
    REFUSED(s.msrs.efer &= ~EFER_LMA);
    REFUSED(s.msrs.efer |= 2);
    REFUSED(s.rflags &= ~UINT64_C(2));
    REFUSED(s.rflags |= RFLAGS_VM);
    REFUSED(s.rflags |= 8);
    REFUSED(s.rip = UINT64_C(1) << 47);
    REFUSED(s.segments[SEG_CS].attributes |= SEG_DB);
    REFUSED(s.segments[SEG_CS].attributes |= SEG_UNUSABLE);
    REFUSED(s.segments[SEG_DS].attributes |= 1u << 20);
    REFUSED(s.segments[SEG_DS].base = UINT64_C(1) << 32);
    REFUSED(s.segments[SEG_GS].base = UINT64_C(1) << 47);
    REFUSED(s.segments[SEG_ES].zero16 = 1);
    REFUSED(s.tr.base = UINT64_C(1) << 47);
    REFUSED(s.gdtr.limit = 0x10000);
    REFUSED(s.idtr.base = UINT64_C(1) << 63);
    REFUSED(s.msrs.lstar = UINT64_C(1) << 47);
    REFUSED(s.msrs.pat = 2);
    REFUSED(s.dr[4] = 1);
    REFUSED(s.dr[7] = UINT64_C(1) << 32);
    REFUSED(s.halted = 2);
    REFUSED(s.xsave[27] = 1);
    REFUSED(s.xsave[520] = 1);
    REFUSED(s.zero_end[3] = 1);
#undef REFUSED
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset_is_where_a_processor_begins),
        cmocka_unit_test(test_state_moved_to_another_processor_goes_on_there),
        cmocka_unit_test(test_shadows_and_halting_are_part_of_the_state),
        cmocka_unit_test(test_state_that_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
