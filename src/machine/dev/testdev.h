/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kvm-unit-tests find in QEMU: isa-debug-exit at port 0xf4, pc-testdev (ports 0xe0 to 0xeb, interrupt lines at
 * 0x2000, 64 KiB of registers at 0xff000000); and fwcfg.h's. Only a machine of kind `kut` has them.
 */
#ifndef MOAT_MACHINE_DEV_TESTDEV_H
#define MOAT_MACHINE_DEV_TESTDEV_H

#include "machine/bus.h"
#include "machine/dev/fwcfg.h"
#include "machine/device.h"

#define TESTDEV_BYTES 0x10000u

struct testdev_state {
    uint8_t ports[8];
    uint8_t memory[TESTDEV_BYTES];
};

struct testdev {
    struct testdev_state state;
    void (*set_line)(void *owner, unsigned gsi, bool up);
    void (*exit)(void *owner, uint32_t value);
    void *owner;
};

int testdev_init(struct testdev *t, struct bus *ports, struct bus *memory,
                 void (*set_line)(void *owner, unsigned gsi, bool up), void (*exit)(void *owner, uint32_t value),
                 void *owner);
extern const struct device_ops testdev_ops;

#endif
