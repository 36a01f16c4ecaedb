/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delivery of interrupts and exceptions: through the vectors of real mode, the gates of protected and of long mode, out
 * of virtual-8086 mode; what becomes of a fault on the way (Intel 3A chapter 6). int n and its like are here as well.
 *
 * While an event is delivered cpu->rip is where its handler will return to, and cpu->external the EXT bit of the error
 * codes. Nothing has changed when a delivery fails but memory below the stack's pointer.
 */
#include "cpu/system.h"

struct event {
    uint8_t vector;
    enum interrupt_source source;
    bool has_error, resume; /* resume: RF is set in the flags that are pushed */
    uint32_t error;
};

static uint64_t flags_pushed(const struct cpu *cpu, const struct event *e)
{
    return cpu_rflags(cpu) | (e->resume ? RFLAGS_RF : 0);
}

static uint32_t gate_error(const struct cpu *cpu, const struct event *e)
{
    return e->vector * 8u + 2 + cpu->external;
}

/* ---- Real mode ------------------------------------------------------------------------------------------------- */

static bool deliver_real(struct cpu *cpu, const struct event *e)
{
    struct stack s = stack_present(cpu);
    uint32_t vector;

    if (e->vector * 4u + 3 > cpu->idtr.limit)
        return cpu_raise(cpu, VECTOR_GP, gate_error(cpu, e));
    if (!cpu_access_system(cpu, (uint32_t)(cpu->idtr.base + e->vector * 4u), 4, ACCESS_LOAD, &vector) ||
        !stack_push(cpu, &s, 2, cpu_rflags(cpu)) || !stack_push(cpu, &s, 2, cpu->segments[SEG_CS].selector) ||
        !stack_push(cpu, &s, 2, cpu->rip))
        return false;
    stack_commit(cpu, &s);
    cpu->rflags &= ~(RFLAGS_IF | RFLAGS_TF | RFLAGS_AC | RFLAGS_RF);
    code_enter_real(cpu, (uint16_t)(vector >> 16), vector & 0xffff);
    return true;
}

/* ---- Gates ----------------------------------------------------------------------------------------------------- */

struct interrupt_gate {
    struct descriptor gate;
    uint64_t offset;
    unsigned ist, size; /* of what is pushed: 2, 4, 8 */
    struct descriptor code;
    unsigned cpl; /* of the handler */
};

static bool gate_read(struct cpu *cpu, const struct event *e, struct interrupt_gate *g)
{
    bool long_mode = cpu_long_active(cpu);
    unsigned bytes = long_mode ? 16 : 8, type;
    uint64_t at = cpu->idtr.base + (uint64_t)e->vector * bytes, raw, upper = 0;

    if (e->vector * bytes + bytes - 1 > cpu->idtr.limit)
        return cpu_raise(cpu, VECTOR_GP, gate_error(cpu, e));
    if (!long_mode)
        at = (uint32_t)at;
    if (!cpu_access_system(cpu, at, 8, ACCESS_LOAD, &raw) ||
        (long_mode && !cpu_access_system(cpu, at + 8, 8, ACCESS_LOAD, &upper)))
        return false;
    g->gate = (struct descriptor){.low = (uint32_t)raw, .high = (uint32_t)(raw >> 32), .at = at};
    type = g->gate.high >> 8 & 31; /* with S, which is 0 */
    if (long_mode ? type != TYPE_INTERRUPT && type != TYPE_TRAP
                  : type != TYPE_TASK_GATE && (type & ~9u) != TYPE_INTERRUPT16)
        return cpu_raise(cpu, VECTOR_GP, gate_error(cpu, e));
    if (e->source == SOURCE_SOFTWARE && descriptor_dpl(&g->gate) < cpu->cpl)
        return cpu_raise(cpu, VECTOR_GP, gate_error(cpu, e));
    if (!descriptor_present(&g->gate))
        return cpu_raise(cpu, VECTOR_NP, gate_error(cpu, e));
    g->size = long_mode ? 8 : type & 8 ? 4 : 2;
    g->offset = g->size == 2 ? (uint16_t)gate_offset(&g->gate) : gate_offset(&g->gate) | upper << 32;
    g->ist = long_mode ? (unsigned)(raw >> 32 & 7) : 0;
    return true;
}

static bool gate_code(struct cpu *cpu, struct interrupt_gate *g)
{
    uint16_t selector = gate_selector(&g->gate);
    uint32_t error = selector_error(cpu, selector);

    if (selector_null(selector))
        return cpu_raise(cpu, VECTOR_GP, cpu->external);
    if (!descriptor_read(cpu, selector, VECTOR_GP, &g->code))
        return false;
    if (!descriptor_ordinary(&g->code) || !descriptor_code(&g->code) || descriptor_dpl(&g->code) > cpu->cpl)
        return cpu_raise(cpu, VECTOR_GP, error);
    if (cpu_long_active(cpu) && (!descriptor_long(&g->code) || descriptor_big(&g->code)))
        return cpu_raise(cpu, VECTOR_GP, error);
    if (!descriptor_present(&g->code))
        return cpu_raise(cpu, VECTOR_NP, error);
    g->cpl = descriptor_conforming(&g->code) ? cpu->cpl : descriptor_dpl(&g->code);
    if (cpu->mode == MODE_V86 && g->cpl != 0)
        return cpu_raise(cpu, VECTOR_GP, error);
    return true;
}

