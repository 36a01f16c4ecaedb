/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. Rows are calls that profiles set conditions on; one that is missing is compared as 64 bits, as by
 * every other compiler of filters. Trust: names and values come from a foreign profile. */
#include "confine/narrow.h"

#include "base/mem.h"

#include <string.h>

#define A(i) (1u << (i))

/* Sorted by name. The declarations are those of SYSCALL_DEFINEn() in the kernel, which casts each register to its type.
 */
static const struct narrow_row rows[] = {
    {"arch_prctl", A(0), "int option"},
    {"bpf", A(0), "int cmd"},
    {"clone", A(0), "unsigned long clone_flags, of which the old call takes the low 32 bits"},
    {"dup3", A(2), "int flags"},
    {"epoll_create1", A(0), "int flags"},
    {"epoll_ctl", A(1), "int op"},
    {"eventfd2", A(1), "int flags"},
    {"fcntl", A(1), "unsigned int cmd"},
    {"flock", A(1), "unsigned int cmd"},
    {"futex", A(1), "int op"},
    {"getsockopt", A(1) | A(2), "int level, int optname"},
    {"inotify_init1", A(0), "int flags"},
    {"ioctl", A(1), "unsigned int cmd"},
    {"kcmp", A(2), "int type"},
    {"keyctl", A(0), "int option"},
    {"kill", A(1), "int sig"},
    {"madvise", A(2), "int behavior"},
    {"membarrier", A(0), "int cmd"},
    {"memfd_create", A(1), "unsigned int flags"},
    {"mknod", A(1), "umode_t mode"},
    {"mknodat", A(2), "umode_t mode"},
    {"open", A(1), "int flags"},
    {"openat", A(2), "int flags"},
    {"personality", A(0), "unsigned int personality"},
    {"pipe2", A(1), "int flags"},
    {"prctl", A(0), "int option"},
    {"prlimit64", A(1), "unsigned int resource"},
    {"renameat2", A(4), "unsigned int flags"},
    {"sched_setscheduler", A(1), "int policy"},
    {"seccomp", A(0) | A(1), "unsigned int op, unsigned int flags"},
    {"sendto", A(3), "unsigned int flags"},
    {"setns", A(1), "int nstype"},
    {"setsockopt", A(1) | A(2), "int level, int optname"},
    {"shmctl", A(1), "int cmd"},
    {"signalfd4", A(3), "int flags"},
    {"socket", A(0) | A(1) | A(2), "int family, int type, int protocol"},
    {"socketpair", A(0) | A(1) | A(2), "int family, int type, int protocol"},
    {"syslog", A(0), "int type"},
    {"tgkill", A(2), "int sig"},
    {"timerfd_create", A(0) | A(1), "int clockid, int flags"},
    {"tkill", A(1), "int sig"},
    {"umount2", A(1), "int flags"},
    {"unlinkat", A(2), "int flag"},
    {"userfaultfd", A(0), "int flags"},
};

const struct narrow_row *narrow_row_at(int i)
{
    return i >= 0 && (size_t)i < ARRAY_LEN(rows) ? &rows[i] : NULL;
}

uint32_t narrow_args(const char *name)
{
    size_t low = 0, high = ARRAY_LEN(rows);

    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = strcmp(name, rows[mid].name);
        if (!order)
            return rows[mid].args;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return 0;
}

static bool asked_about(const struct seccomp_policy *p, const struct narrow_row *row)
{
    for (uint32_t i = 0; i < p->n_rules; i++)
        for (uint32_t k = 0; k < p->rules[i].names.n && p->rules[i].n_args; k++)
            for (uint32_t j = 0; j < p->rules[i].n_args && !strcmp(p->rules[i].names.v[k], row->name); j++)
                if (p->rules[i].args[j].index < 6 && row->args >> p->rules[i].args[j].index & 1)
                    return true;
    return p->ioctls && !strcmp(row->name, "ioctl");
}

const char *narrow_calls(struct arena *a, const struct seccomp_policy *p)
{
    const char *text = NULL;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (asked_about(p, &rows[i]))
            text = arena_printf(a, "%s%s%s", text ? text : "", text ? ", " : "", rows[i].name);
    return text;
}

/* A sign-extended negative number is the 32-bit one: C libraries pass an `int` either way. */
static uint64_t narrow_value(uint64_t v)
{
    return v >> 31 == 0x1ffffffff ? (uint32_t)v : v;
}

enum narrow_meaning narrow_condition(struct seccomp_arg *c)
{
    uint64_t value = narrow_value(c->value), two;
    bool reachable = value >> 32 == 0; /* by an argument of 32 bits */

    switch (c->op) {
    case SECCOMP_OP_EQ:
        if (!reachable)
            return NARROW_NEVER;
        break;
    case SECCOMP_OP_NE:
        if (!reachable)
            return NARROW_ALWAYS;
        break;
    case SECCOMP_OP_LT:
    case SECCOMP_OP_LE:
        if (!reachable)
            return NARROW_ALWAYS;
        break;
    case SECCOMP_OP_GT:
    case SECCOMP_OP_GE:
        if (!reachable)
            return NARROW_NEVER;
        break;
    case SECCOMP_OP_MASKED_EQ:
        /* The mask's upper half meets zeros, so nothing may be asked of it. */
        two = narrow_value(c->value_two & c->value);
        if (two >> 32)
            return NARROW_NEVER;
        if (!(uint32_t)c->value)
            return NARROW_ALWAYS;
        *c = (struct seccomp_arg){c->index, c->op, (uint32_t)c->value, two};
        return NARROW_COMPARE;
    }
    *c = (struct seccomp_arg){c->index, c->op, value, 0};
    return NARROW_COMPARE;
}
