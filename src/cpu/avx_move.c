/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVX that moves data: between vectors and memory, whole, in halves and parts, to and from general registers, masked;
 * what puts vectors together out of others. No flags of MXCSR. What writes 16 bytes or fewer of a vector makes the rest
 * of its 32 bytes 0. The widths of whole moves are in op->operand_size.
 */
#include "cpu/avx.h"

#include "cpu/engine.h"

/* ---- Whole ------------------------------------------------------------------------------------------------------ */

#define MOVES(BYTES)                                                                                                   \
    static void move_##BYTES(struct cpu *cpu, const struct op *op)                                                     \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        vec low = xmm_get(cpu, op->rm), high = *(const vec *)(avx_register(cpu, op->rm) + 16);                         \
        avx_set(cpu, op->reg, low);                                                                                    \
        if ((BYTES) == 32)                                                                                             \
            *(vec *)(avx_register(cpu, op->reg) + 16) = high;                                                          \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void move_back_##BYTES(struct cpu *cpu, const struct op *op)                                                \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        vec low = xmm_get(cpu, op->reg), high = *(const vec *)(avx_register(cpu, op->reg) + 16);                       \
        avx_set(cpu, op->rm, low);                                                                                     \
        if ((BYTES) == 32)                                                                                             \
            *(vec *)(avx_register(cpu, op->rm) + 16) = high;                                                           \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    WHOLE(BYTES, unaligned, UNALIGNED)                                                                                 \
    WHOLE(BYTES, aligned, ALIGNED)
#define WHOLE(BYTES, NAME, ALIGNMENT)                                                                                  \
    static void load_##NAME##_##BYTES(struct cpu *cpu, const struct op *op)                                            \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        const void *p = fpu_source(cpu, op, BYTES, ALIGNMENT);                                                         \
        if (UNLIKELY(!p))                                                                                              \
            return;                                                                                                    \
        memcpy(avx_register(cpu, op->reg), p, BYTES);                                                                  \
        if ((BYTES) == 16)                                                                                             \
            *(vec *)(avx_register(cpu, op->reg) + 16) = (vec){0, 0};                                                   \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void store_##NAME##_##BYTES(struct cpu *cpu, const struct op *op)                                           \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        if (UNLIKELY(!fpu_store(cpu, op, BYTES, ALIGNMENT, avx_register(cpu, op->reg))))                               \
            return;                                                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }
MOVES(16)
MOVES(32)

/* ---- Four and eight bytes --------------------------------------------------------------------------------------- */

