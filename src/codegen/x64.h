/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86-64 encoder: instructions into a buffer. It knows nothing of who calls it and does not run, map or check code.
 *
 * Life: x64_buf_init() -> for each piece x64_reserve(b, bytes), then emit at most so many -> b->start, x64_size(b) ->
 * x64_buf_free(). An instruction takes at most X64_INSTRUCTION_MAX bytes. Nothing but x64_reserve() looks at the room
 * that is left. Errors (no memory, a jump too far) are sticky in b->failed and looked at once at the end; until then
 * every call stays legal and what it writes is worthless.
 *
 * Forms are rows of x64_int.def and x64_sse.def; a row's enum constant is its whole encoding, so a constant form folds
 * into constant bytes and a form out of a table of the caller's works as well. Which functions take a form is said by
 * its enum, and the compiler warns of another one. Operands are in Intel's order, destination first.
 *
 * Registers are numbers 0 to 15, X64_RAX.. or X64_XMM0...; the user sees to it that the CPU has what a row needs
 * (cpu.h). Source of all encodings: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
 */
#ifndef MOAT_CODEGEN_X64_H
#define MOAT_CODEGEN_X64_H

#include "codegen/x64_forms.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    X64_INSTRUCTION_MAX = 16, /* bytes */
    X64_RESERVE_MAX = 4096,   /* the most that x64_reserve() takes */
    X64_SLACK =
        4096, /* bytes behind the end of a buffer that grows: who writes more than it reserved is found out there */
    X64_BUF_MAX = 1 << 28, /* the largest buffer: labels keep an offset and three bits more in 32 bits */
};

struct x64_buf {
    uint8_t *at; /* the next byte */
    uint8_t *end;
    uint8_t *start; /* may move in x64_reserve() */
    bool fixed;     /* memory of the caller: does not grow */
    int failed;     /* 0, or the first error: -ENOMEM, -ENOSPC (fixed and full), -E2BIG, -ERANGE (a jump too far),
                       -EOVERFLOW (more was     written than reserved: an error of the caller's) */
};

/* A buffer that grows, of `size` bytes at first. 0 or -ENOMEM. */
int x64_buf_init(struct x64_buf *b, size_t size);
/* In the caller's memory, which must be at least X64_RESERVE_MAX bytes: 0 or -EINVAL. x64_buf_free() leaves it. */
int x64_buf_fixed(struct x64_buf *b, void *memory, size_t size);
void x64_buf_free(struct x64_buf *b);
/* Empties it and forgets failure. Labels that are in use become invalid. */
void x64_buf_reset(struct x64_buf *b);

void x64_grow(struct x64_buf *b); /* for x64_reserve() */

/* Room for `bytes` (at most X64_RESERVE_MAX). */
static inline void x64_reserve(struct x64_buf *b, size_t bytes)
{
    if (__builtin_expect(b->end - b->at < (ptrdiff_t)bytes, 0))
        x64_grow(b);
}

static inline uint32_t x64_size(const struct x64_buf *b)
{
    return (uint32_t)(b->at - b->start);
}

/* ---- Memory operands --------------------------------------------------------------------------------------------- */

struct x64_mem {
    uint8_t base;    /* a register, X64_NONE or X64_RIP (then without index) */
    uint8_t index;   /* a register but rsp, or X64_NONE */
    uint8_t scale;   /* logarithm: 0 to 3 */
    uint8_t segment; /* 0, X64_FS or X64_GS */
    int32_t disp;
};
enum { X64_FS = 0x64, X64_GS = 0x65 }; /* the prefix itself */

/* [base + disp] */
static inline struct x64_mem x64_at(unsigned base, int32_t disp)
{
    return (struct x64_mem){(uint8_t)base, X64_NONE, 0, 0, disp};
}

/* [base + (index << scale) + disp]; base may be X64_NONE */
static inline struct x64_mem x64_at_index(unsigned base, unsigned index, unsigned scale, int32_t disp)
{
    return (struct x64_mem){(uint8_t)base, (uint8_t)index, (uint8_t)scale, 0, disp};
}

