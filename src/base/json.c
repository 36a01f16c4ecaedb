/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON reader. It trusts nothing in the text: it keeps its own stack of JSON_DEPTH_MAX frames instead of recursing,
 * the NUL it puts at text[len] stops every scan, and the check for repeated keys costs n log n at worst. Pure: touches
 * only the text and the arena.
 */
#include "base/json.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL_NODES    32
#define SMALL_OBJECT  32 /* up to here siblings are compared one by one, behind a 64-bit filter */
#define SHOWN_KEY_MAX 64

struct frame {
    struct json *node;
    struct json **tail;
    uint64_t seen; /* filter over the keys so far */
};

_Static_assert(sizeof(struct json) == 40 || sizeof(void *) != 8, "a node's place costs no room");

struct parser {
    char *p;
    const char *start, *end;
    size_t *where; /* NULL: the place goes into the message */
    const char *line_start;
    unsigned line;
    struct arena *arena;
    struct json *pool;
    unsigned pool_left;
    struct json *root;
    struct err *err;
    unsigned depth;
    struct frame stack[JSON_DEPTH_MAX];
};

/* Bytes that end the fast scan of a string: the quote, the backslash, control characters, anything beyond ASCII. */
static const unsigned char string_stop[256] = {
    [0 ... 31] = 1,
    ['"'] = 1,
    ['\\'] = 1,
    [128 ... 255] = 1,
};

const char *json_get_text(const struct json *object, const char *name, const char *absent)
{
    const struct json *v = json_get(object, name);

    return v && v->type == JSON_STRING ? v->string.s : absent;
}

int64_t json_get_int(const struct json *object, const char *name)
{
    const struct json *v = json_get(object, name);

    return v && v->type == JSON_INT ? v->integer : 0;
}

bool json_get_bool(const struct json *object, const char *name)
{
    const struct json *v = json_get(object, name);

    return v && v->type == JSON_BOOL && v->boolean;
}

const char *json_type_name(enum json_type t)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",       [JSON_BOOL] = "a boolean",  [JSON_INT] = "an integer", [JSON_UINT] = "an integer",
        [JSON_REAL] = "a fraction", [JSON_STRING] = "a string", [JSON_ARRAY] = "an array", [JSON_OBJECT] = "an object",
    };

    return names[t];
}

struct json *json_get(const struct json *object, const char *name)
{
    if (!object || object->type != JSON_OBJECT)
        return NULL;
    for (struct json *m = object->child; m; m = m->next) {
        if (m->key[0] == name[0] && strcmp(m->key, name) == 0)
            return m->type == JSON_NULL ? NULL : m;
    }
    return NULL;
}

static int fail(struct parser *s, const char *what)
{
    if (s->where) {
        *s->where = (size_t)(s->p - s->start);
        return err_set(s->err, -EINVAL, "%s", what);
    }
    return err_set(s->err, -EINVAL, "line %u, column %zu: %s", s->line, (size_t)(s->p - s->line_start) + 1, what);
}

/* The byte at the cursor, for people. */
static const char *show_byte(const struct parser *s, char *buf, size_t size)
{
    unsigned char c = (unsigned char)*s->p;

    if (s->p == s->end)
        snprintf(buf, size, "the end");
    else if (c > 0x20 && c < 0x7f)
        snprintf(buf, size, "'%c'", c);
    else
        snprintf(buf, size, "byte 0x%02x", c);
    return buf;
}

static int fail_expected(struct parser *s, const char *expected)
{
    char found[16], text[96];

    snprintf(text, sizeof text, "expected %s, found %s", expected, show_byte(s, found, sizeof found));
    return fail(s, text);
}

static int fail_repeated(struct parser *s, const char *key)
{
    char shown[SHOWN_KEY_MAX + 1], text[SHOWN_KEY_MAX + 48];
    size_t n = 0;

    for (; key[n] && n < SHOWN_KEY_MAX; n++)
        shown[n] = (unsigned char)key[n] < 0x20 || key[n] == 0x7f ? '?' : key[n];
    shown[n] = 0;
    snprintf(text, sizeof text, "member \"%s\" is given twice; keep one", shown);
    int r = fail(s, text);
    if (s->where)
        *s->where = (size_t)(key - s->start) - 1;
    return r;
}

static int fail_memory(struct parser *s)
{
    if (s->where)
        *s->where = (size_t)(s->p - s->start);
    return err_set(s->err, -ENOMEM, "line %u: no memory for a document of this size", s->line);
}

