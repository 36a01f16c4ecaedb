/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The profile of the broker boundary, where the host's own programs run on the host's own files: the built-in profile
 * without capabilities, and less. A call named in a row here is decided by the rows here alone, in their order; every
 * other call by the built-in profile. Each row gives its reason. Then the calls that the broker process answers are
 * taken out of what is allowed (notify_calls.h): the filter hands them over instead.
 *
 * What a program can do without falls back on is ENOSYS, so that it falls back; what has an errno of its own for "not
 * here" gets that; all else is EPERM.
 */
#include "confine/seccomp.h"

#include "confine/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define ALLOW        SECCOMP_RET_ALLOW
#define ERRNO(value) (SECCOMP_RET_ERRNO | (value))

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define ARGS(...)                                                                                                      \
    ((const struct seccomp_arg[]){__VA_ARGS__}),                                                                       \
        (sizeof((const struct seccomp_arg[]){__VA_ARGS__}) / sizeof(struct seccomp_arg))
#define WHATEVER NULL, 0
/* Holds always; but in its turn, where a rule without conditions would decide over all others. */
#define OTHERWISE ARGS({0, SECCOMP_OP_MASKED_EQ, 0, 0})

#define IS(index, v)                                                                                                   \
    {                                                                                                                  \
        index, SECCOMP_OP_EQ, v, 0                                                                                     \
    }
#define BITS(index, mask, v)                                                                                           \
    {                                                                                                                  \
        index, SECCOMP_OP_MASKED_EQ, mask, v                                                                           \
    }
#define INTERNET            BITS(0, 0xffffffff & ~8u, AF_INET) /* AF_INET is 2 and AF_INET6 is 10 */
#define SOCKET_TYPE(v)      BITS(1, 0xf, v)
#define FILE_TYPE(index, v) BITS(index, S_IFMT, v)
_Static_assert(AF_INET == 2 && AF_INET6 == 10, "INTERNET is made for these numbers");

/* Numbers of asm/ioctls.h, linux/fs.h and others, which are the same on all architectures here. */
#define IOCTL_TIOCSTI     0x5412u
#define IOCTL_TIOCLINUX   0x541cu
#define IOCTL_TIOCCONS    0x541du
#define IOCTL_TIOCSSERIAL 0x541fu
#define IOCTL_TIOCSETD    0x5423u
#define IOCTL_TIOCVHANGUP 0x5437u
#define IOCTL_FIBMAP      0x0001u
#define IOCTL_KD          0x4b00u /* consoles: fonts, keys, screens; 256 of them */
#define IOCTL_VT          0x5600u
#define IOCTL_SIOC        0x8900u /* sockets, addresses and interfaces */
#define IOCTL_SIOCIW      0x8b00u /* wireless interfaces */
#define IOCTL_FSCRYPT_ADD 0xc0506617u
#define IOCTL_FSCRYPT_SET 0x800c6613u
#define IOCTL_FSVERITY_ON 0x40806685u

#define SECCOMP_OP_SET_FILTER  1u
#define SECCOMP_FLAG_LISTENER  8u
#define NETLINK_ROUTE_PROTOCOL 0u
#define TCP_PROTOCOL           6u
#define UDP_PROTOCOL           17u
#define SOCK_PACKET_TYPE       10u

#define SET_ID  "a file that runs as its owner, who on a granted tree is somebody of the host"
#define TMPFILE 020000000u /* __O_TMPFILE, without O_DIRECTORY */

enum row_when {
    ALWAYS,
    HOST_NETWORK, /* the policy shares the host's network */
    WITH_NETWORK, /* network calls go to the broker process */
    MAKES_FILES,  /* files can be made on a tree of the host. Else the filter decides about open by its number alone,
                   * which  the kernel knows without running it */
};

struct broker_row {
    const char *reason;
    enum row_when when;
    uint32_t action;
    const char *const *names; /* NULL-terminated */
    const struct seccomp_arg *args;
    uint32_t n_args;
};

