/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a seccomp policy to one BPF program. The policy is foreign (an OCI profile) but checked for shape by its reader;
 * here argument numbers and operators are checked again, names are resolved, and memory and program size are bounded.
 *
 * What a policy means. It follows the OCI specification, and runc with libseccomp where that is silent:
 *  1. A rule whose action (with its errno) equals the default action is dropped; but in a policy whose rules count in
 *     order (our own), only when it has no conditions: then it stands before others that would decide otherwise.
 *  2. Names that no architecture here knows are skipped.
 *  3. All conditions of a rule must hold; but if two of them look at the same argument, every condition of that rule
 *     becomes a rule of its own. runc does so, and profiles in the field rely on it.
 *  4. For one system call a rule without conditions decides over all rules with conditions, wherever they stand; of
 *     several such rules the first decides (libseccomp refuses a second one with another action).
 *  5. Else the first rule that holds decides, in the order given. libseccomp has an order of its own, by argument,
 * which only shows when two rules with different actions hold for the same call; no profile of docker or podman has
 * such.
 *  6. When the default action refuses (all but allow, log and trace), numbers above the highest one that the policy
 *     names get ENOSYS: a program that tries a call newer than the profile then falls back to an older one.
 *  7. The native architecture is always part of the policy. Calls of an architecture that is not part of it (int 0x80
 * on x86-64, as long as SCMP_ARCH_X86 is not named) kill the process.
 *  8. x32 calls get ENOSYS, whether or not SCMP_ARCH_X32 is named: its rules would double what has to be reasoned
 * about, for an interface that hardly any kernel still offers.
 *  9. On a 32-bit architecture arguments and values are compared by their low 32 bits. Of the value of a masked
 *     comparison only the bits in the mask count, as in libseccomp.
 * 10. On i386 a rule about a socket or System V call without conditions also governs the same call made through
 *     socketcall(2) or ipc(2). There the arguments lie behind a pointer; so a rule with conditions governs it only if
 *     its action is stricter than the default one, and then whatever the arguments are.
 * 11. An argument that the kernel reads as 32 bits (confine/narrow.h) is compared as what the kernel reads, whoever
 * wrote the rule. Here runc and libseccomp compare 64 bits, so that a denial is passed by setting a bit that the kernel
 *     drops; for calls as programs make them both readings give the same verdict.
 * 12. A list of ioctl commands: a command that is not on it gets ENOTTY, as if the device did not know it, unless the
 *     rules refuse it themselves. What is on it is the rules' affair.
 */
#include "confine/seccomp.h"

#include "confine/narrow.h"
#include "confine/seccomp_emit.h"
#include "confine/syscalls.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

#ifndef EM_X86_64
#define EM_X86_64 62
#endif

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define NATIVE_ARCH AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define NATIVE_ARCH AUDIT_ARCH_ARM
#else
#error "no table of system calls for this architecture"
#endif

/* x32 has no AUDIT_ARCH of its own; SCMP_ARCH_X32 is read as this. Its calls come as x86-64 ones with bit 30 set. */
#define ARCH_X32 (EM_X86_64 | __AUDIT_ARCH_LE)
#define X32_BIT  0x40000000u

#define ENOSYS_VERDICT (SECCOMP_RET_ERRNO | ENOSYS)
#define ENOTTY_VERDICT (SECCOMP_RET_ERRNO | ENOTTY)

/* Numbers the tables hold: the common ones, and the private ones of arm, in one index that keeps their order. */
#define SLOTS         1024
#define SLOTS_PRIVATE 16
#define SLOTS_COMMON  (SLOTS - SLOTS_PRIVATE)

/* A rule as one system call sees it. */
struct alternative {
    const struct seccomp_arg *args;
    uint32_t n_args, action; /* n_args 0: it holds always, in its turn */
    uint32_t wide;           /* bit per argument that is compared as 64 bits */
    struct alternative *next;
};

struct slot {
    struct alternative *first, *last;
    uint32_t action;
    bool decided; /* by a rule without conditions */
};

struct range {
    uint32_t start, verdict;
    const struct alternative *alternatives; /* NULL: the verdict; else it is what remains */
    bool listed;                            /* the list of ioctl commands comes first */
};

struct compiler {
    struct arena *arena;
    const struct seccomp_policy *policy;
    int16_t *names; /* every name of every rule as a row of the table, -1 when unknown */
    struct bpf_builder builder;
    /* of the architecture being compiled */
    uint32_t arch;
    int column;
    bool wide;
    uint32_t ioctl;    /* number of the call that has a list, or UINT32_MAX */
    uint32_t highest;  /* number the policy names, private ones apart */
    bool private_used; /* by a rule about a private call of arm */
    struct slot slots[SLOTS];
    struct range ranges[SLOTS + 4];
    uint32_t n_ranges;
};

