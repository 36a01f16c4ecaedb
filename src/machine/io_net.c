/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames to and from a tap device, or a socket whose messages are frames. The guest's buffers begin with virtio's
 * header of 12 bytes: the guest's is left out, and zeros are sent where the descriptor knows one (IFF_VNET_HDR); what
 * comes has the descriptor's own, or zeros. The descriptor does not wait (O_NONBLOCK).
 */
#include "machine/io.h"

#include <errno.h>
#include <unistd.h>

#define HEADER 12u /* virtio 1.2, 5.1.6 */
#define BATCH  64u /* frames in one direction, before the other has its turn */

static uint8_t none[HEADER]; /* nothing to be said */

static void net_wants(const struct io_port *p, bool *in, bool *out)
{
    *in = p->in >= 0 && p->reads.n;
    *out = p->out >= 0 && p->writes.n;
}

/* One frame. false: there is none now. A device that is gone brings no more, and nobody is told. */
static bool receive(struct io_port *p)
{
    struct iovec v[RING_SEGMENTS], head[RING_SEGMENTS];
    uint64_t bytes;
    int n = io_pieces(p, io_first(&p->reads), true, v, &bytes);

    if (!p->header) {
        for (int i = 0; i < n; i++)
            head[i] = v[i];
        io_pieces_copy(head, io_pieces_cut(head, n, 0, HEADER), none, HEADER, true);
        n = io_pieces_cut(v, n, HEADER, bytes);
    }
    const ssize_t got = readv(p->in, v, n);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0) {
        p->in = -1;
        return false;
    }
    io_answer_first(p, &p->reads, got + (p->header ? 0 : (int64_t)HEADER));
    return true;
}

/* What the device will not have is lost, as on a cable; when its queue is full it is asked again. A device that knows
 * the header gets one of zeros all the same: no offload is offered to the guest, so there is nothing to be said in it,
 * and the host's kernel need not read what a guest has made up. */
static bool transmit(struct io_port *p)
{
    struct iovec v[1 + RING_SEGMENTS] = {{none, HEADER}};
    uint64_t bytes;
    int n = io_pieces(p, io_first(&p->writes), false, v + 1, &bytes);

    n = io_pieces_cut(v + 1, n, HEADER, bytes);
    if (p->out >= 0 && n > 0 && writev(p->out, p->header ? v : v + 1, p->header ? n + 1 : n) < 0 && errno == EAGAIN)
        return false;
    io_answer_first(p, &p->writes, (int64_t)bytes);
    return true;
}

static void net_work(struct io_port *p, bool in, bool out)
{
    (void)out; /* tried at once: a device that takes everything is the rule */
    for (unsigned i = 0; i < BATCH && p->writes.n && transmit(p); i++)
        ;
    for (unsigned i = 0; in && i < BATCH && p->reads.n && p->in >= 0 && receive(p); i++)
        ;
}

const struct io_ops io_net = {
    .name = "net",
    .operations = 1u << RING_READ | 1u << RING_WRITE,
    .wants = net_wants,
    .work = net_work,
};
