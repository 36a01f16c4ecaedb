/* SPDX-License-Identifier: Apache-2.0 */
/* The custom section "name" (specification, appendix "custom sections"): names of functions for people to read. It
 * decides nothing, so a malformed one is as good as none, and a second one is not looked at. */
#include "wasm/module/decode.h"

#include "base/utf8.h"

#include <stdlib.h>

#define SUBSECTION_FUNCTIONS 1

static bool decode_function_names(struct decoder *d, struct cursor *c)
{
    struct wasm_module *m = d->m;
    uint32_t n = cursor_leb_u32(c), before = 0;

    if (c->fault || n > cursor_left(c) / 2 || n > WASM_FUNCTIONS_MAX)
        return false;
    struct wasm_function_name *names = arena_array(m->arena, n, sizeof *names);
    for (uint32_t i = 0; names && i < n; i++) {
        names[i].index = cursor_leb_u32(c);
        names[i].name.len = cursor_leb_u32(c);
        names[i].name.text = (const char *)cursor_bytes(c, names[i].name.len);
        if (c->fault || (i && names[i].index <= before) ||
            !utf8_valid((const uint8_t *)names[i].name.text, names[i].name.len))
            return false;
        before = names[i].index;
    }
    if (!names || !cursor_done(c))
        return false;
    m->names = names;
    m->n_names = n;
    return true;
}

void wasm_decode_names(struct decoder *d, struct cursor c)
{
    if (d->has_names)
        return;
    d->has_names = true;
    while (cursor_left(&c)) {
        uint8_t id = cursor_u8(&c);
        struct cursor part = cursor_part(&c, cursor_leb_u32(&c));
        if (c.fault)
            return;
        if (id == SUBSECTION_FUNCTIONS) {
            decode_function_names(d, &part);
            return;
        }
    }
}

static int compare_index(const void *key, const void *item)
{
    uint32_t a = *(const uint32_t *)key, b = ((const struct wasm_function_name *)item)->index;

    return a < b ? -1 : a > b;
}

const struct wasm_name *wasm_function_name(const struct wasm_module *m, uint32_t function)
{
    if (!m->n_names)
        return NULL;
    const struct wasm_function_name *found = bsearch(&function, m->names, m->n_names, sizeof *m->names, compare_index);
    return found ? &found->name : NULL;
}
