/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every number against the policy: the built-in profiles, the broker's in all its forms, with and without a list of
 * ioctl commands, as what the program says in an interpreter and what a plain reading of the rules says.
 */
#include "bpf_interp.h"
#include "confine/narrow.h"
#include "confine/syscalls.h"
#include "seccomp_fixture.h"
#include "seccomp_reference.h"

#include <errno.h>
#include <linux/audit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#define X32 0x40000000

static uint32_t arches[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64};

static const uint64_t values[] = {0,      1,          2,           3,           5,           8,          10,
                                  16,     17,         40,          0x5401,      0x5412,      0x5413,     0x541c,
                                  0x8901, 0x8933,     0x8000,      0x2000,      0x6000,      0x1000,     0x4b3a,
                                  0x5606, 0xffffffff, 0x100000000, 0x100005412, 0x200000001, 1ull << 63, ~0ull,
                                  0x800,  0x80000000, 0x7e020000,  0x10000000,  0xc0506617};

static uint64_t random_state = 0x9e3779b97f4a7c15ull;
static uint64_t random_value(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    uint64_t pick = random_state >> 20;
    switch (pick % 4) {
    case 0:
        return random_state;
    case 1:
        return (uint32_t)random_state;
    default:
        return values[pick / 4 % ARRAY_LEN(values)];
    }
}

static void check_call(const struct seccomp_policy *p, const struct bpf_program *prog, const struct seccomp_data *d,
                       const char *label)
{
    struct reference ref = seccomp_reference(p, d);
    struct bpf_run run;

    if (bpf_interp(prog->insns, prog->n, d, &run) < 0)
        fail_msg("%s: arch %x nr %d: the program leaves its bounds", label, d->arch, d->nr);
    if (run.verdict != ref.verdict)
        fail_msg("%s: arch %x nr %d (%s) args %llx %llx %llx %llx %llx %llx: the policy says %x, the program %x", label,
                 d->arch, d->nr, syscall_name(d->arch, d->nr), (unsigned long long)d->args[0],
                 (unsigned long long)d->args[1], (unsigned long long)d->args[2], (unsigned long long)d->args[3],
                 (unsigned long long)d->args[4], (unsigned long long)d->args[5], ref.verdict, run.verdict);
    if (run.arg_loads && !ref.looked)
        fail_msg("%s: arch %x nr %d: loads arguments where the number decides", label, d->arch, d->nr);
}

/* 0 to 1023, a sample of what x32 would use, -1 and the ends. Calls that look at arguments get `rounds` sets of them.
 */
static void check_every_number(const struct seccomp_policy *p, const char *label)
{
    static const int others[] = {1024,       4096,      0xeffff,   0xf0000,         0xf0005,    0xfffff,
                                 0x3fffffff, X32,       X32 + 1,   X32 + 56,        X32 + 59,   X32 + 400,
                                 X32 + 512,  X32 + 520, X32 + 547, (int)(3u << 30), 0x7fffffff, -1,
                                 -2,         -1024,     INT32_MIN};
    struct bpf_program prog = compile(p, label);

    for (size_t a = 0; a < ARRAY_LEN(arches); a++)
        for (int i = 0; i < 1024 + (int)ARRAY_LEN(others); i++) {
            struct seccomp_data d = {.nr = i < 1024 ? i : others[i - 1024], .arch = arches[a]};
            check_call(p, &prog, &d, label);
            unsigned rounds = seccomp_reference(p, &d).looked ? 300 : 1;
            for (unsigned k = 0; k < rounds; k++) {
                for (int j = 0; j < 6; j++)
                    d.args[j] = k < ARRAY_LEN(values) ? values[(k + (unsigned)j) % ARRAY_LEN(values)] : random_value();
                check_call(p, &prog, &d, label);
            }
        }
}

static void check_everywhere(struct seccomp_policy *p, const char *label)
{
    check_every_number(p, label); /* native alone: the others are killed */
    p->arches = arches;
    p->n_arches = ARRAY_LEN(arches);
    check_every_number(p, label);
}

static void test_seccomp_default_profile_equals_the_policy_on_every_number(void **state)
{
    (void)state;
    for (int all = 0; all < 2; all++) {
        struct seccomp_policy p;
        struct err err;
        assert_int_equal(seccomp_default_profile(&arena, all ? ~0ull : 0, &p, &err), 0);
        check_everywhere(&p, all ? "default, all capabilities" : "default, no capability");
    }
}

