/* SPDX-License-Identifier: Apache-2.0 */
/* The filter of a learning run: it refuses nothing but what nobody could see, and shows the rest to the broker. */
#ifndef MOAT_LEARN_FILTER_H
#define MOAT_LEARN_FILTER_H

#include "confine/seccomp.h"

/* Calls with a path or an address, and execve(2), are handed over (confine/notify_calls.h). io_uring runs such calls
 * past every filter, so it is not there (ENOSYS), as it will not be there later. Calls of 32-bit code are let through.
 */
int learn_filter(struct arena *a, struct bpf_program *out, struct err *err);

#endif
