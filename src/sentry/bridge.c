/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's headers and the C library's cannot be had in one file, so what the platform needs of a task is asked of
 * this one. */
#include "linux/mm/mm.h"
#include "linux/task/task.h"

/* As in apart.h. */
struct regs *bridge_regs(struct task *);
void **bridge_slot(struct task *);
struct aspace *bridge_aspace(struct task *);
bool bridge_killed(const struct task *);

struct regs *bridge_regs(struct task *t)
{
    return &t->regs;
}

void **bridge_slot(struct task *t)
{
    return &t->platform;
}

struct aspace *bridge_aspace(struct task *t)
{
    return t->mm ? t->mm->aspace : NULL;
}

bool bridge_killed(const struct task *t)
{
    return t->killed;
}
