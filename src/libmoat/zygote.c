/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zygotes, both sides. The zygote has read what start-up needs and stands behind its walls; for each request of the
 * host it forks once, and the fork serves the ring and the side socket that came with the request. The zygote itself
 * never reads a foreign byte. Its forks are reaped by the kernel (SIGCHLD is ignored); the host has their pidfds.
 */
#include "libmoat/zygote.h"

#include "base/clock.h"
#include "libmoat/session.h"
#include "libmoat/target.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- the zygote's side ------------------------------------------------------------------------------------------ */

/* Where no namespace could be made, it is a filter more that takes from a fork what made it. */
static int forbid_forks(void)
{
#define DENY(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), DENY(SYS_clone), DENY(SYS_tgkill), DENY(SYS_seccomp),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
#undef DENY
    struct sock_fprog prog = {.len = ARRAY_LEN(code), .filter = code};

    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 ? -errno : 0;
}

static int lose_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};

    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

/* In the fork: from the zygote's session to a target's. */
static int become_target(struct moat_session *s, const struct wire_fork *w, const int fds[2], int clone_flags,
                         struct err *err)
{
    close(s->sock); /* the zygote's: nobody else may speak for it */
    s->sock = fds[1];
    if (syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return err_sys(err, -errno, "bind a fork to its zygote");
    int r = clone_flags & CLONE_NEWPID ? lose_capabilities() : forbid_forks();
    if (r == 0)
        r = session_map(s, fds[0], w->ring_bytes, err);
    else
        err_sys(err, r, "take the right to fork from a fork");
    close(fds[0]);
    if (r < 0)
        return r;
    session_announce(s);
    session_follow(s, w->cpu);
    return 0;
}

/* 1 in the fork. */
static int fork_once(struct moat_session *s, int clone_flags, struct err *err)
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
    long pid = syscall(SYS_clone, (unsigned long)(unsigned)clone_flags, NULL, &pidfd, NULL, NULL);
    if (pid == 0) {
        r = become_target(s, &w, fds, clone_flags, err);
        return r < 0 ? r : 1;
    }
    answer.head.serial = w.head.serial;
    answer.head.n_fds = pid > 0;
    answer.code = pid < 0 ? -errno : 0;
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
    struct err err;
    int r = s ? 0 : err_sys(&err, -ENOMEM, "memory for a zygote");

    if (r == 0) {
        sigaction(SIGCHLD, &ignore, NULL); /* the kernel reaps */
        r = session_start(WIRE_SOCKET, s, true, &err);
    }
    if (r == 0 && s->flags & WIRE_ZYGOTE) {
        int flags = zygote_clone_flags(s->walls & MOAT_WALL_USER ? s->flags : 0);
        do
            r = fork_once(s, flags, &err);
        while (r == 0);
    }
    if (r < 0)
        free(s);
    else
        *session = s;
    return api_result(r < 0 ? r : 0, &err, error);
}

/* ---- the host's side -------------------------------------------------------------------------------------------- */

struct moat_zygote {
    struct moat_target *template; /* holds the options; never runs itself */
    struct started process;
    uint32_t serial;
};

int moat_zygote_start(const struct moat_target_options *o, struct moat_zygote **zygote, struct moat_error *error)
{
    struct moat_zygote *z = calloc(1, sizeof *z);
    struct wire_hello *hello = malloc(sizeof *hello);
    struct err err;
    int r = !z || !hello ? err_sys(&err, -ENOMEM, "memory for a zygote")
            : !o->path   ? err_set(&err, -EINVAL, "moat_zygote_start: options without a path")
                         : target_new(o, &z->template, &err);

    if (r == 0) {
        hello_fill(hello, &z->template->o, 0, WIRE_ZYGOTE, target_cpu(z->template));
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

int zygote_fork(struct moat_zygote *z, int ring, uint32_t ring_bytes, int32_t cpu, struct started *p, struct err *err)
{
    struct wire_fork w = {.head = {.magic = WIRE_MAGIC, .op = WIRE_FORK, .serial = ++z->serial, .n_fds = 2},
                          .ring_bytes = ring_bytes,
                          .cpu = cpu};
    struct wire_forked answer;
    struct pollfd fd = {.fd = z->process.sock, .events = POLLIN};
    int pair[2], r;
    unsigned n;

    *p = (struct started){.pidfd = -1, .sock = -1, .status = -1, .pid = -1, .walls = z->process.walls};
    if (z->process.ended)
        return zygote_gone(z, 0, err);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(err, -errno, "make a pair of sockets");
    p->sock = pair[0];
    r = wire_send(z->process.sock, &w, sizeof w, (int[]){ring, pair[1]}, 2);
    close(pair[1]);
    if (r < 0)
        return zygote_gone(z, r, err);
    if (poll(&fd, 1, z->template->o.start_ms) <= 0)
        return zygote_gone(z, -ETIMEDOUT, err);
    r = wire_receive(z->process.sock, WIRE_FORKED, &answer, sizeof answer, &p->pidfd, 1, &n, MSG_DONTWAIT);
    if (r < 0)
        return zygote_gone(z, r, err);
    if (answer.head.serial != w.head.serial || (answer.code == 0 && n != 1))
        return err_set(err, -EPROTO, "the zygote answered another request");
    return answer.code < 0 ? err_sys(err, answer.code, "the zygote cannot fork") : 0;
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
    moat_target_free(z->template);
    free(z);
}
