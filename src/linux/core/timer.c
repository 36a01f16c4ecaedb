/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers, in a pairing heap: its links lie in the timers, so setting one cannot fail. Joining two heaps makes the later
 * root the first child of the earlier; taking out the root joins its children in pairs, then the pairs.
 */
#include "linux/core/heap.h"
#include "linux/core/sched.h"
#include "linux/core/wait.h"
#include "linux/task/task.h"

KERNEL_STATE static struct timers {
    struct timer *first;
} timers;

static struct timer *timer_join(struct timer *a, struct timer *b)
{
    if (!a)
        return b;
    if (!b)
        return a;
    if (b->deadline < a->deadline) {
        struct timer *t = a;
        a = b, b = t;
    }
    b->prev = a, b->next = a->child;
    if (a->child)
        a->child->prev = b;
    a->child = b;
    return a;
}

/* The children of a root that is gone, as one heap. */
static struct timer *timer_join_children(struct timer *child)
{
    struct timer *pairs = NULL, *heap = NULL;
    while (child) {
        struct timer *a = child, *b = a->next;
        child = b ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b)
            b->next = b->prev = NULL;
        a = timer_join(a, b);
        a->next = pairs, pairs = a;
    }
    while (pairs) {
        struct timer *a = pairs;
        pairs = a->next, a->next = NULL;
        heap = timer_join(heap, a);
    }
    return heap;
}

void timer_cancel(struct timer *t)
{
    if (!t->armed)
        return;
    struct timer *below = timer_join_children(t->child);
    if (t == timers.first) {
        timers.first = below;
    } else {
        if (t->prev->child == t)
            t->prev->child = t->next;
        else
            t->prev->next = t->next;
        if (t->next)
            t->next->prev = t->prev;
        timers.first = timer_join(timers.first, below);
    }
    t->child = t->next = t->prev = NULL, t->armed = false;
}

void timer_set(struct timer *t, uint64_t deadline)
{
    timer_cancel(t);
    if (deadline == NEVER)
        return;
    t->deadline = deadline, t->armed = true;
    timers.first = timer_join(timers.first, t);
    if (timers.first == t)
        sched_deadline(deadline);
}

uint64_t timer_first(void)
{
    return timers.first ? timers.first->deadline : NEVER;
}

void timer_run(uint64_t now)
{
    while (timers.first && timers.first->deadline <= now) {
        struct timer *t = timers.first;
        timer_cancel(t);
        t->fire(t);
    }
}
