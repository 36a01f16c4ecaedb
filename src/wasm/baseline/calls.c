/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls (specification 4.4.8). The first six integers and references of a call go in rdi, rsi, r8 to r11, the first
 * eight floats and vectors in xmm0 to xmm7, the rest on the stack, 8 bytes each (a vector 16), taken away by the
 * callee. One result is in rax or xmm0; for several rdx is an address below which the callee writes them, each 8 or 16
 * bytes. A function is called by its record in rax; r14 and the memory's base are switched when the record is another
 * instance's (a host function's has none). The caller keeps r14 for its own caller: rbx, r12 to r15 and rbp are kept by
 * the callee.
 */
#include "wasm/baseline/internal.h"

const uint8_t argument_registers[ARGUMENTS_GENERAL] = {X64_RDI, X64_RSI, X64_R8, X64_R9, X64_R10, X64_R11};

struct place place_next(struct places *p, uint8_t vt)
{
    struct place place = {R_NONE, 0};

    if (vt_is_vector(vt)) {
        if (p->vector < ARGUMENTS_VECTOR) {
            place.reg = (uint8_t)(R_XMM0 + p->vector++);
            return place;
        }
    } else if (p->general < ARGUMENTS_GENERAL) {
        place.reg = argument_registers[p->general++];
        return place;
    }
    place.stack = p->stack;
    p->stack += vt_size(vt);
    return place;
}

uint32_t places_stack(const struct wasm_functype *type)
{
    struct places places = {0};

    if (type->n_params <= ARGUMENTS_GENERAL)
        return 0;
    for (uint32_t i = 0; i < type->n_params; i++)
        place_next(&places, vt_of_type[type->types[i]]);
    return (places.stack + 15) & ~15u;
}

/* ---- Moves all at once ------------------------------------------------------------------------------------------- */

void shuffle_add(struct shuffle *s, uint8_t to, uint8_t from)
{
    if (!s->pending)
        memset(s->uses, 0, sizeof(s->uses));
    if (to == from)
        return;
    s->from[to] = from;
    s->uses[from]++;
    s->pending |= BIT(to);
}

/* In a ring each register is read once: exchanged with its source it is done, and who reads it reads the source. */
static void shuffle_ring(struct compiler *c, struct shuffle *s)
{
    uint8_t to = (uint8_t)__builtin_ctz(s->pending), from = s->from[to];

    if (to < R_XMM0) {
        x64_rr(&c->b, X64_XCHG, X64_W64, to, from);
    } else {
        emit_move(c, VT_V128, R_SCRATCH, to);
        emit_move(c, VT_V128, to, from);
        emit_move(c, VT_V128, from, R_SCRATCH);
    }
    s->pending &= ~BIT(to);
    s->uses[from] = 0;
    for (uint32_t rest = s->pending; rest; rest &= rest - 1) {
        uint8_t reader = (uint8_t)__builtin_ctz(rest);

        if (s->from[reader] != to)
            continue;
        s->from[reader] = from;
        s->uses[to] = 0;
        if (reader == from)
            s->pending &= ~BIT(reader);
        else
            s->uses[from] = 1;
    }
}

void shuffle_emit(struct compiler *c, struct shuffle *s)
{
    while (s->pending) {
        bool moved = false;

        for (uint32_t rest = s->pending; rest; rest &= rest - 1) {
            uint8_t to = (uint8_t)__builtin_ctz(rest);

            if (s->uses[to])
                continue;
            emit_move(c, to < R_XMM0 ? VT_I64 : VT_V128, to, s->from[to]);
            s->uses[s->from[to]]--;
            s->pending &= ~BIT(to);
            moved = true;
        }
        if (!moved)
            shuffle_ring(c, s);
    }
}

/* ---- Arguments --------------------------------------------------------------------------------------------------- */

/* What is in no register yet, loaded when all registers have been moved. */
struct transfer {
    struct shuffle registers;
    uint32_t late;
    struct value values[32];
};

static void transfer_add(struct compiler *c, struct transfer *t, uint8_t to, const struct value *v)
{
    uint8_t pin = v->kind == K_LOCAL ? c->local_reg[v->local] : R_NONE;

    if (v->kind == K_REG) {
        shuffle_add(&t->registers, to, v->reg);
    } else if (pin != R_NONE && (c->valid & BIT(pin))) {
        shuffle_add(&t->registers, to, pin);
    } else {
        t->late |= BIT(to);
        t->values[to] = *v;
    }
}

