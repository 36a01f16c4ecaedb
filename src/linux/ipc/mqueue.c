/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX message queues, mq_overview(7). They are known by their names alone: there is no file system of them. A queue
 * lives as long as its name or a descriptor; its messages lie in order of priority, the oldest of each first.
 */
#include "linux/core/call.h"
#include "linux/core/time.h"
#include "linux/fs/fd.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/mqueue.h>
#include <linux/time.h>
#include <string.h>

#define NAME_MOST     255u
#define QUEUES_MOST   256u  /* /proc/sys/fs/mqueue: for those without CAP_SYS_RESOURCE */
#define MESSAGES_MOST 10    /* the same, and what a queue has by default */
#define SIZE_MOST     8192  /* the same */
#define MESSAGES_HARD 65536 /* for all */
#define SIZE_HARD     (1 << 20)
#define PRIORITIES    32768u
#define COST          48u /* bytes that a message is counted with beside its own, against RLIMIT_MSGQUEUE */

struct mq_message {
    struct list link;
    uint32_t priority;
    uint64_t n;
    uint8_t *bytes; /* FIELD_BYTES of n */
};
struct mq {
    struct list all; /* by itself when its name is gone */
    char name[NAME_MOST + 1];
    uint32_t uid, gid, mode, refs; /* refs: the name's, and of open files */
    uint64_t most, size, n;        /* messages; bytes of one; messages now */
    struct list messages;
    uint32_t receivers; /* that wait */
    int32_t told;       /* pid of who is told of the next message; 0: nobody */
    int32_t told_signo; /* 0: it is told nothing */
    uint64_t told_value;
    struct wait_queue changed;
};
HEAP_TYPE(mq_message, FIELD(mq_message, link, FIELD_LIST), FIELD(mq_message, priority, FIELD_PLAIN),
          FIELD(mq_message, n, FIELD_PLAIN), FIELD(mq_message, bytes, FIELD_BYTES));
HEAP_TYPE(mq, FIELD(mq, all, FIELD_LIST), FIELD(mq, name, FIELD_PLAIN), FIELD(mq, uid, FIELD_PLAIN),
          FIELD(mq, gid, FIELD_PLAIN), FIELD(mq, mode, FIELD_PLAIN), FIELD(mq, refs, FIELD_PLAIN),
          FIELD(mq, most, FIELD_PLAIN), FIELD(mq, size, FIELD_PLAIN), FIELD(mq, n, FIELD_PLAIN),
          FIELD(mq, messages, FIELD_LIST), FIELD(mq, receivers, FIELD_PLAIN), FIELD(mq, told, FIELD_PLAIN),
          FIELD(mq, told_signo, FIELD_PLAIN), FIELD(mq, told_value, FIELD_PLAIN), FIELD(mq, changed, FIELD_NONE));

KERNEL_STATE static struct {
    struct list all;
    uint32_t n;
} queues;

/* ---- queues ---- */

static struct mq *queue_find(const char *name)
{
    if (!queues.all.next)
        list_init(&queues.all);
    list_each (q, &queues.all, struct mq, all) {
        if (!strcmp(q->name, name))
            return q;
    }
    return NULL;
}

static void message_free(struct mq_message *m)
{
    list_remove(&m->link);
    heap_release(m->bytes, m->n);
    heap_free(&mq_message_type, m);
}

static void queue_put(struct mq *q)
{
    if (--q->refs)
        return;
    list_each (m, &q->messages, struct mq_message, link)
        message_free(m);
    heap_free(&mq_type, q);
}

/* What the queues of one user are counted with. */
static uint64_t bytes_of(uint32_t uid)
{
    uint64_t sum = 0;
    list_each (q, &queues.all, struct mq, all) {
        if (q->uid == uid)
            sum += q->most * (q->size + COST);
    }
    return sum;
}

