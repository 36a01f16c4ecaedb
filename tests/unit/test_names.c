/* SPDX-License-Identifier: Apache-2.0 */
/* The name tables: both ways, in order, and nothing besides. */
#include "policy/names.h"

#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <string.h>

static void test_names_capabilities_go_both_ways(void **state)
{
    (void)state;
    for (int cap = 0; cap < CAP_COUNT; cap++) {
        assert_non_null(cap_name(cap));
        assert_int_equal(cap_from_name(cap_name(cap)), cap);
        assert_int_equal(cap_from_name(cap_name(cap) + 4), cap);
    }
    assert_int_equal(cap_from_name("chown"), 0);
    assert_int_equal(cap_from_name("cap_sys_admin"), 21);
    assert_int_equal(cap_from_name("CAP_CHECKPOINT_RESTORE"), 40);
    assert_int_equal(cap_from_name(""), -1);
    assert_int_equal(cap_from_name("CAP_"), -1);
    assert_int_equal(cap_from_name("CAP_CAP_CHOWN"), -1);
    assert_int_equal(cap_from_name("CAP_CHOWNX"), -1);
    assert_null(cap_name(-1));
    assert_null(cap_name(CAP_COUNT));
}

static void test_names_rlimits_go_both_ways(void **state)
{
    int n = 0;

    (void)state;
    for (; rlimit_name(n); n++)
        assert_int_equal(rlimit_from_name(rlimit_name(n)), n);
    assert_int_equal(n, 16);
    assert_int_equal(rlimit_from_name("nofile"), 7);
    assert_int_equal(rlimit_from_name("RLIMIT_SWAP"), -1);
    assert_null(rlimit_name(-1));
}

