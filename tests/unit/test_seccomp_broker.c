/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker's profile is meant to say, call by call, what it hands over, and which policy gets it. */
#include "seccomp_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fscrypt.h>
#include <linux/fsverity.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

/* ---- what the profile says --------------------------------------------------------------------------------------- */

static const struct expectation {
    const char *name;
    uint32_t verdict;
    uint64_t args[6];
} expectations[] = {
    {"io_uring_setup", ERRNO(ENOSYS), {0}},
    {"io_uring_enter", ERRNO(ENOSYS), {0}},
    {"io_uring_register", ERRNO(ENOSYS), {0}},
    {"clone3", ERRNO(ENOSYS), {0}},
    {"modify_ldt", ERRNO(ENOSYS), {0}},
    {"memfd_secret", ERRNO(ENOSYS), {0}},
    {"statmount", ERRNO(ENOSYS), {0}},
    {"userfaultfd", ERRNO(EPERM), {0}},
    {"ptrace", ERRNO(EPERM), {0}},
    {"process_vm_readv", ERRNO(EPERM), {0}},
    {"process_vm_writev", ERRNO(EPERM), {0}},
    {"pidfd_getfd", ERRNO(EPERM), {0}},
    {"kcmp", ERRNO(EPERM), {0}},
    {"keyctl", ERRNO(EPERM), {0}},
    {"add_key", ERRNO(EPERM), {0}},
    {"request_key", ERRNO(EPERM), {0}},
    {"bpf", ERRNO(EPERM), {0}},
    {"perf_event_open", ERRNO(EPERM), {0}},
    {"mount", ERRNO(EPERM), {0}},
    {"umount2", ERRNO(EPERM), {0}},
    {"fsopen", ERRNO(EPERM), {0}},
    {"open_tree", ERRNO(EPERM), {0}},
    {"move_mount", ERRNO(EPERM), {0}},
    {"mount_setattr", ERRNO(EPERM), {0}},
    {"pivot_root", ERRNO(EPERM), {0}},
    {"chroot", ERRNO(EPERM), {0}},
    {"unshare", ERRNO(EPERM), {0}},
    {"setns", ERRNO(EPERM), {0}},
    {"name_to_handle_at", ERRNO(EPERM), {0}},
    {"open_by_handle_at", ERRNO(EPERM), {0}},
    {"fanotify_init", ERRNO(EPERM), {0}},
    {"fanotify_mark", ERRNO(EPERM), {0}},
    {"quotactl", ERRNO(EPERM), {0}},
    {"acct", ERRNO(EPERM), {0}},
    {"syslog", ERRNO(EPERM), {0}},
    {"swapon", ERRNO(EPERM), {0}},
    {"reboot", ERRNO(EPERM), {0}},
    {"kexec_load", ERRNO(EPERM), {0}},
    {"init_module", ERRNO(EPERM), {0}},
    {"finit_module", ERRNO(EPERM), {0}},
    {"iopl", ERRNO(EPERM), {0}},
    {"ioperm", ERRNO(EPERM), {0}},
    {"settimeofday", ERRNO(EPERM), {0}},
    {"clock_settime", ERRNO(EPERM), {0}},
    {"clock_adjtime", ERRNO(EPERM), {0}},
    {"adjtimex", ERRNO(EPERM), {0}},

    {"clone", ALLOW, {SIGCHLD}},
    {"clone", ALLOW, {0x3d0f00}}, /* what threads are made with */
    {"clone", ERRNO(EPERM), {0x10000000 | SIGCHLD}},
    {"clone", ERRNO(EPERM), {0x00020000}},
    {"clone", ERRNO(EPERM), {0x02000000}},
    {"clone", ERRNO(EPERM), {0x04000000}},
    {"clone", ERRNO(EPERM), {0x08000000}},
    {"clone", ERRNO(EPERM), {0x20000000}},
    {"clone", ERRNO(EPERM), {0x40000000}},
    {"clone", ERRNO(EPERM), {0x140000000}},
    {"clone", ALLOW, {0x100000000 | SIGCHLD}}, /* which is SIGCHLD */

    {"personality", ALLOW, {0}},
    {"personality", ALLOW, {0xffffffff}},
    {"personality", ALLOW, {~0ull}},
    {"personality", ERRNO(EPERM), {0x0040000}}, /* without randomisation */
    {"personality", ERRNO(EPERM), {0x0040000 | 1ull << 32}},
    {"personality", ERRNO(EPERM), {8}},

    {"seccomp", ALLOW, {1, 0}},
    {"seccomp", ALLOW, {1, 1}},
    {"seccomp", ALLOW, {2, 0}},
    {"seccomp", ERRNO(EBUSY), {1, 8}},
    {"seccomp", ERRNO(EBUSY), {1, 0x18}},
    {"seccomp", ERRNO(EBUSY), {1 | 1ull << 32, 8 | 1ull << 40}},

    {"mknod", ALLOW, {0, 0644}},
    {"mknod", ALLOW, {0, S_IFREG | 0644}},
    {"mknod", ALLOW, {0, S_IFIFO}},
    {"mknod", ALLOW, {0, S_IFSOCK}},
    {"mknod", ERRNO(EPERM), {0, S_IFCHR | 0666}},
    {"mknodat", ERRNO(EPERM), {0, 0, S_IFBLK}},
    {"mknodat", ERRNO(EPERM), {0, 0, S_IFCHR | 1ull << 33}},
    {"mknodat", ALLOW, {0, 0, S_IFIFO}},

    {"socket", ALLOW, {AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0}},
    {"socket", ALLOW, {AF_UNIX, SOCK_SEQPACKET, 0}},
    {"socket", ALLOW, {AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0}},
    {"socket", ALLOW, {AF_INET, SOCK_STREAM, 6}},
    {"socket", ALLOW, {AF_INET6, SOCK_STREAM, 6}},
    {"socket", ALLOW, {AF_INET6, SOCK_DGRAM, 17}},
    {"socket", ALLOW, {AF_INET, SOCK_DGRAM, 0}},
    {"socket", ERRNO(EPERM), {AF_INET, SOCK_RAW, 1}},
    {"socket", ERRNO(EPERM), {AF_INET6, SOCK_RAW | SOCK_CLOEXEC, 0}},
    {"socket", ERRNO(EPERM), {AF_INET, 10, 0x300}},
    {"socket", ERRNO(EPERM), {AF_INET | 1ull << 32, SOCK_RAW | 1ull << 35, 1}},
    {"socket", ERRNO(EPROTONOSUPPORT), {AF_INET, SOCK_DGRAM, 1}},    /* ICMP */
    {"socket", ERRNO(EPROTONOSUPPORT), {AF_INET, SOCK_STREAM, 132}}, /* SCTP */
    {"socket", ERRNO(EPROTONOSUPPORT), {AF_INET, SOCK_STREAM, 262}}, /* MPTCP */
    {"socket", ERRNO(EPROTONOSUPPORT), {AF_INET, SOCK_SEQPACKET, 0}},
    {"socket", ERRNO(EPROTONOSUPPORT), {AF_INET6, SOCK_DGRAM, 136}}, /* UDP-Lite */
    {"socket", ERRNO(EAFNOSUPPORT), {AF_NETLINK, SOCK_RAW, 0}},
    {"socket", ERRNO(EAFNOSUPPORT), {AF_NETLINK, SOCK_RAW, 9}},
    {"socket", ERRNO(EAFNOSUPPORT), {AF_PACKET, SOCK_RAW, 3}},
    {"socket", ERRNO(EAFNOSUPPORT), {AF_ALG, SOCK_SEQPACKET, 0}},
    {"socket", ERRNO(EAFNOSUPPORT), {AF_VSOCK, SOCK_STREAM, 0}},
    {"socket", ERRNO(EAFNOSUPPORT), {0, 0, 0}},
    {"socketpair", ALLOW, {AF_UNIX, SOCK_STREAM, 0}},
    {"socketpair", ERRNO(EAFNOSUPPORT), {AF_INET, SOCK_STREAM, 0}},

    {"ioctl", ALLOW, {0, TCGETS}},
    {"ioctl", ALLOW, {0, TIOCGWINSZ}},
    {"ioctl", ALLOW, {0, FIONREAD}},
    {"ioctl", ALLOW, {0, 0x8933}},
    {"ioctl", ERRNO(EPERM), {0, TIOCSTI}},
    {"ioctl", ERRNO(EPERM), {0, TIOCSTI | 1ull << 32}},
    {"ioctl", ERRNO(EPERM), {0, TIOCSTI | ~0ull << 32}},
    {"ioctl", ERRNO(EPERM), {0, TIOCLINUX}},
    {"ioctl", ERRNO(EPERM), {0, TIOCLINUX | 1ull << 50}},
    {"ioctl", ERRNO(EPERM), {0, TIOCSETD}},
    {"ioctl", ERRNO(EPERM), {0, TIOCCONS}},
    {"ioctl", ERRNO(EPERM), {0, TIOCSSERIAL}},
    {"ioctl", ERRNO(EPERM), {0, TIOCVHANGUP}},
    {"ioctl", ERRNO(EPERM), {0, 1}},      /* FIBMAP */
    {"ioctl", ERRNO(EPERM), {0, 0x4b47}}, /* KDSKBENT */
    {"ioctl", ERRNO(EPERM), {0, 0x5606}}, /* VT_ACTIVATE */
    {"ioctl", ERRNO(EPERM), {0, 0x5606 | 1ull << 32}},
    {"ioctl", ERRNO(EPERM), {0, FS_IOC_ADD_ENCRYPTION_KEY}},
    {"ioctl", ERRNO(EPERM), {0, FS_IOC_SET_ENCRYPTION_POLICY}},
    {"ioctl", ERRNO(EPERM), {0, FS_IOC_ENABLE_VERITY}},

    {"openat", ALLOW, {0}},
    {"execve", ALLOW, {0}},
    {"connect", ALLOW, {0}},
    {"sendto", ALLOW, {0, 0, 0, 0, 1}},
    {"memfd_create", ALLOW, {0}},
    {"landlock_restrict_self", ALLOW, {0}},
    {"prctl", ALLOW, {22, 2}}, /* PR_SET_SECCOMP */
};

