/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the x87 share. x87_host.c does any instruction, slowly; x87_fast.c the common ones when nothing is
 * out of the ordinary; x87_state.c what loads and stores the environment; x87.c controls and binding.
 */
#ifndef MOAT_CPU_X87_H
#define MOAT_CPU_X87_H

#include "cpu/fpu.h"

/* What FNSAVE stores in 32-bit protected form; FNSTENV without the registers. */
struct x87_image {
    uint16_t control, ones0, status, ones1, tags, ones2;
    uint32_t ip;
    uint16_t cs, opcode;
    uint32_t dp;
    uint16_t ds, ones3;
    uint8_t st[8][10]; /* from the top of the stack on */
};
_Static_assert(sizeof(struct x87_image) == 108, "FNSAVE's layout");

/* The two full forms of the tags: 2 bits for each register, 0 a number, 1 zero, 2 special, 3 empty. */
uint16_t x87_tags(const struct cpu *cpu);
uint8_t x87_empty_of_tags(uint16_t tags);

/* The general way: op->extra is the number of bytes of memory (X87_STORES: they are written), op->extra2 the last 11
 * bits of the opcode. */
enum { X87_STORES = 0x80 };
void x87_any(struct cpu *cpu, const struct op *op);

op_handler *x87_fast_handler(const struct insn *insn);  /* NULL: there is none */
op_handler *x87_state_handler(const struct insn *insn); /* likewise: fldenv, fnstenv, frstor, fnsave */

#endif
