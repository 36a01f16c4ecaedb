/* SPDX-License-Identifier: Apache-2.0 */
/* What this kernel says it is: the release whose system calls and files of /proc it follows. */
#ifndef MOAT_LINUX_CORE_RELEASE_H
#define MOAT_LINUX_CORE_RELEASE_H

#define LINUX_RELEASE "6.1.0-moat"
#define LINUX_VERSION "#1 SMP moat"

const char *hostname_get(void); /* core/misc.c: what sethostname(2) set last */

#endif
