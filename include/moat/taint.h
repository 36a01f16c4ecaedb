/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values from a target. Each is a struct, so that arithmetic, comparison, indexing and use as a size do not compile;
 * the member name is not to be written outside this header. A value is opened by stating what it may be: the check and
 * the copy that is used are then the same. Layouts are those of the plain integers, so the structs of replies may hold
 * them.
 *
 *   struct reply { moat_tainted_u32 width; moat_tainted_offset pixels; };
 *   uint32_t width;
 *   if (moat_untaint_range(reply.width, 1, 4096, &width) < 0) ...      -ERANGE: it is not in 1 .. 4096
 */
#ifndef MOAT_TAINT_H
#define MOAT_TAINT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    uint32_t moat_tainted_;
} moat_tainted_u32;
typedef struct {
    uint64_t moat_tainted_;
} moat_tainted_u64;
typedef struct {
    size_t moat_tainted_;
} moat_tainted_size;
/* What would be a pointer: an offset into a shared buffer. moat_buffer_read() takes it. */
typedef struct {
    uint64_t moat_tainted_;
} moat_tainted_offset;
/* A stretch of bytes that a target wrote, in memory of the host's own; only the copying functions below look inside. */
typedef struct {
    const void *moat_tainted_;
    size_t moat_tainted_size_;
} moat_tainted_bytes;

/* low <= value <= high: 0 and *out; else -ERANGE and *out untouched. */
static inline int moat_untaint_range_u32(moat_tainted_u32 value, uint32_t low, uint32_t high, uint32_t *out)
{
    if (value.moat_tainted_ < low || value.moat_tainted_ > high)
        return -ERANGE;
    *out = value.moat_tainted_;
    return 0;
}

static inline int moat_untaint_range_u64(moat_tainted_u64 value, uint64_t low, uint64_t high, uint64_t *out)
{
    if (value.moat_tainted_ < low || value.moat_tainted_ > high)
        return -ERANGE;
    *out = value.moat_tainted_;
    return 0;
}

static inline int moat_untaint_range_size(moat_tainted_size value, size_t low, size_t high, size_t *out)
{
    if (value.moat_tainted_ < low || value.moat_tainted_ > high)
        return -ERANGE;
    *out = value.moat_tainted_;
    return 0;
}

/* value < count: 0 and *out. The result is also held below count when the processor guesses the comparison wrong. */
static inline int moat_untaint_index_u64(moat_tainted_u64 value, size_t count, size_t *out)
{
    uint64_t v = value.moat_tainted_;

    if (v >= count)
        return -ERANGE;
    /* All ones where v < count, by arithmetic instead of a branch; the barrier keeps the compiler from seeing through.
     */
    uint64_t mask = (uint64_t)((int64_t)((v - count) & ~(v | count)) >> 63);
    if (count >> 63)
        mask = ~(uint64_t)0;
#if defined(__GNUC__)
    __asm__("" : "+r"(mask));
#endif
    *out = (size_t)(v & mask);
    return 0;
}

static inline int moat_untaint_index_u32(moat_tainted_u32 value, size_t count, size_t *out)
{
    moat_tainted_u64 wide = {value.moat_tainted_};

    return moat_untaint_index_u64(wide, count, out);
}

static inline int moat_untaint_index_size(moat_tainted_size value, size_t count, size_t *out)
{
    moat_tainted_u64 wide = {value.moat_tainted_};

    return moat_untaint_index_u64(wide, count, out);
}

/* `size` bytes from `value` on lie within `whole` bytes: 0 and *out. */
static inline int moat_untaint_offset(moat_tainted_offset value, size_t size, size_t whole, size_t *out)
{
    if (size > whole || value.moat_tainted_ > whole - size)
        return -ERANGE;
    *out = (size_t)value.moat_tainted_;
    return 0;
}

#ifndef __cplusplus
#define moat_untaint_range(value, low, high, out)                                                                      \
    _Generic((value), moat_tainted_u32                                                                                 \
             : moat_untaint_range_u32, moat_tainted_u64                                                                \
             : moat_untaint_range_u64, moat_tainted_size                                                               \
             : moat_untaint_range_size)((value), (low), (high), (out))
#define moat_untaint_index(value, count, out)                                                                          \
    _Generic((value), moat_tainted_u32                                                                                 \
             : moat_untaint_index_u32, moat_tainted_u64                                                                \
             : moat_untaint_index_u64, moat_tainted_size                                                               \
             : moat_untaint_index_size)((value), (count), (out))
#endif

/* For who fills such a struct: the target, and tests. */
static inline moat_tainted_u32 moat_taint_u32(uint32_t value)
{
    moat_tainted_u32 t = {value};
    return t;
}

static inline moat_tainted_u64 moat_taint_u64(uint64_t value)
{
    moat_tainted_u64 t = {value};
    return t;
}

static inline moat_tainted_size moat_taint_size(size_t value)
{
    moat_tainted_size t = {value};
    return t;
}

static inline moat_tainted_offset moat_taint_offset(uint64_t value)
{
    moat_tainted_offset t = {value};
    return t;
}

/* `bytes` stays the caller's and must outlive the value. */
static inline moat_tainted_bytes moat_taint_bytes(const void *bytes, size_t size)
{
    moat_tainted_bytes t = {bytes, size};
    return t;
}

/* Copies n bytes from `from` on. -ERANGE: they do not lie within. */
static inline int moat_tainted_bytes_copy(moat_tainted_bytes b, moat_tainted_offset from, void *to, size_t n)
{
    size_t at;

    if (moat_untaint_offset(from, n, b.moat_tainted_size_, &at) < 0)
        return -ERANGE;
    if (n)
        memcpy(to, (const unsigned char *)b.moat_tainted_ + at, n);
    return 0;
}

/* A text of at most size - 1 bytes up to its NUL: what is not printable ASCII becomes '?', the end is always there. The
 * length, or -ERANGE when the NUL does not come in time. */
static inline int moat_tainted_bytes_text(moat_tainted_bytes b, moat_tainted_offset from, char *to, size_t size)
{
    size_t at, n = 0;

    if (size == 0 || moat_untaint_offset(from, 1, b.moat_tainted_size_, &at) < 0)
        return -ERANGE;
    const unsigned char *p = (const unsigned char *)b.moat_tainted_;
    for (; n < size && at + n < b.moat_tainted_size_; n++) {
        unsigned char c = p[at + n];
        to[n] = (char)(c == 0 || (c >= 0x20 && c < 0x7f) ? c : '?');
        if (c == 0)
            return (int)n;
    }
    to[n < size ? n : size - 1] = 0;
    return -ERANGE;
}

#endif
