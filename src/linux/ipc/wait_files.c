/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for several open files. Each file is looked at after the task stands on its queue, so that a change between
 * the look and the wait wakes it (core/wait.h).
 */
#include "linux/ipc/wait_files.h"

#include "linux/task/task.h"

#include <asm/errno.h>
#include <linux/eventpoll.h>

uint32_t file_ready(struct file *f)
{
    return f->ops->poll ? f->ops->poll(f) : EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
}

static int64_t wait_files_scan(struct wait_file *w, uint32_t n, bool link)
{
    int64_t ready = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!w[i].file)
            continue;
        uint32_t wanted = w[i].events | EPOLLERR | EPOLLHUP;
        if (link && !ready && !w[i].linked && w[i].file->ops->poll_queue) {
            struct wait_queue *q = w[i].file->ops->poll_queue(w[i].file);
            w[i].link = (struct wait_link){.task = current, .events = wanted};
            if (q)
                wait_link_add(q, &w[i].link), w[i].linked = true;
        }
        w[i].ready = file_ready(w[i].file) & wanted;
        ready += w[i].ready != 0;
    }
    return ready;
}

int64_t wait_files(struct wait_file *w, uint32_t n, uint64_t deadline)
{
    int64_t ready;
    int r = 0;
    while (!(ready = wait_files_scan(w, n, deadline != 0)) && deadline && r != -ETIMEDOUT) {
        r = task_block(deadline);
        if (r == -ERESTARTSYS) {
            ready = -ERESTARTNOHAND;
            break;
        }
    }
    for (uint32_t i = 0; i < n; i++)
        if (w[i].linked)
            wait_link_remove(&w[i].link), w[i].linked = false;
    return ready;
}

void wait_files_put(struct wait_file *w, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (w[i].file)
            file_put(w[i].file), w[i].file = NULL;
}
