/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Linux of its own as the workload (`-b microvm`): a kernel with an initramfs, or an image or directory that is
 * packed into one behind our init (guest/init). The command line of libexec/moat-vmm stands in the policy's argv and is
 * all that a later start needs. The row (kind.h) is in machine.c; what it boots from is found in machine_boot.c.
 */
#ifndef MOAT_CLI_MACHINE_H
#define MOAT_CLI_MACHINE_H

#include "policy/flags.h"

enum machine_option {
    MACHINE_KERNEL,
    MACHINE_INITRD,
    MACHINE_APPEND,
    MACHINE_ACCEL,
    MACHINE_MACHINE,
    MACHINE_CPU,
    MACHINE_DISK,
    MACHINE_DEBUG,
    MACHINE_RESTORE,
    MACHINE_OPTIONS
};

#define MACHINE_ROW(name, value, text, id) {name, 0, value, text, KIND_OPTION(KIND_MACHINE, id)},
#define MACHINE_ROWS                                                                                                   \
    OPTION_HEADING("Machine (-b microvm)"),                                                                            \
        MACHINE_ROW("kernel", "FILE", "Linux to boot: bzImage or ELF. Else the newest of /boot", MACHINE_KERNEL)       \
            MACHINE_ROW("initrd", "FILE", "Its first root: an initramfs, compressed or not", MACHINE_INITRD)           \
                MACHINE_ROW("append", "TEXT", "More words for the kernel's command line", MACHINE_APPEND) MACHINE_ROW( \
                    "accel", "WHICH", "auto (the default), kvm, or soft: our own processor", MACHINE_ACCEL)            \
                    MACHINE_ROW("machine", "WHICH", "micro (the default), or kut: for kvm-unit-tests",                 \
                                MACHINE_MACHINE)                                                                       \
                        MACHINE_ROW("cpu", "MODEL", "What the processor says it is: moat64, qemu64, max", MACHINE_CPU) \
                            MACHINE_ROW("disk", "FILE[,ro]", "A disk of the guest's; may be repeated", MACHINE_DISK)   \
                                MACHINE_ROW("debug", NULL, "Name registers and ports that nobody has", MACHINE_DEBUG)  \
                                    MACHINE_ROW("restore", "NAME", "Go on from a snapshot (moat restore)",             \
                                                MACHINE_RESTORE)

struct machine_options {
    bool given;                                                    /* any of them */
    const char *kernel, *append, *accel, *machine, *cpu, *restore; /* borrowed; NULL: not given */
    bool debug;
    struct strv initrds, disks;
    const char *image; /* the operand; NULL: none */
};

/* machine_boot.c. The kernel as an ELF file, absolute, unpacked where it is compressed, and the directory of its
 * modules where it lies beside a directory boot/, else NULL. */
int machine_kernel(struct arena *a, const char *file, const char **elf, const char **modules, struct err *err);
/* An initramfs with our init and the modules of that directory that the machine's devices need, absolute; *modules:
 * where they lie in it, in the order of loading. */
int machine_init_archive(struct arena *a, const char *from, const char **file, struct strv *modules, struct err *err);

#endif
