/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVX that puts vectors together out of others: halves of 32 bytes, broadcasts, blends by a fourth register; and what
 * asks for signs and bits of vectors. Neither MXCSR nor the host's AVX has part in it.
 */
#include "cpu/avx.h"

/* ---- Halves of 32 bytes ----------------------------------------------------------------------------------------- */

/* Half n of a register: 0 and 1 of `first`, 2 and 3 of `second`; zeros with bit 3. */
static vec chosen_half(const uint8_t *first, const uint8_t *second, unsigned n)
{
    vec v = {0, 0};

    if (!(n & 8))
        memcpy(&v, (n & 2 ? second : first) + 16 * (size_t)(n & 1), 16);
    return v;
}
static void halves_set(struct cpu *cpu, const struct op *op, const void *b)
{
    const uint8_t *a = avx_register(cpu, op->extra);
    vec low = chosen_half(a, b, op->extra2 & 15), high = chosen_half(a, b, op->extra2 >> 4 & 15);

    avx_set(cpu, op->reg, low);
    *(vec *)(avx_register(cpu, op->reg) + 16) = high;
}
/* vperm2f128, and as such vinsertf128 and vbroadcastf128; and those of integers. */
AVX_HANDLER(halves_registers, avx_source(cpu, op, false, true), halves_set(cpu, op, b))
AVX_HANDLER(halves_memory, avx_source(cpu, op, true, true), halves_set(cpu, op, b))

static void extract_half_registers(struct cpu *cpu, const struct op *op)
{
    AVX_ALLOWED(cpu, op);
    avx_set(cpu, op->rm, *(const vec *)(avx_register(cpu, op->reg) + 16 * (size_t)(op->extra2 & 1)));
    NEXT(cpu, op);
}
static void extract_half_memory(struct cpu *cpu, const struct op *op)
{
    AVX_ALLOWED(cpu, op);
    if (!fpu_store(cpu, op, 16, UNALIGNED, avx_register(cpu, op->reg) + 16 * (size_t)(op->extra2 & 1)))
        return;
    NEXT(cpu, op);
}

/* An element of op->imm bytes, to op->extra2 bytes. */
static void broadcast_do(struct cpu *cpu, const struct op *op, const void *p)
{
    uint64_t v = 0;

    memcpy(&v, p, (size_t)op->imm);
    for (unsigned bytes = (unsigned)op->imm; bytes < 8; bytes *= 2)
        v |= v << 8 * bytes;
    vec r = {(long long)v, (long long)v};
    avx_set(cpu, op->reg, r);
    if (op->extra2 == 32)
        *(vec *)(avx_register(cpu, op->reg) + 16) = r;
}
AVX_HANDLER(broadcast_registers, avx_register(cpu, op->rm), broadcast_do(cpu, op, b))
AVX_HANDLER(broadcast_memory, fpu_source(cpu, op, (unsigned)op->imm, UNALIGNED), broadcast_do(cpu, op, b))

static bool bind_broadcast(const struct insn *insn, struct op *op)
{
    static const struct fpu_row row = {broadcast_registers, broadcast_memory};

    op->extra2 = insn->vector_bytes;
    op->imm = insn->operands[1].bytes;
    return fpu_row_bind(&row, insn, op);
}

/* ---- Blends by the signs of a fourth register (op->extra2, and 16 of 32 bytes) -------------------------------------
 */

typedef int8_t signs_8 __attribute__((vector_size(16)));
typedef int32_t signs_32 __attribute__((vector_size(16)));

static vec blend_half(vec a, vec b, vec signs, unsigned bytes)
{
    vec mask = bytes == 1 ? (vec)((signs_8)signs < 0) : bytes == 4 ? (vec)((signs_32)signs < 0) : (vec)(signs < 0);

    return (a & ~mask) | (b & mask);
}
/* Of elements of `imm` bytes. */
static void blend(struct cpu *cpu, const struct op *op, const uint8_t *b, bool wide)
{
    const vec *x = (const vec *)avx_register(cpu, op->extra), *m = (const vec *)avx_register(cpu, op->extra2);
    vec second[2] = {0};

    memcpy(second, b, wide ? 32 : 16);
    vec low = blend_half(x[0], second[0], m[0], (unsigned)op->imm);
    vec high = wide ? blend_half(x[1], second[1], m[1], (unsigned)op->imm) : (vec){0, 0};
    avx_set(cpu, op->reg, low);
    *(vec *)(avx_register(cpu, op->reg) + 16) = high;
}
AVX_HANDLER(blend_registers_16, avx_source(cpu, op, false, false), blend(cpu, op, b, false))
AVX_HANDLER(blend_memory_16, avx_source(cpu, op, true, false), blend(cpu, op, b, false))
AVX_HANDLER(blend_registers_32, avx_source(cpu, op, false, true), blend(cpu, op, b, true))
AVX_HANDLER(blend_memory_32, avx_source(cpu, op, true, true), blend(cpu, op, b, true))

