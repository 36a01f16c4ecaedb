/* SPDX-License-Identifier: Apache-2.0 */
/* A console with one port (virtio 1.2, 5.3): a stream of bytes in each direction, and the terminal's size. */
#ifndef MOAT_MACHINE_DEV_VIRTIO_CONSOLE_H
#define MOAT_MACHINE_DEV_VIRTIO_CONSOLE_H

#include "machine/dev/virtio.h"

void virtio_console_init(struct virtio_device *d, struct gmem *memory, struct backend *backend,
                         const struct irq_line *line);
/* The terminal has another size. */
void virtio_console_resize(struct virtio_device *d, uint16_t columns, uint16_t rows);

#endif
