/* SPDX-License-Identifier: Apache-2.0 */
/*
 * futex(2) for a program that makes no other task: nobody can be woken, and who waits, waits for the time or a signal.
 * Linked only into a kernel for such a program (`moat build`), in the place of task/futex.c.
 */
#include "linux/core/call.h"
#include "linux/core/sched.h"
#include "linux/core/time.h"
#include "linux/mm/mm.h"
#include "linux/task/futex.h"
#include "linux/task/task.h"

#include <linux/futex.h>

/* FUTEX_WAIT has a relative limit, FUTEX_WAIT_BITSET a time of one of the two clocks. */
static int limit(struct uptr from, uint32_t operation, uint64_t *deadline)
{
    uint64_t ns;
    int r = from.v ? timespec_in(from, &ns) : 0;
    if (r || !from.v)
        return r;
    uint64_t now = clock_now(), from_now = operation & FUTEX_CLOCK_REALTIME ? clock_realtime() : now;
    if ((operation & FUTEX_CMD_MASK) == FUTEX_WAIT)
        *deadline = now + ns;
    else
        *deadline = ns > from_now ? now + (ns - from_now) : now;
    return 0;
}

int64_t sys_futex_alone(struct task *t, const struct args *a)
{
    uint32_t operation = arg_u32(a, 1), command = operation & FUTEX_CMD_MASK, value;
    uint64_t deadline = NEVER;
    if (command == FUTEX_WAKE || command == FUTEX_WAKE_BITSET)
        return 0;
    if (command != FUTEX_WAIT && command != FUTEX_WAIT_BITSET)
        return -ENOSYS;
    int r = limit(arg_ptr(a, 3), operation, &deadline);
    if (r)
        return r;
    if (a->v[0] % sizeof(value))
        return -EINVAL;
    if (platform.aspace.load32(t->mm->aspace, arg_ptr(a, 0), &value))
        return -EFAULT;
    if (value != arg_u32(a, 2))
        return -EAGAIN;
    while (!(r = task_block(deadline)))
        continue;
    return r == -ERESTARTSYS && deadline != NEVER ? -EINTR : r;
}
