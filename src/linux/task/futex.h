/* SPDX-License-Identifier: Apache-2.0 */
/* What futex.c (waiting and waking) and futex_more.c (requeueing, owners) share. */
#ifndef MOAT_LINUX_TASK_FUTEX_H
#define MOAT_LINUX_TASK_FUTEX_H

#include "linux/core/list.h"
#include "linux/core/uaccess.h"

struct args;
struct task;

struct mm;
struct task;

#define FUTEX_ANY UINT32_MAX /* FUTEX_BITSET_MATCH_ANY */

struct futex_waiter {
    struct list link; /* in a bucket; by itself when woken */
    uint64_t key[2];
    struct task *task;
    uint32_t bits;
    bool woken, pi;
    int32_t owner; /* of a PI lock, when it was queued */
};

struct futex_table {
    struct list *buckets; /* FUTEX_BUCKETS; made when the first task waits */
    uint32_t n_pi;
};
#define FUTEX_BUCKETS 128u
extern struct futex_table futex_table;

/* The key of a word of the current mm: -EINVAL (alignment), -EFAULT. */
int futex_key(struct mm *, struct uptr, bool private, uint64_t key[2]);
bool futex_same(const uint64_t a[2], const uint64_t b[2]);
struct list *futex_bucket(const uint64_t key[2]); /* NULL: nobody has ever waited */
int futex_load(struct uptr, uint32_t *value);
int futex_swap(struct uptr, uint32_t *value, uint32_t with); /* *value becomes what was there */
void futex_waiter_wake(struct futex_waiter *);
int64_t futex_key_wake(const uint64_t key[2], int n, uint32_t bits);
/* Queues the current task's: 0, -ENOMEM. Then waits: 0: woken; -ETIMEDOUT; -ERESTARTSYS. It is in no bucket then. */
int futex_waiter_queue(struct futex_waiter *);
int futex_waiter_block(struct futex_waiter *, uint64_t deadline);

struct futex_request {
    int command; /* FUTEX_* without flags */
    struct uptr at, at2;
    bool private;
    int n, n2;
    uint32_t value3;
    uint64_t deadline;
};
/* The commands that move waiters or know owners. -ENOSYS: no such one. */
int64_t futex_more(const struct futex_request *);

/* task/futex_alone.c: sys_futex() of a program that makes no other task. */
int64_t sys_futex_alone(struct task *, const struct args *);

#endif
