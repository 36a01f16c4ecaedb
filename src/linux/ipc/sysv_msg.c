/* SPDX-License-Identifier: Apache-2.0 */
/* Message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2). */
#include "linux/core/sched.h"
#include "linux/core/text.h"
#include "linux/ipc/sysv.h"
#include "linux/task/task.h"

#include <asm/msgbuf.h>
#include <linux/capability.h>
#include <linux/ipc.h>
#include <linux/msg.h>
#include <string.h>

#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY 13
#endif

struct ipc_message {
    struct list link;
    int64_t type;
    uint64_t n;
    uint8_t *bytes; /* FIELD_BYTES of n */
};
HEAP_TYPE(ipc_message, FIELD(ipc_message, link, FIELD_LIST), FIELD(ipc_message, type, FIELD_PLAIN),
          FIELD(ipc_message, n, FIELD_PLAIN), FIELD(ipc_message, bytes, FIELD_BYTES));

struct ipc_queue {
    struct ipc_object head;
    struct list messages;
    uint64_t bytes, count, most;
    int32_t last_sender, last_receiver;
    int64_t sent, received, changed;
    struct wait_queue room, arrived;
};
HEAP_TYPE(ipc_queue, FIELD(ipc_queue, head, FIELD_PLAIN), FIELD(ipc_queue, messages, FIELD_LIST),
          FIELD(ipc_queue, bytes, FIELD_PLAIN), FIELD(ipc_queue, count, FIELD_PLAIN),
          FIELD(ipc_queue, most, FIELD_PLAIN), FIELD(ipc_queue, last_sender, FIELD_PLAIN),
          FIELD(ipc_queue, last_receiver, FIELD_PLAIN), FIELD(ipc_queue, sent, FIELD_PLAIN),
          FIELD(ipc_queue, received, FIELD_PLAIN), FIELD(ipc_queue, changed, FIELD_PLAIN),
          FIELD(ipc_queue, room, FIELD_NONE), FIELD(ipc_queue, arrived, FIELD_NONE));

KERNEL_STATE static struct ipc_table queues;

static struct ipc_object *queue_make(const struct args *a)
{
    struct ipc_queue *q = heap_new(&ipc_queue_type);
    if (!q)
        return NULL;
    list_init(&q->messages);
    wait_queue_init(&q->room);
    wait_queue_init(&q->arrived);
    q->most = MSGMNB, q->changed = ipc_seconds();
    return &q->head;
}

static int queue_check_new(const struct args *a)
{
    return 0;
}

static int queue_check_found(const struct ipc_object *o, const struct args *a)
{
    return 0;
}

static void message_free(struct ipc_message *m)
{
    list_remove(&m->link);
    heap_release(m->bytes, m->n);
    heap_free(&ipc_message_type, m);
}

static void queue_drop(struct ipc_object *o)
{
    struct ipc_queue *q = (struct ipc_queue *)o;
    list_each (m, &q->messages, struct ipc_message, link)
        message_free(m);
    heap_free(&ipc_queue_type, q);
}

static const struct ipc_kind queue_kind = {queue_make, queue_check_new, queue_check_found, queue_drop};

int64_t sys_msgget(struct task *t, const struct args *a)
{
    return ipc_get(&queues, &queue_kind, a, arg_int(a, 1));
}

/* Waits on `on` once: 0: look again; -EIDRM, -ERESTARTNOHAND. */
static int queue_wait(struct ipc_queue *q, struct wait_queue *on)
{
    struct waiter w;
    q->head.refs++;
    wait_begin(&w);
    wait_on(&w, on);
    int r = task_block(NEVER);
    wait_end(&w);
    bool removed = q->head.removed;
    ipc_put(&queue_kind, &q->head);
    if (removed)
        return -EIDRM;
    return r == -ERESTARTSYS ? -ERESTARTNOHAND : r;
}

static struct ipc_message *message_from_user(struct uptr from, uint64_t n, int *error)
{
    struct ipc_message *m = heap_new(&ipc_message_type);
    *error = -ENOMEM;
    if (!m)
        return NULL;
    list_init(&m->link);
    m->n = n, m->bytes = heap_alloc(n);
    if (m->bytes)
        *error = get_user(m->type, from) || copy_in(m->bytes, uptr_add(from, 8), n) ? -EFAULT : 0;
    if (!*error && m->type < 1)
        *error = -EINVAL;
    if (!*error)
        return m;
    message_free(m);
    return NULL;
}

