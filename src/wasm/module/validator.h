/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the validator. The loop in validate.c reads one opcode after the other and looks at its row: most are done
 * there, by a comparison of the top operands with those that the row wants; the others have a function each here
 * ("special"). Whatever does not fit at once goes to the slow functions, which know about unreachable code and errors.
 *
 * Operands are bytes (enum wasm_type; 0 is the unknown type of unreachable code) on a stack that never moves. It has
 * room for WASM_OPERANDS_MAX and one more for each byte of the longest body: what pushes many looks at the limit
 * (validator_push_types), what pushes one need not. A module of small bodies gets less, as much as they can push.
 */
#ifndef MOAT_WASM_MODULE_VALIDATOR_H
#define MOAT_WASM_MODULE_VALIDATOR_H

#include "wasm/module/opcode.h"
#include "wasm/module/validate.h"

#include <string.h>

#define UNKNOWN_TYPE 0

/* An open block. */
struct frame {
    const uint8_t *params, *results;
    uint32_t n_params, n_results;
    uint32_t height; /* operands below its parameters */
    uint32_t block;  /* its number; UINT32_MAX for the function */
    uint32_t weight; /* of a use of a local in it */
    uint32_t fuel;   /* of a loop: that of what is around it, put aside */
    uint32_t seen;   /* number of the last br_table that was checked against it */
    uint8_t op;      /* enum wasm_op */
    bool unreachable;
};

/* How the loop treats an opcode: by its immediate, as a rule. */
enum op_kind {
    KIND_NONE, /* no such opcode */
    KIND_PLAIN,
    KIND_LOCAL_GET,
    KIND_LOCAL_SET,
    KIND_LOCAL_TEE,
    KIND_MEMARG,
    KIND_LEB32,
    KIND_LEB64,
    KIND_BYTES, /* as many as `align` says */
    KIND_PREFIX,
    KIND_SPECIAL,  /* reads its immediate and does all itself */
    KIND_IMMEDIATE /* a function for the immediate, then as a plain one */
};

/* v->p is behind the opcode, v->top as it was. 0, 1 when the function is at its end, or an error that is set. */
typedef int op_function(struct wasm_validator *v);

struct op_rule {
    uint32_t want, mask; /* the top operands as they lie, the last in the upper byte */
    uint8_t kind, pops, pushes, push;
    uint8_t align; /* of a memarg; number of bytes; of a prefix number of the first row, in units of 256 */
    op_function *special;
};

struct wasm_validator {
    const struct wasm_module *m;
    struct wasm_features features;
    struct err *err;

    /* one body */
    uint32_t function;
    const struct wasm_functype *type;
    const uint8_t *p, *end;
    const uint8_t *at; /* the opcode that is looked at, for messages */
    unsigned op;
    uint8_t *stack, *top, *base, *max_top; /* base: of the innermost frame */
    uint32_t fuel, n_tables_seen;
    struct frame *frames;
    uint32_t n_frames, max_depth;
    uint32_t n_locals;
    uint64_t n_all_locals; /* of functions below next_function */
    uint32_t next_function;
    uint8_t *locals;
    uint32_t *weights;
    struct wasm_block *blocks;
    uint32_t n_blocks;
    uint32_t call_weight;
    bool with_blocks, has_calls, has_loops, has_vectors;

    /* what is allocated, in items */
    size_t frames_size, locals_size, blocks_size;
    uint8_t *stack_start; /* a few bytes before `stack`: the loop reads there */

    struct op_rule rules[WASM_OPS];
};

static inline struct frame *innermost(struct wasm_validator *v)
{
    return &v->frames[v->n_frames - 1];
}

/* The types that a branch to a frame takes along. */
static inline const uint8_t *label_types(const struct frame *f, uint32_t *n)
{
    *n = f->op == WASM_OP_LOOP ? f->n_params : f->n_results;
    return f->op == WASM_OP_LOOP ? f->params : f->results;
}

static inline uint32_t add_saturating(uint32_t a, uint32_t b)
{
    uint32_t sum = a + b;

    return sum < a ? UINT32_MAX : sum;
}

static inline bool has_vector(const uint8_t *types, uint32_t n)
{
    return n && memchr(types, WASM_V128, n);
}

/* Sets the error with function and offset; gives code. */
int validator_fail(struct wasm_validator *v, const uint8_t *at, int code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5), cold));

/* Immediates. An index is below n, or "unknown WHAT N". */
int validator_byte(struct wasm_validator *v, uint8_t *out);
int validator_u32(struct wasm_validator *v, uint32_t *out);
int validator_index(struct wasm_validator *v, uint32_t n, const char *what, uint32_t *out);

/* Operands; n types in order of pushing. */
int validator_pop(struct wasm_validator *v, uint8_t want, uint8_t *got); /* want may be UNKNOWN_TYPE: any */
int validator_pop_types(struct wasm_validator *v, const uint8_t *types, uint32_t n);
int validator_push_types(struct wasm_validator *v, const uint8_t *types, uint32_t n);
int validator_check_types(struct wasm_validator *v, const uint8_t *types, uint32_t n); /* pops, and puts back */
static inline void validator_push(struct wasm_validator *v, uint8_t type)
{
    *v->top++ = type;
}
/* A plain row that did not fit at once. */
int validator_apply(struct wasm_validator *v, const struct op_rule *rule);

/* Frames (validate_control.c) */
int validator_open(struct wasm_validator *v, uint8_t op, const uint8_t *params, uint32_t n_params,
                   const uint8_t *results, uint32_t n_results);

op_function validate_unreachable, validate_block, validate_if, validate_else, validate_end, validate_br, validate_br_if,
    validate_br_table, validate_return, validate_call, validate_call_indirect, validate_return_call,
    validate_return_call_indirect;
op_function validate_drop, validate_select, validate_select_t, validate_global_get, validate_global_set,
    validate_table_get, validate_table_set, validate_ref_null, validate_ref_is_null, validate_ref_func,
    validate_table_grow, validate_table_fill;
/* Immediates of rows that have a signature. */
op_function immediate_memory, immediate_memory_init, immediate_data, immediate_memory_copy, immediate_table_init,
    immediate_elem, immediate_table_copy, immediate_table, immediate_lanes, immediate_lane, immediate_memarg_lane;

/* opcode.h's rows as rules (validate_rules.c). */
void validator_rules_make(struct op_rule rules[WASM_OPS], const struct wasm_features *features);

#endif
