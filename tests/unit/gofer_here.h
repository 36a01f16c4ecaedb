/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gofer in this very process, for platforms of tests: what the kernel asks goes through the records of linux/files.h
 * and the gofer's own code, but over no socket.
 */
#ifndef MOAT_TEST_GOFER_HERE_H
#define MOAT_TEST_GOFER_HERE_H

#include "linux/files.h"

#include <stdint.h>

/* Without roots; what was there before goes. -errno. */
int gofer_here_begin(void);
/* The next root, by its path: its number, -errno. */
int gofer_here_root(const char *path, uint32_t flags);
void gofer_here_most(uint32_t handles); /* of its table, from now on */
extern uint32_t gofer_here_requests;    /* since gofer_here_begin */
/* Without `object`, which is the platform's. */
extern const struct files_ops gofer_here;

#endif
