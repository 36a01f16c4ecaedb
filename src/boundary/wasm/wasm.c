/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wasm boundary: the broker's walls around one process, libexec/moat-wasm (src/wasmrun), which runs a WebAssembly
 * module. Engine and module are opened here by their names on the host, and executed and handed over by descriptor:
 * inside neither has a name.
 */
#include "boundary/broker/adaptor.h"
#include "boundary/container/container.h"
#include "boundary/wasm/lower.h"
#include "boundary/wasm/words.h"
#include "host/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int wasm_offer(struct arena *a, struct offer *out)
{
    int r = container_offer(a, out);

    out->strength = "kernel shared: container walls, files by path rules, the calls of WASI alone; inside, what the "
                    "engine checks: memory, types, control flow";
    out->speed = "compiled at the start; a start takes a millisecond or two, most of it the kernel's";
    return r;
}

/* Neither is close-on-exec: moat-enter closes them for all but the workload itself, and the engine by executing it. */
static int open_both(struct instance *inst, const char *module, struct err *err)
{
    const char *engine;
    struct stat st;
    int r = libexec_find(inst->arena, WASM_PROGRAM, &engine, err);

    if (r < 0)
        return r;
    inst->program_fd = open(engine, O_PATH);
    if (inst->program_fd < 0)
        return err_sys(err, -errno, "%s", engine);
    if (!inst->policy->private_root)
        return 0; /* of a bundle: a name inside, which the engine opens there */
    const char *image = wasm_word_value(&inst->policy->process.argv, "--image");
    if (image) /* it may have gone meanwhile: the engine takes either */
        inst->meter_fd = open(image, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (inst->meter_fd < 0)
        inst->meter_fd = open(module, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (inst->meter_fd < 0 || fstat(inst->meter_fd, &st) < 0)
        return err_sys(err, -errno, "exec: \"%s\"", module);
    return S_ISREG(st.st_mode) ? 0 : err_set(err, -EACCES, "exec: \"%s\": it is no file", module);
}

static int wasm_create(struct instance *inst, struct err *err)
{
    const char *module = wasm_word_value(&inst->policy->process.argv, "--module");

    if (!module)
        return err_set(err, -EINVAL, "nothing to run: the policy names no module");
    int r = open_both(inst, module, err);
    if (r == 0)
        r = broker_create(inst, err);
    cleanup_fd(&inst->meter_fd);
    cleanup_fd(&inst->program_fd);
    inst->meter_fd = inst->program_fd = -1;
    return r;
}

static int wasm_exec(struct instance *inst, const struct process *pr, struct err *err)
{
    (void)pr;
    return err_set(err, -ENOTSUP, "sandbox %s: a WebAssembly module has no programs to run: -b broker runs them",
                   inst->id);
}

const struct boundary boundary_wasm = {
    .name = "wasm",
    .offer = wasm_offer,
    .lower = wasm_lower,
    .create = wasm_create,
    .settle = container_settle,
    .start = container_start,
    .recover = container_recover,
    .exec = wasm_exec,
    .signal = container_signal,
    .pause = container_pause,
    .is_paused = container_is_paused,
    .update = container_update,
    .stats = container_stats,
    .destroy = broker_destroy,
    .hold = container_hold,
};
