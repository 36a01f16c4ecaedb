/* SPDX-License-Identifier: Apache-2.0 */
/* The policy before the user says anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/defaults.h"

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>

static struct arena arena;
static struct policy policy;

static int setup(void **state)
{
    return arena_init(&arena, 1 << 20);
}

static int teardown(void **state)
{
    arena_free(&arena);
    return 0;
}

static void make(enum policy_defaults kind)
{
    struct err err = {0};

    policy_init(&policy, &arena, POLICY_FROM_FLAGS);
    if (policy_default_container(&policy, kind, &err) < 0)
        fail_msg("%s", err.text);
}

static bool has_data(const struct mount_rule *m, const char *option)
{
    for (uint32_t i = 0; m && i < m->n_data; i++) {
        if (!strcmp(m->data[i], option))
            return true;
    }
    return false;
}

static bool contains(const struct strv *v, const char *word)
{
    for (uint32_t i = 0; i < v->n; i++) {
        if (!strcmp(v->v[i], word))
            return true;
    }
    return false;
}

static const struct rlimit_rule *find_rlimit(int resource)
{
    for (uint32_t i = 0; i < policy.process.n_rlimits; i++) {
        if (policy.process.rlimits[i].resource == resource)
            return &policy.process.rlimits[i];
    }
    return NULL;
}

static void test_defaults_of_run_deny_and_limit(void **state)
{
    make(POLICY_DEFAULTS_RUN);

    for (int i = 0; i < NS_KINDS; i++) {
        bool fresh = i != NS_USER && i != NS_TIME;
        if ((policy.ns[i].how == NS_NEW) != fresh)
            fail_msg("namespace %d: %d", i, policy.ns[i].how);
    }
    assert_int_equal(policy.resources.pids.v, 512);
    assert_int_equal(policy.resources.memory.limit.v, 1 << 30);
    assert_int_equal(policy.resources.memory.swap.v, 1 << 30);
    assert_true(policy.process.no_new_privs);
    assert_true(policy.seccomp.set && policy.seccomp.moat_default);
    assert_true(policy.landlock);
    assert_true(find_rlimit(RLIMIT_CORE) && find_rlimit(RLIMIT_CORE)->hard == 0);
    assert_true(find_rlimit(RLIMIT_NOFILE) && find_rlimit(RLIMIT_NOFILE)->hard <= 1024);
    assert_int_equal(policy.n_devices, 0);
    assert_false(policy.resources.devices[0].allow);
    assert_int_equal(policy.resources.devices[0].type, 'a');
}

static void test_open_files_of_a_low_hard_limit_are_not_raised(void **state)
{
    struct rlimit old, low;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = (struct rlimit){.rlim_cur = 64, .rlim_max = old.rlim_max};
    make(POLICY_DEFAULTS_RUN);
    assert_int_equal(find_rlimit(RLIMIT_NOFILE)->hard, old.rlim_max < 1024 ? old.rlim_max : 1024);
    /* The soft limit of moat itself says nothing about the workload's. */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    make(POLICY_DEFAULTS_RUN);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(find_rlimit(RLIMIT_NOFILE)->hard, old.rlim_max < 1024 ? old.rlim_max : 1024);
}

static void test_capabilities_of_each_kind_are_docker_s_and_runc_s(void **state)
{
    make(POLICY_DEFAULTS_RUN);
    assert_int_equal(__builtin_popcountll(policy.process.caps.bounding), 14);
    assert_int_equal(policy.process.caps.inheritable | policy.process.caps.ambient, 0);
    assert_false(policy.process.caps.bounding >> CAP_SYS_ADMIN & 1);
    assert_true(policy.process.caps.bounding >> CAP_NET_RAW & 1);
    make(POLICY_DEFAULTS_SPEC);
    assert_int_equal(policy.process.caps.bounding, 1 << CAP_AUDIT_WRITE | 1 << CAP_KILL | 1 << CAP_NET_BIND_SERVICE);
}

static void test_mounts_have_their_options(void **state)
{
    static const struct {
        const char *destination, *type, *data;
        uint64_t attr;
    } cases[] = {
        {"/proc", "proc", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV},
        {"/dev", "tmpfs", "size=65536k", MOUNT_ATTR_NOSUID},
        {"/dev/pts", "devpts", "ptmxmode=0666", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC},
        {"/dev/shm", "tmpfs", "mode=1777", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV},
        {"/dev/mqueue", "mqueue", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV},
        {"/sys", "sysfs", NULL, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID},
        {"/sys/fs/cgroup", "cgroup", NULL, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID},
    };

    make(POLICY_DEFAULTS_RUN);
    assert_int_equal(policy.n_mounts, 7);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct mount_rule *m = policy_mount_find(&policy, cases[i].destination);
        if (!m || strcmp(m->type, cases[i].type) != 0)
            fail_msg("%s: not there, or of another type", cases[i].destination);
        if ((m->attr_set & cases[i].attr) != cases[i].attr)
            fail_msg("%s: attributes %llx", cases[i].destination, (unsigned long long)m->attr_set);
        if (cases[i].data && !has_data(m, cases[i].data))
            fail_msg("%s: no %s", cases[i].destination, cases[i].data);
    }
}

