/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors as their lanes (specification 4.3.5): the lowest lane first, each in the byte order of the processor. */
#ifndef MOAT_WASM_RUNTIME_INTERP_VECTOR_H
#define MOAT_WASM_RUNTIME_INTERP_VECTOR_H

#include <stdint.h>

union vector {
    uint8_t bytes[16];
    uint8_t u8[16];
    int8_t s8[16];
    uint16_t u16[8];
    int16_t s16[8];
    uint32_t u32[4];
    int32_t s32[4];
    uint64_t u64[2];
    int64_t s64[2];
};

/* interp_lanes.c: one vector to one, two to one. */
union vector interp_vector_unary(uint16_t op, const union vector *a);
union vector interp_vector_binary(uint16_t op, const union vector *a, const union vector *b);

#endif
