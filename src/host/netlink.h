/* SPDX-License-Identifier: Apache-2.0 */
/* The few rtnetlink(7) requests that a launcher needs. */
#ifndef MOAT_HOST_NETLINK_H
#define MOAT_HOST_NETLINK_H

#include "base/err.h"

#include <sys/types.h>

/* Moves an interface of our network namespace into that of `pid` (runtime-spec, "Network Devices"): as `new_name`
 * (NULL: keep the name; "eth%d": the kernel numbers it), with its permanent addresses of global scope, and up. -EEXIST
 * when the name is taken there. */
int netlink_move_device(const char *name, const char *new_name, pid_t pid, struct err *err);

#endif
