/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generator's own: the plan of a module, made first and nowhere wrong, and a body on its way. wasm_generate.c has
 * modules, wasm_generate_body.c steps and blocks, wasm_generate_value.c expressions, wasm_generate_rows.c what is to be
 * known of instructions beyond their signature.
 */
#ifndef MOAT_TESTS_WASM_GENERATOR_H
#define MOAT_TESTS_WASM_GENERATOR_H

#include "wasm_generate.h"

#include "base/mem.h"
#include "wasm/module/module.h"

#define GEN_TYPES_MAX     96u
#define GEN_ARITY_MAX     40u
#define GEN_FUNCTIONS_MAX 24u
#define GEN_TABLES_MAX    4u
#define GEN_GLOBALS_MAX   24u
#define GEN_SEGMENTS_MAX  8u
#define GEN_SEGMENT_MAX   24u
#define GEN_LOCALS_MAX    400u
#define GEN_OPERANDS_MAX  600u
#define GEN_DEPTH_MAX     24u
#define GEN_NULL          UINT32_MAX /* as a function: the null reference */

struct gen_buffer {
    uint8_t *bytes;
    size_t n, size;
};

void gen_u8(struct gen_buffer *b, unsigned value);
void gen_u32(struct gen_buffer *b, uint32_t value);
void gen_s64(struct gen_buffer *b, int64_t value);
void gen_bytes(struct gen_buffer *b, const void *bytes, size_t n);

/* Whose NaNs a consumer cannot tell from one another. */
enum gen_nan { GEN_EXACT, GEN_ANY_F32, GEN_ANY_F64 };

enum gen_guard { GEN_TOTAL, GEN_DIVISION, GEN_TRUNCATION };

/* An instruction whose signature says all about its operands. */
struct gen_row {
    uint16_t op;
    uint8_t n_params, params[3], result;
    uint8_t makes;     /* enum gen_nan: NaNs that are open */
    uint8_t tolerates; /* enum gen_nan: of its operands */
    uint8_t passes;    /* how many of its operands, the first ones, go out as they came in ... */
    uint8_t lanes;     /* ... and as what (enum gen_nan) */
    uint8_t guard;     /* enum gen_guard: what it traps on */
};

/* Rows by what they push, 0 for those that push nothing: numeric ones, and accesses of memory. */
struct gen_rows {
    struct gen_row numeric[512], access[96];
    uint32_t n_numeric, n_access;
    uint16_t by_result[8][320], access_by_result[8][64];
    uint32_t n_by_result[8], n_access_by_result[8];
};

void gen_rows_make(struct gen_rows *out);
/* i32 0, i64 1, f32 2, f64 3, v128 4, funcref 5, externref 6, nothing 7 */
unsigned gen_type_slot(uint8_t type);

struct gen_type {
    uint32_t n_params, n_results;
    uint8_t types[2 * GEN_ARITY_MAX]; /* params, then results */
};

struct gen_table {
    uint8_t type;
    bool has_max;
    uint32_t min, max;
    uint32_t guess[GEN_SEGMENT_MAX]; /* functions that lie there at first, as far as is known */
};

struct gen_segment { /* of elements or data */
    uint8_t mode, type;
    bool expressions;
    uint32_t table, offset, n;
    uint32_t functions[GEN_SEGMENT_MAX];
};

struct wasm_generator {
    struct wasm_choice *c;
    struct gen_buffer out, code, body, section;
    struct gen_rows rows;
    uint64_t counts[WASM_OPS];

