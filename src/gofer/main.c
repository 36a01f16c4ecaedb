/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-gofer: opens files of the host for one sentry, shut in. Started by moat, with descriptors that moat has opened:
 *
 *   moat-gofer [--proc FD] --socket FD --root FD[:rw][,nosuid][,noexec] ...
 *
 * socket: SOCK_SEQPACKET, its other end is the sentry's. root: O_PATH of a directory or a regular file; the first is
 * number 0; read-only unless it says rw. proc: a directory of procfs in which this process is seen; without it /proc.
 * Ends with status 0 when the other end is gone, with 1 and a sentence when it cannot begin or the other end sends what
 * no kernel of ours would.
 */
#include "gofer/gofer.h"
#include "gofer/jail.h"

#include "base/err.h"
#include "base/mem.h"
#include "host/mountapi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FIRST 3   /* where descriptors lie in the end: the socket, /proc/self/fd, the roots */
#define ABOVE 128 /* where they wait for that */
#define SPARE 16  /* descriptors besides the table's: open for one request */

struct options {
    int socket, proc;
    uint32_t n_roots;
    int roots[FILES_ROOTS_MAX];
    uint32_t flags[FILES_ROOTS_MAX];
};

static struct gofer gofer;
static struct reply reply;
static uint8_t datagram[sizeof(struct files_request) + 2 * FILES_TEXT_MAX + FILES_BYTES_MAX];

/* ---- options ---- */

static int read_descriptor(const char *text, char **end, int *out)
{
    long v = text && *text >= '0' && *text <= '9' ? strtol(text, end, 10) : -1;
    if (v < 0 || v > 1 << 20)
        return -EINVAL;
    *out = (int)v;
    return 0;
}

static int read_flags(const char *text, uint32_t *out)
{
    static const struct {
        const char *word;
        uint32_t flag;
    } words[] = {{"ro", 0}, {"rw", FILES_RW}, {"nosuid", FILES_NOSUID}, {"noexec", FILES_NOEXEC}};
    *out = 0;
    while (*text) {
        size_t n = strcspn(text, ","), i = 0;
        while (i < ARRAY_LEN(words) && (strlen(words[i].word) != n || memcmp(words[i].word, text, n) != 0))
            i++;
        if (i == ARRAY_LEN(words))
            return -EINVAL;
        *out |= words[i].flag;
        text += n + (text[n] == ',');
    }
    return 0;
}

static int read_root(const char *text, struct options *o)
{
    char *end;
    if (o->n_roots == FILES_ROOTS_MAX || read_descriptor(text, &end, &o->roots[o->n_roots]) || (*end && *end != ':'))
        return -EINVAL;
    return read_flags(*end ? end + 1 : end, &o->flags[o->n_roots++]);
}

static int read_options(char **argv, struct options *o, struct err *err)
{
    for (char **a = argv + 1; *a; a += 2) {
        char *end;
        int r = -EINVAL;
        if (!strcmp(*a, "--socket"))
            r = read_descriptor(a[1], &end, &o->socket);
        else if (!strcmp(*a, "--proc"))
            r = read_descriptor(a[1], &end, &o->proc);
        else if (!strcmp(*a, "--root") && a[1])
            r = read_root(a[1], o);
        if (r)
            return err_set(err, r, "moat-gofer: the option %s is not understood: it is started by moat, not by hand",
                           *a);
    }
    if (o->socket < 0 || !o->n_roots)
        return err_set(err, -EINVAL, "moat-gofer: needs --socket and --root: it is started by moat, not by hand");
    return 0;
}

/* ---- descriptors ---- */

