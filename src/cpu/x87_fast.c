/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The common x87 instructions when nothing is out of the ordinary: no exception is unmasked, registers that are read
 * are there, one that is pushed is free. Then only numbers and status flags matter, and one or two numbers on the
 * host's (otherwise empty) stack do; everything else goes to x87_any().
 *
 * Exception flags gather in the host's status word: there are none in it that the guest's has not (fpu_x87_changed).
 */
#include "cpu/x87.h"

#define ST(cpu, i)    ((cpu)->fpu.x87[((cpu)->fpu.top + (i)) & 7])
#define EMPTY(cpu, i) ((cpu)->fpu.empty >> (((cpu)->fpu.top + (i)) & 7) & 1)
#define UNUSUAL(cpu)  ((cpu)->fpu.off & (FPU_OFF_X87 | FPU_X87_UNMASKED))

typedef uint8_t number[10];
#define NUMBER(at) (*(number *)(at))

/* Falls back when one of the conditions holds. */
#define FAST_UNLESS(cpu, op, condition)                                                                                \
    do {                                                                                                               \
        if (UNLIKELY(UNUSUAL(cpu) || (condition)))                                                                     \
            return x87_any(cpu, op);                                                                                   \
    } while (0)

/* Which of the host's condition bits become the guest's; C1 is defined by nearly every instruction. */
static inline void done(struct cpu *cpu, const struct op *op, unsigned host, unsigned conditions)
{
    cpu->fpu.status = (uint16_t)((cpu->fpu.status & ~(X87_C1 | conditions)) |
                                 (host & (X87_C1 | conditions | FPU_EXCEPTIONS | X87_STACK_FAULT)));
    cpu->fpu.ip = op_rip(cpu, op);
}
/* Of those that only move: no flags, C1 is 0. */
static inline void moved(struct cpu *cpu, const struct op *op)
{
    cpu->fpu.status &= (uint16_t)~X87_C1;
    cpu->fpu.ip = op_rip(cpu, op);
}
static inline void push(struct cpu *cpu)
{
    cpu->fpu.top = (cpu->fpu.top - 1) & 7;
    cpu->fpu.empty &= (uint8_t) ~(1 << cpu->fpu.top);
}
static inline void pop(struct cpu *cpu)
{
    cpu->fpu.empty |= (uint8_t)(1 << cpu->fpu.top);
    cpu->fpu.top = (cpu->fpu.top + 1) & 7;
}

/* ---- Loads ------------------------------------------------------------------------------------------------------ */