/* ---- Stacks and frames ----------------------------------------------------------------------------------------- */

/* The stack that the handler begins with, and ss of it when it is another than now. */
static bool handler_stack(struct cpu *cpu, const struct interrupt_gate *g, struct stack *s, struct vcpu_segment *ss)
{
    bool inner = g->cpl != cpu->cpl;
    uint64_t pointer = cpu->gpr[GPR_SP];

    if (g->size == 8) {
        if (g->ist ? !inner_stack_long(cpu, 3 + g->ist, &pointer) : inner && !inner_stack_long(cpu, g->cpl, &pointer))
            return false;
        if (inner) {
            *ss = segment_null((uint16_t)g->cpl);
            ss->attributes |= g->cpl << SEG_DPL_SHIFT;
        }
        *s = stack_of(ss, pointer & ~UINT64_C(15), true);
        s->supervisor = inner;
        s->error = cpu->external;
        return true;
    }
    if (!inner) {
        *s = stack_present(cpu);
        return true;
    }
    if (!inner_stack(cpu, g->cpl, ss, &pointer))
        return false;
    *s = stack_of(ss, pointer, false);
    s->supervisor = true;
    s->error = selector_error(cpu, ss->selector);
    return true;
}

static bool push_frame(struct cpu *cpu, const struct event *e, const struct interrupt_gate *g, struct stack *s)
{
    static const uint8_t v86[] = {SEG_GS, SEG_FS, SEG_DS, SEG_ES};
    unsigned size = g->size;

    for (unsigned i = 0; cpu->mode == MODE_V86 && i < sizeof v86; i++)
        if (!stack_push(cpu, s, size, cpu->segments[v86[i]].selector))
            return false;
    if ((size == 8 || g->cpl != cpu->cpl) &&
        (!stack_push(cpu, s, size, cpu->segments[SEG_SS].selector) || !stack_push(cpu, s, size, cpu->gpr[GPR_SP])))
        return false;
    return stack_push(cpu, s, size, flags_pushed(cpu, e)) && stack_push(cpu, s, size, cpu->segments[SEG_CS].selector) &&
           stack_push(cpu, s, size, cpu->rip) && (!e->has_error || stack_push(cpu, s, size, e->error));
}

static bool deliver_gate(struct cpu *cpu, const struct event *e)
{
    static const uint8_t data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    struct vcpu_segment cs, ss = cpu->segments[SEG_SS];
    struct interrupt_gate g;
    struct stack s;

    if (!gate_read(cpu, e, &g))
        return false;
    if (descriptor_type(&g.gate) == TYPE_TASK_GATE)
        return task_gate(cpu, &g.gate, TASK_INTERRUPT, e->has_error, e->error);
    if (!gate_code(cpu, &g))
        return false;
    cs = descriptor_segment(&g.code, gate_selector(&g.gate));
    if (!handler_stack(cpu, &g, &s, &ss) || !push_frame(cpu, e, &g, &s) || !code_offset_check(cpu, &cs, g.offset) ||
        !descriptor_set_accessed(cpu, &g.code))
        return false;
    cs.attributes |= TYPE_ACCESSED;
    if (cpu->mode == MODE_V86)
        for (unsigned i = 0; i < sizeof data; i++)
            cpu->segments[data[i]] = segment_null(0);
    cpu->segments[SEG_SS] = ss;
    stack_commit(cpu, &s);
    cpu->rflags &= ~(RFLAGS_TF | RFLAGS_VM | RFLAGS_RF | RFLAGS_NT);
    if (!(g.gate.high & 0x100)) /* an interrupt gate, not a trap gate */
        cpu->rflags &= ~RFLAGS_IF;
    code_enter(cpu, &cs, g.cpl, g.offset);
    return true;
}

static bool deliver(struct cpu *cpu, const struct event *e)
{
    bool done;

    cpu->external = e->source != SOURCE_SOFTWARE;
    done = cpu->mode == MODE_REAL ? deliver_real(cpu, e) : deliver_gate(cpu, e);
    cpu->external = 0;
    if (done) {
        cpu->stepping = false;
        cpu->shadow_sti = cpu->shadow_ss = false;
        cpu->halted = false;
    }
    return done;
}

/* ---- One fault after another (Intel 3A table 6-5) -------------------------------------------------------------- */

enum severity { BENIGN, CONTRIBUTORY, PAGE_FAULT };

static enum severity severity(unsigned vector)
{
    const uint32_t contributory =
        1u << VECTOR_DE | 1u << VECTOR_TS | 1u << VECTOR_NP | 1u << VECTOR_SS | 1u << VECTOR_GP;

