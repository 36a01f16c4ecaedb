/* SPDX-License-Identifier: Apache-2.0 */
/* The comparison of wasm_pair.h. Whatever is random here comes from the options' seed and from what the host was asked,
 * so that both sides see the same. */
#include "wasm_pair.h"

#include "wasm_choice.h"

#include "wasm/baseline/image.h"
#include "wasm/pool/pool.h"
#include "wasm/runtime/store_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define VALUES_MAX   1000
#define INNER_MAX    40u /* values of a function that the host calls */
#define PAGES_MAX    1024
#define ELEMENTS_MAX 100000
#define STACK_SIZE   ((size_t)8 << 20)
#define FRAMES_MAX   8u
#define HOST_WORDS   5u

static const struct wasm_features features = {.tail_call = true, .extended_const = true};

/* One of the two. */
struct side {
    struct pair *pair;
    struct wasm_store *store;
    struct wasm_pool *pool; /* not NULL: the store is its slot's */
    struct wasm_slot *slot;
    const struct wasm_module *module;
    struct wasm_code *code; /* NULL: interpreted */
    struct wasm_instance *instances[2];
    uint32_t n_instances;
    struct wasm_extern *imports;
    enum wasm_trap trap;
    int result;
    uint64_t asked;   /* what the host was asked so far, as a hash */
    uint32_t nest;    /* calls from the host on the way */
    bool called_back; /* in this call of the host's */
    bool stopped;     /* a stack was used up, or uncounted fuel */
    struct err err;
};

struct pair {
    const struct wasm_pair_options *o;
    struct wasm_pair_result *result;
    struct arena arena;
    struct side interpreted, compiled;
    bool pooled;
    uint8_t *image; /* mapped */
    size_t image_size;
    const char *where; /* in what is told */
    char where_text[64];
};

/* What a host function needs to know: which it is, and whose. */
struct host {
    struct side *side;
    uint32_t number;
    const struct wasm_functype *type;
};

/* ---- Values ------------------------------------------------------------------------------------------------------ */

static unsigned width_of(uint8_t type)
{
    switch (type) {
    case WASM_I32:
    case WASM_F32:
        return 4;
    case WASM_V128:
        return 16;
    default:
        return 8;
    }
}

/* A function of the instance that can be referred to, or null. */
static uint64_t any_function(const struct side *s, uint64_t from)
{
    const struct wasm_instance *i = s->n_instances ? s->instances[from % s->n_instances] : NULL;
    const struct wasm_module *m = s->module;
    for (uint32_t k = 0; i && k < m->n_functions; k++) {
        uint32_t at = (uint32_t)((from >> 8) + k) % m->n_functions;
        if (at < m->n_imported_functions || m->ref_slot[at] != UINT32_MAX)
            return (uintptr_t)wasm_instance_func(i, at);
    }
    return 0;
}

/* Numbers that are likely to be edges of something. */
static union wasm_value value_make(const struct side *s, uint8_t type, uint64_t from)
{
    static const uint64_t edges[] = {0,          1,          0xffffffffffffffff, 0x80000000,         0x7fffffff,
                                     0x3f800000, 0x7fc00000, 0x8000000000000000, 0x7ff8000000000000, 0x4f000000,
                                     65536,      65535,      0x3ff0000000000000, 0x43e0000000000000, 7};
    union wasm_value v = {0};
    uint64_t words[2] = {choice_mix(from), choice_mix(from + 1)};
    if (wasm_type_is_ref(type)) {
        if (words[1] % 4)
            v.ref = type == WASM_FUNCREF ? any_function(s, words[0]) : 0x1000 + words[0] % HOST_WORDS;
        return v;
    }
    if (words[1] % 3)
        words[0] = edges[words[0] % ARRAY_LEN(edges)];
    if (words[1] % 5 == 0)
        words[0] %= 300;
    memcpy(&v, words, width_of(type));
    return v;
}

/* A function as a number that is the same on both sides. The word may be anything, if code is wrong: it is looked for
 * among those that there are. */
