/* SPDX-License-Identifier: Apache-2.0 */
/*
 * O_ASYNC: a signal (SIGIO, or that of F_SETSIG) for the owner of an open file (F_SETOWN) when it becomes ready. One
 * that is asked for it stands on the file's own queue, as an interest of epoll does, until it is asked for no more or
 * the file goes. The owner is found by number each time, and signalled by the rights of who named it.
 */
#include "linux/fs/internal.h"

#include <asm/siginfo.h>
#include <linux/eventpoll.h>

#define READABLE (EPOLLIN | EPOLLRDNORM)
#define WRITABLE (EPOLLOUT | EPOLLWRNORM)

struct async {
    struct wait_link link;
    struct file *file; /* not held: this goes with it */
    int32_t fd;        /* as si_fd tells it */
};
HEAP_TYPE(async, FIELD(async, link, FIELD_NONE), FIELD(async, file, FIELD_REF), FIELD(async, fd, FIELD_PLAIN));

static int code_of(uint32_t ready)
{
    return ready & EPOLLERR   ? POLL_ERR
           : ready & EPOLLHUP ? POLL_HUP
           : ready & EPOLLPRI ? POLL_PRI
           : ready & READABLE ? POLL_IN
                              : POLL_OUT;
}

/* kill(2)'s rule, for who called F_SETOWN. */
static bool owner_may(const struct file *f, const struct process *p)
{
    const struct cred *c = p->leader ? p->leader->cred : NULL;
    return c && (!f->owner_euid || f->owner_euid == c->suid || f->owner_euid == c->uid || f->owner_uid == c->suid ||
                 f->owner_uid == c->uid);
}

static void tell(const struct file *f, struct process *p, const siginfo_t *info)
{
    if (!p->zombie && owner_may(f, p))
        (void)signal_process(p, info);
}

static void async_notify(struct wait_link *link, uint32_t events)
{
    struct async *x = list_entry(link, struct async, link);
    struct file *f = x->file;
    uint32_t ready = f->ops->poll ? f->ops->poll(f) : 0;
    if (events)
        ready &= events | EPOLLERR | EPOLLHUP;
    if (!ready || !f->owner)
        return;
    siginfo_t info = {.si_signo = f->owner_signal ? f->owner_signal : SIGIO};
    info.si_code = f->owner_signal ? code_of(ready) : SI_KERNEL;
    info.si_band = (long)ready, info.si_fd = x->fd;
    if (f->owner > 0) {
        struct task *t = task_find(f->owner);
        if (t && t->process)
            tell(f, t->process, &info);
        return;
    }
    list_each (p, &process_all, struct process, all) {
        if (p->pgid == -f->owner)
            tell(f, p, &info);
    }
}

int async_set(struct file *f, int fd, bool on)
{
    if (!f->ops->poll_queue || !f->ops->poll)
        return 0; /* the flag is kept, and nothing comes of it */
    if (!on) {
        async_gone(f);
        return 0;
    }
    struct async *x = f->async ? f->async : heap_new(&async_type);
    if (!x)
        return -ENOMEM;
    if (!f->async) {
        x->file = f;
        x->link = (struct wait_link){.notify = async_notify};
        wait_link_add(f->ops->poll_queue(f), &x->link);
        f->async = x;
    }
    x->fd = fd;
    return 0;
}

void async_gone(struct file *f)
{
    if (!f->async)
        return;
    wait_link_remove(&f->async->link);
    heap_free(&async_type, f->async);
    f->async = NULL;
}
