/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and stores of vectors (specification 4.4.7). As in memory.c nothing is checked: an access of exactly the bytes
 * of the instruction faults when one of them is out of bounds, before it changes anything. None needs alignment.
 */
#include "wasm/baseline/vector.h"

/* Whole vectors, halves that are widened, and one lane with zeros above: one machine instruction. */
void vector_load(struct compiler *c, const struct vector_row *row)
{
    uint32_t offset = memory_argument(c);
    /* Only VEX forms take an operand of another instruction from where it is not aligned. */
    const struct vector_row *next = row->form == X64_MOVUPS && c->avx ? vector_next_binary(c) : NULL;
    struct value address = value_pop(c);

    if (next) {
        struct x64_mem m = memory_operand(c, &address, offset);

        vector_binary_memory(c, next, m, false);
        value_release(c, &address);
        return;
    }
    uint8_t to = dest_begin(c);
    struct x64_mem m = memory_operand(c, &address, offset);
    if (to == R_NONE)
        to = reg_alloc(c, VECTOR);
    map_note_here(c);
    xmm_rm(c, row->form, to, m);
    value_release(c, &address);
    dest_end(c, VT_V128, to);
}

/* to = a with a lane from memory */
static void emit_insert(struct compiler *c, uint32_t form, uint8_t to, uint8_t a, struct x64_mem m, uint8_t lane)
{
    if (c->avx) {
        map_note_here(c);
        x64_vex_rrmi(&c->b, form, xmm_number(to), xmm_number(a), m, lane);
        return;
    }
    emit_move(c, VT_V128, to, a);
    map_note_here(c);
    x64_sse_rmi(&c->b, form, xmm_number(to), m, lane);
}

/* Of 8, 16 and 32 bits; movddup loads 64 twice. */
void vector_load_splat(struct compiler *c, const struct vector_row *row)
{
    uint32_t offset = memory_argument(c);
    struct value address = value_pop(c);
    uint8_t to = dest_begin(c);
    struct x64_mem m = memory_operand(c, &address, offset);

    if (to == R_NONE)
        to = reg_alloc(c, VECTOR);
    if (row->form == X64_MOVSS) {
        map_note_here(c);
        xmm_rm(c, c->avx ? (uint32_t)X64_VBROADCASTSS : X64_MOVSS, to, m);
        if (!c->avx)
            xmm_rri(c, X64_PSHUFD, to, to, 0);
    } else {
        xmm_zero(c, R_SCRATCH);
        emit_insert(c, row->form, to, R_SCRATCH, m, 0);
        if (row->form == X64_PINSRB) {
            xmm_rrr(c, X64_PSHUFB, to, to, R_SCRATCH);
        } else {
            xmm_rri(c, X64_PSHUFLW, to, to, 0);
            xmm_rri(c, X64_PSHUFD, to, to, 0);
        }
    }
    value_release(c, &address);
    dest_end(c, VT_V128, to);
}

void vector_load_lane(struct compiler *c, const struct vector_row *row)
{
    uint32_t offset = memory_argument(c);
    uint8_t lane = *c->p++;
    struct value v = value_pop(c), address = value_pop(c);
    uint8_t to = dest_begin(c), from = value_reg(c, &v);
    struct x64_mem m = memory_operand(c, &address, offset);

    if (to == R_NONE)
        to = v.kind == K_REG ? v.reg : reg_alloc(c, VECTOR);
    emit_insert(c, row->form, to, from, m, lane);
    value_release(c, &address);
    value_release_but(c, &v, to);
    dest_end(c, VT_V128, to);
}

void vector_store(struct compiler *c, const struct vector_row *row)
{
    uint32_t offset = memory_argument(c);
    struct value v = value_pop(c), address = value_pop(c);
    uint8_t from = value_reg(c, &v);
    struct x64_mem m = memory_operand(c, &address, offset);

    map_note_here(c);
    emit_store(c, VT_V128, m, from);
    value_release(c, &address);
    value_release(c, &v);
}

/* The lowest lane has an instruction of its own, where the row has one. */
void vector_store_lane(struct compiler *c, const struct vector_row *row)
{
    uint32_t offset = memory_argument(c);
    uint8_t lane = *c->p++;
    struct value v = value_pop(c), address = value_pop(c);
    unsigned from = xmm_number(value_reg(c, &v));
    struct x64_mem m = memory_operand(c, &address, offset);

    map_note_here(c);
    if (lane == 0 && row->second) {
        if (c->avx)
            x64_vex_mr(&c->b, row->second, m, from);
        else
            x64_sse_mr(&c->b, row->second, m, from);
    } else if (c->avx) {
        x64_vex_mri(&c->b, row->form, m, from, lane);
    } else {
        x64_sse_mri(&c->b, row->form, m, from, lane);
    }
    value_release(c, &address);
    value_release(c, &v);
}
