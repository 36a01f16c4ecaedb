/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left to machine code behind the engine's filter: the calls of WASI without WASI's checks. The facts are those
 * of moat-probe's canaries, and `readable=`, `writable=` (directories that are granted so), `listening=` (port of a
 * listener that was handed over). Outside, with the filter on or off, each of them has to work.
 */
#include "taken.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTORS 1024
#define UP          "../../../../../../../../../../../.."
#define PIDS        4096 /* numbers that are tried: in a namespace of its own they begin at 1 */

static char path[4096], other[4096];

/* Without a flag that would hold it anywhere. */
static int open_at(int dir, const char *name, uint64_t flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, .mode = flags & O_CREAT ? 0644 : 0};

    return (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
}

static bool show(struct seen *s, int dir, const char *name)
{
    int fd = open_at(dir, name, O_RDONLY);

    return fd >= 0 && show_fd(s, fd, name);
}

static const char *in(const char *where, const char *name, struct seen *s, char out[4096])
{
    const char *dir = need_fact(where, s);

    if (dir)
        snprintf(out, 4096, "%s/%s", dir, name);
    return dir ? out : NULL;
}

/* ---- files that are not granted --------------------------------------------------------------------------------- */

static void secret(const struct probe *p, struct seen *s)
{
    const char *file = need_fact("file", s);

    if (!file)
        return;
    snprintf(path, sizeof path, "%s%s", p->arg, file);
    if (!show(s, AT_FDCWD, path))
        say_errno(s, "openat2");
}

/* From all that is open: the granted directories themselves are. */
static void secret_above(const struct probe *p, struct seen *s)
{
    const char *file = need_fact("file", s);

    if (!file)
        return;
    snprintf(path, sizeof path, UP "%s", file);
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        if (show(s, fd, path) || (p->number && show(s, fd, file + 1)))
            return;
    say_errno(s, "openat2");
}

static void secret_by_link(const struct probe *p, struct seen *s)
{
    const char *file = need_fact("file", s), *link = in("writable", "link", s, path);

    (void)p;
    if (!file || !link)
        return;
    unlinkat(AT_FDCWD, link, 0);
    if (symlinkat(file, AT_FDCWD, link) < 0 || !show(s, AT_FDCWD, link))
        say_errno(s, "link");
    unlinkat(AT_FDCWD, link, 0);
}

static void secret_linked(const struct probe *p, struct seen *s)
{
    const char *file = need_fact("file", s), *link = in("writable", "name", s, path);

    (void)p;
    if (!file || !link)
        return;
    unlinkat(AT_FDCWD, link, 0);
    if (linkat(AT_FDCWD, file, AT_FDCWD, link, 0) < 0 || !show(s, AT_FDCWD, link))
        say_errno(s, "link");
    unlinkat(AT_FDCWD, link, 0);
}

static void look_at(const struct probe *p, struct seen *s)
{
    const char *file = need_fact("file", s);
    struct stat st;

    (void)p;
    if (file)
        say_result(s, syscall(SYS_newfstatat, AT_FDCWD, file, &st, 0), "a file of the host is there");
}

static void kernel_file(const struct probe *p, struct seen *s)
{
    if (!show(s, AT_FDCWD, p->arg))
        say_errno(s, "openat2");
}

static void device(const struct probe *p, struct seen *s)
{
    say_result(s, open_at(AT_FDCWD, p->arg, O_RDWR), "it was opened");
}

static void root_name(const struct probe *p, struct seen *s)
{
    (void)p;
    say_result(s, mkdirat(AT_FDCWD, "/moat-test-made", 0755), "a directory was made in the root");
    unlinkat(AT_FDCWD, "/moat-test-made", AT_REMOVEDIR);
}

/* ---- what is granted for reading alone -----------------------------------------------------------------------------
 */

static void open_readable(const struct probe *p, struct seen *s)
{
    const char *name = in("readable", p->arg, s, path);

    if (!name)
        return;
    say_result(s, open_at(AT_FDCWD, name, (uint64_t)p->number), "opened so that it can be changed");
    if (p->number & O_CREAT && s->outcome == ESCAPED)
        unlinkat(AT_FDCWD, name, 0);
}

