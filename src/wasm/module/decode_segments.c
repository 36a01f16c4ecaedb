/* SPDX-License-Identifier: Apache-2.0 */
/* Element segments, code, data segments (specification 5.5.12 to 5.5.15). */
#include "wasm/module/decode.h"

#include <errno.h>

/* ---- elements --------------------------------------------------------------------------------------------------- */

static int elem_kind(struct decoder *d, struct cursor *c, uint8_t *type)
{
    const uint8_t *at = c->p;
    uint8_t kind = cursor_u8(c);

    *type = WASM_FUNCREF;
    if (!c->fault && kind)
        return wasm_decode_fail(d, at, -EINVAL, "malformed element kind 0x%02x", kind);
    return c->fault ? wasm_decode_fault(d, c) : 0;
}

static int elem_functions(struct decoder *d, struct cursor *c, struct wasm_elem *e)
{
    uint32_t *functions;
    int r;

    if ((r = wasm_decode_count(d, c, WASM_TABLE_SIZE_MAX, 1, "elements", &e->n)) < 0 ||
        (r = wasm_decode_array(d, c, e->n, sizeof *functions, &functions)) < 0)
        return r;
    for (uint32_t i = 0; i < e->n; i++)
        if ((r = wasm_decode_index(d, c, d->m->n_functions, "function", &functions[i])) < 0 ||
            (r = wasm_decode_declare(d, c, functions[i])) < 0)
            return r;
    e->functions = functions;
    return 0;
}

static int elem_exprs(struct decoder *d, struct cursor *c, struct wasm_elem *e)
{
    struct wasm_expr *exprs;
    int r;

    if ((r = wasm_decode_count(d, c, WASM_TABLE_SIZE_MAX, 3, "elements", &e->n)) < 0 ||
        (r = wasm_decode_array(d, c, e->n, sizeof *exprs, &exprs)) < 0)
        return r;
    for (uint32_t i = 0; i < e->n; i++)
        if ((r = wasm_decode_const(d, c, e->type, &exprs[i])) < 0)
            return r;
    e->exprs = exprs;
    return 0;
}

/* The bits of the flags: 1 not active, 2 a table (of active ones) or declared, 4 expressions. */
static int decode_elem(struct decoder *d, struct cursor *c, struct wasm_elem *e)
{
    struct wasm_module *m = d->m;
    const uint8_t *at = c->p;
    uint32_t flags = cursor_leb_u32(c);
    int r;

    if (c->fault)
        return wasm_decode_fault(d, c);
    if (flags > 7)
        return wasm_decode_fail(d, at, -EINVAL, "malformed elements segment kind %u", flags);
    e->mode = !(flags & 1) ? WASM_SEGMENT_ACTIVE : flags & 2 ? WASM_SEGMENT_DECLARED : WASM_SEGMENT_PASSIVE;
    e->type = WASM_FUNCREF;
    if (e->mode == WASM_SEGMENT_ACTIVE) {
        if (flags & 2 && (r = wasm_decode_index(d, c, m->n_tables, "table", &e->table)) < 0)
            return r;
        if (!m->n_tables)
            return wasm_decode_fail(d, at, -EINVAL, "unknown table 0, there are 0");
        if ((r = wasm_decode_const(d, c, WASM_I32, &e->offset)) < 0)
            return r;
    }
    if (flags & 3 && (r = flags & 4 ? wasm_decode_reftype(d, c, &e->type) : elem_kind(d, c, &e->type)) < 0)
        return r;
    if (e->mode == WASM_SEGMENT_ACTIVE && m->tables[e->table].type != e->type)
        return wasm_decode_fail(d, at, -EINVAL, "type mismatch: elements of %s for a table of %s",
                                wasm_type_name(e->type), wasm_type_name(m->tables[e->table].type));
    return flags & 4 ? elem_exprs(d, c, e) : elem_functions(d, c, e);
}

