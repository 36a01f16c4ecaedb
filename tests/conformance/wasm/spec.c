/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the specification's tests, as Debian's wast2json writes them, through the interpreter or the compiler.
 *
 *   wasm-spec [--mode MODE] [--tail-call] [--extended-const] [--line N] FILE.json...
 *   wasm-spec --modes            prints the modes that there are: interpreter, baseline ...
 *
 * Prints TAP, a test for each file; a failure names the line of the .wast and what was expected, and the command that
 * repeats it. The last line counts the assertions of all files: passed, failed, skipped (malformed text: nothing here
 * reads the text format). A module that does not load counts as a failed assertion.
 */
#include "spec.h"
#include "base/io.h"
#include "wasm/baseline/compile.h"
#include "wasm/module/validate.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENT_MAX   ((size_t)64 << 20)
#define DOCUMENT_ARENA ((size_t)2 << 30)
#define TEXT_MAX       2000

static struct wasm_features features;
static int64_t only_line;
static const char *program;

static const struct mode {
    const char *name;
    bool compiled, no_gs, plain_cpu;
} modes[] = {
    {"interpreter", .compiled = false},
    {"baseline", .compiled = true},
    {"baseline-no-gs", .compiled = true, .no_gs = true},
    {"baseline-plain-cpu", .compiled = true, .plain_cpu = true},
};
static const struct mode *mode = &modes[0];

/* A loaded module, its instance when there is one. */
struct loaded {
    struct loaded *next;
    struct arena arena;
    struct wasm_module *module;
    struct wasm_code *code;
    struct wasm_instance *instance;
    const char *name;       /* "$M" in the file, or NULL */
    const char *registered; /* what imports call it, or NULL */
};

/* A file on the way. */
struct spec {
    const char *path, *folder;
    struct arena arena;
    struct wasm_store *store;
    struct loaded *modules;
    struct wasm_instance *current;
    uint32_t passed, failed, skipped;
};

static struct wasm_instance *instance_named(struct spec *s, const char *name)
{
    if (!name)
        return s->current;
    for (struct loaded *l = s->modules; l; l = l->next)
        if (l->name && !strcmp(l->name, name))
            return l->instance;
    return NULL;
}

static bool resolve(struct spec *s, const struct wasm_module *m, const struct wasm_import *i, struct wasm_extern *out)
{
    if (i->module.len == strlen("spectest") && !memcmp(i->module.text, "spectest", i->module.len))
        return spec_host_find(s->store, m, i, out);
    for (struct loaded *l = s->modules; l; l = l->next)
        if (l->registered && strlen(l->registered) == i->module.len &&
            !memcmp(l->registered, i->module.text, i->module.len))
            return l->instance && wasm_instance_export(l->instance, i->name.text, i->name.len, out);
    return false;
}

/* Bytes, decoding, all bodies: validated, or compiled. */
static int load(struct spec *s, const char *filename, struct loaded **out, struct err *err)
{
    char path[4096], *bytes;
    size_t size;
    snprintf(path, sizeof path, "%s/%s", s->folder, filename);
    int r = io_read_file(&s->arena, AT_FDCWD, path, DOCUMENT_MAX, &bytes, &size);
    if (r)
        return err_sys(err, r, "%s", path);
    struct loaded *l = arena_alloc(&s->arena, sizeof *l);
    if (!l || arena_init(&l->arena, wasm_module_arena_size(size)))
        return err_set(err, -ENOMEM, "no memory");
    l->next = s->modules;
    *out = s->modules = l;
    r = wasm_module_decode((const uint8_t *)bytes, size, &features, &l->arena, &l->module, err);
    if (r)
        return r;
    struct wasm_compile_options options = {.features = features, .no_gs = mode->no_gs, .plain_cpu = mode->plain_cpu};
    return mode->compiled ? wasm_compile(l->module, &options, &l->code, err) : wasm_validate(l->module, &features, err);
}

