/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A platform for tests of linux/mm that is an array with one cell a page, with a task and a file. It fails the test on
 * what the seam forbids: mappings outside the ranges, writable and executable ones, anonymous memory over other
 * memory, pages behind the file's end.
 */
#ifndef MOAT_TEST_LINUX_MM_CELLS_H
#define MOAT_TEST_LINUX_MM_CELLS_H

#include "linux/core/call.h"
#include "linux/fs/vfs.h"
#include "linux/mm/area.h"
#include "linux/task/task.h"

#define TEXT_LOW   0x400000ull
#define TEXT_PAGES 96u
#define DATA_LOW   0x10000000ull
#define DATA_PAGES 400u
#define PAGES      (TEXT_PAGES + DATA_PAGES)
#define FILE_PAGES 20u /* of the file, which ends in the middle of its last page */

struct cell {
    uint8_t mapped, prot, owner;
    uint32_t holds; /* 0: zeroes; FROM_FILE | page: the file's; else what the test wrote */
    uint32_t fresh; /* what it holds when it is forgotten; only in `should` */
};
#define FROM_FILE 0x80000000u
/* Where the platform has the pages of an object that is shared, for good, in one space for all. */
#define LENT 0x500000000ull

extern struct cell is[PAGES];     /* what is mapped */
extern struct cell forked[PAGES]; /* in the space that fork made */
extern bool makes_code;           /* aspace_range.jit of the next begin */
extern int objects;               /* made and not destroyed */
extern struct inode inode;
extern struct file file;
extern struct process process;
extern struct task task;

uint64_t address(uint32_t page);
uint32_t page_of(uint64_t at);
/* A new kernel with one task that has an empty mm. memory_limit 0: none. */
void begin(bool one_space, uint64_t memory_limit);
/* Takes it down; nothing may be left. */
void end(void);
int64_t call(call_handler *, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e);

#endif
