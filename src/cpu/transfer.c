/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What far calls, returns, interrupts and task switches are made of: stacks on which several values are pushed or
 * popped before the pointer itself changes, the stacks of inner privileges, and the last step, which cannot fail.
 */
#include "cpu/system.h"

/* ---- Stacks ---------------------------------------------------------------------------------------------------- */

struct stack stack_present(const struct cpu *cpu)
{
    const struct vcpu_segment *ss = &cpu->segments[SEG_SS];

    return (struct stack){.base = cpu->mode == MODE_LONG ? 0 : ss->base,
                          .pointer = gpr_get(cpu, GPR_SP, cpu->stack_size),
                          .limit = ss->limit,
                          .attributes = ss->attributes,
                          .size = cpu->stack_size,
                          .error = cpu->external};
}

struct stack stack_of(const struct vcpu_segment *ss, uint64_t pointer, bool long_mode)
{
    struct stack s = {.base = ss->base, .limit = ss->limit, .attributes = ss->attributes};

    s.size = long_mode ? 8 : ss->attributes & SEG_DB ? 4 : 2;
    s.base = long_mode ? 0 : ss->base;
    s.pointer = s.size == 8 ? pointer : s.size == 4 ? (uint32_t)pointer : (uint16_t)pointer;
    return s;
}

static uint64_t stack_wrap(const struct stack *s, uint64_t pointer)
{
    return s->size == 8 ? pointer : s->size == 4 ? (uint32_t)pointer : (uint16_t)pointer;
}

static bool stack_linear(struct cpu *cpu, const struct stack *s, uint64_t offset, unsigned size, uint64_t *out)
{
    uint64_t last = offset + size - 1;
    bool down = (s->attributes & (TYPE_CODE | TYPE_DOWN)) == TYPE_DOWN, inside;

    if (s->size == 8) {
        *out = offset;
        inside = address_canonical(offset) && address_canonical(last);
    } else {
        *out = (uint32_t)(s->base + offset);
        if (down)
            inside = offset > s->limit && last <= (s->attributes & SEG_DB ? 0xffffffff : 0xffff);
        else
            inside = last <= s->limit || (s->limit == UINT32_MAX && s->base == 0); /* limit_holds(), segment.c */
        inside = inside && !(s->attributes & SEG_UNUSABLE);
    }
    return inside || cpu_raise(cpu, VECTOR_SS, s->error);
}

static bool stack_access(struct cpu *cpu, const struct stack *s, uint64_t linear, unsigned size, enum access kind,
                         uint64_t *value)
{
    return (s->supervisor ? cpu_access_system : cpu_access)(cpu, linear, size, kind, value);
}

bool stack_push(struct cpu *cpu, struct stack *s, unsigned size, uint64_t value)
{
    uint64_t pointer = stack_wrap(s, s->pointer - size), linear;

    if (!stack_linear(cpu, s, pointer, size, &linear) || !stack_access(cpu, s, linear, size, ACCESS_STORE, &value))
        return false;
    s->pointer = pointer;
    return true;
}

bool stack_pop(struct cpu *cpu, struct stack *s, unsigned size, uint64_t *value)
{
    uint64_t linear;

    *value = 0;
    if (!stack_linear(cpu, s, stack_wrap(s, s->pointer), size, &linear) ||
        !stack_access(cpu, s, linear, size, ACCESS_LOAD, value))
        return false;
    s->pointer = stack_wrap(s, s->pointer + size);
    return true;
}

void stack_commit(struct cpu *cpu, const struct stack *s)
{
    gpr_set(cpu, GPR_SP, s->size, s->pointer);
}

/* ---- The stacks that the task segment has for inner privileges (Intel 3A 6.8.5, 8.2.1, 8.7) -------------------- */

static bool task_read(struct cpu *cpu, unsigned offset, unsigned size, uint64_t *value)
{
    uint64_t linear = cpu->tr.base + offset;

    *value = 0;
    if (offset + size - 1 > cpu->tr.limit)
        return cpu_raise(cpu, VECTOR_TS, selector_error(cpu, cpu->tr.selector));
    if (!cpu_long_active(cpu))
        linear = (uint32_t)linear;
    return cpu_access_system(cpu, linear, size, ACCESS_LOAD, value);
}

/* A new stack's selector; every fault of it is #TS, but one that is absent. */
static bool inner_stack_segment(struct cpu *cpu, uint16_t selector, unsigned cpl, struct vcpu_segment *ss)
{
    uint32_t error = selector_error(cpu, selector);
    struct descriptor d;

    if (selector_null(selector))
        return cpu_raise(cpu, VECTOR_TS, cpu->external);
    if (!descriptor_read(cpu, selector, VECTOR_TS, &d))
        return false;
    if ((selector & 3u) != cpl || descriptor_dpl(&d) != cpl || !descriptor_ordinary(&d) ||
        !descriptor_writable_data(&d))
        return cpu_raise(cpu, VECTOR_TS, error);
    if (!descriptor_present(&d))
        return cpu_raise(cpu, VECTOR_SS, error);
    if (!descriptor_set_accessed(cpu, &d))
        return false;
    *ss = descriptor_segment(&d, selector);
    return true;
}

