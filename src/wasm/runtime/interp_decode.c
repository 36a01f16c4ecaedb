/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions as they are encoded (specification 5.4): what follows an opcode is a column of the table of opcodes. */
#include "wasm/module/leb.h"
#include "wasm/runtime/interp.h"

#include <string.h>

static uint16_t read_op(const uint8_t **p)
{
    uint8_t byte = *(*p)++;
    if (byte == WASM_PREFIX_MISC)
        return (uint16_t)(WASM_OP_MISC + wasm_read_u32(p));
    if (byte == WASM_PREFIX_VECTOR)
        return (uint16_t)(WASM_OP_VECTOR + wasm_read_u32(p));
    return byte;
}

static void read_labels(const uint8_t **p, struct interp_instruction *in)
{
    in->a = wasm_read_u32(p);
    in->bytes = *p;
    for (uint64_t k = 0; k <= in->a; k++)
        wasm_skip_leb(p);
}

static void read_bytes(const uint8_t **p, struct interp_instruction *in, size_t n)
{
    if (n == 16)
        in->bytes = *p;
    else
        memcpy(&in->bits, *p, n);
    *p += n;
}

struct interp_instruction interp_decode(const uint8_t **p)
{
    struct interp_instruction in = {.op = read_op(p)};
    switch ((enum wasm_immediate)wasm_op_rows[in.op].immediate) {
    case WASM_IMM_NONE:
        break;
    case WASM_IMM_LABELS:
        read_labels(p, &in);
        break;
    case WASM_IMM_TYPES:
        *p += wasm_read_u32(p);
        break;
    case WASM_IMM_LABEL:
    case WASM_IMM_FUNC:
    case WASM_IMM_LOCAL:
    case WASM_IMM_GLOBAL:
    case WASM_IMM_TABLE:
    case WASM_IMM_DATA:
    case WASM_IMM_ELEM:
        in.a = wasm_read_u32(p);
        break;
    case WASM_IMM_TYPE_TABLE:
    case WASM_IMM_ELEM_TABLE:
    case WASM_IMM_TABLE_TABLE:
        in.a = wasm_read_u32(p);
        in.b = wasm_read_u32(p);
        break;
    case WASM_IMM_MEMARG:
    case WASM_IMM_MEMARG_LANE:
        wasm_skip_leb(p); /* the alignment is a hint */
        in.a = wasm_read_u32(p);
        if (wasm_op_rows[in.op].immediate == WASM_IMM_MEMARG_LANE)
            in.b = *(*p)++;
        break;
    case WASM_IMM_BLOCK:
    case WASM_IMM_I32:
    case WASM_IMM_I64:
        in.bits = (uint64_t)wasm_read_s64(p);
        break;
    case WASM_IMM_F32:
        read_bytes(p, &in, 4);
        break;
    case WASM_IMM_F64:
        read_bytes(p, &in, 8);
        break;
    case WASM_IMM_V128:
    case WASM_IMM_LANES:
        read_bytes(p, &in, 16);
        break;
    case WASM_IMM_LANE:
        in.a = *(*p)++;
        break;
    case WASM_IMM_DATA_MEMORY:
        in.a = wasm_read_u32(p);
        *p += 1;
        break;
    case WASM_IMM_MEMORY:
    case WASM_IMM_REFTYPE:
        *p += 1;
        break;
    case WASM_IMM_MEMORY_MEMORY:
        *p += 2;
        break;
    }
    return in;
}
