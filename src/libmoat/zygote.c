/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zygotes, both sides. The zygote has read what start-up needs and stands behind its walls; for each request of the
 * host it forks once, and the fork serves the ring and the side socket that came with the request. The zygote itself
 * never reads a foreign byte. Its forks are reaped by the kernel (SIGCHLD is ignored); the host has their pidfds.
 */
#include "libmoat/zygote.h"

#include "host/sys.h"
#include "libmoat/memory.h"
#include "libmoat/session.h"
#include "libmoat/target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the zygote's side ------------------------------------------------------------------------------------------ */

/*
 * What a fork does before it serves is most of the time of a start, and each page that it touches is copied: so it
 * calls the kernel through host/sys.h, and keeps to the session and one page of the stack.
 */

/* Root without an identity of its own is not bound by limits: a filter more takes from its forks what made them. */
static int forbid_forks(void)
{
#define DENY(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
    struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), DENY(SYS_clone), DENY(SYS_seccomp),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
#undef DENY
    struct sock_fprog prog = {.len = ARRAY_LEN(code), .filter = code};

    return (int)sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
}

/* For everybody else: no process may be added to this user's none. */
static int limit_forks(void)
{
    const struct rlimit none = {0, 0};

    return (int)sys(SYS_setrlimit, RLIMIT_NPROC, &none);
}

