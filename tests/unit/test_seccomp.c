/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp compiler against a second reading of the same policy (seccomp_reference.c), number by number, in an
 * interpreter; and moat's own profile on the kernel itself, where every refusal is first seen to be none without it.
 */
#include "base/mem.h"
#include "bpf_interp.h"
#include "confine/seccomp.h"
#include "confine/seccomp_emit.h"
#include "confine/syscalls.h"
#include "seccomp_reference.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ALLOW     SECCOMP_RET_ALLOW
#define ERRNO(e)  (SECCOMP_RET_ERRNO | (e))
#define ARCH_X32  0x4000003e
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    return arena_init(&arena, 256u << 20);
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static uint32_t all_arches[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, ARCH_X32, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM};

static struct bpf_program compile(const struct seccomp_policy *p, const char *label)
{
    struct bpf_program prog;
    struct err err;

    if (seccomp_compile(&arena, p, &prog, &err) < 0)
        fail_msg("%s: does not compile: %s", label, err.text);
    if (!bpf_program_valid(prog.insns, prog.n))
        fail_msg("%s: not a valid program:\n%s", label, seccomp_disassemble(&arena, &prog));
    return prog;
}

static void check_call(const struct seccomp_policy *p, const struct bpf_program *prog, const struct seccomp_data *d,
                       const char *label)
{
    struct reference ref = seccomp_reference(p, d);
    struct bpf_run run;

    if (bpf_interp(prog->insns, prog->n, d, &run) < 0)
        fail_msg("%s: arch %x nr %d: the program leaves its bounds", label, d->arch, d->nr);
    if (run.verdict != ref.verdict)
        fail_msg("%s: arch %x nr %d args %llx %llx %llx %llx %llx %llx: expected %x, got %x\n%s", label, d->arch, d->nr,
                 (unsigned long long)d->args[0], (unsigned long long)d->args[1], (unsigned long long)d->args[2],
                 (unsigned long long)d->args[3], (unsigned long long)d->args[4], (unsigned long long)d->args[5],
                 ref.verdict, run.verdict, prog->n < 400 ? seccomp_disassemble(&arena, prog) : "(long)");
    if (run.arg_loads && !ref.looked)
        fail_msg("%s: arch %x nr %d: loads arguments where the number decides", label, d->arch, d->nr);
}

static const uint64_t values[] = {0,          1,           2,          8,          16,
                                  0x20008,    0x7e020000,  0x10000000, 0xffffffff, 0x100000000,
                                  0x10000001, 0x100000001, ~0ull,      1ull << 63, 0xffffffff00000000,
                                  17,         40,          38,         0x7fffffff, 0x80000000};

static uint64_t random_state;
static uint32_t random_below(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 16) % n);
}

static uint64_t random_value(void)
{
    return values[random_below(ARRAY_LEN(values))];
}

/* Every number to 600, the private ones of arm, and the ends, with `rounds` sets of arguments each. */
static void check_numbers(const struct seccomp_policy *p, const struct bpf_program *prog, uint32_t arch, int rounds,
                          const char *label)
{
    static const int others[] = {1007,       1008,       4096,    0xeffff,        0xf0000,    0xf0001,
                                 0xf0005,    0xf0006,    0xf000f, 0xf0010,        0x3fffffff, 0x40000000,
                                 0x40000027, 0x7fffffff, -1,      (int)0x80000000};

    for (int i = 0; i < 601 + (int)ARRAY_LEN(others); i++) {
        struct seccomp_data d = {.nr = i < 601 ? i : others[i - 601], .arch = arch, .instruction_pointer = 0x1234};
        for (int k = 0; k < rounds; k++) {
            for (int j = 0; j < 6 && k; j++)
                d.args[j] = k < 12 ? values[(k + j) % ARRAY_LEN(values)] : random_value();
            check_call(p, prog, &d, label);
        }
    }
}

static void check_policy(const struct seccomp_policy *p, int rounds, const char *label)
{
    static const uint32_t arches[] = {
        AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, AUDIT_ARCH_S390X, ARCH_X32, 0};
    struct bpf_program prog = compile(p, label);

    for (size_t i = 0; i < ARRAY_LEN(arches); i++)
        check_numbers(p, &prog, arches[i], i < 4 ? rounds : 1, label);
}

