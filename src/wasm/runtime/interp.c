/* SPDX-License-Identifier: Apache-2.0 */
/* The interpreter's loop: control, calls, variables (specification 4.4.5, 4.4.8 to 4.4.10). Nothing recurses. */
#include "wasm/runtime/interp.h"
#include "wasm/module/leb.h"
#include "wasm/runtime/stack.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A compiled frame is hardly smaller than this, so whatever recursion compiled code carries, this does too. */
#define FRAME_BYTES  32u
#define VALUES_RATIO 4u /* values have 16 bytes here, and no register saves one */

static struct interp_stack *stack_make(struct wasm_store_whole *w)
{
    struct interp_stack *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    size_t bytes = wasm_stack_size(w), values = bytes * VALUES_RATIO;
    s->max_frames = (uint32_t)(bytes / FRAME_BYTES);
    s->max_labels = (uint32_t)(bytes / sizeof *s->labels);
    s->size = values + s->max_frames * sizeof *s->frames + s->max_labels * sizeof *s->labels;
    char *p = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        free(s);
        return NULL;
    }
    s->whole = w;
    s->values = s->top = (union wasm_value *)(void *)p;
    s->values_end = (union wasm_value *)(void *)(p + values);
    s->frames = (struct interp_frame *)(void *)(p + values);
    s->labels = (uint32_t *)(void *)(s->frames + s->max_frames);
    return s;
}

void wasm_interp_free(struct wasm_store_whole *w)
{
    if (w->interp)
        munmap(w->interp->values, w->interp->size);
    free(w->interp);
    w->interp = NULL;
}

void wasm_interp_forget(struct wasm_store_whole *w)
{
    if (w->interp)
        w->interp->trap_frames = 0;
}

static struct interp_frame *frame(const struct interp_stack *s)
{
    return &s->frames[s->n_frames - 1];
}

/* What it costs to go on, and whether one may. */
static enum wasm_trap pay(struct interp_stack *s, uint32_t fuel)
{
    struct wasm_store *store = &s->whole->store;
    store->fuel -= fuel;
    if (store->fuel < 0)
        return WASM_TRAP_FUEL;
    return wasm_store_interrupted(store) ? WASM_TRAP_INTERRUPT : WASM_TRAP_NONE;
}

/* Frame for a function whose arguments are the last operands. */
static enum wasm_trap enter(struct interp_stack *s, struct wasm_instance *i, uint32_t index)
{
    const struct interp_function *f = interp_function_get(wasm_instance_box(i)->module, index);
    if (!f)
        return wasm_fail(&s->whole->store, "no memory to run function %u", index);
    enum wasm_trap trap = pay(s, f->fuel);
    if (trap)
        return trap;
    union wasm_value *locals = s->top - f->n_params;
    if (s->n_frames == s->max_frames || f->n_slots > s->values_end - locals ||
        f->max_depth > s->max_labels - s->n_labels)
        return WASM_TRAP_STACK_EXHAUSTED;
    memset(s->top, 0, (f->n_locals - f->n_params) * sizeof *s->top);
    s->top = locals + f->n_locals;
    const uint8_t *code = i->module->bytes + f->code;
    s->frames[s->n_frames++] = (struct interp_frame){.instance = i,
                                                     .function = f,
                                                     .at = code,
                                                     .next = code,
                                                     .locals = locals,
                                                     .index = index,
                                                     .labels = s->n_labels};
    return WASM_TRAP_NONE;
}

/* The last n operands go down to `to`; what was between is gone. */
static void drop_below(struct interp_stack *s, union wasm_value *to, uint32_t n)
{
    memmove(to, s->top - n, n * sizeof *to);
    s->top = to + n;
}

static void leave(struct interp_stack *s)
{
    struct interp_frame *f = frame(s);
    drop_below(s, f->locals, f->function->n_results);
    s->n_labels = f->labels;
    s->n_frames--;
}

/* The arguments are the last operands; meanwhile there is room for the results. */
static enum wasm_trap call_host(struct interp_stack *s, const struct wasm_func *f, struct wasm_instance *caller)
{
    const struct wasm_functype *type = wasm_func_type(&s->whole->store, f);
    union wasm_value *values = s->top - type->n_params;
    if (type->n_results > type->n_params)
        s->top = values + type->n_results;
    s->trap_frames = 0;
    enum wasm_trap trap = wasm_host_call(&s->whole->store, f, caller, values);
    s->top = values + type->n_results;
    if (!trap && wasm_store_interrupted(&s->whole->store))
        trap = WASM_TRAP_INTERRUPT;
    return trap;
}

