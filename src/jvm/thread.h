/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of ours beside those of the virtual machine. */
#ifndef MOAT_JVM_THREAD_H
#define MOAT_JVM_THREAD_H

#include <stddef.h>

/* Detached, with no signals but those of the machine's own faults: all others are for its threads. stack: bytes; 0: the
 * default. 0 or -errno. */
int jvm_thread_start(void *(*body)(void *context), void *context, size_t stack);

#endif