static bool bind_blend(const struct insn *insn, struct op *op)
{
    static const struct fpu_row rows[2] = {{blend_registers_16, blend_memory_16},
                                           {blend_registers_32, blend_memory_32}};
    bool wide = insn->vector_bytes == 32;

    op->extra2 = insn->operands[3].reg;
    op->imm = insn->name == INSN_VPBLENDVB ? 1 : insn->name == INSN_VBLENDVPS ? 4 : 8;
    return fpu_row_bind(&rows[wide], insn, op);
}

/* ---- Signs and tests -----------------------------------------------------------------------------------------------
 */

/* Bits of which Z and C are made: all for ptest, signs for vtestps and vtestpd (op->imm). */
static void test(struct cpu *cpu, const struct op *op, const void *b, unsigned words)
{
    uint64_t both = 0, rest = 0, x, y;

    for (unsigned i = 0; i < words; i++) {
        memcpy(&x, avx_register(cpu, op->reg) + 8 * (size_t)i, 8);
        memcpy(&y, (const uint8_t *)b + 8 * (size_t)i, 8);
        both |= x & y & (uint64_t)op->imm;
        rest |= ~x & y & (uint64_t)op->imm;
    }
    flags_set(&cpu->flags, !both * FLAG_Z | !rest * FLAG_C);
}
AVX_HANDLER(test_registers_16, avx_source(cpu, op, false, false), test(cpu, op, b, 2))
AVX_HANDLER(test_memory_16, avx_source(cpu, op, true, false), test(cpu, op, b, 2))
AVX_HANDLER(test_registers_32, avx_source(cpu, op, false, true), test(cpu, op, b, 4))
AVX_HANDLER(test_memory_32, avx_source(cpu, op, true, true), test(cpu, op, b, 4))

static bool bind_test(const struct insn *insn, struct op *op)
{
    static const struct fpu_row rows[2] = {{test_registers_16, test_memory_16}, {test_registers_32, test_memory_32}};

    op->imm = insn->name == INSN_VPTEST    ? -1
              : insn->name == INSN_VTESTPS ? (int64_t)UINT64_C(0x8000000080000000)
                                           : INT64_MIN;
    return fpu_row_bind(&rows[insn->vector_bytes == 32], insn, op);
}

/* vmovmskps, vmovmskpd, vpmovmskb: op->extra2 bytes of elements each, of op->imm bytes. */
static void signs(struct cpu *cpu, const struct op *op)
{
    AVX_ALLOWED(cpu, op);
    const uint8_t *b = avx_register(cpu, op->rm);
    uint32_t r = 0;
    unsigned n = 0;
    for (unsigned at = op->extra2; at <= (uint64_t)op->imm; at += op->extra2)
        r |= (uint32_t)(b[at - 1] >> 7) << n++;
    cpu->gpr[op->reg] = r;
    NEXT(cpu, op);
}

static bool bind_signs(const struct insn *insn, struct op *op)
{
    op->extra2 = insn->name == INSN_VPMOVMSKB ? 1 : insn->name == INSN_VMOVMSKPS ? 4 : 8;
    op->imm = insn->vector_bytes;
    op->run = signs;
    return true;
}

/* ---- Binding ---------------------------------------------------------------------------------------------------- */

static bool bind_halves(const struct insn *insn, struct op *op, unsigned chosen)
{
    static const struct fpu_row row = {halves_registers, halves_memory};

    op->extra2 = (uint16_t)chosen;
    return fpu_row_bind(&row, insn, op);
}

static bool bind_extract_half(const struct insn *insn, struct op *op)
{
    static const struct fpu_row row = {extract_half_registers, extract_half_memory};

    op->extra2 = insn->imm & 1;
    return fpu_row_bind(&row, insn, op);
}

bool bind_avx_join(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    avx_operands(insn, op);
    switch (insn->name) {
    case INSN_VPERM2F128:
    case INSN_VPERM2I128:
        return bind_halves(insn, op, (uint8_t)insn->imm);
    case INSN_VINSERTF128:
    case INSN_VINSERTI128: /* the half, and the other of vvvv */
        return bind_halves(insn, op, insn->imm & 1 ? 0x20 : 0x12);
    case INSN_VBROADCASTF128:
    case INSN_VBROADCASTI128:
        return bind_halves(insn, op, 0x22);
    case INSN_VEXTRACTF128:
    case INSN_VEXTRACTI128:
        return bind_extract_half(insn, op);
    case INSN_VBROADCASTSS:
    case INSN_VBROADCASTSD:
    case INSN_VPBROADCASTB:
    case INSN_VPBROADCASTW:
    case INSN_VPBROADCASTD:
    case INSN_VPBROADCASTQ:
        return bind_broadcast(insn, op);
    case INSN_VBLENDVPS:
    case INSN_VBLENDVPD:
    case INSN_VPBLENDVB:
        return bind_blend(insn, op);
    case INSN_VPTEST:
    case INSN_VTESTPS:
    case INSN_VTESTPD:
        return bind_test(insn, op);
    case INSN_VMOVMSKPS:
    case INSN_VMOVMSKPD:
    case INSN_VPMOVMSKB:
        return bind_signs(insn, op);
    default:
        return false;
    }
}
