/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for several open files: what poll, ppoll, select and pselect6 have in common. */
#ifndef MOAT_LINUX_IPC_WAIT_FILES_H
#define MOAT_LINUX_IPC_WAIT_FILES_H

#include "linux/fs/vfs.h"

struct wait_file {
    struct file *file; /* held; NULL: the entry is skipped */
    uint32_t events;   /* EPOLL*: asked for */
    uint32_t ready;    /* out: of those, and EPOLLERR, EPOLLHUP */
    bool linked;
    struct wait_link link;
};

/* What is ready of a file. */
uint32_t file_ready(struct file *);
/* Waits until something is ready or the deadline is over. The number of entries with `ready`; -ERESTARTNOHAND. */
int64_t wait_files(struct wait_file *, uint32_t n, uint64_t deadline);
void wait_files_put(struct wait_file *, uint32_t n); /* drops the holders */

#endif