static void transfer_emit(struct compiler *c, struct transfer *t)
{
    shuffle_emit(c, &t->registers);
    for (uint32_t rest = t->late; rest; rest &= rest - 1) {
        uint8_t to = (uint8_t)__builtin_ctz(rest);
        const struct value *v = &t->values[to];

        if (v->kind == K_CONST)
            emit_const(c, v->vt, to, v->imm);
        else
            emit_load(c, v->vt, to, v->kind == K_SLOT ? slot_at(c, v->height) : local_at(c, v->local));
    }
}

/* Pinned locals in registers that a call does not keep: to their slots. */
static void pins_save(struct compiler *c)
{
    uint32_t save = c->volatile_pins & c->valid & ~c->clean;

    c->clean |= save;
    for (; save; save &= save - 1) {
        uint8_t reg = (uint8_t)__builtin_ctz(save);

        emit_store(c, c->pin_vt[reg], local_at(c, c->pin_local[reg]), reg);
    }
}

static void arguments_drop(struct compiler *c, uint32_t n)
{
    for (; n; n--) {
        struct value v = value_pop(c);

        value_release(c, &v);
    }
}

/* The n_params entries at the top go where the callee wants them. Returns the bytes on the stack. */
static uint32_t arguments_emit(struct compiler *c, const struct wasm_functype *type, struct transfer *t)
{
    struct places places = {0};
    const struct value *v = c->sp - type->n_params;

    for (uint32_t i = 0; i < type->n_params; i++, v++) {
        struct place p = place_next(&places, v->vt);

        if (p.reg != R_NONE) {
            transfer_add(c, t, p.reg, v);
            continue;
        }
        x64_reserve(&c->b, ROOM_CODE);
        value_store(c, v, x64_at(X64_RSP, (int32_t)p.stack));
    }
    x64_reserve(&c->b, ROOM_CODE);
    transfer_emit(c, t);
    x64_reserve(&c->b, ROOM_CODE);
    uint32_t stack = (places.stack + 15) & ~15u;
    if (stack > c->outgoing)
        c->outgoing = stack;
    return stack;
}

void transfer_operands(struct compiler *c, uint32_t n, const uint8_t *to)
{
    struct transfer t;

    t.late = t.registers.pending = 0;
    c->frame_used = true;
    stack_save(c, c->sp - n);
    pins_save(c);
    for (uint32_t i = 0; i < n; i++)
        transfer_add(c, &t, to[i], c->sp - n + i);
    x64_reserve(&c->b, ROOM_CODE);
    transfer_emit(c, &t);
    x64_reserve(&c->b, ROOM_CODE);
    arguments_drop(c, n);
}

/* ---- The call itself --------------------------------------------------------------------------------------------- */

static void emit_switch(struct compiler *c)
{
    x64_rm(&c->b, X64_MOV, X64_W64, c->no_gs ? X64_R15 : X64_RCX,
           x64_at(X64_RCX, offsetof(struct wasm_instance, memory_base)));
    if (!c->no_gs)
        x64_r(&c->b, X64_WRGSBASE, X64_W64, X64_RCX);
}

/* The record is in rax: elsewhere, if it is another instance's. */
static void emit_cross_check(struct compiler *c, bool tail, uint32_t stack)
{
    if (c->n_crosses == c->cap_crosses) {
        struct cross_site *more = array_more(c, c->crosses, &c->cap_crosses, sizeof(*more));

        if (!more)
            return;
        c->crosses = more;
    }
    struct cross_site *s = &c->crosses[c->n_crosses++];
    *s = (struct cross_site){.offset = op_offset(c), .tail = tail, .stack = stack};
    x64_rm(&c->b, X64_CMP, X64_W64, X64_R14, x64_at(X64_RAX, offsetof(struct wasm_func, instance)));
    x64_jcc(&c->b, X64_NE, &s->label);
    s->back = x64_size(&c->b);
}

static void emit_call_record(struct compiler *c)
{
    emit_cross_check(c, false, 0);
    x64_call_m(&c->b, x64_at(X64_RAX, offsetof(struct wasm_func, entry)));
    if (c->n_crosses)
        c->crosses[c->n_crosses - 1].back = x64_size(&c->b);
    map_note(c, x64_size(&c->b) - 1, op_offset(c));
}

