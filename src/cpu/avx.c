/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVX and AVX2: which instructions there are, and those that compute without flags or controls. There is no FMA and
 * F16C: CPUID does not say so, and they are invalid. What works with MXCSR is in
 * avx_number.c, what moves data in avx_move.c, avx_join.c and avx_gather.c. The host must have what the model has
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
    AVX_HANDLER(                                                                                                       \
        NAME, avx_source(cpu, op, MEMORY, WIDE),                                                                       \
        avx_run((const void *)(uintptr_t)op->imm, WIDE, avx_register(cpu, op->extra), b, avx_register(cpu, op->reg)))
COMPUTE(compute_registers_16, false, false)
COMPUTE(compute_memory_16, true, false)
COMPUTE(compute_registers_32, false, true)
COMPUTE(compute_memory_32, true, true)

/* Shifts by an immediate: the destination is vvvv. op->extra2: the count, for those that take one from a register. */
#define SHIFT(NAME, WIDE)                                                                                              \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        uint64_t count = op->extra2;                                                                                   \
        AVX_ALLOWED(cpu, op);                                                                                          \
        memset(cpu->fpu.scratch + 8, 0, 24);                                                                           \
        memcpy(cpu->fpu.scratch, &count, 8);                                                                           \
        avx_run((const void *)(uintptr_t)op->imm, WIDE, avx_register(cpu, op->rm), cpu->fpu.scratch,                   \
                avx_register(cpu, op->extra));                                                                         \
        NEXT(cpu, op);                                                                                                 \
    }
SHIFT(shift_16, false)
SHIFT(shift_32, true)

static bool is_shift_immediate(const struct insn *insn)
{
    return insn->map == 1 && insn->opcode >= 0x71 && insn->opcode <= 0x73;
}

static bool bind_shift_immediate(const struct insn *insn, struct op *op)
{
    bool wide = insn->vector_bytes == 32;
    unsigned digit = insn->modrm >> 3 & 7;
    unsigned opcode = 0xd1u + (insn->opcode - 0x71u) + (digit == 4 ? 0x10 : digit == 6 ? 0x20 : 0);
    const void *bytes = avx_kernel(insn, wide); /* of psrldq, pslldq */

    avx_operands(insn, op);
    op->extra2 = (uint8_t)insn->imm;
    op->imm = (int64_t)(uintptr_t)(bytes ? bytes : avx_code_0f[wide][1][opcode]);
    op->run = wide ? shift_32 : shift_16;
    return true;
}

/* Integers: those of sse_integer.def, by name, and others. The first AVX has them with 16 bytes, AVX2 with 32 too. */
static const uint16_t integers[] = {
#define BOTH(NAME, TEXT, FORM)  INSN_V##NAME,
#define VECTOR(NAME, TEXT)      INSN_V##NAME,
#define PART(NAME, TEXT, BYTES) INSN_V##NAME,
#define WIDE(...)
#define CIPHER(...)
#include "cpu/sse_integer.def"
    INSN_VPSHUFD, INSN_VPSHUFHW, INSN_VPSHUFLW, INSN_VPBLENDW, INSN_VPALIGNR, INSN_VINSERTPS, INSN_VMPSADBW,
};
/* Numbers that nothing is computed of. */
static const uint16_t shuffles[] = {
#define WIDE(NAME, TEXT) INSN_V##NAME,
#define CIPHER(...)
#include "cpu/sse_integer.def"
    INSN_VMOVDDUP,  INSN_VSHUFPS,   INSN_VSHUFPD, INSN_VBLENDPS, INSN_VBLENDPD,
    INSN_VPERMILPS, INSN_VPERMILPD, INSN_VRCPSS,  INSN_VRSQRTSS,
};
/* Those of AES and their like, which have a feature for 32 bytes as well. */
static const uint16_t ciphers[] = {
#define WIDE(...)
#define CIPHER(NAME, TEXT) INSN_V##NAME,
#include "cpu/sse_integer.def"
    INSN_VAESKEYGENASSIST,
    INSN_VPCLMULQDQ,
};
/* What only AVX2 has. */
static const uint16_t later_computed[] = {
    INSN_VPERMD,  INSN_VPERMPS, INSN_VPERMQ,  INSN_VPERMPD, INSN_VPBLENDD,
    INSN_VPSRLVD, INSN_VPSRLVQ, INSN_VPSRAVD, INSN_VPSLLVD, INSN_VPSLLVQ,
};
static const uint16_t later_moved[] = {
    INSN_VPBROADCASTB, INSN_VPBROADCASTW, INSN_VPBROADCASTD, INSN_VPBROADCASTQ, INSN_VBROADCASTI128, INSN_VINSERTI128,
    INSN_VEXTRACTI128, INSN_VPERM2I128,   INSN_VPMASKMOVD,   INSN_VPMASKMOVQ,   INSN_VPGATHERDD,     INSN_VPGATHERDQ,
    INSN_VPGATHERQD,   INSN_VPGATHERQQ,   INSN_VGATHERDPS,   INSN_VGATHERDPD,   INSN_VGATHERQPS,     INSN_VGATHERQPD,
};

