/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that touch memories and tables (specification 4.4.6, 4.4.7). Bounds are compared, never left to faults.
 */
#include "wasm/runtime/interp.h"
#include "wasm/runtime/numeric.h"

uint8_t *interp_address(const struct wasm_instance *i, uint32_t index, uint32_t offset, uint32_t width)
{
    uint64_t at = (uint64_t)index + offset;
    return at + width <= i->memory->size ? i->memory->base + at : NULL;
}

static union wasm_value vector_splat(uint64_t bits, unsigned width)
{
    union wasm_value v;
    for (unsigned k = 0; k < 16; k += width)
        memcpy(v.v128 + k, &bits, width);
    return v;
}

/* Eight bytes as 8 / width lanes, each to twice its width. */
static union wasm_value vector_extend(uint64_t bits, unsigned width, bool is_signed)
{
    union wasm_value v;
    for (unsigned k = 0; k < 8; k += width) {
        uint64_t lane = bits >> 8 * k << (64 - 8 * width);
        lane = is_signed ? (uint64_t)((int64_t)lane >> (64 - 8 * width)) : lane >> (64 - 8 * width);
        memcpy(v.v128 + 2 * k, &lane, 2 * width);
    }
    return v;
}

/* Bytes that an access has. */
static uint32_t width_of(uint16_t op)
{
    return 1u << wasm_op_rows[op].align;
}

/* What a load of these bits gives; the vector ones but v128.load and the lanes too. */
static union wasm_value loaded(uint16_t op, uint64_t bits)
{
    switch (op) {
    case WASM_OP_I32_LOAD8_S:
        return (union wasm_value){.i32 = num_i32_extend8_s((uint32_t)bits)};
    case WASM_OP_I32_LOAD16_S:
        return (union wasm_value){.i32 = num_i32_extend16_s((uint32_t)bits)};
    case WASM_OP_I64_LOAD8_S:
        return (union wasm_value){.i64 = num_i64_extend8_s(bits)};
    case WASM_OP_I64_LOAD16_S:
        return (union wasm_value){.i64 = num_i64_extend16_s(bits)};
    case WASM_OP_I64_LOAD32_S:
        return (union wasm_value){.i64 = num_i64_extend32_s(bits)};
    case WASM_OP_V128_LOAD8X8_S:
    case WASM_OP_V128_LOAD8X8_U:
        return vector_extend(bits, 1, op == WASM_OP_V128_LOAD8X8_S);
    case WASM_OP_V128_LOAD16X4_S:
    case WASM_OP_V128_LOAD16X4_U:
        return vector_extend(bits, 2, op == WASM_OP_V128_LOAD16X4_S);
    case WASM_OP_V128_LOAD32X2_S:
    case WASM_OP_V128_LOAD32X2_U:
        return vector_extend(bits, 4, op == WASM_OP_V128_LOAD32X2_S);
    case WASM_OP_V128_LOAD8_SPLAT:
    case WASM_OP_V128_LOAD16_SPLAT:
    case WASM_OP_V128_LOAD32_SPLAT:
    case WASM_OP_V128_LOAD64_SPLAT:
        return vector_splat(bits, width_of(op));
    default: { /* the bits, zeros above them */
        union wasm_value v = {0};
        memcpy(&v, &bits, sizeof bits);
        return v;
    }
    }
}

static bool is_store(uint16_t op)
{
    const char *signature = wasm_op_rows[op].signature;
    return signature[2] == ':' && !signature[3];
}

static enum wasm_trap access_lane(struct interp_stack *s, const struct wasm_instance *i,
                                  const struct interp_instruction *in)
{
    uint32_t width = width_of(in->op);
    union wasm_value vector = s->top[-1];
    uint8_t *p = interp_address(i, s->top[-2].i32, in->a, width);
    if (!p)
        return WASM_TRAP_MEMORY_BOUNDS;
    s->top -= 2;
    if (is_store(in->op)) {
        memcpy(p, vector.v128 + in->b * width, width);
    } else {
        memcpy(vector.v128 + in->b * width, p, width);
        *s->top++ = vector;
    }
    return WASM_TRAP_NONE;
}

