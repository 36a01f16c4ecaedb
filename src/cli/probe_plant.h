/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands around a table of escape probes. Life: canaries_plant() -> canaries_run() once, confined or not ->
 * canaries_remove(). Each run has canaries of its own, since probes may use them up.
 */
#ifndef MOAT_CLI_PROBE_PLANT_H
#define MOAT_CLI_PROBE_PLANT_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <sys/types.h>

#define CANARY_FACTS 48

struct canaries {
    char dir[96];              /* of the host's files; "" when there is none */
    char token[48];            /* the secret: "moat-canary-" and 32 digits */
    char *facts[CANARY_FACTS]; /* FACT=VALUE words for moat-probe */
    size_t n_facts;
    pid_t pid; /* the process that has the secrets; 0: none */
    int input; /* ends when this is closed */
};

struct canary_run {
    const char *const *argv; /* argv[0] is a path */
    const char *probe;       /* path of moat-probe, left open too */
    bool own_mounts;         /* in a mount namespace of its own, so that what it mounts is nobody's */
    char *output;            /* in the arena, NUL-terminated */
    int status;              /* as of waitpid(2) */
    char complaint[256];     /* last line of its standard error */
};

/* Starts the canaries: "probe plant DIR". */
int canaries_plant(struct arena *a, const char *probe, struct canaries *c, struct err *err);
/* Runs argv in a session of its own, with a terminal, a key, and descriptors left open. -EINTR when we were asked to
 * end, after it has been ended. */
int canaries_run(struct arena *a, const struct canaries *c, struct canary_run *run, struct err *err);
void canaries_remove(struct canaries *c);

#endif
