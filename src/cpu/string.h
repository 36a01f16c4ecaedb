/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What string instructions have in common: pointers that move, a count, and how a repeated one is done in steps.
 * Private to string.c and io.c.
 *
 * STEPS. A repeated instruction is done in steps: of STRING_STEP bytes where movs and stos go forward, else of
 * STRING_ELEMENTS iterations, of one iteration when TF is set.
 * After each the registers say how far it has come. When there is more to do the block ends with rip at the instruction
 * itself, so that interrupts are looked at, and the step counts as an instruction of its own. The size of a step
 * depends on registers alone, never on what translations are known: a run can be repeated. One ends sooner after
 * STRING_PORTS accesses to ports and to devices in memory (many that a device takes at once are one), when somebody
 * wants attention, or when a data breakpoint was met.
 */
#ifndef MOAT_CPU_STRING_H
#define MOAT_CPU_STRING_H

#include "cpu/int.h"

enum { STRING_STEP = 4096, STRING_ELEMENTS = 256, STRING_PORTS = 64 };

static inline unsigned string_address_size(const struct op *op)
{
    return op->address_mask == 0xffff ? 2 : op->address_mask == 0xffffffff ? 4 : 8;
}

/* Moves rsi or rdi by n elements, as DF says. */
static inline void string_move(struct cpu *cpu, const struct op *op, unsigned reg, uint64_t n)
{
    uint64_t bytes = n * op->operand_size;

    gpr_set(cpu, reg, string_address_size(op), cpu->rflags & FLAG_D ? cpu->gpr[reg] - bytes : cpu->gpr[reg] + bytes);
}
static inline uint64_t string_count(const struct cpu *cpu, const struct op *op)
{
    return cpu->gpr[GPR_CX] & op->address_mask;
}
static inline void string_count_down(struct cpu *cpu, const struct op *op, uint64_t n)
{
    gpr_set(cpu, GPR_CX, string_address_size(op), cpu->gpr[GPR_CX] - n);
}

/* Where an element is: at rsi of the instruction's segment, at rdi of es. */
static inline bool string_source(struct cpu *cpu, const struct op *op, uint64_t *linear)
{
    return cpu_linear(cpu, op->segment, cpu->gpr[GPR_SI] & op->address_mask, op->operand_size, ACCESS_LOAD, linear);
}
static inline bool string_target(struct cpu *cpu, const struct op *op, enum access kind, uint64_t *linear)
{
    return cpu_linear(cpu, SEG_ES, cpu->gpr[GPR_DI] & op->address_mask, op->operand_size, kind, linear);
}

/* One iteration, without the count. STRING_DONE: a comparison says that it was the last. */
enum string_result { STRING_FAULT, STRING_MORE, STRING_DONE };
typedef enum string_result string_element(struct cpu *cpu, const struct op *op);

/* Of a repeated instruction: one step of `most` iterations, then on to the next instruction, or again to this one. */
void string_repeat(struct cpu *cpu, const struct op *op, string_element *element, unsigned most);

/* The same for those that can do several iterations at once: up to n, without the count; 0 when the next one is to be
 * done by itself. They see to it that what fails is left to that. */
typedef uint64_t string_many(struct cpu *cpu, const struct op *op, uint64_t n);
void string_repeat_many(struct cpu *cpu, const struct op *op, string_element *element, string_many *some,
                        unsigned most);
/* How many of n elements from reg's offset on lie in one page of the segment and do not wrap, and the first's address.
 */
uint64_t string_room(const struct cpu *cpu, const struct op *op, unsigned segment, unsigned reg, enum access kind,
                     uint64_t n, uint64_t *linear);

#endif
