/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (RFC 8259), strict. Parsing makes a tree in an arena; strings lie in the caller's text, which is changed in
 * place (escapes resolved, NUL behind each string), so the text must live as long as the tree. Every input is hostile:
 * depth is bounded, numbers are exact or refused, a string with an embedded U+0000 is refused (it would be cut where C
 * reads it), a key given twice in one object is refused (two readers could see two documents), invalid UTF-8 is
 * refused.
 */
#ifndef MOAT_BASE_JSON_H
#define MOAT_BASE_JSON_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 64

enum json_type { JSON_NULL, JSON_BOOL, JSON_INT, JSON_UINT, JSON_REAL, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

#define JSON_OFFSET_MAX ((1u << 28) - 1)

struct json {
    enum json_type type : 4; /* JSON_UINT only for values above INT64_MAX */
    uint32_t offset : 28;    /* where the value begins in the text; JSON_OFFSET_MAX: there or behind it */
    uint32_t count;          /* children of an array or object */
    const char *key;         /* in an object: the member's name, else NULL */
    struct json *next;       /* next sibling, in document order */
    union {
        bool boolean;
        int64_t integer;
        uint64_t uinteger;
        double real;
        struct {
            const char *s;
            uint32_t len;
        } string;           /* s[len] == 0, no NUL before */
        struct json *child; /* first child */
    };
};

/* Parses text[0..len), text[len] must be writable (it becomes 0). On failure err says line and column.
 * -EINVAL malformed, -ENOMEM arena full, -E2BIG deeper than JSON_DEPTH_MAX. */
int json_parse(struct arena *a, char *text, size_t len, struct json **out, struct err *err);

/* The same; on failure *where is the offset in the text and err says only what is wrong there. */
int json_parse_where(struct arena *a, char *text, size_t len, struct json **out, size_t *where, struct err *err);

/* Where a member's name begins, its quote; `text` is what was parsed. Only for nodes with a key. */
static inline size_t json_key_offset(const char *text, const struct json *member)
{
    return (size_t)(member->key - text) - 1;
}

/* Line and column (bytes, both from 1) of an offset. Parsing changes a text: this wants a copy from before. */
void json_position(const char *text, size_t len, size_t offset, unsigned *line, unsigned *column);

/* Member of an object by name; NULL when absent (or `object` is NULL or no object). A JSON null counts as absent. */
struct json *json_get(const struct json *object, const char *name);
/* The same for a member of one type; another type counts as absent: then `absent`, 0, false. */
const char *json_get_text(const struct json *object, const char *name, const char *absent);
int64_t json_get_int(const struct json *object, const char *name);
bool json_get_bool(const struct json *object, const char *name);

/* Name of a type for messages: "an object", "a string" ... */
const char *json_type_name(enum json_type t);

/* Writer: appends to a growing buffer; compact when indent is 0. Life: {0} -> begin/members/end -> .buf ->
 * json_writer_free(). Errors (no memory, depth) are sticky in .failed and checked once at the end. Keys are NULL inside
 * arrays and at top. */
struct json_writer {
    char *buf; /* malloced, NUL-terminated */
    size_t len, cap;
    unsigned indent; /* spaces per level; 0 = compact */
    unsigned depth;
    uint64_t nonempty; /* bit per depth: a comma is due */
    bool failed;
};
void json_object_begin(struct json_writer *w, const char *key);
void json_object_end(struct json_writer *w);
void json_array_begin(struct json_writer *w, const char *key);
void json_array_end(struct json_writer *w);
void json_string(struct json_writer *w, const char *key,
                 const char *value); /* invalid UTF-8 bytes become U+FFFD; NULL -> null */
void json_int(struct json_writer *w, const char *key, int64_t value);
void json_uint(struct json_writer *w, const char *key, uint64_t value);
void json_real(struct json_writer *w, const char *key, double value);
void json_bool(struct json_writer *w, const char *key, bool value);
void json_null(struct json_writer *w, const char *key);
void json_value(struct json_writer *w, const char *key, const struct json *value); /* a parsed tree, as it is */
/* Between two documents of one buffer: ends the line. */
void json_line_end(struct json_writer *w);
void json_writer_free(struct json_writer *w);

#endif
