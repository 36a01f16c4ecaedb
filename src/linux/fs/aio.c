/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asynchronous reads and writes: io_setup(2), io_submit(2), io_getevents(2). What is submitted is done at once, as
 * Linux does what it cannot do later; its event waits in the context. A context is known by the address of a page of
 * zeroes in the program's memory: C libraries look there for a ring of events that they may read themselves, and find
 * none.
 */
#include "linux/fs/internal.h"
#include "linux/ipc/when.h"
#include "linux/mm/mm.h"

#include <linux/aio_abi.h>
#include <linux/mman.h>

#define CONTEXT_MOST 65536u   /* /proc/sys/fs/aio-max-nr */
#define NUMBER_MOST  8388608u /* beyond it a number of events is none */

struct aio_event {
    struct list link;
    struct io_event event;
};
struct aio {
    struct list all;
    const struct mm *mm; /* compared, never followed */
    uint64_t id;
    uint32_t most, waiting; /* events that it may hold; that it holds */
    uint32_t refs;          /* the list's, and of those who wait */
    bool gone;
    struct list events;
    struct wait_queue changed;
};
HEAP_TYPE(aio_event, FIELD(aio_event, link, FIELD_LIST), FIELD(aio_event, event, FIELD_PLAIN));
HEAP_TYPE(aio, FIELD(aio, all, FIELD_LIST), FIELD(aio, mm, FIELD_REF), FIELD(aio, id, FIELD_PLAIN),
          FIELD(aio, most, FIELD_PLAIN), FIELD(aio, waiting, FIELD_PLAIN), FIELD(aio, refs, FIELD_PLAIN),
          FIELD(aio, gone, FIELD_PLAIN), FIELD(aio, events, FIELD_LIST), FIELD(aio, changed, FIELD_NONE));

KERNEL_STATE static struct {
    struct list all;
    uint32_t events; /* that all contexts may hold */
} aio;

/* ---- contexts ---- */

static struct aio *context_find(const struct task *t, uint64_t id)
{
    if (!aio.all.next)
        return NULL;
    list_each (c, &aio.all, struct aio, all) {
        if (c->mm == t->mm && c->id == id)
            return c;
    }
    return NULL;
}

static void event_free(struct aio *c, struct aio_event *e)
{
    list_remove(&e->link);
    c->waiting--;
    heap_free(&aio_event_type, e);
}

static void context_put(struct aio *c)
{
    if (--c->refs)
        return;
    list_each (e, &c->events, struct aio_event, link) {
        event_free(c, e);
    }
    heap_free(&aio_type, c);
}

static void context_end(struct aio *c)
{
    list_remove(&c->all);
    aio.events -= c->most;
    c->gone = true;
    wait_wake_all(&c->changed);
    context_put(c);
}

void aio_mm_gone(const struct mm *mm)
{
    if (!aio.all.next)
        return;
    list_each (c, &aio.all, struct aio, all) {
        if (c->mm == mm)
            context_end(c);
    }
}

static struct aio *context_make(struct task *t, uint32_t most, int64_t page)
{
    struct aio *c = heap_new(&aio_type);
    if (!c)
        return NULL;
    if (!aio.all.next)
        list_init(&aio.all);
    list_init(&c->events);
    wait_queue_init(&c->changed);
    c->mm = t->mm, c->id = (uint64_t)page, c->most = most, c->refs = 1;
    list_append(&aio.all, &c->all);
    aio.events += most;
    return c;
}

