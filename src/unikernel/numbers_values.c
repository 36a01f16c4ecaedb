/* SPDX-License-Identifier: Apache-2.0 */
/* See numbers_values.h. An instruction that is not known here makes all registers unknown. Pure. */
#include "unikernel/numbers_values.h"

#include <string.h>

static const struct value unknown = {.kind = VALUE_UNKNOWN};

static struct value constant(int64_t v)
{
    return (struct value){.kind = VALUE_CONSTANT, .n = 1, .v = {v}};
}

void state_forget(struct state *s)
{
    for (int i = 0; i < STATE_VALUES; i++)
        s->v[i] = unknown;
}

void state_begin(struct state *s)
{
    static const uint8_t arguments[] = {RDI, RSI, RDX, RCX, R8, R9};

    state_forget(s);
    for (size_t i = 0; i < sizeof arguments; i++)
        s->v[arguments[i]] = (struct value){.kind = VALUE_ARGUMENT, .n = 1, .v = {arguments[i]}};
}

/* ---- joining ---------------------------------------------------------------------------------------------------- */

static bool has(const struct value *a, int64_t v)
{
    for (int i = 0; i < a->n; i++)
        if (a->v[i] == v)
            return true;
    return false;
}

static bool join(struct value *into, const struct value *from)
{
    bool changed = false;

    if (from->kind == VALUE_NONE || into->kind == VALUE_UNKNOWN)
        return false;
    if (into->kind == VALUE_NONE) {
        *into = *from;
        return true;
    }
    if (into->kind != from->kind || (into->kind == VALUE_ARGUMENT && into->v[0] != from->v[0])) {
        *into = unknown;
        return true;
    }
    for (int i = 0; i < from->n && into->kind == VALUE_CONSTANT; i++) {
        if (has(into, from->v[i]))
            continue;
        changed = true;
        if (into->n == VALUES_MOST)
            *into = unknown;
        else
            into->v[into->n++] = from->v[i];
    }
    return changed;
}

bool state_join(struct state *into, const struct state *from)
{
    bool changed = false;

    for (int i = 0; i < STATE_VALUES; i++)
        changed |= join(&into->v[i], &from->v[i]);
    return changed;
}

/* ---- one instruction -------------------------------------------------------------------------------------------- */

static bool is_general(const struct insn_operand *o)
{
    return o->kind == OPERAND_REGISTER && o->registers == REGISTERS_GENERAL && o->reg < REGISTERS;
}

static struct value read_operand(const struct state *s, const struct insn *o, int i)
{
    const struct insn_operand *p = &o->operands[i];

    if (p->kind == OPERAND_IMMEDIATE)
        return constant(o->imm);
    return is_general(p) ? s->v[p->reg] : unknown;
}

/* A register of fewer than 8 bytes takes part of a value: one of 4 leaves zeroes above, one of 1 or 2 what was there.
 */
static void write_register(struct state *s, const struct insn_operand *p, struct value v)
{
    struct value *to = &s->v[p->reg];

    if (v.kind == VALUE_CONSTANT && p->bytes == 4)
        for (int i = 0; i < v.n; i++)
            v.v[i] = (int64_t)(uint32_t)v.v[i];
    if (p->bytes == 1 || p->bytes == 2) {
        const int64_t mask = p->bytes == 1 ? 0xff : 0xffff;
        if (v.kind != VALUE_CONSTANT || to->kind != VALUE_CONSTANT || v.n != 1)
            v = unknown;
        else
            for (int i = 0; i < to->n; i++)
                to->v[i] = (to->v[i] & ~mask) | (v.v[0] & mask);
        if (v.kind == VALUE_CONSTANT)
            return;
    }
    *to = v;
}

static void forget_written(struct state *s, const struct insn *o)
{
    for (int i = 0; i < o->n_operands; i++) {
        const struct insn_operand *p = &o->operands[i];
        if (!(p->access & ACCESS_WRITE) || p->kind != OPERAND_REGISTER)
            continue;
        if (p->registers == REGISTERS_HIGH)
            s->v[p->reg & 3] = unknown;
        else if (is_general(p))
            s->v[p->reg] = unknown;
    }
}

