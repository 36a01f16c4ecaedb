/* SPDX-License-Identifier: Apache-2.0 */
/* See program.h. Nothing of the module has been looked at when this runs. */
#include "wasmrun/denials.h"
#include "wasmrun/program.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void on_denied(void *data, const struct wasi_denial *d)
{
    uint32_t access = (d->access & WASI_ACCESS_READ ? ENGINE_READ : 0) |
                      (d->access & WASI_ACCESS_WRITE ? ENGINE_WRITE : 0) |
                      (d->access & WASI_ACCESS_CREATE ? ENGINE_CREATE : 0);
    int error = d->error == -WASI_NOTCAPABLE ? EXDEV : -d->error;

    (void)data;
    if (d->error == -WASI_KERNELS) {
        denials_kernels(d->deed, d->directory, d->path, !d->access);
        return;
    }
    denials_path(d->deed, d->directory, d->path, access ? access : ENGINE_STAT, error, !d->access);
}

/* The environment without what launchers add. */
static const char **program_environment(const struct wasmrun_config *c, struct arena *a, uint32_t *n)
{
    uint32_t all = 0;

    while (environ[all])
        all++;
    const char **list = arena_array(a, all + 1, sizeof *list);
    for (uint32_t i = 0; i < all && list; i++)
        if (strncmp(environ[i], "MOAT_HANDED_FD=", 15) != 0 && (c->keep_home || strncmp(environ[i], "HOME=", 5) != 0))
            list[(*n)++] = environ[i];
    return list;
}

static int open_preopens(const struct wasmrun_config *c, struct wasi_preopen *out, struct err *err)
{
    for (uint32_t i = 0; i < c->n_preopens; i++) {
        const struct wasmrun_preopen *p = &c->preopens[i];
        out[i] = (struct wasi_preopen){.name = p->name, .writable = p->writable, .names_only = p->names_only};
        out[i].fd = open(p->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (out[i].fd < 0)
            return err_sys(err, -errno, "the directory %s", p->path);
    }
    return 0;
}

int program_make_world(struct program *p, struct err *err)
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
                                   .listeners = p->listeners,
                                   .n_listeners = c->n_listeners,
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
