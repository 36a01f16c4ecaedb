/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for a program that never unmaps, protects or maps files: addresses from the top of the data range down, and no
 * record of them. Linked only into a kernel for such a program (`moat build`), where it stands in for all the rest of
 * mm/: a hello of ours is mostly its kernel.
 */
#include "linux/core/call.h"
#include "linux/mm/area.h"
#include "linux/task/task.h"

#include <linux/mman.h>

#define PLAIN_GUARD PAGE_SIZE /* stays free below each piece */

int64_t plain_map(struct mm *mm, uint64_t n, int prot)
{
    uint64_t low = mm->plain_low ? mm->plain_low : mm->range.high;
    if (n + PLAIN_GUARD < n || n + PLAIN_GUARD > low - mm->range.low)
        return -ENOMEM;
    int r = platform.aspace.map(mm->aspace, low - n, n, prot, false, NULL, 0);
    if (r)
        return r;
    mm->pages_mapped += n >> PAGE_SHIFT;
    mm->plain_low = low - n - PLAIN_GUARD;
    return (int64_t)(low - n);
}

/* mmap(2) of anonymous memory, at no address of the caller's. */
int64_t sys_mmap_plain(struct task *t, const struct args *a)
{
    int prot = arg_int(a, 2) & PROT_ALL, flags = arg_int(a, 3);
    if (!a->v[1] || !(flags & MAP_TYPE))
        return -EINVAL;
    if (!(flags & MAP_ANONYMOUS))
        return -EBADF;
    if (prot & PROT_EXEC)
        return -EACCES;
    if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) || a->v[1] > ADDRESS_END)
        return -ENOMEM;
    uint64_t n = page_up(a->v[1]), pages = n >> PAGE_SHIFT;
    int r = mm_may_grow(t->mm, pages, pages, t->mm->pages_data + pages);
    if (r)
        return r;
    t->mm->pages_data += pages;
    return plain_map(t->mm, n, prot);
}
