/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in, weakly, for rooms that are not there yet. */
#include "cpu/engine.h"

#define WEAK __attribute__((weak))
#define NO_ROOM(name)                                                                                                  \
    WEAK bool name(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)                          \
    {                                                                                                                  \
        return false;                                                                                                  \
    }
NO_ROOM(bind_alu)
NO_ROOM(bind_move)
NO_ROOM(bind_shift)
NO_ROOM(bind_multiply)
NO_ROOM(bind_bits)
NO_ROOM(bind_string)
NO_ROOM(bind_stack)
NO_ROOM(bind_flow)
NO_ROOM(bind_io)
NO_ROOM(bind_misc)
NO_ROOM(bind_segment)
NO_ROOM(bind_far)
NO_ROOM(bind_system)
NO_ROOM(bind_syscall)
NO_ROOM(bind_x87)
NO_ROOM(bind_mmx)
NO_ROOM(bind_sse)
NO_ROOM(bind_state)

WEAK void cpu_flags_write(struct cpu *cpu, uint64_t value, uint64_t mask)
{
}
WEAK void cpu_mode_changed(struct cpu *cpu)
{
    bool lma = cpu->msrs.efer & EFER_LMA;
    const struct vcpu_segment *cs = &cpu->segments[SEG_CS];

    cpu->mode = !(cpu->cr0 & CR0_PE) ? MODE_REAL
                : !lma               ? MODE_PROTECTED
                                     : (cs->attributes & SEG_L ? MODE_LONG : MODE_COMPAT);
    cpu->code_size = cpu->mode == MODE_LONG ? 8 : cs->attributes & SEG_DB ? 4 : 2;
    cpu->stack_size = cpu->mode == MODE_LONG ? 8 : cpu->segments[SEG_SS].attributes & SEG_DB ? 4 : 2;
    cpu->cpl = cpu->segments[SEG_SS].attributes >> SEG_DPL_SHIFT & 3;
    cpu->flat = cpu->mode == MODE_LONG || cpu->segments[SEG_DS].limit == 0xffffffff;
    cpu_tlb_select(cpu);
}
WEAK bool cpu_io_allowed(struct cpu *cpu, uint16_t port, unsigned size)
{
    return true;
}
WEAK bool cpu_segment_load(struct cpu *cpu, unsigned segment, uint16_t selector)
{
    return cpu_raise(cpu, VECTOR_UD, 0);
}
WEAK struct cpu_value cpu_linear_slow(struct cpu *cpu, unsigned segment, uint64_t offset, unsigned size,
                                      enum access kind)
{
    return (struct cpu_value){(uint32_t)(cpu->segments[segment].base + offset), 1};
}
WEAK void cpu_interrupt(struct cpu *cpu, uint8_t vector, enum interrupt_source source, bool error, uint32_t code)
{
    cpu->shutdown = true;
}
WEAK void cpu_fault_deliver(struct cpu *cpu)
{
    cpu->shutdown = true;
}
WEAK bool cpu_debug_before(struct cpu *cpu)
{
    return true;
}
WEAK void cpu_debug_access(struct cpu *cpu, uint64_t linear, unsigned size, enum access kind)
{
}
WEAK void cpu_debug_after(struct cpu *cpu)
{
}
WEAK bool cpu_push(struct cpu *cpu, unsigned size, uint64_t value)
{
    return false;
}
WEAK bool cpu_pop(struct cpu *cpu, unsigned size, uint64_t *value)
{
    return false;
}
WEAK bool cpu_stack_peek(struct cpu *cpu, unsigned depth, unsigned size, uint64_t *value)
{
    return false;
}
WEAK void cpu_stack_move(struct cpu *cpu, int64_t n)
{
}
WEAK void fpu_enter(struct cpu *cpu)
{
}
WEAK void fpu_leave(struct cpu *cpu)
{
}
WEAK void fpu_mode_changed(struct cpu *cpu)
{
}
WEAK void fpu_reset(struct cpu *cpu)
{
}
WEAK void fpu_to_xsave(struct cpu *cpu, uint8_t *image)
{
}
WEAK void fpu_from_xsave(struct cpu *cpu, const uint8_t *image)
{
}
WEAK void cpu_reset(struct cpu *cpu)
{
    cpu->rflags = 2;
    cpu->rip = 0xfff0;
    cpu->segments[SEG_CS] = (struct vcpu_segment){.base = 0xffff0000, .limit = 0xffff, .attributes = 0x9b};
    cpu_mode_changed(cpu);
    cpu_forget(cpu);
}
WEAK void cpu_state_get(struct cpu *cpu, struct vcpu_state *out)
{
    *out = (struct vcpu_state){.version = VCPU_STATE_VERSION, .bytes = sizeof *out};
    memcpy(out->gpr, cpu->gpr, sizeof out->gpr);
    out->rip = cpu->rip;
    out->rflags = cpu_rflags(cpu);
    memcpy(out->segments, cpu->segments, sizeof out->segments);
    out->cr0 = cpu->cr0, out->cr2 = cpu->cr2, out->cr3 = cpu->cr3, out->cr4 = cpu->cr4;
    out->msrs = cpu->msrs;
    out->halted = cpu->halted;
}
WEAK void cpu_state_set(struct cpu *cpu, const struct vcpu_state *s)
{
    memcpy(cpu->gpr, s->gpr, sizeof s->gpr);
    cpu->rip = s->rip;
    cpu->rflags = (s->rflags & ~(uint64_t)FLAGS_ARITHMETIC) | 2;
    flags_set(&cpu->flags, (uint32_t)s->rflags);
    memcpy(cpu->segments, s->segments, sizeof s->segments);
    cpu->cr0 = s->cr0, cpu->cr2 = s->cr2, cpu->cr3 = s->cr3, cpu->cr4 = s->cr4;
    cpu->msrs = s->msrs;
    cpu->halted = s->halted;
    if ((cpu->cr4 & CR4_PAE) && (cpu->cr0 & CR0_PG) && !(cpu->msrs.efer & EFER_LMA))
        cpu_pdptes_load(cpu, cpu->cr3);
    cpu_mode_changed(cpu);
    cpu_forget(cpu);
}
WEAK int cpu_model_find(const char *name, struct cpu_model *out, const char **names)
{
    *out = (struct cpu_model){.name = "moat64", .tsc_hz = 2600000000u, .physical_bits = 40};
    return 0;
}
WEAK struct cpuid_answer cpu_model_cpuid(const struct cpu_model *m, uint32_t leaf, uint32_t subleaf)
{
    return (struct cpuid_answer){.edx = leaf == 0x80000001 ? 1u << 26 : 0};
}
void cpu_debug_changed(struct cpu *cpu);
WEAK void cpu_debug_changed(struct cpu *cpu)
{
}
