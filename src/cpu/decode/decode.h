/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bytes of an x86 instruction mean: one function, one table (insn.def), no state, no libc but mem*. The bytes
 * may be anything. Names are those of Intel's manual, volume 2, or of its conditions "not" (jnb for jae).
 *
 * EVEX (AVX-512) and XOP (AMD) have no rows yet: length and addressing are right, the names are EVEX and XOP, what
 * there is not is not refused, and an 8-bit displacement of EVEX is not yet multiplied. 3DNow!, FMA4, MPX, AMX and Key
 * Locker are refused as invalid, as processors without them do.
 */
#ifndef MOAT_CPU_DECODE_DECODE_H
#define MOAT_CPU_DECODE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum decode_mode { DECODE_16, DECODE_32, DECODE_64 };

enum insn_name {
#define INSN(name, ...) INSN_##name,
#include "cpu/decode/insn.def"
    INSN_NAMES
};

/* What kind of instruction it is: who leaves the straight path, and which state it works on. */
enum insn_class {
    CLASS_INT, /* integers, flags, the stack */
    CLASS_NOP,
    CLASS_JUMP, /* direct: the target is `target` bytes from the end */
    CLASS_JCC,  /* and jrcxz */
    CLASS_LOOP,
    CLASS_CALL,
    CLASS_JUMP_INDIRECT, /* near, through a register or memory */
    CLASS_CALL_INDIRECT,
    CLASS_RETURN,
    CLASS_FAR,       /* jumps, calls and returns that change cs, iret among them */
    CLASS_INTERRUPT, /* int n, int3, into */
    CLASS_SYSCALL,   /* syscall, sysenter */
    CLASS_TRAP,      /* ud2 and its like */
    CLASS_TRANSACTION,
    CLASS_STRING,
    CLASS_IO,
    CLASS_SYSTEM, /* may be used by everyone, or as control registers allow */
    CLASS_PRIVILEGED,
    CLASS_X87,
    CLASS_MMX,
    CLASS_SSE,
    CLASS_AVX,
    CLASS_AVX512,
};

enum { /* prefixes that were seen */
       PREFIX_LOCK = 1,
       PREFIX_REP = 2, /* f3 or f2: the last of them; also as part of the opcode */
       PREFIX_REPNE = 4,
       PREFIX_OPERAND = 8, /* 66 */
       PREFIX_ADDRESS = 16,
       PREFIX_REX = 32,
};

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

enum insn_encoding { ENCODING_LEGACY, ENCODING_VEX, ENCODING_EVEX, ENCODING_XOP, ENCODINGS };

enum insn_flags { /* bits of rflags, where they are in it */
                  FLAG_C = 1 << 0,
                  FLAG_P = 1 << 2,
                  FLAG_A = 1 << 4,
                  FLAG_Z = 1 << 6,
                  FLAG_S = 1 << 7,
                  FLAG_T = 1 << 8,
                  FLAG_I = 1 << 9,
                  FLAG_D = 1 << 10,
                  FLAG_O = 1 << 11,
                  FLAG_REST = 1 << 15, /* those above: NT, RF, AC, ID ... */
};

enum insn_operand_kind {
    OPERAND_NONE,
    OPERAND_REGISTER,
    OPERAND_MEMORY,
    OPERAND_IMMEDIATE,
    OPERAND_TARGET,
    OPERAND_FAR
};

enum insn_register_class {
    REGISTERS_GENERAL,
    REGISTERS_HIGH, /* ah, ch, dh, bh as 0 to 3 */
    REGISTERS_SEGMENT,
    REGISTERS_CONTROL,
    REGISTERS_DEBUG,
    REGISTERS_X87,
    REGISTERS_MMX,
    REGISTERS_VECTOR,
    REGISTERS_MASK,
};

enum { ACCESS_READ = 1, ACCESS_WRITE = 2 }; /* neither: an address alone (lea, prefetch) */

enum { INSN_REGISTER_NONE = 0xff };

struct insn_operand {
    uint8_t kind;      /* enum insn_operand_kind */
    uint8_t access;    /* ACCESS_ bits */
    uint8_t registers; /* enum insn_register_class, of a register */
    uint8_t reg;
    uint16_t bytes; /* width; 0 when the instruction or the processor's state decides */
};

struct insn_memory {
    uint8_t base, index; /* general registers (an index may be a vector: `vector_index`); INSN_REGISTER_NONE */
    uint8_t scale;       /* 1, 2, 4, 8; 0 without index */
    uint8_t segment;     /* es 0, cs 1, ss 2, ds 3, fs 4, gs 5: the one that holds in this mode */
    bool rip_relative;   /* disp counts from the end of the instruction */
    bool vector_index;   /* gather and scatter */
    int64_t disp;        /* signed; a whole address of moffs */
};

#define INSN_OPERANDS_MAX 4

struct insn {
    uint8_t length;   /* bytes, 1 to 15 */
    uint8_t encoding; /* enum insn_encoding */
    uint8_t map;      /* 0 one byte, 1 0f, 2 0f38, 3 0f3a; 5, 6 of EVEX; 8, 9, 10 of XOP */
    uint8_t opcode;
    uint16_t name; /* enum insn_name */
    uint16_t row;  /* its number in the table */
    uint8_t class; /* enum insn_class */
    uint8_t prefixes;
    uint8_t rex; /* REX_ bits, those of VEX and EVEX too, the right way up */
    bool has_modrm, has_sib, has_memory;
    uint8_t modrm, sib;
    uint8_t pp;           /* mandatory prefix as VEX numbers it: none, 66, f3, f2; of legacy ones any of these */
    uint8_t vvvv;         /* of VEX and EVEX, the right way up, 5 bits */
    uint8_t vector_bytes; /* 16, 32, 64 */
    uint8_t evex_mask;    /* register of the mask, 0 none */
    bool evex_zeroing, evex_broadcast;
    uint8_t operand_bytes, address_bytes; /* 2, 4, 8 */

    struct insn_memory memory;
    uint8_t disp_offset, disp_bytes; /* in the instruction; 0 bytes when there is none */
    uint8_t imm_offset, imm_bytes;   /* the first immediate, or the distance of a branch */
    int64_t imm;                     /* extended as the instruction does it */
    int64_t target;                  /* of direct branches: distance from the end of the instruction */
    uint16_t imm2;                   /* second immediate: enter's level, a far pointer's selector */

    uint16_t flags_read, flags_written,
        flags_undefined; /* enum insn_flags; undefined ones are written, nobody knows how */
    uint8_t n_operands;
    struct insn_operand operands[INSN_OPERANDS_MAX]; /* those that are written out; the destination first */
};

/* Decodes the instruction at bytes. Returns its length, 1 to 15; -EILSEQ when there is none; -ENODATA when it goes on
 * behind n bytes. *out is whole only on success. */
int decode_insn(const uint8_t *bytes, size_t n, enum decode_mode mode, struct insn *out);

/* As in the table, in upper case; "?" of no name. */
const char *insn_name_text(enum insn_name name);

#endif
