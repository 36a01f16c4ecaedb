/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gathers of AVX2: elements from places that a vector's numbers tell. An element whose sign in the mask is set is
 * loaded, from the lowest one on; its sign is cleared then, so that one whose load failed is where it goes on, and what
 * was loaded before it stays (Intel 2, VPGATHERDD). The destination's other elements are as they were; at the end all
 * of the mask is 0, and of the destination what is above its elements.
 */
#include "cpu/avx.h"

/* op->rm is the vector of indices, op->extra the mask. op->extra2: bytes of an element; op->operand_size: of an index;
 * op->imm: how many elements. */
static uint64_t offset_of(const struct cpu *cpu, const struct op *op, unsigned n)
{
    const uint8_t *index = cpu->fpu.xmm[op->rm].bytes + (size_t)op->operand_size * n;
    int64_t at = 0;

    if (op->operand_size == 8) {
        memcpy(&at, index, 8);
    } else {
        int32_t low;
        memcpy(&low, index, 4);
        at = low;
    }
    return (op_offset_of(cpu, op) + ((uint64_t)at << op->scale)) & op->address_mask;
}

static __attribute__((noinline)) bool gather_do(struct cpu *cpu, const struct op *op)
{
    unsigned bytes = op->extra2, n = (unsigned)op->imm;
    uint8_t *to = avx_register(cpu, op->reg), *mask = avx_register(cpu, op->extra);

    for (unsigned i = 0; i < n; i++) {
        uint64_t linear, value;
        if (!(mask[bytes * i + bytes - 1] & 0x80))
            continue;
        if (!cpu_linear(cpu, op->segment, offset_of(cpu, op, i), bytes, ACCESS_LOAD, &linear) ||
            !cpu_access(cpu, linear, bytes, ACCESS_LOAD, &value))
            return false;
        memcpy(to + (size_t)bytes * i, &value, bytes);
        memset(mask + (size_t)bytes * i, 0, bytes);
    }
    memset(to + (size_t)bytes * n, 0, 32 - (size_t)bytes * n);
    memset(mask, 0, 32);
    return true;
}
static void gather(struct cpu *cpu, const struct op *op)
{
    AVX_ALLOWED(cpu, op);
    if (!gather_do(cpu, op))
        return;
    NEXT(cpu, op);
}

bool avx_bind_gather(const struct insn *insn, struct op *op)
{
    static const struct {
        uint16_t name;
        uint8_t index, element; /* bytes */
    } rows[] = {
        {INSN_VPGATHERDD, 4, 4}, {INSN_VPGATHERDQ, 4, 8}, {INSN_VPGATHERQD, 8, 4}, {INSN_VPGATHERQQ, 8, 8},
        {INSN_VGATHERDPS, 4, 4}, {INSN_VGATHERDPD, 4, 8}, {INSN_VGATHERQPS, 8, 4}, {INSN_VGATHERQPD, 8, 8},
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].name == insn->name) {
            unsigned larger = rows[i].index > rows[i].element ? rows[i].index : rows[i].element;
            op->rm = insn->memory.index;
            op->index = GPR_ZERO; /* it is no general register's */
            op->operand_size = rows[i].index;
            op->extra2 = rows[i].element;
            op->imm = insn->vector_bytes / larger;
            op->run = gather;
            return true;
        }
    return false;
}
