/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that move control and debug registers, and load and store the registers of the tables: GDT, IDT, LDT,
 * task (Intel 2A, 2B; 3A 2.4, 2.8). Which values the control registers take: mode.c.
 */
#include "cpu/system.h"

/* ---- Control registers ----------------------------------------------------------------------------------------- */

static void mov_from_control(struct cpu *cpu, const struct op *op)
{
    uint64_t value = 0;

    if (!op_privileged(cpu, op))
        return;
    switch (op->reg) {
    case 0:
        value = cpu->cr0;
        break;
    case 2:
        value = cpu->cr2;
        break;
    case 3:
        value = cpu->cr3;
        break;
    case 4:
        value = cpu->cr4;
        break;
    case 8:
        value = cpu->bus.tpr_get ? cpu->bus.tpr_get(cpu->bus.owner) >> 4 : 0;
        break;
    }
    gpr_set(cpu, op->rm, op->operand_size, value);
    NEXT(cpu, op);
}

static bool cr8_write(struct cpu *cpu, uint64_t value)
{
    if (value > 15)
        return cpu_raise(cpu, VECTOR_GP, 0);
    if (cpu->bus.tpr_set)
        cpu->bus.tpr_set(cpu->bus.owner, (uint8_t)(value << 4));
    return true;
}

static void mov_to_control(struct cpu *cpu, const struct op *op)
{
    uint64_t value = gpr_get(cpu, op->rm, op->operand_size);
    bool done = true;

    if (!op_privileged(cpu, op))
        return;
    switch (op->reg) {
    case 0:
        done = cpu_cr0_write(cpu, value);
        break;
    case 2:
        cpu->cr2 = value;
        break;
    case 3:
        done = cpu_cr3_write(cpu, value);
        break;
    case 4:
        done = cpu_cr4_write(cpu, value);
        break;
    case 8:
        done = cr8_write(cpu, value);
        break;
    }
    if (done)
        op_leave(cpu, op);
}

static void clts(struct cpu *cpu, const struct op *op)
{
    if (!op_privileged(cpu, op))
        return;
    cpu->cr0 &= ~CR0_TS;
    cpu_mode_changed(cpu);
    op_leave(cpu, op);
}

static void lmsw(struct cpu *cpu, const struct op *op)
{
    uint16_t value = gpr16(cpu, op->rm);

    if (!op_privileged(cpu, op) || ((op->flags & OP_MEMORY) && !op_load16(cpu, op, &value)))
        return;
    /* PE is set by it, never cleared. */
    if (cpu_cr0_write(cpu, (cpu->cr0 & ~(CR0_MP | CR0_EM | CR0_TS)) | (value & 15)))
        op_leave(cpu, op);
}

/* User-mode instruction prevention: what tells of the system's tables is not for programs. */
static bool umip_allows(struct cpu *cpu, const struct op *op)
{
    if (LIKELY(cpu->cpl == 0 || !(cpu->cr4 & CR4_UMIP)))
        return true;
    cpu_fault(cpu, op, VECTOR_GP, 0);
    return false;
}

/* smsw, sldt, str: two bytes of memory, or a register of the operand's size. */
static void store_word(struct cpu *cpu, const struct op *op)
{
    uint64_t value = op->extra2 == INSN_SMSW   ? cpu->cr0
                     : op->extra2 == INSN_SLDT ? cpu->ldtr.selector
                                               : cpu->tr.selector;

    if (!umip_allows(cpu, op) || ((op->flags & OP_MEMORY) && !op_store16(cpu, op, (uint16_t)value)))
        return;
    if (!(op->flags & OP_MEMORY))
        gpr_set(cpu, op->rm, op->operand_size, value);
    NEXT(cpu, op);
}

/* ---- GDT, IDT -------------------------------------------------------------------------------------------------- */

