/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSE on integers, and shuffles without an immediate: two handlers for each row of sse_integer.def, the work being the
 * host's instruction of that name. Shifts by an immediate are those by a register, with the count in one.
 */
#include "cpu/fpu.h"
#include "cpu/sse.h"

/* n bytes of memory as the low part of a register; n is constant. */
static inline vec load(const void *p, unsigned n)
{
    uint64_t v = 0;

    if (n == 16)
        return *(const vec *)p;
    memcpy(&v, p, n);
    return (vec){(long long)v, 0};
}

#define HANDLERS(NAME, TEXT, BYTES)                                                                                    \
    static void NAME##_registers(struct cpu *cpu, const struct op *op)                                                 \
    {                                                                                                                  \
        SSE_ALLOWED(cpu, op);                                                                                          \
        vec a = xmm_get(cpu, op->reg), b = xmm_get(cpu, op->rm);                                                       \
        __asm__(TEXT " %1, %0" : "+x"(a) : "x"(b));                                                                    \
        xmm_set(cpu, op->reg, a);                                                                                      \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void NAME##_memory(struct cpu *cpu, const struct op *op)                                                    \
    {                                                                                                                  \
        SSE_ALLOWED(cpu, op);                                                                                          \
        const void *p = fpu_source(cpu, op, BYTES, (BYTES) == 16 ? ALIGNED : UNALIGNED);                               \
        if (UNLIKELY(!p))                                                                                              \
            return;                                                                                                    \
        vec a = xmm_get(cpu, op->reg), b = load(p, BYTES);                                                             \
        __asm__(TEXT " %1, %0" : "+x"(a) : "x"(b));                                                                    \
        xmm_set(cpu, op->reg, a);                                                                                      \
        NEXT(cpu, op);                                                                                                 \
    }
#define BOTH(NAME, TEXT, FORM)  HANDLERS(NAME, TEXT, 16)
#define VECTOR(NAME, TEXT)      HANDLERS(NAME, TEXT, 16)
#define PART(NAME, TEXT, BYTES) HANDLERS(NAME, TEXT, BYTES)
#include "cpu/sse_integer.def"

#define ROW(NAME)               [INSN_##NAME - SSE_NAMES_FIRST] = {NAME##_registers, NAME##_memory},
#define BOTH(NAME, TEXT, FORM)  ROW(NAME)
#define VECTOR(NAME, TEXT)      ROW(NAME)
#define PART(NAME, TEXT, BYTES) ROW(NAME)
static const struct fpu_row rows[SSE_NAMES] = {
#include "cpu/sse_integer.def"
};

/* ---- Shifts by an immediate ----------------------------------------------------------------------------------- */

#define SHIFTS(row)                                                                                                    \
    row(PSRLW, "psrlw") row(PSRLD, "psrld") row(PSRLQ, "psrlq") row(PSRAW, "psraw") row(PSRAD, "psrad")                \
        row(PSLLW, "psllw") row(PSLLD, "pslld") row(PSLLQ, "psllq")
#define SHIFT(NAME, TEXT)                                                                                              \
    static void NAME##_immediate(struct cpu *cpu, const struct op *op)                                                 \
    {                                                                                                                  \
        SSE_ALLOWED(cpu, op);                                                                                          \
        vec a = xmm_get(cpu, op->rm), b = {op->imm, 0};                                                                \
        __asm__(TEXT " %1, %0" : "+x"(a) : "x"(b));                                                                    \
        xmm_set(cpu, op->rm, a);                                                                                       \
        NEXT(cpu, op);                                                                                                 \
    }
SHIFTS(SHIFT)

static bool bind_shift_immediate(const struct insn *insn, struct op *op)
{
    op->imm = (uint8_t)insn->imm;
    switch (insn->name) {
#define CASE(NAME, TEXT)                                                                                               \
    case INSN_##NAME:                                                                                                  \
        op->run = NAME##_immediate;                                                                                    \
        return true;
        SHIFTS(CASE)
    default:
        return false;
    }
}

/* ---- ptest, and signs to a general register ------------------------------------------------------------------- */

static void ptest(struct cpu *cpu, const struct op *op, vec a, vec b)
{
    vec both = a & b, rest = ~a & b;
    bool zero = !(both[0] | both[1]), carry = !(rest[0] | rest[1]);

    flags_set(&cpu->flags, zero * FLAG_Z | carry * FLAG_C);
    NEXT(cpu, op);
}
static void PTEST_registers(struct cpu *cpu, const struct op *op)
{
    SSE_ALLOWED(cpu, op);
    ptest(cpu, op, xmm_get(cpu, op->reg), xmm_get(cpu, op->rm));
}
static void PTEST_memory(struct cpu *cpu, const struct op *op)
{
    SSE_ALLOWED(cpu, op);
    const vec *p = fpu_source(cpu, op, 16, ALIGNED);
    if (p)
        ptest(cpu, op, xmm_get(cpu, op->reg), *p);
}

#define SIGNS(NAME, TEXT)                                                                                              \
    static void NAME##_registers(struct cpu *cpu, const struct op *op)                                                 \
    {                                                                                                                  \
        SSE_ALLOWED(cpu, op);                                                                                          \
        uint32_t r;                                                                                                    \
        vec b = xmm_get(cpu, op->rm);                                                                                  \
        __asm__(TEXT " %1, %0" : "=r"(r) : "x"(b));                                                                    \
        cpu->gpr[op->reg] = r;                                                                                         \
        NEXT(cpu, op);                                                                                                 \
    }
SIGNS(PMOVMSKB, "pmovmskb")
SIGNS(MOVMSKPS, "movmskps")
SIGNS(MOVMSKPD, "movmskpd")

/* ---- Blends by the signs in xmm0 ------------------------------------------------------------------------------ */

#define BLEND(NAME, TEXT)                                                                                              \
    static void NAME(struct cpu *cpu, const struct op *op, vec b)                                                      \
    {                                                                                                                  \
        register vec mask __asm__("xmm0") = xmm_get(cpu, 0);                                                           \
        vec a = xmm_get(cpu, op->reg);                                                                                 \
        __asm__(TEXT " %%xmm0, %1, %0" : "+x"(a) : "x"(b), "x"(mask));                                                 \
        xmm_set(cpu, op->reg, a);                                                                                      \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void NAME##_registers(struct cpu *cpu, const struct op *op)                                                 \
    {                                                                                                                  \
        SSE_ALLOWED(cpu, op);                                                                                          \
        NAME(cpu, op, xmm_get(cpu, op->rm));                                                                           \
    }                                                                                                                  \
    static void NAME##_memory(struct cpu *cpu, const struct op *op)                                                    \
    {                                                                                                                  \
        SSE_ALLOWED(cpu, op);                                                                                          \
        const vec *p = fpu_source(cpu, op, 16, ALIGNED);                                                               \
        if (p)                                                                                                         \
            NAME(cpu, op, *p);                                                                                         \
    }
BLEND(PBLENDVB, "pblendvb")
BLEND(BLENDVPS, "blendvps")
BLEND(BLENDVPD, "blendvpd")

static const struct fpu_row *other_row(enum insn_name name)
{
    static const struct fpu_row ptest_row = {PTEST_registers, PTEST_memory},
                                pblendvb = {PBLENDVB_registers, PBLENDVB_memory},
                                blendvps = {BLENDVPS_registers, BLENDVPS_memory},
                                blendvpd = {BLENDVPD_registers, BLENDVPD_memory}, pmovmskb = {PMOVMSKB_registers, NULL},
                                movmskps = {MOVMSKPS_registers, NULL}, movmskpd = {MOVMSKPD_registers, NULL};

    switch (name) {
    case INSN_PTEST:
        return &ptest_row;
    case INSN_PBLENDVB:
        return &pblendvb;
    case INSN_BLENDVPS:
        return &blendvps;
    case INSN_BLENDVPD:
        return &blendvpd;
    case INSN_PMOVMSKB:
        return &pmovmskb;
    case INSN_MOVMSKPS:
        return &movmskps;
    case INSN_MOVMSKPD:
        return &movmskpd;
    default:
        return NULL;
    }
}

bool bind_sse_integer(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    if (insn->map == 1 && insn->opcode >= 0x71 && insn->opcode <= 0x73) {
        op->rm = (uint8_t)insn_rm(insn);
        return bind_shift_immediate(insn, op);
    }
    const struct fpu_row *row = other_row(insn->name);
    if (!row)
        row = &rows[insn->name - SSE_NAMES_FIRST];
    return fpu_row_bind(row, insn, op);
}
