/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MOAT_SCREEN_JAIL_H
#define MOAT_SCREEN_JAIL_H

#include "base/err.h"

/* Shuts this process in by confine/walls.h: descriptors 0, 1 and 2 stay, to be read and written; no other can be had.
 * -EPERM: its filter cannot stand. */
int screen_jail_enter(struct err *err);

#endif