static void emit_cross_call(struct compiler *c, const struct cross_site *s)
{
    struct x64_mem keep = x64_at(X64_RBP, -8);
    struct x64_label host = {0};
    uint32_t same;

    x64_mr(&c->b, X64_MOV, X64_W64, keep, X64_R14);
    x64_rr(&c->b, X64_TEST, X64_W64, X64_RCX, X64_RCX);
    x64_jcc(&c->b, X64_E, &host);
    x64_rr(&c->b, X64_MOV, X64_W64, X64_R14, X64_RCX);
    emit_switch(c);
    x64_bind(&c->b, &host);
    x64_call_m(&c->b, x64_at(X64_RAX, offsetof(struct wasm_func, entry)));
    map_note(c, x64_size(&c->b) - 1, s->offset);
    x64_rm(&c->b, X64_MOV, X64_W64, X64_RCX, keep);
    x64_rr(&c->b, X64_CMP, X64_W64, X64_RCX, X64_R14);
    same = x64_jcc_short(&c->b, X64_E);
    x64_rr(&c->b, X64_MOV, X64_W64, X64_R14, X64_RCX);
    emit_switch(c);
    x64_land(&c->b, same);
    x64_jmp_rel32(&c->b, (int32_t)(s->back - (x64_size(&c->b) + 5)));
}

/* To a function of this module: patched when its place is known. */
static void emit_direct(struct compiler *c, uint32_t function, bool tail)
{
    uint32_t own = function - c->m->n_imported_functions;
    uint32_t site = tail ? x64_jmp_rel32(&c->b, 0) : x64_call_rel32(&c->b, 0);

    if (function <= c->function) {
        x64_patch32(&c->b, site, c->entries[own] - (site + 4));
        return;
    }
    if (c->n_calls == c->cap_calls) {
        struct call_site *more = array_more(c, c->calls, &c->cap_calls, sizeof(*more));

        if (!more)
            return;
        c->calls = more;
    }
    c->calls[c->n_calls++] = (struct call_site){site, function};
}

static void load_import(struct compiler *c, uint32_t function)
{
    x64_rm(&c->b, X64_MOV, X64_W64, X64_RAX, x64_at(X64_R14, (int32_t)(c->layout.imports + 8 * function)));
}

/* The index is in rax: the record takes its place. */
static void emit_table_lookup(struct compiler *c, uint32_t type, uint32_t table)
{
    uint32_t imported = c->m->n_imported_tables;
    struct x64_mem m = x64_at(X64_RCX, 0);

    if (table < imported)
        x64_rm(&c->b, X64_MOV, X64_W64, X64_RCX, x64_at(X64_R14, (int32_t)(c->layout.tables + 8 * table)));
    else
        m = x64_at(X64_R14, (int32_t)(c->layout.own_tables + sizeof(struct wasm_table) * (table - imported)));
    m.disp += offsetof(struct wasm_table, size);
    x64_rm(&c->b, X64_CMP, X64_W32, X64_RAX, m);
    trap_if(c, X64_AE, WASM_TRAP_UNDEFINED_ELEMENT);
    m.disp -= offsetof(struct wasm_table, size);
    x64_rm(&c->b, X64_MOV, X64_W64, X64_RCX, m);
    x64_rm(&c->b, X64_MOV, X64_W64, X64_RAX, x64_at_index(X64_RCX, X64_RAX, 3, 0));
    x64_rm(&c->b, X64_MOV, X64_W64, X64_RCX, x64_at(X64_R14, offsetof(struct wasm_instance, types)));
    x64_rm(&c->b, X64_MOV, X64_W32, X64_RCX, x64_at(X64_RCX, (int32_t)(4 * type)));
    map_note_here(c); /* null faults at the offset of the type: fault.c */
    x64_rm(&c->b, X64_CMP, X64_W32, X64_RCX, x64_at(X64_RAX, offsetof(struct wasm_func, type)));
    trap_if(c, X64_NE, WASM_TRAP_INDIRECT_TYPE);
}

