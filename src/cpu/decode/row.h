/* SPDX-License-Identifier: Apache-2.0 */
/* The words in which insn.def is written, and what a row becomes. Private to decode. */
#ifndef MOAT_CPU_DECODE_ROW_H
#define MOAT_CPU_DECODE_ROW_H

#include "cpu/decode/decode.h"

/* ---- Form: bits that must be as in the row (low half), and which of them matter (high half) ------------------ */

enum {
    FORM_PP = 0,
    FORM_DIGIT = 2,
    FORM_MOD = 5,
    FORM_RM = 6,
    FORM_W = 9,
    FORM_L = 10,
    FORM_MODE = 12,
    FORM_REXB = 13,
    FORM_ENCODING = 15
};
#define FORM_BITS(shift, width, value)                                                                                 \
    ((uint64_t)(value) << (shift) | (uint64_t)((1u << (width)) - 1) << ((shift) + 32))

#define ANY      ((uint64_t)0)            /* prefixes change sizes or repeat, no more */
#define NP       FORM_BITS(FORM_PP, 2, 0) /* none of 66, f3, f2 */
#define P66      FORM_BITS(FORM_PP, 2, 1)
#define PF3      FORM_BITS(FORM_PP, 2, 2)
#define PF2      FORM_BITS(FORM_PP, 2, 3)
#define NP66     FORM_BITS(FORM_PP + 1, 1, 0) /* neither f3 nor f2 */
#define VNP      (FORM_BITS(FORM_ENCODING, 2, ENCODING_VEX) | FORM_BITS(FORM_PP, 2, 0))
#define V66      (FORM_BITS(FORM_ENCODING, 2, ENCODING_VEX) | FORM_BITS(FORM_PP, 2, 1))
#define VF3      (FORM_BITS(FORM_ENCODING, 2, ENCODING_VEX) | FORM_BITS(FORM_PP, 2, 2))
#define VF2      (FORM_BITS(FORM_ENCODING, 2, ENCODING_VEX) | FORM_BITS(FORM_PP, 2, 3))
#define DIGIT(n) FORM_BITS(FORM_DIGIT, 3, n)
#define MEM      FORM_BITS(FORM_MOD, 1, 0)
#define REG      FORM_BITS(FORM_MOD, 1, 1)
#define RM(n)    FORM_BITS(FORM_RM, 3, n)
#define ALL(b)   (REG | DIGIT((b) >> 3 & 7) | RM((b)&7)) /* the whole of ModRM */
#define W0       FORM_BITS(FORM_W, 1, 0)
#define W1       FORM_BITS(FORM_W, 1, 1)
#define L0       FORM_BITS(FORM_L, 2, 0)
#define L1       FORM_BITS(FORM_L, 2, 1)
#define EVEX     FORM_BITS(FORM_ENCODING, 2, ENCODING_EVEX)
#define XOP      FORM_BITS(FORM_ENCODING, 2, ENCODING_XOP)
#define LANY     ((uint64_t)0)
#define NO64     FORM_BITS(FORM_MODE, 1, 0)
#define ONLY64   FORM_BITS(FORM_MODE, 1, 1)
#define NOB      FORM_BITS(FORM_REXB, 1, 0) /* the opcode's register is below r8 */

/* ---- Operands ------------------------------------------------------------------------------------------------ */

