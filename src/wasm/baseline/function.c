/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function's frame, from rbp down: the instance while another one's function is called, callee-saved registers that
 * are used, the address for results, locals, slots of the value stack; at the bottom arguments of calls that go in
 * memory. Above rbp: caller's rbp, return address, own arguments in memory; the function takes these away when it
 * returns.
 *
 * Its size is known at the end: the instruction that makes it is patched. Up to FRAME_UNCHECKED bytes nothing is
 * checked, since the stack's guard is larger; a larger frame is compared with the stack's limit. A leaf may have none:
 * its code does not begin with push rbp, and fault.c goes by that.
 */
#include "wasm/baseline/function.h"

#include <errno.h>
#include <stdlib.h>

#define FRAME_UNCHECKED 4096
#define ZERO_ONE_BY_ONE 16 /* locals */
#define SUB_BYTES       7

void *array_more(struct compiler *c, void *array, uint32_t *capacity, size_t size)
{
    uint32_t cap = *capacity ? 2 * *capacity : 64;
    void *more = realloc(array, cap * size);

    if (!more)
        c->failed = -ENOMEM;
    else
        *capacity = cap;
    return more;
}

void emit_fuel(struct compiler *c, uint32_t n)
{
    uint8_t reg = reg_alloc(c, GENERAL);

    x64_rm(&c->b, X64_MOV, X64_W64, reg, x64_at(X64_R14, offsetof(struct wasm_instance, store)));
    x64_mi(&c->b, X64_SUB, X64_W64, x64_at(reg, offsetof(struct wasm_store, fuel)), (int32_t)n);
    reg_free(c, reg);
    trap_if(c, X64_S, WASM_TRAP_FUEL);
}

static struct x64_mem saved_at(unsigned n)
{
    return x64_at(X64_RBP, -(int32_t)(16 + 8 * n));
}

void emit_restore(struct compiler *c)
{
    unsigned n = 0;

    for (uint32_t rest = c->saved; rest; rest &= rest - 1)
        x64_rm(&c->b, X64_MOV, X64_W64, (unsigned)__builtin_ctz(rest), saved_at(n++));
}

/* Results in slots at the bottom of the value stack go to where the caller wants them. */
static void emit_results(struct compiler *c)
{
    uint32_t height = 0;

    x64_rm(&c->b, X64_MOV, X64_W64, X64_RCX, x64_at(X64_RBP, -(int32_t)c->result_area));
    for (uint32_t i = 0; i < c->type->n_results; i++) {
        uint8_t vt = vt_of_type[c->type->types[c->type->n_params + i]];

        x64_reserve(&c->b, ROOM_CODE);
        height += vt_size(vt);
        emit_copy(c, vt, x64_at(X64_RCX, -(int32_t)height), slot_at(c, height));
    }
    x64_reserve(&c->b, ROOM_CODE);
}

void emit_epilogue(struct compiler *c)
{
    if (c->type->n_results > 1)
        emit_results(c);
    emit_restore(c);
    if (!c->frameless)
        x64_bare(&c->b, X64_LEAVE);
    if (c->incoming) {
        c->b.at = x64_put8(c->b.at, 0xc2);
        c->b.at = x64_put8(x64_put8(c->b.at, c->incoming & 0xff), c->incoming >> 8);
    } else {
        x64_bare(&c->b, X64_RET);
    }
}

