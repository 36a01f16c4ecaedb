/* SPDX-License-Identifier: Apache-2.0 */
/* Constant expressions (specification 3.3.10, and the proposal for extended ones): decoded and checked in one pass. */
#include "wasm/module/decode.h"

#include "wasm/module/opcode.h"

#include <errno.h>

struct operands {
    uint8_t types[WASM_CONST_DEPTH_MAX];
    unsigned n;
};

/* Of the imported globals alone (3.4.10). */
static int const_global(struct decoder *d, struct cursor *c, const uint8_t *at, uint8_t *out)
{
    uint32_t i = cursor_leb_u32(c);

    if (c->fault)
        return wasm_decode_fault(d, c);
    if (i >= d->m->n_imported_globals)
        return wasm_decode_fail(d, at, -EINVAL, "unknown global %u, a constant expression sees the %u imported ones", i,
                                d->m->n_imported_globals);
    if (d->m->globals[i].type.mutable)
        return wasm_decode_fail(d, at, -EINVAL, "constant expression required: global %u is mutable", i);
    *out = d->m->globals[i].type.type;
    return 0;
}

static int const_function(struct decoder *d, struct cursor *c, uint8_t *out)
{
    uint32_t f;
    int r = wasm_decode_index(d, c, d->m->n_functions, "function", &f);

    *out = WASM_FUNCREF;
    return r < 0 ? r : wasm_decode_declare(d, c, f);
}

/* What pushes one value: its type. */
static int const_push(struct decoder *d, struct cursor *c, const uint8_t *at, unsigned op, uint8_t *out)
{
    switch (op) {
    case WASM_OP_I32_CONST:
        cursor_leb(c, 32, true);
        *out = WASM_I32;
        return 0;
    case WASM_OP_I64_CONST:
        cursor_leb(c, 64, true);
        *out = WASM_I64;
        return 0;
    case WASM_OP_F32_CONST:
        cursor_bytes(c, 4);
        *out = WASM_F32;
        return 0;
    case WASM_OP_F64_CONST:
        cursor_bytes(c, 8);
        *out = WASM_F64;
        return 0;
    case WASM_PREFIX_VECTOR:
        if (WASM_OP_VECTOR + cursor_leb_u32(c) != WASM_OP_V128_CONST && !c->fault)
            break;
        cursor_bytes(c, 16);
        *out = WASM_V128;
        return 0;
    case WASM_OP_REF_NULL:
        return wasm_decode_reftype(d, c, out);
    case WASM_OP_REF_FUNC:
        return const_function(d, c, out);
    case WASM_OP_GLOBAL_GET:
        return const_global(d, c, at, out);
    }
    return wasm_decode_fail(d, at, -EINVAL, "constant expression required: opcode 0x%02x is none", op);
}

/* The type of an extended constant expression's arithmetic; 0: op is none. */
static uint8_t arithmetic_type(unsigned op)
{
    switch (op) {
    case WASM_OP_I32_ADD:
    case WASM_OP_I32_SUB:
    case WASM_OP_I32_MUL:
        return WASM_I32;
    case WASM_OP_I64_ADD:
    case WASM_OP_I64_SUB:
    case WASM_OP_I64_MUL:
        return WASM_I64;
    }
    return 0;
}

static int const_arithmetic(struct decoder *d, const uint8_t *at, unsigned op, uint8_t type, struct operands *s)
{
    if (!d->features->extended_const)
        return wasm_decode_fail(d, at, -ENOTSUP,
                                "constant expression required: %s in one needs the feature extended-const, which is "
                                "off",
                                wasm_op_rows[op].name);
    if (s->n < 2 || s->types[s->n - 1] != type || s->types[s->n - 2] != type)
        return wasm_decode_fail(d, at, -EINVAL, "type mismatch: %s in a constant expression", wasm_op_rows[op].name);
    s->n--;
    return 0;
}

static int const_step(struct decoder *d, struct cursor *c, const uint8_t *at, unsigned op, struct operands *s)
{
    uint8_t type = arithmetic_type(op);

    if (type)
        return const_arithmetic(d, at, op, type, s);
    if (s->n == WASM_CONST_DEPTH_MAX)
        return wasm_decode_fail(d, at, -ENOTSUP, "a constant expression of more than %u operands at once",
                                WASM_CONST_DEPTH_MAX);
    return const_push(d, c, at, op, &s->types[s->n++]);
}

int wasm_decode_const(struct decoder *d, struct cursor *c, uint8_t wants, struct wasm_expr *out)
{
    const uint8_t *start = c->p, *at = start;
    struct operands s = {.n = 0};
    unsigned op;

    for (; (op = cursor_u8(c)) != WASM_OP_END && !c->fault; at = c->p) {
        int r = const_step(d, c, at, op, &s);
        if (r < 0)
            return r;
    }
    if (c->fault)
        return wasm_decode_fault(d, c);
    if (s.n != 1)
        return wasm_decode_fail(d, at, -EINVAL, "type mismatch: a constant expression with %u results", s.n);
    if (s.types[0] != wants)
        return wasm_decode_fail(d, at, -EINVAL, "type mismatch: a constant expression wants %s, has %s",
                                wasm_type_name(wants), wasm_type_name(s.types[0]));
    *out = (struct wasm_expr){(uint32_t)(start - d->m->bytes), (uint32_t)(c->p - start)};
    return 0;
}