static const struct broker_row rows[] = {
    /* ---- calls that get past this filter, or into other processes ---- */
    {"runs calls in the kernel past every filter", ALWAYS, ERRNO(ENOSYS),
     NAMES("io_uring_enter", "io_uring_register", "io_uring_setup"), WHATEVER},
    {"stops the kernel in the middle of a copy, which makes races certain", ALWAYS, ERRNO(EPERM), NAMES("userfaultfd"),
     WHATEVER},
    {"reads and changes other processes, which the broker takes for what they were", ALWAYS, ERRNO(EPERM),
     NAMES("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease"), WHATEVER},
    {"takes descriptors out of other processes", ALWAYS, ERRNO(EPERM), NAMES("pidfd_getfd"), WHATEVER},
    {"tells where the kernel keeps its objects", ALWAYS, ERRNO(EPERM), NAMES("kcmp"), WHATEVER},
    {"keys have no namespace of the sandbox", ALWAYS, ERRNO(EPERM), NAMES("add_key", "keyctl", "request_key"),
     WHATEVER},
    {"programs in the kernel", ALWAYS, ERRNO(EPERM), NAMES("bpf"), WHATEVER},
    {"counters and samples of the whole machine", ALWAYS, ERRNO(EPERM), NAMES("perf_event_open"), WHATEVER},
    {"a second listener would answer calls in the broker's place. EBUSY is what the kernel says where there is one",
     ALWAYS, ERRNO(EBUSY), NAMES("seccomp"),
     ARGS(IS(0, SECCOMP_OP_SET_FILTER), BITS(1, SECCOMP_FLAG_LISTENER, SECCOMP_FLAG_LISTENER))},
    {"further filters only take away", ALWAYS, ALLOW, NAMES("seccomp"), OTHERWISE},
    {"memory that is hidden from the kernel's copies, so that the broker could not read a path in it", ALWAYS,
     ERRNO(ENOSYS), NAMES("memfd_secret"), WHATEVER},

    /* ---- another view of files ---- */
    {"the mounts are the walls", ALWAYS, ERRNO(EPERM),
     NAMES("fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount", "open_tree",
           "open_tree_attr", "pivot_root", "umount2"),
     WHATEVER},
    {"tell where on the host a mount comes from", ALWAYS, ERRNO(ENOSYS), NAMES("listmount", "statmount"), WHATEVER},
    {"another root for path names", ALWAYS, ERRNO(EPERM), NAMES("chroot"), WHATEVER},
    {"new namespaces open kernel code that only root reaches otherwise", ALWAYS, ERRNO(EPERM),
     NAMES("setns", "unshare"), WHATEVER},
    {"files by number, past the directories above them", ALWAYS, ERRNO(EPERM),
     NAMES("name_to_handle_at", "open_by_handle_at"), WHATEVER},
    {"sees what others do with files", ALWAYS, ERRNO(EPERM), NAMES("fanotify_init", "fanotify_mark"), WHATEVER},
    {"device nodes", ALWAYS, ERRNO(EPERM), NAMES("mknod"), ARGS(FILE_TYPE(1, S_IFCHR))},
    {"device nodes", ALWAYS, ERRNO(EPERM), NAMES("mknod"), ARGS(FILE_TYPE(1, S_IFBLK))},
    {SET_ID, ALWAYS, ERRNO(EPERM), NAMES("mknod"), ARGS(BITS(1, S_ISUID, S_ISUID))},
    {SET_ID, ALWAYS, ERRNO(EPERM), NAMES("mknod"), ARGS(BITS(1, S_ISGID, S_ISGID))},
    {"files, pipes and sockets", ALWAYS, ALLOW, NAMES("mknod"), OTHERWISE},
    {"device nodes", ALWAYS, ERRNO(EPERM), NAMES("mknodat"), ARGS(FILE_TYPE(2, S_IFCHR))},
    {"device nodes", ALWAYS, ERRNO(EPERM), NAMES("mknodat"), ARGS(FILE_TYPE(2, S_IFBLK))},
    {SET_ID, ALWAYS, ERRNO(EPERM), NAMES("mknodat"), ARGS(BITS(2, S_ISUID, S_ISUID))},
    {SET_ID, ALWAYS, ERRNO(EPERM), NAMES("mknodat"), ARGS(BITS(2, S_ISGID, S_ISGID))},
    {"files, pipes and sockets", ALWAYS, ALLOW, NAMES("mknodat"), OTHERWISE},

    /* ---- files that run as their owner: what is made on a granted tree belongs to the tree's owner on the host ----
     */
    {SET_ID, ALWAYS, ERRNO(EPERM), NAMES("chmod", "fchmod", "creat"), ARGS(BITS(1, S_ISUID, S_ISUID))},
    {SET_ID, ALWAYS, ERRNO(EPERM), NAMES("chmod", "fchmod", "creat"), ARGS(BITS(1, S_ISGID, S_ISGID))},
    {"other modes", ALWAYS, ALLOW, NAMES("chmod", "fchmod", "creat"), OTHERWISE},
    {SET_ID, ALWAYS, ERRNO(EPERM), NAMES("fchmodat", "fchmodat2"), ARGS(BITS(2, S_ISUID, S_ISUID))},
    {SET_ID, ALWAYS, ERRNO(EPERM), NAMES("fchmodat", "fchmodat2"), ARGS(BITS(2, S_ISGID, S_ISGID))},
    {"other modes", ALWAYS, ALLOW, NAMES("fchmodat", "fchmodat2"), OTHERWISE},
    /* Without O_CREAT and O_TMPFILE the mode is whatever lay in the register. */
    {SET_ID, MAKES_FILES, ERRNO(EPERM), NAMES("open"), ARGS(BITS(1, O_CREAT, O_CREAT), BITS(2, S_ISUID, S_ISUID))},
    {SET_ID, MAKES_FILES, ERRNO(EPERM), NAMES("open"), ARGS(BITS(1, O_CREAT, O_CREAT), BITS(2, S_ISGID, S_ISGID))},
    {SET_ID, MAKES_FILES, ERRNO(EPERM), NAMES("open"), ARGS(BITS(1, TMPFILE, TMPFILE), BITS(2, S_ISUID, S_ISUID))},
    {SET_ID, MAKES_FILES, ERRNO(EPERM), NAMES("open"), ARGS(BITS(1, TMPFILE, TMPFILE), BITS(2, S_ISGID, S_ISGID))},
    {"other modes", MAKES_FILES, ALLOW, NAMES("open"), OTHERWISE},
    {SET_ID, MAKES_FILES, ERRNO(EPERM), NAMES("openat"), ARGS(BITS(2, O_CREAT, O_CREAT), BITS(3, S_ISUID, S_ISUID))},
    {SET_ID, MAKES_FILES, ERRNO(EPERM), NAMES("openat"), ARGS(BITS(2, O_CREAT, O_CREAT), BITS(3, S_ISGID, S_ISGID))},
    {SET_ID, MAKES_FILES, ERRNO(EPERM), NAMES("openat"), ARGS(BITS(2, TMPFILE, TMPFILE), BITS(3, S_ISUID, S_ISUID))},
    {SET_ID, MAKES_FILES, ERRNO(EPERM), NAMES("openat"), ARGS(BITS(2, TMPFILE, TMPFILE), BITS(3, S_ISGID, S_ISGID))},
    {"other modes", MAKES_FILES, ALLOW, NAMES("openat"), OTHERWISE},
    {"its mode lies in memory, where no filter can look", ALWAYS, ERRNO(ENOSYS), NAMES("openat2"), WHATEVER},

    /* ---- the machine ---- */
    {"settings of the whole machine", ALWAYS, ERRNO(EPERM),
     NAMES("acct", "quotactl", "quotactl_fd", "reboot", "setdomainname", "sethostname", "swapoff", "swapon", "syslog",
           "vhangup"),
     WHATEVER},
    {"another kernel, or more of this one", ALWAYS, ERRNO(EPERM),
     NAMES("delete_module", "finit_module", "init_module", "kexec_file_load", "kexec_load"), WHATEVER},
    {"the clock of the machine; also their reading forms, whose request lies in memory", ALWAYS, ERRNO(EPERM),
     NAMES("adjtimex", "clock_adjtime", "clock_settime", "settimeofday"), WHATEVER},
    {"ports of the hardware", ALWAYS, ERRNO(EPERM), NAMES("ioperm", "iopl"), WHATEVER},
    {"segments for 16-bit programs, with a long history of holes", ALWAYS, ERRNO(ENOSYS), NAMES("modify_ldt"),
     WHATEVER},
    {"of profilers that no longer exist", ALWAYS, ERRNO(ENOSYS), NAMES("lookup_dcookie"), WHATEVER},
    {"the domain of every program, and asking for it. The others switch protections off or change what uname says",
     ALWAYS, ALLOW, NAMES("personality"), ARGS(IS(0, 0))},
    {"asking", ALWAYS, ALLOW, NAMES("personality"), ARGS(IS(0, 0xffffffff))},

    /* ---- ioctl: what reaches beyond its descriptor ---- */
    {"types into the terminal, for the shell that comes after", ALWAYS, ERRNO(EPERM), NAMES("ioctl"),
     ARGS(IS(1, IOCTL_TIOCSTI))},
    {"pastes into the terminal, and more", ALWAYS, ERRNO(EPERM), NAMES("ioctl"), ARGS(IS(1, IOCTL_TIOCLINUX))},
    {"loads line disciplines, rarely tested code of the kernel", ALWAYS, ERRNO(EPERM), NAMES("ioctl"),
     ARGS(IS(1, IOCTL_TIOCSETD))},
    {"takes over the output of the console", ALWAYS, ERRNO(EPERM), NAMES("ioctl"), ARGS(IS(1, IOCTL_TIOCCONS))},
    {"settings of the hardware behind a terminal", ALWAYS, ERRNO(EPERM), NAMES("ioctl"),
     ARGS(IS(1, IOCTL_TIOCSSERIAL))},
    {"ends the terminal of all who share it", ALWAYS, ERRNO(EPERM), NAMES("ioctl"), ARGS(IS(1, IOCTL_TIOCVHANGUP))},
    {"keys, fonts and screens of the console", ALWAYS, ERRNO(EPERM), NAMES("ioctl"),
     ARGS(BITS(1, 0xffffff00, IOCTL_KD))},
    {"switches consoles", ALWAYS, ERRNO(EPERM), NAMES("ioctl"), ARGS(BITS(1, 0xffffff00, IOCTL_VT))},
    {"tells where on the disk a file lies", ALWAYS, ERRNO(EPERM), NAMES("ioctl"), ARGS(IS(1, IOCTL_FIBMAP))},
    {"keys of a whole file system", ALWAYS, ERRNO(EPERM), NAMES("ioctl"), ARGS(IS(1, IOCTL_FSCRYPT_ADD))},
    {"keys of a whole file system", ALWAYS, ERRNO(EPERM), NAMES("ioctl"), ARGS(IS(1, IOCTL_FSCRYPT_SET))},
    {"makes a file unchangeable for good", ALWAYS, ERRNO(EPERM), NAMES("ioctl"), ARGS(IS(1, IOCTL_FSVERITY_ON))},
    {"owners, marks and time stamps of a socket: FIOSETOWN to SIOCGSTAMPNS are 0x8901 to 0x8907", WITH_NETWORK, ALLOW,
     NAMES("ioctl"), ARGS(BITS(1, 0xfffffff8, IOCTL_SIOC))},
    {"a socket that the broker gave is one of the host's network, and would tell of its interfaces", WITH_NETWORK,
     ERRNO(EPERM), NAMES("ioctl"), ARGS(BITS(1, 0xffffff00, IOCTL_SIOC))},
    {"wireless interfaces, likewise", WITH_NETWORK, ERRNO(EPERM), NAMES("ioctl"),
     ARGS(BITS(1, 0xffffff00, IOCTL_SIOCIW))},
    {"the rest is about the descriptor it is given", ALWAYS, ALLOW, NAMES("ioctl"), OTHERWISE},

    /* ---- sockets ---- */
    {"local sockets; which of them there are, mounts and namespaces decide", ALWAYS, ALLOW,
     NAMES("socket", "socketpair"), ARGS(IS(0, AF_UNIX))},
    {"packets of one's own making", ALWAYS, ERRNO(EPERM), NAMES("socket"), ARGS(INTERNET, SOCKET_TYPE(SOCK_RAW))},
    {"packets of one's own making", ALWAYS, ERRNO(EPERM), NAMES("socket"),
     ARGS(INTERNET, SOCKET_TYPE(SOCK_PACKET_TYPE))},
    {"TCP", ALWAYS, ALLOW, NAMES("socket"), ARGS(INTERNET, SOCKET_TYPE(SOCK_STREAM), IS(2, 0))},
    {"TCP", ALWAYS, ALLOW, NAMES("socket"), ARGS(INTERNET, SOCKET_TYPE(SOCK_STREAM), IS(2, TCP_PROTOCOL))},
    {"UDP", ALWAYS, ALLOW, NAMES("socket"), ARGS(INTERNET, SOCKET_TYPE(SOCK_DGRAM), IS(2, 0))},
    {"UDP", ALWAYS, ALLOW, NAMES("socket"), ARGS(INTERNET, SOCKET_TYPE(SOCK_DGRAM), IS(2, UDP_PROTOCOL))},
    {"other protocols of the internet are rarely tested code of the kernel", ALWAYS, ERRNO(EPROTONOSUPPORT),
     NAMES("socket"), ARGS(INTERNET)},
    {"the host's interfaces, routes and addresses, for who shares its network", HOST_NETWORK, ALLOW, NAMES("socket"),
     ARGS(IS(0, AF_NETLINK), IS(2, NETLINK_ROUTE_PROTOCOL))},
    /* A socket of the host's network sends where it is connected to, and by the way that the host takes. */
    {"another way than the host's, or another address than that of connect", WITH_NETWORK, ERRNO(EPERM),
     NAMES("setsockopt"), ARGS(IS(1, IPPROTO_IP), IS(2, IP_OPTIONS))},
    {"routes in a header: packets go to an address that nobody has judged", WITH_NETWORK, ERRNO(EPERM),
     NAMES("setsockopt"), ARGS(IS(1, IPPROTO_IPV6), IS(2, IPV6_RTHDR))},
    {"options as one block, routes among them", WITH_NETWORK, ERRNO(EPERM), NAMES("setsockopt"),
     ARGS(IS(1, IPPROTO_IPV6), IS(2, IPV6_2292PKTOPTIONS))},
    {"headers for routers", WITH_NETWORK, ERRNO(EPERM), NAMES("setsockopt"),
     ARGS(IS(1, IPPROTO_IPV6), IS(2, IPV6_HOPOPTS))},
    {"headers for routers", WITH_NETWORK, ERRNO(EPERM), NAMES("setsockopt"),
     ARGS(IS(1, IPPROTO_IPV6), IS(2, IPV6_RTHDRDSTOPTS))},
    {"headers for routers", WITH_NETWORK, ERRNO(EPERM), NAMES("setsockopt"),
     ARGS(IS(1, IPPROTO_IPV6), IS(2, IPV6_DSTOPTS))},
    {"the host's interfaces", WITH_NETWORK, ERRNO(EPERM), NAMES("setsockopt"),
     ARGS(IS(1, SOL_SOCKET), IS(2, SO_BINDTODEVICE))},
    {"the host's interfaces", WITH_NETWORK, ERRNO(EPERM), NAMES("setsockopt"),
     ARGS(IS(1, SOL_SOCKET), IS(2, SO_BINDTOIFINDEX))},
    {"the host would join the group", WITH_NETWORK, ERRNO(EPERM), NAMES("setsockopt"),
     ARGS(IS(1, IPPROTO_IP), IS(2, IP_ADD_MEMBERSHIP))},
    {"the host would join the group", WITH_NETWORK, ERRNO(EPERM), NAMES("setsockopt"),
     ARGS(IS(1, IPPROTO_IP), IS(2, IP_ADD_SOURCE_MEMBERSHIP))},
    {"the host would join the group", WITH_NETWORK, ERRNO(EPERM), NAMES("setsockopt"),
     ARGS(IS(1, IPPROTO_IP), IS(2, MCAST_JOIN_GROUP))},
    {"the host would join the group", WITH_NETWORK, ERRNO(EPERM), NAMES("setsockopt"),
     ARGS(IS(1, IPPROTO_IP), IS(2, MCAST_JOIN_SOURCE_GROUP))},
    {"the host would join the group", WITH_NETWORK, ERRNO(EPERM), NAMES("setsockopt"),
     ARGS(IS(1, IPPROTO_IPV6), IS(2, IPV6_JOIN_GROUP))},
    {"the host would join the group", WITH_NETWORK, ERRNO(EPERM), NAMES("setsockopt"),
     ARGS(IS(1, IPPROTO_IPV6), IS(2, IPV6_JOIN_ANYCAST))},
    {"the host would join the group", WITH_NETWORK, ERRNO(EPERM), NAMES("setsockopt"),
     ARGS(IS(1, IPPROTO_IPV6), IS(2, MCAST_JOIN_GROUP))},
    {"the host would join the group", WITH_NETWORK, ERRNO(EPERM), NAMES("setsockopt"),
     ARGS(IS(1, IPPROTO_IPV6), IS(2, MCAST_JOIN_SOURCE_GROUP))},
    {"other options", ALWAYS, ALLOW, NAMES("setsockopt"), OTHERWISE},
    /* AF_NETLINK too. Without it the C library takes both families of addresses for reachable; with it, it would see
     * the loopback device of an empty network namespace and refuse to look up names, although the broker connects. */
    {"families that nobody needs here are rarely tested code of the kernel; AF_VSOCK also reaches the hypervisor",
     ALWAYS, ERRNO(EAFNOSUPPORT), NAMES("socket", "socketpair"), OTHERWISE},
};

