/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the runner of the specification's tests (spec.c). */
#ifndef MOAT_TEST_WASM_SPEC_H
#define MOAT_TEST_WASM_SPEC_H

#include "base/json.h"
#include "wasm/runtime/store.h"

#define VALUES_MAX 1000

/* spec_values.c */
/* A constant of the file as a value. false: it is none that is known. */
bool spec_value_parse(const struct json *j, union wasm_value *out);
/* Whether a result is what the file expects: a value, a class of NaNs, any reference. */
bool spec_value_match(const struct json *expected, const union wasm_value *v);
/* For messages. */
void spec_value_print(const struct json *type, const union wasm_value *v, char *out, size_t size);

/* spec_host.c: the module that every file may import, made in the store. */
bool spec_host_find(struct wasm_store *s, const struct wasm_module *m, const struct wasm_import *i,
                    struct wasm_extern *out);
/* Made anew for each store: forget the last one's. */
void spec_host_reset(void);

#endif
