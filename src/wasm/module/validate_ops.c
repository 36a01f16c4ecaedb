/* SPDX-License-Identifier: Apache-2.0 */
/* Opcodes whose types depend on the module or on the operands, and the immediates of those whose types do not
 * (specification 3.3.2 to 3.3.7). */
#include "wasm/module/validator.h"

#include <errno.h>

/* ---- parametric ------------------------------------------------------------------------------------------------- */

int validate_drop(struct wasm_validator *v)
{
    return validator_pop(v, UNKNOWN_TYPE, NULL);
}

int validate_select(struct wasm_validator *v)
{
    uint8_t a, b;
    int r;

    if ((r = validator_pop(v, WASM_I32, NULL)) < 0 || (r = validator_pop(v, UNKNOWN_TYPE, &a)) < 0 ||
        (r = validator_pop(v, a, &b)) < 0)
        return r;
    if (wasm_type_is_ref(a) || wasm_type_is_ref(b))
        return validator_fail(v, v->at, -EINVAL, "type mismatch: select of references has to name their type");
    validator_push(v, a == UNKNOWN_TYPE ? b : a);
    return 0;
}

int validate_select_t(struct wasm_validator *v)
{
    uint32_t n;
    uint8_t type;
    int r;

    if ((r = validator_u32(v, &n)) < 0)
        return r;
    if (n != 1)
        return validator_fail(v, v->at, -EINVAL, "invalid result arity: select of %u types", n);
    if ((r = validator_byte(v, &type)) < 0)
        return r;
    if (!(type >= WASM_V128 && type <= WASM_I32) && !wasm_type_is_ref(type))
        return validator_fail(v, v->at, -EINVAL, "malformed value type 0x%02x", type);
    if ((r = validator_pop(v, WASM_I32, NULL)) < 0 || (r = validator_pop(v, type, NULL)) < 0 ||
        (r = validator_pop(v, type, NULL)) < 0)
        return r;
    validator_push(v, type);
    return 0;
}

/* ---- globals ---------------------------------------------------------------------------------------------------- */

int validate_global_get(struct wasm_validator *v)
{
    uint32_t g;
    int r = validator_index(v, v->m->n_globals, "global", &g);

    if (r < 0)
        return r;
    validator_push(v, v->m->globals[g].type.type);
    v->has_vectors |= v->m->globals[g].type.type == WASM_V128;
    return 0;
}

int validate_global_set(struct wasm_validator *v)
{
    uint32_t g;
    int r = validator_index(v, v->m->n_globals, "global", &g);

    if (r < 0)
        return r;
    if (!v->m->globals[g].type.mutable)
        return validator_fail(v, v->at, -EINVAL, "global is immutable: %u", g);
    return validator_pop(v, v->m->globals[g].type.type, NULL);
}

/* ---- tables and references -------------------------------------------------------------------------------------- */

static int read_table(struct wasm_validator *v, uint8_t *type)
{
    uint32_t t;
    int r = validator_index(v, v->m->n_tables, "table", &t);

    *type = r < 0 ? UNKNOWN_TYPE : v->m->tables[t].type;
    return r;
}

int validate_table_get(struct wasm_validator *v)
{
    uint8_t type;
    int r;

    if ((r = read_table(v, &type)) < 0 || (r = validator_pop(v, WASM_I32, NULL)) < 0)
        return r;
    validator_push(v, type);
    return 0;
}

int validate_table_set(struct wasm_validator *v)
{
    uint8_t type;
    int r;

    if ((r = read_table(v, &type)) < 0 || (r = validator_pop(v, type, NULL)) < 0)
        return r;
    return validator_pop(v, WASM_I32, NULL);
}

int validate_table_grow(struct wasm_validator *v)
{
    uint8_t type;
    int r;

    if ((r = read_table(v, &type)) < 0 || (r = validator_pop(v, WASM_I32, NULL)) < 0 ||
        (r = validator_pop(v, type, NULL)) < 0)
        return r;
    validator_push(v, WASM_I32);
    return 0;
}

int validate_table_fill(struct wasm_validator *v)
{
    uint8_t type;
    int r;

    if ((r = read_table(v, &type)) < 0 || (r = validator_pop(v, WASM_I32, NULL)) < 0 ||
        (r = validator_pop(v, type, NULL)) < 0)
        return r;
    return validator_pop(v, WASM_I32, NULL);
}

int validate_ref_null(struct wasm_validator *v)
{
    uint8_t type;
    int r = validator_byte(v, &type);

    if (r < 0)
        return r;
    if (!wasm_type_is_ref(type))
        return validator_fail(v, v->at, -EINVAL, "malformed reference type 0x%02x", type);
    validator_push(v, type);
    return 0;
}

