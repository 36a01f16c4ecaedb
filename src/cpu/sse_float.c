/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSE on floating-point numbers: what reads MXCSR and sets its flags. A row makes a kernel, the host's instruction on
 * two registers, and two handlers. With all exceptions masked a handler is: fetch, kernel, deliver; the flags gather in
 * the host's MXCSR. With one unmasked it goes by unusual(): the kernel is run on its own, and its flags are looked at
 * (sse_unmasked.c).
 */
#include "cpu/fpu.h"
#include "cpu/sse.h"

enum where { VECTOR, MMX, GENERAL, GENERAL_64, FLAGS };
struct kind {
    sse_kernel *run; /* NULL: op->imm is it */
    uint8_t bytes;   /* of a memory operand; 16 are aligned */
    uint8_t to, from;
    uint8_t parts, arithmetic; /* enum sse_parts, sse_arithmetic */
};

#define INLINE static inline __attribute__((always_inline))

/* ---- Operands ------------------------------------------------------------------------------------------------- */

INLINE bool fetch(struct cpu *cpu, const struct op *op, const struct kind *k, bool memory, vec *b)
{
    if (memory) {
        const void *p = fpu_source(cpu, op, k->bytes, k->bytes == 16 ? ALIGNED : UNALIGNED);
        uint64_t v = 0;
        if (UNLIKELY(!p))
            return false;
        if (k->bytes == 16) {
            *b = *(const vec *)p;
            return true;
        }
        memcpy(&v, p, k->bytes);
        *b = (vec){(long long)v, 0};
    } else if (k->from == VECTOR) {
        *b = xmm_get(cpu, op->rm);
    } else {
        *b = (vec){(long long)(k->from == MMX ? mmx_get(cpu, op->rm & 7) : cpu->gpr[op->rm]), 0};
    }
    return true;
}

INLINE void deliver(struct cpu *cpu, const struct op *op, const struct kind *k, vec r)
{
    if (k->to == VECTOR)
        xmm_set(cpu, op->reg, r);
    else if (k->to == GENERAL)
        cpu->gpr[op->reg] = (uint32_t)r[0];
    else if (k->to == GENERAL_64)
        cpu->gpr[op->reg] = (uint64_t)r[0];
    else if (k->to == MMX)
        mmx_set(cpu, op->reg & 7, (uint64_t)r[0]);
    else
        flags_set(&cpu->flags, (uint32_t)r[0]);
}

/* ---- The careful way ------------------------------------------------------------------------------------------- */

/* false: an unmasked exception happened and is raised. */
static bool run_unmasked(struct cpu *cpu, const struct op *op, const struct kind *k, vec b, vec *r)
{
    fpu_gather(cpu);
    uint32_t guest = cpu->fpu.mxcsr, unmasked = ~guest >> 7 & FPU_EXCEPTIONS, happened;
    sse_kernel *run = k->run ? k->run : (sse_kernel *)op->imm;
    vec a = xmm_get(cpu, op->reg);

    if (k->arithmetic == DOT)
        sse_dot_unmasked(run, op->extra2, k->parts, 1, &a, &b, guest, &happened, r);
    else
        *r = sse_run_unmasked(run, k->arithmetic, k->parts, a, b, guest, &happened);
    fpu_mxcsr_set(cpu, guest | happened);
    if (happened & unmasked)
        cpu_fault(cpu, op, cpu->cr4 & CR4_OSXMMEXCPT ? VECTOR_XM : VECTOR_UD, 0);
    return !(happened & unmasked);
}

/* The whole of an instruction when something is off. `off`: what keeps it from being done, FPU_OFF_SSE or, of those
 * with VEX, FPU_OFF_AVX. */
