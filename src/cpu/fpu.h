/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rooms of numbers share (x87, MMX, SSE, their saved forms): registers, memory operands, and when an
 * instruction must not be done. Private to them.
 *
 * HOW IT COMPUTES. Each operation is done by the host's own instruction of that name: results and flags are the
 * hardware's to the last bit. Between fpu_enter() and fpu_leave() the host's MXCSR and x87 control word are the
 * guest's, but with every exception masked, so that nothing traps here. Flags of MXCSR gather in the host's register
 * and are fetched when somebody looks (fpu_gather). When the guest has unmasked an exception, FPU_..._UNMASKED is set
 * in cpu->fpu.off and operations take a careful way, that sees whether it happened.
 */
#ifndef MOAT_CPU_FPU_H
#define MOAT_CPU_FPU_H

#include "cpu/core.h"
#include "cpu/registers.h"

typedef long long vec __attribute__((vector_size(16), may_alias));

enum {
    FPU_OFF_SSE = 1,      /* CR0.EM, CR0.TS, or no CR4.OSFXSR */
    FPU_OFF_X87 = 2,      /* CR0.EM, CR0.TS, or an exception is due (with CR0.NE) */
    FPU_SSE_UNMASKED = 4, /* some exception of MXCSR is */
    FPU_X87_UNMASKED = 8,
    FPU_OFF_AVX = 16, /* no CR4.OSXSAVE, XCR0 without its state, or CR0.TS */
};

enum { /* exception flags, of MXCSR and of the x87 status; masks are 7 bits above in MXCSR, the same bits in control */
       FPU_INVALID = 1,
       FPU_DENORMAL = 2,
       FPU_ZERO = 4,
       FPU_OVERFLOW = 8,
       FPU_UNDERFLOW = 16,
       FPU_INEXACT = 32,
       FPU_EXCEPTIONS = 63,
};

enum {
    MXCSR_DAZ = 1 << 6,
    MXCSR_MASKS = FPU_EXCEPTIONS << 7,
    MXCSR_FTZ = 1 << 15,
    MXCSR_RESET = MXCSR_MASKS,
    MXCSR_VALID = 0xffff, /* the others: #GP */

    X87_STACK_FAULT = 1 << 6,
    X87_SUMMARY = 1 << 7, /* an unmasked one happened: the next waiting instruction raises #MF */
    X87_C0 = 1 << 8,
    X87_C1 = 1 << 9,
    X87_C2 = 1 << 10,
    X87_TOP = 7 << 11,
    X87_C3 = 1 << 14,
    X87_BUSY = 1 << 15, /* the same as the summary */
    X87_CONDITIONS = X87_C0 | X87_C1 | X87_C2 | X87_C3,
    X87_CONTROL_RESET = 0x37f,
};

/* ---- When not to ---------------------------------------------------------------------------------------------- */

/* Raise what is due: #UD, #NM, #MF. Called when a bit of cpu->fpu.off says that something is. */
void fpu_refuse_sse(struct cpu *cpu, const struct op *op);
void fpu_refuse_avx(struct cpu *cpu, const struct op *op);
void fpu_refuse_x87(struct cpu *cpu, const struct op *op);
void fpu_refuse_mmx(struct cpu *cpu, const struct op *op);

