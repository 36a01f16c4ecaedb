/* SPDX-License-Identifier: Apache-2.0 */
/* moat-bootfile's subcommands: one file each. Each returns an exit status, and has said why on standard error where
 * that is not 0. */
#ifndef MOAT_BOOTFILE_BOOTFILE_H
#define MOAT_BOOTFILE_BOOTFILE_H

#include "base/err.h"

#define BOOTFILE_FAILED 125

/* `vmlinux`: a compressed kernel (bzImage) on standard input becomes the kernel's ELF file on standard output. */
int vmlinux_main(void);
/* `initrd`: the directory that is descriptor 3 becomes an initramfs on standard output, with all that is in it. */
int initrd_main(void);

/* "moat: sentence" on standard error; BOOTFILE_FAILED. */
int bootfile_fail(const struct err *err);

#endif
