/* SPDX-License-Identifier: Apache-2.0 */
/* Names of x64.h: registers, widths, conditions, and the forms of instructions made of the rows of the .def files. */
#ifndef MOAT_CODEGEN_X64_FORMS_H
#define MOAT_CODEGEN_X64_FORMS_H

enum {
    X64_RAX,
    X64_RCX,
    X64_RDX,
    X64_RBX,
    X64_RSP,
    X64_RBP,
    X64_RSI,
    X64_RDI,
    X64_R8,
    X64_R9,
    X64_R10,
    X64_R11,
    X64_R12,
    X64_R13,
    X64_R14,
    X64_R15,
    X64_NONE = 20, /* no base, no index: its low bits say so in the encoding, bit 3 is clear */
    X64_RIP = 21,  /* as a base alone */
};

enum {
    X64_XMM0,
    X64_XMM1,
    X64_XMM2,
    X64_XMM3,
    X64_XMM4,
    X64_XMM5,
    X64_XMM6,
    X64_XMM7,
    X64_XMM8,
    X64_XMM9,
    X64_XMM10,
    X64_XMM11,
    X64_XMM12,
    X64_XMM13,
    X64_XMM14,
    X64_XMM15,
};

/* Of an integer operation. Writing 32 bits of a register clears the upper half, writing 8 or 16 keeps the rest. */
enum x64_width { X64_W8, X64_W16, X64_W32, X64_W64 };

/* Conditions in the order of their encoding; the opposite of cc is cc ^ 1. */
enum x64_cc {
    X64_O,
    X64_NO,
    X64_B, /* unsigned below; carry */
    X64_AE,
    X64_E,
    X64_NE,
    X64_BE,
    X64_A,
    X64_S,
    X64_NS,
    X64_P, /* parity; unordered after ucomis */
    X64_NP,
    X64_L, /* signed less */
    X64_GE,
    X64_LE,
    X64_G,
    X64_C = X64_B,
    X64_NC = X64_AE,
    X64_Z = X64_E,
    X64_NZ = X64_NE,
};

/* ---- Forms: opcode in bits 0 to 7, map 8 and 9, mandatory prefix 10 and 11, then these --------------------------- */

enum {
    X64_F_W = 1 << 12,      /* REX.W or VEX.W always */
    X64_F_DIGIT_SHIFT = 13, /* 3 bits, in the register's place of ModRM */
    X64_F_BYTE = 1 << 16,   /* there is an 8-bit form, one less */
    X64_F_DIR = 1 << 17,    /* there is a form that stores, two less */
    X64_F_RM8 = 1 << 18,    /* the second operand is 8 bits wide whatever the width says */
    X64_F_RM16 = 1 << 19,
    X64_F_RM32 = 1 << 20,
    X64_F_SYM = 1 << 21, /* x64_mr takes it as it is */
    X64_F_MEM = 1 << 22, /* memory only */
    X64_F_REG = 1 << 23, /* register only */
    X64_L256 = 1 << 24,  /* or-ed to a form by the caller of x64_vex_...: 256 bits (AVX, integers AVX2) */
};

enum { X64_PP_NP, X64_PP_66, X64_PP_F3, X64_PP_F2 };
enum { X64_MAP_0, X64_MAP_0F, X64_MAP_38, X64_MAP_3A };
enum { X64_REG_X = 0, X64_REG_R = 0, X64_REG_Q = X64_F_W };
enum { X64_RM_X = 0, X64_RM_XM = 0, X64_RM_RM = 0, X64_RM_M = 0, X64_RM_QM = X64_F_W };
#define X64_FORM(pp, map, opcode, digit, flags)                                                                        \
    ((opcode) | X64_MAP_##map << 8 | X64_PP_##pp << 10 | (digit) << X64_F_DIGIT_SHIFT | (flags))

/* Forms of integer instructions. */
enum x64_int { /* register, register or memory */
#define INT(name, mnemonic, pp, map, opcode, flags) X64_##name = X64_FORM(pp, map, opcode, 0, flags),
#include "codegen/x64_int.def"
};
enum x64_int_store { /* register or memory, register */
#define INT_STORE(name, mnemonic, pp, map, opcode, flags) X64_##name = X64_FORM(pp, map, opcode, 0, flags),
#include "codegen/x64_int.def"
};
enum x64_one { /* register or memory */
#define ONE(name, mnemonic, pp, map, opcode, digit, flags) X64_##name = X64_FORM(pp, map, opcode, digit, flags),
#include "codegen/x64_int.def"
};
enum x64_bmi_count { /* register, register or memory, count */
#define BMI_COUNT(name, mnemonic, pp, map, opcode, digit) X64_##name = X64_FORM(pp, map, opcode, digit, 0),
#include "codegen/x64_int.def"
};
enum x64_bmi { /* register, register, register or memory */
#define BMI(name, mnemonic, pp, map, opcode, digit) X64_##name = X64_FORM(pp, map, opcode, digit, 0),
#include "codegen/x64_int.def"
};
enum x64_bmi_one { /* register, register or memory */
#define BMI_ONE(name, mnemonic, pp, map, opcode, digit) X64_##name = X64_FORM(pp, map, opcode, digit, 0),
#include "codegen/x64_int.def"
};
enum x64_bare { /* nothing; the value is the bytes */
#define BARE(name, mnemonic, bytes) X64_##name = (bytes),
#include "codegen/x64_int.def"
};

/* By an immediate or by cl; the value is the digit. */
enum x64_shift { X64_ROL, X64_ROR, X64_RCL, X64_RCR, X64_SHL, X64_SHR, X64_SAR = 7 };
/* Of a bit whose number is an immediate; the value is the digit. */
enum x64_bit { X64_BT_IMM = 4, X64_BTS_IMM, X64_BTR_IMM, X64_BTC_IMM };

/* Forms of vector instructions. */
enum x64_sse {
#define SSE(name, mnemonic, pp, map, opcode, reg, rm, imm, vex)                                                        \
    X64_##name = X64_FORM(pp, map, opcode, 0, X64_REG_##reg | X64_RM_##rm),
#define VEX(name, mnemonic, pp, map, opcode, vex) X64_##name = X64_FORM(pp, map, opcode, 0, 0),
#include "codegen/x64_sse.def"
};
enum x64_sse_store { /* the destination is the register or memory operand */
#define SSE_STORE(name, mnemonic, pp, map, opcode, reg, rm, imm, vex)                                                  \
    X64_##name = X64_FORM(pp, map, opcode, 0, X64_REG_##reg | X64_RM_##rm),
#include "codegen/x64_sse.def"
};
enum x64_sse_shift {
#define SSE_SHIFT(name, mnemonic, opcode, digit) X64_##name = X64_FORM(66, 0F, opcode, digit, 0),
#include "codegen/x64_sse.def"
};
enum x64_vex_blend {
#define VEX_BLEND(name, mnemonic, pp, map, opcode) X64_##name = X64_FORM(pp, map, opcode, 0, 0),
#include "codegen/x64_sse.def"
};

#endif
