/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Far jumps, calls and returns: direct, through call gates, and to tasks (Intel 2A: CALL, JMP; 2B: RET; 3A 5.8). The
 * checks are made in the manual's order; nothing has changed when one fails. Interrupts by instruction are bound here.
 */
#include "cpu/system.h"

/* ---- Checks of what is jumped to ------------------------------------------------------------------------------- */

static bool direct_code_check(struct cpu *cpu, uint16_t selector, struct descriptor *d)
{
    uint32_t error = selector_error(cpu, selector);
    unsigned dpl = descriptor_dpl(d);
    bool allowed =
        descriptor_conforming(d) ? dpl <= cpu->cpl : dpl == cpu->cpl && (selector & 3u) <= (unsigned)cpu->cpl;

    if (!allowed || !code_long_valid(cpu, d))
        return cpu_raise(cpu, VECTOR_GP, error);
    if (!descriptor_present(d))
        return cpu_raise(cpu, VECTOR_NP, error);
    return descriptor_set_accessed(cpu, d);
}

/* A gate, or a TSS: may this code use it, and is it there? */
static bool gate_check(struct cpu *cpu, uint16_t selector, const struct descriptor *d)
{
    uint32_t error = selector_error(cpu, selector);
    unsigned dpl = descriptor_dpl(d);

    if (dpl < cpu->cpl || (selector & 3u) > dpl)
        return cpu_raise(cpu, VECTOR_GP, error);
    return descriptor_present(d) || cpu_raise(cpu, VECTOR_NP, error);
}

/* The target of a call gate: *offset of as many bits as the gate has. */
static bool gate_target(struct cpu *cpu, uint16_t selector, const struct descriptor *gate, bool call,
                        struct descriptor *code, uint64_t *offset)
{
    uint16_t target = gate_selector(gate);
    uint32_t error = selector_error(cpu, target);
    unsigned dpl;
    bool allowed;

    *offset = descriptor_type(gate) == TYPE_CALL ? gate_offset(gate) : (uint16_t)gate_offset(gate);
    if (cpu_long_active(cpu)) { /* 16 bytes: the upper half has the rest of the offset */
        uint32_t limit = selector & 4 ? cpu->ldtr.limit : cpu->gdtr.limit;
        uint64_t upper;
        if ((selector & 0xfff8u) + 15 > limit)
            return cpu_raise(cpu, VECTOR_GP, selector_error(cpu, selector));
        if (!cpu_access_system(cpu, gate->at + 8, 8, ACCESS_LOAD, &upper))
            return false;
        if (upper >> 40 & 0x1f)
            return cpu_raise(cpu, VECTOR_GP, selector_error(cpu, selector));
        *offset |= upper << 32;
    }
    if (selector_null(target))
        return cpu_raise(cpu, VECTOR_GP, 0);
    if (!descriptor_read(cpu, target, VECTOR_GP, code))
        return false;
    dpl = descriptor_dpl(code);
    allowed = call || descriptor_conforming(code) ? dpl <= cpu->cpl : dpl == cpu->cpl;
    if (!descriptor_ordinary(code) || !descriptor_code(code) || !allowed)
        return cpu_raise(cpu, VECTOR_GP, error);
    if (cpu_long_active(cpu) && (!descriptor_long(code) || descriptor_big(code)))
        return cpu_raise(cpu, VECTOR_GP, error);
    if (!descriptor_present(code))
        return cpu_raise(cpu, VECTOR_NP, error);
    return descriptor_set_accessed(cpu, code);
}

/* ---- Transfers within a privilege ------------------------------------------------------------------------------ */

/* Pushes the way back, for a call; then goes. */
static bool enter_same(struct cpu *cpu, const struct op *op, const struct vcpu_segment *cs, uint64_t offset, bool call,
                       unsigned size)
{
    struct stack s = stack_present(cpu);

    if (call && (!stack_push(cpu, &s, size, cpu->segments[SEG_CS].selector) ||
                 !stack_push(cpu, &s, size, op_next_rip(cpu, op))))
        return false;
    if (!code_offset_check(cpu, cs, offset))
        return false;
    if (call)
        stack_commit(cpu, &s);
    code_enter(cpu, cs, cpu->cpl, offset);
    return true;
}

