/* SPDX-License-Identifier: Apache-2.0 */
/* Names of constants, as strace(1) shows them: tables, and the few that are made of parts. */
#include "linux/core/strace_names.h"

#include "linux/core/modes.h"

#include <asm/errno.h>
#include <asm/poll.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/time.h>
#include <linux/wait.h>

#define N(value)                                                                                                       \
    {                                                                                                                  \
        value, #value                                                                                                  \
    }
const struct strace_name strace_prot_flags[] = {
    N(PROT_READ), N(PROT_WRITE), N(PROT_EXEC), N(PROT_GROWSDOWN), {0, NULL}};
const struct strace_name strace_map_flags[] = {
    N(MAP_PRIVATE),   N(MAP_SHARED),   N(MAP_FIXED), N(MAP_ANONYMOUS), N(MAP_GROWSDOWN),       N(MAP_DENYWRITE),
    N(MAP_NORESERVE), N(MAP_POPULATE), N(MAP_STACK), N(MAP_HUGETLB),   N(MAP_FIXED_NOREPLACE), {0, NULL}};
const struct strace_name strace_wait_flags[] = {N(WNOHANG),     N(WUNTRACED), N(WEXITED),  N(WCONTINUED), N(WNOWAIT),
                                                N(__WNOTHREAD), N(__WALL),    N(__WCLONE), {0, NULL}};
const struct strace_name strace_poll_flags[] = {N(POLLIN),     N(POLLPRI),    N(POLLOUT),    N(POLLERR),
                                                N(POLLHUP),    N(POLLNVAL),   N(POLLRDNORM), N(POLLWRNORM),
                                                N(POLLRDBAND), N(POLLWRBAND), N(POLLRDHUP),  {0, NULL}};
const struct strace_name strace_epoll_flags[] = {N(EPOLLIN),        N(EPOLLPRI),     N(EPOLLOUT),    N(EPOLLERR),
                                                 N(EPOLLHUP),       N(EPOLLRDNORM),  N(EPOLLWRNORM), N(EPOLLRDHUP),
                                                 N(EPOLLEXCLUSIVE), N(EPOLLONESHOT), N(EPOLLET),     {0, NULL}};
const struct strace_name strace_clocks[] = {
    N(CLOCK_REALTIME),          N(CLOCK_MONOTONIC),     N(CLOCK_PROCESS_CPUTIME_ID),
    N(CLOCK_THREAD_CPUTIME_ID), N(CLOCK_MONOTONIC_RAW), N(CLOCK_REALTIME_COARSE),
    N(CLOCK_MONOTONIC_COARSE),  N(CLOCK_BOOTTIME),      N(CLOCK_REALTIME_ALARM),
    N(CLOCK_BOOTTIME_ALARM),    N(CLOCK_TAI),           {0, NULL}};
const struct strace_name strace_whences[] = {N(SEEK_SET),  N(SEEK_CUR),  N(SEEK_END),
                                             N(SEEK_DATA), N(SEEK_HOLE), {0, NULL}};
const struct strace_name strace_domains[] = {{0, "AF_UNSPEC"},   {1, "AF_UNIX"},    {2, "AF_INET"}, {10, "AF_INET6"},
                                             {16, "AF_NETLINK"}, {17, "AF_PACKET"}, {0, NULL}};
static const struct strace_name open_flags[] = {
    N(O_CREAT),     N(O_EXCL),      N(O_NOCTTY),   N(O_TRUNC),   N(O_APPEND),  N(O_NONBLOCK), N(O_DIRECT),
    N(O_LARGEFILE), N(O_DIRECTORY), N(O_NOFOLLOW), N(O_NOATIME), N(O_CLOEXEC), N(O_PATH),     {0, NULL}};
static const struct strace_name clone_flags[] = {N(CLONE_VM),
                                                 N(CLONE_FS),
                                                 N(CLONE_FILES),
                                                 N(CLONE_SIGHAND),
                                                 N(CLONE_PIDFD),
                                                 N(CLONE_PTRACE),
                                                 N(CLONE_VFORK),
                                                 N(CLONE_PARENT),
                                                 N(CLONE_THREAD),
                                                 N(CLONE_NEWNS),
                                                 N(CLONE_SYSVSEM),
                                                 N(CLONE_SETTLS),
                                                 N(CLONE_PARENT_SETTID),
                                                 N(CLONE_CHILD_CLEARTID),
                                                 N(CLONE_DETACHED),
                                                 N(CLONE_UNTRACED),
                                                 N(CLONE_CHILD_SETTID),
                                                 {0, NULL}};
static const struct strace_name socket_types[] = {
    {1, "SOCK_STREAM"}, {2, "SOCK_DGRAM"}, {3, "SOCK_RAW"}, {5, "SOCK_SEQPACKET"}, {0, NULL}};
static const char *const signals[] = {"HUP",  "INT",    "QUIT", "ILL",   "TRAP", "ABRT", "BUS",  "FPE",
                                      "KILL", "USR1",   "SEGV", "USR2",  "PIPE", "ALRM", "TERM", "STKFLT",
                                      "CHLD", "CONT",   "STOP", "TSTP",  "TTIN", "TTOU", "URG",  "XCPU",
                                      "XFSZ", "VTALRM", "PROF", "WINCH", "IO",   "PWR",  "SYS"};