static void store_table(struct cpu *cpu, const struct op *op)
{
    const struct vcpu_table *t = op->extra2 == INSN_SGDT ? &cpu->gdtr : &cpu->idtr;
    unsigned size = cpu->mode == MODE_LONG ? 8 : 4;
    uint64_t linear, base = t->base;
    uint16_t limit = (uint16_t)t->limit;

    if (cpu->mode != MODE_LONG && op->operand_size == 2)
        base &= 0xffffff;
    if (!umip_allows(cpu, op) || !op_linear(cpu, op, size + 2, ACCESS_STORE, &linear) ||
        !cpu_probe_store(cpu, linear, size + 2) || !cpu_access(cpu, linear, 2, ACCESS_STORE, &limit) ||
        !cpu_access(cpu, linear + 2, size, ACCESS_STORE, &base))
        return;
    op_leave(cpu, op);
}

static void load_table(struct cpu *cpu, const struct op *op)
{
    struct vcpu_table *t = op->extra2 == INSN_LGDT ? &cpu->gdtr : &cpu->idtr;
    unsigned size = cpu->mode == MODE_LONG ? 8 : 4;
    uint64_t linear, base = 0;
    uint16_t limit;

    if (!op_privileged(cpu, op) || !op_linear(cpu, op, size + 2, ACCESS_LOAD, &linear) ||
        !cpu_access(cpu, linear, 2, ACCESS_LOAD, &limit) || !cpu_access(cpu, linear + 2, size, ACCESS_LOAD, &base))
        return;
    if (cpu->mode != MODE_LONG && op->operand_size == 2)
        base &= 0xffffff;
    if (!address_canonical(base)) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return;
    }
    t->base = base;
    t->limit = limit;
    op_leave(cpu, op);
}

/* ---- LDT, task register ---------------------------------------------------------------------------------------- */

/* The upper half of a system descriptor in long mode: 32 bits more of its base, and a type that must be 0. */
static bool system_base(struct cpu *cpu, uint16_t selector, const struct descriptor *d, uint64_t *base)
{
    uint64_t upper;

    *base = descriptor_base(d);
    if (!cpu_long_active(cpu))
        return true;
    if ((selector & 0xfff8u) + 15 > cpu->gdtr.limit)
        return cpu_raise(cpu, VECTOR_GP, selector_error(cpu, selector));
    if (!cpu_access_system(cpu, d->at + 8, 8, ACCESS_LOAD, &upper))
        return false;
    *base |= upper << 32;
    if ((upper >> 40 & 0x1f) || !address_canonical(*base))
        return cpu_raise(cpu, VECTOR_GP, selector_error(cpu, selector));
    return true;
}

static bool load_system(struct cpu *cpu, uint16_t selector, bool task, struct vcpu_segment *out)
{
    uint32_t error = selector_error(cpu, selector);
    struct descriptor d;
    uint64_t base;
    unsigned type;

    if (selector & 4)
        return cpu_raise(cpu, VECTOR_GP, error);
    if (!descriptor_read(cpu, selector, VECTOR_GP, &d))
        return false;
    type = descriptor_type(&d);
    if (descriptor_ordinary(&d) ||
        (task ? type != TYPE_TSS && (type != TYPE_TSS16 || cpu_long_active(cpu)) : type != TYPE_LDT))
        return cpu_raise(cpu, VECTOR_GP, error);
    if (!descriptor_present(&d))
        return cpu_raise(cpu, VECTOR_NP, error);
    if (!system_base(cpu, selector, &d, &base) || (task && !descriptor_set_type(cpu, &d, type | 2)))
        return false;
    *out = descriptor_segment(&d, selector);
    out->base = base;
    return true;
}

