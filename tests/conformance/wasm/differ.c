/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds the two ways to run against each other.
 *
 *   wasm-differ [--rounds N] [--fuel N] [--seed N] [--no-gs] [--plain-cpu] [--list] FILE.wasm...
 *   wasm-differ ... --generate N [--any-nan] [--write]     N modules of our own (generate.h), from the seed on; each
 * has its number as its seed; --write: into files of the current folder, not run
 *
 * Each module is made twice, interpreted and compiled (in a build without a compiler: interpreted twice), with imports
 * that answer by what they are asked. Each exported function is called some times with the same arguments. Compared are
 * the trap or the results, the fuel that is left, what the host was asked, the memory, the globals. Arguments come from
 * the seed, so a difference comes again. A stack that is used up ends the comparison of a module: how deep one may
 * recurse is no part of the contract.
 *
 * Prints a line for each difference, then the counts; exit status 1 when there was a difference. --list prints each
 * module's outcome.
 */
#include "generate.h"

#include "base/io.h"
#include "wasm/baseline/compile.h"
#include "wasm/module/validate.h"
#include "wasm/runtime/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX   ((size_t)64 << 20)
#define VALUES_MAX 1000
#define PAGES_MAX  1024

static const struct wasm_features features = {.tail_call = true, .extended_const = true};
static uint32_t rounds = 3;
static int64_t fuel = 20000;
static uint64_t seed = 1;
static bool list, no_gs, plain_cpu, any_nan;
static uint64_t n_calls, n_differences, n_modules, n_refused;

/* One of the two. */
struct side {
    const char *name;
    struct wasm_store *store;
    struct wasm_code *code;
    struct wasm_instance *instance;
    enum wasm_trap trap;
    int result;
    uint64_t asked; /* what the host was asked so far, as a hash */
    struct err err;
};

/* What a host function needs to know: which it is, and who calls. */
struct host {
    struct side *side;
    uint32_t number;
    const struct wasm_functype *type;
};

/* splitmix64: any number in, one that looks random out. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

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

/* Numbers that are likely to be edges of something; references are null. */
static union wasm_value value_make(uint8_t type, uint64_t from)
{
    static const uint64_t edges[] = {0,          1,          0xffffffffffffffff, 0x80000000,         0x7fffffff,
                                     0x3f800000, 0x7fc00000, 0x8000000000000000, 0x7ff8000000000000, 0x4f000000,
                                     65536,      65535,      0x3ff0000000000000, 0x43e0000000000000, 7};
    union wasm_value v = {0};
    if (wasm_type_is_ref(type))
        return v;
    uint64_t words[2] = {mix(from), mix(from + 1)};
    if (words[1] % 3)
        words[0] = edges[words[0] % ARRAY_LEN(edges)];
    if (words[1] % 5 == 0)
        words[0] %= 300;
    memcpy(&v, words, width_of(type));
    return v;
}

/* References are told apart by null and the function's index only: addresses differ between stores. */
static uint64_t value_hash(uint8_t type, const union wasm_value *v)
{
    uint64_t words[2] = {0};
    if (type == WASM_FUNCREF && v->ref)
        return 1 + (uint64_t)((const struct wasm_func *)(uintptr_t)v->ref)->index;
    memcpy(words, v, width_of(type));
    return mix(words[0]) ^ mix(words[1] + 1);
}

static enum wasm_trap host_answer(void *data, struct wasm_instance *caller, union wasm_value *values)
{
    const struct host *h = data;
    uint64_t asked = mix(h->side->asked + h->number);
    for (uint32_t k = 0; k < h->type->n_params; k++)
        asked = mix(asked ^ value_hash(h->type->types[k], &values[k]));
    h->side->asked = asked;
    for (uint32_t k = 0; k < h->type->n_results; k++)
        values[k] = value_make(h->type->types[h->type->n_params + k], asked + k);
    return WASM_TRAP_NONE;
}

static bool import_make(struct side *s, struct arena *a, const struct wasm_module *m, uint32_t k,
                        struct wasm_extern *out)
{
    const struct wasm_import *i = &m->imports[k];
    struct host *h;
    *out = (struct wasm_extern){.kind = i->kind};
    switch (i->kind) {
    case WASM_KIND_FUNC:
        h = arena_alloc(a, sizeof *h);
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
            *out->global.value = value_make(out->global.type.type, seed + k);
        return out->global.value != NULL;
    }
}

/* false: no memory. A trap or a refusal is an outcome that is compared. */
static bool side_make(struct side *s, struct arena *a, const struct wasm_module *m)
{
    struct wasm_store_options options = {.memory_pages = PAGES_MAX, .fuel = fuel};
    struct wasm_extern *imports = arena_array(a, (size_t)m->n_imports + 1, sizeof *imports);
    if (!imports || wasm_store_make(&options, &s->store, &s->err))
        return false;
    for (uint32_t k = 0; k < m->n_imports; k++)
        if (!import_make(s, a, m, k, &imports[k]))
            return false;
    s->result = wasm_instantiate(s->store, m, s->code, imports, NULL, &s->instance, &s->trap, &s->err);
    return true;
}