static bool slot_of(uint32_t number, uint32_t *slot)
{
    *slot = number < SLOTS_COMMON ? number : number - SYSCALL_ARM_PRIVATE + SLOTS_COMMON;
    return *slot < SLOTS && (number < SLOTS_COMMON || number >= SYSCALL_ARM_PRIVATE);
}

static uint32_t slot_number(uint32_t slot)
{
    return slot < SLOTS_COMMON ? slot : slot - SLOTS_COMMON + SYSCALL_ARM_PRIVATE;
}

static int check_rules(const struct seccomp_policy *p, uint64_t *n_names, struct err *err)
{
    *n_names = 0;
    for (uint32_t i = 0; i < p->n_rules; i++) {
        const struct seccomp_rule *r = &p->rules[i];
        for (uint32_t k = 0; k < r->n_args; k++) {
            const char *name = r->names.n ? r->names.v[0] : "(no name)";
            if (r->args[k].index > 5)
                return err_set(err, -EINVAL,
                               "seccomp rule %u (%s): argument %u does not exist, use an index from 0 to 5", i, name,
                               r->args[k].index);
            if ((unsigned)r->args[k].op > SECCOMP_OP_MASKED_EQ)
                return err_set(err, -EINVAL, "seccomp rule %u (%s): operator %d is unknown, use one of SCMP_CMP_*", i,
                               name, (int)r->args[k].op);
        }
        *n_names += r->names.n;
    }
    for (uint32_t i = 1; p->ioctls && i < p->ioctls->n; i++)
        if (p->ioctls->v[i] <= p->ioctls->v[i - 1])
            return err_set(err, -EINVAL, "the list of ioctl commands does not rise at 0x%x", p->ioctls->v[i]);
    return 0;
}

static int resolve_names(struct compiler *c, uint64_t n_names)
{
    const struct seccomp_policy *p = c->policy;
    size_t at = 0;

    if (n_names > SIZE_MAX / sizeof *c->names)
        return -ENOMEM;
    c->names = arena_array(c->arena, (size_t)n_names, sizeof *c->names);
    if (!c->names)
        return -ENOMEM;
    for (uint32_t i = 0; i < p->n_rules; i++)
        for (uint32_t k = 0; k < p->rules[i].names.n; k++)
            c->names[at++] = (int16_t)syscall_row_find(p->rules[i].names.v[k]);
    return 0;
}

/* Meaning 11. Returns whether the alternative can hold at all, or -ENOMEM; its conditions are then what is left to ask.
 */
static int narrow_alternative(struct compiler *c, struct alternative *alt, uint32_t narrow)
{
    struct seccomp_arg *kept;
    bool touched = false;

    for (uint32_t i = 0; i < alt->n_args; i++)
        touched |= narrow >> alt->args[i].index & 1;
    if (!touched)
        return 1;
    alt->wide &= ~narrow;
    if (!(kept = arena_array(c->arena, alt->n_args, sizeof *kept)))
        return -ENOMEM;
    uint32_t n = 0;
    for (uint32_t i = 0; i < alt->n_args; i++) {
        struct seccomp_arg *arg = &kept[n];
        *arg = alt->args[i];
        enum narrow_meaning meaning = narrow >> arg->index & 1 ? narrow_condition(arg) : NARROW_COMPARE;
        if (meaning == NARROW_NEVER)
            return 0;
        n += meaning == NARROW_COMPARE;
    }
    alt->args = kept;
    alt->n_args = n;
    return 1;
}

static int slot_append(struct compiler *c, struct slot *s, const struct seccomp_arg *args, uint32_t n, uint32_t action,
                       uint32_t narrow)
{
    struct alternative *alt;
    int possible;

    if (s->decided)
        return 0;
    if (!n) {
        s->decided = true;
        s->action = action;
        return 0;
    }
    alt = arena_alloc(c->arena, sizeof *alt);
    if (!alt)
        return -ENOMEM;
    *alt = (struct alternative){.args = args, .n_args = n, .action = action, .wide = c->wide ? ~0u : 0};
    if (c->wide && narrow && (possible = narrow_alternative(c, alt, narrow)) <= 0)
        return possible;
    if (s->first)
        s->last->next = alt;
    else
        s->first = alt;
    s->last = alt;
    return 0;
}