static uint64_t function_number(const struct side *s, uint64_t ref)
{
    const struct wasm_module *m = s->module;
    for (uint32_t k = 0; k < m->n_imports; k++)
        if (ref && s->imports[k].kind == WASM_KIND_FUNC && (uintptr_t)s->imports[k].func == ref)
            return 1000000 + k;
    uint32_t n = wasm_store_whole(s->store)->n_instances;
    for (const struct wasm_instance_box *box = wasm_store_whole(s->store)->instances; box; box = box->next, n--) {
        uint64_t at = ref - (uintptr_t)wasm_instance_refs(&box->instance), slot = at / sizeof(struct wasm_func);
        if (at % sizeof(struct wasm_func) == 0 && slot < m->n_ref_slots)
            return (n + 1) * UINT64_C(1000000) + slot;
    }
    return ref;
}

static uint64_t value_hash(const struct side *s, uint8_t type, const union wasm_value *v)
{
    uint64_t words[2] = {0};
    if (type == WASM_FUNCREF)
        return function_number(s, v->ref);
    memcpy(words, v, width_of(type));
    return width_of(type) < 16 ? words[0] : choice_mix(words[0]) ^ choice_mix(words[1] + 1);
}

/* ---- Host -------------------------------------------------------------------------------------------------------- */

/* The host calls back. What comes of it is part of what was asked; a trap is passed on, or not. */
static enum wasm_trap call_back(struct side *s)
{
    const struct wasm_module *m = s->module;
    union wasm_value values[INNER_MAX];
    const struct wasm_export *e = &m->exports[s->asked % m->n_exports];
    if (e->kind != WASM_KIND_FUNC)
        return WASM_TRAP_NONE;
    const struct wasm_functype *type = wasm_function_type(m, e->index);
    if (type->n_params > INNER_MAX || type->n_results > INNER_MAX)
        return WASM_TRAP_NONE;
    for (uint32_t k = 0; k < type->n_params; k++)
        values[k] = value_make(s, type->types[k], s->asked + 3 * k);
    s->nest++;
    s->called_back = true;
    struct wasm_instance *i = s->instances[s->asked / 64 % s->n_instances];
    enum wasm_trap trap = wasm_call(s->store, wasm_instance_func(i, e->index), values);
    s->nest--;
    s->asked = choice_mix(s->asked + trap);
    for (uint32_t k = 0; k < type->n_results && !trap; k++)
        s->asked = choice_mix(s->asked ^ value_hash(s, type->types[type->n_params + k], &values[k]));
    s->stopped |= trap == WASM_TRAP_STACK_EXHAUSTED || (trap == WASM_TRAP_FUEL && s->pair->o->uncounted);
    return s->stopped || s->asked % 2 ? trap : WASM_TRAP_NONE;
}

static enum wasm_trap host_answer(void *data, struct wasm_instance *caller, union wasm_value *values)
{
    const struct host *h = data;
    struct side *s = h->side;
    s->asked = choice_mix(s->asked + h->number);
    for (uint32_t k = 0; k < h->type->n_params; k++)
        s->asked = choice_mix(s->asked ^ value_hash(s, h->type->types[k], &values[k]));
    if (!s->pair->o->no_host_calls) {
        enum wasm_trap trap = WASM_TRAP_NONE;
        if (s->asked % 8 == 0 && s->nest < 2 && s->n_instances)
            trap = call_back(s);
        else if (s->asked % 64 == 1)
            trap = wasm_fail(s->store, "host");
        if (trap)
            return trap;
    }
    for (uint32_t k = 0; k < h->type->n_results; k++)
        values[k] = value_make(s, h->type->types[h->type->n_params + k], s->asked + k);
    return WASM_TRAP_NONE;
}

static bool import_make(struct side *s, uint32_t k, struct wasm_extern *out)
{
    const struct wasm_module *m = s->module;
    const struct wasm_import *i = &m->imports[k];
    struct host *h;
    *out = (struct wasm_extern){.kind = i->kind};
    switch (i->kind) {
    case WASM_KIND_FUNC:
        h = arena_alloc(&s->pair->arena, sizeof *h);
        if (!h)
            return false;
        *h = (struct host){s, k, wasm_function_type(m, i->index)};
        return (out->func = wasm_host_func(s->store, h->type, host_answer, h)) != NULL;
    case WASM_KIND_TABLE:
        return (out->table = wasm_host_table(s->store, &m->tables[i->index])) != NULL;
    case WASM_KIND_MEMORY:
        return (out->memory = wasm_host_memory(s->store, &m->memories[i->index])) != NULL;
    default:
        out->global.type = m->globals[i->index].type;
        out->global.value = wasm_host_global(s->store);
        if (out->global.value)
            *out->global.value = value_make(s, out->global.type.type, s->pair->o->seed + k);
        return out->global.value != NULL;
    }
}

