/* SPDX-License-Identifier: Apache-2.0 */
/* What the engines share: the rules that they are told, options, and the words of denials. */
#include "base/mem.h"
#include "engine/denials.h"
#include "engine/options.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- rules ------------------------------------------------------------------------------------------------------- */

static struct engine_rule list[] = {{"/a", ENGINE_READ | ENGINE_STAT},
                                    {"/a/b", 0},
                                    {"/a/b/c", ENGINE_READ | ENGINE_WRITE},
                                    {"/a-b", ENGINE_EXECUTE},
                                    {"/d/e", ENGINE_READ}};
static const struct engine_rules rules = {.v = list, .n = ARRAY_LEN(list)};

static void test_rule_that_is_longest_decides(void **state)
{
    static const struct {
        const char *path, *rule;
    } cases[] = {
        {"/a", "/a"},         {"/a/x", "/a"},     {"/a/b", "/a/b"}, {"/a/bb", "/a"}, {"/a/b/c/d", "/a/b/c"},
        {"/a/b/cc", "/a/b"},  {"/a-b/x", "/a-b"}, {"/a-", NULL},    {"/", NULL},     {"/d", NULL},
        {"/d/e/f/g", "/d/e"}, {"/d/ee", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct engine_rule *r = engine_rule_find(&rules, cases[i].path);
        if (!r != !cases[i].rule || (r && strcmp(r->path, cases[i].rule) != 0))
            fail_msg("%s: %s", cases[i].path, r ? r->path : "none");
    }
}

static void test_rule_for_the_root_holds_everything(void **state)
{
    struct engine_rule all[] = {{"/", ENGINE_READ}};
    struct engine_rules root = {.v = all, .n = 1};

    assert_ptr_equal(engine_rule_find(&root, "/x/y"), all);
    assert_ptr_equal(engine_rule_find(&root, "/"), all);
}

static void test_rule_gives_what_its_letters_say(void **state)
{
    assert_true(engine_rule_gives(&list[0], ENGINE_READ));
    assert_true(engine_rule_gives(&list[2], ENGINE_STAT)); /* who may read may look */
    assert_false(engine_rule_gives(&list[0], ENGINE_READ | ENGINE_WRITE));
    assert_false(engine_rule_gives(&list[1], ENGINE_STAT)); /* denied */
    assert_false(engine_rule_gives(NULL, ENGINE_STAT));
}

static void test_path_is_cleaned_from_where_it_starts(void **state)
{
    static const struct {
        const char *raw, *directory, *clean;
    } cases[] = {
        {"/a/../b", "/x", "/b"}, {"b", "/x", "/x/b"},      {"../b", "/x/y", "/x/b"}, {".", "/", "/"},
        {"../../..", "/x", "/"}, {"a//./b/", "/", "/a/b"}, {"", "/x", "/x"},
    };
    static char longest[ENGINE_PATH + 2], out[ENGINE_PATH];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (engine_path_clean(cases[i].raw, cases[i].directory, out) < 0 || strcmp(out, cases[i].clean) != 0)
            fail_msg("'%s' from %s: '%s'", cases[i].raw, cases[i].directory, out);
    }
    memset(longest, 'a', sizeof longest - 1);
    assert_int_equal(engine_path_clean(longest, "/", out), -ENAMETOOLONG);
    longest[0] = '/';
    assert_int_equal(engine_path_clean(longest, "/", out), -ENAMETOOLONG);
}

static void test_letters_of_an_access_are_the_flags(void **state)
{
    char text[8];

    engine_access_letters(ENGINE_CREATE | ENGINE_READ | ENGINE_WRITE | ENGINE_EXECUTE | ENGINE_STAT, text);
    assert_string_equal(text, "rwxc");
    engine_access_letters(ENGINE_STAT, text);
    assert_string_equal(text, "s");
}

/* ---- denials ----------------------------------------------------------------------------------------------------- */

static struct engine_rule known[] = {{"/ro", ENGINE_READ | ENGINE_EXECUTE},
                                     {"/data", ENGINE_READ | ENGINE_WRITE | ENGINE_CREATE},
                                     {"/data/no", 0},
                                     {"/w", ENGINE_READ | ENGINE_WRITE},
                                     {"/seen", ENGINE_STAT},
                                     {"/app", ENGINE_READ, .host = "/srv/app"},
                                     {"/out", ENGINE_READ | ENGINE_WRITE | ENGINE_CREATE, .host = "/srv/out"},
                                     {"/tmp", ENGINE_READ | ENGINE_WRITE | ENGINE_CREATE, .fresh = true}};
