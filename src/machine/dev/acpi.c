/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our tables, one after the other behind the RSDP, aligned to 64 bytes. Pure; section numbers are of ACPI 6.4.
 */
#include "machine/dev/acpi.h"

#include "machine/dev/aml.h"
#include "machine/dev/power.h"

#include <stddef.h>
#include <string.h>

#define ALIGN      64u
#define FACS_BYTES 64u
#define FADT_BYTES 276u /* revision 6 */

#define PC_WINDOW_LAST 0xfeafffffu /* virtio's registers, interrupt controllers and firmware lie behind it */

static uint8_t sum(const uint8_t *bytes, uint32_t n)
{
    uint8_t s = 0;
    for (uint32_t i = 0; i < n; i++)
        s += bytes[i];
    return (uint8_t)-s;
}

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
    memcpy(at, &value, bytes);
}

/* Where the tables will lie, and who wants to know what depends on it (NULL: nobody). */
struct place {
    uint64_t base;
    struct acpi_notes *notes;
};

static void point(struct aml *a, const struct place *p, uint32_t at, uint32_t to, uint8_t bytes)
{
    put(a->bytes + at, p->base + to, bytes);
    if (p->notes != NULL && p->notes->n_pointers < ACPI_POINTERS)
        p->notes->pointers[p->notes->n_pointers++] = (struct acpi_pointer){at, bytes};
}

static void note_checksum(const struct place *p, uint32_t at, uint32_t from, uint32_t bytes)
{
    if (p->notes != NULL && p->notes->n_checksums < ACPI_CHECKSUMS)
        p->notes->checksums[p->notes->n_checksums++] = (struct acpi_checksum){at, from, bytes};
}

static void align(struct aml *a)
{
    while (a->used % ALIGN != 0 && !a->full)
        aml_byte(a, 0);
}

/* 5.2.6; length and checksum come at the end. */
static uint32_t begin_table(struct aml *a, const char *signature, uint8_t revision)
{
    align(a);
    uint32_t at = a->used;
    aml_bytes(a, signature, 4);
    aml_long(a, 0);
    aml_byte(a, revision);
    aml_byte(a, 0);
    aml_bytes(a, "MOAT  ", 6);
    aml_bytes(a, "MACHINE ", 8);
    aml_long(a, 1);
    aml_bytes(a, "MOAT", 4);
    aml_long(a, 1);
    return at;
}

static void end_table(struct aml *a, uint32_t at)
{
    if (a->full)
        return;
    put(a->bytes + at + 4, a->used - at, 4);
    a->bytes[at + 9] = 0;
    a->bytes[at + 9] = sum(a->bytes + at, a->used - at);
}

/* Of a table with pointers in it. */
static void end_table_noted(struct aml *a, const struct place *p, uint32_t at)
{
    end_table(a, at);
    note_checksum(p, at + 9, at, a->used - at);
}

/* ---- DSDT -------------------------------------------------------------------------------------------------------- */

/* "VR00", "VR01" ... */
static void number_name(char name[5], const char *prefix, unsigned n)
{
    name[0] = prefix[0];
    name[1] = prefix[1];
    name[2] = (char)('0' + n / 10);
    name[3] = (char)('0' + n % 10);
    name[4] = '\0';
}

static void serial_device(struct aml *a, unsigned n, const struct acpi_serial *s)
{
    char name[5];
    number_name(name, "CO", n);
    uint32_t device = aml_begin_device(a, name);
    aml_name(a, "_HID");
    aml_eisa_id(a, "PNP0501");
    aml_name(a, "_UID");
    aml_integer(a, n + 1);
    struct aml_resources r = aml_begin_resources(a);
    aml_io(a, s->port, 8);
    aml_isa_irq(a, s->irq);
    aml_end_resources(a, r);
    aml_end(a, device);
}

static void clock_device(struct aml *a)
{
    uint32_t device = aml_begin_device(a, "RTC");
    aml_name(a, "_HID");
    aml_eisa_id(a, "PNP0B00");
    struct aml_resources r = aml_begin_resources(a);
    aml_io(a, 0x70, 2);
    aml_isa_irq(a, 8);
    aml_end_resources(a, r);
    aml_end(a, device);
}

static void panic_device(struct aml *a)
{
    uint32_t device = aml_begin_device(a, "PEVT");
    aml_name(a, "_HID");
    aml_string(a, "QEMU0001");
    struct aml_resources r = aml_begin_resources(a);
    aml_memory(a, (uint32_t)PANIC_BASE, 2);
    aml_end_resources(a, r);
    aml_end(a, device);
}

