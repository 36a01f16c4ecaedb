/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target's loop: a request from the ring is copied into our own memory, checked against its row, carried out and
 * answered. The host is trusted, but held to the protocol: what is against it ends the target, and so is noticed.
 */
#include "libmoat/session.h"

#include "host/sys.h"
#include "libmoat/memory.h"
#include "libmoat/methods.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SPINS 4000

/*
 * The host sleeps on a word in the shared memory. While it does, the word holds our thread's number, and the kernel is
 * told that the word is a robust futex of ours: when this thread ends, by whatever, the kernel marks the word and wakes
 * the host. So a crash is noticed at once, without a thread or a signal in the host.
 */
void session_announce(struct moat_session *s)
{
    uint32_t self = (uint32_t)sys(SYS_gettid), waits = FUTEX_WAITERS;

    s->robust_node.next = &s->robust.list;
    s->robust.list.next = &s->robust_node;
    s->robust.futex_offset = (long)((char *)&s->page->reply.waiter - (char *)&s->robust_node);
    s->robust.list_op_pending = NULL;
    sys(SYS_set_robust_list, &s->robust, sizeof s->robust);
    __atomic_store_n(&s->page->owner, self, __ATOMIC_SEQ_CST);
    /* A host that could not know our number sleeps already, in the name of nobody. */
    __atomic_compare_exchange_n(&s->page->reply.waiter, &waits, self | FUTEX_WAITERS, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_RELAXED);
}

