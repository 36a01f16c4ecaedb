/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instructions of WebAssembly as a table (opcodes.def): validator, interpreter, compiler, names and tests are made
 * from its rows. Numbers are dense, so that a table is an array: one byte as it stands; 0x100 + n behind the prefix
 * 0xfc; 0x200 + n behind 0xfd.
 */
#ifndef MOAT_WASM_MODULE_OPCODE_H
#define MOAT_WASM_MODULE_OPCODE_H

#include <stdint.h>

#define WASM_PREFIX_MISC   0xfc
#define WASM_PREFIX_VECTOR 0xfd
#define WASM_OP_MISC       0x100
#define WASM_OP_VECTOR     0x200
#define WASM_OPS           0x300

enum wasm_op {
#define ROW(number, name, text, immediate, signature, align, feature) WASM_OP_##name = (number),
#include "wasm/module/opcodes.def"
#undef ROW
};

/* What follows the opcode. */
enum wasm_immediate {
    WASM_IMM_NONE,
    WASM_IMM_BLOCK,  /* s33: 0x40, a value type, or the index of a function type */
    WASM_IMM_LABEL,  /* u32 */
    WASM_IMM_LABELS, /* vector of u32, and one more */
    WASM_IMM_FUNC,
    WASM_IMM_TYPE_TABLE,
    WASM_IMM_TYPES, /* vector of value types */
    WASM_IMM_LOCAL,
    WASM_IMM_GLOBAL,
    WASM_IMM_TABLE,
    WASM_IMM_MEMARG, /* alignment u32, offset u32 */
    WASM_IMM_MEMORY, /* a zero byte */
    WASM_IMM_I32,    /* s32 */
    WASM_IMM_I64,    /* s64 */
    WASM_IMM_F32,    /* 4 bytes */
    WASM_IMM_F64,    /* 8 bytes */
    WASM_IMM_REFTYPE,
    WASM_IMM_DATA_MEMORY, /* data segment u32, zero byte */
    WASM_IMM_DATA,
    WASM_IMM_MEMORY_MEMORY, /* two zero bytes */
    WASM_IMM_ELEM_TABLE,
    WASM_IMM_ELEM,
    WASM_IMM_TABLE_TABLE,
    WASM_IMM_V128,       /* 16 bytes */
    WASM_IMM_LANES,      /* 16 bytes below 32 */
    WASM_IMM_LANE,       /* one byte */
    WASM_IMM_MEMARG_LANE /* memarg, one byte */
};

enum wasm_feature { WASM_FEATURE_MVP, WASM_FEATURE_TAIL_CALL };

struct wasm_op_row {
    const char *name;      /* as in the text format; NULL: no such instruction */
    const char *signature; /* popped ':' pushed; NULL: a rule of its own */
    uint8_t immediate;     /* enum wasm_immediate */
    uint8_t align;         /* natural alignment, power of two */
    uint8_t feature;       /* enum wasm_feature */
};

extern const struct wasm_op_row wasm_op_rows[WASM_OPS];

#endif