static int instantiate(struct spec *s, struct loaded *l, enum wasm_trap *trap, struct err *err)
{
    const struct wasm_module *m = l->module;
    struct wasm_extern *imports = arena_array(&s->arena, (size_t)m->n_imports + 1, sizeof *imports);
    *trap = WASM_TRAP_NONE;
    if (!imports)
        return err_set(err, -ENOMEM, "no memory");
    for (uint32_t k = 0; k < m->n_imports; k++)
        if (!resolve(s, m, &m->imports[k], &imports[k]))
            return err_set(err, -EINVAL, "unknown import");
    return wasm_instantiate(s->store, m, l->code, imports, NULL, &l->instance, trap, err);
}

/* Names in JSON: U+F8FF stands for NUL (see document()). */
static size_t name_bytes(const char *text, char *out, size_t size)
{
    size_t n = 0;
    for (; *text && n < size; n++) {
        bool nul = !strncmp(text, "\xef\xa3\xbf", 3);
        out[n] = nul ? 0 : *text;
        text += nul ? 3 : 1;
    }
    return n;
}

/* false: text says why it could not even begin. */
static bool act(struct spec *s, const struct json *action, union wasm_value *values, enum wasm_trap *trap, char *text)
{
    struct wasm_extern e;
    char name[1024];
    size_t len = name_bytes(json_get_text(action, "field", ""), name, sizeof name);
    struct wasm_instance *i = instance_named(s, json_get_text(action, "module", NULL));
    *trap = WASM_TRAP_NONE;
    if (!i || !wasm_instance_export(i, name, len, &e)) {
        snprintf(text, TEXT_MAX, "no export %.*s", (int)len, name);
        return false;
    }
    if (!strcmp(json_get_text(action, "type", ""), "get")) {
        values[0] = *e.global.value;
        return e.kind == WASM_KIND_GLOBAL;
    }
    const struct json *args = json_get(action, "args"), *arg = args ? args->child : NULL;
    for (uint32_t k = 0; arg && k < VALUES_MAX; k++, arg = arg->next)
        if (!spec_value_parse(arg, &values[k])) {
            snprintf(text, TEXT_MAX, "argument %u is of no known type", k);
            return false;
        }
    *trap = wasm_call(s->store, e.func, values);
    return true;
}

/* An outcome is good, or text says what was expected and what came. */
static bool do_module(struct spec *s, const struct json *c, char *text)
{
    struct err err;
    enum wasm_trap trap;
    struct loaded *l = NULL;
    s->current = NULL;
    if (load(s, json_get_text(c, "filename", ""), &l, &err) || instantiate(s, l, &trap, &err)) {
        snprintf(text, TEXT_MAX, "the module does not load: %s", err.text);
        return false;
    }
    l->name = json_get_text(c, "name", NULL);
    s->current = l->instance;
    return true;
}

static bool do_register(struct spec *s, const struct json *c, char *text)
{
    struct wasm_instance *i = instance_named(s, json_get_text(c, "name", NULL));
    for (struct loaded *l = s->modules; i && l; l = l->next)
        if (l->instance == i) {
            l->registered = json_get_text(c, "as", "");
            return true;
        }
    snprintf(text, TEXT_MAX, "no such module");
    return false;
}

static bool do_return(struct spec *s, const struct json *c, char *text)
{
    static union wasm_value values[VALUES_MAX];
    enum wasm_trap trap;
    if (!act(s, json_get(c, "action"), values, &trap, text))
        return false;
    if (trap) {
        snprintf(text, TEXT_MAX, "expected results, got the trap \"%s\"", wasm_trap_text(trap));
        return false;
    }
    const struct json *list = json_get(c, "expected"), *e = list ? list->child : NULL;
    bool action = !strcmp(json_get_text(c, "type", ""), "action"); /* its results are not said */
    for (uint32_t k = 0; e && !action; k++, e = e->next)
        if (!spec_value_match(e, &values[k])) {
            struct json_writer w = {0};
            char got[100];
            json_value(&w, NULL, e);
            spec_value_print(e, &values[k], got, sizeof got);
            snprintf(text, TEXT_MAX, "result %u: expected %s, got %s", k, w.buf, got);
            json_writer_free(&w);
            return false;
        }
    return true;
}

/* The file's words may go on where ours end: "uninitialized element 2". */
static bool trap_expected(const struct json *c, enum wasm_trap trap, char *text)
{
    const char *expected = json_get_text(c, "text", ""), *got = wasm_trap_text(trap);
    if (trap && !strncmp(expected, got, strlen(got)))
        return true;
    snprintf(text, TEXT_MAX, "expected the trap \"%s\", got \"%s\"", expected, got);
    return false;
}

