/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all virtio devices have in common (virtio 1.2): features, status, queues, configuration, interrupts, and
 * requests to the back end that are under way. Life: virtio_init() by the device's own init -> virtio_mmio_read(),
 * virtio_mmio_write() by the bus; virtio_poll() when answers may have come -> a reset, by the driver at any time, after
 * which nothing of before touches the guest's memory any more.
 *
 * Driver and back end are both hostile. What the driver must not do marks the device NEEDS_RESET and stops it; a back
 * end that answers what nobody asked does the same. No libc but mem*.
 */
#ifndef MOAT_MACHINE_DEV_VIRTIO_H
#define MOAT_MACHINE_DEV_VIRTIO_H

#include "machine/dev/virtqueue.h"
#include "machine/device.h"
#include "machine/ring.h"

#define VIRTIO_QUEUES       2u
#define VIRTIO_CONFIG_BYTES 64u
#define VIRTIO_MMIO_BYTES   0x200u /* of registers: 4.2.2, and the configuration from 0x100 on */
#define VIRTIO_REQUESTS     RING_SLOTS_MAX

/* 2.1 */
enum virtio_status {
    VIRTIO_ACKNOWLEDGE = 1,
    VIRTIO_DRIVER = 2,
    VIRTIO_DRIVER_OK = 4,
    VIRTIO_FEATURES_OK = 8,
    VIRTIO_NEEDS_RESET = 64,
    VIRTIO_FAILED = 128,
};
/* 5: device numbers */
enum { VIRTIO_ID_NET = 1, VIRTIO_ID_BLOCK = 2, VIRTIO_ID_CONSOLE = 3, VIRTIO_ID_RANDOM = 4 };

#define VIRTIO_BIT(n)      ((uint64_t)1 << (n))
#define VIRTIO_INDIRECT    VIRTIO_BIT(28) /* 6 */
#define VIRTIO_EVENT_INDEX VIRTIO_BIT(29)
#define VIRTIO_VERSION_1   VIRTIO_BIT(32)

/* The record of a snapshot. */
struct virtio_state {
    uint64_t accepted;          /* features, by the driver */
    uint32_t status, interrupt; /* interrupt: 1 a queue was used, 2 the configuration changed */
    uint32_t device_select, driver_select, queue_select, generation;
    uint8_t config[VIRTIO_CONFIG_BYTES];
    struct virtqueue queues[VIRTIO_QUEUES];
};

/* One request to the back end, as long as it is under way. */
struct virtio_request {
    uint8_t in_use, queue, operation /* enum ring_operation */, kind /* the device's own word */;
    uint16_t head, n;
    uint32_t bytes;    /* asked for */
    uint64_t argument; /* the device's own too */
    struct {
        gpa_t gpa;
        uint32_t length;
    } pieces[RING_SEGMENTS]; /* of memory that the back end writes */
};

struct virtio_device;

struct virtio_ops {
    struct device_ops device; /* the record is always struct virtio_state */
    uint32_t id;
    unsigned n_queues;
    struct {
        uint16_t size, most; /* `most` requests are under way at a time, so that one queue does not starve the other */
        bool lasting;        /* they may take for ever, end in order and only read memory: a save does not wait */
    } queues[VIRTIO_QUEUES];
    /* There may be something in a queue, or room for more requests. */
    void (*queue)(struct virtio_device *d, unsigned queue);
    /* A request has ended: bytes done, at most r->bytes, or a negative errno. *r is free afterwards. */
    void (*answered)(struct virtio_device *d, const struct virtio_request *r, int64_t result);
};

struct virtio_device {
    struct virtio_state state; /* first: device.h */
    const struct virtio_ops *ops;
    uint64_t features; /* offered */
    uint32_t config_bytes;
    struct gmem *memory;
    struct backend *backend;
    struct irq_line line;
    bool kick;                /* the back end is to be woken when the batch is over */
    bool calling_back;        /* what could wait for ever was called back, and is taken anew later */
    bool forgetting;          /* a reset: what comes back is nobody's any more */
    bool saved;               /* the record was made of `state`: virtio_saved() is to undo what that took */
    bool ended;               /* a stream has come to its end: there is nothing to be asked for any more */
    const char *fault;        /* why it needs a reset; NULL. For people */
    struct virtq_chain chain; /* what virtio_next() took */
    uint16_t under_way[VIRTIO_QUEUES];
    uint16_t free[VIRTIO_REQUESTS], n_free;
    struct virtio_request requests[VIRTIO_REQUESTS];
};

/* *d is zeros. `memory`, `backend` and what `line` names live as long as the device. */
void virtio_init(struct virtio_device *d, const struct virtio_ops *ops, struct gmem *memory, struct backend *backend,
                 const struct irq_line *line);

/* ---- for the bus (virtio_mmio.c): 4.2.2. Offsets below VIRTIO_MMIO_BYTES. ---- */
uint64_t virtio_mmio_read(void *device, uint64_t offset, unsigned size);
void virtio_mmio_write(void *device, uint64_t offset, unsigned size, uint64_t value);

/* ---- for the transport ---- */
void virtio_set_status(struct virtio_device *d, uint32_t status);
void virtio_notified(struct virtio_device *d, uint32_t queue);
void virtio_acknowledge(struct virtio_device *d, uint32_t interrupts);

/* ---- for the machine ---- */
/* Answers are taken. Cheap when there are none. */
void virtio_poll(struct virtio_device *d);
/* The machine goes on, saved or not: what was called back is asked for again. */
void virtio_saved(struct virtio_device *d);
/* The device's configuration is another: n bytes at `at`. The driver is told. */
void virtio_config_changed(struct virtio_device *d, uint32_t at, const void *bytes, uint32_t n);

/* ---- for devices ---- */
/* The next chain of a queue, in d->chain, when there is one and a request can be made of it. */
bool virtio_next(struct virtio_device *d, unsigned queue);
/* A request about d->chain, whose `length` bytes from `skip` on (of what may be written for RING_READ, of what may be
 * read for RING_WRITE; none for others) are to be filled or sent. NULL: it has too many pieces, or they are too short.
 * `range`: of RING_DISCARD and RING_ZERO. */
struct virtio_submission {
    enum ring_operation operation;
    uint8_t kind;
    uint32_t skip, length;
    uint64_t argument, offset, range;
};
struct virtio_request *virtio_submit(struct virtio_device *d, unsigned queue, const struct virtio_submission *s);
/* A chain is done with. */
void virtio_use(struct virtio_device *d, unsigned queue, uint16_t head, uint32_t written);
void virtio_fault(struct virtio_device *d, const char *why);
/* device_ops of all of them. */
void virtio_reset(void *device);
int virtio_check(const void *state, const char **why);
void virtio_loaded(void *device);
int virtio_saving(void *device); /* -EPIPE: its back end is gone, and with it what it was doing */
#define VIRTIO_DEVICE_OPS(device_name)                                                                                 \
    {                                                                                                                  \
        .name = device_name, .version = 1, .state_bytes = sizeof(struct virtio_state), .reset = virtio_reset,          \
        .check = virtio_check, .loaded = virtio_loaded, .saving = virtio_saving                                        \
    }

static inline bool virtio_accepted(const struct virtio_device *d, uint64_t feature)
{
    return d->state.accepted & feature;
}

#endif
