/* SPDX-License-Identifier: Apache-2.0 */
#include "boundary/engine.h"

#include "base/clock.h"
#include "base/mem.h"
#include "boundary/broker/adaptor.h"
#include "boundary/container/container.h"
#include "boundary/control.h"
#include "host/helper.h"
#include "host/unixsock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG    4
#define CONNECT_MS 5000 /* an engine that is busy has a turn for it by then */
#define RETRY_MS   10
#define TRIES      20

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

int engine_listen(struct instance *inst, const char *name, struct err *err)
{
    unlinkat(inst->state_fd, name, 0);
    int fd = unixsock_listen(inst->state_fd, name, SOCK_SEQPACKET | SOCK_NONBLOCK, BACKLOG);

    return fd < 0 ? err_sys(err, fd, "make %s", name) : fd;
}

/* Others ask too, and its queue may be full (unix(7): EAGAIN); an engine that its guest has taken over may leave it so,
 * and nobody waits for longer than he wants. */
static int connect_until(const struct instance *inst, const char *name, int64_t until, struct err *err)
{
    int fd;

    while ((fd = unixsock_connect(inst->state_fd, name, SOCK_SEQPACKET | SOCK_NONBLOCK)) == -EAGAIN &&
           clock_ms() < until)
        poll(NULL, 0, RETRY_MS);
    if (fd == -ENOENT || fd == -ECONNREFUSED || fd == -EAGAIN)
        return err_set(err, -ENOTCONN, "sandbox %s: its engine does not answer", inst->id);
    return fd < 0 ? err_sys(err, fd, "sandbox %s: %s", inst->id, name) : fd;
}

int engine_connect(const struct instance *inst, const char *name, struct err *err)
{
    return connect_until(inst, name, clock_ms() + CONNECT_MS, err);
}

/* Over one connection: 1 and *reply, or -ETIMEDOUT, -ESRCH (closed, with nothing said), -errno. */
static int ask_once(int sock, const struct engine_order *order, int64_t until, struct control_record *reply)
{
    int r = control_send(sock, order->type, 1, 0, order->payload, order->length, order->fd);

    if (r == 0 && (r = helper_poll(sock, POLLIN, until)) == 0)
        return -ETIMEDOUT;
    if (r > 0)
        r = control_receive(sock, reply, false);
    return r == 0 || r == -EPIPE || r == -ECONNRESET ? -ESRCH : r;
}

/* Where many ask at once one may be sent away before he was heard (machine/io_media.c): he comes again, as long as
 * somebody listens. */
static int ask(const struct instance *inst, const struct engine_order *order, struct control_record *reply,
               struct err *err)
{
    const int64_t until = clock_ms() + order->ms;
    int r = -ESRCH;

    for (int i = 0; i < TRIES && r == -ESRCH; i++) {
        struct err later;
        _cleanup_fd_ int sock = connect_until(inst, order->socket, until, i ? &later : err);
        if (sock < 0 && i)
            break;
        if (sock < 0)
            return sock;
        r = ask_once(sock, order, until, reply);
    }
    if (r == -ETIMEDOUT)
        return err_set(err, r, "sandbox %s: %s: %s did not answer within %d s", inst->id, order->what, order->who,
                       order->ms / 1000);
    if (r == -ESRCH)
        return err_set(err, r, "sandbox %s: %s has just ended", inst->id, order->who);
    return r < 0 ? err_sys(err, r, "sandbox %s: %s", inst->id, order->what) : 0;
}

int engine_ask(const struct instance *inst, const struct engine_order *order, struct err *err)
{
    struct control_record reply;
    char said[160];
    int r = ask(inst, order, &reply, err);

    if (r < 0)
        return r;
    cleanup_fd(&reply.fd);
    if (reply.header.type != (order->type | CONTROL_REPLY))
        return err_set(err, -EPROTO, "sandbox %s: %s gave another answer than asked for", inst->id, order->who);
    if (reply.header.code == 0)
        return 0;
    r = reply.header.code < 0 && reply.header.code > -4096 ? reply.header.code : -EIO;
    helper_printable(said, sizeof said, reply.payload, reply.header.length);
    return *said ? err_set(err, r, "sandbox %s: %s", inst->id, said)
                 : err_sys(err, r, "sandbox %s: %s", inst->id, order->what);
}

int engine_give(int sock, const char *name, int fd, struct err *err)
{
    int r = control_send(sock, CONTROL_DESCRIPTOR, 0, 0, name, strlen(name) + 1, fd);

    return r < 0 ? err_sys(err, r, "hand over \"%s\"", name) : 0;
}