static void test_masked_and_read_only_paths_hold_the_dangerous_ones(void **state)
{
    static const char *const masked[] = {
        "/proc/kcore", "/proc/keys",       "/proc/acpi",       "/sys/firmware",
        "/proc/scsi",  "/proc/timer_list", "/proc/interrupts", "/sys/devices/virtual/powercap"};
    static const char *const readonly[] = {"/proc/sys", "/proc/sysrq-trigger", "/proc/bus", "/proc/fs", "/proc/irq"};

    make(POLICY_DEFAULTS_RUN);
    for (size_t i = 0; i < ARRAY_LEN(masked); i++) {
        if (!contains(&policy.masked_paths, masked[i]))
            fail_msg("%s is not masked", masked[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(readonly); i++) {
        if (!contains(&policy.readonly_paths, readonly[i]))
            fail_msg("%s is not read-only", readonly[i]);
    }
}

static void finish(void)
{
    struct err err = {0};

    if (policy_default_finish(&policy, &err) < 0)
        fail_msg("%s", err.text);
}

static void test_finish_gives_gid_5_only_where_it_is_mapped(void **state)
{
    struct id_map one = {0, 1000, 1}, block = {0, 524288, 65536};

    make(POLICY_DEFAULTS_RUN);
    policy.ns[NS_USER].how = NS_NEW;
    policy.gid_maps = (struct id_maps){&one, 1};
    finish();
    assert_false(has_data(policy_mount_find(&policy, "/dev/pts"), "gid=5"));

    make(POLICY_DEFAULTS_RUN);
    policy.ns[NS_USER].how = NS_NEW;
    policy.gid_maps = (struct id_maps){&block, 1};
    finish();
    assert_true(has_data(policy_mount_find(&policy, "/dev/pts"), "gid=5"));

    make(POLICY_DEFAULTS_SPEC);
    assert_true(has_data(policy_mount_find(&policy, "/dev/pts"), "gid=5"));
}

static void test_finish_binds_sys_when_ids_are_mapped_and_the_network_is_the_host_s(void **state)
{
    make(POLICY_DEFAULTS_RUN);
    policy.ns[NS_USER].how = NS_NEW;
    policy.ns[NS_NET].how = NS_HOST;
    finish();
    const struct mount_rule *m = policy_mount_find(&policy, "/sys");
    assert_true(m->bind && m->recursive);
    assert_string_equal(m->source, "/sys");
    assert_true(m->rec_attr_set & MOUNT_ATTR_RDONLY);

    make(POLICY_DEFAULTS_RUN);
    policy.ns[NS_USER].how = NS_NEW;
    finish();
    assert_false(policy_mount_find(&policy, "/sys")->bind);
}

static void test_finish_takes_effective_capabilities_from_other_users(void **state)
{
    make(POLICY_DEFAULTS_RUN);
    policy.process.user.uid = 1000;
    finish();
    assert_int_equal(policy.process.caps.effective | policy.process.caps.permitted, 0);
    assert_int_not_equal(policy.process.caps.bounding, 0);
}

static void test_mount_option_of_the_same_key_is_replaced(void **state)
{
    struct err err = {0};

    make(POLICY_DEFAULTS_RUN);
    struct mount_rule *m = policy_mount_find(&policy, "/dev/shm");
    assert_int_equal(policy_mount_options(&arena, m, "size=1024,,nr_inodes=9", &err), 0);
    assert_true(has_data(m, "size=1024") && has_data(m, "nr_inodes=9"));
    assert_false(has_data(m, "size=65536k"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults_of_run_deny_and_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_open_files_of_a_low_hard_limit_are_not_raised, setup, teardown),
        cmocka_unit_test_setup_teardown(test_capabilities_of_each_kind_are_docker_s_and_runc_s, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mounts_have_their_options, setup, teardown),
        cmocka_unit_test_setup_teardown(test_masked_and_read_only_paths_hold_the_dangerous_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(test_finish_gives_gid_5_only_where_it_is_mapped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_finish_binds_sys_when_ids_are_mapped_and_the_network_is_the_host_s, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_finish_takes_effective_capabilities_from_other_users, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mount_option_of_the_same_key_is_replaced, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