static uint32_t verdict_of(const struct bpf_program *prog, uint32_t arch, int nr, uint64_t a0, uint64_t a1)
{
    struct seccomp_data d = {.nr = nr, .arch = arch, .args = {a0, a1}};
    struct bpf_run run;

    if (bpf_interp(prog->insns, prog->n, &d, &run) < 0)
        fail_msg("the program leaves its bounds at nr %d", nr);
    return run.verdict;
}

static struct seccomp_rule rule(uint32_t action, const char *const *names, struct seccomp_arg *args, uint32_t n_args)
{
    struct seccomp_rule r = {
        .names = {.v = (char **)(uintptr_t)names}, .action = action, .args = args, .n_args = n_args};

    while (names[r.names.n])
        r.names.n++;
    return r;
}

/* ---- the table ----------------------------------------------------------------------------------------------------
 */

static void test_syscall_table_is_sorted_and_found_whole(void **state)
{
    const struct syscall_row *row;
    int n = 0;

    (void)state;
    for (; (row = syscall_row_at(n)); n++) {
        if (n && strcmp(syscall_row_at(n - 1)->name, row->name) >= 0)
            fail_msg("row %s is out of order", row->name);
        if (syscall_row_find(row->name) != n)
            fail_msg("row %s is not found", row->name);
    }
    assert_true(n > 450);
    assert_int_equal(syscall_number(AUDIT_ARCH_X86_64, "no_such_call"), -1);
    assert_int_equal(syscall_number(AUDIT_ARCH_X86_64, ""), -1);
    assert_int_equal(syscall_number(AUDIT_ARCH_X86_64, "a_name_that_is_longer_than_any_row_may_be"), -1);
    assert_int_equal(syscall_number(AUDIT_ARCH_S390X, "read"), -1);
    assert_int_equal(syscall_number(AUDIT_ARCH_I386, "getpid"), 20);
    assert_int_equal(syscall_number(AUDIT_ARCH_AARCH64, "open"), -1);
    assert_int_equal(syscall_number(AUDIT_ARCH_ARM, "mseal"), 462);
    assert_string_equal(syscall_name(AUDIT_ARCH_X86_64, SYS_mount), "mount");
    assert_null(syscall_name(AUDIT_ARCH_X86_64, 400));
}

/* ---- meaning ------------------------------------------------------------------------------------------------------
 */

static void test_seccomp_compile_of_each_operator_compares_64_bits(void **state)
{
    (void)state;
    for (int op = SECCOMP_OP_NE; op <= SECCOMP_OP_MASKED_EQ; op++)
        for (size_t v = 0; v < ARRAY_LEN(values); v++)
            for (size_t two = 0; two < (op == SECCOMP_OP_MASKED_EQ ? ARRAY_LEN(values) : 1); two++) {
                struct seccomp_arg arg = {(uint32_t)(v % 6), (enum seccomp_op)op, values[v], values[two]};
                struct seccomp_rule r = rule(ALLOW, LIST("read"), &arg, 1);
                struct seccomp_policy p = {.default_action = ERRNO(EPERM), .rules = &r, .n_rules = 1};
                struct bpf_program prog = compile(&p, "operator");
                for (size_t i = 0; i < ARRAY_LEN(values) * 3; i++) {
                    uint64_t x = values[i / 3] + i % 3 - 1;
                    struct seccomp_data d = {.nr = 0, .arch = AUDIT_ARCH_X86_64, .args = {x, x, x, x, x, x}};
                    check_call(&p, &prog, &d, "operator");
                }
            }
}

