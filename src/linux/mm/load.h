/* SPDX-License-Identifier: Apache-2.0 */
/* Private to mm/: between the loader, the stack and the heap of a new program. */
#ifndef MOAT_LINUX_MM_LOAD_H
#define MOAT_LINUX_MM_LOAD_H

#include "linux/mm/mm.h"

struct loaded {
    uint64_t headers, n_headers; /* AT_PHDR, AT_PHNUM */
    uint64_t entry, base;        /* AT_ENTRY; AT_BASE: the interpreter's load bias, 0: none */
    uint64_t end;                /* of the program's last segment, a page */
};

/* The auxiliary vector but for what lies on the stack. */
void auxv_make(struct mm *, const struct loaded *);
/* Bytes of a first stack, by RLIMIT_STACK. */
uint64_t stack_size(const struct mm *);
/* Maps it, with nothing below it for a while: mm->stack_top. 0, -ENOMEM, -EADDRINUSE. */
int stack_map(struct mm *);
/* Where the heap (brk) begins. 0, -ENOMEM. */
int heap_place(struct mm *, uint64_t program_end);
/* The current task's program, when it is in the same space and goes with this task; NULL. */
struct mm *mm_leaving(const struct mm *);
/* -ENOMEM, or -EADDRINUSE when the current task's program takes room that would be free if it went. */
int no_room(const struct mm *);
/* End of a rewritten file's trampolines, in the file's own addresses; 0: it has none. */
uint64_t trampolines_end(struct file *);

#endif