    return vector == VECTOR_PF ? PAGE_FAULT : vector < 32 && contributory >> vector & 1 ? CONTRIBUTORY : BENIGN;
}

static bool vector_has_error(unsigned vector)
{
    const uint32_t with = 1u << VECTOR_DF | 1u << VECTOR_TS | 1u << VECTOR_NP | 1u << VECTOR_SS | 1u << VECTOR_GP |
                          1u << VECTOR_PF | 1u << VECTOR_AC;

    return vector < 32 && with >> vector & 1;
}

/* The event of the fault that is pending, which it is no more. */
static struct event take_fault(struct cpu *cpu)
{
    struct cpu_fault f = cpu->fault;

    cpu->fault.pending = false;
    if (f.vector == VECTOR_PF)
        cpu->cr2 = f.cr2;
    if (f.vector == VECTOR_DB) {
        cpu->dr[6] = (cpu->dr[6] & ~UINT64_C(15)) | f.dr6 | DR6_FIXED;
        cpu->dr[7] &= ~DR7_GD;
    }
    /* Those that are faults restart with RF set; #DB of an instruction's address leaves that to its handler. */
    return (struct event){.vector = f.vector,
                          .source = SOURCE_EXCEPTION,
                          .has_error = vector_has_error(f.vector) && cpu->mode != MODE_REAL,
                          .resume = f.vector != VECTOR_DB || (f.dr6 & DR6_BD),
                          .error = f.error};
}

static void deliver_all(struct cpu *cpu, struct event e)
{
    /* A task that was switched to may begin with a fault of its own: done, and pending. */
    while (!deliver(cpu, &e) || cpu->fault.pending) {
        bool exception = e.source == SOURCE_EXCEPTION;
        enum severity first = exception ? severity(e.vector) : BENIGN;
        struct event next = take_fault(cpu);
        enum severity second = severity(next.vector);

        if (exception && e.vector == VECTOR_DF) {
            cpu->shutdown = true;
            return;
        }
        if ((first == CONTRIBUTORY && second == CONTRIBUTORY) || (first == PAGE_FAULT && second != BENIGN))
            next = (struct event){
                .vector = VECTOR_DF, .source = SOURCE_EXCEPTION, .has_error = cpu->mode != MODE_REAL, .resume = true};
        e = next;
    }
}

void cpu_interrupt(struct cpu *cpu, uint8_t vector, enum interrupt_source source, bool has_error, uint32_t error)
{
    deliver_all(cpu, (struct event){.vector = vector, .source = source, .has_error = has_error, .error = error});
}

void cpu_fault_deliver(struct cpu *cpu)
{
    cpu->rip = cpu->fault.rip;
    deliver_all(cpu, take_fault(cpu));
}

/* ---- Instructions ---------------------------------------------------------------------------------------------- */

/* A fault on the way is one of this instruction, which begins anew after it. */
static void software_interrupt(struct cpu *cpu, const struct op *op, uint8_t vector, enum interrupt_source source)
{
    struct event e = {.vector = vector, .source = source};
    uint64_t began = cpu->rip;

    cpu->rip = op_next_rip(cpu, op);
    if (!deliver(cpu, &e))
        cpu->rip = began;
}

static void op_int(struct cpu *cpu, const struct op *op)
{
    if (cpu->mode == MODE_V86 && (cpu->rflags & RFLAGS_IOPL) != RFLAGS_IOPL) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return;
    }
    software_interrupt(cpu, op, (uint8_t)op->imm, SOURCE_SOFTWARE);
}

static void op_int3(struct cpu *cpu, const struct op *op)
{
    software_interrupt(cpu, op, VECTOR_BP, SOURCE_SOFTWARE);
}

/* Of an in-circuit emulator: a #DB that no gate's privilege stops and that says nothing in dr6, but for a breakpoint
 * that a load of ss has kept back: both are one. */
static void op_int1(struct cpu *cpu, const struct op *op)
{
    uint64_t pending = cpu->debug_pending;

    if (pending)
        cpu->dr[6] = (cpu->dr[6] & ~UINT64_C(15)) | pending;
    cpu->debug_pending = 0;
    cpu->dr[7] &= ~DR7_GD;
    software_interrupt(cpu, op, VECTOR_DB, SOURCE_EXCEPTION);
}

static void op_into(struct cpu *cpu, const struct op *op)
{
    if (flags_o(&cpu->flags))
        software_interrupt(cpu, op, VECTOR_OF, SOURCE_SOFTWARE);
    else
        op_leave(cpu, op);
}

bool bind_interrupt(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    (void)cpu;
    *ends = true;
    switch (insn->name) {
    case INSN_INT:
        op->run = op_int;
        op->imm = insn->imm;
        return true;
    case INSN_INT3:
        op->run = op_int3;
        return true;
    case INSN_INT1:
        op->run = op_int1;
        return true;
    case INSN_INTO:
        op->run = op_into;
        return true;
    case INSN_IRET:
        op->run = op_iret;
        return true;
    default:
        return false;
    }
}
