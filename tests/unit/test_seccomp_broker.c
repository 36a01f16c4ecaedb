/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every number against the policy: the built-in profiles, the broker's in all its forms, with and without a list of
 * ioctl commands, as what the program says in an interpreter and what a plain reading of the rules says. Then what the
 * broker's profile is meant to say, call by call; and on the kernel, where each refusal is first seen to be none.
 */
#include "base/mem.h"
#include "bpf_interp.h"
#include "confine/narrow.h"
#include "confine/seccomp.h"
#include "confine/seccomp_emit.h"
#include "confine/syscalls.h"
#include "policy/ioctl_sets.h"
#include "seccomp_reference.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/fscrypt.h>
#include <linux/fsverity.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ALLOW    SECCOMP_RET_ALLOW
#define NOTIFY   SECCOMP_RET_USER_NOTIF
#define ERRNO(e) (SECCOMP_RET_ERRNO | (e))
#define X32      0x40000000

#define NOTIFY_ALL (NOTIFY_FILES | NOTIFY_EXEC | NOTIFY_NETWORK)

static struct arena arena;
static uint32_t arches[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64};

static int setup(void **state)
{
    (void)state;
    return arena_init(&arena, 512u << 20);
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct bpf_program compile(const struct seccomp_policy *p, const char *label)
{
    struct bpf_program prog;
    struct err err;

    if (seccomp_compile(&arena, p, &prog, &err) < 0)
        fail_msg("%s: does not compile: %s", label, err.text);
    if (!bpf_program_valid(prog.insns, prog.n))
        fail_msg("%s: not a valid program:\n%s", label, seccomp_disassemble(&arena, &prog));
    return prog;
}

static struct seccomp_policy broker_rules(uint32_t notify, bool host_network)
{
    struct policy policy;
    struct seccomp_policy rules;
    struct err err;

    policy_init(&policy, &arena, POLICY_FROM_FLAGS);
    policy.ns[NS_NET].how = host_network ? NS_HOST : NS_NEW;
    if (seccomp_broker_profile(&arena, &policy, notify, &rules, &err) < 0)
        fail_msg("%s", err.text);
    return rules;
}

static struct ioctl_list list_of(const char *text)
{
    struct ioctl_list list;
    struct err err;

    if (ioctl_list_parse(&arena, text, &list, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    return list;
}

/* ---- every number ------------------------------------------------------------------------------------------------ */

static const uint64_t values[] = {0,      1,          2,           3,           5,           8,          10,
                                  16,     17,         40,          0x5401,      0x5412,      0x5413,     0x541c,
                                  0x8901, 0x8933,     0x8000,      0x2000,      0x6000,      0x1000,     0x4b3a,
                                  0x5606, 0xffffffff, 0x100000000, 0x100005412, 0x200000001, 1ull << 63, ~0ull,
                                  0x800,  0x80000000, 0x7e020000,  0x10000000,  0xc0506617};

static uint64_t random_state = 0x9e3779b97f4a7c15ull;
static uint64_t random_value(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    uint64_t pick = random_state >> 20;
    switch (pick % 4) {
    case 0:
        return random_state;
    case 1:
        return (uint32_t)random_state;
    default:
        return values[pick / 4 % ARRAY_LEN(values)];
    }
}

static void check_call(const struct seccomp_policy *p, const struct bpf_program *prog, const struct seccomp_data *d,
                       const char *label)
{
    struct reference ref = seccomp_reference(p, d);
    struct bpf_run run;

    if (bpf_interp(prog->insns, prog->n, d, &run) < 0)
        fail_msg("%s: arch %x nr %d: the program leaves its bounds", label, d->arch, d->nr);
    if (run.verdict != ref.verdict)
        fail_msg("%s: arch %x nr %d (%s) args %llx %llx %llx %llx %llx %llx: the policy says %x, the program %x", label,
                 d->arch, d->nr, syscall_name(d->arch, d->nr), (unsigned long long)d->args[0],
                 (unsigned long long)d->args[1], (unsigned long long)d->args[2], (unsigned long long)d->args[3],
                 (unsigned long long)d->args[4], (unsigned long long)d->args[5], ref.verdict, run.verdict);
    if (run.arg_loads && !ref.looked)
        fail_msg("%s: arch %x nr %d: loads arguments where the number decides", label, d->arch, d->nr);
}

/* 0 to 1023, a sample of what x32 would use, -1 and the ends. Calls that look at arguments get `rounds` sets of them.
 */
static void check_every_number(const struct seccomp_policy *p, const char *label)
{
    static const int others[] = {1024,       4096,      0xeffff,   0xf0000,         0xf0005,    0xfffff,
                                 0x3fffffff, X32,       X32 + 1,   X32 + 56,        X32 + 59,   X32 + 400,
                                 X32 + 512,  X32 + 520, X32 + 547, (int)(3u << 30), 0x7fffffff, -1,
                                 -2,         -1024,     INT32_MIN};
    struct bpf_program prog = compile(p, label);

    for (size_t a = 0; a < ARRAY_LEN(arches); a++)
        for (int i = 0; i < 1024 + (int)ARRAY_LEN(others); i++) {
            struct seccomp_data d = {.nr = i < 1024 ? i : others[i - 1024], .arch = arches[a]};
            check_call(p, &prog, &d, label);
            unsigned rounds = seccomp_reference(p, &d).looked ? 300 : 1;
            for (unsigned k = 0; k < rounds; k++) {
                for (int j = 0; j < 6; j++)
                    d.args[j] = k < ARRAY_LEN(values) ? values[(k + (unsigned)j) % ARRAY_LEN(values)] : random_value();
                check_call(p, &prog, &d, label);
            }
        }
}

static void check_everywhere(struct seccomp_policy *p, const char *label)
{
    check_every_number(p, label); /* native alone: the others are killed */
    p->arches = arches;
    p->n_arches = ARRAY_LEN(arches);
    check_every_number(p, label);
}

static void test_seccomp_default_profile_equals_the_policy_on_every_number(void **state)
{
    (void)state;
    for (int all = 0; all < 2; all++) {
        struct seccomp_policy p;
        struct err err;
        assert_int_equal(seccomp_default_profile(&arena, all ? ~0ull : 0, &p, &err), 0);
        check_everywhere(&p, all ? "default, all capabilities" : "default, no capability");
    }
}

static void test_seccomp_broker_profile_equals_the_policy_on_every_number(void **state)
{
    (void)state;
    for (uint32_t notify = 0; notify <= NOTIFY_ALL; notify++) {
        char label[48];
        struct seccomp_policy p = broker_rules(notify, notify & 1);
        snprintf(label, sizeof label, "broker, notify %u", notify);
        check_everywhere(&p, label);
    }
}

static void test_seccomp_with_an_ioctl_list_equals_the_policy_on_every_number(void **state)
{
    static const char *const texts[] = {"tty,file,0x89004321", "none", "tty,pty,file,net,block,ns,random"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct ioctl_list list = list_of(texts[i]);
        struct seccomp_policy broker = broker_rules(NOTIFY_NETWORK, false), plain,
                              open = {.set = true, .default_action = ALLOW};
        struct seccomp_policy strict = {.set = true, .default_action = SECCOMP_RET_KILL_PROCESS};
        struct err err;
        assert_int_equal(seccomp_default_profile(&arena, 0, &plain, &err), 0);
        struct seccomp_policy *all[] = {&broker, &plain, &open, &strict};
        for (size_t k = 0; k < ARRAY_LEN(all); k++) {
            all[k]->ioctls = &list;
            check_everywhere(all[k], texts[i]);
        }
    }
}

/* ---- what the broker's profile says ------------------------------------------------------------------------------ */

static uint32_t verdict_of(const struct bpf_program *prog, const char *name, const uint64_t args[6])
{
    struct seccomp_data d = {.nr = syscall_number(AUDIT_ARCH_X86_64, name), .arch = AUDIT_ARCH_X86_64};
    struct bpf_run run;

    if (d.nr < 0)
        fail_msg("no such call: %s", name);
    memcpy(d.args, args, sizeof d.args);
    assert_int_equal(bpf_interp(prog->insns, prog->n, &d, &run), 0);
    return run.verdict;
}

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

static void test_seccomp_broker_profile_is_stricter_than_the_default(void **state)
{
    struct seccomp_policy ours = broker_rules(0, true), theirs;
    struct err err;
    unsigned stricter = 0;

    (void)state;
    assert_int_equal(seccomp_default_profile(&arena, 0, &theirs, &err), 0);
    struct bpf_program a = compile(&ours, "broker"), b = compile(&theirs, "default");
    for (int nr = 0; nr < 1024; nr++)
        for (int k = 0; k < 400; k++) {
            struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64};
            struct bpf_run x, y;
            for (int j = 0; j < 6; j++)
                d.args[j] = random_value();
            assert_int_equal(bpf_interp(a.insns, a.n, &d, &x), 0);
            assert_int_equal(bpf_interp(b.insns, b.n, &d, &y), 0);
            if (x.verdict == ALLOW && y.verdict != ALLOW)
                fail_msg("nr %d (%s): the broker's profile allows what the default one refuses", nr,
                         syscall_name(AUDIT_ARCH_X86_64, nr));
            stricter += x.verdict != ALLOW && y.verdict == ALLOW;
        }
    assert_true(stricter > 0);
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

static void test_seccomp_compile_refuses_an_ioctl_list_that_does_not_rise(void **state)
{
    struct ioctl_list list = {.set = true, .v = (uint32_t[]){3, 5, 5}, .n = 3};
    struct seccomp_policy p = {.default_action = ALLOW, .ioctls = &list};
    struct bpf_program prog;
    struct err err = {0};

    (void)state;
    assert_int_equal(seccomp_compile(&arena, &p, &prog, &err), -EINVAL);
    assert_non_null(strstr(err.text, "0x5"));
}

/* Where all branches of one architecture lead to the same verdict, none is written for it; the next one's must not be
 * taken for its own. */
static void test_seccomp_compile_of_an_architecture_where_all_is_one_verdict_stays_apart(void **state)
{
    static char *names[] = {(char *)(uintptr_t) "alarm", (char *)(uintptr_t) "access", NULL}; /* not on arm64 */
    static uint32_t four[] = {AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM};
    struct seccomp_arg arg = {1, SECCOMP_OP_EQ, 7, 0};
    struct seccomp_rule rules[] = {{.names = {names, 2}, .action = ERRNO(0)},
                                   {.names = {(char *[]){(char *)(uintptr_t) "ioctl", NULL}, 1},
                                    .action = SECCOMP_RET_KILL_PROCESS,
                                    .args = &arg,
                                    .n_args = 1}};
    struct ioctl_list none = list_of("none");

    (void)state;
    for (int with_list = 0; with_list < 2; with_list++)
        for (uint32_t n = 1; n <= 2; n++) {
            struct seccomp_policy p = {.default_action = SECCOMP_RET_KILL_PROCESS,
                                       .in_order = true,
                                       .rules = rules,
                                       .n_rules = n,
                                       .arches = four,
                                       .n_arches = ARRAY_LEN(four),
                                       .ioctls = with_list ? &none : NULL};
            check_every_number(&p, "one verdict");
        }
}

static void test_seccomp_compile_of_a_long_ioctl_list_reaches_every_command(void **state)
{
    uint32_t v[1024];
    struct ioctl_list list = {.set = true, .v = v, .n = ARRAY_LEN(v)};
    struct seccomp_policy p = broker_rules(0, false);

    (void)state;
    for (uint32_t i = 0; i < ARRAY_LEN(v); i++)
        v[i] = 0x5400 + i * 3;
    p.ioctls = &list;
    struct bpf_program prog = compile(&p, "long list");
    for (uint64_t cmd = 0x5300; cmd < 0x5400 + 3 * ARRAY_LEN(v) + 10; cmd++)
        for (int high = 0; high < 2; high++) {
            struct seccomp_data d = {
                .nr = SYS_ioctl, .arch = AUDIT_ARCH_X86_64, .args = {0, cmd | (uint64_t)high << 41}};
            struct bpf_run run;
            check_call(&p, &prog, &d, "long list");
            assert_int_equal(bpf_interp(prog.insns, prog.n, &d, &run), 0);
            assert_true(run.steps < 90); /* by halving, not one by one */
        }
}

/* An upper half that the kernel drops changes no verdict, of whatever call and profile. */
static void test_seccomp_upper_halves_of_narrow_arguments_change_no_verdict(void **state)
{
    struct seccomp_policy policies[4] = {broker_rules(0, false), broker_rules(NOTIFY_ALL, false)};
    struct ioctl_list list = list_of("tty,file");
    struct err err;
    const struct narrow_row *row;

    (void)state;
    assert_int_equal(seccomp_default_profile(&arena, 0, &policies[2], &err), 0);
    policies[3] = policies[2];
    policies[3].ioctls = &list;
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        struct bpf_program prog = compile(&policies[i], "narrow");
        for (int n = 0; (row = narrow_row_at(n)); n++)
            for (int k = 0; k < 3000; k++) {
                struct seccomp_data d = {.nr = syscall_number(AUDIT_ARCH_X86_64, row->name), .arch = AUDIT_ARCH_X86_64};
                struct bpf_run low, high;
                for (int j = 0; j < 6; j++)
                    d.args[j] = row->args >> j & 1 ? (uint32_t)random_value() : random_value();
                assert_int_equal(bpf_interp(prog.insns, prog.n, &d, &low), 0);
                for (int j = 0; j < 6; j++)
                    d.args[j] |= row->args >> j & 1 ? random_value() << 32 : 0;
                assert_int_equal(bpf_interp(prog.insns, prog.n, &d, &high), 0);
                if (low.verdict != high.verdict)
                    fail_msg("%s: %x without and %x with upper bits %llx %llx %llx", row->name, low.verdict,
                             high.verdict, (unsigned long long)d.args[0], (unsigned long long)d.args[1],
                             (unsigned long long)d.args[2]);
            }
    }
}

/* ---- the kernel -------------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
static int install(const struct bpf_program *prog)
{
    struct sock_fprog f = {.len = (unsigned short)prog->n, .filter = prog->insns};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &f) < 0 ? -errno : 0;
}

/* What a raw call says in a child that has the terminal `tty` for its own, and the filter or none. */
static int in_child(const struct bpf_program *prog, const char *tty, long (*act)(int fd))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        setsid();
        int fd = open(tty, O_RDWR);
        if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0)
            _exit(250);
        if (prog && install(prog) < 0)
            _exit(251);
        _exit((int)-act(fd));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 250);
    return WEXITSTATUS(status);
}