static void virtio_device(struct aml *a, unsigned n, const struct acpi_virtio *v)
{
    char name[5];
    number_name(name, "VR", n);
    uint32_t device = aml_begin_device(a, name);
    aml_name(a, "_HID");
    aml_string(a, "LNRO0005");
    aml_name(a, "_UID");
    aml_integer(a, n);
    aml_name(a, "_CCA");
    aml_integer(a, 1);
    struct aml_resources r = aml_begin_resources(a);
    aml_memory(a, v->base, v->bytes);
    aml_interrupt(a, v->gsi);
    aml_end_resources(a, r);
    aml_end(a, device);
}

/* ---- A PC's ------------------------------------------------------------------------------------------------------ */

struct isa_ports {
    uint16_t base;
    uint8_t bytes; /* 0: no more */
};

#define NO_IRQ 0xffu
#define NO_DMA 0xffu

/* What has its place since the first PCs. The serial ports and the clock are there besides. */
static const struct isa_device {
    const char *name, *id;
    struct isa_ports ports[4];
    uint8_t irq, dma;
} isa_devices[] = {
    {"PIC", "PNP0000", {{0x20, 2}, {0xa0, 2}, {0x4d0, 2}}, 2, NO_DMA},
    {"TMR", "PNP0100", {{0x40, 4}}, 0, NO_DMA},
    {"DMAC", "PNP0200", {{0x00, 16}, {0x81, 15}, {0xc0, 32}}, NO_IRQ, 4},
    {"SPKR", "PNP0800", {{0x61, 1}}, NO_IRQ, NO_DMA},
    {"FPU", "PNP0C04", {{0xf0, 1}}, 13, NO_DMA},
    {"KBD", "PNP0303", {{0x60, 1}, {0x64, 1}}, 1, NO_DMA},
    {"MOU", "PNP0F13", {{0}}, 12, NO_DMA},
    {"FDC0", "PNP0700", {{0x3f0, 6}, {0x3f7, 1}}, 6, 2},
};

static void isa_device(struct aml *a, const struct isa_device *d)
{
    uint32_t device = aml_begin_device(a, d->name);
    aml_name(a, "_HID");
    aml_eisa_id(a, d->id);
    struct aml_resources r = aml_begin_resources(a);
    for (unsigned i = 0; i < sizeof(d->ports) / sizeof(d->ports[0]) && d->ports[i].bytes > 0; i++)
        aml_io(a, d->ports[i].base, d->ports[i].bytes);
    if (d->irq != NO_IRQ)
        aml_isa_irq(a, d->irq);
    if (d->dma != NO_DMA)
        aml_isa_dma(a, d->dma);
    aml_end_resources(a, r);
    aml_end(a, device);
}

static void old_devices(struct aml *a, const struct acpi_facts *f)
{
    for (unsigned i = 0; i < f->n_serial; i++)
        serial_device(a, i, &f->serial[i]);
    clock_device(a);
}

/* PCI's address of a device behind the bus: its number and function. */
static uint32_t begin_function(struct aml *a, const char *name, uint32_t device, uint32_t function)
{
    uint32_t begun = aml_begin_device(a, name);
    aml_name(a, "_ADR");
    aml_integer(a, device << 16 | function);
    return begun;
}

static void pci_resources(struct aml *a, const struct acpi_facts *f)
{
    struct aml_resources r = aml_begin_resources(a);
    aml_bus_numbers(a, 0, 0xff);
    aml_io(a, 0xcf8, 8);
    aml_io_window(a, 0, 0xcf7);
    aml_io_window(a, 0xd00, 0xffff);
    aml_memory_window(a, 0xa0000, 0xbffff);
    aml_memory_window(a, f->pc_window, PC_WINDOW_LAST);
    aml_end_resources(a, r);
}

static void pci_bus(struct aml *a, const struct acpi_facts *f)
{
    uint32_t bus = aml_begin_device(a, "PCI0");
    aml_name(a, "_HID");
    aml_eisa_id(a, "PNP0A03");
    aml_name(a, "_UID");
    aml_integer(a, 0);
    aml_name(a, "_BBN");
    aml_integer(a, 0);
    pci_resources(a, f);
    aml_name(a, "_PRT"); /* nobody has an interrupt line */
    aml_end(a, aml_begin_package(a, 0));
    uint32_t isa = begin_function(a, "ISA", 1, 0);
    for (unsigned i = 0; i < sizeof(isa_devices) / sizeof(isa_devices[0]); i++)
        isa_device(a, &isa_devices[i]);
    old_devices(a, f);
    aml_end(a, isa);
    aml_end(a, bus);
}

