/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of moat-wasm, the words of its denials, arguments and results of --invoke. */
#include "base/mem.h"
#include "base/utf8.h"
#include "wasmrun/config.h"
#include "wasmrun/denials.h"
#include "wasmrun/invoke.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>

static struct arena arena;

static int read_line(struct wasmrun_config *c, struct err *err, char **argv)
{
    int argc = 0;

    while (argv[argc])
        argc++;
    return wasmrun_config_read(c, &arena, argc, argv, err);
}

#define LINE(...)                                                                                                      \
    (char *[])                                                                                                         \
    {                                                                                                                  \
        (char *)"moat-wasm", __VA_ARGS__, NULL                                                                         \
    }
#define S(x) (char *)(x)

/* ---- the command line ------------------------------------------------------------------------------------------- */

static void test_command_line_with_everything_is_read(void **state)
{
    struct wasmrun_config c;
    struct err err = {0};

    assert_int_equal(read_line(&c, &err,
                               LINE(S("--engine"), S("interpreter"), S("--fuel"), S("5"), S("--pages"), S("65536"),
                                    S("--timeout"), S("1500"), S("--file-size"), S("99"), S("--image"), S("/kept"),
                                    S("--clock"), S("7"), S("--seed"), S("18446744073709551615"), S("--invoke"), S("f"),
                                    S("--keep-home"), S("--deny-log"), S("all"), S("--rule"), S("rw:/a"), S("--from"),
                                    S("/on/host"), S("--rule"), S("-:/a/b:c"), S("--rule"), S("rwc:/tmp"), S("--fresh"),
                                    S("--preopen"), S("/a"), S("--preopen-writable"), S("/here"), S("--here"),
                                    S("/here"), S("--module"), S("/m.wasm"), S("m.wasm"), S("--fuel"), S(""))),
                     0);

    assert_true(c.interpreter && c.keep_home && c.clock_fixed && c.seeded && c.image && !c.inspect && !c.compile);
    assert_int_equal(c.fuel, 5);
    assert_int_equal(c.pages, 65536);
    assert_int_equal(c.timeout_ms, 1500);
    assert_int_equal(c.clock, 7);
    assert_int_equal(c.file_size, 99);
    assert_true(c.seed == UINT64_MAX);
    assert_string_equal(c.invoke, "f");
    assert_int_equal(c.tell, ENGINE_TELL_ALL);
    assert_int_equal(c.rules.n, 3);
    assert_string_equal(c.rules.v[0].host, "/on/host");
    assert_int_equal(c.rules.v[1].access, 0);
    assert_string_equal(c.rules.v[1].path, "/a/b:c");
    assert_true(c.rules.v[2].fresh);
    assert_int_equal(c.n_preopens, 2);
    assert_true(!c.preopens[0].writable && c.preopens[1].writable);
    assert_string_equal(c.preopens[0].name, "/a");
    assert_string_equal(c.preopens[1].name, ".");
    assert_string_equal(c.preopens[1].path, "/here");
    assert_string_equal(c.module, "/m.wasm");
    assert_string_equal(c.name, "m.wasm");
    assert_int_equal(c.n_arguments, 3);
    assert_string_equal(c.arguments[1], "--fuel");
}

static void test_command_line_that_is_wrong_is_refused_by_name(void **state)
{
    static const struct {
        const char *words[4];
        const char *said;
    } cases[] = {
        {{"--what"}, "--what is not understood"},
        {{"--fuel"}, "--fuel needs a value"},
        {{"--fuel", "-1"}, "--fuel -1"},
        {{"--fuel", "9223372036854775808"}, "--fuel 9223372036854775808"},
        {{"--pages", "65537"}, "--pages 65537"},
        {{"--seed", "-1"}, "--seed -1"},
        {{"--engine", "fast"}, "--engine fast"},
        {{"--rule", "q:/a"}, "the rule q:/a"},
        {{"--rule", "r:a"}, "the rule r:a"},
        {{"--from", "/a"}, "--from: there is no --rule before it"},
        {{"--fresh"}, "--fresh: there is no --rule before it"},
        {{NULL}, "nothing to run"},
        {{"--module", "/m"}, "the program's name is missing"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct wasmrun_config c;
        struct err err = {0};
        int r = read_line(&c, &err, LINE(S(cases[i].words[0]), S(cases[i].words[1])));
        if (r != -EINVAL || !strstr(err.text, cases[i].said))
            fail_msg("case %zu: %d '%s', expected '%s'", i, r, err.text, cases[i].said);
    }
}

/* ---- denials ---------------------------------------------------------------------------------------------------- */

/* What is a denial otherwise: test_engine.c. */
static void test_what_leads_out_of_a_directory_is_a_denial(void **state)
{
    struct engine_rule rules[] = {{.path = "/data", .access = ENGINE_READ}};
    const struct engine_rules all = {rules, ARRAY_LEN(rules)};

    assert_true(denials_is_denied(&all, "/data/x", ENGINE_CREATE, EXDEV));
    assert_false(denials_is_denied(&all, "/data/x", ENGINE_READ, EXDEV));
    assert_true(denials_is_denied(&all, "/etc/passwd", ENGINE_READ, EXDEV));
    assert_true(denials_is_denied(&all, "/data/x", ENGINE_WRITE, EROFS));
    assert_false(denials_is_denied(&all, "/etc/passwd", ENGINE_READ, EIO));
}

/* Whatever a program calls its files, a terminal only shows it. */
static void test_words_have_nothing_that_a_terminal_obeys(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"plain", "plain"},
        {"\033[2J\007\r\n\177", "?[2J????"},
        {"\302\2332J", "?2J"},                      /* U+009B: CSI */
        {"\302\200\302\237\302\240", "??\302\240"}, /* the ends of C1, and what comes next */
        {"\2332J\220x\237", "?2J?x?"},              /* as single bytes */
        {"\303\251 \342\202\254 \360\237\230\200", "\303\251 \342\202\254 \360\237\230\200"},
        {"\342\202x", "??x"},                /* cut short */
        {"\300\233 \355\240\200", "?? ???"}, /* in a form too long; a surrogate */
        {"\303\233", "\303\233"},            /* 9b within a character */
        {"", ""},
    };
    char line[64];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = utf8_printable(line, sizeof line, cases[i].text, strlen(cases[i].text));
        assert_string_equal(line, cases[i].shown);
        assert_int_equal(n, strlen(cases[i].shown));
    }
    for (size_t size = 1; size < 6; size++) {
        memset(line, 'x', sizeof line);
        assert_int_equal(utf8_printable(line, size, "a\342\202\254b", 5), size < 2 ? 0 : size < 5 ? 1 : 4);
        assert_string_equal(line, size < 2 ? "" : size < 5 ? "a" : "a\342\202\254");
    }
}

