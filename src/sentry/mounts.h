/* SPDX-License-Identifier: Apache-2.0 */
/* What the sentry's words say of mounts: moat writes them (src/boundary/sentry), the sentry reads them. Pure. */
#ifndef MOAT_SENTRY_MOUNTS_H
#define MOAT_SENTRY_MOUNTS_H

#include "linux/linux.h"

/* --volume ROOT:FLAGS:PLACE: a root of the gofer, by its number. FLAGS: none or several of
 *   r  nothing is written     s  no set-id bits     x  nothing is executed     c  nobody else changes it (cached)
 * PLACE is absolute; "/" is the root below the overlay, instead of an image. 0; -EINVAL. Strings are borrowed. */
int mounts_volume(const char *text, struct linux_mount *out);

/* --tmpfs FLAGS:OPTIONS:PLACE: FLAGS as above and d (no devices); OPTIONS as of mount(8), "size=64m,mode=1777", or
 * none, which is copied. -ENOMEM. */
int mounts_tmpfs(const char *text, struct linux_mount *out);

#endif
