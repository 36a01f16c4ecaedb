/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat probe --policy FILE`: what a user's own policy grants is tried on this host, and a sample of what it does not
 * grant. Life: probe_policy_run() reads the policy as `run` would, probe_policy_checks() makes attempts of it
 * (guest/attempts), which are made outside first and then inside; probe_policy_show() prints what came of them.
 *
 * Nothing of the user's is changed: files are opened for writing and not written, programs are let through execve(2)
 * without an instruction run, connections are made and nothing is sent. With `write` a file of a name that nobody has
 * is made and removed where a rule lets files be made.
 */
#ifndef MOAT_CLI_PROBE_POLICY_H
#define MOAT_CLI_PROBE_POLICY_H

#include "cli/run_options.h"

struct probe_policy_options {
    struct arena *arena;
    const char *boundary; /* NULL: the default one */
    char *const *run;     /* options for `moat run`, as "--policy=FILE"; --policy or --profile is among them */
    size_t n_run;
    bool write, json;
};

/* 0: everything is as the policy says; 1: something is not; -errno: it could not be told. Prints on stdout. */
int probe_policy_run(const struct probe_policy_options *o, struct err *err);

/* ---- between the files ---------------------------------------------------------------------------------------- */

#define POLICY_CHECKS_MAX 1024
#define POLICY_WORDS_MAX  5

enum check_result { CHECK_AS_SAID, CHECK_OTHERWISE, CHECK_UNTRIED };

struct policy_check {
    const char *item;                     /* "path /home/me/src", "memory" */
    const char *inside[POLICY_WORDS_MAX]; /* the attempt, NULL-terminated */
    const char
        *outside[POLICY_WORDS_MAX]; /* the same with the host's names; [0] NULL: there is no such thing outside */
    bool granted;                   /* what the policy says */
    bool alone;                     /* in a sandbox of its own, which it may end */
    bool clock;                     /* the time limit stays: it is what is tried */
    bool network;                   /* who is not there has been reached for */
    const char *why_not;            /* it is not tried; NULL */

    enum check_result result;
    const char *saw; /* printable */
};

struct policy_checks {
    struct arena *arena;
    struct run_options *o; /* as `run` reads them */
    const char *boundary;
    bool program; /* the boundary runs programs of the host over a private root */
    bool write;
    const char *planted;  /* a file in the host's /tmp */
    const char *port;     /* on which somebody listens on the host's loopback */
    const char *attempts; /* path of moat-attempts on the host */
    struct policy_check *v;
    uint32_t n;
};

/* Adds one; NULL when there are too many, and that is no failure: what there is stands for the rest. */
struct policy_check *policy_check_add(struct policy_checks *c, bool granted, const char *item, const char *verb,
                                      const char *first, const char *second, const char *third);
int probe_policy_checks(struct policy_checks *c, struct err *err);
/* probe_policy_paths.c: path rules, their neighbours, and places that nobody grants. */
int probe_policy_paths(struct policy_checks *c, struct err *err);

/* probe_policy_show.c */
int probe_policy_show(const struct policy_checks *c, bool json, struct err *err);

#endif