static bool do_trap(struct spec *s, const struct json *c, char *text)
{
    static union wasm_value values[VALUES_MAX];
    enum wasm_trap trap;
    return act(s, json_get(c, "action"), values, &trap, text) && trap_expected(c, trap, text);
}

static bool do_refused(struct spec *s, const struct json *c, char *text)
{
    struct err err;
    struct loaded *l = NULL;
    int r = load(s, json_get_text(c, "filename", ""), &l, &err);
    if (r == -EINVAL || r == -ENOTSUP) /* a limit of ours, or a feature that is off, refuses it too */
        return true;
    snprintf(text, TEXT_MAX, "expected \"%s\", got %s", json_get_text(c, "text", ""), r ? err.text : "a valid module");
    return false;
}

static bool do_unlinkable(struct spec *s, const struct json *c, char *text)
{
    struct err err;
    enum wasm_trap trap;
    struct loaded *l = NULL;
    const char *expected = json_get_text(c, "text", "");
    if (load(s, json_get_text(c, "filename", ""), &l, &err)) {
        snprintf(text, TEXT_MAX, "expected \"%s\", got %s", expected, err.text);
        return false;
    }
    if (instantiate(s, l, &trap, &err) == -EINVAL && strstr(err.text, expected))
        return true;
    snprintf(text, TEXT_MAX, "expected \"%s\", got %s", expected, l->instance ? "an instance" : err.text);
    return false;
}

static bool do_uninstantiable(struct spec *s, const struct json *c, char *text)
{
    struct err err;
    enum wasm_trap trap;
    struct loaded *l = NULL;
    if (load(s, json_get_text(c, "filename", ""), &l, &err)) {
        snprintf(text, TEXT_MAX, "the module is refused: %s", err.text);
        return false;
    }
    instantiate(s, l, &trap, &err);
    return trap_expected(c, trap, text);
}

static const struct command {
    const char *type;
    bool counts; /* it is an assertion */
    bool (*run)(struct spec *s, const struct json *c, char *text);
} commands[] = {
    {"module", false, do_module},
    {"register", false, do_register},
    {"action", false, do_return},
    {"assert_return", true, do_return},
    {"assert_trap", true, do_trap},
    {"assert_exhaustion", true, do_trap},
    {"assert_invalid", true, do_refused},
    {"assert_malformed", true, do_refused},
    {"assert_unlinkable", true, do_unlinkable},
    {"assert_uninstantiable", true, do_uninstantiable},
};

static const struct command *command_of(const char *type)
{
    for (size_t k = 0; k < ARRAY_LEN(commands); k++)
        if (!strcmp(type, commands[k].type))
            return &commands[k];
    return NULL;
}

static void failure(struct spec *s, const struct json *c, const char *text)
{
    const char *name = strrchr(s->path, '/');
    s->failed++;
    printf("# %.*s.wast:%lld: error: %s: %s\n", (int)strcspn(name ? name + 1 : s->path, "."), name ? name + 1 : s->path,
           (long long)json_get_int(c, "line"), json_get_text(c, "type", ""), text);
    printf("#   repeat: %s --mode %s%s%s --line %lld %s\n", program, mode->name,
           features.tail_call ? " --tail-call" : "", features.extended_const ? " --extended-const" : "",
           (long long)json_get_int(c, "line"), s->path);
}

static void run_command(struct spec *s, const struct json *c)
{
    char text[TEXT_MAX] = "";
    const struct command *command = command_of(json_get_text(c, "type", ""));
    bool selected = !only_line || json_get_int(c, "line") == only_line;
    if (!strcmp(json_get_text(c, "module_type", "binary"), "text")) {
        s->skipped += selected;
        return;
    }
    if (!command) {
        failure(s, c, "a command that is not known");
        return;
    }
    if (!selected && (!strcmp(command->type, "assert_invalid") || !strcmp(command->type, "assert_malformed")))
        return;
    bool good = command->run(s, c, text);
    if (!good)
        failure(s, c, text);
    else if (command->counts && selected)
        s->passed++;
}