static void far_real(struct cpu *cpu, const struct op *op, uint16_t selector, uint64_t offset, bool call)
{
    struct stack s = stack_present(cpu);
    unsigned size = op->operand_size;

    if (call && (!stack_push(cpu, &s, size, cpu->segments[SEG_CS].selector) ||
                 !stack_push(cpu, &s, size, op_next_rip(cpu, op))))
        return;
    if (offset > cpu->segments[SEG_CS].limit) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return;
    }
    if (call)
        stack_commit(cpu, &s);
    code_enter_real(cpu, selector, offset);
}

/* ---- Call gates to an inner privilege -------------------------------------------------------------------------- */

/* Copies the gate's number of parameters from the present stack to the new one. */
static bool copy_parameters(struct cpu *cpu, struct stack *to, unsigned count, unsigned size)
{
    struct stack from = stack_present(cpu);
    uint64_t values[31];

    for (unsigned i = 0; i < count; i++)
        if (!stack_pop(cpu, &from, size, &values[i]))
            return false;
    while (count--)
        if (!stack_push(cpu, to, size, values[count]))
            return false;
    return true;
}

static bool enter_inner(struct cpu *cpu, const struct op *op, const struct descriptor *gate,
                        const struct descriptor *code, uint64_t offset)
{
    bool long_mode = cpu_long_active(cpu);
    unsigned cpl = descriptor_dpl(code), size = long_mode ? 8 : descriptor_type(gate) == TYPE_CALL ? 4 : 2;
    struct vcpu_segment cs = descriptor_segment(code, gate_selector(gate)), ss = segment_null((uint16_t)cpl);
    uint64_t pointer;
    struct stack s;

    ss.attributes |= cpl << SEG_DPL_SHIFT;
    if (!(long_mode ? inner_stack_long(cpu, cpl, &pointer) : inner_stack(cpu, cpl, &ss, &pointer)))
        return false;
    s = stack_of(&ss, pointer, long_mode);
    s.supervisor = true;
    s.error = selector_error(cpu, ss.selector);
    if (!stack_push(cpu, &s, size, cpu->segments[SEG_SS].selector) || !stack_push(cpu, &s, size, cpu->gpr[GPR_SP]) ||
        (!long_mode && !copy_parameters(cpu, &s, gate->high & 31, size)) ||
        !stack_push(cpu, &s, size, cpu->segments[SEG_CS].selector) ||
        !stack_push(cpu, &s, size, op_next_rip(cpu, op)) || !code_offset_check(cpu, &cs, offset))
        return false;
    cpu->segments[SEG_SS] = ss;
    stack_commit(cpu, &s);
    code_enter(cpu, &cs, cpl, offset);
    return true;
}

static void through_call_gate(struct cpu *cpu, const struct op *op, uint16_t selector, const struct descriptor *gate,
                              bool call)
{
    struct descriptor code;
    struct vcpu_segment cs;
    uint64_t offset;

    if (!gate_check(cpu, selector, gate) || !gate_target(cpu, selector, gate, call, &code, &offset))
        return;
    if (call && !descriptor_conforming(&code) && descriptor_dpl(&code) < cpu->cpl) {
        enter_inner(cpu, op, gate, &code, offset);
        return;
    }
    cs = descriptor_segment(&code, gate_selector(gate));
    enter_same(cpu, op, &cs, offset, call, cpu_long_active(cpu) ? 8 : descriptor_type(gate) == TYPE_CALL ? 4 : 2);
}

/* ---- jmp and call ---------------------------------------------------------------------------------------------- */

static void to_task(struct cpu *cpu, const struct op *op, uint16_t selector, struct descriptor *d, bool call)
{
    enum task_reason reason = call ? TASK_CALL : TASK_JUMP;
    uint64_t began = cpu->rip;
    bool done;

    if (!gate_check(cpu, selector, d))
        return;
    cpu->rip = op_next_rip(cpu, op);
    done = descriptor_type(d) == TYPE_TASK_GATE ? task_gate(cpu, d, reason, false, 0)
                                                : task_switch(cpu, selector, d, reason, false, 0);
    if (!done)
        cpu->rip = began;
}

