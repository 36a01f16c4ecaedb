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

/* No other form passes its filter. A pid namespace for each fork would cost a tenth of a start, and nothing in the
 * filter lets forks reach each other by number. */
#define ZYGOTE_CLONE_FLAGS ((uint64_t)(CLONE_PIDFD | SIGCHLD))

#endif
