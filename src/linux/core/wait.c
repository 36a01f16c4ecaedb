/* SPDX-License-Identifier: Apache-2.0 */
/* Wait queues: who waits is in them by a link of his own, so a queue is two pointers and waiting cannot fail. */
#include "linux/core/wait.h"

#include "linux/core/panic.h"
#include "linux/core/sched.h"

void wait_queue_init(struct wait_queue *q)
{
    list_init(&q->waiters);
}

/* Those that a wake counts stand behind the others, in the order in which they came. */
void wait_link_add(struct wait_queue *q, struct wait_link *l)
{
    if (l->exclusive)
        list_append(&q->waiters, &l->link);
    else
        list_prepend(&q->waiters, &l->link);
}

void wait_link_remove(struct wait_link *l)
{
    if (l->link.next)
        list_remove(&l->link);
}

void wait_wake(struct wait_queue *q, uint32_t events, int n)
{
    if (!q->waiters.next)
        return; /* never initialised: nobody can wait there */
    list_each (l, &q->waiters, struct wait_link, link) {
        if (events && l->events && !(events & l->events))
            continue;
        bool idle = l->behind && list_empty(&l->behind->waiters);
        if (l->exclusive && !idle && n-- <= 0)
            break;
        if (l->notify)
            l->notify(l, events);
        else
            task_wake(l->task);
    }
}

void wait_begin(struct waiter *w)
{
    w->n = 0;
}

void wait_on(struct waiter *w, struct wait_queue *q)
{
    if (w->n == sizeof(w->links) / sizeof(w->links[0]))
        kernel_panic("wait: more queues than a waiter has links");
    struct wait_link *l = &w->links[w->n++];
    *l = (struct wait_link){.task = current};
    wait_link_add(q, l);
}

void wait_end(struct waiter *w)
{
    for (uint32_t i = 0; i < w->n; i++)
        wait_link_remove(&w->links[i]);
    w->n = 0;
}