#define LOAD(NAME, TEXT, BITS)                                                                                         \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        FAST_UNLESS(cpu, op, !EMPTY(cpu, 7));                                                                          \
        uint##BITS##_t v;                                                                                              \
        uint16_t status;                                                                                               \
        if (UNLIKELY(!op_load##BITS(cpu, op, &v)))                                                                     \
            return;                                                                                                    \
        __asm__ volatile(TEXT " %2\n\tfstpt %0\n\tfnstsw %1" : "=m"(NUMBER(ST(cpu, 7))), "=&a"(status) : "m"(v));      \
        push(cpu);                                                                                                     \
        done(cpu, op, status & ~(unsigned)X87_C1, 0);                                                                  \
        NEXT(cpu, op);                                                                                                 \
    }
LOAD(fld_32, "flds", 32)
LOAD(fld_64, "fldl", 64)
LOAD(fild_16, "filds", 16)
LOAD(fild_32, "fildl", 32)
LOAD(fild_64, "fildll", 64)

static void fld_80(struct cpu *cpu, const struct op *op)
{
    FAST_UNLESS(cpu, op, !EMPTY(cpu, 7));
    const void *p = fpu_source(cpu, op, 10, UNALIGNED);
    if (UNLIKELY(!p))
        return;
    memcpy(ST(cpu, 7), p, 10);
    push(cpu);
    moved(cpu, op);
    NEXT(cpu, op);
}
static void fld_st(struct cpu *cpu, const struct op *op)
{
    FAST_UNLESS(cpu, op, !EMPTY(cpu, 7) || EMPTY(cpu, op->rm));
    memcpy(ST(cpu, 7), ST(cpu, op->rm), 10);
    push(cpu);
    moved(cpu, op);
    NEXT(cpu, op);
}
#define CONSTANT(NAME)                                                                                                 \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        FAST_UNLESS(cpu, op, !EMPTY(cpu, 7));                                                                          \
        __asm__ volatile(#NAME "\n\tfstpt %0" : "=m"(NUMBER(ST(cpu, 7))));                                             \
        push(cpu);                                                                                                     \
        moved(cpu, op);                                                                                                \
        NEXT(cpu, op);                                                                                                 \
    }
CONSTANT(fld1)
CONSTANT(fldz)
CONSTANT(fldpi)
CONSTANT(fldl2t)
CONSTANT(fldl2e)
CONSTANT(fldlg2)
CONSTANT(fldln2)

/* ---- Stores ----------------------------------------------------------------------------------------------------- */

/* The store itself may fail: then nothing happened, nor do flags stay behind in the host's status. */
#define STORE(NAME, TEXT, BITS, POPS)                                                                                  \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        FAST_UNLESS(cpu, op, EMPTY(cpu, 0));                                                                           \
        uint##BITS##_t v;                                                                                              \
        uint16_t status;                                                                                               \
        __asm__ volatile("fldt %2\n\t" TEXT " %0\n\tfnstsw %1" : "=m"(v), "=&a"(status) : "m"(NUMBER(ST(cpu, 0))));    \
        if (UNLIKELY(!op_store##BITS(cpu, op, v))) {                                                                   \
            __asm__ volatile("fnclex");                                                                                \
            return;                                                                                                    \
        }                                                                                                              \
        done(cpu, op, status, 0);                                                                                      \
        if (POPS)                                                                                                      \
            pop(cpu);                                                                                                  \
        NEXT(cpu, op);                                                                                                 \
    }
STORE(fst_32, "fstps", 32, false)
STORE(fst_64, "fstpl", 64, false)
STORE(fstp_32, "fstps", 32, true)
STORE(fstp_64, "fstpl", 64, true)
STORE(fist_16, "fistps", 16, false)
STORE(fist_32, "fistpl", 32, false)
STORE(fistp_16, "fistps", 16, true)
STORE(fistp_32, "fistpl", 32, true)
STORE(fistp_64, "fistpll", 64, true)
STORE(fisttp_16, "fisttps", 16, true)
STORE(fisttp_32, "fisttpl", 32, true)
STORE(fisttp_64, "fisttpll", 64, true)

static void fstp_80(struct cpu *cpu, const struct op *op)
{
    FAST_UNLESS(cpu, op, EMPTY(cpu, 0));
    if (UNLIKELY(!fpu_store(cpu, op, 10, UNALIGNED, ST(cpu, 0))))
        return;
    pop(cpu);
    moved(cpu, op);
    NEXT(cpu, op);
}
#define STORE_ST(NAME, POPS)                                                                                           \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        FAST_UNLESS(cpu, op, EMPTY(cpu, 0));                                                                           \
        memmove(ST(cpu, op->rm), ST(cpu, 0), 10);                                                                      \
        cpu->fpu.empty &= (uint8_t) ~(1 << ((cpu->fpu.top + op->rm) & 7));                                             \
        if (POPS)                                                                                                      \
            pop(cpu);                                                                                                  \
        moved(cpu, op);                                                                                                \
        NEXT(cpu, op);                                                                                                 \
    }
STORE_ST(fst_st, false)
STORE_ST(fstp_st, true)

/* ---- Moves in registers ------------------------------------------------------------------------------------------ */

static void fxch(struct cpu *cpu, const struct op *op)
{
    FAST_UNLESS(cpu, op, EMPTY(cpu, 0) || EMPTY(cpu, op->rm));
    number saved;
    memcpy(saved, ST(cpu, 0), 10);
    memmove(ST(cpu, 0), ST(cpu, op->rm), 10);
    memcpy(ST(cpu, op->rm), saved, 10);
    moved(cpu, op);
    NEXT(cpu, op);
}
static void fchs(struct cpu *cpu, const struct op *op)
{
    FAST_UNLESS(cpu, op, EMPTY(cpu, 0));
    ST(cpu, 0)[9] ^= 0x80;
    moved(cpu, op);
    NEXT(cpu, op);
}
static void fabs_(struct cpu *cpu, const struct op *op)
{
    FAST_UNLESS(cpu, op, EMPTY(cpu, 0));
    ST(cpu, 0)[9] &= 0x7f;
    moved(cpu, op);
    NEXT(cpu, op);
}

