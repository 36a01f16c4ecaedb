/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a PC's firmware is told: files of fw_cfg (map of memory, ACPI tables with the orders for them, the display's
 * option ROM), and the bytes of CMOS that a setup program would have left. All of it is of the machine's own making, or
 * its owner's; nothing is the guest's. No libc but mem*.
 */
#include "machine/boot.h"
#include "machine/dev/acpi_loader.h"
#include "machine/machine.h"
#include "machine/pc.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { CMOS_SHUTDOWN = 0xf, CMOS_FLOPPIES = 0x10, CMOS_EQUIPMENT = 0x14, CMOS_BOOT_THIRD = 0x38, CMOS_BOOT = 0x3d };
enum { EQUIPMENT_FLOPPY = 1, EQUIPMENT_FPU = 2, EQUIPMENT_MOUSE = 4, EQUIPMENT_FLOPPIES_SHIFT = 6 };
enum { BOOT_FLOPPY = 1, BOOT_DISK = 2, BOOT_CDROM = 3 };
enum { E820_RAM = 1, E820_BYTES = 20 };

/* u16: nobody is asked for F12 and waited for. */
static const uint8_t no_menu[2] = {0, 0};

/* ---- CMOS -------------------------------------------------------------------------------------------------------- */

static void set_floppies(struct rtc *r, const struct pc_setup *s)
{
    unsigned n = 0;
    for (unsigned i = 0; i < PC_FLOPPIES; i++)
        n += s->floppy_types[i] != FDC_NONE;
    rtc_set_byte(r, CMOS_FLOPPIES, (uint8_t)(s->floppy_types[0] << 4 | s->floppy_types[1]));
    rtc_set_byte(r, CMOS_EQUIPMENT,
                 (uint8_t)(EQUIPMENT_FPU | EQUIPMENT_MOUSE |
                           (n > 0 ? EQUIPMENT_FLOPPY | (n - 1) << EQUIPMENT_FLOPPIES_SHIFT : 0)));
}

static unsigned boot_device(char letter)
{
    switch (letter) {
    case 'a':
        return BOOT_FLOPPY;
    case 'c':
        return BOOT_DISK;
    case 'd':
        return BOOT_CDROM;
    }
    return 0;
}

/* Three places of four bits: the first and the second in one byte, the third in another's upper half. */
static void set_boot_order(struct rtc *r, const char *letters)
{
    unsigned order = 0, n = 0;
    for (; letters != NULL && *letters != '\0' && n < 3; letters++) {
        if (boot_device(*letters) != 0)
            order |= boot_device(*letters) << 4 * n++;
    }
    rtc_set_byte(r, CMOS_BOOT, (uint8_t)order);
    rtc_set_byte(r, CMOS_BOOT_THIRD, (uint8_t)(order >> 8 << 4));
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

static uint32_t memory_map(const struct machine *m, uint8_t *out, uint32_t room)
{
    const uint32_t type = E820_RAM;
    uint32_t used = 0;
    for (unsigned i = 0; i < m->memory.n && room - used >= E820_BYTES; i++) {
        const struct gmem_region *region = &m->memory.regions[i];
        memcpy(out + used, &region->base, 8);
        memcpy(out + used + 8, &region->bytes, 8);
        memcpy(out + used + 16, &type, 4);
        used += E820_BYTES;
    }
    return used;
}

static int add_tables(struct pc *pc, struct fwcfg *f)
{
    struct acpi_facts facts;
    struct acpi_notes notes;
    boot_acpi_facts(pc->machine, &facts);
    uint32_t tables = acpi_build_movable(pc->acpi, sizeof(pc->acpi), &facts, &notes);
    uint32_t orders = acpi_loader(pc->loader, sizeof(pc->loader), &notes);
    int r;
    if (tables == 0 || orders == 0)
        return -ENOSPC;
    if ((r = fwcfg_add(f, ACPI_LOADER_RSDP, pc->acpi, ACPI_RSDP_BYTES)) != 0 ||
        (r = fwcfg_add(f, ACPI_LOADER_FILE, pc->acpi + ACPI_TABLES_AT, tables - ACPI_TABLES_AT)) != 0)
        return r;
    return fwcfg_add(f, "etc/table-loader", pc->loader, orders);
}

int pc_firmware(struct pc *pc)
{
    const struct pc_setup *s = pc->setup;
    struct machine *m = pc->machine;
    int r;
    rtc_set_byte(&m->rtc, CMOS_SHUTDOWN, 0);
    set_floppies(&m->rtc, s);
    set_boot_order(&m->rtc, s->boot);
    if (s->firmware == NULL)
        return 0;
    if ((r = fwcfg_add(&m->fwcfg, "etc/e820", pc->e820, memory_map(m, pc->e820, sizeof(pc->e820)))) != 0 ||
        (r = fwcfg_add(&m->fwcfg, "etc/show-boot-menu", no_menu, sizeof(no_menu))) != 0 ||
        (r = add_tables(pc, &m->fwcfg)) != 0)
        return r;
    if (s->display_firmware == NULL)
        return 0;
    return fwcfg_add(&m->fwcfg, "vgaroms/vgabios.bin", s->display_firmware, s->display_firmware_bytes);
}
