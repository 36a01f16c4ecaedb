/* SPDX-License-Identifier: Apache-2.0 */
/* Address spaces as a whole: made, shared, copied, taken down; what they may hold. */
#include "linux/core/sched.h"
#include "linux/core/uaccess.h"
#include "linux/fs/vfs.h"
#include "linux/mm/area.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <linux/mman.h>
#include <linux/resource.h>

HEAP_TYPE(mm, FIELD(mm, refs, FIELD_PLAIN), FIELD(mm, aspace, FIELD_HANDLE), FIELD(mm, range, FIELD_PLAIN),
          FIELD(mm, map, FIELD_REF), FIELD(mm, lent, FIELD_REF), FIELD(mm, brk_start, FIELD_PLAIN),
          FIELD(mm, brk, FIELD_PLAIN), FIELD(mm, stack_top, FIELD_PLAIN), FIELD(mm, stack_bottom, FIELD_PLAIN),
          FIELD(mm, code_start, FIELD_PLAIN), FIELD(mm, code_end, FIELD_PLAIN), FIELD(mm, data_start, FIELD_PLAIN),
          FIELD(mm, data_end, FIELD_PLAIN), FIELD(mm, args_start, FIELD_PLAIN), FIELD(mm, args_end, FIELD_PLAIN),
          FIELD(mm, env_start, FIELD_PLAIN), FIELD(mm, env_end, FIELD_PLAIN), FIELD(mm, entry, FIELD_PLAIN),
          FIELD(mm, auxv, FIELD_PLAIN), FIELD(mm, n_auxv, FIELD_PLAIN), FIELD(mm, n_vmas, FIELD_PLAIN),
          FIELD(mm, pages_mapped, FIELD_PLAIN), FIELD(mm, pages_data, FIELD_PLAIN),
          FIELD(mm, pages_locked, FIELD_PLAIN), FIELD(mm, pages_peak, FIELD_PLAIN), FIELD(mm, lock_future, FIELD_PLAIN),
          FIELD(mm, exe, FIELD_REF));

KERNEL_STATE static struct {
    struct va_map *map;   /* where the address space is one for all: its tree */
    uint64_t limit, used; /* pages that may be, and are, counted (VMA_COUNTED) */
} memory;

void mm_init(uint64_t memory_limit)
{
    memory.map = NULL, memory.used = 0;
    memory.limit = memory_limit ? memory_limit >> PAGE_SHIFT : UNLIMITED_PAGES;
}

void mm_totals(uint64_t *limit, uint64_t *used)
{
    *limit = memory.limit == UNLIMITED_PAGES ? 0 : memory.limit << PAGE_SHIFT;
    *used = memory.used << PAGE_SHIFT;
}

uint64_t mm_limit(unsigned which)
{
    return current && current->process ? task_limit(current, which) : (uint64_t)RLIM_INFINITY;
}

int mm_may_grow(const struct mm *mm, uint64_t pages, uint64_t data, uint64_t counted)
{
    if (pages > UNLIMITED_PAGES - mm->pages_mapped)
        return -ENOMEM;
    if (pages && mm->pages_mapped + pages > mm_limit(RLIMIT_AS) >> PAGE_SHIFT)
        return -ENOMEM;
    if (data && mm->pages_data + data > mm_limit(RLIMIT_DATA) >> PAGE_SHIFT)
        return -ENOMEM;
    return counted && counted > memory.limit - memory.used ? -ENOMEM : 0;
}

void mm_account(struct mm *mm, const struct vma *v, int sign)
{
    uint64_t n = vma_size(v) >> PAGE_SHIFT;
    if (sign < 0)
        n = -n;
    mm->n_vmas += (uint32_t)sign;
    mm->pages_mapped += n;
    mm->pages_data += vma_is_data(v) ? n : 0;
    mm->pages_locked += v->flags & VMA_LOCKED ? n : 0;
    memory.used += v->flags & VMA_COUNTED ? n : 0;
    if (mm->pages_mapped > mm->pages_peak)
        mm->pages_peak = mm->pages_mapped;
}

/* The tree of a new mm, held. */
static struct va_map *map_for(bool shared)
{
    if (shared && memory.map) {
        memory.map->refs++;
        return memory.map;
    }
    struct va_map *map = heap_new(&va_map_type);
    if (!map)
        return NULL;
    map->refs = 1;
    if (shared)
        memory.map = map;
    return map;
}

static void map_put(struct va_map *map)
{
    if (--map->refs)
        return;
    if (memory.map == map)
        memory.map = NULL;
    heap_free(&va_map_type, map);
}

struct mm *mm_create(void)
{
    struct mm *mm = heap_new(&mm_type);
    if (!mm)
        return NULL;
    mm->refs = 1;
    if (!(mm->aspace = platform.aspace.create(&mm->range))) {
        heap_free(&mm_type, mm);
        return NULL;
    }
    if (!(mm->map = map_for(mm->range.shared))) {
        platform.aspace.destroy(mm->aspace);
        heap_free(&mm_type, mm);
        return NULL;
    }
    return mm;
}

struct mm *mm_get(struct mm *mm)
{
    mm->refs++;
    return mm;
}

void mm_put(struct mm *mm)
{
    if (!mm || --mm->refs)
        return;
    for (struct vma *v; (v = vma_first(mm));) {
        uint64_t end = v->end;
        if (v->flags & VMA_LENT) {
            v->lent = 1;
            vma_take_back(mm, v->start, end);
            continue;
        }
        for (struct vma *next = vma_next(v); next && next->start == end && !(next->flags & VMA_LENT);
             next = vma_next(next))
            end = next->end;
        if (mm->range.shared)
            platform.aspace.unmap(mm->aspace, v->start, end - v->start);
        vma_forget(mm, v->start, end);
    }
    platform.aspace.destroy(mm->aspace);
    map_put(mm->map);
    if (mm->lent)
        heap_free(&va_map_type, mm->lent);
    if (mm->exe) {
        mm->exe->inode->text--;
        file_put(mm->exe);
    }
    heap_free(&mm_type, mm);
}

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
        int r = map_pages(v, v->start, vma_size(v));
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

int mm_futex_key(struct mm *mm, struct uptr at, bool private, uint64_t key[2])
{
    key[0] = (uint64_t)(mm->range.shared ? (void *)mm->map : (void *)mm), key[1] = at.v;
    if (private || mm->range.shared)
        return 0; /* one address space: an address is one page, whoever asks */
    const struct vma *v = vma_find(mm, at.v);
    if (!v)
        return -EFAULT;
    if (v->object && (v->flags & VMA_SHARED))
        key[0] = (uint64_t)v->object, key[1] = v->offset + (at.v - v->start);
    return 0;
}
