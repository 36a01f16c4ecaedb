/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The return from an interrupt: in real and virtual-8086 mode, within and to an outer privilege, to virtual-8086 mode,
 * in 64-bit code (which always takes a stack from the frame), and from a nested task (Intel 2A, IRET).
 */
#include "cpu/system.h"

/* What iret may change of rflags by its operand's size; cpu_flags_write() takes off what the privilege forbids. */
static uint64_t flags_mask(const struct cpu *cpu, unsigned size)
{
    uint64_t mask = FLAGS_ARITHMETIC | RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT;

    if (size >= 4)
        mask |= RFLAGS_RF | RFLAGS_AC | RFLAGS_ID;
    if (size >= 4 && cpu->cpl == 0)
        mask |= RFLAGS_VIF | RFLAGS_VIP;
    return mask;
}

static void iret_real(struct cpu *cpu, const struct op *op)
{
    struct stack s = stack_present(cpu);
    unsigned size = op->operand_size;
    uint64_t rip, selector, flags;

    if (cpu->mode == MODE_V86 && (cpu->rflags & RFLAGS_IOPL) != RFLAGS_IOPL) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return;
    }
    if (!stack_pop(cpu, &s, size, &rip) || !stack_pop(cpu, &s, size, &selector) || !stack_pop(cpu, &s, size, &flags))
        return;
    if (rip > cpu->segments[SEG_CS].limit) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return;
    }
    stack_commit(cpu, &s);
    cpu->nmi_masked = false;
    code_enter_real(cpu, (uint16_t)selector, rip);
    cpu_flags_write(cpu, flags, flags_mask(cpu, size));
}

/* The six words above eflags: esp, ss, es, ds, fs, gs. */
static bool iret_to_v86(struct cpu *cpu, struct stack *s, uint16_t cs, uint64_t rip, uint64_t flags)
{
    static const uint8_t order[] = {SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    uint64_t pointer, selectors[sizeof order];

    if (!stack_pop(cpu, s, 4, &pointer))
        return false;
    for (unsigned i = 0; i < sizeof order; i++)
        if (!stack_pop(cpu, s, 4, &selectors[i]))
            return false;
    if (rip > 0xffff)
        return cpu_raise(cpu, VECTOR_GP, 0);
    cpu->nmi_masked = false;
    cpu_flags_set_all(cpu, flags);
    segment_load_v86(cpu, SEG_CS, cs);
    for (unsigned i = 0; i < sizeof order; i++)
        segment_load_v86(cpu, order[i], (uint16_t)selectors[i]);
    gpr_set32(cpu, GPR_SP, (uint32_t)pointer);
    cpu_leave(cpu, rip);
    cpu_mode_changed(cpu);
    return true;
}

static void iret_protected(struct cpu *cpu, const struct op *op)
{
    struct stack s = stack_present(cpu);
    unsigned size = op->operand_size;
    uint64_t rip, selector, flags, pointer = 0, stack_selector = 0;
    bool long_frame = cpu->mode == MODE_LONG, outer;
    struct vcpu_segment cs, ss;

    if (!stack_pop(cpu, &s, size, &rip) || !stack_pop(cpu, &s, size, &selector) || !stack_pop(cpu, &s, size, &flags))
        return;
    if ((flags & RFLAGS_VM) && cpu->cpl == 0 && size == 4 && !cpu_long_active(cpu)) {
        iret_to_v86(cpu, &s, (uint16_t)selector, rip, flags);
        return;
    }
    if (!return_code(cpu, (uint16_t)selector, &cs))
        return;
    outer = (selector & 3u) != cpu->cpl;
    if (outer || long_frame) {
        if (!stack_pop(cpu, &s, size, &pointer) || !stack_pop(cpu, &s, size, &stack_selector) ||
            !return_stack(cpu, (uint16_t)stack_selector, &cs, &ss))
            return;
    }
    if (!code_offset_check(cpu, &cs, rip))
        return;
    cpu->nmi_masked = false;
    cpu_flags_write(cpu, flags, flags_mask(cpu, size)); /* as the old privilege may */
    if (outer || long_frame)
        return_pointer(cpu, &cs, &ss, pointer);
    else
        stack_commit(cpu, &s);
    code_enter(cpu, &cs, cs.selector & 3u, rip);
    if (outer) {
        segments_drop_inner(cpu);
        cpu_mode_changed(cpu);
    }
}

void op_iret(struct cpu *cpu, const struct op *op)
{
    if (cpu_real_like(cpu)) {
        iret_real(cpu, op);
        return;
    }
    if (!(cpu->rflags & RFLAGS_NT)) {
        iret_protected(cpu, op);
    } else if (cpu_long_active(cpu)) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
    } else {
        uint64_t began = cpu->rip;
        cpu->rip = op_next_rip(cpu, op);
        if (!task_return(cpu))
            cpu->rip = began;
        else
            cpu->nmi_masked = false;
    }
}
