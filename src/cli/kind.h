/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kind of workload is run: an image, a program of this host, a Java program, a WebAssembly module. A kind is one
 * row, the last thing in its own file, and one line of kinds.h; the commands walk the rows and know none by name. Life
 * of one in a run: option() for each option of its own -> kind_choose() -> defaults() on the policy that
 * policy_default_container() made -> the user's layers -> check() -> operands() -> find() once the rules stand ->
 * make_files() once the user is known -> it runs -> take() -> after(). A hook that is NULL does nothing.
 */
#ifndef MOAT_CLI_KIND_H
#define MOAT_CLI_KIND_H

#include "base/err.h"
#include "base/mem.h"
#include "policy/policy.h"

#include <signal.h>

struct collect;      /* run_options_internal.h */
struct compare_row;  /* compare.h */
struct image_config; /* image/store.h */
struct run_options;  /* run_options.h */

/* What it is looked for. */
struct finding {
    enum {
        FIND_TO_EXPLAIN,
        FIND_TO_KEEP /* it may be started again */,
        FIND_TO_WAIT /* one run, waited for */
    } purpose;
    const char *sandbox;              /* its name; NULL: it has none yet */
    const struct image_config *image; /* NULL: none */
    void (*warn)(const char *text);   /* one line */
};

struct workload_kind {
    /* what it is called */
    const char *types[4];    /* of --type, ended by NULL */
    const char *boundary;    /* the one that runs it; NULL: each that is no other row's */
    const char *words;       /* "a Java program" */
    bool of_host;            /* it and its root are this host's own, and no image's */
    const char *no_programs; /* why a program of this host cannot be run in its place; NULL: it can */
    bool taps;               /* may be attached to an interface of the host: --network tap=NAME */
    bool packs; /* it can once it has been packed (moat pack), and whatever ends the program ends its kernel */
    bool roots; /* it can as a file of a directory that is the root, and whatever ends the program ends its kernel */
    const char *no_filter; /* why there may be no system-call filter around its start; NULL: the policy has none */
    const char *keeps; /* what is kept for later starts, in the cache directory of its boundary's name; NULL: nothing */
    const struct compare_row *compare; /* how moat compare runs a program behind it; NULL: not at all */

    /* options of its own: their rows are in kinds.h, their values in memory of own_size bytes, which begins as zero */
    size_t own_size;
    int (*option)(struct arena *a, void *own, int option, const char *value, struct err *err);
    int (*form)(void *own, const char *form, struct err *err); /* of -b BOUNDARY=FORM; NULL: it has one form */
    bool (*is_given)(const void *own);                         /* so that nothing else can be meant */
    int (*refuse)(const void *own, struct err *err);           /* another kind is run: -EINVAL where one was given */
    const struct workload_kind *beneath; /* the options of that one are its too; NULL: its own alone */

    /* the command line. recognise: whether the operand looks like one, 1 or 0; -EINVAL: it has the name alone.
     * operands: how many of them say what runs, the others being its arguments; with `lenient` there may be none. */
    int (*recognise)(const char *operand, struct err *err);
    int (*operands)(struct run_options *o, int n, char **operand, bool lenient, struct err *err);

    /* the policy */
    int (*defaults)(struct run_options *o, struct err *err);
    bool no_execution;      /* what is granted is not for execution (struct policy_build) */
    const char *root_place; /* the same */
    int (*check)(const struct collect *c, struct err *err); /* has another meaning for it than for a program, or none */
    /* Grants what is to run where no rule does, and writes argv. -ENOENT and -EACCES with "exec: ..." as moat-enter
     * would say. */
    int (*find)(struct run_options *o, const struct finding *f, struct err *err);
    int (*make_files)(struct policy *p, struct err *err); /* of the sandbox's own */
    const char *(*name)(const struct run_options *o);     /* what was asked for, as it was written */

    /* a run in the foreground */
    bool no_terminal;                           /* it is given none by itself, as a program of this host is */
    bool (*shows)(const struct run_options *o); /* a display that it shows in a terminal, where it takes all keys, so
                                                 * that it is left by those of `moat attach`; NULL: it has none */
    bool says_timeout;                          /* itself, ending with EXIT_TIMEOUT */
    void (*take)(struct run_options *o, struct arena *a, int state_fd); /* it has ended; its state is there still */
    void (*after)(struct run_options *o, struct arena *a,
                  const sigset_t *mask); /* nothing of it is; the caller's mask */

    /* a sandbox, by the argv of its policy: the command as one would write it without moat, ports as docker shows them,
     * what is to be said when its memory has another limit (NULL: nothing), and why the number of its processes stays
     * (NULL: it does not) */
    int (*command)(struct arena *a, const struct strv *argv, struct strv *out);
    const char *(*ports)(struct arena *a, const struct strv *argv);
    const char *(*memory_note)(struct arena *a, const struct strv *argv);
    const char *fixed_tasks;
};

/* What the row of an option of its own has as its id. kind: enum kind_id. */
#define KIND_OPTIONS_MOST         32
#define KIND_OPTION(kind, option) (1024 + (int)(kind)*KIND_OPTIONS_MOST + (int)(option))

/* By the boundary that runs it, never NULL. */
const struct workload_kind *kind_behind(const char *boundary);

/* kind.c, for run_options.c. Chooses .kind and .boundary from the options, or from the looks of the first operand, and
 * applies the defaults. */
int kind_choose(struct collect *c, int operands, char **operand, struct err *err);
/* What -b says, into .boundary: a name, or NAME=FORM where its kind has forms. */
int kind_take_boundary(struct run_options *o, const char *value, struct err *err);
/* Behind the layers: what has a meaning for some kinds only, and would be without effect for this one. */
int kind_check(const struct collect *c, struct err *err);
/* Where an item was said: "--defaults", or "--policy FILE: defaults". flag: enum policy_flag. */
const char *kind_said_by(const struct collect *c, int flag, const char *member);

#endif
