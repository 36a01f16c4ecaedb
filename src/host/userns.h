/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work in the ordinary user's own user namespace, where his subordinate ids can be given to files and taken from them:
 * the same map as his sandboxes have (subid.h). Life: userns_open() -> userns_enter() in a child, or helper_spawn_in()
 * (helper.h), as often as wanted -> close. For root, and where no range can be mapped, there is none: -ENOTSUP.
 */
#ifndef MOAT_HOST_USERNS_H
#define MOAT_HOST_USERNS_H

#include "base/err.h"

#include <stdbool.h>

/* *fd is the caller's. -ENOTSUP with the reason and the remedy. */
int userns_open(int *fd, struct err *err);

/* The calling process, which must have one thread, becomes the root of that namespace, without other groups. -errno. */
int userns_enter(int fd);

/* Runs body in a child in such a namespace and brings its result and its error back. */
int userns_call(int (*body)(void *ctx, struct err *err), void *ctx, struct err *err);

#endif