static void test_seccomp_broker_profile_equals_the_policy_on_every_number(void **state)
{
    (void)state;
    for (uint32_t notify = 0; notify <= NOTIFY_ALL; notify++) {
        char label[48];
        struct seccomp_policy p = broker_rules(notify, notify & 1);
        snprintf(label, sizeof label, "broker, notify %u", notify);
        check_everywhere(&p, label);
    }
}

static void test_seccomp_with_an_ioctl_list_equals_the_policy_on_every_number(void **state)
{
    static const char *const texts[] = {"tty,file,0x89004321", "none", "tty,pty,file,net,block,ns,random"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct ioctl_list list = list_of(texts[i]);
        struct seccomp_policy broker = broker_rules(NOTIFY_NETWORK, false), plain,
                              open = {.set = true, .default_action = ALLOW};
        struct seccomp_policy strict = {.set = true, .default_action = SECCOMP_RET_KILL_PROCESS};
        struct err err;
        assert_int_equal(seccomp_default_profile(&arena, 0, &plain, &err), 0);
        struct seccomp_policy *all[] = {&broker, &plain, &open, &strict};
        for (size_t k = 0; k < ARRAY_LEN(all); k++) {
            all[k]->ioctls = &list;
            check_everywhere(all[k], texts[i]);
        }
    }
}

static void test_seccomp_broker_profile_is_stricter_than_the_default(void **state)
{
    struct seccomp_policy ours = broker_rules(0, true), theirs;
    struct err err;
    unsigned stricter = 0;

    (void)state;
    assert_int_equal(seccomp_default_profile(&arena, 0, &theirs, &err), 0);
    struct bpf_program a = compile(&ours, "broker"), b = compile(&theirs, "default");
    for (int nr = 0; nr < 1024; nr++)
        for (int k = 0; k < 400; k++) {
            struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64};
            struct bpf_run x, y;
            for (int j = 0; j < 6; j++)
                d.args[j] = random_value();
            assert_int_equal(bpf_interp(a.insns, a.n, &d, &x), 0);
            assert_int_equal(bpf_interp(b.insns, b.n, &d, &y), 0);
            if (x.verdict == ALLOW && y.verdict != ALLOW)
                fail_msg("nr %d (%s): the broker's profile allows what the default one refuses", nr,
                         syscall_name(AUDIT_ARCH_X86_64, nr));
            stricter += x.verdict != ALLOW && y.verdict == ALLOW;
        }
    assert_true(stricter > 0);
}

/* ---- the compiler, where a program is large or has little to say ---------------------------------------------------
 */

static void test_seccomp_compile_refuses_an_ioctl_list_that_does_not_rise(void **state)
{
    struct ioctl_list list = {.set = true, .v = (uint32_t[]){3, 5, 5}, .n = 3};
    struct seccomp_policy p = {.default_action = ALLOW, .ioctls = &list};
    struct bpf_program prog;
    struct err err = {0};

    (void)state;
    assert_int_equal(seccomp_compile(&arena, &p, &prog, &err), -EINVAL);
    assert_non_null(strstr(err.text, "0x5"));
}

/* Where all branches of one architecture lead to the same verdict, none is written for it; the next one's must not be
 * taken for its own. */
static void test_seccomp_compile_of_an_architecture_where_all_is_one_verdict_stays_apart(void **state)
{
    static char *names[] = {(char *)(uintptr_t) "alarm", (char *)(uintptr_t) "access", NULL}; /* not on arm64 */
    static uint32_t four[] = {AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM};
    struct seccomp_arg arg = {1, SECCOMP_OP_EQ, 7, 0};
    struct seccomp_rule rules[] = {{.names = {names, 2}, .action = ERRNO(0)},
                                   {.names = {(char *[]){(char *)(uintptr_t) "ioctl", NULL}, 1},
                                    .action = SECCOMP_RET_KILL_PROCESS,
                                    .args = &arg,
                                    .n_args = 1}};
    struct ioctl_list none = list_of("none");

    (void)state;
    for (int with_list = 0; with_list < 2; with_list++)
        for (uint32_t n = 1; n <= 2; n++) {
            struct seccomp_policy p = {.default_action = SECCOMP_RET_KILL_PROCESS,
                                       .in_order = true,
                                       .rules = rules,
                                       .n_rules = n,
                                       .arches = four,
                                       .n_arches = ARRAY_LEN(four),
                                       .ioctls = with_list ? &none : NULL};
            check_every_number(&p, "one verdict");
        }
}