/* Puts it into the queue, waiting for room. 0; -errno: it is still the caller's. */
static int message_send(int32_t id, struct ipc_message *m, int flags)
{
    for (;;) {
        struct ipc_queue *q = (struct ipc_queue *)ipc_find(&queues, id);
        if (!q)
            return -EINVAL;
        int r = ipc_may(&q->head, 2);
        if (r)
            return r;
        if (q->bytes + m->n <= q->most && q->count < q->most) {
            list_append(&q->messages, &m->link);
            q->bytes += m->n, q->count++, q->sent = ipc_seconds(), q->last_sender = current->process->pid;
            wait_wake_all(&q->arrived);
            return 0;
        }
        if (flags & IPC_NOWAIT)
            return -EAGAIN;
        if ((r = queue_wait(q, &q->room)))
            return r;
    }
}

int64_t sys_msgsnd(struct task *t, const struct args *a)
{
    int error;
    int64_t n = (int64_t)a->v[2];
    if (n < 0 || n > MSGMAX || arg_int(a, 0) < 0)
        return -EINVAL;
    struct ipc_message *m = message_from_user(arg_ptr(a, 1), (uint64_t)n, &error);
    if (!m)
        return error;
    error = message_send(arg_int(a, 0), m, arg_int(a, 3));
    if (error)
        message_free(m);
    return error;
}

/* The message that msgrcv(2) means by `type`; NULL: none. */
static struct ipc_message *message_find(struct ipc_queue *q, int64_t type, int flags)
{
    struct ipc_message *best = NULL;
    uint64_t most = type < 0 ? 0 - (uint64_t)type : 0;
    list_each (m, &q->messages, struct ipc_message, link) {
        if (!type)
            return m;
        if (type > 0 && (m->type == type) != !!(flags & MSG_EXCEPT))
            return m;
        if (type < 0 && (uint64_t)m->type <= most && (!best || m->type < best->type))
            best = m;
    }
    return best;
}

/* The one in this place, from 0 on: MSG_COPY. */
static struct ipc_message *message_at(struct ipc_queue *q, int64_t place)
{
    list_each (m, &q->messages, struct ipc_message, link) {
        if (!place--)
            return m;
    }
    return NULL;
}

static int64_t message_out(const struct ipc_message *m, struct uptr to, uint64_t room)
{
    uint64_t n = m->n < room ? m->n : room;
    return put_user(to, m->type) || copy_out(uptr_add(to, 8), m->bytes, n) ? -EFAULT : (int64_t)n;
}

static int64_t message_take(struct ipc_queue *q, struct ipc_message *m, struct uptr to, uint64_t room)
{
    list_remove(&m->link);
    q->bytes -= m->n, q->count--, q->received = ipc_seconds(), q->last_receiver = current->process->pid;
    wait_wake_all(&q->room);
    int64_t n = message_out(m, to, room);
    message_free(m);
    return n;
}

int64_t sys_msgrcv(struct task *t, const struct args *a)
{
    int flags = arg_int(a, 4);
    int64_t room = (int64_t)a->v[2], type = (int64_t)a->v[3];
    if (arg_int(a, 0) < 0 || room < 0)
        return -EINVAL;
    if (flags & MSG_COPY && (!(flags & IPC_NOWAIT) || flags & MSG_EXCEPT))
        return -EINVAL;
    for (;;) {
        struct ipc_queue *q = (struct ipc_queue *)ipc_find(&queues, arg_int(a, 0));
        if (!q)
            return -EINVAL;
        int r = ipc_may(&q->head, 4);
        if (r)
            return r;
        struct ipc_message *m = flags & MSG_COPY ? message_at(q, type) : message_find(q, type, flags);
        if (m && m->n > (uint64_t)room && !(flags & MSG_NOERROR))
            return -E2BIG;
        if (m && flags & MSG_COPY)
            return message_out(m, arg_ptr(a, 1), (uint64_t)room);
        if (m)
            return message_take(q, m, arg_ptr(a, 1), (uint64_t)room);
        if (flags & IPC_NOWAIT)
            return -ENOMSG;
        if ((r = queue_wait(q, &q->arrived)))
            return r;
    }
}

