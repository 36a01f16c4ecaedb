/* SPDX-License-Identifier: Apache-2.0 */
/* Where guests run on something that can be taken away from outside, the end of one whose platform has lost it. */
#include "linux/linux.h"

#include "linux/task/internal.h"

void linux_task_lost(struct task *t, bool locked)
{
    if (!locked)
        kernel_lock();
    if (t->process)
        process_kill(t->process, SIGKILL);
    /* Gone from its program, so nothing else brings it back; one that is in a call is woken by the signal. */
    if (t->state == TASK_RUNNING && t != current && !t->trapped) {
        t->trap = (struct trap){.kind = TRAP_KICK}, t->trapped = true;
        sched_ready(t);
    }
    if (!locked)
        kernel_unlock();
}
