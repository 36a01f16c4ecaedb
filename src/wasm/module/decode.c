/* SPDX-License-Identifier: Apache-2.0 */
/* A module's frame (specification 5.5): magic, version, sections in their order, each used to its end. */
#include "wasm/module/decode.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int wasm_decode_fail(struct decoder *d, const uint8_t *at, int code, const char *fmt, ...)
{
    char words[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    return err_set(d->err, code, "at offset 0x%zx: %s", (size_t)(at - d->m->bytes), words);
}

int wasm_decode_fault(struct decoder *d, const struct cursor *c)
{
    return wasm_decode_fail(d, c->fault_at, -EINVAL, "%s", c->fault);
}

int wasm_decode_array(struct decoder *d, const struct cursor *at, size_t n, size_t size, void *out)
{
    void *p = arena_array(d->m->arena, n, size);

    if (!p)
        return wasm_decode_fail(d, at->p, -ENOMEM, "no memory for %zu items of the module", n);
    memcpy(out, &p, sizeof p);
    return 0;
}

int wasm_decode_count(struct decoder *d, struct cursor *c, uint32_t max, unsigned item_min, const char *what,
                      uint32_t *n)
{
    const uint8_t *at = c->p;

    *n = cursor_leb_u32(c);
    if (c->fault)
        return wasm_decode_fault(d, c);
    if (*n > cursor_left(c) / item_min)
        return wasm_decode_fail(d, at, -EINVAL, "unexpected end: length out of bounds: %u %s in %zu bytes", *n, what,
                                cursor_left(c));
    if (*n > max)
        return wasm_decode_fail(d, at, -ENOTSUP, "%u %s, at most %u are supported", *n, what, max);
    return 0;
}

int wasm_decode_name(struct decoder *d, struct cursor *c, struct wasm_name *out)
{
    uint32_t len = cursor_leb_u32(c);
    const uint8_t *at = c->p, *text = cursor_bytes(c, len);

    if (c->fault)
        return wasm_decode_fault(d, c);
    if (!utf8_valid(text, len))
        return wasm_decode_fail(d, at, -EINVAL, "malformed UTF-8 encoding of a name");
    *out = (struct wasm_name){(const char *)text, len};
    return 0;
}

int wasm_decode_valtype(struct decoder *d, struct cursor *c, uint8_t *out)
{
    const uint8_t *at = c->p;

    *out = cursor_u8(c);
    if (c->fault)
        return wasm_decode_fault(d, c);
    if ((*out >= WASM_V128 && *out <= WASM_I32) || wasm_type_is_ref(*out))
        return 0;
    return wasm_decode_fail(d, at, -EINVAL, "malformed value type 0x%02x", *out);
}

int wasm_decode_reftype(struct decoder *d, struct cursor *c, uint8_t *out)
{
    const uint8_t *at = c->p;

    *out = cursor_u8(c);
    if (c->fault)
        return wasm_decode_fault(d, c);
    if (wasm_type_is_ref(*out))
        return 0;
    return wasm_decode_fail(d, at, -EINVAL, "malformed reference type 0x%02x", *out);
}

int wasm_decode_index(struct decoder *d, struct cursor *c, uint32_t n, const char *what, uint32_t *out)
{
    const uint8_t *at = c->p;

    *out = cursor_leb_u32(c);
    if (c->fault)
        return wasm_decode_fault(d, c);
    if (*out >= n)
        return wasm_decode_fail(d, at, -EINVAL, "unknown %s %u, there are %u", what, *out, n);
    return 0;
}

int wasm_decode_declare(struct decoder *d, const struct cursor *at, uint32_t f)
{
    struct wasm_module *m = d->m;
    int r = m->declared ? 0 : wasm_decode_array(d, at, m->n_functions, 1, &m->declared);

    if (r < 0)
        return r;
    m->declared[f] = 1;
    return 0;
}

static int decode_custom(struct decoder *d, struct cursor *c)
{
    struct wasm_name name;
    int r = wasm_decode_name(d, c, &name);

    if (r < 0)
        return r;
    if (name.len == 4 && !memcmp(name.text, "name", 4))
        wasm_decode_names(d, *c);
    c->p = c->end;
    return 0;
}

/* By id; `rank` is the place in the order. */
static const struct section {
    const char *name;
    uint8_t rank;
    int (*decode)(struct decoder *d, struct cursor *c);
} sections[] = {
    {"custom", 0, decode_custom},
    {"type", 1, wasm_decode_types},
    {"import", 2, wasm_decode_imports},
    {"function", 3, wasm_decode_functions},
    {"table", 4, wasm_decode_tables},
    {"memory", 5, wasm_decode_memories},
    {"global", 6, wasm_decode_globals},
    {"export", 7, wasm_decode_exports},
    {"start", 8, wasm_decode_start},
    {"element", 9, wasm_decode_elems},
    {"code", 11, wasm_decode_code},
    {"data", 12, wasm_decode_datas},
    {"data count", 10, wasm_decode_data_count},
};

static int decode_section(struct decoder *d, struct cursor *c, uint8_t *rank)
{
    const uint8_t *at = c->p;
    uint8_t id = cursor_u8(c);
    uint32_t size = cursor_leb_u32(c);
    struct cursor part = cursor_part(c, size);

    if (c->fault)
        return wasm_decode_fault(d, c);
    if (id >= ARRAY_LEN(sections))
        return wasm_decode_fail(d, at, -EINVAL, "malformed section id %u%s", id,
                                id == 13 ? ": exceptions are not in this build" : "");
    const struct section *s = &sections[id];
    if (s->rank) {
        if (s->rank <= *rank)
            return wasm_decode_fail(d, at, -EINVAL, "unexpected content: section %s is a second one or out of order",
                                    s->name);
        *rank = s->rank;
    }
    int r = s->decode(d, &part);
    if (r < 0)
        return r;
    if (part.fault)
        return wasm_decode_fault(d, &part);
    if (part.p != part.end)
        return wasm_decode_fail(d, part.p, -EINVAL, "section size mismatch: %zu bytes behind the end of section %s",
                                cursor_left(&part), s->name);
    return 0;
}

static int decode_sections(struct decoder *d)
{
    struct cursor c = cursor_make(d->m->bytes, d->m->size);
    const uint8_t *magic = cursor_bytes(&c, 4);
    uint8_t rank = 0;

    if (!magic || memcmp(magic, "\0asm", 4) != 0)
        return wasm_decode_fail(d, d->m->bytes, -EINVAL, "magic header not detected: this is no WebAssembly module");
    uint32_t version = cursor_u32le(&c);
    if (c.fault)
        return wasm_decode_fault(d, &c);
    if (version != 1)
        return wasm_decode_fail(d, d->m->bytes + 4, -EINVAL, "unknown binary version %u%s", version,
                                version >> 16 == 1 ? " (a component, not a core module)" : "");
    while (cursor_left(&c)) {
        int r = decode_section(d, &c, &rank);
        if (r < 0)
            return r;
    }
    return 0;
}

/* What no section can say alone. */
static int decode_finish(struct decoder *d)
{
    struct wasm_module *m = d->m;
    const uint8_t *end = m->bytes + m->size;
    struct cursor at = cursor_make(end, 0);
    uint32_t n = m->n_functions;
    int r;

    if (n > m->n_imported_functions && !m->functions[n - 1].size)
        return wasm_decode_fail(d, end, -EINVAL, "function and code section have inconsistent lengths: no code");
    if (m->has_data_count && m->n_datas != d->data_count)
        return wasm_decode_fail(d, end, -EINVAL, "data count and data section have inconsistent lengths: %u and %u",
                                d->data_count, m->n_datas);
    if (!m->declared && (r = wasm_decode_array(d, &at, n, 1, &m->declared)) < 0)
        return r;
    if ((r = wasm_decode_array(d, &at, n, sizeof *m->ref_slot, &m->ref_slot)) < 0)
        return r;
    for (uint32_t f = 0; f < n; f++)
        m->ref_slot[f] = m->declared[f] ? m->n_ref_slots++ : UINT32_MAX;
    while (m->n_names && m->names[m->n_names - 1].index >= n)
        m->n_names--;
    return 0;
}

size_t wasm_module_arena_size(size_t module_size)
{
    /* The most for a byte have imports of four bytes (an item in each index space is set aside for each): 26 times as
     * many, then data segments, 20. Their numbers are limited; that of function indices in segments is not: 4. */
    size_t small = module_size * 32, large = module_size * 8 + ((size_t)384 << 20);

    return (1u << 16) + (small < large ? small : large);
}

int wasm_module_decode(const uint8_t *bytes, size_t size, const struct wasm_features *features, struct arena *arena,
                       struct wasm_module **out, struct err *err)
{
    if (size > WASM_MODULE_SIZE_MAX)
        return err_set(err, -ENOTSUP, "a module of %zu bytes, at most %u are supported", size, WASM_MODULE_SIZE_MAX);
    if (!size)
        return err_set(err, -EINVAL, "at offset 0x0: magic header not detected: there is nothing");
    struct wasm_module *m = arena_alloc(arena, sizeof *m);
    if (!m)
        return err_set(err, -ENOMEM, "no memory for a module");
    *m = (struct wasm_module){.bytes = bytes, .size = size, .arena = arena, .features = *features, .start = UINT32_MAX};
    struct decoder d = {.m = m, .features = features, .err = err};
    int r = decode_sections(&d);
    if (r < 0 || (r = decode_finish(&d)) < 0)
        return r;
    *out = m;
    return 0;
}
