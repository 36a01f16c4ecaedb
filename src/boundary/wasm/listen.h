/* SPDX-License-Identifier: Apache-2.0 */
/* What is handed over beside a module: listening sockets of the host's network, made before the walls, and its compiled
 * code. */
#ifndef MOAT_BOUNDARY_WASM_LISTEN_H
#define MOAT_BOUNDARY_WASM_LISTEN_H

#include "policy/policy.h"

#define WASM_LISTENERS_MAX 64

/* Takes `*fd`, the module, and `image` (-1: none), and gives in place of *fd a socket whose one message brings the
 * module, a listener for each --listen ADDRESS:PORT of argv, in their order, and the image. Without --listen and
 * --image in argv *fd stays. -EINVAL, or that of bind(2), by name. */
int wasm_hand_over(const struct strv *argv, int *fd, int image, struct err *err);

#endif
