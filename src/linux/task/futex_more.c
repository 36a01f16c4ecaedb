/* SPDX-License-Identifier: Apache-2.0 */
/*
 * futex(2) for more than one task: waiters that move to another word, FUTEX_WAKE_OP, and locks with an owner. Those
 * pass from owner to waiter in order of arrival: there is one priority.
 */
#include "linux/mm/mm.h"
#include "linux/task/futex.h"
#include "linux/task/internal.h"

#include <linux/futex.h>

#include <string.h>

/* ---- moving ------------------------------------------------------------------------------------------------------ */

/* Wakes `wake` of those at `from` and moves `move` more to `to`. expected: FUTEX_CMP_REQUEUE's value, or NULL. */
static int64_t futex_requeue(struct uptr from, struct uptr to, bool private, int wake, int move,
                             const uint32_t *expected)
{
    uint64_t key[2], key_to[2];
    uint32_t value;
    int64_t done = 0, moved = 0;
    if (wake < 0 || move < 0)
        return -EINVAL;
    int r = futex_key(current->mm, from, private, key);
    if (!r)
        r = futex_key(current->mm, to, private, key_to);
    if (!r && expected)
        r = futex_load(from, &value);
    if (r)
        return r;
    if (expected && value != *expected)
        return -EAGAIN;
    bool in_place = futex_same(key, key_to);
    struct list *bucket = futex_bucket(key);
    if (!bucket)
        return 0;
    list_each (w, bucket, struct futex_waiter, link) {
        if (!futex_same(w->key, key) || w->pi)
            continue;
        if (done < wake) {
            futex_waiter_wake(w);
            done++;
        } else if (moved < move) {
            moved++;
            if (in_place)
                continue; /* they are where they shall be; moving them would never end */
            list_remove(&w->link);
            memcpy(w->key, key_to, sizeof(w->key));
            list_append(futex_bucket(key_to), &w->link);
        } else {
            break;
        }
    }
    return expected ? done + moved : done;
}

static uint32_t wake_op_value(uint32_t op, uint32_t old, uint32_t argument)
{
    switch (op) {
    case FUTEX_OP_SET:
        return argument;
    case FUTEX_OP_ADD:
        return old + argument;
    case FUTEX_OP_OR:
        return old | argument;
    case FUTEX_OP_ANDN:
        return old & ~argument;
    default:
        return old ^ argument;
    }
}

static bool wake_op_compare(uint32_t how, int32_t old, int32_t with)
{
    switch (how) {
    case FUTEX_OP_CMP_EQ:
        return old == with;
    case FUTEX_OP_CMP_NE:
        return old != with;
    case FUTEX_OP_CMP_LT:
        return old < with;
    case FUTEX_OP_CMP_LE:
        return old <= with;
    case FUTEX_OP_CMP_GT:
        return old > with;
    default:
        return old >= with;
    }
}

/* FUTEX_WAKE_OP, whose `code` is cut as FUTEX_OP() of futex.h makes it. */
static int64_t futex_wake_op(struct uptr at, struct uptr at2, bool private, int n, int n2, uint32_t code)
{
    uint32_t op = code >> 28 & 7, how = code >> 24 & 15, value;
    int32_t argument = (int32_t)(code << 8) >> 20, with = (int32_t)(code << 20) >> 20;
    uint64_t key[2], key2[2];
    if (op > FUTEX_OP_XOR || how > FUTEX_OP_CMP_GE)
        return -ENOSYS;
    if (code >> 31)
        argument = (int32_t)(1u << (argument & 31)); /* FUTEX_OP_OPARG_SHIFT */
    int r = futex_key(current->mm, at, private, key);
    if (!r)
        r = futex_key(current->mm, at2, private, key2);
    if (!r)
        r = futex_load(at2, &value);
    if (r)
        return r;
    for (;;) { /* as long as the program changes it meanwhile; each time a task of it has got on */
        uint32_t seen = value;
        r = futex_swap(at2, &seen, wake_op_value(op, value, (uint32_t)argument));
        if (r)
            return r;
        if (seen == value)
            break;
        value = seen;
    }
    int64_t woken = futex_key_wake(key, n, FUTEX_ANY);
    if (wake_op_compare(how, (int32_t)value, with))
        woken += futex_key_wake(key2, n2, FUTEX_ANY);
    return woken;
}

/* ---- locks with an owner: FUTEX_LOCK_PI ---------------------------------------------------------------------------
 */