/* [rip + disp]: counted from the end of the instruction. For a label: disp 0, then x64_label_use(). */
static inline struct x64_mem x64_rip(int32_t disp)
{
    return (struct x64_mem){X64_RIP, X64_NONE, 0, 0, disp};
}

/* The same place with gs or fs before it: x64_in(X64_GS, x64_at(X64_RAX, 8)) is gs:[rax + 8]. */
static inline struct x64_mem x64_in(unsigned segment, struct x64_mem m)
{
    m.segment = (uint8_t)segment;
    return m;
}

/* ---- Parts of an encoding: for the functions below alone --------------------------------------------------------- */

#define X64_INLINE static inline __attribute__((always_inline))

X64_INLINE uint8_t *x64_put8(uint8_t *p, unsigned v)
{
    *p = (uint8_t)v;
    return p + 1;
}

X64_INLINE uint8_t *x64_put32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof(v));
    return p + sizeof(v);
}

X64_INLINE uint8_t *x64_put64(uint8_t *p, uint64_t v)
{
    memcpy(p, &v, sizeof(v));
    return p + sizeof(v);
}

/* Immediate of an integer operation: 8, 16 or 32 bits, sign-extended to 64. */
X64_INLINE uint8_t *x64_put_imm(uint8_t *p, enum x64_width w, int32_t imm)
{
    x64_put32(p, (uint32_t)imm);
    return p + (w == X64_W8 ? 1 : w == X64_W16 ? 2 : 4);
}

X64_INLINE unsigned x64_bit3(unsigned reg)
{
    return reg >> 3 & 1;
}

X64_INLINE unsigned x64_digit(uint32_t form)
{
    return form >> X64_F_DIGIT_SHIFT & 7;
}

/* REX is needed to name spl, bpl, sil and dil, the low bytes of registers 4 to 7. */
X64_INLINE unsigned x64_force(bool byte, unsigned registers)
{
    return byte && (registers & 4) ? 0x40 : 0;
}

/* Prefixes, REX, map and opcode. rex: RXB in bits 2 to 0, 0x40 when it must be there. */
X64_INLINE uint8_t *x64_head(uint8_t *p, uint32_t form, enum x64_width w, unsigned rex)
{
    unsigned pp = form >> 10 & 3, map = form >> 8 & 3;

    if (w == X64_W16)
        p = x64_put8(p, 0x66);
    if (pp)
        p = x64_put8(p, 0xf2f366 >> (8 * (pp - 1)) & 0xff);
    if (w == X64_W64 || (form & X64_F_W))
        rex |= 8;
    if (rex)
        p = x64_put8(p, 0x40 | rex);
    if (map) {
        p = x64_put8(p, 0x0f);
        if (map > 1)
            p = x64_put8(p, map == X64_MAP_38 ? 0x38 : 0x3a);
    }
    return x64_put8(p, (form & 0xff) - (w == X64_W8 && (form & X64_F_BYTE)));
}

/* VEX prefix and opcode; two bytes where it can be. v: the register that ModRM has no place for, 0 when there is none.
 */
X64_INLINE uint8_t *x64_vex_head(uint8_t *p, uint32_t form, enum x64_width w, unsigned reg, unsigned v, unsigned index,
                                 unsigned base)
{
    unsigned map = form >> 8 & 3, wide = w == X64_W64 || (form & X64_F_W);
    unsigned last = (~v & 15) << 3 | (form & X64_L256 ? 4 : 0) | (form >> 10 & 3);

    if (map == X64_MAP_0F && !wide && !x64_bit3(index) && !x64_bit3(base)) {
        p = x64_put8(p, 0xc5);
        p = x64_put8(p, (x64_bit3(reg) ^ 1) << 7 | last);
    } else {
        p = x64_put8(p, 0xc4);
        p = x64_put8(p, (x64_bit3(reg) ^ 1) << 7 | (x64_bit3(index) ^ 1) << 6 | (x64_bit3(base) ^ 1) << 5 | map);
        p = x64_put8(p, wide << 7 | last);
    }
    return x64_put8(p, form & 0xff);
}

