/* SPDX-License-Identifier: Apache-2.0 */
/* --format templates: what docker's users write gives what docker gives; the rest is refused by name. */
#include "cli/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char document[] =
    "{\"Id\":\"x\",\"Name\":\"/X y\",\"State\":{\"Status\":\"exited\",\"Running\":false,\"Pid\":0,\"Code\":-3},"
    "\"Args\":[\"a\",\"b\"],\"None\":[],\"Labels\":{\"k\":\"v\",\"a.b\":\"w\"},\"Nothing\":null,\"Real\":1.5,"
    "\"Mounts\":[{\"Source\":\"/s\"},{\"Source\":\"/"
    "t\"}],\"Big\":18446744073709551615,\"Mixed\":[1,\"q\\\"\",null,true]}";

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
        cmocka_unit_test(test_template_depth_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
