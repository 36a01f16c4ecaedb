/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address space as Linux knows it: mappings in order, over the platform's aspace. Where the platform has one address
 * space for all (aspace_range.shared), the mm's of several programs share one map of what is taken.
 */
#ifndef MOAT_LINUX_MM_MM_H
#define MOAT_LINUX_MM_MM_H

#include "linux/core/heap.h"
#include "linux/core/list.h"
#include "linux/platform.h"

struct file;
struct task;
struct shared_memory; /* mm/area.h: pages of shared anonymous memory */

struct vma {
    uint64_t start, end;
    int32_t prot;   /* PROT_* */
    uint32_t flags; /* VMA_* */
    struct mm *mm;
    struct file *file;             /* held; NULL: anonymous */
    struct memobj *object;         /* of the file, or of shared anonymous memory; NULL: zeroed pages of its own */
    struct shared_memory *shared;  /* held; whose object that is */
    uint64_t offset;               /* of `start` in the object */
    struct vma *left, *right, *up; /* mm/tree.c */
    uint64_t low, high, gap;       /* of its subtree: first start, last end, widest hole between two neighbours */
    int32_t height;
    uint32_t lent;     /* VMA_LENT: how many mappings of this mm there are of these pages */
    const char *label; /* "[heap]", "[stack]": in /proc/PID/maps */
};
extern struct heap_type vma_type;

enum vma_flag {
    VMA_SHARED = 1,
    VMA_GROWSDOWN = 2,
    VMA_STACK = 4,
    VMA_HEAP = 8,
    VMA_CALLS = 16, /* trampolines of a file's rewritten system calls; goes when the file's mappings go */
    VMA_LOCKED = 32,
    VMA_DONTFORK = 64,
    VMA_WIPEONFORK = 128,
    VMA_MAYWRITE_NOT = 256, /* of a file that is not open for writing: shared and never writable */
    VMA_NORESERVE = 512,    /* not counted against the memory limit */
    VMA_PAST_END = 1024,    /* pages behind the end of a constant file: touching them is SIGBUS */
    VMA_MAYEXEC_NOT = 2048, /* of a mount with noexec */
    VMA_LENT = 8192,        /* shared pages of an object, where the platform has them: in mm->lent, not in mm->map */
    VMA_SEALED = 16384,     /* mseal(2) */
    VMA_COUNTED = 4096,     /* against the memory limit: it is, or was, writable memory of its own */
};

struct mm {
    uint32_t refs;
    struct aspace *aspace;
    struct aspace_range range;
    struct va_map *map;  /* the tree; shared where the address space is */
    struct va_map *lent; /* what lies outside the range, at the platform's choice; NULL: nothing yet */
    uint64_t brk_start, brk;
    uint64_t stack_top, stack_bottom;
    uint64_t code_start, code_end, data_start, data_end, args_start, args_end, env_start, env_end;
    uint64_t entry;    /* where the program begins: the interpreter's entry, if there is one */
    uint64_t auxv[48]; /* of /proc/PID/auxv */
    uint32_t n_auxv;   /* words */
    uint32_t n_vmas;
    uint64_t pages_mapped, pages_data, pages_locked, pages_peak; /* all; private and writable; mlock; most ever */
    uint64_t plain_low;                                          /* of plain_map(): what it has not yet given; 0: all */
    bool lock_future;                                            /* mlockall(MCL_FUTURE) */
    bool barriers;                                               /* membarrier(2): it is registered for private ones */
    bool seals;                                                  /* some mapping is sealed */
    uint64_t written_page,
        written_by;   /* where programs make code: the page that was last made writable, and for whom */
    struct file *exe; /* held */
};
extern struct heap_type mm_type;

/* Once, before the first mm. memory_limit: bytes that may be writable at once in all programs, 0: no limit. */
void mm_init(uint64_t memory_limit);
struct mm *mm_create(void); /* NULL */
struct mm *mm_get(struct mm *);
void mm_put(struct mm *);
int mm_fork(struct mm *, struct mm **); /* -ENOSYS where the platform has one address space */

/* mmap(2), without a descriptor: the address or -errno. */
int64_t mm_map(struct mm *, uint64_t hint, uint64_t n, int prot, int flags, struct file *, uint64_t offset);
int mm_unmap(struct mm *, uint64_t at, uint64_t n);
int mm_protect(struct mm *, uint64_t at, uint64_t n, int prot);
/* Whether a part of it is sealed: -EPERM for calls that would change it; against this madvise(2). Weak. */
bool mm_sealed(struct mm *, uint64_t at, uint64_t n) __attribute__((weak));
bool mm_sealed_against(struct mm *, uint64_t at, uint64_t n, int advice) __attribute__((weak));
struct vma *vma_find(struct mm *, uint64_t at); /* the one that holds `at`, or NULL */
struct vma *vma_first(struct mm *);             /* in order of address, of this mm only */
struct vma *vma_next(struct vma *);
/* Bytes from its file's beginning to `start`, as /proc/PID/maps shows them. */
uint64_t vma_file_offset(const struct vma *);

/* A page fault of the guest. `error` is the x86 error code. 0: it may go on (a stack has grown); else the signal, with
 * its si_code in *code. */
int mm_fault(struct mm *, uint64_t address, uint64_t error, int *code);

/* Loads an ELF program (and its interpreter) into an empty mm: mm->entry and mm->auxv are set. `why` names what is
 * wrong with the file. -ENOEXEC: no program, or a damaged one; -ELIBBAD: its interpreter; -EACCES: a segment both
 * writable and executable; -ENOMEM: does not fit, or stands where another program stands; -EADDRINUSE: it would fit
 * if the program of the current task, which nobody shares, were not there; what reading the files
 * gives. */
int elf_load(struct mm *, struct file *, char *why, size_t why_size);
/* Makes the stack and writes argv, envp, auxv on it: the stack pointer, or -E2BIG, -ENOMEM,
 * -EADDRINUSE (as above). Strings are one block of
 * NUL-ended ones, argc first. */
int64_t elf_stack(struct mm *, const char *strings, size_t n, uint32_t argc, uint32_t envc, const char *exec_path);

/* A futex word's name: equal for two addresses that are the same memory. 0; -EFAULT (not mapped). */
int mm_futex_key(struct mm *, struct uptr, bool private, uint64_t key[2]);

/* For /proc/meminfo and sysinfo: bytes; limit 0: none. */
void mm_totals(uint64_t *limit, uint64_t *used);

#endif
