/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network card (virtio 1.2, 5.1) with one pair of queues. Each frame has a header of 12 bytes in front; the back end
 * reads and writes both together, or makes and drops the header where its descriptor knows none.
 */
#ifndef MOAT_MACHINE_DEV_VIRTIO_NET_H
#define MOAT_MACHINE_DEV_VIRTIO_NET_H

#include "machine/dev/virtio.h"

#define VIRTIO_NET_HEADER 12u /* 5.1.6 */

void virtio_net_init(struct virtio_device *d, struct gmem *memory, struct backend *backend, const struct irq_line *line,
                     const uint8_t mac[6]);

#endif