static void test_seccomp_compile_of_two_conditions_on_one_argument_makes_alternatives(void **state)
{
    struct seccomp_arg args[] = {{0, SECCOMP_OP_EQ, 1, 0}, {0, SECCOMP_OP_EQ, 2, 0}, {1, SECCOMP_OP_EQ, 7, 0}};
    struct seccomp_rule r = rule(ALLOW, LIST("socket"), args, 3);
    struct seccomp_policy p = {.default_action = ERRNO(EPERM), .rules = &r, .n_rules = 1};

    (void)state;
    struct bpf_program prog = compile(&p, "repeated argument");
    assert_int_equal(verdict_of(&prog, AUDIT_ARCH_X86_64, SYS_socket, 1, 0), ALLOW);
    assert_int_equal(verdict_of(&prog, AUDIT_ARCH_X86_64, SYS_socket, 2, 0), ALLOW);
    assert_int_equal(verdict_of(&prog, AUDIT_ARCH_X86_64, SYS_socket, 3, 7), ALLOW);
    assert_int_equal(verdict_of(&prog, AUDIT_ARCH_X86_64, SYS_socket, 3, 0), ERRNO(EPERM));
}

static void test_seccomp_compile_lets_a_rule_without_conditions_win_anywhere(void **state)
{
    struct seccomp_arg arg = {0, SECCOMP_OP_EQ, 1, 0};
    struct seccomp_rule rules[] = {rule(ERRNO(5), LIST("socket"), &arg, 1), rule(ALLOW, LIST("socket"), NULL, 0),
                                   rule(ERRNO(6), LIST("socket", "read"), NULL, 0)};
    struct seccomp_policy p = {.default_action = ERRNO(EPERM), .rules = rules, .n_rules = 3};

    (void)state;
    struct bpf_program prog = compile(&p, "order");
    assert_int_equal(verdict_of(&prog, AUDIT_ARCH_X86_64, SYS_socket, 1, 0), ALLOW);
    assert_int_equal(verdict_of(&prog, AUDIT_ARCH_X86_64, SYS_read, 1, 0), ERRNO(6));
}

static void test_seccomp_compile_gives_enosys_beyond_the_policy_only_when_the_default_refuses(void **state)
{
    static const struct {
        const char *label;
        uint32_t action, beyond;
    } cases[] = {{"errno", ERRNO(EPERM), ERRNO(ENOSYS)},
                 {"kill process", SECCOMP_RET_KILL_PROCESS, ERRNO(ENOSYS)},
                 {"kill thread", SECCOMP_RET_KILL_THREAD, ERRNO(ENOSYS)},
                 {"trap", SECCOMP_RET_TRAP, ERRNO(ENOSYS)},
                 {"trace", SECCOMP_RET_TRACE | 1, SECCOMP_RET_TRACE | 1},
                 {"log", SECCOMP_RET_LOG, SECCOMP_RET_LOG},
                 {"allow", ALLOW, ALLOW}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct seccomp_rule r = rule(ERRNO(7), LIST("write", "openat"), NULL, 0);
        struct seccomp_policy p = {.default_action = cases[i].action, .rules = &r, .n_rules = 1};
        struct bpf_program prog = compile(&p, cases[i].label);
        assert_int_equal(verdict_of(&prog, AUDIT_ARCH_X86_64, SYS_openat - 1, 0, 0), cases[i].action);
        assert_int_equal(verdict_of(&prog, AUDIT_ARCH_X86_64, SYS_openat, 0, 0), ERRNO(7));
        assert_int_equal(verdict_of(&prog, AUDIT_ARCH_X86_64, SYS_openat + 1, 0, 0), cases[i].beyond);
        assert_int_equal(verdict_of(&prog, AUDIT_ARCH_X86_64, 0x40000001, 0, 0), ERRNO(ENOSYS));
        assert_int_equal(verdict_of(&prog, AUDIT_ARCH_I386, 4, 0, 0), SECCOMP_RET_KILL_PROCESS);
        check_policy(&p, 2, cases[i].label);
    }
}