static void test_seccomp_compile_of_a_long_ioctl_list_reaches_every_command(void **state)
{
    uint32_t v[1024];
    struct ioctl_list list = {.set = true, .v = v, .n = ARRAY_LEN(v)};
    struct seccomp_policy p = broker_rules(0, false);

    (void)state;
    for (uint32_t i = 0; i < ARRAY_LEN(v); i++)
        v[i] = 0x5400 + i * 3;
    p.ioctls = &list;
    struct bpf_program prog = compile(&p, "long list");
    for (uint64_t cmd = 0x5300; cmd < 0x5400 + 3 * ARRAY_LEN(v) + 10; cmd++)
        for (int high = 0; high < 2; high++) {
            struct seccomp_data d = {
                .nr = SYS_ioctl, .arch = AUDIT_ARCH_X86_64, .args = {0, cmd | (uint64_t)high << 41}};
            struct bpf_run run;
            check_call(&p, &prog, &d, "long list");
            assert_int_equal(bpf_interp(prog.insns, prog.n, &d, &run), 0);
            assert_true(run.steps < 90); /* by halving, not one by one */
        }
}

/* An upper half that the kernel drops changes no verdict, of whatever call and profile. */
static void test_seccomp_upper_halves_of_narrow_arguments_change_no_verdict(void **state)
{
    struct seccomp_policy policies[4] = {broker_rules(0, false), broker_rules(NOTIFY_ALL, false)};
    struct ioctl_list list = list_of("tty,file");
    struct err err;
    const struct narrow_row *row;

    (void)state;
    assert_int_equal(seccomp_default_profile(&arena, 0, &policies[2], &err), 0);
    policies[3] = policies[2];
    policies[3].ioctls = &list;
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        struct bpf_program prog = compile(&policies[i], "narrow");
        for (int n = 0; (row = narrow_row_at(n)); n++)
            for (int k = 0; k < 3000; k++) {
                struct seccomp_data d = {.nr = syscall_number(AUDIT_ARCH_X86_64, row->name), .arch = AUDIT_ARCH_X86_64};
                struct bpf_run low, high;
                for (int j = 0; j < 6; j++)
                    d.args[j] = row->args >> j & 1 ? (uint32_t)random_value() : random_value();
                assert_int_equal(bpf_interp(prog.insns, prog.n, &d, &low), 0);
                for (int j = 0; j < 6; j++)
                    d.args[j] |= row->args >> j & 1 ? random_value() << 32 : 0;
                assert_int_equal(bpf_interp(prog.insns, prog.n, &d, &high), 0);
                if (low.verdict != high.verdict)
                    fail_msg("%s: %x without and %x with upper bits %llx %llx %llx", row->name, low.verdict,
                             high.verdict, (unsigned long long)d.args[0], (unsigned long long)d.args[1],
                             (unsigned long long)d.args[2]);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seccomp_default_profile_equals_the_policy_on_every_number),
        cmocka_unit_test(test_seccomp_broker_profile_equals_the_policy_on_every_number),
        cmocka_unit_test(test_seccomp_with_an_ioctl_list_equals_the_policy_on_every_number),
        cmocka_unit_test(test_seccomp_broker_profile_is_stricter_than_the_default),
        cmocka_unit_test(test_seccomp_compile_refuses_an_ioctl_list_that_does_not_rise),
        cmocka_unit_test(test_seccomp_compile_of_an_architecture_where_all_is_one_verdict_stays_apart),
        cmocka_unit_test(test_seccomp_compile_of_a_long_ioctl_list_reaches_every_command),
        cmocka_unit_test(test_seccomp_upper_halves_of_narrow_arguments_change_no_verdict),
    };
    return cmocka_run_group_tests(tests, seccomp_fixture_start, seccomp_fixture_end);
}