X64_INLINE uint8_t *x64_modrm(uint8_t *p, unsigned reg, unsigned rm)
{
    return x64_put8(p, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* ModRM, SIB and displacement. The displacement is always written as four bytes and counted as what it needs. */
static inline uint8_t *x64_modrm_mem(uint8_t *p, unsigned reg, struct x64_mem m)
{
    unsigned field = (reg & 7) << 3, base = m.base & 7, mod, sib = m.index != X64_NONE || base == 4;

    if (m.base >= X64_NONE) {
        if (m.base == X64_RIP) {
            p = x64_put8(p, field | 5);
        } else {
            p = x64_put8(p, field | 4);
            p = x64_put8(p, (unsigned)m.scale << 6 | (m.index & 7u) << 3 | 5);
        }
        return x64_put32(p, (uint32_t)m.disp);
    }
    mod = m.disp == (int8_t)m.disp ? (m.disp != 0 || base == 5) : 2;
    p = x64_put8(p, mod << 6 | field | (sib ? 4 : base));
    if (sib)
        p = x64_put8(p, (unsigned)m.scale << 6 | (m.index & 7u) << 3 | base);
    x64_put32(p, (uint32_t)m.disp);
    return p + (mod == 2 ? 4 : mod);
}

X64_INLINE unsigned x64_rex_mem(unsigned reg, struct x64_mem m)
{
    return x64_bit3(reg) << 2 | x64_bit3(m.index) << 1 | x64_bit3(m.base);
}

X64_INLINE uint8_t *x64_segment(uint8_t *p, struct x64_mem m)
{
    *p = m.segment;
    return p + (m.segment != 0);
}

/* An instruction but its immediate: register or memory in ModRM's second place. `force` as of x64_force(). */
X64_INLINE uint8_t *x64_form_rr(uint8_t *p, uint32_t form, enum x64_width w, unsigned reg, unsigned rm, unsigned force)
{
    return x64_modrm(x64_head(p, form, w, x64_bit3(reg) << 2 | x64_bit3(rm) | force), reg, rm);
}

X64_INLINE uint8_t *x64_form_rm(uint8_t *p, uint32_t form, enum x64_width w, unsigned reg, struct x64_mem m,
                                unsigned force)
{
    return x64_modrm_mem(x64_head(x64_segment(p, m), form, w, x64_rex_mem(reg, m) | force), reg, m);
}

X64_INLINE uint8_t *x64_form_vrr(uint8_t *p, uint32_t form, enum x64_width w, unsigned reg, unsigned v, unsigned rm)
{
    return x64_modrm(x64_vex_head(p, form, w, reg, v, 0, rm), reg, rm);
}

X64_INLINE uint8_t *x64_form_vrm(uint8_t *p, uint32_t form, enum x64_width w, unsigned reg, unsigned v,
                                 struct x64_mem m)
{
    return x64_modrm_mem(x64_vex_head(x64_segment(p, m), form, w, reg, v, m.index, m.base), reg, m);
}

/* ---- Integers ---------------------------------------------------------------------------------------------------- */

/* op reg, reg. Of X64_MOVZX8 and its like w is the destination's width. */
static inline void x64_rr(struct x64_buf *b, enum x64_int op, enum x64_width w, unsigned to, unsigned from)
{
    unsigned force = x64_force(w == X64_W8, to | from) | x64_force(op & X64_F_RM8, from);

    b->at = x64_form_rr(b->at, op, w, to, from, force);
}

/* op reg, [m] */
static inline void x64_rm(struct x64_buf *b, enum x64_int op, enum x64_width w, unsigned to, struct x64_mem m)
{
    b->at = x64_form_rm(b->at, op, w, to, m, x64_force(w == X64_W8, to));
}

/* op [m], reg: X64_ADD to X64_CMP, X64_MOV, X64_TEST, X64_XCHG (which is locked) */
static inline void x64_mr(struct x64_buf *b, enum x64_int op, enum x64_width w, struct x64_mem m, unsigned from)
{
    b->at = x64_form_rm(b->at, op - (op & X64_F_DIR ? 2 : 0), w, from, m, x64_force(w == X64_W8, from));
}

static inline void x64_store_rr(struct x64_buf *b, enum x64_int_store op, enum x64_width w, unsigned to, unsigned from)
{
    b->at = x64_form_rr(b->at, op, w, from, to, x64_force(w == X64_W8, to | from));
}

static inline void x64_store_mr(struct x64_buf *b, enum x64_int_store op, enum x64_width w, struct x64_mem m,
                                unsigned from)
{
    b->at = x64_form_rm(b->at, op, w, from, m, x64_force(w == X64_W8, from));
}

/* op reg, imm: X64_ADD to X64_CMP. The immediate is sign-extended to the width; one byte where it fits. */
static inline void x64_ri(struct x64_buf *b, enum x64_int op, enum x64_width w, unsigned to, int32_t imm)
{
    bool narrow = imm == (int8_t)imm && w != X64_W8;
    uint8_t *p = x64_form_rr(b->at, narrow ? 0x83 : 0x81 | X64_F_BYTE, w, op >> 3 & 7, to, x64_force(w == X64_W8, to));

    b->at = x64_put_imm(p, narrow ? X64_W8 : w, imm);
}

static inline void x64_mi(struct x64_buf *b, enum x64_int op, enum x64_width w, struct x64_mem m, int32_t imm)
{
    bool narrow = imm == (int8_t)imm && w != X64_W8;
    uint8_t *p = x64_form_rm(b->at, narrow ? 0x83 : 0x81 | X64_F_BYTE, w, op >> 3 & 7, m, 0);

    b->at = x64_put_imm(p, narrow ? X64_W8 : w, imm);
}

static inline void x64_test_ri(struct x64_buf *b, enum x64_width w, unsigned r, int32_t imm)
{
    b->at = x64_put_imm(x64_form_rr(b->at, 0xf7 | X64_F_BYTE, w, 0, r, x64_force(w == X64_W8, r)), w, imm);
}

static inline void x64_test_mi(struct x64_buf *b, enum x64_width w, struct x64_mem m, int32_t imm)
{
    b->at = x64_put_imm(x64_form_rm(b->at, 0xf7 | X64_F_BYTE, w, 0, m, 0), w, imm);
}

/* mov reg, value: all 64 bits, in the shortest form; flags are kept. */
static inline void x64_mov_ri(struct x64_buf *b, unsigned to, uint64_t value)
{
    uint8_t *p = b->at;

    if (value <= UINT32_MAX) {
        p = x64_put32(x64_head(p, 0xb8 | (to & 7), X64_W32, x64_bit3(to)), (uint32_t)value);
    } else if ((int64_t)value == (int32_t)value) {
        p = x64_put32(x64_form_rr(p, 0xc7, X64_W64, 0, to, 0), (uint32_t)value);
    } else {
        p = x64_put64(x64_head(p, 0xb8 | (to & 7), X64_W64, x64_bit3(to)), value);
    }
    b->at = p;
}

/* Ten bytes whatever the value; the offset of the eight that hold it, for x64_patch64(). */
static inline uint32_t x64_movabs(struct x64_buf *b, unsigned to, uint64_t value)
{
    b->at = x64_put64(x64_head(b->at, 0xb8 | (to & 7), X64_W64, x64_bit3(to)), value);
    return x64_size(b) - 8;
}

static inline void x64_mov_mi(struct x64_buf *b, enum x64_width w, struct x64_mem m, int32_t imm)
{
    b->at = x64_put_imm(x64_form_rm(b->at, 0xc7 | X64_F_BYTE, w, 0, m, 0), w, imm);
}

/* xor reg, reg: changes flags */
static inline void x64_zero(struct x64_buf *b, unsigned r)
{
    x64_rr(b, X64_XOR, X64_W32, r, r);
}

/* imul to, from, imm (not 8 bits) */
static inline void x64_imul_rri(struct x64_buf *b, enum x64_width w, unsigned to, unsigned from, int32_t imm)
{
    bool narrow = imm == (int8_t)imm;

    b->at = x64_put_imm(x64_form_rr(b->at, narrow ? 0x6b : 0x69, w, to, from, 0), narrow ? X64_W8 : w, imm);
}

static inline void x64_imul_rmi(struct x64_buf *b, enum x64_width w, unsigned to, struct x64_mem m, int32_t imm)
{
    bool narrow = imm == (int8_t)imm;

    b->at = x64_put_imm(x64_form_rm(b->at, narrow ? 0x6b : 0x69, w, to, m, 0), narrow ? X64_W8 : w, imm);
}

/* One operand. */
static inline void x64_r(struct x64_buf *b, enum x64_one op, enum x64_width w, unsigned r)
{
    b->at = x64_form_rr(b->at, op, w, x64_digit(op), r, x64_force(w == X64_W8, r));
}

static inline void x64_m(struct x64_buf *b, enum x64_one op, enum x64_width w, struct x64_mem m)
{
    b->at = x64_form_rm(b->at, op, w, x64_digit(op), m, 0);
}

/* Shifts and rotates by a number, by cl. */
static inline void x64_shift_ri(struct x64_buf *b, enum x64_shift op, enum x64_width w, unsigned r, unsigned count)
{
    b->at = x64_put8(x64_form_rr(b->at, 0xc1 | X64_F_BYTE, w, op, r, x64_force(w == X64_W8, r)), count);
}

static inline void x64_shift_mi(struct x64_buf *b, enum x64_shift op, enum x64_width w, struct x64_mem m,
                                unsigned count)
{
    b->at = x64_put8(x64_form_rm(b->at, 0xc1 | X64_F_BYTE, w, op, m, 0), count);
}

static inline void x64_shift_r_cl(struct x64_buf *b, enum x64_shift op, enum x64_width w, unsigned r)
{
    b->at = x64_form_rr(b->at, 0xd3 | X64_F_BYTE, w, op, r, x64_force(w == X64_W8, r));
}

static inline void x64_shift_m_cl(struct x64_buf *b, enum x64_shift op, enum x64_width w, struct x64_mem m)
{
    b->at = x64_form_rm(b->at, 0xd3 | X64_F_BYTE, w, op, m, 0);
}

/* shld (left) or shrd to, from, count */
static inline void x64_shift_double(struct x64_buf *b, bool left, enum x64_width w, unsigned to, unsigned from,
                                    unsigned count)
{
    b->at = x64_put8(x64_form_rr(b->at, (left ? 0xa4 : 0xac) | X64_MAP_0F << 8, w, from, to, 0), count);
}

static inline void x64_bit_ri(struct x64_buf *b, enum x64_bit op, enum x64_width w, unsigned r, unsigned number)
{
    b->at = x64_put8(x64_form_rr(b->at, 0xba | X64_MAP_0F << 8, w, op, r, 0), number);
}

static inline void x64_bit_mi(struct x64_buf *b, enum x64_bit op, enum x64_width w, struct x64_mem m, unsigned number)
{
    b->at = x64_put8(x64_form_rm(b->at, 0xba | X64_MAP_0F << 8, w, op, m, 0), number);
}

static inline void x64_cmov_rr(struct x64_buf *b, enum x64_cc cc, enum x64_width w, unsigned to, unsigned from)
{
    b->at = x64_form_rr(b->at, (uint32_t)X64_CMOV + cc, w, to, from, 0);
}

static inline void x64_cmov_rm(struct x64_buf *b, enum x64_cc cc, enum x64_width w, unsigned to, struct x64_mem m)
{
    b->at = x64_form_rm(b->at, (uint32_t)X64_CMOV + cc, w, to, m, 0);
}

/* Sets one byte: the rest of the register stays. */
static inline void x64_set_r(struct x64_buf *b, enum x64_cc cc, unsigned r)
{
    b->at = x64_form_rr(b->at, (0x90u + cc) | X64_MAP_0F << 8, X64_W8, 0, r, x64_force(true, r));
}

static inline void x64_set_m(struct x64_buf *b, enum x64_cc cc, struct x64_mem m)
{
    b->at = x64_form_rm(b->at, (0x90u + cc) | X64_MAP_0F << 8, X64_W8, 0, m, 0);
}

/* 32 or 64 bits */
static inline void x64_bswap(struct x64_buf *b, enum x64_width w, unsigned r)
{
    b->at = x64_head(b->at, (0xc8 | (r & 7)) | X64_MAP_0F << 8, w, x64_bit3(r));
}

static inline void x64_push(struct x64_buf *b, unsigned r)
{
    b->at = x64_head(b->at, 0x50 | (r & 7), X64_W32, x64_bit3(r));
}

static inline void x64_pop(struct x64_buf *b, unsigned r)
{
    b->at = x64_head(b->at, 0x58 | (r & 7), X64_W32, x64_bit3(r));
}

static inline void x64_push_m(struct x64_buf *b, struct x64_mem m)
{
    b->at = x64_form_rm(b->at, 0xff, X64_W32, 6, m, 0);
}

static inline void x64_pop_m(struct x64_buf *b, struct x64_mem m)
{
    b->at = x64_form_rm(b->at, 0x8f, X64_W32, 0, m, 0);
}

/* Sign-extended to 64 bits. */
static inline void x64_push_i(struct x64_buf *b, int32_t imm)
{
    bool narrow = imm == (int8_t)imm;

    b->at = x64_put_imm(x64_put8(b->at, narrow ? 0x6a : 0x68), narrow ? X64_W8 : X64_W32, imm);
}

static inline void x64_bare(struct x64_buf *b, enum x64_bare op)
{
    x64_put32(b->at, op);
    b->at += (39 - __builtin_clz(op)) / 8;
}

/* The prefix of the instruction that follows. */
static inline void x64_lock(struct x64_buf *b)
{
    b->at = x64_put8(b->at, 0xf0);
}

/* ---- BMI1, BMI2 (w: 32 or 64 bits) ------------------------------------------------------------------------------- */

static inline void x64_bmi_rrc(struct x64_buf *b, enum x64_bmi_count op, enum x64_width w, unsigned to, unsigned from,
                               unsigned count)
{
    b->at = x64_form_vrr(b->at, op, w, to, count, from);
}

static inline void x64_bmi_rmc(struct x64_buf *b, enum x64_bmi_count op, enum x64_width w, unsigned to,
                               struct x64_mem m, unsigned count)
{
    b->at = x64_form_vrm(b->at, op, w, to, count, m);
}

static inline void x64_bmi_rrr(struct x64_buf *b, enum x64_bmi op, enum x64_width w, unsigned to, unsigned from,
                               unsigned second)
{
    b->at = x64_form_vrr(b->at, op, w, to, from, second);
}

static inline void x64_bmi_rrm(struct x64_buf *b, enum x64_bmi op, enum x64_width w, unsigned to, unsigned from,
                               struct x64_mem m)
{
    b->at = x64_form_vrm(b->at, op, w, to, from, m);
}

static inline void x64_bmi_rr(struct x64_buf *b, enum x64_bmi_one op, enum x64_width w, unsigned to, unsigned from)
{
    b->at = x64_form_vrr(b->at, op, w, x64_digit(op), to, from);
}

static inline void x64_bmi_rm(struct x64_buf *b, enum x64_bmi_one op, enum x64_width w, unsigned to, struct x64_mem m)
{
    b->at = x64_form_vrm(b->at, op, w, x64_digit(op), to, m);
}

static inline void x64_rorx_rri(struct x64_buf *b, enum x64_width w, unsigned to, unsigned from, unsigned count)
{
    b->at = x64_put8(x64_form_vrr(b->at, X64_FORM(F2, 3A, 0xf0, 0, 0), w, to, 0, from), count);
}

static inline void x64_rorx_rmi(struct x64_buf *b, enum x64_width w, unsigned to, struct x64_mem m, unsigned count)
{
    b->at = x64_put8(x64_form_vrm(b->at, X64_FORM(F2, 3A, 0xf0, 0, 0), w, to, 0, m), count);
}

#include "codegen/x64_jump.h"
#include "codegen/x64_vector.h"

#endif