static long raw_ioctl(int fd, unsigned long command, const void *arg)
{
    return syscall(SYS_ioctl, fd, command, arg) < 0 ? -errno : 0;
}

static long type_plain(int fd)
{
    return raw_ioctl(fd, TIOCSTI, "x");
}
static long type_high(int fd)
{
    return raw_ioctl(fd, TIOCSTI | 1ul << 32, "x");
}
static long type_sign(int fd)
{
    return raw_ioctl(fd, TIOCSTI | ~0ul << 32, "x");
}
static long discipline_high(int fd)
{
    int n = 0;
    return raw_ioctl(fd, TIOCSETD | 1ul << 32, &n);
}
static long window_size(int fd)
{
    struct winsize w;
    return raw_ioctl(fd, TIOCGWINSZ, &w);
}
static long window_size_high(int fd)
{
    struct winsize w;
    return raw_ioctl(fd, TIOCGWINSZ | 1ul << 63, &w);
}
static long bytes_to_read(int fd)
{
    int n;
    return raw_ioctl(fd, FIONREAD, &n);
}
static long nonblocking(int fd)
{
    int n = 0;
    return raw_ioctl(fd, FIONBIO, &n);
}

static char tty_name[64];
static int open_pty(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), unlock = 0;

    assert_true(master >= 0 && ioctl(master, TIOCSPTLCK, &unlock) == 0);
    assert_int_equal(ptsname_r(master, tty_name, sizeof tty_name), 0);
    return master;
}

