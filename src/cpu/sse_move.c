/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSE moves: between vector registers and memory, general and MMX registers, whole or in parts. The commonest
 * instructions of compiled code are here, so each has a handler of its own. Non-temporal ones are ordinary moves.
 */
#include "cpu/fpu.h"
#include "cpu/sse.h"

/* ---- Sixteen bytes -------------------------------------------------------------------------------------------- */

static void move_registers(struct cpu *cpu, const struct op *op)
{
    SSE_ALLOWED(cpu, op);
    xmm_set(cpu, op->reg, xmm_get(cpu, op->rm));
    NEXT(cpu, op);
}
/* The encoding with the destination in rm. */
static void move_registers_back(struct cpu *cpu, const struct op *op)
{
    SSE_ALLOWED(cpu, op);
    xmm_set(cpu, op->rm, xmm_get(cpu, op->reg));
    NEXT(cpu, op);
}
#define LOAD(NAME, ALIGNMENT)                                                                                          \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        SSE_ALLOWED(cpu, op);                                                                                          \
        const void *p = fpu_source(cpu, op, 16, ALIGNMENT);                                                            \
        if (UNLIKELY(!p))                                                                                              \
            return;                                                                                                    \
        memcpy(cpu->fpu.xmm[op->reg].bytes, p, 16);                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }
#define STORE(NAME, ALIGNMENT)                                                                                         \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        SSE_ALLOWED(cpu, op);                                                                                          \
        if (UNLIKELY(!fpu_store(cpu, op, 16, ALIGNMENT, cpu->fpu.xmm[op->reg].bytes)))                                 \
            return;                                                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }
LOAD(load_unaligned, UNALIGNED)
LOAD(load_aligned, ALIGNED)
STORE(store_unaligned, UNALIGNED)
STORE(store_aligned, ALIGNED)

/* ---- Four and eight ------------------------------------------------------------------------------------------- */

VECTOR_MOVES(32, SSE_ALLOWED, xmm_set)
VECTOR_MOVES(64, SSE_ALLOWED, xmm_set)
VECTOR_LOW_MOVES(SSE_ALLOWED, xmm_set)

/* movss, movsd between registers: the rest stays. */
static void merge_32(struct cpu *cpu, const struct op *op)
{
    SSE_ALLOWED(cpu, op);
    xmm_low32_set(cpu, op->reg, xmm_low32(cpu, op->rm));
    NEXT(cpu, op);
}
static void merge_64(struct cpu *cpu, const struct op *op)
{
    SSE_ALLOWED(cpu, op);
    xmm_low_set(cpu, op->reg, xmm_low(cpu, op->rm));
    NEXT(cpu, op);
}
static void merge_32_back(struct cpu *cpu, const struct op *op)
{
    SSE_ALLOWED(cpu, op);
    xmm_low32_set(cpu, op->rm, xmm_low32(cpu, op->reg));
    NEXT(cpu, op);
}
static void merge_64_back(struct cpu *cpu, const struct op *op)
{
    SSE_ALLOWED(cpu, op);
    xmm_low_set(cpu, op->rm, xmm_low(cpu, op->reg));
    NEXT(cpu, op);
}

/* ---- Halves --------------------------------------------------------------------------------------------------- */

static void load_half(struct cpu *cpu, const struct op *op) /* op->extra: which */
{
    SSE_ALLOWED(cpu, op);
    uint64_t v;
    if (UNLIKELY(!op_load64(cpu, op, &v)))
        return;
    memcpy(cpu->fpu.xmm[op->reg].bytes + 8 * op->extra, &v, 8);
    NEXT(cpu, op);
}
static void store_half(struct cpu *cpu, const struct op *op)
{
    SSE_ALLOWED(cpu, op);
    uint64_t v;
    memcpy(&v, cpu->fpu.xmm[op->reg].bytes + 8 * op->extra, 8);
    if (UNLIKELY(!op_store64(cpu, op, v)))
        return;
    NEXT(cpu, op);
}
/* movhlps, movlhps: into half `extra` from the other. */
static void cross_half(struct cpu *cpu, const struct op *op)
{
    SSE_ALLOWED(cpu, op);
    uint64_t v;
    memcpy(&v, cpu->fpu.xmm[op->rm].bytes + 8 * !op->extra, 8);
    memcpy(cpu->fpu.xmm[op->reg].bytes + 8 * op->extra, &v, 8);
    NEXT(cpu, op);
}

/* ---- MMX registers -------------------------------------------------------------------------------------------- */

static void mmx_to_vector(struct cpu *cpu, const struct op *op)
{
    SSE_ALLOWED(cpu, op);
    MMX_ALLOWED(cpu, op);
    mmx_state(cpu);
    xmm_set(cpu, op->reg, (vec){(long long)mmx_get(cpu, op->rm & 7), 0});
    NEXT(cpu, op);
}
static void vector_to_mmx(struct cpu *cpu, const struct op *op)
{
    SSE_ALLOWED(cpu, op);
    MMX_ALLOWED(cpu, op);
    mmx_state(cpu);
    mmx_set(cpu, op->reg & 7, xmm_low(cpu, op->rm));
    NEXT(cpu, op);
}

/* ---- maskmovdqu, maskmovq ------------------------------------------------------------------------------------- */

/* All n bytes must be writable, whatever the mask, and aligned as 8 are where alignment is asked for: so does hardware.
 */
