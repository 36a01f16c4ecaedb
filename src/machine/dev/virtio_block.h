/* SPDX-License-Identifier: Apache-2.0 */
/* A disk (virtio 1.2, 5.2): sectors of 512 bytes; read, write, flush, discard, write zeroes, identity. */
#ifndef MOAT_MACHINE_DEV_VIRTIO_BLOCK_H
#define MOAT_MACHINE_DEV_VIRTIO_BLOCK_H

#include "machine/dev/virtio.h"

#define VIRTIO_BLOCK_ID_BYTES 20 /* 5.2.6 */

struct virtio_block {
    struct virtio_device device;
    uint64_t sectors;
    bool read_only;
    char id[VIRTIO_BLOCK_ID_BYTES]; /* ended by a zero when it is shorter */
};

/* `bytes`: of the back end's file; what is left over of a last sector is not seen. */
void virtio_block_init(struct virtio_block *b, struct gmem *memory, struct backend *backend,
                       const struct irq_line *line, uint64_t bytes, bool read_only, const char *id);

#endif