/* ---- the calls that are handed over ------------------------------------------------------------------------------ */

struct notify_row {
    const char *name;
    uint32_t group;
    int only;
};

static const struct notify_row notify_rows[] = {
#define NOTIFY_CALL(name, group, service, dir, path, dir2, path2, flags, only) {#name, NOTIFY_##group, only},
#include "confine/notify_calls.h"
};

/* ---- putting it together ----------------------------------------------------------------------------------------- */

#define ROWS_MOST 1024 /* of the table of system calls */
_Static_assert(ARRAY_LEN(notify_rows) < UINT8_MAX, "a byte holds the index of a row, and one for none");

struct assembly {
    struct arena *arena;
    struct seccomp_rule *rules;
    uint32_t n, most;
    bool full;
    /* By row of the table of system calls: every start comes through here, and comparing names takes its time. */
    bool decided[ROWS_MOST];     /* named in a row here */
    uint8_t notified[ROWS_MOST]; /* index of its row in notify_rows, and one; 0: not handed over */
};

static int row_of(const char *name)
{
    int row = syscall_row_find(name);

    return row < ROWS_MOST ? row : -1;
}

static bool makes_files(const struct policy *p)
{
    for (uint32_t i = 0; i < p->n_paths; i++)
        if (p->paths[i].access & PATH_CREATE)
            return true;
    for (uint32_t i = 0; i < p->n_mounts; i++)
        if (p->mounts[i].bind && !(p->mounts[i].attr_set & MOUNT_ATTR_RDONLY))
            return true;
    return false;
}

