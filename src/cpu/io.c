/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports (Intel 2A: IN OUT INS OUTS; 1, 18.5: who may). All of these end their block: a device may want attention, or
 * the processor to stop.
 */
#include "cpu/string.h"

/* ---- Who may ----------------------------------------------------------------------------------------------------- */

enum { TSS_32_AVAILABLE = 9, TSS_32_BUSY = 11, TSS_MAP_BASE = 102 };

static bool task_load(struct cpu *cpu, uint32_t offset, unsigned size, uint64_t *value)
{
    *value = 0;
    return cpu_access_system(cpu, cpu->tr.base + offset, size, ACCESS_LOAD, value);
}

/* The task's map has a bit for each port; those of all the access's bytes must be 0. Two bytes are read, as processors
 * do, and both must lie within the segment. */
static bool allowed_by_task(struct cpu *cpu, uint16_t port, unsigned size)
{
    unsigned type = cpu->tr.attributes & SEG_TYPE;
    uint64_t base, bits;

    if ((type != TSS_32_AVAILABLE && type != TSS_32_BUSY) || cpu->tr.limit < TSS_MAP_BASE + 1)
        return cpu_raise(cpu, VECTOR_GP, 0);
    if (!task_load(cpu, TSS_MAP_BASE, 2, &base))
        return false;
    uint32_t at = (uint32_t)base + port / 8;

    if (at + 1 > cpu->tr.limit)
        return cpu_raise(cpu, VECTOR_GP, 0);
    if (!task_load(cpu, at, 2, &bits))
        return false;
    return (bits >> port % 8 & ((1u << size) - 1)) == 0 || cpu_raise(cpu, VECTOR_GP, 0);
}

bool cpu_io_allowed(struct cpu *cpu, uint16_t port, unsigned size)
{
    unsigned iopl = cpu->rflags >> 12 & 3;

    if (cpu->mode == MODE_REAL || (cpu->mode != MODE_V86 && cpu->cpl <= iopl))
        return true;
    return allowed_by_task(cpu, port, size);
}

/* ---- in and out -------------------------------------------------------------------------------------------------- */

/* op->extra: the port is in dx, not in op->imm. */
static uint16_t port_of(const struct cpu *cpu, const struct op *op)
{
    return (uint16_t)(op->extra ? cpu->gpr[GPR_DX] : (uint64_t)op->imm);
}

static void in(struct cpu *cpu, const struct op *op)
{
    uint16_t port = port_of(cpu, op);

    if (!cpu_io_allowed(cpu, port, op->operand_size))
        return;
    reg_set(cpu, GPR_AX, op->operand_size, cpu->bus.in(cpu->bus.owner, port, op->operand_size));
    cpu_debug_port(cpu, port, op->operand_size);
    cpu_leave(cpu, op_next_rip(cpu, op));
}

static void out(struct cpu *cpu, const struct op *op)
{
    uint16_t port = port_of(cpu, op);

    if (!cpu_io_allowed(cpu, port, op->operand_size))
        return;
    cpu->bus.out(cpu->bus.owner, port, op->operand_size, (uint32_t)reg_get(cpu, GPR_AX, op->operand_size));
    cpu_debug_port(cpu, port, op->operand_size);
    cpu_leave(cpu, op_next_rip(cpu, op));
}

/* ---- ins and outs ------------------------------------------------------------------------------------------------ */

/* A port that was read must not be lost: the store is tried before. */
static enum string_result ins_one(struct cpu *cpu, const struct op *op)
{
    uint16_t port = (uint16_t)cpu->gpr[GPR_DX];
    uint64_t to;

    if (!cpu_io_allowed(cpu, port, op->operand_size) || !string_target(cpu, op, ACCESS_STORE, &to) ||
        !cpu_probe_store(cpu, to, op->operand_size) ||
        !cpu_store_slow(cpu, to, op->operand_size, cpu->bus.in(cpu->bus.owner, port, op->operand_size)))
        return STRING_FAULT;
    cpu_debug_port(cpu, port, op->operand_size);
    cpu->device_accesses++;
    string_move(cpu, op, GPR_DI, 1);
    return STRING_MORE;
}