static void skip_space(struct parser *s)
{
    char *p = s->p; /* a local: stores through a char pointer make the compiler reload the field for every byte */

    for (;; p++) {
        while (*p == ' ')
            p++;
        if (*p == '\n') {
            s->line++;
            s->line_start = p + 1;
        } else if (*p != '\t' && *p != '\r') {
            break;
        }
    }
    s->p = p;
}

static struct json *node_new(struct parser *s)
{
    if (s->pool_left == 0) {
        s->pool = arena_array(s->arena, POOL_NODES, sizeof *s->pool);
        if (!s->pool)
            return NULL;
        s->pool_left = POOL_NODES;
    }
    s->pool_left--;
    return s->pool++;
}

/* ---- strings ------------------------------------------------------------------------------------------------ */

static int hex4(const char *p)
{
    int v = 0;

    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

static char *put_utf8(char *dst, unsigned c)
{
    if (c < 0x80) {
        *dst++ = (char)c;
    } else if (c < 0x800) {
        *dst++ = (char)(0xc0 | c >> 6);
        *dst++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *dst++ = (char)(0xe0 | c >> 12);
        *dst++ = (char)(0x80 | (c >> 6 & 0x3f));
        *dst++ = (char)(0x80 | (c & 0x3f));
    } else {
        *dst++ = (char)(0xf0 | c >> 18);
        *dst++ = (char)(0x80 | (c >> 12 & 0x3f));
        *dst++ = (char)(0x80 | (c >> 6 & 0x3f));
        *dst++ = (char)(0x80 | (c & 0x3f));
    }
    return dst;
}

/* \uXXXX, and its second half when the first is a high surrogate. */
static int parse_unicode(struct parser *s, char **dst)
{
    int c = hex4(s->p + 2);

    if (c < 0)
        return fail(s, "\\u needs four hexadecimal digits");
    if (c == 0)
        return fail(s, "a string may not hold \\u0000");
    if (c >= 0xdc00 && c <= 0xdfff)
        return fail(s, "a low surrogate stands alone");
    s->p += 6;
    if (c >= 0xd800 && c <= 0xdbff) {
        int d = s->p[0] == '\\' && s->p[1] == 'u' ? hex4(s->p + 2) : -1;
        if (d < 0xdc00 || d > 0xdfff)
            return fail(s, "a high surrogate needs a low one behind it");
        s->p += 6;
        c = 0x10000 + ((c - 0xd800) << 10) + (d - 0xdc00);
    }
    *dst = put_utf8(*dst, (unsigned)c);
    return 0;
}

static int parse_escape(struct parser *s, char **dst)
{
    char c;

    switch (s->p[1]) {
    case '"':
    case '\\':
    case '/':
        c = s->p[1];
        break;
    case 'b':
        c = '\b';
        break;
    case 'f':
        c = '\f';
        break;
    case 'n':
        c = '\n';
        break;
    case 'r':
        c = '\r';
        break;
    case 't':
        c = '\t';
        break;
    case 'u':
        return parse_unicode(s, dst);
    default:
        return fail(s, "unknown escape in a string");
    }
    *(*dst)++ = c;
    s->p += 2;
    return 0;
}

/* The cursor is on the opening quote. The result is never longer than its source, so it is written over it. */
static int parse_string(struct parser *s, char **out, uint32_t *len)
{
    char *start = s->p + 1, *dst = start;
    unsigned n;
    int r;

    while (!string_stop[(unsigned char)*dst])
        dst++;
    s->p = dst;
    while (*s->p != '"') {
        if (*s->p == '\\') {
            r = parse_escape(s, &dst);
            if (r < 0)
                return r;
        } else if ((unsigned char)*s->p < 0x20) {
            return fail(s, s->p == s->end ? "the string has no closing quote"
                                          : "raw control character in a string; escape it");
        } else { /* ASCII too, once something before it was moved */
            n = utf8_sequence((const uint8_t *)s->p, (size_t)(s->end - s->p));
            if (n == 0)
                return fail(s, "invalid UTF-8 in a string");
            while (n--)
                *dst++ = *s->p++;
        }
    }
    s->p++;
    *dst = 0; /* at the latest this is the closing quote */
    *out = start;
    *len = (uint32_t)(dst - start);
    return 0;
}

/* ---- numbers ------------------------------------------------------------------------------------------------ */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int parse_real(struct parser *s, const char *start, struct json *node)
{
    if (*s->p == '.') {
        s->p++;
        if (!is_digit(*s->p))
            return fail_expected(s, "a digit behind the point");
        while (is_digit(*s->p))
            s->p++;
    }
    if (*s->p == 'e' || *s->p == 'E') {
        s->p++;
        if (*s->p == '+' || *s->p == '-')
            s->p++;
        if (!is_digit(*s->p))
            return fail_expected(s, "a digit in the exponent");
        while (is_digit(*s->p))
            s->p++;
    }
    errno = 0;
    node->real = strtod(start, NULL);
    if (errno == ERANGE)
        return fail(s, "the number is out of range");
    node->type = JSON_REAL;
    return 0;
}

static int parse_number(struct parser *s, struct json *node)
{
    const char *start = s->p;
    bool negative = *s->p == '-', overflow = false;
    uint64_t v = 0;

    if (negative)
        s->p++;
    if (!is_digit(*s->p))
        return fail_expected(s, "a digit");
    if (*s->p == '0' && is_digit(s->p[1]))
        return fail(s, "a number may not begin with 0");
    for (; is_digit(*s->p); s->p++) {
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(*s->p - '0'), &v))
            overflow = true;
    }
    if (*s->p == '.' || *s->p == 'e' || *s->p == 'E')
        return parse_real(s, start, node);
    if (overflow || (negative && v > (uint64_t)INT64_MAX + 1))
        return fail(s, "the integer does not fit 64 bits");
    if (negative) {
        node->type = JSON_INT;
        node->integer = (int64_t)(0 - v);
    } else if (v > INT64_MAX) {
        node->type = JSON_UINT;
        node->uinteger = v;
    } else {
        node->type = JSON_INT;
        node->integer = (int64_t)v;
    }
    return 0;
}