static void test_names_signals_are_the_kernels(void **state)
{
    static const struct {
        const char *name;
        int number;
    } cases[] = {
        {"SIGTERM", 15},  {"TERM", 15},       {"term", 15},  {"15", 15},       {"KILL", 9},        {"SIGHUP", 1},
        {"64", 64},       {"0", -1},          {"65", -1},    {"-1", -1},       {"", -1},           {"SIG", -1},
        {"SIGFOO", -1},   {"1x", -1},         {"RTMIN", 34}, {"SIGRTMIN", 34}, {"SIGRTMIN+3", 37}, {"SIGRTMAX-1", 63},
        {"RTMIN+30", 64}, {"RTMIN+31", -1},   {"RTMAX", 64}, {"RTMIN+", -1},   {"RTMAX-31", -1},   {"SIGIOT", 6},
        {"SIGPOLL", 29},  {"9999999999", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (signal_from_name(cases[i].name) != cases[i].number)
            fail_msg("%s: got %d, expected %d", cases[i].name, signal_from_name(cases[i].name), cases[i].number);
    }
    for (int n = 0; n <= 70; n++) {
        if (signal_name(n))
            assert_int_equal(signal_from_name(signal_name(n)), n);
    }
    assert_string_equal(signal_name(15), "SIGTERM");
    assert_string_equal(signal_name(37), "SIGRTMIN+3");
    assert_null(signal_name(0));
    assert_null(signal_name(32));
    assert_null(signal_name(65));
}

static void test_names_namespaces_go_both_ways(void **state)
{
    (void)state;
    for (int kind = 0; kind < NS_KINDS; kind++) {
        assert_int_equal(ns_from_name(ns_name(kind)), kind);
        assert_non_null(ns_proc_name(kind));
        assert_true(ns_clone_flag(kind) != 0);
    }
    assert_int_equal(ns_clone_flag(NS_MNT), 0x20000);
    assert_string_equal(ns_proc_name(NS_NET), "net");
    assert_int_equal(ns_from_name("net"), -1);
    assert_int_equal(ns_from_name(""), -1);
}

static void test_names_seccomp_go_both_ways(void **state)
{
    uint32_t v;
    int op;

    (void)state;
    for (size_t i = 0; seccomp_action_name_at(i); i++) {
        assert_true(seccomp_action_from_name(seccomp_action_name_at(i), &v));
        uint32_t again;
        assert_true(seccomp_action_from_name(seccomp_action_name(v), &again));
        assert_int_equal(v, again);
    }
    for (size_t i = 0; seccomp_arch_name_at(i); i++) {
        assert_true(seccomp_arch_from_name(seccomp_arch_name_at(i), &v));
        assert_string_equal(seccomp_arch_name(v), seccomp_arch_name_at(i));
    }
    for (size_t i = 0; seccomp_op_name_at(i); i++) {
        assert_true(seccomp_op_from_name(seccomp_op_name_at(i), &op));
        assert_string_equal(seccomp_op_name(op), seccomp_op_name_at(i));
    }
    for (size_t i = 0; seccomp_flag_name_at(i); i++) {
        assert_true(seccomp_flag_from_name(seccomp_flag_name_at(i), &v));
        assert_string_equal(seccomp_flag_name(v), seccomp_flag_name_at(i));
    }
    assert_string_equal(seccomp_action_name(SECCOMP_RET_ERRNO | 38), "SCMP_ACT_ERRNO");
    assert_false(seccomp_action_from_name("ALLOW", &v));
    assert_false(seccomp_arch_from_name("SCMP_ARCH_NATIVE", &v));
    assert_false(seccomp_op_from_name("SCMP_CMP_XX", &op));
    assert_null(seccomp_op_name(7));
}

static void test_names_mount_options_are_sorted_and_found(void **state)
{
    size_t n = 0;

    (void)state;
    for (; mount_option_name(n); n++) {
        struct mount_rule m = {0};
        if (n && strcmp(mount_option_name(n - 1), mount_option_name(n)) >= 0)
            fail_msg("%s stands before %s", mount_option_name(n - 1), mount_option_name(n));
        if (!mount_option_apply(&m, mount_option_name(n)))
            fail_msg("%s is in the table and not found", mount_option_name(n));
        assert_null(m.data);
    }
    assert_int_equal(n, 63);
}

static void test_names_mount_option_that_is_not_ours_is_left_to_the_file_system(void **state)
{
    static const char *const foreign[] = {"mode=755", "size=65536k", "newinstance", "", "RO", "ro ", "lowerdir=/a"};
    static const struct mount_rule zero;

    (void)state;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        struct mount_rule m = {0};
        assert_false(mount_option_apply(&m, foreign[i]));
        assert_memory_equal(&m, &zero, sizeof m);
    }
}