static void zero_locals(struct compiler *c, const uint32_t *weight)
{
    uint32_t first = c->type->n_params, n = c->n_locals - first;

    for (uint32_t rest = c->pinned; rest; rest &= rest - 1) {
        uint8_t reg = (uint8_t)__builtin_ctz(rest);

        if (c->pin_local[reg] < first)
            continue;
        if (reg < R_XMM0)
            x64_zero(&c->b, reg);
        else
            emit_const(c, VT_F64, reg, 0);
    }
    if (c->frameless)
        return;
    if (n <= ZERO_ONE_BY_ONE) {
        for (uint32_t i = first; i < c->n_locals; i++) {
            struct x64_mem m = local_at(c, i);

            if (!weight[i] || c->local_reg[i] != R_NONE)
                continue;
            x64_mov_mi(&c->b, X64_W64, m, 0);
            if (c->local_size == 16) {
                m.disp += 8;
                x64_mov_mi(&c->b, X64_W64, m, 0);
            }
        }
        return;
    }
    uint32_t bytes = n * c->local_size;
    struct x64_label again = {0};
    emit_const(c, VT_F64, R_SCRATCH, 0);
    x64_rm(&c->b, X64_LEA, X64_W64, X64_RAX, local_at(c, c->n_locals - 1));
    x64_mov_ri(&c->b, X64_RCX, bytes / 16);
    x64_bind(&c->b, &again);
    emit_store(c, VT_V128, x64_at(X64_RAX, 0), R_SCRATCH);
    x64_ri(&c->b, X64_ADD, X64_W64, X64_RAX, 16);
    x64_ri(&c->b, X64_SUB, X64_W32, X64_RCX, 1);
    x64_jcc(&c->b, X64_NE, &again);
    if (bytes % 16)
        x64_mov_mi(&c->b, X64_W64, x64_at(X64_RAX, 0), 0);
}

static void place_params(struct compiler *c, const uint32_t *weight)
{
    struct shuffle s = {.pending = 0};
    struct places places = {0};

    for (uint32_t i = 0; i < c->type->n_params; i++) {
        uint8_t vt = vt_of_type[c->type->types[i]], pin = c->local_reg[i];
        struct place p = place_next(&places, vt);

        if (!weight[i] || p.reg == R_NONE)
            continue;
        if (pin != R_NONE)
            shuffle_add(&s, pin, p.reg);
        else
            emit_store(c, vt, local_at(c, i), p.reg);
    }
    shuffle_emit(c, &s);
    places = (struct places){0};
    for (uint32_t i = 0; i < c->type->n_params && c->incoming; i++) {
        uint8_t vt = vt_of_type[c->type->types[i]], pin = c->local_reg[i];
        struct place p = place_next(&places, vt);
        struct x64_mem from = x64_at(X64_RBP, 16 + (int32_t)p.stack);

        if (!weight[i] || p.reg != R_NONE)
            continue;
        x64_reserve(&c->b, ROOM_CODE);
        if (pin != R_NONE)
            emit_load(c, vt, pin, from);
        else
            emit_copy(c, vt, local_at(c, i), from);
    }
}

static uint32_t round16(uint32_t n)
{
    return (n + 15) & ~15u;
}

/* Returns where the frame's size is to be patched. */
static uint32_t emit_prologue(struct compiler *c, const struct wasm_body *body)
{
    uint32_t sub = 0;
    unsigned n = 0;

    if (!c->frameless) {
        x64_push(&c->b, X64_RBP);
        x64_rr(&c->b, X64_MOV, X64_W64, X64_RBP, X64_RSP);
        sub = x64_size(&c->b);
        x64_ri(&c->b, X64_SUB, X64_W64, X64_RSP, INT32_MAX);
    }
    for (uint32_t rest = c->saved; rest; rest &= rest - 1)
        x64_mr(&c->b, X64_MOV, X64_W64, saved_at(n++), (unsigned)__builtin_ctz(rest));
    if (c->result_area)
        x64_mr(&c->b, X64_MOV, X64_W64, x64_at(X64_RBP, -(int32_t)c->result_area), X64_RDX);
    if (c->fuel)
        emit_fuel(c, body->fuel);
    x64_reserve(&c->b, ROOM_CODE);
    place_params(c, body->local_weight);
    x64_reserve(&c->b, ROOM_CODE);
    zero_locals(c, body->local_weight);
    return sub;
}

