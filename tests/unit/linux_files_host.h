/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of the host for tests of src/linux, behind a gofer in this process. */
#ifndef MOAT_TEST_LINUX_FILES_HOST_H
#define MOAT_TEST_LINUX_FILES_HOST_H

#include "linux/files.h"

const char *host_place(void); /* a new, empty one, of mode 755, in a tmpfs; NULL: the host has none */
void host_place_end(void);    /* it goes */
/* What the kernel asks, with the directory as root 0 (enum files_root_flag); NULL: it cannot be. */
const struct files_ops *host_files(const char *root, uint32_t flags);
/* As another process of the host would: names below the last host_place(). They end the test when they fail. */
void host_put(const char *name, const char *text); /* a new file, or new contents in the same one */
void host_append(const char *name, const char *text);
void host_directory(const char *name);
void host_rename(const char *from, const char *to);
void host_link(const char *from, const char *to);
void host_symlink(const char *text, const char *name);
void host_fifo(const char *name);
void host_remove(const char *name);      /* a file or an empty directory */
const char *host_text(const char *name); /* what is in it; NULL: it is not there. Until the next call */
uint32_t host_mode(const char *name);    /* 0: it is not there */
const struct files_ops *host_few(const char *root, uint32_t flags, uint32_t handles); /* a gofer with a small table */
uint32_t host_requests(void); /* of the gofer in this process, since it began */

/* The same by libexec/moat-gofer, over a socket. */
const struct files_ops *host_files_process(const char *root, uint32_t flags);
int host_files_process_end(void); /* its wait status */
void host_files_process_kill(void);
bool host_files_process_apart(void); /* it is in a session of its own */

#endif