/* ---- All of it --------------------------------------------------------------------------------------------------- */

static uint32_t dsdt(struct aml *a, const struct acpi_facts *f)
{
    const uint32_t off = f->pc ? POWER_SLEEP_SOFT_OFF : POWER_SLEEP_S5;
    uint32_t at = begin_table(a, "DSDT", 2), scope = aml_begin_scope(a, "_SB_");
    if (f->pc)
        pci_bus(a, f);
    else
        old_devices(a, f);
    panic_device(a);
    for (unsigned i = 0; i < f->n_virtio; i++)
        virtio_device(a, i, &f->virtio[i]);
    aml_end(a, scope);
    aml_name(a, "_S5"); /* the table's own scope is the root */
    uint32_t package = aml_begin_package(a, 4);
    aml_integer(a, off);
    aml_integer(a, off);
    aml_integer(a, 0);
    aml_integer(a, 0);
    aml_end(a, package);
    end_table(a, at);
    return at;
}

/* ---- FADT, FACS, MADT -------------------------------------------------------------------------------------------- */

static uint32_t facs(struct aml *a)
{
    align(a);
    uint32_t at = a->used;
    aml_bytes(a, "FACS", 4);
    aml_long(a, FACS_BYTES);
    while (a->used < at + FACS_BYTES && !a->full)
        aml_byte(a, a->used == at + 32 ? 2 : 0); /* its version */
    return at;
}

/* 5.2.3.2 */
static void io_address(uint8_t *at, uint16_t port, uint8_t bits, uint8_t access)
{
    at[0] = 1; /* ports */
    at[1] = bits;
    at[2] = 0;
    at[3] = access;
    put(at + 4, port, 8);
}

enum { /* 5.2.9, table 5.10 */
       FADT_WBINVD = 1 << 0,
       FADT_PROC_C1 = 1 << 2,
       FADT_NO_SLEEP_BUTTON = 1 << 5,
       FADT_TIMER_32 = 1 << 8,
       FADT_RESET = 1 << 10,
};
enum {
    BOOT_LEGACY_DEVICES = 1 << 0,
    BOOT_8042 = 1 << 1,
    BOOT_NO_VGA = 1 << 2,
    BOOT_NO_MSI = 1 << 3,
    BOOT_NO_ASPM = 1 << 4
};

static uint32_t fadt(struct aml *a, const struct place *p, bool pc, uint32_t facs_at, uint32_t dsdt_at)
{
    uint32_t at = begin_table(a, "FACP", 6);
    while (a->used < at + FADT_BYTES && !a->full)
        aml_byte(a, 0);
    if (a->full)
        return at;
    uint8_t *t = a->bytes + at;
    point(a, p, at + 36, facs_at, 4);
    point(a, p, at + 40, dsdt_at, 4);
    put(t + 46, POWER_IRQ, 2);
    put(t + 56, POWER_PORT_EVENT, 4);
    put(t + 64, POWER_PORT_CONTROL, 4);
    put(t + 76, POWER_PORT_TIMER, 4);
    t[88] = 4;           /* bytes of the event block */
    t[89] = 2;           /* control */
    t[91] = 4;           /* timer */
    put(t + 96, 101, 2); /* C2 and C3 are worse than C1: not there */
    put(t + 98, 1001, 2);
    t[108] = 0x32; /* the clock's century */
    put(t + 109, BOOT_LEGACY_DEVICES | (pc ? BOOT_8042 : BOOT_NO_VGA) | BOOT_NO_MSI | BOOT_NO_ASPM, 2);
    put(t + 112, FADT_WBINVD | FADT_PROC_C1 | FADT_NO_SLEEP_BUTTON | FADT_TIMER_32 | FADT_RESET, 4);
    io_address(t + 116, POWER_PORT_RESET, 8, 1);
    t[128] = POWER_RESET_VALUE;
    t[131] = 4; /* minor version */
    point(a, p, at + 132, facs_at, 8);
    point(a, p, at + 140, dsdt_at, 8);
    io_address(t + 148, POWER_PORT_EVENT, 32, 2);
    io_address(t + 172, POWER_PORT_CONTROL, 16, 2);
    io_address(t + 208, POWER_PORT_TIMER, 32, 3);
    memcpy(t + 268, "MOAT\0\0\0", 8);
    end_table_noted(a, p, at);
    return at;
}

