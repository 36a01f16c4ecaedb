/* SPDX-License-Identifier: Apache-2.0 */
/* epoll(7), as far as others need it. */
#ifndef MOAT_LINUX_IPC_EPOLL_H
#define MOAT_LINUX_IPC_EPOLL_H

#include "linux/fs/vfs.h"

/* The last holder of a file is going: no epoll instance watches it any more. Weak where epoll is not linked: file_put
 * calls it when f->epoll_links is not empty. */
void epoll_file_gone(struct file *) __attribute__((weak));

#endif
