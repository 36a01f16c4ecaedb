/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions: a tree of instructions that leaves one value. What a consumer cannot see is left open, so that float
 * instructions also follow one another directly; everywhere else a NaN becomes the one NaN first. */
#include "wasm_generator.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t edges32[] = {0,          1,          0xffffffff, 0x80000000, 0x7fffffff, 2,    4,     8,
                                   0x7f,       0x80,       0xff,       0x100,      0x7fff,     31,   32,    33,
                                   0x8000,     0xffff,     0x10000,    0xfffffffe, 0x40000000, 63,   64,    3,
                                   0xffffff80, 0xffff8000, 0x80000001, 10,         7,          1000, 65535, 0xfffffff0};
static const uint64_t edges64[] = {0x8000000000000000, 0x7fffffffffffffff, 0xffffffffffffffff, 0xffffffff80000000,
                                   0xffffffff,         0x100000000,        0x80000000,         0x7fffffff,
                                   0xffffffff00000000, 0x123456789abcdef,  0xffffffffffffff80, 0x4000000000000000};
static const uint32_t edges_f32[] = {0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000,
                                     0xffc00000, 0x7fa00000, 0xff812345, 0x7fffffff, 1,          0x80000001, 0x007fffff,
                                     0x00800000, 0x7f7fffff, 0xff7fffff, 0x3f000000, 0xbf000000, 0x4b000000, 0x4effffff,
                                     0x4f000000, 0xcf000000, 0x4f7fffff, 0x4f800000, 0x5f000000, 0xdf000000, 0x5f7fffff,
                                     0x5f800000, 0x3fc00000, 0xbf7fffff, 0x40490fdb};
static const uint64_t edges_f64[] = {0,
                                     0x8000000000000000,
                                     0x3ff0000000000000,
                                     0xbff0000000000000,
                                     0x7ff0000000000000,
                                     0xfff0000000000000,
                                     0x7ff8000000000000,
                                     0xfff8000000000000,
                                     0x7ff4000000000000,
                                     0xfff000000000beef,
                                     0x7fffffffffffffff,
                                     1,
                                     0x800fffffffffffff,
                                     0x0010000000000000,
                                     0x7fefffffffffffff,
                                     0x3fe0000000000000,
                                     0xbfe0000000000000,
                                     0x41dfffffffc00000,  /* 2147483647 */
                                     0x41e0000000000000,  /* 2^31 */
                                     0xc1e0000000000000,  /* -2^31 */
                                     0xc1e0000000200000,  /* -2^31 - 1 */
                                     0xc1dfffffffffffff,  /* a little above -2^31 */
                                     0x41efffffffe00000,  /* 2^32 - 1 */
                                     0x41f0000000000000,  /* 2^32 */
                                     0x43e0000000000000,  /* 2^63 */
                                     0xc3e0000000000000,  /* -2^63 */
                                     0x43efffffffffffff,  /* below 2^64 */
                                     0x43f0000000000000,  /* 2^64 */
                                     0xbfefffffffffffff,  /* above -1 */
                                     0x36a0000000000000,  /* the least f32 */
                                     0x47efffffe0000000,  /* the largest f32 */
                                     0x47effffff0000000}; /* half a step beyond it */

/* ---- Output ------------------------------------------------------------------------------------------------------ */

void gen_bytes(struct gen_buffer *b, const void *bytes, size_t n)
{
    if (b->n + n > b->size) {
        size_t size = 2 * (b->n + n) + 4096;
        uint8_t *p = realloc(b->bytes, size);
        if (!p)
            abort(); /* a test without memory */
        b->bytes = p;
        b->size = size;
    }
    if (n)
        memcpy(b->bytes + b->n, bytes, n);
    b->n += n;
}

void gen_u8(struct gen_buffer *b, unsigned value)
{
    uint8_t byte = (uint8_t)value;
    gen_bytes(b, &byte, 1);
}

void gen_u32(struct gen_buffer *b, uint32_t value)
{
    for (; value >= 0x80; value >>= 7)
        gen_u8(b, (value & 0x7f) | 0x80);
    gen_u8(b, value);
}

