/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a policy made from the input is compiled; the program must be valid, keep its bounds, and answer some
 * calls as a plain reading of the rules does. The disassembler and the checker of programs get the raw input too.
 */
#include "../unit/bpf_interp.h"
#include "../unit/seccomp_reference.h"
#include "base/mem.h"
#include "confine/seccomp.h"
#include "confine/seccomp_emit.h"
#include "confine/syscalls.h"

#include <errno.h>
#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX 400

struct input {
    const uint8_t *p;
    size_t n;
};

static uint32_t take(struct input *in, size_t bytes)
{
    uint32_t v = 0;

    for (; bytes && in->n; bytes--, in->p++, in->n--)
        v = v << 8 | *in->p;
    return v;
}

static uint64_t take_value(struct input *in)
{
    static const uint64_t ends[] = {0, 1, 0xffffffff, 0x100000000, ~0ull, 1ull << 63, 0x80000000};
    uint32_t kind = take(in, 1);

    if (kind < 7)
        return ends[kind];
    return kind < 128 ? take(in, 1) : (uint64_t)take(in, 4) << 32 | take(in, 4);
}

static uint32_t take_action(struct input *in)
{
    static const uint32_t actions[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP,
                                       SECCOMP_RET_ERRNO,        SECCOMP_RET_USER_NOTIF,  SECCOMP_RET_TRACE,
                                       SECCOMP_RET_LOG,          SECCOMP_RET_ALLOW};
    return actions[take(in, 1) % 8] | take(in, 1);
}

/* A list of ioctl commands that rises, or, now and then, one that does not and is to be refused. */
static void take_list(struct input *in, struct arena *a, struct seccomp_policy *p)
{
    struct ioctl_list *list = arena_alloc(a, sizeof *list);
    uint32_t n = take(in, 1);

    if (n < 128)
        return;
    *list = (struct ioctl_list){.set = true, .v = arena_array(a, n - 127, sizeof *list->v)};
    for (; list->n < n - 128; list->n++)
        list->v[list->n] = (list->n ? list->v[list->n - 1] : 0) + take(in, 2);
    p->ioctls = list;
}

static void take_policy(struct input *in, struct arena *a, struct seccomp_policy *p)
{
    static uint32_t arches[] = {AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, 0x4000003e, AUDIT_ARCH_S390X};

    p->default_action = take_action(in);
    p->arches = arches;
    p->n_arches = take(in, 1) % 6;
    p->in_order = take(in, 1) & 1;
    take_list(in, a, p);
    p->rules = arena_array(a, RULES_MAX, sizeof *p->rules);
    while (in->n && p->n_rules < RULES_MAX) {
        struct seccomp_rule *r = &p->rules[p->n_rules++];
        r->action = take_action(in);
        r->names.n = take(in, 1) % 4;
        r->names.v = arena_array(a, 4, sizeof *r->names.v);
        for (uint32_t k = 0; k < r->names.n; k++) {
            const struct syscall_row *row = syscall_row_at((int)(take(in, 2) % 600));
            r->names.v[k] = (char *)(uintptr_t)(row ? row->name : "none");
        }
        r->n_args = take(in, 1) % 8;
        r->args = arena_array(a, 8, sizeof *r->args);
        for (uint32_t k = 0; k < r->n_args; k++) {
            r->args[k].index = take(in, 1) % 7;
            r->args[k].op = (enum seccomp_op)(take(in, 1) % 8);
            r->args[k].value = take_value(in);
            r->args[k].value_two = take_value(in);
        }
    }
}

static void check_calls(const struct seccomp_policy *p, const struct bpf_program *prog)
{
    static const uint32_t arches[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, 0};

    for (uint32_t i = 0; i < 64; i++) {
        struct seccomp_data d = {.arch = arches[i % 5], .args = {0, i}};
        struct bpf_run run;
        d.nr = syscall_number(d.arch, "ioctl");
        if (p->ioctls && p->ioctls->n && i >= 16)
            d.args[1] = p->ioctls->v[i % p->ioctls->n] + i % 2 + ((uint64_t)(i % 3) << 32);
        if (bpf_interp(prog->insns, prog->n, &d, &run) < 0 || run.verdict != seccomp_reference(p, &d).verdict)
            abort();
    }
    for (uint32_t i = 0; i < p->n_rules && i < 16; i++)
        for (uint32_t k = 0; k < 5; k++) {
            const struct seccomp_rule *r = &p->rules[i];
            struct seccomp_data d = {.arch = arches[k]};
            struct bpf_run run;
            d.nr = r->names.n ? syscall_number(arches[k], r->names.v[0]) + (int)(i % 3) - 1 : (int)i;
            for (uint32_t j = 0; j < r->n_args; j++)
                d.args[r->args[j].index] = r->args[j].value + k - 2;
            if (bpf_interp(prog->insns, prog->n, &d, &run) < 0 || run.verdict != seccomp_reference(p, &d).verdict)
                abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct seccomp_policy p = {0};
    struct bpf_program prog;
    struct arena a;
    struct err err;

    if (arena_init(&a, 16u << 20) < 0)
        return 0;
    struct sock_filter *raw = arena_array(&a, size / sizeof *raw + 1, sizeof *raw);
    memcpy(raw, data, size / sizeof *raw * sizeof *raw);
    prog = (struct bpf_program){raw, (uint32_t)(size / sizeof *raw)};
    if (!seccomp_disassemble(&a, &prog))
        abort();
    if (bpf_program_valid(raw, prog.n)) {
        struct seccomp_data d = {.nr = 1};
        struct bpf_run run;
        if (bpf_interp(raw, prog.n, &d, &run) < 0)
            abort();
    }
    take_policy(&in, &a, &p);
    int rc = seccomp_compile(&a, &p, &prog, &err);
    if (rc == 0) {
        if (!bpf_program_valid(prog.insns, prog.n))
            abort();
        check_calls(&p, &prog);
    } else if (rc != -EINVAL && rc != -E2BIG)
        abort();
    arena_free(&a);
    return 0;
}
