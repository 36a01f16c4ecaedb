/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes: ChaCha20 (RFC 8439) with a key from the host, replaced by its own output after each use. */
#ifndef MOAT_LINUX_CORE_RANDOM_H
#define MOAT_LINUX_CORE_RANDOM_H

#include <stddef.h>

#define RANDOM_POOL_BITS 256 /* what random(4) says of its pool, always */

int random_init(void); /* asks the host for a seed: 0, -errno. After a restore again */
void random_bytes(void *to, size_t n);

#endif
