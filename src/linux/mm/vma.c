/* SPDX-License-Identifier: Apache-2.0 */
/* Single mappings: made, split, joined, found. Touches the tree and the accounts, never the platform's pages. */
#include "linux/fs/vfs.h"
#include "linux/mm/area.h"

#include <asm/errno.h>
#include <asm/mman.h>

HEAP_TYPE(shared_memory, FIELD(shared_memory, refs, FIELD_PLAIN), FIELD(shared_memory, object, FIELD_HANDLE));
HEAP_TYPE(vma, FIELD(vma, start, FIELD_PLAIN), FIELD(vma, end, FIELD_PLAIN), FIELD(vma, prot, FIELD_PLAIN),
          FIELD(vma, flags, FIELD_PLAIN), FIELD(vma, mm, FIELD_REF), FIELD(vma, file, FIELD_REF),
          FIELD(vma, object, FIELD_HANDLE), FIELD(vma, shared, FIELD_REF), FIELD(vma, offset, FIELD_PLAIN),
          FIELD(vma, left, FIELD_REF), FIELD(vma, right, FIELD_REF), FIELD(vma, up, FIELD_REF),
          FIELD(vma, low, FIELD_PLAIN), FIELD(vma, high, FIELD_PLAIN), FIELD(vma, gap, FIELD_PLAIN),
          FIELD(vma, height, FIELD_PLAIN), FIELD(vma, lent, FIELD_PLAIN), FIELD(vma, label, FIELD_OPS));

struct shared_memory *shared_memory_new(void)
{
    struct shared_memory *s = heap_new(&shared_memory_type);
    if (!s)
        return NULL;
    s->refs = 1;
    if ((s->object = platform.memobj.create()))
        return s;
    heap_free(&shared_memory_type, s);
    return NULL;
}

static void shared_memory_put(struct shared_memory *s)
{
    if (--s->refs)
        return;
    platform.memobj.destroy(s->object);
    heap_free(&shared_memory_type, s);
}

struct vma *vma_new(struct mm *mm)
{
    struct vma *v = heap_new(&vma_type);
    if (v)
        v->mm = mm;
    return v;
}

void vma_free(struct vma *v)
{
    if (!v)
        return;
    struct file *file = v->file;
    struct shared_memory *shared = v->shared;
    heap_free(&vma_type, v);
    if (shared)
        shared_memory_put(shared);
    if (file)
        file_put(file);
}

struct vma *vma_copy(const struct vma *from, struct mm *mm)
{
    struct vma *v = vma_new(mm);
    if (!v)
        return NULL;
    v->start = from->start, v->end = from->end, v->prot = from->prot, v->flags = from->flags;
    v->object = from->object, v->offset = from->offset, v->label = from->label, v->lent = from->lent;
    if ((v->file = from->file))
        file_get(v->file);
    if ((v->shared = from->shared))
        v->shared->refs++;
    return v;
}

bool vma_counts(const struct vma *v, int prot)
{
    if (v->flags & (VMA_NORESERVE | VMA_STACK))
        return false;
    return v->shared || ((prot & PROT_WRITE) && !(v->flags & VMA_SHARED));
}

bool vma_is_alias(const struct vma *v)
{
    bool constant = v->file && v->file->inode->bytes && v->object == v->file->inode->object;
    return v->object && (v->flags & VMA_SHARED) && !constant;
}

void vma_enter(struct vma *v)
{
    tree_insert(v->flags & VMA_LENT ? v->mm->lent : v->mm->map, v);
    mm_account(v->mm, v, 1);
}

void vma_leave(struct vma *v)
{
    mm_account(v->mm, v, -1);
    tree_remove(v->flags & VMA_LENT ? v->mm->lent : v->mm->map, v);
}

void vma_set(struct vma *v, int prot, uint32_t flags)
{
    mm_account(v->mm, v, -1);
    v->prot = prot, v->flags = flags;
    mm_account(v->mm, v, 1);
}

struct vma *vma_split(struct vma *v, uint64_t at)
{
    if (v->mm->n_vmas >= MAPPINGS_MAX)
        return NULL;
    struct vma *upper = vma_copy(v, v->mm);
    if (!upper)
        return NULL;
    upper->start = at;
    if (v->object)
        upper->offset += at - v->start;
    mm_account(v->mm, v, -1);
    v->end = at;
    tree_changed(v);
    mm_account(v->mm, v, 1);
    vma_enter(upper);
    return upper;
}

