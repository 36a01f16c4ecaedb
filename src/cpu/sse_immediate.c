/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSE with an immediate: shuffles, blends, insertions and extractions, the comparisons of strings. A shuffle's
 * immediate is part of the host's instruction, so there is a table of code with one for each value, and binding picks
 * the entry (SSE_CODE).
 */
#include "cpu/fpu.h"
#include "cpu/sse.h"

SSE_CODE(sse_code_pshufd, 256, "0x66,0x0f,0x70,0xc1");
SSE_CODE(sse_code_pshufhw, 256, "0xf3,0x0f,0x70,0xc1");
SSE_CODE(sse_code_pshuflw, 256, "0xf2,0x0f,0x70,0xc1");
SSE_CODE(sse_code_shufps, 256, "0x0f,0xc6,0xc1");
SSE_CODE(sse_code_shufpd, 4, "0x66,0x0f,0xc6,0xc1");
SSE_CODE(sse_code_blendps, 16, "0x66,0x0f,0x3a,0x0c,0xc1");
SSE_CODE(sse_code_blendpd, 4, "0x66,0x0f,0x3a,0x0d,0xc1");
SSE_CODE(sse_code_pblendw, 256, "0x66,0x0f,0x3a,0x0e,0xc1");
SSE_CODE(sse_code_palignr, 33, "0x66,0x0f,0x3a,0x0f,0xc1");
SSE_CODE(sse_code_insertps, 256, "0x66,0x0f,0x3a,0x21,0xc1");
SSE_CODE(sse_code_mpsadbw, 8, "0x66,0x0f,0x3a,0x42,0xc1");
SSE_CODE(sse_code_pclmulqdq, 18, "0x66,0x0f,0x3a,0x44,0xc1");
SSE_CODE(sse_code_aeskeygenassist, 256, "0x66,0x0f,0x3a,0xdf,0xc1");
SSE_CODE(sse_code_psrldq, 17, "0x66,0x0f,0x73,0xd8");
SSE_CODE(sse_code_pslldq, 17, "0x66,0x0f,0x73,0xf8");

static const struct immediate_row {
    uint16_t name;
    uint8_t mask, most; /* bits that count; what is above is as `most` */
    const uint8_t *code;
} rows[] = {
    {INSN_PSHUFD, 255, 255, sse_code_pshufd},
    {INSN_PSHUFHW, 255, 255, sse_code_pshufhw},
    {INSN_PSHUFLW, 255, 255, sse_code_pshuflw},
    {INSN_SHUFPS, 255, 255, sse_code_shufps},
    {INSN_SHUFPD, 3, 3, sse_code_shufpd},
    {INSN_BLENDPS, 15, 15, sse_code_blendps},
    {INSN_BLENDPD, 3, 3, sse_code_blendpd},
    {INSN_PBLENDW, 255, 255, sse_code_pblendw},
    {INSN_PALIGNR, 255, 32, sse_code_palignr},
    {INSN_INSERTPS, 255, 255, sse_code_insertps},
    {INSN_MPSADBW, 7, 7, sse_code_mpsadbw},
    {INSN_PSRLDQ, 255, 16, sse_code_psrldq},
    {INSN_PSLLDQ, 255, 16, sse_code_pslldq},
    {INSN_PCLMULQDQ, 0x11, 255, sse_code_pclmulqdq},
    {INSN_AESKEYGENASSIST, 255, 255, sse_code_aeskeygenassist},
};

