/* SPDX-License-Identifier: Apache-2.0 */
/*
 * futex(2). A waiter stands on its task's kernel stack, in a bucket of a hash table by its key: the mm and address of a
 * private word, the page object and offset of a shared one. The word is read and the waiter queued without giving way
 * in between, and a waker comes through the same lock, so no wake-up is lost.
 *
 * Priority-inheriting locks pass from owner to waiter in order of arrival: there is one priority.
 */
#include "linux/task/internal.h"

#include "linux/mm/mm.h"

#include <linux/futex.h>

#include <string.h>

#define FUTEX_BUCKETS 128u
#define ANY           UINT32_MAX /* FUTEX_BITSET_MATCH_ANY */

struct futex_waiter {
    struct list link; /* in a bucket; by itself when woken */
    uint64_t key[2];
    struct task *task;
    uint32_t bits;
    bool woken, pi;
    int32_t owner; /* of a PI lock, when it was queued */
};

KERNEL_STATE static struct {
    struct list buckets[FUTEX_BUCKETS];
    uint32_t n_pi;
} room;

void futex_init(void)
{
    for (uint32_t i = 0; i < FUTEX_BUCKETS; i++)
        list_init(&room.buckets[i]);
}

static struct list *futex_bucket(const uint64_t key[2])
{
    uint64_t h = (key[0] ^ (key[1] >> 2)) * 0x9e3779b97f4a7c15ull;
    return &room.buckets[h >> 32 & (FUTEX_BUCKETS - 1)];
}

static bool same_key(const uint64_t a[2], const uint64_t b[2])
{
    return a[0] == b[0] && a[1] == b[1];
}

static int futex_key(struct mm *mm, struct uptr at, bool private, uint64_t key[2])
{
    if (at.v & 3)
        return -EINVAL;
    if (at.v >= GUEST_TOP)
        return -EFAULT;
    return mm_futex_key(mm, at, private, key);
}

static int futex_load(struct uptr at, uint32_t *value)
{
    return platform.aspace.load32(current->mm->aspace, at, value);
}

/* *value becomes what was there. */
static int futex_swap(struct uptr at, uint32_t *value, uint32_t with)
{
    return platform.aspace.cmpxchg32(current->mm->aspace, at, value, with);
}

/* ---- waking ------------------------------------------------------------------------------------------------------ */

static void waiter_wake(struct futex_waiter *w)
{
    list_remove(&w->link);
    w->woken = true;
    task_wake(w->task);
}

static int64_t key_wake(const uint64_t key[2], int n, uint32_t bits)
{
    int64_t woken = 0;
    list_each(w, futex_bucket(key), struct futex_waiter, link)
    {
        if (!same_key(w->key, key) || w->pi || !(w->bits & bits))
            continue;
        waiter_wake(w);
        if (++woken >= n)
            break;
    }
    return woken;
}

int64_t futex_wake_at(struct mm *mm, struct uptr at, bool private, int n)
{
    uint64_t key[2];
    int r = futex_key(mm, at, private, key);
    return r ? r : key_wake(key, n, ANY);
}

