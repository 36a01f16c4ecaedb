/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to mm/: single mappings (vma.c), and how a range of them is made (map.c) and changed (change.c).
 *
 * Invariants. 1: a vma in a tree has its pages in the platform's address space with just its protection (but pages
 * past the end of a constant file, which have none). 2: the accounts of an mm are the sums over its vmas. 3: a range
 * operation first splits at its two ends, which changes nothing that can be seen, and then works on whole vmas; so it
 * runs out of memory only before it has done anything.
 */
#ifndef MOAT_LINUX_MM_AREA_H
#define MOAT_LINUX_MM_AREA_H

#include "linux/core/call.h"
#include "linux/mm/mm.h"
#include "linux/mm/tree.h"

#define ADDRESS_END     0x7ffffffff000ull /* no guest address lies above: TASK_SIZE of x86-64 */
#define ADDRESS_LOWEST  0x10000ull        /* vm.mmap_min_addr */
#define MAPPINGS_MAX    65530u            /* vm.max_map_count */
#define PROT_ALL        7                 /* PROT_READ | PROT_WRITE | PROT_EXEC */
#define UNLIMITED_PAGES (UINT64_MAX >> PAGE_SHIFT)

static inline uint64_t page_down(uint64_t v)
{
    return v & ~(PAGE_SIZE - 1);
}
/* Wraps to 0 at the end of the numbers. */
static inline uint64_t page_up(uint64_t v)
{
    return (v + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}
static inline bool page_aligned(uint64_t v)
{
    return !(v & (PAGE_SIZE - 1));
}
static inline uint64_t vma_size(const struct vma *v)
{
    return v->end - v->start;
}
static inline bool within(uint64_t low, uint64_t high, uint64_t at, uint64_t n)
{
    return at >= low && at <= high && n <= high - at;
}
static inline bool in_data(const struct mm *mm, uint64_t at, uint64_t n)
{
    return within(mm->range.low, mm->range.high, at, n);
}
static inline bool in_text(const struct mm *mm, uint64_t at, uint64_t n)
{
    return within(mm->range.text_low, mm->range.text_high, at, n);
}

/* Pages of anonymous memory that several address spaces may share. */
struct shared_memory {
    uint32_t refs;
    struct memobj *object;
};
extern struct heap_type shared_memory_type;
struct shared_memory *shared_memory_new(void); /* NULL */

/* ---- one mapping ---- */

struct vma *vma_new(struct mm *); /* in no tree; NULL */
void vma_free(struct vma *);      /* the same; NULL is nothing */
struct vma *vma_copy(const struct vma *, struct mm *);
void vma_enter(struct vma *); /* into its mm's tree and accounts */
void vma_leave(struct vma *);
/* What RLIMIT_DATA is about. */
static inline bool vma_is_data(const struct vma *v)
{
    return (v->prot & 2) && !(v->flags & (VMA_SHARED | VMA_STACK)); /* PROT_WRITE */
}
/* Whether it is to be counted against the memory limit when it has this protection. */
bool vma_counts(const struct vma *, int prot);
/* Cuts at `at`, where it lies strictly inside: the upper part, NULL: -ENOMEM. */
struct vma *vma_split(struct vma *, uint64_t at);
/* Makes one of neighbours in [at, end] that differ in nothing. */
void vma_join(struct mm *, uint64_t at, uint64_t end);
/* New flags or protection, with the accounts. */
void vma_set(struct vma *, int prot, uint32_t flags);

/* The first of this mm that ends behind `at`. */
struct vma *vma_from(struct mm *, uint64_t at);
#define vma_each(v, mm, at, to)                                                                                        \
    for (struct vma *v = vma_from(mm, at), *v##_next; v && v->start < (to) && ((v##_next = vma_next(v)), true);        \
         v = v##_next)
/* Splits this mm's mappings at both ends of [at, end): 0, -ENOMEM. */
int vma_isolate(struct mm *, uint64_t at, uint64_t end);
/* Whether this mm's mappings cover the whole of it. */
bool vma_covered(struct mm *, uint64_t at, uint64_t end);
/* Whether anyone's mapping touches it. */
bool map_taken(const struct va_map *, uint64_t at, uint64_t end);
/* Whether another mm's does. */
bool map_foreign(struct mm *, uint64_t at, uint64_t end);
/* An object's pages that the platform has at [at, end), for a mapping that is like the pattern: each of them is lent
 * once more. Several programs, and several mappings of one, may have the same. 0, -ENOMEM. */
int vma_lend(struct vma *pattern, uint64_t at, uint64_t end);
/* Each is lent once less; those that are lent no more go. After vma_isolate. */
void vma_take_back(struct mm *, uint64_t at, uint64_t end);
/* Whether what is written there is seen by others, so that it has to be the object's own pages. What is constant can as
 * well be copied. */
bool vma_is_alias(const struct vma *);
/* All of them go, with their pages. */
void mm_clear(struct mm *);
/* Out of tree and accounts, pages left as they are: the caller replaces or gives them back. After vma_isolate. */
void vma_forget(struct mm *, uint64_t at, uint64_t end);

/* ---- whole address spaces (mm.c) ---- */

/* The tree of a new mm, held: the common one, or a new one; NULL. */
struct va_map *map_for(bool shared);
void map_put(struct va_map *);

/* Whether it may have this many more pages: RLIMIT_AS, RLIMIT_DATA, the memory limit. 0, -ENOMEM. */
int mm_may_grow(const struct mm *, uint64_t pages, uint64_t data, uint64_t counted);
void mm_account(struct mm *, const struct vma *, int sign);
uint64_t mm_limit(unsigned which); /* RLIMIT_* of the current process; RLIM_INFINITY before there is one */

/* ---- ranges ---- */

#define PROT_TURNS 6 /* PROT_WRITE | PROT_EXEC */
/* Whether pages with this protection are writable and executable by turns. */
static inline bool takes_turns(const struct mm *mm, int prot)
{
    return (prot & PROT_TURNS) == PROT_TURNS && !mm->range.wx;
}
/* What the platform is told of a mapping with this protection: pages that take turns begin as writable ones. */
static inline int prot_begin(const struct mm *mm, int prot)
{
    return takes_turns(mm, prot) ? prot & ~4 : prot;
}
/* Whether pages with the protection `old` are in a state that is good for `prot` as well. */
static inline bool prot_fits(const struct mm *mm, int old, int prot)
{
    return old == prot || (takes_turns(mm, prot) && (old & PROT_TURNS) && (old & 1));
}

struct map_request {
    uint64_t at;    /* `fixed`: where; else a wish, 0: none */
    uint64_t n;     /* whole pages */
    int prot;       /* PROT_READ | PROT_WRITE | PROT_EXEC */
    uint32_t flags; /* VMA_* */
    struct file *file;
    uint64_t offset; /* in it */
    const char *label;
    bool fixed, replace;   /* replace: this mm's own mappings there go */
    uint64_t ceiling;      /* it ends at or below it; 0: anywhere */
    uint64_t behind;       /* bytes that are to be free above it */
    uint64_t align;        /* 0: a page */
    enum tree_end end;     /* from which end of the range a place is looked for */
    struct memobj *object; /* pages of this object, whatever the file's own map says; NULL: asked of the file */
    uint64_t object_offset;
    struct shared_memory *shared; /* whose object that is */
};
/* The address, or -errno; changes nothing on failure but what `replace` has replaced. */
int64_t map_request(struct mm *, const struct map_request *);
/* What a file gives for a mapping: its object and the place in it. */
int map_object(struct file *, uint64_t offset, uint64_t n, int prot, uint32_t flags, struct memobj **, uint64_t *at);
/* A free place for it, as map_request would choose: 0: none. */
uint64_t map_place(struct mm *, const struct map_request *, struct memobj *, uint64_t object_offset, bool alias);
/* The pages of a vma, anew: 0, -errno. */
int map_pages(const struct vma *, uint64_t at, uint64_t n);
/* Bytes from v->start that exist in its file: all, unless the file is constant and ends before. */
uint64_t map_inside(const struct vma *);
/* -EACCES for what may never be: executable outside the text range, or writable and executable at once. To programs
 * that make code (range.jit) both are granted; there such pages are the one and the other by turns
 * (mm_fault), but where range.wx is. */
int map_may_be(const struct mm *, uint64_t at, uint64_t n, int prot);

/* ---- without a tree (plain.c) ---- */

/* Zeroed pages that are never unmapped, for a kernel whose program calls nothing but mmap(2), and without files: the
 * address, -ENOMEM. n: whole pages. */
int64_t plain_map(struct mm *, uint64_t n, int prot);
/* Takes the place of sys_mmap there. */
int64_t sys_mmap_plain(struct task *, const struct args *);

/* ---- trampolines of rewritten files (trampolines.c) ---- */

/* Bytes that a mapping of `file` from `offset` on needs free behind its n for the file's trampolines; 0: none. */
uint64_t trampolines_room(struct file *, uint64_t offset, int prot, uint64_t n);
/* The mapping of `file` from `offset` on is at `at`: so its trampolines have to be at their place. 0, -errno. */
int trampolines_follow(struct mm *, struct file *, uint64_t offset, int prot, uint64_t at);
int trampolines_map(struct mm *, struct file *, uint64_t bias);
/* Whether the file of such a mapping is still there, right below it. */
bool trampolines_wanted(const struct vma *);
/* What lies below `end` has been unmapped: the trampolines that belonged to it go too. */
void trampolines_release(struct mm *, uint64_t end);

#endif