static void test_seccomp_compile_on_i386_governs_multiplexed_calls(void **state)
{
    struct seccomp_arg arg = {0, SECCOMP_OP_EQ, 40, 0};
    struct seccomp_rule open[] = {rule(ALLOW, LIST("accept", "semop"), NULL, 0), rule(ALLOW, LIST("socket"), &arg, 1)};
    struct seccomp_rule closed[] = {rule(ERRNO(9), LIST("socket"), &arg, 1)};
    struct seccomp_policy p = {
        .default_action = ERRNO(EPERM), .rules = open, .n_rules = 2, .arches = all_arches, .n_arches = 5};

    (void)state;
    struct bpf_program prog = compile(&p, "allow list");
    assert_int_equal(verdict_of(&prog, AUDIT_ARCH_I386, 102, 5, 0), ALLOW);        /* accept */
    assert_int_equal(verdict_of(&prog, AUDIT_ARCH_I386, 102, 1, 0), ERRNO(EPERM)); /* socket: unseen family */
    assert_int_equal(verdict_of(&prog, AUDIT_ARCH_I386, 359, 40, 0), ALLOW);       /* the direct one is seen */
    assert_int_equal(verdict_of(&prog, AUDIT_ARCH_I386, 117, 0x10001, 0), ALLOW);  /* semop, version 1 */
    p = (struct seccomp_policy){
        .default_action = ALLOW, .rules = closed, .n_rules = 1, .arches = all_arches, .n_arches = 5};
    prog = compile(&p, "deny list");
    assert_int_equal(verdict_of(&prog, AUDIT_ARCH_I386, 102, 1, 0), ERRNO(9));
    assert_int_equal(verdict_of(&prog, AUDIT_ARCH_I386, 102, 2, 0), ALLOW);
}

static void test_seccomp_compile_refuses_what_it_cannot_express(void **state)
{
    struct seccomp_arg bad_index = {6, SECCOMP_OP_EQ, 1, 0}, bad_op = {0, (enum seccomp_op)7, 1, 0};
    struct seccomp_rule r = rule(ALLOW, LIST("read"), &bad_index, 1);
    struct seccomp_policy p = {.default_action = ERRNO(EPERM), .rules = &r, .n_rules = 1};
    struct bpf_program prog;
    struct err err = {0};

    (void)state;
    assert_int_equal(seccomp_compile(&arena, &p, &prog, &err), -EINVAL);
    assert_non_null(strstr(err.text, "argument 6"));
    r.args = &bad_op;
    assert_int_equal(seccomp_compile(&arena, &p, &prog, &err), -EINVAL);
    assert_non_null(strstr(err.text, "operator 7"));
    p = (struct seccomp_policy){.moat_default = true};
    assert_int_equal(seccomp_compile(&arena, &p, &prog, &err), -EINVAL);
}

/* n calls, each with `conditions` tests of its own verdict: nothing merges, so the program is as long as can be. */
static struct seccomp_policy long_policy(uint32_t n, uint32_t conditions)
{
    struct seccomp_rule *rules = arena_array(&arena, (size_t)n * conditions, sizeof *rules);
    uint32_t at = 0;

    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < conditions; k++) {
            struct seccomp_arg *args = arena_array(&arena, 2, sizeof *args);
            const char **names = arena_array(&arena, 2, sizeof *names);
            names[0] = syscall_name(AUDIT_ARCH_X86_64, (int)(i % 330));
            args[0] = (struct seccomp_arg){k % 6, SECCOMP_OP_GE, values[(i + k) % ARRAY_LEN(values)] + i, 0};
            args[1] = (struct seccomp_arg){(k + 1) % 6, SECCOMP_OP_NE, values[(i * 7 + k) % ARRAY_LEN(values)], 0};
            rules[at++] = rule(ERRNO(100 + i * conditions + k), names, args, 2);
        }
    return (struct seccomp_policy){.default_action = ERRNO(EPERM), .rules = rules, .n_rules = n * conditions};
}

static void test_seccomp_compile_of_huge_policies_reaches_every_verdict(void **state)
{
    (void)state;
    for (uint32_t n = 20; n <= 320; n += 60) {
        struct seccomp_policy p = long_policy(n, 1);
        struct bpf_program prog = compile(&p, "one rule a call");
        check_numbers(&p, &prog, AUDIT_ARCH_X86_64, 14, "one rule a call");
    }
    struct seccomp_policy p = long_policy(4, 90); /* one call's rules alone are longer than a branch reaches */
    struct bpf_program prog = compile(&p, "many rules a call");
    assert_true(prog.n > 2500);
    check_numbers(&p, &prog, AUDIT_ARCH_X86_64, 40, "many rules a call");
}

