/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVX: which instructions there are, and those that compute without flags or controls. It is the first AVX, without
 * AVX2, FMA, F16C and the VEX forms of AES and PCLMULQDQ: integers have 16 bytes, numbers 16 or 32. What works with
 * MXCSR is in avx_number.c, what moves data in avx_move.c. The host must have AVX: a model without it has none of this
 * (cpuid.c). Memory need not be aligned, but where an instruction's name says so.
 */
#include "cpu/avx.h"

#include "cpu/features.h"

const void *avx_padded(struct cpu *cpu, const void *p, unsigned n)
{
    uint64_t v[4] = {0};

    memcpy(v, p, n);
    memcpy(cpu->fpu.scratch, v, sizeof v);
    return cpu->fpu.scratch;
}

void avx_operands(const struct insn *insn, struct op *op)
{
    op->reg = (uint8_t)insn_reg(insn);
    op->rm = (uint8_t)insn_rm(insn);
    op->extra = insn->vvvv & 15;
    for (unsigned i = 0; i < insn->n_operands; i++)
        if (insn->operands[i].kind == OPERAND_MEMORY)
            op->operand_size = (uint8_t)insn->operands[i].bytes;
}

/* ---- Without flags and controls --------------------------------------------------------------------------------- */

#define COMPUTE(NAME, MEMORY, WIDE)                                                                                    \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        const void *b = avx_source(cpu, op, MEMORY, WIDE);                                                             \
        if (UNLIKELY(!b))                                                                                              \
            return;                                                                                                    \
        avx_run((const void *)(uintptr_t)op->imm, WIDE, avx_register(cpu, op->extra), b, avx_register(cpu, op->reg));  \
        NEXT(cpu, op);                                                                                                 \
    }
COMPUTE(compute_registers_16, false, false)
COMPUTE(compute_memory_16, true, false)
COMPUTE(compute_registers_32, false, true)
COMPUTE(compute_memory_32, true, true)

bool avx_bind_compute(const struct insn *insn, struct op *op, const void *code)
{
    static const struct fpu_row rows[2] = {{compute_registers_16, compute_memory_16},
                                           {compute_registers_32, compute_memory_32}};

    avx_operands(insn, op);
    op->imm = (int64_t)(uintptr_t)code;
    return code && fpu_row_bind(&rows[avx_is_wide(insn)], insn, op);
}

/* Shifts by an immediate: the destination is vvvv. op->extra2: the count, for those that take one from a register. */
static void shift(struct cpu *cpu, const struct op *op)
{
    AVX_ALLOWED(cpu, op);
    memcpy(cpu->fpu.scratch, &(const vec){op->extra2, 0}, 16);
    avx_run((const void *)(uintptr_t)op->imm, false, avx_register(cpu, op->rm), cpu->fpu.scratch,
            avx_register(cpu, op->extra));
    NEXT(cpu, op);
}

static bool bind_shift_immediate(const struct insn *insn, struct op *op)
{
    unsigned digit = insn->modrm >> 3 & 7;
    unsigned opcode = 0xd1u + (insn->opcode - 0x71u) + (digit == 4 ? 0x10 : digit == 6 ? 0x20 : 0);
    const void *bytes = avx_kernel(insn, false); /* of psrldq, pslldq */

    avx_operands(insn, op);
    op->extra2 = (uint8_t)insn->imm;
    op->imm = (int64_t)(uintptr_t)(bytes ? bytes : avx_code_0f[0][1][opcode]);
    op->run = shift;
    return insn->vector_bytes == 16;
}

/* Those of sse_integer.def, by name: with 16 bytes alone, or with 32 too. */
static const uint16_t narrow_names[] = {
#define BOTH(NAME, TEXT, FORM)  INSN_V##NAME,
#define VECTOR(NAME, TEXT)      INSN_V##NAME,
#define PART(NAME, TEXT, BYTES) INSN_V##NAME,
#define WIDE(...)
#include "cpu/sse_integer.def"
    INSN_VPSHUFD, INSN_VPSHUFHW, INSN_VPSHUFLW, INSN_VPBLENDW, INSN_VPALIGNR, INSN_VINSERTPS, INSN_VMPSADBW,
};
static const uint16_t wide_names[] = {
#define WIDE(NAME, TEXT) INSN_V##NAME,
#include "cpu/sse_integer.def"
    INSN_VMOVDDUP, INSN_VSHUFPS, INSN_VSHUFPD, INSN_VBLENDPS, INSN_VBLENDPD, INSN_VPERMILPS, INSN_VPERMILPD,
};

static bool among(const uint16_t *names, size_t n, enum insn_name name)
{
    for (size_t i = 0; i < n; i++)
        if (names[i] == name)
            return true;
    return false;
}

static bool bind_compute(const struct insn *insn, struct op *op)
{
    bool wide = avx_is_wide(insn);

    if (!among(wide_names, sizeof wide_names / sizeof *wide_names, (enum insn_name)insn->name) &&
        (wide || !among(narrow_names, sizeof narrow_names / sizeof *narrow_names, (enum insn_name)insn->name)))
        return false;
    /* pmovsx and its like have less memory than 16 bytes, also those of 32: these are AVX2's */
    if (insn->vector_bytes == 32 && !wide && insn->name != INSN_VRCPSS && insn->name != INSN_VRSQRTSS)
        return false;
    return avx_bind_compute(insn, op, avx_kernel(insn, wide));
}

/* ---- Binding ---------------------------------------------------------------------------------------------------- */

bool bind_avx(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    if (insn->encoding != ENCODING_VEX || !cpu_model_has(&cpu->model, CPU_AVX))
        return false;
    if (insn->name == INSN_VLDMXCSR || insn->name == INSN_VSTMXCSR)
        return bind_state(cpu, insn, op, ends);
    if (insn->map == 1 && insn->opcode >= 0x71 && insn->opcode <= 0x73)
        return bind_shift_immediate(insn, op);
    if (insn->map == 3 && insn->opcode >= 0x60 && insn->opcode <= 0x63)
        return sse_bind_strings(insn, op);
    return bind_avx_move(cpu, insn, op, ends) || bind_avx_number(cpu, insn, op, ends) || bind_compute(insn, op);
}
