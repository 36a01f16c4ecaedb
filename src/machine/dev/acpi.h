/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ACPI tables (ACPI 6.4) by which a guest learns of the machine: RSDP, XSDT, FADT with the fixed hardware of
 * power.h, FACS, MADT, and a DSDT in bytecode of our own making. Pure: bytes into a buffer.
 *
 * A PC's (facts.pc) have an RSDT besides for those who know no XSDT, and a PCI bus with the devices of ISA behind it.
 * Its firmware chooses where they lie, and is told what to change then (acpi_loader.h).
 */
#ifndef MOAT_MACHINE_DEV_ACPI_H
#define MOAT_MACHINE_DEV_ACPI_H

#include <stdbool.h>
#include <stdint.h>

struct acpi_facts {
    uint32_t processors;
    uint32_t lapic_base, ioapic_base, ioapic_id;
    struct acpi_virtio { /* virtio-mmio devices: registers, and a level-triggered interrupt */
        uint32_t base, bytes, gsi;
    } virtio[8];
    unsigned n_virtio;
    struct acpi_serial {
        uint16_t port;
        uint8_t irq;
    } serial[2];
    unsigned n_serial;
    bool pc;
    uint32_t pc_window; /* memory of PCI devices may lie from here on: behind RAM */
};

#define ACPI_TABLES_AT  64u /* the tables' place from the RSDP on; they are aligned to as much */
#define ACPI_POINTERS   16u
#define ACPI_CHECKSUMS  8u
#define ACPI_RSDP_BYTES 36u

/* What changes with the tables' place. Offsets are from the RSDP on. */
struct acpi_notes {
    struct acpi_pointer { /* to somewhere in the tables, as an offset in them */
        uint32_t at;
        uint8_t bytes; /* 4, 8 */
    } pointers[ACPI_POINTERS];
    struct acpi_checksum { /* of bytes whose sum is to be 0: after the pointers, in this order */
        uint32_t at, from, bytes;
    } checksums[ACPI_CHECKSUMS];
    unsigned n_pointers, n_checksums;
};

/* Writes the tables for guest-physical address `base`, where the RSDP comes first. Bytes used, or 0: no room. */
uint32_t acpi_build(uint8_t *out, uint32_t room, uint64_t base, const struct acpi_facts *facts);
/* The same for a place that is not known yet: each pointer is an offset in the tables, and is noted. */
uint32_t acpi_build_movable(uint8_t *out, uint32_t room, const struct acpi_facts *facts, struct acpi_notes *notes);

#endif
