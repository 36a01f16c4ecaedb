/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel into memory, and the processor at its entry, as the kernel's own protocol wants it:
 *   PVH        an ELF file with Xen's note PHYS32_ENTRY (xen/include/public/arch-x86/hvm/start_info.h): Linux's vmlinux
 *   multiboot  version 0.6.96: ELF32, or a flat image that says where it lies
 *
 * The files are somebody else's: sizes and offsets are checked against them and against the guest's memory.
 */
#ifndef MOAT_MACHINE_BOOT_H
#define MOAT_MACHINE_BOOT_H

#include "machine/dev/acpi.h"
#include "machine/machine.h"

#define BOOT_COMMAND_MAX 65535u /* bytes of a command line */
#define BOOT_MODULES_MAX 16u

struct boot_file {
    void *owner;
    uint64_t bytes;
    /* Whole: 0, or a negative errno. offset + n <= bytes. */
    int (*read)(void *owner, uint64_t offset, void *to, uint64_t n);
};

struct boot_setup {
    struct boot_file kernel;
    const struct boot_file *initrds; /* PVH: one behind the other, each begins at 4 bytes; multiboot: modules */
    unsigned n_initrds;
    const char *append;
};

/* 0, or -ENOEXEC, -EFBIG, -ENOMEM, -EINVAL, or what read() returned: *why is a constant sentence. */
int boot_load(struct machine *m, const struct boot_setup *setup, const char **why);

/* ---- Between boot*.c --------------------------------------------------------------------------------------------- */

struct boot_elf {
    bool is_64;
    uint64_t entry, pvh_entry; /* pvh_entry: 0, no note */
    uint64_t lowest, end;      /* physical, of what was loaded */
};

/* Is it one of ours? -ENOEXEC if not; fills in all but lowest and end. */
int boot_elf_read(const struct boot_file *f, struct boot_elf *out, const char **why);
/* Its segments, at their physical addresses. */
int boot_elf_load(struct machine *m, const struct boot_file *f, struct boot_elf *elf, const char **why);
/* n bytes of a file to a place in memory; the rest up to `room` becomes 0. */
int boot_copy(struct machine *m, const struct boot_file *f, uint64_t offset, uint64_t n, gpa_t to, uint64_t room,
              const char **why);
/* Tables at BOOT_ACPI; the RSDP lies there. */
#define BOOT_ACPI       UINT64_C(0xe0000)
#define BOOT_ACPI_BYTES 0x10000u
int boot_tables(struct machine *m, const char **why);
/* What they tell; pc_firmware.c tells it too. */
void boot_acpi_facts(const struct machine *m, struct acpi_facts *facts);
/* All files into the highest memory below 4 GiB that is free behind `above`; their places, whole and each. */
struct boot_place {
    gpa_t at;
    uint64_t bytes;
};
int boot_modules(struct machine *m, const struct boot_setup *setup, gpa_t above, bool joined,
                 struct boot_place places[BOOT_MODULES_MAX], const char **why);
/* What is RAM: in `n` ranges of type 1 (RAM) and 2 (reserved). */
struct boot_range {
    uint64_t base, bytes;
    uint32_t type;
};
#define BOOT_RANGES_MAX 8u
unsigned boot_ranges(const struct machine *m, struct boot_range ranges[BOOT_RANGES_MAX]);
/* Flat 32-bit protected mode at `entry`, interrupts off. */
void boot_state(struct vcpu_state *s, uint64_t entry);
uint64_t boot_text_bytes(const char *text);

int boot_pvh(struct machine *m, const struct boot_setup *setup, struct boot_elf *elf, const char **why);
/* -ENOENT: the file has no multiboot header. */
int boot_multiboot(struct machine *m, const struct boot_setup *setup, const char **why);

#endif
