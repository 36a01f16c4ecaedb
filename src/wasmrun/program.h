/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of main() share: one module on its way from a file to its end. */
#ifndef MOAT_WASMRUN_PROGRAM_H
#define MOAT_WASMRUN_PROGRAM_H

#include "codegen/arena.h"
#include "wasi/wasi.h"
#include "wasm/baseline/compile.h"
#include "wasmrun/config.h"
#include "wasmrun/module_file.h"

struct program {
    struct wasmrun_config config;
    struct arena arena;   /* of ours */
    struct arena decoded; /* of the module's */
    const uint8_t *bytes; /* the module's */
    size_t size;
    int module_fd;        /* of the module while its bytes are those of `image`, or not read yet; -1: closed */
    const uint8_t *image; /* compiled code with the module in it, once its sum is known to hold; NULL: none */
    size_t image_size;
    bool image_runs;                      /* it may be executed where it lies */
    int listeners[WASMRUN_LISTENERS_MAX]; /* config.n_listeners of them */
    struct wasm_store *store;
    struct wasi *wasi;
    struct wasm_module *module;
    struct code_arena code_arena;
    struct wasm_code *code; /* NULL: interpreted */
    struct wasm_instance *instance;
};

/* world.c: store and WASI, with the directories, arguments and environment of the command line. Before the filter. */
int program_make_world(struct program *p, struct err *err);

/* run.c: its start, or the function of --invoke, whose results are printed. -errno: nothing was run. */
int program_run(struct program *p, enum wasm_trap *trap, struct err *err);

#endif
