/* SPDX-License-Identifier: Apache-2.0 */
/* A process that says whether the host has a path, and can do nothing else with it: the broker holds no descriptor by
 * which a path that was not granted could be opened. Only with --deny-log. */
#ifndef MOAT_BROKER_LOOKER_H
#define MOAT_BROKER_LOOKER_H

#include "broker/broker.h"

/* Starts it and gives it b->host. With the ids of the target, so it sees no more than the target could. */
int looker_start(struct broker *b, struct err *err);

enum looker_answer {
    LOOKER_HAS_NOT,
    LOOKER_HAS,
    LOOKER_UNSEEN, /* a directory on the way may not be searched with these ids: it may be there */
};

/* Whether the host has this path; `parent`: the directory it would lie in. */
enum looker_answer looker_has(const struct broker *b, const char *path, bool parent);

#endif