/* By a second name, in the directory that may be written. */
static void link_readable(const struct probe *p, struct seen *s)
{
    const char *from = in("readable", "file", s, path), *to = in("writable", "name", s, other);

    (void)p;
    if (!from || !to)
        return;
    unlinkat(AT_FDCWD, to, 0);
    int r = linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
    say_result(s, r < 0 ? r : open_at(AT_FDCWD, to, O_WRONLY), "a file to be read has a name by which it is written");
    unlinkat(AT_FDCWD, to, 0);
}

static void move_readable(const struct probe *p, struct seen *s)
{
    const char *from = in("readable", p->arg, s, path), *to = in("writable", "moved", s, other);

    if (!from || !to)
        return;
    if (p->number) /* in exchange for a file of its own */
        close(open_at(AT_FDCWD, to, O_WRONLY | O_CREAT));
    long r = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, p->number);
    say_result(s, r, "a file to be read was moved");
    if (r == 0)
        syscall(SYS_renameat2, AT_FDCWD, to, AT_FDCWD, from, p->number);
    unlinkat(AT_FDCWD, to, 0);
}

static void change_readable(const struct probe *p, struct seen *s)
{
    static const struct timespec times[2] = {{0, UTIME_OMIT}, {1, 0}};
    const char *name = in("readable", "file", s, path), *made = in("readable", "made", s, other);

    if (!name || !made)
        return;
    if (p->number == 1)
        say_result(s, syscall(SYS_utimensat, AT_FDCWD, name, times, 0), "its times were changed");
    else if (p->number == 2)
        say_result(s, symlinkat("x", AT_FDCWD, made), "a link was made beside it");
    else
        say_result(s, mkdirat(AT_FDCWD, made, 0755), "a directory was made beside it");
    unlinkat(AT_FDCWD, made, p->number == 2 ? 0 : AT_REMOVEDIR);
}

/* ---- others --------------------------------------------------------------------------------------------------------
 */

/* Of all processes that have a number here: none but itself. */
static void signal_anybody(const struct probe *p, struct seen *s)
{
    const pid_t self = (pid_t)syscall(SYS_getpid), thread = (pid_t)syscall(SYS_gettid);

    for (pid_t pid = 1; pid < PIDS; pid++) {
        long r = p->number ? syscall(SYS_tgkill, pid, pid, 0) : syscall(SYS_tkill, pid, 0);
        if (r == 0 && pid != self && pid != thread)
            return say_escaped(s, "process %d may be sent a signal", pid);
    }
    say_blocked(s, "nobody but itself has a number");
}

/* A descriptor that was handed over tells a process outside when something comes. */
static void signal_owner(const struct probe *p, struct seen *s)
{
    const pid_t self = (pid_t)syscall(SYS_getpid);

    (void)p;
    for (pid_t pid = 1; pid < PIDS; pid++)
        if (pid != self && (fcntl(0, F_SETOWN, pid) == 0 || fcntl(0, F_SETOWN, -pid) == 0))
            return say_escaped(s, "process %d is told of its input", pid);
    say_blocked(s, "nobody but itself has a number");
}

/* ---- what was handed over
 * -------------------------------------------------------------------------------------------- */

/* Beyond the streams it has the granted directories and listeners, and nothing that can be read or written. */
static void descriptors(const struct probe *p, struct seen *s)
{
    struct stat st;

    (void)p;
    for (int fd = 3; fd < DESCRIPTORS; fd++) {
        int flags = fcntl(fd, F_GETFL), listens = 0;
        if (flags < 0 || fstat(fd, &st) < 0)
            continue;
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &(socklen_t){sizeof listens});
        if (!listens && !S_ISDIR(st.st_mode))
            return say_escaped(s, "descriptor %d is open: mode %o, flags %o", fd, st.st_mode, (unsigned)flags);
    }
    say_blocked(s, "directories and listeners alone");
}

