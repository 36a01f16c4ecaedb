/* SPDX-License-Identifier: Apache-2.0 */
/* An entropy device (virtio 1.2, 5.4): buffers are filled with random bytes. */
#ifndef MOAT_MACHINE_DEV_VIRTIO_RANDOM_H
#define MOAT_MACHINE_DEV_VIRTIO_RANDOM_H

#include "machine/dev/virtio.h"

void virtio_random_init(struct virtio_device *d, struct gmem *memory, struct backend *backend,
                        const struct irq_line *line);

#endif
