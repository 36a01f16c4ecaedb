/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders to a PC's firmware about tables that it is to lay where it likes: fw_cfg's file etc/table-loader, as QEMU has
 * it (hw/acpi/bios-linker-loader.c). An order is 128 bytes: a little-endian number, names of files, offsets. Pure.
 */
#ifndef MOAT_MACHINE_DEV_ACPI_LOADER_H
#define MOAT_MACHINE_DEV_ACPI_LOADER_H

#include "machine/dev/acpi.h"

#define ACPI_LOADER_ORDER 128u
#define ACPI_LOADER_RSDP  "etc/acpi/rsdp"
#define ACPI_LOADER_FILE  "etc/acpi/tables"

/* The orders for what acpi_build_movable() wrote, given as two files: the first ACPI_RSDP_BYTES, and all from
 * ACPI_TABLES_AT on. Bytes used, or 0: no room. */
uint32_t acpi_loader(uint8_t *out, uint32_t room, const struct acpi_notes *notes);

#endif
