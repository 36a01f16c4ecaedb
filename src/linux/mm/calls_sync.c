/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that ask what is in memory, keep it there, or write it back: mincore, mlock, msync. */
#include "linux/core/call.h"
#include "linux/fs/vfs.h"
#include "linux/mm/area.h"
#include "linux/task/task.h"

#include <linux/capability.h>
#include <linux/mman.h>
#include <linux/resource.h>
#include <string.h>

/* [at, at + n) as whole pages; false: it wraps. */
static bool page_range(uint64_t at, uint64_t n, uint64_t *start, uint64_t *end)
{
    if (n > ADDRESS_END || at > ADDRESS_END || at + n > ADDRESS_END)
        return false;
    *start = page_down(at), *end = page_up(at + n);
    return true;
}

/* What is mapped counts as resident: the kernel does not know better, and nothing is ever swapped. */
int64_t sys_mincore(struct task *t, const struct args *a)
{
    uint8_t resident[256];
    uint64_t start, end;
    if (!page_aligned(a->v[0]))
        return -EINVAL;
    if (!page_range(a->v[0], a->v[1], &start, &end) || !vma_covered(t->mm, start, end))
        return -ENOMEM;
    memset(resident, 1, sizeof resident);
    uint64_t pages = (end - start) >> PAGE_SHIFT;
    for (uint64_t done = 0; done < pages;) {
        uint64_t n = pages - done < sizeof resident ? pages - done : sizeof resident;
        if (copy_out(uptr(a->v[2] + done), resident, n))
            return -EFAULT;
        done += n;
    }
    return 0;
}

/* What a file has behind its pages catches up: of those in memory nothing has to. */
static int sync_files(struct mm *mm, uint64_t start, uint64_t end)
{
    vma_each(v, mm, start, end)
    {
        const struct file_ops *ops = v->file && (v->flags & VMA_SHARED) ? v->file->ops : NULL;
        int r = ops && ops->sync ? ops->sync(v->file, true) : 0;
        if (r && r != -EROFS)
            return r;
    }
    return 0;
}

int64_t sys_msync(struct task *t, const struct args *a)
{
    int flags = arg_int(a, 2);
    uint64_t start, end;
    if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC) ||
        !page_aligned(a->v[0]))
        return -EINVAL;
    if (!page_range(a->v[0], a->v[1], &start, &end))
        return -ENOMEM;
    if (flags & MS_INVALIDATE) {
        vma_each(v, t->mm, start, end)
        {
            if (v->flags & VMA_LOCKED)
                return -EBUSY;
        }
    }
    int r = flags & MS_SYNC ? sync_files(t->mm, start, end) : 0;
    return r ? r : vma_covered(t->mm, start, end) ? 0 : -ENOMEM;
}

/* ---- locking: counted, and otherwise nothing, as memory is not swapped ---- */

static bool may_lock(const struct task *t, uint64_t more)
{
    uint64_t limit = task_limit(t, RLIMIT_MEMLOCK) >> PAGE_SHIFT;
    return capable(t, CAP_IPC_LOCK) || (more <= limit && t->mm->pages_locked <= limit - more);
}

static int set_locked(struct mm *mm, uint64_t start, uint64_t end, bool locked)
{
    int r = vma_isolate(mm, start, end);
    if (r)
        return r;
    vma_each(v, mm, start, end)
    {
        vma_set(v, v->prot, locked ? v->flags | VMA_LOCKED : v->flags & ~(uint32_t)VMA_LOCKED);
    }
    vma_join(mm, start, end);
    return 0;
}

static int64_t lock(struct task *t, uint64_t at, uint64_t n, bool locked)
{
    uint64_t start, end, more = 0;
    if (at + n < at)
        return -EINVAL;
    if (!page_range(at, n, &start, &end))
        return -ENOMEM;
    if (locked) {
        if (!capable(t, CAP_IPC_LOCK) && !task_limit(t, RLIMIT_MEMLOCK))
            return -EPERM;
        vma_each(v, t->mm, start, end)
        {
            uint64_t from = v->start > start ? v->start : start, to = v->end < end ? v->end : end;
            more += v->flags & VMA_LOCKED ? 0 : (to - from) >> PAGE_SHIFT;
        }
        if (!may_lock(t, more))
            return -ENOMEM;
    }
    if (!vma_covered(t->mm, start, end))
        return -ENOMEM;
    return set_locked(t->mm, start, end, locked);
}

int64_t sys_mlock(struct task *t, const struct args *a)
{
    return lock(t, a->v[0], a->v[1], true);
}

int64_t sys_mlock2(struct task *t, const struct args *a)
{
    return a->v[2] & ~(uint64_t)MLOCK_ONFAULT ? -EINVAL : lock(t, a->v[0], a->v[1], true);
}

int64_t sys_munlock(struct task *t, const struct args *a)
{
    return lock(t, a->v[0], a->v[1], false);
}

int64_t sys_mlockall(struct task *t, const struct args *a)
{
    int flags = arg_int(a, 0);
    if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
        return -EINVAL;
    if (!capable(t, CAP_IPC_LOCK) && !task_limit(t, RLIMIT_MEMLOCK))
        return -EPERM;
    if ((flags & MCL_CURRENT) && !may_lock(t, t->mm->pages_mapped - t->mm->pages_locked))
        return -ENOMEM;
    t->mm->lock_future = flags & MCL_FUTURE;
    return flags & MCL_CURRENT ? set_locked(t->mm, 0, ADDRESS_END, true) : 0;
}

int64_t sys_munlockall(struct task *t, const struct args *a)
{
    t->mm->lock_future = false;
    return set_locked(t->mm, 0, ADDRESS_END, false);
}