static void test_seccomp_broker_profile_on_the_kernel_refuses_typing_with_any_upper_half(void **state)
{
    static const struct {
        const char *label;
        long (*act)(int fd);
        int refused; /* errno */
    } cases[] = {{"TIOCSTI", type_plain, EPERM},
                 {"TIOCSTI with bit 32", type_high, EPERM},
                 {"TIOCSTI, sign-extended", type_sign, EPERM},
                 {"TIOCSETD with bit 32", discipline_high, EPERM},
                 {"TIOCGWINSZ", window_size, 0},
                 {"TIOCGWINSZ with bit 63", window_size_high, 0},
                 {"FIONREAD", bytes_to_read, 0}};
    struct seccomp_policy rules = broker_rules(0, false);
    struct bpf_program prog = compile(&rules, "broker");
    int master = open_pty();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int without = in_child(NULL, tty_name, cases[i].act), with = in_child(&prog, tty_name, cases[i].act);
        if (without)
            print_message("# %s: errno %d here without the filter too, so nothing is proven\n", cases[i].label,
                          without);
        if (with != (cases[i].refused ? cases[i].refused : without))
            fail_msg("%s: errno %d without the filter and %d with it, expected %d", cases[i].label, without, with,
                     cases[i].refused);
    }
    close(master);
}