static void finish_frame(struct compiler *c, uint32_t sub)
{
    uint64_t need = (uint64_t)c->stack_base + c->max_height, frame = ((need + 15) & ~(uint64_t)15) + c->outgoing;
    struct x64_buf *b = &c->b;

    if (frame > INT32_MAX / 2) {
        c->failed = -ERANGE;
        return;
    }
    if (frame <= FRAME_UNCHECKED) {
        x64_patch32(b, sub + 3, (uint32_t)frame);
        return;
    }
    /* jmp to here, and back behind it */
    x64_reserve(b, ROOM_CODE);
    if (b->failed)
        return;
    uint32_t here = x64_size(b);
    b->start[sub] = 0xe9;
    x64_patch32(b, sub + 1, here - (sub + 5));
    b->start[sub + 5] = 0x66; /* two-byte nop */
    b->start[sub + 6] = 0x90;
    x64_rm(b, X64_LEA, X64_W64, X64_RAX, x64_at(X64_RSP, -(int32_t)frame));
    x64_rm(b, X64_MOV, X64_W64, X64_RCX, x64_at(X64_R14, offsetof(struct wasm_instance, store)));
    x64_rm(b, X64_CMP, X64_W64, X64_RAX, x64_at(X64_RCX, offsetof(struct wasm_store, stack_limit)));
    trap_if(c, X64_B, WASM_TRAP_STACK_EXHAUSTED);
    x64_rr(b, X64_MOV, X64_W64, X64_RSP, X64_RAX);
    x64_jmp_rel32(b, (int32_t)(sub + SUB_BYTES - (x64_size(b) + 5)));
}

/* Arrays that grow with the largest function so far. */
static int scratch_fit(struct compiler *c, const struct wasm_body *body)
{
    if (c->cap_stack < body->max_stack + 8) {
        free(c->stack);
        c->cap_stack = 2 * body->max_stack + 64;
        c->stack = calloc(c->cap_stack, sizeof(*c->stack));
    }
    if (c->cap_control < body->max_depth + 4) {
        free(c->control);
        c->cap_control = 2 * body->max_depth + 16;
        c->control = calloc(c->cap_control, sizeof(*c->control));
    }
    if (c->cap_locals < body->n_locals + 1) {
        free(c->local_reg);
        free(c->lazy);
        c->cap_locals = body->n_locals + 64;
        c->local_reg = malloc(c->cap_locals);
        c->lazy = malloc(c->cap_locals * sizeof(*c->lazy));
    }
    if (!c->stack || !c->control || !c->local_reg || !c->lazy) {
        c->cap_stack = c->cap_control = c->cap_locals = 0;
        return -ENOMEM;
    }
    return 0;
}

static void begin(struct compiler *c, const struct wasm_body *body, uint32_t function, bool frameless)
{
    c->function = function;
    c->type = wasm_function_type(c->m, function);
    c->p = c->op = c->m->bytes + body->code;
    c->end = c->m->bytes + body->end;
    c->blocks = body->blocks;
    c->n_blocks = 0;
    c->sp = c->flushed = c->stack + 1;
    c->settled = NULL;
    c->flags_at = UINT32_MAX;
    c->top = c->control - 1;
    c->local_type = body->locals;
    c->n_locals = body->n_locals;
    memset(c->local_reg, R_NONE, body->n_locals);
    memset(c->lazy, 0, body->n_locals * sizeof(*c->lazy));
    c->busy = c->pinned = c->volatile_pins = c->saved = 0;
    c->max_height = c->outgoing = 0;
    c->n_traps = c->n_crosses = c->n_literals = c->n_tables = c->n_places = 0;
    bool all_pinned = pins_choose(c, body);
    c->allocatable = ~(CALLEE_SAVED | BIT(X64_RSP) | BIT(X64_RBP) | BIT(X64_R14) | BIT(R_SCRATCH) | c->pinned);
    c->valid = c->pinned;
    c->clean = 0;
    uint32_t base = 8 + 8 * (uint32_t)__builtin_popcount(c->saved);
    c->result_area = c->type->n_results > 1 ? base += 8 : 0;
    c->local_size = body->has_vectors ? 16 : 8;
    c->local_base = body->has_vectors ? round16(base) : base;
    c->stack_base = c->local_base + c->local_size * c->n_locals;
    c->incoming = places_stack(c->type);
    c->frame_used = false;
    c->frameless = frameless && all_pinned && !body->has_calls && !c->saved && !c->incoming && !c->result_area;
}

