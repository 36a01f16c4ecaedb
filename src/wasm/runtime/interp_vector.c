/* SPDX-License-Identifier: Apache-2.0 */
/* Vector instructions (specification 4.4.3): operands, and all but what makes a vector of vectors lane by lane. */
#include "wasm/runtime/interp_vector.h"
#include "wasm/runtime/interp.h"

#include <string.h>

static union vector vector_of(const union wasm_value *v)
{
    union vector r;
    memcpy(&r, v->v128, sizeof r);
    return r;
}

static union wasm_value value_of(const union vector *v)
{
    union wasm_value r;
    memcpy(r.v128, v, sizeof *v);
    return r;
}

/* Bytes of a lane: the width is in the name of the instruction. */
static unsigned lane_width(uint16_t op)
{
    const char *name = wasm_op_rows[op].name;
    switch (name[1]) {
    case '8':
        return 1;
    case '1':
        return 2;
    case '3':
        return 4;
    default:
        return 8;
    }
}

static union vector splat(unsigned width, const union wasm_value *v)
{
    union vector r;
    for (unsigned k = 0; k < 16; k += width)
        memcpy(r.bytes + k, v, width);
    return r;
}

static union wasm_value extract(uint16_t op, const union vector *v, unsigned lane)
{
    union wasm_value r = {.i64 = 0};
    unsigned width = lane_width(op);
    memcpy(&r, v->bytes + lane * width, width);
    if (op == WASM_OP_I8X16_EXTRACT_LANE_S)
        r.i32 = (uint32_t)v->s8[lane];
    if (op == WASM_OP_I16X8_EXTRACT_LANE_S)
        r.i32 = (uint32_t)v->s16[lane];
    return r;
}

/* The count is taken modulo the lane's bits. */
static union vector shift(uint16_t op, const union vector *a, uint32_t count)
{
    union vector r = {{0}};
    unsigned bits = lane_width(op) * 8, n = count % bits;
    for (unsigned k = 0; k < 128 / bits; k++)
        switch (op) {
        case WASM_OP_I8X16_SHL:
            r.u8[k] = (uint8_t)(a->u8[k] << n);
            break;
        case WASM_OP_I8X16_SHR_S:
            r.s8[k] = (int8_t)(a->s8[k] >> n);
            break;
        case WASM_OP_I8X16_SHR_U:
            r.u8[k] = (uint8_t)(a->u8[k] >> n);
            break;
        case WASM_OP_I16X8_SHL:
            r.u16[k] = (uint16_t)(a->u16[k] << n);
            break;
        case WASM_OP_I16X8_SHR_S:
            r.s16[k] = (int16_t)(a->s16[k] >> n);
            break;
        case WASM_OP_I16X8_SHR_U:
            r.u16[k] = (uint16_t)(a->u16[k] >> n);
            break;
        case WASM_OP_I32X4_SHL:
            r.u32[k] = a->u32[k] << n;
            break;
        case WASM_OP_I32X4_SHR_S:
            r.s32[k] = a->s32[k] >> n;
            break;
        case WASM_OP_I32X4_SHR_U:
            r.u32[k] = a->u32[k] >> n;
            break;
        case WASM_OP_I64X2_SHL:
            r.u64[k] = a->u64[k] << n;
            break;
        case WASM_OP_I64X2_SHR_S:
            r.s64[k] = a->s64[k] >> n;
            break;
        default: /* i64x2.shr_u */
            r.u64[k] = a->u64[k] >> n;
        }
    return r;
}

static uint32_t any_true(const union vector *a)
{
    return (a->u64[0] | a->u64[1]) != 0;
}

static uint32_t all_true(const union vector *a, unsigned width)
{
    for (unsigned k = 0; k < 16; k += width) {
        uint64_t lane = 0;
        memcpy(&lane, a->bytes + k, width);
        if (!lane)
            return 0;
    }
    return 1;
}

/* The sign of each lane, the lowest in the lowest bit. */
static uint32_t bitmask(const union vector *a, unsigned width)
{
    uint32_t mask = 0;
    for (unsigned k = 0; k < 16 / width; k++)
        mask |= (uint32_t)(a->bytes[(k + 1) * width - 1] >> 7) << k;
    return mask;
}

static uint32_t test(uint16_t op, const union vector *a)
{
    if (op == WASM_OP_V128_ANY_TRUE)
        return any_true(a);
    bool mask = op == WASM_OP_I8X16_BITMASK || op == WASM_OP_I16X8_BITMASK || op == WASM_OP_I32X4_BITMASK ||
                op == WASM_OP_I64X2_BITMASK;
    return mask ? bitmask(a, lane_width(op)) : all_true(a, lane_width(op));
}

/* Each index takes a byte of both operands, one behind the other. */
static union vector shuffle(const union vector *a, const union vector *b, const uint8_t *indices)
{
    union vector r;
    for (unsigned k = 0; k < 16; k++)
        r.u8[k] = indices[k] < 16 ? a->u8[indices[k]] : b->u8[indices[k] - 16];
    return r;
}

static union vector bitselect(const union vector *a, const union vector *b, const union vector *mask)
{
    union vector r;
    for (unsigned k = 0; k < 2; k++)
        r.u64[k] = (a->u64[k] & mask->u64[k]) | (b->u64[k] & ~mask->u64[k]);
    return r;
}

/* From a vector and a scalar: a shift, or another lane. */
static union vector with_scalar(const struct interp_instruction *in, union vector a, const union wasm_value *scalar)
{
    if (wasm_op_rows[in->op].immediate != WASM_IMM_LANE)
        return shift(in->op, &a, scalar->i32);
    unsigned width = lane_width(in->op);
    memcpy(a.bytes + in->a * width, scalar, width);
    return a;
}

static union vector of_two(const struct interp_instruction *in, const union vector *a, const union vector *b)
{
    return in->op == WASM_OP_I8X16_SHUFFLE ? shuffle(a, b, in->bytes) : interp_vector_binary(in->op, a, b);
}

void interp_vector(const struct interp_instruction *in, union wasm_value **top)
{
    const char *signature = wasm_op_rows[in->op].signature, *colon = strchr(signature, ':');
    union wasm_value *at = *top - (colon - signature); /* the first operand, then the result */
    union vector r, v[3];
    for (const char *p = signature; p < colon; p++)
        v[p - signature] = vector_of(&at[p - signature]);
    *top = at + 1;
    if (!strcmp(signature, "v:v"))
        r = interp_vector_unary(in->op, &v[0]);
    else if (!strcmp(signature, "vv:v"))
        r = of_two(in, &v[0], &v[1]);
    else if (!strcmp(signature, "vvv:v"))
        r = bitselect(&v[0], &v[1], &v[2]);
    else if (!strcmp(signature, ":v"))
        memcpy(&r, in->bytes, sizeof r);
    else if (signature[1] == ':' && signature[0] != 'v')
        r = splat(lane_width(in->op), at);
    else if (signature[1] != ':')
        r = with_scalar(in, v[0], &at[1]);
    else if (wasm_op_rows[in->op].immediate == WASM_IMM_LANE) {
        *at = extract(in->op, &v[0], in->a);
        return;
    } else {
        at->i32 = test(in->op, &v[0]);
        return;
    }
    *at = value_of(&r);
}
