/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments that the kernel reads as 32 bits although a register has 64. A filter sees the whole register, so one that
 * compares all of it tells calls apart that are the same call to the kernel: a rule against ioctl(TIOCSTI) would let
 * TIOCSTI | 1 << 32 pass, which pushes a character into the terminal all the same. Each row of the table is such an
 * argument of a 64-bit architecture; the compiler of filters, the reading of a policy in the tests, and `explain` share
 * it. tests/unit/test_narrow.c asks the kernel about each row.
 */
#ifndef MOAT_CONFINE_NARROW_H
#define MOAT_CONFINE_NARROW_H

#include "policy/policy.h"

struct narrow_row {
    const char *name; /* of the call */
    uint32_t args;    /* bit i: argument i */
    const char *why;  /* the kernel's own declaration of these */
};

/* Bit i: the kernel reads argument i of the call as 32 bits. 0 for a call without a row. */
uint32_t narrow_args(const char *name);
const struct narrow_row *narrow_row_at(int i); /* sorted by name; NULL beyond the last */

/* Names of the calls with rules about such an argument, for people: "clone, ioctl, socket". NULL: none, or no memory.
 */
const char *narrow_calls(struct arena *a, const struct seccomp_policy *p);

enum narrow_meaning { NARROW_COMPARE, NARROW_ALWAYS, NARROW_NEVER };

/* What a condition on such an argument means: the 32 bits the kernel reads, with zeros above, are compared with the
 * rule's value. A negative value that was written as 64 bits counts as its 32. NARROW_COMPARE: *c was made a condition
 * on 32 bits; else it holds always or never and *c is as it was. */
enum narrow_meaning narrow_condition(struct seccomp_arg *c);

#endif
