/* SPDX-License-Identifier: Apache-2.0 */
/* Time limits as the calls that wait for files take them: a pointer to a struct timespec, or NULL for no limit. */
#ifndef MOAT_LINUX_IPC_WHEN_H
#define MOAT_LINUX_IPC_WHEN_H

#include "linux/core/uaccess.h"

/* The deadline of a relative limit: NEVER for NULL, 0 for an expired one (do not wait). -EINVAL, -EFAULT. */
int when_relative(struct uptr timespec, uint64_t *deadline);
int when_relative_micro(struct uptr timeval, uint64_t *deadline); /* select(2)'s struct timeval */
/* Writes back what is left, as Linux's pselect6 and ppoll do; a page that cannot be written is left alone. */
void when_left(struct uptr timespec, uint64_t deadline);
void when_left_micro(struct uptr timeval, uint64_t deadline);

#endif