static void test_seccomp_broker_profile_says_what_it_is_meant_to(void **state)
{
    struct seccomp_policy rules = broker_rules(0, false);
    struct bpf_program prog = compile(&rules, "broker");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expectations); i++) {
        const struct expectation *e = &expectations[i];
        uint32_t got = verdict_of(&prog, e->name, e->args);
        if (got != e->verdict)
            fail_msg("%s(%llx, %llx, %llx): expected %x, got %x", e->name, (unsigned long long)e->args[0],
                     (unsigned long long)e->args[1], (unsigned long long)e->args[2], e->verdict, got);
    }
}

/* A mode that runs as its owner is refused where a file could be made, and is nobody's business elsewhere: then the
 * call is decided by its number alone. */
static void test_seccomp_broker_profile_reads_modes_only_where_files_can_be_made(void **state)
{
    static const uint32_t made[] = {PATH_STAT | PATH_READ | PATH_CREATE, PATH_CREATE},
                          not_made[] = {PATH_STAT | PATH_READ, PATH_STAT | PATH_READ | PATH_WRITE | PATH_EXECUTE};
    static const uint64_t open_args[6] = {0, O_CREAT | O_WRONLY, 04755}, at_args[6] = {0, 0, O_CREAT | O_WRONLY, 02755},
                          chmod_args[6] = {0, 04755};

    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        struct seccomp_policy yes = broker_rules_of(0, false, made[i]), no = broker_rules_of(0, false, not_made[i]);
        struct bpf_program strict = compile(&yes, "files can be made"), loose = compile(&no, "none can be made");
        assert_int_equal(verdict_of(&strict, "open", open_args), ERRNO(EPERM));
        assert_int_equal(verdict_of(&strict, "openat", at_args), ERRNO(EPERM));
        assert_int_equal(verdict_of(&loose, "open", open_args), ALLOW);
        assert_int_equal(verdict_of(&loose, "openat", at_args), ALLOW);
        assert_int_equal(verdict_of(&loose, "chmod", chmod_args), ERRNO(EPERM));
        assert_true(loose.n < strict.n);
    }
}

