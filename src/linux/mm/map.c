/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a mapping: what the file gives, whether there may be so much, where it goes, the platform's pages, the entry
 * in the tree. mmap(2). No mapping is ever writable and executable at once, and none is executable outside the text
 * range.
 */
#include "linux/core/strace.h"
#include "linux/fs/vfs.h"
#include "linux/mm/area.h"
#include "linux/mm/load.h"

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/mount.h>

#define NEVER_BOTH "memory is never writable and executable at once, but for programs packed with --jit"

/* Programs do not expect it: so the trace says why. */
static int deny(const char *why)
{
    if (trace_note)
        trace_note(why);
    return -EACCES;
}

int map_may_be(const struct mm *mm, uint64_t at, uint64_t n, int prot)
{
    if (!(prot & PROT_EXEC))
        return 0;
    if ((prot & PROT_WRITE) && !mm->range.jit)
        return deny(NEVER_BOTH);
    if (in_text(mm, at, n) || (mm->range.jit && in_data(mm, at, n)))
        return 0;
    return deny("only memory of the text range becomes executable");
}

int map_object(struct file *file, uint64_t offset, uint64_t n, int prot, uint32_t flags, struct memobj **object,
               uint64_t *at)
{
    struct vma v = {.end = n, .prot = prot, .flags = flags, .file = file, .offset = offset};
    if (!file->ops->map)
        return -ENODEV;
    int r = file->ops->map(file, &v);
    if (r)
        return r;
    *object = v.object, *at = v.offset;
    return 0;
}

uint64_t map_inside(const struct vma *v)
{
    const struct inode *inode = v->file ? v->file->inode : NULL;
    if (!inode || !v->object || !inode->bytes || (v->flags & VMA_CALLS))
        return vma_size(v);
    uint64_t from = vma_file_offset(v), to = page_up(inode->size);
    uint64_t n = to > from ? to - from : 0;
    return n < vma_size(v) ? n : vma_size(v);
}

int map_pages(const struct vma *v, uint64_t at, uint64_t n)
{
    if (v->flags & VMA_PAST_END)
        return platform.aspace.map(v->mm->aspace, at, n, PROT_NONE, false, NULL, 0);
    uint64_t offset = v->object ? v->offset + (at - v->start) : 0;
    return platform.aspace.map(v->mm->aspace, at, n, prot_begin(v->mm, v->prot), vma_is_alias(v), v->object, offset);
}

/* ---- where ---- */

static bool wish_granted(const struct mm *mm, const struct map_request *q, uint64_t at, bool text)
{
    if (!at || !page_aligned(at) || (q->align && (at & (q->align - 1))) || q->n + q->behind < q->n)
        return false;
    uint64_t n = q->n + q->behind;
    if (q->ceiling && !within(0, q->ceiling, at, n))
        return false;
    if (!in_text(mm, at, n) && (text || !in_data(mm, at, n)))
        return false;
    return !map_taken(mm->map, at, at + n);
}

static uint64_t gap_in(const struct mm *mm, const struct map_request *q, uint64_t low, uint64_t high)
{
    if (q->ceiling && high > q->ceiling)
        high = q->ceiling;
    if (low >= high || q->n + q->behind < q->n)
        return 0;
    return tree_gap(mm->map, low, high, q->n + q->behind, q->align ? q->align : PAGE_SIZE, q->end);
}

#define LIBRARY_ALIGN (2ull << 20) /* of libraries linked for pages of 2 MiB: what it leaves over lies behind them */

#define ROOMY     (256ull << 10)
#define ROOMY_MAX (1ull << 30)

/* Where pages can only be moved by copying them, what is large stands alone, so that mremap(2) can grow it where it is:
 * each power of two begins at a place of its own in the middle half of the range, with three times its size free on
 * both sides. */
static uint64_t gap_with_room(const struct mm *mm, const struct map_request *q)
{
    uint64_t low = mm->range.low, size = mm->range.high - low;
    if (!mm->range.shared || q->n < ROOMY || q->n > ROOMY_MAX || q->n > size / 64 || q->object || q->file ||
        q->ceiling || (q->flags & (VMA_SHARED | VMA_STACK)) || !(q->prot & PROT_WRITE))
        return 0;
    unsigned class = 63u - (unsigned)__builtin_clzll(q->n / ROOMY);
    low = page_down(low + size / 4 + size / 32 * class);
    uint64_t at = tree_gap(mm->map, low, page_down(mm->range.high - size / 4), q->n * 7, PAGE_SIZE, TREE_LOWEST);
    return at ? at + q->n * 3 : 0;
}

/* Where the platform would have this object: shared pages it may have at one address alone, which then lies outside the
 * ranges. 0: anywhere. */
