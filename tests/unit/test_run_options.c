/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: docker's grammar, refusals by name, layers, and what an image adds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/nearest.h"
#include "cli/run_options.h"
#include "cli/term.h"
#include "policy/defaults.h"
#include "policy/list.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 24

static struct arena arena;
static struct run_options options;

static int setup(void **state)
{
    return arena_init(&arena, 16 << 20);
}

static int teardown(void **state)
{
    arena_free(&arena);
    return 0;
}

/* Splits at '|', since values hold spaces. */
static int parse(const char *line, struct err *err)
{
    static char *argv[WORDS_MAX + 1];
    int argc = 0;
    char *rest = arena_strdup(&arena, line), *word;

    while ((word = strsep(&rest, "|")) && argc < WORDS_MAX)
        argv[argc++] = word;
    argv[argc] = NULL;
    return run_options_parse(&arena, argc, argv, &options, err);
}

static void parse_good(const char *line)
{
    struct err err = {0};

    if (parse(line, &err) < 0)
        fail_msg("%s: %s", line, err.text);
}

static void test_docker_s_spellings_are_read(void **state)
{
    parse_good("run|-it|--rm|-eA=1|-e|B=2|--env=C=3|-m=64m|-w/src|--read-only=false|--name|box|debian|sh|-c|echo -t");
    assert_true(options.interactive && options.tty && options.rm);
    assert_false(options.policy.root_readonly);
    assert_string_equal(options.name, "box");
    assert_string_equal(options.image, "debian");
    assert_int_equal(options.n_command, 3);
    assert_string_equal(options.command[2], "echo -t");
    assert_null(options.command[3]);
    assert_string_equal(policy_env_get(&options.policy.process.env, "C"), "3");
    assert_string_equal(policy_env_get(&options.policy.process.env, "TERM"), "xterm");
    assert_int_equal(options.policy.resources.memory.limit.v, 64 << 20);
    assert_string_equal(options.policy.process.cwd, "/src");
}

static void test_double_dash_ends_the_options(void **state)
{
    parse_good("run|--|-odd-image|-x");
    assert_string_equal(options.image, "-odd-image");
    assert_string_equal(options.command[0], "-x");
}

static void test_root_directory_takes_all_operands_as_the_command(void **state)
{
    char here[4096], want[4200];

    parse_good("run|--rootfs|tree|/bin/sh|-c|true");
    assert_null(options.image);
    assert_int_equal(options.n_command, 3);
    snprintf(want, sizeof want, "%s/tree", getcwd(here, sizeof here));
    assert_string_equal(options.rootfs, want);
}

