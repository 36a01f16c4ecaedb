/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON writer. Values come from anywhere; what leaves is always well-formed UTF-8 JSON, or .failed is set. Touches
 * only its own buffer.
 */
#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_DEPTH_MAX 63u /* one bit of `nonempty` each, bit 0 for the top */

static bool reserve(struct json_writer *w, size_t more)
{
    if (w->failed)
        return false;
    if (w->cap - w->len > more)
        return true;
    size_t cap = w->cap ? w->cap : 512;
    while (cap - w->len <= more) {
        if (__builtin_mul_overflow(cap, 2, &cap)) {
            w->failed = true;
            return false;
        }
    }
    char *buf = realloc(w->buf, cap);
    if (!buf) {
        w->failed = true;
        return false;
    }
    w->buf = buf;
    w->cap = cap;
    return true;
}

static void put(struct json_writer *w, const char *s, size_t n)
{
    if (!reserve(w, n))
        return;
    memcpy(w->buf + w->len, s, n);
    w->len += n;
    w->buf[w->len] = 0;
}

static void put_line(struct json_writer *w)
{
    static const char spaces[] = "                                ";
    size_t n = (size_t)w->indent * w->depth;

    if (!w->indent)
        return;
    put(w, "\n", 1);
    while (n) {
        size_t k = n < sizeof spaces - 1 ? n : sizeof spaces - 1;
        put(w, spaces, k);
        n -= k;
    }
}

/* Whether a well-formed sequence of n bytes begins at p; the NUL stops it. */
static bool utf8_ok(const unsigned char *p, unsigned *n)
{
    unsigned c = p[0], min;

    if (c < 0xc2 || c > 0xf4)
        return false;
    *n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    min = *n == 2 ? 0x80 : *n == 3 ? 0x800 : 0x10000;
    c &= 0x7fu >> *n;
    for (unsigned i = 1; i < *n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return false;
        c = c << 6 | (p[i] & 0x3f);
    }
    return c >= min && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

/* One byte or sequence that cannot stand in a JSON string as it is. Returns what it took of the source. */
static unsigned put_special(struct json_writer *w, const unsigned char *p)
{
    char text[8];
    unsigned n;

    switch (*p) {
    case '"':
        put(w, "\\\"", 2);
        return 1;
    case '\\':
        put(w, "\\\\", 2);
        return 1;
    case '\n':
        put(w, "\\n", 2);
        return 1;
    case '\t':
        put(w, "\\t", 2);
        return 1;
    case '\r':
        put(w, "\\r", 2);
        return 1;
    default:
        break;
    }
    if (*p < 0x20) {
        snprintf(text, sizeof text, "\\u%04x", *p);
        put(w, text, 6);
        return 1;
    }
    if (utf8_ok(p, &n)) {
        put(w, (const char *)p, n);
        return n;
    }
    put(w, "\xef\xbf\xbd", 3);
    return 1;
}

static void put_string(struct json_writer *w, const char *s)
{
    const unsigned char *p = (const unsigned char *)s, *start = p;

    put(w, "\"", 1);
    while (*p) {
        if (*p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') {
            p++;
            continue;
        }
        put(w, (const char *)start, (size_t)(p - start));
        p += put_special(w, p);
        start = p;
    }
    put(w, (const char *)start, (size_t)(p - start));
    put(w, "\"", 1);
}

/* Comma, line and key: all that stands before a value. */
static void put_prefix(struct json_writer *w, const char *key)
{
    uint64_t bit = 1ull << w->depth;

    if (w->depth) {
        if (w->nonempty & bit)
            put(w, ",", 1);
        put_line(w);
    }
    w->nonempty |= bit;
    if (key) {
        put_string(w, key);
        put(w, w->indent ? ": " : ":", w->indent ? 2 : 1);
    }
}

static void begin(struct json_writer *w, const char *key, char bracket)
{
    if (w->failed)
        return;
    if (w->depth == WRITE_DEPTH_MAX) {
        w->failed = true;
        return;
    }
    put_prefix(w, key);
    put(w, &bracket, 1);
    w->depth++;
    w->nonempty &= ~(1ull << w->depth);
}

static void end(struct json_writer *w, char bracket)
{
    if (w->failed)
        return;
    if (w->depth == 0) {
        w->failed = true;
        return;
    }
    bool nonempty = w->nonempty >> w->depth & 1;
    w->depth--;
    if (nonempty)
        put_line(w);
    put(w, &bracket, 1);
}

void json_object_begin(struct json_writer *w, const char *key)
{
    begin(w, key, '{');
}

void json_object_end(struct json_writer *w)
{
    end(w, '}');
}

void json_array_begin(struct json_writer *w, const char *key)
{
    begin(w, key, '[');
}

void json_array_end(struct json_writer *w)
{
    end(w, ']');
}

static void put_raw(struct json_writer *w, const char *key, const char *text)
{
    put_prefix(w, key);
    put(w, text, strlen(text));
}

void json_string(struct json_writer *w, const char *key, const char *value)
{
    put_prefix(w, key);
    if (value)
        put_string(w, value);
    else
        put(w, "null", 4);
}

void json_int(struct json_writer *w, const char *key, int64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, value);
    put_raw(w, key, text);
}

void json_uint(struct json_writer *w, const char *key, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, value);
    put_raw(w, key, text);
}

void json_real(struct json_writer *w, const char *key, double value)
{
    char text[40];

    if (!isfinite(value)) { /* JSON has no name for it */
        w->failed = true;
        return;
    }
    snprintf(text, sizeof text, "%.17g", value);
    if (!strpbrk(text, ".e"))
        strcat(text, ".0"); /* or it would read back as an integer */
    put_raw(w, key, text);
}

void json_bool(struct json_writer *w, const char *key, bool value)
{
    put_raw(w, key, value ? "true" : "false");
}

void json_null(struct json_writer *w, const char *key)
{
    put_raw(w, key, "null");
}

/* Recursion is bounded by WRITE_DEPTH_MAX: begin() fails there and the subtree is not entered. */
void json_value(struct json_writer *w, const char *key, const struct json *value)
{
    switch (value->type) {
    case JSON_NULL:
        json_null(w, key);
        return;
    case JSON_BOOL:
        json_bool(w, key, value->boolean);
        return;
    case JSON_INT:
        json_int(w, key, value->integer);
        return;
    case JSON_UINT:
        json_uint(w, key, value->uinteger);
        return;
    case JSON_REAL:
        json_real(w, key, value->real);
        return;
    case JSON_STRING:
        json_string(w, key, value->string.s);
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        begin(w, key, value->type == JSON_OBJECT ? '{' : '[');
        for (const struct json *c = value->child; c && !w->failed; c = c->next)
            json_value(w, c->key, c);
        end(w, value->type == JSON_OBJECT ? '}' : ']');
        return;
    }
}

void json_line_end(struct json_writer *w)
{
    put(w, "\n", 1);
    w->nonempty &= ~1ull;
}

void json_writer_free(struct json_writer *w)
{
    free(w->buf);
    *w = (struct json_writer){0};
}