bool inner_stack(struct cpu *cpu, unsigned cpl, struct vcpu_segment *ss, uint64_t *pointer)
{
    bool wide = cpu->tr.attributes & 8; /* a TSS of 32 bits */
    unsigned size = wide ? 4 : 2, at = size + cpl * 2 * size;
    uint64_t selector;

    /* Both together must lie inside. */
    if (at + size + 1 > cpu->tr.limit)
        return cpu_raise(cpu, VECTOR_TS, selector_error(cpu, cpu->tr.selector));
    return task_read(cpu, at, size, pointer) && task_read(cpu, at + size, 2, &selector) &&
           inner_stack_segment(cpu, (uint16_t)selector, cpl, ss);
}

bool inner_stack_long(struct cpu *cpu, unsigned slot, uint64_t *pointer)
{
    return task_read(cpu, 4 + 8 * slot, 8, pointer) &&
           (address_canonical(*pointer) || cpu_raise(cpu, VECTOR_SS, cpu->external));
}

/* ---- Code ------------------------------------------------------------------------------------------------------ */

bool code_offset_check(struct cpu *cpu, const struct vcpu_segment *cs, uint64_t offset)
{
    bool inside = cpu_long_active(cpu) && (cs->attributes & SEG_L) ? address_canonical(offset) : offset <= cs->limit;

    return inside || cpu_raise(cpu, VECTOR_GP, cpu->external);
}

void code_enter(struct cpu *cpu, const struct vcpu_segment *cs, unsigned cpl, uint64_t rip)
{
    cpu->segments[SEG_CS] = *cs;
    cpu->segments[SEG_CS].selector = (uint16_t)((cs->selector & ~3u) | cpl);
    cpu->cpl = (uint8_t)cpl;
    cpu_leave(cpu, rip);
    cpu_mode_changed(cpu);
}

void code_enter_real(struct cpu *cpu, uint16_t selector, uint64_t rip)
{
    if (cpu->mode == MODE_V86)
        segment_load_v86(cpu, SEG_CS, selector);
    else
        segment_load_real(cpu, SEG_CS, selector);
    cpu_leave(cpu, rip);
    cpu_mode_changed(cpu);
}

/* ---- Returns --------------------------------------------------------------------------------------------------- */

bool return_code(struct cpu *cpu, uint16_t selector, struct vcpu_segment *cs)
{
    uint32_t error = selector_error(cpu, selector);
    unsigned rpl = selector & 3u;
    struct descriptor d;

    if (selector_null(selector))
        return cpu_raise(cpu, VECTOR_GP, 0);
    if (!descriptor_read(cpu, selector, VECTOR_GP, &d))
        return false;
    if (!descriptor_ordinary(&d) || !descriptor_code(&d) || rpl < cpu->cpl || !code_long_valid(cpu, &d))
        return cpu_raise(cpu, VECTOR_GP, error);
    if (descriptor_conforming(&d) ? descriptor_dpl(&d) > rpl : descriptor_dpl(&d) != rpl)
        return cpu_raise(cpu, VECTOR_GP, error);
    if (!descriptor_present(&d))
        return cpu_raise(cpu, VECTOR_NP, error);
    if (!descriptor_set_accessed(cpu, &d))
        return false;
    *cs = descriptor_segment(&d, selector);
    return true;
}

bool return_stack(struct cpu *cpu, uint16_t selector, const struct vcpu_segment *cs, struct vcpu_segment *ss)
{
    unsigned rpl = cs->selector & 3u;

    if (selector_null(selector) && cpu_long_active(cpu) && (cs->attributes & SEG_L) && rpl != 3 &&
        (selector & 3u) == rpl) {
        *ss = segment_null(selector);
        ss->attributes |= rpl << SEG_DPL_SHIFT;
        return true;
    }
    if (selector_null(selector))
        return cpu_raise(cpu, VECTOR_GP, 0);
    return segment_check(cpu, SEG_SS, selector, rpl, VECTOR_GP, ss);
}

void return_pointer(struct cpu *cpu, const struct vcpu_segment *cs, const struct vcpu_segment *ss, uint64_t pointer)
{
    struct stack s = stack_of(ss, pointer, cpu_long_active(cpu) && (cs->attributes & SEG_L));

    cpu->segments[SEG_SS] = *ss;
    stack_commit(cpu, &s);
}