/* Meaning 3. */
static bool args_repeat(const struct seccomp_rule *r)
{
    uint32_t seen = 0;

    for (uint32_t i = 0; i < r->n_args; i++) {
        if (seen & 1u << r->args[i].index)
            return true;
        seen |= 1u << r->args[i].index;
    }
    return false;
}

static int add_call(struct compiler *c, const struct seccomp_rule *r, const char *name, uint32_t number)
{
    uint32_t at, narrow = r->n_args ? narrow_args(name) : 0;
    int rc = 0;

    if (!slot_of(number, &at))
        return 0;
    if (!args_repeat(r))
        return slot_append(c, &c->slots[at], r->args, r->n_args, r->action, narrow);
    for (uint32_t i = 0; i < r->n_args && !rc; i++)
        rc = slot_append(c, &c->slots[at], &r->args[i], 1, r->action, narrow);
    return rc;
}

/* As signed numbers the actions order from the strictest to the most permissive, as the kernel orders them. */
static bool stricter(uint32_t a, uint32_t b)
{
    return (int32_t)(a & SECCOMP_RET_ACTION_FULL) < (int32_t)(b & SECCOMP_RET_ACTION_FULL);
}

/* Meaning 10. */
static int add_multiplexed(struct compiler *c, const struct seccomp_rule *r, const char *name)
{
    const struct syscall_mux_row *mux = syscall_mux_find(name);
    struct seccomp_arg *selector;
    uint32_t at, number;

    if (!mux)
        return 0;
    number = (uint32_t)syscall_number(c->arch, mux->through);
    if (number > c->highest)
        c->highest = number;
    if (r->action == c->policy->default_action)
        return 0;
    if (r->n_args && !stricter(r->action, c->policy->default_action))
        return 0;
    if (!slot_of(number, &at))
        return 0;
    selector = arena_alloc(c->arena, sizeof *selector);
    if (!selector)
        return -ENOMEM;
    /* The upper half of ipc's selector is a version, which the kernel splits off. */
    *selector = (struct seccomp_arg){0, SECCOMP_OP_MASKED_EQ, 0xffff, mux->selector};
    return slot_append(c, &c->slots[at], selector, 1, r->action, 0);
}

/* Puts the rules into the slots of the architecture's numbers. */
static int fill_slots(struct compiler *c)
{
    const struct seccomp_policy *p = c->policy;
    size_t at = 0;
    int rc;

    /* A cold start pays for every page it touches: only what the last architecture used is cleared, and the arena's
     * memory is zero at first. */
    memset(c->slots, 0, (c->highest + 1) * sizeof c->slots[0]);
    memset(&c->slots[SLOTS_COMMON], 0, c->private_used ? SLOTS_PRIVATE * sizeof c->slots[0] : 0);
    c->highest = 0;
    c->private_used = false;
    for (uint32_t i = 0; i < p->n_rules; i++) {
        const struct seccomp_rule *r = &p->rules[i];
        bool same = r->action == p->default_action && !(p->in_order && r->n_args);
        for (uint32_t k = 0; k < r->names.n; k++) {
            const struct syscall_row *row = syscall_row_at(c->names[at++]);
            if (!row)
                continue;
            int32_t number = row->number[c->column];
            if (number >= 0 && number < SLOTS_COMMON && (uint32_t)number > c->highest)
                c->highest = (uint32_t)number;
            if (number >= SYSCALL_ARM_PRIVATE)
                c->private_used = true;
            if (number >= 0 && !same && (rc = add_call(c, r, row->name, (uint32_t)number)) < 0)
                return rc;
            if (c->column == SYSCALL_I386 && (rc = add_multiplexed(c, r, row->name)) < 0)
                return rc;
        }
    }
    return 0;
}

static bool same_alternatives(const struct alternative *a, const struct alternative *b)
{
    for (; a && b; a = a->next, b = b->next)
        if (a->args != b->args || a->n_args != b->n_args || a->action != b->action || a->wide != b->wide)
            return false;
    return !a && !b;
}

static void add_range(struct compiler *c, struct range r)
{
    if (c->n_ranges) {
        const struct range *last = &c->ranges[c->n_ranges - 1];
        if (last->verdict == r.verdict && last->listed == r.listed &&
            same_alternatives(last->alternatives, r.alternatives))
            return;
    }
    c->ranges[c->n_ranges++] = r;
}

/* Meaning 6: the default action may be one that lets a call run, or hands it to a tracer that knows better. */
static bool refuses(uint32_t action)
{
    switch (action & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG:
    case SECCOMP_RET_TRACE:
        return false;
    default:
        return true;
    }
}

