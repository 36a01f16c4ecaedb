/* SPDX-License-Identifier: Apache-2.0 */
/* futex_waitv(2): waiting for several words at once. A waiter per word, all of one task; the first that is woken
 * counts. */
#include "linux/task/futex.h"
#include "linux/task/internal.h"

#include <linux/futex.h>
#include <linux/time.h>

#ifndef FUTEX_WAITV_MAX
#define FUTEX_WAITV_MAX 128
#define FUTEX_32        2
#endif

struct word { /* struct futex_waitv of futex.h */
    uint64_t value, address;
    uint32_t flags, reserved;
};

static int word_take(struct word *q, struct uptr at, struct futex_waiter *w)
{
    int r = copy_in(q, at, sizeof(*q));
    if (r)
        return r;
    if (q->reserved || q->flags & ~(uint32_t)(FUTEX_32 | FUTEX_PRIVATE_FLAG) || !(q->flags & FUTEX_32))
        return -EINVAL;
    *w = (struct futex_waiter){.task = current, .bits = FUTEX_ANY};
    list_init(&w->link);
    return futex_key(current->mm, uptr(q->address), q->flags & FUTEX_PRIVATE_FLAG, w->key);
}

/* All words are read and all waiters queued without giving way in between. */
static int words_queue(const struct word *words, struct futex_waiter *w, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t value;
        int r = futex_load(uptr(words[i].address), &value);
        if (r)
            return r;
        if (value != words[i].value)
            return -EAGAIN;
    }
    for (uint32_t i = 0; i < n; i++) {
        int r = futex_waiter_queue(&w[i]);
        if (r)
            return r;
    }
    return 0;
}

static int64_t woken_first(const struct futex_waiter *w, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (w[i].woken)
            return i;
    return -EAGAIN;
}

static int64_t wait_for_any(const struct word *words, struct futex_waiter *w, uint32_t n, uint64_t deadline)
{
    int r = words_queue(words, w, n);
    while (!r && woken_first(w, n) < 0)
        r = task_block(deadline);
    for (uint32_t i = 0; i < n; i++)
        list_remove(&w[i].link);
    current->futex = NULL;
    int64_t which = woken_first(w, n);
    return which >= 0 ? which : r;
}

static int deadline_of(struct uptr at, int32_t clock, uint64_t *deadline)
{
    uint64_t ns;
    *deadline = NEVER;
    if (!at.v)
        return 0;
    if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME)
        return -EINVAL;
    int r = timespec_in(at, &ns);
    if (!r)
        *deadline = clock_deadline(clock, ns);
    return r;
}

int64_t sys_futex_waitv(struct task *t, const struct args *a)
{
    (void)t;
    uint32_t n = arg_u32(a, 1);
    uint64_t deadline;
    if (arg_u32(a, 2) || !n || n > FUTEX_WAITV_MAX || !a->v[0])
        return -EINVAL;
    int64_t r = deadline_of(arg_ptr(a, 3), arg_int(a, 4), &deadline);
    if (r)
        return r;
    struct word *words = heap_alloc(n * sizeof(*words));
    struct futex_waiter *waiters = heap_alloc(n * sizeof(*waiters));
    if (!words || !waiters)
        r = -ENOMEM;
    for (uint32_t i = 0; i < n && !r; i++)
        r = word_take(&words[i], uptr_add(arg_ptr(a, 0), i * sizeof(*words)), &waiters[i]);
    if (!r)
        r = wait_for_any(words, waiters, n, deadline);
    if (words)
        heap_release(words, n * sizeof(*words));
    if (waiters)
        heap_release(waiters, n * sizeof(*waiters));
    return r;
}
