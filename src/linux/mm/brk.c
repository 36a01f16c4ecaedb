/* SPDX-License-Identifier: Apache-2.0 */
/* The heap of a program: where it begins, and brk(2). */
#include "linux/core/call.h"
#include "linux/mm/area.h"
#include "linux/mm/load.h"
#include "linux/task/task.h"

#include <linux/mman.h>
#include <linux/resource.h>

/* Above the program, where data may be there; else at the beginning of the data range, or, when other programs are
 * there, in the middle of the widest hole, so that both have room. A page without access keeps the place. */
int heap_place(struct mm *mm, uint64_t program_end)
{
    if (in_data(mm, program_end, PAGE_SIZE)) {
        mm->brk_start = mm->brk = program_end;
        return 0;
    }
    uint64_t at, end;
    if (!tree_widest(mm->map, mm->range.low, mm->range.high, &at, &end))
        return -ENOMEM;
    if (at != mm->range.low)
        at = page_down(at + (end - at) / 2);
    struct map_request q = {.at = at, .n = PAGE_SIZE, .fixed = true};
    int64_t r = map_request(mm, &q);
    mm->brk_start = mm->brk = at + PAGE_SIZE;
    return r < 0 ? (int)r : 0;
}

static bool brk_grow(struct mm *mm, uint64_t from, uint64_t to)
{
    struct map_request q = {.at = from,
                            .n = to - from,
                            .prot = PROT_READ | PROT_WRITE,
                            .flags = VMA_HEAP | (mm->lock_future ? VMA_LOCKED : 0),
                            .label = "[heap]",
                            .fixed = true};
    return map_request(mm, &q) >= 0;
}

/* The new end, or the old one when there is no room. */
int64_t sys_brk(struct task *t, const struct args *a)
{
    struct mm *mm = t->mm;
    uint64_t to = a->v[0], old_end = page_up(mm->brk), new_end = page_up(to);
    if (to < mm->brk_start || to > ADDRESS_END)
        return (int64_t)mm->brk;
    uint64_t limit = mm_limit(RLIMIT_DATA);
    if (to - mm->brk_start > limit)
        return (int64_t)mm->brk;
    if (new_end > old_end && !brk_grow(mm, old_end, new_end))
        return (int64_t)mm->brk;
    if (new_end < old_end && mm_sealed && mm_sealed(mm, new_end, old_end - new_end))
        return (int64_t)mm->brk;
    if (new_end < old_end && mm_unmap(mm, new_end, old_end - new_end))
        return (int64_t)mm->brk;
    mm->brk = to;
    return (int64_t)to;
}