int64_t sys_io_setup(struct task *t, const struct args *a)
{
    uint32_t most = arg_u32(a, 0);
    uint64_t id;
    if (get_user(id, arg_ptr(a, 1)))
        return -EFAULT;
    if (id || !most || most > NUMBER_MOST)
        return -EINVAL;
    if (most > CONTEXT_MOST - aio.events)
        return -EAGAIN;
    int64_t page = mm_map(t->mm, 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
    if (page < 0)
        return page;
    struct aio *c = context_make(t, most, page);
    id = (uint64_t)page;
    if (c && !put_user(arg_ptr(a, 1), id))
        return 0;
    if (c)
        context_end(c);
    (void)mm_unmap(t->mm, id, PAGE_SIZE);
    return c ? -EFAULT : -ENOMEM;
}

int64_t sys_io_destroy(struct task *t, const struct args *a)
{
    struct aio *c = context_find(t, a->v[0]);
    if (!c)
        return -EINVAL;
    context_end(c);
    (void)mm_unmap(t->mm, a->v[0], PAGE_SIZE);
    return 0;
}

/* ---- one request ---- */

static int64_t read_or_write(struct file *f, bool write, struct uio *u, const struct iocb *q)
{
    uint32_t before = f->flags, set = 0;
    set |= q->aio_rw_flags & RWF_APPEND ? O_APPEND : 0u;
    set |= q->aio_rw_flags & RWF_NOWAIT ? O_NONBLOCK : 0u;
    f->flags |= set;
    int64_t r = rw_at(f, write, u, f->ops->seek ? (uint64_t)q->aio_offset : 0);
    f->flags = before;
    return r;
}

static int64_t carry_out(struct file *f, const struct iocb *q)
{
    struct uio_vec small[8];
    struct uio u;
    bool write = q->aio_lio_opcode == IOCB_CMD_PWRITE || q->aio_lio_opcode == IOCB_CMD_PWRITEV;
    int64_t r;
    switch (q->aio_lio_opcode) {
    case IOCB_CMD_PREAD:
    case IOCB_CMD_PWRITE:
        uio_user(&u, uptr(q->aio_buf), q->aio_nbytes);
        return read_or_write(f, write, &u, q);
    case IOCB_CMD_PREADV:
    case IOCB_CMD_PWRITEV:
        r = uio_vecs(&u, uptr(q->aio_buf), q->aio_nbytes, small);
        if (!r) {
            r = read_or_write(f, write, &u, q);
            uio_vecs_free(&u, small);
        }
        return r;
    case IOCB_CMD_FSYNC:
    case IOCB_CMD_FDSYNC:
        return f->ops->sync ? f->ops->sync(f, q->aio_lio_opcode == IOCB_CMD_FDSYNC) : -EINVAL;
    }
    return -EINVAL;
}

/* What can be refused before anything is done. */
static int request_check(struct file *f, const struct iocb *q)
{
    const uint32_t known = RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND;
    uint32_t access = f->flags & O_ACCESS_;
    bool read = q->aio_lio_opcode == IOCB_CMD_PREAD || q->aio_lio_opcode == IOCB_CMD_PREADV;
    bool write = q->aio_lio_opcode == IOCB_CMD_PWRITE || q->aio_lio_opcode == IOCB_CMD_PWRITEV;
    if ((read && access == O_WRONLY) || (write && access == O_RDONLY))
        return -EBADF;
    if (q->aio_rw_flags & ~known)
        return -EOPNOTSUPP;
    if ((read || write) && q->aio_offset < 0)
        return -EINVAL;
    return read || write || q->aio_lio_opcode == IOCB_CMD_FSYNC || q->aio_lio_opcode == IOCB_CMD_FDSYNC ? 0 : -EINVAL;
}

/* Its event; the eventfd that the request names, if any, counts one more. */
static void finish(struct aio *c, struct aio_event *e, struct file *tell, int64_t result)
{
    uint64_t one = 1, pos = 0;
    struct uio u;
    e->event.res = result <= -ERESTARTSYS ? -EINTR : result;
    if (c->gone) {
        heap_free(&aio_event_type, e);
        return;
    }
    list_append(&c->events, &e->link);
    wait_wake_all(&c->changed);
    uio_kernel(&u, &one, sizeof(one));
    if (tell && tell->ops->write)
        (void)tell->ops->write(tell, &u, &pos);
}

static int submit(struct aio *c, struct uptr at)
{
    struct iocb q;
    const uint32_t key = 0;
    if (get_user(q, at) || put_user(uptr_add(at, offsetof(struct iocb, aio_key)), key))
        return -EFAULT;
    if (q.aio_reserved2 || q.aio_flags & ~(uint32_t)(IOCB_FLAG_RESFD | IOCB_FLAG_IOPRIO) || (int64_t)q.aio_nbytes < 0)
        return -EINVAL;
    FILE_HELD *f = fd_get((int)q.aio_fildes), *tell = NULL;
    if (q.aio_flags & IOCB_FLAG_RESFD)
        tell = fd_get((int)q.aio_resfd);
    if (!f || (q.aio_flags & IOCB_FLAG_RESFD && !tell))
        return -EBADF;
    int r = request_check(f, &q);
    if (r)
        return r;
    if (c->waiting >= c->most)
        return -EAGAIN;
    struct aio_event *e = heap_new(&aio_event_type);
    if (!e)
        return -EAGAIN;
    list_init(&e->link);
    e->event = (struct io_event){.data = q.aio_data, .obj = at.v};
    c->waiting++, c->refs++;
    finish(c, e, tell, carry_out(f, &q));
    context_put(c);
    return 0;
}

int64_t sys_io_submit(struct task *t, const struct args *a)
{
    int64_t n = (int64_t)a->v[1], done = 0;
    struct aio *c = context_find(t, a->v[0]);
    if (!c || n < 0)
        return -EINVAL;
    for (; done < n; done++) {
        uint64_t at;
        int r = get_user(at, uptr_add(arg_ptr(a, 2), (uint64_t)done * sizeof(at)));
        if (!r)
            r = (c = context_find(t, a->v[0])) ? submit(c, uptr(at)) : -EINVAL;
        if (r)
            return done ? done : r;
    }
    return done;
}

/* ---- events ---- */

/* Hands out what there is from the `done`th place on: how many there are then. */
static int64_t collect(struct aio *c, struct uptr to, int64_t done, int64_t most)
{
    while (done < most && !list_empty(&c->events)) {
        struct aio_event *e = list_first(&c->events, struct aio_event, link);
        if (copy_out(uptr_add(to, (uint64_t)done * sizeof(e->event)), &e->event, sizeof(e->event)))
            return done ? done : -EFAULT;
        event_free(c, e);
        done++;
    }
    return done;
}

static int64_t get_events(struct task *t, const struct args *a, uint64_t deadline)
{
    int64_t least = (int64_t)a->v[1], most = (int64_t)a->v[2];
    struct aio *c = context_find(t, a->v[0]);
    struct waiter w;
    int r = 0;
    if (!c || least < 0 || most < least)
        return -EINVAL;
    int64_t done = collect(c, arg_ptr(a, 3), 0, most);
    if (done < 0 || done >= least || !deadline)
        return done;
    c->refs++;
    wait_begin(&w);
    wait_on(&w, &c->changed);
    while (done >= 0 && done < least && !c->gone && !r) {
        r = task_block(deadline);
        int64_t n = collect(c, arg_ptr(a, 3), done, most);
        done = n < 0 && done ? done : n;
    }
    wait_end(&w);
    bool gone = c->gone;
    context_put(c);
    if (done)
        return done;
    return gone ? -EINVAL : r == -ERESTARTSYS ? -EINTR : 0;
}

int64_t sys_io_getevents(struct task *t, const struct args *a)
{
    uint64_t deadline;
    int r = when_relative(arg_ptr(a, 4), &deadline);
    return r ? r : get_events(t, a, deadline);
}

int64_t sys_io_pgetevents(struct task *t, const struct args *a)
{
    struct {
        uint64_t set, size;
    } mask = {0};
    uint64_t deadline;
    int64_t r = when_relative(arg_ptr(a, 4), &deadline);
    if (!r && a->v[5])
        r = get_user(mask, arg_ptr(a, 5));
    if (!r && mask.set)
        r = signal_mask_user(t, uptr(mask.set), mask.size);
    if (r)
        return r;
    r = get_events(t, a, deadline);
    signal_mask_end(t, r);
    return r;
}

/* All that was submitted is done already. */
int64_t sys_io_cancel(struct task *t, const struct args *a)
{
    uint32_t key;
    if (get_user(key, uptr_add(arg_ptr(a, 1), offsetof(struct iocb, aio_key))))
        return -EFAULT;
    return -EINVAL;
}