enum operand_place {
    PLACE_NONE,
    /* of ModRM: needs the byte */
    PLACE_E, /* general register or memory */
    PLACE_G,
    PLACE_M, /* memory; the form says MEM */
    PLACE_W, /* vector register or memory */
    PLACE_V,
    PLACE_Q, /* MMX register or memory */
    PLACE_P,
    PLACE_S, /* segment register */
    PLACE_C,
    PLACE_D,
    PLACE_K,  /* mask register in reg */
    PLACE_KE, /* mask register or memory */
    PLACE_T,  /* x87 register in rm */
    PLACE_VM, /* memory with a vector index */
    PLACE_MODRM_LAST = PLACE_VM,
    PLACE_Z, /* low bits of the opcode */
    PLACE_B, /* general register in vvvv */
    PLACE_H, /* vector register in vvvv */
    PLACE_KH,
    PLACE_L,  /* vector register in the upper half of an immediate */
    PLACE_I,  /* immediate, sign-extended to the operand size */
    PLACE_U,  /* immediate, not extended */
    PLACE_I2, /* second immediate */
    PLACE_J,
    PLACE_O, /* memory, whole address in the instruction */
    PLACE_A, /* far pointer in the instruction */
    PLACE_X, /* memory at rsi */
    PLACE_Y, /* memory at rdi */
    PLACE_XLAT,
    /* fixed */
    PLACE_GENERAL, /* + number, to PLACE_GENERAL + 7 */
    PLACE_SEGMENT = PLACE_GENERAL + 8,
    PLACE_ST0 = PLACE_SEGMENT + 6,
    PLACE_XMM0,
    PLACE_ONE,
};

enum operand_size {
    SIZE_0, /* none, or the processor's state decides */
    SIZE_b,
    SIZE_w,
    SIZE_d,
    SIZE_q,
    SIZE_t, /* 10 bytes */
    SIZE_dq,
    SIZE_qq, /* 32 */
    SIZE_v,  /* operand size: 2, 4, 8 */
    SIZE_z,  /* the same, but 4 for 8 */
    SIZE_y,  /* 4, or 8 with W */
    SIZE_n,  /* 8 in 64-bit mode, else 4 */
    SIZE_x,  /* vector length */
    SIZE_hx, /* a half, a quarter, an eighth of it */
    SIZE_fx,
    SIZE_ex,
    SIZE_p,   /* far pointer in memory: operand size and 2 */
    SIZE_s,   /* descriptor: 6 or 10 */
    SIZE_a,   /* two of the operand size */
    SIZE_env, /* x87 environment: 14 or 28 */
    SIZE_state,
    SIZE_fx512,
    SIZE_m64,   /* 64 bytes */
    SIZE_rv,    /* a register of the operand size, or 2 bytes of memory */
    SIZE_rz,    /* the same, but 4 for 8 */
    SIZE_rd,    /* a register of 4 bytes, or memory of 1 */
    SIZE_rw,    /* the same, memory of 2 */
    SIZE_twice, /* 8 or, with W, 16 */
};

#define OPERAND(place, size) ((place) | (size) << 6)
#define R(o)                 ((o) | ACCESS_READ << 11)
#define W(o)                 ((o) | ACCESS_WRITE << 11)
#define RW(o)                ((o) | (ACCESS_READ | ACCESS_WRITE) << 11)
#define ADDRESS(o)           (o)
#define OPERAND_PLACE(o)     ((o)&63)
#define OPERAND_SIZE(o)      ((o) >> 6 & 31)
#define OPERAND_ACCESS(o)    ((o) >> 11 & 3)

#define SIX(letter, place)                                                                                             \
    letter##b = OPERAND(place, SIZE_b), letter##w = OPERAND(place, SIZE_w), letter##d = OPERAND(place, SIZE_d),        \
    letter##q = OPERAND(place, SIZE_q), letter##v = OPERAND(place, SIZE_v), letter##y = OPERAND(place, SIZE_y)