/* The tree of a file. base/json refuses strings with NUL, and one file has one in a name: U+F8FF stands for it. */
static int document(struct spec *s, struct json **out, struct err *err)
{
    char *text;
    size_t len;
    int r = io_read_file(&s->arena, AT_FDCWD, s->path, DOCUMENT_MAX, &text, &len);
    if (r)
        return err_sys(err, r, "%s", s->path);
    for (char *p = text; (p = strstr(p, "\\u0000")); p += 6)
        memcpy(p, "\\uf8ff", 6);
    return json_parse(&s->arena, text, len, out, err);
}

static void free_modules(struct spec *s)
{
    for (struct loaded *l = s->modules; l; l = l->next) {
        if (l->code)
            wasm_code_free(l->code);
        arena_free(&l->arena);
    }
}

/* false: it could not be read. */
static bool run_file(struct spec *s, struct err *err)
{
    struct json *root;
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", s->path);
    s->folder = dirname(folder);
    if (arena_init(&s->arena, DOCUMENT_ARENA) || document(s, &root, err) ||
        wasm_store_make(&(struct wasm_store_options){.fuel = -1}, &s->store, err))
        return false;
    spec_host_reset();
    const struct json *list = json_get(root, "commands");
    for (const struct json *c = list ? list->child : NULL; c; c = c->next)
        run_command(s, c);
    wasm_store_free(s->store);
    free_modules(s);
    return true;
}

/* What --mode may be here: the compiler may be another program's. */
static int print_modes(void)
{
    static const uint8_t empty[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    struct arena arena;
    struct wasm_module *m;
    struct wasm_code *code;
    struct err err;
    puts(modes[0].name);
    if (arena_init(&arena, wasm_module_arena_size(sizeof empty)) ||
        wasm_module_decode(empty, sizeof empty, &features, &arena, &m, &err))
        return 1;
    if (!wasm_compile(m, &(struct wasm_compile_options){.features = features}, &code, &err)) {
        for (size_t k = 1; k < ARRAY_LEN(modes); k++)
            puts(modes[k].name);
        wasm_code_free(code);
    }
    arena_free(&arena);
    return 0;
}

static const struct mode *mode_named(const char *name)
{
    for (size_t k = 0; k < ARRAY_LEN(modes); k++)
        if (!strcmp(name, modes[k].name))
            return &modes[k];
    return NULL;
}

static int options(int argc, char **argv)
{
    int k = 1;
    for (; k < argc && !strncmp(argv[k], "--", 2); k++) {
        if (!strcmp(argv[k], "--tail-call"))
            features.tail_call = true;
        else if (!strcmp(argv[k], "--extended-const"))
            features.extended_const = true;
        else if (!strcmp(argv[k], "--line") && k + 1 < argc)
            only_line = strtoll(argv[++k], NULL, 10);
        else if (!strcmp(argv[k], "--mode") && k + 1 < argc)
            mode = mode_named(argv[++k]);
        else
            return -1;
    }
    return mode ? k : -1;
}

int main(int argc, char **argv)
{
    uint32_t passed = 0, failed = 0, skipped = 0, n = 0;
    int k = options(argc, argv);
    program = argv[0];
    if (argc == 2 && !strcmp(argv[1], "--modes"))
        return print_modes();
    if (k < 0 || k == argc) {
        fprintf(stderr, "usage: %s --modes | [--mode MODE] [--tail-call] [--extended-const] [--line N] FILE.json...\n",
                argv[0]);
        return 2;
    }
    printf("1..%d\n", argc - k);
    for (; k < argc; k++) {
        struct spec s = {.path = argv[k]};
        struct err err = {0};
        if (!run_file(&s, &err)) {
            printf("# %s: error: %s\n", argv[k], err.text);
            s.failed++;
        }
        printf("%sok %u - %s, %s: %u passed, %u failed, %u skipped (malformed text)\n", s.failed ? "not " : "", ++n,
               argv[k], mode->name, s.passed, s.failed, s.skipped);
        fflush(stdout);
        arena_free(&s.arena);
        passed += s.passed;
        failed += s.failed;
        skipped += s.skipped;
    }
    printf("# %s: %u assertions passed, %u failed, %u skipped (malformed text)\n", mode->name, passed, failed, skipped);
    return failed != 0;
}
