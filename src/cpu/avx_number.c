/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVX on floating-point numbers: what reads MXCSR and sets its flags. With all exceptions masked it is one kernel, and
 * the flags gather in the host's MXCSR, as with SSE (sse_float.c). With one unmasked each half is done by the kernel
 * for 16 bytes, the way that SSE goes (sse_unmasked.c), and what both report is put together: exceptions that are seen
 * before the operation, in any part, keep the others of all parts from being reported.
 */
#include "cpu/avx.h"

enum halves {
    ALIKE,   /* each half of the result comes from that half of the sources */
    WIDENED, /* from a quarter: the source has half as many bytes as the result */
    NARROWED,
};

static const struct number {
    uint16_t name;
    uint8_t parts, arithmetic; /* enum sse_parts, sse_arithmetic */
} numbers[] = {
#define FLOAT(NAME, TEXT, BYTES, PARTS, ARITHMETIC) {INSN_V##NAME, PARTS, ARITHMETIC},
#include "cpu/sse_float.def"
    {INSN_VCMPPS, NOT_TINY, OTHER},   {INSN_VCMPPD, NOT_TINY, OTHER},   {INSN_VCMPSS, NOT_TINY, OTHER},
    {INSN_VCMPSD, NOT_TINY, OTHER},   {INSN_VROUNDPS, NOT_TINY, OTHER}, {INSN_VROUNDPD, NOT_TINY, OTHER},
    {INSN_VROUNDSS, NOT_TINY, OTHER}, {INSN_VROUNDSD, NOT_TINY, OTHER}, {INSN_VDPPS, SINGLES, DOT},
    {INSN_VDPPD, DOUBLES, DOT},
};

/* ---- The careful way -------------------------------------------------------------------------------------------- */

static enum halves halves_of(enum insn_name name)
{
    switch (name) {
    case INSN_VCVTPS2PD:
    case INSN_VCVTDQ2PD:
        return WIDENED;
    case INSN_VCVTPD2PS:
    case INSN_VCVTPD2DQ:
    case INSN_VCVTTPD2DQ:
        return NARROWED;
    default:
        return ALIKE;
    }
}

/* The kernel for 16 bytes that goes with op's, and the immediate that it has. */
static sse_kernel *narrow_kernel(const struct op *op, enum insn_name name, bool wide, unsigned *immediate)
{
    const struct avx_immediate *with = avx_immediate_find(name);
    const uint8_t *code = (const uint8_t *)(uintptr_t)op->imm;

    *immediate = 0;
    if (with) {
        *immediate = (unsigned)((size_t)(code - with->code[wide]) / AVX_KERNEL_BYTES);
        code = with->code[0] + AVX_KERNEL_BYTES * (size_t)*immediate;
    } else if (wide) {
        code -= sizeof avx_code_0f[0];
    }
    return (sse_kernel *)(uintptr_t)code;
}

/* Raises what of `happened` is unmasked, and keeps the flags. false: it is raised. */
static bool report(struct cpu *cpu, const struct op *op, uint32_t happened)
{
    uint32_t guest = cpu->fpu.mxcsr, unmasked = ~guest >> 7 & FPU_EXCEPTIONS;

    fpu_mxcsr_set(cpu, guest | happened);
    if (happened & unmasked)
        cpu_fault(cpu, op, cpu->cr4 & CR4_OSXMMEXCPT ? VECTOR_XM : VECTOR_UD, 0);
    return !(happened & unmasked);
}

/* Both halves, or one; what they report. */
static uint32_t run_halves(const struct cpu *cpu, const struct op *op, bool wide, const vec a[2], const vec b[2],
                           vec r[2])
{
    const struct number *n = &numbers[op->extra2];
    unsigned immediate;
    uint32_t happened[2] = {0}, mxcsr = cpu->fpu.mxcsr;
    sse_kernel *run = narrow_kernel(op, (enum insn_name)n->name, wide, &immediate);

    if (n->arithmetic == DOT) {
        sse_dot_unmasked(run, immediate, n->parts, wide ? 2 : 1, a, b, mxcsr, &happened[0], r);
        return happened[0];
    }
    for (unsigned i = 0; i < (wide ? 2 : 1); i++)
        r[i] = sse_run_unmasked(run, n->arithmetic, n->parts, a[i], b[i], mxcsr, &happened[i]);
    return sse_flags_of_halves(happened[0], happened[1], mxcsr);
}