static void wait_request(struct moat_session *s)
{
    if (s->flags & WIRE_SPIN)
        for (int i = 0; i < SPINS; i++) {
            if (ring_pending(&s->request))
                return;
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
    ring_sleep(&s->request, 1, -1);
}

/* The descriptors of a message were sent before it. */
static int receive_fds(struct moat_session *s, const struct ring_message *m, int *fds, struct err *err)
{
    struct wire_head head;
    unsigned n = 0;
    int r = wire_receive(s->sock, WIRE_FDS, &head, sizeof head, fds, m->n_fds, &n, MSG_DONTWAIT);

    if (r == 0 && (head.serial != m->serial || n != m->n_fds)) {
        while (n > 0)
            close(fds[--n]);
        r = -EPROTO;
    }
    return r < 0 ? err_sys(err, r, "the descriptors of a request") : 0;
}

static int reply(struct moat_session *s, const struct ring_message *m, int code, const void *bytes, size_t size,
                 const int *fds, unsigned n_fds, struct err *err)
{
    struct ring_message answer = {.size = (uint32_t)size,
                                  .method = m->method,
                                  .serial = m->serial,
                                  .code = code > 0       ? 0
                                          : code < -4095 ? -EIO
                                                         : code,
                                  .n_fds = n_fds};
    struct wire_head head = {.magic = WIRE_MAGIC, .op = WIRE_FDS, .serial = m->serial, .n_fds = n_fds};
    int r = n_fds ? wire_send(s->sock, &head, sizeof head, fds, n_fds) : 0;

    if (r < 0)
        return err_sys(err, r, "send the descriptors of a reply");
    r = ring_put(&s->reply, &answer, bytes, err); /* the host has kept room for it */
    if (r == 0)
        ring_wake(&s->reply);
    return r;
}

static int map_buffer(struct moat_session *s, const struct ring_message *m, const struct wire_buffer *b,
                      struct err *err)
{
    int fd = -1, r = -EPROTO;

    if (m->n_fds == 1)
        r = receive_fds(s, m, &fd, err);
    if (r < 0)
        return r;
    if (b->id >= WIRE_BUFFERS || s->buffers[b->id].memory)
        r = -EINVAL;
    else if ((r = memory_map(fd, b->size, b->writable, &s->buffers[b->id].memory, err)) == 0)
        s->buffers[b->id].size = b->size;
    close(fd);
    return r;
}

static int unmap_buffer(struct moat_session *s, const struct wire_buffer *b)
{
    if (b->id >= WIRE_BUFFERS)
        return -EINVAL;
    memory_unmap(s->buffers[b->id].memory, s->buffers[b->id].size);
    s->buffers[b->id] = (struct session_buffer){NULL, 0};
    return 0;
}

/* The library's own methods. */
static int serve_own(struct moat_session *s, const struct ring_message *m, struct err *err)
{
    struct wire_buffer b = {0};
    int r;

    if (m->size != sizeof b)
        return err_set(err, -EPROTO, "the host sent %u bytes for method %#x", m->size, m->method);
    ring_take(&s->request, m, &b);
    switch (m->method) {
    case WIRE_BUFFER_MAP:
        r = map_buffer(s, m, &b, err);
        break;
    case WIRE_BUFFER_UNMAP:
        r = unmap_buffer(s, &b);
        break;
    default:
        return err_set(err, -EPROTO, "the host called method %#x", m->method);
    }
    return reply(s, m, r, NULL, 0, NULL, 0, err);
}

struct server {
    const struct moat_method *methods;
    uint32_t n_methods;
    void *context, *request, *reply;
};

static int serve_one(struct moat_session *s, const struct server *v, const struct ring_message *m, struct err *err)
{
    struct moat_request q = {
        .session = s, .context = v->context, .method = m->method, .bytes = v->request, .reply = v->reply};
    const struct moat_method *row = &v->methods[m->method < v->n_methods ? m->method : 0];
    int r;

    if (m->method >= v->n_methods)
        return err_set(err, -EPROTO, "the host called method %u of %u", m->method, v->n_methods);
    r = methods_permit(row, s->state, m->size, m->n_fds, err);
    if (r < 0)
        return err_wrap(err, "the host broke the protocol");
    q.size = m->size;
    ring_take(&s->request, m, v->request);
    if (m->n_fds) {
        r = receive_fds(s, m, q.fds, err);
        if (r < 0)
            return r;
        q.n_fds = m->n_fds;
    }
    r = row->function(&q);
    for (unsigned i = 0; i < q.n_fds; i++)
        if (q.fds[i] >= 0)
            close(q.fds[i]);
    if (q.reply_size > row->reply_max || q.n_reply_fds > row->fds_out)
        return err_set(err, -EINVAL, "method %s gave a reply of %zu bytes and %u descriptors: at most %u and %u",
                       row->name, q.reply_size, q.n_reply_fds, row->reply_max, row->fds_out);
    bool good = r >= 0;
    if (good && row->next)
        s->state = row->next - 1;
    r = reply(s, m, r, v->reply, good ? q.reply_size : 0, q.reply_fds, good ? q.n_reply_fds : 0, err);
    for (unsigned i = 0; i < q.n_reply_fds; i++)
        close(q.reply_fds[i]);
    return r;
}

static int serve(struct moat_session *s, const struct server *v, struct err *err)
{
    for (;;) {
        struct ring_message m;
        int r = ring_peek(&s->request, &m, err);
        if (r == 0) {
            wait_request(s);
            continue;
        }
        if (r > 0) {
            session_follow(s, m.cpu);
            r = m.method >= WIRE_METHOD ? serve_own(s, &m, err) : serve_one(s, v, &m, err);
        }
        if (r < 0)
            return r;
    }
}

int moat_serve(struct moat_session *s, const struct moat_method *methods, uint32_t n_methods, void *context,
               struct moat_error *error)
{
    struct method_limits limits;
    struct err *err = &s->err;
    int r = methods_check(methods, n_methods, s->request.bytes, true, &limits, err);

    if (r < 0)
        return api_result(r, err, error);
    size_t request = (limits.request_max + 15) & ~(size_t)15, both = request + limits.reply_max;
    unsigned char *large = both > sizeof s->small ? malloc(both) : NULL, *room = large ? large : s->small;
    struct server v = {methods, n_methods, context, room, room + request};

    r = both <= sizeof s->small || large ? serve(s, &v, err) : err_sys(err, -ENOMEM, "memory for messages");
    free(large);
    return api_result(r, err, error);
}

int moat_session_buffer(struct moat_session *s, uint32_t id, void **memory, size_t *size)
{
    if (id >= WIRE_BUFFERS || !s->buffers[id].memory)
        return -ENOENT;
    *memory = s->buffers[id].memory;
    *size = s->buffers[id].size;
    return 0;
}

int moat_session_enter(struct moat_session **session, struct moat_error *error)
{
    struct moat_session *s = calloc(1, sizeof *s);
    struct err err;
    int r = s ? session_start(WIRE_SOCKET, s, false, &err) : err_sys(&err, -ENOMEM, "memory for the target");

    if (r < 0)
        free(s);
    else
        *session = s;
    return api_result(r, &err, error);
}
