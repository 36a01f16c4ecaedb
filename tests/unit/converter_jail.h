/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test of a jail for a converter: a helper that reads descriptor 0, writes descriptor 1, and has no other business
 * (moat-screen, moat-yaml). What it may still do when it was taken over is the same for all of them: the table is in
 * converter_jail.c, the way an attempt is run in jail_attempts.h.
 */
#ifndef MOAT_TESTS_CONVERTER_JAIL_H
#define MOAT_TESTS_CONVERTER_JAIL_H

#include "base/err.h"

/* Runs the table inside the jail that enter() makes, under the name of the test's group. How many tests failed. */
int converter_jail_test(const char *name, int (*enter)(struct err *err));

#endif
