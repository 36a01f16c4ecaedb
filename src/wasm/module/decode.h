/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the decoder: what its files share. A section is a function in the table of decode.c; it is given a cursor over
 * the section alone, uses all of it, and leaves in the module what module.h promises.
 */
#ifndef MOAT_WASM_MODULE_DECODE_H
#define MOAT_WASM_MODULE_DECODE_H

#include "base/cursor.h"
#include "wasm/module/module.h"

struct decoder {
    struct wasm_module *m;
    const struct wasm_features *features;
    struct err *err;
    uint32_t data_count;
    bool has_names;
};

/* Both give `code`, with the offset of `at` before the words. */
int wasm_decode_fail(struct decoder *d, const uint8_t *at, int code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5), cold));
/* Of a cursor with a fault. */
int wasm_decode_fault(struct decoder *d, const struct cursor *c) __attribute__((cold));

/* Zeroed, of the module's arena. -ENOMEM has its words. */
int wasm_decode_array(struct decoder *d, const struct cursor *at, size_t n, size_t size, void *out);

/* The length of a vector whose items have at least item_min bytes each: never more than can be there, nor than max. */
int wasm_decode_count(struct decoder *d, struct cursor *c, uint32_t max, unsigned item_min, const char *what,
                      uint32_t *n);
int wasm_decode_name(struct decoder *d, struct cursor *c, struct wasm_name *out);
int wasm_decode_valtype(struct decoder *d, struct cursor *c, uint8_t *out);
int wasm_decode_reftype(struct decoder *d, struct cursor *c, uint8_t *out);
/* An index below n. */
int wasm_decode_index(struct decoder *d, struct cursor *c, uint32_t n, const char *what, uint32_t *out);

/* A constant expression that gives a value of the type `wants` (3.3.10). */
int wasm_decode_const(struct decoder *d, struct cursor *c, uint8_t wants, struct wasm_expr *out);

/* Function f may be referred to. Only once the number of functions is final. */
int wasm_decode_declare(struct decoder *d, const struct cursor *at, uint32_t f);

int wasm_decode_types(struct decoder *d, struct cursor *c);
int wasm_decode_imports(struct decoder *d, struct cursor *c);
int wasm_decode_functions(struct decoder *d, struct cursor *c);
int wasm_decode_tables(struct decoder *d, struct cursor *c);
int wasm_decode_memories(struct decoder *d, struct cursor *c);
int wasm_decode_globals(struct decoder *d, struct cursor *c);
int wasm_decode_exports(struct decoder *d, struct cursor *c);
int wasm_decode_start(struct decoder *d, struct cursor *c);
int wasm_decode_elems(struct decoder *d, struct cursor *c);
int wasm_decode_data_count(struct decoder *d, struct cursor *c);
int wasm_decode_code(struct decoder *d, struct cursor *c);
int wasm_decode_datas(struct decoder *d, struct cursor *c);
/* The custom section "name" behind its name: what is wrong with it is no error. */
void wasm_decode_names(struct decoder *d, struct cursor c);

#endif
