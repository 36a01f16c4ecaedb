/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Class descriptors: what was left open, and what a descriptor leads to. The runner leaves open, in whatever it starts:
 * a file of the host, its directory, a file that may be read alone, a memory file, a socket, a namespace and a program.
 */
#include "../child.h"
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST 3
#define LAST  255

/* Each that is open, but for the pipe of the attempt itself, which says what was seen. */
static int next_open(int fd, mode_t type)
{
    struct stat st;

    for (fd++; fd <= LAST; fd++)
        if (fstat(fd, &st) == 0 && (!type || (st.st_mode & S_IFMT) == type) && !S_ISFIFO(st.st_mode))
            return fd;
    errno = EBADF;
    return -1;
}

#define EACH_OPEN(fd, type) (int fd = next_open(FIRST - 1, type); fd >= 0; fd = next_open(fd, type))

static void inherited(const struct probe *p, struct seen *s)
{
    int fd = next_open(FIRST - 1, 0);

    if (fd < 0)
        say_blocked(s, "none is open beyond 2");
    else
        say_escaped(s, "descriptor %d is open", fd);
}

static void inherited_read(const struct probe *p, struct seen *s)
{
    char path[64];

    for
        EACH_OPEN(fd, S_IFREG)
        {
            snprintf(path, sizeof path, "%s/%d", p->arg ? p->arg : "descriptor", fd);
            if (!p->arg)
                lseek(fd, 0, SEEK_SET);
            if (p->arg ? show_file(s, AT_FDCWD, path) : show_fd(s, fd, path)) {
                if (strstr(s->text, "moat-canary"))
                    return;
            }
        }
    errno = EBADF;
    say_errno(s, "no descriptor leads there");
}

/* A descriptor that may only be read, opened anew for writing. */
static void reopen_write(const struct probe *p, struct seen *s)
{
    char path[64];

    for
        EACH_OPEN(fd, S_IFREG)
        {
            snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
            int again = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
            if (again < 0)
                continue;
            return say_result(s, write(again, "+\n", 2), "wrote into a file that was open for reading");
        }
    errno = EBADF;
    say_errno(s, "none");
}

/* The standard streams are given; what else their files hold is not. */
static void stream_reopen(const struct probe *p, struct seen *s)
{
    if (!show_file(s, AT_FDCWD, p->arg))
        say_errno(s, "open");
}

static void directory(const struct probe *p, struct seen *s)
{
    for
        EACH_OPEN(fd, S_IFDIR)
        {
            if (p->number && fchdir(fd) < 0)
                continue;
            if (show_secret_from(s, p->number ? AT_FDCWD : fd))
                return;
        }
    say_errno(s, "no directory leads there");
}

/* What /proc/self and a root of one's own lead to. */
static void directory_of(const struct probe *p, struct seen *s)
{
    int fd = open(p->arg, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return say_errno(s, "open");
    for (int i = 0; i < 32; i++) {
        int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (up < 0)
            break;
        close(fd);
        fd = up;
    }
    if (!show_secret_from(s, fd))
        say_errno(s, "openat");
}

/* More of them: /proc/self/fd/N/../.., the working directory of CVE-2024-21626. */
static void by_magic_link(const struct probe *p, struct seen *s)
{
    const char *file = need_fact("file", s);
    char path[512];

    if (!file)
        return;
    for (int fd = 0; fd <= LAST; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d/../../../../../../../../..%s", fd, file);
        if (show_file(s, AT_FDCWD, path))
            return;
    }
    say_errno(s, "no descriptor leads there");
}

static void memory(const struct probe *p, struct seen *s)
{
    for
        EACH_OPEN(fd, S_IFREG)
        {
            char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            if (m == MAP_FAILED)
                continue;
            m[4095] ^= 1; /* ours and the host's at once */
            say_escaped(s, "read '%.80s' from memory that the host shares", m);
            m[strcspn(m, "\n") < 4095 ? 4095 : 0] ^= 1;
            return;
        }
    say_blocked(s, "none is shared");
}

static void socket_read(const struct probe *p, struct seen *s)
{
    for
        EACH_OPEN(fd, S_IFSOCK)
        {
            char text[96] = "";
            if (recv(fd, text, sizeof text - 1, MSG_PEEK) > 0)
                return say_escaped(s, "read '%s' from a socket of the host", text);
        }
    errno = EBADF;
    say_errno(s, "none");
}

static void namespace(const struct probe *p, struct seen *s)
{
    for
        EACH_OPEN(fd, S_IFREG)
    if (setns(fd, CLONE_NEWNS) == 0)
        return say_escaped(s, "joined mounts by descriptor %d", fd);
    say_errno(s, "setns");
}

/* ---- programs ----------------------------------------------------------------------------------------------- */

static int run_descriptor(void *ctx)
{
    int fd = *(int *)ctx;
    char words[2][8] = {"probe", "witness"};

    dup2(open("/dev/null", O_WRONLY), 1);
    syscall(SYS_execveat, fd, "", (char *[]){words[0], words[1], NULL}, (char *[]){NULL}, AT_EMPTY_PATH);
    return -errno;
}

static void program(const struct probe *p, struct seen *s)
{
    for
        EACH_OPEN(fd, S_IFREG)
        {
            int status = 0;
            pid_t pid = child_begin(run_descriptor, &fd);
            if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 42)
                return say_escaped(s, "executed a program of the host by descriptor %d", fd);
        }
    say_blocked(s, "none can be executed");
}