static bool row_counts(const struct broker_row *row, const struct policy *p, uint32_t notify)
{
    switch (row->when) {
    case ALWAYS:
        return true;
    case HOST_NETWORK:
        return p->ns[NS_NET].how == NS_HOST;
    case WITH_NETWORK:
        return notify & NOTIFY_NETWORK;
    case MAKES_FILES:
        return makes_files(p);
    }
    return true;
}

static void index_names(struct assembly *as, const struct policy *p, uint32_t notify)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (const char *const *name = rows[i].names; *name && row_counts(&rows[i], p, notify); name++) {
            int row = row_of(*name);
            if (row >= 0)
                as->decided[row] = true;
        }
    for (size_t i = 0; i < ARRAY_LEN(notify_rows) && notify; i++) {
        int row = notify_rows[i].group & notify ? row_of(notify_rows[i].name) : -1;
        if (row >= 0)
            as->notified[row] = (uint8_t)(i + 1);
    }
}

static struct seccomp_rule *add_rule(struct assembly *as, uint32_t action, uint32_t names,
                                     const struct seccomp_arg *args, uint32_t n_args)
{
    char **v = arena_array(as->arena, names + 1, sizeof *v);

    if (!v || as->n == as->most) {
        as->full = true;
        return NULL;
    }
    struct seccomp_rule *r = &as->rules[as->n++];
    /* The policy is read-only once it is filled; its types do not say so. */
    *r = (struct seccomp_rule){
        .names = {.v = v}, .action = action, .args = (struct seccomp_arg *)(uintptr_t)args, .n_args = n_args};
    return r;
}

