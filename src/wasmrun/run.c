/* SPDX-License-Identifier: Apache-2.0 */
/* See program.h. */
#include "wasmrun/invoke.h"
#include "wasmrun/program.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

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
        return err_set(err, -INVOKE_MISUSE, "--invoke %s: it takes %u argument%s, and %u %s given", c->invoke,
                       type->n_params, type->n_params == 1 ? "" : "s", given, given == 1 ? "is" : "are");
    for (uint32_t i = 0; i < given; i++)
        if (invoke_read(type->types[i], c->arguments[i + 1], &values[i], err) < 0) {
            err_wrap(err, "--invoke %s", c->invoke);
            return -INVOKE_MISUSE;
        }
    const struct wasm_functype *plain = initialize && initialize != f ? wasm_func_type(p->store, initialize) : NULL;
    if (plain && !plain->n_params && !plain->n_results)
        *trap = wasm_call(p->store, initialize, &(union wasm_value){0});
    if (!*trap)
        *trap = wasm_call(p->store, f, values);
    if (!*trap)
        print_results(type, values);
    return 0;
}

int program_run(struct program *p, enum wasm_trap *trap, struct err *err)
{
    return p->config.invoke ? run_export(p, trap, err) : run_start(p, trap, err);
}