static void override(struct aml *a, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    aml_byte(a, 2);
    aml_byte(a, 10);
    aml_byte(a, 0); /* ISA */
    aml_byte(a, irq);
    aml_long(a, gsi);
    aml_word(a, flags);
}

static uint32_t madt(struct aml *a, const struct acpi_facts *f)
{
    uint32_t at = begin_table(a, "APIC", 5);
    aml_long(a, f->lapic_base);
    aml_long(a, 1); /* there are 8259s as well */
    for (uint32_t i = 0; i < f->processors; i++) {
        aml_byte(a, 0);
        aml_byte(a, 8);
        aml_byte(a, (uint8_t)i);
        aml_byte(a, (uint8_t)i);
        aml_long(a, 1);
    }
    aml_byte(a, 1);
    aml_byte(a, 12);
    aml_byte(a, (uint8_t)f->ioapic_id);
    aml_byte(a, 0);
    aml_long(a, f->ioapic_base);
    aml_long(a, 0);
    override(a, 0, 2, 0);
    override(a, POWER_IRQ, POWER_IRQ, 0xd); /* level, active high */
    aml_byte(a, 4);                         /* LINT1 of all is the NMI pin */
    aml_byte(a, 6);
    aml_byte(a, 0xff);
    aml_word(a, 0);
    aml_byte(a, 1);
    end_table(a, at);
    return at;
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

#define LISTED 2u

/* A table of pointers to others: RSDT, XSDT. */
static uint32_t list(struct aml *a, const struct place *p, const char *signature, const uint32_t to[LISTED],
                     uint8_t bytes)
{
    uint32_t at = begin_table(a, signature, 1);
    for (unsigned i = 0; i < LISTED; i++) {
        for (unsigned k = 0; k < bytes; k++)
            aml_byte(a, 0);
        if (!a->full)
            point(a, p, a->used - bytes, to[i], bytes);
    }
    end_table_noted(a, p, at);
    return at;
}

/* 5.2.5.3. An rsdt of 0: there is none. */
static void rsdp(struct aml *a, const struct place *p, uint32_t rsdt, uint32_t xsdt)
{
    memcpy(a->bytes, "RSD PTR ", 8);
    memcpy(a->bytes + 9, "MOAT  ", 6);
    a->bytes[15] = 2;
    put(a->bytes + 20, ACPI_RSDP_BYTES, 4);
    if (rsdt != 0)
        point(a, p, 16, rsdt, 4);
    point(a, p, 24, xsdt, 8);
    a->bytes[8] = sum(a->bytes, 20);
    note_checksum(p, 8, 0, 20);
    a->bytes[32] = sum(a->bytes, ACPI_RSDP_BYTES);
    note_checksum(p, 32, 0, ACPI_RSDP_BYTES);
}

static uint32_t build(uint8_t *out, uint32_t room, const struct place *p, const struct acpi_facts *f)
{
    struct aml a = {.bytes = out, .room = room};
    while (a.used < ACPI_TABLES_AT && !a.full)
        aml_byte(&a, 0);
    uint32_t facs_at = facs(&a), dsdt_at = dsdt(&a, f), fadt_at = fadt(&a, p, f->pc, facs_at, dsdt_at);
    const uint32_t tables[LISTED] = {fadt_at, madt(&a, f)};
    uint32_t rsdt = f->pc ? list(&a, p, "RSDT", tables, 4) : 0, xsdt = list(&a, p, "XSDT", tables, 8);
    if (a.full)
        return 0;
    rsdp(&a, p, rsdt, xsdt);
    return a.used;
}

uint32_t acpi_build(uint8_t *out, uint32_t room, uint64_t base, const struct acpi_facts *facts)
{
    return build(out, room, &(struct place){.base = base}, facts);
}

uint32_t acpi_build_movable(uint8_t *out, uint32_t room, const struct acpi_facts *facts, struct acpi_notes *notes)
{
    *notes = (struct acpi_notes){.n_pointers = 0};
    return build(out, room, &(struct place){.base = -(uint64_t)ACPI_TABLES_AT, .notes = notes}, facts);
}
