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

#endif