__attribute__((noinline)) static bool unusual(struct cpu *cpu, const struct op *op, const struct kind *k, unsigned off)
{
    vec b, r;

    if (cpu->fpu.off & off) {
        if (off == FPU_OFF_AVX)
            fpu_refuse_avx(cpu, op);
        else
            fpu_refuse_sse(cpu, op);
        return false;
    }
    if (!fetch(cpu, op, k, op->flags & OP_MEMORY, &b))
        return false;
    if (k->to == MMX || (k->from == MMX && !(op->flags & OP_MEMORY)))
        mmx_state(cpu); /* even when an exception follows */
    if (!run_unmasked(cpu, op, k, b, &r))
        return false;
    deliver(cpu, op, k, r);
    return true;
}

INLINE void step(struct cpu *cpu, const struct op *op, const struct kind *k, bool memory, unsigned off)
{
    vec b;

    if (UNLIKELY(cpu->fpu.off & (off | FPU_SSE_UNMASKED))) {
        if (!unusual(cpu, op, k, off))
            return;
        NEXT(cpu, op);
    }
    if (!fetch(cpu, op, k, memory, &b))
        return;
    deliver(cpu, op, k, k->run(xmm_get(cpu, op->reg), b));
    NEXT(cpu, op);
}

/* ---- Rows ------------------------------------------------------------------------------------------------------ */

#define PAIR(NAME, KIND, OFF)                                                                                          \
    static void NAME##_registers(struct cpu *cpu, const struct op *op)                                                 \
    {                                                                                                                  \
        step(cpu, op, &KIND, false, OFF);                                                                              \
    }                                                                                                                  \
    static void NAME##_memory(struct cpu *cpu, const struct op *op)                                                    \
    {                                                                                                                  \
        step(cpu, op, &KIND, true, OFF);                                                                               \
    }
