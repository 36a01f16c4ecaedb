/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on address spaces: mmap, munmap, mprotect, madvise. */
#include "linux/core/call.h"
#include "linux/fs/fd.h"
#include "linux/mm/area.h"
#include "linux/task/task.h"

#include <linux/capability.h>
#include <linux/mman.h>

#define PROT_GROWS (PROT_GROWSDOWN | PROT_GROWSUP)

int64_t sys_mmap(struct task *t, const struct args *a)
{
    int flags = arg_int(a, 3);
    struct file *file = NULL;
    if (!page_aligned(a->v[5]))
        return -EINVAL;
    if (!(flags & MAP_ANONYMOUS) && !(file = fd_get(arg_int(a, 4))))
        return -EBADF;
    if (flags & MAP_FIXED && mm_sealed && mm_sealed(t->mm, a->v[0], a->v[1])) {
        if (file)
            file_put(file);
        return -EPERM;
    }
    int64_t r = mm_map(t->mm, a->v[0], a->v[1], arg_int(a, 2), flags, file, file ? a->v[5] : 0);
    if (file)
        file_put(file);
    return r;
}

int64_t sys_munmap(struct task *t, const struct args *a)
{
    if (mm_sealed && page_aligned(a->v[0]) && mm_sealed(t->mm, a->v[0], a->v[1]))
        return -EPERM;
    return mm_unmap(t->mm, a->v[0], a->v[1]);
}

int64_t sys_mprotect(struct task *t, const struct args *a)
{
    int prot = arg_int(a, 2);
    uint64_t at = a->v[0], n = a->v[1];
    if ((prot & PROT_GROWS) == PROT_GROWS || (prot & ~(PROT_ALL | PROT_SEM | PROT_GROWS)))
        return -EINVAL;
    if ((prot & PROT_GROWS) && page_aligned(at) && n) {
        const struct vma *v = vma_find(t->mm, at);
        if (!v)
            return -ENOMEM;
        if ((prot & PROT_GROWSUP) || !(v->flags & (VMA_GROWSDOWN | VMA_STACK)))
            return -EINVAL;
        n += at - v->start, at = v->start;
    }
    if (mm_sealed && page_aligned(at) && mm_sealed(t->mm, at, n))
        return -EPERM;
    return mm_protect(t->mm, at, n, prot & PROT_ALL);
}

/* ---- madvise(2) ---- */

/* What a mapping holds is forgotten: zeroes, or the file's bytes again. */
static int forget_pages(const struct vma *v, uint64_t at, uint64_t end)
{
    if (v->flags & VMA_LOCKED)
        return -EINVAL;
    if (v->flags & (VMA_SHARED | VMA_PAST_END))
        return 0;
    if (v->object)
        return map_pages(v, at, end - at);
    return platform.aspace.advise(v->mm->aspace, at, end - at, MADV_DONTNEED);
}

static int advise(struct vma *v, uint64_t at, uint64_t end, int advice)
{
    switch (advice) {
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
        return forget_pages(v, at, end);
    case MADV_FREE:
        return v->object || (v->flags & VMA_SHARED) ? -EINVAL : forget_pages(v, at, end);
    case MADV_MERGEABLE:
    case MADV_UNMERGEABLE:
        return -EINVAL; /* as of a kernel without KSM */
    case MADV_DONTFORK:
        vma_set(v, v->prot, v->flags | VMA_DONTFORK);
        return 0;
    case MADV_DOFORK:
        vma_set(v, v->prot, v->flags & ~(uint32_t)VMA_DONTFORK);
        return 0;
    case MADV_WIPEONFORK:
        if (v->file || (v->flags & VMA_SHARED))
            return -EINVAL;
        vma_set(v, v->prot, v->flags | VMA_WIPEONFORK);
        return 0;
    case MADV_KEEPONFORK:
        vma_set(v, v->prot, v->flags & ~(uint32_t)VMA_WIPEONFORK);
        return 0;
    }
    return 0; /* the others are hints */
}

static bool advice_known(int advice)
{
    switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_DONTNEED:
    case MADV_FREE:
    case MADV_DONTFORK:
    case MADV_DOFORK:
    case MADV_MERGEABLE:
    case MADV_UNMERGEABLE:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
    case MADV_WIPEONFORK:
    case MADV_KEEPONFORK:
    case MADV_COLD:
    case MADV_PAGEOUT:
    case MADV_DONTNEED_LOCKED:
        return true;
    }
    return false;
}

static bool advice_splits(int advice)
{
    return advice == MADV_DONTFORK || advice == MADV_DOFORK || advice == MADV_WIPEONFORK || advice == MADV_KEEPONFORK;
}

int64_t sys_madvise(struct task *t, const struct args *a)
{
    struct mm *mm = t->mm;
    uint64_t at = a->v[0], end = at + page_up(a->v[1]);
    int advice = arg_int(a, 2), r = 0;
    if (!advice_known(advice) || !page_aligned(at) || end < at || (a->v[1] && end == at))
        return -EINVAL;
    if (end == at)
        return 0;
    if (mm_sealed_against && mm_sealed_against(mm, at, end - at, advice))
        return -EPERM;
    if (advice_splits(advice) && (r = vma_isolate(mm, at, end)))
        return r;
    bool covered = vma_covered(mm, at, end);
    vma_each(v, mm, at, end)
    {
        if ((r = advise(v, v->start > at ? v->start : at, v->end < end ? v->end : end, advice)))
            return r;
    }
    if (advice_splits(advice))
        vma_join(mm, at, end);
    return covered ? 0 : -ENOMEM;
}