static void test_seccomp_compile_beyond_4096_instructions_names_the_count(void **state)
{
    struct seccomp_policy p = long_policy(330, 3);
    struct bpf_program prog;
    struct err err = {0};
    unsigned count = 0;

    (void)state;
    assert_int_equal(seccomp_compile(&arena, &p, &prog, &err), -E2BIG);
    assert_int_equal(sscanf(err.text, "the seccomp profile needs %u filter instructions", &count), 1);
    assert_true(count > 4096 && count < 20000);
}

static void test_seccomp_compile_of_random_policies_equals_the_reference(void **state)
{
    static const uint32_t actions[] = {ERRNO(EPERM),    ALLOW,           SECCOMP_RET_KILL_PROCESS,
                                       ERRNO(ENOSYS),   SECCOMP_RET_LOG, SECCOMP_RET_TRACE | 1,
                                       SECCOMP_RET_TRAP};

    (void)state;
    for (uint32_t seed = 1; seed <= 60; seed++) {
        char label[32];
        struct seccomp_rule rules[24];
        struct seccomp_arg args[24][4];
        const char *names[24][6] = {{0}};

        random_state = seed * 0x9e3779b97f4a7c15ull;
        uint32_t n = 1 + random_below(24);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t n_names = 1 + random_below(5), n_args = random_below(3) ? random_below(4) : 0;
            /* From few rows, so that several rules meet in one call. */
            for (uint32_t k = 0; k < n_names; k++)
                names[i][k] = syscall_row_at((int)(seed * 7 % 300 + random_below(80)))->name;
            for (uint32_t k = 0; k < n_args; k++) {
                args[i][k].index = random_below(6);
                args[i][k].op = (enum seccomp_op)random_below(7);
                args[i][k].value = random_value();
                args[i][k].value_two = random_value();
            }
            rules[i] = rule(actions[random_below(ARRAY_LEN(actions))], names[i], args[i], n_args);
        }
        struct seccomp_policy p = {.default_action = actions[random_below(ARRAY_LEN(actions))],
                                   .rules = rules,
                                   .n_rules = n,
                                   .arches = all_arches,
                                   .n_arches = random_below(6)};
        snprintf(label, sizeof label, "seed %u", seed);
        check_policy(&p, 8, label);
    }
}

/* ---- the built-in profile -----------------------------------------------------------------------------------------
 */

static struct seccomp_policy default_profile(uint64_t caps)
{
    struct seccomp_policy p;
    struct err err;

    if (seccomp_default_profile(&arena, caps, &p, &err) < 0)
        fail_msg("%s", err.text);
    return p;
}

static void test_seccomp_default_profile_names_only_calls_that_exist(void **state)
{
    struct seccomp_policy p = default_profile(~0ull);

    (void)state;
    for (uint32_t i = 0; i < p.n_rules; i++)
        for (uint32_t k = 0; k < p.rules[i].names.n; k++)
            if (syscall_number(AUDIT_ARCH_X86_64, p.rules[i].names.v[k]) < 0 &&
                syscall_number(AUDIT_ARCH_AARCH64, p.rules[i].names.v[k]) < 0)
                fail_msg("no such call: %s", p.rules[i].names.v[k]);
}

static void test_seccomp_default_profile_equals_the_reference_and_is_shallow(void **state)
{
    static const uint64_t caps[] = {0, 1ull << CAP_SYS_ADMIN, ~0ull};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
        struct seccomp_policy p = default_profile(caps[i]);
        struct bpf_program prog = compile(&p, "default");
        check_numbers(&p, &prog, AUDIT_ARCH_X86_64, 12, "default");
        check_numbers(&p, &prog, AUDIT_ARCH_I386, 1, "default");
        p.arches = all_arches;
        p.n_arches = 5;
        check_policy(&p, 3, "default, all architectures");
        for (int nr = 0; nr < 600; nr++) {
            struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64};
            struct bpf_run run;
            assert_int_equal(bpf_interp(prog.insns, prog.n, &d, &run), 0);
            if (run.steps > 20)
                fail_msg("number %d takes %u steps", nr, run.steps);
        }
    }
}

