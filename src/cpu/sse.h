/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of SSE share among themselves (sse*.c). */
#ifndef MOAT_CPU_SSE_H
#define MOAT_CPU_SSE_H

#include "cpu/fpu.h"

/* Tables by name cover the names of insn_sse.def. */
enum { SSE_NAMES_FIRST = INSN_MOVUPS, SSE_NAMES_LAST = INSN_AESKEYGENASSIST };
#define SSE_NAMES (SSE_NAMES_LAST - SSE_NAMES_FIRST + 1)

/* An instruction of two vector registers as a function; also what an entry of a table of code is (SSE_CODE). */
typedef vec sse_kernel(vec a, vec b);

/* What of a result is computed: for exceptions of which one is unmasked. */
enum sse_parts { NOT_TINY, SINGLE, SINGLES, DOUBLE, DOUBLES }; /* those that can be so small as to underflow */
enum sse_arithmetic {
    OTHER, /* neither overflows nor underflows */
    ADD,
    SUBTRACT,
    MULTIPLY,
    DIVIDE,
    NARROW, /* a double to a single */
    ADD_PAIRS,
    SUBTRACT_PAIRS,
    ALTERNATE, /* even parts are subtracted, odd ones added */
    DOT,
};
/* Runs a kernel with the guest's MXCSR, of which an exception is unmasked: its result, and in *flags what it reports.
 * The host's MXCSR is not as it was. */
vec sse_run_unmasked(sse_kernel *run, enum sse_arithmetic what, enum sse_parts parts, vec a, vec b, uint32_t mxcsr,
                     uint32_t *flags);
/* What two halves of one operation report together. */
uint32_t sse_flags_of_halves(uint32_t low, uint32_t high, uint32_t mxcsr);
/* A dot product, or n of them (1, 2) as one operation. */
void sse_dot_unmasked(sse_kernel *run, unsigned immediate, enum sse_parts parts, unsigned n, const vec *a, const vec *b,
                      uint32_t mxcsr, uint32_t *flags, vec *r);

/* One kernel for each value of an immediate below n, 8 bytes apart: the bytes, whose last is ModRM, the immediate, ret.
 * Arguments and result are where the calling convention has them: xmm0 (reg), xmm1 (rm). */
#define SSE_CODE(table, n, bytes)                                                                                      \
    extern const uint8_t table[] __attribute__((visibility("hidden")));                                                \
    __asm__(".pushsection .text\n"                                                                                     \
            ".balign 8\n"                                                                                              \
            ".local " #table "\n" #table ":\n"                                                                         \
            ".set immediate, 0\n"                                                                                      \
            ".rept " #n "\n"                                                                                           \
            ".byte " bytes ", immediate\n"                                                                             \
            "ret\n"                                                                                                    \
            ".balign 8\n"                                                                                              \
            ".set immediate, immediate + 1\n"                                                                          \
            ".endr\n"                                                                                                  \
            ".popsection\n")

/* sse_float.c, for those with VEX: handlers of what writes no vector, NULL of others; cvtsi2ss and (`twice`) cvtsi2sd
 * as functions. `wide`: the general register has 64 bits. */
const struct fpu_row *sse_float_vex_row(enum insn_name name, bool wide);
sse_kernel *sse_from_general(bool twice, bool wide);
/* sse_immediate.c: pcmpestrm and its like, with and without VEX. */
bool sse_bind_strings(const struct cpu *cpu, const struct insn *insn, struct op *op);

/* Has the model the feature that this one wants for itself (AES, PCLMULQDQ; VAES, VPCLMULQDQ of 32 bytes)? True of the
 * others. */
bool sse_model_has(const struct cpu_model *model, enum insn_name name, bool wide);

/* maskmovdqu, maskmovq: those of n bytes whose mask has bit 7 set go to rdi. false: a fault was raised. */
bool sse_masked_store(struct cpu *cpu, const struct op *op, const uint8_t *bytes, const uint8_t *mask, unsigned n);

/* ---- Handlers that SSE and AVX have alike ----------------------------------------------------------------------- */

/* Each file makes its own: ALLOWED is SSE_ALLOWED or AVX_ALLOWED, SET is xmm_set or, where the rest of 32 bytes becomes
 * 0, avx_set. */

