/* SPDX-License-Identifier: Apache-2.0 */
/* Flag values: what each becomes, and what is refused with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/defaults.h"
#include "policy/flags.h"
#include "policy/list.h"

#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

static struct arena arena;
static struct policy policy;
static struct policy_build build;

static int setup(void **state)
{
    struct err err = {0};

    if (arena_init(&arena, 4 << 20) < 0)
        return -1;
    policy_init(&policy, &arena, POLICY_FROM_FLAGS);
    if (policy_default_container(&policy, POLICY_DEFAULTS_RUN, &err) < 0 ||
        policy_build_init(&build, &policy, "/home/me", &err) < 0)
        return -1;
    policy_build_next_layer(&build);
    return 0;
}

static int teardown(void **state)
{
    arena_free(&arena);
    return 0;
}

static void again(void)
{
    teardown(NULL);
    assert_int_equal(setup(NULL), 0);
}

static void give(enum policy_flag flag, const char *value)
{
    struct err err = {0};

    if (policy_flag_apply(&build, flag, NULL, value, &err) < 0)
        fail_msg("%s", err.text);
}

static void finish(void)
{
    struct err err = {0};

    if (policy_build_finish(&build, &err) < 0)
        fail_msg("%s", err.text);
}

static void test_size_in_docker_s_grammar_is_bytes(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {
        {"0", 0},
        {"512", 512},
        {"1b", 1},
        {"512k", 524288},
        {"512K", 524288},
        {"64kb", 65536},
        {"64KiB", 65536},
        {"1.5g", 1610612736},
        {"1g", 1073741824},
        {"2t", 2199023255552},
        {"1p", 1125899906842624},
        {"0.5m", 524288},
        {"0.000001g", 1073},
        {"9223372036854775807", INT64_MAX},
    };
    static const char *const bad[] = {"",
                                      "k",
                                      "-1",
                                      "5q",
                                      "1 g",
                                      "1gg",
                                      "1.g",
                                      ".5g",
                                      "1kib2",
                                      "1ki",
                                      "9223372036854775808",
                                      "8192p",
                                      "1e3",
                                      "99999999999999999999",
                                      "0x10"};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t n = -1;
        if (flag_parse_size(cases[i].text, &n) < 0 || n != cases[i].bytes)
            fail_msg("%s: %lld, expected %lld", cases[i].text, (long long)n, (long long)cases[i].bytes);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t n = 77;
        if (flag_parse_size(bad[i], &n) == 0 || n != 77)
            fail_msg("'%s' was taken as %lld", bad[i], (long long)n);
    }
}

static void test_duration_in_both_forms_is_milliseconds(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"90", 90000},
        {"1.5", 1500},
        {"1m30s", 90000},
        {"2h", 7200000},
        {"250ms", 250},
        {"1.5h", 5400000},
        {"1m5", -1},
        {"", -1},
        {"s", -1},
        {"5x", -1},
        {"-5", -1},
        {"1m ", -1},
        {"9223372036854775807h", -1},
        {"0", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = -1;
        int r = flag_parse_duration(cases[i].text, &ms);
        if ((r < 0) != (cases[i].ms < 0) || ms != cases[i].ms)
            fail_msg("'%s': %d, %lld, expected %lld", cases[i].text, r, (long long)ms, (long long)cases[i].ms);
    }
}

static void test_number_at_the_edges_is_exact_or_refused(void **state)
{
    int64_t n;

    assert_int_equal(flag_parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &n), 0);
    assert_true(n == INT64_MIN);
    assert_int_equal(flag_parse_i64("9223372036854775807", INT64_MIN, INT64_MAX, &n), 0);
    assert_true(n == INT64_MAX);
    assert_true(flag_parse_i64("9223372036854775808", INT64_MIN, INT64_MAX, &n) < 0);
    assert_true(flag_parse_i64("-", INT64_MIN, INT64_MAX, &n) < 0);
    assert_true(flag_parse_i64("11", 0, 10, &n) < 0);
}

static void test_path_clean_resolves_by_text(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"/", "/"},          {"//a//b/", "/a/b"},  {"/a/./b", "/a/b"},       {"/a/../b", "/b"}, {"/../..", "/"},
        {"/a/b/../..", "/"}, {"/a/...", "/a/..."}, {"/a..b/.c", "/a..b/.c"}, {"", "/"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *out = flag_path_clean(&arena, cases[i].in);
        if (strcmp(out, cases[i].out) != 0)
            fail_msg("'%s': '%s', expected '%s'", cases[i].in, out, cases[i].out);
    }
}

/* Each is refused, and the sentence holds flag, value and remedy. */
static void test_bad_value_is_refused_with_flag_value_and_remedy(void **state)
{
    static const struct {
        enum policy_flag flag;
        const char *value, *words;
    } cases[] = {
        {FLAG_MEMORY, "5q", "--memory '5q': not a size"},
        {FLAG_MEMORY, "256", "did you mean 256m?"},
        {FLAG_MEMORY, "100k", "less than a start takes"},
        {FLAG_CPUS, "two", "; accepted: a number of processors, as 2 or 0.5"},
        {FLAG_CPUS, "0.001", "0.01"},
        {FLAG_PIDS_LIMIT, "many", "whole number"},
        {FLAG_ULIMIT, "nofile", "NAME=SOFT[:HARD]"},
        {FLAG_ULIMIT, "files=3", "no limit is called 'files'"},
        {FLAG_ULIMIT, "nofile=9:8", "soft limit is above"},
        {FLAG_ULIMIT, "nofile=1:2:3", "not a limit"},
        {FLAG_WORKDIR, "src", "absolute"},
        {FLAG_USER, ":1", "NAME or UID"},
        {FLAG_USER, "a:", "NAME or UID"},
        {FLAG_HOSTNAME, "a b", "host name"},
        {FLAG_STOP_SIGNAL, "SIGNOPE", "not a signal"},
        {FLAG_TIMEOUT, "soon", "1m30s"},
        {FLAG_VOLUME, "/data", "--tmpfs"},
        {FLAG_VOLUME, "data:/x", "./data"},
        {FLAG_VOLUME, "/a:x", "absolute"},
        {FLAG_VOLUME, "/a:/", "--rootfs"},
        {FLAG_VOLUME, "/a:/proc/1", "/proc"},
        {FLAG_VOLUME, "/a:/x/../proc", "/proc"},
        {FLAG_VOLUME, "/a:/x:z", "SELinux"},
        {FLAG_VOLUME, "/a:/x:wo", "unknown option 'wo'"},
        {FLAG_VOLUME, "~/a:/x", "home directory"},
        {FLAG_DIR, "/a:/x", "HOST::GUEST"},
        {FLAG_DIR, "/a::/x:wo", "neither ro nor rw"},
        {FLAG_MOUNT, "type=bind,source=/a", "target="},
        {FLAG_MOUNT, "type=bind,target=/a", "source=HOST"},
        {FLAG_MOUNT, "type=volume,target=/x", "named volumes"},
        {FLAG_MOUNT, "source=v,target=/x", "named volumes"},
        {FLAG_MOUNT, "type=nfs,target=/x", "type=nfs"},
        {FLAG_MOUNT, "type=bind,source=/a,target=/x,foo=1", "unknown key 'foo'"},
        {FLAG_MOUNT, "type=tmpfs,target=/x,source=/y", "type=tmpfs takes"},
        {FLAG_MOUNT, "type=tmpfs,target=/x,tmpfs-mode=9", "octal"},
        {FLAG_MOUNT, "type=bind,source=/a,target=/x,bind-propagation=x", "bind-propagation"},
        {FLAG_TMPFS, "/t:bogus=1", "tmpfs has no option 'bogus=1'"},
        {FLAG_SHM_SIZE, "0", "not a size"},
        {FLAG_CAP_ADD, "ROOT", "NET_ADMIN"},
        {FLAG_SECURITY_OPT, "foo", "no-new-privileges"},
        {FLAG_SECURITY_OPT, "label=type:x", "SELinux"},
        {FLAG_SECURITY_OPT, "no-new-privileges=maybe", "neither true nor false"},
        {FLAG_DEVICE, "fuse", "/dev/fuse"},
        {FLAG_DEVICE, "vendor.com/gpu=0", "CDI"},
        {FLAG_DEVICE, "/dev/fuse:rx", "r (read)"},
        {FLAG_DEVICE_CGROUP_RULE, "c 1 rwm", "c 1:3 rwm"},
        {FLAG_DEVICE_CGROUP_RULE, "x 1:3 rwm", "c 1:3 rwm"},
        {FLAG_DEVICE_CGROUP_RULE, "c 1*:3 rwm", "c 1:3 rwm"},
        {FLAG_SYSCTL, "kernel.panic=1", "no namespace"},
        {FLAG_SYSCTL, "kernel.sem/../panic=1", "single dots"},
        {FLAG_SYSCTL, "net.core.somaxconn", "KEY=VALUE"},
        {FLAG_NETWORK, "bridge", "none"},
        {FLAG_NETWORK, "container:x", "none or host"},
        {FLAG_USERNS, "keep-id", "single"},
        {FLAG_CPUSET_CPUS, "0-", "0-3,7"},
        {FLAG_CPUSET_CPUS, "3-1", "0-3,7"},
        {FLAG_CPUSET_CPUS, "1,,2", "0-3,7"},
        {FLAG_ENV, "=x", "NAME=VALUE"},
        {FLAG_ENV_FILE, "/nonexistent/env", "No such file"},
        {FLAG_ANNOTATION, "a", "KEY=VALUE"},
        {FLAG_OOM_SCORE_ADJ, "1001", "-1000 to 1000"},
        {FLAG_READ_ONLY, "maybe", "true or false"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        again();
        if (policy_flag_apply(&build, cases[i].flag, NULL, cases[i].value, &err) == 0)
            fail_msg("--%s '%s' was accepted", policy_flag_name(cases[i].flag), cases[i].value);
        if (!strstr(err.text, cases[i].words) || !strstr(err.text, policy_flag_name(cases[i].flag)))
            fail_msg("--%s '%s': '%s' lacks '%s'", policy_flag_name(cases[i].flag), cases[i].value, err.text,
                     cases[i].words);
    }
}

static void test_memory_alone_allows_no_swap(void **state)
{
    give(FLAG_MEMORY, "64m");
    finish();
    assert_int_equal(policy.resources.memory.limit.v, 64 << 20);
    assert_int_equal(policy.resources.memory.swap.v, 64 << 20);
}

static void test_memory_without_limit_takes_swap_s_limit_away(void **state)
{
    give(FLAG_MEMORY, "-1");
    finish();
    assert_false(policy.resources.memory.limit.set || policy.resources.memory.swap.set);
}

static void test_memory_of_512k_is_accepted(void **state)
{
    give(FLAG_MEMORY, "512k");
    finish();
    assert_int_equal(policy.resources.memory.limit.v, 512 << 10);
}

static void test_memory_contradictions_are_refused(void **state)
{
    static const struct {
        const char *memory, *swap, *reservation, *words;
    } cases[] = {
        {"64m", "32m", NULL, "not less than memory"},
        {"-1", "32m", NULL, "needs a limit of memory"},
        {"64m", NULL, "65m", "above memory"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        again();
        give(FLAG_MEMORY, cases[i].memory);
        if (cases[i].swap)
            give(FLAG_MEMORY_SWAP, cases[i].swap);
        if (cases[i].reservation)
            give(FLAG_MEMORY_RESERVATION, cases[i].reservation);
        if (policy_build_finish(&build, &err) == 0 || !strstr(err.text, cases[i].words))
            fail_msg("case %zu: '%s' lacks '%s'", i, err.text, cases[i].words);
    }
}

static void test_cpus_become_quota_and_period(void **state)
{
    give(FLAG_CPUS, "1.5");
    finish();
    assert_int_equal(policy.resources.cpu.period.v, 100000);
    assert_int_equal(policy.resources.cpu.quota.v, 150000);
}

static void test_cpus_beside_a_quota_are_refused(void **state)
{
    struct err err = {0};

    give(FLAG_CPUS, "1");
    give(FLAG_CPU_QUOTA, "5000");
    assert_true(policy_build_finish(&build, &err) < 0);
    assert_non_null(strstr(err.text, "not both"));
}

static void test_capabilities_follow_docker_s_rule_in_any_order(void **state)
{
    const uint64_t base = policy_default_capabilities(POLICY_DEFAULTS_RUN), all = (UINT64_C(1) << 41) - 1;
    const uint64_t admin = UINT64_C(1) << CAP_NET_ADMIN, raw = UINT64_C(1) << CAP_NET_RAW;
    const struct {
        const char *label, *add, *drop;
        bool drop_first;
        uint64_t want;
    } cases[] = {
        {"add", "NET_ADMIN", NULL, false, base | admin},
        {"add with prefix, small letters", "cap_net_admin", NULL, false, base | admin},
        {"drop", NULL, "NET_RAW", false, base & ~raw},
        {"drop all, add one", "NET_ADMIN", "ALL", true, admin},
        {"add one, drop all", "NET_ADMIN", "all", false, admin},
        {"add all, drop one", "ALL", "NET_RAW", false, all & ~raw},
        {"drop one, add all", "ALL", "NET_RAW", true, all & ~raw},
        {"drop all", NULL, "ALL", false, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        again();
        if (cases[i].drop && cases[i].drop_first)
            give(FLAG_CAP_DROP, cases[i].drop);
        if (cases[i].add)
            give(FLAG_CAP_ADD, cases[i].add);
        if (cases[i].drop && !cases[i].drop_first)
            give(FLAG_CAP_DROP, cases[i].drop);
        finish();
        if (policy.process.caps.bounding != cases[i].want || policy.process.caps.effective != cases[i].want)
            fail_msg("%s: %llx, expected %llx", cases[i].label, (unsigned long long)policy.process.caps.bounding,
                     (unsigned long long)cases[i].want);
    }
}

static void test_every_spelling_of_a_read_only_path_makes_the_same_rule(void **state)
{
    static const struct {
        enum policy_flag flag;
        const char *value;
    } cases[] = {
        {FLAG_RO, "/data/x"},
        {FLAG_DIR, "/data/x::/data/x:ro"},
        {FLAG_VOLUME, "/data/x:/data/x:ro"},
        {FLAG_MOUNT, "type=bind,source=/data/x,target=/data/x,readonly"},
        {FLAG_MOUNT, "type=bind,src=/data/x,dst=/data/x,ro=true,bind-propagation=rprivate"},
        {FLAG_MOUNT, "type=bind,\"source=/data/x\",target=/data/x,readonly=1"},
    };
    struct mount_rule first = {0};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        again();
        give(cases[i].flag, cases[i].value);
        const struct mount_rule *m = policy_mount_find(&policy, "/data/x");
        assert_non_null(m);
        if (i == 0)
            first = *m;
        if (!m->bind || !m->recursive || strcmp(m->source, "/data/x") != 0 || m->attr_set != first.attr_set ||
            m->rec_attr_set != first.rec_attr_set || m->propagation != first.propagation || m->idmap != first.idmap)
            fail_msg("%s is another rule than the first", cases[i].value);
    }
    assert_true(first.attr_set & MOUNT_ATTR_RDONLY && first.rec_attr_set & MOUNT_ATTR_RDONLY);
    assert_true(first.attr_set & MOUNT_ATTR_NODEV && first.attr_set & MOUNT_ATTR_NOSUID);
}

static void test_relative_host_path_begins_at_the_current_directory(void **state)
{
    give(FLAG_VOLUME, "./src:/src");
    assert_string_equal(policy_mount_find(&policy, "/src")->source, "/home/me/src");
    give(FLAG_VOLUME, "a/b:/ab");
    assert_string_equal(policy_mount_find(&policy, "/ab")->source, "/home/me/a/b");
    give(FLAG_RO, ".");
    assert_non_null(policy_mount_find(&policy, "/home/me"));
    give(FLAG_RW, "../you");
    assert_non_null(policy_mount_find(&policy, "/home/you"));
}

static void test_volume_options_change_the_rule(void **state)
{
    give(FLAG_VOLUME, "/a:/a:noexec,rslave,dev");
    const struct mount_rule *m = policy_mount_find(&policy, "/a");
    assert_true(m->attr_set & MOUNT_ATTR_NOEXEC);
    assert_false(m->attr_set & MOUNT_ATTR_NODEV);
    assert_false(m->attr_set & MOUNT_ATTR_RDONLY);
    assert_int_equal(m->propagation, MS_SLAVE | MS_REC);
    give(FLAG_MOUNT, "type=bind,source=/b,target=/b,bind-nonrecursive");
    assert_false(policy_mount_find(&policy, "/b")->recursive);
}

static void test_second_mount_on_the_same_place_is_refused_but_a_later_layer_replaces(void **state)
{
    struct err err = {0};

    give(FLAG_VOLUME, "/a:/x");
    assert_true(policy_flag_apply(&build, FLAG_VOLUME, NULL, "/b:/y/../x", &err) < 0);
    assert_non_null(strstr(err.text, "/x is already given: name it once"));
    policy_build_next_layer(&build);
    uint32_t n = policy.n_mounts;
    give(FLAG_TMPFS, "/x");
    assert_int_equal(policy.n_mounts, n);
    assert_string_equal(policy_mount_find(&policy, "/x")->type, "tmpfs");
    give(FLAG_TMPFS, "/dev/shm");
    assert_int_equal(policy.n_mounts, n);
}

static void test_mounts_are_ordered_by_depth_behind_the_defaults(void **state)
{
    uint32_t n = policy.n_mounts;

    give(FLAG_VOLUME, "/1:/x/y/z");
    give(FLAG_VOLUME, "/2:/b");
    give(FLAG_VOLUME, "/3:/x/y");
    give(FLAG_VOLUME, "/4:/a");
    finish();
    assert_string_equal(policy.mounts[n].destination, "/b");
    assert_string_equal(policy.mounts[n + 1].destination, "/a");
    assert_string_equal(policy.mounts[n + 2].destination, "/x/y");
    assert_string_equal(policy.mounts[n + 3].destination, "/x/y/z");
    assert_string_equal(policy.mounts[0].destination, "/proc");
}

static void test_tmpfs_is_closed_unless_opened(void **state)
{
    give(FLAG_TMPFS, "/t:size=1m,exec");
    const struct mount_rule *m = policy_mount_find(&policy, "/t");
    assert_false(m->attr_set & MOUNT_ATTR_NOEXEC);
    assert_true(m->attr_set & MOUNT_ATTR_NOSUID && m->attr_set & MOUNT_ATTR_NODEV);
    assert_string_equal(m->data[0], "size=1m");
}

static void test_env_later_value_wins_and_bare_name_is_taken_from_moat(void **state)
{
    setenv("MOAT_TEST_OWN", "mine", 1);
    unsetenv("MOAT_TEST_NONE");
    give(FLAG_ENV, "A=1");
    give(FLAG_ENV, "A=2=3");
    give(FLAG_ENV, "EMPTY=");
    give(FLAG_ENV, "MOAT_TEST_OWN");
    give(FLAG_ENV, "MOAT_TEST_NONE");
    assert_string_equal(policy_env_get(&policy.process.env, "A"), "2=3");
    assert_string_equal(policy_env_get(&policy.process.env, "EMPTY"), "");
    assert_string_equal(policy_env_get(&policy.process.env, "MOAT_TEST_OWN"), "mine");
    assert_null(policy_env_get(&policy.process.env, "MOAT_TEST_NONE"));
    assert_null(policy.process.env.v[policy.process.env.n]);
    assert_int_equal(build.user_env.n, 3);
}

static void test_env_file_takes_lines_and_names_the_bad_one(void **state)
{
    char path[] = "/tmp/moat-test-env-XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    struct err err = {0};

    assert_non_null(f);
    fputs("# comment\n\n  A=1\r\nB=x y\nlast=z", f);
    fflush(f);
    give(FLAG_ENV_FILE, path);
    assert_string_equal(policy_env_get(&policy.process.env, "A"), "1");
    assert_string_equal(policy_env_get(&policy.process.env, "B"), "x y");
    assert_string_equal(policy_env_get(&policy.process.env, "last"), "z");
    fputs("\nbad name=1\n", f);
    fclose(f);
    assert_true(policy_flag_apply(&build, FLAG_ENV_FILE, NULL, path, &err) < 0);
    assert_non_null(strstr(err.text, "line 6"));
    unlink(path);
}

static void test_terminal_brings_term_unless_it_is_set(void **state)
{
    give(FLAG_TTY, "true");
    finish();
    assert_string_equal(policy_env_get(&policy.process.env, "TERM"), "xterm");
    again();
    give(FLAG_TTY, "true");
    give(FLAG_ENV, "TERM=vt100");
    finish();
    assert_string_equal(policy_env_get(&policy.process.env, "TERM"), "vt100");
}

static void test_ulimit_replaces_the_default_of_the_same_name(void **state)
{
    uint32_t n = policy.process.n_rlimits;

    give(FLAG_ULIMIT, "nofile=10:20");
    give(FLAG_ULIMIT, "core=-1");
    give(FLAG_ULIMIT, "nproc=5");
    assert_int_equal(policy.process.n_rlimits, n + 1);
    for (uint32_t i = 0; i < policy.process.n_rlimits; i++) {
        const struct rlimit_rule *r = &policy.process.rlimits[i];
        if (r->resource == RLIMIT_NOFILE)
            assert_true(r->soft == 10 && r->hard == 20);
        if (r->resource == RLIMIT_CORE)
            assert_true(r->soft == UINT64_MAX && r->hard == UINT64_MAX);
        if (r->resource == RLIMIT_NPROC)
            assert_true(r->soft == 5 && r->hard == 5);
    }
}

static void test_security_options_set_what_they_say(void **state)
{
    give(FLAG_SECURITY_OPT, "no-new-privileges:false");
    assert_false(policy.process.no_new_privs);
    give(FLAG_SECURITY_OPT, "no-new-privileges");
    assert_true(policy.process.no_new_privs);
    give(FLAG_SECURITY_OPT, "seccomp=unconfined");
    assert_false(policy.seccomp.set);
    give(FLAG_SECURITY_OPT, "seccomp=p.json");
    assert_string_equal(build.seccomp_file, "p.json");
    give(FLAG_SECURITY_OPT, "seccomp=default");
    assert_true(policy.seccomp.moat_default && !build.seccomp_file);
    give(FLAG_SECURITY_OPT, "systempaths=unconfined");
    assert_int_equal(policy.masked_paths.n + policy.readonly_paths.n, 0);
}

static void test_device_forms_are_read(void **state)
{
    static const struct {
        const char *value, *source, *path, *access;
    } cases[] = {
        {"/dev/fuse", "/dev/fuse", "/dev/fuse", "rwm"},
        {"/dev/fuse:r", "/dev/fuse", "/dev/fuse", "r"},
        {"/dev/fuse:/dev/f", "/dev/fuse", "/dev/f", "rwm"},
        {"/dev/fuse:/dev/f:rw", "/dev/fuse", "/dev/f", "rw"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        give(FLAG_DEVICE, cases[i].value);
        const struct flag_device *d = &build.devices[i];
        if (strcmp(d->source, cases[i].source) != 0 || strcmp(d->path, cases[i].path) != 0 ||
            d->read != !!strchr(cases[i].access, 'r') || d->write != !!strchr(cases[i].access, 'w') ||
            d->mknod != !!strchr(cases[i].access, 'm'))
            fail_msg("%s", cases[i].value);
    }
    give(FLAG_DEVICE_CGROUP_RULE, "c 10:* rw");
    const struct device_access *a = &policy.resources.devices[policy.resources.n_devices - 1];
    assert_true(a->allow && a->type == 'c' && a->major == 10 && a->minor == -1 && a->read && a->write && !a->mknod);
}

static void test_shm_size_changes_the_default_mount(void **state)
{
    give(FLAG_SHM_SIZE, "1m");
    const struct mount_rule *m = policy_mount_find(&policy, "/dev/shm");
    unsigned sizes = 0;
    for (uint32_t i = 0; i < m->n_data; i++)
        sizes += !strncmp(m->data[i], "size=", 5);
    assert_int_equal(sizes, 1);
}

static void test_network_sysctl_needs_a_network_of_its_own(void **state)
{
    struct err err = {0};

    give(FLAG_SYSCTL, "net.core.somaxconn=9");
    finish();
    give(FLAG_NETWORK, "host");
    assert_true(policy_build_finish(&build, &err) < 0);
    assert_non_null(strstr(err.text, "net.core.somaxconn"));
}

static void test_given_tells_the_user_s_items_from_defaults(void **state)
{
    assert_false(policy_flag_given(&build, FLAG_MEMORY));
    give(FLAG_MEMORY, "1g");
    assert_true(policy_flag_given(&build, FLAG_MEMORY));
    assert_false(policy_flag_given(&build, FLAG_PIDS_LIMIT));
}

static void test_full_arena_is_an_error_not_a_crash(void **state)
{
    struct err err = {0};
    int r = 0;
    char value[64];

    for (int i = 0; r == 0 && i < 1000000; i++) {
        snprintf(value, sizeof value, "/h/%d:/g/%d", i, i);
        r = policy_flag_apply(&build, FLAG_VOLUME, NULL, value, &err);
    }
    assert_int_equal(r, -12 /* ENOMEM */);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_size_in_docker_s_grammar_is_bytes),
        T(test_duration_in_both_forms_is_milliseconds),
        T(test_number_at_the_edges_is_exact_or_refused),
        T(test_path_clean_resolves_by_text),
        T(test_bad_value_is_refused_with_flag_value_and_remedy),
        T(test_memory_alone_allows_no_swap),
        T(test_memory_without_limit_takes_swap_s_limit_away),
        T(test_memory_of_512k_is_accepted),
        T(test_memory_contradictions_are_refused),
        T(test_cpus_become_quota_and_period),
        T(test_cpus_beside_a_quota_are_refused),
        T(test_capabilities_follow_docker_s_rule_in_any_order),
        T(test_every_spelling_of_a_read_only_path_makes_the_same_rule),
        T(test_relative_host_path_begins_at_the_current_directory),
        T(test_volume_options_change_the_rule),
        T(test_second_mount_on_the_same_place_is_refused_but_a_later_layer_replaces),
        T(test_mounts_are_ordered_by_depth_behind_the_defaults),
        T(test_tmpfs_is_closed_unless_opened),
        T(test_env_later_value_wins_and_bare_name_is_taken_from_moat),
        T(test_env_file_takes_lines_and_names_the_bad_one),
        T(test_terminal_brings_term_unless_it_is_set),
        T(test_ulimit_replaces_the_default_of_the_same_name),
        T(test_security_options_set_what_they_say),
        T(test_device_forms_are_read),
        T(test_shm_size_changes_the_default_mount),
        T(test_network_sysctl_needs_a_network_of_its_own),
        T(test_given_tells_the_user_s_items_from_defaults),
        T(test_full_arena_is_an_error_not_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
