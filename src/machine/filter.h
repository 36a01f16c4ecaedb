/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filters of the two processes: which host calls each may make, with which arguments. One table; the programs for
 * the kernel, the list in the README and the test that reads live filters all come of it. Neither can open anything,
 * map anything, or start anything: whatever is in no row kills the process.
 */
#ifndef MOAT_MACHINE_FILTER_H
#define MOAT_MACHINE_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

enum filter_process { FILTER_MACHINE, FILTER_IO };

/* Where descriptors are, by what they are for: from `first` on, n of them. */
struct filter_range {
    uint32_t first, n;
};

enum filter_name {
    FILTER_ANSWERS, /* an eventfd: the I/O process has answers */
    FILTER_KICKS,   /* eventfds: a server has requests */
    FILTER_CONTROL, /* boundary/control.h */
    FILTER_DISKS,
    FILTER_MEDIA, /* of a PC's disks and drives; those of drives come and go */
    FILTER_TAPS,
    FILTER_VCPU,      /* KVM's processor */
    FILTER_VM,        /* KVM's machine, of a PC */
    FILTER_LISTENING, /* moat's socket: engine.sock of the machine process, media.sock of the I/O process */
    FILTER_VISITORS,  /* connections to it, and a file that comes by one */
    FILTER_END,       /* a file for one word */
    FILTER_MEMORY,    /* the memfd of guest memory */
    FILTER_NAMES
};

struct filter_world {
    struct filter_range of[FILTER_NAMES];
};

enum filter_test {
    FILTER_NONE,
    FILTER_IS,      /* the low 32 bits of the argument are `number` */
    FILTER_AT_MOST, /* all 64 bits are not more than it */
    FILTER_ZERO,    /* all 64 bits are zero: no pointer */
    FILTER_ONE_OF,  /* a descriptor of the name */
};

#define FILTER_CONDITIONS 3
struct filter_row {
    enum filter_process process;
    uint32_t call;
    struct filter_condition {
        uint8_t argument, test, name;
        uint32_t number;
    } conditions[FILTER_CONDITIONS]; /* all must hold */
    const char *why;
    enum filter_name needs; /* the row is there only with such a descriptor, and those of its conditions */
};

extern const struct filter_row filter_rows[];
extern const unsigned filter_rows_count;

/* Whether a row is there in this world: its descriptors are. */
bool filter_row_holds(const struct filter_row *row, const struct filter_world *w);

#define FILTER_ROOM 320
/* The program, in `room`: its length, and *out where it begins. -E2BIG is an error of this file, not of the world. */
int filter_make(enum filter_process process, const struct filter_world *w, struct sock_filter room[FILTER_ROOM],
                struct sock_filter **out);

#endif
