/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-wasm: runs one WebAssembly module behind the walls that `moat run -b wasm` has put around it. All that it needs
 * of the system is opened first; then comes the filter, and only then the first byte of the module is looked at. The
 * module may take this process over: what it then has is what the policy gave the sandbox.
 */
#include "codegen/arena.h"
#include "wasm/baseline/compile.h"
#include "wasmrun/config.h"
#include "wasmrun/denials.h"
#include "wasmrun/fence.h"
#include "wasmrun/imports.h"
#include "wasmrun/inspect.h"
#include "wasmrun/invoke.h"
#include "wasmrun/module_file.h"
#include "wasmrun/report.h"
#include "wasmrun/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STATUS_TRAP      134 /* as a program that has called abort(3) */
#define STATUS_LIMIT     124
#define STATUS_NO_MODULE 126
#define INSPECT_SECONDS  20
#define ARENA_LEAST      (1u << 20)
#define ARENA_FACTOR     32 /* bytes of decoded module for one of the file, at most */
#define CODE_LEAST       (1u << 20)
#define CODE_FACTOR      16 /* bytes of machine code for one of the file; programs have 4 to 12 */

struct program {
    struct wasmrun_config config;
    struct arena arena, decoded;
    const uint8_t *bytes;
    size_t size;
    struct wasm_store *store;
    struct wasi *wasi;
    struct wasm_module *module;
    struct code_arena code_arena;
    struct wasm_code *code; /* NULL: interpreted */
    struct wasm_instance *instance;
};

/* ---- before the filter ------------------------------------------------------------------------------------------ */

static void on_denied(void *data, const struct wasi_denial *d)
{
    uint32_t access = (d->access & WASI_ACCESS_READ ? WASMRUN_READ : 0) |
                      (d->access & WASI_ACCESS_WRITE ? WASMRUN_WRITE : 0) |
                      (d->access & WASI_ACCESS_CREATE ? WASMRUN_CREATE : 0);
    int error = d->error == -WASI_NOTCAPABLE ? EXDEV : -d->error;

    (void)data;
    denials_path(d->deed, d->directory, d->path, access ? access : WASMRUN_STAT, error, !d->access);
}

/* Reading a module that is to be looked at alone, outside of any sandbox: of a process like this one nothing is wanted
 * but some seconds and its words. */
static void walls_of_inspection(void)
{
    const struct rlimit seconds = {INSPECT_SECONDS, INSPECT_SECONDS}, none = {0, 0};

    setrlimit(RLIMIT_CPU, &seconds);
    setrlimit(RLIMIT_CORE, &none);
    syscall(SYS_close_range, 3, ~0u, 0);
}

/* The environment without what launchers add. */
static const char **program_environment(const struct wasmrun_config *c, struct arena *a, uint32_t *n)
{
    uint32_t all = 0;

    while (environ[all])
        all++;
    const char **list = arena_array(a, all + 1, sizeof *list);
    for (uint32_t i = 0; i < all && list; i++)
        if (strncmp(environ[i], "MOAT_METER_FD=", 14) != 0 && (c->keep_home || strncmp(environ[i], "HOME=", 5) != 0))
            list[(*n)++] = environ[i];
    return list;
}

