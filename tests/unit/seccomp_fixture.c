/* SPDX-License-Identifier: Apache-2.0 */
#include "seccomp_fixture.h"

#include "bpf_interp.h"
#include "confine/seccomp_emit.h"
#include "confine/syscalls.h"

#include <linux/audit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct arena arena;

int seccomp_fixture_start(void **state)
{
    (void)state;
    return arena_init(&arena, 512u << 20);
}

int seccomp_fixture_end(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

struct bpf_program compile(const struct seccomp_policy *p, const char *label)
{
    struct bpf_program prog;
    struct err err;

    if (seccomp_compile(&arena, p, &prog, &err) < 0)
        fail_msg("%s: does not compile: %s", label, err.text);
    if (!bpf_program_valid(prog.insns, prog.n))
        fail_msg("%s: not a valid program:\n%s", label, seccomp_disassemble(&arena, &prog));
    return prog;
}

struct seccomp_policy broker_rules_of(uint32_t notify, bool host_network, uint32_t access)
{
    struct path_rule path = {.host = "/srv", .guest = "/srv", .verdict = PATH_ALLOW, .access = access};
    struct policy policy;
    struct seccomp_policy rules;
    struct err err;

    policy_init(&policy, &arena, POLICY_FROM_FLAGS);
    policy.ns[NS_NET].how = host_network ? NS_HOST : NS_NEW;
    policy.paths = &path;
    policy.n_paths = 1;
    if (seccomp_broker_profile(&arena, &policy, notify, &rules, &err) < 0)
        fail_msg("%s", err.text);
    return rules;
}

struct seccomp_policy broker_rules(uint32_t notify, bool host_network)
{
    return broker_rules_of(notify, host_network, PATH_STAT | PATH_READ | PATH_WRITE | PATH_CREATE);
}

struct ioctl_list list_of(const char *text)
{
    struct ioctl_list list;
    struct err err;

    if (ioctl_list_parse(&arena, text, &list, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    return list;
}

uint32_t verdict_of(const struct bpf_program *prog, const char *name, const uint64_t args[6])
{
    struct seccomp_data d = {.nr = syscall_number(AUDIT_ARCH_X86_64, name), .arch = AUDIT_ARCH_X86_64};
    struct bpf_run run;

    if (d.nr < 0)
        fail_msg("no such call: %s", name);
    memcpy(d.args, args, sizeof d.args);
    assert_int_equal(bpf_interp(prog->insns, prog->n, &d, &run), 0);
    return run.verdict;
}
