/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host of the tests, a program of one scenario a run: host.c is its main() and what scenarios have in common, each
 * other host_*.c those of one subject with a table of them. A scenario ends the program where something is wrong.
 */
#ifndef MOAT_TESTS_LIBMOAT_HOST_H
#define MOAT_TESTS_LIBMOAT_HOST_H

#include "methods.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPAWN  1 /* with moat_target_spawn() */
#define ZYGOTE 2 /* with moat_zygote_spawn() */
#define HIDDEN 4 /* a bats test of its own calls it */

struct scenario {
    const char *name; /* NULL: the end of the table */
    void (*run)(void);
    int how;
};
extern const struct scenario call_scenarios[], end_scenarios[], wall_scenarios[], shared_scenarios[],
    zygote_scenarios[];

extern struct moat_error said;     /* by the last call of the library that failed */
extern bool by_zygote;             /* targets of this run are forks of one */
extern struct moat_zygote *zygote; /* NULL before the first of them */

#define FAIL(...)                                                                                                      \
    do {                                                                                                               \
        fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                                                \
        fprintf(stderr, __VA_ARGS__);                                                                                  \
        fprintf(stderr, " (last error: %s)\n", said.text);                                                             \
        exit(1);                                                                                                       \
    } while (0)
#define IS(got, expected)                                                                                              \
    do {                                                                                                               \
        long g_ = (long)(got), e_ = (long)(expected);                                                                  \
        if (g_ != e_)                                                                                                  \
            FAIL("%s is %ld, expected %ld", #got, g_, e_);                                                             \
    } while (0)
#define SAYS(word)                                                                                                     \
    do {                                                                                                               \
        if (!strstr(said.text, word))                                                                                  \
            FAIL("expected in the sentence: %s", word);                                                                \
    } while (0)

/* Of a target that is the worker with all methods. */
struct moat_target_options options(void);

/* As this run makes targets; the program ends when that fails. */
struct moat_target *start_with(const struct moat_target_options *o);
struct moat_target *start(void);

/* The result of the function; the program ends when the call fails otherwise. */
int ask(struct moat_target *t, uint32_t method, const void *request, size_t size, void *reply, size_t max);
int ask_int(struct moat_target *t, uint32_t method);

/* The code with which a call that ends the target comes back. */
int let_it_end(struct moat_target *t, int way, int deadline_ms);

/* Open ones of this process, by a count that is to be compared with another alone. */
int descriptors(void);

#endif