bool sse_masked_store(struct cpu *cpu, const struct op *op, const uint8_t *bytes, const uint8_t *mask, unsigned n)
{
    uint64_t offset = cpu->gpr[GPR_DI] & op->address_mask, linear;

    if (!cpu_linear(cpu, op->segment, offset, n, ACCESS_STORE, &linear) || !cpu_probe_store(cpu, linear, 8) ||
        !cpu_probe_store(cpu, linear, n))
        return false;
    for (unsigned i = 0; i < n; i++)
        if (mask[i] & 0x80 && !cpu_store8(cpu, linear + i, bytes[i]))
            return false;
    return true;
}

static void masked_store(struct cpu *cpu, const struct op *op)
{
    SSE_ALLOWED(cpu, op);
    if (!sse_masked_store(cpu, op, cpu->fpu.xmm[op->reg].bytes, cpu->fpu.xmm[op->rm].bytes, 16))
        return;
    NEXT(cpu, op);
}

/* ---- Rows ----------------------------------------------------------------------------------------------------- */

struct move_row {
    uint16_t name;
    uint8_t opcode; /* a name has several */
    uint8_t extra;
    struct fpu_row handlers;
};
static const struct move_row rows[] = {
    {INSN_MOVUPS, 0x10, 0, {move_registers, load_unaligned}},
    {INSN_MOVUPS, 0x11, 0, {move_registers_back, store_unaligned}},
    {INSN_MOVUPD, 0x10, 0, {move_registers, load_unaligned}},
    {INSN_MOVUPD, 0x11, 0, {move_registers_back, store_unaligned}},
    {INSN_MOVDQU, 0x6f, 0, {move_registers, load_unaligned}},
    {INSN_MOVDQU, 0x7f, 0, {move_registers_back, store_unaligned}},
    {INSN_LDDQU, 0xf0, 0, {NULL, load_unaligned}},
    {INSN_MOVAPS, 0x28, 0, {move_registers, load_aligned}},
    {INSN_MOVAPS, 0x29, 0, {move_registers_back, store_aligned}},
    {INSN_MOVAPD, 0x28, 0, {move_registers, load_aligned}},
    {INSN_MOVAPD, 0x29, 0, {move_registers_back, store_aligned}},
    {INSN_MOVDQA, 0x6f, 0, {move_registers, load_aligned}},
    {INSN_MOVDQA, 0x7f, 0, {move_registers_back, store_aligned}},
    {INSN_MOVNTPS, 0x2b, 0, {NULL, store_aligned}},
    {INSN_MOVNTPD, 0x2b, 0, {NULL, store_aligned}},
    {INSN_MOVNTDQ, 0xe7, 0, {NULL, store_aligned}},
    {INSN_MOVNTDQA, 0x2a, 0, {NULL, load_aligned}},
    {INSN_MOVSS, 0x10, 0, {merge_32, load_32}},
    {INSN_MOVSS, 0x11, 0, {merge_32_back, store_32}},
    {INSN_MOVSD, 0x10, 0, {merge_64, load_64}},
    {INSN_MOVSD, 0x11, 0, {merge_64_back, store_64}},
    {INSN_MOVD, 0x6e, 0, {from_general_32, load_32}},
    {INSN_MOVD, 0x7e, 0, {to_general_32, store_32}},
    {INSN_MOVQ, 0x6e, 0, {from_general_64, load_64}},
    {INSN_MOVQ, 0xd6, 0, {low_registers_back, store_64}},
    {INSN_MOVLPS, 0x12, 0, {NULL, load_half}},
    {INSN_MOVLPS, 0x13, 0, {NULL, store_half}},
    {INSN_MOVLPD, 0x12, 0, {NULL, load_half}},
    {INSN_MOVLPD, 0x13, 0, {NULL, store_half}},
    {INSN_MOVHPS, 0x16, 1, {NULL, load_half}},
    {INSN_MOVHPS, 0x17, 1, {NULL, store_half}},
    {INSN_MOVHPD, 0x16, 1, {NULL, load_half}},
    {INSN_MOVHPD, 0x17, 1, {NULL, store_half}},
    {INSN_MOVHLPS, 0x12, 0, {cross_half, NULL}},
    {INSN_MOVLHPS, 0x16, 1, {cross_half, NULL}},
    {INSN_MOVQ2DQ, 0xd6, 0, {mmx_to_vector, NULL}},
    {INSN_MOVDQ2Q, 0xd6, 0, {vector_to_mmx, NULL}},
    {INSN_MASKMOVDQU, 0xf7, 0, {masked_store, NULL}},
};

bool bind_sse_move(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    static const struct fpu_row to_general = {to_general_64, store_64}, from_vector = {low_registers, load_64};

    /* movq and opcode 7e: f3 has a vector as its source, 66 as well, to a general register */
    if (insn->name == INSN_MOVQ && insn->opcode == 0x7e)
        return fpu_row_bind(insn->prefixes & PREFIX_REP ? &from_vector : &to_general, insn, op);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].name == insn->name && rows[i].opcode == insn->opcode) {
            op->extra = rows[i].extra;
            if (insn->name == INSN_MASKMOVDQU)
                op->segment = insn->memory.segment;
            return fpu_row_bind(&rows[i].handlers, insn, op);
        }
    return false;
}