/* ---- Arithmetic ---------------------------------------------------------------------------------------------------
 */

/* st0 = st0 OP memory */
#define WITH_MEMORY(NAME, TEXT, BITS)                                                                                  \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        FAST_UNLESS(cpu, op, EMPTY(cpu, 0));                                                                           \
        uint##BITS##_t v;                                                                                              \
        uint16_t status;                                                                                               \
        if (UNLIKELY(!op_load##BITS(cpu, op, &v)))                                                                     \
            return;                                                                                                    \
        __asm__ volatile("fldt %0\n\t" TEXT " %2\n\tfnstsw %1\n\tfstpt %0"                                             \
                         : "+m"(NUMBER(ST(cpu, 0))), "=&a"(status)                                                     \
                         : "m"(v));                                                                                    \
        done(cpu, op, status, 0);                                                                                      \
        NEXT(cpu, op);                                                                                                 \
    }
/* st0 = st0 OP st(i): encoding d8; the host's st1 is the other. */
#define TO_ST0(NAME, CODE)                                                                                             \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        FAST_UNLESS(cpu, op, EMPTY(cpu, 0) || EMPTY(cpu, op->rm));                                                     \
        uint16_t status;                                                                                               \
        __asm__ volatile("fldt %2\n\tfldt %0\n\t.byte 0xd8, " CODE "\n\tfnstsw %1\n\tfstpt %0\n\tfstp %%st(0)"         \
                         : "+m"(NUMBER(ST(cpu, 0))), "=&a"(status)                                                     \
                         : "m"(NUMBER(ST(cpu, op->rm))));                                                              \
        done(cpu, op, status, 0);                                                                                      \
        NEXT(cpu, op);                                                                                                 \
    }
/* st(i) = st(i) OP st0: encodings dc, and de with a pop. */
#define TO_STI(NAME, CODE, POPS)                                                                                       \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        FAST_UNLESS(cpu, op, EMPTY(cpu, 0) || EMPTY(cpu, op->rm));                                                     \
        uint16_t status;                                                                                               \
        __asm__ volatile("fldt %0\n\tfldt %2\n\t.byte 0xde, " CODE "\n\tfnstsw %1\n\tfstpt %0"                         \
                         : "+m"(NUMBER(ST(cpu, op->rm))), "=&a"(status)                                                \
                         : "m"(NUMBER(ST(cpu, 0))));                                                                   \
        done(cpu, op, status, 0);                                                                                      \
        if (POPS)                                                                                                      \
            pop(cpu);                                                                                                  \
        NEXT(cpu, op);                                                                                                 \
    }
