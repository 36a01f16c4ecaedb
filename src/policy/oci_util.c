/* SPDX-License-Identifier: Apache-2.0 */
/* Typed members of an OCI document, each refusal with its full path. Pure: touches the arena and the error only. */
#include "policy/oci.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void oci_enter(struct oci_reader *r, const char *name)
{
    if (r->depth < OCI_PLACE_MAX)
        r->place[r->depth].name = name;
    r->depth++;
}

void oci_enter_item(struct oci_reader *r, uint32_t index)
{
    if (r->depth < OCI_PLACE_MAX) {
        r->place[r->depth].name = NULL;
        r->place[r->depth].index = index;
    }
    r->depth++;
}

/* Names and values come from the document: an error stays one line whatever they hold. */
static void clean_line(char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = '?';
    }
}

static size_t add(char *buf, size_t used, size_t size, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static size_t add(char *buf, size_t used, size_t size, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(buf + used, size - used, fmt, ap);
    va_end(ap);
    if (n < 0)
        return used;
    return (size_t)n < size - used ? used + (size_t)n : size - 1;
}

static int fail(struct oci_reader *r, const char *name, const uint32_t *index, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));
static int fail(struct oci_reader *r, const char *name, const uint32_t *index, const char *fmt, va_list ap)
{
    char place[256], text[512];
    size_t n = 0;

    place[0] = 0;
    for (unsigned i = 0; i < r->depth && i < OCI_PLACE_MAX; i++) {
        if (r->place[i].name)
            n = add(place, n, sizeof place, "%s%.64s", n ? "." : "", r->place[i].name);
        else
            n = add(place, n, sizeof place, "[%u]", r->place[i].index);
    }
    if (name)
        n = add(place, n, sizeof place, "%s%.64s", n ? "." : "", name);
    if (index)
        n = add(place, n, sizeof place, "[%u]", *index);
    vsnprintf(text, sizeof text, fmt, ap);
    clean_line(place);
    clean_line(text);
    return err_set(r->err, -EINVAL, "%s%s%s", place, n ? ": " : "", text);
}

int oci_fail(struct oci_reader *r, const char *name, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int code = fail(r, name, NULL, fmt, ap);
    va_end(ap);
    return code;
}

int oci_fail_item(struct oci_reader *r, const char *name, uint32_t index, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int code = fail(r, name, &index, fmt, ap);
    va_end(ap);
    return code;
}

int oci_no_memory(struct oci_reader *r)
{
    return err_set(r->err, -ENOMEM, "no memory for a policy of this size");
}

static int wrong_type(struct oci_reader *r, const char *name, const char *expected, const struct json *found)
{
    return oci_fail(r, name, "expected %s, found %s", expected, json_type_name(found->type));
}

static int absent(struct oci_reader *r, const char *name, unsigned how)
{
    return how & OCI_REQUIRED ? oci_fail(r, name, "is required") : 0;
}

int oci_child(struct oci_reader *r, const struct json *o, const char *name, enum json_type type,
              const struct json **out)
{
    const struct json *m = json_get(o, name);

    *out = NULL;
    if (m && m->type != type)
        return wrong_type(r, name, json_type_name(type), m);
    *out = m;
    return 0;
}

int oci_expect_object(struct oci_reader *r, const struct json *item)
{
    return item->type == JSON_OBJECT ? 0 : wrong_type(r, NULL, "an object", item);
}

int oci_list(struct oci_reader *r, const struct json *o, const char *name, size_t size, const struct json **list,
             void *items)
{
    int code = oci_child(r, o, name, JSON_ARRAY, list);

    if (code < 0 || !*list)
        return code;
    uint32_t i = 0;
    for (const struct json *m = (*list)->child; m; m = m->next, i++) {
        if (m->type != JSON_OBJECT)
            return oci_fail_item(r, name, i, "expected an object, found %s", json_type_name(m->type));
    }
    void *v = NULL;
    if ((*list)->count) {
        v = arena_array(r->a, (*list)->count, size);
        if (!v)
            return oci_no_memory(r);
    }
    memcpy(items, &v, sizeof v);
    return 0;
}

static const char *string_fault(const struct json *m, unsigned how)
{
    if (m->type != JSON_STRING)
        return NULL;
    if ((how & (OCI_NONEMPTY | OCI_ABSOLUTE)) && m->string.len == 0)
        return "must not be empty";
    if ((how & OCI_ABSOLUTE) && m->string.s[0] != '/')
        return "must be an absolute path";
    if ((how & OCI_NO_NEWLINE) && strchr(m->string.s, '\n'))
        return "must not hold a newline";
    return NULL;
}

int oci_string(struct oci_reader *r, const struct json *o, const char *name, unsigned how, const char **out)
{
    const struct json *m = json_get(o, name);
    const char *fault;

    if (!m)
        return absent(r, name, how);
    if (m->type != JSON_STRING)
        return wrong_type(r, name, "a string", m);
    if ((how & OCI_EMPTY_IS_NONE) && m->string.len == 0)
        return absent(r, name, how);
    fault = string_fault(m, how);
    if (fault)
        return oci_fail(r, name, "%s, found \"%.128s\"", fault, m->string.s);
    *out = m->string.s;
    return 0;
}

int oci_bool(struct oci_reader *r, const struct json *o, const char *name, bool *out)
{
    const struct json *m = json_get(o, name);

    if (!m)
        return 0;
    if (m->type != JSON_BOOL)
        return wrong_type(r, name, "a boolean", m);
    *out = m->boolean;
    return 0;
}

