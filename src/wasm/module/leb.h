/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integers in code that was validated (validate.h): no check is left to be made, so there is none here. Never for bytes
 * that were not: those are read with base/cursor.h.
 */
#ifndef MOAT_WASM_MODULE_LEB_H
#define MOAT_WASM_MODULE_LEB_H

#include <stdint.h>

static inline uint32_t wasm_read_u32(const uint8_t **p)
{
    uint32_t value = *(*p)++;

    if (__builtin_expect(value < 0x80, 1))
        return value;
    value &= 0x7f;
    for (unsigned shift = 7;; shift += 7) {
        uint32_t byte = *(*p)++;
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
}

/* Signed, of any width up to 64: s32, s33 and s64 are all read with it. */
static inline int64_t wasm_read_s64(const uint8_t **p)
{
    uint64_t byte = *(*p)++;

    if (__builtin_expect(byte < 0x80, 1))
        return (int64_t)(byte << 57) >> 57;
    uint64_t value = byte & 0x7f;
    for (unsigned shift = 7;; shift += 7) {
        byte = *(*p)++;
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            return shift + 7 < 64 && (byte & 0x40) ? (int64_t)(value | ~(uint64_t)0 << (shift + 7)) : (int64_t)value;
    }
}

static inline int32_t wasm_read_s32(const uint8_t **p)
{
    return (int32_t)wasm_read_s64(p);
}

static inline void wasm_skip_leb(const uint8_t **p)
{
    while (*(*p)++ >= 0x80)
        ;
}

#endif
