/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that ask about selectors and raise nothing about them: verr, verw, lar, lsl, arpl (Intel 3A 5.10). They
 * are unknown in real and virtual-8086 mode. */
#include "cpu/system.h"

/* The descriptor of a selector that is null or outside of its table is none. False: a page fault. */
static bool look_up(struct cpu *cpu, uint16_t selector, struct descriptor *d, bool *found)
{
    uint32_t limit = selector & 4 ? cpu->ldtr.limit : cpu->gdtr.limit;
    bool none = selector_null(selector) || (selector & 0xfff8u) + 7 > limit ||
                ((selector & 4) && (cpu->ldtr.attributes & SEG_UNUSABLE));

    *found = !none;
    return none || descriptor_read(cpu, selector, VECTOR_GP, d);
}

static bool privilege_allows(const struct cpu *cpu, uint16_t selector, const struct descriptor *d)
{
    unsigned dpl = descriptor_dpl(d);

    if (descriptor_ordinary(d) && descriptor_code(d) && descriptor_conforming(d))
        return true;
    return cpu->cpl <= dpl && (selector & 3u) <= dpl;
}

static bool verr_allows(const struct cpu *cpu, uint16_t selector, const struct descriptor *d)
{
    return descriptor_ordinary(d) && (!descriptor_code(d) || (descriptor_type(d) & TYPE_WRITABLE)) &&
           privilege_allows(cpu, selector, d);
}

static bool verw_allows(const struct cpu *cpu, uint16_t selector, const struct descriptor *d)
{
    return descriptor_ordinary(d) && descriptor_writable_data(d) && privilege_allows(cpu, selector, d);
}

/* Types of system descriptors, as bits: of lar, of lsl; the second half in long mode. */
static bool type_known(const struct cpu *cpu, const struct descriptor *d, uint16_t known, uint16_t known_long)
{
    return descriptor_ordinary(d) || (cpu_long_active(cpu) ? known_long : known) >> descriptor_type(d) & 1;
}

static bool lar_allows(const struct cpu *cpu, uint16_t selector, const struct descriptor *d)
{
    return type_known(cpu, d, 0x1a3e, 0x1a04) && privilege_allows(cpu, selector, d);
}

static bool lsl_allows(const struct cpu *cpu, uint16_t selector, const struct descriptor *d)
{
    return type_known(cpu, d, 0x0a0e, 0x0a04) && privilege_allows(cpu, selector, d);
}

static void verify(struct cpu *cpu, const struct op *op)
{
    uint16_t selector = gpr16(cpu, op->rm);
    struct descriptor d = {0};
    bool found, allowed = false;

    if (((op->flags & OP_MEMORY) && !op_load16(cpu, op, &selector)) || !look_up(cpu, selector, &d, &found))
        return;
    if (found) {
        switch (op->extra2) {
        case INSN_VERR:
            allowed = verr_allows(cpu, selector, &d);
            break;
        case INSN_VERW:
            allowed = verw_allows(cpu, selector, &d);
            break;
        case INSN_LAR:
            allowed = lar_allows(cpu, selector, &d);
            if (allowed)
                gpr_set(cpu, op->reg, op->operand_size, d.high & 0xffff00);
            break;
        default:
            allowed = lsl_allows(cpu, selector, &d);
            if (allowed)
                gpr_set(cpu, op->reg, op->operand_size, descriptor_limit(&d));
        }
    }
    flags_put(&cpu->flags, FLAG_Z, allowed ? FLAG_Z : 0);
    op_leave(cpu, op);
}

static void arpl(struct cpu *cpu, const struct op *op)
{
    uint16_t selector = gpr16(cpu, op->rm);
    unsigned wanted = cpu->gpr[op->reg] & 3;
    bool lower;

    /* Written only when it changes. */
    if ((op->flags & OP_MEMORY) && !op_load16(cpu, op, &selector))
        return;
    lower = (selector & 3u) < wanted;
    selector = (uint16_t)((selector & ~3u) | wanted);
    if (lower && (op->flags & OP_MEMORY) && !op_store16(cpu, op, selector))
        return;
    if (lower && !(op->flags & OP_MEMORY))
        gpr_set16(cpu, op->rm, selector);
    flags_put(&cpu->flags, FLAG_Z, lower ? FLAG_Z : 0);
    op_leave(cpu, op);
}

bool bind_verify(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    const struct insn_operand *first = &insn->operands[0], *second = &insn->operands[1];

    if (cpu_real_like(cpu))
        return false;
    *ends = true;
    op->extra2 = insn->name;
    op->operand_size = insn->operand_bytes;
    switch (insn->name) {
    case INSN_ARPL:
        op->run = arpl;
        op->rm = first->reg;
        op->reg = second->reg;
        return true;
    case INSN_VERR:
    case INSN_VERW:
        op->run = verify;
        op->rm = first->reg;
        return true;
    case INSN_LAR:
    case INSN_LSL:
        op->run = verify;
        op->reg = first->reg;
        op->rm = second->reg;
        return true;
    default:
        return false;
    }
}