/* In the fork: from the zygote's session to a target's. */
static int become_target(struct moat_session *s, const struct wire_fork *w, const int fds[2], struct err *err)
{
    sys(SYS_close, s->sock); /* the zygote's: nobody else may speak for it */
    s->sock = fds[1];
    int r = (int)sys(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (r == 0)
        r = s->root ? forbid_forks() : limit_forks();
    if (r < 0)
        return err_sys(err, r, "take from a fork what made it");
    r = session_map(s, fds[0], w->ring_bytes, err);
    sys(SYS_close, fds[0]);
    if (r < 0)
        return r;
    session_announce(s);
    session_follow(s, w->cpu);
    return 0;
}

/* 1 in the fork. */
static int fork_once(struct moat_session *s, struct err *err)
{
    struct wire_fork w;
    struct wire_forked answer = {.head = {.magic = WIRE_MAGIC, .op = WIRE_FORKED}};
    int fds[2], pidfd = -1;
    unsigned n;
    int r = wire_receive(s->sock, WIRE_FORK, &w, sizeof w, fds, 2, &n, 0);

    if (r < 0)
        return err_sys(err, r, "hear from the host");
    if (n != 2)
        return err_set(err, -EPROTO, "the host asked for a fork with %u descriptors", n);
    session_follow(s, w.cpu); /* before: the fork then starts where it is wanted */
    long pid = sys(SYS_clone, ZYGOTE_CLONE_FLAGS, NULL, &pidfd, NULL, NULL);
    if (pid == 0) {
        r = become_target(s, &w, fds, err);
        return r < 0 ? r : 1;
    }
    sys(SYS_sched_yield); /* somebody waits for the fork, and nobody yet for its pidfd */
    answer.head.serial = w.head.serial;
    answer.head.n_fds = pid > 0;
    answer.code = pid < 0 ? (int)pid : 0;
    r = wire_send(s->sock, &answer, sizeof answer, &pidfd, pid > 0);
    if (pid > 0)
        close(pidfd);
    close(fds[0]);
    close(fds[1]);
    return r < 0 ? err_sys(err, r, "answer the host") : 0;
}

int moat_zygote_ready(struct moat_session **session, struct moat_error *error)
{
    struct moat_session *s = calloc(1, sizeof *s);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    int r;

    if (!s) {
        if (error)
            *error = (struct moat_error){.code = -ENOMEM, .text = "memory for a zygote"};
        return -ENOMEM;
    }
    sigaction(SIGCHLD, &ignore, NULL); /* the kernel reaps */
    r = session_start(WIRE_SOCKET, s, true, &s->err);
    while (r == 0 && s->flags & WIRE_ZYGOTE)
        r = fork_once(s, &s->err);
    if (r >= 0) {
        *session = s;
        return 0;
    }
    api_result(r, &s->err, error);
    free(s);
    return r;
}

/* ---- the host's side -------------------------------------------------------------------------------------------- */

#define RINGS_KEPT 8

struct moat_zygote {
    struct moat_target *template; /* holds the options; never runs itself */
    struct started process;
    uint32_t serial;
    struct moat_target *first_pending, **last_pending; /* asked for, in order */
    struct rings {
        int fd;
        void *map;
    } kept[RINGS_KEPT]; /* of dead forks, wiped */
    unsigned n_kept;
};

static struct moat_zygote *zygote_blank(void)
{
    struct moat_zygote *z = calloc(1, sizeof *z);

    if (z)
        z->last_pending = &z->first_pending;
    return z;
}

int moat_zygote_start(const struct moat_target_options *o, struct moat_zygote **zygote, struct moat_error *error)
{
    struct moat_zygote *z = zygote_blank();
    struct wire_hello *hello = malloc(sizeof *hello);
    struct err err;
    int r = !z || !hello ? err_sys(&err, -ENOMEM, "memory for a zygote")
            : !o->path   ? err_set(&err, -EINVAL, "moat_zygote_start: options without a path")
                         : target_new(o, &z->template, &err);

    if (r == 0) {
        hello_fill(hello, &z->template->o, 0, WIRE_ZYGOTE | (o->placement == MOAT_PLACE_APART ? WIRE_SPIN : 0),
                   target_cpu(z->template));
        r = process_start(&z->template->plan, hello, -1, z->template->o.start_ms, &z->process, &err);
        if (r < 0) {
            err_wrap(&err, "start the zygote %s", o->path);
            process_end(&z->process);
        }
    }
    free(hello);
    if (r < 0) {
        if (z)
            moat_target_free(z->template);
        free(z);
    } else {
        *zygote = z;
    }
    return api_result(r, &err, error);
}

/* Its sentence, when it is dead. */
static int zygote_gone(struct moat_zygote *z, int r, struct err *err)
{
    char how[128];

    if (!process_ended(&z->process, 100))
        return err_sys(err, r, "the zygote does not answer");
    process_describe(&z->process, how, sizeof how);
    return err_set(err, -ECONNRESET, "the zygote %s", how);
}

bool zygote_rings_take(struct moat_zygote *z, int *fd, void **map)
{
    if (z->n_kept == 0)
        return false;
    z->n_kept--;
    *fd = z->kept[z->n_kept].fd;
    *map = z->kept[z->n_kept].map;
    return true;
}

/* What the last fork left is gone for the next: the page of the indexes is written over, the others are given back. */
bool zygote_rings_keep(struct moat_zygote *z, int fd, void *map)
{
    uint32_t bytes = z->template->o.ring_bytes;
    int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

    if (z->n_kept == RINGS_KEPT || z->process.ended || fallocate(fd, mode, 0, bytes) < 0 ||
        fallocate(fd, mode, (off_t)bytes + 4096, bytes) < 0)
        return false;
    memset((char *)map + bytes, 0, 4096);
    z->kept[z->n_kept++] = (struct rings){fd, map};
    return true;
}

int zygote_fork(struct moat_zygote *z, struct moat_target *t, struct err *err)
{
    struct wire_fork w = {.head = {.magic = WIRE_MAGIC, .op = WIRE_FORK, .serial = ++z->serial, .n_fds = 2},
                          .ring_bytes = t->o.ring_bytes,
                          .cpu = t->cpu};
    int pair[2], r;

    t->process =
        (struct started){.pidfd = -1, .sock = -1, .status = -1, .pid = -1, .walls = z->process.walls, .ended = true};
    if (z->process.ended)
        return zygote_gone(z, -ECONNRESET, err);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(err, -errno, "make a pair of sockets");
    t->process.sock = pair[0];
    r = wire_send(z->process.sock, &w, sizeof w, (int[]){t->ring, pair[1]}, 2);
    close(pair[1]);
    if (r < 0)
        return zygote_gone(z, r, err);
    t->process.ended = false;
    t->process.pending = true;
    t->next_pending = NULL;
    *z->last_pending = t;
    z->last_pending = &t->next_pending;
    return 0;
}

/* One answer, for the first who waits. */
static int collect_one(struct moat_zygote *z, int ms)
{
    struct moat_target *t = z->first_pending;
    struct wire_forked answer;
    unsigned n;
    int pidfd = -1;
    int r = wire_receive(z->process.sock, WIRE_FORKED, &answer, sizeof answer, &pidfd, 1, &n, MSG_DONTWAIT);

    if (r == -EAGAIN && ms > 0 && wait_readable(z->process.sock, ms) > 0)
        r = wire_receive(z->process.sock, WIRE_FORKED, &answer, sizeof answer, &pidfd, 1, &n, MSG_DONTWAIT);
    if (r == -EAGAIN)
        return r;
    if (r < 0)
        process_ended(&z->process, 1000); /* and its forks before it: the kernel sees to that */
    t->process.pending = false;
    t->process.pidfd = pidfd;
    t->process.ended = pidfd < 0;
    t->process.never = r == 0 && answer.code < 0 ? answer.code : 0;
    z->first_pending = t->next_pending;
    if (!z->first_pending)
        z->last_pending = &z->first_pending;
    return 0;
}

void zygote_collect(struct moat_zygote *z, struct moat_target *t, int ms, bool must)
{
    while (t->process.pending)
        if (collect_one(z, ms) < 0) {
            if (!must)
                return;
            process_kill(&z->process);
        }
}

int moat_zygote_spawn(struct moat_zygote *z, struct moat_target **target, struct moat_error *error)
{
    struct err err;

    return api_result(target_of_zygote(z, &z->template->o, target, &err), &err, error);
}

void moat_zygote_free(struct moat_zygote *z)
{
    if (!z)
        return;
    process_end(&z->process);
    while (z->n_kept > 0) {
        struct rings *k = &z->kept[--z->n_kept];
        memory_unmap(k->map, wire_bytes(z->template->o.ring_bytes));
        cleanup_fd(&k->fd);
    }
    moat_target_free(z->template);
    free(z);
}
