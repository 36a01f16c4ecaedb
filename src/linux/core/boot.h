/* SPDX-License-Identifier: Apache-2.0 */
/* What linux_boot() calls of the rooms, in this order. A room that is not linked is left out. */
#ifndef MOAT_LINUX_CORE_BOOT_H
#define MOAT_LINUX_CORE_BOOT_H

#include "linux/linux.h"

/* What the kernel was booted with; borrowed from the platform. */
extern const struct linux_config *boot_config;

/* fs/: makes mount_root and the first task's t->fs (cwd from the config) and t->files (empty). -errno and a sentence. */
int fs_boot(const struct linux_config *, char *why, size_t why_size) __attribute__((weak));
/* kfs/console.c: descriptors 0, 1 and 2 of the first task. */
int console_boot(void) __attribute__((weak));

#endif
