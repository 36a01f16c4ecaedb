/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of a Java virtual machine, from those of its sandbox. What -m gives is shared out so that heap, metaspace,
 * direct memory, code cache, thread stacks and the machine's own memory together stay within it: then Java says what
 * is full before the kernel kills. Pure.
 */
#ifndef MOAT_CLI_JAVA_LIMITS_H
#define MOAT_CLI_JAVA_LIMITS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum java_area { JAVA_HEAP, JAVA_METASPACE, JAVA_DIRECT, JAVA_CODE, JAVA_AREAS };

struct java_limits {
    /* in */
    int64_t memory;          /* bytes; 0: no limit, and then nothing is shared out */
    const char *memory_text; /* as the user knows it, for the refusal */
    int64_t quota, period;   /* of processor time, microseconds; quota 0: no limit */
    int processors;          /* of the host, as far as this process may use them; 0: not known */
    int64_t tasks;           /* processes and threads; 0: no limit */
    bool collector_chosen;   /* the user named a garbage collector */
    /* in: what the user asked for in bytes, 0: nothing; out: what it is to be, 0: the machine's own default */
    int64_t area[JAVA_AREAS];
    /* out */
    int active_processors; /* 0: as it finds them */
    bool serial;           /* the serial collector, which HotSpot takes by itself where it sees so small a machine */
};

/* Fills what is out. -EINVAL names what does not fit, and the least or most that would. */
int java_limits_fit(struct java_limits *l, struct err *err);

/* "-Xmx%lldm" and its like, in MiB. */
const char *java_area_option(enum java_area area);
const char *java_area_name(enum java_area area);

/* A size as HotSpot reads it: digits and one of k, m, g, t. 0 when it is none. */
int64_t java_size_parse(const char *text);

#endif
