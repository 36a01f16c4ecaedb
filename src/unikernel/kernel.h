/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel of an image: an ELF file at fixed addresses, of which the segments are kept. */
#ifndef MOAT_UNIKERNEL_KERNEL_H
#define MOAT_UNIKERNEL_KERNEL_H

#include "base/mem.h"
#include "linux/fs/imgfs_format.h"
#include "unikernel/elf_facts.h"

struct kernel {
    const uint8_t *bytes; /* what its segments are pages of; their offsets count from here */
    uint64_t size, entry;
    struct image_segment segments[ELF_LOADS_MOST];
    unsigned n;
    const char *calls; /* which calls it has: "all", or their names with spaces between */
};

/* Reads one. -ENOEXEC: it is none, with the reason. */
int kernel_read(struct kernel *k, struct arena *a, const char *path, struct err *err);

#endif
