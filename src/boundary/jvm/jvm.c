/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JVM boundary: the broker's walls around one process, libexec/moat-jvm (src/jvm), which runs a Java program on a
 * JDK of the host. What it adds is a page that the process and moat share: figures on demand, and why it ended. The
 * program may have taken that process over, so what stands in the page is copied once and shown, never acted on.
 */
#include "boundary/broker/adaptor.h"
#include "boundary/container/container.h"
#include "boundary/jvm/lower.h"
#include "boundary/jvm/page.h"
#include "boundary/jvm/words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int jvm_offer(struct arena *a, struct offer *out)
{
    int r = container_offer(a, out);

    out->strength =
        "kernel shared: container walls, files by path rules, a stricter system-call filter; the process may "
        "run no program; inside, what Java checks";
    out->speed = "HotSpot's own speed; a start takes a JVM's and some milliseconds more";
    return r;
}

static int jvm_create(struct instance *inst, struct err *err)
{
    int r = page_make(inst->state_fd, &inst->handed_fd);

    /* Room behind it for the class list, where one is asked for. */
    if (r == 0 && jvm_has_word(&inst->policy->process.argv, "--list-classes") &&
        ftruncate(inst->handed_fd, JVM_METER_SIZE + JVM_METER_LIST_MAX) < 0)
        r = -errno;
    if (r < 0)
        return err_sys(err, r, "file for the JVM's figures in the state directory");
    r = broker_create(inst, err);
    cleanup_fd(&inst->handed_fd);
    inst->handed_fd = -1;
    return r;
}

static int jvm_exec(struct instance *inst, const struct process *pr, struct err *err)
{
    (void)pr;
    return err_set(err, -ENOTSUP, "sandbox %s: a JVM has no programs to run: -b broker runs them", inst->id);
}

static int jvm_meter(struct instance *inst, struct meter *out, struct err *err)
{
    int r = page_ask(inst->state_fd, out);

    return r < 0 ? err_sys(err, r, "sandbox %s: the JVM does not answer", inst->id) : 0;
}

static enum boundary_end jvm_ended_by(struct instance *inst)
{
    return page_end(inst->state_fd);
}

const struct boundary boundary_jvm = {
    .name = "jvm",
    .offer = jvm_offer,
    .lower = jvm_lower,
    .create = jvm_create,
    .settle = container_settle,
    .start = container_start,
    .recover = container_recover,
    .exec = jvm_exec,
    .signal = container_signal,
    .pause = container_pause,
    .is_paused = container_is_paused,
    .update = container_update,
    .stats = container_stats,
    .meter = jvm_meter,
    .ended_by = jvm_ended_by,
    .destroy = broker_destroy,
    .hold = container_hold,
};
