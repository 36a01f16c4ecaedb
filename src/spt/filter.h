/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tender's filter: which host calls may be made, from which instruction, with which arguments. It is the wall: what
 * program and kernel can do to the host is what these rows let pass. One table; the program for the kernel, the list
 * for people and the test that reads a live filter back all come of it.
 *
 * Whatever is in no row is SECCOMP_RET_TRAP: from a program it is a system call, which its own kernel then serves; from
 * the gate it ends the sandbox. A call of another architecture (int 0x80) kills.
 */
#ifndef MOAT_SPT_FILTER_H
#define MOAT_SPT_FILTER_H

#include "guest/unikernel/gate.h"

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

/* What rows name, as numbers of this start. */
struct filter_world {
    uint64_t text_low, text_high;   /* of programs, below 2 GiB; equal: there is none */
    uint64_t arena_low, arena_high; /* programs' data, kernel heap, file pages: from below 4 GiB to a multiple of it.
                                       Behind it 4 GiB of address space are nobody's */
    bool executable;                /* pages of the text may become executable */
    bool jit;                       /* of all of it, since the program makes code */
    bool gives_back;                /* the kernel gives memory of programs back */
    bool write_back;                /* the block device may be written */
    int32_t control, block;         /* descriptors; -1: none */
    int32_t timer;                  /* -1: none */
};

enum filter_test {
    FILTER_NONE,
    FILTER_EQUAL,   /* the argument is the value; the low 32 bits, where the call reads no more */
    FILTER_AT_MOST, /* the same or less */
    FILTER_BITS,    /* it has no other bits than these */
    FILTER_ZERO,    /* all 64 bits are zero: no pointer */
    FILTER_TEXT,    /* it and the next are an address and a length within the text */
    FILTER_MEMORY,  /* the same, or within the arena */
};

enum filter_value { FILTER_NUMBER, FILTER_CONTROL, FILTER_BLOCK, FILTER_TIMER };

enum filter_when {
    FILTER_ALWAYS,
    FILTER_IF_CONTROL,
    FILTER_IF_CODE,
    FILTER_IF_JIT,
    FILTER_IF_GIVEN,
    FILTER_IF_TIMER,
    FILTER_IF_BLOCK,
    FILTER_IF_WRITE,
};

#define FILTER_CONDITIONS 2
struct filter_row {
    enum gate_call call;
    enum filter_when when;
    struct filter_condition {
        uint8_t argument, test, value; /* enum filter_test, enum filter_value */
        uint32_t number;
    } conditions[FILTER_CONDITIONS]; /* all must hold. Of the rows of a call the first decides whose conditions hold up
                                        to the one about memory, which is the last */
    const char *why;
};

extern const struct filter_row filter_rows[];
extern const unsigned filter_rows_count;

/* Whether a row is there at this start. */
bool filter_row_holds(const struct filter_row *, const struct filter_world *);

#define FILTER_ROOM 160
/* The program, in `room`: its length, and *out where it begins. -E2BIG is an error of this file, not of the world. */
int filter_make(const struct filter_world *, struct sock_filter room[FILTER_ROOM], struct sock_filter **out);

#endif
