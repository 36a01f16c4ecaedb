/* SPDX-License-Identifier: Apache-2.0 */
/* Job control as terminals see it: who is in the background. */
#ifndef MOAT_LINUX_TASK_JOB_H
#define MOAT_LINUX_TASK_JOB_H

#include <stdbool.h>
#include <stdint.h>

/* The current process uses its terminal, whose foreground group is this, in a way that a background group may not.
 * 0: it is the foreground, or it ignores or blocks SIGTTOU; -EIO: nobody could bring it there; -ERESTARTSYS: its group
 * has got the signal. */
int job_background(int32_t foreground, int signo);
bool job_group_exists(int32_t group, int32_t session); /* session 0: of any */

#endif