/* By the ABI a function keeps these. */
static void call_returns(struct state *s)
{
    for (int i = 0; i < STATE_VALUES; i++)
        if (i != RBX && i != RBP && i != RSP && i < 12)
            s->v[i] = unknown;
    s->v[TOP] = unknown;
}

static bool same_registers(const struct insn *o)
{
    return o->n_operands == 2 && is_general(&o->operands[0]) && is_general(&o->operands[1]) &&
           o->operands[0].reg == o->operands[1].reg;
}

/* Instructions that write their operands and nothing else in general registers. */
static bool is_plain(const struct insn *o)
{
    static const uint16_t plain[] = {INSN_ADD,  INSN_OR,   INSN_ADC,   INSN_SBB,   INSN_AND, INSN_SUB,   INSN_XOR,
                                     INSN_CMP,  INSN_TEST, INSN_MOVZX, INSN_MOVSX, INSN_SHL, INSN_SHR,   INSN_SAR,
                                     INSN_ROL,  INSN_ROR,  INSN_NOT,   INSN_NEG,   INSN_INC, INSN_DEC,   INSN_BT,
                                     INSN_BTS,  INSN_BTR,  INSN_BTC,   INSN_BSF,   INSN_BSR, INSN_BSWAP, INSN_XCHG,
                                     INSN_XADD, INSN_SHLD, INSN_SHRD};
    const uint16_t name = o->name;

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (plain[i] == name)
            return true;
    return (name == INSN_IMUL && o->n_operands > 1) || (name >= INSN_SETO && name <= INSN_SETNLE) ||
           o->class == CLASS_NOP || o->class == CLASS_JCC || o->class == CLASS_JUMP ||
           o->class == CLASS_JUMP_INDIRECT || o->class == CLASS_SSE || o->class == CLASS_X87 || o->class == CLASS_MMX ||
           o->class == CLASS_AVX;
}

static void step_lea(struct state *s, const struct insn *o)
{
    struct value v = o->memory.base < REGISTERS && o->memory.index == INSN_REGISTER_NONE && !o->memory.rip_relative
                         ? s->v[o->memory.base]
                         : unknown;

    if (v.kind != VALUE_CONSTANT)
        v = unknown;
    for (int i = 0; i < v.n; i++)
        v.v[i] += o->memory.disp;
    write_register(s, &o->operands[0], v);
}

static void step_cmov(struct state *s, const struct insn *o)
{
    struct value v = read_operand(s, o, 1);

    join(&v, &s->v[o->operands[0].reg]);
    write_register(s, &o->operands[0], v);
}

static void step_cmpxchg(struct state *s, const struct insn *o)
{
    forget_written(s, o);
    s->v[RAX] = unknown;
}

void state_step(struct state *s, const struct insn *o)
{
    const bool to_register = o->n_operands && is_general(&o->operands[0]);

    switch (o->name) {
    case INSN_MOV:
    case INSN_MOVSXD: /* of a constant that is positive: the same */
        if (to_register)
            write_register(s, &o->operands[0], read_operand(s, o, 1));
        else
            forget_written(s, o);
        return;
    case INSN_LEA:
        step_lea(s, o);
        return;
    case INSN_PUSH:
        s->v[TOP] = read_operand(s, o, 0);
        return;
    case INSN_POP:
        if (to_register)
            s->v[o->operands[0].reg] = s->v[TOP];
        s->v[TOP] = unknown;
        return;
    case INSN_CMPXCHG:
        step_cmpxchg(s, o);
        return;
    case INSN_SYSCALL:
        s->v[RAX] = s->v[RCX] = s->v[R11] = unknown;
        return;
    default:
        break;
    }
    if (o->class == CLASS_CALL || o->class == CLASS_CALL_INDIRECT)
        call_returns(s);
    else if (o->name >= INSN_CMOVO && o->name <= INSN_CMOVNLE)
        step_cmov(s, o);
    else if ((o->name == INSN_XOR || o->name == INSN_SUB) && same_registers(o))
        write_register(s, &o->operands[0], constant(0));
    else if (is_plain(o))
        forget_written(s, o);
    else
        state_forget(s);
}
