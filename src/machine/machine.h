/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine: memory, two buses, the devices of a small PC, one processor, and the loop that runs it.
 *
 *   machine_init()    devices at their places; memory is there already (memory_host.c)
 *   machine_add_*()   further devices, before it runs
 *   boot_load()       kernel and tables in memory, registers as its entry wants them (boot.h)
 *   machine_run()     until it ends; again after machine_stop(). A PC with firmware begins anew at a reset (pc.h)
 *   machine_save(), machine_load()   all of its state but memory, as records
 *
 * All is done on the thread that calls machine_run(); only machine_stop() comes from others. The machine never waits,
 * opens or reads anything itself: it asks its host. No libc but mem*.
 */
#ifndef MOAT_MACHINE_MACHINE_H
#define MOAT_MACHINE_MACHINE_H

#include "cpu/lapic.h"
#include "machine/bus.h"
#include "machine/clock.h"
#include "machine/dev/fwcfg.h"
#include "machine/dev/ioapic.h"
#include "machine/dev/pic.h"
#include "machine/dev/pit.h"
#include "machine/dev/power.h"
#include "machine/dev/rtc.h"
#include "machine/dev/testdev.h"
#include "machine/dev/uart.h"
#include "machine/device.h"
#include "machine/gmem.h"
#include "machine/vcpu.h"

#define MACHINE_RAM_MIN   (UINT64_C(4) << 20)
#define MACHINE_RAM_MAX   (UINT64_C(1) << 40)
#define MACHINE_LOW_MAX   (UINT64_C(3) << 30) /* what is more begins at 4 GiB */
#define MACHINE_HIGH_BASE (UINT64_C(4) << 30)

#define VIRTIO_SLOTS  8u
#define VIRTIO_BASE   UINT64_C(0xfeb00000)
#define VIRTIO_STRIDE 0x1000u
#define VIRTIO_GSI    16u

#define DEVICES_MAX 40u
#define IOAPIC_ID   1u

enum machine_kind { MACHINE_MICRO, MACHINE_KUT, MACHINE_PC };

enum machine_end {
    MACHINE_RUNS, /* it could go on */
    MACHINE_POWEROFF,
    MACHINE_RESET, /* the guest wants to begin anew */
    MACHINE_PANIC, /* the guest's kernel says that it has failed, by pvpanic, or on a serial port before a reset */
    MACHINE_TRIPLE_FAULT,
    MACHINE_DEBUG_EXIT, /* exit_value << 1 | 1 is QEMU's status */
    MACHINE_FAILED,     /* the engine: vcpu.ops->failure() */
};

struct machine_host {
    void *owner;
    /* Sleeps until something has come for the machine, or ns nanoseconds are over (NEVER: only the former), or
     * machine_stop() was called. May return early. */
    void (*wait)(void *owner, uint64_t ns);
    /* Between slices of the processor's time: what others have put into rings. May be NULL. Costs little when there is
     * nothing. */
    void (*poll)(void *owner);
    bool (*random)(void *owner, uint64_t *value);
    /* --debug: something that a guest did and that has no effect. May be NULL. */
    void (*note)(void *owner, const char *what, uint64_t number, uint64_t value);
};

struct machine_setup {
    enum machine_kind kind;
    struct cpu_model model; /* tsc_hz is the counter's rate */
    const struct vcpu_ops *engine;
    uint64_t wall_ns; /* since 1970, now */
    struct machine_host host;
    struct pc *pc; /* MACHINE_PC: memory for it, all 0 (pc.h), and how it is to be; both stay the caller's */
    const struct pc_setup *pc_setup;
};

struct machine {
    struct gmem memory;
    struct bus ports, registers;
    struct clock clock;
    struct timers timers;
    struct lapic lapic;
    struct timer lapic_timer;
    struct pic pic;
    struct ioapic ioapic;
    struct pit pit;
    struct rtc rtc;
    struct uart uart[2];
    struct power power;
    struct testdev testdev; /* kind kut */
    struct fwcfg fwcfg;
    struct pc *pc; /* NULL: it is none */

    struct machine_host host;
    struct vcpu *vcpu;
    enum machine_kind kind;
    uint64_t ram_bytes;
    unsigned n_virtio, n_devices;
    uint64_t loaded; /* which records have come: a bit for each device, and the processor's behind them */
    struct machine_device {
        const struct device_ops *ops;
        void *device;
        uint32_t number; /* of its kind */
    } devices[DEVICES_MAX];

    enum machine_end end;
    uint32_t exit_value;  /* MACHINE_DEBUG_EXIT */
    uint32_t stop;        /* atomic */
    bool begin_anew;      /* what the guest or somebody outside wants, before the next instruction */
    bool intr;            /* the processor's line, as it was set last */
    uint64_t slice_until; /* about when the processor comes back */
    char why[160];        /* machine_init() failed since there is no such processor here: what is missing */
};

/* Where `bytes` of RAM (whole pages) lie: regions without `host`, to be mapped and given to gmem_add(). How many: 1, 2.
 */
unsigned machine_memory_layout(uint64_t bytes, struct gmem_region regions[2]);

/* m->memory has been filled (all else is 0). 0, -EINVAL, or what the engine's create() returns. */
int machine_init(struct machine *m, const struct machine_setup *setup);
void machine_finish(struct machine *m);

/* A device whose state is saved with the others. -ENOSPC. */
int machine_add_device(struct machine *m, const struct device_ops *ops, void *device);
/* A virtio device's registers in the next slot, and its interrupt line. */
int machine_add_virtio(struct machine *m, void *device, uint64_t (*read)(void *device, uint64_t offset, unsigned size),
                       void (*write)(void *device, uint64_t offset, unsigned size, uint64_t value),
                       const struct device_ops *ops, struct irq_line *irq);

/* MACHINE_RUNS: machine_stop() was called. */
enum machine_end machine_run(struct machine *m);
/* From any thread or signal handler. wait() must return as well. */
void machine_stop(struct machine *m);
/* All devices and the processor as after power-on, memory as it is. Not from within a device: machine_end() with
 * MACHINE_RESET, which of a PC with firmware is this. */
void machine_reset(struct machine *m);
/* From a device: the machine ends as `end`. The first holds. */
void machine_end(struct machine *m, enum machine_end end);

/* An interrupt line by its number. */
void machine_set_line(void *machine, unsigned gsi, bool up);

/* One record after the other, the clock's first and the processor's ("cpu", struct vcpu_state) last. put() returns 0,
 * or an error that ends it. */
int machine_save(struct machine *m, void *owner,
                 int (*put)(void *owner, const char *name, uint32_t number, uint32_t version, const void *bytes,
                            uint32_t n));
/* One record, in the order of machine_save(). 0, -ENOENT (no such device here), -EINVAL: *why is a constant sentence.
 */
int machine_load(struct machine *m, const char *name, uint32_t number, uint32_t version, const void *bytes, uint32_t n,
                 const char **why);
/* After the last one. -EINVAL: one is missing, and this is no machine to go on with. */
int machine_loaded(struct machine *m);

#endif
