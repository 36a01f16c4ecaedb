/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of moat-jvm, and the rules that it is told. */
#include "base/mem.h"
#include "jvm/config.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>

static int read_line(struct jvm_config *c, struct err *err, char **argv)
{
    int argc = 0;

    while (argv[argc])
        argc++;
    return jvm_config_read(c, argc, argv, err);
}

#define LINE(...)                                                                                                      \
    (char *[])                                                                                                         \
    {                                                                                                                  \
        (char *)"moat-jvm", __VA_ARGS__, NULL                                                                          \
    }
#define S(x) (char *)(x)

static void test_command_line_with_everything_is_read(void **state)
{
    struct jvm_config c;
    struct err err = {0};

    assert_int_equal(
        read_line(&c, &err,
                  LINE(S("--jdk"), S("/jdk"), S("--no-exec"), S("--deny-log=all"), S("--list-classes"), S("--rule"),
                       S("rw:/a"), S("--from"), S("/on/host"), S("--rule"), S("-:/a/b:c"), S("--rule"), S("rwc:/tmp"),
                       S("--fresh"), S("--net"), S("example.org:443"), S("--option"), S("-Xmx1g"), S("--option"),
                       S("-Dx=--jar"), S("--jar"), S("app.jar"), S("--no-exec"), S("--"), S(""))),
        0);

    assert_string_equal(c.jdk, "/jdk");
    assert_true(c.no_exec && c.list_classes);
    assert_int_equal(c.tell, JVM_TELL_ALL);
    assert_int_equal(c.rules.n_paths, 3);
    assert_string_equal(c.rules.paths[0].path, "/a");
    assert_int_equal(c.rules.paths[0].access, JVM_READ | JVM_WRITE);
    assert_string_equal(c.rules.paths[1].path, "/a/b:c");
    assert_int_equal(c.rules.paths[1].access, 0);
    assert_string_equal(c.rules.paths[0].host, "/on/host");
    assert_null(c.rules.paths[1].host);
    assert_null(c.rules.paths[2].host);
    assert_true(c.rules.paths[2].fresh && !c.rules.paths[0].fresh && !c.rules.paths[1].fresh);
    assert_int_equal(c.rules.n_net, 1);
    assert_string_equal(c.rules.net[0], "example.org:443");
    assert_int_equal(c.n_options, 2);
    assert_string_equal(c.options[1], "-Dx=--jar");
    assert_int_equal(c.entry, JVM_ENTRY_JAR);
    assert_string_equal(c.what, "app.jar");
    assert_int_equal(c.n_arguments, 3); /* the program's, whatever they look like */
    assert_string_equal(c.arguments[0], "--no-exec");
    assert_string_equal(c.arguments[2], "");
    jvm_config_free(&c);
}

static void test_command_line_with_little_has_the_defaults(void **state)
{
    struct jvm_config c;
    struct err err = {0};

    assert_int_equal(read_line(&c, &err, LINE(S("--jdk"), S("/jdk"), S("--class"), S("a.B"))), 0);
    assert_int_equal(c.entry, JVM_ENTRY_CLASS);
    assert_int_equal(c.tell, JVM_TELL_SOME);
    assert_false(c.no_exec || c.list_classes);
    assert_int_equal(c.n_arguments, 0);
    jvm_config_free(&c);

    assert_int_equal(read_line(&c, &err, LINE(S("--jdk"), S("/jdk"), S("--deny-log=none"), S("--module"), S("m/c.D"))),
                     0);
    assert_int_equal(c.entry, JVM_ENTRY_MODULE);
    assert_int_equal(c.tell, JVM_TELL_NONE);
    jvm_config_free(&c);
}

static void test_command_line_that_is_wrong_is_refused_by_name(void **state)
{
    static const struct {
        const char *label, *says;
        char *argv[8];
    } cases[] = {
        {"nothing", "nothing to run", {S("m"), S("--jdk"), S("/j")}},
        {"no argument at all", "nothing to run", {S("m")}},
        {"no JDK", "--jdk DIR", {S("m"), S("--class"), S("A")}},
        {"a relative JDK", "--jdk DIR", {S("m"), S("--jdk"), S("j"), S("--class"), S("A")}},
        {"unknown option", "--nix", {S("m"), S("--nix"), S("--class"), S("A")}},
        {"a word", "Hello", {S("m"), S("--jdk"), S("/j"), S("Hello")}},
        {"a value that is missing", "--class needs", {S("m"), S("--jdk"), S("/j"), S("--class")}},
        {"a value that is empty", "--jar needs", {S("m"), S("--jdk"), S("/j"), S("--jar"), S("")}},
        {"another log", "--deny-log=most", {S("m"), S("--deny-log=most"), S("--class"), S("A")}},
        {"a log's beginning", "--deny-logs", {S("m"), S("--deny-logs"), S("--class"), S("A")}},
        {"a rule without path", "rx", {S("m"), S("--rule"), S("rx"), S("--class"), S("A")}},
        {"a rule without letters", ":/a", {S("m"), S("--rule"), S(":/a"), S("--class"), S("A")}},
        {"a relative rule", "r:a", {S("m"), S("--rule"), S("r:a"), S("--class"), S("A")}},
        {"another letter", "rq:/a", {S("m"), S("--rule"), S("rq:/a"), S("--class"), S("A")}},
        {"an origin of no rule", "--from", {S("m"), S("--from"), S("/a"), S("--class"), S("A")}},
        {"fresh without a rule", "--fresh", {S("m"), S("--fresh"), S("--class"), S("A")}},
        {"denied and read", "-r:/a", {S("m"), S("--rule"), S("-r:/a"), S("--class"), S("A")}},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct jvm_config c;
        struct err err = {0};
        if (read_line(&c, &err, (char **)cases[i].argv) != -EINVAL || !strstr(err.text, cases[i].says))
            fail_msg("%s: '%s' does not name '%s'", cases[i].label, err.text, cases[i].says);
        assert_null(c.options);
    }
}