static void add_notified(struct assembly *as, const struct notify_row *row, char *name, const struct seccomp_arg *args,
                         uint32_t n_args)
{
    struct seccomp_arg *split = row->only < 0 ? NULL : arena_array(as->arena, 2, sizeof *split);
    struct seccomp_rule *r;

    if (row->only >= 0 && (!split || n_args)) { /* both at once no row needs, and a test would see it */
        as->full = true;
        return;
    }
    if (split) {
        split[0] = (struct seccomp_arg){(uint32_t)row->only, SECCOMP_OP_NE, 0, 0};
        split[1] = (struct seccomp_arg){(uint32_t)row->only, SECCOMP_OP_EQ, 0, 0};
        if ((r = add_rule(as, ALLOW, 1, &split[1], 1)))
            r->names.v[r->names.n++] = name;
        args = &split[0];
        n_args = 1;
    }
    if ((r = add_rule(as, SECCOMP_RET_USER_NOTIF, 1, args, n_args)))
        r->names.v[r->names.n++] = name;
}

/* A rule with those of its names that are to stay in it; what is handed over gets rules of its own. */
static void take_rule(struct assembly *as, const struct seccomp_rule *from, bool ours)
{
    struct seccomp_rule *r = add_rule(as, from->action, from->names.n, from->args, from->n_args);

    for (uint32_t i = 0; r && i < from->names.n; i++) {
        char *name = from->names.v[i];
        int row = row_of(name);
        uint8_t notified = row >= 0 && from->action == ALLOW ? as->notified[row] : 0;
        if (!ours && row >= 0 && as->decided[row])
            continue;
        if (notified)
            add_notified(as, &notify_rows[notified - 1], name, from->args, from->n_args);
        else
            r->names.v[r->names.n++] = name;
    }
}