int validate_ref_is_null(struct wasm_validator *v)
{
    uint8_t type;
    int r = validator_pop(v, UNKNOWN_TYPE, &type);

    if (r < 0)
        return r;
    if (type != UNKNOWN_TYPE && !wasm_type_is_ref(type))
        return validator_fail(v, v->at, -EINVAL, "type mismatch: ref.is_null wants a reference, has %s",
                              wasm_type_name(type));
    validator_push(v, WASM_I32);
    return 0;
}

int validate_ref_func(struct wasm_validator *v)
{
    uint32_t f;
    int r = validator_index(v, v->m->n_functions, "function", &f);

    if (r < 0)
        return r;
    if (!v->m->declared[f])
        return validator_fail(v, v->at, -EINVAL, "undeclared function reference: ref.func %u", f);
    validator_push(v, WASM_FUNCREF);
    return 0;
}

/* ---- immediates of plain opcodes -------------------------------------------------------------------------------- */

/* A memory's number, which is a zero byte. */
int immediate_memory(struct wasm_validator *v)
{
    uint8_t zero;
    int r = validator_byte(v, &zero);

    if (r < 0)
        return r;
    if (zero)
        return validator_fail(v, v->at, -EINVAL, "zero byte expected in %s, has 0x%02x", wasm_op_rows[v->op].name,
                              zero);
    if (!v->m->n_memories)
        return validator_fail(v, v->at, -EINVAL, "unknown memory 0, there are 0: %s", wasm_op_rows[v->op].name);
    return 0;
}

int immediate_memory_copy(struct wasm_validator *v)
{
    int r = immediate_memory(v);

    return r < 0 ? r : immediate_memory(v);
}

int immediate_data(struct wasm_validator *v)
{
    uint32_t data;

    if (!v->m->has_data_count)
        return validator_fail(v, v->at, -EINVAL, "data count section required: %s", wasm_op_rows[v->op].name);
    return validator_index(v, v->m->n_datas, "data segment", &data);
}

int immediate_memory_init(struct wasm_validator *v)
{
    int r = immediate_data(v);

    return r < 0 ? r : immediate_memory(v);
}

int immediate_table(struct wasm_validator *v)
{
    uint8_t type;

    return read_table(v, &type);
}

int immediate_elem(struct wasm_validator *v)
{
    uint32_t elem;

    return validator_index(v, v->m->n_elems, "elem segment", &elem);
}

static int types_agree(struct wasm_validator *v, uint8_t from, uint8_t to)
{
    if (from == to)
        return 0;
    return validator_fail(v, v->at, -EINVAL, "type mismatch: %s from %s to %s", wasm_op_rows[v->op].name,
                          wasm_type_name(from), wasm_type_name(to));
}

int immediate_table_init(struct wasm_validator *v)
{
    uint32_t elem;
    uint8_t type;
    int r;

    if ((r = validator_index(v, v->m->n_elems, "elem segment", &elem)) < 0 || (r = read_table(v, &type)) < 0)
        return r;
    return types_agree(v, v->m->elems[elem].type, type);
}

int immediate_table_copy(struct wasm_validator *v)
{
    uint8_t to, from;
    int r;

    if ((r = read_table(v, &to)) < 0 || (r = read_table(v, &from)) < 0)
        return r;
    return types_agree(v, from, to);
}

static int read_lane(struct wasm_validator *v, unsigned lanes)
{
    uint8_t lane;
    int r = validator_byte(v, &lane);

    if (r < 0)
        return r;
    if (lane >= lanes)
        return validator_fail(v, v->at, -EINVAL, "invalid lane index %u of %s", lane, wasm_op_rows[v->op].name);
    return 0;
}

int immediate_lanes(struct wasm_validator *v)
{
    for (int i = 0; i < 16; i++) {
        int r = read_lane(v, 32);
        if (r < 0)
            return r;
    }
    return 0;
}

int immediate_lane(struct wasm_validator *v)
{
    unsigned lanes = 2;

    if (v->op <= WASM_OP_I8X16_REPLACE_LANE)
        lanes = 16;
    else if (v->op <= WASM_OP_I16X8_REPLACE_LANE)
        lanes = 8;
    else if (v->op <= WASM_OP_I32X4_REPLACE_LANE || v->op == WASM_OP_F32X4_EXTRACT_LANE ||
             v->op == WASM_OP_F32X4_REPLACE_LANE)
        lanes = 4;
    return read_lane(v, lanes);
}

int immediate_memarg_lane(struct wasm_validator *v)
{
    unsigned natural = wasm_op_rows[v->op].align;
    uint32_t align, offset;
    int r;

    if ((r = validator_u32(v, &align)) < 0)
        return r;
    if (!v->m->n_memories)
        return validator_fail(v, v->at, -EINVAL, "unknown memory 0, there are 0: %s", wasm_op_rows[v->op].name);
    if (align > natural)
        return validator_fail(v, v->at, -EINVAL, "alignment must not be larger than natural: 2**%u for %s", align,
                              wasm_op_rows[v->op].name);
    if ((r = validator_u32(v, &offset)) < 0)
        return r;
    return read_lane(v, 16 >> natural);
}
