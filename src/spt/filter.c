/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the filter, and their program. Pure. */
#include "spt/filter.h"

#include "confine/seccomp_emit.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>

#define IS(argument, n)                                                                                                \
    {                                                                                                                  \
        argument, FILTER_EQUAL, FILTER_NUMBER, n                                                                       \
    }
#define IS_THE(argument, w)                                                                                            \
    {                                                                                                                  \
        argument, FILTER_EQUAL, FILTER_##w, 0                                                                          \
    }
#define AT_MOST(argument, n)                                                                                           \
    {                                                                                                                  \
        argument, FILTER_AT_MOST, FILTER_NUMBER, n                                                                     \
    }
#define BITS(argument, n)                                                                                              \
    {                                                                                                                  \
        argument, FILTER_BITS, FILTER_NUMBER, n                                                                        \
    }
#define ZERO(argument)                                                                                                 \
    {                                                                                                                  \
        argument, FILTER_ZERO, FILTER_NUMBER, 0                                                                        \
    }
#define WITHIN(where)                                                                                                  \
    {                                                                                                                  \
        0, FILTER_##where, FILTER_NUMBER, 0                                                                            \
    }

/* The most frequent first. */
const struct filter_row filter_rows[] = {
    {GATE_write, FILTER_ALWAYS, {IS(0, 1)}, "standard output"},
    {GATE_write, FILTER_ALWAYS, {IS(0, 2)}, "standard error, and the trace"},
    {GATE_write, FILTER_IF_CONTROL, {IS_THE(0, CONTROL)}, "answers to moat, and the news of the end"},
    {GATE_read, FILTER_ALWAYS, {IS(0, 0)}, "standard input"},
    {GATE_read, FILTER_IF_CONTROL, {IS_THE(0, CONTROL)}, "signals and questions from moat"},
    {GATE_ppoll, FILTER_ALWAYS, {AT_MOST(1, 8), ZERO(3)}, "waiting, without a signal mask"},
    {GATE_mprotect, FILTER_ALWAYS, {BITS(2, PROT_READ | PROT_WRITE), WITHIN(MEMORY)}, "memory is used, or no longer"},
    {GATE_mprotect, FILTER_IF_JIT, {BITS(2, PROT_READ | PROT_EXEC), WITHIN(MEMORY)}, "what the program made does too"},
    {GATE_mprotect, FILTER_IF_CODE, {BITS(2, PROT_READ | PROT_EXEC), WITHIN(TEXT)}, "what was loaded becomes code"},
    {GATE_madvise, FILTER_IF_GIVEN, {IS(2, MADV_DONTNEED), WITHIN(MEMORY)}, "memory is given back"},
    {GATE_timer_settime, FILTER_IF_TIMER, {IS_THE(0, TIMER), IS(1, 1)}, "time slices: the one timer, absolute"},
    {GATE_rt_sigreturn, FILTER_ALWAYS, {{0}}, "the end of a signal handler"},
    {GATE_exit_group, FILTER_ALWAYS, {{0}}, "the end"},
    {GATE_preadv, FILTER_IF_BLOCK, {IS_THE(0, BLOCK), AT_MOST(2, 16)}, "the block device"},
    {GATE_pwritev, FILTER_IF_WRITE, {IS_THE(0, BLOCK), AT_MOST(2, 16)}, "the same, where it may be written"},
};
const unsigned filter_rows_count = sizeof filter_rows / sizeof filter_rows[0];

static const uint16_t numbers[] = {
#define X(name, nr) nr,
    GATE_CALLS(X)
#undef X
};

bool filter_row_holds(const struct filter_row *row, const struct filter_world *w)
{
    switch (row->when) {
    case FILTER_ALWAYS:
        return true;
    case FILTER_IF_CONTROL:
        return w->control >= 0;
    case FILTER_IF_CODE:
        return w->executable;
    case FILTER_IF_JIT:
        return w->jit;
    case FILTER_IF_GIVEN:
        return w->gives_back;
    case FILTER_IF_TIMER:
        return w->timer >= 0;
    case FILTER_IF_BLOCK:
        return w->block >= 0;
    case FILTER_IF_WRITE:
        return w->block >= 0 && w->write_back;
    }
    return false;
}

static uint32_t value_of(const struct filter_condition *c, const struct filter_world *w)
{
    switch (c->value) {
    case FILTER_CONTROL:
        return (uint32_t)w->control;
    case FILTER_BLOCK:
        return (uint32_t)w->block;
    case FILTER_TIMER:
        return (uint32_t)w->timer;
    default:
        return c->number;
    }
}

/* What is being made. Pieces that several rows end with are made once. */
struct maker {
    struct bpf_builder b;
    const struct filter_world *w;
    uint32_t allow, trap, memory;
    bool has_memory;
};

