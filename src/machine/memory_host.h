/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory on a host: one memfd, mapped shared. Host-facing; the machine itself only sees struct gmem.
 */
#ifndef MOAT_MACHINE_MEMORY_HOST_H
#define MOAT_MACHINE_MEMORY_HOST_H

#include "base/err.h"
#include "machine/gmem.h"

#include <stddef.h>

/* Fills m with `bytes` of RAM (rounded up to pages). *memfd is the caller's, sealed against changes of its size. */
int memory_host_create(struct gmem *m, uint64_t bytes, int *memfd, struct err *err);
/* The same regions of a memfd that is there: mapped MAP_SHARED, or MAP_PRIVATE (a snapshot's). */
int memory_host_map(struct gmem *m, uint64_t bytes, int memfd, int flags, struct err *err);
void memory_host_unmap(struct gmem *m);

/* Zeroed pages of our own. NULL: no memory. */
void *memory_host_pages(size_t bytes);
void memory_host_free(void *pages, size_t bytes);

#endif