static const char *const futex_ops[] = {"FUTEX_WAIT",          "FUTEX_WAKE",        "FUTEX_FD",
                                        "FUTEX_REQUEUE",       "FUTEX_CMP_REQUEUE", "FUTEX_WAKE_OP",
                                        "FUTEX_LOCK_PI",       "FUTEX_UNLOCK_PI",   "FUTEX_TRYLOCK_PI",
                                        "FUTEX_WAIT_BITSET",   "FUTEX_WAKE_BITSET", "FUTEX_WAIT_REQUEUE_PI",
                                        "FUTEX_CMP_REQUEUE_PI"};
static const char *const errors[] = {[1] = "EPERM",
                                     [2] = "ENOENT",
                                     [3] = "ESRCH",
                                     [4] = "EINTR",
                                     [5] = "EIO",
                                     [6] = "ENXIO",
                                     [7] = "E2BIG",
                                     [8] = "ENOEXEC",
                                     [9] = "EBADF",
                                     [10] = "ECHILD",
                                     [11] = "EAGAIN",
                                     [12] = "ENOMEM",
                                     [13] = "EACCES",
                                     [14] = "EFAULT",
                                     [15] = "ENOTBLK",
                                     [16] = "EBUSY",
                                     [17] = "EEXIST",
                                     [18] = "EXDEV",
                                     [19] = "ENODEV",
                                     [20] = "ENOTDIR",
                                     [21] = "EISDIR",
                                     [22] = "EINVAL",
                                     [23] = "ENFILE",
                                     [24] = "EMFILE",
                                     [25] = "ENOTTY",
                                     [26] = "ETXTBSY",
                                     [27] = "EFBIG",
                                     [28] = "ENOSPC",
                                     [29] = "ESPIPE",
                                     [30] = "EROFS",
                                     [31] = "EMLINK",
                                     [32] = "EPIPE",
                                     [33] = "EDOM",
                                     [34] = "ERANGE",
                                     [35] = "EDEADLK",
                                     [36] = "ENAMETOOLONG",
                                     [37] = "ENOLCK",
                                     [38] = "ENOSYS",
                                     [39] = "ENOTEMPTY",
                                     [40] = "ELOOP",
                                     [42] = "ENOMSG",
                                     [43] = "EIDRM",
                                     [44] = "ECHRNG",
                                     [45] = "EL2NSYNC",
                                     [46] = "EL3HLT",
                                     [47] = "EL3RST",
                                     [48] = "ELNRNG",
                                     [49] = "EUNATCH",
                                     [50] = "ENOCSI",
                                     [51] = "EL2HLT",
                                     [52] = "EBADE",
                                     [53] = "EBADR",
                                     [54] = "EXFULL",
                                     [55] = "ENOANO",
                                     [56] = "EBADRQC",
                                     [57] = "EBADSLT",
                                     [59] = "EBFONT",
                                     [60] = "ENOSTR",
                                     [61] = "ENODATA",
                                     [62] = "ETIME",
                                     [63] = "ENOSR",
                                     [64] = "ENONET",
                                     [65] = "ENOPKG",
                                     [66] = "EREMOTE",
                                     [67] = "ENOLINK",
                                     [68] = "EADV",
                                     [69] = "ESRMNT",
                                     [70] = "ECOMM",
                                     [71] = "EPROTO",
                                     [72] = "EMULTIHOP",
                                     [73] = "EDOTDOT",
                                     [74] = "EBADMSG",
                                     [75] = "EOVERFLOW",
                                     [76] = "ENOTUNIQ",
                                     [77] = "EBADFD",
                                     [78] = "EREMCHG",
                                     [79] = "ELIBACC",
                                     [80] = "ELIBBAD",
                                     [81] = "ELIBSCN",
                                     [82] = "ELIBMAX",
                                     [83] = "ELIBEXEC",
                                     [84] = "EILSEQ",
                                     [85] = "ERESTART",
                                     [86] = "ESTRPIPE",
                                     [87] = "EUSERS",
                                     [88] = "ENOTSOCK",
                                     [89] = "EDESTADDRREQ",
                                     [90] = "EMSGSIZE",
                                     [91] = "EPROTOTYPE",
                                     [92] = "ENOPROTOOPT",
                                     [93] = "EPROTONOSUPPORT",
                                     [94] = "ESOCKTNOSUPPORT",
                                     [95] = "EOPNOTSUPP",
                                     [96] = "EPFNOSUPPORT",
                                     [97] = "EAFNOSUPPORT",
                                     [98] = "EADDRINUSE",
                                     [99] = "EADDRNOTAVAIL",
                                     [100] = "ENETDOWN",
                                     [101] = "ENETUNREACH",
                                     [102] = "ENETRESET",
                                     [103] = "ECONNABORTED",
                                     [104] = "ECONNRESET",
                                     [105] = "ENOBUFS",
                                     [106] = "EISCONN",
                                     [107] = "ENOTCONN",
                                     [108] = "ESHUTDOWN",
                                     [109] = "ETOOMANYREFS",
                                     [110] = "ETIMEDOUT",
                                     [111] = "ECONNREFUSED",
                                     [112] = "EHOSTDOWN",
                                     [113] = "EHOSTUNREACH",
                                     [114] = "EALREADY",
                                     [115] = "EINPROGRESS",
                                     [116] = "ESTALE",
                                     [117] = "EUCLEAN",
                                     [118] = "ENOTNAM",
                                     [119] = "ENAVAIL",
                                     [120] = "EISNAM",
                                     [121] = "EREMOTEIO",
                                     [122] = "EDQUOT",
                                     [123] = "ENOMEDIUM",
                                     [124] = "EMEDIUMTYPE",
                                     [125] = "ECANCELED",
                                     [126] = "ENOKEY",
                                     [127] = "EKEYEXPIRED",
                                     [128] = "EKEYREVOKED",
                                     [129] = "EKEYREJECTED",
                                     [130] = "EOWNERDEAD",
                                     [131] = "ENOTRECOVERABLE",
                                     [132] = "ERFKILL",
                                     [133] = "EHWPOISON"};

