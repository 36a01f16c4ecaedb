/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sentry boundary: the broker's walls around libexec/moat-sentry (src/sentry), which answers the system calls of
 * the programs inside with a Linux of our own (src/linux) and keeps each of their address spaces in a process of its
 * own. Program and image are opened here by their names on the host: the one is executed by descriptor, the other
 * handed over through engine.sock, and inside neither has a name.
 */
#include "boundary/sentry/sentry.h"
#include "base/mem.h"
#include "boundary/broker/adaptor.h"
#include "boundary/container/container.h"
#include "boundary/engine.h"
#include "boundary/sentry/lower.h"
#include "boundary/sentry/words.h"
#include "host/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static int sentry_offer(struct arena *a, struct offer *out)
{
    int r = engine_offer_fsgsbase(a, out);

    out->strength = "kernel shared by some dozen calls of one process that owns no file, and by one call of each guest "
                    "task; container walls around them; system calls are answered by a Linux of our own in it";
    out->speed = "native speed between system calls; each of them costs a switch to another process and back";
    return r;
}

static int give_image(const struct instance *inst, const char *image, struct err *err)
{
    struct stat st;
    _cleanup_fd_ int fd = open(image, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    _cleanup_fd_ int sock = -1;

    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, -errno, "exec: \"%s\"", image);
    if (S_ISDIR(st.st_mode)) /* the root comes by the gofer (cli/sentry.c) */
        return 0;
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EACCES, "exec: \"%s\": it is no file", image);
    sock = engine_connect(inst, ENGINE_SOCKET, err);
    return sock < 0 ? sock : engine_give(sock, "image", fd, err);
}

/* Neither is close-on-exec: moat-enter closes them for all but the workload itself, and the sentry by executing it. */
static int open_both(struct instance *inst, const char *image, struct err *err)
{
    const char *program;
    int r = libexec_find(inst->arena, SENTRY_PROGRAM, &program, err);

    if (r < 0)
        return r;
    inst->program_fd = open(program, O_PATH);
    if (inst->program_fd < 0)
        return err_sys(err, -errno, "%s", program);
    _cleanup_fd_ int listening = engine_listen(inst, ENGINE_SOCKET, err);
    if (listening < 0)
        return listening;
    inst->handed_fd = fcntl(listening, F_DUPFD, 3);
    if (inst->handed_fd < 0)
        return err_sys(err, -errno, "hand over a socket");
    r = give_image(inst, image, err);
    return r < 0 ? r : gofer_prepare(inst, err);
}

/* What it passes on waits, like what asks it to end, until it has handlers: it makes its first stub before. */
static sigset_t hold_back(const sigset_t *before)
{
    static const int passed_on[] = {SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH, SIGPWR, SIGXCPU, SIGVTALRM, SIGPROF};
    sigset_t mask;

    sigprocmask(SIG_SETMASK, NULL, &mask);
    if (before)
        mask = *before;
    for (size_t i = 0; i < ARRAY_LEN(passed_on); i++)
        sigaddset(&mask, passed_on[i]);
    return mask;
}

/* With it stubs become what the host ends first when memory is short. Where it cannot be had, or comes too late since
 * the sentry has begun, or even ended, they are not. */
static void give_oom(const struct instance *inst)
{
    struct err unused = {0};
    char path[48];

    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)inst->pid);
    _cleanup_fd_ int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) /* the sentry waits for one */
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    _cleanup_fd_ int sock = fd < 0 ? -1 : engine_connect(inst, ENGINE_SOCKET, &unused);
    if (sock >= 0)
        (void)engine_give(sock, "oom", fd, &unused);
}

static int sentry_create(struct instance *inst, struct err *err)
{
    const char *image = sentry_word_value(&inst->policy->process.argv, "--image");
    const sigset_t *before = inst->child_mask, mask = hold_back(before);

    if (!image)
        return err_set(err, -EINVAL, "nothing to run: the policy names no image");
    inst->child_mask = &mask;
    int r = engine_create(inst, image, open_both, err);
    inst->child_mask = before;
    if (r < 0)
        return r;
    give_oom(inst);
    if ((r = gofer_start(inst, err)) < 0)
        container_destroy(inst, &(struct err){0});
    return r;
}

const struct boundary boundary_sentry = {
    .name = "sentry",
    .offer = sentry_offer,
    .lower = sentry_lower,
    .create = sentry_create,
    .settle = container_settle,
    .start = container_start,
    .recover = container_recover,
    .exec = sentry_exec,
    .signal = container_signal,
    .pause = container_pause,
    .is_paused = container_is_paused,
    .update = container_update,
    .stats = container_stats,
    .destroy = broker_destroy,
    .hold = container_hold,
};
