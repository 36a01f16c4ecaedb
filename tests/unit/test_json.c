/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON reader and writer: what RFC 8259 allows is read, everything else is refused where it stands. */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct doc {
    struct arena a;
    char *text;
    struct json *root;
    struct err err;
};

/* Parses a copy of exactly len + 1 bytes, so that a sanitizer sees a read beyond the document. */
static int doc_parse(struct doc *d, const char *text, size_t len)
{
    *d = (struct doc){0};
    assert_int_equal(arena_init(&d->a, (size_t)256 << 20), 0);
    d->text = malloc(len + 1);
    assert_non_null(d->text);
    memcpy(d->text, text, len);
    d->text[len] = 'x';
    return json_parse(&d->a, d->text, len, &d->root, &d->err);
}

static void doc_free(struct doc *d)
{
    free(d->text);
    arena_free(&d->a);
}

static void test_json_malformed_is_refused(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "line 1, column 1: expected a value, found the end"},
        {"  \n ", "line 2, column 2: expected a value, found the end"},
        {"nul", "expected a value, found 'n'"},
        {"nulll", "expected the end of the document, found 'l'"},
        {"{]", "line 1, column 2: expected a member name in double quotes, found ']'"},
        {"{\"a\":1,}", "column 8: expected a member name"},
        {"{\"a\" 1}", "expected ':', found '1'"},
        {"{\"a\":}", "expected a value, found '}'"},
        {"{a:1}", "expected a member name"},
        {"{\"a\":1 \"b\":2}", "expected ',' or '}', found '\"'"},
        {"{\"a\":1", "expected ',' or '}', found the end"},
        {"[1,]", "expected a value, found ']'"},
        {"[,1]", "expected a value, found ','"},
        {"[1 2]", "expected ',' or ']', found '2'"},
        {"[1}", "expected ',' or ']', found '}'"},
        {"[1", "expected ',' or ']', found the end"},
        {"[\n\n  01]", "line 3, column 3: a number may not begin with 0"},
        {"-", "expected a digit, found the end"},
        {"+1", "expected a value, found '+'"},
        {".5", "expected a value, found '.'"},
        {"1.", "expected a digit behind the point"},
        {"1e", "expected a digit in the exponent"},
        {"1e+", "expected a digit in the exponent"},
        {"0x10", "expected the end of the document, found 'x'"},
        {"18446744073709551616", "does not fit 64 bits"},
        {"-9223372036854775809", "does not fit 64 bits"},
        {"99999999999999999999999999999999", "does not fit 64 bits"},
        {"1e400", "out of range"},
        {"1e-400", "out of range"},
        {"NaN", "expected a value"},
        {"\"abc", "the string has no closing quote"},
        {"\"abc\\", "unknown escape"},
        {"\"\\x41\"", "unknown escape"},
        {"\"\\u12\"", "\\u needs four hexadecimal digits"},
        {"\"\\u12G4\"", "\\u needs four hexadecimal digits"},
        {"\"a\\u0000b\"", "may not hold \\u0000"},
        {"\"\\udc00\"", "low surrogate stands alone"},
        {"\"\\ud800\"", "high surrogate needs a low one"},
        {"\"\\ud800\\u0041\"", "high surrogate needs a low one"},
        {"\"a\nb\"", "raw control character"},
        {"\"a\tb\"", "raw control character"},
        {"\"\x80\"", "invalid UTF-8"},
        {"\"\xc0\xaf\"", "invalid UTF-8"},
        {"\"\xed\xa0\x80\"", "invalid UTF-8"},
        {"\"\xf4\x90\x80\x80\"", "invalid UTF-8"},
        {"\"\xe2\x82\"", "invalid UTF-8"},
        {"\xef\xbb\xbf{}", "expected a value, found byte 0xef"},
        {"{} {}", "expected the end of the document, found '{'"},
        {"// c\n{}", "expected a value"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "member \"a\" is given twice"},
        {"{\"a\\u0062\":1,\"ab\":2}", "member \"ab\" is given twice"},
        {"{\"\":1,\"\":2}", "member \"\" is given twice"},
        {"{\"x\\ny\":1,\"x\\ny\":2}", "member \"x?y\" is given twice"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct doc d;
        int r = doc_parse(&d, cases[i].text, strlen(cases[i].text));
        if (r != -EINVAL || !strstr(d.err.text, cases[i].says) || strchr(d.err.text, '\n'))
            fail_msg("case %zu <%s>: got %d \"%s\", expected \"%s\"", i, cases[i].text, r, d.err.text, cases[i].says);
        doc_free(&d);
    }
}

