/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting. A handler that has to wait puts a waiter on the queues of what it waits for, and calls task_block() until
 * its condition holds; that is the only place where a handler stops:
 *
 *     struct waiter w;
 *     wait_begin(&w);
 *     wait_on(&w, &pipe->readable);
 *     while (!pipe->bytes && !(r = task_block(deadline))) continue;
 *     wait_end(&w);
 *
 * A wake-up that comes between the look at the condition and task_block() is not lost: waking a running task makes its
 * next task_block() return at once (so conditions are looked at again, always in a loop).
 */
#ifndef MOAT_LINUX_CORE_WAIT_H
#define MOAT_LINUX_CORE_WAIT_H

#include "linux/core/list.h"
#include "linux/platform.h"

#define NEVER UINT64_MAX

struct wait_queue {
    struct list waiters; /* of struct wait_link; list_init by wait_queue_init */
};

/* One registration with one queue. `notify` NULL: wakes `task`. `exclusive`: a wake of n counts it. */
struct wait_link {
    struct list link;
    struct task *task;
    void (*notify)(struct wait_link *, uint32_t events); /* epoll, and other standing watchers */
    uint32_t events;                                     /* of poll(2) that it is after; 0: all */
    bool exclusive;
    const struct wait_queue
        *behind; /* exclusive, with `notify`: counts only while somebody waits there; NULL: always */
};

void wait_queue_init(struct wait_queue *);
void wait_link_add(struct wait_queue *, struct wait_link *);
void wait_link_remove(struct wait_link *);
/* Wakes all that are after one of `events` (0: whatever they are after), at most n exclusive ones. */
void wait_wake(struct wait_queue *, uint32_t events, int n);
static inline void wait_wake_all(struct wait_queue *q)
{
    wait_wake(q, 0, 1 << 30);
}

struct waiter {
    struct wait_link links[2]; /* two queues are enough for a handler; poll has its own */
    uint32_t n;
};
void wait_begin(struct waiter *);
void wait_on(struct waiter *, struct wait_queue *);
void wait_end(struct waiter *);

/* Lets others run until this task is woken. `deadline`: monotonic nanoseconds, NEVER. 0: woken (look again);
 * -ETIMEDOUT; -ERESTARTSYS: a signal is pending (return it, or -EINTR, as Linux's handler would). */
int task_block(uint64_t deadline);
/* The same, but only a fatal signal ends it. */
int task_block_killable(uint64_t deadline);
void task_wake(struct task *);

/* Linux's own numbers, never seen by guests: what becomes of an interrupted call, decided when the signal is delivered.
 */
#define ERESTARTSYS           512 /* restart, if the handler has SA_RESTART or there is none */
#define ERESTARTNOINTR        513 /* restart always */
#define ERESTARTNOHAND        514 /* restart only if there is no handler */
#define ERESTART_RESTARTBLOCK 516 /* restart by restart_syscall(2) with what task->restart holds */

/* ---- timers: intrusive, in one pairing heap: setting is O(1), the rest O(log n) on average ---- */
struct timer {
    struct timer *child, *next, *prev; /* prev: the sibling before, or the parent of the first child */
    uint64_t deadline;                 /* monotonic ns */
    void (*fire)(struct timer *);      /* under the kernel's lock; may set it again; does not block */
    bool armed;
};
void timer_set(struct timer *, uint64_t deadline); /* NEVER: cancels */
void timer_cancel(struct timer *);                 /* harmless when not armed */
uint64_t timer_first(void);                        /* the first deadline; NEVER */
void timer_run(uint64_t now);                      /* fires all that are due */
uint64_t clock_now(void);                          /* monotonic */
uint64_t clock_realtime(void);                     /* with what clock_settime(2) has added */
void clock_realtime_set(uint64_t ns);

#endif
