/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a compressed kernel the kernel lies (Linux, Documentation/x86/boot.rst). The file is hostile. Pure. */
#ifndef MOAT_BOOTFILE_BZIMAGE_H
#define MOAT_BOOTFILE_BZIMAGE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define BZIMAGE_KERNEL_MOST ((size_t)1 << 30)

struct bzimage {
    const uint8_t *payload; /* in the file: one compressed stream, and behind it four bytes that say `unpacked` */
    size_t length;          /* with the four */
    size_t unpacked;        /* bytes of the kernel: 64 to BZIMAGE_KERNEL_MOST */
};

/* -ENOEXEC and a sentence. *out is whole on success only. */
int bzimage_read(struct bzimage *out, const uint8_t *file, size_t n, struct err *err);

#endif
