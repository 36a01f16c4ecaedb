/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device between a driver (virtio_driver.h) and a back end that does what it is asked with a disk in memory,
 * or holds requests until the test answers them. For tests/unit/test_machine_virtio.c and
 * test_machine_virtio_streams.c.
 */
#ifndef MOAT_TESTS_VIRTIO_BENCH_H
#define MOAT_TESTS_VIRTIO_BENCH_H

#include "virtio_driver.h"

#include "machine/dev/virtio_block.h"

#define DISK_BYTES (64u * 512)

/* Where a test puts the bytes of its requests. */
#define BODY (DRIVER_DATA + 0x1000u)

struct virtio_bench {
    struct driver driver; /* first: who serves finds the bench by it */
    struct virtio_block block;
    struct virtio_device plain; /* a device that is no disk */
    uint8_t disk[DISK_BYTES];
    unsigned syncs;
    struct ring_request last;               /* that the back end was asked */
    struct ring_request held[DRIVER_SLOTS]; /* requests that it has not answered */
    unsigned n_held;
    bool hold;
};

/* With nothing in driver.device yet, all devices zero, and each of the disk's sectors another. Ends the test program
 * when there is no memory. */
struct virtio_bench *virtio_bench_make(void);
/* For cmocka: *state is a bench. */
int virtio_bench_drop(void **state);

#endif
