/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gofer beside a sentry with volumes (src/gofer/README.md): started in the sandbox's user namespace, with one
 * descriptor for each volume, in the order in which moat-sentry's command line names them, and the end of a socket
 * whose other end the sentry has. It ends when that one is gone.
 */
#include "base/mem.h"
#include "boundary/broker/adaptor.h"
#include "boundary/engine.h"
#include "boundary/sentry/sentry.h"
#include "boundary/sentry/words.h"
#include "host/helper.h"
#include "host/mountapi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GOFER_PROGRAM "moat-gofer"
#define SOCKET_FD     3
#define FIRST_ROOT    4
#define ROOTS_MOST    64

struct roots {
    const char *host[ROOTS_MOST], *flags[ROOTS_MOST]; /* flags: letters up to a colon */
    int fd[ROOTS_MOST];
    unsigned n;
};

static int find_roots(const struct instance *inst, struct roots *out, struct err *err)
{
    const char *word, *value, *flags = NULL;
    uint32_t at = 0;

    out->n = 0;
    while ((word = sentry_next_word(&inst->policy->process.argv, &at, &value))) {
        if (!strcmp(word, "--volume") && value)
            flags = strchr(value, ':');
        if (strcmp(word, "--host") != 0 || !value || !flags)
            continue;
        if (out->n == ROOTS_MOST)
            return err_set(err, -E2BIG, "at most %d volumes", ROOTS_MOST);
        out->host[out->n] = value;
        out->flags[out->n++] = flags + 1;
    }
    return 0;
}

int gofer_prepare(struct instance *inst, struct err *err)
{
    struct roots roots;
    int pair[2], r = find_roots(inst, &roots, err);

    inst->gofer_fd = 0;
    if (r < 0 || !roots.n)
        return r;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(err, -errno, "socket for the gofer");
    inst->gofer_fd = pair[1];
    _cleanup_fd_ int its = pair[0];
    _cleanup_fd_ int sock = engine_connect(inst, ENGINE_SOCKET, err);
    return sock < 0 ? sock : engine_give(sock, "gofer", its, err);
}

static int open_root(struct instance *inst, const char *host, int userns, struct err *err)
{
    int fd = inst->rootless || userns < 0 ? open(host, O_PATH | O_CLOEXEC) : mount_clone(AT_FDCWD, host, true);

    if (fd < 0)
        return err_sys(err, inst->rootless || userns < 0 ? -errno : fd, "volume %s", host);
    int r = inst->rootless || userns < 0 ? 0 : broker_shift_tree(inst, fd, userns, host, err);
    if (r < 0)
        close(fd);
    return r < 0 ? r : fd;
}

static bool has_letter(const char *flags, char letter)
{
    return memchr(flags, letter, strcspn(flags, ":")) != NULL;
}

static int run(struct instance *inst, const struct roots *roots, int userns, struct err *err)
{
    struct helper_fd fds[2 + ROOTS_MOST] = {{inst->gofer_fd, SOCKET_FD}, {2, 2}};
    char *argv[4 + 2 * ROOTS_MOST] = {arena_strdup(inst->arena, GOFER_PROGRAM), arena_strdup(inst->arena, "--socket"),
                                      arena_printf(inst->arena, "%d", SOCKET_FD)};
    size_t n = 3;
    const char *path;
    pid_t pid;
    int r = libexec_find(inst->arena, GOFER_PROGRAM, &path, err);

    if (r < 0)
        return r;
    for (unsigned i = 0; i < roots->n; i++) {
        fds[2 + i] = (struct helper_fd){roots->fd[i], FIRST_ROOT + (int)i};
        argv[n++] = arena_strdup(inst->arena, "--root");
        argv[n++] = arena_printf(
            inst->arena, "%d:%s%s%s", FIRST_ROOT + (int)i, has_letter(roots->flags[i], 'r') ? "ro" : "rw",
            has_letter(roots->flags[i], 's') ? ",nosuid" : "", has_letter(roots->flags[i], 'x') ? ",noexec" : "");
    }
    for (size_t i = 0; i < n; i++)
        if (!argv[i])
            return err_set(err, -ENOMEM, "out of memory");
    r = userns < 0 ? helper_spawn(path, argv, fds, 2 + roots->n, &pid)
                   : helper_spawn_in(userns, path, argv, fds, 2 + roots->n, &pid);
    return r < 0 ? err_sys(err, r, "%s: cannot be started", path) : 0;
}

int gofer_start(struct instance *inst, struct err *err)
{
    struct roots roots;
    char path[48];
    int r = find_roots(inst, &roots, err);

    if (r < 0 || !inst->gofer_fd)
        return r;
    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)inst->pid);
    const bool own_ids = inst->policy->ns[NS_USER].how != NS_HOST;
    _cleanup_fd_ int userns = own_ids ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    const bool has_ended = own_ids && userns < 0; /* and says why: there is nobody to serve */
    unsigned opened = 0;
    for (; !has_ended && opened < roots.n && r == 0; opened++)
        if ((roots.fd[opened] = open_root(inst, roots.host[opened], userns, err)) < 0)
            r = roots.fd[opened];
    if (r == 0 && !has_ended)
        r = run(inst, &roots, userns, err);
    for (unsigned i = 0; i < opened; i++)
        cleanup_fd(&roots.fd[i]);
    cleanup_fd(&inst->gofer_fd);
    inst->gofer_fd = 0;
    return r;
}