static void test_stack_is_the_last_size_that_is_asked_for(void **state)
{
    static const struct {
        const char *option;
        size_t size;
    } cases[] = {
        {"-Xss512k", 512 << 10},
        {"-Xss1M", 1 << 20},
        {"-Xss2g", (size_t)2 << 30},
        {"-Xss100000", 100000},
        {"-Xss0", 0},
        {"-Xss", 0},
        {"-Xss-1", 0},
        {"-Xss 1", 0},
        {"-Xss1mm", 0},
        {"-Xss1q", 0},
        {"-Xss99999999999999999999g", 0},
        {"-Xss17179869184g", 0}, /* 2^34 GiB: does not fit */
        {"-Xmx1g", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct jvm_config c;
        struct err err = {0};
        assert_int_equal(read_line(&c, &err,
                                   LINE(S("--jdk"), S("/j"), S("--option"), S("-Xss7k"), S("--option"),
                                        S(cases[i].option), S("--class"), S("A"))),
                         0);
        size_t expected = !strncmp(cases[i].option, "-Xss", 4) ? cases[i].size : 7 << 10;
        if (jvm_config_stack(&c) != expected)
            fail_msg("%s: %zu, expected %zu", cases[i].option, jvm_config_stack(&c), expected);
        jvm_config_free(&c);
    }
}

/* ---- rules ------------------------------------------------------------------------------------------------------- */

static struct jvm_rule list[] = {{"/a", JVM_READ | JVM_STAT},
                                 {"/a/b", 0},
                                 {"/a/b/c", JVM_READ | JVM_WRITE},
                                 {"/a-b", JVM_EXECUTE},
                                 {"/d/e", JVM_READ}};
static const struct jvm_rules rules = {.paths = list, .n_paths = ARRAY_LEN(list)};

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
        const struct jvm_rule *r = jvm_rules_find(&rules, cases[i].path);
        if (!r != !cases[i].rule || (r && strcmp(r->path, cases[i].rule) != 0))
            fail_msg("%s: %s", cases[i].path, r ? r->path : "none");
    }
}

static void test_rule_for_the_root_holds_everything(void **state)
{
    struct jvm_rule all[] = {{"/", JVM_READ}};
    struct jvm_rules root = {.paths = all, .n_paths = 1};

    assert_ptr_equal(jvm_rules_find(&root, "/x/y"), all);
    assert_ptr_equal(jvm_rules_find(&root, "/"), all);
}

static void test_rule_gives_what_its_letters_say(void **state)
{
    assert_true(jvm_rule_gives(&list[0], JVM_READ));
    assert_true(jvm_rule_gives(&list[2], JVM_STAT)); /* who may read may look */
    assert_false(jvm_rule_gives(&list[0], JVM_READ | JVM_WRITE));
    assert_false(jvm_rule_gives(&list[1], JVM_STAT)); /* denied */
    assert_false(jvm_rule_gives(NULL, JVM_STAT));
}

static void test_path_is_cleaned_from_where_it_starts(void **state)
{
    static const struct {
        const char *raw, *directory, *clean;
    } cases[] = {
        {"/a/../b", "/x", "/b"}, {"b", "/x", "/x/b"},      {"../b", "/x/y", "/x/b"}, {".", "/", "/"},
        {"../../..", "/x", "/"}, {"a//./b/", "/", "/a/b"}, {"", "/x", "/x"},
    };
    static char longest[JVM_PATH_SIZE + 2], out[JVM_PATH_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (jvm_path_clean(cases[i].raw, cases[i].directory, out) < 0 || strcmp(out, cases[i].clean) != 0)
            fail_msg("'%s' from %s: '%s'", cases[i].raw, cases[i].directory, out);
    }
    memset(longest, 'a', sizeof longest - 1);
    assert_int_equal(jvm_path_clean(longest, "/", out), -ENAMETOOLONG);
    longest[0] = '/';
    assert_int_equal(jvm_path_clean(longest, "/", out), -ENAMETOOLONG);
}

static void test_letters_of_an_access_are_the_flags(void **state)
{
    char text[8];

    jvm_access_letters(JVM_CREATE | JVM_READ | JVM_WRITE | JVM_EXECUTE | JVM_STAT, text);
    assert_string_equal(text, "rwxc");
    jvm_access_letters(JVM_STAT, text);
    assert_string_equal(text, "s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_line_with_everything_is_read),
        cmocka_unit_test(test_command_line_with_little_has_the_defaults),
        cmocka_unit_test(test_command_line_that_is_wrong_is_refused_by_name),
        cmocka_unit_test(test_stack_is_the_last_size_that_is_asked_for),
        cmocka_unit_test(test_rule_that_is_longest_decides),
        cmocka_unit_test(test_rule_for_the_root_holds_everything),
        cmocka_unit_test(test_rule_gives_what_its_letters_say),
        cmocka_unit_test(test_path_is_cleaned_from_where_it_starts),
        cmocka_unit_test(test_letters_of_an_access_are_the_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
