/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of moat-jvm. */
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
    assert_int_equal(c.tell, ENGINE_TELL_ALL);
    assert_int_equal(c.rules.n, 3);
    assert_string_equal(c.rules.v[0].path, "/a");
    assert_int_equal(c.rules.v[0].access, ENGINE_READ | ENGINE_WRITE);
    assert_string_equal(c.rules.v[1].path, "/a/b:c");
    assert_int_equal(c.rules.v[1].access, 0);
    assert_string_equal(c.rules.v[0].host, "/on/host");
    assert_null(c.rules.v[1].host);
    assert_null(c.rules.v[2].host);
    assert_true(c.rules.v[2].fresh && !c.rules.v[0].fresh && !c.rules.v[1].fresh);
    assert_int_equal(c.n_net, 1);
    assert_string_equal(c.net[0], "example.org:443");
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
    assert_int_equal(c.tell, ENGINE_TELL_SOME);
    assert_false(c.no_exec || c.list_classes);
    assert_int_equal(c.n_arguments, 0);
    jvm_config_free(&c);

    assert_int_equal(read_line(&c, &err, LINE(S("--jdk"), S("/jdk"), S("--deny-log=none"), S("--module"), S("m/c.D"))),
                     0);
    assert_int_equal(c.entry, JVM_ENTRY_MODULE);
    assert_int_equal(c.tell, ENGINE_TELL_NONE);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_line_with_everything_is_read),
        cmocka_unit_test(test_command_line_with_little_has_the_defaults),
        cmocka_unit_test(test_command_line_that_is_wrong_is_refused_by_name),
        cmocka_unit_test(test_stack_is_the_last_size_that_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