/* extra: vvvv. */
#define PART(BITS)                                                                                                     \
    static void load_##BITS(struct cpu *cpu, const struct op *op) /* the rest becomes 0 */                             \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        uint##BITS##_t v;                                                                                              \
        if (UNLIKELY(!op_load##BITS(cpu, op, &v)))                                                                     \
            return;                                                                                                    \
        avx_set(cpu, op->reg, (vec){(long long)(uint64_t)v, 0});                                                       \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void store_##BITS(struct cpu *cpu, const struct op *op)                                                     \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        if (UNLIKELY(!op_store##BITS(cpu, op, (uint##BITS##_t)xmm_low(cpu, op->reg))))                                 \
            return;                                                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void from_general_##BITS(struct cpu *cpu, const struct op *op)                                              \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        avx_set(cpu, op->reg, (vec){(long long)(uint##BITS##_t)cpu->gpr[op->rm], 0});                                  \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void to_general_##BITS(struct cpu *cpu, const struct op *op)                                                \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        cpu->gpr[op->rm] = (uint##BITS##_t)xmm_low(cpu, op->reg);                                                      \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    /* movss, movsd between registers: the rest is that of vvvv */                                                     \
    static void merge_##BITS(struct cpu *cpu, const struct op *op)                                                     \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        uint##BITS##_t low = (uint##BITS##_t)xmm_low(cpu, op->rm);                                                     \
        avx_set(cpu, op->reg, xmm_get(cpu, op->extra));                                                                \
        memcpy(avx_register(cpu, op->reg), &low, (BITS) / 8);                                                          \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void merge_back_##BITS(struct cpu *cpu, const struct op *op)                                                \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        uint##BITS##_t low = (uint##BITS##_t)xmm_low(cpu, op->reg);                                                    \
        avx_set(cpu, op->rm, xmm_get(cpu, op->extra));                                                                 \
        memcpy(avx_register(cpu, op->rm), &low, (BITS) / 8);                                                           \
        NEXT(cpu, op);                                                                                                 \
    }
PART(32)
PART(64)

/* movq between registers */
static void low_registers(struct cpu *cpu, const struct op *op)
{
    AVX_ALLOWED(cpu, op);
    avx_set(cpu, op->reg, (vec){(long long)xmm_low(cpu, op->rm), 0});
    NEXT(cpu, op);
}
static void low_registers_back(struct cpu *cpu, const struct op *op)
{
    AVX_ALLOWED(cpu, op);
    avx_set(cpu, op->rm, (vec){(long long)xmm_low(cpu, op->reg), 0});
    NEXT(cpu, op);
}

/* ---- Halves of 16 bytes: op->extra2 says which ------------------------------------------------------------------ */

/* The other half is that of vvvv. */
static void half_set(struct cpu *cpu, const struct op *op, uint64_t v)
{
    vec r = xmm_get(cpu, op->extra);

    avx_set(cpu, op->reg, op->extra2 ? (vec){r[0], (long long)v} : (vec){(long long)v, r[1]});
}
static void load_half(struct cpu *cpu, const struct op *op)
{
    AVX_ALLOWED(cpu, op);
    uint64_t v;
    if (UNLIKELY(!op_load64(cpu, op, &v)))
        return;
    half_set(cpu, op, v);
    NEXT(cpu, op);
}
static void store_half(struct cpu *cpu, const struct op *op)
{
    AVX_ALLOWED(cpu, op);
    if (UNLIKELY(!op_store64(cpu, op, (uint64_t)xmm_get(cpu, op->reg)[op->extra2 & 1])))
        return;
    NEXT(cpu, op);
}
/* movhlps, movlhps: the half comes from rm's other one. */
static void cross_half(struct cpu *cpu, const struct op *op)
{
    AVX_ALLOWED(cpu, op);
    half_set(cpu, op, (uint64_t)xmm_get(cpu, op->rm)[!op->extra2]);
    NEXT(cpu, op);
}

/* ---- Insertions and extractions of parts: op->extra2 is the place, in bytes -------------------------------------- */

#define PARTS(BITS)                                                                                                    \
    static void insert_##BITS##_registers(struct cpu *cpu, const struct op *op)                                        \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        avx_set(cpu, op->reg, xmm_get(cpu, op->extra));                                                                \
        memcpy(avx_register(cpu, op->reg) + op->extra2, &cpu->gpr[op->rm], (BITS) / 8);                                \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void insert_##BITS##_memory(struct cpu *cpu, const struct op *op)                                           \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        uint##BITS##_t v;                                                                                              \
        if (!op_load##BITS(cpu, op, &v))                                                                               \
            return;                                                                                                    \
        avx_set(cpu, op->reg, xmm_get(cpu, op->extra));                                                                \
        memcpy(avx_register(cpu, op->reg) + op->extra2, &v, (BITS) / 8);                                               \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void extract_##BITS##_registers(struct cpu *cpu, const struct op *op)                                       \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        uint##BITS##_t v;                                                                                              \
        memcpy(&v, avx_register(cpu, op->reg) + op->extra2, (BITS) / 8);                                               \
        cpu->gpr[op->rm] = v;                                                                                          \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void extract_##BITS##_memory(struct cpu *cpu, const struct op *op)                                          \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        uint##BITS##_t v;                                                                                              \
        memcpy(&v, avx_register(cpu, op->reg) + op->extra2, (BITS) / 8);                                               \
        if (!op_store##BITS(cpu, op, v))                                                                               \
            return;                                                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }
PARTS(8)
PARTS(16)
PARTS(32)
PARTS(64)

static const struct part_row {
    uint16_t name;
    uint8_t bytes;
    struct fpu_row handlers;
} parts[] = {
    {INSN_VPINSRB, 1, {insert_8_registers, insert_8_memory}},
    {INSN_VPINSRW, 2, {insert_16_registers, insert_16_memory}},
    {INSN_VPINSRD, 4, {insert_32_registers, insert_32_memory}},
    {INSN_VPINSRQ, 8, {insert_64_registers, insert_64_memory}},
    {INSN_VPEXTRB, 1, {extract_8_registers, extract_8_memory}},
    {INSN_VPEXTRW, 2, {extract_16_registers, extract_16_memory}},
    {INSN_VPEXTRD, 4, {extract_32_registers, extract_32_memory}},
    {INSN_VPEXTRQ, 8, {extract_64_registers, extract_64_memory}},
    {INSN_VEXTRACTPS, 4, {extract_32_registers, extract_32_memory}},
};

static bool bind_part(const struct part_row *row, const struct insn *insn, struct op *op)
{
    op->extra2 = (uint8_t)(insn->imm * row->bytes & 15);
    if (insn->map == 1 && insn->opcode == 0xc5) { /* the general register is in reg */
        op->run = row->handlers.registers;
        op->reg = (uint8_t)insn_rm(insn);
        op->rm = (uint8_t)insn_reg(insn);
        return true;
    }
    return fpu_row_bind(&row->handlers, insn, op);
}

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
static void halves_registers(struct cpu *cpu, const struct op *op)
{
    AVX_ALLOWED(cpu, op);
    halves_set(cpu, op, avx_register(cpu, op->rm));
    NEXT(cpu, op);
}
static void halves_memory(struct cpu *cpu, const struct op *op)
{
    AVX_ALLOWED(cpu, op);
    const void *b = avx_source(cpu, op, true, true);
    if (!b)
        return;
    halves_set(cpu, op, b);
    NEXT(cpu, op);
}
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
static void broadcast_registers(struct cpu *cpu, const struct op *op)
{
    AVX_ALLOWED(cpu, op);
    broadcast_do(cpu, op, avx_register(cpu, op->rm));
    NEXT(cpu, op);
}
static void broadcast_memory(struct cpu *cpu, const struct op *op)
{
    AVX_ALLOWED(cpu, op);
    const void *p = fpu_source(cpu, op, (unsigned)op->imm, UNALIGNED);
    if (!p)
        return;
    broadcast_do(cpu, op, p);
    NEXT(cpu, op);
}

static bool bind_broadcast(const struct insn *insn, struct op *op)
{
    static const struct fpu_row row = {broadcast_registers, broadcast_memory};

    op->extra2 = insn->vector_bytes;
    op->imm = insn->operands[1].bytes;
    return fpu_row_bind(&row, insn, op);
}

/* ---- Masked ----------------------------------------------------------------------------------------------------- */

static void masked_bytes_store(struct cpu *cpu, const struct op *op) /* vmaskmovdqu */
{
    AVX_ALLOWED(cpu, op);
    if (!sse_masked_store(cpu, op, avx_register(cpu, op->reg), avx_register(cpu, op->rm), 16))
        return;
    NEXT(cpu, op);
}

/* vmaskmovps and its like: elements whose sign in vvvv is clear are not touched in memory, wherever it is. operand_size:
 * bytes in all; extra2: of an element. */
static bool element_chosen(const struct cpu *cpu, const struct op *op, unsigned at)
{
    return cpu->fpu.xmm[op->extra].bytes[at + op->extra2 - 1] & 0x80;
}
static bool element_linear(struct cpu *cpu, const struct op *op, unsigned at, enum access kind, uint64_t *linear)
{
    return cpu_linear(cpu, op->segment, (op_offset_of(cpu, op) + at) & op->address_mask, op->extra2, kind, linear);
}
static __attribute__((noinline)) bool masked_load_do(struct cpu *cpu, const struct op *op)
{
    uint8_t v[32] = {0};
    uint64_t linear;

    for (unsigned at = 0; at < op->operand_size; at += op->extra2)
        if (element_chosen(cpu, op, at) && !(element_linear(cpu, op, at, ACCESS_LOAD, &linear) &&
                                             cpu_access(cpu, linear, op->extra2, ACCESS_LOAD, v + at)))
            return false;
    memcpy(avx_register(cpu, op->reg), v, 32);
    return true;
}
static __attribute__((noinline)) bool masked_store_do(struct cpu *cpu, const struct op *op)
{
    uint64_t linear;

    for (unsigned at = 0; at < op->operand_size; at += op->extra2)
        if (element_chosen(cpu, op, at) && !(element_linear(cpu, op, at, ACCESS_STORE, &linear) &&
                                             cpu_probe_store(cpu, linear, op->extra2)))
            return false;
    for (unsigned at = 0; at < op->operand_size; at += op->extra2)
        if (element_chosen(cpu, op, at) &&
            !(element_linear(cpu, op, at, ACCESS_STORE, &linear) &&
              cpu_access(cpu, linear, op->extra2, ACCESS_STORE, avx_register(cpu, op->reg) + at)))
            return false;
    return true;
}
/* Their elements' alignment is never checked (Intel 2, VMASKMOV): by the translations of users who do not ask for it. */
static bool unchecked(struct cpu *cpu, const struct op *op, bool (*what)(struct cpu *cpu, const struct op *op))
{
    struct tlb_entry *present = cpu->tlb;

    if (present == cpu->engine->tlbs[TLB_CHECKED].entries)
        cpu->tlb = cpu->engine->tlbs[TLB_USER].entries;
    bool done = what(cpu, op);
    cpu->tlb = present;
    return done;
}
static void masked_load(struct cpu *cpu, const struct op *op)
{
    AVX_ALLOWED(cpu, op);
    if (!unchecked(cpu, op, masked_load_do))
        return;
    NEXT(cpu, op);
}
static void masked_store(struct cpu *cpu, const struct op *op)
{
    AVX_ALLOWED(cpu, op);
    if (!unchecked(cpu, op, masked_store_do))
        return;
    NEXT(cpu, op);
}

/* ---- Blends by the signs of a fourth register (op->extra2, and 16 of 32 bytes) ------------------------------------- */

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
#define BLEND(NAME, MEMORY, WIDE)                                                                                      \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        const void *b = avx_source(cpu, op, MEMORY, WIDE);                                                             \
        if (!b)                                                                                                        \
            return;                                                                                                    \
        blend(cpu, op, b, WIDE);                                                                                       \
        NEXT(cpu, op);                                                                                                 \
    }
BLEND(blend_registers_16, false, false)
BLEND(blend_memory_16, true, false)
BLEND(blend_registers_32, false, true)
BLEND(blend_memory_32, true, true)

static bool bind_blend(const struct insn *insn, struct op *op)
{
    static const struct fpu_row rows[2] = {{blend_registers_16, blend_memory_16},
                                           {blend_registers_32, blend_memory_32}};
    bool wide = insn->vector_bytes == 32;

    op->extra2 = insn->operands[3].reg;
    op->imm = insn->name == INSN_VPBLENDVB ? 1 : insn->name == INSN_VBLENDVPS ? 4 : 8;
    return fpu_row_bind(&rows[wide], insn, op);
}

/* ---- Signs and tests ----------------------------------------------------------------------------------------------- */

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
#define TEST(NAME, MEMORY, WIDE)                                                                                       \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        AVX_ALLOWED(cpu, op);                                                                                          \
        const void *b = avx_source(cpu, op, MEMORY, WIDE);                                                             \
        if (!b)                                                                                                        \
            return;                                                                                                    \
        test(cpu, op, b, (WIDE) ? 4 : 2);                                                                              \
        NEXT(cpu, op);                                                                                                 \
    }
