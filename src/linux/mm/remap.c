/* SPDX-License-Identifier: Apache-2.0 */
/* mremap(2): a mapping shrinks, grows where it is, or moves with its pages. */
#include "linux/core/call.h"
#include "linux/mm/area.h"
#include "linux/task/task.h"

#include <linux/mman.h>

struct move {
    uint64_t old, old_n, n; /* whole pages */
    uint64_t to;            /* MREMAP_FIXED */
    uint32_t flags;
};

/* More of the same, from the address `at` on as if it reached so far. */
static struct map_request like(const struct vma *v, uint64_t at, uint64_t n)
{
    return (struct map_request){.at = at,
                                .n = n,
                                .prot = v->prot,
                                .flags = v->flags & ~(uint32_t)VMA_COUNTED,
                                .file = v->file,
                                .offset = vma_file_offset(v) + (at - v->start),
                                .label = v->label,
                                .end = TREE_HIGHEST};
}

/* Joined to what it continues, when the two differ in nothing: so the object has to be the same one. */
static bool grow_in_place(struct mm *mm, struct vma *v, const struct move *m)
{
    uint64_t end = m->old + m->old_n;
    if (v->end != end || v->shared || map_taken(mm->map, end, m->old + m->n))
        return false;
    struct map_request q = like(v, end, m->n - m->old_n);
    q.fixed = true;
    return map_request(mm, &q) >= 0;
}

/* The mapping at its new place in the tree; the pages follow. */
static int64_t move_pages(struct mm *mm, struct vma *v, const struct move *m, uint64_t to)
{
    struct vma *moved = vma_copy(v, mm);
    if (!moved)
        return -ENOMEM;
    moved->start = to, moved->end = to + m->n;
    moved->flags &= m->flags & MREMAP_DONTUNMAP ? ~(uint32_t)VMA_LOCKED : ~0u;
    int r = platform.aspace.move(mm->aspace, m->old, m->old_n, to, m->n, prot_begin(mm, v->prot));
    if (r) {
        vma_free(moved);
        return r;
    }
    if (m->flags & MREMAP_DONTUNMAP)
        r = platform.aspace.map(mm->aspace, m->old, m->old_n, prot_begin(mm, v->prot), false, NULL, 0);
    if (r || !(m->flags & MREMAP_DONTUNMAP))
        vma_forget(mm, m->old, m->old + m->old_n);
    vma_enter(moved);
    vma_join(mm, to, to + m->n);
    return (int64_t)to;
}

/* Shared memory is not moved but mapped again, and the old place goes: that needs no platform that can alias pages at
 * any address. */
static int64_t map_again(struct mm *mm, const struct vma *v, const struct move *m)
{
    struct map_request q = like(v, m->old, m->n);
    q.at = m->to, q.fixed = m->to;
    q.object = v->object, q.shared = v->shared, q.object_offset = v->offset + (m->old - v->start);
    int64_t at = map_request(mm, &q);
    if (at >= 0 && m->old_n)
        mm_unmap(mm, m->old, m->old_n);
    return at;
}

/* What of a file's mapping is behind its old end is mapped first, so that nothing can fail when the pages have moved.
 */
static int64_t move_private(struct mm *mm, const struct move *m)
{
    struct vma *v = vma_find(mm, m->old);
    struct map_request q = like(v, m->old, m->n);
    struct move part = *m;
    q.at = m->to;
    uint64_t to = m->to ? m->to : map_place(mm, &q, NULL, 0, false);
    if (!to)
        return -ENOMEM;
    if (v->object && m->n > m->old_n) {
        struct map_request more = like(v, m->old + m->old_n, m->n - m->old_n);
        more.at = to + m->old_n, more.fixed = true;
        int64_t r = map_request(mm, &more);
        if (r < 0)
            return r;
        part.n = m->old_n;
    }
    int64_t r = vma_isolate(mm, m->old, m->old + m->old_n);
    if (!r)
        r = move_pages(mm, vma_find(mm, m->old), &part, to);
    if (r < 0 && part.n < m->n)
        mm_unmap(mm, to + part.n, m->n - part.n);
    return r;
}