static const struct engine_rules known_rules = {.v = known, .n = ARRAY_LEN(known)};

static void test_denial_is_what_the_rules_refuse(void **state)
{
    static const struct {
        const char *path;
        uint32_t access;
        int error;
        bool denied;
    } cases[] = {
        {"/x", ENGINE_READ, ENOENT, true}, /* without a rule it is not there */
        {"/x", ENGINE_READ, EACCES, true},         {"/x", ENGINE_READ, EISDIR, false},
        {"/x", ENGINE_READ, EMFILE, false},        {"/x", ENGINE_CREATE, EROFS, true},
        {"/data/no/x", ENGINE_READ, ENOENT, true}, {"/data/no", ENGINE_STAT, EACCES, true},
        {"/data/x", ENGINE_READ, ENOENT, false}, /* that is the truth */
        {"/data/x", ENGINE_READ, EACCES, false}, /* the file's own mode */
        {"/ro/x", ENGINE_READ, ENOENT, false},     {"/ro/x", ENGINE_WRITE | ENGINE_CREATE, EROFS, true},
        {"/ro/x", ENGINE_WRITE, ENOENT, false},    {"/w/x", ENGINE_CREATE, EACCES, true},
        {"/seen/x", ENGINE_READ, EACCES, true},    {"/database", ENGINE_READ, ENOENT, true},
        {"/data/x", ENGINE_WRITE, ENOENT, false},  {"/x", ENGINE_READ, EIO, false},
        {"/w/x", ENGINE_CREATE, EXDEV, false}, /* two file systems, and no denial */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (engine_is_denied(&known_rules, cases[i].path, cases[i].access, cases[i].error) != cases[i].denied)
            fail_msg("%s, access %u, %s: expected %s", cases[i].path, cases[i].access, strerror(cases[i].error),
                     cases[i].denied ? "denied" : "not denied");
    }
}

static void test_denial_names_the_flag_that_would_allow_it(void **state)
{
    static const struct {
        const char *deed, *path;
        uint32_t access;
        const char *sentence;
    } cases[] = {
        {"open for reading", "/etc/shadow", ENGINE_READ,
         "open for reading /etc/shadow: --ro /etc/shadow would allow it"},
        {"open for writing", "/etc/shadow", ENGINE_WRITE,
         "open for writing /etc/shadow: --rw /etc/shadow would allow it"},
        {"create", "/x/y", ENGINE_WRITE | ENGINE_CREATE, "create /x/y: --rw /x would allow it"},
        {"create", "/y", ENGINE_CREATE, "create /y: no rule gives the root directory"},
        {"create", "/w/y", ENGINE_CREATE, "create /w/y: /w is given rw alone: --rw /w would allow it"},
        {"open for writing", "/ro/y", ENGINE_WRITE,
         "open for writing /ro/y: /ro is given rx alone: --rw /ro/y would allow it"},
        {"remove", "/data/no", ENGINE_CREATE, "remove /data/no: --deny /data/no forbids it"},
        {"open for reading", "/data/no/y", ENGINE_READ, "open for reading /data/no/y: --deny /data/no forbids it"},
        {"exec", "/usr/bin/id", ENGINE_READ | ENGINE_EXECUTE,
         "exec /usr/bin/id: --allow /usr/bin/id:rx would allow it"},
        {"native library", "/data/x.so", ENGINE_EXECUTE,
         "native library /data/x.so: /data is given rwc alone: --allow /data/x.so:rx would allow it"},
        /* What has another name on the host, or is not there, is never told by the name that it has inside. */
        {"create", "/app/y", ENGINE_CREATE,
         "create /app/y: /app is given r alone: --dir /srv/app::/app would allow it"},
        {"native library", "/app/x.so", ENGINE_EXECUTE,
         "native library /app/x.so: /app is given r alone: -v /srv/app:/app:ro,exec would allow it"},
        {"native library", "/out/x.so", ENGINE_EXECUTE,
         "native library /out/x.so: /out is given rwc alone: -v /srv/out:/out:exec would allow it"},
        {"native library", "/tmp/x.so", ENGINE_EXECUTE,
         "native library /tmp/x.so: /tmp is given rwc alone: --tmpfs /tmp:exec would allow it"},
    };
    static char out[ENGINE_SENTENCE];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        engine_denial_sentence(&known_rules, cases[i].deed, cases[i].path, cases[i].access, out);
        if (strcmp(out, cases[i].sentence) != 0)
            fail_msg("got      %s\nexpected %s", out, cases[i].sentence);
    }
}

