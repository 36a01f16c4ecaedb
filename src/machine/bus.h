/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two buses: ports, and memory-mapped registers. A range belongs to one device; who reads where nobody is gets all
 * ones, and who writes is ignored. Devices are registered before the machine runs. No libc but mem*.
 */
#ifndef MOAT_MACHINE_BUS_H
#define MOAT_MACHINE_BUS_H

#include <stdbool.h>
#include <stdint.h>

struct bus_range {
    uint64_t base, length;
    const char *name; /* for --debug */
    void *device;
    /* offset is from base, offset + size <= length; size 1, 2, 4, 8 (ports: to 4). What the device does not know is
     * all ones and ignored. */
    uint64_t (*read)(void *device, uint64_t offset, unsigned size);
    void (*write)(void *device, uint64_t offset, unsigned size, uint64_t value);
    /* Many at once, or NULL: of ports `count` accesses to the one at offset, of registers to one after the other, each
     * as above. Answers how many were done; ends behind the one that raised an interrupt or the like; 0: one by one. */
    uint32_t (*read_many)(void *device, uint64_t offset, unsigned size, void *bytes, uint32_t count);
    uint32_t (*write_many)(void *device, uint64_t offset, unsigned size, const void *bytes, uint32_t count);
};

#define BUS_RANGES_MAX 64

struct bus {
    struct bus_range ranges[BUS_RANGES_MAX]; /* sorted by base */
    unsigned n;
    unsigned recent; /* the range that was found last: data registers are read thousands of times in a row */
    /* Nobody is there: --debug's line. May be NULL. */
    void (*unassigned)(void *owner, bool write, uint64_t address, unsigned size, uint64_t value);
    void *owner;
};

/* 0, -EINVAL (overlap, empty), -ENOSPC. */
int bus_add(struct bus *b, const struct bus_range *range);
/* An access that begins in one range and ends in another, or in none, is done byte by byte. */
uint64_t bus_read(struct bus *b, uint64_t address, unsigned size);
void bus_write(struct bus *b, uint64_t address, unsigned size, uint64_t value);
/* `count` accesses of `size` that lie in `span` bytes from address on (of a port: size; of registers: size * count).
 * 0 where the device does not take many. */
uint32_t bus_read_many(struct bus *b, uint64_t address, uint64_t span, unsigned size, void *bytes, uint32_t count);
uint32_t bus_write_many(struct bus *b, uint64_t address, uint64_t span, unsigned size, const void *bytes,
                        uint32_t count);

#endif