static void test_seccomp_broker_profile_opens_netlink_with_the_hosts_network_alone(void **state)
{
    struct seccomp_policy rules = broker_rules(0, true);
    struct bpf_program prog = compile(&rules, "broker");

    (void)state;
    assert_int_equal(verdict_of(&prog, "socket", (uint64_t[6]){AF_NETLINK, SOCK_RAW, 0}), ALLOW);
    assert_int_equal(verdict_of(&prog, "socket", (uint64_t[6]){AF_NETLINK, SOCK_RAW, 12}), ERRNO(EAFNOSUPPORT));
}

/* ---- what is handed over ----------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint32_t group;
    int path, only;
} notified[] = {
#define NOTIFY_CALL(name, group, service, dir, path, dir2, path2, flags, only) {#name, NOTIFY_##group, path, only},
#include "confine/notify_calls.h"
};

static void test_seccomp_broker_profile_hands_over_the_calls_of_each_group(void **state)
{
    struct seccomp_policy plain = broker_rules(0, false);
    struct bpf_program without = compile(&plain, "broker");

    (void)state;
    for (uint32_t notify = 1; notify <= NOTIFY_ALL; notify++) {
        struct seccomp_policy rules = broker_rules(notify, false);
        struct bpf_program prog = compile(&rules, "notify");
        for (size_t i = 0; i < ARRAY_LEN(notified); i++) {
            uint64_t args[6] = {0};
            if (!strcmp(notified[i].name, "openat2")) /* refused here; shown where a program is learnt from */
                continue;
            if (verdict_of(&without, notified[i].name, args) != ALLOW)
                fail_msg("%s is refused anyway, so its row says nothing", notified[i].name);
            bool on = notify & notified[i].group;
            uint32_t with_none = verdict_of(&prog, notified[i].name, args);
            if (notified[i].only >= 0)
                args[notified[i].only] = 1ull << 32; /* a pointer may have its lower half empty */
            if (verdict_of(&prog, notified[i].name, args) != (on ? NOTIFY : ALLOW))
                fail_msg("%s with notify %u: %x", notified[i].name, notify, verdict_of(&prog, notified[i].name, args));
            if (with_none != (on && notified[i].only < 0 ? NOTIFY : ALLOW))
                fail_msg("%s without its argument, notify %u: %x", notified[i].name, notify, with_none);
        }
        uint64_t device[6] = {0, S_IFCHR | 0600};
        assert_int_equal(verdict_of(&prog, "mknod", device), ERRNO(EPERM));
        assert_int_equal(verdict_of(&prog, "getppid", (uint64_t[6]){0}), ALLOW);
        assert_int_equal(verdict_of(&prog, "read", (uint64_t[6]){0}), ALLOW);
        assert_int_equal(verdict_of(&prog, "seccomp", (uint64_t[6]){1, 8}), ERRNO(EBUSY));
    }
}