static void load_system_register(struct cpu *cpu, const struct op *op)
{
    uint16_t selector = gpr16(cpu, op->rm);
    bool task = op->extra2 == INSN_LTR;
    struct vcpu_segment loaded = segment_null(0);

    if (!op_privileged(cpu, op) || ((op->flags & OP_MEMORY) && !op_load16(cpu, op, &selector)))
        return;
    if (selector_null(selector) && task) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return;
    }
    loaded.selector = selector;
    if (!selector_null(selector) && !load_system(cpu, selector, task, &loaded))
        return;
    *(task ? &cpu->tr : &cpu->ldtr) = loaded;
    op_leave(cpu, op);
}

/* ---- Debug registers ------------------------------------------------------------------------------------------- */

/* 4 and 5 are names of 6 and 7, until cr4.DE says that they are none. */
static bool debug_register(struct cpu *cpu, const struct op *op, unsigned *n)
{
    *n = op->reg == 4 || op->reg == 5 ? op->reg + 2 : op->reg;
    if (!op_privileged(cpu, op))
        return false;
    if (*n != op->reg && (cpu->cr4 & CR4_DE)) {
        cpu_fault(cpu, op, VECTOR_UD, 0);
        return false;
    }
    if (cpu->dr[7] & DR7_GD) {
        cpu_fault(cpu, op, VECTOR_DB, 0);
        cpu->fault.dr6 = DR6_BD;
        return false;
    }
    return true;
}

static void mov_from_debug(struct cpu *cpu, const struct op *op)
{
    unsigned n;

    if (!debug_register(cpu, op, &n))
        return;
    gpr_set(cpu, op->rm, op->operand_size, cpu->dr[n]);
    op_leave(cpu, op);
}

static void mov_to_debug(struct cpu *cpu, const struct op *op)
{
    uint64_t value = gpr_get(cpu, op->rm, op->operand_size);
    unsigned n;

    if (!debug_register(cpu, op, &n))
        return;
    if (n >= 6 && value >> 32) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return;
    }
    if (n == 6)
        value = (value & (15 | DR6_BD | DR6_BS | DR6_BT)) | DR6_FIXED;
    else if (n == 7)
        value = (value & DR7_VALID) | DR7_FIXED;
    cpu->dr[n] = value;
    cpu_debug_changed(cpu);
    op_leave(cpu, op);
}

/* ---- Binding ------------------------------------------------------------------------------------------------------
 */

static bool bind_register(const struct insn *insn, struct op *op, bool *ends)
{
    const struct insn_operand *to = &insn->operands[0], *from = &insn->operands[1];
    bool writes = to->registers != REGISTERS_GENERAL;
    const struct insn_operand *special = writes ? to : from, *general = writes ? from : to;
    bool debug = special->registers == REGISTERS_DEBUG;

    op->reg = special->reg;
    op->rm = general->reg;
    op->operand_size = (uint8_t)general->bytes;
    *ends = writes || debug;
    op->run = debug ? (writes ? mov_to_debug : mov_from_debug) : writes ? mov_to_control : mov_from_control;
    return true;
}

bool bind_control(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    static const struct {
        uint16_t name;
        bool ends, protected_only;
        op_handler *run;
    } rows[] = {
        {INSN_CLTS, true, false, clts},
        {INSN_LMSW, true, false, lmsw},
        {INSN_SMSW, false, false, store_word},
        {INSN_SLDT, false, true, store_word},
        {INSN_STR, false, true, store_word},
        {INSN_SGDT, true, false, store_table},
        {INSN_SIDT, true, false, store_table},
        {INSN_LGDT, true, false, load_table},
        {INSN_LIDT, true, false, load_table},
        {INSN_LLDT, true, true, load_system_register},
        {INSN_LTR, true, true, load_system_register},
    };

    if (insn->name == INSN_MOV)
        return bind_register(insn, op, ends);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].name == insn->name) {
            op->run = rows[i].run;
            op->rm = insn->operands[0].reg;
            op->extra2 = insn->name;
            op->operand_size = insn->operand_bytes;
            *ends = rows[i].ends;
            return !(rows[i].protected_only && cpu_real_like(cpu));
        }
    return false;
}
