/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constant expressions (specification 3.3.10 and the proposal for extended ones). They were validated; the globals that
 * they may read never change, so the value is the same whenever it is asked for.
 */
#include "wasm/module/leb.h"
#include "wasm/module/opcode.h"
#include "wasm/runtime/store_private.h"

#include <assert.h>
#include <string.h>

static union wasm_value word(uint64_t bits)
{
    return (union wasm_value){.i64 = bits};
}

/* i32 results keep the lower half: the upper means nothing (value.h). */
static uint64_t combine(uint8_t op, uint64_t a, uint64_t b)
{
    switch (op) {
    case WASM_OP_I32_ADD:
    case WASM_OP_I64_ADD:
        return a + b;
    case WASM_OP_I32_SUB:
    case WASM_OP_I64_SUB:
        return a - b;
    default:
        return a * b;
    }
}

static union wasm_value v128_bytes(const uint8_t **p)
{
    union wasm_value v = {0};
    wasm_read_u32(p); /* v128.const's number behind the prefix */
    memcpy(v.v128, *p, 16);
    *p += 16;
    return v;
}

static union wasm_value float_bits(const uint8_t **p, size_t size)
{
    union wasm_value v = {0};
    memcpy(&v, *p, size);
    *p += size;
    return v;
}

union wasm_value wasm_constexpr(const struct wasm_instance *i, const struct wasm_expr *e)
{
    union wasm_value stack[WASM_CONST_DEPTH_MAX + 1];
    unsigned n = 0;
    for (const uint8_t *p = i->module->bytes + e->offset;;) {
        uint8_t op = *p++;
        assert(n <= WASM_CONST_DEPTH_MAX);
        switch (op) {
        case WASM_OP_END:
            assert(n == 1);
            return stack[0];
        case WASM_OP_I32_CONST:
        case WASM_OP_I64_CONST:
            stack[n++] = word((uint64_t)wasm_read_s64(&p));
            break;
        case WASM_OP_F32_CONST:
            stack[n++] = float_bits(&p, 4);
            break;
        case WASM_OP_F64_CONST:
            stack[n++] = float_bits(&p, 8);
            break;
        case WASM_PREFIX_VECTOR:
            stack[n++] = v128_bytes(&p);
            break;
        case WASM_OP_REF_NULL:
            p++;
            stack[n++] = word(0);
            break;
        case WASM_OP_REF_FUNC:
            stack[n++] = word((uintptr_t)wasm_instance_func(i, wasm_read_u32(&p)));
            break;
        case WASM_OP_GLOBAL_GET:
            stack[n++] = *wasm_instance_global(i, wasm_read_u32(&p));
            break;
        default: /* add, sub, mul */
            assert(n >= 2);
            n--;
            stack[n - 1] = word(combine(op, stack[n - 1].i64, stack[n].i64));
        }
    }
}