static int queue_show(struct ipc_queue *q, struct uptr to)
{
    struct msqid64_ds d = {.msg_stime = q->sent,
                           .msg_rtime = q->received,
                           .msg_ctime = q->changed,
                           .msg_cbytes = q->bytes,
                           .msg_qnum = q->count,
                           .msg_qbytes = q->most,
                           .msg_lspid = q->last_sender,
                           .msg_lrpid = q->last_receiver};
    ipc_perm_show(&q->head, &d.msg_perm);
    return put_user(to, d);
}

static int queue_set(struct ipc_queue *q, struct uptr from)
{
    struct msqid64_ds d;
    if (get_user(d, from))
        return -EFAULT;
    if (d.msg_qbytes > MSGMNB && !capable(current, CAP_SYS_RESOURCE))
        return -EPERM;
    ipc_perm_set(&q->head, &d.msg_perm);
    q->most = d.msg_qbytes, q->changed = ipc_seconds();
    wait_wake_all(&q->room);
    return 0;
}

static int64_t queues_show(int command, struct uptr to)
{
    struct msginfo m = {.msgpool = 512000,
                        .msgmap = MSGMNB,
                        .msgmax = MSGMAX,
                        .msgmnb = MSGMNB,
                        .msgmni = IPC_OBJECTS,
                        .msgssz = 16,
                        .msgtql = MSGMNB,
                        .msgseg = 65535};
    m.msgmni = (int)(IPC_OBJECTS - queues.fewer);
    if (command == MSG_INFO) {
        m.msgpool = (int)queues.used, m.msgmap = m.msgtql = 0;
        for (uint32_t i = 0; i < queues.n; i++) {
            const struct ipc_queue *q = (struct ipc_queue *)queues.rows[i];
            if (q)
                m.msgmap += (int)q->count, m.msgtql += (int)q->bytes;
        }
    }
    return put_user(to, m) ? -EFAULT : ipc_last_row(&queues);
}

/* Of a row of the table: its id. */
static int64_t queue_of_row(int32_t row, int command, struct uptr to)
{
    struct ipc_queue *q = (struct ipc_queue *)ipc_at(&queues, row);
    if (!q)
        return -EINVAL;
    int r = command == MSG_STAT ? ipc_may(&q->head, 4) : 0;
    if (!r)
        r = queue_show(q, to);
    return r ? r : q->head.id;
}

int64_t sys_msgctl(struct task *t, const struct args *a)
{
    int command = arg_int(a, 1) & ~IPC_64, r;
    if (command == IPC_INFO || command == MSG_INFO)
        return queues_show(command, arg_ptr(a, 2));
    if (command == MSG_STAT || command == MSG_STAT_ANY)
        return queue_of_row(arg_int(a, 0), command, arg_ptr(a, 2));
    struct ipc_queue *q = (struct ipc_queue *)ipc_find(&queues, arg_int(a, 0));
    if (!q)
        return -EINVAL;
    switch (command) {
    case IPC_STAT:
        return (r = ipc_may(&q->head, 4)) ? r : queue_show(q, arg_ptr(a, 2));
    case IPC_SET:
        return (r = ipc_owns(&q->head)) ? r : queue_set(q, arg_ptr(a, 2));
    case IPC_RMID:
        if ((r = ipc_owns(&q->head)))
            return r;
        wait_wake_all(&q->room);
        wait_wake_all(&q->arrived);
        ipc_remove(&queues, &queue_kind, &q->head);
        return 0;
    }
    return -EINVAL;
}

/* ---- for /proc ---- */

struct ipc_table *sysv_msg_table(void)
{
    return &queues;
}

void sysv_msg_list(struct text *out)
{
    text_printf(out, "%10s %10s %5s  %10s %10s %5s %5s %5s %5s %5s %5s %10s %10s %10s\n", "key", "msqid", "perms",
                "cbytes", "qnum", "lspid", "lrpid", "uid", "gid", "cuid", "cgid", "stime", "rtime", "ctime");
    for (uint32_t i = 0; i < queues.n; i++) {
        const struct ipc_queue *q = (struct ipc_queue *)queues.rows[i];
        if (!q)
            continue;
        text_printf(out, "%10d %10d  %4o  %10lu %10lu %5d %5d %5u %5u %5u %5u %10lu %10lu %10lu\n", q->head.key,
                    q->head.id, q->head.mode, q->bytes, q->count, q->last_sender, q->last_receiver, q->head.uid,
                    q->head.gid, q->head.cuid, q->head.cgid, (uint64_t)q->sent, (uint64_t)q->received,
                    (uint64_t)q->changed);
    }
}