/* Four or eight bytes, from and to memory and general registers; a register's other bytes become 0. */
#define VECTOR_MOVES(BITS, ALLOWED, SET)                                                                               \
    static void load_##BITS(struct cpu *cpu, const struct op *op)                                                      \
    {                                                                                                                  \
        ALLOWED(cpu, op);                                                                                              \
        uint##BITS##_t v;                                                                                              \
        if (UNLIKELY(!op_load##BITS(cpu, op, &v)))                                                                     \
            return;                                                                                                    \
        SET(cpu, op->reg, (vec){(long long)(uint64_t)v, 0});                                                           \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void store_##BITS(struct cpu *cpu, const struct op *op)                                                     \
    {                                                                                                                  \
        ALLOWED(cpu, op);                                                                                              \
        if (UNLIKELY(!op_store##BITS(cpu, op, (uint##BITS##_t)xmm_low(cpu, op->reg))))                                 \
            return;                                                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void from_general_##BITS(struct cpu *cpu, const struct op *op)                                              \
    {                                                                                                                  \
        ALLOWED(cpu, op);                                                                                              \
        SET(cpu, op->reg, (vec){(long long)(uint##BITS##_t)cpu->gpr[op->rm], 0});                                      \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void to_general_##BITS(struct cpu *cpu, const struct op *op)                                                \
    {                                                                                                                  \
        ALLOWED(cpu, op);                                                                                              \
        cpu->gpr[op->rm] = (uint##BITS##_t)xmm_low(cpu, op->reg);                                                      \
        NEXT(cpu, op);                                                                                                 \
    }

/* movq between registers, and the encoding with the destination in rm. */
#define VECTOR_LOW_MOVES(ALLOWED, SET)                                                                                 \
    static void low_registers(struct cpu *cpu, const struct op *op)                                                    \
    {                                                                                                                  \
        ALLOWED(cpu, op);                                                                                              \
        SET(cpu, op->reg, (vec){(long long)xmm_low(cpu, op->rm), 0});                                                  \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void low_registers_back(struct cpu *cpu, const struct op *op)                                               \
    {                                                                                                                  \
        ALLOWED(cpu, op);                                                                                              \
        SET(cpu, op->rm, (vec){(long long)xmm_low(cpu, op->reg), 0});                                                  \
        NEXT(cpu, op);                                                                                                 \
    }

/* Insertions and extractions of parts: op->extra2 is the place, in bytes. BEGIN(cpu, op): what an insertion's
 * destination is before. */
#define VECTOR_PARTS(BITS, ALLOWED, BEGIN)                                                                             \
    static void insert_##BITS##_registers(struct cpu *cpu, const struct op *op)                                        \
    {                                                                                                                  \
        ALLOWED(cpu, op);                                                                                              \
        BEGIN(cpu, op);                                                                                                \
        memcpy(cpu->fpu.xmm[op->reg].bytes + op->extra2, &cpu->gpr[op->rm], (BITS) / 8);                               \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void insert_##BITS##_memory(struct cpu *cpu, const struct op *op)                                           \
    {                                                                                                                  \
        ALLOWED(cpu, op);                                                                                              \
        uint##BITS##_t v;                                                                                              \
        if (!op_load##BITS(cpu, op, &v))                                                                               \
            return;                                                                                                    \
        BEGIN(cpu, op);                                                                                                \
        memcpy(cpu->fpu.xmm[op->reg].bytes + op->extra2, &v, (BITS) / 8);                                              \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void extract_##BITS##_registers(struct cpu *cpu, const struct op *op)                                       \
    {                                                                                                                  \
        ALLOWED(cpu, op);                                                                                              \
        uint##BITS##_t v;                                                                                              \
        memcpy(&v, cpu->fpu.xmm[op->reg].bytes + op->extra2, (BITS) / 8);                                              \
        cpu->gpr[op->rm] = v;                                                                                          \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void extract_##BITS##_memory(struct cpu *cpu, const struct op *op)                                          \
    {                                                                                                                  \
        ALLOWED(cpu, op);                                                                                              \
        uint##BITS##_t v;                                                                                              \
        memcpy(&v, cpu->fpu.xmm[op->reg].bytes + op->extra2, (BITS) / 8);                                              \
        if (!op_store##BITS(cpu, op, v))                                                                               \
            return;                                                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }

struct sse_part_row {
    uint16_t name;
    uint8_t bytes;
    struct fpu_row handlers; /* VECTOR_PARTS */
};
bool sse_bind_part(const struct sse_part_row *row, const struct insn *insn, struct op *op);

#endif