static enum wasm_trap call(struct interp_stack *s, const struct wasm_func *f, bool tail)
{
    struct wasm_instance *caller = frame(s)->instance;
    if (tail) { /* the arguments take the place of the frame */
        drop_below(s, frame(s)->locals, wasm_func_type(&s->whole->store, f)->n_params);
        s->n_labels = frame(s)->labels;
        s->n_frames--;
    }
    return f->host ? call_host(s, f, caller) : enter(s, f->instance, f->index);
}

static enum wasm_trap call_direct(struct interp_stack *s, uint32_t function, bool tail)
{
    struct wasm_func own;
    return call(s, wasm_instance_callee(frame(s)->instance, function, &own), tail);
}

static enum wasm_trap call_indirect(struct interp_stack *s, const struct interp_instruction *in, bool tail)
{
    const struct wasm_instance *i = frame(s)->instance;
    const struct wasm_table *t = wasm_instance_tables(i)[in->b];
    uint32_t at = (--s->top)->i32;
    if (at >= t->size)
        return WASM_TRAP_UNDEFINED_ELEMENT;
    const struct wasm_func *f = (const struct wasm_func *)(uintptr_t)t->elems[at];
    if (!f)
        return WASM_TRAP_UNINITIALIZED_ELEMENT;
    if (f->type != i->types[in->a])
        return WASM_TRAP_INDIRECT_TYPE;
    return call(s, f, tail);
}

static enum wasm_trap block(struct interp_stack *s, uint16_t op)
{
    struct interp_frame *f = frame(s);
    const uint8_t *bytes = f->instance->module->bytes;
    uint32_t number = interp_block_find(f->function, (uint32_t)(f->at - bytes));
    const struct wasm_block *b = &f->function->blocks[number];
    if (op == WASM_OP_IF && !(--s->top)->i32) {
        f->next = bytes + (b->else_ ? b->else_ : b->end);
        if (!b->else_)
            return WASM_TRAP_NONE;
    }
    s->labels[s->n_labels++] = number;
    return op == WASM_OP_LOOP ? pay(s, b->fuel) : WASM_TRAP_NONE;
}

static enum wasm_trap branch(struct interp_stack *s, uint32_t label)
{
    struct interp_frame *f = frame(s);
    const uint8_t *bytes = f->instance->module->bytes;
    if (label == s->n_labels - f->labels) { /* the function's own */
        leave(s);
        return WASM_TRAP_NONE;
    }
    s->n_labels -= label + 1;
    const struct wasm_block *b = &f->function->blocks[s->labels[s->n_labels]];
    bool loop = b->op == WASM_OP_LOOP;
    drop_below(s, f->locals + f->function->n_locals + b->height, loop ? b->n_params : b->n_results);
    f->next = bytes + (loop ? b->start : b->end);
    if (!loop)
        return WASM_TRAP_NONE;
    s->n_labels++;
    interp_decode(&f->next);
    return pay(s, b->fuel);
}

static enum wasm_trap branch_table(struct interp_stack *s, const struct interp_instruction *in)
{
    uint32_t which = (--s->top)->i32, label = 0;
    const uint8_t *p = in->bytes;
    for (uint64_t k = 0; k <= (which < in->a ? which : in->a); k++)
        label = wasm_read_u32(&p);
    return branch(s, label);
}

/* `else` is reached from the branch before it, which is done. */
static void end_of_branch(struct interp_stack *s)
{
    struct interp_frame *f = frame(s);
    f->next = f->instance->module->bytes + f->function->blocks[s->labels[--s->n_labels]].end;
}

static void end(struct interp_stack *s)
{
    if (s->n_labels == frame(s)->labels)
        leave(s);
    else
        s->n_labels--;
}

static enum wasm_trap control(struct interp_stack *s, const struct interp_instruction *in)
{
    switch (in->op) {
    case WASM_OP_UNREACHABLE:
        return WASM_TRAP_UNREACHABLE;
    case WASM_OP_NOP:
        return WASM_TRAP_NONE;
    case WASM_OP_ELSE:
        end_of_branch(s);
        return WASM_TRAP_NONE;
    case WASM_OP_END:
        end(s);
        return WASM_TRAP_NONE;
    case WASM_OP_BR:
        return branch(s, in->a);
    case WASM_OP_BR_IF:
        return (--s->top)->i32 ? branch(s, in->a) : WASM_TRAP_NONE;
    case WASM_OP_BR_TABLE:
        return branch_table(s, in);
    case WASM_OP_RETURN:
        leave(s);
        return WASM_TRAP_NONE;
    case WASM_OP_CALL:
    case WASM_OP_RETURN_CALL:
        return call_direct(s, in->a, in->op == WASM_OP_RETURN_CALL);
    case WASM_OP_CALL_INDIRECT:
    case WASM_OP_RETURN_CALL_INDIRECT:
        return call_indirect(s, in, in->op == WASM_OP_RETURN_CALL_INDIRECT);
    default:
        return block(s, in->op);
    }
}

