/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WASI preview 1 (wasi_snapshot_preview1) as host functions. Life: wasi_make() for one program in one store ->
 * wasi_resolve() for each import of its module -> wasm_instantiate(), wasm_call() -> wasi_free(), after the last call
 * and before or after the store ends.
 *
 * The process ignores SIGPIPE and SIGXFSZ (the program sees EPIPE and EFBIG), and lets the signal through by which
 * wasm_interrupt() kicks: waiting functions end by it. One thread at a time, as the store.
 */
#ifndef MOAT_WASI_WASI_H
#define MOAT_WASI_WASI_H

#include "base/err.h"
#include "wasm/runtime/store.h"

#include <stdbool.h>
#include <stdint.h>

/* A directory that the program may look into. The program finds it by its name: descriptor 3 and those that follow. */
struct wasi_preopen {
    const char *name; /* as the program sees it: "/", "/data", "." */
    int fd;           /* O_PATH or O_RDONLY; taken */
    bool writable;    /* else without any right to change something in it */
    bool names_only;  /* nothing is in it: it is there for C libraries to ask for names, and no descriptor else */
};

/* What was not done. Strings hold during the call alone. */
struct wasi_denial {
    const char *deed;      /* "open for reading", "remove": what the program wanted with the path */
    const char *directory; /* name of the preopen */
    const char *path;      /* relative to it, as the program wrote it: ".." and links are not resolved */
    uint32_t access;       /* WASI_ACCESS_*; 0: it only looked */
    int error;             /* -ENOENT, -EACCES, -EPERM, -EROFS, -WASI_NOTCAPABLE or -WASI_KERNELS */
};

#define WASI_ACCESS_READ   1u
#define WASI_ACCESS_WRITE  2u
#define WASI_ACCESS_CREATE 4u /* a name is made, moved or removed */

/* An error that Linux has not: a right that the descriptor lacks, or a path that leads out of its directory. */
#define WASI_NOTCAPABLE 4076
/* The same: it lies in a file system of the kernel's own (base/kernelfs.h), or is the device of all memory, and is
 * never given. The program gets EACCES. */
#define WASI_KERNELS 4077

struct wasi_options {
    /* Copied. The program's name first; "NAME=VALUE". NULL: none. */
    const char *const *args, *const *env;
    uint32_t n_args, n_env;

    const struct wasi_preopen *preopens; /* descriptors 3, 4 ... */
    uint32_t n_preopens;
    const int *listeners; /* listening stream sockets, behind the preopens; taken */
    uint32_t n_listeners;
    int stdio[3]; /* input, output, errors; borrowed, they may be shared with others; -1: closed */

    uint32_t max_descriptors; /* 0: 1,024, or what RLIMIT_NOFILE leaves */

    /* Time stands at clock_ns (nanoseconds since 1970) and moves by a microsecond each time it is read; sleeping takes
     * no time but moves it. */
    bool clock_fixed;
    uint64_t clock_ns;

    /* Random bytes are those of a generator that starts here, the same in each run; else the kernel's. */
    bool seeded;
    uint64_t seed;

    /* Of path_* functions that failed with one of the errors above: is told each time, decides what is worth saying.
     * NULL: nobody is. */
    void (*denied)(void *data, const struct wasi_denial *d);
    void *data;
};

struct wasi;

/* On failure nothing is taken. -ENOSYS: the kernel has no openat2(2) (Linux 5.6). */
int wasi_make(struct wasm_store *s, const struct wasi_options *o, struct wasi **out, struct err *err);
void wasi_free(struct wasi *w);

/* What a module's import is given. -ENOENT nothing is called so; -EINVAL it is, but of another type; -ENOTSUP another
 * version of WASI; the words say which import, by names as the module has them: whoever prints them cleans them. */
int wasi_resolve(struct wasi *w, const struct wasm_module *m, const struct wasm_import *import, struct wasm_extern *out,
                 struct err *err);

/* Whether wasi_resolve() has a function of this name, and its type: without a program, for inspection. */
bool wasi_function_type(const struct wasm_name *module, const struct wasm_name *name, struct wasm_functype *out);

#endif
