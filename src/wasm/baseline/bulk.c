/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that the runtime's C functions carry out (specification 4.4.6, 4.4.7): memory.grow, memory.copy and its
 * like, tables. One stub of the process takes them to the host's stack (entry.c); arguments are in C's registers, the
 * number of the helper in r10.
 */
#include "wasm/baseline/internal.h"

/* Operands popped, whether a number comes before them, whether there is a result. */
static const struct {
    uint8_t operands;
    bool fixed, result;
} helpers[HELPERS] = {
    [HELPER_MEMORY_INIT] = {3, true, false},  [HELPER_MEMORY_COPY] = {3, false, false},
    [HELPER_MEMORY_FILL] = {3, false, false}, [HELPER_TABLE_INIT] = {3, true, false},
    [HELPER_TABLE_COPY] = {3, true, false},   [HELPER_TABLE_FILL] = {3, true, false},
    [HELPER_MEMORY_GROW] = {1, false, true},  [HELPER_TABLE_GROW] = {2, true, true},
    [HELPER_DATA_DROP] = {0, true, false},    [HELPER_ELEM_DROP] = {0, true, false},
};

void emit_helper(struct compiler *c, enum helper h, uint64_t fixed)
{
    static const uint8_t registers[] = {X64_RSI, X64_RDX, X64_RCX, X64_R8};
    const uint8_t *to = registers;
    uint8_t n = helpers[h].operands;

    transfer_operands(c, n, to + helpers[h].fixed);
    if (helpers[h].fixed)
        x64_mov_ri(&c->b, X64_RSI, fixed);
    x64_rr(&c->b, X64_MOV, X64_W64, X64_RDI, X64_R14);
    x64_mov_ri(&c->b, X64_R10, h);
    x64_rm(&c->b, X64_MOV, X64_W64, X64_RAX, x64_at(X64_R14, offsetof(struct wasm_instance, store)));
    x64_call_m(&c->b, x64_at(X64_RAX, (int32_t)offsetof(struct wasm_store, native) + (h >= HELPER_TRAPS ? 8 : 0)));
    map_note(c, x64_size(&c->b) - 1, op_offset(c));
    c->valid &= ~c->volatile_pins;
    if (helpers[h].result)
        value_push_reg(c, VT_I32, X64_RAX);
}

void compile_bulk(struct compiler *c, uint32_t op)
{
    uint64_t first;

    switch (op) {
    case WASM_OP_MEMORY_INIT:
        first = wasm_read_u32(&c->p);
        c->p++;
        emit_helper(c, HELPER_MEMORY_INIT, first);
        return;
    case WASM_OP_DATA_DROP:
        emit_helper(c, HELPER_DATA_DROP, wasm_read_u32(&c->p));
        return;
    case WASM_OP_MEMORY_COPY:
        c->p += 2;
        emit_helper(c, HELPER_MEMORY_COPY, 0);
        return;
    case WASM_OP_MEMORY_FILL:
        c->p++;
        emit_helper(c, HELPER_MEMORY_FILL, 0);
        return;
    case WASM_OP_TABLE_INIT:
        first = wasm_read_u32(&c->p);
        emit_helper(c, HELPER_TABLE_INIT, first | (uint64_t)wasm_read_u32(&c->p) << 32);
        return;
    case WASM_OP_ELEM_DROP:
        emit_helper(c, HELPER_ELEM_DROP, wasm_read_u32(&c->p));
        return;
    case WASM_OP_TABLE_COPY:
        first = wasm_read_u32(&c->p);
        emit_helper(c, HELPER_TABLE_COPY, first | (uint64_t)wasm_read_u32(&c->p) << 32);
        return;
    case WASM_OP_TABLE_GROW:
        emit_helper(c, HELPER_TABLE_GROW, wasm_read_u32(&c->p));
        return;
    case WASM_OP_TABLE_FILL:
        emit_helper(c, HELPER_TABLE_FILL, wasm_read_u32(&c->p));
        return;
    case WASM_OP_TABLE_SIZE: {
        uint32_t table = wasm_read_u32(&c->p);
        uint8_t to = dest_begin(c);

        if (to == R_NONE)
            to = reg_alloc(c, GENERAL);
        x64_rm(&c->b, X64_MOV, X64_W64, to, x64_at(X64_R14, (int32_t)(c->layout.tables + 8 * table)));
        x64_rm(&c->b, X64_MOV, X64_W32, to, x64_at(to, offsetof(struct wasm_table, size)));
        dest_end(c, VT_I32, to);
        return;
    }
    }
}