enum operand_word {
    SIX(E, PLACE_E),
    SIX(G, PLACE_G),
    SIX(M, PLACE_M),
    SIX(Z, PLACE_Z),
    SIX(B, PLACE_B),
    Ez = OPERAND(PLACE_E, SIZE_z),
    Ea = OPERAND(PLACE_E, SIZE_0), /* as wide as an address */
    Ga = OPERAND(PLACE_G, SIZE_0),
    En = OPERAND(PLACE_E, SIZE_n),
    Erv = OPERAND(PLACE_E, SIZE_rv),
    Erz = OPERAND(PLACE_E, SIZE_rz),
    Erb = OPERAND(PLACE_E, SIZE_rd),
    Erw = OPERAND(PLACE_E, SIZE_rw),
    Gz = OPERAND(PLACE_G, SIZE_z),
    Gn = OPERAND(PLACE_G, SIZE_n),
    M0 = OPERAND(PLACE_M, SIZE_0),
    Mt = OPERAND(PLACE_M, SIZE_t),
    Mdq = OPERAND(PLACE_M, SIZE_dq),
    Mqq = OPERAND(PLACE_M, SIZE_qq),
    Mx = OPERAND(PLACE_M, SIZE_x),
    Mp = OPERAND(PLACE_M, SIZE_p),
    Ms = OPERAND(PLACE_M, SIZE_s),
    Ma = OPERAND(PLACE_M, SIZE_a),
    Menv = OPERAND(PLACE_M, SIZE_env),
    Mstate = OPERAND(PLACE_M, SIZE_state),
    M512 = OPERAND(PLACE_M, SIZE_fx512),
    M64 = OPERAND(PLACE_M, SIZE_m64),
    Mtwice = OPERAND(PLACE_M, SIZE_twice),
    Sw = OPERAND(PLACE_S, SIZE_w),
    Cn = OPERAND(PLACE_C, SIZE_n),
    Dn = OPERAND(PLACE_D, SIZE_n),
    Vx = OPERAND(PLACE_V, SIZE_x),
    Vdq = OPERAND(PLACE_V, SIZE_dq),
    Vqq = OPERAND(PLACE_V, SIZE_qq),
    Vhx = OPERAND(PLACE_V, SIZE_hx),
    Hx = OPERAND(PLACE_H, SIZE_x),
    Hdq = OPERAND(PLACE_H, SIZE_dq),
    Hqq = OPERAND(PLACE_H, SIZE_qq),
    Lx = OPERAND(PLACE_L, SIZE_x),
    W0_ = OPERAND(PLACE_W, SIZE_0),
    Wx = OPERAND(PLACE_W, SIZE_x),
    Whx = OPERAND(PLACE_W, SIZE_hx),
    Wfx = OPERAND(PLACE_W, SIZE_fx),
    Wex = OPERAND(PLACE_W, SIZE_ex),
    Wdq = OPERAND(PLACE_W, SIZE_dq),
    Wqq = OPERAND(PLACE_W, SIZE_qq),
    Wb = OPERAND(PLACE_W, SIZE_b),
    Ww = OPERAND(PLACE_W, SIZE_w),
    Wd = OPERAND(PLACE_W, SIZE_d),
    Wq = OPERAND(PLACE_W, SIZE_q),
    Qq = OPERAND(PLACE_Q, SIZE_q),
    Qd = OPERAND(PLACE_Q, SIZE_d),
    Pq = OPERAND(PLACE_P, SIZE_q),
    Kk = OPERAND(PLACE_K, SIZE_q),
    KEb = OPERAND(PLACE_KE, SIZE_b),
    KEw = OPERAND(PLACE_KE, SIZE_w),
    KEd = OPERAND(PLACE_KE, SIZE_d),
    KEq = OPERAND(PLACE_KE, SIZE_q),
    KHk = OPERAND(PLACE_KH, SIZE_q),
    Ti = OPERAND(PLACE_T, SIZE_t),
    VMd = OPERAND(PLACE_VM, SIZE_d),
    VMq = OPERAND(PLACE_VM, SIZE_q),
    Ib = OPERAND(PLACE_I, SIZE_b),
    Id = OPERAND(PLACE_I, SIZE_d),
    Iz = OPERAND(PLACE_I, SIZE_z),
    Iv = OPERAND(PLACE_I, SIZE_v),
    Ub = OPERAND(PLACE_U, SIZE_b),
    Uw = OPERAND(PLACE_U, SIZE_w),
    I2b = OPERAND(PLACE_I2, SIZE_b),
    Jb = OPERAND(PLACE_J, SIZE_b),
    Jz = OPERAND(PLACE_J, SIZE_z),
    Ob = OPERAND(PLACE_O, SIZE_b),
    Ov = OPERAND(PLACE_O, SIZE_v),
    Ap = OPERAND(PLACE_A, SIZE_p),
    Xb = OPERAND(PLACE_X, SIZE_b),
    Xv = OPERAND(PLACE_X, SIZE_v),
    Xz = OPERAND(PLACE_X, SIZE_z),
    Yb = OPERAND(PLACE_Y, SIZE_b),
    Yv = OPERAND(PLACE_Y, SIZE_v),
    Yz = OPERAND(PLACE_Y, SIZE_z),
    XLATb = OPERAND(PLACE_XLAT, SIZE_b),
    AL = OPERAND(PLACE_GENERAL + 0, SIZE_b),
    AX = OPERAND(PLACE_GENERAL + 0, SIZE_w),
    rAX = OPERAND(PLACE_GENERAL + 0, SIZE_v),
    eAX = OPERAND(PLACE_GENERAL + 0, SIZE_z),
    CL = OPERAND(PLACE_GENERAL + 1, SIZE_b),
    DX = OPERAND(PLACE_GENERAL + 2, SIZE_w),
    ES = OPERAND(PLACE_SEGMENT + 0, SIZE_w),
    CS = OPERAND(PLACE_SEGMENT + 1, SIZE_w),
    SS = OPERAND(PLACE_SEGMENT + 2, SIZE_w),
    DS = OPERAND(PLACE_SEGMENT + 3, SIZE_w),
    FS = OPERAND(PLACE_SEGMENT + 4, SIZE_w),
    GS = OPERAND(PLACE_SEGMENT + 5, SIZE_w),
    ST0 = OPERAND(PLACE_ST0, SIZE_t),
    XMM0 = OPERAND(PLACE_XMM0, SIZE_dq),
    ONE = OPERAND(PLACE_ONE, SIZE_b),
};

