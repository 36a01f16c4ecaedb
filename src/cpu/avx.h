/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of AVX share among themselves (avx*.c). An instruction of vectors is a kernel: a few bytes of the
 * host's code that do that instruction on fixed registers. Kernels lie in tables (avx_code.c), so binding is arithmetic
 * with the opcode, and there is one for 16 bytes and one for 32 of each.
 */
#ifndef MOAT_CPU_AVX_H
#define MOAT_CPU_AVX_H

#include "cpu/fpu.h"
#include "cpu/sse.h"

#define AVX_ALLOWED(cpu, op)                                                                                           \
    do {                                                                                                               \
        if (UNLIKELY((cpu)->fpu.off & FPU_OFF_AVX)) {                                                                  \
            fpu_refuse_avx(cpu, op);                                                                                   \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

/* ---- Kernels ---------------------------------------------------------------------------------------------------- */

/* Eight bytes each. The destination is register 0, the first source (vvvv) 0, the last one (rm) 1; upper parts of the
 * destination become 0 with 16 bytes. Those with 16 bytes are functions in C's sense as well (sse_kernel). */
enum { AVX_KERNEL_BYTES = 8 };
/* Of map 0F: [32 bytes or not][mandatory prefix][opcode]; of map 38, whose prefix is 66: [32 bytes or not][opcode]. */
extern const uint8_t avx_code_0f[2][4][256][AVX_KERNEL_BYTES] __attribute__((visibility("hidden")));
extern const uint8_t avx_code_38[2][256][AVX_KERNEL_BYTES] __attribute__((visibility("hidden")));
extern const uint8_t avx_code_38_w[2][3][AVX_KERNEL_BYTES] __attribute__((visibility("hidden"))); /* 45 to 47 with W */

/* With an immediate: a table for each instruction and width, an entry for each value that makes a difference. */
struct avx_immediate {
    uint16_t name;
    uint8_t mask[2], most;  /* bits that count, of 16 bytes and of 32; what is above `most` is as `most` */
    const uint8_t *code[2]; /* NULL: there is none of that width */
};
const struct avx_immediate *avx_immediate_find(enum insn_name name);

/* ---- Running one ------------------------------------------------------------------------------------------------ */

struct avx_16 {
    uint8_t bytes[16];
};
struct avx_32 {
    uint8_t bytes[32];
};

/* out = kernel(a, b), 32 bytes of it. a and b have 16 bytes or, `wide`, 32. No local's address is handed out, so that
 * callers end in tail calls. The call is made below the red zone; what VEX leaves of the host's upper halves is 0. */
static inline __attribute__((always_inline)) void avx_run(const void *code, bool wide, const void *a, const void *b,
                                                          void *out)
{
    if (wide)
        __asm__ volatile(
            "vmovdqu %[a], %%ymm0\n\tvmovdqu %[b], %%ymm1\n\t"
            "lea -128(%%rsp), %%rsp\n\tcall *%[code]\n\tlea 128(%%rsp), %%rsp\n\t"
            "vmovdqu %%ymm0, (%[out])\n\tvzeroupper"
            :
            : [a] "m"(*(const struct avx_32 *)a), [b] "m"(*(const struct avx_32 *)b), [code] "r"(code), [out] "r"(out)
            : "xmm0", "xmm1", "memory");
    else
        __asm__ volatile(
            "vmovdqu %[a], %%xmm0\n\tvmovdqu %[b], %%xmm1\n\t"
            "lea -128(%%rsp), %%rsp\n\tcall *%[code]\n\tlea 128(%%rsp), %%rsp\n\t"
            "vmovdqu %%ymm0, (%[out])"
            :
            : [a] "m"(*(const struct avx_16 *)a), [b] "m"(*(const struct avx_16 *)b), [code] "r"(code), [out] "r"(out)
            : "xmm0", "xmm1", "memory");
}

/* ---- Operands --------------------------------------------------------------------------------------------------- */

static inline uint8_t *avx_register(struct cpu *cpu, unsigned n)
{
    return cpu->fpu.xmm[n].bytes;
}
/* What writes 16 bytes makes the upper half 0. */
static inline void avx_set(struct cpu *cpu, unsigned n, vec v)
{
    *(vec *)cpu->fpu.xmm[n].bytes = v;
    *(vec *)(cpu->fpu.xmm[n].bytes + 16) = (vec){0, 0};
}

/* n bytes in the scratch, and zeros. */
const void *avx_padded(struct cpu *cpu, const void *p, unsigned n);

/* The last source: a register, or op->operand_size bytes of memory wherever they lie. NULL: a fault was raised. */
static inline const void *avx_source(struct cpu *cpu, const struct op *op, bool memory, bool wide)
{
    if (!memory)
        return avx_register(cpu, op->rm);
    const void *p = fpu_source(cpu, op, op->operand_size, UNALIGNED);
    return UNLIKELY(!p) || op->operand_size >= (wide ? 32 : 16) ? p : avx_padded(cpu, p, op->operand_size);
}

/* A handler: with b, its last source, and only when there is one, STATEMENT is done. */
#define AVX_HANDLER(NAME, SOURCE, STATEMENT)                                                                           \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        const void *b = (SOURCE);                                                                                      \
        if (UNLIKELY(!b))                                                                                              \
            return;                                                                                                    \
        STATEMENT;                                                                                                     \
        NEXT(cpu, op);                                                                                                 \
    }

/* ---- The files' doors ------------------------------------------------------------------------------------------- */

/* Do numbers of 32 bytes go into it? Scalars may say so, and mean 16. */
static inline bool avx_is_wide(const struct insn *insn)
{
    unsigned bytes = 0;

    for (unsigned i = 0; i < insn->n_operands; i++)
        if ((insn->operands[i].kind == OPERAND_REGISTER && insn->operands[i].registers == REGISTERS_VECTOR) ||
            insn->operands[i].kind == OPERAND_MEMORY)
            bytes = insn->operands[i].bytes;
    return insn->vector_bytes == 32 && bytes >= 16;
}
/* Fills reg, rm, vvvv (op->extra) and the width of memory (op->operand_size). */
void avx_operands(const struct insn *insn, struct op *op);

bind_function bind_avx_move, bind_avx_join, bind_avx_number; /* false: not one of theirs */
bool avx_bind_gather(const struct insn *insn, struct op *op);
const void *avx_kernel(const struct insn *insn, bool wide); /* NULL: there is none */

#endif
