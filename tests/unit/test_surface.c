/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What filters leave of a call (confine/surface.h), on programs of a few lines whose answer is known, on random ones
 * beside an interpreter that runs them with arguments, and on the profiles of this tree.
 */
#include "bpf_interp.h"
#include "confine/surface.h"
#include "seccomp_fixture.h"

#include <linux/audit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#define A64     AUDIT_ARCH_X86_64
#define DATA(m) ((uint32_t)offsetof(struct seccomp_data, m))
#define IP      DATA(instruction_pointer)
#define ARG(n)  (DATA(args) + 8 * (n))

#define LOAD(at)       BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)
#define EQ(k, jt, jf)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, jt, jf)
#define GE(k, jt, jf)  BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, k, jt, jf)
#define SET(k, jt, jf) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, k, jt, jf)
#define AND(k)         BPF_STMT(BPF_ALU | BPF_AND | BPF_K, k)
#define RET(k)         BPF_STMT(BPF_RET | BPF_K, k)
#define FILTER(...)    ((const struct sock_filter[]){__VA_ARGS__})

#define YES SECCOMP_RET_ALLOW
#define NO  (SECCOMP_RET_ERRNO | 1)

static unsigned one(const struct sock_filter *f, size_t n, uint32_t number)
{
    const struct surface_filters all = {.v = {f}, .length = {n}, .n = 1};

    return surface_of(&all, A64, number);
}
#define ONE(number, ...) one(FILTER(__VA_ARGS__), sizeof FILTER(__VA_ARGS__) / sizeof(struct sock_filter), number)

static void test_without_filters_all_is_allowed(void **state)
{
    const struct surface_filters none = {.n = 0};

    (void)state;
    assert_int_equal(surface_of(&none, A64, 1), SURFACE_ALLOWED);
}

static void test_number_and_architecture_are_known(void **state)
{
    (void)state;
    assert_int_equal(ONE(7, LOAD(DATA(nr)), EQ(7, 0, 1), RET(YES), RET(NO)), SURFACE_ALLOWED);
    assert_int_equal(ONE(8, LOAD(DATA(nr)), EQ(7, 0, 1), RET(YES), RET(NO)), SURFACE_REFUSED);
    assert_int_equal(ONE(7, LOAD(DATA(arch)), EQ(A64, 0, 1), RET(YES), RET(NO)), SURFACE_ALLOWED);
    assert_int_equal(ONE(0x17, LOAD(DATA(nr)), AND(0xf0), EQ(0x10, 0, 1), RET(YES), RET(NO)), SURFACE_ALLOWED);
}

static void test_arguments_go_both_ways(void **state)
{
    (void)state;
    assert_int_equal(ONE(7, LOAD(ARG(0)), EQ(7, 0, 1), RET(YES), RET(NO)), SURFACE_ALLOWED | SURFACE_REFUSED);
    assert_int_equal(ONE(7, LOAD(ARG(5)), AND(0), EQ(0, 0, 1), RET(YES), RET(NO)), SURFACE_ALLOWED);
    assert_int_equal(ONE(7, LOAD(ARG(1)), SET(0, 0, 1), RET(YES), RET(NO)), SURFACE_REFUSED);
    assert_int_equal(ONE(7, LOAD(ARG(1)), EQ(1, 0, 1), RET(SECCOMP_RET_USER_NOTIF), RET(SECCOMP_RET_KILL_PROCESS)),
                     SURFACE_ANSWERED | SURFACE_REFUSED);
}

static void test_a_place_is_one_for_all_filters(void **state)
{
    (void)state;
    const struct sock_filter here[] = {LOAD(IP), EQ(0x1000, 0, 1), RET(YES), RET(SECCOMP_RET_USER_NOTIF)};
    const struct sock_filter not_here[] = {LOAD(IP), EQ(0x1000, 0, 1), RET(NO), RET(YES)};
    const struct surface_filters both = {.v = {not_here, here}, .length = {4, 4}, .n = 2};
    const struct surface_filters alone = {.v = {here}, .length = {4}, .n = 1};

    assert_int_equal(surface_of(&alone, A64, 1), SURFACE_ALLOWED | SURFACE_ANSWERED);
    assert_int_equal(surface_of(&both, A64, 1), SURFACE_ANSWERED | SURFACE_REFUSED);
}

static void test_both_halves_of_a_place_count(void **state)
{
    (void)state;
    const struct sock_filter f[] = {LOAD(IP + 4), EQ(0x7f, 0, 3), LOAD(IP), GE(0x2000, 1, 0), RET(NO), RET(YES)};
    const struct sock_filter g[] = {LOAD(IP + 4), EQ(0x7f, 0, 3), LOAD(IP), GE(0x2000, 0, 1), RET(NO), RET(YES)};
    const struct surface_filters both = {.v = {f, g}, .length = {6, 6}, .n = 2};

    /* f: allowed elsewhere and from 0x7f00002000 on; g: elsewhere and below it. */
    assert_int_equal(one(f, 6, 1), SURFACE_ALLOWED | SURFACE_REFUSED);
    assert_int_equal(surface_of(&both, A64, 1) & SURFACE_ALLOWED, SURFACE_ALLOWED);
}