/* Packed, so that a macro can hand them on as one argument. */
#define O4(a, b, c, d) ((uint64_t)(a) | (uint64_t)(b) << 16 | (uint64_t)(c) << 32 | (uint64_t)(d) << 48)
#define O3(a, b, c)    O4(a, b, c, 0)
#define O2(a, b)       O4(a, b, 0, 0)
#define O1(a)          O4(a, 0, 0, 0)
#define O0             ((uint64_t)0)

/* ---- Flags --------------------------------------------------------------------------------------------------- */

#define FL(read, written, undefined) ((uint64_t)(read) | (uint64_t)(written) << 16 | (uint64_t)(undefined) << 32)
enum {
    FC = FLAG_C,
    FP = FLAG_P,
    FA = FLAG_A,
    FZ = FLAG_Z,
    FS_ = FLAG_S,
    FO = FLAG_O,
    FD = FLAG_D,
    FI = FLAG_I,
    FALL = FLAG_C | FLAG_P | FLAG_A | FLAG_Z | FLAG_S | FLAG_O,
    FEVERY = FALL | FLAG_T | FLAG_I | FLAG_D | FLAG_REST,
};
#define NOFLAGS FL(0, 0, 0)
#define ARITH   FL(0, FALL, 0)
#define LOGIC   FL(0, FALL & ~FA, FA)
#define COMPARE FL(0, FALL, 0) /* comisd and its like: A, S and O become 0 */

/* ---- Attributes ---------------------------------------------------------------------------------------------- */

enum {
    LOCK = 1,    /* may have lock when the first operand is memory */
    D64 = 2,     /* 64 bits wide in 64-bit mode unless 66 says 16 */
    F64 = 4,     /* 64 bits wide in 64-bit mode, whatever 66 says */
    REGS = 8,    /* mod is ignored: registers only */
    GATHER = 16, /* destination, index and mask differ */
};

struct insn_row {
    uint64_t operands, flags; /* packed: O4, FL */
    uint32_t match, mask;
    uint16_t name;
    uint8_t map, opcode, class, attributes;
    bool modrm;
};

enum { MAP_0, MAP_0F, MAP_38, MAP_3A, MAPS };

extern const struct insn_row insn_rows[];
extern const unsigned insn_rows_count;

/* The last row of an opcode, +1; 0 when there is none. Those before it with its map and opcode are its other rows. */
unsigned insn_rows_of(enum insn_encoding encoding, unsigned map, unsigned opcode);

#endif