static int64_t move_to(struct mm *mm, const struct move *m)
{
    const struct vma *v = vma_find(mm, m->old);
    uint64_t gone = m->flags & MREMAP_DONTUNMAP ? 0 : m->old_n < m->n ? m->old_n : m->n;
    uint64_t pages = (m->n - gone) >> PAGE_SHIFT;
    int r = mm_may_grow(mm, pages, vma_is_data(v) ? pages : 0, v->flags & VMA_COUNTED ? pages : 0);
    if (!r && m->to && map_foreign(mm, m->to, m->to + m->n))
        r = -ENOMEM;
    if (!r && m->to)
        r = mm_unmap(mm, m->to, m->n);
    if (r)
        return r;
    v = vma_find(mm, m->old);
    return vma_is_alias(v) ? map_again(mm, v, m) : move_private(mm, m);
}

static int64_t check(struct mm *mm, const struct args *a, struct move *m)
{
    m->old = a->v[0], m->old_n = page_up(a->v[1]), m->n = page_up(a->v[2]), m->flags = arg_u32(a, 3), m->to = a->v[4];
    bool fixed = m->flags & MREMAP_FIXED;
    if ((m->flags & ~(uint32_t)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) || !page_aligned(m->old) || !m->n)
        return -EINVAL;
    if ((m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(m->flags & MREMAP_MAYMOVE))
        return -EINVAL;
    if ((m->flags & MREMAP_DONTUNMAP) && m->old_n != m->n)
        return -EINVAL;
    if (m->old_n < a->v[1] || m->n < a->v[2] || m->n > ADDRESS_END)
        return -EINVAL;
    if (!fixed) {
        m->to = 0;
        return 0;
    }
    if (!page_aligned(m->to) || !within(0, ADDRESS_END, m->to, m->n))
        return -EINVAL;
    if (m->to < m->old + m->old_n && m->old < m->to + m->n)
        return -EINVAL;
    return in_data(mm, m->to, m->n) || in_text(mm, m->to, m->n) ? 0 : -ENOMEM;
}

/* Whether this mapping can do what is asked: old size 0 makes a second mapping of the same shared pages. */
static int check_vma(struct mm *mm, const struct vma *v, const struct move *m)
{
    if (!v || m->old_n > v->end - m->old)
        return -EFAULT;
    if (!m->old_n && !vma_is_alias(v))
        return -EINVAL;
    if ((m->flags & MREMAP_DONTUNMAP) && (v->object || (v->flags & VMA_SHARED)))
        return -EINVAL;
    if (v->flags & (VMA_CALLS | VMA_PAST_END))
        return -EINVAL;
    return m->to ? map_may_be(mm, m->to, m->n, v->prot) : 0;
}

int64_t sys_mremap(struct task *t, const struct args *a)
{
    struct mm *mm = t->mm;
    struct move m;
    int64_t r = check(mm, a, &m);
    struct vma *v = vma_find(mm, m.old);
    if (!r && mm_sealed && (mm_sealed(mm, m.old, m.old_n) || (m.to && mm_sealed(mm, m.to, m.n))))
        return -EPERM;
    if (!r)
        r = check_vma(mm, v, &m);
    if (!r && m.n < m.old_n) {
        r = mm_unmap(mm, m.old + m.n, m.old_n - m.n);
        m.old_n = m.n;
    }
    if (r)
        return r;
    if (!(m.flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))) {
        if (m.n == m.old_n || (m.old_n && grow_in_place(mm, v, &m)))
            return (int64_t)m.old;
        if (!(m.flags & MREMAP_MAYMOVE))
            return -ENOMEM;
    }
    return move_to(mm, &m);
}