/* ---- repeated keys ------------------------------------------------------------------------------------------ */

static void sift_down(const char **v, size_t i, size_t n)
{
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && strcmp(v[child], v[child + 1]) < 0)
            child++;
        if (strcmp(v[i], v[child]) >= 0)
            return;
        const char *t = v[i];
        v[i] = v[child];
        v[child] = t;
    }
}

/* Heap sort: no input makes it quadratic, and it needs no memory of its own. */
static void sort_keys(const char **v, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift_down(v, i, n);
    for (size_t i = n; i-- > 1;) {
        const char *t = v[0];
        v[0] = v[i];
        v[i] = t;
        sift_down(v, 0, i);
    }
}

static int check_large_object(struct parser *s, const struct json *object)
{
    size_t n = 0, mark = s->arena->used;
    const char **v = arena_array(s->arena, object->count, sizeof *v), *twice = NULL;

    if (!v)
        return fail_memory(s);
    for (const struct json *m = object->child; m; m = m->next)
        v[n++] = m->key;
    sort_keys(v, n);
    for (size_t i = 1; i < n && !twice; i++) {
        if (strcmp(v[i - 1], v[i]) == 0)
            twice = v[i];
    }
    /* The arena promises zeroed memory to the next one. A memset() would be dropped: nobody reads v again. */
    explicit_bzero(v, n * sizeof *v);
    s->arena->used = mark;
    return twice ? fail_repeated(s, twice) : 0;
}

/* Checks a new key of a small object against those before it; large ones are checked as a whole when they close. */
static int check_small_object(struct parser *s, struct frame *f, const char *key, uint32_t len)
{
    const unsigned char *k = (const unsigned char *)key;
    uint32_t h = len;

    if (f->node->count >= SMALL_OBJECT)
        return 0;
    if (len)
        h = len * 7u + k[0] * 31u + k[len - 1] * 5u + k[len / 2] * 13u;
    uint64_t bit = 1ull << (h & 63);
    if (f->seen & bit) {
        for (const struct json *m = f->node->child; m; m = m->next) {
            if (strcmp(m->key, key) == 0)
                return fail_repeated(s, key);
        }
    }
    f->seen |= bit;
    return 0;
}

/* ---- the tree ----------------------------------------------------------------------------------------------- */

static int open_container(struct parser *s, struct json *node, enum json_type type)
{
    if (s->depth == JSON_DEPTH_MAX && s->where) {
        *s->where = (size_t)(s->p - s->start);
        return err_set(s->err, -E2BIG, "nested deeper than %d levels", JSON_DEPTH_MAX);
    }
    if (s->depth == JSON_DEPTH_MAX)
        return err_set(s->err, -E2BIG, "line %u, column %zu: nested deeper than %d levels", s->line,
                       (size_t)(s->p - s->line_start) + 1, JSON_DEPTH_MAX);
    node->type = type;
    s->stack[s->depth++] = (struct frame){.node = node, .tail = &node->child};
    s->p++;
    return 0;
}

