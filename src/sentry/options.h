/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of moat-sentry: options.def, then the image, then the program's own words. Pure. */
#ifndef MOAT_SENTRY_OPTIONS_H
#define MOAT_SENTRY_OPTIONS_H

#include "linux/linux.h"

#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_LIMITS 16
#define OPTIONS_GROUPS 32
#define OPTIONS_MOUNTS 64

struct options {
    uint64_t memory; /* bytes; 0: the sentry's own */
    uint32_t tasks;
    uint64_t limits[OPTIONS_LIMITS][2]; /* of setrlimit(2): soft, hard */
    uint32_t limits_given;              /* a bit each */
    uint32_t uid, gid, groups[OPTIONS_GROUPS], n_groups;
    uint64_t caps;                                /* ~0: all */
    const char *cwd, *hostname, *program, *argv0; /* NULL: not given. All borrowed from argv */
    bool read_only, trace, terminal, trap;
    int gofer; /* -1: not given */
    struct linux_mount mounts[OPTIONS_MOUNTS];
    uint32_t n_mounts;
    const char *image;
    char **args; /* NULL-terminated: the program's words but the first */
    int n_args;
    char **argv; /* all of it, in which the values of --env are found again by options_env */
    int n_options;
};

/* 0, or -EINVAL with what is wrong: a sentence, and the word that it is about. */
int options_parse(int argc, char **argv, struct options *out, const char **why, const char **word);

/* The next value of --env from *at (0 at first) on; NULL: no more. */
char *options_env(const struct options *o, int *at);

#endif