/* ---- Sides ------------------------------------------------------------------------------------------------------- */

static struct wasm_store_options store_options(const struct side *s)
{
    return (struct wasm_store_options){.memory_pages = s->pair->o->memory_pages ? s->pair->o->memory_pages : PAGES_MAX,
                                       .table_elements = ELEMENTS_MAX,
                                       .fuel = s->pair->o->fuel,
                                       .stack_size = STACK_SIZE};
}

static bool imports_make(struct side *s, struct wasm_extern *imports)
{
    for (uint32_t k = 0; k < s->module->n_imports; k++)
        if (!import_make(s, k, &imports[k]))
            return false;
    return true;
}

/* false: no memory, or more than a store may have. */
static bool side_make(struct side *s)
{
    struct wasm_store_options options = store_options(s);
    s->imports = arena_array(&s->pair->arena, (size_t)s->module->n_imports + 1, sizeof *s->imports);
    return s->imports && !wasm_store_make(&options, &s->store, &s->err) && imports_make(s, s->imports);
}

static void note_end(struct side *s)
{
    s->stopped |= s->trap == WASM_TRAP_STACK_EXHAUSTED || (s->trap == WASM_TRAP_FUEL && s->pair->o->uncounted);
}

/* A trap or a refusal is an outcome that is compared. */
static void instance_make(struct side *s)
{
    struct wasm_instance *i;
    s->store->fuel = s->code && s->pair->o->uncounted ? INT64_MAX : s->pair->o->fuel;
    s->result = wasm_instantiate(s->store, s->module, s->code, s->imports, NULL, &i, &s->trap, &s->err);
    if (!s->result)
        s->instances[s->n_instances++] = i;
    note_end(s);
}

static enum wasm_trap call_one(struct side *s, uint32_t instance, uint32_t function, const struct wasm_functype *type,
                               uint64_t from, union wasm_value *values)
{
    for (uint32_t k = 0; k < type->n_params; k++)
        values[k] = value_make(s, type->types[k], from + 2 * k);
    s->store->fuel = s->code && s->pair->o->uncounted ? INT64_MAX : s->pair->o->fuel;
    s->called_back = false;
    s->trap = wasm_call(s->store, wasm_instance_func(s->instances[instance], function), values);
    note_end(s);
    return s->trap;
}

/* ---- Pool -------------------------------------------------------------------------------------------------------- */

/* The pool's only slot is this side's store. */
static int slot_link(void *data, struct wasm_store *store, struct wasm_extern *imports, void **user, struct err *err)
{
    struct side *s = data;
    s->store = store;
    s->imports = arena_array(&s->pair->arena, (size_t)s->module->n_imports + 1, sizeof *s->imports);
    if (!s->imports || !imports_make(s, s->imports))
        return err_set(err, -ENOMEM, "no memory");
    memcpy(imports, s->imports, s->module->n_imports * sizeof *imports);
    return 0;
}

static void slot_take(struct side *s)
{
    s->asked = 0;
    s->stopped = false;
    s->n_instances = 0;
    s->trap = WASM_TRAP_NONE;
    s->result = wasm_pool_acquire(s->pool, &s->slot, &s->trap, &s->err);
    if (!s->result)
        s->instances[s->n_instances++] = s->slot->instance;
    note_end(s);
}

static void slot_give(struct side *s)
{
    if (s->slot)
        wasm_pool_release(s->slot);
    s->slot = NULL;
}

