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
/* Where the heap (brk) begins. 0, -ENOMEM. */
int heap_place(struct mm *, uint64_t program_end);
/* -ENOMEM, or -EADDRINUSE when the current task's program takes room that would be free if it went. */
int no_room(const struct mm *);
/* End of a rewritten file's trampolines, in the file's own addresses; 0: it has none. */
uint64_t trampolines_end(struct file *);

#endif
