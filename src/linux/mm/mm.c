/* SPDX-License-Identifier: Apache-2.0 */
/* Address spaces as a whole: made, shared, copied, taken down; what they may hold. */
#include "linux/core/sched.h"
#include "linux/core/uaccess.h"
#include "linux/fs/vfs.h"
#include "linux/mm/area.h"
#include "linux/mm/load.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <linux/mman.h>
#include <linux/resource.h>

HEAP_TYPE(va_map, FIELD(va_map, refs, FIELD_PLAIN), FIELD(va_map, root, FIELD_REF));
HEAP_TYPE(mm, FIELD(mm, refs, FIELD_PLAIN), FIELD(mm, aspace, FIELD_HANDLE), FIELD(mm, range, FIELD_PLAIN),
          FIELD(mm, map, FIELD_REF), FIELD(mm, lent, FIELD_REF), FIELD(mm, brk_start, FIELD_PLAIN),
          FIELD(mm, brk, FIELD_PLAIN), FIELD(mm, stack_top, FIELD_PLAIN), FIELD(mm, stack_bottom, FIELD_PLAIN),
          FIELD(mm, code_start, FIELD_PLAIN), FIELD(mm, code_end, FIELD_PLAIN), FIELD(mm, data_start, FIELD_PLAIN),
          FIELD(mm, data_end, FIELD_PLAIN), FIELD(mm, args_start, FIELD_PLAIN), FIELD(mm, args_end, FIELD_PLAIN),
          FIELD(mm, env_start, FIELD_PLAIN), FIELD(mm, env_end, FIELD_PLAIN), FIELD(mm, entry, FIELD_PLAIN),
          FIELD(mm, auxv, FIELD_PLAIN), FIELD(mm, n_auxv, FIELD_PLAIN), FIELD(mm, n_vmas, FIELD_PLAIN),
          FIELD(mm, pages_mapped, FIELD_PLAIN), FIELD(mm, pages_data, FIELD_PLAIN),
          FIELD(mm, pages_locked, FIELD_PLAIN), FIELD(mm, pages_peak, FIELD_PLAIN), FIELD(mm, plain_low, FIELD_PLAIN),
          FIELD(mm, lock_future, FIELD_PLAIN), FIELD(mm, barriers, FIELD_PLAIN), FIELD(mm, seals, FIELD_PLAIN),
          FIELD(mm, written_page, FIELD_PLAIN), FIELD(mm, written_by, FIELD_PLAIN), FIELD(mm, exe, FIELD_REF));

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

struct va_map *map_for(bool shared)
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

void map_put(struct va_map *map)
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

/* Absent, as the tree is, in a kernel for a program that maps nothing. */
extern __typeof__(mm_clear) mm_clear __attribute__((weak));

void mm_put(struct mm *mm)
{
    if (!mm || --mm->refs)
        return;
    if (aio_mm_gone)
        aio_mm_gone(mm);
    /* An address space of its own goes before the pages that others may be given next. */
    if (!mm->range.shared)
        platform.aspace.destroy(mm->aspace);
    if (mm_clear)
        mm_clear(mm);
    if (mm->range.shared)
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

struct mm *mm_leaving(const struct mm *mm)
{
    struct mm *old = current ? current->mm : NULL;
    return old && old != mm && old->refs == 1 && old->map == mm->map ? old : NULL;
}

int no_room(const struct mm *mm)
{
    struct mm *old = mm_leaving(mm);
    return old && old->n_vmas ? -EADDRINUSE : -ENOMEM;
}

/* Absent where the address space is one for all, and nothing asks for mappings. */
extern __typeof__(vma_find) vma_find __attribute__((weak));

int mm_futex_key(struct mm *mm, struct uptr at, bool private, uint64_t key[2])
{
    key[0] = (uint64_t)(mm->range.shared ? (void *)mm->map : (void *)mm), key[1] = at.v;
    if (private || mm->range.shared)
        return 0; /* one address space: an address is one page, whoever asks */
    const struct vma *v = vma_find(mm, at.v);
    if (!v || !v->prot)
        return -EFAULT;
    const struct inode *i = v->file && v->object ? v->file->inode : NULL;
    if (i && S_ISREG(i->mode) && vma_file_offset(v) + (page_down(at.v) - v->start) >= i->size)
        return -EFAULT; /* behind the end of the file */
    if (v->object && (v->flags & VMA_SHARED))
        key[0] = (uint64_t)v->object, key[1] = v->offset + (at.v - v->start);
    return 0;
}