static void push_results(struct compiler *c, const struct wasm_functype *type)
{
    const uint8_t *types = type->types + type->n_params;

    if (type->n_results == 1) {
        uint8_t vt = vt_of_type[types[0]];

        value_push_reg(c, vt, vt_is_vector(vt) ? R_XMM0 : X64_RAX);
        return;
    }
    for (uint32_t i = 0; i < type->n_results; i++) {
        struct value *v = value_push(c, K_SLOT, vt_of_type[types[i]]);

        if (v->height > c->max_height)
            c->max_height = v->height;
    }
}

/* Everything but the jump: function UINT32_MAX means indirect, the index at the top. Returns the bytes on the stack. */
static uint32_t emit_arguments(struct compiler *c, const struct wasm_functype *type, bool indirect)
{
    struct transfer t;
    uint32_t stack;

    t.late = t.registers.pending = 0;
    c->frame_used = true;
    stack_save(c, c->sp - type->n_params - indirect);
    pins_save(c);
    struct value index = {.kind = K_FLAGS};
    if (indirect) {
        index = value_pop(c);
        transfer_add(c, &t, X64_RAX, &index);
    }
    stack = arguments_emit(c, type, &t);
    if (indirect)
        value_release(c, &index);
    arguments_drop(c, type->n_params);
    return stack;
}

static void compile_plain(struct compiler *c, uint32_t function, uint32_t type_index, uint32_t table)
{
    const struct wasm_functype *type = &c->m->types[type_index];
    bool indirect = function == UINT32_MAX;
    uint32_t stack = emit_arguments(c, type, indirect);

    if (type->n_results > 1)
        x64_rm(&c->b, X64_LEA, X64_W64, X64_RDX, slot_at(c, c->sp[-1].height));
    if (indirect) {
        emit_table_lookup(c, type_index, table);
        emit_call_record(c);
    } else if (function < c->m->n_imported_functions) {
        load_import(c, function);
        emit_call_record(c);
    } else {
        emit_direct(c, function, false);
        map_note(c, x64_size(&c->b) - 1, op_offset(c));
    }
    if (stack)
        x64_ri(&c->b, X64_SUB, X64_W64, X64_RSP, (int32_t)stack);
    c->valid &= ~c->volatile_pins;
    push_results(c, type);
}

/* ---- Tail calls -------------------------------------------------------------------------------------------------- */

/* Vector registers that no argument is in: what must survive the moves. */
enum { KEEP_INSTANCE = X64_XMM10, KEEP_OURS, KEEP_STUB, KEEP_COPY, KEEP_FRAME, KEEP_RETURN };

/* The frame goes away: arguments on the stack move up to end where ours end, with the return address below them.
 * `back`: between them comes what wasm_native_return_... takes away, our instance and the return address proper. */
static void emit_frame_move(struct compiler *c, uint32_t stack, bool back)
{
    int32_t end = (int32_t)(8 + c->incoming) - (back ? 16 : 0);

    x64_sse_rm(&c->b, X64_MOVQ_X, KEEP_RETURN, x64_at(X64_RBP, 8));
    x64_sse_rm(&c->b, X64_MOVQ_X, KEEP_FRAME, x64_at(X64_RBP, 0));
    x64_rm(&c->b, X64_LEA, X64_W64, X64_RCX, x64_at(X64_RBP, end - (int32_t)stack));
    for (uint32_t at = stack; at; at -= 8) {
        x64_reserve(&c->b, ROOM_CODE);
        x64_sse_rm(&c->b, X64_MOVQ_X, KEEP_COPY, x64_at(X64_RSP, (int32_t)at - 8));
        x64_sse_mr(&c->b, X64_MOVQ_X_STORE, x64_at(X64_RCX, (int32_t)at), KEEP_COPY);
    }
    x64_reserve(&c->b, ROOM_CODE);
    x64_sse_mr(&c->b, X64_MOVQ_X_STORE, x64_at(X64_RCX, 0), back ? KEEP_STUB : KEEP_RETURN);
    if (back) {
        x64_sse_mr(&c->b, X64_MOVQ_X_STORE, x64_at(X64_RCX, (int32_t)stack + 8), KEEP_OURS);
        x64_sse_mr(&c->b, X64_MOVQ_X_STORE, x64_at(X64_RCX, (int32_t)stack + 16), KEEP_RETURN);
    }
    x64_sse_store_rr(&c->b, X64_MOVQ_STORE, X64_RBP, KEEP_FRAME);
    x64_rr(&c->b, X64_MOV, X64_W64, X64_RSP, X64_RCX);
}

