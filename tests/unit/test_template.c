/* SPDX-License-Identifier: Apache-2.0 */
/* --format templates: what docker's users write gives what docker gives; the rest is refused by name. */
#include "cli/template_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char document[] =
    "{\"Id\":\"x\",\"Name\":\"/X y\",\"State\":{\"Status\":\"exited\",\"Running\":false,\"Pid\":0,\"Code\":-3},"
    "\"Args\":[\"a\",\"b\"],\"None\":[],\"Labels\":{\"k\":\"v\",\"a.b\":\"w\"},\"Nothing\":null,\"Real\":1.5,"
    "\"Mounts\":[{\"Source\":\"/s\"},{\"Source\":\"/"
    "t\"}],\"Big\":18446744073709551615,\"Mixed\":[1,\"q\\\"\",null,true],\"Bad\":{\"\\u001bk\":\"\\u001b]0;"
    "x\\u0007\\u009b1m\"}}";

/* What it prints, malloced; NULL with err set. */
static char *run(const char *format, struct err *err)
{
    static struct arena a;
    const struct template *t;
    struct json *tree;
    char *out = NULL;
    size_t len = 0;

    if (!a.base)
        assert_int_equal(arena_init(&a, 64u << 20), 0);
    char *text = arena_strdup(&a, document);
    assert_int_equal(json_parse(&a, text, strlen(text), &tree, err), 0);
    FILE *f = open_memstream(&out, &len);
    assert_non_null(f);
    *err = (struct err){0};
    int r = template_parse(&a, format, &t, err);
    if (r == 0)
        r = template_run(t, &a, tree, f, err);
    fclose(f);
    assert_int_equal(r, err->code);
    if (r == 0)
        return out;
    assert_int_equal(r, -EINVAL);
    free(out);
    return NULL;
}