int seccomp_broker_profile(struct arena *a, const struct policy *p, uint32_t notify, struct seccomp_policy *out,
                           struct err *err)
{
    struct seccomp_policy base;
    struct assembly as = {.arena = a};
    int r = seccomp_default_profile(a, 0, &base, err);

    if (r < 0)
        return r;
    index_names(&as, p, notify);
    as.most = base.n_rules + (uint32_t)(ARRAY_LEN(rows) + 2 * ARRAY_LEN(notify_rows));
    as.rules = arena_array(a, as.most, sizeof *as.rules);
    as.full = !as.rules;
    for (uint32_t i = 0; i < base.n_rules && !as.full; i++)
        take_rule(&as, &base.rules[i], false);
    for (size_t i = 0; i < ARRAY_LEN(rows) && !as.full; i++) {
        struct seccomp_rule rule = {.names = {.v = (char **)(uintptr_t)rows[i].names},
                                    .action = rows[i].action,
                                    .args = (struct seccomp_arg *)(uintptr_t)rows[i].args,
                                    .n_args = rows[i].n_args};
        while (rule.names.v[rule.names.n])
            rule.names.n++;
        if (row_counts(&rows[i], p, notify))
            take_rule(&as, &rule, true);
    }
    if (as.full)
        return err_set(err, -ENOMEM, "no memory for the broker's seccomp profile");
    *out = (struct seccomp_policy){
        .set = true, .default_action = base.default_action, .in_order = true, .rules = as.rules, .n_rules = as.n};
    return 0;
}