/* All that a 64-bit architecture allows and that takes a path or an address is in the list: by hand, from the manual.
 */
static void test_notify_rows_leave_no_call_with_a_path_out(void **state)
{
    static const char *const paths[] = {"access",        "chdir",        "chmod",
                                        "chown",         "chroot",       "creat",
                                        "execve",        "execveat",     "faccessat",
                                        "faccessat2",    "fchmodat",     "fchmodat2",
                                        "fchownat",      "file_getattr", "futimesat",
                                        "getxattr",      "getxattrat",   "lchown",
                                        "lgetxattr",     "link",         "linkat",
                                        "listxattr",     "listxattrat",  "llistxattr",
                                        "lremovexattr",  "lsetxattr",    "lstat",
                                        "mkdir",         "mkdirat",      "mknod",
                                        "mknodat",       "mount",        "name_to_handle_at",
                                        "newfstatat",    "open",         "open_tree",
                                        "openat",        "openat2",      "pivot_root",
                                        "readlink",      "readlinkat",   "removexattr",
                                        "removexattrat", "rename",       "renameat",
                                        "renameat2",     "rmdir",        "setxattr",
                                        "setxattrat",    "file_setattr", "stat",
                                        "statfs",        "statx",        "swapon",
                                        "symlink",       "symlinkat",    "truncate",
                                        "umount2",       "unlink",       "unlinkat",
                                        "utime",         "utimensat",    "utimes",
                                        "acct",          "quotactl",     "inotify_add_watch",
                                        "fanotify_mark", "uselib",       "bind",
                                        "connect",       "sendto",       "sendmsg",
                                        "sendmmsg",      "move_mount",   "mount_setattr",
                                        "fspick",        "move_mount"};
    struct seccomp_policy rules = broker_rules(NOTIFY_ALL, false);
    struct bpf_program prog = compile(&rules, "notify");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        uint64_t args[6] = {1, 1, 1, 1, 1, 1};
        if (verdict_of(&prog, paths[i], args) == ALLOW)
            fail_msg("%s takes a path, and neither the profile nor the broker looks at it", paths[i]);
    }
}

