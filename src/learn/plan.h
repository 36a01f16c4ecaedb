/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private: the way from uses to rules. Rules of directories change which links are links inside, and so which paths are
 * needed; so it goes in rounds: collect.c walks all uses under the rules so far and says what is needed, choose.c adds
 * rules of directories, until nothing is added. What is needed then and not covered becomes a rule of its own
 * (rules.c). Accesses only grow, so the rounds end.
 */
#ifndef MOAT_LEARN_PLAN_H
#define MOAT_LEARN_PLAN_H

#include "learn/learn.h"

#define PLAN_ROUNDS_MAX 64

/* One path inside that was there before the run, and what must be possible with it. */
struct need {
    const char *path;
    uint32_t access;
    enum learn_kind kind;
    bool listed;
    bool run;     /* as a program: x is not for mapping alone */
    bool entered; /* as a working directory */
};

/* A directory in which names were made, removed or replaced. */
struct group {
    const char *path;
    uint32_t names;   /* how many */
    const char *only; /* the first of them */
    uint32_t used;    /* what was done with them and below them */
    bool deep;        /* one of them is a directory */
    bool random;      /* one of them is made up */
};

/* One of those names: the topmost, of what the run made itself. */
struct name {
    const char *path;
    struct group *group;
    bool gone; /* it was there before */
};

struct plan {
    struct learn *l;
    struct need **needs; /* a table by path */
    uint32_t n_needs, needs_size;
    struct group **groups;
    uint32_t n_groups, groups_size;
    struct name **names;
    uint32_t n_names, names_size;
    bool root_listed;
    bool changed; /* rules or links were added in this round */
    bool failed;  /* no memory */
};

/* store.c: tables whose entries begin with a pointer to their name. */
void *learn_table_find(void *table, uint32_t size, const char *name);
/* The place of a name, with room behind it; NULL: no memory. The caller counts what it puts there. */
void **learn_table_place(struct arena *a, void ***table, uint32_t *size, uint32_t n, const char *name);

/* collect.c */
void plan_collect(struct plan *p);
/* The file system in memory that a name of the run's own may be left to; NULL: it has to stay. */
const char *plan_scratch_of(const struct learn *l, const char *path);
/* The directory of a path, in the arena. */
const char *plan_parent(struct plan *p, const char *path);

/* choose.c */
void plan_choose(struct plan *p);
/* The longest rule at or above a path; of NULL: none. */
struct learn_rule *plan_rule_of(const struct learn *l, const char *path);
/* Whether one name is to be the broker's: nothing else of its directory is changed. */
bool plan_is_single(const struct plan *p, const struct group *g);
/* No rule can be of it. */
bool plan_is_given(const struct learn *l, const char *path);

#endif
