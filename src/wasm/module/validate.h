/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of a function body (specification 3.3, appendix "validation algorithm"). What it lets pass, the
 * interpreter and the compiler trust: they check nothing again.
 */
#ifndef MOAT_WASM_MODULE_VALIDATE_H
#define MOAT_WASM_MODULE_VALIDATE_H

#include "wasm/module/module.h"

/* Where a structured instruction leads, in the order of the instructions: what an interpreter needs to branch. All
 * blocks are listed, those too that no control reaches (their height means nothing). */
struct wasm_block {
    uint32_t start;  /* offset of the block, loop or if (its opcode) */
    uint32_t else_;  /* offset behind `else`; 0: none */
    uint32_t end;    /* offset behind the matching `end` */
    uint32_t height; /* operands below the block's parameters */
    uint32_t n_params, n_results;
    uint32_t fuel; /* of a loop: opcodes behind its own up to and with its `end`, those of inner loops left out */
    uint8_t op;    /* WASM_OP_BLOCK, LOOP, IF */
};

struct wasm_body {
    uint32_t code, end;     /* offsets in the module: first opcode, behind the last */
    uint32_t n_locals;      /* parameters included */
    const uint8_t *locals;  /* their types */
    uint32_t *local_weight; /* uses of each, ten times more for each loop around them; saturating */
    uint32_t max_stack;     /* operands at once */
    uint32_t max_depth;     /* nested labels at once, that of the function included */
    uint32_t fuel;          /* opcodes outside loops (`loop` itself is outside of its own), the last `end` included */
    uint32_t n_blocks;
    struct wasm_block *blocks; /* by start; filled when asked for */
    uint32_t call_weight;      /* of calls, as of locals */
    bool has_calls, has_loops; /* calls: of functions, not of helpers */
    bool has_vectors; /* a v128 is among locals, results or operands (or may be, in code that is not reached) */
};

/* Scratch of a validator, reused from function to function: zeroed before the first, freed by wasm_validator_free(). */
struct wasm_validator;
int wasm_validator_make(const struct wasm_module *m, const struct wasm_features *features, struct wasm_validator **out);
void wasm_validator_free(struct wasm_validator *v);

/* Checks one body of the module's own. out's pointers are the validator's until its next call. with_blocks: fill
 * out->blocks. -EINVAL, -ENOTSUP, -ENOMEM: err has the function's number or name and the offset. */
int wasm_validate_function(struct wasm_validator *v, uint32_t function, bool with_blocks, struct wasm_body *out,
                           struct err *err);

/* All bodies; nothing is kept. */
int wasm_validate(const struct wasm_module *m, const struct wasm_features *features, struct err *err);

#endif