void gen_s64(struct gen_buffer *b, int64_t value)
{
    for (; value < -0x40 || value >= 0x40; value >>= 7)
        gen_u8(b, ((unsigned)value & 0x7f) | 0x80);
    gen_u8(b, (unsigned)value & 0x7f);
}

void gen_op(struct gen_body *b, unsigned op)
{
    b->budget--;
    b->g->counts[op]++;
    if (op >= WASM_OP_VECTOR)
        gen_u8(b->out, WASM_PREFIX_VECTOR);
    else if (op >= WASM_OP_MISC)
        gen_u8(b->out, WASM_PREFIX_MISC);
    if (op >= WASM_OP_MISC)
        gen_u32(b->out, op & 0xff);
    else
        gen_u8(b->out, op);
}

void gen_push(struct gen_body *b, uint8_t type)
{
    assert(b->height < GEN_OPERANDS_MAX);
    b->stack[b->height++] = type;
}

void gen_pop(struct gen_body *b, uint32_t n)
{
    assert(b->height >= b->labels[b->depth - 1].height + n);
    b->height -= n;
}

/* ---- What there is of a type ------------------------------------------------------------------------------------- */

uint8_t gen_any_type(struct wasm_generator *g)
{
    static const uint8_t types[] = {WASM_I32, WASM_I32, WASM_I64,     WASM_I64,       WASM_F32,  WASM_F32,
                                    WASM_F64, WASM_F64, WASM_FUNCREF, WASM_EXTERNREF, WASM_V128, WASM_V128};
    return types[choice_below(g->c, ARRAY_LEN(types) - (g->scalar ? 2 : 0))];
}

static bool has_vector(const struct gen_row *row)
{
    return row->result == WASM_V128 || memchr(row->params, WASM_V128, row->n_params);
}

const struct gen_row *gen_any_row(struct gen_body *b, const struct gen_row *rows, const uint16_t *numbers, uint32_t n)
{
    for (unsigned tries = 0; tries < 8 && n; tries++) {
        const struct gen_row *row = &rows[numbers[choice_below(b->c, n)]];
        if (!b->g->scalar || !has_vector(row))
            return row;
    }
    return NULL;
}

uint32_t gen_local_of(struct gen_body *b, uint8_t type, bool to_write)
{
    uint32_t start = choice_below(b->c, b->n_locals);
    for (uint32_t k = 0; k < b->n_locals; k++) {
        uint32_t at = start + k < b->n_locals ? start + k : start + k - b->n_locals;
        if (b->locals[at] == type && (b->use[at] == GEN_FREE || (b->use[at] == GEN_COUNTER && !to_write)))
            return at;
    }
    return UINT32_MAX;
}

uint32_t gen_local_add(struct gen_body *b, uint8_t type, enum gen_use use)
{
    if (b->n_locals == GEN_LOCALS_MAX)
        return UINT32_MAX;
    b->locals[b->n_locals] = type;
    b->use[b->n_locals] = (uint8_t)use;
    return b->n_locals++;
}

uint32_t gen_global_of(struct gen_body *b, uint8_t type, bool to_write)
{
    const struct wasm_generator *g = b->g;
    uint32_t start = choice_below(b->c, g->n_globals);
    for (uint32_t k = 0; k < g->n_globals; k++) {
        uint32_t at = start + k < g->n_globals ? start + k : start + k - g->n_globals;
        if (g->globals[at].type == type && (g->globals[at].mutable || !to_write))
            return at;
    }
    return UINT32_MAX;
}

uint32_t gen_table_of(struct gen_body *b, uint8_t type)
{
    uint32_t start = choice_below(b->c, b->g->n_tables);
    for (uint32_t k = 0; k < b->g->n_tables; k++) {
        uint32_t at = (start + k) % b->g->n_tables;
        if (b->g->tables[at].type == type)
            return at;
    }
    return UINT32_MAX;
}

/* ---- Constants --------------------------------------------------------------------------------------------------- */

void gen_i32(struct gen_body *b, uint32_t value)
{
    gen_op(b, WASM_OP_I32_CONST);
    gen_s64(b->out, (int32_t)value);
    gen_push(b, WASM_I32);
}