#define HANDLERS(NAME, BYTES, TO, FROM, PARTS, ARITHMETIC)                                                             \
    static const struct kind NAME##_kind = {NAME, BYTES, TO, FROM, PARTS, ARITHMETIC};                                 \
    PAIR(NAME, NAME##_kind, FPU_OFF_SSE)
/* Those that write no vector do the same with VEX. */
#define HANDLERS_BOTH(NAME, ...)                                                                                       \
    HANDLERS(NAME, __VA_ARGS__)                                                                                        \
    PAIR(V##NAME, NAME##_kind, FPU_OFF_AVX)

/* Volatile: the flags are an effect, even of a result that nobody uses. */
#define FLOAT(NAME, TEXT, BYTES, PARTS, ARITHMETIC)                                                                    \
    static vec NAME(vec a, vec b)                                                                                      \
    {                                                                                                                  \
        __asm__ volatile(TEXT " %1, %0" : "+x"(a) : "x"(b));                                                           \
        return a;                                                                                                      \
    }                                                                                                                  \
    HANDLERS(NAME, BYTES, VECTOR, VECTOR, PARTS, ARITHMETIC)
#include "cpu/sse_float.def"

/* From and to general registers; NAME_64 with REX.W. */
#define FROM_GENERAL(NAME, TEXT, TYPE, BYTES, FROM)                                                                    \
    static vec NAME(vec a, vec b)                                                                                      \
    {                                                                                                                  \
        TYPE v = (TYPE)b[0];                                                                                           \
        __asm__ volatile(TEXT " %1, %0" : "+x"(a) : "r"(v));                                                           \
        return a;                                                                                                      \
    }                                                                                                                  \
    HANDLERS(NAME, BYTES, VECTOR, FROM, NOT_TINY, OTHER)
FROM_GENERAL(CVTSI2SS, "cvtsi2ssl", uint32_t, 4, GENERAL)
FROM_GENERAL(CVTSI2SD, "cvtsi2sdl", uint32_t, 4, GENERAL)
FROM_GENERAL(CVTSI2SS_64, "cvtsi2ssq", uint64_t, 8, GENERAL_64)
FROM_GENERAL(CVTSI2SD_64, "cvtsi2sdq", uint64_t, 8, GENERAL_64)

#define TO_GENERAL(NAME, TEXT, TYPE, BYTES, TO)                                                                        \
    static vec NAME(vec a, vec b)                                                                                      \
    {                                                                                                                  \
        TYPE v;                                                                                                        \
        __asm__ volatile(TEXT " %1, %0" : "=r"(v) : "x"(b));                                                           \
        return (vec){(long long)(uint64_t)v, 0};                                                                       \
    }                                                                                                                  \
    HANDLERS_BOTH(NAME, BYTES, TO, VECTOR, NOT_TINY, OTHER)
TO_GENERAL(CVTSS2SI, "cvtss2sil", uint32_t, 4, GENERAL)
TO_GENERAL(CVTSD2SI, "cvtsd2sil", uint32_t, 8, GENERAL)
TO_GENERAL(CVTTSS2SI, "cvttss2sil", uint32_t, 4, GENERAL)
TO_GENERAL(CVTTSD2SI, "cvttsd2sil", uint32_t, 8, GENERAL)
TO_GENERAL(CVTSS2SI_64, "cvtss2siq", uint64_t, 4, GENERAL_64)
TO_GENERAL(CVTSD2SI_64, "cvtsd2siq", uint64_t, 8, GENERAL_64)
TO_GENERAL(CVTTSS2SI_64, "cvttss2siq", uint64_t, 4, GENERAL_64)
TO_GENERAL(CVTTSD2SI_64, "cvttsd2siq", uint64_t, 8, GENERAL_64)

#define COMPARE(NAME, TEXT, BYTES)                                                                                     \
    static vec NAME(vec a, vec b)                                                                                      \
    {                                                                                                                  \
        bool z, p, c;                                                                                                  \
        __asm__ volatile(TEXT " %4, %3" : "=@ccz"(z), "=@ccp"(p), "=@ccc"(c) : "x"(a), "x"(b));                        \
        return (vec){z * FLAG_Z | p * FLAG_P | c * FLAG_C, 0};                                                         \
    }                                                                                                                  \
    HANDLERS_BOTH(NAME, BYTES, FLAGS, VECTOR, NOT_TINY, OTHER)
COMPARE(COMISS, "comiss", 4)
COMPARE(COMISD, "comisd", 8)
COMPARE(UCOMISS, "ucomiss", 4)
COMPARE(UCOMISD, "ucomisd", 8)

/* ---- MMX registers on one side --------------------------------------------------------------------------------- */

/* In the low half of a vector the host's instruction on a vector does the same; the upper half is made harmless. */
static vec CVTPI2PS(vec a, vec b)
{
    vec r;
    __asm__ volatile("cvtdq2ps %1, %0" : "=x"(r) : "x"(b));
    return (vec){r[0], a[1]};
}
static vec CVTPI2PD(vec a, vec b)
{
    __asm__ volatile("cvtdq2pd %1, %0" : "=x"(a) : "x"(b));
    return a;
}
#define TO_MMX(NAME, TEXT, SOURCE)                                                                                     \
    static vec NAME(vec a, vec b)                                                                                      \
    {                                                                                                                  \
        b = SOURCE;                                                                                                    \
        __asm__ volatile(TEXT " %1, %0" : "=x"(a) : "x"(b));                                                           \
        return a;                                                                                                      \
    }
TO_MMX(CVTPS2PI, "cvtps2dq", ((vec){b[0], 0}))
TO_MMX(CVTTPS2PI, "cvttps2dq", ((vec){b[0], 0}))
TO_MMX(CVTPD2PI, "cvtpd2dq", b)
TO_MMX(CVTTPD2PI, "cvttpd2dq", b)

static const struct kind kinds_mmx[] = {
    {CVTPI2PS, 8, VECTOR, MMX, NOT_TINY, OTHER},  {CVTPI2PD, 8, VECTOR, MMX, NOT_TINY, OTHER},
    {CVTPS2PI, 8, MMX, VECTOR, NOT_TINY, OTHER},  {CVTTPS2PI, 8, MMX, VECTOR, NOT_TINY, OTHER},
    {CVTPD2PI, 16, MMX, VECTOR, NOT_TINY, OTHER}, {CVTTPD2PI, 16, MMX, VECTOR, NOT_TINY, OTHER},
};
static const uint16_t names_mmx[] = {INSN_CVTPI2PS,  INSN_CVTPI2PD, INSN_CVTPS2PI,
                                     INSN_CVTTPS2PI, INSN_CVTPD2PI, INSN_CVTTPD2PI};

/* From memory to a vector has nothing to do with MMX. */
static void convert_mmx(struct cpu *cpu, const struct op *op)
{
    const struct kind *k = &kinds_mmx[op->extra];

    SSE_ALLOWED(cpu, op);
    if (!(k->from == MMX && op->flags & OP_MEMORY))
        MMX_ALLOWED(cpu, op);
    if (!unusual(cpu, op, k, FPU_OFF_SSE))
        return;
    NEXT(cpu, op);
}

/* ---- With an immediate ----------------------------------------------------------------------------------------- */

SSE_CODE(sse_code_cmpps, 8, "0x0f,0xc2,0xc1");
SSE_CODE(sse_code_cmppd, 8, "0x66,0x0f,0xc2,0xc1");
SSE_CODE(sse_code_cmpss, 8, "0xf3,0x0f,0xc2,0xc1");
SSE_CODE(sse_code_cmpsd, 8, "0xf2,0x0f,0xc2,0xc1");
SSE_CODE(sse_code_roundps, 16, "0x66,0x0f,0x3a,0x08,0xc1");
SSE_CODE(sse_code_roundpd, 16, "0x66,0x0f,0x3a,0x09,0xc1");
SSE_CODE(sse_code_roundss, 16, "0x66,0x0f,0x3a,0x0a,0xc1");
SSE_CODE(sse_code_roundsd, 16, "0x66,0x0f,0x3a,0x0b,0xc1");
SSE_CODE(sse_code_dpps, 256, "0x66,0x0f,0x3a,0x40,0xc1");
SSE_CODE(sse_code_dppd, 256, "0x66,0x0f,0x3a,0x41,0xc1");

static const struct immediate_row {
    uint16_t name;
    uint8_t mask; /* bits of the immediate that count */
    const uint8_t *code;
    struct kind kind;
} immediates[] = {
    {INSN_CMPPS, 7, sse_code_cmpps, {NULL, 16, VECTOR, VECTOR, NOT_TINY, OTHER}},
    {INSN_CMPPD, 7, sse_code_cmppd, {NULL, 16, VECTOR, VECTOR, NOT_TINY, OTHER}},
    {INSN_CMPSS, 7, sse_code_cmpss, {NULL, 4, VECTOR, VECTOR, NOT_TINY, OTHER}},
    {INSN_CMPSD, 7, sse_code_cmpsd, {NULL, 8, VECTOR, VECTOR, NOT_TINY, OTHER}},
    {INSN_ROUNDPS, 15, sse_code_roundps, {NULL, 16, VECTOR, VECTOR, NOT_TINY, OTHER}},
    {INSN_ROUNDPD, 15, sse_code_roundpd, {NULL, 16, VECTOR, VECTOR, NOT_TINY, OTHER}},
    {INSN_ROUNDSS, 15, sse_code_roundss, {NULL, 4, VECTOR, VECTOR, NOT_TINY, OTHER}},
    {INSN_ROUNDSD, 15, sse_code_roundsd, {NULL, 8, VECTOR, VECTOR, NOT_TINY, OTHER}},
    {INSN_DPPS, 255, sse_code_dpps, {NULL, 16, VECTOR, VECTOR, SINGLES, DOT}},
    {INSN_DPPD, 255, sse_code_dppd, {NULL, 16, VECTOR, VECTOR, DOUBLES, DOT}},
};

static void with_immediate(struct cpu *cpu, const struct op *op)
{
    const struct kind *k = &immediates[op->extra].kind;
    vec b;

    if (UNLIKELY(cpu->fpu.off & (FPU_OFF_SSE | FPU_SSE_UNMASKED))) {
        if (!unusual(cpu, op, k, FPU_OFF_SSE))
            return;
        NEXT(cpu, op);
    }
    if (!fetch(cpu, op, k, op->flags & OP_MEMORY, &b))
        return;
    xmm_set(cpu, op->reg, ((sse_kernel *)op->imm)(xmm_get(cpu, op->reg), b));
    NEXT(cpu, op);
}

/* ---- Binding --------------------------------------------------------------------------------------------------- */

#define ROW(NAME)        [INSN_##NAME - SSE_NAMES_FIRST] = {NAME##_registers, NAME##_memory},
#define FLOAT(NAME, ...) ROW(NAME)
static const struct fpu_row rows[SSE_NAMES] = {
#include "cpu/sse_float.def"
    ROW(CVTSI2SS) ROW(CVTSI2SD) ROW(CVTSS2SI) ROW(CVTSD2SI) ROW(CVTTSS2SI) ROW(CVTTSD2SI) ROW(COMISS) ROW(COMISD)
        ROW(UCOMISS) ROW(UCOMISD)};

static const struct fpu_row *wide_row(enum insn_name name)
{
#define WIDE(NAME)                                                                                                     \
    case INSN_##NAME: {                                                                                                \
        static const struct fpu_row row = {NAME##_64_registers, NAME##_64_memory};                                     \
        return &row;                                                                                                   \
    }
    switch (name) {
        WIDE(CVTSI2SS)
        WIDE(CVTSI2SD)
        WIDE(CVTSS2SI)
        WIDE(CVTSD2SI)
        WIDE(CVTTSS2SI)
        WIDE(CVTTSD2SI)
    default:
        return NULL;
    }
}

const struct fpu_row *sse_float_vex_row(enum insn_name name, bool wide)
{
#define VEX(NAME)                                                                                                      \
    case INSN_V##NAME: {                                                                                               \
        static const struct fpu_row row = {V##NAME##_registers, V##NAME##_memory};                                     \
        return &row;                                                                                                   \
    }
#define VEX_WIDE(NAME)                                                                                                 \
    case INSN_V##NAME: {                                                                                               \
        static const struct fpu_row row[2] = {{V##NAME##_registers, V##NAME##_memory},                                 \
                                              {V##NAME##_64_registers, V##NAME##_64_memory}};                          \
        return &row[wide];                                                                                             \
    }
    switch (name) {
        VEX(COMISS)
        VEX(COMISD)
        VEX(UCOMISS)
        VEX(UCOMISD)
        VEX_WIDE(CVTSS2SI)
        VEX_WIDE(CVTSD2SI)
        VEX_WIDE(CVTTSS2SI)
        VEX_WIDE(CVTTSD2SI)
    default:
        return NULL;
    }
}

sse_kernel *sse_from_general(bool twice, bool wide)
{
    static sse_kernel *const kernels[2][2] = {{CVTSI2SS, CVTSI2SS_64}, {CVTSI2SD, CVTSI2SD_64}};

    return kernels[twice][wide];
}

bool bind_sse_float(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    static const struct fpu_row mmx_row = {convert_mmx, convert_mmx}, immediate_row = {with_immediate, with_immediate};

    for (unsigned i = 0; i < sizeof names_mmx / sizeof names_mmx[0]; i++)
        if (names_mmx[i] == insn->name) {
            op->extra = (uint8_t)i;
            return fpu_row_bind(&mmx_row, insn, op);
        }
    for (unsigned i = 0; i < sizeof immediates / sizeof immediates[0]; i++)
        if (immediates[i].name == insn->name) {
            op->extra = (uint8_t)i;
            op->extra2 = (uint8_t)insn->imm;
            op->imm = (int64_t)(uintptr_t)(immediates[i].code + 8 * (size_t)(insn->imm & immediates[i].mask));
            return fpu_row_bind(&immediate_row, insn, op);
        }
    const struct fpu_row *wide = insn->rex & REX_W ? wide_row(insn->name) : NULL;
    return fpu_row_bind(wide ? wide : &rows[insn->name - SSE_NAMES_FIRST], insn, op);
}