static __attribute__((noinline)) bool unusual(struct cpu *cpu, const struct op *op, bool memory, bool wide)
{
    enum halves halves = halves_of((enum insn_name)numbers[op->extra2].name);
    vec first[2] = {0}, second[2] = {0}, r[2] = {0};

    if (cpu->fpu.off & FPU_OFF_AVX) {
        fpu_refuse_avx(cpu, op);
        return false;
    }
    const void *b = avx_source(cpu, op, memory, wide);
    if (!b)
        return false;
    memcpy(first, avx_register(cpu, op->extra), sizeof first);
    memcpy(second, b, wide ? 32 : 16);
    if (halves == WIDENED)
        second[1] = (vec){second[0][1], 0};
    fpu_gather(cpu);
    if (!report(cpu, op, run_halves(cpu, op, wide, first, second, r)))
        return false;
    if (wide && halves == NARROWED)
        r[0][1] = r[1][0];
    avx_set(cpu, op->reg, r[0]);
    if (wide && halves != NARROWED)
        memcpy(avx_register(cpu, op->reg) + 16, &r[1], 16);
    return true;
}

/* ---- Handlers --------------------------------------------------------------------------------------------------- */

#define NUMBER(NAME, MEMORY, WIDE)                                                                                     \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        if (UNLIKELY(cpu->fpu.off & (FPU_OFF_AVX | FPU_SSE_UNMASKED))) {                                               \
            if (!unusual(cpu, op, MEMORY, WIDE))                                                                       \
                return;                                                                                                \
            NEXT(cpu, op);                                                                                             \
        }                                                                                                              \
        const void *b = avx_source(cpu, op, MEMORY, WIDE);                                                             \
        if (UNLIKELY(!b))                                                                                              \
            return;                                                                                                    \
        avx_run((const void *)(uintptr_t)op->imm, WIDE, avx_register(cpu, op->extra), b, avx_register(cpu, op->reg));  \
        NEXT(cpu, op);                                                                                                 \
    }
NUMBER(number_registers_16, false, false)
NUMBER(number_memory_16, true, false)
NUMBER(number_registers_32, false, true)
NUMBER(number_memory_32, true, true)

/* ---- From a general register, or memory ------------------------------------------------------------------------- */

/* The kernel is a function of sse_float.c's, and op->flags says where the number is. */
static bool from_general(struct cpu *cpu, const struct op *op)
{
    sse_kernel *run = (sse_kernel *)(uintptr_t)op->imm;
    vec a = xmm_get(cpu, op->extra), b = {(long long)cpu->gpr[op->rm], 0};
    uint32_t happened;

    if (op->flags & OP_MEMORY) {
        const void *p = fpu_source(cpu, op, op->operand_size, UNALIGNED);
        uint64_t v = 0;
        if (!p)
            return false;
        memcpy(&v, p, op->operand_size);
        b[0] = (long long)v;
    }
    if (LIKELY(!(cpu->fpu.off & FPU_SSE_UNMASKED))) {
        avx_set(cpu, op->reg, run(a, b));
        return true;
    }
    fpu_gather(cpu);
    vec r = sse_run_unmasked(run, OTHER, NOT_TINY, a, b, cpu->fpu.mxcsr, &happened);
    if (!report(cpu, op, happened))
        return false;
    avx_set(cpu, op->reg, r);
    return true;
}
static void convert_general(struct cpu *cpu, const struct op *op)
{
    AVX_ALLOWED(cpu, op);
    if (!from_general(cpu, op))
        return;
    NEXT(cpu, op);
}

/* ---- Binding ---------------------------------------------------------------------------------------------------- */

bool bind_avx_number(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    static const struct fpu_row rows[2] = {{number_registers_16, number_memory_16},
                                           {number_registers_32, number_memory_32}},
                                general = {convert_general, convert_general};
    bool wide_general = insn->rex & REX_W && cpu->code_size == 8; /* elsewhere W means nothing */
    const struct fpu_row *as_sse = sse_float_vex_row((enum insn_name)insn->name, wide_general);

    if (as_sse)
        return fpu_row_bind(as_sse, insn, op);
    if (insn->name == INSN_VCVTSI2SS || insn->name == INSN_VCVTSI2SD) {
        avx_operands(insn, op);
        op->imm = (int64_t)(uintptr_t)sse_from_general(insn->name == INSN_VCVTSI2SD, wide_general);
        return fpu_row_bind(&general, insn, op);
    }
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (numbers[i].name == insn->name) {
            bool wide = avx_is_wide(insn);
            const void *code = avx_kernel(insn, wide);
            avx_operands(insn, op);
            op->extra2 = (uint16_t)i;
            op->imm = (int64_t)(uintptr_t)code;
            return code && fpu_row_bind(&rows[wide], insn, op);
        }
    return false;
}