static void test_path_that_is_meant_is_found_again(void **state)
{
    static struct wasmrun_preopen preopens[] = {{"/data", "/data", false}, {"/home/u", ".", false}};
    const struct wasmrun_config c = {.preopens = preopens, .n_preopens = 2, .here = "/home/u"};
    static const struct {
        const char *name, *path, *meant;
    } cases[] = {
        {"/data", "x", "/data/x"},
        {"/data", "../etc/x", "/etc/x"},
        {".", "x", "/home/u/x"},
        {".", "etc/passwd", "/etc/passwd"},
        {".", "etcetera/x", "/home/u/etcetera/x"},
        {".", "home/u/x", "/home/u/x"},
        {".", "home", "/home"},
        {".", "/x", "/x"},
        {".", "", "/home/u"},
    };
    char meant[ENGINE_PATH];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(denials_meant(&c, cases[i].name, cases[i].path, meant) >= 0);
        assert_string_equal(meant, cases[i].meant);
    }
}

/* ---- --invoke --------------------------------------------------------------------------------------------------- */

static void test_values_are_read_and_written_by_type(void **state)
{
    static const struct {
        uint8_t type;
        const char *word, *written; /* NULL: refused */
    } cases[] = {
        {WASM_I32, "0", "0"},
        {WASM_I32, "-2147483648", "-2147483648"},
        {WASM_I32, "-2147483649", NULL},
        {WASM_I32, "4294967295", "-1"},
        {WASM_I32, "4294967296", NULL},
        {WASM_I32, "0x80000000", "-2147483648"},
        {WASM_I32, "-0x1", "-1"},
        {WASM_I32, "", NULL},
        {WASM_I32, "-", NULL},
        {WASM_I32, "--1", NULL},
        {WASM_I32, " 1", NULL},
        {WASM_I32, "1x", NULL},
        {WASM_I32, "0x", NULL},
        {WASM_I64, "18446744073709551615", "-1"},
        {WASM_I64, "18446744073709551616", NULL},
        {WASM_I64, "-9223372036854775808", "-9223372036854775808"},
        {WASM_I64, "-9223372036854775809", NULL},
        {WASM_F32, "0.1", "0.1"},
        {WASM_F32, "16777217", "16777216"},
        {WASM_F32, "inf", "inf"},
        {WASM_F64, "0.1", "0.1"},
        {WASM_F64, "-0", "-0"},
        {WASM_F64, "0x1p-2", "0.25"},
        {WASM_F64, "nan", "nan"},
        {WASM_F64, "one", NULL},
        {WASM_V128, "0x000102030405060708090a0b0c0d0e0f", "0x000102030405060708090a0b0c0d0e0f"},
        {WASM_V128, "0x0", NULL},
        {WASM_V128, "0x+00102030405060708090a0b0c0d0e0f", NULL},
        {WASM_FUNCREF, "null", "null"},
        {WASM_EXTERNREF, "5", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[INVOKE_TEXT] = "";
        union wasm_value v;
        struct err err = {0};
        int r = invoke_read(cases[i].type, cases[i].word, &v, &err);
        if (r == 0)
            invoke_write(cases[i].type, &v, text);
        if (cases[i].written ? r < 0 || strcmp(text, cases[i].written) != 0 : r != -EINVAL)
            fail_msg("'%s' as %#x: %d '%s', expected '%s'", cases[i].word, cases[i].type, r, text,
                     cases[i].written ? cases[i].written : "a refusal");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_line_with_everything_is_read),
        cmocka_unit_test(test_command_line_that_is_wrong_is_refused_by_name),
        cmocka_unit_test(test_what_leads_out_of_a_directory_is_a_denial),
        cmocka_unit_test(test_words_have_nothing_that_a_terminal_obeys),
        cmocka_unit_test(test_path_that_is_meant_is_found_again),
        cmocka_unit_test(test_values_are_read_and_written_by_type),
    };
    return arena_init(&arena, 1u << 20) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
