/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVX that moves data: between vectors and memory, whole, in halves and parts, to and from general registers, masked;
 * vzeroupper. No flags of MXCSR. What writes 16 bytes or fewer of a vector makes the rest
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

VECTOR_MOVES(32, AVX_ALLOWED, avx_set)
VECTOR_MOVES(64, AVX_ALLOWED, avx_set)
VECTOR_LOW_MOVES(AVX_ALLOWED, avx_set)

/* movss, movsd between registers: the rest is that of vvvv (extra). */
#define MERGE(BITS)                                                                                                    \
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
MERGE(32)
MERGE(64)

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

/* ---- Insertions and extractions of parts ------------------------------------------------------------------------ */

#define FROM_VVVV(cpu, op) avx_set((cpu), (op)->reg, xmm_get((cpu), (op)->extra))
VECTOR_PARTS(8, AVX_ALLOWED, FROM_VVVV)
VECTOR_PARTS(16, AVX_ALLOWED, FROM_VVVV)
VECTOR_PARTS(32, AVX_ALLOWED, FROM_VVVV)
VECTOR_PARTS(64, AVX_ALLOWED, FROM_VVVV)

static const struct sse_part_row parts[] = {
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

/* ---- Masked ----------------------------------------------------------------------------------------------------- */

static void masked_bytes_store(struct cpu *cpu, const struct op *op) /* vmaskmovdqu */
{
    AVX_ALLOWED(cpu, op);
    if (!sse_masked_store(cpu, op, avx_register(cpu, op->reg), avx_register(cpu, op->rm), 16))
        return;
    NEXT(cpu, op);
}

/* vmaskmovps and its like: elements whose sign in vvvv is clear are not touched in memory, wherever it is.
 * operand_size: bytes in all; extra2: of an element. */
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
        if (element_chosen(cpu, op, at) &&
            !(element_linear(cpu, op, at, ACCESS_STORE, &linear) && cpu_probe_store(cpu, linear, op->extra2)))
            return false;
    for (unsigned at = 0; at < op->operand_size; at += op->extra2)
        if (element_chosen(cpu, op, at) &&
            !(element_linear(cpu, op, at, ACCESS_STORE, &linear) &&
              cpu_access(cpu, linear, op->extra2, ACCESS_STORE, avx_register(cpu, op->reg) + at)))
            return false;
    return true;
}
/* Their elements' alignment is never checked (Intel 2, VMASKMOV): by the translations of users who do not ask for it.
 */
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

/* ---- vzeroupper, vzeroall: those registers that the mode has
 * --------------------------------------------------------- */

static void zero(struct cpu *cpu, const struct op *op) /* op->extra2: from which byte on */
{
    AVX_ALLOWED(cpu, op);
    for (unsigned i = 0; i < (cpu->mode == MODE_LONG ? 16 : 8); i++)
        memset(avx_register(cpu, i) + op->extra2, 0, 32 - (size_t)op->extra2);
    NEXT(cpu, op);
}

/* ---- Rows ----------------------------------------------------------------------------------------------------------
 */

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
};

bool bind_avx_move(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    static const struct fpu_row to_general = {to_general_64, store_64}, from_vector = {low_registers, load_64};

    avx_operands(insn, op);
    /* movq and opcode 7e: f3 has a vector as its source, 66 as well, to a general register */
    if (insn->name == INSN_VMOVQ && insn->opcode == 0x7e)
        return fpu_row_bind(insn->pp == 2 ? &from_vector : &to_general, insn, op);
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].name == insn->name)
            return sse_bind_part(&parts[i], insn, op);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].name == insn->name && rows[i].opcode == insn->opcode) {
            op->extra2 = rows[i].extra2;
            if (insn->name == INSN_VMASKMOVDQU)
                op->segment = insn->memory.segment;
            return fpu_row_bind(&rows[i].handlers[insn->vector_bytes == 32], insn, op);
        }
    return avx_bind_gather(insn, op);
}
