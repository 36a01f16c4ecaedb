/* SPDX-License-Identifier: Apache-2.0 */
/* Character devices, by their numbers. */
#ifndef MOAT_LINUX_KFS_DEVICE_H
#define MOAT_LINUX_KFS_DEVICE_H

#include "linux/fs/vfs.h"

#define DEVICE(major, minor) ((uint64_t)(major) << 8 | (minor)) /* as st_rdev shows numbers below 256 */

/* open(2) of a device file in any file system: sets file->ops. -ENXIO: there is no such device. */
int device_open(struct inode *, struct file *) __attribute__((weak));

#endif
