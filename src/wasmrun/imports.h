/* SPDX-License-Identifier: Apache-2.0 */
/* What a module imports, and who gives it. */
#ifndef MOAT_WASMRUN_IMPORTS_H
#define MOAT_WASMRUN_IMPORTS_H

#include "base/mem.h"
#include "wasi/wasi.h"

/* A list for wasm_instantiate(), in the arena. -ENOENT, -EINVAL, -ENOTSUP: the first import that nobody gives, by name,
 * how many more there are, and what would give it. */
int imports_resolve(struct wasi *w, const struct wasm_module *m, struct arena *a, struct wasm_extern **out,
                    struct err *err);

/* For whom a module that imports from this one was built, and what to do; "" when that is not known. */
const char *imports_origin(const struct wasm_name *module);

#endif