static int64_t futex_wake(struct uptr at, bool private, int n, uint32_t bits)
{
    uint64_t key[2];
    if (!bits)
        return -EINVAL;
    int r = futex_key(current->mm, at, private, key);
    return r ? r : key_wake(key, n, bits);
}

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
    bool in_place = same_key(key, key_to);
    list_each(w, futex_bucket(key), struct futex_waiter, link)
    {
        if (!same_key(w->key, key) || w->pi)
            continue;
        if (done < wake) {
            waiter_wake(w);
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
    int64_t woken = key_wake(key, n, ANY);
    if (wake_op_compare(how, (int32_t)value, with))
        woken += key_wake(key2, n2, ANY);
    return woken;
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

static void waiter_queue(struct futex_waiter *w)
{
    list_append(futex_bucket(w->key), &w->link);
    current->futex = w;
    if (w->pi)
        room.n_pi++;
}

/* 0: woken; -ETIMEDOUT; -ERESTARTSYS. The waiter is out of its bucket. */
static int waiter_block(struct futex_waiter *w, uint64_t deadline)
{
    int r = 0;
    while (!w->woken && !(r = task_block(deadline)))
        continue;
    list_remove(&w->link);
    current->futex = NULL;
    if (w->pi)
        room.n_pi--;
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
    waiter_queue(&w);
    r = waiter_block(&w, deadline);
    if (r != -ERESTARTSYS || deadline == NEVER)
        return r;
    current->restart = (struct restart){futex_wait_again, deadline, {at.v, private, expected, bits}};
    return -ERESTART_RESTARTBLOCK;
}

/* ---- locks with an owner: FUTEX_LOCK_PI ---------------------------------------------------------------------------
 */

static bool pi_has_waiter(const uint64_t key[2])
{
    list_each(w, futex_bucket(key), struct futex_waiter, link) if (w->pi && same_key(w->key, key)) return true;
    return false;
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
    struct futex_waiter w = {.task = current, .bits = ANY, .pi = true};
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
        waiter_queue(&w);
        r = waiter_block(&w, deadline);
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
        struct futex_waiter *next = NULL;
        bool more = false;
        uint32_t seen = value;
        if ((int32_t)(value & FUTEX_TID_MASK) != current->tid)
            return -EPERM;
        list_each(w, futex_bucket(key), struct futex_waiter, link)
        {
            if (!w->pi || !same_key(w->key, key))
                continue;
            if (next)
                more = true;
            if (!next)
                next = w;
        }
        r = futex_swap(at, &seen, next ? (uint32_t)next->task->tid | (more ? FUTEX_WAITERS : 0) : 0);
        if (r)
            return r;
        if (seen == value) {
            if (next)
                waiter_wake(next);
            return 0;
        }
        value = seen;
    }
}

void futex_owner_died(struct task *t)
{
    if (!room.n_pi)
        return;
    for (uint32_t i = 0; i < FUTEX_BUCKETS; i++)
        list_each(w, &room.buckets[i], struct futex_waiter, link) if (w->pi && w->owner == t->tid)
            waiter_wake(w); /* it looks again, and finds nobody */
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

int64_t sys_futex(struct task *t, const struct args *a)
{
    (void)t;
    int command = arg_int(a, 1) & FUTEX_CMD_MASK, n = arg_int(a, 2), n2 = arg_int(a, 3);
    bool private = arg_int(a, 1) & FUTEX_PRIVATE_FLAG, real = arg_int(a, 1) & FUTEX_CLOCK_REALTIME;
    struct uptr at = arg_ptr(a, 0), at2 = arg_ptr(a, 4);
    uint32_t value = arg_u32(a, 2), value3 = arg_u32(a, 5);
    bool waits =
        command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET || command == FUTEX_LOCK_PI || command == FUTEX_LOCK_PI2;
    uint64_t deadline = NEVER;
    if (real && command != FUTEX_WAIT_BITSET && command != FUTEX_LOCK_PI2)
        return -ENOSYS;
    if (waits) {
        int r = futex_deadline(command, real || command == FUTEX_LOCK_PI, arg_ptr(a, 3), &deadline);
        if (r)
            return r;
    }
    switch (command) {
    case FUTEX_WAIT:
        return futex_wait(at, private, value, deadline, ANY);
    case FUTEX_WAIT_BITSET:
        return futex_wait(at, private, value, deadline, value3);
    case FUTEX_WAKE:
        return futex_wake(at, private, n, ANY);
    case FUTEX_WAKE_BITSET:
        return futex_wake(at, private, n, value3);
    case FUTEX_REQUEUE:
        return futex_requeue(at, at2, private, n, n2, NULL);
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(at, at2, private, n, n2, &value3);
    case FUTEX_WAKE_OP:
        return futex_wake_op(at, at2, private, n, n2, value3);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
        return futex_lock_pi(at, private, deadline, true);
    case FUTEX_TRYLOCK_PI:
        return futex_lock_pi(at, private, NEVER, false);
    case FUTEX_UNLOCK_PI:
        return futex_unlock_pi(at, private);
    default:
        return -ENOSYS;
    }
}