    bool scalar; /* without vectors: code generators have other frames then */
    struct gen_type types[GEN_TYPES_MAX];
    uint32_t n_types;
    uint32_t functions[GEN_FUNCTIONS_MAX]; /* their types */
    bool exported[GEN_FUNCTIONS_MAX], declared[GEN_FUNCTIONS_MAX];
    uint32_t n_functions, n_imported_functions;
    struct gen_table tables[GEN_TABLES_MAX];
    uint32_t n_tables, n_imported_tables;
    bool has_memory, memory_imported, memory_has_max;
    uint32_t memory_min, memory_max;
    struct wasm_globaltype globals[GEN_GLOBALS_MAX];
    uint32_t n_globals, n_imported_globals;
    struct gen_segment elems[GEN_SEGMENTS_MAX], datas[GEN_SEGMENTS_MAX];
    uint32_t n_elems, n_datas;
};

/* Of locals: a counter of a loop is not written by others, and what gen_canonical() keeps in one, which may be any NaN,
 * is not read either. */
enum gen_use { GEN_FREE, GEN_COUNTER, GEN_SCRATCH };

struct gen_label {
    uint8_t op; /* WASM_OP_BLOCK, LOOP, IF, ELSE; of the function WASM_OP_CALL */
    bool dead;  /* the rest of the block is not reached */
    uint32_t height;
    uint32_t n_params, n_results;
    uint8_t params[GEN_ARITY_MAX], results[GEN_ARITY_MAX];
};

struct gen_body {
    struct wasm_generator *g;
    struct wasm_choice *c;
    struct gen_buffer *out;
    uint32_t function;
    uint8_t locals[GEN_LOCALS_MAX];
    uint8_t use[GEN_LOCALS_MAX]; /* enum gen_use */
    uint32_t n_locals;
    uint32_t scratch[5]; /* by gen_type_slot(); 0: none yet, else its number + 1 */
    uint8_t stack[GEN_OPERANDS_MAX];
    uint32_t height;
    struct gen_label labels[GEN_DEPTH_MAX];
    uint32_t depth; /* of labels; the last is the innermost */
    int budget;     /* instructions that may still come */
};

/* wasm_generate_value.c: all of them keep the types of the operands in b->stack. */
uint8_t gen_any_type(struct wasm_generator *g);
/* One of the rows by their numbers; NULL: none will do. */
const struct gen_row *gen_any_row(struct gen_body *b, const struct gen_row *rows, const uint16_t *numbers, uint32_t n);
void gen_op(struct gen_body *b, unsigned op);
void gen_push(struct gen_body *b, uint8_t type);
void gen_pop(struct gen_body *b, uint32_t n);
void gen_i32(struct gen_body *b, uint32_t value);
/* UINT32_MAX: there is none. */
uint32_t gen_local_of(struct gen_body *b, uint8_t type, bool to_write);
uint32_t gen_local_add(struct gen_body *b, uint8_t type, enum gen_use use);
uint32_t gen_global_of(struct gen_body *b, uint8_t type, bool to_write);
uint32_t gen_table_of(struct gen_body *b, uint8_t type);
/* A value of that type, by up to `depth` levels of operands; its NaNs are exact but for those of `nan`. */
void gen_value(struct gen_body *b, uint8_t type, enum gen_nan nan, unsigned depth);
/* The top of the stack. */
void gen_canonical(struct gen_body *b, enum gen_nan nan);
void gen_immediate(struct gen_body *b, const struct gen_row *row);
/* A load or store with its operands. */
void gen_access(struct gen_body *b, const struct gen_row *row, unsigned depth);
/* An index into memory, mostly one that with the offset returned is in bounds. */
uint32_t gen_address(struct gen_body *b, uint32_t width, unsigned depth);

/* wasm_generate_body.c: from the first opcode to the last `end`; body.locals has those that were added. */
void gen_function(struct gen_body *b);
/* A block that gives one value. */
void gen_block_value(struct gen_body *b, uint8_t type);
/* A call of a function that gives such a value first; false: there is none. */
bool gen_call_value(struct gen_body *b, uint8_t type);
/* The number of a type; UINT32_MAX: there is no room for it. */
uint32_t gen_type_number(struct wasm_generator *g, const uint8_t *params, uint32_t n_params, const uint8_t *results,
                         uint32_t n_results);

#endif