static int open_proc(int given, struct err *err)
{
    int fd = given < 0 ? open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                       : openat(given, "self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? err_sys(err, -errno, "the gofer: open /proc/self/fd") : fd;
}

/* Each to its place, whatever was there: first all out of the way. */
static int arrange(struct options *o, struct err *err)
{
    int *all[FILES_ROOTS_MAX + 2] = {&o->socket, &o->proc};
    uint32_t n = 2 + o->n_roots;
    for (uint32_t i = 0; i < o->n_roots; i++)
        all[2 + i] = &o->roots[i];
    for (uint32_t i = 0; i < n; i++)
        if ((*all[i] = fcntl(*all[i], F_DUPFD_CLOEXEC, ABOVE)) < 0)
            return err_sys(err, -errno, "the gofer: a descriptor that it was given");
    for (uint32_t i = 0; i < n; i++)
        if ((*all[i] = dup2(*all[i], FIRST + (int)i)) < 0)
            return err_sys(err, -errno, "the gofer: move a descriptor");
    return 0;
}

/* A mount of its own for a root, where that can be had: without what its flags forbid, so that a descriptor that has
 * been handed on gives no more, whatever call it is used with. Where it cannot, moat has made it, or there is none. */
static void wall_root(int *fd, uint32_t flags)
{
    uint64_t set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID;
    set |= flags & FILES_RW ? 0 : MOUNT_ATTR_RDONLY;
    set |= flags & FILES_NOEXEC ? MOUNT_ATTR_NOEXEC : 0;
    _cleanup_fd_ int tree = mount_clone(*fd, "", true);
    if (tree >= 0 && mount_set(tree, true, set, 0, 0, -1) == 0 && dup2(tree, *fd) >= 0)
        fcntl(*fd, F_SETFD, FD_CLOEXEC);
}

static uint32_t files_most(uint32_t used)
{
    struct rlimit r;
    uint64_t most = GOFER_HANDLES_MAX + used + SPARE;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_max < most)
        most = r.rlim_max;
    return (uint32_t)most;
}

static int begin(struct options *o, struct err *err)
{
    struct walls_tree trees[FILES_ROOTS_MAX];
    struct jail jail = {.trees = trees, .n_trees = o->n_roots};
    if ((o->proc = open_proc(o->proc, err)) < 0)
        return o->proc;
    int r = arrange(o, err);
    if (r)
        return r;
    jail.proc = o->proc;
    jail.descriptors = FIRST + 2 + o->n_roots;
    jail.files = files_most(jail.descriptors);
    gofer_begin(&gofer, o->proc, jail.files - SPARE - jail.descriptors);
    for (uint32_t i = 0; i < o->n_roots; i++) {
        wall_root(&o->roots[i], o->flags[i]);
        r = gofer_root(&gofer, o->roots[i], o->flags[i]);
        if (r == -EACCES)
            return err_set(err, r,
                           "the gofer: a volume lies in a file system of the kernel's own, where files are "
                           "ways to ask the kernel: give another directory");
        if (r)
            return err_sys(err, r, "the gofer: a volume");
        trees[i] = (struct walls_tree){o->roots[i], o->flags[i] & FILES_RW};
        jail.writes |= o->flags[i] & FILES_RW;
    }
    return jail_enter(&jail, err);
}

/* ---- the service ---- */

/* Bytes; 0: the other end is gone; -errno. */
static ssize_t receive(int socket)
{
    struct iovec v = {datagram, sizeof datagram};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    ssize_t n;
    do
        n = recvmsg(socket, &m, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? 0 : -errno;
    return m.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EPROTO : n;
}

static int answer(int socket)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct iovec v[2] = {{&reply.a, sizeof reply.a}, {reply.bytes, reply.a.bytes}};
    struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
    ssize_t n;
    if (reply.fd >= 0) {
        memcpy(CMSG_DATA(&control.head), &reply.fd, sizeof reply.fd);
        m.msg_control = &control, m.msg_controllen = sizeof control;
    }
    do
        n = sendmsg(socket, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    int error = n < 0 ? -errno : 0;
    if (reply.fd >= 0)
        close(reply.fd);
    return error;
}

static int serve_all(int socket)
{
    for (;;) {
        ssize_t n = receive(socket);
        if (n <= 0)
            return (int)n;
        int r = gofer_serve(&gofer, datagram, (size_t)n, &reply);
        if (!r)
            r = answer(socket);
        if (r)
            return r == -EPIPE || r == -ECONNRESET ? 0 : r;
    }
}

static int say(const char *text)
{
    return write(2, text, strlen(text)) < 0 || write(2, "\n", 1) < 0;
}

int main(int argc, char **argv)
{
    struct options o = {.socket = -1, .proc = -1};
    struct err err = {0};
    (void)argc;
    (void)setsid(); /* keys of a terminal are for the programs inside, who still want their files then */
    if (read_options(argv, &o, &err) || begin(&o, &err)) {
        say(err.text);
        return 1;
    }
    int r = serve_all(o.socket);
    if (r == -EPROTO)
        say("moat-gofer: the sentry sent what no kernel of ours sends: the sandbox gets no more files");
    else if (r)
        say("moat-gofer: the socket to the sentry failed");
    return r != 0;
}