static void test_seccomp_default_profile_opens_calls_with_their_capability(void **state)
{
    static const struct {
        const char *name;
        int cap; /* -1: with none */
        uint32_t closed;
    } cases[] = {{"mount", CAP_SYS_ADMIN, ERRNO(EPERM)},
                 {"umount2", CAP_SYS_ADMIN, ERRNO(EPERM)},
                 {"fsopen", CAP_SYS_ADMIN, ERRNO(EPERM)},
                 {"setns", CAP_SYS_ADMIN, ERRNO(EPERM)},
                 {"unshare", CAP_SYS_ADMIN, ERRNO(EPERM)},
                 {"clone3", CAP_SYS_ADMIN, ERRNO(ENOSYS)},
                 {"bpf", 39, ERRNO(EPERM)},
                 {"perf_event_open", 38, ERRNO(EPERM)},
                 {"syslog", CAP_SYSLOG, ERRNO(EPERM)},
                 {"init_module", CAP_SYS_MODULE, ERRNO(EPERM)},
                 {"open_by_handle_at", CAP_DAC_READ_SEARCH, ERRNO(EPERM)},
                 {"reboot", CAP_SYS_BOOT, ERRNO(EPERM)},
                 {"chroot", CAP_SYS_CHROOT, ERRNO(EPERM)},
                 {"kcmp", CAP_SYS_PTRACE, ERRNO(EPERM)},
                 {"iopl", CAP_SYS_RAWIO, ERRNO(EPERM)},
                 {"settimeofday", CAP_SYS_TIME, ERRNO(EPERM)},
                 {"mbind", CAP_SYS_NICE, ERRNO(EPERM)},
                 {"io_uring_setup", -1, ERRNO(EPERM)},
                 {"userfaultfd", -1, ERRNO(EPERM)},
                 {"keyctl", -1, ERRNO(EPERM)},
                 {"add_key", -1, ERRNO(EPERM)},
                 {"request_key", -1, ERRNO(EPERM)},
                 {"kexec_load", -1, ERRNO(EPERM)},
                 {"swapon", -1, ERRNO(EPERM)}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int nr = syscall_number(AUDIT_ARCH_X86_64, cases[i].name);
        uint64_t cap = cases[i].cap < 0 ? 0 : 1ull << cases[i].cap;
        struct seccomp_policy without = default_profile(~cap & ~(1ull << CAP_SYS_ADMIN)), with = default_profile(cap);
        struct bpf_program closed = compile(&without, "closed"), opened = compile(&with, "opened");
        if (verdict_of(&closed, AUDIT_ARCH_X86_64, nr, 0, 0) != cases[i].closed)
            fail_msg("%s without its capability: %x", cases[i].name, verdict_of(&closed, AUDIT_ARCH_X86_64, nr, 0, 0));
        if (cap && verdict_of(&opened, AUDIT_ARCH_X86_64, nr, 0, 0) != ALLOW)
            fail_msg("%s with its capability is refused", cases[i].name);
    }
}

/* ---- the kernel ---------------------------------------------------------------------------------------------------
 */

#if defined(__x86_64__)
static int install(const struct bpf_program *prog)
{
    struct sock_fprog f = {.len = (unsigned short)prog->n, .filter = prog->insns};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &f) < 0 ? -errno : 0;
}

