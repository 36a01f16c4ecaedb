/* SPDX-License-Identifier: Apache-2.0 */
/* What enter.c must know of zygotes: how they fork, since their filter allows that form of clone(2) alone. */
#ifndef MOAT_LIBMOAT_ZYGOTE_H
#define MOAT_LIBMOAT_ZYGOTE_H

#include "libmoat/wire.h"

#include <sched.h>
#include <signal.h>
#include <stdint.h>

/* Debian 12's <sched.h> has it; older C libraries may not. */
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif

/* A fork has a pid namespace of its own where the zygote may make one: the right to that is lost afterwards, and the
 * filter allows no other form of clone(2), so that a fork cannot fork. */
static inline int zygote_clone_flags(uint32_t wire_flags)
{
    return CLONE_PIDFD | SIGCHLD | (wire_flags & WIRE_NAMESPACES ? CLONE_NEWPID : 0);
}

#endif