#define SSE_ALLOWED(cpu, op)                                                                                           \
    do {                                                                                                               \
        if (UNLIKELY((cpu)->fpu.off & FPU_OFF_SSE)) {                                                                  \
            fpu_refuse_sse(cpu, op);                                                                                   \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)
#define MMX_ALLOWED(cpu, op)                                                                                           \
    do {                                                                                                               \
        if (UNLIKELY((cpu)->fpu.off & FPU_OFF_X87)) {                                                                  \
            fpu_refuse_mmx(cpu, op);                                                                                   \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

/* ---- Controls ------------------------------------------------------------------------------------------------- */

void fpu_gather(struct cpu *cpu);                 /* cpu->fpu.mxcsr has all flags now */
void fpu_mxcsr_set(struct cpu *cpu, uint32_t to); /* valid */
/* After cpu->fpu.control or .status were changed: the summary, the host's control word, `off`. */
void fpu_x87_changed(struct cpu *cpu);
void fpu_x87_init(struct cpu *cpu); /* fninit */

static inline uint32_t host_mxcsr_get(void)
{
    uint32_t v;
    __asm__ volatile("stmxcsr %0" : "=m"(v)::"memory");
    return v;
}
static inline void host_mxcsr_set(uint32_t v)
{
    __asm__ volatile("ldmxcsr %0" ::"m"(v) : "memory");
}
static inline void host_control_set(uint16_t v)
{
    __asm__ volatile("fldcw %0" ::"m"(v) : "memory");
}

/* ---- Registers ------------------------------------------------------------------------------------------------ */

static inline vec xmm_get(const struct cpu *cpu, unsigned n)
{
    return *(const vec *)cpu->fpu.xmm[n].bytes;
}
static inline void xmm_set(struct cpu *cpu, unsigned n, vec v)
{
    *(vec *)cpu->fpu.xmm[n].bytes = v;
}
static inline uint64_t xmm_low(const struct cpu *cpu, unsigned n)
{
    uint64_t v;
    memcpy(&v, cpu->fpu.xmm[n].bytes, 8);
    return v;
}
static inline void xmm_low_set(struct cpu *cpu, unsigned n, uint64_t v)
{
    memcpy(cpu->fpu.xmm[n].bytes, &v, 8);
}
static inline uint32_t xmm_low32(const struct cpu *cpu, unsigned n)
{
    uint32_t v;
    memcpy(&v, cpu->fpu.xmm[n].bytes, 4);
    return v;
}
static inline void xmm_low32_set(struct cpu *cpu, unsigned n, uint32_t v)
{
    memcpy(cpu->fpu.xmm[n].bytes, &v, 4);
}
static inline uint64_t mmx_get(const struct cpu *cpu, unsigned n)
{
    uint64_t v;
    memcpy(&v, cpu->fpu.x87[n], 8);
    return v;
}
static inline void mmx_set(struct cpu *cpu, unsigned n, uint64_t v)
{
    memcpy(cpu->fpu.x87[n], &v, 8);
    memset(cpu->fpu.x87[n] + 8, 0xff, 2);
}
/* What every MMX instruction does to the x87 (Intel 1, 9.5). */
static inline void mmx_state(struct cpu *cpu)
{
    cpu->fpu.top = 0;
    cpu->fpu.empty = 0;
}

/* ---- Memory operands ------------------------------------------------------------------------------------------ */

enum alignment { UNALIGNED, ALIGNED /* else #GP(0) */ };

/* NULL: a fault was raised. What it points to holds until the next operand is fetched. */
const void *fpu_source_slow(struct cpu *cpu, const struct op *op, uint64_t linear, unsigned size, bool aligned);
bool fpu_store_slow(struct cpu *cpu, const struct op *op, uint64_t linear, unsigned size, bool aligned);

/* What a translation's tag must be: bits below the alignment never match a page's address. */
static inline uint64_t fpu_tag(uint64_t linear, unsigned size, enum alignment aligned)
{
    return aligned ? linear & (~PAGE_OFFSET | (size - 1)) : TLB_TAG(linear, size);
}

static inline const void *fpu_source(struct cpu *cpu, const struct op *op, unsigned size, enum alignment aligned)
{
    uint64_t linear;

    if (!op_linear(cpu, op, size, ACCESS_LOAD, &linear))
        return NULL;
    const struct tlb_entry *t = tlb_slot(cpu, linear);
    if (LIKELY(t->load == fpu_tag(linear, size, aligned)))
        return (const void *)(t->host + linear);
    return fpu_source_slow(cpu, op, linear, size, aligned);
}

static inline bool fpu_store(struct cpu *cpu, const struct op *op, unsigned size, enum alignment aligned,
                             const void *value)
{
    uint64_t linear;

    if (!op_linear(cpu, op, size, ACCESS_STORE, &linear))
        return false;
    const struct tlb_entry *t = tlb_slot(cpu, linear);
    if (LIKELY(t->store == fpu_tag(linear, size, aligned))) {
        memcpy((void *)(t->host + linear), value, size);
        return true;
    }
    memcpy(cpu->fpu.scratch, value, size);
    return fpu_store_slow(cpu, op, linear, size, aligned);
}

/* ---- The rooms' doors ------------------------------------------------------------------------------------------ */

/* The number in the ModRM's fields, with REX. */
static inline unsigned insn_reg(const struct insn *i)
{
    return (i->modrm >> 3 & 7u) | (i->rex & REX_R ? 8u : 0);
}
static inline unsigned insn_rm(const struct insn *i)
{
    return (i->modrm & 7u) | (i->rex & REX_B ? 8u : 0);
}

/* What a row of instructions has: the handler for a register and for memory as its rm operand; NULL: there is none. */
struct fpu_row {
    op_handler *registers, *memory;
};
bool fpu_row_bind(const struct fpu_row *row, const struct insn *insn, struct op *op);

bind_function bind_sse_move, bind_sse_float, bind_sse_integer, bind_sse_immediate; /* false: not one of theirs */

#endif
