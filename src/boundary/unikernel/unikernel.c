/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unikernel boundary: the broker's walls around one process, the tender libexec/moat-spt (src/spt), which maps an
 * image with a program and a Linux of our own and shuts itself in before the first instruction of either. Tender and
 * image are opened here by their names on the host, and executed and handed over by descriptor: inside neither has a
 * name.
 */
#include "boundary/broker/adaptor.h"
#include "boundary/container/container.h"
#include "boundary/engine.h"
#include "boundary/unikernel/lower.h"
#include "boundary/unikernel/words.h"
#include "host/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static int unikernel_offer(struct arena *a, struct offer *out)
{
    int r = engine_offer_fsgsbase(a, out);

    out->strength = "kernel shared by ten calls of one process, each from its one place; container walls around it; "
                    "system calls are answered by a Linux of our own inside";
    out->speed = "native speed, system calls faster than native; a start takes milliseconds, most of them the kernel's";
    return r;
}

/* Neither is close-on-exec: moat-enter closes them for all but the workload itself, and the tender by executing it. */
static int open_both(struct instance *inst, const char *image, struct err *err)
{
    const char *tender;
    struct stat st;
    int r = libexec_find(inst->arena, SPT_PROGRAM, &tender, err);

    if (r < 0)
        return r;
    inst->program_fd = open(tender, O_PATH);
    if (inst->program_fd < 0)
        return err_sys(err, -errno, "%s", tender);
    inst->handed_fd = open(image, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (inst->handed_fd < 0 || fstat(inst->handed_fd, &st) < 0)
        return err_sys(err, -errno, "exec: \"%s\"", image);
    return S_ISREG(st.st_mode) ? 0 : err_set(err, -EACCES, "exec: \"%s\": it is no file", image);
}

static int unikernel_create(struct instance *inst, struct err *err)
{
    const char *image = unikernel_word_value(&inst->policy->process.argv, "--image");

    if (!image)
        return err_set(err, -EINVAL, "nothing to run: the policy names no image");
    return engine_create(inst, image, open_both, err);
}

static int unikernel_exec(struct instance *inst, const struct process *pr, struct err *err)
{
    (void)pr;
    return err_set(err, -ENOTSUP,
                   "sandbox %s: the processes of a unikernel are its own kernel's, and nothing is started in it from "
                   "outside: -b container does that",
                   inst->id);
}

const struct boundary boundary_unikernel = {
    .name = "unikernel",
    .offer = unikernel_offer,
    .lower = unikernel_lower,
    .create = unikernel_create,
    .settle = container_settle,
    .start = container_start,
    .recover = container_recover,
    .exec = unikernel_exec,
    .signal = container_signal,
    .pause = container_pause,
    .is_paused = container_is_paused,
    .update = container_update,
    .stats = container_stats,
    .destroy = broker_destroy,
    .hold = container_hold,
};