/* What `flags` says of v, with a separator in front when something is there already. True: something was put. */
static bool put_flags(struct text *t, const struct strace_name *flags, uint64_t v, bool some)
{
    for (; flags->name; flags++) {
        if (!flags->value || (v & flags->value) != flags->value)
            continue;
        text_printf(t, "%s%s", some ? "|" : "", flags->name);
        v &= ~flags->value, some = true;
    }
    if (v)
        text_printf(t, "%s0x%lx", some ? "|" : "", (unsigned long)v);
    return some || v;
}

void strace_flags(struct text *t, const struct strace_name *flags, uint64_t v)
{
    if (!put_flags(t, flags, v, false))
        text_put(t, "0", 1);
}

void strace_value(struct text *t, const struct strace_name *names, uint64_t v)
{
    for (; names->name; names++) {
        if (names->value != v)
            continue;
        text_printf(t, "%s", names->name);
        return;
    }
    text_printf(t, "%ld", (long)v);
}

void strace_open_flags(struct text *t, uint32_t v)
{
    static const char *const access[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};
    text_printf(t, "%s", access[v & O_ACCMODE]);
    put_flags(t, open_flags, v & ~(uint32_t)O_ACCMODE, true);
}

void strace_mode(struct text *t, uint32_t mode)
{
    static const struct strace_name types[] = {N(S_IFREG), N(S_IFDIR), N(S_IFLNK),  N(S_IFCHR),
                                               N(S_IFBLK), N(S_IFIFO), N(S_IFSOCK), {0, NULL}};
    strace_value(t, types, mode & S_IFMT);
    text_printf(t, "|0%o", mode & 07777);
}

void strace_socket_type(struct text *t, uint32_t v)
{
    strace_value(t, socket_types, v & 0xf);
    if (v & O_CLOEXEC)
        text_printf(t, "|SOCK_CLOEXEC");
    if (v & O_NONBLOCK)
        text_printf(t, "|SOCK_NONBLOCK");
}

void strace_futex_op(struct text *t, uint32_t v)
{
    uint32_t op = v & FUTEX_CMD_MASK;
    if (op < sizeof(futex_ops) / sizeof(futex_ops[0]))
        text_printf(t, "%s", futex_ops[op]);
    else
        text_printf(t, "0x%x", op);
    if (v & FUTEX_PRIVATE_FLAG)
        text_printf(t, "_PRIVATE");
    if (v & FUTEX_CLOCK_REALTIME)
        text_printf(t, "|FUTEX_CLOCK_REALTIME");
}

void strace_clone_flags(struct text *t, uint64_t v)
{
    bool some = put_flags(t, clone_flags, v & ~(uint64_t)CSIGNAL, false);
    if (!(v & CSIGNAL)) {
        if (!some)
            text_put(t, "0", 1);
        return;
    }
    if (some)
        text_put(t, "|", 1);
    strace_signal_name(t, (int)(v & CSIGNAL), true);
}

void strace_signal_name(struct text *t, int signo, bool whole)
{
    if (signo >= 1 && signo <= (int)(sizeof(signals) / sizeof(signals[0])))
        text_printf(t, "%s%s", whole ? "SIG" : "", signals[signo - 1]);
    else if (signo >= 32 && signo <= 64)
        text_printf(t, "%sRT_%d", whole ? "SIG" : "", signo - 32);
    else
        text_printf(t, "%d", signo);
}

const char *strace_errno(int error)
{
    static const char *const restarts[] = {"ERESTARTSYS", "ERESTARTNOINTR", "ERESTARTNOHAND", "ENOIOCTLCMD",
                                           "ERESTART_RESTARTBLOCK"};
    if (error >= 512 && error <= 516)
        return restarts[error - 512];
    bool is_known = error > 0 && error < (int)(sizeof(errors) / sizeof(errors[0])) && errors[error];
    return is_known ? errors[error] : "E?";
}
