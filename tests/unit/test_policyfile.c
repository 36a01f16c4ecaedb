/* SPDX-License-Identifier: Apache-2.0 */
/* Policy files: the samples that the schema is checked with too, and what each member becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "policy/defaults.h"
#include "policy/list.h"
#include "policy/policyfile.h"
#include "policy/seccomp_profile.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>

enum verdict { ACCEPTED, REFUSED };

static const struct {
    const char *label, *words, *text;
    enum verdict verdict;
} samples[] = {
#define GOOD(label, ...)          {label, "", #__VA_ARGS__, ACCEPTED},
#define BAD(label, words, ...)    {label, words, #__VA_ARGS__, REFUSED},
#define SUBTLE(label, words, ...) {label, words, #__VA_ARGS__, REFUSED},
#include "policyfile_samples.inc"
};

static struct arena arena;
static struct policy policy;
static struct policy_build build;

static int setup(void **state)
{
    struct err err = {0};

    if (arena_init(&arena, 64 << 20) < 0)
        return -1;
    policy_init(&policy, &arena, POLICY_FROM_FLAGS);
    if (policy_default_container(&policy, POLICY_DEFAULTS_RUN, &err) < 0)
        return -1;
    return policy_build_init(&build, &policy, "/etc/moat", &err);
}

static int teardown(void **state)
{
    arena_free(&arena);
    return 0;
}

static int read_text(const char *text, struct err *err)
{
    char *copy = arena_strdup(&arena, text);

    assert_non_null(copy);
    return policy_file_read(&build, copy, strlen(copy), err);
}

static void read_good(const char *text)
{
    struct err err = {0};

    if (read_text(text, &err) < 0 || policy_build_finish(&build, &err) < 0)
        fail_msg("%s", err.text);
}

static void test_sample_is_accepted_or_refused_with_its_path(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        struct err err = {0};
        teardown(NULL);
        assert_int_equal(setup(NULL), 0);
        int r = read_text(samples[i].text, &err);
        if (samples[i].verdict == ACCEPTED ? r != 0 : r >= 0)
            fail_msg("%s: %d %s", samples[i].label, r, err.text);
        if (!strstr(err.text, samples[i].words))
            fail_msg("%s: '%s' lacks '%s'", samples[i].label, err.text, samples[i].words);
    }
}

static void test_members_mean_what_their_flags_mean(void **state)
{
    read_good(
        "{\"version\":1,\"env\":{\"A\":\"x\"},\"workdir\":\"/src\",\"user\":1000,\"entrypoint\":[\"/bin/sh\",\"-c\"],"
        "\"limits\":{\"memory\":\"256m\",\"cpus\":0.5,\"pids\":64,\"ulimits\":{\"core\":{\"soft\":1,\"hard\":2}}},"
        "\"capabilities\":{\"drop\":[\"ALL\"],\"add\":[\"KILL\"]},\"network\":\"host\",\"noNewPrivileges\":false,"
        "\"readOnlyRoot\":true,\"timeout\":90,\"stopSignal\":2,\"hostname\":\"box\"}");

    assert_string_equal(policy_env_get(&policy.process.env, "A"), "x");
    assert_string_equal(policy.process.cwd, "/src");
    assert_string_equal(build.user, "1000");
    assert_int_equal(build.entrypoint.n, 2);
    assert_int_equal(policy.resources.memory.limit.v, 256 << 20);
    assert_int_equal(policy.resources.memory.swap.v, 256 << 20);
    assert_int_equal(policy.resources.cpu.quota.v, 50000);
    assert_int_equal(policy.resources.pids.v, 64);
    assert_int_equal(policy.process.caps.bounding, 1 << CAP_KILL);
    assert_int_equal(policy.ns[NS_NET].how, NS_HOST);
    assert_false(policy.process.no_new_privs);
    assert_true(policy.root_readonly);
    assert_int_equal(policy.timeout_ms, 90000);
    assert_int_equal(policy.stop_signal, SIGINT);
    assert_string_equal(policy.hostname, "box");
}

static void test_check_finds_all_mistakes_with_their_places(void **state)
{
    static const char text[] =
        "{\"memroy\": 1,\n"
        "\"limits\": {\"memory\": \"5q\", \"pids\": \"x\", \"ulimits\": {\"nofile\": \"9:8\", \"core\": 0}},\n"
        "\"ro\": [\"/a\", 3, \"~\"],\n"
        "\"env\": {\"A\": 1.10, \"B\": {}},\n"
        "\"mounts\": [{\"target\": \"/x\", \"typ\": 1, \"readOnly\": 1}, {\"target\": \"x\", \"source\": \"/s\"}],\n"
        "\"network\": \"bridge\"}";
    static const struct {
        unsigned line, column;
        const char *words, *accepted;
    } wanted[] = {
        {1, 1, "version is missing", NULL},
        {1, 2, "memroy: unknown member", "version, env"},
        {4, 14, "env.A: a fraction", "a string"},
        {4, 25, "env.B must be a string", "a string"},
        {3, 14, "ro[1] must be a string", "a path of the host"},
        {3, 17, "ro[2] '~'", "a path of the host"},
        {5, 29, "mounts[0].typ: unknown member: did you mean type?", "type, source"},
        {5, 51, "mounts[0].readOnly: must be true or false", "true or false"},
        {5, 55, "mounts[1]", "{type: tmpfs"},
        {2, 22, "limits.memory '5q': not a size", "512m"},
        {2, 36, "limits.pids must be a whole number", "1 or more"},
        {2, 63, "limits.ulimits.nofile", "SOFT:HARD"},
        {6, 12, "network 'bridge'", "none or host"},
    };
    struct policy_problem v[32];
    struct policy_problems found = {.v = v, .most = ARRAY_LEN(v)};
    struct err err = {0};
    unsigned line, column;

    char *copy = arena_strdup(&arena, text);
    assert_int_equal(policy_file_check(&build, copy, strlen(text), &found, &err), -EINVAL);
    assert_int_equal(err.code, 0);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (i == found.n)
            fail_msg("'%s' was not found", wanted[i].words);
        json_position(text, strlen(text), v[i].offset, &line, &column);
        if (line != wanted[i].line || column != wanted[i].column || !strstr(v[i].text, wanted[i].words) ||
            !wanted[i].accepted != !v[i].accepted || (v[i].accepted && !strstr(v[i].accepted, wanted[i].accepted)))
            fail_msg("%u:%u: %s; accepted: %s; expected %u:%u: %s", line, column, v[i].text,
                     v[i].accepted ? v[i].accepted : "-", wanted[i].line, wanted[i].column, wanted[i].words);
    }
    assert_int_equal(found.n, ARRAY_LEN(wanted));
}

static void test_check_stops_when_its_room_is_used_up(void **state)
{
    struct policy_problem v[2];
    struct policy_problems found = {.v = v, .most = 2};
    struct err err = {0};
    char *copy = arena_strdup(&arena, "{\"version\": 1, \"ro\": [1, 2, 3], \"rw\": [4]}");

    assert_int_equal(policy_file_check(&build, copy, strlen(copy), &found, &err), -EINVAL);
    assert_int_equal(found.n, 2);
    assert_non_null(strstr(v[1].text, "ro[1]"));
}

static void test_check_of_what_is_no_json_tells_the_place(void **state)
{
    struct policy_problem v[2];
    struct policy_problems found = {.v = v, .most = 2};
    struct err err = {0};
    char *copy = arena_strdup(&arena, "{\"version\": 1,, }");

    assert_int_equal(policy_file_check(&build, copy, strlen(copy), &found, &err), -EINVAL);
    assert_int_equal(found.n, 1);
    assert_int_equal(v[0].offset, 14);
}

static void test_reading_tells_line_and_accepted_form(void **state)
{
    struct err err = {0};

    assert_true(read_text("{\"version\": 1,\n \"limits\": {\"memory\": \"5q\"}}", &err) < 0);
    assert_string_equal(err.text,
                        "line 2, column 23: limits.memory '5q': not a size; accepted: bytes, or a number with "
                        "k, m, g, t, as 512m; -1 for no limit");
}

static void test_mount_may_execute_where_it_says_so(void **state)
{
    read_good("{\"version\":1,\"mounts\":[{\"type\":\"tmpfs\",\"target\":\"/x\",\"exec\":true},"
              "{\"type\":\"tmpfs\",\"target\":\"/y\"}]}");
    assert_false(policy_mount_find(&policy, "/x")->attr_set & MOUNT_ATTR_NOEXEC);
    assert_true(policy_mount_find(&policy, "/y")->attr_set & MOUNT_ATTR_NOEXEC);
}

static void test_capabilities_of_a_later_layer_go_over_the_file_s(void **state)
{
    static const struct {
        const char *label, *file;
        enum policy_flag flag;
        const char *value;
        uint64_t want;
    } cases[] = {
        {"drop of what the file adds", "\"drop\":[\"ALL\"],\"add\":[\"KILL\",\"CHOWN\"]", FLAG_CAP_DROP, "KILL",
         1 << CAP_CHOWN},
        {"add to what the file leaves", "\"drop\":[\"ALL\"],\"add\":[\"KILL\"]", FLAG_CAP_ADD, "CHOWN",
         1 << CAP_KILL | 1 << CAP_CHOWN},
        {"drop all", "\"add\":[\"NET_ADMIN\"]", FLAG_CAP_DROP, "ALL", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        teardown(NULL);
        assert_int_equal(setup(NULL), 0);
        char *text = arena_printf(&arena, "{\"version\":1,\"capabilities\":{%s}}", cases[i].file);
        assert_int_equal(read_text(text, &err), 0);
        policy_build_next_layer(&build);
        assert_int_equal(policy_flag_apply(&build, cases[i].flag, NULL, cases[i].value, &err), 0);
        assert_int_equal(policy_build_finish(&build, &err), 0);
        if (policy.process.caps.bounding != cases[i].want)
            fail_msg("%s: %llx", cases[i].label, (unsigned long long)policy.process.caps.bounding);
    }
}

static void test_paths_begin_at_the_file_s_folder(void **state)
{
    read_good("{\"version\":1,\"mounts\":[{\"source\":\"data\",\"target\":\"/d\"}],\"ro\":[\"x\"]}");
    assert_string_equal(policy_mount_find(&policy, "/d")->source, "/etc/moat/data");
    assert_non_null(policy_mount_find(&policy, "/etc/moat/x"));
}

static void test_source_with_comma_and_quote_stays_one_path(void **state)
{
    read_good("{\"version\":1,\"mounts\":[{\"source\":\"/a,\\\"b\\\",readonly\",\"target\":\"/d\"}]}");
    const struct mount_rule *m = policy_mount_find(&policy, "/d");
    assert_string_equal(m->source, "/a,\"b\",readonly");
    assert_false(m->attr_set & MOUNT_ATTR_RDONLY);
}

static void test_flags_go_over_the_file(void **state)
{
    struct err err = {0};

    assert_int_equal(
        read_text("{\"version\":1,\"limits\":{\"memory\":\"256m\"},\"env\":{\"A\":\"file\",\"B\":\"file\"},"
                  "\"mounts\":[{\"source\":\"/a\",\"target\":\"/d\"}]}",
                  &err),
        0);
    policy_build_next_layer(&build);
    assert_int_equal(policy_flag_apply(&build, FLAG_MEMORY, NULL, "64m", &err), 0);
    assert_int_equal(policy_flag_apply(&build, FLAG_ENV, NULL, "A=flag", &err), 0);
    assert_int_equal(policy_flag_apply(&build, FLAG_VOLUME, NULL, "/b:/d", &err), 0);
    assert_int_equal(policy_build_finish(&build, &err), 0);
    assert_int_equal(policy.resources.memory.limit.v, 64 << 20);
    assert_string_equal(policy_env_get(&policy.process.env, "A"), "flag");
    assert_string_equal(policy_env_get(&policy.process.env, "B"), "file");
    assert_string_equal(policy_mount_find(&policy, "/d")->source, "/b");
}

static void test_huge_list_is_refused_by_name(void **state)
{
    const size_t items = 5000;
    char *text = malloc(items * 8 + 64), *c = text;
    struct err err = {0};

    c += sprintf(c, "{\"version\":1,\"env\":[");
    for (size_t i = 0; i < items; i++)
        c += sprintf(c, "%s\"A=1\"", i ? "," : "");
    strcpy(c, "]}");
    assert_true(read_text(text, &err) < 0);
    assert_non_null(strstr(err.text, "env has 5000 items"));
    free(text);
}

static void test_cut_off_file_is_refused_at_every_length(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        for (size_t len = 0; len + 1 < strlen(samples[i].text); len++) {
            struct err err = {0};
            char *copy = malloc(len + 1); /* exactly: a sanitizer sees each byte too far */
            memcpy(copy, samples[i].text, len);
            if (policy_file_read(&build, copy, len, &err) == 0)
                fail_msg("%s: accepted when cut to %zu bytes", samples[i].label, len);
            free(copy);
        }
        teardown(NULL);
        assert_int_equal(setup(NULL), 0);
    }
}