/* Who has waited longest, and whether others do. */
static struct futex_waiter *pi_next(const uint64_t key[2], bool *more)
{
    struct list *bucket = futex_bucket(key);
    struct futex_waiter *next = NULL;
    *more = false;
    if (!bucket)
        return NULL;
    list_each (w, bucket, struct futex_waiter, link) {
        if (!w->pi || !futex_same(w->key, key))
            continue;
        if (next)
            *more = true;
        else
            next = w;
    }
    return next;
}

static bool pi_has_waiter(const uint64_t key[2])
{
    bool more;
    return pi_next(key, &more) != NULL;
}

/* One try. 0: it is ours; 1: it has an owner, and FUTEX_WAITERS is set; -EAGAIN: it changed, again. */
static int pi_try(struct uptr at, const uint64_t key[2], int32_t *owner)
{
    uint32_t value, seen;
    int r = futex_load(at, &value);
    if (r)
        return r;
    seen = value;
    *owner = (int32_t)(value & FUTEX_TID_MASK);
    if (!*owner) {
        uint32_t waiters = pi_has_waiter(key) ? FUTEX_WAITERS : 0;
        r = futex_swap(at, &seen, (uint32_t)current->tid | (value & FUTEX_OWNER_DIED) | waiters);
        return r ? r : seen == value ? 0 : -EAGAIN;
    }
    if (*owner == current->tid)
        return -EDEADLK;
    const struct task *holder = task_find(*owner);
    if (!holder || holder->exiting)
        return -ESRCH;
    r = futex_swap(at, &seen, value | FUTEX_WAITERS);
    return r ? r : seen == value ? 1 : -EAGAIN;
}

static int64_t futex_lock_pi(struct uptr at, bool private, uint64_t deadline, bool wait)
{
    struct futex_waiter w = {.task = current, .bits = FUTEX_ANY, .pi = true};
    int r = futex_key(current->mm, at, private, w.key);
    while (!r) {
        r = pi_try(at, w.key, &w.owner);
        if (r == -EAGAIN) {
            r = 0;
            continue;
        }
        if (r <= 0)
            return r;
        if (!wait)
            return -EAGAIN;
        w.woken = false;
        r = futex_waiter_queue(&w);
        if (!r)
            r = futex_waiter_block(&w, deadline);
        if (r == -ERESTARTSYS)
            return -ERESTARTNOINTR;
        uint32_t value;
        if (!r)
            r = futex_load(at, &value);
        if (!r && (int32_t)(value & FUTEX_TID_MASK) == current->tid)
            return 0; /* handed over */
    }
    return r;
}

static int64_t futex_unlock_pi(struct uptr at, bool private)
{
    uint64_t key[2];
    uint32_t value;
    int r = futex_key(current->mm, at, private, key);
    if (!r)
        r = futex_load(at, &value);
    if (r)
        return r;
    for (;;) {
        bool more;
        uint32_t seen = value;
        if ((int32_t)(value & FUTEX_TID_MASK) != current->tid)
            return -EPERM;
        struct futex_waiter *next = pi_next(key, &more);
        r = futex_swap(at, &seen, next ? (uint32_t)next->task->tid | (more ? FUTEX_WAITERS : 0) : 0);
        if (r)
            return r;
        if (seen == value) {
            if (next)
                futex_waiter_wake(next);
            return 0;
        }
        value = seen;
    }
}

void futex_owner_died(struct task *t)
{
    if (!futex_table.n_pi)
        return;
    for (uint32_t i = 0; i < FUTEX_BUCKETS; i++) {
        struct list *bucket = &futex_table.buckets[i];
        if (!bucket->next)
            continue;
        list_each (w, bucket, struct futex_waiter, link) {
            if (w->pi && w->owner == t->tid)
                futex_waiter_wake(w); /* it looks again, and finds nobody */
        }
    }
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

int64_t futex_more(const struct futex_request *q)
{
    switch (q->command) {
    case FUTEX_REQUEUE:
        return futex_requeue(q->at, q->at2, q->private, q->n, q->n2, NULL);
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(q->at, q->at2, q->private, q->n, q->n2, &q->value3);
    case FUTEX_WAKE_OP:
        return futex_wake_op(q->at, q->at2, q->private, q->n, q->n2, q->value3);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
        return futex_lock_pi(q->at, q->private, q->deadline, true);
    case FUTEX_TRYLOCK_PI:
        return futex_lock_pi(q->at, q->private, NEVER, false);
    case FUTEX_UNLOCK_PI:
        return futex_unlock_pi(q->at, q->private);
    default:
        return -ENOSYS;
    }
}
