/* SPDX-License-Identifier: Apache-2.0 */
/* User memory of the current task, by the platform's copies. */
#include "linux/core/uaccess.h"

#include "linux/core/sched.h"
#include "linux/mm/mm.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <string.h>

/* The kernel's own tasks have no user memory. */
static struct aspace *user(void)
{
    return current && current->mm ? current->mm->aspace : NULL;
}

int copy_in(void *to, struct uptr from, size_t n)
{
    struct aspace *as = user();
    return as && platform.aspace.copy_in(as, to, from, n) == n ? 0 : -EFAULT;
}

int copy_struct_in(void *to, size_t known, struct uptr from, uint64_t size)
{
    uint8_t rest[64];
    memset(to, 0, known);
    if (size > PAGE_SIZE)
        return -E2BIG;
    int r = copy_in(to, from, size < known ? size : known);
    for (uint64_t at = known; !r && at < size; at += sizeof(rest)) {
        size_t n = size - at < sizeof(rest) ? size - at : sizeof(rest);
        r = copy_in(rest, uptr_add(from, at), n);
        for (size_t i = 0; !r && i < n; i++)
            if (rest[i])
                r = -E2BIG;
    }
    return r;
}

int copy_out(struct uptr to, const void *from, size_t n)
{
    struct aspace *as = user();
    return as && platform.aspace.copy_out(as, to, from, n) == n ? 0 : -EFAULT;
}

int zero_out(struct uptr to, size_t n)
{
    struct aspace *as = user();
    return as && platform.aspace.zero(as, to, n) == n ? 0 : -EFAULT;
}

int64_t copy_string_in(char *to, struct uptr from, size_t n)
{
    struct aspace *as = user();
    if (!as || !n)
        return -EFAULT;
    int64_t length = platform.aspace.copy_str(as, to, from, n);
    if (length < 0)
        return length;
    if ((size_t)length < n)
        return length;
    to[n - 1] = 0;
    return -ENAMETOOLONG;
}