static const struct probe {
    const char *label;
    long nr, args[5];
    int refused; /* errno; 0: must do as well with the filter as without */
    bool forks;
} probes[] = {
    {"mount", SYS_mount, {0}, EPERM, false},
    {"bpf", SYS_bpf, {0}, EPERM, false},
    {"keyctl", SYS_keyctl, {0, -3, 0}, EPERM, false}, /* KEYCTL_GET_KEYRING_ID of the session */
    {"clone with a user namespace", SYS_clone, {CLONE_NEWUSER | SIGCHLD}, EPERM, true},
    {"clone3", SYS_clone3, {0}, ENOSYS, false},
    {"io_uring_setup", SYS_io_uring_setup, {1, 0}, EPERM, false},
    {"userfaultfd", SYS_userfaultfd, {-1}, EPERM, false},
    {"perf_event_open", SYS_perf_event_open, {0, 0, -1, -1, 0}, EPERM, false},
    {"unshare of nothing", SYS_unshare, {0}, EPERM, false},
    {"personality without randomisation", SYS_personality, {0x0040000}, EPERM, false},
    {"socket of AF_ALG", SYS_socket, {AF_ALG, SOCK_SEQPACKET, 0}, EPERM, false},
    {"getpid by its x32 number", 0x40000000 | SYS_getpid, {0}, ENOSYS, false},
    {"fork", SYS_fork, {0}, 0, true},
    {"clone", SYS_clone, {SIGCHLD}, 0, true},
    {"getppid", SYS_getppid, {0}, 0, false},
    {"personality asked for", SYS_personality, {0xffffffff}, 0, false},
    {"socket of AF_INET", SYS_socket, {AF_INET, SOCK_STREAM, 0}, 0, false},
    {"write to a bad descriptor", SYS_write, {-1, 0, 0}, 0, false},
};

static long probe_run(const struct probe *p)
{
    const long *a = p->args;
    long rc = syscall(p->nr, a[0], a[1], a[2], a[3], a[4]);

    if (rc < 0)
        return -errno;
    if (p->forks && rc == 0)
        _exit(0);
    if (p->forks)
        waitpid((pid_t)rc, NULL, 0);
    if (p->nr == SYS_socket || p->nr == SYS_userfaultfd)
        close((int)rc);
    return p->forks ? 1 : rc;
}

static void test_seccomp_default_profile_on_the_kernel_refuses_and_allows(void **state)
{
    long before[ARRAY_LEN(probes)], after[ARRAY_LEN(probes)];
    struct seccomp_policy p = default_profile(0);
    struct bpf_program prog = compile(&p, "default");
    int pipes[2], status;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
        before[i] = probe_run(&probes[i]);
        if (probes[i].nr == SYS_personality)
            syscall(SYS_personality, 0);
    }
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int rc = install(&prog);
        for (size_t i = 0; i < ARRAY_LEN(probes) && !rc; i++)
            after[i] = probe_run(&probes[i]);
        if (write(pipes[1], after, sizeof after) != sizeof after)
            rc = -EIO;
        _exit(-rc);
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], after, sizeof after), sizeof after);
    close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
        if (probes[i].refused && before[i] == -probes[i].refused)
            print_message("# %s: refused here without the filter too, so nothing is proven\n", probes[i].label);
        if (probes[i].refused && after[i] != -probes[i].refused)
            fail_msg("%s: expected errno %d, got %ld (without the filter %ld)", probes[i].label, probes[i].refused,
                     after[i], before[i]);
        if (!probes[i].refused && after[i] != before[i] && (after[i] < 0 || before[i] < 0))
            fail_msg("%s: %ld without the filter, %ld with it", probes[i].label, before[i], after[i]);
    }
}

