/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables behind names.h. Tables that are searched by name are sorted by strcmp and searched by halves, because a
 * config.json asks for hundreds of names on the start path; tests/unit/test_names.c holds the order. Pure.
 */
#include "policy/names.h"

#include "policy/policy.h"

#include <ctype.h>
#include <linux/audit.h>
#include <linux/mount.h> /* MS_* too; <sys/mount.h> would declare them again */
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080 /* Linux 5.6 */
#endif
#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

/* ---- capabilities ------------------------------------------------------------------------------------------- */

static const char *const caps[CAP_COUNT] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

/* Capability numbers in the order of their names as strcasecmp(3) sees it: '_' before the letters. */
static const uint8_t caps_sorted[CAP_COUNT] = {30, 37, 29, 36, 39, 40, 0,  1,  2,  3,  4,  14, 15, 5,
                                               28, 9,  33, 32, 27, 12, 10, 11, 13, 38, 31, 6,  8,  7,
                                               21, 22, 18, 16, 23, 20, 19, 17, 24, 25, 26, 34, 35};

int cap_from_name(const char *name)
{
    size_t low = 0, high = CAP_COUNT;

    if (strncasecmp(name, "CAP_", 4) == 0)
        name += 4;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcasecmp(name, caps[caps_sorted[middle]] + 4);
        if (order == 0)
            return caps_sorted[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

const char *cap_name(int cap)
{
    return cap >= 0 && cap < CAP_COUNT ? caps[cap] : NULL;
}

/* ---- resource limits ---------------------------------------------------------------------------------------- */

static const char *const rlimits[] = {
    [RLIMIT_CPU] = "RLIMIT_CPU",           [RLIMIT_FSIZE] = "RLIMIT_FSIZE",
    [RLIMIT_DATA] = "RLIMIT_DATA",         [RLIMIT_STACK] = "RLIMIT_STACK",
    [RLIMIT_CORE] = "RLIMIT_CORE",         [RLIMIT_RSS] = "RLIMIT_RSS",
    [RLIMIT_NPROC] = "RLIMIT_NPROC",       [RLIMIT_NOFILE] = "RLIMIT_NOFILE",
    [RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK",   [RLIMIT_AS] = "RLIMIT_AS",
    [RLIMIT_LOCKS] = "RLIMIT_LOCKS",       [RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
    [RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE", [RLIMIT_NICE] = "RLIMIT_NICE",
    [RLIMIT_RTPRIO] = "RLIMIT_RTPRIO",     [RLIMIT_RTTIME] = "RLIMIT_RTTIME",
};

int rlimit_from_name(const char *name)
{
    if (strncasecmp(name, "RLIMIT_", 7) == 0)
        name += 7;
    for (size_t i = 0; i < ARRAY_LEN(rlimits); i++) {
        if (strcasecmp(name, rlimits[i] + 7) == 0)
            return (int)i;
    }
    return -1;
}

const char *rlimit_name(int resource)
{
    return resource >= 0 && (size_t)resource < ARRAY_LEN(rlimits) ? rlimits[resource] : NULL;
}

/* ---- signals ------------------------------------------------------------------------------------------------ */

/* The kernel's numbers: the real-time ones begin at 34 and not where this program's C library begins to hand them out.
 */
#define RT_MIN 34
#define RT_MAX 64

static const char *const signals[RT_MAX + 1] = {
    NULL,          "SIGHUP",      "SIGINT",      "SIGQUIT",     "SIGILL",      "SIGTRAP",     "SIGABRT",
    "SIGBUS",      "SIGFPE",      "SIGKILL",     "SIGUSR1",     "SIGSEGV",     "SIGUSR2",     "SIGPIPE",
    "SIGALRM",     "SIGTERM",     "SIGSTKFLT",   "SIGCHLD",     "SIGCONT",     "SIGSTOP",     "SIGTSTP",
    "SIGTTIN",     "SIGTTOU",     "SIGURG",      "SIGXCPU",     "SIGXFSZ",     "SIGVTALRM",   "SIGPROF",
    "SIGWINCH",    "SIGIO",       "SIGPWR",      "SIGSYS",      NULL,          NULL,          "SIGRTMIN",
    "SIGRTMIN+1",  "SIGRTMIN+2",  "SIGRTMIN+3",  "SIGRTMIN+4",  "SIGRTMIN+5",  "SIGRTMIN+6",  "SIGRTMIN+7",
    "SIGRTMIN+8",  "SIGRTMIN+9",  "SIGRTMIN+10", "SIGRTMIN+11", "SIGRTMIN+12", "SIGRTMIN+13", "SIGRTMIN+14",
    "SIGRTMIN+15", "SIGRTMAX-14", "SIGRTMAX-13", "SIGRTMAX-12", "SIGRTMAX-11", "SIGRTMAX-10", "SIGRTMAX-9",
    "SIGRTMAX-8",  "SIGRTMAX-7",  "SIGRTMAX-6",  "SIGRTMAX-5",  "SIGRTMAX-4",  "SIGRTMAX-3",  "SIGRTMAX-2",
    "SIGRTMAX-1",  "SIGRTMAX",
};

/* "12" with nothing else around it, at most three digits; or -1. */
static int small_number(const char *s)
{
    int v = 0;

    if (!*s || strlen(s) > 3)
        return -1;
    for (; *s; s++) {
        if (!isdigit((unsigned char)*s))
            return -1;
        v = v * 10 + (*s - '0');
    }
    return v;
}

int signal_from_name(const char *name)
{
    int n = small_number(name);

    if (n >= 0)
        return n >= 1 && n <= RT_MAX ? n : -1;
    if (strncasecmp(name, "SIG", 3) == 0)
        name += 3;
    for (int i = 1; i < RT_MIN; i++) {
        if (signals[i] && strcasecmp(name, signals[i] + 3) == 0)
            return i;
    }
    if (strcasecmp(name, "IOT") == 0)
        return 6;
    if (strcasecmp(name, "CLD") == 0)
        return 17;
    if (strcasecmp(name, "POLL") == 0)
        return 29;
    if (strcasecmp(name, "RTMIN") == 0)
        return RT_MIN;
    if (strcasecmp(name, "RTMAX") == 0)
        return RT_MAX;
    if (strncasecmp(name, "RTMIN+", 6) == 0)
        n = small_number(name + 6) < 0 ? -1 : RT_MIN + small_number(name + 6);
    else if (strncasecmp(name, "RTMAX-", 6) == 0)
        n = small_number(name + 6) < 0 ? -1 : RT_MAX - small_number(name + 6);
    return n >= RT_MIN && n <= RT_MAX ? n : -1;
}

const char *signal_name(int signo)
{
    return signo > 0 && signo <= RT_MAX ? signals[signo] : NULL;
}

/* ---- namespaces --------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *proc;
    uint64_t flag;
} namespaces[NS_KINDS] = {
    [NS_USER] = {"user", "user", CLONE_NEWUSER}, [NS_CGROUP] = {"cgroup", "cgroup", CLONE_NEWCGROUP},
    [NS_IPC] = {"ipc", "ipc", CLONE_NEWIPC},     [NS_UTS] = {"uts", "uts", CLONE_NEWUTS},
    [NS_NET] = {"network", "net", CLONE_NEWNET}, [NS_PID] = {"pid", "pid", CLONE_NEWPID},
    [NS_MNT] = {"mount", "mnt", CLONE_NEWNS},    [NS_TIME] = {"time", "time", CLONE_NEWTIME},
};

int ns_from_name(const char *name)
{
    for (int i = 0; i < NS_KINDS; i++) {
        if (strcmp(name, namespaces[i].name) == 0)
            return i;
    }
    return -1;
}

const char *ns_name(int kind)
{
    return kind >= 0 && kind < NS_KINDS ? namespaces[kind].name : NULL;
}

const char *ns_proc_name(int kind)
{
    return kind >= 0 && kind < NS_KINDS ? namespaces[kind].proc : NULL;
}

uint64_t ns_clone_flag(int kind)
{
    return kind >= 0 && kind < NS_KINDS ? namespaces[kind].flag : 0;
}

/* ---- seccomp ------------------------------------------------------------------------------------------------ */

struct name_value {
    const char *name;
    uint32_t value;
};

static const struct name_value actions[] = {
    {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD}, /* the older name; numbers are given back as the newer one */
    {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
    {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
    {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
    {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE},
    {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},
    {"SCMP_ACT_LOG", SECCOMP_RET_LOG},
    {"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF},
};

static const struct name_value arches[] = {
    {"SCMP_ARCH_X86", AUDIT_ARCH_I386},
    {"SCMP_ARCH_X86_64", AUDIT_ARCH_X86_64},
    {"SCMP_ARCH_X32", SECCOMP_ARCH_X32},
    {"SCMP_ARCH_ARM", AUDIT_ARCH_ARM},
    {"SCMP_ARCH_AARCH64", AUDIT_ARCH_AARCH64},
    {"SCMP_ARCH_MIPS", AUDIT_ARCH_MIPS},
    {"SCMP_ARCH_MIPS64", AUDIT_ARCH_MIPS64},
    {"SCMP_ARCH_MIPS64N32", AUDIT_ARCH_MIPS64N32},
    {"SCMP_ARCH_MIPSEL", AUDIT_ARCH_MIPSEL},
    {"SCMP_ARCH_MIPSEL64", AUDIT_ARCH_MIPSEL64},
    {"SCMP_ARCH_MIPSEL64N32", AUDIT_ARCH_MIPSEL64N32},
    {"SCMP_ARCH_PPC", AUDIT_ARCH_PPC},
    {"SCMP_ARCH_PPC64", AUDIT_ARCH_PPC64},
    {"SCMP_ARCH_PPC64LE", AUDIT_ARCH_PPC64LE},
    {"SCMP_ARCH_S390", AUDIT_ARCH_S390},
    {"SCMP_ARCH_S390X", AUDIT_ARCH_S390X},
    {"SCMP_ARCH_PARISC", AUDIT_ARCH_PARISC},
    {"SCMP_ARCH_PARISC64", AUDIT_ARCH_PARISC64},
    {"SCMP_ARCH_RISCV64", AUDIT_ARCH_RISCV64},
    {"SCMP_ARCH_LOONGARCH64", AUDIT_ARCH_LOONGARCH64},
    {"SCMP_ARCH_M68K", AUDIT_ARCH_M68K},
    {"SCMP_ARCH_SH", AUDIT_ARCH_SHEL}, /* the unmarked name is the little-endian one */
    {"SCMP_ARCH_SHEB", AUDIT_ARCH_SH},
};

static const struct name_value operators[] = {
    {"SCMP_CMP_NE", SECCOMP_OP_NE},
    {"SCMP_CMP_LT", SECCOMP_OP_LT},
    {"SCMP_CMP_LE", SECCOMP_OP_LE},
    {"SCMP_CMP_EQ", SECCOMP_OP_EQ},
    {"SCMP_CMP_GE", SECCOMP_OP_GE},
    {"SCMP_CMP_GT", SECCOMP_OP_GT},
    {"SCMP_CMP_MASKED_EQ", SECCOMP_OP_MASKED_EQ},
};

static const struct name_value filter_flags[] = {
    {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};

static const struct name_value *by_name(const struct name_value *rows, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    return NULL;
}

static const char *by_value(const struct name_value *rows, size_t n, uint32_t value)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].value == value)
            return rows[i].name;
    }
    return NULL;
}

bool seccomp_action_from_name(const char *name, uint32_t *action)
{
    const struct name_value *row = by_name(actions, ARRAY_LEN(actions), name);

    if (row)
        *action = row->value;
    return row != NULL;
}

const char *seccomp_action_name(uint32_t action)
{
    return by_value(actions, ARRAY_LEN(actions), action & SECCOMP_RET_ACTION_FULL);
}

bool seccomp_arch_from_name(const char *name, uint32_t *arch)
{
    const struct name_value *row = by_name(arches, ARRAY_LEN(arches), name);

    if (row)
        *arch = row->value;
    return row != NULL;
}

const char *seccomp_arch_name(uint32_t arch)
{
    return by_value(arches, ARRAY_LEN(arches), arch);
}

bool seccomp_op_from_name(const char *name, int *op)
{
    const struct name_value *row = by_name(operators, ARRAY_LEN(operators), name);

    if (row)
        *op = (int)row->value;
    return row != NULL;
}

const char *seccomp_op_name(int op)
{
    return by_value(operators, ARRAY_LEN(operators), (uint32_t)op);
}

bool seccomp_flag_from_name(const char *name, uint32_t *flag)
{
    const struct name_value *row = by_name(filter_flags, ARRAY_LEN(filter_flags), name);

    if (row)
        *flag = row->value;
    return row != NULL;
}

const char *seccomp_flag_name(uint32_t flag)
{
    return by_value(filter_flags, ARRAY_LEN(filter_flags), flag);
}

const char *seccomp_action_name_at(size_t i)
{
    return i < ARRAY_LEN(actions) ? actions[i].name : NULL;
}

const char *seccomp_arch_name_at(size_t i)
{
    return i < ARRAY_LEN(arches) ? arches[i].name : NULL;
}

const char *seccomp_op_name_at(size_t i)
{
    return i < ARRAY_LEN(operators) ? operators[i].name : NULL;
}

const char *seccomp_flag_name_at(size_t i)
{
    return i < ARRAY_LEN(filter_flags) ? filter_flags[i].name : NULL;
}
