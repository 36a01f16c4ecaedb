/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's firmware configuration (docs/specs/fw_cfg.rst) at ports 0x510 and 0x511: items by number, and files by name,
 * read byte by byte. SeaBIOS has from it the map of memory, tables, and the display's firmware.
 */
#ifndef MOAT_MACHINE_DEV_FWCFG_H
#define MOAT_MACHINE_DEV_FWCFG_H

#include "machine/bus.h"
#include "machine/device.h"

#define FWCFG_FILES 16u

struct fwcfg_state {
    uint16_t selected;
    uint8_t zero8[2];
    uint32_t offset;
};

struct fwcfg {
    struct fwcfg_state state;
    uint64_t ram_bytes;
    uint16_t processors;
    bool no_display; /* SeaBIOS then shows the screen on the first serial port as well */
    struct fwcfg_file {
        const char *name; /* shorter than 56 characters */
        const void *bytes;
        uint32_t n;
    } files[FWCFG_FILES]; /* both borrowed; sorted by name, as the directory is */
    unsigned n_files;
};

int fwcfg_init(struct fwcfg *f, struct bus *ports, uint64_t ram_bytes, uint16_t processors);
/* Before the machine runs. -ENOSPC. */
int fwcfg_add(struct fwcfg *f, const char *name, const void *bytes, uint32_t n);

extern const struct device_ops fwcfg_ops;

#endif
