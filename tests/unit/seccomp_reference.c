/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. Slow on purpose: nothing is prepared, every call reads the whole policy. */
#include "seccomp_reference.h"

#include "confine/narrow.h"
#include "confine/seccomp.h"
#include "confine/syscalls.h"

#include <errno.h>
#include <linux/audit.h>
#include <string.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#endif

static bool wide_arch(uint32_t arch)
{
    return arch != AUDIT_ARCH_I386 && arch != AUDIT_ARCH_ARM;
}

/* A number that was negative as 32 bits and was widened with its sign. */
static bool sign_extended(uint64_t v)
{
    return v >= 0xffffffff80000000;
}

/* narrow: the kernel reads this argument as 32 bits, so that is what is compared; a negative value is meant as 32. */
static bool holds(const struct seccomp_arg *c, bool narrow, const struct seccomp_data *d)
{
    uint64_t mask = wide_arch(d->arch) ? ~0ull : 0xffffffff;
    uint64_t arg = d->args[c->index] & (narrow ? 0xffffffff : mask);
    uint64_t value = c->value & mask, two = c->value_two & mask;

    if (c->op == SECCOMP_OP_MASKED_EQ) {
        two &= value;
        if (narrow && sign_extended(two))
            two = (uint32_t)two;
        return (arg & value) == two;
    }
    if (narrow && sign_extended(value))
        value = (uint32_t)value;
    switch (c->op) {
    case SECCOMP_OP_NE:
        return arg != value;
    case SECCOMP_OP_LT:
        return arg < value;
    case SECCOMP_OP_LE:
        return arg <= value;
    case SECCOMP_OP_EQ:
        return arg == value;
    case SECCOMP_OP_GE:
        return arg >= value;
    case SECCOMP_OP_GT:
        return arg > value;
    case SECCOMP_OP_MASKED_EQ:
        break;
    }
    return false;
}

static bool rule_holds(const struct seccomp_rule *r, const char *name, const struct seccomp_data *d)
{
    uint32_t held = 0, narrow = narrow_args(name);
    bool repeated = false;

    for (uint32_t i = 0; i < r->n_args; i++) {
        held += holds(&r->args[i], narrow >> r->args[i].index & 1, d);
        for (uint32_t k = 0; k < i; k++)
            repeated |= r->args[i].index == r->args[k].index;
    }
    return repeated ? held > 0 : held == r->n_args;
}

/* Does the answer hang on how an argument is read that the kernel reads as 32 bits? */
static bool reads_narrow(const struct seccomp_rule *r, const char *name, const struct seccomp_data *d)
{
    uint32_t narrow = wide_arch(d->arch) ? narrow_args(name) : 0;

    for (uint32_t i = 0; i < r->n_args; i++) {
        const struct seccomp_arg *c = &r->args[i];
        if (narrow >> c->index & 1 && (d->args[c->index] >> 32 || c->value >> 32 || c->value_two >> 32))
            return true;
    }
    return false;
}

static int strictness(uint32_t action)
{
    static const uint32_t order[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP,
                                     SECCOMP_RET_ERRNO,        SECCOMP_RET_USER_NOTIF,  SECCOMP_RET_TRACE,
                                     SECCOMP_RET_LOG,          SECCOMP_RET_ALLOW};
    for (int i = 0; i < 8; i++)
        if (order[i] == (action & SECCOMP_RET_ACTION_FULL))
            return i;
    return -1;
}

/* Does the rule, naming a multiplexed call, reach this socketcall or ipc? */
static bool reaches(const struct seccomp_policy *p, const struct seccomp_rule *r, const char *name,
                    const struct seccomp_data *d, bool *looked)
{
    const struct syscall_mux_row *mux = d->arch == AUDIT_ARCH_I386 ? syscall_mux_find(name) : NULL;

    if (!mux || syscall_number(d->arch, mux->through) != d->nr)
        return false;
    *looked = true;
    if ((d->args[0] & 0xffff) != mux->selector)
        return false;
    return !r->n_args || strictness(r->action) < strictness(p->default_action);
}

