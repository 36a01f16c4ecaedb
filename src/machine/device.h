/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all devices have in common: a name, and a flat record of all that a guest could notice, which is the first
 * member of each device's struct. A snapshot is the list of (name, number, version, bytes) of them.
 */
#ifndef MOAT_MACHINE_DEVICE_H
#define MOAT_MACHINE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device_ops {
    const char *name; /* of the record: never changes */
    uint32_t version; /* of its layout */
    uint32_t state_bytes;
    /* As after power-on. */
    void (*reset)(void *device);
    /* Could a device be in this state? Indices and sizes are checked here, so that nobody has to later. 0 or -EINVAL,
     * *why a constant sentence. */
    int (*check)(const void *state, const char **why);
    /* The state is another now: timers and lines follow. NULL: nothing does. */
    void (*loaded)(void *device);
    /* Before it is saved: what is worked out when asked becomes fields. NULL: nothing is. 0 or -errno: it is no longer
     * known how it stands. */
    int (*saving)(void *device);
};

/* An interrupt line that a device drives. */
struct irq_line {
    void (*set)(void *owner, unsigned number, bool up);
    void *owner;
    unsigned number; /* global system interrupt: ISA's are 0 to 15 */
};

static inline void irq_line_set(const struct irq_line *line, bool up)
{
    if (line->set != NULL)
        line->set(line->owner, line->number, up);
}

#endif
