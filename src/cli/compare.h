/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat compare`: the same job natively and behind boundaries. Life: compare.c makes the subjects and goes round them,
 * compare_measure.c takes one reading after the other into their series, compare_table.c and compare_svg.c show the
 * result.
 *
 * A round keeps the best of its tries, which a busy machine spoils least; rounds during which others were busy are made
 * again; what is shown is the median of the rounds that are kept.
 */
#ifndef MOAT_CLI_COMPARE_H
#define MOAT_CLI_COMPARE_H

#include "base/err.h"
#include "base/mem.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define COMPARE_ROUNDS_MAX 1000u
#define COMPARE_PATIENCE   4u /* so many times the rounds are made to find calm ones */

enum compare_unit { UNIT_TIME, UNIT_BYTES, UNIT_RATE, UNIT_COUNT }; /* ns, bytes, bytes a second, a number */

enum compare_id {
    COMPARE_START,
    COMPARE_MEMORY,
    COMPARE_SYSCALL,
    COMPARE_OPEN,
    COMPARE_WRITE,
    COMPARE_READ,
    COMPARE_PIPE,
    COMPARE_ROUND_TRIP,
    COMPARE_SURFACE,
    COMPARE_FIGURES
};

/* One row a figure; JSON's name is the gauge's too. */
struct compare_figure {
    const char *name, *heading; /* "roundTrip", "ROUND TRIP" */
    const char *words;          /* for the picture and the JSON */
    enum compare_unit unit;
    bool more_is_better;
    bool by_gauge;
};
extern const struct compare_figure compare_figures[COMPARE_FIGURES];

#define COMPARE_ARGS_MAX 8

/* How a boundary is made to run a program of this host: of a kind's row (kind.h). {libexec} and {work}, where a word
 * begins with them, are the directory of moat's programs and the one for files, which is the same one of the host for
 * all. */
struct compare_row {
    const char *boundary;
    const char *args[COMPARE_ARGS_MAX];      /* of `moat run`: make moat's own programs reachable */
    const char *work_args[COMPARE_ARGS_MAX]; /* grant the directory that the files are written to */
    const char *root;                        /* what stands before the program: an image, or "--" */
    const char *program_dir, *work_dir;      /* the same directories seen from inside; NULL: as outside */
    bool packed; /* moat's own programs are packed before anything is measured: {work}/PROGRAM.moat */
    bool rooted; /* they are put into a directory before, {work}/root, which is the root */
    bool image;  /* the user's job: IMAGE is the root; else the command is the host's */
    bool slow;   /* a start takes seconds: one try in a round, and only where the boundary is asked for */
};

/* Readings of one figure. While it is measured: by round, 0 where there is none. At the end: n of them. */
struct compare_series {
    double *best, *typical;
    unsigned n;
};

struct compare_summary {
    unsigned n;                         /* 0: not measured */
    double median, min, max, deviation; /* of the rounds; deviation: median distance from the median */
    double typical;                     /* median of the rounds' own medians */
};

struct compare_subject {
    const char *name;              /* "native", or the boundary's */
    const struct compare_row *row; /* NULL: native */
    struct compare_series series[COMPARE_FIGURES];
    const char *note[COMPARE_FIGURES]; /* why a figure is missing, one line; NULL */
    bool failed;                       /* does not run here, or does something else: it is not measured on */
    int job_status;                    /* the user's job: its exit status; -1 while it has not run */
    char *why;                         /* it failed: one line; NULL */
};

/* What is asked for, and what is made for it; read-only while it is measured, but for the last part. */
struct compare {
    struct arena *arena;
    unsigned rounds;      /* that are kept */
    unsigned rounds_most; /* that are made at most */
    unsigned round;       /* the one that is being made; at the end: how many were made */
    bool quick;
    char **job_options; /* the user's job: options of `run`, the image, the command; NULL: the built-in one */
    size_t n_job_options;
    const char *job_image;             /* NULL: no boundary that is compared takes one */
    char **job_command;                /* ended by NULL */
    const char *moat, *libexec, *work; /* absolute */
    struct compare_subject *subjects;
    size_t n_subjects;
    time_t when;
    double seconds, load; /* how long it took; the load when it began */
    unsigned surface_of;  /* how many ways in the probe tried */
};

extern volatile sig_atomic_t compare_interrupted;

/* compare_rounds.c: measures, until there are as many calm rounds as are wanted, and keeps the calmest. */
int compare_rounds(struct compare *c, struct err *err);

/* compare_measure.c. Each takes one reading of a round; 0, or an error that ends the comparison. A subject that does
 * not run is no error: it is marked as failed. A figure that cannot be had in one boundary is none either: its note
 * says why. */
int compare_measure_start(struct compare *c, struct compare_subject *s, double *ns, struct err *err);
int compare_measure_memory(struct compare *c, struct compare_subject *s, struct err *err);
int compare_measure_gauge(struct compare *c, struct compare_subject *s, struct err *err);
/* Not by round: it is a count. */
int compare_measure_surface(struct compare *c, struct compare_subject *s, struct err *err);
void compare_add(struct compare *c, struct compare_subject *s, enum compare_id id, double best, double typical);
/* printf(3) into the subject's note, once. */
void compare_note(struct compare *c, struct compare_subject *s, enum compare_id id, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* compare_table.c */
struct compare_summary compare_summarise(const struct compare_series *s);
/* "4.12 ms", with three digits. */
void compare_value(double value, enum compare_unit unit, char *out, size_t size);
/* Of native's; 0: one of the two was not measured. */
double compare_ratio(const struct compare *c, const struct compare_summary *s, enum compare_id id);
/* "6.81x", of native's; empty for native itself. */
void compare_times(const struct compare *c, const struct compare_subject *s, const struct compare_summary *sum,
                   enum compare_id id, char *out, size_t size);
/* "Some CPU x 2, Linux 6.1.0, load 0.1, moat 0.1.0, 2026-01-02" */
void compare_machine(const struct compare *c, char *out, size_t size);
/* "15 rounds in 20 s; ..." */
void compare_method(const struct compare *c, char *out, size_t size);
/* What was run: "the built-in job", or the user's words. */
void compare_job(const struct compare *c, char *out, size_t size);
void compare_print_table(const struct compare *c);

/* compare_json.c */
int compare_print_json(const struct compare *c, struct err *err);

/* compare_svg.c. Whether the file can be written, before all the work; and what goes into it. */
int compare_check_svg(const char *path, struct err *err);
int compare_write_svg(const struct compare *c, const char *path, struct err *err);

#endif