static uint64_t integer(struct wasm_choice *c, bool wide)
{
    switch (choice_below(c, 8)) {
    case 7:
        return choice_bytes(c, wide ? 8 : 4);
    case 6:
        return UINT64_C(1) << choice_below(c, wide ? 64 : 32);
    case 5:
    case 4:
        return wide ? edges64[choice_below(c, ARRAY_LEN(edges64))] : choice_below(c, 256);
    default:
        return edges32[choice_below(c, ARRAY_LEN(edges32))];
    }
}

static uint32_t single_bits(struct wasm_choice *c)
{
    if (choice_chance(c, 1, 6))
        return (uint32_t)choice_bytes(c, 4);
    return edges_f32[choice_below(c, ARRAY_LEN(edges_f32))];
}

static uint64_t double_bits(struct wasm_choice *c)
{
    if (choice_chance(c, 1, 6))
        return choice_bytes(c, 8);
    return edges_f64[choice_below(c, ARRAY_LEN(edges_f64))];
}

static void vector_bits(struct wasm_choice *c, uint8_t *out)
{
    uint32_t kind = choice_below(c, 8);
    for (unsigned k = 0; k < 16; k += 8) {
        uint64_t value = kind == 1   ? double_bits(c)
                         : kind == 2 ? single_bits(c) | (uint64_t)single_bits(c) << 32
                         : kind == 3 ? integer(c, true)
                         : kind == 4 ? integer(c, false) | integer(c, false) << 32
                         : kind == 5 ? choice_bytes(c, 8)
                         : kind == 6 ? UINT64_MAX
                         : kind == 7 ? choice_below(c, 256) * UINT64_C(0x0101010101010101)
                                     : 0;
        memcpy(out + k, &value, 8);
    }
}

static void number(struct gen_body *b, uint8_t type)
{
    uint64_t bits;
    uint8_t vector[16];
    switch (type) {
    case WASM_I32:
        gen_i32(b, (uint32_t)integer(b->c, false));
        return;
    case WASM_I64:
        gen_op(b, WASM_OP_I64_CONST);
        gen_s64(b->out, (int64_t)integer(b->c, true));
        break;
    case WASM_F32:
        bits = single_bits(b->c);
        gen_op(b, WASM_OP_F32_CONST);
        gen_bytes(b->out, &bits, 4);
        break;
    case WASM_F64:
        bits = double_bits(b->c);
        gen_op(b, WASM_OP_F64_CONST);
        gen_bytes(b->out, &bits, 8);
        break;
    default:
        vector_bits(b->c, vector);
        gen_op(b, WASM_OP_V128_CONST);
        gen_bytes(b->out, vector, 16);
    }
    gen_push(b, type);
}

static void reference(struct gen_body *b, uint8_t type)
{
    if (type == WASM_FUNCREF && choice_chance(b->c, 3, 4)) {
        uint32_t start = choice_below(b->c, b->g->n_functions);
        for (uint32_t k = 0; k < b->g->n_functions; k++) {
            uint32_t at = (start + k) % b->g->n_functions;
            if (b->g->declared[at]) {
                gen_op(b, WASM_OP_REF_FUNC);
                gen_u32(b->out, at);
                gen_push(b, type);
                return;
            }
        }
    }
    gen_op(b, WASM_OP_REF_NULL);
    gen_u8(b->out, type);
    gen_push(b, type);
}

static void get(struct gen_body *b, unsigned op, uint32_t index, uint8_t type)
{
    gen_op(b, op);
    gen_u32(b->out, index);
    gen_push(b, type);
}

static void leaf(struct gen_body *b, uint8_t type)
{
    uint32_t at, kind = choice_below(b->c, 8);
    if (kind >= 3 && kind < 7 && (at = gen_local_of(b, type, false)) != UINT32_MAX)
        get(b, WASM_OP_LOCAL_GET, at, type);
    else if (kind == 7 && (at = gen_global_of(b, type, false)) != UINT32_MAX)
        get(b, WASM_OP_GLOBAL_GET, at, type);
    else if (wasm_type_is_ref(type))
        reference(b, type);
    else
        number(b, type);
}