static uint64_t place_by_platform(struct mm *mm, const struct map_request *q, struct memobj *object, uint64_t offset,
                                  bool alias, bool text)
{
    uint64_t at = platform.aspace.where(mm->aspace, object, offset, q->n, alias), n = q->n + q->behind;
    if (!at || !page_aligned(at))
        return 0;
    if (alias && !in_data(mm, at, q->n) && !in_text(mm, at, q->n))
        return at;
    return (!text || in_text(mm, at, n)) && !map_taken(mm->map, at, at + n) ? at : 0;
}

/* The room that glibc's dynamic linker reserves for a library whose segments ask for more alignment than a page. */
static bool for_library(const struct mm *mm, const struct map_request *q)
{
    return !q->prot && !q->file && !q->object && !(q->flags & (VMA_SHARED | VMA_STACK | VMA_NORESERVE)) &&
           q->n >= LIBRARY_ALIGN && q->n <= (mm->range.text_high - mm->range.text_low) / 4;
}

uint64_t map_place(struct mm *mm, const struct map_request *q, struct memobj *object, uint64_t offset, bool alias)
{
    bool made = mm->range.jit && !q->file; /* may hold code wherever it lies */
    bool exec = q->prot & PROT_EXEC, text = (exec && !made) || (q->file && q->file->inode->elf);
    uint64_t at = page_up(q->at);
    bool bound = alias && mm->range.shared; /* it cannot be elsewhere */
    if (!bound && wish_granted(mm, q, at, text))
        return at;
    if (object && (at = place_by_platform(mm, q, object, offset, alias, text)))
        return at;
    if ((text || exec) && (at = gap_in(mm, q, mm->range.text_low, mm->range.text_high)))
        return at;
    struct map_request library = *q;
    library.align = LIBRARY_ALIGN;
    if (for_library(mm, q) && (at = gap_in(mm, &library, mm->range.text_low, mm->range.text_high)))
        return at;
    if (exec && !made)
        return 0;
    at = gap_with_room(mm, q);
    return at ? at : gap_in(mm, q, mm->range.low, mm->range.high);
}

/* A place that was asked for: 0, or why not. */
static int64_t place_fixed(struct mm *mm, const struct map_request *q)
{
    uint64_t at = q->at, end = at + q->n;
    if (!page_aligned(at))
        return -EINVAL;
    if (end < at || end > ADDRESS_END)
        return -ENOMEM;
    if (at < ADDRESS_LOWEST)
        return -EPERM;
    if (!in_data(mm, at, q->n) && !in_text(mm, at, q->n))
        return -ENOMEM;
    int r = map_may_be(mm, at, q->n, q->prot);
    if (r)
        return r;
    if (!q->replace)
        return map_taken(mm->map, at, end) ? -EEXIST : (int64_t)at;
    return map_foreign(mm, at, end) ? -ENOMEM : (int64_t)at;
}

/* ---- the whole ---- */

/* What the mapping is made of. */
static int set_backing(struct vma *v, const struct map_request *q)
{
    v->prot = q->prot, v->flags = q->flags, v->label = q->label;
    if (q->file)
        v->file = file_get(q->file);
    if (q->object) {
        v->object = q->object, v->offset = q->object_offset;
        if ((v->shared = q->shared))
            v->shared->refs++;
        return 0;
    }
    int r = q->file ? map_object(q->file, q->offset, q->n, q->prot, q->flags, &v->object, &v->offset) : 0;
    if (r)
        return r;
    /* With one address space for all, nobody else can have the pages: they need no object. */
    if (!v->object && (q->flags & VMA_SHARED) && !v->mm->range.shared) {
        if (!(v->shared = shared_memory_new()))
            return -ENOMEM;
        v->object = v->shared->object;
    }
    return 0;
}

/* Whether there may be so much, less what it replaces. */
static int room_for(struct mm *mm, const struct map_request *q, const struct vma *v)
{
    uint64_t n = q->n >> PAGE_SHIFT, all = 0, data = 0, counted = 0;
    if (q->fixed && q->replace) {
        vma_each(old, mm, q->at, q->at + q->n)
        {
            uint64_t start = old->start > q->at ? old->start : q->at;
            uint64_t end = old->end < q->at + q->n ? old->end : q->at + q->n, pages = (end - start) >> PAGE_SHIFT;
            all += pages;
            data += vma_is_data(old) ? pages : 0;
            counted += old->flags & VMA_COUNTED ? pages : 0;
        }
    }
    uint64_t want_data = vma_is_data(v) ? n : 0, want = vma_counts(v, v->prot) ? n : 0;
    return mm_may_grow(mm, n > all ? n - all : 0, want_data > data ? want_data - data : 0,
                       want > counted ? want - counted : 0);
}