int wasm_decode_elems(struct decoder *d, struct cursor *c)
{
    struct wasm_module *m = d->m;
    uint32_t n;
    int r;

    if ((r = wasm_decode_count(d, c, WASM_SEGMENTS_MAX, 3, "element segments", &n)) < 0 ||
        (r = wasm_decode_array(d, c, n, sizeof *m->elems, &m->elems)) < 0)
        return r;
    for (; m->n_elems < n; m->n_elems++)
        if ((r = decode_elem(d, c, &m->elems[m->n_elems])) < 0)
            return r;
    return 0;
}

/* ---- code ------------------------------------------------------------------------------------------------------- */

int wasm_decode_code(struct decoder *d, struct cursor *c)
{
    struct wasm_module *m = d->m;
    const uint8_t *at = c->p;
    uint32_t n, own = m->n_functions - m->n_imported_functions;
    int r = wasm_decode_count(d, c, UINT32_MAX, 1, "function bodies", &n);

    if (r < 0)
        return r;
    if (n != own)
        return wasm_decode_fail(d, at, -EINVAL, "function and code section have inconsistent lengths: %u and %u", own,
                                n);
    for (uint32_t i = 0; i < n; i++) {
        struct wasm_function *f = &m->functions[m->n_imported_functions + i];
        at = c->p;
        f->size = cursor_leb_u32(c);
        f->offset = (uint32_t)(c->p - m->bytes);
        cursor_bytes(c, f->size);
        if (c->fault)
            return wasm_decode_fault(d, c);
        if (f->size < 2)
            return wasm_decode_fail(d, at, -EINVAL, "unexpected end: the body of function %u has %u bytes",
                                    m->n_imported_functions + i, f->size);
        if (f->size > WASM_BODY_SIZE_MAX)
            return wasm_decode_fail(d, at, -ENOTSUP, "function %u has %u bytes, at most %u are supported",
                                    m->n_imported_functions + i, f->size, WASM_BODY_SIZE_MAX);
    }
    return 0;
}

/* ---- data ------------------------------------------------------------------------------------------------------- */

int wasm_decode_data_count(struct decoder *d, struct cursor *c)
{
    d->data_count = cursor_leb_u32(c);
    d->m->has_data_count = true;
    return c->fault ? wasm_decode_fault(d, c) : 0;
}

static int decode_data(struct decoder *d, struct cursor *c, struct wasm_data *s)
{
    const uint8_t *at = c->p;
    uint32_t flags = cursor_leb_u32(c);
    int r;

    if (c->fault)
        return wasm_decode_fault(d, c);
    if (flags > 2)
        return wasm_decode_fail(d, at, -EINVAL, "malformed data segment kind %u", flags);
    s->mode = flags == 1 ? WASM_SEGMENT_PASSIVE : WASM_SEGMENT_ACTIVE;
    if (flags == 2 && (r = wasm_decode_index(d, c, d->m->n_memories, "memory", &s->memory)) < 0)
        return r;
    if (flags != 1) {
        if (!d->m->n_memories)
            return wasm_decode_fail(d, at, -EINVAL, "unknown memory 0, there are 0");
        if ((r = wasm_decode_const(d, c, WASM_I32, &s->offset)) < 0)
            return r;
    }
    s->size = cursor_leb_u32(c);
    s->bytes = cursor_bytes(c, s->size);
    return c->fault ? wasm_decode_fault(d, c) : 0;
}

int wasm_decode_datas(struct decoder *d, struct cursor *c)
{
    struct wasm_module *m = d->m;
    uint32_t n;
    int r;

    if ((r = wasm_decode_count(d, c, WASM_SEGMENTS_MAX, 2, "data segments", &n)) < 0 ||
        (r = wasm_decode_array(d, c, n, sizeof *m->datas, &m->datas)) < 0)
        return r;
    for (; m->n_datas < n; m->n_datas++)
        if ((r = decode_data(d, c, &m->datas[m->n_datas])) < 0)
            return r;
    return 0;
}