int oci_u64(struct oci_reader *r, const struct json *o, const char *name, unsigned how, uint64_t max,
            struct opt_u64 *out)
{
    const struct json *m = json_get(o, name);
    uint64_t v;

    if (!m)
        return absent(r, name, how);
    if (m->type != JSON_INT && m->type != JSON_UINT)
        return wrong_type(r, name, "an integer", m);
    if (m->type == JSON_INT && m->integer < 0)
        return oci_fail(r, name, "must not be negative, found %lld", (long long)m->integer);
    v = m->type == JSON_INT ? (uint64_t)m->integer : m->uinteger;
    if (v > max)
        return oci_fail(r, name, "%llu is beyond the maximum of %llu", (unsigned long long)v, (unsigned long long)max);
    *out = (struct opt_u64){.set = true, .v = v};
    return 0;
}

int oci_i64(struct oci_reader *r, const struct json *o, const char *name, unsigned how, int64_t min, int64_t max,
            struct opt_i64 *out)
{
    const struct json *m = json_get(o, name);

    if (!m)
        return absent(r, name, how);
    if (m->type == JSON_UINT)
        return oci_fail(r, name, "%llu is beyond the maximum of %lld", (unsigned long long)m->uinteger, (long long)max);
    if (m->type != JSON_INT)
        return wrong_type(r, name, "an integer", m);
    if (m->integer < min || m->integer > max)
        return oci_fail(r, name, "%lld is not between %lld and %lld", (long long)m->integer, (long long)min,
                        (long long)max);
    *out = (struct opt_i64){.set = true, .v = m->integer};
    return 0;
}

int oci_u32(struct oci_reader *r, const struct json *o, const char *name, unsigned how, uint32_t max, uint32_t *out)
{
    struct opt_u64 v = {0};
    int code = oci_u64(r, o, name, how, max, &v);

    if (code == 0 && v.set)
        *out = (uint32_t)v.v;
    return code;
}

int oci_strings(struct oci_reader *r, const struct json *o, const char *name, unsigned how, struct strv *out)
{
    const struct json *list;
    int code = oci_child(r, o, name, JSON_ARRAY, &list);

    if (code < 0 || !list)
        return code;
    if (list->count == 0) {
        *out = (struct strv){0};
        return 0;
    }
    char **v = arena_array(r->a, (size_t)list->count + 1, sizeof *v);
    if (!v)
        return oci_no_memory(r);
    uint32_t i = 0;
    for (struct json *m = list->child; m; m = m->next, i++) {
        const char *fault = string_fault(m, how);
        if (m->type != JSON_STRING)
            return oci_fail_item(r, name, i, "expected a string, found %s", json_type_name(m->type));
        if (fault)
            return oci_fail_item(r, name, i, "%s, found \"%.128s\"", fault, m->string.s);
        v[i] = (char *)m->string.s; /* in the caller's text, which is writable */
    }
    *out = (struct strv){.v = v, .n = i};
    return 0;
}

int oci_map(struct oci_reader *r, const struct json *o, const char *name, struct key_value **v, uint32_t *n)
{
    const struct json *map;
    int code = oci_child(r, o, name, JSON_OBJECT, &map);

    if (code < 0 || !map)
        return code;
    *v = NULL;
    *n = 0;
    if (map->count == 0)
        return 0;
    struct key_value *items = arena_array(r->a, map->count, sizeof *items);
    if (!items)
        return oci_no_memory(r);
    oci_enter(r, name);
    uint32_t i = 0;
    for (const struct json *m = map->child; m; m = m->next, i++) {
        if (!*m->key)
            return oci_fail(r, NULL, "a key must not be empty");
        if (m->type != JSON_STRING)
            return oci_fail(r, m->key, "expected a string, found %s", json_type_name(m->type));
        items[i] = (struct key_value){.key = m->key, .value = m->string.s};
    }
    oci_leave(r);
    *v = items;
    *n = i;
    return 0;
}

static const struct oci_word *word_find(const struct oci_word *words, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(words[i].name, name) == 0)
            return &words[i];
    }
    return NULL;
}

int oci_word(struct oci_reader *r, const struct json *o, const char *name, unsigned how, const struct oci_word *words,
             size_t n, uint64_t *out)
{
    const char *s = NULL;
    int code = oci_string(r, o, name, how, &s);

    if (code < 0 || !s)
        return code;
    const struct oci_word *w = word_find(words, n, s);
    if (!w)
        return oci_fail(r, name, "unknown value \"%.128s\"; known are %s to %s", s, words[0].name, words[n - 1].name);
    *out = w->value;
    return 0;
}

int oci_word_flags(struct oci_reader *r, const struct json *o, const char *name, const struct oci_word *words, size_t n,
                   uint64_t *out)
{
    struct strv v = {0};
    uint64_t flags = 0;
    int code = oci_strings(r, o, name, 0, &v);

    if (code < 0 || !json_get(o, name))
        return code;
    for (uint32_t i = 0; i < v.n; i++) {
        const struct oci_word *w = word_find(words, n, v.v[i]);
        if (!w)
            return oci_fail_item(r, name, i, "unknown flag \"%.128s\"", v.v[i]);
        flags |= w->value;
    }
    *out = flags;
    return 0;
}

const char *oci_word_name(const struct oci_word *words, size_t n, uint64_t value)
{
    for (size_t i = 0; i < n; i++) {
        if (words[i].value == value)
            return words[i].name;
    }
    return NULL;
}
