/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a whole PC has beyond a machine.h's few devices: firmware, PCI, display, keyboard and mouse, DMA, floppy and IDE
 * controllers; and its map of memory: what the processor sees below 1 MiB is RAM, ROM or the display's window, as the
 * 440FX's PAM registers say, and bit 20 of an address is what the A20 gate makes of it.
 *
 * machine_init() makes it of machine_setup.pc: all is there from the start, whether a disk is in or not. With firmware
 * the machine begins at the reset vector, and anew at each reset (machine_reset()). Without one a kernel is entered
 * (boot.h).
 */
#ifndef MOAT_MACHINE_PC_H
#define MOAT_MACHINE_PC_H

#include "machine/dev/dma.h"
#include "machine/dev/fdc.h"
#include "machine/dev/fwcfg.h"
#include "machine/dev/i8042.h"
#include "machine/dev/ide.h"
#include "machine/dev/medium.h"
#include "machine/dev/pci.h"
#include "machine/dev/vga.h"
#include "machine/typist.h"

#define PC_FLOPPIES 2u
#define PC_DISKS    4u /* of both channels: 0 and 1 are hda and hdb, 2 is the CD-ROM, 3 nothing yet */

struct machine;

struct pc_state {
    uint8_t a20;    /* the gate is open */
    uint8_t port92; /* what is kept of it: all but the gate */
    uint8_t zero8[6];
};

struct pc_setup {
    uint8_t *firmware; /* page-aligned, mapped for good; NULL: a kernel is entered without one */
    uint32_t firmware_bytes;
    const uint8_t *display_firmware; /* the VGA's option ROM; NULL: none */
    uint32_t display_firmware_bytes;
    const char *boot; /* letters in order: a floppy, c disk, d CD-ROM */
    struct medium *floppies[PC_FLOPPIES];
    enum fdc_drive_type floppy_types[PC_FLOPPIES];
    struct medium *disks[PC_DISKS];
    enum ide_kind disk_kinds[PC_DISKS];
    void (*debug)(void *owner, uint8_t byte); /* ports 0x402 and 0xe9; NULL: lost */
    void *owner;
    bool debug_exit; /* port 0xf4 ends the machine (QEMU's isa-debug-exit) */
};

struct pc {
    struct pc_state state;
    struct pci pci;
    struct vga vga;
    struct i8042 keyboard;
    struct dma dma;
    struct fdc floppy;
    struct ide ide[2];
    struct typist typist;
    const struct pc_setup *setup;
    struct machine *machine;
    struct gmem view; /* what the processor sees */
    uint8_t e820[20 * 8], acpi[16384], loader[128 * 32];
};

struct machine;

/* machine.c's: all devices at their places, m->pc and pc->setup being there already; and into the list of what is
 * saved. 0 or -errno. */
int pc_init(struct pc *pc, struct machine *m);
int pc_list(struct pc *pc);
/* With firmware a reset is no end. */
bool pc_begins_anew(const struct pc *pc);
/* A write waits for room on the host: nothing is computed meanwhile. */
bool pc_stalled(const struct pc *pc);
/* The map of memory anew. pc_memory.c */
void pc_map(struct pc *pc);
/* What the firmware is told. pc_firmware.c; 0 or -ENOSPC. */
int pc_firmware(struct pc *pc);

#define PC_A20 (UINT64_C(1) << 20)
/* What an address is behind the gate. */
static inline uint64_t pc_address(const struct pc *pc, uint64_t gpa)
{
    return pc->state.a20 ? gpa : gpa & ~PC_A20;
}
void pc_set_a20(struct pc *pc, bool open);

extern const struct device_ops pc_ops; /* of pc_state */

#endif
