/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-pack: makes and looks at images of the unikernel (docs/unikernel.md). It is started by moat pack, moat build and
 * moat inspect, runs with the rights of whoever calls it, and is in the start path of no sandbox.
 */
#include "unikernel/program.h"

#include <errno.h>
#include <string.h>

#define ARENA ((size_t)1 << 36) /* of address space: what is packed may be large */

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(struct arena *a, int argc, char **argv);
    } rows[] = {{"build", build_main}, {"inspect", inspect_main}, {"pack", pack_main}, {"pack-root", pack_root_main}};
    static struct arena arena;
    struct err err = {0};

    if (arena_init(&arena, ARENA) < 0) {
        err_set(&err, -ENOMEM, "no room for it in memory: raise the limit of the address space (ulimit -v)");
        return program_fail("pack", &err);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (argc > 1 && !strcmp(argv[1], rows[i].name))
            return rows[i].run(&arena, argc - 2, argv + 2);
    err_set(&err, -EINVAL, "moat-pack is started by moat pack, moat build and moat inspect");
    return program_fail("pack", &err);
}