static bool can_join(const struct vma *a, const struct vma *b)
{
    return a->end == b->start && a->mm == b->mm && a->prot == b->prot && a->flags == b->flags && a->file == b->file &&
           a->object == b->object && a->shared == b->shared && a->label == b->label && a->lent == b->lent &&
           !(a->flags & VMA_CALLS) && (!a->object || a->offset + vma_size(a) == b->offset);
}

void vma_join(struct mm *mm, uint64_t at, uint64_t end)
{
    struct vma *v = vma_from(mm, at ? at - 1 : 0);
    while (v && v->start <= end) {
        struct vma *next = tree_next(v);
        if (!next || !can_join(v, next)) {
            v = vma_next(v);
            continue;
        }
        uint64_t to = next->end;
        vma_leave(next);
        vma_free(next);
        mm_account(mm, v, -1);
        v->end = to;
        tree_changed(v);
        mm_account(mm, v, 1);
    }
}

struct vma *vma_from(struct mm *mm, uint64_t at)
{
    struct vma *v = tree_from(mm->map, at);
    while (v && v->mm != mm)
        v = tree_next(v);
    struct vma *lent = mm->lent ? tree_from(mm->lent, at) : NULL;
    return lent && (!v || lent->start < v->start) ? lent : v;
}

struct vma *vma_find(struct mm *mm, uint64_t at)
{
    struct vma *v = tree_from(mm->map, at);
    if (v && v->mm == mm && v->start <= at)
        return v;
    v = mm->lent ? tree_from(mm->lent, at) : NULL;
    return v && v->start <= at ? v : NULL;
}

struct vma *vma_first(struct mm *mm)
{
    return vma_from(mm, 0);
}

struct vma *vma_next(struct vma *v)
{
    return vma_from(v->mm, v->end);
}

uint64_t vma_file_offset(const struct vma *v)
{
    if (!v->file || !v->object || (v->flags & VMA_CALLS))
        return 0;
    const struct inode *inode = v->file->inode;
    return v->object == inode->object ? v->offset - inode->object_offset : v->offset;
}

static int split_at(struct mm *mm, uint64_t at)
{
    struct vma *v = vma_find(mm, at);
    return !v || v->start == at || vma_split(v, at) ? 0 : -ENOMEM;
}

int vma_isolate(struct mm *mm, uint64_t at, uint64_t end)
{
    int r = split_at(mm, at);
    return r ? r : split_at(mm, end);
}

bool vma_covered(struct mm *mm, uint64_t at, uint64_t end)
{
    for (struct vma *v = vma_from(mm, at); v && v->start <= at; v = vma_next(v)) {
        at = v->end;
        if (at >= end)
            return true;
    }
    return at >= end;
}

bool map_taken(const struct va_map *map, uint64_t at, uint64_t end)
{
    const struct vma *v = tree_from(map, at);
    return v && v->start < end;
}

bool map_foreign(struct mm *mm, uint64_t at, uint64_t end)
{
    if (!mm->range.shared)
        return false;
    for (const struct vma *v = tree_from(mm->map, at); v && v->start < end; v = tree_next(v))
        if (v->mm != mm)
            return true;
    return false;
}

void vma_take_back(struct mm *mm, uint64_t at, uint64_t end)
{
    for (struct vma *v = tree_from(mm->lent, at), *next; v && v->start < end; v = next) {
        next = tree_next(v);
        if (--v->lent)
            continue;
        platform.aspace.unmap(mm->aspace, v->start, vma_size(v));
        vma_leave(v);
        vma_free(v);
    }
}

int vma_lend(struct vma *pattern, uint64_t at, uint64_t end)
{
    struct mm *mm = pattern->mm;
    if (!mm->lent && !(mm->lent = heap_new(&va_map_type)))
        return -ENOMEM;
    uint64_t start = at;
    int r = vma_isolate(mm, at, end);
    for (uint64_t next; !r && at < end; at = next) {
        struct vma *v = tree_from(mm->lent, at);
        if (v && v->start == at) {
            v->lent++, next = v->end;
            vma_set(v, v->prot | pattern->prot, v->flags & (pattern->flags | ~(uint32_t)VMA_MAYWRITE_NOT));
            continue;
        }
        next = v && v->start < end ? v->start : end;
        struct vma *piece = vma_copy(pattern, mm);
        if (!piece) {
            vma_take_back(mm, start, at);
            return -ENOMEM;
        }
        piece->start = at, piece->end = next, piece->offset += at - pattern->start, piece->lent = 1;
        vma_enter(piece);
    }
    return r;
}

void vma_forget(struct mm *mm, uint64_t at, uint64_t end)
{
    vma_each(v, mm, at, end)
    {
        vma_leave(v);
        vma_free(v);
    }
}

void mm_clear(struct mm *mm)
{
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
}