/* getpid by the gate of 32-bit programs. */
static int int80_status(const struct bpf_program *prog)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        long rc = 20;
        if (prog && install(prog) < 0)
            _exit(2);
        __asm__ volatile("int $0x80" : "+a"(rc) : : "memory", "r8", "r9", "r10", "r11");
        _exit(rc == (long)getpid() ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void test_seccomp_default_profile_on_the_kernel_kills_int80_unless_x86_is_named(void **state)
{
    struct seccomp_policy p = default_profile(0);
    struct bpf_program closed = compile(&p, "default");

    (void)state;
    if (int80_status(NULL) != 0) {
        print_message("# this kernel has no 32-bit calls\n");
        skip();
    }
    int status = int80_status(&closed);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
    p.arches = all_arches;
    p.n_arches = 3;
    struct bpf_program opened = compile(&p, "with x86");
    assert_int_equal(int80_status(&opened), 0);
}
#endif

/* ---- foreign programs ---------------------------------------------------------------------------------------------
 */

static void test_bpf_program_valid_refuses_what_the_compiler_never_writes(void **state)
{
#define RET                                                                                                            \
    {                                                                                                                  \
        BPF_RET | BPF_K, 0, 0, 0                                                                                       \
    }
#define JEQ  (BPF_JMP | BPF_JEQ | BPF_K)
#define LOAD (BPF_LD | BPF_W | BPF_ABS)
    static const struct {
        const char *label;
        bool valid;
        uint32_t n;
        struct sock_filter insns[3];
    } cases[] = {
        {"a return", true, 1, {RET}},
        {"nothing", false, 0, {RET}},
        {"no return at the end", false, 2, {RET, {LOAD, 0, 0, 0}}},
        {"a jump to the last", true, 3, {{BPF_JMP | BPF_JA, 0, 0, 1}, RET, RET}},
        {"a jump behind the last", false, 3, {{BPF_JMP | BPF_JA, 0, 0, 2}, RET, RET}},
        {"a jump that wraps", false, 2, {{BPF_JMP | BPF_JA, 0, 0, 0xffffffff}, RET}},
        {"a branch to the last", true, 3, {{JEQ, 1, 1, 0}, RET, RET}},
        {"a branch that leaves when true", false, 3, {{JEQ, 2, 1, 0}, RET, RET}},
        {"a branch that leaves when false", false, 3, {{JEQ, 1, 2, 0}, RET, RET}},
        {"the last word of the data", true, 2, {{LOAD, 0, 0, 60}, RET}},
        {"a load behind the data", false, 2, {{LOAD, 0, 0, 64}, RET}},
        {"a load off its alignment", false, 2, {{LOAD, 0, 0, 2}, RET}},
        {"a load of the data's end", false, 2, {{LOAD, 0, 0, 0xfffffffc}, RET}},
        {"a division", false, 2, {{BPF_ALU | BPF_DIV | BPF_K, 0, 0, 0}, RET}},
        {"a return of the accumulator", false, 1, {{BPF_RET | BPF_A, 0, 0, 0}}},
        {"a load from memory words", false, 2, {{BPF_LD | BPF_MEM, 0, 0, 16}, RET}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (bpf_program_valid(cases[i].insns, cases[i].n) != cases[i].valid)
            fail_msg("%s: should be %s", cases[i].label, cases[i].valid ? "valid" : "refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syscall_table_is_sorted_and_found_whole),
        cmocka_unit_test(test_seccomp_compile_of_each_operator_compares_64_bits),
        cmocka_unit_test(test_seccomp_compile_of_two_conditions_on_one_argument_makes_alternatives),
        cmocka_unit_test(test_seccomp_compile_lets_a_rule_without_conditions_win_anywhere),
        cmocka_unit_test(test_seccomp_compile_gives_enosys_beyond_the_policy_only_when_the_default_refuses),
        cmocka_unit_test(test_seccomp_compile_on_i386_governs_multiplexed_calls),
        cmocka_unit_test(test_seccomp_compile_refuses_what_it_cannot_express),
        cmocka_unit_test(test_seccomp_compile_of_huge_policies_reaches_every_verdict),
        cmocka_unit_test(test_seccomp_compile_beyond_4096_instructions_names_the_count),
        cmocka_unit_test(test_seccomp_compile_of_random_policies_equals_the_reference),
        cmocka_unit_test(test_seccomp_default_profile_names_only_calls_that_exist),
        cmocka_unit_test(test_seccomp_default_profile_equals_the_reference_and_is_shallow),
        cmocka_unit_test(test_seccomp_default_profile_opens_calls_with_their_capability),
#if defined(__x86_64__)
        cmocka_unit_test(test_seccomp_default_profile_on_the_kernel_refuses_and_allows),
        cmocka_unit_test(test_seccomp_default_profile_on_the_kernel_kills_int80_unless_x86_is_named),
#endif
        cmocka_unit_test(test_bpf_program_valid_refuses_what_the_compiler_never_writes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
