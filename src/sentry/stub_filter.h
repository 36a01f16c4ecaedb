/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filters of stubs. The first is that of every process of every stub, with the one listener: from the stub's own
 * text a few rows of a service's calls are made, and PARK and ORDER are told, each from its instruction and with its
 * number; elsewhere a call is told if it is one of a short list, or comes by a signal, and is never made. A guest task
 * has a second one over it, before it runs an instruction of its guest: the host takes the stricter answer, so of the
 * rows nothing is left to it but the return from a signal. Pure.
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
/* Programs, in `room`: their length, and *out where they begin. -E2BIG is an error of this file. trap: every call of a
 * guest comes by a signal, with all registers. */
int stub_filter_service(bool trap, struct sock_filter room[STUB_FILTER_ROOM], struct sock_filter **out);
int stub_filter_guest(struct sock_filter room[STUB_FILTER_ROOM], struct sock_filter **out);
/* Whether a guest's call of this number comes by a notification where not all come by signals. */
bool stub_filter_tells(uint32_t number);

#endif