static void shuffle_registers(struct cpu *cpu, const struct op *op)
{
    SSE_ALLOWED(cpu, op);
    xmm_set(cpu, op->reg, ((sse_kernel *)op->imm)(xmm_get(cpu, op->reg), xmm_get(cpu, op->rm)));
    NEXT(cpu, op);
}
static void shuffle_memory(struct cpu *cpu, const struct op *op)
{
    SSE_ALLOWED(cpu, op);
    const vec *p = fpu_source(cpu, op, 16, ALIGNED);
    if (UNLIKELY(!p))
        return;
    xmm_set(cpu, op->reg, ((sse_kernel *)op->imm)(xmm_get(cpu, op->reg), *p));
    NEXT(cpu, op);
}
/* pslldq, psrldq */
static void shift_bytes(struct cpu *cpu, const struct op *op)
{
    SSE_ALLOWED(cpu, op);
    xmm_set(cpu, op->rm, ((sse_kernel *)op->imm)(xmm_get(cpu, op->rm), (vec){0, 0}));
    NEXT(cpu, op);
}
static void insertps_memory(struct cpu *cpu, const struct op *op)
{
    SSE_ALLOWED(cpu, op);
    uint32_t v;
    if (!op_load32(cpu, op, &v))
        return;
    xmm_set(cpu, op->reg, ((sse_kernel *)op->imm)(xmm_get(cpu, op->reg), (vec){(long long)(uint64_t)v, 0}));
    NEXT(cpu, op);
}

/* ---- Insertions and extractions --------------------------------------------------------------------------------- */

#define NOTHING(cpu, op) ((void)0)
VECTOR_PARTS(8, SSE_ALLOWED, NOTHING)
VECTOR_PARTS(16, SSE_ALLOWED, NOTHING)
VECTOR_PARTS(32, SSE_ALLOWED, NOTHING)
VECTOR_PARTS(64, SSE_ALLOWED, NOTHING)

static const struct sse_part_row parts[] = {
    {INSN_PINSRB, 1, {insert_8_registers, insert_8_memory}},
    {INSN_PINSRW, 2, {insert_16_registers, insert_16_memory}},
    {INSN_PINSRD, 4, {insert_32_registers, insert_32_memory}},
    {INSN_PINSRQ, 8, {insert_64_registers, insert_64_memory}},
    {INSN_PEXTRB, 1, {extract_8_registers, extract_8_memory}},
    {INSN_PEXTRW, 2, {extract_16_registers, extract_16_memory}},
    {INSN_PEXTRD, 4, {extract_32_registers, extract_32_memory}},
    {INSN_PEXTRQ, 8, {extract_64_registers, extract_64_memory}},
    {INSN_EXTRACTPS, 4, {extract_32_registers, extract_32_memory}},
};

bool sse_bind_part(const struct sse_part_row *row, const struct insn *insn, struct op *op)
{
    op->extra2 = (uint8_t)(insn->imm * row->bytes & 15);
    fpu_row_bind(&row->handlers, insn, op);
    if (insn->map == 1 && insn->opcode == 0xc5) { /* pextrw of SSE2: the general register is in reg */
        op->reg = (uint8_t)insn_rm(insn);
        op->rm = (uint8_t)insn_reg(insn);
    }
    return true;
}

/* ---- Comparisons of strings -------------------------------------------------------------------------------------- */

SSE_CODE(sse_code_pcmpestrm, 128, "0x66,0x0f,0x3a,0x60,0xc1");
SSE_CODE(sse_code_pcmpestri, 128, "0x66,0x0f,0x3a,0x61,0xc1");
SSE_CODE(sse_code_pcmpistrm, 128, "0x66,0x0f,0x3a,0x62,0xc1");
SSE_CODE(sse_code_pcmpistri, 128, "0x66,0x0f,0x3a,0x63,0xc1");

/* Lengths beyond any vector are all the same; with REX.W they are 64 bits wide. */
static int32_t string_length(uint64_t v, bool wide)
{
    int64_t n = wide ? (int64_t)v : (int32_t)v;
    return n > 16 ? 16 : n < -16 ? -16 : (int32_t)n;
}

