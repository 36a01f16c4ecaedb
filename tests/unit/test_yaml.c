/* SPDX-License-Identifier: Apache-2.0 */
/* YAML: what becomes which JSON, what is refused and where, bounds, positions, and what moat believes of a record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "host/yaml.h"
#include "yaml/convert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct yaml_output out;

static int teardown(void **state)
{
    (void)state;
    yaml_output_free(&out);
    return 0;
}

static void convert(const char *text, size_t len)
{
    yaml_output_free(&out);
    assert_int_equal(yaml_convert(text, len, &out), 0);
}

static void test_yaml_becomes_json(void **state)
{
    static const struct {
        const char *label, *yaml, *json;
    } cases[] = {
        {"block", "a: 1\nb:\n  - x\n  - y z\n", "{\"a\":1,\"b\":[\"x\",\"y z\"]}"},
        {"flow", "{a: [1, 2], b: {c: d}}", "{\"a\":[1,2],\"b\":{\"c\":\"d\"}}"},
        {"comments", "# one\na: x # two\n", "{\"a\":\"x\"}"},
        {"document marks", "%YAML 1.2\n---\na: x\n...\n", "{\"a\":\"x\"}"},
        {"booleans", "[true, True, TRUE, false, False, FALSE, tRUE]", "[true,true,true,false,false,false,\"tRUE\"]"},
        {"quoted words", "['yes', \"no\", 'null', \"\", '1', \"true\"]",
         "[\"yes\",\"no\",\"null\",\"\",\"1\",\"true\"]"},
        {"integers", "[0, 12, -7, +7, -0, 0x1F, 0o17]", "[0,12,-7,7,0,31,15]"},
        {"limits of integers", "[18446744073709551615, -9223372036854775808]",
         "[18446744073709551615,-9223372036854775808]"},
        {"reals", "[1.5, .5, 5., -2.50, 1e3, 1.0E-2, +.5]", "[1.5,0.5,5.0,-2.50,1.0e3,1.0e-2,0.5]"},
        {"text that is no number", "[1_000, 0b1, 1:30, 1.2.3, 0x, 0o8, -, e1, 12m]",
         "[\"1_000\",\"0b1\",\"1:30\",\"1.2.3\",\"0x\",\"0o8\",\"-\",\"e1\",\"12m\"]"},
        {"names are text", "{1: a, true: b, no: c, 'x y': d}",
         "{\"1\":\"a\",\"true\":\"b\",\"no\":\"c\",\"x y\":\"d\"}"},
        {"block text", "a: |\n  x\n  \"y\"\nb: >\n  x\n  y\n",
         "{\"a\":\"x\\u000a\\\"y\\\"\\u000a\",\"b\":\"x y\\u000a\"}"},
        {"escapes", "\"\\t\\e\\u00e9\\\\\"", "\"\\u0009\\u001b\xc3\xa9\\\\\""},
        {"beyond ASCII", "gr\xc3\xbc\xc3\x9f: \xf0\x9f\x90\xb3", "{\"gr\xc3\xbc\xc3\x9f\":\"\xf0\x9f\x90\xb3\"}"},
        {"empty collections", "a: []\nb: {}\n", "{\"a\":[],\"b\":{}}"},
        {"a byte order mark",
         "\xef\xbb\xbf"
         "a: 1",
         "{\"a\":1}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        convert(cases[i].yaml, strlen(cases[i].yaml));
        if (out.n_problems)
            fail_msg("%s: %s", cases[i].label, out.problems[0].text);
        if (!out.json || strcmp(out.json, cases[i].json) != 0)
            fail_msg("%s: %s, expected %s", cases[i].label, out.json, cases[i].json);
    }
}

/* Each alone in a document: refused at the place, in these words. */
static void test_yaml_of_two_meanings_is_refused_at_its_place(void **state)
{
    static const struct {
        const char *label, *yaml;
        unsigned line, column;
        const char *words, *accepted;
    } cases[] = {
        {"yes", "a: yes", 1, 4, "'yes' without quotes is true in YAML 1.1", "true, or the word in quotes"},
        {"Norway", "a:\n  - no\n", 2, 5, "'no' without quotes is false in YAML 1.1", "false, or the word in quotes"},
        {"on", "a: ON", 1, 4, "'ON'", "true"},
        {"n", "[n]", 1, 2, "'n'", "false"},
        {"octal", "a: 0755", 1, 4, "begins with 0", "0o755"},
        {"octal with a sign", "a: -01", 1, 4, "begins with 0", "quotes"},
        {"real with zeroes", "a: 00.5", 1, 4, "begins with 0", "quotes"},
        {"null", "a: null", 1, 4, "no value", "leave the line out"},
        {"tilde", "a: ~", 1, 4, "no value", ""},
        {"nothing", "a:\nb: 1\n", 1, 3, "no value is given", "leave the line out"},
        {"infinity", "a: .inf", 1, 4, "no number", "finite"},
        {"no number", "a: .NaN", 1, 4, "no number", "finite"},
        {"65 bits", "a: 18446744073709551616", 1, 4, "64 bits", "64 bits"},
        {"below 64 bits", "a: -9223372036854775809", 1, 4, "64 bits", ""},
        {"65 bits of hex", "a: 0x10000000000000000", 1, 4, "64 bits", ""},
        {"out of range", "a: 1e999", 1, 4, "out of range", ""},
        {"anchor", "a: &x 1", 1, 4, "anchor &x", "the value itself"},
        {"anchor of a map", "a: &x\n  b: 1", 1, 4, "anchor &x", ""},
        {"tag", "a: !!str 1", 1, 4, "tag !!str", "without a tag"},
        {"own tag", "a: !run ls", 1, 4, "tag !run", ""},
        {"python tag", "a: !!python/object/apply:os.system [ls]", 1, 4, "tag !!python", ""},
        {"twice", "a: 1\nb: 2\na: 3\n", 3, 1, "'a' is given twice, first in line 1", "one of them"},
        {"twice, in other quotes", "a: 1\n\"a\": 3\n", 2, 1, "given twice", ""},
        {"merge", "a: {<<: {b: 1}}", 1, 5, "merge keys", "name: value"},
        {"no name", "a: {? : 1}", 1, 7, "no name", ""},
        {"map as a name", "? {a: 1}\n: 2\n", 1, 3, "no text", ""},
        {"list as a name", "? [a]\n: 2\n", 1, 3, "no text", ""},
        {"NUL", "a: \"x\\0y\"", 1, 4, "U+0000", ""},
        {"NUL in a name", "\"x\\0y\": 1", 1, 1, "U+0000", ""},
        {"other version", "%YAML 1.1\n---\na: 1\n", 1, 1, "YAML 1.1", "%YAML 1.2"},
        {"tag line", "%TAG ! tag:x,2020:\n---\na: 1\n", 1, 1, "tags are refused", ""},
        {"two documents", "a: 1\n---\nb: 2\n", 2, 1, "second document", "one document"},
        {"no document", "# nothing\n", 2, 1, "no document", "version: 1"},
        {"no bytes", "", 1, 1, "no document", ""},
        {"tabs", "a:\n\tb: 1\n", 2, 1, "not YAML", "spaces"},
        {"open list", "a: [1\n", 2, 1, "not YAML", ""},
        {"bad UTF-8", "a: \xff", 1, 4, "not YAML", "UTF-8"},
        {"UTF-16",
         "\xff\xfe"
         "a\0:\0",
         1, 1, "not YAML", ""},
        {"a control character", "b: 1\na: \x01", 2, 4, "not YAML", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        convert(cases[i].yaml, strlen(cases[i].yaml));
        if (!out.n_problems)
            fail_msg("%s: accepted as %s", cases[i].label, out.json);
        const struct yaml_problem *p = &out.problems[0];
        if (p->line != cases[i].line || p->column != cases[i].column || !strstr(p->text, cases[i].words) ||
            !strstr(p->accepted, cases[i].accepted))
            fail_msg("%s: %u:%u: %s; accepted: %s", cases[i].label, p->line, p->column, p->text, p->accepted);
    }
}

static void test_yaml_tells_all_problems_in_one_pass(void **state)
{
    static const char text[] = "a: yes\nb: &x 1\nc: *x\nd: 0755\na: 2\ne: !t f\n";

    (void)state;
    convert(text, strlen(text));
    assert_int_equal(out.n_problems, 6);
    for (uint32_t i = 0; i < out.n_problems; i++)
        assert_int_equal(out.problems[i].line, i + 1);
    assert_string_equal(out.json, "{\"a\":null,\"b\":1,\"c\":null,\"d\":null,\"e\":\"f\"}");
}

static void *repeat(const char *head, const char *piece, size_t n, const char *tail, size_t *len)
{
    size_t size = strlen(head) + strlen(piece) * n + strlen(tail);
    char *text = malloc(size + 1), *p = text;

    assert_non_null(text);
    p = stpcpy(p, head);
    for (size_t i = 0; i < n; i++)
        p = stpcpy(p, piece);
    strcpy(p, tail);
    *len = size;
    return text;
}

/* What grows when it is read, and what is only large. */
static void test_yaml_bombs_end_at_a_bound(void **state)
{
    static const struct {
        const char *label, *head, *piece;
        size_t n;
        const char *tail, *words;
    } cases[] = {
        {"billion laughs", "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", "d: [*c, *c]\n", 1, "", "anchor &a"},
        {"a map that holds itself", "&a {b: ", "*a", 1, "}", "anchor &a"},
        {"depth", "", "[", 100000, "", "nested too deep"},
        {"depth of maps", "", "{a: ", 100, "", "nested too deep"},
        {"depth of block lists", "", "- ", 1000, "x", "nested too deep"},
        {"depth inside what is refused", "<<: ", "[", 1000, "", "merge keys"},
        {"values", "[", "1,", 100000, "]", "too large"},
        {"bytes", "a: ", "xxxxxxxxxxxxxxxx", 70000, "", "too large"},
        {"escapes that grow", "a: \"", "\\e", 500000, "\"", NULL},
        /* three times, and still within bounds */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len;
        char *text = repeat(cases[i].head, cases[i].piece, cases[i].n, cases[i].tail, &len);
        convert(text, len);
        free(text);
        if (cases[i].words ? !out.n_problems || !strstr(out.problems[0].text, cases[i].words) : out.n_problems)
            fail_msg("%s: %s", cases[i].label, out.n_problems ? out.problems[0].text : "accepted");
        assert_true(out.json_len <= YAML_JSON_MAX && out.n_positions <= YAML_POSITIONS_MAX);
    }
}

static void test_yaml_members_of_one_map_are_bounded(void **state)
{
    char *text = malloc(1 << 20), *p = text;

    (void)state;
    assert_non_null(text);
    for (unsigned i = 0; i < YAML_MEMBERS_MAX; i++)
        p += sprintf(p, "k%u: 1\n", i);
    convert(text, (size_t)(p - text));
    assert_int_equal(out.n_problems, 0);
    p += sprintf(p, "more: 1\n");
    convert(text, (size_t)(p - text));
    assert_int_equal(out.n_problems, 1);
    assert_non_null(strstr(out.problems[0].text, "too many members"));
    assert_int_equal(out.json_len, 0);
    free(text);
}

/* ---- positions ------------------------------------------------------------------------------------------------- */

static const char places[] = "# policy\n"
                             "version: 1\n"
                             "limits:\n"
                             "  memory: 5q\n"
                             "ro: [./a,\n"
                             "  /b]\n"
                             "note: >\n"
                             "  text\n";

static void test_position_of_each_name_and_value_is_kept(void **state)
{
    static const struct {
        const char *json; /* what stands at the offset */
        unsigned line, column;
    } wanted[] = {
        {"{\"version\"", 2, 1}, {"\"version\"", 2, 1}, {"1,", 2, 10},    {"\"limits\"", 3, 1}, {"{\"memory\"", 4, 3},
        {"\"memory\"", 4, 3},   {"\"5q\"", 4, 11},     {"\"ro\"", 5, 1}, {"[\"./a\"", 5, 5},   {"\"./a\"", 5, 6},
        {"\"/b\"", 6, 3},       {"\"note\"", 7, 1},    {"\"text", 7, 7},
    };
    struct yaml_text t;

    (void)state;
    convert(places, strlen(places));
    assert_int_equal(out.n_problems, 0);
    assert_int_equal(out.n_positions, sizeof wanted / sizeof *wanted);
    t = (struct yaml_text){.positions = out.positions, .n_positions = out.n_positions};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const char *at = strstr(out.json, wanted[i].json);
        unsigned line, column;
        assert_non_null(at);
        yaml_position_of(&t, (size_t)(at - out.json), &line, &column);
        if (line != wanted[i].line || column != wanted[i].column)
            fail_msg("%s: %u:%u, expected %u:%u", wanted[i].json, line, column, wanted[i].line, wanted[i].column);
    }
}

