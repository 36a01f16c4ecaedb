/* SPDX-License-Identifier: Apache-2.0 */
/* A set of fixed size of what was reported: the same is said once. When it is full the older makes room, so a thing may
 * be said again, but nothing is kept back. Keyed by a random number: a target cannot choose two that look alike. */
#ifndef MOAT_BROKER_SEEN_H
#define MOAT_BROKER_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEEN_SLOTS (1u << 17)
#define SEEN_NEAR  8u

struct seen {
    uint64_t key[2];
    uint32_t turn;
    uint64_t slots[SEEN_SLOTS]; /* 1 MiB; only what is used is touched */
};

/* SipHash-1-3 of the parts, one after the other with their lengths. */
struct seen_part {
    const void *data;
    size_t n;
};
uint64_t seen_hash(const struct seen *s, const struct seen_part *parts, size_t n);

bool seen_has(const struct seen *s, uint64_t hash);
/* Remembers it. Whether it is new. */
bool seen_add(struct seen *s, uint64_t hash);

#endif