static void side_free(struct side *s)
{
    wasm_store_free(s->store);
    if (s->code)
        wasm_code_free(s->code);
}

static bool difference(const char *path, const char *where, const char *what, const char *a, const char *b)
{
    n_differences++;
    printf("%s: error: %s: %s: interpreted %s, compiled %s (seed %" PRIu64 ")\n", path, where, what, a, b, seed);
    return false;
}

/* Bits, or what a reference is. */
static bool equal_values(const char *path, const char *where, const char *what, uint8_t type, const union wasm_value *a,
                         const union wasm_value *b)
{
    uint64_t left[2] = {0}, right[2] = {0};
    char text[2][64];
    if (value_hash(type, a) == value_hash(type, b))
        return true;
    memcpy(left, a, width_of(type));
    memcpy(right, b, width_of(type));
    snprintf(text[0], sizeof text[0], "%s %016" PRIx64 "%016" PRIx64, wasm_type_name(type), left[1], left[0]);
    snprintf(text[1], sizeof text[1], "%016" PRIx64 "%016" PRIx64, right[1], right[0]);
    return difference(path, where, what, text[0], text[1]);
}

static bool equal_numbers(const char *path, const char *where, const char *what, uint64_t a, uint64_t b)
{
    char left[32], right[32];
    if (a == b)
        return true;
    snprintf(left, sizeof left, "0x%" PRIx64, a);
    snprintf(right, sizeof right, "0x%" PRIx64, b);
    return difference(path, where, what, left, right);
}

/* What both have become. */
static bool equal_states(const char *path, const char *where, const struct side *a, const struct side *b)
{
    const struct wasm_module *m = a->instance->module;
    if (!equal_numbers(path, where, "fuel", (uint64_t)a->store->fuel, (uint64_t)b->store->fuel) ||
        !equal_numbers(path, where, "what the host was asked", a->asked, b->asked))
        return false;
    const struct wasm_memory *left = a->instance->memory, *right = b->instance->memory;
    if (left && !equal_numbers(path, where, "pages", left->pages, right->pages))
        return false;
    if (left && memcmp(left->base, right->base, left->size) != 0) {
        uint64_t k = 0;
        while (left->base[k] == right->base[k])
            k++;
        char place[64];
        snprintf(place, sizeof place, "memory at 0x%" PRIx64, k);
        return equal_numbers(path, where, place, left->base[k], right->base[k]);
    }
    for (uint32_t k = 0; k < m->n_globals; k++)
        if (!equal_values(path, where, "a global", m->globals[k].type.type, wasm_instance_global(a->instance, k),
                          wasm_instance_global(b->instance, k)))
            return false;
    return true;
}

/* false: compare no further. */
static bool call_both(const char *path, const struct wasm_export *e, struct side *a, struct side *b, uint32_t round)
{
    static union wasm_value left[VALUES_MAX], right[VALUES_MAX];
    const struct wasm_functype *type = wasm_function_type(a->instance->module, e->index);
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(e->name.len < 60 ? e->name.len : 60), e->name.text);
    for (uint32_t k = 0; k < type->n_params; k++)
        left[k] = right[k] = value_make(type->types[k], mix(seed ^ e->index) + 100 * round + 2 * k);
    a->store->fuel = b->store->fuel = fuel;
    a->trap = wasm_call(a->store, wasm_instance_func(a->instance, e->index), left);
    b->trap = wasm_call(b->store, wasm_instance_func(b->instance, e->index), right);
    n_calls++;
    if (a->trap == WASM_TRAP_STACK_EXHAUSTED || b->trap == WASM_TRAP_STACK_EXHAUSTED)
        return false;
    if (a->trap != b->trap)
        return difference(path, name, "outcome", wasm_trap_text(a->trap), wasm_trap_text(b->trap));
    for (uint32_t k = 0; k < type->n_results && !a->trap; k++)
        if (!equal_values(path, name, "result", type->types[type->n_params + k], &left[k], &right[k]))
            return false;
    return equal_states(path, name, a, b);
}

static void compare(const char *path, const struct wasm_module *m, struct side *a, struct side *b)
{
    if (a->trap == WASM_TRAP_STACK_EXHAUSTED || b->trap == WASM_TRAP_STACK_EXHAUSTED)
        return;
    if (a->result != b->result || a->trap != b->trap) {
        difference(path, "instantiation", "outcome", a->result ? a->err.text : "done",
                   b->result ? b->err.text : "done");
        return;
    }
    if (a->result || !equal_states(path, "instantiation", a, b))
        return;
    for (uint32_t round = 0; round < rounds; round++)
        for (uint32_t k = 0; k < m->n_exports; k++)
            if (m->exports[k].kind == WASM_KIND_FUNC && !call_both(path, &m->exports[k], a, b, round))
                return;
}