/* Whether just these pages are there already, untouched: a dynamic linker maps a whole library, and then its segments
 * over that. */
static bool is_there(struct mm *mm, const struct vma *v)
{
    const struct vma *old = vma_find(mm, v->start);
    return old && v->object && !vma_is_alias(v) && v->file && v->file->inode->bytes && old->end >= v->end &&
           old->object == v->object && old->offset + (v->start - old->start) == v->offset &&
           !(old->flags & (VMA_COUNTED | VMA_PAST_END | VMA_CALLS));
}

/* Out of the tree with what stands there. Anonymous memory is always made where nothing is, so that the platform need
 * not look; an object's pages are put over others. */
static int clear_place(struct mm *mm, const struct vma *v, uint64_t end)
{
    int r = vma_isolate(mm, v->start, end);
    vma_each(old, mm, v->start, end)
    {
        if (!r && (!v->object || old->end > v->end))
            r = platform.aspace.unmap(mm->aspace, old->start, vma_size(old));
    }
    if (!r)
        vma_forget(mm, v->start, end);
    return r;
}

static int put_pages(struct mm *mm, const struct map_request *q, const struct vma *v, const struct vma *past)
{
    bool there = q->fixed && q->replace && vma_size(v) && is_there(mm, v);
    int r = q->fixed && q->replace ? clear_place(mm, v, v->start + q->n) : 0;
    if (r)
        return r;
    if (there)
        r = platform.aspace.protect(mm->aspace, v->start, vma_size(v), prot_begin(mm, v->prot));
    else if (vma_size(v))
        r = map_pages(v, v->start, vma_size(v));
    if (!r && past)
        r = map_pages(past, past->start, vma_size(past));
    if (r)
        platform.aspace.unmap(mm->aspace, v->start, q->n);
    return r;
}

/* The part of `v` behind the end of a constant file becomes a mapping of its own. */
static int split_past_end(struct vma *v, struct vma **past)
{
    uint64_t inside = map_inside(v);
    if (inside == vma_size(v))
        return 0;
    if (!(*past = vma_copy(v, v->mm)))
        return -ENOMEM;
    (*past)->start += inside, (*past)->offset += inside, (*past)->flags |= VMA_PAST_END;
    v->end -= vma_size(*past);
    return 0;
}

static int64_t map_with(struct mm *mm, const struct map_request *q, struct vma *v, struct vma **past)
{
    int r = set_backing(v, q);
    if (!r)
        r = room_for(mm, q, v);
    if (r)
        return r;
    if (q->fixed && vma_is_alias(v)) {
        uint64_t bound = platform.aspace.where(mm->aspace, v->object, v->offset, q->n, true);
        if (bound && bound != q->at)
            return -ENODEV;
    }
    int64_t at = q->fixed ? place_fixed(mm, q) : (int64_t)map_place(mm, q, v->object, v->offset, vma_is_alias(v));
    if (at <= 0)
        return at ? at : -ENOMEM;
    v->start = (uint64_t)at, v->end = v->start + q->n;
    v->flags |= vma_counts(v, v->prot) ? VMA_COUNTED : 0;
    r = split_past_end(v, past);
    if (!r)
        r = put_pages(mm, q, v, *past);
    return r ? r : at;
}

/* Takes v into a tree. */
static int keep(struct mm *mm, struct vma *v)
{
    bool lent = vma_is_alias(v) && !in_data(mm, v->start, vma_size(v)) && !in_text(mm, v->start, vma_size(v));
    if (vma_size(v) && !lent) {
        vma_enter(v);
        return 0;
    }
    int r = 0;
    if (lent) {
        v->flags |= VMA_LENT;
        r = vma_lend(v, v->start, v->end);
    }
    vma_free(v);
    return r;
}

int64_t map_request(struct mm *mm, const struct map_request *q)
{
    if ((q->prot & PROT_WRITE) && (q->prot & PROT_EXEC) && !mm->range.jit)
        return deny(NEVER_BOTH);
    if (mm->n_vmas + 1 >= MAPPINGS_MAX)
        return -ENOMEM;
    struct vma *v = vma_new(mm), *past = NULL;
    int64_t at = v ? map_with(mm, q, v, &past) : -ENOMEM;
    if (at < 0) {
        vma_free(past);
        vma_free(v);
        return at;
    }
    int r = keep(mm, v);
    if (r) {
        vma_free(past);
        platform.aspace.unmap(mm->aspace, (uint64_t)at, q->n);
        return r;
    }
    if (past)
        vma_enter(past);
    vma_join(mm, (uint64_t)at, (uint64_t)at + q->n);
    return at;
}

/* ---- mmap(2) ---- */

