/* SPDX-License-Identifier: Apache-2.0 */
/* Changing what is mapped: munmap(2), mprotect(2), and the growth of stacks at a fault. */
#include "linux/core/sched.h"
#include "linux/fs/vfs.h"
#include "linux/mm/area.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/mman.h>
#include <linux/resource.h>

int mm_unmap(struct mm *mm, uint64_t at, uint64_t n)
{
    if (!page_aligned(at) || !n || n > ADDRESS_END || at > ADDRESS_END - page_up(n))
        return -EINVAL;
    uint64_t end = at + page_up(n);
    int r = vma_isolate(mm, at, end);
    if (r)
        return r;
    for (struct vma *v = vma_from(mm, at); v && v->start < end; v = vma_from(mm, at)) {
        uint64_t from = v->start, to = v->end;
        if (v->flags & VMA_LENT) {
            vma_take_back(mm, from, to);
            at = to;
            continue;
        }
        if ((v->flags & VMA_CALLS) && trampolines_wanted(v)) { /* the program does not know of them */
            at = to;
            continue;
        }
        for (struct vma *next = vma_next(v);
             next && next->start == to && next->end <= end && !(next->flags & (VMA_LENT | VMA_CALLS));
             next = vma_next(next))
            to = next->end;
        if ((r = platform.aspace.unmap(mm->aspace, from, to - from)))
            return r;
        vma_forget(mm, from, to);
        at = to;
    }
    trampolines_release(mm, end);
    return 0;
}

/* Whether the mappings in [at, end), which has no holes, may have this protection. */
static int may_protect(struct mm *mm, uint64_t at, uint64_t end, int prot)
{
    uint64_t data = 0, counted = 0;
    vma_each(v, mm, at, end)
    {
        uint64_t from = v->start > at ? v->start : at, to = v->end < end ? v->end : end;
        if ((prot & PROT_WRITE) && (v->flags & VMA_MAYWRITE_NOT))
            return -EACCES;
        if ((prot & PROT_EXEC) && (v->flags & VMA_MAYEXEC_NOT))
            return -EACCES;
        /* Lent by the platform, with the object's own pages: they are for reading. */
        if ((prot & PROT_WRITE) && !(v->flags & VMA_SHARED) && !in_data(mm, from, to - from) &&
            !in_text(mm, from, to - from))
            return -EACCES;
        if (!(v->flags & VMA_COUNTED) && vma_counts(v, prot))
            counted += (to - from) >> PAGE_SHIFT;
        if ((prot & PROT_WRITE) && !(v->flags & (VMA_SHARED | VMA_STACK)) && !vma_is_data(v))
            data += (to - from) >> PAGE_SHIFT;
    }
    return data || counted ? mm_may_grow(mm, 0, data, counted) : 0;
}

int mm_protect(struct mm *mm, uint64_t at, uint64_t n, int prot)
{
    if (!page_aligned(at))
        return -EINVAL;
    uint64_t end = at + page_up(n);
    if (!n)
        return 0;
    if (n > ADDRESS_END || end < at || !vma_covered(mm, at, end))
        return -ENOMEM;
    int r = map_may_be(mm, at, end - at, prot);
    if (!r)
        r = may_protect(mm, at, end, prot);
    if (!r)
        r = vma_isolate(mm, at, end);
    if (r)
        return r;
    vma_each(v, mm, at, end)
    {
        if (v->prot == prot)
            continue;
        if (!(v->flags & VMA_PAST_END) && !prot_fits(mm, v->prot, prot) &&
            (r = platform.aspace.protect(mm->aspace, v->start, vma_size(v), prot_begin(mm, prot))))
            break;
        vma_set(v, prot, v->flags | (vma_counts(v, prot) ? VMA_COUNTED : 0));
    }
    vma_join(mm, at, end);
    return r;
}

#define GROW_GAP (1ull << 20) /* stays free above what a program could run into: Linux's stack_guard_gap */

/* Grows the mapping above `address` down to it, if that one may and there is room. */
static bool grow_down(struct mm *mm, uint64_t address)
{
    uint64_t at = page_down(address);
    struct vma *above = tree_from(mm->map, address);
    if (!above || above->mm != mm || !(above->flags & VMA_GROWSDOWN) || at < ADDRESS_LOWEST)
        return false;
    const struct vma *below = tree_before(above);
    uint64_t n = above->start - at, gap = below && below->prot ? GROW_GAP : 0;
    if (n > mm_limit(RLIMIT_STACK) || (below && (below->end > at || at - below->end < gap)))
        return false;
    struct map_request q = {.at = at,
                            .n = n,
                            .prot = above->prot,
                            .flags = above->flags & ~(uint32_t)VMA_COUNTED,
                            .label = above->label,
                            .fixed = true};
    return map_request(mm, &q) >= 0;
}

#define FAULT_WRITE 2u /* x86 error code */
#define FAULT_FETCH 16u

/*
 * A page of a mapping that is both writable and executable is one of them at a time: it changes when it is used as the
 * other. An instruction that writes to the page in which it stands would do that for ever: false.
 */
static bool take_turn(struct mm *mm, const struct vma *v, uint64_t address, uint64_t error)
{
    uint64_t page = page_down(address), rip = current->regs.rip;
    bool fetch = error & FAULT_FETCH;
    if (!takes_turns(mm, v->prot) || !(error & (FAULT_FETCH | FAULT_WRITE)))
        return false;
    if (fetch && mm->written_page == page && mm->written_by == rip)
        return false;
    mm->written_page = fetch ? 0 : page, mm->written_by = fetch ? 0 : rip;
    int prot = (v->prot & PROT_READ) | (fetch ? PROT_EXEC : PROT_WRITE);
    return !platform.aspace.protect(mm->aspace, page, PAGE_SIZE, prot);
}

int mm_fault(struct mm *mm, uint64_t address, uint64_t error, int *code)
{
    const struct vma *v = vma_find(mm, address);
    if (!v) {
        *code = SEGV_MAPERR;
        return address < ADDRESS_END && grow_down(mm, address) ? 0 : SIGSEGV;
    }
    if (take_turn(mm, v, address, error))
        return 0;
    int want = error & FAULT_WRITE ? PROT_WRITE : error & FAULT_FETCH ? PROT_EXEC : PROT_READ | PROT_WRITE | PROT_EXEC;
    *code = SEGV_ACCERR;
    if (!(v->prot & want) || !v->object)
        return SIGSEGV;
    *code = BUS_ADRERR; /* allowed, and yet not there: behind the end of the file */
    return SIGBUS;
}