/* What the tree says of itself is what the map has. */
static void test_position_is_found_from_a_parsed_node(void **state)
{
    struct yaml_text t;
    struct arena arena;
    struct json *root;
    struct err err = {0};
    unsigned line, column;

    (void)state;
    convert(places, strlen(places));
    t = (struct yaml_text){.positions = out.positions, .n_positions = out.n_positions};
    assert_int_equal(arena_init(&arena, 1 << 20), 0);
    assert_int_equal(json_parse(&arena, out.json, out.json_len, &root, &err), 0);
    const struct json *memory = json_get(json_get(root, "limits"), "memory");
    yaml_position_of(&t, memory->offset, &line, &column);
    assert_int_equal(line * 100 + column, 411);
    yaml_position_of(&t, json_key_offset(out.json, memory), &line, &column);
    assert_int_equal(line * 100 + column, 403);
    arena_free(&arena);
}

static void test_position_of_nothing_known_is_the_start(void **state)
{
    unsigned line, column;

    (void)state;
    yaml_position_of(&(struct yaml_text){0}, 7, &line, &column);
    assert_int_equal(line, 1);
    assert_int_equal(column, 1);
}

/* ---- the record ------------------------------------------------------------------------------------------------ */

struct record {
    struct yaml_head head;
    struct yaml_position positions[2];
    struct yaml_problem problems[1];
    char json[8];
};