static bool among(const uint16_t *names, size_t n, unsigned name)
{
    for (size_t i = 0; i < n; i++)
        if (names[i] == name)
            return true;
    return false;
}
#define AMONG(names, name) among(names, sizeof names / sizeof *(names), name)

/* Does it take AVX2? */
static bool is_later(const struct insn *insn)
{
    if (AMONG(later_computed, insn->name) || AMONG(later_moved, insn->name))
        return true;
    if (insn->name == INSN_VBROADCASTSS || insn->name == INSN_VBROADCASTSD)
        return !insn->has_memory;
    if (AMONG(shuffles, insn->name)) /* some are also among the integers */
        return false;
    return insn->vector_bytes == 32 &&
           (AMONG(integers, insn->name) || is_shift_immediate(insn) || insn->name == INSN_VMOVNTDQA ||
            insn->name == INSN_VPBLENDVB || insn->name == INSN_VPMOVMSKB);
}

static bool bind_compute(const struct insn *insn, struct op *op)
{
    static const struct fpu_row rows[2] = {{compute_registers_16, compute_memory_16},
                                           {compute_registers_32, compute_memory_32}};
    bool scalar = insn->name == INSN_VRCPSS || insn->name == INSN_VRSQRTSS;
    bool wide = insn->vector_bytes == 32 && !scalar;
    const void *code = avx_kernel(insn, wide);

    if (!AMONG(integers, insn->name) && !AMONG(shuffles, insn->name) && !AMONG(later_computed, insn->name) &&
        !AMONG(ciphers, insn->name))
        return false;
    avx_operands(insn, op);
    op->imm = (int64_t)(uintptr_t)code;
    return code && fpu_row_bind(&rows[wide], insn, op);
}

/* ---- Binding ---------------------------------------------------------------------------------------------------- */

bool bind_avx(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    if (insn->encoding != ENCODING_VEX || !cpu_model_has(&cpu->model, is_later(insn) ? CPU_AVX2 : CPU_AVX) ||
        !sse_model_has(&cpu->model, (enum insn_name)insn->name, insn->vector_bytes == 32))
        return false;
    if (insn->name == INSN_VLDMXCSR || insn->name == INSN_VSTMXCSR)
        return bind_state(cpu, insn, op, ends);
    if (is_shift_immediate(insn))
        return bind_shift_immediate(insn, op);
    if (insn->map == 3 && insn->opcode >= 0x60 && insn->opcode <= 0x63)
        return sse_bind_strings(cpu, insn, op);
    return bind_avx_move(cpu, insn, op, ends) || bind_avx_join(cpu, insn, op, ends) ||
           bind_avx_number(cpu, insn, op, ends) || bind_compute(insn, op);
}
