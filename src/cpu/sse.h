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

/* maskmovdqu, maskmovq: those of n bytes whose mask has bit 7 set go to rdi. false: a fault was raised. */
bool sse_masked_store(struct cpu *cpu, const struct op *op, const uint8_t *bytes, const uint8_t *mask, unsigned n);

#endif
