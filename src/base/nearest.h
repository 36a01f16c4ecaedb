/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the known name that is nearest to a mistyped one. Pure. */
#ifndef MOAT_BASE_NEAREST_H
#define MOAT_BASE_NEAREST_H

/* Distance between two names: insertions, deletions, changes and swapped neighbours. Bounded: 64 bytes are looked at.
 */
unsigned nearest_distance(const char *a, const char *b);

/* Keeps the nearest of the names shown to it; `best` stays NULL when none is near enough to be worth a question. */
struct nearest {
    const char *wanted, *best;
    unsigned distance;
};
void nearest_try(struct nearest *near, const char *name);

#endif