/* ---- NaNs -------------------------------------------------------------------------------------------------------- */

static void vector_of(struct gen_body *b, const uint8_t *bytes)
{
    gen_op(b, WASM_OP_V128_CONST);
    gen_bytes(b->out, bytes, 16);
    gen_push(b, WASM_V128);
}

/* x, or the canonical NaN where x differs from itself. */
void gen_canonical(struct gen_body *b, enum gen_nan nan)
{
    static const uint8_t nan32[16] = {0, 0, 0xc0, 0x7f, 0, 0, 0xc0, 0x7f, 0, 0, 0xc0, 0x7f, 0, 0, 0xc0, 0x7f};
    static const uint8_t nan64[16] = {0, 0, 0, 0, 0, 0, 0xf8, 0x7f, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f};
    const uint8_t *bits = nan == GEN_ANY_F32 ? nan32 : nan64, type = b->stack[b->height - 1];
    unsigned slot = gen_type_slot(type);
    if (!b->scratch[slot])
        b->scratch[slot] = 1 + gen_local_add(b, type, GEN_SCRATCH);
    uint32_t x = b->scratch[slot] - 1;
    gen_op(b, WASM_OP_LOCAL_TEE);
    gen_u32(b->out, x);
    if (type == WASM_V128) {
        vector_of(b, bits);
    } else {
        gen_op(b, type == WASM_F32 ? WASM_OP_F32_CONST : WASM_OP_F64_CONST);
        gen_bytes(b->out, bits, type == WASM_F32 ? 4 : 8);
        gen_push(b, type);
    }
    get(b, WASM_OP_LOCAL_GET, x, type);
    get(b, WASM_OP_LOCAL_GET, x, type);
    gen_op(b, type == WASM_F32     ? WASM_OP_F32_EQ
              : type == WASM_F64   ? WASM_OP_F64_EQ
              : nan == GEN_ANY_F32 ? WASM_OP_F32X4_EQ
                                   : WASM_OP_F64X2_EQ);
    gen_op(b, type == WASM_V128 ? WASM_OP_V128_BITSELECT : WASM_OP_SELECT);
    gen_pop(b, 3);
}

/* ---- Operands that mostly do not trap ---------------------------------------------------------------------------- */

static void divisor(struct gen_body *b, uint8_t type, unsigned depth)
{
    bool wide = type == WASM_I64;
    if (choice_chance(b->c, 1, 2)) {
        uint64_t value = integer(b->c, wide);
        if (!(wide ? value : (uint32_t)value) && !choice_chance(b->c, 1, 16))
            value = 3;
        gen_op(b, wide ? WASM_OP_I64_CONST : WASM_OP_I32_CONST);
        gen_s64(b->out, wide ? (int64_t)value : (int32_t)value);
        gen_push(b, type);
        return;
    }
    gen_value(b, type, GEN_EXACT, depth);
    if (choice_chance(b->c, 1, 16))
        return;
    gen_op(b, wide ? WASM_OP_I64_CONST : WASM_OP_I32_CONST);
    gen_s64(b->out, 1);
    gen_op(b, wide ? WASM_OP_I64_OR : WASM_OP_I32_OR);
}

