/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference interpreter: the bytes of a validated body, instruction by instruction, with the validator's table of
 * blocks beside them. It is what compiled code is held against, so it is simple before it is fast: one way to decode,
 * explicit bounds, no state but the struct below, no recursion.
 *
 * Layout of `values`: for each frame its locals, then its operands. A callee's arguments are its first locals where
 * they are; its results come back to the same place.
 */
#ifndef MOAT_WASM_RUNTIME_INTERP_H
#define MOAT_WASM_RUNTIME_INTERP_H

#include "wasm/module/opcode.h"
#include "wasm/runtime/store_private.h"

/* A body, made ready when it is first called. */
struct interp_function {
    uint32_t code, end;                              /* offsets in the module */
    uint32_t n_params, n_results, n_locals, n_slots; /* n_slots: locals and operands */
    uint32_t max_depth;
    uint32_t fuel; /* what it costs to enter */
    uint32_t n_blocks;
    struct wasm_block blocks[];
};

struct interp_frame {
    struct wasm_instance *instance;
    const struct interp_function *function;
    const uint8_t *at, *next; /* the instruction on the way, and what follows it */
    union wasm_value *locals;
    uint32_t index;  /* of the function in its module */
    uint32_t labels; /* how many there were when it was entered */
};

struct interp_stack {
    struct wasm_store_whole *whole;
    union wasm_value *values, *values_end, *top; /* top: behind the last operand */
    struct interp_frame *frames;
    uint32_t n_frames, max_frames;
    uint32_t *labels; /* of each open block its number in its function */
    uint32_t n_labels, max_labels;
    uint32_t trap_frames; /* how many there were at the last trap: they stay as they were */
    size_t size;          /* bytes mapped, from `values` on */
};

/* An instruction. What is not of its kind of immediate is 0. */
struct interp_instruction {
    uint16_t op;          /* enum wasm_op */
    uint32_t a, b;        /* indices; of a memory access its offset, and its lane */
    uint64_t bits;        /* of a constant */
    const uint8_t *bytes; /* 16 of a vector; labels of br_table */
};

/* interp_decode.c: reads one instruction and moves *p behind it. */
struct interp_instruction interp_decode(const uint8_t **p);
/* interp_prepare.c: NULL when there is no memory. */
const struct interp_function *interp_function_get(struct wasm_store_module *m, uint32_t function);
/* The block whose opcode is at this offset. */
uint32_t interp_block_find(const struct interp_function *f, uint32_t offset);

/* interp_numeric.c, interp_memory.c, interp_vector.c: instructions that change operands and memory, not control. */
enum wasm_trap interp_numeric(uint16_t op, union wasm_value **top);
enum wasm_trap interp_memory(struct interp_stack *s, const struct interp_instruction *in);
void interp_vector(const struct interp_instruction *in, union wasm_value **top);
/* Where `width` bytes at an index and offset are; NULL: out of bounds. */
uint8_t *interp_address(const struct wasm_instance *i, uint32_t index, uint32_t offset, uint32_t width);

/* What the store calls. */
enum wasm_trap wasm_interp_call(struct wasm_store_whole *w, struct wasm_func *f, union wasm_value *values);
void wasm_interp_free(struct wasm_store_whole *w);
/* No backtrace of what ran. */
void wasm_interp_forget(struct wasm_store_whole *w);

#endif