static void add_slot(struct compiler *c, uint32_t i, uint32_t rest)
{
    const struct slot *s = &c->slots[i];
    add_range(c, (struct range){slot_number(i), s->decided ? s->action : rest, s->decided ? NULL : s->first,
                                slot_number(i) == c->ioctl});
}

/* All numbers from 0 up, as stretches of the same answer. */
static void build_ranges(struct compiler *c)
{
    /* A policy that names no call of this architecture says nothing about its age. */
    bool stub = refuses(c->policy->default_action) && c->highest > 0;
    uint32_t beyond = stub ? ENOSYS_VERDICT : c->policy->default_action;
    int ioctl = c->policy->ioctls ? syscall_number(c->arch, "ioctl") : -1;

    c->ioctl = (uint32_t)ioctl;
    c->n_ranges = 0;
    for (uint32_t i = 0; i <= c->highest || (ioctl >= 0 && i <= c->ioctl); i++)
        add_slot(c, i, i <= c->highest ? c->policy->default_action : beyond);
    add_range(c, (struct range){(c->highest > c->ioctl || ioctl < 0 ? c->highest : c->ioctl) + 1, beyond, NULL, false});
    for (uint32_t i = SLOTS_COMMON; i < SLOTS && c->private_used; i++)
        add_slot(c, i, beyond);
    if (c->arch == AUDIT_ARCH_X86_64)
        add_range(c, (struct range){X32_BIT, ENOSYS_VERDICT, NULL, false});
}

static bool equality(const struct alternative *alt)
{
    return alt->n_args == 1 && alt->args[0].op == SECCOMP_OP_EQ;
}

/* Of an equality. All alternatives of one call agree about an argument. */
static bool wide_of(const struct alternative *alt)
{
    return alt->wide >> alt->args[0].index & 1;
}

#define EQUALS_MAX 64

/* The alternatives up to `end`, tried in order; what none of them decides goes to `otherwise`. */
static uint32_t emit_alternatives(struct compiler *c, const struct alternative **v, uint32_t n, uint32_t otherwise)
{
    uint32_t at = otherwise;

    while (n) {
        const struct alternative *last = v[n - 1];
        struct bpf_equal equals[EQUALS_MAX];
        uint32_t run = 0;
        /* Equalities on one argument share their loads: socket families, personalities, requests. */
        while (run < n && run < EQUALS_MAX && equality(v[n - 1 - run]) && equality(last) &&
               v[n - 1 - run]->args[0].index == last->args[0].index &&
               (!wide_of(last) || v[n - 1 - run]->args[0].value >> 32 == last->args[0].value >> 32))
            run++;
        if (run > 1) {
            for (uint32_t i = 0; i < run; i++)
                equals[i] = (struct bpf_equal){(uint32_t)v[n - run + i]->args[0].value, v[n - run + i]->action};
            at = bpf_emit_equals(&c->builder, last->args[0].index, (uint32_t)(last->args[0].value >> 32), equals, run,
                                 wide_of(last), at);
            n -= run;
            continue;
        }
        uint32_t yes = bpf_emit_return(&c->builder, last->action);
        at = bpf_emit_conditions(&c->builder, last->args, last->n_args, last->wide, yes, at);
        n--;
    }
    return at;
}

/* least: no verdict is to be more permissive; SECCOMP_RET_ALLOW: as the rules say. */
static int emit_rules(struct compiler *c, const struct range *r, uint32_t least, uint32_t *label)
{
    const struct alternative **v;
    struct alternative *copies;
    uint32_t n = 0;

    *label = bpf_emit_return(&c->builder, stricter(least, r->verdict) ? least : r->verdict);
    if (!r->alternatives)
        return 0;
    for (const struct alternative *alt = r->alternatives; alt; alt = alt->next)
        n++;
    v = arena_array(c->arena, n, sizeof *v);
    copies = arena_array(c->arena, n, sizeof *copies);
    if (!v || !copies)
        return -ENOMEM;
    n = 0;
    for (const struct alternative *alt = r->alternatives; alt; alt = alt->next, n++) {
        copies[n] = *alt;
        if (stricter(least, alt->action))
            copies[n].action = least;
        v[n] = &copies[n];
    }
    *label = emit_alternatives(c, v, n, *label);
    return 0;
}

static int emit_range(struct compiler *c, const struct range *r, uint32_t *label)
{
    const struct ioctl_list *list = c->policy->ioctls;
    uint32_t unlisted;
    int rc;

    if (!r->listed)
        return emit_rules(c, r, SECCOMP_RET_ALLOW, label);
    if ((rc = emit_rules(c, r, ENOTTY_VERDICT, &unlisted)) == 0 &&
        (rc = emit_rules(c, r, SECCOMP_RET_ALLOW, label)) == 0) /* meaning 12 */
        *label = bpf_emit_member(&c->builder, 1, list->v, list->n, *label, unlisted);
    return rc;
}