static int parse_literal(struct parser *s, struct json *node)
{
    static const struct {
        const char *text;
        size_t len;
        enum json_type type;
        bool value;
    } rows[] = {{"true", 4, JSON_BOOL, true}, {"false", 5, JSON_BOOL, false}, {"null", 4, JSON_NULL, false}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strncmp(s->p, rows[i].text, rows[i].len) == 0) {
            node->type = rows[i].type;
            node->boolean = rows[i].value;
            s->p += rows[i].len;
            return 0;
        }
    }
    return fail_expected(s, "a value");
}

static int parse_value(struct parser *s, const char *key)
{
    struct json *node = node_new(s);
    char *text;
    int r;

    if (!node)
        return fail_memory(s);
    node->key = key;
    size_t offset = (size_t)(s->p - s->start);
    node->offset = offset < JSON_OFFSET_MAX ? (uint32_t)offset : JSON_OFFSET_MAX;
    if (s->depth) {
        struct frame *f = &s->stack[s->depth - 1];
        *f->tail = node;
        f->tail = &node->next;
        f->node->count++;
    } else {
        s->root = node;
    }
    switch (*s->p) {
    case '{':
        return open_container(s, node, JSON_OBJECT);
    case '[':
        return open_container(s, node, JSON_ARRAY);
    case '"':
        r = parse_string(s, &text, &node->string.len);
        if (r < 0)
            return r;
        node->string.s = text;
        node->type = JSON_STRING;
        return 0;
    case '-':
    case '0' ... '9':
        return parse_number(s, node);
    default:
        return parse_literal(s, node);
    }
}

/* One member of the open container, or its end. */
static int parse_member(struct parser *s)
{
    struct frame *f = &s->stack[s->depth - 1];
    bool object = f->node->type == JSON_OBJECT;
    char *key = NULL;
    uint32_t len;
    int r;

    skip_space(s);
    if (*s->p == (object ? '}' : ']')) {
        r = object && f->node->count > SMALL_OBJECT ? check_large_object(s, f->node) : 0;
        s->p++;
        s->depth--;
        return r;
    }
    if (f->node->count) {
        if (*s->p != ',')
            return fail_expected(s, object ? "',' or '}'" : "',' or ']'");
        s->p++;
        skip_space(s);
    }
    if (object) {
        if (*s->p != '"')
            return fail_expected(s, "a member name in double quotes");
        r = parse_string(s, &key, &len);
        if (r == 0)
            r = check_small_object(s, f, key, len);
        if (r < 0)
            return r;
        skip_space(s);
        if (*s->p != ':')
            return fail_expected(s, "':'");
        s->p++;
        skip_space(s);
    }
    return parse_value(s, key);
}

void json_position(const char *text, size_t len, size_t offset, unsigned *line, unsigned *column)
{
    size_t start = 0;

    *line = 1;
    for (size_t i = 0; i < offset && i < len; i++) {
        if (text[i] == '\n') {
            ++*line;
            start = i + 1;
        }
    }
    *column = (unsigned)((offset < len ? offset : len) - start) + 1;
}

int json_parse(struct arena *a, char *text, size_t len, struct json **out, struct err *err)
{
    return json_parse_where(a, text, len, out, NULL, err);
}

int json_parse_where(struct arena *a, char *text, size_t len, struct json **out, size_t *where, struct err *err)
{
    /* Not initialised as a whole: clearing 64 unused frames would cost more than a small document. */
    struct parser s;
    int r;

    if (where)
        *where = 0;
    if (len > UINT32_MAX - 1)
        return err_set(err, -E2BIG, "the document has %zu bytes; the limit is 4 GiB", len);
    text[len] = 0;
    s.p = text;
    s.start = text;
    s.where = where;
    s.line_start = text;
    s.end = text + len;
    s.line = 1;
    s.arena = a;
    s.pool_left = 0;
    s.pool = s.root = NULL;
    s.err = err;
    s.depth = 0;

    skip_space(&s);
    r = parse_value(&s, NULL);
    while (r == 0 && s.depth)
        r = parse_member(&s);
    if (r < 0)
        return r;
    skip_space(&s);
    if (s.p != s.end)
        return fail_expected(&s, "the end of the document");
    *out = s.root;
    return 0;
}