static int limits_check(const struct task *t, const struct mq_attr *attr)
{
    bool more = capable(t, CAP_SYS_RESOURCE);
    if (attr->mq_maxmsg <= 0 || attr->mq_msgsize <= 0)
        return -EINVAL;
    if (attr->mq_maxmsg > (more ? MESSAGES_HARD : MESSAGES_MOST) || attr->mq_msgsize > (more ? SIZE_HARD : SIZE_MOST))
        return -EINVAL;
    if (queues.n >= QUEUES_MOST && !more)
        return -ENOSPC;
    uint64_t bytes = (uint64_t)attr->mq_maxmsg * ((uint64_t)attr->mq_msgsize + COST);
    uint64_t limit = task_limit(t, RLIMIT_MSGQUEUE), used = bytes_of(t->cred->fsuid);
    return used > limit || bytes > limit - used ? -EMFILE : 0;
}

static int queue_make(const struct task *t, const char *name, uint32_t mode, struct uptr from, struct mq **out)
{
    struct mq_attr attr = {.mq_maxmsg = MESSAGES_MOST, .mq_msgsize = SIZE_MOST};
    int r = from.v ? get_user(attr, from) : 0;
    if (!r)
        r = limits_check(t, &attr);
    if (r)
        return r;
    struct mq *q = heap_new(&mq_type);
    if (!q)
        return -ENOMEM;
    list_init(&q->messages);
    wait_queue_init(&q->changed);
    memcpy(q->name, name, strlen(name) + 1);
    q->uid = t->cred->fsuid, q->gid = t->cred->fsgid;
    q->mode = mode & 0777 & ~(t->fs ? t->fs->umask : 0);
    q->most = (uint64_t)attr.mq_maxmsg, q->size = (uint64_t)attr.mq_msgsize, q->refs = 1;
    list_append(&queues.all, &q->all);
    queues.n++;
    *out = q;
    return 0;
}

static bool in_group(const struct cred *c, uint32_t gid)
{
    for (uint32_t i = 0; i < c->n_groups; i++)
        if (c->groups[i] == gid)
            return true;
    return c->fsgid == gid;
}

static int queue_may(const struct task *t, const struct mq *q, uint32_t access)
{
    uint32_t want = access == O_RDONLY ? 4 : access == O_WRONLY ? 2 : 6, mode = q->mode;
    if (t->cred->fsuid == q->uid)
        mode >>= 6;
    else if (in_group(t->cred, q->gid))
        mode >>= 3;
    return !(want & ~mode) || capable(t, CAP_DAC_OVERRIDE) ? 0 : -EACCES;
}

static void queue_unlink(struct mq *q)
{
    list_remove(&q->all);
    queues.n--;
    queue_put(q);
}

/* ---- as files ---- */

static uint32_t mq_poll(struct file *f)
{
    const struct mq *q = f->own;
    return (q->n ? EPOLLIN | EPOLLRDNORM : 0u) | (q->n < q->most ? EPOLLOUT | EPOLLWRNORM : 0u);
}

static struct wait_queue *mq_poll_queue(struct file *f)
{
    return &((struct mq *)f->own)->changed;
}

/* Who closes it is told no more. */
static int mq_flush(struct file *f)
{
    struct mq *q = f->own;
    if (current->process && q->told == current->process->pid)
        q->told = 0;
    return 0;
}

static void mq_release(struct file *f)
{
    queue_put(f->own);
}

static const struct file_ops mq_ops = {
    .poll = mq_poll,
    .poll_queue = mq_poll_queue,
    .flush = mq_flush,
    .release = mq_release,
};

static int64_t name_take(char name[NAME_MOST + 1], struct uptr from)
{
    int64_t n = copy_string_in(name, from, NAME_MOST + 1);
    if (n < 0)
        return n;
    return !n ? -ENOENT : strchr(name, '/') ? -EACCES : 0;
}

static int queue_open(const struct task *t, const struct args *a, const char *name, struct mq **out)
{
    uint32_t flags = arg_u32(a, 1);
    struct mq *q = queue_find(name);
    *out = q;
    if (!q)
        return flags & O_CREAT ? queue_make(t, name, arg_u32(a, 2), arg_ptr(a, 3), out) : -ENOENT;
    if (flags & O_CREAT && flags & O_EXCL)
        return -EEXIST;
    return queue_may(t, q, flags & O_ACCMODE);
}