/* The search tree over ranges [low, high). Its depth is the logarithm of SLOTS, so recursion is bounded. */
static int emit_tree(struct compiler *c, uint32_t low, uint32_t high, uint32_t *label)
{
    const struct range *r = c->ranges;
    uint32_t mid = low + (high - low) / 2;
    uint32_t yes, no;
    int rc;

    if (high - low == 1)
        return emit_range(c, &r[low], label);
    /* One number out of its surroundings: one comparison instead of two. */
    if (high - low == 3 && r[low + 2].start == r[low + 1].start + 1 && r[low].verdict == r[low + 2].verdict &&
        !r[low].alternatives && !r[low + 2].alternatives && !r[low].listed && !r[low + 2].listed) {
        if ((rc = emit_range(c, &r[low], &no)) < 0 || (rc = emit_range(c, &r[low + 1], &yes)) < 0)
            return rc;
        *label = bpf_emit_branch(&c->builder, BPF_JEQ, r[low + 1].start, yes, no);
        return 0;
    }
    if ((rc = emit_tree(c, mid, high, &yes)) < 0 || (rc = emit_tree(c, low, mid, &no)) < 0)
        return rc;
    *label = bpf_emit_branch(&c->builder, BPF_JGE, r[mid].start, yes, no);
    return 0;
}

static int compile_arch(struct compiler *c, uint32_t arch, uint32_t *label)
{
    int rc;

    c->arch = arch;
    c->column = syscall_arch_column(arch);
    c->wide = arch & __AUDIT_ARCH_64BIT;
    if ((rc = fill_slots(c)) < 0)
        return rc;
    build_ranges(c);
    if ((rc = emit_tree(c, 0, c->n_ranges, label)) < 0)
        return rc;
    if (c->n_ranges > 1 && !bpf_label_returns(&c->builder, *label))
        *label = bpf_emit_load(&c->builder, offsetof(struct seccomp_data, nr));
    return 0;
}

/* The architectures to compile, the native one first. One without a table here cannot be one this kernel runs (nor can
 * x32 have rules), so it is left out, and its calls meet the verdict on foreign architectures. */
static uint32_t list_arches(const struct seccomp_policy *p, uint32_t arches[SYSCALL_ARCHES])
{
    uint32_t n = 1;

    arches[0] = NATIVE_ARCH;
    for (uint32_t i = 0; i < p->n_arches; i++) {
        bool known = syscall_arch_column(p->arches[i]) < 0;
        for (uint32_t k = 0; k < n && !known; k++)
            known = arches[k] == p->arches[i];
        if (!known)
            arches[n++] = p->arches[i];
    }
    return n;
}

static int compile_arches(struct compiler *c)
{
    uint32_t arches[SYSCALL_ARCHES], labels[SYSCALL_ARCHES];
    uint32_t n = list_arches(c->policy, arches), at;
    int rc;

    for (uint32_t i = n; i-- > 0;)
        if ((rc = compile_arch(c, arches[i], &labels[i])) < 0)
            return rc;
    at = bpf_emit_return(&c->builder, SECCOMP_RET_KILL_PROCESS);
    for (uint32_t i = n; i-- > 0;)
        at = bpf_emit_branch(&c->builder, BPF_JEQ, arches[i], labels[i], at);
    bpf_emit_load(&c->builder, offsetof(struct seccomp_data, arch));
    return 0;
}

int seccomp_compile(struct arena *a, const struct seccomp_policy *p, struct bpf_program *out, struct err *err)
{
    struct compiler *c;
    uint64_t n_names;
    int rc;

    if (p->moat_default)
        return err_set(err, -EINVAL,
                       "the built-in seccomp profile has no rules yet; fill them in with seccomp_default_profile()");
    if ((rc = check_rules(p, &n_names, err)) < 0)
        return rc;
    c = arena_alloc(a, sizeof *c);
    if (!c || bpf_builder_init(&c->builder, a) < 0)
        return err_set(err, -ENOMEM, "no memory to compile the seccomp profile");
    c->arena = a;
    c->policy = p;
    if ((rc = resolve_names(c, n_names)) < 0 || (rc = compile_arches(c)) < 0)
        return err_set(err, rc, "no memory to compile a seccomp profile of %llu names", (unsigned long long)n_names);
    return bpf_builder_finish(&c->builder, out, err);
}