static void test_line_is_refused_with_the_remedy(void **state)
{
    static const struct {
        const char *line, *words;
    } cases[] = {
        {"run", "IMAGE|DIR"},
        {"run|--memry|1g|x", "did you mean --memory?"},
        {"run|--mem|1g|x", "did you mean --memory?"},
        {"run|-Z|x", "unknown option -Z"},
        {"run|--memory", "--memory needs a value: --memory BYTES"},
        {"run|-m", "-m needs a value"},
        {"run|--rm=maybe|x", "true or false"},
        {"run|--privileged|x", "--cap-add NAME, --device"},
        {"run|--health-cmd|true|x", "--health-cmd is refused"},
        {"run|--rm|--restart|always|x", "conflicting options"},
        {"run|-p|80:80|x", "--publish is refused"},
        {"run|--restart=sometimes|x", "no, on-failure"},
        {"run|--pid=host|x", "--pid is refused"},
        {"run|--gpus|all|x", "--device"},
        {"run|--pull|sometimes|x", "missing, always, never"},
        {"run|--json|x", "unknown option --json"},
        {"run|--name|a/b|x", "--name 'a/b'"},
        {"run|--type|elf|x", "image, root, bundle, program, java, wasm"},
        {"run|--type|imag|x", "image, root, bundle, program, java, wasm"},
        {"run|--strict|--best-effort|x", "exclude each other"},
        {"run|--bundle|b|-m|1g", "--memory cannot go over a bundle"},
        {"run|--bundle|b|--policy|p", "config.json is the policy"},
        {"run|--bundle|b|sh", "process.args"},
        {"run|--bundle|b|--rootfs|r", "exclude each other"},
        {"run|--policy|/nonexistent/p.json|x", "--policy /nonexistent/p.json: cannot read the file"},
        {"run|--security-opt|seccomp=/nonexistent/s.json|x", "cannot read the profile"},
        {"run|--device|/dev|x", "name each device in it"},
        {"run|--device|/etc/passwd|x", "it is no device"},
        {"run|--device|/dev/nonexistent|x", "No such file"},
        {"run|-b|broker", "PROGRAM"},
        {"run|-b|broker|--rootfs|r|x", "--rootfs is of other boundaries"},
        {"run|--type|program|-b|container|x", "-b broker"},
        {"run|--allow|/a:r|--ro|/a|x", "/a is already given: name it once"},
        {"run|--ro|.|--rw|.|x", "name it once"},
        {"run|--allow|/a:q|x", "'q' is no access"},
        {"run|--broker|data:rwC|x", "'rwC' is no access: r, w, x, c, s"},
        {"run|--defaults|none|x", "--defaults is about programs of the host"},
        {"run|-b|broker|--pull|always|x", "--pull is about images"},
        {"run|-b|broker|--platform|linux/arm64|x", "--platform is about images"},
        {"run|-b|broker|--detach-keys|ctrl-a|x", "moat attach"},
        {"run|--allow|/a:|x", "the access is empty"},
        {"run|--broker|/a:rx|x", "not run through the broker"},
        {"run|--deny|/|x", "over the root"},
        {"run|--defaults|some|x", "host or none"},
        {"run|--allow-net|example.org|x", "port"},
        {"run||cmd", "name of the image is empty"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        if (parse(cases[i].line, &err) == 0)
            fail_msg("%s: accepted", cases[i].line);
        if (!strstr(err.text, cases[i].words))
            fail_msg("%s: '%s' lacks '%s'", cases[i].line, err.text, cases[i].words);
    }
}

static void test_explain_takes_json_and_no_image(void **state)
{
    parse_good("explain|--json|-m|1g");
    assert_true(options.json);
    assert_null(options.image);
}

static void test_device_gets_its_numbers_from_the_host(void **state)
{
    parse_good("run|--device|/dev/null:/dev/zilch:r|x");
    assert_int_equal(options.policy.n_devices, 1);
    const struct device_rule *d = &options.policy.devices[0];
    assert_string_equal(d->path, "/dev/zilch");
    assert_true(d->type == 'c' && d->major == 1 && d->minor == 3);
    const struct device_access *a = &options.policy.resources.devices[options.policy.resources.n_devices - 1];
    assert_true(a->allow && a->read && !a->write && !a->mknod);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_policy_file_lies_under_the_flags_wherever_it_stands(void **state)
{
    char dir[] = "/tmp/moat-test-run-XXXXXX", path[64], line[256];

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/p.json", dir);
    write_file(path, "{\"version\":1,\"limits\":{\"memory\":\"2g\",\"pids\":7},\"ro\":[\"data\"],"
                     "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\"}}");
    snprintf(line, sizeof line, "run|-m|64m|--policy|%s|x", path);
    parse_good(line);
    assert_int_equal(options.policy.resources.memory.limit.v, 64 << 20);
    assert_int_equal(options.policy.resources.pids.v, 7);
    assert_true(options.policy.seccomp.set && !options.policy.seccomp.moat_default);
    snprintf(line, sizeof line, "%s/data", dir);
    assert_non_null(policy_mount_find(&options.policy, line));

    /* A flag's profile goes over the file's. */
    snprintf(line, sizeof line, "run|--security-opt|seccomp=default|--policy|%s|x", path);
    parse_good(line);
    assert_true(options.policy.seccomp.moat_default);
    unlink(path);
    rmdir(dir);
}

static char *image_env[] = {(char *)"PATH=/image", (char *)"LANG=C", NULL};
static char *image_entry[] = {(char *)"/entry", (char *)"-x", NULL};
static char *image_cmd[] = {(char *)"serve", NULL};
static const struct image_config image = {
    .env = {image_env, 2},
    .cmd = {image_cmd, 1},
    .entrypoint = {image_entry, 2},
    .working_dir = "/srv",
    .user = "web",
    .stop_signal = "SIGQUIT",
};

static void test_image_defaults_lie_between_ours_and_the_user_s(void **state)
{
    struct err err = {0};

    parse_good("run|-e|LANG=de|x");
    assert_int_equal(run_options_image(&options, &image, &err), 0);
    assert_string_equal(policy_env_get(&options.policy.process.env, "PATH"), "/image");
    assert_string_equal(policy_env_get(&options.policy.process.env, "LANG"), "de");
    assert_string_equal(options.policy.process.cwd, "/srv");
    assert_string_equal(options.build.user, "web");
    assert_int_equal(options.policy.stop_signal, SIGQUIT);

    parse_good("run|-w|/|-u|me|--stop-signal|INT|-e|PATH=/mine|x");
    assert_int_equal(run_options_image(&options, &image, &err), 0);
    assert_string_equal(policy_env_get(&options.policy.process.env, "PATH"), "/mine");
    assert_string_equal(options.policy.process.cwd, "/");
    assert_string_equal(options.build.user, "me");
    assert_int_equal(options.policy.stop_signal, SIGINT);
}

static void test_command_is_made_of_entrypoint_and_operands_as_docker_does(void **state)
{
    static const struct {
        const char *line, *argv;
    } cases[] = {
        {"run|x", "/entry -x serve"},     {"run|x|ls|-l", "/entry -x ls -l"},
        {"run|--entrypoint|sh|x", "sh"},  {"run|--entrypoint|sh|x|-c|true", "sh -c true"},
        {"run|--entrypoint||x|ls", "ls"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[256] = "";
        struct err err = {0};
        parse_good(cases[i].line);
        if (run_options_image(&options, &image, &err) < 0)
            fail_msg("%s: %s", cases[i].line, err.text);
        for (uint32_t k = 0; k < options.policy.process.argv.n; k++)
            snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", k ? " " : "",
                     options.policy.process.argv.v[k]);
        if (strcmp(got, cases[i].argv) != 0)
            fail_msg("%s: '%s', expected '%s'", cases[i].line, got, cases[i].argv);
    }
}

static void test_nothing_to_run_is_refused(void **state)
{
    struct err err = {0};

    parse_good("run|x");
    assert_true(run_options_image(&options, NULL, &err) < 0);
    assert_non_null(strstr(err.text, "no command"));
}

/* ---- the parser by itself ---- */

static char log_text[256];

static int log_option(void *ctx, int id, const char *value, struct err *err)
{
    snprintf(log_text + strlen(log_text), sizeof log_text - strlen(log_text), "%d=%s ", id, value);
    return 0;
}

static const struct option_row rows[] = {
    {.help = "heading"},
    {"all", 'a', NULL, "x", 1},
    {"name", 'n', "NAME", "x", 2},
    {"hidden", 0, NULL, NULL, 3},
};

static void test_operands_move_behind_the_options_in_order(void **state)
{
    char *argv[] = {(char *)"cmd", (char *)"one",   (char *)"-a", (char *)"two", (char *)"--name",
                    (char *)"x",   (char *)"three", (char *)"--", (char *)"-a",  NULL};
    struct err err = {0};
    int first;

    log_text[0] = '\0';
    assert_int_equal(options_parse(rows, ARRAY_LEN(rows), 9, argv, false, &first, log_option, NULL, &err), 0);
    assert_string_equal(log_text, "1=true 2=x ");
    assert_int_equal(first, 5);
    assert_string_equal(argv[5], "one");
    assert_string_equal(argv[6], "two");
    assert_string_equal(argv[7], "three");
    assert_string_equal(argv[8], "-a");
}

static void test_help_is_asked_only_where_an_option_may_stand(void **state)
{
    static const struct {
        const char *line;
        bool stop, asked;
    } cases[] = {
        {"c|--help", true, true},         {"c|-h", true, true},          {"c|-a|--help", true, true},
        {"c|--name|--help", true, false}, {"c|-n|-h", true, false},      {"c|x|--help", true, false},
        {"c|x|--help", false, true},      {"c|--|--help", false, false}, {"c|-an|--help", true, false},
        {"c|--name=x|-h", true, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *argv[WORDS_MAX + 1], *rest = arena_strdup(&arena, cases[i].line);
        int argc = 0;
        while ((argv[argc] = strsep(&rest, "|")))
            argc++;
        if (options_ask_help(rows, ARRAY_LEN(rows), argc, argv, cases[i].stop) != cases[i].asked)
            fail_msg("%s", cases[i].line);
    }
}

static void test_distance_counts_swaps_as_one(void **state)
{
    assert_int_equal(nearest_distance("memory", "memory"), 0);
    assert_int_equal(nearest_distance("memroy", "memory"), 1);
    assert_int_equal(nearest_distance("", "abc"), 3);
    assert_int_equal(nearest_distance("abc", ""), 3);
    assert_int_equal(nearest_distance("kitten", "sitting"), 3);
}

static void test_every_option_has_one_row(void **state)
{
    for (size_t i = 0; i < n_explain_options_rows; i++) {
        const struct option_row *a = &run_options_rows[i];
        for (size_t k = i + 1; a->name && k < n_explain_options_rows; k++) {
            const struct option_row *b = &run_options_rows[k];
            if (b->name && (!strcmp(a->name, b->name) || (a->short_name && a->short_name == b->short_name)))
                fail_msg("--%s and --%s", a->name, b->name);
        }
    }
    for (int f = 0; f < POLICY_FLAGS; f++) {
        bool found = false;
        for (size_t i = 0; i < n_run_options_rows; i++)
            found |= run_options_rows[i].name && run_options_rows[i].id == f;
        if (!found)
            fail_msg("no row for --%s", policy_flag_name((enum policy_flag)f));
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_docker_s_spellings_are_read),
        T(test_double_dash_ends_the_options),
        T(test_root_directory_takes_all_operands_as_the_command),
        T(test_line_is_refused_with_the_remedy),
        T(test_explain_takes_json_and_no_image),
        T(test_device_gets_its_numbers_from_the_host),
        T(test_policy_file_lies_under_the_flags_wherever_it_stands),
        T(test_image_defaults_lie_between_ours_and_the_user_s),
        T(test_command_is_made_of_entrypoint_and_operands_as_docker_does),
        T(test_nothing_to_run_is_refused),
        T(test_operands_move_behind_the_options_in_order),
        T(test_help_is_asked_only_where_an_option_may_stand),
        T(test_distance_counts_swaps_as_one),
        T(test_every_option_has_one_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
