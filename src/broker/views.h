/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file system as the broker has it: a mount namespace whose root is an empty memory file system, read-only, and in
 * it each brokered directory twice (struct tree). Life: views_hold() with the rights over the launcher's mount
 * namespace, if it has them -> views_make() in a mount namespace of its own.
 */
#ifndef MOAT_BROKER_VIEWS_H
#define MOAT_BROKER_VIEWS_H

#include "broker/broker.h"

/* Where the views lie. A path of a descriptor that begins so is looked at again, to see whether it is one of ours. */
#define VIEWS_DIR "/.moat"

/* Detaches a copy of each tree, as far as this process may: what a new mount namespace cannot take along. */
void views_hold(struct broker *b);

/* This process's mount namespace becomes the one described above. -errno: nothing of use was made. */
int views_make(struct broker *b, struct err *err);

#endif
