/* SPDX-License-Identifier: Apache-2.0 */
/* The words that moat pack and moat build start moat-pack with (src/cli/pack.c writes them), for both of them. */
#ifndef MOAT_UNIKERNEL_OPTIONS_H
#define MOAT_UNIKERNEL_OPTIONS_H

#include "base/err.h"
#include "base/mem.h"
#include "policy/list.h"

#include <stdbool.h>
#include <stdint.h>

/* All borrowed from argv. NULL: not given. */
struct maker_options {
    struct strv add, env;                  /* --add, --env: KEY=VALUE, one of a key */
    struct strv words;                     /* the program's own, which come behind "--" */
    const char *cwd, *output;              /* cwd: "/" when not given */
    const char *program, *kernel, *traced; /* of moat pack: --program, --kernel, --trace */
    struct strv sources, flags;            /* of moat build: --source, --cflags */
    uint64_t memory;                       /* bytes; 0: the tender's own */
    bool jit, quiet;
};

/* *out is all zeroes before. -EINVAL says which word is wrong; -ENOMEM. */
int maker_options_read(struct arena *a, int argc, char **argv, struct maker_options *out, struct err *err);

#endif