/* Another instance, or a host function's none, is in rcx. Who called us counts on r14 when the callee
 * returns to it: the callee returns to a stub that puts it back. One such stub is enough, however often instances call
 * one another. */
static void emit_cross_tail(struct compiler *c, const struct cross_site *s)
{
    struct x64_label again = {0}, go = {0};

    x64_rr(&c->b, X64_TEST, X64_W64, X64_RCX, X64_RCX);
    x64_jcc_rel32(&c->b, X64_E, (int32_t)(s->back - (x64_size(&c->b) + 6)));
    emit_restore(c);
    x64_sse_rr(&c->b, X64_MOVQ, KEEP_INSTANCE, X64_RCX);
    x64_rm(&c->b, X64_MOV, X64_W64, X64_RCX, x64_at(X64_R14, offsetof(struct wasm_instance, store)));
    x64_rm(&c->b, X64_MOV, X64_W64, X64_RCX,
           x64_at(X64_RCX, (int32_t)offsetof(struct wasm_store, native) + (c->no_gs ? 24 : 16)));
    x64_rm(&c->b, X64_CMP, X64_W64, X64_RCX, x64_at(X64_RBP, 8));
    x64_jcc(&c->b, X64_E, &again);
    x64_sse_rr(&c->b, X64_MOVQ, KEEP_STUB, X64_RCX);
    x64_sse_rr(&c->b, X64_MOVQ, KEEP_OURS, X64_R14);
    emit_frame_move(c, s->stack, true);
    x64_jmp(&c->b, &go);
    x64_bind(&c->b, &again);
    emit_frame_move(c, s->stack, false);
    x64_bind(&c->b, &go);
    x64_sse_store_rr(&c->b, X64_MOVQ_STORE, X64_RCX, KEEP_INSTANCE);
    x64_rr(&c->b, X64_MOV, X64_W64, X64_R14, X64_RCX);
    emit_switch(c);
    x64_jmp_m(&c->b, x64_at(X64_RAX, offsetof(struct wasm_func, entry)));
}

static void compile_tail(struct compiler *c, uint32_t function, uint32_t type_index, uint32_t table)
{
    const struct wasm_functype *type = &c->m->types[type_index];
    bool indirect = function == UINT32_MAX, own = !indirect && function >= c->m->n_imported_functions;
    uint32_t stack = emit_arguments(c, type, indirect);

    if (c->result_area)
        x64_rm(&c->b, X64_MOV, X64_W64, X64_RDX, x64_at(X64_RBP, -(int32_t)c->result_area));
    if (indirect)
        emit_table_lookup(c, type_index, table);
    else if (!own)
        load_import(c, function);
    if (!own)
        emit_cross_check(c, true, stack);
    emit_restore(c);
    if (stack == 0 && c->incoming == 0)
        x64_bare(&c->b, X64_LEAVE);
    else
        emit_frame_move(c, stack, false);
    if (own)
        emit_direct(c, function, true);
    else
        x64_jmp_m(&c->b, x64_at(X64_RAX, offsetof(struct wasm_func, entry)));
    control_skip(c);
}

void crosses_emit(struct compiler *c)
{
    for (uint32_t i = 0; i < c->n_crosses; i++) {
        x64_reserve(&c->b, ROOM_CODE);
        map_reserve(c, ROOM_MAP);
        x64_bind(&c->b, &c->crosses[i].label);
        x64_rm(&c->b, X64_MOV, X64_W64, X64_RCX, x64_at(X64_RAX, offsetof(struct wasm_func, instance)));
        (c->crosses[i].tail ? emit_cross_tail : emit_cross_call)(c, &c->crosses[i]);
    }
    c->n_crosses = 0;
}

void compile_call(struct compiler *c, uint8_t op)
{
    bool tail = op == WASM_OP_RETURN_CALL || op == WASM_OP_RETURN_CALL_INDIRECT;
    uint32_t function = UINT32_MAX, type, table = 0;

    if (op == WASM_OP_CALL || op == WASM_OP_RETURN_CALL) {
        function = wasm_read_u32(&c->p);
        type = c->m->functions[function].type;
    } else {
        type = wasm_read_u32(&c->p);
        table = wasm_read_u32(&c->p);
    }
    (tail ? compile_tail : compile_plain)(c, function, type, table);
}