int64_t sys_mq_open(struct task *t, const struct args *a)
{
    char name[NAME_MOST + 1];
    uint32_t flags = arg_u32(a, 1);
    struct mq *q;
    int64_t r = (flags & O_ACCMODE) == O_ACCMODE ? -EINVAL : name_take(name, arg_ptr(a, 0));
    if (!r)
        r = queue_open(t, a, name, &q);
    if (r)
        return r;
    q->refs++;
    struct file *f = file_anonymous("mqueue", 0600, &mq_ops, flags & (O_ACCMODE | O_NONBLOCK), q);
    if (!f) {
        queue_put(q);
        return -ENFILE;
    }
    int fd = fd_install(f, true, 0);
    if (fd < 0)
        file_put(f);
    return fd;
}

int64_t sys_mq_unlink(struct task *t, const struct args *a)
{
    char name[NAME_MOST + 1];
    int64_t r = name_take(name, arg_ptr(a, 0));
    if (r)
        return r;
    struct mq *q = queue_find(name);
    if (!q)
        return -ENOENT;
    if (t->cred->fsuid != q->uid && !capable(t, CAP_FOWNER))
        return -EPERM; /* as in a directory with the sticky bit */
    queue_unlink(q);
    return 0;
}

/* The open file of a queue that is open for `way` (O_RDONLY: receiving), held; NULL: -EBADF. */
static struct file *mq_file(int fd, uint32_t way)
{
    struct file *f = fd_get(fd);
    uint32_t access = f ? f->flags & O_ACCMODE : 0;
    if (f && f->ops == &mq_ops && (access == O_RDWR || access == way))
        return f;
    if (f)
        file_put(f);
    return NULL;
}

/* ---- messages ---- */

static int deadline_take(struct uptr at, uint64_t *deadline)
{
    uint64_t ns;
    *deadline = NEVER;
    if (!at.v)
        return 0;
    int r = timespec_in(at, &ns);
    if (r)
        return r;
    uint64_t real = clock_realtime(), now = clock_now();
    *deadline = ns <= real ? now : now + (ns - real);
    return 0;
}

static bool has_room(const struct mq *q)
{
    return q->n < q->most;
}
static bool has_message(const struct mq *q)
{
    return q->n;
}

static int wait_until(struct file *f, bool (*ready)(const struct mq *), uint64_t deadline)
{
    struct mq *q = f->own;
    struct waiter w;
    int r = 0;
    if (ready(q))
        return 0;
    if (f->flags & O_NONBLOCK)
        return -EAGAIN;
    q->receivers += ready == has_message;
    wait_begin(&w);
    wait_on(&w, &q->changed);
    while (!ready(q) && !(r = task_block(deadline)))
        continue;
    wait_end(&w);
    q->receivers -= ready == has_message;
    return r;
}

/* The first message of an empty queue is told to who asked for that, once, unless somebody waits for it. */
static void tell(struct mq *q)
{
    struct process *p = q->told && q->n == 1 && !q->receivers ? process_find(q->told) : NULL;
    if (!p)
        return;
    if (q->told_signo) {
        siginfo_t info = {.si_signo = q->told_signo, .si_code = SI_MESGQ};
        info.si_pid = current->process->pid, info.si_uid = current->cred->uid;
        info.si_value.sival_ptr = (void *)(uintptr_t)q->told_value;
        (void)signal_process(p, &info);
    }
    q->told = 0;
}

static void message_put(struct mq *q, struct mq_message *m)
{
    struct list *before = &q->messages;
    list_each (other, &q->messages, struct mq_message, link) {
        if (other->priority < m->priority) {
            before = &other->link;
            break;
        }
    }
    list_append(before, &m->link); /* in front of it */
    q->n++;
    tell(q);
    wait_wake_all(&q->changed);
}

static struct mq_message *message_from_user(struct uptr from, uint64_t n, uint32_t priority, int *error)
{
    struct mq_message *m = heap_new(&mq_message_type);
    *error = -ENOMEM;
    if (!m)
        return NULL;
    list_init(&m->link);
    m->n = n, m->priority = priority;
    m->bytes = heap_alloc(n);
    if (m->bytes || !n)
        *error = n && copy_in(m->bytes, from, n) ? -EFAULT : 0;
    if (!*error)
        return m;
    message_free(m);
    return NULL;
}