static void variable(struct interp_stack *s, const struct interp_instruction *in)
{
    struct interp_frame *f = frame(s);
    switch (in->op) {
    case WASM_OP_DROP:
        s->top--;
        break;
    case WASM_OP_SELECT:
    case WASM_OP_SELECT_T:
        s->top -= 2;
        if (!s->top[1].i32)
            s->top[-1] = s->top[0];
        break;
    case WASM_OP_LOCAL_GET:
        *s->top++ = f->locals[in->a];
        break;
    case WASM_OP_LOCAL_SET:
        f->locals[in->a] = *--s->top;
        break;
    case WASM_OP_LOCAL_TEE:
        f->locals[in->a] = s->top[-1];
        break;
    case WASM_OP_GLOBAL_GET:
        *s->top++ = *wasm_instance_global(f->instance, in->a);
        break;
    default: /* global.set */
        *wasm_instance_global(f->instance, in->a) = *--s->top;
    }
}

static void constant(struct interp_stack *s, const struct interp_instruction *in)
{
    union wasm_value v = {.i64 = in->bits};
    if (in->op == WASM_OP_REF_FUNC)
        v.ref = (uintptr_t)wasm_instance_func(frame(s)->instance, in->a);
    *s->top++ = v;
}

static enum wasm_trap execute(struct interp_stack *s, const struct interp_instruction *in)
{
    uint16_t op = in->op;
    if (op < WASM_OP_DROP)
        return control(s, in);
    if (op <= WASM_OP_GLOBAL_SET) {
        variable(s, in);
        return WASM_TRAP_NONE;
    }
    if ((op >= WASM_OP_I32_CONST && op <= WASM_OP_F64_CONST) || op == WASM_OP_REF_NULL || op == WASM_OP_REF_FUNC) {
        constant(s, in);
        return WASM_TRAP_NONE;
    }
    if (op == WASM_OP_REF_IS_NULL) {
        s->top[-1].i32 = s->top[-1].ref == 0;
        return WASM_TRAP_NONE;
    }
    uint8_t immediate = wasm_op_rows[op].immediate;
    if (immediate == WASM_IMM_MEMARG || immediate == WASM_IMM_MEMARG_LANE || immediate == WASM_IMM_MEMORY ||
        immediate == WASM_IMM_TABLE || (op >= WASM_OP_MEMORY_INIT && op < WASM_OP_V128_LOAD))
        return interp_memory(s, in);
    if (op < WASM_OP_VECTOR)
        return interp_numeric(op, &s->top);
    interp_vector(in, &s->top);
    return WASM_TRAP_NONE;
}

/* Until as many frames are left as there were before. */
static enum wasm_trap run(struct interp_stack *s, uint32_t frames)
{
    enum wasm_trap trap = WASM_TRAP_NONE;
    while (!trap && s->n_frames > frames) {
        struct interp_frame *f = frame(s);
        f->at = f->next;
        struct interp_instruction in = interp_decode(&f->next);
        trap = execute(s, &in);
    }
    return trap;
}

enum wasm_trap wasm_interp_call(struct wasm_store_whole *w, struct wasm_func *f, union wasm_value *values)
{
    if (!w->interp && !(w->interp = stack_make(w)))
        return wasm_fail(&w->store, "no memory for a stack");
    struct interp_stack *s = w->interp;
    const struct wasm_functype *type = wasm_func_type(&w->store, f);
    union wasm_value *top = s->top;
    uint32_t frames = s->n_frames, labels = s->n_labels;
    s->trap_frames = 0;
    if (type->n_params > s->values_end - top)
        return WASM_TRAP_STACK_EXHAUSTED;
    memcpy(top, values, type->n_params * sizeof *top);
    s->top += type->n_params;
    enum wasm_trap trap = enter(s, f->instance, f->index);
    if (!trap)
        trap = run(s, frames);
    if (!trap)
        memcpy(values, top, type->n_results * sizeof *top);
    else if (s->trap_frames < s->n_frames)
        s->trap_frames = s->n_frames;
    s->top = top;
    s->n_frames = frames;
    s->n_labels = labels;
    return trap;
}