static void test_seccomp_broker_profile_hides_the_hosts_interfaces_from_brokered_sockets(void **state)
{
    struct seccomp_policy rules = broker_rules(NOTIFY_NETWORK, false);
    struct bpf_program prog = compile(&rules, "notify");

    (void)state;
    assert_int_equal(verdict_of(&prog, "ioctl", (uint64_t[6]){0, 0x8912}), ERRNO(EPERM)); /* SIOCGIFCONF */
    assert_int_equal(verdict_of(&prog, "ioctl", (uint64_t[6]){0, 0x8933 | 1ull << 32}), ERRNO(EPERM));
    assert_int_equal(verdict_of(&prog, "ioctl", (uint64_t[6]){0, 0x8b01}), ERRNO(EPERM));
    assert_int_equal(verdict_of(&prog, "ioctl", (uint64_t[6]){0, 0x8905}), ALLOW); /* SIOCATMARK */
    assert_int_equal(verdict_of(&prog, "ioctl", (uint64_t[6]){0, 0x8902}), ALLOW); /* SIOCSPGRP */
    assert_int_equal(verdict_of(&prog, "ioctl", (uint64_t[6]){0, FIONREAD}), ALLOW);
}

/* ---- which rules a policy gets ----------------------------------------------------------------------------------- */

static void test_seccomp_policy_rules_choose_the_profile_of_the_policy(void **state)
{
    struct ioctl_list list = list_of("tty");
    struct seccomp_policy rules;
    struct policy p;
    struct err err = {0};

    (void)state;
    policy_init(&p, &arena, POLICY_FROM_FLAGS);
    assert_int_equal(seccomp_policy_rules(&arena, &p, 0, 0, &rules, &err), 0);
    assert_false(rules.set);
    p.seccomp = (struct seccomp_policy){.set = true, .moat_default = true, .flags = 4};
    assert_int_equal(seccomp_policy_rules(&arena, &p, 0, 0, &rules, &err), 0);
    assert_true(rules.set && !rules.in_order && !rules.ioctls && rules.flags == 4);
    p.private_root = true;
    p.ioctls = list;
    assert_int_equal(seccomp_policy_rules(&arena, &p, 0, NOTIFY_FILES, &rules, &err), 0);
    assert_true(rules.set && rules.in_order && rules.ioctls == &p.ioctls && rules.flags == 4);
    /* A list without a profile: all is allowed but what is not on it. */
    p.seccomp = (struct seccomp_policy){0};
    assert_int_equal(seccomp_policy_rules(&arena, &p, 0, 0, &rules, &err), 0);
    assert_true(rules.set && rules.ioctls);
    struct bpf_program prog = compile(&rules, "list alone");
    assert_int_equal(verdict_of(&prog, "ioctl", (uint64_t[6]){0, TCGETS}), ALLOW);
    assert_int_equal(verdict_of(&prog, "ioctl", (uint64_t[6]){0, TCGETS | 1ull << 32}), ALLOW);
    assert_int_equal(verdict_of(&prog, "ioctl", (uint64_t[6]){0, FIONBIO}), ERRNO(ENOTTY));
    assert_int_equal(verdict_of(&prog, "mount", (uint64_t[6]){0}), ALLOW);
    /* Without our profile there are ways around the broker. */
    assert_int_equal(seccomp_policy_rules(&arena, &p, 0, NOTIFY_NETWORK, &rules, &err), -EINVAL);
    assert_non_null(strstr(err.text, "--security-opt seccomp"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seccomp_broker_profile_says_what_it_is_meant_to),
        cmocka_unit_test(test_seccomp_broker_profile_reads_modes_only_where_files_can_be_made),
        cmocka_unit_test(test_seccomp_broker_profile_opens_netlink_with_the_hosts_network_alone),
        cmocka_unit_test(test_seccomp_broker_profile_hands_over_the_calls_of_each_group),
        cmocka_unit_test(test_notify_rows_leave_no_call_with_a_path_out),
        cmocka_unit_test(test_seccomp_broker_profile_hides_the_hosts_interfaces_from_brokered_sockets),
        cmocka_unit_test(test_seccomp_policy_rules_choose_the_profile_of_the_policy),
    };
    return cmocka_run_group_tests(tests, seccomp_fixture_start, seccomp_fixture_end);
}
