/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mseal(2): mappings that stay as they are until the program ends. Asked by the calls that would change them; what the
 * kernel does itself (execve, the end of a program) is not held up.
 */
#include "linux/core/call.h"
#include "linux/mm/area.h"
#include "linux/task/task.h"

#include <linux/mman.h>

bool mm_sealed(struct mm *mm, uint64_t at, uint64_t n)
{
    uint64_t end = at + page_up(n);
    if (!mm->seals || end < at)
        return false;
    vma_each(v, mm, at, end)
    {
        if (v->flags & VMA_SEALED)
            return true;
    }
    return false;
}

/* Advices after which the contents are gone: not where the program could not have written them itself. */
bool mm_sealed_against(struct mm *mm, uint64_t at, uint64_t n, int advice)
{
    switch (advice) {
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE:
    case MADV_REMOVE:
    case MADV_DONTFORK:
    case MADV_WIPEONFORK:
        break;
    default:
        return false;
    }
    uint64_t end = at + page_up(n);
    if (!mm->seals || end < at)
        return false;
    vma_each(v, mm, at, end)
    {
        if (v->flags & VMA_SEALED && !v->file && !(v->flags & VMA_SHARED) && !(v->prot & PROT_WRITE))
            return true;
    }
    return false;
}

int64_t sys_mseal(struct task *t, const struct args *a)
{
    struct mm *mm = t->mm;
    uint64_t at = a->v[0], end = at + page_up(a->v[1]);
    if (a->v[2] || !page_aligned(at) || end < at || (a->v[1] && end == at))
        return -EINVAL;
    if (end == at)
        return 0;
    if (!vma_covered(mm, at, end))
        return -ENOMEM;
    int r = vma_isolate(mm, at, end);
    if (r)
        return r;
    vma_each(v, mm, at, end)
    {
        vma_set(v, v->prot, v->flags | VMA_SEALED);
    }
    mm->seals = true;
    vma_join(mm, at, end);
    return 0;
}
