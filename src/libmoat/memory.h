/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed shared memory: a memfd whose size can never change again, so that no peer can make our mapping fault. Life:
 * memory_create() -> the descriptor goes to the other side, which calls memory_map() -> memory_unmap().
 */
#ifndef MOAT_LIBMOAT_MEMORY_H
#define MOAT_LIBMOAT_MEMORY_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Makes, seals and maps `size` bytes of zeros; *fd is the caller's. read_only: later mappings cannot write. */
int memory_create(const char *name, size_t size, bool read_only, int *fd, void **map, struct err *err);
/* Maps what somebody else made: -EPROTO unless it is sealed and has this size. */
int memory_map(int fd, size_t size, bool writable, void **map, struct err *err);
void memory_unmap(void *map, size_t size);

#endif
