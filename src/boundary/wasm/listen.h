/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets of the host's network, for a module: made before the walls, and handed over beside it. */
#ifndef MOAT_BOUNDARY_WASM_LISTEN_H
#define MOAT_BOUNDARY_WASM_LISTEN_H

#include "policy/policy.h"

#define WASM_LISTENERS_MAX 64

/* Takes `*fd`, the module, and gives in its place a socket whose one message brings it and a listener for each --listen
 * ADDRESS:PORT of argv, in their order; without one *fd stays. -EINVAL, or that of bind(2), by name. */
int wasm_listen(const struct strv *argv, int *fd, struct err *err);

#endif