/* The same rule as everybody else compiles it lets the character through: the control of the test above. */
static void test_seccomp_64_bit_comparison_on_the_kernel_is_passed_by_an_upper_bit(void **state)
{
    struct sock_filter insns[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},   {BPF_JMP | BPF_JEQ | BPF_K, 0, 5, SYS_ioctl},
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, 28},  {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0},
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, 24},  {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, TIOCSTI},
        {BPF_RET | BPF_K, 0, 0, ERRNO(EPERM)}, {BPF_RET | BPF_K, 0, 0, ALLOW},
    };
    struct bpf_program prog = {insns, ARRAY_LEN(insns)};
    int master = open_pty();

    (void)state;
    assert_int_equal(in_child(&prog, tty_name, type_plain), EPERM);
    if (in_child(NULL, tty_name, type_plain)) {
        print_message("# this host refuses TIOCSTI to all\n");
        close(master);
        skip();
    }
    assert_int_equal(in_child(&prog, tty_name, type_high), 0);
    struct pollfd echo = {.fd = master, .events = POLLIN};
    assert_int_equal(poll(&echo, 1, 5000), 1); /* the terminal repeats what was typed */
    close(master);
}

static void test_seccomp_ioctl_list_on_the_kernel_answers_as_a_device_that_does_not_know(void **state)
{
    struct ioctl_list list = list_of("TIOCGWINSZ,0x541B");
    struct seccomp_policy p = {.set = true, .default_action = ALLOW, .ioctls = &list};
    struct bpf_program prog = compile(&p, "list");
    int master = open_pty();

    (void)state;
    assert_int_equal(in_child(NULL, tty_name, nonblocking), 0);
    assert_int_equal(in_child(&prog, tty_name, nonblocking), ENOTTY);
    assert_int_equal(in_child(&prog, tty_name, type_high), ENOTTY);
    assert_int_equal(in_child(&prog, tty_name, window_size), 0);
    assert_int_equal(in_child(&prog, tty_name, window_size_high), 0);
    assert_int_equal(in_child(&prog, tty_name, bytes_to_read), 0);
    close(master);
}

