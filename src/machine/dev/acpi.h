/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ACPI tables (ACPI 6.4) by which a guest learns of the machine: RSDP, XSDT, FADT with the fixed hardware of
 * power.h, FACS, MADT, and a DSDT in bytecode of our own making. Pure: bytes into a buffer.
 */
#ifndef MOAT_MACHINE_DEV_ACPI_H
#define MOAT_MACHINE_DEV_ACPI_H

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
};

/* Writes the tables for guest-physical address `base`, where the RSDP comes first. Bytes used, or 0: no room. */
uint32_t acpi_build(uint8_t *out, uint32_t room, uint64_t base, const struct acpi_facts *facts);

#endif
