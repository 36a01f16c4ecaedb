/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio devices between a hostile driver and a hostile back end: registers, rings and descriptors as the input says,
 * answers that nobody asked for, resets in between. After each step the device's state is one that a snapshot would
 * accept, and what is under way is counted right; the page that the guest cannot write stays as it is.
 */
#include "input.h"
#include "machine/dev/virtio_block.h"
#include "machine/dev/virtio_console.h"
#include "machine/dev/virtio_net.h"
#include "machine/dev/virtio_random.h"
#include "tests/unit/virtio_driver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEPS      200
#define DISK_BYTES (64u * 512)

static const uint8_t zeros[4096];
static struct driver d;
static struct virtio_block block;
static struct virtio_device plain;

/* While the device waits it is answered, so that a reset has an end: this back end is the I/O process, which is ours.
 */
static void serve(struct driver *driver)
{
    struct ring_request q;

    while (driver->device && driver->device->forgetting && ring_take(&driver->far, &q) > 0)
        driver_answer(driver, q.id, q.operation == RING_CANCEL ? 0 : -EIO);
    while (driver->device && driver->device->forgetting && driver->far.in_flight)
        driver_answer(driver, 0, -EIO); /* of those that were held */
}

static void make(uint8_t kind)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
    const struct irq_line line = driver_line(&d);

    memset(&block, 0, sizeof block);
    memset(&plain, 0, sizeof plain);
    d.device = kind % 5 < 2 ? &block.device : &plain;
    if (kind % 5 < 2)
        virtio_block_init(&block, &d.memory, &d.backend, &line, DISK_BYTES, kind % 5, "disk");
    else if (kind % 5 == 2)
        virtio_net_init(&plain, &d.memory, &d.backend, &line, mac);
    else if (kind % 5 == 3)
        virtio_random_init(&plain, &d.memory, &d.backend, &line);
    else
        virtio_console_init(&plain, &d.memory, &d.backend, &line);
}

static void describe(struct input *in)
{
    static const uint64_t places[] = {
        0, 0x1000, DRIVER_DATA, DRIVER_RAM - 64, DRIVER_ROM, DRIVER_ROM + 4090, UINT64_MAX - 15, 1u << 31};
    const unsigned queue = take(in, 1) & 1;
    const uint16_t n = (uint16_t)(take(in, 1) % 16);

    driver_describe(&d, driver_descriptors(queue), n, places[take(in, 1) % 8] + take(in, 1),
                    (uint32_t)take(in, take(in, 1) % 5), (uint16_t)(take(in, 1) % 8), (uint16_t)(take(in, 1) % 20));
}

/* A record that somebody made up: refused, or good enough to live with. */
static void load(struct input *in)
{
    struct virtio_state copy;
    const char *why;

    virtio_reset(d.device);
    if (d.backend.ring.broken) /* nothing is restored over a back end that is gone */
        return;
    driver_start(&d, VIRTIO_INDIRECT | VIRTIO_EVENT_INDEX, 16);
    virtio_saving(d.device);
    copy = d.device->state;
    for (unsigned i = 0, n = take(in, 1) % 8; i < n; i++)
        ((uint8_t *)&copy)[take(in, 2) % sizeof copy] = (uint8_t)take(in, 1);
    if (virtio_check(&copy, &why) < 0)
        return;
    d.device->state = copy;
    virtio_loaded(d.device);
}

static void step(struct input *in)
{
    static const uint16_t registers[] = {0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50, 0x64,
                                         0x70, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4, 0x100};
    struct ring_request q;
    const uint8_t what = (uint8_t)take(in, 1);

    switch (what % 9) {
    case 0:
        virtio_mmio_write(d.device, registers[take(in, 1) % 16], 4, take(in, 4));
        break;
    case 1:
        virtio_mmio_read(d.device, take(in, 2) % (VIRTIO_MMIO_BYTES - 7), 1u << (what >> 6));
        break;
    case 2:
        describe(in);
        break;
    case 3:
        driver_offer(&d, (unsigned)take(in, 1) % d.device->ops->n_queues, (uint16_t)(take(in, 1) % 20));
        break;
    case 4:
        driver_notify(&d, (unsigned)take(in, 1) % 3);
        break;
    case 5: { /* anything, anywhere */
        const uint64_t word = take(in, 8);
        gmem_write(&d.memory, take(in, 3) % (DRIVER_RAM - 8), &word, 8);
        break;
    }
    case 6:
        if (ring_take(&d.far, &q) > 0)
            driver_answer(&d, what & 0x80 ? take(in, 1) : q.id,
                          what & 0x40 ? (int64_t)take(in, 8) : (int64_t)take(in, 1));
        virtio_poll(d.device);
        break;
    case 7:
        load(in);
        break;
    default:
        driver_start(&d, take(in, 1) << 9 | VIRTIO_INDIRECT | VIRTIO_EVENT_INDEX, (uint16_t)(1u << take(in, 1) % 5));
    }
}

static void consistent(void)
{
    const char *why;
    unsigned used = 0;

    check(virtio_check(&d.device->state, &why) == 0 ||
          d.device->state.queues[0].size & (d.device->state.queues[0].size - 1u) ||
          d.device->state.queues[1].size & (d.device->state.queues[1].size - 1u) ||
          d.device->state.queues[0].size > d.device->state.queues[0].size_max ||
          d.device->state.queues[1].size > d.device->state.queues[1].size_max);
    for (unsigned i = 0; i < VIRTIO_REQUESTS; i++)
        used += d.device->requests[i].in_use;
    check(used + d.device->n_free == DRIVER_SLOTS);
    check(used == (unsigned)d.device->under_way[0] + d.device->under_way[1]);
    check(memcmp(d.rom, zeros, 4096) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    if (d.ram)
        driver_again(&d); /* to make it anew costs more than to run it */
    else
        driver_memory(&d);
    d.serve = serve;
    make((uint8_t)take(&in, 1));
    driver_start(&d, VIRTIO_INDIRECT | VIRTIO_EVENT_INDEX, 16);
    for (unsigned i = 0; i < STEPS && in.left; i++) {
        step(&in);
        consistent();
    }
    return 0;
}
