/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which protocol a kernel speaks, and what both have in common. Writes guest memory through gmem_*, but for files'
 * contents, which are read to where gmem says that they go.
 */
#include "machine/boot.h"

#include "machine/dev/acpi.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define PAGE       UINT64_C(4096)
#define PCI_WINDOW 0x80000000u

uint64_t boot_text_bytes(const char *text)
{
    uint64_t n = 0;
    while (text != NULL && text[n] != '\0')
        n++;
    return n;
}

int boot_copy(struct machine *m, const struct boot_file *f, uint64_t offset, uint64_t n, gpa_t to, uint64_t room,
              const char **why)
{
    unsigned region;
    uint64_t in;
    int r;
    if (room == 0)
        return 0;
    if (offset > f->bytes || n > f->bytes - offset || n > room) {
        *why = "a part of the file is said to lie behind its end";
        return -ENOEXEC;
    }
    if (gmem_locate(&m->memory, to, room, &region, &in) != 0) {
        *why = "the machine has too little memory for it: more is needed, or it wants to lie where there is none";
        return -ENOMEM;
    }
    uint8_t *at = m->memory.regions[region].host + in;
    if (n > 0 && (r = f->read(f->owner, offset, at, n)) != 0) {
        *why = "reading the file failed";
        return r;
    }
    if (room > n)
        memset(at + n, 0, room - n);
    gmem_was_written(&m->memory, to, room);
    return 0;
}

static uint64_t low_bytes(const struct machine *m)
{
    return m->ram_bytes < MACHINE_LOW_MAX ? m->ram_bytes : MACHINE_LOW_MAX;
}

/* A PC's PCI window begins behind RAM, and leaves room for RAM to be seen in one piece. */
void boot_acpi_facts(const struct machine *m, struct acpi_facts *facts)
{
    *facts = (struct acpi_facts){.processors = 1,
                                 .lapic_base = (uint32_t)LAPIC_BASE,
                                 .ioapic_base = (uint32_t)IOAPIC_BASE,
                                 .ioapic_id = IOAPIC_ID,
                                 .n_virtio = m->n_virtio,
                                 .serial = {{0x3f8, 4}, {0x2f8, 3}},
                                 .n_serial = 2,
                                 .pc = m->kind == MACHINE_PC,
                                 .pc_window = low_bytes(m) > PCI_WINDOW ? (uint32_t)MACHINE_LOW_MAX : PCI_WINDOW};
    for (unsigned i = 0; i < m->n_virtio; i++)
        facts->virtio[i] =
            (struct acpi_virtio){(uint32_t)(VIRTIO_BASE + i * VIRTIO_STRIDE), VIRTIO_STRIDE, VIRTIO_GSI + i};
}

int boot_tables(struct machine *m, const char **why)
{
    struct acpi_facts facts;
    unsigned region;
    uint64_t offset;
    boot_acpi_facts(m, &facts);
    if (gmem_locate(&m->memory, BOOT_ACPI, BOOT_ACPI_BYTES, &region, &offset) != 0 ||
        acpi_build(m->memory.regions[region].host + offset, BOOT_ACPI_BYTES, BOOT_ACPI, &facts) == 0) {
        *why = "there is no room for the ACPI tables";
        return -ENOMEM;
    }
    gmem_was_written(&m->memory, BOOT_ACPI, BOOT_ACPI_BYTES);
    return 0;
}

int boot_modules(struct machine *m, const struct boot_setup *setup, gpa_t above, bool joined,
                 struct boot_place places[BOOT_MODULES_MAX], const char **why)
{
    uint64_t align = joined ? 4 : PAGE, all = 0, top = low_bytes(m) & ~(PAGE - 1);
    if (setup->n_initrds > BOOT_MODULES_MAX) {
        *why = "too many initrds: at most 16";
        return -EINVAL;
    }
    for (unsigned i = 0; i < setup->n_initrds; i++) {
        uint64_t n = setup->initrds[i].bytes;
        all = (all + align - 1) & ~(align - 1);
        if (n > MACHINE_LOW_MAX || all > MACHINE_LOW_MAX) {
            *why = "an initrd is larger than 3 GiB";
            return -EFBIG;
        }
        places[i] = (struct boot_place){all, n};
        all += n;
    }
    gpa_t at = all <= top ? (top - all) & ~(PAGE - 1) : 0;
    if (all > 0 && (all > top || at < above)) {
        *why = "the machine has too little memory for the kernel and its initrd: --memory gives more";
        return -ENOMEM;
    }
    for (unsigned i = 0; i < setup->n_initrds; i++) {
        int r = boot_copy(m, &setup->initrds[i], 0, places[i].bytes, at + places[i].at, places[i].bytes, why);
        if (r != 0)
            return r;
        places[i].at += at;
    }
    return 0;
}

enum { RANGE_RAM = 1, RANGE_RESERVED = 2 };

unsigned boot_ranges(const struct machine *m, struct boot_range ranges[BOOT_RANGES_MAX])
{
    uint64_t low = low_bytes(m);
    unsigned n = 0;
    ranges[n++] = (struct boot_range){0, 0x9fc00, RANGE_RAM};
    ranges[n++] = (struct boot_range){0x9fc00, 0x400, RANGE_RESERVED};
    ranges[n++] = (struct boot_range){BOOT_ACPI, 0x100000 - BOOT_ACPI, RANGE_RESERVED};
    ranges[n++] = (struct boot_range){0x100000, low - 0x100000, RANGE_RAM};
    if (m->ram_bytes > low)
        ranges[n++] = (struct boot_range){MACHINE_HIGH_BASE, m->ram_bytes - low, RANGE_RAM};
    return n;
}

enum { CR0_PE = 1, CR0_ET = 1 << 4 };

void boot_state(struct vcpu_state *s, uint64_t entry)
{
    enum { CODE = 0xb, DATA = 0x3, TSS = 0xb };
    const uint32_t flat = SEG_S | SEG_P | SEG_DB | SEG_G;
    vcpu_state_reset(s);
    for (unsigned i = 0; i < SEGMENTS; i++) {
        s->segments[i] = (struct vcpu_segment){.base = 0,
                                               .limit = UINT32_MAX,
                                               .attributes = flat | (i == SEG_CS ? CODE : DATA),
                                               .selector = i == SEG_CS ? 0x08 : 0x10};
    }
    s->tr = (struct vcpu_segment){.limit = 0x67, .attributes = SEG_P | TSS, .selector = 0x18};
    s->ldtr = (struct vcpu_segment){.attributes = SEG_UNUSABLE};
    s->gdtr = s->idtr = (struct vcpu_table){.limit = 0};
    s->cr0 = CR0_PE | CR0_ET;
    s->cr4 = 0;
    s->rflags = 2;
    s->rip = entry;
}

int boot_load(struct machine *m, const struct boot_setup *setup, const char **why)
{
    struct boot_elf elf;
    int r;
    if (boot_text_bytes(setup->append) > BOOT_COMMAND_MAX) {
        *why = "the kernel's command line is longer than 65535 bytes";
        return -EFBIG;
    }
    if ((r = boot_tables(m, why)) != 0)
        return r;
    r = boot_elf_read(&setup->kernel, &elf, why);
    if (r == 0 && elf.pvh_entry != 0)
        return boot_pvh(m, setup, &elf, why);
    if (r != 0 && r != -ENOEXEC)
        return r;
    r = boot_multiboot(m, setup, why);
    if (r == -ENOENT) {
        *why = "not a kernel that can be entered: an ELF file with a PVH note (Linux's vmlinux), or a multiboot header";
        r = -ENOEXEC;
    }
    return r;
}
