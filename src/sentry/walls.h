/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sentry's own walls. What is opened, started or mapped from a file is so before they are raised; then rights and
 * strange descriptors go, and a filter leaves the host calls of the rows of walls_rows.c: none that opens, executes,
 * starts a process or a thread, makes a socket or a mapping of a file.
 */
#ifndef MOAT_SENTRY_WALLS_H
#define MOAT_SENTRY_WALLS_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#define WALLS_KEPT 64 /* descriptors from here on stay open */

enum walls_name { WALLS_LISTENER, WALLS_OBJECTS, WALLS_STUBS, WALLS_GOFER, WALLS_NAMES };

struct walls_world {
    int of[WALLS_NAMES]; /* descriptors; -1: there is none. None of them is a standard stream */
    bool asks;           /* moat may ask for something (control.h) */
    bool files;          /* there is a gofer (files.h) */
    bool terminal;
};

enum walls_when { WALLS_ALWAYS, WALLS_IF_ASKS, WALLS_IF_FILES, WALLS_IF_TERMINAL };

enum walls_test {
    WALLS_NONE,
    WALLS_IS,       /* the low 32 bits, as the host reads a number, a descriptor, a pid */
    WALLS_AT_MOST,  /* the same, without a sign */
    WALLS_AT_LEAST, /* the same */
    WALLS_BITS,     /* of 64 bits none but these */
    WALLS_HAS,      /* the low 32 bits have all of these */
    WALLS_FD,       /* `number` is enum walls_name */
};

#define WALLS_CONDITIONS 4
struct walls_row {
    uint32_t call;
    struct walls_condition {
        uint8_t argument, test;
        uint32_t number;
    } conditions[WALLS_CONDITIONS]; /* all must hold */
    const char *why;
    enum walls_when when;
};
extern const struct walls_row walls_rows[];
extern const unsigned walls_rows_count;
bool walls_row_holds(const struct walls_row *, const struct walls_world *);

#define WALLS_ROOM 400
/* The program, in `room`: its length, and *out where it begins. -E2BIG is an error of the table. Pure. */
int walls_filter(const struct walls_world *, struct sock_filter room[WALLS_ROOM], struct sock_filter **out);

/* Raises them, or ends. */
void walls_raise(const struct walls_world *);

#endif