#define OPERATION(name, code)                                                                                          \
    WITH_MEMORY(f##name##_32, "f" #name "s", 32)                                                                       \
    WITH_MEMORY(f##name##_64, "f" #name "l", 64)                                                                       \
    WITH_MEMORY(fi##name##_16, "fi" #name "s", 16)                                                                     \
    WITH_MEMORY(fi##name##_32, "fi" #name "l", 32)                                                                     \
    TO_ST0(f##name##_st0, code)
OPERATION(add, "0xc1")
OPERATION(mul, "0xc9")
OPERATION(sub, "0xe1")
OPERATION(subr, "0xe9")
OPERATION(div, "0xf1")
OPERATION(divr, "0xf9")
/* By the digit of the encoding. */
#define BACK(digit, code)                                                                                              \
    TO_STI(back_##digit, code, false)                                                                                  \
    TO_STI(back_pop_##digit, code, true)
BACK(0, "0xc1")
BACK(1, "0xc9")
BACK(4, "0xe1")
BACK(5, "0xe9")
BACK(6, "0xf1")
BACK(7, "0xf9")

#define UNARY(NAME, TEXT)                                                                                              \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        FAST_UNLESS(cpu, op, EMPTY(cpu, 0));                                                                           \
        uint16_t status;                                                                                               \
        __asm__ volatile("fldt %0\n\t" TEXT "\n\tfnstsw %1\n\tfstpt %0" : "+m"(NUMBER(ST(cpu, 0))), "=&a"(status));    \
        done(cpu, op, status, 0);                                                                                      \
        NEXT(cpu, op);                                                                                                 \
    }
UNARY(fsqrt, "fsqrt")
UNARY(frndint, "frndint")

/* st0 by st1, both stay. */
#define BINARY(NAME, TEXT, CONDITIONS, UNLESS)                                                                         \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        FAST_UNLESS(cpu, op, EMPTY(cpu, 0) || EMPTY(cpu, 1) || (UNLESS));                                              \
        uint16_t status;                                                                                               \
        __asm__ volatile("fldt %2\n\tfldt %0\n\t" TEXT "\n\tfnstsw %1\n\tfstpt %0\n\tfstp %%st(0)"                     \
                         : "+m"(NUMBER(ST(cpu, 0))), "=&a"(status)                                                     \
                         : "m"(NUMBER(ST(cpu, 1))));                                                                   \
        done(cpu, op, status, CONDITIONS);                                                                             \
        NEXT(cpu, op);                                                                                                 \
    }
/* An invalid remainder leaves some of the conditions as they were: only ordinary numbers here. */
static inline bool ordinary(const uint8_t *st)
{
    unsigned exponent = (st[8] | st[9] << 8) & 0x7fff;
    return exponent != 0 && exponent != 0x7fff && st[7] & 0x80;
}
BINARY(fprem, "fprem", X87_CONDITIONS, !ordinary(ST(cpu, 0)) || !ordinary(ST(cpu, 1)))
BINARY(fprem1, "fprem1", X87_CONDITIONS, !ordinary(ST(cpu, 0)) || !ordinary(ST(cpu, 1)))
BINARY(fscale, "fscale", 0, false)

/* ---- Comparisons ---------------------------------------------------------------------------------------------------
 */

/* The host's st1 is the other. */
#define COMPARE(NAME, TEXT, OTHER, POPS)                                                                               \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        unsigned other = OTHER;                                                                                        \
        FAST_UNLESS(cpu, op, EMPTY(cpu, 0) || EMPTY(cpu, other));                                                      \
        uint16_t status;                                                                                               \
        __asm__ volatile("fldt %2\n\tfldt %1\n\t" TEXT " %%st(1)\n\tfnstsw %0\n\tfstp %%st(0)\n\tfstp %%st(0)"         \
                         : "=&a"(status)                                                                               \
                         : "m"(NUMBER(ST(cpu, 0))), "m"(NUMBER(ST(cpu, other))));                                      \
        done(cpu, op, status, X87_CONDITIONS);                                                                         \
        if ((POPS) > 0)                                                                                                \
            pop(cpu);                                                                                                  \
        if ((POPS) > 1)                                                                                                \
            pop(cpu);                                                                                                  \
        NEXT(cpu, op);                                                                                                 \
    }
COMPARE(fcom, "fcom", op->rm, 0)
COMPARE(fcomp, "fcom", op->rm, 1)
COMPARE(fcompp, "fcom", 1, 2)
COMPARE(fucom, "fucom", op->rm, 0)
COMPARE(fucomp, "fucom", op->rm, 1)
COMPARE(fucompp, "fucom", 1, 2)

#define COMPARE_MEMORY(NAME, TEXT, BITS, POPS)                                                                         \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        FAST_UNLESS(cpu, op, EMPTY(cpu, 0));                                                                           \
        uint##BITS##_t v;                                                                                              \
        uint16_t status;                                                                                               \
        if (UNLIKELY(!op_load##BITS(cpu, op, &v)))                                                                     \
            return;                                                                                                    \
        __asm__ volatile("fldt %1\n\t" TEXT " %2\n\tfnstsw %0\n\tfstp %%st(0)"                                         \
                         : "=&a"(status)                                                                               \
                         : "m"(NUMBER(ST(cpu, 0))), "m"(v));                                                           \
        done(cpu, op, status, X87_CONDITIONS);                                                                         \
        if (POPS)                                                                                                      \
            pop(cpu);                                                                                                  \
        NEXT(cpu, op);                                                                                                 \
    }
COMPARE_MEMORY(fcom_32, "fcoms", 32, false)
COMPARE_MEMORY(fcomp_32, "fcoms", 32, true)
COMPARE_MEMORY(fcom_64, "fcoml", 64, false)
COMPARE_MEMORY(fcomp_64, "fcoml", 64, true)

#define COMPARE_FLAGS(NAME, TEXT, POPS)                                                                                \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        FAST_UNLESS(cpu, op, EMPTY(cpu, 0) || EMPTY(cpu, op->rm));                                                     \
        uint16_t status;                                                                                               \
        bool z, p, c;                                                                                                  \
        __asm__ volatile("fldt %5\n\tfldt %4\n\t" TEXT " %%st(1), %%st\n\tfnstsw %3\n\tfstp %%st(0)\n\tfstp %%st(0)"   \
                         : "=@ccz"(z), "=@ccp"(p), "=@ccc"(c), "=&a"(status)                                           \
                         : "m"(NUMBER(ST(cpu, 0))), "m"(NUMBER(ST(cpu, op->rm))));                                     \
        flags_set(&cpu->flags, z *FLAG_Z | p * FLAG_P | c * FLAG_C);                                                   \
        cpu->fpu.status |= status & FPU_EXCEPTIONS; /* C1 stays */                                                     \
        cpu->fpu.ip = op_rip(cpu, op);                                                                                 \
        if (POPS)                                                                                                      \
            pop(cpu);                                                                                                  \
        NEXT(cpu, op);                                                                                                 \
    }
COMPARE_FLAGS(fcomi, "fcomi", false)
COMPARE_FLAGS(fcomip, "fcomi", true)
COMPARE_FLAGS(fucomi, "fucomi", false)
COMPARE_FLAGS(fucomip, "fucomi", true)

/* ---- By the last bits of the opcode, and ModRM's reg ----------------------------------------------------------------
 */

static op_handler *const memory_rows[8][8] = {
    {fadd_32, fmul_32, fcom_32, fcomp_32, fsub_32, fsubr_32, fdiv_32, fdivr_32},
    {fld_32, NULL, fst_32, fstp_32, NULL, NULL, NULL, NULL},
    {fiadd_32, fimul_32, NULL, NULL, fisub_32, fisubr_32, fidiv_32, fidivr_32},
    {fild_32, fisttp_32, fist_32, fistp_32, NULL, fld_80, NULL, fstp_80},
    {fadd_64, fmul_64, fcom_64, fcomp_64, fsub_64, fsubr_64, fdiv_64, fdivr_64},
    {fld_64, fisttp_64, fst_64, fstp_64, NULL, NULL, NULL, NULL},
    {fiadd_16, fimul_16, NULL, NULL, fisub_16, fisubr_16, fidiv_16, fidivr_16},
    {fild_16, fisttp_16, fist_16, fistp_16, NULL, fild_64, NULL, fistp_64},
};
static op_handler *const register_rows[8][8] = {
    {fadd_st0, fmul_st0, fcom, fcomp, fsub_st0, fsubr_st0, fdiv_st0, fdivr_st0},
    {fld_st, fxch, NULL, NULL, NULL, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL, fucomi, fcomi, NULL},
    {back_0, back_1, NULL, NULL, back_4, back_5, back_6, back_7},
    {NULL, NULL, fst_st, fstp_st, fucom, fucomp, NULL, NULL},
    {back_pop_0, back_pop_1, NULL, NULL, back_pop_4, back_pop_5, back_pop_6, back_pop_7},
    {NULL, NULL, NULL, NULL, NULL, fucomip, fcomip, NULL},
};

static op_handler *named_handler(enum insn_name name)
{
    switch (name) {
    case INSN_FLD1:
        return fld1;
    case INSN_FLDZ:
        return fldz;
    case INSN_FLDPI:
        return fldpi;
    case INSN_FLDL2T:
        return fldl2t;
    case INSN_FLDL2E:
        return fldl2e;
    case INSN_FLDLG2:
        return fldlg2;
    case INSN_FLDLN2:
        return fldln2;
    case INSN_FCHS:
        return fchs;
    case INSN_FABS:
        return fabs_;
    case INSN_FSQRT:
        return fsqrt;
    case INSN_FRNDINT:
        return frndint;
    case INSN_FPREM:
        return fprem;
    case INSN_FPREM1:
        return fprem1;
    case INSN_FSCALE:
        return fscale;
    case INSN_FCOMPP:
        return fcompp;
    case INSN_FUCOMPP:
        return fucompp;
    default:
        return NULL;
    }
}

op_handler *x87_fast_handler(const struct insn *insn)
{
    op_handler *named = named_handler(insn->name);

    if (named)
        return named;
    return (insn->has_memory ? memory_rows : register_rows)[insn->opcode & 7][insn->modrm >> 3 & 7];
}