/* ---- seccomp profiles ---- */

static int read_profile(const char *text, uint64_t caps, struct seccomp_policy *out, struct err *err)
{
    char *copy = arena_strdup(&arena, text);
    struct json *j;
    int r = json_parse(&arena, copy, strlen(copy), &j, err);

    return r < 0 ? r : seccomp_profile_read(&arena, j, caps, out, err);
}

static bool has_call(const struct seccomp_policy *p, const char *name)
{
    for (uint32_t i = 0; i < p->n_rules; i++) {
        for (uint32_t k = 0; k < p->rules[i].names.n; k++) {
            if (!strcmp(p->rules[i].names.v[k], name))
                return true;
        }
    }
    return false;
}

static const char docker_profile[] =
    "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1,"
    "\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\",\"subArchitectures\":[\"SCMP_ARCH_X86\"]},"
    "{\"architecture\":\"SCMP_ARCH_AARCH64\",\"subArchitectures\":[]},"
    "{\"architecture\":\"SCMP_ARCH_S390X\",\"subArchitectures\":[]}],"
    "\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"comment\":\"\",\"includes\":{},\"excludes\":{}"
    "},"
    "{\"name\":\"write\",\"action\":\"SCMP_ACT_ALLOW\"},"
    "{\"names\":[\"mount\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}},"
    "{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}},"
    "{\"names\":[\"s390_pci_mmio_read\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":[\"s390\",\"s390x\"]}},"
    "{\"names\":[\"ptrace\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"4.8\"}},"
    "{\"names\":[\"reboot\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"999.0\"}}]}";

static void test_docker_profile_conditions_are_decided(void **state)
{
    struct seccomp_policy p = {0};
    struct err err = {0};

    if (read_profile(docker_profile, 0, &p, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(p.set && !p.moat_default);
    assert_int_equal(p.default_action & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO);
    assert_true(has_call(&p, "read") && has_call(&p, "write") && has_call(&p, "clone") && has_call(&p, "ptrace"));
    assert_false(has_call(&p, "mount") || has_call(&p, "s390_pci_mmio_read") || has_call(&p, "reboot"));
    assert_true(p.n_arches >= 1 && p.n_arches <= 2);

    if (read_profile(docker_profile, UINT64_C(1) << CAP_SYS_ADMIN, &p, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(has_call(&p, "mount"));
    assert_false(has_call(&p, "clone"));
}

static void test_profile_condition_that_is_unknown_is_refused(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"[]", "a JSON object"},
        {"{}", "needs defaultAction"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\","
         "\"excludes\":{\"weather\":[\"rain\"]}}]}",
         "syscalls[0]: excludes: weather"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\","
         "\"includes\":{\"caps\":[\"CAP_X\"]}}]}",
         "'CAP_X' is no capability"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[3]}", "syscalls[0] must be an object"},
        {"{\"defaultAction\":\"SCMP_ACT_NOPE\"}", "SCMP_ACT_NOPE"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct seccomp_policy p = {0};
        struct err err = {0};
        if (read_profile(cases[i].text, 0, &p, &err) == 0)
            fail_msg("accepted: %s", cases[i].text);
        if (!strstr(err.text, cases[i].words))
            fail_msg("'%s' lacks '%s'", err.text, cases[i].words);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_sample_is_accepted_or_refused_with_its_path),
        T(test_members_mean_what_their_flags_mean),
        T(test_check_finds_all_mistakes_with_their_places),
        T(test_check_stops_when_its_room_is_used_up),
        T(test_check_of_what_is_no_json_tells_the_place),
        T(test_reading_tells_line_and_accepted_form),
        T(test_mount_may_execute_where_it_says_so),
        T(test_capabilities_of_a_later_layer_go_over_the_file_s),
        T(test_paths_begin_at_the_file_s_folder),
        T(test_source_with_comma_and_quote_stays_one_path),
        T(test_flags_go_over_the_file),
        T(test_huge_list_is_refused_by_name),
        T(test_cut_off_file_is_refused_at_every_length),
        T(test_docker_profile_conditions_are_decided),
        T(test_profile_condition_that_is_unknown_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