static void test_record_that_lies_is_refused(void **state)
{
    static const struct record good = {
        .head = {YAML_VERSION, 2, 1, 8}, .positions = {{0, 1, 1}, {3, 1, 2}}, .json = "{\"a\":1} "};
    struct record r = good;
    struct yaml_text t;
    struct err err = {0};

    (void)state;
    memset(r.problems[0].text, 'x', sizeof r.problems[0].text); /* no NUL, and what a terminal would obey */
    r.problems[0].text[0] = '\033';
    assert_int_equal(yaml_record_check((char *)&r, sizeof r, &t, &err), 0);
    assert_int_equal(t.n_problems, 1);
    assert_int_equal(strlen(t.problems[0].text), sizeof r.problems[0].text - 1);
    assert_int_equal(t.problems[0].text[0], '?');

#define LIE(change)                                                                                                    \
    do {                                                                                                               \
        r = good;                                                                                                      \
        change;                                                                                                        \
        if (yaml_record_check((char *)&r, sizeof r, &t, &err) != -EPROTO)                                              \
            fail_msg("believed: %s", #change);                                                                         \
    } while (0)
    LIE(r.head.version++);
    LIE(r.head.json_len++);
    LIE(r.head.json_len = 0xffffffff);
    LIE(r.head.n_positions = 0xffffffff);
    LIE(r.head.n_problems = 0x80000000);
    LIE(r.positions[1].offset = 8);
    LIE((r.positions[0].offset = 4));
    LIE(r.positions[0].line = 0);
    LIE(r.positions[1].column = 0);
    for (size_t len = 0; len < sizeof r; len++) {
        r = good;
        assert_int_equal(yaml_record_check((char *)&r, len, &t, &err), -EPROTO);
    }
    r.head = (struct yaml_head){YAML_VERSION, 0, 0, 0}; /* neither JSON nor a reason */
    assert_int_equal(yaml_record_check((char *)&r, sizeof r.head, &t, &err), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_yaml_becomes_json, teardown),
        cmocka_unit_test_teardown(test_yaml_of_two_meanings_is_refused_at_its_place, teardown),
        cmocka_unit_test_teardown(test_yaml_tells_all_problems_in_one_pass, teardown),
        cmocka_unit_test_teardown(test_yaml_bombs_end_at_a_bound, teardown),
        cmocka_unit_test_teardown(test_yaml_members_of_one_map_are_bounded, teardown),
        cmocka_unit_test_teardown(test_position_of_each_name_and_value_is_kept, teardown),
        cmocka_unit_test_teardown(test_position_is_found_from_a_parsed_node, teardown),
        cmocka_unit_test(test_position_of_nothing_known_is_the_start),
        cmocka_unit_test(test_record_that_lies_is_refused),
    };

    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
