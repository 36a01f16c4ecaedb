/* SPDX-License-Identifier: Apache-2.0 */
/* What numbers.c knows of registers at one place of a function. Pure. */
#ifndef MOAT_UNIKERNEL_NUMBERS_VALUES_H
#define MOAT_UNIKERNEL_NUMBERS_VALUES_H

#include "cpu/decode/decode.h"

#define VALUES_MOST 4

struct value {
    enum value_kind {
        VALUE_NONE,     /* control has not been seen to come here */
        VALUE_CONSTANT, /* one of v[] */
        VALUE_ARGUMENT, /* what the register v[0] was when the function began */
        VALUE_UNKNOWN
    } kind : 8;
    uint8_t n;
    int64_t v[VALUES_MOST];
};

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, REGISTERS = 16, TOP = 16, STATE_VALUES };

/* Registers, and what was pushed last. */
struct state {
    struct value v[STATE_VALUES];
};

/* As a function begins (System V ABI 3.2.3). */
void state_begin(struct state *s);
/* Nothing is known. */
void state_forget(struct state *s);
/* What may be in either. Whether `into` has changed. */
bool state_join(struct state *into, const struct state *from);
/* Behind an instruction. */
void state_step(struct state *s, const struct insn *o);

#endif