static uint32_t emit_text(struct maker *m)
{
    const struct filter_world *w = m->w;

    return w->text_low == w->text_high
               ? m->trap
               : bpf_emit_span(&m->b, 0, (uint32_t)w->text_low, (uint32_t)w->text_high, m->allow, m->trap);
}

static uint32_t emit_memory(struct maker *m)
{
    const struct filter_world *w = m->w;
    uint32_t below = m->trap;

    if (m->has_memory)
        return m->memory;
    if (w->text_low != w->text_high)
        below = bpf_emit_near_span(&m->b, 0, (uint32_t)w->text_low, (uint32_t)w->text_high, m->allow, m->trap);
    m->memory =
        bpf_emit_far_span(&m->b, 0, (uint32_t)w->arena_low, (uint32_t)(w->arena_high >> 32), below, m->allow, m->trap);
    m->has_memory = true;
    return m->memory;
}

static uint32_t emit_condition(struct maker *m, const struct filter_condition *c, uint32_t yes, uint32_t no)
{
    struct seccomp_arg a = {.index = c->argument, .value = value_of(c, m->w)};
    uint32_t wide = 0;

    switch (c->test) {
    case FILTER_EQUAL:
        a.op = SECCOMP_OP_EQ;
        break;
    case FILTER_AT_MOST:
        a.op = SECCOMP_OP_LE;
        break;
    case FILTER_BITS:
        a.op = SECCOMP_OP_MASKED_EQ;
        a.value = ~a.value;
        break;
    case FILTER_ZERO:
        a.op = SECCOMP_OP_EQ;
        wide = BPF_ALL_WIDE;
        break;
    case FILTER_TEXT:
        return emit_text(m);
    case FILTER_MEMORY:
        return emit_memory(m);
    default:
        return yes;
    }
    return bpf_emit_conditions(&m->b, &a, 1, wide, yes, no);
}

static uint32_t emit_row(struct maker *m, const struct filter_row *row, uint32_t no)
{
    uint32_t yes = m->allow;

    for (int i = FILTER_CONDITIONS; i--;)
        yes = emit_condition(m, &row->conditions[i], yes, no);
    return yes;
}

/* The number, and then the rows of one call. */
static uint32_t emit_call(struct maker *m, enum gate_call call)
{
    uint32_t at = m->trap;

    for (unsigned i = filter_rows_count; i--;)
        if (filter_rows[i].call == call && filter_row_holds(&filter_rows[i], m->w))
            at = emit_row(m, &filter_rows[i], at);
    if (at == m->trap)
        return at;
    bpf_emit_branch(&m->b, BPF_JEQ, numbers[call], at, m->trap);
    return bpf_emit_load(&m->b, offsetof(struct seccomp_data, nr));
}

/* The instruction decides first, so a program's own calls are told apart quickly. Short is fast: each instruction here
 * is compiled by the host at each start. And the host tries a new filter with each number of a call there is, on each
 * architecture, up to where it looks at anything but these two: so that is what the program begins with, though to no
 * end. */
int filter_make(const struct filter_world *w, struct sock_filter room[FILTER_ROOM], struct sock_filter **out)
{
    uint32_t calls[GATE_CALLS_COUNT], kill, at;
    struct maker m = {.w = w};

    bpf_builder_over(&m.b, room, FILTER_ROOM);
    m.allow = bpf_emit_return(&m.b, SECCOMP_RET_ALLOW);
    m.trap = bpf_emit_return(&m.b, SECCOMP_RET_TRAP);
    kill = bpf_emit_return(&m.b, SECCOMP_RET_KILL_PROCESS);
    for (int i = GATE_CALLS_COUNT; i--;)
        calls[i] = emit_call(&m, (enum gate_call)i);
    at = m.trap;
    for (unsigned i = filter_rows_count; i--;)
        if (i == 0 || filter_rows[i - 1].call != filter_rows[i].call)
            at = bpf_emit_branch(&m.b, BPF_JEQ, (uint32_t)GATE_POINTER(filter_rows[i].call), calls[filter_rows[i].call],
                                 at);
    at = bpf_emit_load(&m.b, offsetof(struct seccomp_data, instruction_pointer));
    bpf_emit_branch(&m.b, BPF_JEQ, 0, at, m.trap);
    at = bpf_emit_load(&m.b, offsetof(struct seccomp_data, instruction_pointer) + 4);
    bpf_emit_branch(&m.b, BPF_JEQ, AUDIT_ARCH_X86_64, at, kill);
    bpf_emit_load(&m.b, offsetof(struct seccomp_data, arch));
    bpf_emit_load(&m.b, offsetof(struct seccomp_data, instruction_pointer));
    if (m.b.n > FILTER_ROOM)
        return -E2BIG;
    *out = room + FILTER_ROOM - m.b.n;
    return (int)m.b.n;
}
