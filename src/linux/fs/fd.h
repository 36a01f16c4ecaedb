/* SPDX-License-Identifier: Apache-2.0 */
/* The table of descriptors of a process (shared by CLONE_FILES). */
#ifndef MOAT_LINUX_FS_FD_H
#define MOAT_LINUX_FS_FD_H

#include "linux/fs/vfs.h"

struct files;
extern struct heap_type files_type;

struct files *files_new(void); /* empty; NULL */
struct files *files_get(struct files *);
struct files *files_copy(struct files *); /* fork: the same open files */
void files_put(struct files *);
void files_close_on_exec(struct files *);

/* The open file of a descriptor of the current task, held (file_put); NULL: -EBADF. fd_get refuses O_PATH files. */
struct file *fd_get(int fd);
struct file *fd_get_path(int fd); /* O_PATH ones too */
/* The lowest free descriptor from `from` on; takes the holder of `file` on success. -EMFILE. */
int fd_install(struct file *, bool cloexec, int from);
/* Whether there is one to be had, for calls that must change nothing when there is not: 0, -EMFILE. */
int fd_room(void);
int fd_install_pair(struct file *[2], bool cloexec, int out[2]);
int fd_close(int fd);
/* For /proc/PID/fd: the next used one from `fd` on, or -1. */
int files_next(struct files *, int fd);
struct file *files_file(struct files *, int fd); /* held; NULL */
bool files_cloexec(struct files *, int fd);

#endif
