/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start of the kernel of a unikernel: the tender has mapped everything, set the signals up, given up what it could,
 * and comes here by a jump. From now on the tender's own code is never run again, but the gate's.
 */
#include "guest/unikernel/clock.h"
#include "guest/unikernel/internal.h"

#include <asm/errno.h>

#define EXIT_NOT_INVOKED 126
#define EXIT_NOT_FOUND   127

const struct boot *boot;

static int exit_of(int error)
{
    switch (-error) {
    case ENOENT:
    case ENOTDIR:
        return EXIT_NOT_FOUND;
    case EACCES:
    case ENOEXEC:
    case EISDIR:
        return EXIT_NOT_INVOKED;
    default:
        return EXIT_OWN_ERROR;
    }
}

_Noreturn void platform_start(const struct boot *b);
void platform_start(const struct boot *b)
{
    const struct linux_ready ready = {.entry = b->program_entry,
                                      .headers = b->program_headers,
                                      .n_headers = b->n_program_headers,
                                      .end = b->program_end};
    struct platform p = {
        .name = "spt", .host = host_ops, .aspace = aspace_ops, .task = task_ops, .vcpus = 1, .hwcap = b->hwcap};
    struct linux_config config = {.arena = (void *)b->heap_low,
                                  .arena_size = b->heap_high - b->heap_low,
                                  .arena_ready = b->heap_high - b->heap_low,
                                  .image = b->image,
                                  .image_size = b->image_size,
                                  .argv = b->argv,
                                  .envp = b->envp,
                                  .program = b->program,
                                  .ready = b->ready ? &ready : NULL,
                                  .cwd = b->cwd,
                                  .memory_limit = b->memory_limit,
                                  .uid = b->uid,
                                  .gid = b->gid,
                                  .trace = b->trace,
                                  .hostname = b->hostname,
                                  .max_tasks = b->max_tasks,
                                  .files_limit = b->files_limit,
                                  .limits = b->limits,
                                  .limits_given = b->limits_given,
                                  .read_only = b->read_only,
                                  .umask = b->umask};
    char why[256];
    int r;

    boot = b;
    if (memobj_image) { /* memobj.c is linked */
        p.memobj = memobj_ops;
        config.image_object = memobj_image();
    }
    task_init(&p);
    vdso_init(&p);
    why[0] = 0;
    r = linux_boot(&p, &config, why, sizeof why);
    if (r < 0) {
        host_say("%s", why[0] ? why : "the kernel cannot start");
        host_exit(exit_of(r), 0);
    }
    linux_run(0);
}
