/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of programs that were started from outside (linux_spawn). */
#ifndef MOAT_LINUX_KFS_STREAMS_H
#define MOAT_LINUX_KFS_STREAMS_H

#include <stdint.h>

/* Descriptors 0, 1 and 2 of the current task are the streams of that set of platform.streams. 0, -errno. Each stream is
 * closed when nobody holds it any more, also where this fails. */
int streams_open(uint32_t set);

#endif