/* What the way a file was opened, its mount and its seals allow: flags for the mapping, or -errno. */
static int64_t file_allows(const struct file *file, int prot, bool shared)
{
    uint32_t access = file->flags & O_ACCMODE, flags = 0;
    if (access == O_WRONLY)
        return -EACCES;
    if (file->path.mount && (file->path.mount->flags & MS_NOEXEC)) {
        if (prot & PROT_EXEC)
            return -EPERM;
        flags |= VMA_MAYEXEC_NOT;
    }
    if (!shared)
        return flags;
    bool sealed = file->inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
    if (access != O_RDWR || sealed)
        flags |= VMA_MAYWRITE_NOT;
    if ((prot & PROT_WRITE) && (flags & VMA_MAYWRITE_NOT))
        return sealed ? -EPERM : -EACCES;
    return flags;
}

/* What MAP_SHARED_VALIDATE lets pass; MAP_SYNC is not among it, as no file here lies in memory that persists. */
#define MAP_FLAGS_KNOWN                                                                                                \
    (MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED |              \
     MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT | MAP_FIXED_NOREPLACE)

static int64_t flags_of(const struct mm *mm, int flags, int prot, struct file *file)
{
    int type = flags & MAP_TYPE;
    if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)
        return -EINVAL;
    if (type == MAP_SHARED_VALIDATE && file && (flags & ~MAP_FLAGS_KNOWN))
        return -EOPNOTSUPP;
    if (flags & MAP_HUGETLB)
        return -ENOMEM;
    bool shared = type != MAP_PRIVATE;
    if ((flags & MAP_GROWSDOWN) && (shared || file))
        return -EINVAL;
    uint32_t v = shared ? VMA_SHARED : 0;
    v |= flags & MAP_GROWSDOWN ? VMA_GROWSDOWN : 0;
    v |= flags & (MAP_NORESERVE | MAP_STACK) ? VMA_NORESERVE : 0;
    v |= (flags & MAP_LOCKED) || mm->lock_future ? VMA_LOCKED : 0;
    int64_t more = file ? file_allows(file, prot, shared) : 0;
    return more < 0 ? more : (int64_t)(v | (uint32_t)more);
}

int64_t mm_map(struct mm *mm, uint64_t hint, uint64_t n, int prot, int flags, struct file *file, uint64_t offset)
{
    if (!n)
        return -EINVAL;
    if (n > ADDRESS_END)
        return -ENOMEM;
    n = page_up(n), prot &= PROT_ALL;
    if (!page_aligned(offset))
        return -EINVAL;
    if (file && offset + n < offset)
        return -EOVERFLOW;
    int64_t allowed = flags_of(mm, flags, prot, file);
    if (allowed < 0)
        return allowed;
    struct map_request q = {
        .at = hint,
        .n = n,
        .prot = prot,
        .flags = (uint32_t)allowed,
        .file = file,
        .offset = offset,
        .fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE),
        .replace = !(flags & MAP_FIXED_NOREPLACE),
        .ceiling = flags & MAP_32BIT ? 0x80000000 : 0,
        .end = TREE_HIGHEST,
    };
    if (file && !q.fixed)
        q.behind = trampolines_room(file, offset, prot, n);
    int64_t at = map_request(mm, &q);
    if (at < 0 || !file)
        return at;
    if (!q.fixed || (prot & PROT_EXEC)) {
        int r = trampolines_follow(mm, file, offset, prot, (uint64_t)at);
        if (r) {
            mm_unmap(mm, (uint64_t)at, n);
            return r;
        }
    }
    return at;
}

/* ---- the first stack ---- */

#define STACK_GUARD (64ull << 10) /* nothing is mapped below it for so long */

int stack_map(struct mm *mm)
{
    uint64_t n = stack_size(mm);
    struct map_request q = {.n = STACK_GUARD + n, .flags = VMA_STACK | VMA_NORESERVE, .end = TREE_HIGHEST};
    uint64_t at = map_place(mm, &q, NULL, 0, false);
    if (!at)
        return no_room(mm);
    struct map_request guard = {.at = at, .n = STACK_GUARD, .fixed = true};
    struct map_request stack = {.at = at + STACK_GUARD,
                                .n = n,
                                .prot = PROT_READ | PROT_WRITE,
                                .fixed = true,
                                .flags = VMA_STACK | VMA_NORESERVE,
                                .label = "[stack]"};
    int64_t r = map_request(mm, &guard);
    if (r >= 0)
        r = map_request(mm, &stack);
    if (r < 0)
        return r == -ENOMEM ? no_room(mm) : (int)r;
    mm->stack_bottom = at + STACK_GUARD, mm->stack_top = mm->stack_bottom + n;
    return 0;
}
