/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rooms of the integer instructions share: operands of a decoded instruction as handlers want them, memory the
 * slow way, the one locked operation on the host's memory.
 */
#include "cpu/int.h"

uint8_t int_register(const struct insn_operand *o)
{
    if (o->registers == REGISTERS_HIGH)
        return (uint8_t)(8 * o->reg + 1);
    return (uint8_t)(o->bytes == 1 ? 8 * o->reg : o->reg);
}

enum int_form int_bind_form(const struct insn *insn, struct op *op)
{
    const struct insn_operand *to = &insn->operands[0], *from = &insn->operands[1];

    op->operand_size = (uint8_t)to->bytes;
    if (to->kind == OPERAND_MEMORY) {
        if (insn->n_operands < 2 || from->kind != OPERAND_REGISTER)
            return FORM_MI;
        op->reg = int_register(from);
        return FORM_MR;
    }
    op->reg = int_register(to);
    if (insn->n_operands < 2 || from->kind == OPERAND_IMMEDIATE)
        return FORM_RI;
    if (from->kind == OPERAND_MEMORY)
        return FORM_RM;
    op->rm = int_register(from);
    return FORM_RR;
}

struct cpu_value op_load_slow(struct cpu *cpu, const struct op *op, unsigned size)
{
    uint64_t linear;

    if (!op_linear(cpu, op, size, ACCESS_LOAD, &linear))
        return (struct cpu_value){0, 0};
    return cpu_load_slow(cpu, linear, size);
}

bool op_store_slow(struct cpu *cpu, const struct op *op, unsigned size, uint64_t value)
{
    return op_store(cpu, op, size, value);
}

/* The host's instruction, because the compiler's builtins want an alignment that a guest need not keep. */
#define EXCHANGE(bits, letter)                                                                                         \
    static bool exchange##bits(void *at, uint64_t *old, uint64_t new)                                                  \
    {                                                                                                                  \
        uint##bits##_t was = (uint##bits##_t) * old;                                                                   \
        bool done;                                                                                                     \
        __asm__ volatile("lock cmpxchg" letter " %3, %1"                                                               \
                         : "+a"(was), "+m"(*(char(*)[bits / 8]) at), "=@ccz"(done)                                     \
                         : "r"((uint##bits##_t) new)                                                                   \
                         : "memory");                                                                                  \
        *old = was;                                                                                                    \
        return done;                                                                                                   \
    }
EXCHANGE(8, "b")
EXCHANGE(16, "w")
EXCHANGE(32, "l")
EXCHANGE(64, "q")

bool int_place_exchange(struct cpu *cpu, const struct place *place, unsigned size, uint64_t *old, uint64_t new)
{
    if (!place->host) {
        cpu_place_store_slow(cpu, place, size, &new);
        return true;
    }
    switch (size) {
    case 1:
        return exchange8(place->host, old, new);
    case 2:
        return exchange16(place->host, old, new);
    case 4:
        return exchange32(place->host, old, new);
    default:
        return exchange64(place->host, old, new);
    }
}

void int_overwritten(struct op *op)
{
    while (op->offset) {
        op--;
        if (op->flags & OP_QUIET) {
            op->run = (op_handler *)(uintptr_t)op->disp;
            op->flags ^= OP_QUIET | OP_PURE;
        }
        if (!(op->flags & OP_PURE))
            break;
    }
}
