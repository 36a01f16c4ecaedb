/* SPDX-License-Identifier: Apache-2.0 */
/* poll(2), ppoll(2): the array is copied in once, and only the revents go out. */
#include "linux/core/call.h"
#include "linux/fs/fd.h"
#include "linux/ipc/wait_files.h"
#include "linux/ipc/when.h"
#include "linux/task/task.h"

#include <asm/poll.h>
#include <linux/eventpoll.h>

static int64_t poll_copied(struct task *t, struct uptr user, struct pollfd *fds, struct wait_file *w, uint32_t n,
                           uint64_t deadline)
{
    int64_t bad = 0;
    if (copy_in(fds, user, n * sizeof(*fds)))
        return -EFAULT;
    for (uint32_t i = 0; i < n; i++) {
        fds[i].revents = 0;
        if (fds[i].fd < 0)
            continue;
        w[i].file = fd_get(fds[i].fd);
        w[i].events = (uint16_t)fds[i].events;
        if (!w[i].file)
            fds[i].revents = POLLNVAL, bad++;
    }
    int64_t r = wait_files(w, n, bad ? 0 : deadline);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < n; i++) {
        if (w[i].file)
            fds[i].revents = (short)w[i].ready;
        struct uptr at = uptr_add(user, i * sizeof(*fds) + offsetof(struct pollfd, revents));
        if (put_user(at, fds[i].revents))
            return -EFAULT;
    }
    return r + bad;
}

static int64_t poll_until(struct task *t, struct uptr user, uint32_t n, uint64_t deadline)
{
    if (n > task_limit(t, RLIMIT_NOFILE))
        return -EINVAL;
    struct pollfd few[8], *fds = few;
    struct wait_file few_waits[8] = {0}, *w = few_waits;
    size_t fds_size = n * sizeof(*fds), w_size = n * sizeof(*w);
    int64_t r = -ENOMEM;
    if (n > 8)
        fds = heap_alloc(fds_size), w = heap_alloc(w_size);
    if (fds && w) {
        r = poll_copied(t, user, fds, w, n, deadline);
        wait_files_put(w, n);
    }
    if (n > 8 && fds)
        heap_release(fds, fds_size);
    if (n > 8 && w)
        heap_release(w, w_size);
    return r;
}

int64_t sys_poll(struct task *t, const struct args *a)
{
    int ms = arg_int(a, 2);
    uint64_t deadline = ms < 0 ? NEVER : ms ? clock_now() + (uint64_t)ms * 1000000 : 0;
    return poll_until(t, arg_ptr(a, 0), arg_u32(a, 1), deadline);
}

int64_t sys_ppoll(struct task *t, const struct args *a)
{
    uint64_t deadline;
    int64_t r = when_relative(arg_ptr(a, 2), &deadline);
    if (!r)
        r = signal_mask_user(t, arg_ptr(a, 3), a->v[4]);
    if (r)
        return r;
    r = poll_until(t, arg_ptr(a, 0), arg_u32(a, 1), deadline);
    signal_mask_end(t, r);
    when_left(arg_ptr(a, 2), deadline);
    return r;
}
