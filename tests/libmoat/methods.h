/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker can be asked for: one table for both sides, as a program that uses libmoat has it. */
#ifndef MOAT_TESTS_LIBMOAT_METHODS_H
#define MOAT_TESTS_LIBMOAT_METHODS_H

#include <moat/moat.h>

enum method {
    ECHO,    /* the bytes come back */
    SUM,     /* of the numbers in a shared buffer: struct place -> struct sum */
    FILL,    /* a shared buffer with a byte: struct place */
    END,     /* int: how; see enum way_to_end */
    ATTEMPT, /* int: which of attempts.h -> int: 0 it succeeded, else an errno */
    TAKE_FD, /* a descriptor: its first bytes come back */
    GIVE_FD, /* int: how many; -> the ends of its side socket, duplicated */
    KEEP_FD, /* a descriptor, kept; -> int: how many it has kept */
    LOG_IN,  /* state 0 -> 1 */
    SECRET,  /* in state 1 alone */
    COUNT,   /* -> int: how often it was asked */
    STARTED, /* -> int: what start-up read */
    CPU,     /* -> int: where it runs */
    METHODS
};

enum way_to_end { WAY_EXIT, WAY_CRASH, WAY_ABORT, WAY_FORBIDDEN, WAY_HANG, WAY_SPIN, WAY_STACK };

struct place {
    uint32_t buffer, value;
    uint64_t offset, size;
};
struct sum {
    moat_tainted_u64 sum;
    moat_tainted_offset last; /* where it stopped */
};

#define ECHO_MAX 4000

#ifndef WORKER
#define FUNCTION(f)
#else
#define FUNCTION(f) .function = f,
#endif
#define ROW(nr, text) .method = nr, .name = text, .states = MOAT_STATES_ALL

static const struct moat_method methods[METHODS] = {
    {ROW(ECHO, "echo"), FUNCTION(echo).request_max = ECHO_MAX, .reply_max = ECHO_MAX},
    {ROW(SUM, "sum"), FUNCTION(sum).request_min = sizeof(struct place), .request_max = sizeof(struct place),
     .reply_max = sizeof(struct sum)},
    {ROW(FILL, "fill"), FUNCTION(fill).request_min = sizeof(struct place), .request_max = sizeof(struct place)},
    {ROW(END, "end"), FUNCTION(end).request_min = 4, .request_max = 4},
    {ROW(ATTEMPT, "attempt"), FUNCTION(attempt).request_min = 4, .request_max = 4, .reply_max = 4},
    {ROW(TAKE_FD, "take a descriptor"), FUNCTION(take_fd).fds_in = 1, .reply_max = 64},
    {ROW(GIVE_FD, "give descriptors"), FUNCTION(give_fd).request_min = 4, .request_max = 4, .fds_out = 3},
    {ROW(KEEP_FD, "keep a descriptor"), FUNCTION(keep_fd).fds_in = 1, .reply_max = 4},
    {.method = LOG_IN,
     .name = "log in",
     .states = MOAT_STATE(0),
     .next = MOAT_GO(1),
     FUNCTION(log_in).request_max = 16},
    {.method = SECRET, .name = "secret", .states = MOAT_STATE(1), FUNCTION(secret).reply_max = 16},
    {ROW(COUNT, "count"), FUNCTION(count).reply_max = 4},
    {ROW(STARTED, "started"), FUNCTION(started).reply_max = 4},
    {ROW(CPU, "cpu"), FUNCTION(cpu).reply_max = 4},
};

#endif