static long second_listener(int fd)
{
    struct sock_filter all = {BPF_RET | BPF_K, 0, 0, ALLOW};
    struct sock_fprog f = {1, &all};

    (void)fd;
    long rc =
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER | 1ul << 40, SECCOMP_FILTER_FLAG_NEW_LISTENER | 1ul << 33, &f);
    return rc < 0 ? -errno : 0;
}
static long another_filter(int fd)
{
    struct sock_filter all = {BPF_RET | BPF_K, 0, 0, ALLOW};
    struct sock_fprog f = {1, &all};

    (void)fd;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &f) < 0 ? -errno : 0;
}
static long raw_socket(int fd)
{
    (void)fd;
    return syscall(SYS_socket, AF_INET | 1ul << 32, SOCK_RAW, 1) < 0 ? -errno : 0;
}
static long route_socket(int fd)
{
    (void)fd;
    return syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 0) < 0 ? -errno : 0;
}
static long stream_socket(int fd)
{
    (void)fd;
    return syscall(SYS_socket, AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 6) < 0 ? -errno : 0;
}
static long user_namespace(int fd)
{
    (void)fd;
    long rc = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD | 1ul << 60, 0, 0, 0, 0);
    if (rc == 0)
        _exit(0);
    return rc < 0 ? -errno : 0;
}
static long pair(int fd)
{
    int v[2];
    (void)fd;
    return syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, v) < 0 ? -errno : 0;
}

