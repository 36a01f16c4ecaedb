/* SPDX-License-Identifier: Apache-2.0 */
/* See time.h. */
#include "linux/core/time.h"

#include <asm/errno.h>

int timespec_in(struct uptr at, uint64_t *ns)
{
    struct __kernel_timespec ts;
    if (get_user(ts, at))
        return -EFAULT;
    if (!timespec_is_valid(&ts))
        return -EINVAL;
    *ns = timespec_to_ns(&ts);
    return 0;
}

int timespec_out(struct uptr at, uint64_t ns)
{
    const struct __kernel_timespec ts = ns_to_timespec(ns);
    return put_user(at, ts);
}