static void test_names_mount_options_later_one_wins(void **state)
{
    static const struct {
        const char *options[4];
        uint64_t set, clear, sb, rec_set, rec_clear;
    } cases[] = {
        {{"nosuid", "suid"}, 0, MOUNT_ATTR_NOSUID, 0, 0, 0},
        {{"suid", "nosuid"}, MOUNT_ATTR_NOSUID, 0, 0, 0, 0},
        {{"ro"}, MOUNT_ATTR_RDONLY, 0, MS_RDONLY, 0, 0},
        {{"ro", "rw"}, 0, MOUNT_ATTR_RDONLY, 0, 0, 0},
        {{"noatime", "strictatime"}, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, 0, 0, 0},
        {{"strictatime", "nostrictatime"}, 0, MOUNT_ATTR__ATIME, 0, 0, 0},
        {{"noatime", "nostrictatime"}, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, 0, 0, 0},
        {{"noatime", "relatime"}, 0, MOUNT_ATTR__ATIME, 0, 0, 0},
        {{"nodiratime", "noatime"}, MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, 0, 0, 0},
        {{"sync", "dirsync", "async"}, 0, 0, MS_DIRSYNC, 0, 0},
        {{"silent", "loud"}, 0, 0, 0, 0, 0},
        {{"rro", "rnosuid", "rsuid"}, 0, 0, 0, MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID},
        {{"rnoatime"}, 0, 0, 0, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
        {{"norelatime", "defaults"}, 0, 0, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mount_rule m = {0};
        for (size_t k = 0; k < 4 && cases[i].options[k]; k++)
            assert_true(mount_option_apply(&m, cases[i].options[k]));
        if (m.attr_set != cases[i].set || m.attr_clear != cases[i].clear || m.sb_flags != cases[i].sb ||
            m.rec_attr_set != cases[i].rec_set || m.rec_attr_clear != cases[i].rec_clear)
            fail_msg("case %zu (%s ...): set %#lx clear %#lx sb %#lx rset %#lx rclear %#lx", i, cases[i].options[0],
                     (unsigned long)m.attr_set, (unsigned long)m.attr_clear, (unsigned long)m.sb_flags,
                     (unsigned long)m.rec_attr_set, (unsigned long)m.rec_attr_clear);
    }
}

static void test_names_mount_options_set_their_fields(void **state)
{
    struct mount_rule m = {0};

    (void)state;
    assert_true(mount_option_apply(&m, "rbind"));
    assert_true(m.bind && m.recursive);
    assert_true(mount_option_apply(&m, "rslave"));
    assert_int_equal(m.propagation, MS_SLAVE | MS_REC);
    assert_true(mount_option_apply(&m, "private"));
    assert_int_equal(m.propagation, MS_PRIVATE);
    assert_true(mount_option_apply(&m, "ridmap"));
    assert_int_equal(m.idmap, IDMAP_RECURSIVE);
    assert_true(mount_option_apply(&m, "tmpcopyup") && m.tmpcopyup);
    assert_true(mount_option_apply(&m, "remount") && m.remount);
    assert_true(mount_option_apply(&m, "dest-nofollow") && m.nofollow);
    assert_true(mount_option_apply(&m, MOUNT_OPTION_OPTIONAL) && m.optional);
}

/* Every pair of options: written back and applied again, they make the same rule. */
static void test_names_mount_options_written_back_make_the_same_rule(void **state)
{
    (void)state;
    for (size_t i = 0; mount_option_name(i); i++) {
        for (size_t k = 0; mount_option_name(k); k++) {
            struct mount_rule m = {.optional = k & 1}, back = {0};
            const char *option;
            size_t at = 0;
            mount_option_apply(&m, mount_option_name(i));
            mount_option_apply(&m, mount_option_name(k));
            while ((option = mount_option_next(&m, &at)))
                assert_true(mount_option_apply(&back, option));
            if (memcmp(&m, &back, sizeof m) != 0)
                fail_msg("%s,%s does not come back", mount_option_name(i), mount_option_name(k));
        }
    }
}

static void test_names_propagation_goes_both_ways(void **state)
{
    static const char *const words[] = {"private", "rprivate", "slave",      "rslave",
                                        "shared",  "rshared",  "unbindable", "runbindable"};
    uint64_t flags;

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_true(mount_propagation_from_name(words[i], &flags));
        assert_string_equal(mount_propagation_name(flags), words[i]);
    }
    assert_false(mount_propagation_from_name("ro", &flags));
    assert_false(mount_propagation_from_name("", &flags));
    assert_null(mount_propagation_name(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_capabilities_go_both_ways),
        cmocka_unit_test(test_names_rlimits_go_both_ways),
        cmocka_unit_test(test_names_signals_are_the_kernels),
        cmocka_unit_test(test_names_namespaces_go_both_ways),
        cmocka_unit_test(test_names_seccomp_go_both_ways),
        cmocka_unit_test(test_names_mount_options_are_sorted_and_found),
        cmocka_unit_test(test_names_mount_option_that_is_not_ours_is_left_to_the_file_system),
        cmocka_unit_test(test_names_mount_options_later_one_wins),
        cmocka_unit_test(test_names_mount_options_set_their_fields),
        cmocka_unit_test(test_names_mount_options_written_back_make_the_same_rule),
        cmocka_unit_test(test_names_propagation_goes_both_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