/* A slot is used by calls of its own, reset and taken again. */
static void slot_make(struct side *s)
{
    static union wasm_value values[VALUES_MAX];
    const struct wasm_module *m = s->module;
    struct wasm_pool_options o = {.store = store_options(s),
                                  .slots = 1,
                                  .resident = s->pair->o->seed % 2 ? 4096 : 0,
                                  .link = slot_link,
                                  .data = s};
    s->result = wasm_pool_make(m, s->code, &o, &s->pool, &s->trap, &s->err);
    note_end(s);
    if (s->result) {
        s->store = NULL; /* it ended with the pool */
        return;
    }
    slot_take(s);
    for (uint32_t k = 0; k < m->n_exports && !s->result; k++)
        if (m->exports[k].kind == WASM_KIND_FUNC)
            call_one(s, 0, m->exports[k].index, wasm_function_type(m, m->exports[k].index),
                     choice_mix(s->pair->o->seed + k), values);
    slot_give(s);
    slot_take(s);
}

/* What a pool cannot reset is the store's that made it. */
static bool pool_can(const struct wasm_module *m)
{
    for (uint32_t k = 0; k < m->n_imported_globals; k++)
        if (m->globals[k].type.mutable)
            return false;
    return !m->n_imported_memories && !m->n_imported_tables;
}

static void side_free(struct side *s)
{
    slot_give(s);
    wasm_pool_free(s->pool);
    if (!s->pool)
        wasm_store_free(s->store);
    wasm_code_free(s->code);
}

/* ---- What is compared -------------------------------------------------------------------------------------------- */