struct from_memory {
    int fd, to;
    char *arg;
};

static int run_memory(void *ctx)
{
    const struct from_memory *m = ctx;
    char words[3][8] = {"probe", "run", "file"};

    dup2(m->to, 1);
    syscall(SYS_execveat, m->fd, "", (char *[]){words[0], words[1], m->arg, words[2], NULL}, (char *[]){NULL},
            AT_EMPTY_PATH);
    return 126;
}

/* A program from memory, which no path rule knows, reads the file: it must be as confined as we are. */
static void memory_program(const struct probe *p, struct seen *s)
{
    const char *file = need_fact("file", s);
    char buf[65536], out[192] = "", arg[512];
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), fd = (int)syscall(SYS_memfd_create, "probe", 0), fds[2];
    ssize_t n;

    if (!file)
        return;
    if (self < 0 || fd < 0 || pipe(fds) < 0)
        return say_errno(s, "memfd");
    while ((n = read(self, buf, sizeof buf)) > 0)
        if (write(fd, buf, (size_t)n) != n)
            return say_errno(s, "write");
    snprintf(arg, sizeof arg, "file=%s", file);
    pid_t pid = child_begin(run_memory, &(struct from_memory){fd, fds[1], arg});
    close(fds[1]);
    size_t used = 0;
    while (used < sizeof out - 1 && (n = read(fds[0], out + used, sizeof out - 1 - used)) > 0)
        used += (size_t)n;
    if (pid > 0)
        waitpid(pid, NULL, 0);
    if (strstr(out, "moat-canary"))
        say_escaped(s, "%.100s", strstr(out, "read '") ? strstr(out, "read '") : out);
    else
        say_blocked(s, used ? "it ran, and did not see the file" : "it did not run");
}

/* ---- passed over sockets ------------------------------------------------------------------------------------ */

static void receive(const struct probe *p, struct seen *s)
{
    const char *path = need_fact(p->arg, s);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    char text[96], control[CMSG_SPACE(sizeof(int) * 4)];
    struct iovec v = {text, sizeof text};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), passed;

    if (!path || n >= sizeof a.sun_path - 1)
        return;
    memcpy(a.sun_path + p->number, path, n);
    if (connect(fd, (struct sockaddr *)&a,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)p->number + n)) < 0)
        return say_errno(s, "connect");
    struct cmsghdr *c = recvmsg(fd, &m, 0) < 0 ? NULL : CMSG_FIRSTHDR(&m);
    if (!c || c->cmsg_type != SCM_RIGHTS)
        return say_blocked(s, "no descriptor came");
    memcpy(&passed, CMSG_DATA(c), sizeof passed);
    lseek(passed, 0, SEEK_SET);
    if (!show_fd(s, passed, "a descriptor that was passed"))
        say_errno(s, "read");
}

static const struct probe rows[] = {
    {"inherited", inherited, "looks for descriptors beyond 2", 0},
    {"inherited-read", inherited_read, "reads from descriptors that were left open", NEEDS_TOKEN},
    {"inherited-proc", inherited_read, "reads /proc/self/fd/N of them", NEEDS_TOKEN, "/proc/self/fd"},
    {"inherited-dev", inherited_read, "reads /dev/fd/N of them", NEEDS_TOKEN, "/dev/fd"},
    {"inherited-write", reopen_write, "opens for writing what is open for reading", 0},
    {"inherited-directory", directory, "reads a file of the host from a directory that was left open", NEEDS_TOKEN},
    {"inherited-fchdir", directory, "the same after fchdir", NEEDS_TOKEN, .number = 1},
    {"inherited-memory", memory, "reads memory that was left open", NEEDS_TOKEN},
    {"inherited-socket", socket_read, "reads from a socket that was left open", NEEDS_TOKEN},
    {"inherited-namespace", namespace, "setns of a namespace that was left open", NEEDS_ROOT},
    {"inherited-program", program, "executes a program that was left open", 0},
    {"magic-link-up", by_magic_link, "reads a file of the host from above any descriptor", NEEDS_TOKEN},
    {"output-reopen", stream_reopen, "reads the file of the host that its errors go to", NEEDS_TOKEN,
     "/proc/self/fd/2"},
    {"output-dev", stream_reopen, "the same as /dev/stderr", NEEDS_TOKEN, "/dev/stderr"},
    {"root-up", directory_of, "goes up from a descriptor of the root, one by one", NEEDS_TOKEN, "/"},
    {"cwd-up", directory_of, "goes up from a descriptor of the working directory", NEEDS_TOKEN, "."},
    {"proc-root-up", directory_of, "goes up from /proc/self/root", NEEDS_TOKEN, "/proc/self/root"},
    {"memory-program", memory_program, "a program from memory reads a file of the host", NEEDS_TOKEN},
    {"passed-path", receive, "receives a descriptor over a socket of the host with a path", NEEDS_TOKEN, "socket"},
    {"passed-abstract", receive, "receives a descriptor over an abstract socket of the host", NEEDS_TOKEN, "abstract",
     1},
};

const struct probe_class descriptors_class = {"descriptors", rows, ARRAY_LEN(rows)};
