/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wall more where no program may be run: a system-call filter of the process itself. It stands inside the broker's
 * and takes away what those must leave to ordinary programs: executing, and making processes. Threads stay.
 */
#ifndef MOAT_JVM_FENCE_H
#define MOAT_JVM_FENCE_H

#include "base/err.h"

#include <linux/filter.h>

/* For this thread and all that come from it: call it before there are others. Cannot be undone. */
int jvm_fence_raise(struct err *err);

/* The program, for tests. */
const struct sock_fprog *jvm_fence_program(void);

#endif