static int open_preopens(const struct wasmrun_config *c, struct wasi_preopen *out, struct err *err)
{
    for (uint32_t i = 0; i < c->n_preopens; i++) {
        const struct wasmrun_preopen *p = &c->preopens[i];
        out[i] = (struct wasi_preopen){.name = p->name, .writable = p->writable};
        out[i].fd = open(p->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (out[i].fd < 0)
            return err_sys(err, -errno, "the directory %s", p->path);
    }
    return 0;
}

static int make_world(struct program *p, struct err *err)
{
    const struct wasmrun_config *c = &p->config;
    const struct wasm_store_options limits = {.memory_pages = c->pages, .fuel = c->fuel};
    uint32_t n_env = 0;
    const char **env = program_environment(c, &p->arena, &n_env);
    struct wasi_preopen *preopens = arena_array(&p->arena, c->n_preopens + 1, sizeof *preopens);

    if (!env || !preopens)
        return err_set(err, -ENOMEM, "no memory for the environment");
    const struct wasi_options o = {.args = (const char *const *)c->arguments,
                                   .n_args = c->invoke ? 1 : c->n_arguments,
                                   .env = env,
                                   .n_env = n_env,
                                   .preopens = preopens,
                                   .n_preopens = c->n_preopens,
                                   .stdio = {0, 1, 2},
                                   .clock_fixed = c->clock_fixed,
                                   .clock_ns = (uint64_t)c->clock,
                                   .seeded = c->seeded,
                                   .seed = c->seed,
                                   .denied = on_denied};
    int r = open_preopens(c, preopens, err);
    if (r == 0)
        r = wasm_store_make(&limits, &p->store, err);
    if (r == 0)
        r = wasi_make(p->store, &o, &p->wasi, err);
    return r;
}

/* All executable mappings that there will ever be; what is not written to costs nothing. */
static int make_room_for_code(struct program *p, struct err *err)
{
    size_t size = CODE_LEAST + p->size * CODE_FACTOR;
    int r = code_arena_make(&p->code_arena, size < CODE_ARENA_MAX ? size : CODE_ARENA_MAX, err);

    return r < 0 ? r : wasm_code_prepare(err);
}

static int prepare(struct program *p, int argc, char **argv, struct err *err)
{
    int r = arena_init(&p->arena, ARENA_LEAST);

    if (r < 0 || (r = wasmrun_config_read(&p->config, &p->arena, argc, argv, err)) < 0)
        return r;
    denials_begin(&p->config);
    if (p->config.inspect)
        walls_of_inspection();
    int fd = wasmrun_module_open(p->config.module, err);
    if (fd < 0 || (r = wasmrun_module_read(fd, &p->bytes, &p->size, err)) < 0)
        return fd < 0 ? fd : r;
    if ((r = arena_init(&p->decoded, ARENA_LEAST + p->size * ARENA_FACTOR)) < 0)
        return err_set(err, r, "no memory for a module of %zu bytes", p->size);
    if (p->config.inspect)
        return wasmrun_fence_raise(WASMRUN_FENCE_LOOK, err);
    if ((r = make_world(p, err)) < 0 || (r = stop_prepare(p->store, p->config.timeout_ms, err)) < 0)
        return r;
    if (!p->config.interpreter && (r = make_room_for_code(p, err)) < 0)
        return r;
    return wasmrun_fence_raise(WASMRUN_FENCE_RUN, err);
}

/* ---- behind it -------------------------------------------------------------------------------------------------- */

static const struct wasm_features features = {.tail_call = true, .extended_const = true};

static int compile(struct program *p, struct err *err)
{
    const struct wasm_compile_options o = {.features = features, .fuel = p->config.fuel >= 0, .arena = &p->code_arena};
    int r = wasm_compile(p->module, &o, &p->code, err);

    code_arena_seal(&p->code_arena);
    return r;
}

static int make_instance(struct program *p, enum wasm_trap *trap, struct err *err)
{
    struct wasm_extern *imports;
    int r = wasm_module_decode(p->bytes, p->size, &features, &p->decoded, &p->module, err);

    if (r == 0)
        r = imports_resolve(p->wasi, p->module, &p->decoded, &imports, err);
    if (r == 0 && !p->config.interpreter)
        r = compile(p, err);
    return r < 0 ? r : wasm_instantiate(p->store, p->module, p->code, imports, NULL, &p->instance, trap, err);
}

static struct wasm_func *exported(struct program *p, const char *name)
{
    struct wasm_extern e;

    return wasm_instance_export(p->instance, name, strlen(name), &e) && e.kind == WASM_KIND_FUNC ? e.func : NULL;
}

/* The functions that --invoke can call, for an error. */
static const char *names_of_functions(struct program *p)
{
    const char *list = "";

    for (uint32_t i = 0, n = 0; i < p->module->n_exports; i++) {
        const struct wasm_export *e = &p->module->exports[i];
        if (e->kind != WASM_KIND_FUNC || e->name.len > 60)
            continue;
        if (n++ == 8)
            return arena_printf(&p->decoded, "%s ...", list);
        list = arena_printf(&p->decoded, "%s%s%.*s", list, *list ? ", " : "", (int)e->name.len, e->name.text);
        if (!list)
            return "";
    }
    return list;
}

static int run_start(struct program *p, enum wasm_trap *trap, struct err *err)
{
    struct wasm_func *start = exported(p, "_start");
    const struct wasm_functype *type = start ? wasm_func_type(p->store, start) : NULL;
    union wasm_value none = {0};

    if (!start)
        return err_set(err, -ENOEXEC,
                       "it is no program (it exports no function _start): --invoke NAME calls one of: %s",
                       names_of_functions(p));
    if (type->n_params || type->n_results)
        return err_set(err, -ENOEXEC, "it is no program: its _start has arguments or results");
    *trap = wasm_call(p->store, start, &none);
    return 0;
}

static void print_results(const struct wasm_functype *type, const union wasm_value *values)
{
    char text[INVOKE_TEXT + 1];

    for (uint32_t i = 0; i < type->n_results; i++) {
        invoke_write(type->types[type->n_params + i], &values[i], text);
        strcat(text, "\n");
        ssize_t ignored = write(STDOUT_FILENO, text, strlen(text));
        (void)ignored;
    }
}

static int run_export(struct program *p, enum wasm_trap *trap, struct err *err)
{
    const struct wasmrun_config *c = &p->config;
    struct wasm_func *f = exported(p, c->invoke), *initialize = exported(p, "_initialize");
    static union wasm_value values[WASM_PARAMS_MAX > WASM_RESULTS_MAX ? WASM_PARAMS_MAX : WASM_RESULTS_MAX];
    const uint32_t given = c->n_arguments - 1;

    if (!f)
        return err_set(err, -ENOENT, "--invoke %s: it exports no function of that name, but: %s", c->invoke,
                       names_of_functions(p));
    const struct wasm_functype *type = wasm_func_type(p->store, f);
    if (given != type->n_params)
        return err_set(err, -EINVAL, "--invoke %s: it takes %u arguments, and %u are given", c->invoke, type->n_params,
                       given);
    for (uint32_t i = 0; i < given; i++)
        if (invoke_read(type->types[i], c->arguments[i + 1], &values[i], err) < 0)
            return err_wrap(err, "--invoke %s", c->invoke);
    const struct wasm_functype *plain = initialize && initialize != f ? wasm_func_type(p->store, initialize) : NULL;
    if (plain && !plain->n_params && !plain->n_results)
        *trap = wasm_call(p->store, initialize, &(union wasm_value){0});
    if (!*trap)
        *trap = wasm_call(p->store, f, values);
    if (!*trap)
        print_results(type, values);
    return 0;
}

static int status_of(const struct program *p, enum wasm_trap trap)
{
    int signal = trap == WASM_TRAP_INTERRUPT ? stop_reason() : 0;

    if (trap == WASM_TRAP_NONE)
        return 0;
    if (trap == WASM_TRAP_EXIT)
        return wasm_exit_status(p->store) & 0xff;
    if (signal && signal != SIGALRM) /* it was asked to end */
        return 128 + signal;
    report_trap(p->store, p->config.name, trap);
    return trap == WASM_TRAP_FUEL || trap == WASM_TRAP_INTERRUPT ? STATUS_LIMIT : STATUS_TRAP;
}

int main(int argc, char **argv)
{
    static struct program p;
    struct err err = {0};
    enum wasm_trap trap = WASM_TRAP_NONE;
    int r = prepare(&p, argc, argv, &err);

    if (r == 0 && p.config.inspect)
        _exit(inspect(p.bytes, p.size, &features, &p.decoded) < 0);
    if (r == 0)
        r = make_instance(&p, &trap, &err);
    if (r == 0)
        r = p.config.invoke ? run_export(&p, &trap, &err) : run_start(&p, &trap, &err);
    if (r < 0 && !trap) {
        report_error(p.config.name ? p.config.name : "?", err.text);
        _exit(STATUS_NO_MODULE);
    }
    _exit(status_of(&p, trap)); /* nothing of ours waits to be written */
}
