/* SPDX-License-Identifier: Apache-2.0 */
/* A store's life, calls from outside, and how they are stopped. */
#include "wasm/runtime/store.h"
#include "wasm/baseline/compile.h"
#include "wasm/runtime/interp.h"
#include "wasm/runtime/memory.h"
#include "wasm/runtime/stack.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

int wasm_store_make(const struct wasm_store_options *o, struct wasm_store **out, struct err *err)
{
    struct wasm_store_whole *w = calloc(1, sizeof *w);
    if (!w)
        return err_set(err, -ENOMEM, "no memory");
    w->options = *o;
    wasm_store_renew(w);
    *out = &w->store;
    return 0;
}

void wasm_store_borrow(struct wasm_store_whole *w, const struct wasm_store_whole *lender)
{
    w->types = lender->types;
    w->types.lent = true;
    w->modules = w->lent_modules = lender->modules;
    w->mode = lender->mode;
}

void wasm_store_renew(struct wasm_store_whole *w)
{
    w->store.fuel = w->options.fuel < 0 ? INT64_MAX : w->options.fuel;
    w->store.trap = WASM_TRAP_NONE;
    w->store.trap_pc = w->store.trap_fp = 0;
    w->exit_status = 0;
    w->fail_text[0] = 0;
    wasm_interp_forget(w);
    wasm_interrupt_clear(&w->store);
}

static void object_free(struct wasm_host_object *o)
{
    if (o->kind == WASM_KIND_TABLE)
        wasm_table_free(&o->table);
    if (o->kind == WASM_KIND_MEMORY)
        wasm_memory_free(&o->memory);
    free(o);
}

static void instance_free(struct wasm_instance_box *box)
{
    struct wasm_instance *i = &box->instance;
    struct wasm_table *own = wasm_instance_part(i, i->layout->own_tables);
    for (uint32_t k = 0; k < i->module->n_tables - i->module->n_imported_tables; k++)
        wasm_table_free(&own[k]);
    wasm_memory_free(&i->own_memory);
    free(box);
}

void wasm_store_free(struct wasm_store *s)
{
    if (!s)
        return;
    struct wasm_store_whole *w = wasm_store_whole(s);
    for (struct wasm_instance_box *box = w->instances, *next; box; box = next) {
        next = box->next;
        instance_free(box);
    }
    for (struct wasm_host_object *o = w->objects, *next; o; o = next) {
        next = o->next;
        object_free(o);
    }
    wasm_store_modules_free(w);
    wasm_types_free(&w->types);
    wasm_stack_free(w);
    wasm_interp_free(w);
    free(w);
}

const struct wasm_functype *wasm_func_type(const struct wasm_store *s, const struct wasm_func *f)
{
    return wasm_store_whole(s)->types.types[f->type];
}

/* Compiled code: on the guest's stack, below what an outer call has of it. */
static enum wasm_trap call_compiled(struct wasm_store_whole *w, struct wasm_func *f, union wasm_value *values)
{
    struct wasm_store *s = &w->store;
    if (wasm_stack_make(w))
        return wasm_fail(s, "no memory for a stack");
    while (w->n_inner && w->inner[w->n_inner - 1].nest >= w->nest) /* an earlier call's */
        w->n_inner--;
    uint64_t host_sp = s->host_sp, guest_sp = s->guest_sp;
    uint64_t top = guest_sp ? guest_sp & ~UINT64_C(15) : (uintptr_t)w->stack + WASM_STACK_GUARD + wasm_stack_size(w);
    enum wasm_trap trap = wasm_code_enter(s, f, values, (void *)(uintptr_t)top);
    s->host_sp = host_sp;
    s->guest_sp = guest_sp;
    if (trap && w->nest > 1)
        w->inner[w->n_inner++] = (struct wasm_trap_place){w->nest, s->trap_pc, s->trap_fp};
    return trap;
}

static enum wasm_trap call_any(struct wasm_store_whole *w, struct wasm_func *f, union wasm_value *values)
{
    if (wasm_store_interrupted(&w->store))
        return WASM_TRAP_INTERRUPT;
    if (f->host)
        return wasm_host_call(&w->store, f, NULL, values);
    return f->entry ? call_compiled(w, f, values) : wasm_interp_call(w, f, values);
}

/* gettid(2) would be most of the time of a short call, so a thread asks once. fork(2) gives the thread another. */
static _Thread_local int own_thread;
static pthread_once_t fork_watch = PTHREAD_ONCE_INIT;

static void forget_thread(void)
{
    own_thread = 0;
}

static void watch_fork(void)
{
    pthread_atfork(NULL, NULL, forget_thread);
}

static int this_thread(void)
{
    if (!own_thread) {
        pthread_once(&fork_watch, watch_fork);
        own_thread = gettid();
    }
    return own_thread;
}

enum wasm_trap wasm_call(struct wasm_store *s, struct wasm_func *f, union wasm_value *values)
{
    struct wasm_store_whole *w = wasm_store_whole(s);
    if (w->nest >= WASM_NEST_MAX)
        return WASM_TRAP_STACK_EXHAUSTED;
    if (!w->nest++)
        __atomic_store_n(&w->thread, this_thread(), __ATOMIC_SEQ_CST);
    s->trap = WASM_TRAP_NONE;
    enum wasm_trap trap = call_any(w, f, values);
    s->trap = trap;
    if (!--w->nest)
        __atomic_store_n(&w->thread, 0, __ATOMIC_SEQ_CST);
    return trap;
}

int wasm_store_thread(const struct wasm_store *s)
{
    return __atomic_load_n(&wasm_store_whole(s)->thread, __ATOMIC_SEQ_CST);
}

void wasm_interrupt(struct wasm_store *s)
{
    __atomic_store_n(&s->interrupt, 1, __ATOMIC_SEQ_CST);
    if (wasm_store_whole(s)->mode == WASM_STORE_COMPILED)
        wasm_code_interrupt(s);
}

void wasm_interrupt_clear(struct wasm_store *s)
{
    __atomic_store_n(&s->interrupt, 0, __ATOMIC_SEQ_CST);
}