static bool arch_named(const struct seccomp_policy *p, uint32_t arch)
{
    if (arch == NATIVE)
        return true;
    for (uint32_t i = 0; i < p->n_arches; i++)
        if (p->arches[i] == arch)
            return arch == AUDIT_ARCH_X86_64 || arch == AUDIT_ARCH_I386 || arch == AUDIT_ARCH_AARCH64 ||
                   arch == AUDIT_ARCH_ARM;
    return false;
}

/* The highest number named, and whether anything is known to be said of this very one. */
static int highest_number(const struct seccomp_policy *p, uint32_t arch)
{
    int highest = 0;

    for (uint32_t i = 0; i < p->n_rules; i++)
        for (uint32_t k = 0; k < p->rules[i].names.n; k++) {
            const char *name = p->rules[i].names.v[k];
            int number = syscall_number(arch, name);
            const struct syscall_mux_row *mux = arch == AUDIT_ARCH_I386 ? syscall_mux_find(name) : NULL;
            int through = mux ? syscall_number(arch, mux->through) : -1;
            if (number < 0xf0000 && number > highest)
                highest = number;
            if (through > highest)
                highest = through;
        }
    return highest;
}

static bool permissive(uint32_t action)
{
    return strictness(action) >= strictness(SECCOMP_RET_TRACE);
}

struct reference seccomp_reference(const struct seccomp_policy *p, const struct seccomp_data *d)
{
    struct reference ref = {.verdict = SECCOMP_RET_KILL_PROCESS};
    const struct seccomp_rule *always = NULL, *first = NULL;
    uint32_t rules = 0, conditions = 0, inequalities = 0;

    if (!arch_named(p, d->arch))
        return ref;
    if (d->arch == AUDIT_ARCH_X86_64 && (uint32_t)d->nr >= 0x40000000)
        return (struct reference){.verdict = SECCOMP_RET_ERRNO | ENOSYS, .beyond = true};
    for (uint32_t i = 0; i < p->n_rules; i++) {
        const struct seccomp_rule *r = &p->rules[i];
        bool counts = r->action != p->default_action || (p->in_order && r->n_args);
        for (uint32_t k = 0; k < r->names.n && counts; k++) {
            bool named = d->nr >= 0 && syscall_number(d->arch, r->names.v[k]) == d->nr;
            bool through = reaches(p, r, r->names.v[k], d, &ref.multiplexed);
            ref.looked |= named && r->n_args;
            for (uint32_t j = 0; j < r->n_args && named; j++) {
                conditions++;
                inequalities += r->args[j].op != SECCOMP_OP_EQ && r->args[j].op != SECCOMP_OP_MASKED_EQ;
            }
            rules += named && r->n_args;
            if (named && !r->n_args && !always)
                always = r;
            ref.narrow |= named && reads_narrow(r, r->names.v[k], d);
            if ((named && rule_holds(r, r->names.v[k], d)) || through) {
                ref.conflict |= first && first->action != r->action;
                first = first ? first : r;
            }
        }
    }
    if (always)
        ref.verdict = always->action;
    else if (first)
        ref.verdict = first->action;
    else if (!permissive(p->default_action) && highest_number(p, d->arch) > 0 &&
             (uint32_t)d->nr > (uint32_t)highest_number(p, d->arch)) {
        ref.verdict = SECCOMP_RET_ERRNO | ENOSYS;
        ref.beyond = true;
    } else
        ref.verdict = p->default_action;
    if (p->ioctls && d->nr == syscall_number(d->arch, "ioctl")) {
        bool listed = false;
        for (uint32_t i = 0; i < p->ioctls->n; i++)
            listed |= p->ioctls->v[i] == (uint32_t)d->args[1];
        if (!listed && strictness(ref.verdict) > strictness(SECCOMP_RET_ERRNO))
            ref.verdict = SECCOMP_RET_ERRNO | ENOTTY;
        ref.listed = true;
    }
    ref.looked = ((ref.looked || ref.multiplexed) && !always) || ref.listed;
    ref.conflict &= !always;
    /* A rule may be several alternatives (see rule_holds), so its conditions are counted. */
    ref.tangled = inequalities && (rules > 1 || conditions > 1);
    return ref;
}