static void to_truncate(struct gen_body *b, const struct gen_row *row, unsigned depth)
{
    uint32_t kind = choice_below(b->c, 16);
    if (kind >= 13) {
        gen_value(b, row->params[0], (enum gen_nan)row->tolerates, depth);
    } else if (kind >= 8) {
        number(b, row->params[0]);
    } else {
        gen_value(b, WASM_I32, GEN_EXACT, depth);
        gen_i32(b, 0x7fffffff);
        gen_op(b, WASM_OP_I32_AND);
        gen_op(b, row->params[0] == WASM_F32 ? WASM_OP_F32_CONVERT_I32_S : WASM_OP_F64_CONVERT_I32_S);
        gen_pop(b, 2);
        gen_push(b, row->params[0]);
    }
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

static uint32_t edge_of_memory(struct gen_body *b, uint32_t width)
{
    uint32_t end = b->g->memory_min * WASM_PAGE;
    switch (choice_below(b->c, 8)) {
    case 7:
        return 0xffffffff - choice_below(b->c, 20);
    case 6:
        return 0x7ffffff0 + choice_below(b->c, 32);
    case 5:
        return end - width + 1;
    default:
        return end - width;
    }
}

/* An i32 of some bits, perhaps in a local. */
static void small(struct gen_body *b, uint32_t mask, unsigned depth)
{
    gen_value(b, WASM_I32, GEN_EXACT, depth);
    gen_i32(b, mask);
    gen_op(b, WASM_OP_I32_AND);
    gen_pop(b, 1);
    uint32_t at = gen_local_of(b, WASM_I32, true);
    if (at == UINT32_MAX || choice_chance(b->c, 1, 2))
        return;
    gen_op(b, WASM_OP_LOCAL_SET);
    gen_u32(b->out, at);
    gen_op(b, WASM_OP_LOCAL_GET);
    gen_u32(b->out, at);
}

/* An index below 0x8000 that is a sum, which a compiler may leave to the addressing of the machine. */
static void sum(struct gen_body *b, unsigned depth)
{
    uint32_t kind = choice_below(b->c, 8);
    if (kind == 6)
        gen_i32(b, choice_below(b->c, 0x3f00));
    small(b, 0x3fff, depth);
    if (kind == 7) { /* beyond 2^32 and back */
        gen_i32(b, 0xffff0000);
        gen_op(b, WASM_OP_I32_OR);
        gen_pop(b, 1);
        gen_i32(b, 0x10000 + choice_below(b->c, 0x3f00));
    } else if (kind < 2) {
        gen_i32(b, choice_below(b->c, 0x3f00));
    } else if (kind < 4) {
        small(b, 0x1fff, depth);
    } else if (kind < 6) {
        small(b, 0x7ff, depth);
        gen_i32(b, choice_below(b->c, 4));
        gen_op(b, WASM_OP_I32_SHL);
        gen_pop(b, 1);
    }
    gen_op(b, WASM_OP_I32_ADD);
    gen_pop(b, 1);
}

uint32_t gen_address(struct gen_body *b, uint32_t width, unsigned depth)
{
    static const uint32_t far[] = {0x7fffffff, 0x80000000, 0xffffffff, 0x80000001, 0xffff0000, 0xfffffff8};
    uint32_t kind = choice_below(b->c, 192), offset = 0;
    if (kind >= 184) {
        uint32_t sum = edge_of_memory(b, width);
        offset = choice_chance(b->c, 1, 2) ? choice_below(b->c, 300) : choice_below(b->c, 0x10000);
        if (offset > sum)
            offset = sum;
        gen_i32(b, sum - offset);
        return offset;
    }
    if (kind == 183) { /* 2^32 and more together: out of bounds, not at the start again */
        gen_value(b, WASM_I32, GEN_EXACT, depth);
        return far[choice_below(b->c, ARRAY_LEN(far))];
    }
    if (kind == 182) {
        gen_value(b, WASM_I32, GEN_EXACT, depth);
        return choice_below(b->c, 32);
    }
    if (kind % 3 == 0) {
        gen_i32(b, choice_below(b->c, 0x8000));
    } else if (kind % 3 == 1) {
        small(b, choice_chance(b->c, 1, 2) ? 0x7fff : 0xff, depth);
    } else {
        sum(b, depth);
        if (choice_chance(b->c, 2, 3))
            return 0;
    }
    if (choice_chance(b->c, 1, 4))
        return choice_below(b->c, 0x7ff0);
    return choice_chance(b->c, 1, 2) ? choice_below(b->c, 64) : 0;
}

static unsigned lanes_of(unsigned op)
{
    const char *name = wasm_op_rows[op].name;
    if (wasm_op_rows[op].immediate == WASM_IMM_MEMARG_LANE)
        return 16u >> wasm_op_rows[op].align;
    return strstr(name, "x16") == name + 2  ? 16
           : strstr(name, "x8") == name + 3 ? 8
           : strstr(name, "x4") == name + 3 ? 4
                                            : 2;
}

/* Patterns that a compiler may know, of bytes or of groups of them: one everywhere, in order, steps, interleaved,
 * within one operand, from either operand but in place, within halves; or none. */
static void lanes(struct gen_body *b)
{
    uint32_t kind = choice_below(b->c, 10), size = 1u << choice_below(b->c, 4), n = 16 / size;
    uint32_t start = choice_below(b->c, 2 * n), step = 1 + choice_below(b->c, 4);
    for (uint32_t k = 0; k < n; k++) {
        uint32_t lane = kind == 0   ? start
                        : kind == 1 ? k + start
                        : kind == 2 ? start + step * k
                        : kind == 3 ? k / step * step + start
                        : kind == 4 ? (k & 1) * n + k / 2 + (start & (n / 2))
                        : kind == 5 ? choice_below(b->c, n)
                        : kind == 6 ? k ^ start
                        : kind == 7 ? k + n * choice_below(b->c, 2)
                        : kind == 8 ? (k < n / 2) == (start < n) ? k : choice_below(b->c, n / 2) + (k & (n / 2))
                                    : choice_below(b->c, 2 * n);
        for (uint32_t i = 0; i < size; i++)
            gen_u8(b->out, lane % (2 * n) * size + i);
    }
}

void gen_immediate(struct gen_body *b, const struct gen_row *row)
{
    switch (wasm_op_rows[row->op].immediate) {
    case WASM_IMM_LANE:
    case WASM_IMM_MEMARG_LANE:
        gen_u8(b->out, choice_below(b->c, lanes_of(row->op)));
        break;
    case WASM_IMM_LANES:
        lanes(b);
        break;
    default:
        break;
    }
}

void gen_access(struct gen_body *b, const struct gen_row *row, unsigned depth)
{
    uint8_t align = wasm_op_rows[row->op].align;
    uint32_t offset = gen_address(b, 1u << align, depth);
    for (unsigned k = 1; k < row->n_params; k++)
        gen_value(b, row->params[k], GEN_EXACT, choice_chance(b->c, 1, 2) ? depth : 0);
    gen_op(b, row->op);
    gen_u32(b->out, align - choice_below(b->c, align + 1));
    gen_u32(b->out, offset);
    gen_immediate(b, row);
    gen_pop(b, row->n_params);
    if (row->result)
        gen_push(b, row->result);
}

/* ---- Trees ------------------------------------------------------------------------------------------------------- */

static enum gen_nan operand_nan(const struct gen_row *row, unsigned k, enum gen_nan nan)
{
    if (k < row->passes && nan == (enum gen_nan)row->lanes)
        return nan;
    return (enum gen_nan)row->tolerates;
}

static void numeric(struct gen_body *b, const struct gen_row *row, enum gen_nan nan, unsigned depth)
{
    for (unsigned k = 0; k < row->n_params; k++) {
        if (row->guard == GEN_DIVISION && k == 1)
            divisor(b, row->params[1], depth);
        else if (row->guard == GEN_TRUNCATION)
            to_truncate(b, row, depth);
        else
            gen_value(b, row->params[k], operand_nan(row, k, nan), depth);
    }
    gen_op(b, row->op);
    gen_immediate(b, row);
    gen_pop(b, row->n_params);
    gen_push(b, row->result);
    if (row->makes && row->makes != nan)
        gen_canonical(b, (enum gen_nan)row->makes);
}

static void select_value(struct gen_body *b, uint8_t type, enum gen_nan nan, unsigned depth)
{
    gen_value(b, type, nan, depth);
    gen_value(b, type, nan, depth);
    gen_value(b, WASM_I32, GEN_EXACT, depth);
    bool typed = wasm_type_is_ref(type) || choice_chance(b->c, 1, 4);
    gen_op(b, typed ? WASM_OP_SELECT_T : WASM_OP_SELECT);
    if (typed) {
        gen_u8(b->out, 1);
        gen_u8(b->out, type);
    }
    gen_pop(b, 2);
}

static void tee(struct gen_body *b, uint8_t type, unsigned depth)
{
    gen_value(b, type, GEN_EXACT, depth);
    uint32_t at = gen_local_of(b, type, true);
    if (at == UINT32_MAX)
        return;
    gen_op(b, WASM_OP_LOCAL_TEE);
    gen_u32(b->out, at);
}

static void table_get(struct gen_body *b, uint8_t type, unsigned depth)
{
    uint32_t table = gen_table_of(b, type);
    if (table == UINT32_MAX) {
        leaf(b, type);
        return;
    }
    uint32_t min = b->g->tables[table].min;
    if (choice_chance(b->c, 1, 32))
        gen_value(b, WASM_I32, GEN_EXACT, depth);
    else
        gen_i32(b, min ? choice_below(b->c, min) : 0);
    gen_op(b, WASM_OP_TABLE_GET);
    gen_u32(b->out, table);
    gen_pop(b, 1);
    gen_push(b, type);
}

static void table_size(struct gen_body *b, unsigned depth)
{
    uint32_t table = choice_below(b->c, b->g->n_tables);
    if (choice_chance(b->c, 1, 2)) {
        get(b, WASM_OP_TABLE_SIZE, table, WASM_I32);
        return;
    }
    gen_value(b, b->g->tables[table].type, GEN_EXACT, depth);
    if (choice_chance(b->c, 1, 4))
        gen_value(b, WASM_I32, GEN_EXACT, depth);
    else
        gen_i32(b, choice_below(b->c, 4));
    gen_op(b, WASM_OP_TABLE_GROW);
    gen_u32(b->out, table);
    gen_pop(b, 2);
    gen_push(b, WASM_I32);
}

/* An i32 of something other than numbers. */
static void size_value(struct gen_body *b, unsigned depth)
{
    uint32_t kind = choice_below(b->c, 8);
    if (kind < 2 && b->g->n_tables) {
        table_size(b, depth);
    } else if (kind < 3 || !b->g->has_memory) {
        gen_value(b, choice_chance(b->c, 1, 2) ? WASM_FUNCREF : WASM_EXTERNREF, GEN_EXACT, depth);
        gen_op(b, WASM_OP_REF_IS_NULL);
        gen_pop(b, 1);
        gen_push(b, WASM_I32);
    } else if (kind < 5) {
        get(b, WASM_OP_MEMORY_SIZE, 0, WASM_I32);
    } else {
        if (choice_chance(b->c, 1, 8))
            gen_value(b, WASM_I32, GEN_EXACT, depth);
        else
            gen_i32(b, choice_below(b->c, 3));
        gen_op(b, WASM_OP_MEMORY_GROW);
        gen_u8(b->out, 0);
    }
}

void gen_value(struct gen_body *b, uint8_t type, enum gen_nan nan, unsigned depth)
{
    const struct gen_rows *rows = &b->g->rows;
    const struct gen_row *row;
    unsigned slot = gen_type_slot(type);
    if (!depth || b->budget <= 0 || b->height > GEN_OPERANDS_MAX - 3 * GEN_ARITY_MAX) {
        leaf(b, type);
        return;
    }
    depth--;
    uint32_t kind = choice_below(b->c, 32);
    if (kind < 6)
        leaf(b, type);
    else if (kind == 31)
        gen_block_value(b, type);
    else if (kind == 30)
        tee(b, type, depth);
    else if (kind == 29)
        select_value(b, type, nan, depth);
    else if (kind == 28) {
        if (!gen_call_value(b, type))
            leaf(b, type);
    } else if (wasm_type_is_ref(type))
        table_get(b, type, depth);
    else if (kind >= 26 && type == WASM_I32)
        size_value(b, depth);
    else if (kind >= 24 && b->g->has_memory &&
             (row = gen_any_row(b, rows->access, rows->access_by_result[slot], rows->n_access_by_result[slot])))
        gen_access(b, row, depth);
    else if ((row = gen_any_row(b, rows->numeric, rows->by_result[slot], rows->n_by_result[slot])))
        numeric(b, row, nan, depth);
    else
        leaf(b, type);
}
