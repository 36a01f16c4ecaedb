/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's devices, each over its ring. */
#include "machine/dev/virtio_console.h"
#include "machine/dev/virtio_net.h"
#include "machine/dev/virtio_random.h"
#include "machine/vmm.h"

#include <errno.h>

static unsigned receive(void *uart, const uint8_t *bytes, unsigned n)
{
    return uart_receive(uart, bytes, n);
}

/* A serial port without anybody loses what it sends. */
static void connect_uart(struct uart *u, struct stream *s, struct vmm_port *port, bool input)
{
    stream_init(s, &port->backend, input ? receive : NULL, u);
    uart_connect(u, stream_put, input ? stream_more : NULL, s);
}

/* Registers and a line: the next slot. */
static int add(struct vmm *v, struct virtio_device *d)
{
    const int r = machine_add_virtio(&v->machine, d, virtio_mmio_read, virtio_mmio_write, &d->ops->device, &d->line);

    if (r == 0)
        v->virtio[v->n_virtio++] = d;
    return r;
}

static int add_disk(struct vmm *v, unsigned i)
{
    static const struct irq_line none;
    char id[] = "moat-disk-0";

    id[sizeof id - 2] = (char)('0' + i);
    virtio_block_init(&v->disk_devices[i], &v->machine.memory, &v->disks[i]->backend, &none, v->disks[i]->io.bytes,
                      v->disks[i]->io.read_only, id);
    return add(v, &v->disk_devices[i].device);
}

int vmm_devices(struct vmm *v)
{
    static const struct irq_line none;
    struct machine *m = &v->machine;
    int r;

    stream_init(&v->message_stream, &v->messages->backend, NULL, NULL);
    connect_uart(&m->uart[0], &v->serial_stream, v->serial, v->serial->io.in >= 0);
    if (v->channel)
        connect_uart(&m->uart[1], &v->channel_stream, v->channel, true);
    if (v->options.pc)
        vmm_pc_devices(v);
    if (v->options.firmware)
        return 0; /* what its system has drivers for is on the PC's own buses */
    virtio_random_init(&v->random_device, &m->memory, &v->random->backend, &none);
    r = add(v, &v->random_device);
    for (unsigned i = 0; i < v->n_disks && r == 0; i++)
        r = add_disk(v, i);
    if (r == 0 && v->net) {
        virtio_net_init(&v->net_device, &m->memory, &v->net->backend, &none, v->options.mac);
        r = add(v, &v->net_device);
    }
    if (r == 0 && v->console) {
        virtio_console_init(&v->console_device, &m->memory, &v->console->backend, &none);
        r = add(v, &v->console_device);
    }
    return r < 0 ? vmm_fail(EXIT_OWN_ERROR, "devices", "more than the machine has places for", 0) : 0;
}
