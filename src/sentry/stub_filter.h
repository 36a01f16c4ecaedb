/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filters of stubs. The first is that of every process of every stub, with the one listener: a service's own
 * instructions make the calls of a few rows, and everything else is told to the sentry. A guest task has a second one
 * over it, before it runs an instruction of its guest: the host takes the stricter answer, so of the rows nothing is
 * left to it but the return from a signal. Pure.
 */
#ifndef MOAT_SENTRY_STUB_FILTER_H
#define MOAT_SENTRY_STUB_FILTER_H

#include "sentry/stub.h"

#include <linux/filter.h>
#include <stdbool.h>

enum stub_test {
    STUB_TEST_NONE,
    STUB_TEST_IS,       /* all 64 bits */
    STUB_TEST_AT_MOST,  /* all 64 bits */
    STUB_TEST_AT_LEAST, /* all 64 bits */
    STUB_TEST_BITS,     /* no bit but these */
    STUB_TEST_HAS,      /* all of these bits */
};

#define STUB_CONDITIONS 5
struct stub_row {
    enum stub_call call; /* by its instruction, with its number */
    struct stub_condition {
        uint8_t argument, test;
        uint64_t number;
    } conditions[STUB_CONDITIONS]; /* all must hold */
    const char *why;
};
extern const struct stub_row stub_rows[];
extern const unsigned stub_rows_count;

#define STUB_FILTER_ROOM 400
/* Programs, in `room`: their length, and *out where they begin. -E2BIG is an error of this file. */
int stub_filter_service(struct sock_filter room[STUB_FILTER_ROOM], struct sock_filter **out);
/* trap: every call of the guest comes with all registers, else those that need them. */
int stub_filter_guest(bool trap, struct sock_filter room[STUB_FILTER_ROOM], struct sock_filter **out);

#endif
