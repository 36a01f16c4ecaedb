/* SPDX-License-Identifier: Apache-2.0 */
/* What linux_boot() calls of the rooms, in this order. A room that is not linked is left out. */
#ifndef MOAT_LINUX_CORE_BOOT_H
#define MOAT_LINUX_CORE_BOOT_H

#include "linux/fs/vfs.h"
#include "linux/linux.h"

/* What the kernel was booted with; borrowed from the platform. */
extern const struct linux_config *boot_config;

/* fs/: the mounts, and the context of the first task. */
int fs_boot(const struct linux_config *, struct fs_context **, char *why, size_t why_size) __attribute__((weak));
/* fs/: the context of a task that is nobody's child. -ENOENT and the like: there is no such working directory. */
int fs_spawn(const char *cwd, struct fs_context **);
/* core/boot_ready.c: what task_exec() is for a program that needs no loading. 0, -errno. */
int boot_ready(const struct linux_config *) __attribute__((weak));
/* kfs/console.c: descriptors 0, 1 and 2 of the first task. */
int console_boot(void) __attribute__((weak));

#endif
