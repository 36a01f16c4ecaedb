/* SPDX-License-Identifier: Apache-2.0 */
/* What a module is, as a JSON object on the standard output: for `moat wasm inspect`, which believes none of it. */
#ifndef MOAT_WASMRUN_INSPECT_H
#define MOAT_WASMRUN_INSPECT_H

#include "wasm/module/module.h"

/* {"error": "at offset ..."} where it is no valid module. -errno: nothing could be said. */
int inspect(const uint8_t *bytes, size_t size, const struct wasm_features *features, struct arena *a);

#endif