static bool difference(struct pair *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool difference(struct pair *p, const char *fmt, ...)
{
    char *words = p->result->words;
    size_t size = sizeof p->result->words;
    int n = snprintf(words, size, "%s: ", p->where);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(words + n, size - (size_t)n, fmt, ap);
    va_end(ap);
    return false;
}

static bool equal(struct pair *p, const char *what, uint64_t a, uint64_t b)
{
    return a == b || difference(p, "%s: interpreted 0x%" PRIx64 ", compiled 0x%" PRIx64, what, a, b);
}

static bool equal_memories(struct pair *p, const struct wasm_memory *a, const struct wasm_memory *b)
{
    char place[64];
    uint64_t k = 0;
    if (!a)
        return true;
    if (!equal(p, "pages", a->pages, b->pages))
        return false;
    if (memcmp(a->base, b->base, a->size) == 0)
        return true;
    while (a->base[k] == b->base[k])
        k++;
    snprintf(place, sizeof place, "memory at 0x%" PRIx64, k);
    return equal(p, place, a->base[k], b->base[k]);
}

static bool equal_tables(struct pair *p, uint32_t number, const struct wasm_table *a, const struct wasm_table *b)
{
    char place[64];
    if (!equal(p, "size of a table", a->size, b->size))
        return false;
    for (uint32_t k = 0; k < a->size; k++) {
        uint64_t left = value_hash(&p->interpreted, a->type, &(union wasm_value){.ref = a->elems[k]});
        uint64_t right = value_hash(&p->compiled, b->type, &(union wasm_value){.ref = b->elems[k]});
        snprintf(place, sizeof place, "table %u at %u", number, k);
        if (!equal(p, place, left, right))
            return false;
    }
    return true;
}

static bool equal_instances(struct pair *p, const struct wasm_instance *a, const struct wasm_instance *b)
{
    const struct wasm_module *m = p->interpreted.module;
    char place[64];
    for (uint32_t k = 0; k < m->n_globals; k++) {
        uint8_t type = m->globals[k].type.type;
        snprintf(place, sizeof place, "global %u", k);
        if (!equal(p, place, value_hash(&p->interpreted, type, wasm_instance_global(a, k)),
                   value_hash(&p->compiled, type, wasm_instance_global(b, k))))
            return false;
    }
    for (uint32_t k = 0; k < m->n_tables; k++)
        if (!equal_tables(p, k, wasm_instance_tables(a)[k], wasm_instance_tables(b)[k]))
            return false;
    if (memcmp(a->data_dropped, b->data_dropped, m->n_datas) != 0 ||
        memcmp(a->elem_dropped, b->elem_dropped, m->n_elems) != 0)
        return difference(p, "segments dropped");
    return equal_memories(p, a->memory, b->memory);
}

/* What both have become. */
static bool equal_states(struct pair *p)
{
    const struct side *a = &p->interpreted, *b = &p->compiled;
    if (!p->o->uncounted && !equal(p, "fuel", (uint64_t)a->store->fuel, (uint64_t)b->store->fuel))
        return false;
    if (!equal(p, "what the host was asked", a->asked, b->asked))
        return false;
    for (uint32_t k = 0; k < a->n_instances; k++)
        if (!equal_instances(p, a->instances[k], b->instances[k]))
            return false;
    return true;
}

/* Not compared: where in a function fuel ran out; who called a host function that failed or called back, since a tail
 * call of one may leave its frame or take it away. */
static bool equal_places(struct pair *p)
{
    struct wasm_frame a[FRAMES_MAX] = {0}, b[FRAMES_MAX] = {0};
    char place[64];
    if (!p->interpreted.trap || p->interpreted.trap == WASM_TRAP_FUEL || p->interpreted.trap == WASM_TRAP_HOST ||
        p->interpreted.called_back)
        return true;
    uint32_t n = wasm_backtrace(p->interpreted.store, a, FRAMES_MAX),
             m = wasm_backtrace(p->compiled.store, b, FRAMES_MAX);
    if (!equal(p, "frames of the backtrace", n, m))
        return false;
    for (uint32_t k = 0; k < n && k < FRAMES_MAX; k++) {
        snprintf(place, sizeof place, "frame %u of the trap \"%s\"", k, wasm_trap_text(p->interpreted.trap));
        if (!equal(p, place, (uint64_t)a[k].function << 32 | a[k].offset, (uint64_t)b[k].function << 32 | b[k].offset))
            return false;
    }
    return true;
}

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

/* false: compare no further. */
static bool call_both(struct pair *p, const struct wasm_export *e, uint32_t instance, uint32_t round)
{
    static union wasm_value left[VALUES_MAX], right[VALUES_MAX];
    const struct wasm_functype *type = wasm_function_type(p->interpreted.module, e->index);
    struct side *a = &p->interpreted, *b = &p->compiled;
    uint64_t from = choice_mix(p->o->seed ^ e->index) + 100 * round;
    snprintf(p->where_text, sizeof p->where_text, "%.*s, round %u, instance %u",
             (int)(e->name.len < 30 ? e->name.len : 30), e->name.text, round, instance);
    p->where = p->where_text;
    p->result->calls++;
    p->result->traps += call_one(a, instance, e->index, type, from, left) != WASM_TRAP_NONE;
    if (a->stopped && p->o->uncounted)
        return false;
    call_one(b, instance, e->index, type, from, right);
    if (a->stopped || b->stopped)
        return false;
    if (p->o->run_only)
        return true;
    if (a->trap != b->trap)
        return difference(p, "outcome: interpreted %s, compiled %s", wasm_trap_text(a->trap), wasm_trap_text(b->trap));
    for (uint32_t k = 0; k < type->n_results && !a->trap; k++) {
        uint8_t t = type->types[type->n_params + k];
        if (!equal(p, "result", value_hash(a, t, &left[k]), value_hash(b, t, &right[k])))
            return false;
    }
    return equal_states(p) && equal_places(p);
}

static bool instantiate_both(struct pair *p)
{
    struct side *a = &p->interpreted, *b = &p->compiled;
    p->where = "instantiation";
    instance_make(a);
    if (a->stopped && p->o->uncounted)
        return false;
    if (p->pooled)
        slot_make(b);
    else
        instance_make(b);
    if (a->stopped || b->stopped)
        return false;
    if (!p->o->run_only && (a->result != b->result || a->trap != b->trap))
        return difference(p, "outcome: interpreted %s, compiled %s", a->result ? a->err.text : "done",
                          b->result ? b->err.text : "done");
    if (a->result || b->result)
        return false;
    return p->o->run_only || equal_states(p);
}

static void compare(struct pair *p)
{
    const struct wasm_module *m = p->interpreted.module;
    uint32_t n = p->o->twins && !p->pooled ? 2 : 1;
    for (uint32_t k = 0; k < n; k++)
        if (!instantiate_both(p))
            return;
    for (uint32_t round = 0; round < p->o->rounds; round++)
        for (uint32_t k = 0; k < m->n_exports; k++)
            if (m->exports[k].kind == WASM_KIND_FUNC && !call_both(p, &m->exports[k], round % n, round))
                return;
}

/* What was compiled becomes a file, and what runs is that file, with the module in it. */
static int through_image(struct pair *p, const struct wasm_compile_options *o, struct err *err)
{
    struct side *s = &p->compiled;
    _cleanup_fd_ int fd = memfd_create("image", MFD_CLOEXEC);
    struct stat st;
    const uint8_t *bytes;
    size_t size, code_at;
    struct wasm_module *m;
    int r = fd < 0 ? -errno : wasm_code_save(s->code, o, fd, err);
    if (r < 0 || fstat(fd, &st) < 0)
        return r < 0 ? r : -errno;
    p->image_size = (size_t)st.st_size;
    p->image = mmap(NULL, p->image_size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    if (p->image == MAP_FAILED)
        return -errno;
    if (!wasm_image_is(p->image, p->image_size) || !wasm_image_module(p->image, p->image_size, &bytes, &size, &code_at))
        return err_set(err, -EPROTO, "the image is none");
    wasm_code_free(s->code);
    s->code = NULL;
    r = wasm_module_decode(bytes, size, &features, &p->arena, &m, err);
    s->module = m;
    return r ? r : wasm_code_load(p->image, p->image_size, m, o, &s->code, err);
}

/* Interpreter and compiler judge the bodies, each by itself. */
static bool bodies(struct pair *p)
{
    struct wasm_compile_options o = {.features = features,
                                     .fuel = !p->o->uncounted,
                                     .no_gs = p->o->no_gs,
                                     .plain_cpu = p->o->plain_cpu,
                                     .arena = p->o->arena};
    struct side *b = &p->compiled;
    struct err err = {0};
    int r = wasm_validate(p->interpreted.module, &features, &err), q;
    p->where = "loading";
    if (o.arena)
        o.arena->used = 0;
    q = wasm_compile(b->module, &o, &b->code, &b->err);
    if (!q && p->o->image)
        q = through_image(p, &o, &b->err);
    if (r != q)
        return difference(p, "interpreted %s, compiled %s", r ? err.text : "valid", q ? b->err.text : "valid");
    if (r)
        snprintf(p->result->words, sizeof p->result->words, "%s", err.text);
    return !r;
}

enum wasm_pair_outcome wasm_pair_run(const uint8_t *bytes, size_t size, const struct wasm_pair_options *o,
                                     struct wasm_pair_result *result)
{
    struct pair p = {.o = o, .result = result};
    struct wasm_module *m;
    struct err err = {0};
    enum wasm_pair_outcome outcome = WASM_PAIR_REFUSED;
    p.interpreted.pair = p.compiled.pair = &p;
    *result = (struct wasm_pair_result){0};
    if (arena_init(&p.arena, 2 * wasm_module_arena_size(size) + ((size_t)16 << 20))) {
        snprintf(result->words, sizeof result->words, "no memory");
        return WASM_PAIR_REFUSED;
    }
    if (wasm_module_decode(bytes, size, &features, &p.arena, &m, &err)) {
        snprintf(result->words, sizeof result->words, "%s", err.text);
        arena_free(&p.arena);
        return WASM_PAIR_REFUSED;
    }
    p.interpreted.module = p.compiled.module = m;
    p.pooled = o->pool && !o->uncounted && pool_can(m);
    if (!bodies(&p)) {
        outcome = p.compiled.code || !strncmp(result->words, "loading", 7) ? WASM_PAIR_DIFFERENT : WASM_PAIR_REFUSED;
    } else if (side_make(&p.interpreted) && (p.pooled || side_make(&p.compiled))) {
        compare(&p);
        outcome = result->words[0]                              ? WASM_PAIR_DIFFERENT
                  : p.interpreted.stopped || p.compiled.stopped ? WASM_PAIR_STOPPED
                                                                : WASM_PAIR_EQUAL;
    } else {
        snprintf(result->words, sizeof result->words, "more memory than a store may have");
    }
    side_free(&p.interpreted);
    side_free(&p.compiled);
    if (p.image && p.image != MAP_FAILED)
        munmap(p.image, p.image_size);
    arena_free(&p.arena);
    return outcome;
}