static void compile_one(struct compiler *c, uint32_t op)
{
    if (op >= WASM_OP_I32_EQZ && op <= WASM_OP_I64_ROTR) {
        if (op >= WASM_OP_F32_EQ && op <= WASM_OP_F64_GE)
            compile_float(c, (uint8_t)op);
        else
            compile_integer(c, (uint8_t)op);
    } else if (op >= WASM_OP_I32_LOAD && op <= WASM_OP_MEMORY_GROW) {
        compile_memory(c, (uint8_t)op);
    } else if (op >= WASM_OP_LOCAL_GET && op <= WASM_OP_TABLE_SET) {
        compile_variable(c, (uint8_t)op);
    } else if (op >= WASM_OP_I32_CONST && op <= WASM_OP_F64_CONST) {
        compile_constant(c, (uint8_t)op);
    } else if (op < WASM_OP_CALL) {
        compile_control(c, (uint8_t)op);
    } else if (op <= WASM_OP_RETURN_CALL_INDIRECT) {
        compile_call(c, (uint8_t)op);
    } else if (op <= WASM_OP_SELECT_T) {
        compile_select(c, (uint8_t)op);
    } else if (op <= WASM_OP_F64_COPYSIGN) {
        compile_float(c, (uint8_t)op);
    } else if (op <= WASM_OP_I64_EXTEND32_S) {
        compile_convert(c, op);
    } else if (op <= WASM_OP_REF_FUNC) {
        compile_variable(c, (uint8_t)op);
    } else if (op == WASM_PREFIX_MISC) {
        op = WASM_OP_MISC + wasm_read_u32(&c->p);
        if (op < WASM_OP_MEMORY_INIT)
            compile_convert(c, op);
        else
            compile_bulk(c, op);
    } else {
        compile_vector(c, WASM_OP_VECTOR + wasm_read_u32(&c->p));
    }
}

/* -EAGAIN: it needs a frame after all. */
static int compile_body(struct compiler *c, const struct wasm_body *body, uint32_t function, bool frameless)
{
    uint32_t sub, own = function - c->m->n_imported_functions;

    begin(c, body, function, frameless);
    c->entries[own] = x64_size(&c->b);
    c->maps[own] = (uint32_t)c->n_map;
    c->map_at = x64_size(&c->b);
    c->map_offset = body->code;
    sub = emit_prologue(c, body);
    control_push_function(c);
    while (c->p < c->end && !c->failed && !c->b.failed) {
        x64_reserve(&c->b, ROOM_CODE);
        if (__builtin_expect(c->n_map + ROOM_MAP > c->cap_map, 0))
            map_reserve(c, ROOM_MAP);
        c->op = c->p;
        compile_one(c, *c->p++);
    }
    if (c->failed || c->b.failed)
        return c->failed ? c->failed : c->b.failed;
    c->op = c->p - 1;
    if (!c->frameless)
        finish_frame(c, sub);
    else if (c->frame_used || c->max_height)
        return -EAGAIN;
    crosses_emit(c);
    traps_emit(c);
    literals_emit(c);
    tables_finish(c);
    return c->failed ? c->failed : c->b.failed;
}

/* A leaf whose locals all live in registers that it may use needs no frame, unless there are more values than
 * registers: that is seen at its end. */
int compile_function(struct compiler *c, const struct wasm_body *body, uint32_t function)
{
    if (scratch_fit(c, body) < 0)
        return -ENOMEM;
    x64_reserve(&c->b, ROOM_CODE);
    x64_align(&c->b, 16);
    map_reserve(c, ROOM_MAP);
    uint32_t start = x64_size(&c->b), n_calls = c->n_calls;
    size_t n_map = c->n_map;
    int r = compile_body(c, body, function, true);
    if (r != -EAGAIN)
        return r;
    c->b.at = c->b.start + start;
    c->n_map = n_map;
    c->n_calls = n_calls;
    return compile_body(c, body, function, false);
}
