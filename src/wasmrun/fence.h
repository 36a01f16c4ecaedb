/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter that moat-wasm puts around itself before it looks at the first byte of the module: the system calls of
 * WASI and of the engine, and nothing else. No execution, no process or thread, no socket, no memory that becomes
 * executable: what the compiler may write has been mapped before.
 */
#ifndef MOAT_WASMRUN_FENCE_H
#define MOAT_WASMRUN_FENCE_H

#include "base/err.h"

#include <linux/filter.h>

enum wasmrun_fence {
    WASMRUN_FENCE_RUN,
    WASMRUN_FENCE_LOOK, /* of a process that only reads modules: nothing can be opened or looked up */
    WASMRUN_FENCES
};

/* Cannot be undone. */
int wasmrun_fence_raise(enum wasmrun_fence which, struct err *err);

/* The program, for tests. */
const struct sock_fprog *wasmrun_fence_program(enum wasmrun_fence which);

#endif