/* Both sides judge the bodies on their own. */
static bool bodies(const char *path, const struct wasm_module *m, bool compiler, struct side *b, struct err *err)
{
    struct wasm_compile_options o = {.features = features, .fuel = true, .no_gs = no_gs, .plain_cpu = plain_cpu};
    int r = wasm_validate(m, &features, err), q = r;
    if (compiler)
        q = wasm_compile(m, &o, &b->code, &b->err);
    if (r != q)
        difference(path, "loading", "outcome", r ? err->text : "valid", q ? b->err.text : "valid");
    return !r && !q;
}

static bool compiler_there(void)
{
    static const uint8_t empty[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    struct arena a;
    struct wasm_module *m;
    struct wasm_code *code = NULL;
    struct err err;
    if (arena_init(&a, wasm_module_arena_size(sizeof empty)))
        return false;
    bool there = !wasm_module_decode(empty, sizeof empty, &features, &a, &m, &err) &&
                 !wasm_compile(m, &(struct wasm_compile_options){.features = features}, &code, &err);
    if (there)
        wasm_code_free(code);
    arena_free(&a);
    return there;
}

static void run_module(const char *path, const uint8_t *bytes, size_t size, bool compiler)
{
    struct arena a;
    struct wasm_module *m;
    struct side left = {.name = "interpreted"}, right = {.name = "compiled"};
    struct err err = {0};
    uint64_t differences = n_differences;
    n_modules++;
    if (arena_init(&a, wasm_module_arena_size(size) + ((size_t)16 << 20))) {
        fprintf(stderr, "%s: no memory\n", path);
        exit(2);
    }
    if (wasm_module_decode(bytes, size, &features, &a, &m, &err) || !bodies(path, m, compiler, &right, &err))
        n_refused++;
    else if (side_make(&left, &a, m) && side_make(&right, &a, m))
        compare(path, m, &left, &right);
    if (list)
        printf("%s: %s\n", path, n_differences > differences ? "different" : err.code ? err.text : "equal");
    side_free(&left);
    side_free(&right);
    arena_free(&a);
}

static void run_file(const char *path, bool compiler)
{
    struct arena bytes;
    char *text;
    size_t size;
    if (arena_init(&bytes, FILE_MAX + 4096) || io_read_file(&bytes, AT_FDCWD, path, FILE_MAX, &text, &size)) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(2);
    }
    run_module(path, (const uint8_t *)text, size, compiler);
    arena_free(&bytes);
}

/* A generated module that is refused is a fault of the generator or of the validator. */
static void run_generated(uint64_t n, bool write, bool compiler)
{
    struct bytes b = {0};
    char name[64];
    for (uint64_t first = seed; seed < first + n; seed++) {
        b.n = 0;
        generate_module(seed, any_nan, &b);
        snprintf(name, sizeof name, "generated-%" PRIu64 ".wasm", seed);
        if (!write)
            run_module(name, b.p, b.n, compiler);
        else if (io_replace_file(AT_FDCWD, name, b.p, b.n, 0644))
            fprintf(stderr, "%s: cannot be written\n", name);
    }
    bytes_free(&b);
    if (n_refused && n)
        difference("generated", "loading", "refused modules", "valid", "refused");
}

static const struct option options[] = {
    {"rounds", required_argument, NULL, 'r'}, {"fuel", required_argument, NULL, 'f'},
    {"seed", required_argument, NULL, 's'},   {"generate", required_argument, NULL, 'g'},
    {"list", no_argument, NULL, 'l'},         {"no-gs", no_argument, NULL, 'n'},
    {"plain-cpu", no_argument, NULL, 'p'},    {"write", no_argument, NULL, 'w'},
    {"any-nan", no_argument, NULL, 'a'},      {0},
};

int main(int argc, char **argv)
{
    uint64_t generated = 0;
    bool write = false, bad = false;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        rounds = o == 'r' ? (uint32_t)strtoul(optarg, NULL, 10) : rounds;
        fuel = o == 'f' ? strtoll(optarg, NULL, 10) : fuel;
        seed = o == 's' ? strtoull(optarg, NULL, 10) : seed;
        generated = o == 'g' ? strtoull(optarg, NULL, 10) : generated;
        list |= o == 'l';
        no_gs |= o == 'n';
        plain_cpu |= o == 'p';
        write |= o == 'w';
        any_nan |= o == 'a';
        bad |= o == '?';
    }
    if (bad || (optind == argc && !generated)) {
        fprintf(stderr,
                "usage: %s [--rounds N] [--fuel N] [--seed N] [--no-gs] [--plain-cpu] [--list] "
                "--generate N [--any-nan] [--write] | FILE.wasm...\n",
                argv[0]);
        return 2;
    }
    bool compiler = compiler_there();
    for (int k = optind; k < argc; k++)
        run_file(argv[k], compiler);
    run_generated(generated, write, compiler);
    printf("%" PRIu64 " modules (%" PRIu64 " refused), %" PRIu64 " calls, %" PRIu64 " differences%s\n", n_modules,
           n_refused, n_calls, n_differences, compiler ? "" : " (no compiler here: interpreted twice)");
    return n_differences != 0;
}
