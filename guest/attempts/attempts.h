/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of attempts at what a policy grants. A row is {name, function, arguments, what it does}; its function makes
 * one attempt and says what came of it by one of the words below, whose result it returns: it is the exit status.
 */
#ifndef MOAT_ATTEMPTS_H
#define MOAT_ATTEMPTS_H

#include <stdbool.h>
#include <stddef.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* What `serve` says to whoever reaches it, and a program that is executed to prove it. */
#define SERVED  "served"
#define WITNESS "witness"

enum verdict {
    DONE,    /* it was done, and its effect was seen */
    REFUSED, /* it was not, and the line names the errno or what was there instead */
    UNTRIED, /* it cannot be tried here */
    HOLLOW,  /* the call succeeded and its effect is not there */
    USAGE = 64,
};

struct attempt {
    const char *name;
    int (*run)(char **args, int n);
    const char *args; /* "PATH [TEXT]": a word in brackets may be left out, one that ends in dots may be repeated */
    const char *what;
};

/* Ends with a NULL name. */
extern const struct attempt file_attempts[], process_attempts[], limit_attempts[], net_attempts[];

/* ---- words: one line on standard output ----------------------------------------------------------------------- */

int done(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* errno's name, then what was tried. */
int refused(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A word of its own in place of errno's name: "NOCORE". */
int refused_as(const char *word, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int untried(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int hollow(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

const char *errno_name(int e);
/* At most 60 bytes of text as one printable line; the next call overwrites it. */
const char *shown(const char *text, size_t n);

/* ---- what several attempts need ------------------------------------------------------------------------------- */

/* A whole number with k, m or g behind it; false when it is none. */
bool number(const char *text, long *out);
/* A whole file of the kernel, NUL-terminated; -1 with errno. */
long read_small(const char *path, char *buf, size_t size);
/* Runs a program with the argument "witness"; true when it said the word. Else errno, or 0 when it ran and did not. */
bool executes(const char *path);

/* The far side of net_attempts, for tests: answers on addresses until its standard input ends. */
int serve(char **specs, int n);

#endif
