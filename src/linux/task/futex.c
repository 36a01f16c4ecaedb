/* SPDX-License-Identifier: Apache-2.0 */
/*
 * futex(2): waiting and waking. A waiter stands on its task's kernel stack, in a bucket of a hash table by its key: the
 * mm and address of a private word, the page object and offset of a shared one. The word is read and the waiter queued
 * without giving way in between, and a waker comes through the same lock, so no wake-up is lost.
 */
#include "linux/task/futex.h"

#include "linux/mm/mm.h"
#include "linux/task/internal.h"

#include <linux/futex.h>

/* Where one task is all there ever is, nobody waits for another: linked with clone. */
__typeof__(futex_more) futex_more __attribute__((weak));

KERNEL_STATE struct futex_table futex_table;

struct list *futex_bucket(const uint64_t key[2])
{
    uint64_t h = (key[0] ^ (key[1] >> 2)) * 0x9e3779b97f4a7c15ull;
    struct list *bucket;
    if (!futex_table.buckets)
        return NULL;
    bucket = &futex_table.buckets[h >> 32 & (FUTEX_BUCKETS - 1)];
    if (!bucket->next)
        list_init(bucket);
    return bucket;
}

bool futex_same(const uint64_t a[2], const uint64_t b[2])
{
    return a[0] == b[0] && a[1] == b[1];
}

int futex_key(struct mm *mm, struct uptr at, bool private, uint64_t key[2])
{
    if (at.v & 3)
        return -EINVAL;
    if (at.v >= GUEST_TOP)
        return -EFAULT;
    return mm_futex_key(mm, at, private, key);
}

int futex_load(struct uptr at, uint32_t *value)
{
    return platform.aspace.load32(current->mm->aspace, at, value);
}

int futex_swap(struct uptr at, uint32_t *value, uint32_t with)
{
    return platform.aspace.cmpxchg32(current->mm->aspace, at, value, with);
}

/* ---- waking ------------------------------------------------------------------------------------------------------ */

void futex_waiter_wake(struct futex_waiter *w)
{
    list_remove(&w->link);
    w->woken = true;
    task_wake(w->task);
}

int64_t futex_key_wake(const uint64_t key[2], int n, uint32_t bits)
{
    struct list *bucket = futex_bucket(key);
    int64_t woken = 0;
    if (!bucket)
        return 0;
    list_each (w, bucket, struct futex_waiter, link) {
        if (!futex_same(w->key, key) || w->pi || !(w->bits & bits))
            continue;
        futex_waiter_wake(w);
        if (++woken >= n)
            break;
    }
    return woken;
}

int64_t futex_wake_at(struct mm *mm, struct uptr at, bool private, int n)
{
    uint64_t key[2];
    int r = futex_key(mm, at, private, key);
    return r ? r : futex_key_wake(key, n, FUTEX_ANY);
}

static int64_t futex_wake(struct uptr at, bool private, int n, uint32_t bits)
{
    uint64_t key[2];
    if (!bits)
        return -EINVAL;
    int r = futex_key(current->mm, at, private, key);
    return r ? r : futex_key_wake(key, n, bits);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

int futex_waiter_queue(struct futex_waiter *w)
{
    if (!futex_table.buckets)
        futex_table.buckets = heap_alloc(FUTEX_BUCKETS * sizeof(struct list));
    if (!futex_table.buckets)
        return -ENOMEM;
    list_append(futex_bucket(w->key), &w->link);
    current->futex = w;
    if (w->pi)
        futex_table.n_pi++;
    return 0;
}

int futex_waiter_block(struct futex_waiter *w, uint64_t deadline)
{
    int r = 0;
    while (!w->woken && !(r = task_block(deadline)))
        continue;
    list_remove(&w->link);
    current->futex = NULL;
    if (w->pi)
        futex_table.n_pi--;
    return w->woken ? 0 : r;
}

static int64_t futex_wait(struct uptr at, bool private, uint32_t expected, uint64_t deadline, uint32_t bits);

/* restart.a: address, private, value, bits. */
static int64_t futex_wait_again(struct task *t)
{
    const struct restart *s = &t->restart;
    return futex_wait(uptr(s->a[0]), s->a[1], (uint32_t)s->a[2], s->deadline, (uint32_t)s->a[3]);
}

static int64_t futex_wait(struct uptr at, bool private, uint32_t expected, uint64_t deadline, uint32_t bits)
{
    struct futex_waiter w = {.task = current, .bits = bits};
    uint32_t value;
    if (!bits)
        return -EINVAL;
    int r = futex_key(current->mm, at, private, w.key);
    if (!r)
        r = futex_load(at, &value);
    if (r)
        return r;
    if (value != expected)
        return -EAGAIN;
    r = futex_waiter_queue(&w);
    if (!r)
        r = futex_waiter_block(&w, deadline);
    if (r != -ERESTARTSYS || deadline == NEVER)
        return r;
    current->restart = (struct restart){futex_wait_again, deadline, {at.v, private, expected, bits}};
    return -ERESTART_RESTARTBLOCK;
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

/* FUTEX_WAIT takes a length of time, all others a point of it. */
static int futex_deadline(int command, bool real, struct uptr at, uint64_t *deadline)
{
    uint64_t ns;
    *deadline = NEVER;
    if (!at.v)
        return 0;
    int r = timespec_in(at, &ns);
    if (r)
        return r;
    uint64_t now = clock_now();
    if (command == FUTEX_WAIT)
        *deadline = ns > NEVER - 1 - now ? NEVER : now + ns;
    else
        *deadline = clock_deadline(real ? CLOCK_REALTIME : CLOCK_MONOTONIC, ns);
    return 0;
}

static bool command_waits(int command)
{
    return command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET || command == FUTEX_LOCK_PI ||
           command == FUTEX_LOCK_PI2;
}

int64_t sys_futex(struct task *t, const struct args *a)
{
    (void)t;
    bool real = arg_int(a, 1) & FUTEX_CLOCK_REALTIME;
    struct futex_request q = {.command = arg_int(a, 1) & FUTEX_CMD_MASK,
                              .at = arg_ptr(a, 0),
                              .at2 = arg_ptr(a, 4),
                              .private = arg_int(a, 1) & FUTEX_PRIVATE_FLAG,
                              .n = arg_int(a, 2),
                              .n2 = arg_int(a, 3),
                              .value3 = arg_u32(a, 5),
                              .deadline = NEVER};
    if (real && q.command != FUTEX_WAIT_BITSET && q.command != FUTEX_LOCK_PI2)
        return -ENOSYS;
    if (command_waits(q.command)) {
        int r = futex_deadline(q.command, real || q.command == FUTEX_LOCK_PI, arg_ptr(a, 3), &q.deadline);
        if (r)
            return r;
    }
    switch (q.command) {
    case FUTEX_WAIT:
        return futex_wait(q.at, q.private, (uint32_t)q.n, q.deadline, FUTEX_ANY);
    case FUTEX_WAIT_BITSET:
        return futex_wait(q.at, q.private, (uint32_t)q.n, q.deadline, q.value3);
    case FUTEX_WAKE:
        return futex_wake(q.at, q.private, q.n, FUTEX_ANY);
    case FUTEX_WAKE_BITSET:
        return futex_wake(q.at, q.private, q.n, q.value3);
    default:
        return futex_more ? futex_more(&q) : -ENOSYS;
    }
}