static void test_template_supported_forms_print_as_go_does(void **state)
{
    static const struct {
        const char *format, *expected;
    } cases[] = {
        {"", ""},
        {"plain } text", "plain } text"},
        {"a\\tb\\nc", "a\tb\nc"},
        {"a\\\\q", "a\\\\q"},
        {"{{.Id}}", "x"},
        {"{{ .State.Status }}", "exited"},
        {"{{.State.Running}} {{.State.Pid}} {{.State.Code}} {{.Big}} {{.Real}}", "false 0 -3 18446744073709551615 1.5"},
        {"{{$.Id}}", "x"},
        {"{{.Args}} {{.None}} {{.Labels}}", "[a b] [] map[k:v a.b:w]"},
        {"{{.Nothing}}", "<no value>"},
        {"{{json .Args}}", "[\"a\",\"b\"]"},
        {"{{json .Name}}", "\"/X y\""},
        {"{{json .Nothing}}", "null"},
        {"{{json .State}}", "{\"Status\":\"exited\",\"Running\":false,\"Pid\":0,\"Code\":-3}"},
        {"{{.State | json}}", "{\"Status\":\"exited\",\"Running\":false,\"Pid\":0,\"Code\":-3}"},
        {"{{.Id | upper | json}}", "\"X\""},
        {"{{index .Labels \"a.b\"}}", "w"},
        {"{{index .Labels `k`}}", "v"},
        {"{{index .Labels \"none\"}}", ""},
        {"{{index .Args 1}}", "b"},
        {"{{(index .Mounts 1).Source}}", "/t"},
        {"{{index .Mounts 0 \"Source\"}}", "/s"},
        {"{{(.State).Status}} {{((.State)).Pid}}", "exited 0"},
        {"{{join .Args \",\"}}", "a,b"},
        {"{{join .None \",\"}}", ""},
        {"{{upper .Name}} {{lower .Name}}", "/X Y /x y"},
        {"{{println}}", "\n"},
        {"{{println .Id 3 \"z\"}}", "x 3 z\n"},
        {"{{\"lit\\t\\\"}}\\n\"}}", "lit\t\"}}\n"},
        {"{{`}}`}}", "}}"},
        {"{{range .Args}}<{{.}}>{{end}}", "<a><b>"},
        {"{{range .Mounts}}{{.Source}}{{$.Id}}\\n{{end}}", "/sx\n/tx\n"},
        {"{{range .Labels}}{{.}} {{end}}", "v w "},
        {"{{range .None}}x{{else}}none{{end}}", "none"},
        {"{{range .Nothing}}x{{end}}", ""},
        {"{{if .Args}}yes{{else}}no{{end}}", "yes"},
        {"{{if .State.Running}}yes{{else}}no{{end}}", "no"},
        {"{{if .State.Pid}}p{{end}}{{if .None}}n{{end}}{{if .Nothing}}0{{end}}{{if .State.Code}}c{{end}}", "c"},
        {"{{range .Mounts}}{{if .Source}}{{range $.Args}}{{.}}{{end}};{{end}}{{end}}", "ab;ab;"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err;
        char *out = run(cases[i].format, &err);
        if (!out || strcmp(out, cases[i].expected))
            fail_msg("%s: got '%s', expected '%s'", cases[i].format, out ? out : err.text, cases[i].expected);
        free(out);
    }
}

static void test_template_what_is_not_supported_is_refused_by_name(void **state)
{
    static const struct {
        const char *format, *words;
    } cases[] = {
        {"{{.Foo}}", "map has no entry for key \"Foo\""},
        {"{{.State.Foo}}", "Foo"},
        {"{{.Id.Foo}}", ".Foo"},
        {"{{.Nothing.Foo}}", ".Foo"},
        {"{{with .State}}{{end}}", "with"},
        {"{{printf \"%s\" .Id}}", "printf"},
        {"{{eq .Id \"x\"}}", "eq"},
        {"{{range $i, $e := .Args}}{{end}}", "variables"},
        {"{{- .Id}}", "trimming"},
        {"{{/* c */}}", "comments"},
        {"{{if .Id}}", "{{end}} is missing"},
        {"{{if .Id}}{{else}}{{else}}{{end}}", "second {{else}}"},
        {"{{if .Id}}{{else if .Id}}{{end}}", "not understood: if"},
        {"{{end}}", "without an {{if}}"},
        {"{{else}}", "without an {{if}}"},
        {"{{.Id", "without }}"},
        {"{{}}", "not understood"},
        {"{{.Id .Name}}", "takes no arguments"},
        {"{{json}}", "number of arguments for json"},
        {"{{json .Id .Id}}", "number of arguments for json"},
        {"{{index .Args}}", "number of arguments for index"},
        {"{{index .Args 2}}", "out of range: 2"},
        {"{{index .Args -1}}", "out of range: -1"},
        {"{{index .Id 0}}", "cannot be asked"},
        {"{{index .Args \"a\"}}", "cannot be asked"},
        {"{{join .Id \",\"}}", "join"},
        {"{{upper .Args}}", "upper"},
        {"{{range .Id}}{{end}}", "can't iterate"},
        {"{{\"open}}", "without }}"},
        {"{{\"\\q\"}}", "escape"},
        {"{{(.Id}}", ") is missing"},
        {"{{.Id)}}", "not understood"},
        {"{{.Id | .Name}}", "behind a |"},
        {"{{99999999999999999999}}", "not a number"},
        {"{{.A-B}}", "takes no arguments"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err;
        char *out = run(cases[i].format, &err);
        if (out || !strstr(err.text, cases[i].words) || strncmp(err.text, "--format: ", 10))
            fail_msg("%s: got '%s', expected '%s'", cases[i].format, out ? out : err.text, cases[i].words);
    }
}

static void test_put_safe_leaves_no_control_character(void **state)
{
    static const struct {
        const char *label, *text, *expected;
    } cases[] = {
        {"plain", "a b~", "a b~"},
        {"tab and end of line", "a\tb\n", "a\tb\n"},
        {"C0", "\001\033[31m\r\b\037x", "??[31m???x"},
        {"delete", "a\177b", "a?b"},
        {"C1",
         "\xc2\x80\xc2\x9b"
         "1m\xc2\x9f",
         "??1m?"},
        {"behind C1", "\xc2\xa0\xc2\xbf", "\xc2\xa0\xc2\xbf"},
        {"letters", "gr\xc3\xbc\xc3\x9f\xe2\x82\x9b\xf0\x9f\x90\x9b", "gr\xc3\xbc\xc3\x9f\xe2\x82\x9b\xf0\x9f\x90\x9b"},
        {"C1 as a byte",
         "a\x9b"
         "1m",
         "a?1m"},
        {"C1 as a byte behind a letter", "\xc3\xbc\x9b", "\xc3\xbc?"},
        {"C1 as a byte behind what begins nothing", "\xe2z\x9b", "\xe2z?"},
        {"cut", "\xc2", "\xc2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *out = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&out, &len);
        template_put_safe(cases[i].text, f);
        fclose(f);
        if (strcmp(out, cases[i].expected))
            fail_msg("%s: got '%s'", cases[i].label, out);
        free(out);
    }
}

static void test_template_controls_reach_a_file_and_no_terminal(void **state)
{
    static const char format[] = "{{.Bad}} {{index .Bad \"\033k\"}} {{range .Bad}}{{println .}}{{end}}";
    static const char raw[] = "map[\033k:\033]0;x\007\xc2\x9b"
                              "1m] \033]0;x\007\xc2\x9b"
                              "1m \033]0;x\007\xc2\x9b"
                              "1m\n";
    static const char safe[] = "map[?k:?]0;x??1m] ?]0;x??1m ?]0;x??1m\n";
    int master, slave, before = dup(1), pair[2];
    struct err err;

    (void)state;
    fflush(stdout);
    assert_int_equal(pipe(pair), 0);
    dup2(pair[1], 1);
    char *to_pipe = run(format, &err);
    bool have = openpty(&master, &slave, NULL, NULL, NULL) == 0;
    dup2(have ? slave : before, 1);
    char *to_terminal = run(format, &err);
    dup2(before, 1);
    close(before);
    assert_string_equal(to_pipe, raw);
    if (!have)
        skip();
    assert_string_equal(to_terminal, safe);
    free(to_pipe);
    free(to_terminal);
    for (int i = 0; i < 2; i++)
        close(pair[i]);
    close(master);
    close(slave);
}

/* Depth and length are the user's, but a script may have put them together. */
static void test_template_depth_is_bounded(void **state)
{
    static const char *const parts[][2] = {{"(", ")"}, {"{{if .Id}}", "{{end}}"}};
    char text[8192];
    struct err err;

    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        char *c = text;
        c += sprintf(c, "%s", kind ? "" : "{{");
        for (int i = 0; i < 200; i++)
            c += sprintf(c, "%s", parts[kind][0]);
        c += sprintf(c, "%s", kind ? "x" : ".Id");
        for (int i = 0; i < 200; i++)
            c += sprintf(c, "%s", parts[kind][1]);
        sprintf(c, "%s", kind ? "" : "}}");
        assert_null(run(text, &err));
        assert_non_null(strstr(err.text, "nested too deep"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_template_supported_forms_print_as_go_does),
        cmocka_unit_test(test_template_what_is_not_supported_is_refused_by_name),
        cmocka_unit_test(test_put_safe_leaves_no_control_character),
        cmocka_unit_test(test_template_controls_reach_a_file_and_no_terminal),
        cmocka_unit_test(test_template_depth_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