/* op->extra: bit 0 an index to ecx instead of a mask to xmm0, bit 1 lengths are 64 bits, bit 2 with VEX. */
static void strings(struct cpu *cpu, const struct op *op, vec second)
{
    register vec a __asm__("xmm0") = xmm_get(cpu, op->reg);
    register vec b __asm__("xmm1") = second;
    int32_t length_a = string_length(cpu->gpr[GPR_AX], op->extra & 2);
    int32_t length_b = string_length(cpu->gpr[GPR_DX], op->extra & 2);
    uint64_t index;
    bool c, z, s, o;

    /* below the red zone */
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\tcall *%[code]\n\tlea 128(%%rsp), %%rsp"
                     : "+x"(a), "=c"(index), "=@ccc"(c), "=@ccz"(z), "=@ccs"(s), "=@cco"(o)
                     : "x"(b), [code] "r"(op->imm), "a"(length_a), "d"(length_b)
                     : "memory");
    if (op->extra & 1)
        cpu->gpr[GPR_CX] = (uint32_t)index;
    else
        xmm_set(cpu, 0, a);
    if ((op->extra & 5) == 4)
        memset(cpu->fpu.xmm[0].bytes + 16, 0, 16);
    flags_set(&cpu->flags, c * FLAG_C | z * FLAG_Z | s * FLAG_S | o * FLAG_O);
}
static bool strings_allowed(struct cpu *cpu, const struct op *op)
{
    if (!(cpu->fpu.off & (op->extra & 4 ? FPU_OFF_AVX : FPU_OFF_SSE)))
        return true;
    if (op->extra & 4)
        fpu_refuse_avx(cpu, op);
    else
        fpu_refuse_sse(cpu, op);
    return false;
}
static void strings_registers(struct cpu *cpu, const struct op *op)
{
    if (UNLIKELY(!strings_allowed(cpu, op)))
        return;
    strings(cpu, op, xmm_get(cpu, op->rm));
    NEXT(cpu, op);
}
static void strings_memory(struct cpu *cpu, const struct op *op)
{
    if (UNLIKELY(!strings_allowed(cpu, op)))
        return;
    const void *p = fpu_source(cpu, op, 16, UNALIGNED);
    vec b;
    if (!p)
        return;
    memcpy(&b, p, 16);
    strings(cpu, op, b);
    NEXT(cpu, op);
}

bool sse_bind_strings(const struct cpu *cpu, const struct insn *insn, struct op *op)
{
    static const struct fpu_row row = {strings_registers, strings_memory};
    static const uint8_t *const codes[] = {sse_code_pcmpestrm, sse_code_pcmpestri, sse_code_pcmpistrm,
                                           sse_code_pcmpistri};

    bool wide = insn->rex & REX_W && cpu->code_size == 8; /* with VEX W may be set elsewhere, and means nothing */

    op->extra = (uint8_t)((insn->opcode & 1) | (wide ? 2 : 0) | (insn->encoding == ENCODING_VEX ? 4 : 0));
    op->imm = (int64_t)(uintptr_t)(codes[insn->opcode & 3] + 8 * (size_t)(insn->imm & 127));
    return fpu_row_bind(&row, insn, op);
}

/* ---- Binding ------------------------------------------------------------------------------------------------------
 */

bool bind_sse_immediate(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    static const struct fpu_row shuffle = {shuffle_registers, shuffle_memory}, bytes = {shift_bytes, NULL},
                                insertps = {shuffle_registers, insertps_memory};

    if (insn->map == 3 && insn->opcode >= 0x60 && insn->opcode <= 0x63)
        return sse_bind_strings(cpu, insn, op);
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].name == insn->name)
            return sse_bind_part(&parts[i], insn, op);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].name == insn->name) {
            unsigned v = insn->imm & rows[i].mask;
            if (v > rows[i].most)
                v = rows[i].most;
            if (insn->name == INSN_INSERTPS && insn->has_memory)
                v &= 0x3f; /* memory is one number: nothing to choose from */
            op->imm = (int64_t)(uintptr_t)(rows[i].code + 8 * (size_t)v);
            return fpu_row_bind(insn->name == INSN_INSERTPS                              ? &insertps
                                : insn->name == INSN_PSLLDQ || insn->name == INSN_PSRLDQ ? &bytes
                                                                                         : &shuffle,
                                insn, op);
        }
    return false;
}