static enum wasm_trap access_memory(struct interp_stack *s, const struct wasm_instance *i,
                                    const struct interp_instruction *in)
{
    uint32_t width = width_of(in->op);
    bool store = is_store(in->op);
    union wasm_value *index = s->top - (store ? 2 : 1);
    uint8_t *p = interp_address(i, index->i32, in->a, width);
    if (!p)
        return WASM_TRAP_MEMORY_BOUNDS;
    uint64_t bits = 0;
    if (store)
        memcpy(p, s->top - 1, width);
    else if (width == 16)
        memcpy(index, p, width);
    else
        memcpy(&bits, p, width);
    if (!store && width < 16)
        *index = loaded(in->op, bits);
    s->top = store ? index : index + 1;
    return WASM_TRAP_NONE;
}

static enum wasm_trap table_get(struct interp_stack *s, const struct wasm_table *t)
{
    uint32_t at = s->top[-1].i32;
    if (at >= t->size)
        return WASM_TRAP_TABLE_BOUNDS;
    s->top[-1].ref = t->elems[at];
    return WASM_TRAP_NONE;
}

static enum wasm_trap table_set(struct interp_stack *s, const struct wasm_table *t)
{
    s->top -= 2;
    if (s->top[0].i32 >= t->size)
        return WASM_TRAP_TABLE_BOUNDS;
    t->elems[s->top[0].i32] = s->top[1].ref;
    return WASM_TRAP_NONE;
}

/* The instructions with three operands: where to, where from or what, how many. */
static enum wasm_trap bulk(struct interp_stack *s, struct wasm_instance *i, const struct interp_instruction *in)
{
    uint32_t indices[2] = {in->a, in->b};
    s->top -= 3;
    uint32_t to = s->top[0].i32, from = s->top[1].i32, n = s->top[2].i32;
    switch (in->op) {
    case WASM_OP_MEMORY_INIT:
        return wasm_memory_init(i, in->a, to, from, n);
    case WASM_OP_MEMORY_COPY:
        return wasm_memory_copy(i, to, from, n);
    case WASM_OP_MEMORY_FILL:
        return wasm_memory_fill(i, to, from, n);
    case WASM_OP_TABLE_INIT:
        return wasm_table_init(i, indices, to, from, n);
    case WASM_OP_TABLE_COPY:
        return wasm_table_copy(i, indices, to, from, n);
    default: /* table.fill */
        return wasm_table_fill(i, in->a, to, s->top[1].ref, n);
    }
}

static void table_grow(struct interp_stack *s, struct wasm_instance *i, uint32_t table)
{
    s->top--;
    s->top[-1].i32 = wasm_table_grow(i, table, s->top[-1].ref, s->top[0].i32);
}

enum wasm_trap interp_memory(struct interp_stack *s, const struct interp_instruction *in)
{
    struct wasm_instance *i = s->frames[s->n_frames - 1].instance;
    switch (in->op) {
    case WASM_OP_MEMORY_SIZE:
        (s->top++)->i32 = i->memory->pages;
        return WASM_TRAP_NONE;
    case WASM_OP_MEMORY_GROW:
        s->top[-1].i32 = wasm_memory_grow(i, s->top[-1].i32);
        return WASM_TRAP_NONE;
    case WASM_OP_TABLE_GET:
        return table_get(s, wasm_instance_tables(i)[in->a]);
    case WASM_OP_TABLE_SET:
        return table_set(s, wasm_instance_tables(i)[in->a]);
    case WASM_OP_TABLE_SIZE:
        (s->top++)->i32 = wasm_instance_tables(i)[in->a]->size;
        return WASM_TRAP_NONE;
    case WASM_OP_TABLE_GROW:
        table_grow(s, i, in->a);
        return WASM_TRAP_NONE;
    case WASM_OP_DATA_DROP:
        wasm_data_drop(i, in->a);
        return WASM_TRAP_NONE;
    case WASM_OP_ELEM_DROP:
        wasm_elem_drop(i, in->a);
        return WASM_TRAP_NONE;
    case WASM_OP_MEMORY_INIT:
    case WASM_OP_MEMORY_COPY:
    case WASM_OP_MEMORY_FILL:
    case WASM_OP_TABLE_INIT:
    case WASM_OP_TABLE_COPY:
    case WASM_OP_TABLE_FILL:
        return bulk(s, i, in);
    default:
        return wasm_op_rows[in->op].immediate == WASM_IMM_MEMARG_LANE ? access_lane(s, i, in) : access_memory(s, i, in);
    }
}
