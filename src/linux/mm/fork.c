/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of an address space, for fork(2): the platform's pages become copy on write, the mappings are made anew. */
#include "linux/fs/vfs.h"
#include "linux/mm/area.h"

#include <asm/errno.h>

/* One mapping of the parent in the child, whose pages are already there. */
static int fork_vma(struct mm *child, const struct vma *from)
{
    if (from->flags & VMA_DONTFORK)
        return platform.aspace.unmap(child->aspace, from->start, vma_size(from));
    struct vma *v = vma_copy(from, child);
    if (!v)
        return -ENOMEM;
    v->flags &= ~(uint32_t)VMA_LOCKED;
    if (from->flags & VMA_WIPEONFORK) {
        int r = platform.aspace.unmap(child->aspace, v->start, vma_size(v));
        if (!r)
            r = map_pages(v, v->start, vma_size(v));
        if (r) {
            vma_free(v);
            return r;
        }
    }
    vma_enter(v);
    return 0;
}

int mm_fork(struct mm *mm, struct mm **out)
{
    struct aspace *aspace = NULL;
    if (mm->range.shared)
        return platform.aspace.fork(mm->aspace, &aspace);
    int r = mm_may_grow(mm, 0, 0, mm->pages_data);
    if (!r)
        r = platform.aspace.fork(mm->aspace, &aspace);
    if (r)
        return r;
    struct mm *child = heap_new(&mm_type);
    struct va_map *map = map_for(false);
    if (!child || !map) {
        if (child)
            heap_free(&mm_type, child);
        if (map)
            map_put(map);
        platform.aspace.destroy(aspace);
        return -ENOMEM;
    }
    *child = *mm;
    child->refs = 1, child->aspace = aspace, child->map = map, child->lent = NULL, child->lock_future = false;
    child->n_vmas = 0, child->pages_mapped = child->pages_data = child->pages_locked = child->pages_peak = 0;
    if (child->exe)
        file_get(child->exe), child->exe->inode->text++;
    for (struct vma *v = vma_first(mm); v && !r; v = vma_next(v))
        r = fork_vma(child, v);
    if (r)
        mm_put(child);
    else
        *out = child;
    return r;
}
