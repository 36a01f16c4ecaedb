/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pidfd_open(2): a descriptor for a process. It does not keep the process: it is in the process's list of those, and
 * is told when that ends (who polls it wakes up) and when that is taken away (it stands for nobody from then on).
 */
#include "linux/core/text.h"
#include "linux/task/internal.h"

#include "linux/fs/fd.h"
#include "linux/fs/vfs.h"

#include <asm/fcntl.h>
#include <linux/eventpoll.h>

struct pidfd {
    struct list in_process;
    struct process *process; /* NULL: reaped */
    struct wait_queue queue;
};
HEAP_TYPE(pidfd, FIELD(pidfd, in_process, FIELD_LIST), FIELD(pidfd, process, FIELD_REF),
          FIELD(pidfd, queue, FIELD_NONE));

static uint32_t pidfd_poll(struct file *f)
{
    const struct pidfd *x = f->own;
    return !x->process || x->process->zombie ? (uint32_t)(EPOLLIN | EPOLLRDNORM) : 0;
}

static struct wait_queue *pidfd_queue(struct file *f)
{
    return &((struct pidfd *)f->own)->queue;
}

static void pidfd_release(struct file *f)
{
    struct pidfd *x = f->own;
    list_remove(&x->in_process);
    heap_free(&pidfd_type, x);
}

static void pidfd_show(struct file *f, struct text *out)
{
    const struct pidfd *x = f->own;
    int32_t pid = x->process ? x->process->pid : -1;
    text_printf(out, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static const struct file_ops pidfd_ops = {
    .show = pidfd_show, .poll = pidfd_poll, .poll_queue = pidfd_queue, .release = pidfd_release};

int pidfd_new(struct process *p, uint32_t flags, struct file **out)
{
    struct pidfd *x = heap_new(&pidfd_type);
    if (!x)
        return -ENOMEM;
    x->process = p;
    wait_queue_init(&x->queue);
    list_append(&p->pidfds, &x->in_process);
    *out = file_anonymous("anon_inode:[pidfd]", 0600, &pidfd_ops, O_RDWR | flags, x);
    if (*out)
        return 0;
    list_remove(&x->in_process);
    heap_free(&pidfd_type, x);
    return -ENFILE;
}

struct process *pidfd_process(struct file *f, int *error)
{
    *error = -EBADF;
    if (f->ops != &pidfd_ops)
        return NULL;
    *error = -ESRCH;
    return ((struct pidfd *)f->own)->process;
}

void pidfds_ended(struct process *p)
{
    list_each (x, &p->pidfds, struct pidfd, in_process)
        wait_wake(&x->queue, EPOLLIN | EPOLLRDNORM, INT32_MAX);
}

void pidfds_drop(struct process *p)
{
    list_each (x, &p->pidfds, struct pidfd, in_process) {
        list_remove(&x->in_process);
        x->process = NULL;
    }
}

int64_t sys_pidfd_open(struct task *t, const struct args *a)
{
    (void)t;
    struct file *file;
    uint32_t flags = arg_u32(a, 1);
    if ((flags & ~(uint32_t)O_NONBLOCK) || arg_int(a, 0) <= 0)
        return -EINVAL;
    struct process *p = process_find(arg_int(a, 0));
    if (!p)
        return task_find(arg_int(a, 0)) ? -EINVAL : -ESRCH; /* a thread's number is no process's */
    int r = pidfd_new(p, flags, &file);
    if (r)
        return r;
    int fd = fd_install(file, true, 0);
    if (fd < 0)
        file_put(file);
    return fd;
}