static bool is_mapped(const void *at)
{
    return syscall(SYS_rt_sigprocmask, SIG_BLOCK, at, NULL, 8) == 0 || errno != EFAULT;
}

/* From here up to the end of the stack: there lie the arguments and the environment as they came. */
static void stack(const struct probe *p, struct seen *s)
{
    static const char prefix[] = "moat-canary-";
    sigset_t before;
    const char *at = (const char *)((uintptr_t)&before & ~(uintptr_t)4095), *fact_text = fact("abstract");

    (void)p;
    sigprocmask(SIG_SETMASK, NULL, &before);
    for (; is_mapped(at); at += 4096)
        for (size_t i = 0; i < 4096 - sizeof prefix; i++)
            if (!memcmp(at + i, prefix, sizeof prefix - 1) && at + i != fact_text)
                say_escaped(s, "'%.60s' lies on the stack", at + i);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (s->outcome != ESCAPED)
        say_blocked(s, "it lies nowhere up to %p", (const void *)at);
}

/* A listening socket is of the host's network: made one that connects (TCP Fast Open needs no connect(2)). */
static void connect_by_listener(const struct probe *p, struct seen *s)
{
    const char *port = need_fact("tcp", s);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct iovec v = {(char *)"x", 1};
    struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &v, .msg_iovlen = 1};

    if (!port)
        return;
    to.sin_port = htons((uint16_t)strtol(strrchr(port, ':') ? strrchr(port, ':') + 1 : port, NULL, 10));
    errno = EBADF;
    for (int fd = 3; fd < DESCRIPTORS; fd++) {
        int listens = 0;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &(socklen_t){sizeof listens}) < 0 || !listens)
            continue;
        shutdown(fd, SHUT_RD); /* no listener any more */
        long r = p->number ? syscall(SYS_sendto, fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, &to, sizeof to)
                           : sendmsg(fd, &m, MSG_FASTOPEN | MSG_NOSIGNAL);
        struct pollfd answer = {.fd = fd, .events = POLLIN};
        if ((r >= 0 || errno == EINPROGRESS) && poll(&answer, 1, 5000) == 1 &&
            show_fd(s, fd, "a listener of the host's loopback"))
            return;
        break;
    }
    say_errno(s, "a listener that connects");
}

/* ---- calls that nothing in WASI needs -------------------------------------------------------------------------------
 */

static void *nothing(void *context)
{
    return context;
}

static void thread(const struct probe *p, struct seen *s)
{
    pthread_t made;

    (void)p;
    errno = pthread_create(&made, NULL, nothing, NULL);
    say_result(s, errno ? -1 : pthread_join(made, NULL), "a thread was made");
}

