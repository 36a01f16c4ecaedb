/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wasm boundary: the broker's walls around one process, libexec/moat-wasm (src/wasmrun), which runs a WebAssembly
 * module. Engine and module are opened here by their names on the host, and executed and handed over by descriptor:
 * inside neither has a name.
 */
#include "boundary/broker/adaptor.h"
#include "boundary/container/container.h"
#include "boundary/engine.h"
#include "boundary/wasm/listen.h"
#include "boundary/wasm/lower.h"
#include "boundary/wasm/words.h"
#include "host/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3 */
#endif

static int wasm_offer(struct arena *a, struct offer *out)
{
    int r = container_offer(a, out);

    out->strength = "kernel shared: container walls, files by path rules, the calls of WASI alone; inside, what the "
                    "engine checks: memory, types, control flow";
    out->speed = "compiled at the start; a start takes a millisecond or two, most of it the kernel's";
    return r;
}

/* In a bundle's namespaces there may be others who see this process, and by /proc/PID/exe the file that it executes
 * (CVE-2019-5736): so that is a copy, which nobody can write. */
static int sealed_copy(const char *path, struct err *err)
{
    const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    _cleanup_fd_ int from = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    int r = from < 0 || fstat(from, &st) < 0 ? -errno : 0;
    _cleanup_fd_ int to = r < 0 ? -1 : memfd_create(WASM_PROGRAM, MFD_ALLOW_SEALING | MFD_EXEC);

    if (r == 0 && to < 0 && errno == EINVAL) /* before Linux 6.3 */
        to = memfd_create(WASM_PROGRAM, MFD_ALLOW_SEALING);
    if (r == 0 && to < 0)
        r = -errno;
    for (off_t at = 0; r == 0 && at < st.st_size;)
        if (sendfile(to, from, &at, (size_t)(st.st_size - at)) <= 0)
            r = errno ? -errno : -EIO;
    if (r == 0 && fcntl(to, F_ADD_SEALS, seals) < 0)
        r = -errno;
    return r < 0 ? err_sys(err, r, "a copy of %s in memory (sysctl vm.memfd_noexec must not be 2)", path)
                 : steal_fd(&to);
}

/* It may have gone meanwhile: the engine compiles the module then, which it is given in any case. */
static int open_image(const struct instance *inst)
{
    const char *image = wasm_word_value(&inst->policy->process.argv, "--image");

    return image ? open(image, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
}

/* Neither is close-on-exec: moat-enter closes them for all but the workload itself, and the engine by executing it. */
static int open_both(struct instance *inst, const char *module, struct err *err)
{
    const char *engine;
    struct stat st;
    int r = libexec_find(inst->arena, WASM_PROGRAM, &engine, err);

    if (r < 0)
        return r;
    inst->program_fd = inst->policy->private_root ? open(engine, O_PATH) : sealed_copy(engine, err);
    if (inst->program_fd < 0)
        return err->code ? err->code : err_sys(err, -errno, "%s", engine);
    if (!inst->policy->private_root)
        return 0; /* of a bundle: a name inside, which the engine opens there */
    inst->handed_fd = open(module, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (inst->handed_fd < 0 || fstat(inst->handed_fd, &st) < 0)
        return err_sys(err, -errno, "exec: \"%s\"", module);
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EACCES, "exec: \"%s\": it is no file", module);
    return wasm_hand_over(&inst->policy->process.argv, &inst->handed_fd, open_image(inst), err);
}

static int wasm_create(struct instance *inst, struct err *err)
{
    const char *module = wasm_word_value(&inst->policy->process.argv, "--module");

    if (!module)
        return err_set(err, -EINVAL, "nothing to run: the policy names no module");
    return engine_create(inst, module, open_both, err);
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
