/* SPDX-License-Identifier: Apache-2.0 */
#include "boundary/engine.h"

#include "base/mem.h"
#include "boundary/broker/adaptor.h"

sigset_t engine_hold_back(const sigset_t *before)
{
    static const int asking[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    sigset_t mask;

    sigprocmask(SIG_SETMASK, NULL, &mask);
    if (before)
        mask = *before;
    for (size_t i = 0; i < ARRAY_LEN(asking); i++)
        sigaddset(&mask, asking[i]);
    return mask;
}

int engine_create(struct instance *inst, const char *file,
                  int (*open_both)(struct instance *inst, const char *file, struct err *err), struct err *err)
{
    const sigset_t *before = inst->child_mask;
    sigset_t mask = engine_hold_back(before);
    int r = open_both(inst, file, err);

    inst->child_mask = &mask;
    if (r == 0)
        r = broker_create(inst, err);
    inst->child_mask = before;
    cleanup_fd(&inst->handed_fd);
    cleanup_fd(&inst->program_fd);
    inst->handed_fd = inst->program_fd = -1;
    return r;
}
