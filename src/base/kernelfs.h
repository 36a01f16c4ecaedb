/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems in which no file is anybody's: each name is a way to ask the kernel for something. In procfs lies the
 * memory of every process, that of the one who looks included (mem of proc(5)), which is written to past all
 * protection.
 */
#ifndef MOAT_BASE_KERNELFS_H
#define MOAT_BASE_KERNELFS_H

/* The name of the file system on which an open file lies (O_PATH will do), by mount(8), when it is one of these; NULL:
 * another. *error: 0, or what fstatfs(2) gave, a negative errno: then NULL. */
const char *kernelfs_of(int fd, int *error);

#endif