static void far_protected(struct cpu *cpu, const struct op *op, uint16_t selector, uint64_t offset, bool call)
{
    struct descriptor d;
    struct vcpu_segment cs;

    if (selector_null(selector)) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return;
    }
    if (!descriptor_read(cpu, selector, VECTOR_GP, &d))
        return;
    if (descriptor_ordinary(&d) && descriptor_code(&d)) {
        if (!direct_code_check(cpu, selector, &d))
            return;
        cs = descriptor_segment(&d, selector);
        enter_same(cpu, op, &cs, offset, call, op->operand_size);
        return;
    }
    if (!descriptor_ordinary(&d)) {
        switch (descriptor_type(&d)) {
        case TYPE_CALL:
            through_call_gate(cpu, op, selector, &d, call);
            return;
        case TYPE_CALL16:
            if (cpu_long_active(cpu))
                break;
            through_call_gate(cpu, op, selector, &d, call);
            return;
        case TYPE_TASK_GATE:
        case TYPE_TSS16:
        case TYPE_TSS:
            if (cpu_long_active(cpu))
                break;
            to_task(cpu, op, selector, &d, call);
            return;
        }
    }
    cpu_fault(cpu, op, VECTOR_GP, selector_error(cpu, selector));
}

static void far_transfer(struct cpu *cpu, const struct op *op, bool call)
{
    unsigned size = op->operand_size;
    uint64_t offset = 0, linear;
    uint16_t selector = op->extra2;

    if (op->flags & OP_MEMORY) {
        if (!op_linear(cpu, op, size + 2, ACCESS_LOAD, &linear) ||
            !cpu_access(cpu, linear, size, ACCESS_LOAD, &offset) ||
            !cpu_access(cpu, linear + size, 2, ACCESS_LOAD, &selector))
            return;
    } else {
        offset = (uint64_t)op->imm;
    }
    if (cpu_real_like(cpu))
        far_real(cpu, op, selector, offset, call);
    else
        far_protected(cpu, op, selector, offset, call);
}

static void far_jump(struct cpu *cpu, const struct op *op)
{
    far_transfer(cpu, op, false);
}

static void far_call(struct cpu *cpu, const struct op *op)
{
    far_transfer(cpu, op, true);
}

/* ---- ret ----------------------------------------------------------------------------------------------------------
 */

static void far_return_outer(struct cpu *cpu, const struct op *op, struct stack *s, const struct vcpu_segment *cs,
                             uint64_t rip)
{
    unsigned size = op->operand_size;
    uint64_t pointer, selector;
    struct vcpu_segment ss;

    if (!stack_pop(cpu, s, size, &pointer) || !stack_pop(cpu, s, size, &selector) ||
        !return_stack(cpu, (uint16_t)selector, cs, &ss) || !code_offset_check(cpu, cs, rip))
        return;
    return_pointer(cpu, cs, &ss, pointer + op->extra2);
    code_enter(cpu, cs, cs->selector & 3u, rip);
    segments_drop_inner(cpu);
    cpu_mode_changed(cpu);
}

static void far_return(struct cpu *cpu, const struct op *op)
{
    struct stack s = stack_present(cpu);
    unsigned size = op->operand_size;
    uint64_t rip, selector;
    struct vcpu_segment cs;

    if (!stack_pop(cpu, &s, size, &rip) || !stack_pop(cpu, &s, size, &selector))
        return;
    s.pointer += op->extra2; /* parameters; stack_pop and stack_commit cut it to its width */
    if (cpu_real_like(cpu)) {
        if (rip > cpu->segments[SEG_CS].limit) {
            cpu_fault(cpu, op, VECTOR_GP, 0);
            return;
        }
        stack_commit(cpu, &s);
        code_enter_real(cpu, (uint16_t)selector, rip);
        return;
    }
    if (!return_code(cpu, (uint16_t)selector, &cs))
        return;
    if ((selector & 3u) != cpu->cpl) {
        far_return_outer(cpu, op, &s, &cs, rip);
        return;
    }
    if (!code_offset_check(cpu, &cs, rip))
        return;
    stack_commit(cpu, &s);
    code_enter(cpu, &cs, cpu->cpl, rip);
}

bool bind_far(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    *ends = true;
    op->operand_size = insn->operand_bytes;
    op->extra2 = insn->imm2;
    switch (insn->name) {
    case INSN_JMP_FAR:
        op->run = far_jump;
        return true;
    case INSN_CALL_FAR:
        op->run = far_call;
        return true;
    case INSN_RET_FAR:
        op->run = far_return;
        op->extra2 = (uint16_t)insn->imm;
        return true;
    default:
        return bind_interrupt(cpu, insn, op, ends);
    }
}