/* A place that is masked is followed without being known. */
static void test_a_masked_place_goes_both_ways(void **state)
{
    (void)state;
    assert_int_equal(ONE(1, LOAD(IP), AND(0xfff000), EQ(0x5000, 0, 1), RET(YES), RET(NO)),
                     SURFACE_ALLOWED | SURFACE_REFUSED);
}

/* ---- beside an interpreter --------------------------------------------------------------------------------------- */

static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint32_t any(uint32_t below)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % below;
}

#define LENGTH 24

/* Small constants, so that comparisons are met. The last two are the verdicts. */
static void random_program(struct sock_filter f[LENGTH])
{
    static const uint32_t verdicts[] = {YES, NO, SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRAP};
    static const uint16_t jumps[] = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
    static const uint16_t sums[] = {BPF_AND, BPF_OR, BPF_ADD};

    for (uint32_t i = 0; i < LENGTH; i++) {
        const uint32_t left = LENGTH - 1 - i;
        if (left < 2 || !any(8))
            f[i] = (struct sock_filter)RET(verdicts[any(4)]);
        else if (any(3))
            f[i] = (struct sock_filter)BPF_JUMP(BPF_JMP | jumps[any(4)] | BPF_K, any(6), (uint8_t)any(left),
                                                (uint8_t)any(left));
        else if (any(2))
            f[i] = (struct sock_filter)LOAD(4 * any(sizeof(struct seccomp_data) / 4));
        else if (any(2))
            f[i] = (struct sock_filter)BPF_STMT(BPF_ALU | sums[any(3)] | BPF_K, any(5));
        else
            f[i] = any(2) ? (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0)
                          : (struct sock_filter)BPF_STMT(BPF_ST, any(16));
    }
}

static unsigned of_verdict(uint32_t verdict)
{
    switch (verdict & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
        return SURFACE_ALLOWED;
    case SECCOMP_RET_USER_NOTIF:
        return SURFACE_ANSWERED;
    default:
        return SURFACE_REFUSED;
    }
}

static unsigned stricter(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

/* Whatever a run of two programs gives is among what is said of them. */
static void test_no_verdict_is_missing(void **state)
{
    struct sock_filter f[2][LENGTH];
    struct bpf_run run;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        random_program(f[0]);
        random_program(f[1]);
        const struct surface_filters all = {.v = {f[0], f[1]}, .length = {LENGTH, LENGTH}, .n = 2};
        const uint32_t number = any(6);
        const unsigned said = surface_of(&all, A64, number);
        for (int i = 0; i < 40; i++) {
            struct seccomp_data d = {.nr = (int)number, .arch = A64, .instruction_pointer = any(7)};
            d.instruction_pointer |= (uint64_t)any(7) << 32;
            for (int k = 0; k < 6; k++)
                d.args[k] = any(7) | (uint64_t)any(7) << 32;
            unsigned got = SURFACE_ALLOWED;
            for (int k = 0; k < 2; k++) {
                assert_int_equal(bpf_interp(f[k], LENGTH, &d, &run), 0);
                got = stricter(got, of_verdict(run.verdict));
            }
            if (!(said & got))
                fail_msg("round %d: a run gives %u, which is not in %u", round, got, said);
        }
    }
}

/* ---- profiles ---------------------------------------------------------------------------------------------------- */

static unsigned of_profile(const struct bpf_program *p, uint32_t arch, uint32_t number)
{
    const struct surface_filters f = {.v = {p->insns}, .length = {p->n}, .n = 1};

    return surface_of(&f, arch, number);
}

static void test_profiles_leave_what_they_say(void **state)
{
    const struct seccomp_policy rules = broker_rules(NOTIFY_FILES, false);
    const struct bpf_program p = compile(&rules, "broker");

    (void)state;
    assert_int_equal(of_profile(&p, A64, SYS_getpid), SURFACE_ALLOWED);
    assert_int_equal(of_profile(&p, A64, SYS_bpf), SURFACE_REFUSED);
    assert_true(of_profile(&p, A64, SYS_openat) & SURFACE_ANSWERED);
    assert_false(of_profile(&p, A64, SYS_openat) & SURFACE_ALLOWED);
    assert_int_equal(of_profile(&p, A64, SYS_clone), SURFACE_ALLOWED | SURFACE_REFUSED);
    assert_int_equal(of_profile(&p, AUDIT_ARCH_I386, SYS_getpid), SURFACE_REFUSED);
    assert_int_equal(of_profile(&p, A64, SYS_getpid | 0x40000000u), SURFACE_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_filters_all_is_allowed), cmocka_unit_test(test_number_and_architecture_are_known),
        cmocka_unit_test(test_arguments_go_both_ways),         cmocka_unit_test(test_a_place_is_one_for_all_filters),
        cmocka_unit_test(test_both_halves_of_a_place_count),   cmocka_unit_test(test_a_masked_place_goes_both_ways),
        cmocka_unit_test(test_no_verdict_is_missing),          cmocka_unit_test(test_profiles_leave_what_they_say)};

    return cmocka_run_group_tests(tests, seccomp_fixture_start, seccomp_fixture_end);
}
