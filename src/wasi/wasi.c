/* SPDX-License-Identifier: Apache-2.0 */
/* One program's state, made and freed. */
#include "wasi/program.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STRINGS_MAX (64u << 20) /* bytes of arguments, of environment */

static int copy_strings(const char *const *from, uint32_t n, struct wasi_strings *out)
{
    size_t size = 0, at = 0;

    for (uint32_t i = 0; i < n; i++) {
        size += strlen(from[i]) + 1;
        if (size > STRINGS_MAX)
            return -E2BIG;
    }
    out->bytes = malloc(size + 1);
    if (!out->bytes)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        size_t length = strlen(from[i]) + 1;
        memcpy(out->bytes + at, from[i], length);
        at += length;
    }
    out->n = n;
    out->size = (uint32_t)size;
    return 0;
}

/* Without it paths could not be kept beneath their directories. */
static int openat2_known(void)
{
    struct open_how how = {.flags = O_PATH, .resolve = RESOLVE_BENEATH};

    return syscall(SYS_openat2, -1, "x", &how, sizeof how) < 0 && errno == ENOSYS ? -ENOSYS : 0;
}

int wasi_make(struct wasm_store *s, const struct wasi_options *o, struct wasi **out, struct err *err)
{
    int r = openat2_known();

    if (r < 0)
        return err_set(err, r,
                       "the kernel has no openat2(2), which keeps paths in their directories: Linux 5.6 has it");
    struct wasi *w = calloc(1, sizeof *w);
    if (!w)
        return err_set(err, -ENOMEM, "no memory for a program");
    w->store = s;
    w->clock_fixed = o->clock_fixed;
    w->clock_start = o->clock_ns;
    w->seeded = o->seeded;
    w->random_state = o->seed;
    w->denied = o->denied;
    w->data = o->data;
    r = copy_strings(o->args, o->n_args, &w->args);
    if (r == 0)
        r = copy_strings(o->env, o->n_env, &w->env);
    if (r < 0)
        err_sys(err, r, "%u arguments and %u variables cannot be given to the program", o->n_args, o->n_env);
    else
        r = fd_table_make(w, o, err);
    if (r < 0) {
        wasi_free(w);
        return r;
    }
    *out = w;
    return 0;
}

void wasi_free(struct wasi *w)
{
    if (!w)
        return;
    fd_table_free(w);
    free(w->bound);
    free(w->args.bytes);
    free(w->env.bytes);
    free(w);
}