int64_t sys_mq_timedsend(struct task *t, const struct args *a)
{
    uint64_t deadline, n = a->v[2];
    int r = deadline_take(arg_ptr(a, 4), &deadline);
    if (r)
        return r;
    if (arg_u32(a, 3) >= PRIORITIES)
        return -EINVAL;
    struct file *f = mq_file(arg_int(a, 0), O_WRONLY);
    if (!f)
        return -EBADF;
    struct mq *q = f->own;
    struct mq_message *m = NULL;
    if (n > q->size)
        r = -EMSGSIZE;
    else
        m = message_from_user(arg_ptr(a, 1), n, arg_u32(a, 3), &r);
    if (!r)
        r = wait_until(f, has_room, deadline);
    if (!r)
        message_put(q, m);
    else if (m)
        message_free(m);
    file_put(f);
    return r;
}

int64_t sys_mq_timedreceive(struct task *t, const struct args *a)
{
    uint64_t deadline;
    int r = deadline_take(arg_ptr(a, 4), &deadline);
    if (r)
        return r;
    struct file *f = mq_file(arg_int(a, 0), O_RDONLY);
    if (!f)
        return -EBADF;
    struct mq *q = f->own;
    r = a->v[2] < q->size ? -EMSGSIZE : wait_until(f, has_message, deadline);
    if (r) {
        file_put(f);
        return r;
    }
    struct mq_message *m = list_first(&q->messages, struct mq_message, link);
    int64_t n = (int64_t)m->n;
    if ((m->n && copy_out(arg_ptr(a, 1), m->bytes, m->n)) || (a->v[3] && put_user(arg_ptr(a, 3), m->priority)))
        n = -EFAULT;
    message_free(m);
    q->n--;
    wait_wake_all(&q->changed);
    file_put(f);
    return n;
}

/* ---- being told, and attributes ---- */

int64_t sys_mq_notify(struct task *t, const struct args *a)
{
    struct sigevent e = {.sigev_notify = SIGEV_NONE};
    if (a->v[1] && get_user(e, arg_ptr(a, 1)))
        return -EFAULT;
    if (a->v[1] && e.sigev_notify != SIGEV_NONE && e.sigev_notify != SIGEV_SIGNAL)
        return e.sigev_notify == SIGEV_THREAD ? -ENOSYS : -EINVAL;
    if (e.sigev_notify == SIGEV_SIGNAL && (e.sigev_signo < 1 || e.sigev_signo > SIGNAL_COUNT))
        return -EINVAL;
    struct file *f = fd_get(arg_int(a, 0));
    struct mq *q = f && f->ops == &mq_ops ? f->own : NULL;
    int r = 0;
    if (!q)
        r = -EBADF;
    else if (!a->v[1])
        q->told = q->told == t->process->pid ? 0 : q->told;
    else if (q->told && process_find(q->told))
        r = -EBUSY;
    else {
        q->told = t->process->pid;
        q->told_signo = e.sigev_notify == SIGEV_SIGNAL ? e.sigev_signo : 0;
        q->told_value = (uint64_t)(uintptr_t)e.sigev_value.sival_ptr;
    }
    if (f)
        file_put(f);
    return r;
}

int64_t sys_mq_getsetattr(struct task *t, const struct args *a)
{
    struct mq_attr new;
    if (a->v[1] && get_user(new, arg_ptr(a, 1)))
        return -EFAULT;
    if (a->v[1] && new.mq_flags & ~O_NONBLOCK)
        return -EINVAL;
    struct file *f = fd_get(arg_int(a, 0));
    struct mq *q = f && f->ops == &mq_ops ? f->own : NULL;
    int64_t r = q ? 0 : -EBADF;
    if (q) {
        const struct mq_attr old = {.mq_flags = f->flags & O_NONBLOCK,
                                    .mq_maxmsg = (__kernel_long_t)q->most,
                                    .mq_msgsize = (__kernel_long_t)q->size,
                                    .mq_curmsgs = (__kernel_long_t)q->n};
        if (a->v[1])
            f->flags = (f->flags & ~(uint32_t)O_NONBLOCK) | (uint32_t) new.mq_flags;
        r = a->v[2] ? put_user(arg_ptr(a, 2), old) : 0;
    }
    if (f)
        file_put(f);
    return r;
}
