/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of x64.h for control flow; included by it alone. A label is two words of the caller's, {0} at first: the
 * places that use it before it is bound form a list through their own displacement fields, so it takes no memory. It
 * belongs to one buffer and must be bound before the code is used.
 */
#ifndef MOAT_CODEGEN_X64_JUMP_H
#define MOAT_CODEGEN_X64_JUMP_H

struct x64_label {
    uint32_t bound; /* offset + 1; 0: not yet */
    uint32_t uses;  /* head of the list: offset of a field << 3 | bytes of the instruction behind it; 0: none */
};

/* Binds the label here. Once. */
void x64_bind(struct x64_buf *b, struct x64_label *l);

static inline bool x64_is_bound(const struct x64_label *l)
{
    return l->bound != 0;
}

/* Offset in the buffer; only of a bound label. */
static inline uint32_t x64_label_offset(const struct x64_label *l)
{
    return l->bound - 1;
}

/* The displacement just written, with `behind` (0 to 4) bytes of immediate after it, leads to the label: for [rip], and
 * jumps and calls with a rel32. */
static inline void x64_label_use(struct x64_buf *b, struct x64_label *l, unsigned behind)
{
    uint32_t field = x64_size(b) - behind - 4;

    if (l->bound) {
        x64_put32(b->start + field, l->bound - 1 - x64_size(b));
    } else {
        x64_put32(b->start + field, l->uses);
        l->uses = field << 3 | behind;
    }
}

/* call, jmp, jcc with a displacement of 32 bits: its offset, for x64_patch32() or a relocation of the caller's. It
 * counts from four bytes further. */
static inline uint32_t x64_call_rel32(struct x64_buf *b, int32_t rel)
{
    b->at = x64_put32(x64_put8(b->at, 0xe8), (uint32_t)rel);
    return x64_size(b) - 4;
}

static inline uint32_t x64_jmp_rel32(struct x64_buf *b, int32_t rel)
{
    b->at = x64_put32(x64_put8(b->at, 0xe9), (uint32_t)rel);
    return x64_size(b) - 4;
}

static inline uint32_t x64_jcc_rel32(struct x64_buf *b, enum x64_cc cc, int32_t rel)
{
    b->at = x64_put32(x64_put8(x64_put8(b->at, 0x0f), 0x80 + cc), (uint32_t)rel);
    return x64_size(b) - 4;
}

/* To a label: 8 bits where it is bound and near, else 32. */
static inline void x64_jmp(struct x64_buf *b, struct x64_label *l)
{
    int64_t near = (int64_t)l->bound - 1 - (x64_size(b) + 2);

    if (l->bound && near >= INT8_MIN) {
        b->at = x64_put8(x64_put8(b->at, 0xeb), (unsigned)near);
        return;
    }
    x64_jmp_rel32(b, 0);
    x64_label_use(b, l, 0);
}

static inline void x64_jcc(struct x64_buf *b, enum x64_cc cc, struct x64_label *l)
{
    int64_t near = (int64_t)l->bound - 1 - (x64_size(b) + 2);

    if (l->bound && near >= INT8_MIN) {
        b->at = x64_put8(x64_put8(b->at, 0x70 + cc), (unsigned)near);
        return;
    }
    x64_jcc_rel32(b, cc, 0);
    x64_label_use(b, l, 0);
}

static inline void x64_call(struct x64_buf *b, struct x64_label *l)
{
    x64_call_rel32(b, 0);
    x64_label_use(b, l, 0);
}

/* lea to, [rip + label] */
static inline void x64_lea_label(struct x64_buf *b, unsigned to, struct x64_label *l)
{
    x64_rm(b, X64_LEA, X64_W64, to, x64_rip(0));
    x64_label_use(b, l, 0);
}

/* Forward over a few instructions, 8 bits: the offset for x64_land(), which sets b->failed to -ERANGE when it is more
 * than 127 bytes. */
static inline uint32_t x64_jmp_short(struct x64_buf *b)
{
    b->at = x64_put8(x64_put8(b->at, 0xeb), 0);
    return x64_size(b);
}

static inline uint32_t x64_jcc_short(struct x64_buf *b, enum x64_cc cc)
{
    b->at = x64_put8(x64_put8(b->at, 0x70 + cc), 0);
    return x64_size(b);
}

void x64_land(struct x64_buf *b, uint32_t from);

static inline void x64_call_r(struct x64_buf *b, unsigned r)
{
    b->at = x64_form_rr(b->at, 0xff, X64_W32, 2, r, 0);
}

static inline void x64_call_m(struct x64_buf *b, struct x64_mem m)
{
    b->at = x64_form_rm(b->at, 0xff, X64_W32, 2, m, 0);
}

static inline void x64_jmp_r(struct x64_buf *b, unsigned r)
{
    b->at = x64_form_rr(b->at, 0xff, X64_W32, 4, r, 0);
}

static inline void x64_jmp_m(struct x64_buf *b, struct x64_mem m)
{
    b->at = x64_form_rm(b->at, 0xff, X64_W32, 4, m, 0);
}

/* ---- Data and padding -------------------------------------------------------------------------------------------- */

/* Raw bytes, at most what is reserved. */
static inline void x64_bytes(struct x64_buf *b, const void *bytes, size_t n)
{
    memcpy(b->at, bytes, n);
    b->at += n;
}

/* Four bytes: the distance from `origin`, an offset in the buffer, to the label. For jump tables: it must be bound. */
static inline void x64_distance(struct x64_buf *b, const struct x64_label *l, uint32_t origin)
{
    b->at = x64_put32(b->at, l->bound - 1 - origin);
}

/* Overwrite what an earlier call wrote at this offset; nothing once b->failed. */
void x64_patch32(struct x64_buf *b, uint32_t offset, uint32_t value);
void x64_patch64(struct x64_buf *b, uint32_t offset, uint64_t value);

/* n bytes that do nothing, in the fewest instructions (at most 9 bytes each); n within what is reserved. */
void x64_nop(struct x64_buf *b, size_t n);
/* Nops up to a multiple of a power of two, counted from the start of the buffer. */
void x64_align(struct x64_buf *b, size_t alignment);

#endif