static void test_json_numbers_are_exact(void **state)
{
    static const struct {
        const char *text;
        enum json_type type;
        int64_t i;
        uint64_t u;
        double real;
    } cases[] = {
        {"0", JSON_INT, 0, 0, 0},
        {"-0", JSON_INT, 0, 0, 0},
        {"-1", JSON_INT, -1, 0, 0},
        {"9223372036854775807", JSON_INT, INT64_MAX, 0, 0},
        {"-9223372036854775808", JSON_INT, INT64_MIN, 0, 0},
        {"9223372036854775808", JSON_UINT, 0, (uint64_t)INT64_MAX + 1, 0},
        {"18446744073709551615", JSON_UINT, 0, UINT64_MAX, 0},
        {"1.5", JSON_REAL, 0, 0, 1.5},
        {"-2.5e-1", JSON_REAL, 0, 0, -0.25},
        {"1E3", JSON_REAL, 0, 0, 1000},
        {"1.0", JSON_REAL, 0, 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct doc d;
        assert_int_equal(doc_parse(&d, cases[i].text, strlen(cases[i].text)), 0);
        bool ok = d.root->type == cases[i].type;
        if (cases[i].type == JSON_INT)
            ok = ok && d.root->integer == cases[i].i;
        else if (cases[i].type == JSON_UINT)
            ok = ok && d.root->uinteger == cases[i].u;
        else
            ok = ok && d.root->real >= cases[i].real && d.root->real <= cases[i].real;
        if (!ok)
            fail_msg("%s: wrong type %d or value", cases[i].text, d.root->type);
        doc_free(&d);
    }
}

static void test_json_strings_are_resolved_in_place(void **state)
{
    static const struct {
        const char *text, *value;
    } cases[] = {
        {"\"\"", ""},
        {"\"plain\"", "plain"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00.\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80."},
        {"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f"},
        {"\"a\\u0001b\"", "a\001b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct doc d;
        if (doc_parse(&d, cases[i].text, strlen(cases[i].text)) < 0)
            fail_msg("%s: %s", cases[i].text, d.err.text);
        assert_int_equal(d.root->type, JSON_STRING);
        assert_string_equal(d.root->string.s, cases[i].value);
        assert_int_equal(d.root->string.len, strlen(cases[i].value));
        doc_free(&d);
    }
}

static void test_json_embedded_nul_is_refused(void **state)
{
    struct doc d;

    (void)state;
    assert_int_equal(doc_parse(&d, "\"a\0b\"", 5), -EINVAL);
    assert_non_null(strstr(d.err.text, "raw control character"));
    doc_free(&d);
    assert_int_equal(doc_parse(&d, "{}\0", 3), -EINVAL);
    assert_non_null(strstr(d.err.text, "byte 0x00"));
    doc_free(&d);
}

static void test_json_get_finds_members_and_skips_null(void **state)
{
    static const char text[] = " { \"a\" : [ 1 , true , null , { } ] , \"b\" : null, \"\" : \"e\" } ";
    struct doc d;

    (void)state;
    assert_int_equal(doc_parse(&d, text, strlen(text)), 0);
    assert_int_equal(d.root->count, 3);
    const struct json *a = json_get(d.root, "a");
    assert_non_null(a);
    assert_int_equal(a->count, 4);
    assert_int_equal(a->child->integer, 1);
    assert_true(a->child->next->boolean);
    assert_int_equal(a->child->next->next->type, JSON_NULL);
    assert_int_equal(a->child->next->next->next->type, JSON_OBJECT);
    assert_null(a->child->next->next->next->next);
    assert_null(json_get(d.root, "b"));
    assert_null(json_get(d.root, "c"));
    assert_null(json_get(a, "a"));
    assert_null(json_get(NULL, "a"));
    assert_string_equal(json_get(d.root, "")->string.s, "e");
    doc_free(&d);
}

static void test_json_depth_is_bounded(void **state)
{
    char text[2 * JSON_DEPTH_MAX + 3];
    struct doc d;

    (void)state;
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_int_equal(doc_parse(&d, text, 2 * JSON_DEPTH_MAX), 0);
    doc_free(&d);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_int_equal(doc_parse(&d, text, 2 * JSON_DEPTH_MAX + 2), -E2BIG);
    assert_non_null(strstr(d.err.text, "column 65: nested deeper than 64"));
    doc_free(&d);
}

/* Keys that agree in length, ends and middle, so that every filter is useless: 300,000 of them must take moments. */
static void test_json_many_keys_stay_fast_and_repeats_are_found(void **state)
{
    enum { KEYS = 300000 };
    size_t cap = (size_t)KEYS * 24 + 64, n = 0;
    char *text = malloc(cap);
    struct doc d;

    (void)state;
    assert_non_null(text);
    n += (size_t)snprintf(text + n, cap - n, "{");
    for (int i = 0; i < KEYS; i++)
        n += (size_t)snprintf(text + n, cap - n, "%s\"k%06dxxxx\":1", i ? "," : "", i);
    size_t open = n;
    n += (size_t)snprintf(text + n, cap - n, "}");
    assert_int_equal(doc_parse(&d, text, n), 0);
    assert_int_equal(d.root->count, KEYS);
    doc_free(&d);
    n = open + (size_t)snprintf(text + open, cap - open, ",\"k123456xxxx\":2}");
    assert_int_equal(doc_parse(&d, text, n), -EINVAL);
    assert_non_null(strstr(d.err.text, "\"k123456xxxx\" is given twice"));
    doc_free(&d);
    free(text);
}

static void test_json_repeats_are_found_at_every_size(void **state)
{
    (void)state;
    for (int keys = 1; keys < 80; keys++) {
        for (int twice = 0; twice < keys; twice += 7) {
            char text[2048];
            size_t n = 0;
            struct doc d;
            n += (size_t)snprintf(text + n, sizeof text - n, "{");
            for (int i = 0; i < keys; i++)
                n += (size_t)snprintf(text + n, sizeof text - n, "\"key%d\":%d,", i, i);
            n += (size_t)snprintf(text + n, sizeof text - n, "\"key%d\":0}", twice);
            if (doc_parse(&d, text, n) != -EINVAL)
                fail_msg("%d keys, key%d twice: accepted", keys, twice);
            doc_free(&d);
        }
    }
}

static void test_json_truncated_document_is_refused_at_every_byte(void **state)
{
    static const char text[] = "{\"a\":[1,-2.5e3,\"x\\u00e9\\n\xc3\xa9\",true,false,null,{\"b\":{}}],\"c\":\"\"}";
    struct doc d;

    (void)state;
    for (size_t n = 0; n < sizeof text - 1; n++) {
        if (doc_parse(&d, text, n) != -EINVAL)
            fail_msg("the first %zu bytes are accepted", n);
        doc_free(&d);
    }
    assert_int_equal(doc_parse(&d, text, sizeof text - 1), 0);
    doc_free(&d);
}

static void test_json_full_arena_is_an_error(void **state)
{
    char text[8192];
    struct arena a;
    struct json *root;
    struct err err = {0};

    (void)state;
    assert_int_equal(arena_init(&a, 4096), 0);
    memset(text, ' ', sizeof text);
    text[0] = '[';
    for (size_t i = 1; i < 2000; i += 2)
        memcpy(text + i, "1,", 2);
    text[2001] = '1';
    text[2002] = ']';
    assert_int_equal(json_parse(&a, text, 2003, &root, &err), -ENOMEM);
    assert_int_equal(err.code, -ENOMEM);
    arena_free(&a);
}

static void test_json_checking_a_large_object_leaves_the_arena_zeroed(void **state)
{
    char text[2048];
    size_t n = 0;
    struct doc d;

    (void)state;
    n += (size_t)snprintf(text + n, sizeof text - n, "{");
    for (int i = 0; i < 100; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s\"%d\":0", i ? "," : "", i);
    n += (size_t)snprintf(text + n, sizeof text - n, "}");
    assert_int_equal(doc_parse(&d, text, n), 0);
    const char *p = arena_alloc(&d.a, 4096);
    for (int i = 0; i < 4096; i++)
        assert_int_equal(p[i], 0);
    doc_free(&d);
}

/* ---- writer ------------------------------------------------------------------------------------------------- */

static void write_sample(struct json_writer *w)
{
    json_object_begin(w, NULL);
    json_string(w, "s", "q\"b\\n\nt\t\001\x7f\xc3\xa9");
    json_int(w, "i", INT64_MIN);
    json_uint(w, "u", UINT64_MAX);
    json_array_begin(w, "a");
    json_bool(w, NULL, true);
    json_null(w, NULL);
    json_string(w, NULL, NULL);
    json_object_begin(w, NULL);
    json_object_end(w);
    json_array_begin(w, NULL);
    json_array_end(w);
    json_array_end(w);
    json_real(w, "r", 2);
    json_object_end(w);
}

static void test_json_writer_gives_exact_text(void **state)
{
    struct json_writer w = {0};

    (void)state;
    write_sample(&w);
    assert_false(w.failed);
    assert_string_equal(w.buf, "{\"s\":\"q\\\"b\\\\n\\nt\\t\\u0001\x7f\xc3\xa9\",\"i\":-9223372036854775808,"
                               "\"u\":18446744073709551615,\"a\":[true,null,null,{},[]],\"r\":2.0}");
    json_writer_free(&w);

    w.indent = 2;
    json_object_begin(&w, NULL);
    json_array_begin(&w, "a");
    json_int(&w, NULL, 1);
    json_int(&w, NULL, 2);
    json_array_end(&w);
    json_object_begin(&w, "o");
    json_object_end(&w);
    json_object_end(&w);
    assert_string_equal(w.buf, "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"o\": {}\n}");
    json_writer_free(&w);
}

static void test_json_writer_replaces_invalid_utf8(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"\x80", "\"\xef\xbf\xbd\""},
        {"a\xc3", "\"a\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xe0\x80\x80z", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\""},
        {"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_writer w = {0};
        struct doc d;
        json_string(&w, NULL, cases[i].in);
        assert_string_equal(w.buf, cases[i].out);
        assert_int_equal(doc_parse(&d, w.buf, w.len), 0);
        doc_free(&d);
        json_writer_free(&w);
    }
}

static void test_json_writer_failures_are_sticky(void **state)
{
    struct json_writer w = {0};

    (void)state;
    for (int i = 0; i < 100; i++)
        json_array_begin(&w, NULL);
    assert_true(w.failed);
    json_writer_free(&w);
    json_array_end(&w);
    assert_true(w.failed);
    json_writer_free(&w);
    json_real(&w, NULL, 1e308 * 10);
    assert_true(w.failed);
    json_writer_free(&w);
}

static void test_json_value_writes_what_was_read(void **state)
{
    struct json_writer w = {0}, again = {0};
    struct doc d;

    (void)state;
    write_sample(&w);
    assert_int_equal(doc_parse(&d, w.buf, w.len), 0);
    json_value(&again, NULL, d.root);
    assert_false(again.failed);
    assert_string_equal(w.buf, again.buf);
    json_writer_free(&w);
    json_writer_free(&again);
    doc_free(&d);
}

static void test_json_nodes_know_where_they_stood(void **state)
{
    static const char text[] = "{\n  \"a\": 1,\n\t\"b\\n\": [true,\n\"x\\ny\", {}]\n}";
    static const struct {
        const char *path;
        unsigned line, column;
    } wanted[] = {{"a", 2, 8}, {"b", 3, 9}, {"b0", 3, 10}, {"b1", 4, 1}, {"b2", 4, 9}};
    struct doc d;
    unsigned line, column;

    (void)state;
    assert_int_equal(doc_parse(&d, text, strlen(text)), 0);
    const struct json *a = json_get(d.root, "a"), *b = json_get(d.root, "b\n");
    const struct json *nodes[] = {a, b, b->child, b->child->next, b->child->next->next};
    assert_int_equal(d.root->offset, 0);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        json_position(text, strlen(text), nodes[i]->offset, &line, &column);
        if (line != wanted[i].line || column != wanted[i].column)
            fail_msg("%s: %u:%u, expected %u:%u", wanted[i].path, line, column, wanted[i].line, wanted[i].column);
    }
    json_position(text, strlen(text), json_key_offset(d.text, b), &line, &column);
    assert_int_equal(line * 100 + column, 302);
    json_position(text, strlen(text), 1000, &line, &column); /* behind the end: the end */
    assert_int_equal(line, 5);
    doc_free(&d);
}

static void test_json_failure_tells_its_place_apart(void **state)
{
    static const struct {
        const char *text;
        size_t where;
    } cases[] = {{"{\"a\":1,\"a\":2}", 7}, {"[1,\n x]", 5}, {"", 0}, {"{\"a\" 1}", 5}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[64];
        struct arena arena;
        struct json *root;
        struct err err = {0};
        size_t where = 99;
        strcpy(text, cases[i].text);
        assert_int_equal(arena_init(&arena, 1 << 20), 0);
        assert_true(json_parse_where(&arena, text, strlen(text), &root, &where, &err) < 0);
        if (where != cases[i].where || strstr(err.text, "line "))
            fail_msg("'%s': %zu, expected %zu: %s", cases[i].text, where, cases[i].where, err.text);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_malformed_is_refused),
        cmocka_unit_test(test_json_numbers_are_exact),
        cmocka_unit_test(test_json_strings_are_resolved_in_place),
        cmocka_unit_test(test_json_embedded_nul_is_refused),
        cmocka_unit_test(test_json_get_finds_members_and_skips_null),
        cmocka_unit_test(test_json_depth_is_bounded),
        cmocka_unit_test(test_json_many_keys_stay_fast_and_repeats_are_found),
        cmocka_unit_test(test_json_repeats_are_found_at_every_size),
        cmocka_unit_test(test_json_truncated_document_is_refused_at_every_byte),
        cmocka_unit_test(test_json_full_arena_is_an_error),
        cmocka_unit_test(test_json_checking_a_large_object_leaves_the_arena_zeroed),
        cmocka_unit_test(test_json_writer_gives_exact_text),
        cmocka_unit_test(test_json_writer_replaces_invalid_utf8),
        cmocka_unit_test(test_json_writer_failures_are_sticky),
        cmocka_unit_test(test_json_value_writes_what_was_read),
        cmocka_unit_test(test_json_nodes_know_where_they_stood),
        cmocka_unit_test(test_json_failure_tells_its_place_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
