/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one WASI program in this process, without any wall around it: for suites that look at src/wasi alone.
 *
 *   wasi-run [--dir HOST::NAME] [--read HOST::NAME] [--env NAME=VALUE] [--clock NS] [--seed N] [--listen PORT]
 *            [--compile] MODULE [ARGUMENT...]
 *
 * The status is the program's; 134 a trap, 125 anything else.
 */
#include "base/io.h"
#include "wasi/wasi.h"
#include "wasm/baseline/compile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIST_MAX 64

struct setting {
    struct wasi_preopen preopens[LIST_MAX];
    const char *env[LIST_MAX];
    int listeners[LIST_MAX];
    struct wasi_options o;
    bool compile, denials;
};

static void add_directory(struct setting *s, char *argument, bool writable)
{
    char *split = strstr(argument, "::");

    if (split)
        *split = 0;
    s->preopens[s->o.n_preopens++] = (struct wasi_preopen){.name = split ? split + 2 : argument,
                                                           .fd = open(argument, O_PATH | O_DIRECTORY | O_CLOEXEC),
                                                           .writable = writable};
}

static int listener(const char *port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    return bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 8) == 0 ? fd : -1;
}

static bool take(struct setting *s, const char *option, char *value)
{
    if (!strcmp(option, "--dir") && s->o.n_preopens < LIST_MAX) {
        add_directory(s, value, true);
    } else if (!strcmp(option, "--read") && s->o.n_preopens < LIST_MAX) {
        add_directory(s, value, false);
    } else if (!strcmp(option, "--env") && s->o.n_env < LIST_MAX) {
        s->env[s->o.n_env++] = value;
    } else if (!strcmp(option, "--listen") && s->o.n_listeners < LIST_MAX) {
        s->listeners[s->o.n_listeners++] = listener(value);
    } else if (!strcmp(option, "--clock")) {
        s->o.clock_fixed = true;
        s->o.clock_ns = strtoull(value, NULL, 10);
    } else if (!strcmp(option, "--seed")) {
        s->o.seeded = true;
        s->o.seed = strtoull(value, NULL, 10);
    } else {
        return false;
    }
    return true;
}

static void tell(void *data, const struct wasi_denial *d)
{
    (void)data;
    fprintf(stderr, "denied: %s %s of %s: error %d\n", d->deed, d->path, d->directory, -d->error);
}

static int resolve(struct wasi *w, const struct wasm_module *m, struct arena *a, struct wasm_extern **out,
                   struct err *err)
{
    *out = arena_array(a, m->n_imports + 1, sizeof **out);
    for (uint32_t i = 0; *out && i < m->n_imports; i++) {
        if (wasi_resolve(w, m, &m->imports[i], &(*out)[i], err) < 0)
            return err->code;
    }
    return *out ? 0 : err_set(err, -ENOMEM, "no memory");
}

static int start(struct wasm_store *s, struct wasm_instance *i, enum wasm_trap *trap, struct err *err)
{
    union wasm_value none[1];
    struct wasm_extern e;

    if (!wasm_instance_export(i, "_start", 6, &e) || e.kind != WASM_KIND_FUNC)
        return err_set(err, -ENOEXEC, "the module exports no _start");
    *trap = wasm_call(s, e.func, none);
    return 0;
}

static int run(struct setting *s, const char *module, struct arena *a, enum wasm_trap *trap, int *status,
               struct err *err)
{
    static const struct wasm_features features = {.tail_call = true, .extended_const = true};
    const struct wasm_store_options limits = {.fuel = -1};
    struct wasm_instance *instance;
    struct wasm_extern *imports;
    struct wasm_code *code = NULL;
    struct wasm_store *store;
    struct wasm_module *m;
    struct wasi *wasi;
    char *text;
    size_t size;

    int r = io_read_file(a, AT_FDCWD, module, 64u << 20, &text, &size);
    if (r < 0)
        return err_sys(err, r, "%s", module);
    if ((r = wasm_module_decode((const uint8_t *)text, size, &features, a, &m, err)) < 0 ||
        (r = wasm_store_make(&limits, &store, err)) < 0 || (r = wasi_make(store, &s->o, &wasi, err)) < 0 ||
        (r = resolve(wasi, m, a, &imports, err)) < 0)
        return r;
    if (s->compile && (r = wasm_compile(m, &(struct wasm_compile_options){.features = features}, &code, err)) < 0)
        return r;
    r = wasm_instantiate(store, m, code, imports, NULL, &instance, trap, err);
    if (r == 0)
        r = start(store, instance, trap, err);
    *status = wasm_exit_status(store);
    wasi_free(wasi);
    wasm_store_free(store);
    return r;
}

int main(int argc, char **argv)
{
    static struct setting s = {.o.stdio = {0, 1, 2}};
    enum wasm_trap trap = WASM_TRAP_NONE;
    struct err err = {0};
    struct arena arena;
    int at = 1, status = 0;

    for (; at < argc && argv[at][0] == '-'; at++) {
        if (!strcmp(argv[at], "--compile"))
            s.compile = true;
        else if (!strcmp(argv[at], "--denials"))
            s.o.denied = tell;
        else if (at + 1 < argc && take(&s, argv[at], argv[at + 1]))
            at++;
        else
            break;
    }
    if (at >= argc || argv[at][0] == '-' || arena_init(&arena, (size_t)1 << 30) < 0) {
        fprintf(stderr, "wasi-run [--dir HOST::NAME] [--read HOST::NAME] [--env NAME=VALUE] [--clock NS] [--seed N] "
                        "[--listen PORT] [--denials] [--compile] MODULE [ARGUMENT...]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    s.o.preopens = s.preopens;
    s.o.env = s.env;
    s.o.listeners = s.listeners;
    s.o.args = (const char *const *)argv + at;
    s.o.n_args = (uint32_t)(argc - at);
    if (run(&s, argv[at], &arena, &trap, &status, &err) < 0 && trap == WASM_TRAP_NONE) {
        fprintf(stderr, "wasi-run: %s\n", err.text);
        return 125;
    }
    if (trap != WASM_TRAP_NONE && trap != WASM_TRAP_EXIT) {
        fprintf(stderr, "wasi-run: trap: %s\n", wasm_trap_text(trap));
        return 134;
    }
    return status;
}