TEST(test_registers_16, false, false)
TEST(test_memory_16, true, false)
TEST(test_registers_32, false, true)
TEST(test_memory_32, true, true)

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

/* ---- vzeroupper, vzeroall: those registers that the mode has --------------------------------------------------------- */

static void zero(struct cpu *cpu, const struct op *op) /* op->extra2: from which byte on */
{
    AVX_ALLOWED(cpu, op);
    for (unsigned i = 0; i < (cpu->mode == MODE_LONG ? 16 : 8); i++)
        memset(avx_register(cpu, i) + op->extra2, 0, 32 - (size_t)op->extra2);
    NEXT(cpu, op);
}

/* ---- Rows ---------------------------------------------------------------------------------------------------------- */

#define LOADS(ALIGNMENT)                                                                                               \
    {                                                                                                                  \
        {move_16, load_##ALIGNMENT##_16},                                                                              \
        {                                                                                                              \
            move_32, load_##ALIGNMENT##_32                                                                             \
        }                                                                                                              \
    }
#define STORES(ALIGNMENT)                                                                                              \
    {                                                                                                                  \
        {move_back_16, store_##ALIGNMENT##_16},                                                                        \
        {                                                                                                              \
            move_back_32, store_##ALIGNMENT##_32                                                                       \
        }                                                                                                              \
    }
/* Scalars are the same whatever the length says. */
#define SCALAR(registers, memory)                                                                                      \
    {                                                                                                                  \
        {registers, memory},                                                                                           \
        {                                                                                                              \
            registers, memory                                                                                          \
        }                                                                                                              \
    }
#define NARROW_(registers, memory)                                                                                     \
    {                                                                                                                  \
        {registers, memory},                                                                                           \
        {                                                                                                              \
            NULL, NULL                                                                                                 \
        }                                                                                                              \
    }

static const struct move_row {
    uint16_t name;
    uint8_t opcode; /* a name has several */
    uint8_t extra2;
    struct fpu_row handlers[2]; /* of 16 bytes, of 32 */
} rows[] = {
    {INSN_VMOVUPS, 0x10, 0, LOADS(unaligned)},
    {INSN_VMOVUPS, 0x11, 0, STORES(unaligned)},
    {INSN_VMOVUPD, 0x10, 0, LOADS(unaligned)},
    {INSN_VMOVUPD, 0x11, 0, STORES(unaligned)},
    {INSN_VMOVDQU, 0x6f, 0, LOADS(unaligned)},
    {INSN_VMOVDQU, 0x7f, 0, STORES(unaligned)},
    {INSN_VLDDQU, 0xf0, 0, LOADS(unaligned)},
    {INSN_VMOVAPS, 0x28, 0, LOADS(aligned)},
    {INSN_VMOVAPS, 0x29, 0, STORES(aligned)},
    {INSN_VMOVAPD, 0x28, 0, LOADS(aligned)},
    {INSN_VMOVAPD, 0x29, 0, STORES(aligned)},
    {INSN_VMOVDQA, 0x6f, 0, LOADS(aligned)},
    {INSN_VMOVDQA, 0x7f, 0, STORES(aligned)},
    {INSN_VMOVNTPS, 0x2b, 0, STORES(aligned)},
    {INSN_VMOVNTPD, 0x2b, 0, STORES(aligned)},
    {INSN_VMOVNTDQ, 0xe7, 0, STORES(aligned)},
    {INSN_VMOVNTDQA, 0x2a, 0, LOADS(aligned)},
    {INSN_VMOVSS, 0x10, 0, SCALAR(merge_32, load_32)},
    {INSN_VMOVSS, 0x11, 0, SCALAR(merge_back_32, store_32)},
    {INSN_VMOVSD, 0x10, 0, SCALAR(merge_64, load_64)},
    {INSN_VMOVSD, 0x11, 0, SCALAR(merge_back_64, store_64)},
    {INSN_VMOVD, 0x6e, 0, NARROW_(from_general_32, load_32)},
    {INSN_VMOVD, 0x7e, 0, NARROW_(to_general_32, store_32)},
    {INSN_VMOVQ, 0x6e, 0, NARROW_(from_general_64, load_64)},
    {INSN_VMOVQ, 0xd6, 0, NARROW_(low_registers_back, store_64)},
    {INSN_VMOVLPS, 0x12, 0, NARROW_(NULL, load_half)},
    {INSN_VMOVLPS, 0x13, 0, NARROW_(NULL, store_half)},
    {INSN_VMOVLPD, 0x12, 0, NARROW_(NULL, load_half)},
    {INSN_VMOVLPD, 0x13, 0, NARROW_(NULL, store_half)},
    {INSN_VMOVHPS, 0x16, 1, NARROW_(NULL, load_half)},
    {INSN_VMOVHPS, 0x17, 1, NARROW_(NULL, store_half)},
    {INSN_VMOVHPD, 0x16, 1, NARROW_(NULL, load_half)},
    {INSN_VMOVHPD, 0x17, 1, NARROW_(NULL, store_half)},
    {INSN_VMOVHLPS, 0x12, 0, NARROW_(cross_half, NULL)},
    {INSN_VMOVLHPS, 0x16, 1, NARROW_(cross_half, NULL)},
    {INSN_VMASKMOVDQU, 0xf7, 0, NARROW_(masked_bytes_store, NULL)},
    {INSN_VMASKMOVPS, 0x2c, 4, SCALAR(NULL, masked_load)},
    {INSN_VMASKMOVPS, 0x2e, 4, SCALAR(NULL, masked_store)},
    {INSN_VMASKMOVPD, 0x2d, 8, SCALAR(NULL, masked_load)},
    {INSN_VMASKMOVPD, 0x2f, 8, SCALAR(NULL, masked_store)},
    {INSN_VPMASKMOVD, 0x8c, 4, SCALAR(NULL, masked_load)},
    {INSN_VPMASKMOVD, 0x8e, 4, SCALAR(NULL, masked_store)},
    {INSN_VPMASKMOVQ, 0x8c, 8, SCALAR(NULL, masked_load)},
    {INSN_VPMASKMOVQ, 0x8e, 8, SCALAR(NULL, masked_store)},
    {INSN_VZEROUPPER, 0x77, 16, SCALAR(zero, NULL)},
    {INSN_VZEROALL, 0x77, 0, SCALAR(zero, NULL)},
    {INSN_VBROADCASTF128, 0x1a, 0x22, SCALAR(NULL, halves_memory)},
    {INSN_VBROADCASTI128, 0x5a, 0x22, SCALAR(NULL, halves_memory)},
    {INSN_VINSERTF128, 0x18, 0, SCALAR(halves_registers, halves_memory)},
    {INSN_VEXTRACTF128, 0x19, 0, SCALAR(extract_half_registers, extract_half_memory)},
    {INSN_VPERM2F128, 0x06, 0, SCALAR(halves_registers, halves_memory)},
    {INSN_VINSERTI128, 0x38, 0, SCALAR(halves_registers, halves_memory)},
    {INSN_VEXTRACTI128, 0x39, 0, SCALAR(extract_half_registers, extract_half_memory)},
    {INSN_VPERM2I128, 0x46, 0, SCALAR(halves_registers, halves_memory)},
};

static uint16_t extra2_of(const struct insn *insn, uint16_t otherwise)
{
    switch (insn->name) {
    case INSN_VINSERTF128:
    case INSN_VINSERTI128: /* the half, and the other of vvvv */
        return insn->imm & 1 ? 0x20 : 0x12;
    case INSN_VEXTRACTF128:
    case INSN_VEXTRACTI128:
        return insn->imm & 1;
    case INSN_VPERM2F128:
    case INSN_VPERM2I128:
        return (uint8_t)insn->imm;
    default:
        return otherwise;
    }
}

bool bind_avx_move(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    static const struct fpu_row to_general = {to_general_64, store_64}, from_vector = {low_registers, load_64};

    avx_operands(insn, op);
    switch (insn->name) {
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
    case INSN_VBROADCASTSS:
    case INSN_VBROADCASTSD:
    case INSN_VPBROADCASTB:
    case INSN_VPBROADCASTW:
    case INSN_VPBROADCASTD:
    case INSN_VPBROADCASTQ:
        return bind_broadcast(insn, op);
    default:
        break;
    }
    /* movq and opcode 7e: f3 has a vector as its source, 66 as well, to a general register */
    if (insn->name == INSN_VMOVQ && insn->opcode == 0x7e)
        return fpu_row_bind(insn->pp == 2 ? &from_vector : &to_general, insn, op);
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].name == insn->name)
            return bind_part(&parts[i], insn, op);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].name == insn->name && rows[i].opcode == insn->opcode) {
            op->extra2 = extra2_of(insn, rows[i].extra2);
            if (insn->name == INSN_VMASKMOVDQU)
                op->segment = insn->memory.segment;
            return fpu_row_bind(&rows[i].handlers[insn->vector_bytes == 32], insn, op);
        }
    return avx_bind_gather(insn, op);
}