static void test_denial_of_the_longest_path_is_cut(void **state)
{
    static char path[ENGINE_PATH], out[ENGINE_SENTENCE];

    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    engine_denial_sentence(&known_rules, "open for reading and writing", path, ENGINE_READ | ENGINE_WRITE, out);
    assert_non_null(strstr(out, "would allow it"));
}

static void test_sentence_is_told_once_and_not_many_are(void **state)
{
    struct engine_told told = {0};
    char text[16];

    for (int i = 0; i < ENGINE_TOLD; i++) {
        snprintf(text, sizeof text, "s%d", i);
        assert_ptr_equal(engine_told_add(&told, text), text);
        assert_null(engine_told_add(&told, text));
    }
    assert_string_equal(engine_told_add(&told, "another"), "more, which is not told");
    assert_null(engine_told_add(&told, "another"));
    assert_null(engine_told_add(&told, "a third"));
    assert_null(engine_told_add(&told, "s0"));
}

static void test_line_of_a_denial_has_nothing_that_a_terminal_obeys(void **state)
{
    static const char expected[] = "moat: denied: open a?[2J?\303\251\n";
    static char line[ENGINE_LINE], longest[ENGINE_SENTENCE];

    assert_int_equal(engine_denial_line("open a\033[2J\n\303\251", line), strlen(expected));
    assert_memory_equal(line, expected, strlen(expected));
    memset(longest, 'a', sizeof longest - 1);
    size_t n = engine_denial_line(longest, line);
    assert_int_equal(n, strlen("moat: denied: ") + sizeof longest);
    assert_int_equal(line[n - 1], '\n');
    assert_int_equal(line[n - 2], 'a');
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static void test_options_come_with_their_values(void **state)
{
    static const struct engine_option rows[] = {
        {"--alone"}, {"--one", ENGINE_VALUE_NEXT}, {"--may", ENGINE_VALUE_MAYBE}};
    static const struct engine_options options = {rows, ARRAY_LEN(rows), "none"};
    static const struct {
        const char *words[2];
        int row;
        const char *value; /* or what the refusal says */
    } cases[] = {
        {{"--alone", "x"}, 0, NULL},
        {{"--one", "--alone"}, 1, "--alone"},
        {{"--may", "x"}, 2, NULL},
        {{"--may=", "x"}, 2, ""},
        {{"--may=a=b", "x"}, 2, "a=b"},
        {{"--one"}, -EINVAL, "--one needs a value"},
        {{"--one", ""}, -EINVAL, "--one needs a value"},
        {{"--one=x"}, -EINVAL, "--one=x is not understood: moat-none is started by moat run -b none"},
        {{"--mays"}, -EINVAL, "--mays is not understood"},
        {{""}, -EINVAL, "the option  is not understood"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *argv[] = {(char *)"none", (char *)cases[i].words[0], (char *)cases[i].words[1], NULL}, *value;
        struct err err = {0};
        int at = 1, row = engine_option_next(&options, argv[2] ? 3 : 2, argv, &at, &value, &err);
        const char *said = row < 0 ? err.text : value;
        if (row != cases[i].row || !said != !cases[i].value ||
            (said && !(row < 0 ? strstr(said, cases[i].value) != NULL : !strcmp(said, cases[i].value))))
            fail_msg("%s: row %d, '%s'", cases[i].words[0], row, said ? said : "(none)");
        if (row >= 0)
            assert_int_equal(at, row == 1 ? 3 : 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule_that_is_longest_decides),
        cmocka_unit_test(test_rule_for_the_root_holds_everything),
        cmocka_unit_test(test_rule_gives_what_its_letters_say),
        cmocka_unit_test(test_path_is_cleaned_from_where_it_starts),
        cmocka_unit_test(test_letters_of_an_access_are_the_flags),
        cmocka_unit_test(test_denial_is_what_the_rules_refuse),
        cmocka_unit_test(test_denial_names_the_flag_that_would_allow_it),
        cmocka_unit_test(test_denial_of_the_longest_path_is_cut),
        cmocka_unit_test(test_sentence_is_told_once_and_not_many_are),
        cmocka_unit_test(test_line_of_a_denial_has_nothing_that_a_terminal_obeys),
        cmocka_unit_test(test_options_come_with_their_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
