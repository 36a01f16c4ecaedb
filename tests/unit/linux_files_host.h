/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of the host for tests of src/linux, behind a gofer in this process. */
#ifndef MOAT_TEST_LINUX_FILES_HOST_H
#define MOAT_TEST_LINUX_FILES_HOST_H

#include "linux/files.h"

const char *host_place(void); /* a new, empty one, of mode 755, in a tmpfs; NULL: the host has none */
void host_place_end(void);    /* it goes */
/* What the kernel asks, with the directory as root 0 (enum files_root_flag); NULL: it cannot be. */
const struct files_ops *host_files(const char *root, uint32_t flags);
/* The same by libexec/moat-gofer, over a socket. */
const struct files_ops *host_files_process(const char *root, uint32_t flags);
int host_files_process_end(void); /* its wait status */

#endif
