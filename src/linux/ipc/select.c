/* SPDX-License-Identifier: Apache-2.0 */
/* select(2), pselect6(2): three sets of descriptors as bits, each copied in once and out once. */
#include "linux/core/call.h"
#include "linux/fs/fd.h"
#include "linux/ipc/wait_files.h"
#include "linux/ipc/when.h"
#include "linux/task/task.h"

#include <linux/eventpoll.h>

enum select_set { SELECT_IN, SELECT_OUT, SELECT_EXCEPT, SELECT_SETS };

/* What makes a descriptor count in a set: select(2), "Correspondence between select() and poll() notifications". */
static const uint32_t select_events[SELECT_SETS] = {
    [SELECT_IN] = EPOLLIN | EPOLLRDNORM | EPOLLRDBAND | EPOLLHUP | EPOLLERR,
    [SELECT_OUT] = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND | EPOLLERR,
    [SELECT_EXCEPT] = EPOLLPRI,
};

struct select_sets {
    struct uptr user[SELECT_SETS];
    uint64_t *bits[SELECT_SETS];
    uint32_t n, words;
};

static bool select_bit(const uint64_t *bits, uint32_t fd)
{
    return bits[fd / 64] >> fd % 64 & 1;
}

static uint32_t select_wanted(const struct select_sets *s, uint32_t fd)
{
    uint32_t events = 0;
    for (int i = 0; i < SELECT_SETS; i++)
        if (select_bit(s->bits[i], fd))
            events |= select_events[i];
    return events;
}

/* Turns the sets of what was asked into the sets of what is ready. */
static int64_t select_results(struct select_sets *s, const struct wait_file *w)
{
    int64_t count = 0;
    for (uint32_t fd = 0; fd < s->n; fd++)
        for (int i = 0; i < SELECT_SETS; i++) {
            if (!select_bit(s->bits[i], fd))
                continue;
            if (w[fd].ready & select_events[i])
                count++;
            else
                s->bits[i][fd / 64] &= ~(1ull << fd % 64);
        }
    return count;
}

static int64_t select_run(struct select_sets *s, struct wait_file *w, uint64_t deadline)
{
    for (int i = 0; i < SELECT_SETS; i++)
        if (s->user[i].v && copy_in(s->bits[i], s->user[i], s->words * 8))
            return -EFAULT;
    for (uint32_t fd = 0; fd < s->n; fd++) {
        w[fd].events = select_wanted(s, fd);
        if (!w[fd].events)
            continue;
        if (!(w[fd].file = fd_get((int)fd)))
            return -EBADF;
    }
    int64_t r = wait_files(w, s->n, deadline);
    if (r < 0)
        return r;
    r = select_results(s, w);
    for (int i = 0; i < SELECT_SETS; i++)
        if (s->user[i].v && copy_out(s->user[i], s->bits[i], s->words * 8))
            return -EFAULT;
    return r;
}

static int64_t select_until(struct task *t, const struct args *a, uint64_t deadline)
{
    if (arg_int(a, 0) < 0)
        return -EINVAL;
    uint64_t limit = task_limit(t, RLIMIT_NOFILE), n = arg_u32(a, 0);
    if (n > limit)
        n = limit; /* Linux looks at no more than the table can hold */
    struct select_sets s = {.n = (uint32_t)n, .words = (uint32_t)((n + 63) / 64)};
    size_t bits_size = SELECT_SETS * (s.words ? s.words : 1) * 8, w_size = (n ? n : 1) * sizeof(struct wait_file);
    uint64_t *bits = heap_alloc(bits_size);
    struct wait_file *w = heap_alloc(w_size);
    int64_t r = -ENOMEM;
    if (bits && w) {
        for (int i = 0; i < SELECT_SETS; i++)
            s.user[i] = arg_ptr(a, 1 + i), s.bits[i] = bits + (size_t)i * s.words;
        r = select_run(&s, w, deadline);
        wait_files_put(w, s.n);
    }
    if (bits)
        heap_release(bits, bits_size);
    if (w)
        heap_release(w, w_size);
    return r;
}

int64_t sys_select(struct task *t, const struct args *a)
{
    uint64_t deadline;
    int64_t r = when_relative_micro(arg_ptr(a, 4), &deadline);
    if (r)
        return r;
    r = select_until(t, a, deadline);
    when_left_micro(arg_ptr(a, 4), deadline);
    return r;
}

int64_t sys_pselect6(struct task *t, const struct args *a)
{
    struct {
        struct uptr set;
        uint64_t size;
    } mask = {0};
    uint64_t deadline;
    int64_t r = when_relative(arg_ptr(a, 4), &deadline);
    if (!r && a->v[5] && get_user(mask, arg_ptr(a, 5)))
        r = -EFAULT;
    if (!r)
        r = signal_mask_user(t, mask.set, mask.size);
    if (r)
        return r;
    r = select_until(t, a, deadline);
    signal_mask_end(t, r);
    when_left(arg_ptr(a, 4), deadline);
    return r;
}