static enum string_result outs_one(struct cpu *cpu, const struct op *op)
{
    uint16_t port = (uint16_t)cpu->gpr[GPR_DX];
    uint64_t from;

    if (!cpu_io_allowed(cpu, port, op->operand_size) || !string_source(cpu, op, &from))
        return STRING_FAULT;
    struct cpu_value v = cpu_load_slow(cpu, from, op->operand_size);

    if (!v.ok)
        return STRING_FAULT;
    cpu->bus.out(cpu->bus.owner, port, op->operand_size, (uint32_t)v.value);
    cpu_debug_port(cpu, port, op->operand_size);
    cpu->device_accesses++;
    string_move(cpu, op, GPR_SI, 1);
    return STRING_MORE;
}

/* Nothing but the device has a say in each access: no task's map, which they might write, no breakpoint. */
static bool free_hand(const struct cpu *cpu)
{
    unsigned iopl = cpu->rflags >> 12 & 3;

    return (cpu->mode == MODE_REAL || (cpu->mode != MODE_V86 && cpu->cpl <= iopl)) &&
           !((cpu->rflags & FLAG_D) || (cpu->dr[7] & 0xff));
}

/* Into a page that needs no further look, so that nothing that was read is lost. */
static uint64_t ins_some(struct cpu *cpu, const struct op *op, uint64_t n)
{
    uint64_t to;

    if (!cpu->bus.in_many || !free_hand(cpu))
        return 0;
    n = string_room(cpu, op, SEG_ES, GPR_DI, ACCESS_STORE, n, &to);
    uint8_t *host = n ? cpu_host_store(cpu, to, 1) : NULL;
    if (!host)
        return 0;
    n = cpu->bus.in_many(cpu->bus.owner, (uint16_t)cpu->gpr[GPR_DX], op->operand_size, host, (uint32_t)n);
    cpu->device_accesses += n != 0;
    string_move(cpu, op, GPR_DI, n);
    return n;
}

static uint64_t outs_some(struct cpu *cpu, const struct op *op, uint64_t n)
{
    uint64_t from;

    if (!cpu->bus.out_many || !free_hand(cpu))
        return 0;
    n = string_room(cpu, op, op->segment, GPR_SI, ACCESS_LOAD, n, &from);
    const uint8_t *host = n ? cpu_host_load(cpu, from, 1) : NULL;
    if (!host)
        return 0;
    n = cpu->bus.out_many(cpu->bus.owner, (uint16_t)cpu->gpr[GPR_DX], op->operand_size, host, (uint32_t)n);
    cpu->device_accesses += n != 0;
    string_move(cpu, op, GPR_SI, n);
    return n;
}

#define HANDLERS(name)                                                                                                 \
    static void name(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        if (name##_one(cpu, op) != STRING_FAULT)                                                                       \
            cpu_leave(cpu, op_next_rip(cpu, op));                                                                      \
    }                                                                                                                  \
    static void rep_##name(struct cpu *cpu, const struct op *op)                                                       \
    {                                                                                                                  \
        if (!cpu_io_allowed(cpu, (uint16_t)cpu->gpr[GPR_DX], op->operand_size)) /* of a count of 0 as well */          \
            return;                                                                                                    \
        return string_repeat_many(cpu, op, name##_one, name##_some, STRING_ELEMENTS);                                  \
    }
HANDLERS(ins)
HANDLERS(outs)

bool bind_io(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    bool repeated = op->flags & (OP_REP | OP_REPNE);
    bool output = insn->name == INSN_OUT || insn->name == INSN_OUTS;
    const struct insn_operand *port = &insn->operands[!output];

    op->operand_size = (uint8_t)insn->operands[output].bytes;
    op->extra = port->kind == OPERAND_REGISTER;
    *ends = true;
    switch (insn->name) {
    case INSN_IN:
        op->run = in;
        return true;
    case INSN_OUT:
        op->run = out;
        return true;
    case INSN_INS:
        op->run = repeated ? rep_ins : ins;
        return true;
    case INSN_OUTS:
        op->run = repeated ? rep_outs : outs;
        return true;
    default:
        return false;
    }
}
