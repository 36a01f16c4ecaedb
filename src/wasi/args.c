/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments, environment, and how a program ends. */
#include "wasi/program.h"

#include <sched.h>

/* Strings to where argument 1 points, their addresses to where argument 0 points. */
static int put_strings(const struct wasi_call *c, const struct wasi_strings *s)
{
    struct waddr list = call_address(c, 0), bytes = call_address(c, 1);
    uint8_t *to = memory_span(c->memory, list, (uint64_t)s->n * sizeof(uint32_t));
    uint32_t at = 0;

    if (!to || memory_check(c->memory, bytes, s->size) < 0)
        return -EFAULT;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t address = bytes.at + at;
        memcpy(to + i * sizeof address, &address, sizeof address);
        at += (uint32_t)strlen(s->bytes + at) + 1;
    }
    return memory_write(c->memory, bytes, s->bytes, s->size);
}

static int put_sizes(const struct wasi_call *c, const struct wasi_strings *s)
{
    int r = call_put(c, 0, &s->n, sizeof s->n);

    return r < 0 ? r : call_put(c, 1, &s->size, sizeof s->size);
}

int wasi_args_get(struct wasi_call *c)
{
    return put_strings(c, &c->wasi->args);
}

int wasi_args_sizes_get(struct wasi_call *c)
{
    return put_sizes(c, &c->wasi->args);
}

int wasi_environ_get(struct wasi_call *c)
{
    return put_strings(c, &c->wasi->env);
}

int wasi_environ_sizes_get(struct wasi_call *c)
{
    return put_sizes(c, &c->wasi->env);
}

int wasi_proc_exit(struct wasi_call *c)
{
    c->trap = wasm_exit(c->wasi->store, (int)c->args[0].i32);
    return 0;
}

/* Signals are nothing that a program of preview 1 could handle. */
int wasi_proc_raise(struct wasi_call *c)
{
    (void)c;
    return -ENOSYS;
}

int wasi_sched_yield(struct wasi_call *c)
{
    (void)c;
    sched_yield();
    return 0;
}
