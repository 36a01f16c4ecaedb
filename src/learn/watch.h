/* SPDX-License-Identifier: Apache-2.0 */
/* Events become uses: here moat looks at the host, by name and as its caller, to see what a path stands for. */
#ifndef MOAT_LEARN_WATCH_H
#define MOAT_LEARN_WATCH_H

#include "learn/event.h"

#define LEARN_NAMES_MAX 64

/* A name that was looked up, for whatever its process connects to next. */
struct learn_name {
    const char *name;
    int64_t pid;
    uint64_t order;
    bool used; /* it connected since */
};

struct learn_watch {
    struct learn *l;
    struct learn_name names[LEARN_NAMES_MAX]; /* the newest; a ring */
    unsigned n_names;
    uint64_t n_lookups;
    const struct learn_use *from; /* the first name of a call that moves or links: the second comes next */
    const char *bound[64];        /* addresses that the run itself listens at */
    unsigned n_bound;
};

/* *w: zeroed but for .l. From then on names that nobody told of are looked up. */
void learn_watch_begin(struct learn_watch *w);

/* One line of the broker's. 0; -ENOMEM or -E2BIG when it is too much; what is no event: -EINVAL. */
int learn_watch_line(struct learn_watch *w, char *line, size_t len, struct err *err);

/* The program itself, which was started before anything was watched. */
int learn_watch_program(struct learn_watch *w, const char *path, struct err *err);

#endif