/* Machine code that was not there when the filter was raised. */
static void code(const struct probe *p, struct seen *s)
{
    static const unsigned char back[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* x86-64: mov eax, 42; ret */
    int prot = PROT_READ | PROT_WRITE | (p->number ? 0 : PROT_EXEC);
    unsigned char *m = mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (m == MAP_FAILED)
        return say_errno(s, "mmap");
    memcpy(m, back, sizeof back);
    if (p->number == 1 && mprotect(m, 4096, PROT_READ | PROT_EXEC) < 0)
        return say_errno(s, "mprotect");
    if (p->number == 2 && syscall(SYS_pkey_mprotect, m, 4096, PROT_READ | PROT_EXEC, -1) < 0)
        return say_errno(s, "pkey_mprotect");
    int (*run)(void);
    memcpy(&run, &m, sizeof run);
#ifdef __x86_64__
    say_result(s, run() == 42 ? 0 : -1, "new machine code was run");
#else
    say_result(s, 0, "memory became executable");
#endif
}

static void set_mode(const struct probe *p, struct seen *s)
{
    const char *name = in("writable", "mode", s, path);

    (void)p;
    int fd = name ? open_at(AT_FDCWD, name, O_WRONLY | O_CREAT) : -1;
    if (!name)
        return;
    say_result(s, fd < 0 ? -1 : syscall(SYS_fchmod, fd, 04755), "a file has another mode");
    unlinkat(AT_FDCWD, name, 0);
}

/* With arguments that cannot be read, so that the answer comes back. */
static void execute(const struct probe *p, struct seen *s)
{
    long r = p->number ? syscall(SYS_execveat, AT_FDCWD, "/", 1L, 1L, 0) : syscall(SYS_execve, "/", 1L, 1L);

    say_behind(s, r, BEHIND(EFAULT, EACCES, EISDIR), "the kernel looked for the program");
}

static const struct probe rows[] = {
    {"left-secret", secret, "openat2 of a file of the host", NEEDS_TOKEN, ""},
    {"left-secret-up", secret, "the same from above the working directory", NEEDS_TOKEN, UP},
    {"left-secret-root", secret, "the same by way of /proc/self/root", NEEDS_TOKEN, "/proc/self/root"},
    {"left-secret-above", secret_above, "the same from above every open descriptor", NEEDS_TOKEN},
    {"left-secret-link", secret_by_link, "reads it through a link in a granted directory", NEEDS_TOKEN},
    {"left-secret-name", secret_linked, "gives it a second name in a granted directory", NEEDS_TOKEN},
    {"left-look", look_at, "asks whether a file of the host is there", 0},
    {"left-status", kernel_file, "reads /proc/self/status", 0, "/proc/self/status"},
    {"left-engine", kernel_file, "reads the engine's file", 0, "/proc/self/exe"},
    {"left-first", kernel_file, "reads of the host's first process", 0, "/proc/1/cmdline"},
    {"left-sys", kernel_file, "reads a file of /sys", 0, "/sys/kernel/notes"},
    {"left-device", device, "opens a device", 0, "/dev/full"},
    {"left-root-name", root_name, "makes a directory in the root", 0},
    {"left-write", open_readable, "opens for writing what is granted for reading", 0, "file", O_WRONLY},
    {"left-truncate", open_readable, "opens it for reading, and empty", 0, "empty", O_RDONLY | O_TRUNC},
    {"left-create", open_readable, "makes a file beside it", 0, "made", O_WRONLY | O_CREAT},
    {"left-unnamed", open_readable, "makes a file without a name there", 0, ".", O_WRONLY | O_TMPFILE},
    {"left-link", link_readable, "links it to where it may write", 0},
    {"left-move", move_readable, "moves it to where it may write", 0, "file"},
    {"left-exchange", move_readable, "exchanges it with a file of its own", 0, "file", 2 /* RENAME_EXCHANGE */},
    {"left-times", change_readable, "changes its times", 0, .number = 1},
    {"left-symlink", change_readable, "makes a link beside it", 0, .number = 2},
    {"left-mkdir", change_readable, "makes a directory beside it", 0},
    {"left-tkill", signal_anybody, "tkill of anybody", 0},
    {"left-tgkill", signal_anybody, "tgkill of anybody", 0, .number = 1},
    {"left-owner", signal_owner, "lets its input send SIGIO to anybody", 0},
    {"left-descriptors", descriptors, "looks for descriptors beyond what was granted", 0},
    {"left-stack", stack, "looks for the caller's secret on its stack", NEEDS_TOKEN},
    {"left-listener", connect_by_listener, "connects a listener to the host's loopback, by sendmsg", NEEDS_TOKEN},
    {"left-listener-to", connect_by_listener, "the same by sendto", NEEDS_TOKEN, .number = 1},
    {"left-thread", thread, "makes a thread", 0},
    {"left-map-code", code, "maps memory to write and execute", 0},
    {"left-protect-code", code, "makes memory executable", 0, .number = 1},
    {"left-key-code", code, "the same with a protection key", 0, .number = 2},
    {"left-mode", set_mode, "changes the mode of a file of its own", 0},
    {"left-execve", execute, "execve", 0},
    {"left-execveat", execute, "execveat", 0, .number = 1},
};

const struct probe_class left_class = {"left", rows, ARRAY_LEN(rows)};
