/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of bytes, which pipes and stream sockets are made of. It starts without memory and grows up to its capacity as
 * it fills, since most carry a line or two. All under the kernel's lock. */
#ifndef MOAT_LINUX_IPC_RING_H
#define MOAT_LINUX_IPC_RING_H

#include "linux/core/heap.h"
#include "linux/core/uaccess.h"

struct ring {
    uint8_t *bytes;          /* FIELD_BYTES of `size` */
    uint32_t size, capacity; /* powers of two */
    uint32_t at, used;       /* first byte, bytes */
};

static inline uint32_t ring_room(const struct ring *r)
{
    return r->capacity - r->used;
}
/* Puts what fits: bytes taken; 0: full; -EFAULT, -ENOMEM. */
int64_t ring_put(struct ring *, struct uio *);
/* Takes what there is, at most `most` bytes: bytes given; 0: empty; -EFAULT. */
int64_t ring_get(struct ring *, struct uio *, size_t most);
/* The same, and the bytes stay. */
int64_t ring_look(const struct ring *, struct uio *, size_t most);
/* Gives another size to the memory; -EBUSY: more is in it; -ENOMEM. */
int ring_limit(struct ring *, uint32_t capacity);
void ring_free(struct ring *);

#endif