static void test_seccomp_broker_profile_on_the_kernel_refuses_with_the_errno_it_names(void **state)
{
    static const struct {
        const char *label;
        long (*act)(int fd);
        int refused;
    } cases[] = {{"a second listener", second_listener, EBUSY},
                 {"another filter", another_filter, 0},
                 {"a raw socket", raw_socket, EPERM},
                 {"a netlink socket", route_socket, EAFNOSUPPORT},
                 {"a TCP socket", stream_socket, 0},
                 {"a user namespace", user_namespace, EPERM},
                 {"a socket pair", pair, 0}};
    struct seccomp_policy rules = broker_rules(0, false);
    struct bpf_program prog = compile(&rules, "broker");
    int master = open_pty();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int without = in_child(NULL, tty_name, cases[i].act), with = in_child(&prog, tty_name, cases[i].act);
        if (without && cases[i].act != another_filter) /* which needs no_new_privs, or root */
            print_message("# %s: errno %d here without the filter too, so nothing is proven\n", cases[i].label,
                          without);
        if (with != (cases[i].refused || without == EACCES ? cases[i].refused : without))
            fail_msg("%s: errno %d without the filter and %d with it, expected %d", cases[i].label, without, with,
                     cases[i].refused);
    }
    close(master);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seccomp_default_profile_equals_the_policy_on_every_number),
        cmocka_unit_test(test_seccomp_broker_profile_equals_the_policy_on_every_number),
        cmocka_unit_test(test_seccomp_with_an_ioctl_list_equals_the_policy_on_every_number),
        cmocka_unit_test(test_seccomp_broker_profile_says_what_it_is_meant_to),
        cmocka_unit_test(test_seccomp_broker_profile_is_stricter_than_the_default),
        cmocka_unit_test(test_seccomp_broker_profile_opens_netlink_with_the_hosts_network_alone),
        cmocka_unit_test(test_seccomp_broker_profile_hands_over_the_calls_of_each_group),
        cmocka_unit_test(test_notify_rows_leave_no_call_with_a_path_out),
        cmocka_unit_test(test_seccomp_broker_profile_hides_the_hosts_interfaces_from_brokered_sockets),
        cmocka_unit_test(test_seccomp_policy_rules_choose_the_profile_of_the_policy),
        cmocka_unit_test(test_seccomp_compile_refuses_an_ioctl_list_that_does_not_rise),
        cmocka_unit_test(test_seccomp_compile_of_an_architecture_where_all_is_one_verdict_stays_apart),
        cmocka_unit_test(test_seccomp_compile_of_a_long_ioctl_list_reaches_every_command),
        cmocka_unit_test(test_seccomp_upper_halves_of_narrow_arguments_change_no_verdict),
#if defined(__x86_64__)
        cmocka_unit_test(test_seccomp_broker_profile_on_the_kernel_refuses_typing_with_any_upper_half),
        cmocka_unit_test(test_seccomp_64_bit_comparison_on_the_kernel_is_passed_by_an_upper_bit),
        cmocka_unit_test(test_seccomp_ioctl_list_on_the_kernel_answers_as_a_device_that_does_not_know),
        cmocka_unit_test(test_seccomp_broker_profile_on_the_kernel_refuses_with_the_errno_it_names),
#endif
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
