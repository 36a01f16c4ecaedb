/* SPDX-License-Identifier: Apache-2.0 */
#include "boundary/engine.h"

#include "base/mem.h"
#include "boundary/broker/adaptor.h"
#include "boundary/container/container.h"
#include "boundary/control.h"
#include "host/unixsock.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET  "engine.sock"
#define BACKLOG 4

#define HWCAP2_FSGSBASE 2 /* asm/hwcap2.h */

int engine_offer_fsgsbase(struct arena *a, struct offer *out)
{
    int r = container_offer(a, out);

    if (r == 0 && out->available && !(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE)) {
        out->available = false;
        out->why_not = "this processor or kernel has no FSGSBASE (Linux 5.9 on a processor from 2012 on has it)";
    }
    return r;
}

sigset_t engine_hold_back(const sigset_t *before)
{
    static const int asking[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    sigset_t mask;

    sigprocmask(SIG_SETMASK, NULL, &mask);
    if (before)
        mask = *before;
    for (size_t i = 0; i < ARRAY_LEN(asking); i++)
        sigaddset(&mask, asking[i]);
    return mask;
}

int engine_create(struct instance *inst, const char *file,
                  int (*open_both)(struct instance *inst, const char *file, struct err *err), struct err *err)
{
    const sigset_t *before = inst->child_mask;
    sigset_t mask = engine_hold_back(before);
    int r = open_both(inst, file, err);

    inst->child_mask = &mask;
    if (r == 0)
        r = broker_create(inst, err);
    inst->child_mask = before;
    cleanup_fd(&inst->handed_fd);
    cleanup_fd(&inst->program_fd);
    inst->handed_fd = inst->program_fd = -1;
    return r;
}

int engine_listen(struct instance *inst, struct err *err)
{
    unlinkat(inst->state_fd, SOCKET, 0);
    int fd = unixsock_listen(inst->state_fd, SOCKET, SOCK_SEQPACKET | SOCK_NONBLOCK, BACKLOG);

    return fd < 0 ? err_sys(err, fd, "make " SOCKET) : fd;
}

int engine_connect(const struct instance *inst, struct err *err)
{
    /* An engine that its guest has taken over may let everybody wait: nobody does (unix(7): EAGAIN). */
    int fd = unixsock_connect(inst->state_fd, SOCKET, SOCK_SEQPACKET | SOCK_NONBLOCK);

    if (fd == -ENOENT || fd == -ECONNREFUSED || fd == -EAGAIN)
        return err_set(err, -ENOTCONN, "sandbox %s: its engine does not answer", inst->id);
    return fd < 0 ? err_sys(err, fd, "sandbox %s: " SOCKET, inst->id) : fd;
}

int engine_give(int sock, const char *name, int fd, struct err *err)
{
    int r = control_send(sock, CONTROL_DESCRIPTOR, 0, 0, name, strlen(name) + 1, fd);

    return r < 0 ? err_sys(err, r, "hand over \"%s\"", name) : 0;
}
