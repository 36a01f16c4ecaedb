/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Linux of its own as the workload (`-b microvm`): a kernel with an initramfs, or an image or directory that is
 * packed into one behind our init (guest/init). The command line of libexec/moat-vmm stands in the policy's argv and is
 * all that a later start needs. The row (kind.h) is in machine.c; what it boots from is found in machine_boot.c, the
 * command line written in machine_command.c. A whole PC (`-b vm`, vm_kind.h) has all of this, and more.
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
    OPTION_HEADING("Machine (-b microvm, -b vm)"),                                                                     \
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

#define MACHINE_MEMORY_LEAST ((int64_t)16 << 20) /* of a kernel */

struct finding; /* kind.h */
struct packed_root;
struct policy_build;
struct run_options;
struct snapshot;
struct collect;

/* ---- machine.c, for the row of a PC ---- */
int machine_defaults(struct run_options *run, struct err *err);
/* Behind the layers: what no machine has is refused by name; `terminal`: but for a terminal. */
int machine_check(const struct collect *c, bool terminal, struct err *err);
/* From a kernel or an image: program and kernel, and moat-vmm's command line. */
int machine_find_booted(struct run_options *run, const struct finding *f, struct err *err);
/* From a snapshot of its own boundary. */
int machine_find_snapshot(struct run_options *run, struct err *err);
void machine_found(struct run_options *run); /* outside there is no variable, and / */
int machine_words(struct arena *a, const struct strv *argv, struct strv *out);
const char *machine_memory_note(struct arena *a, const struct strv *argv);

/* ---- machine_command.c ---- */
/* A file of the host under a name of moat-vmm's own. said: the option that named it. */
int machine_show(struct policy_build *b, const char *host, const char *inside, bool read_only, const char *said,
                 struct err *err);
/* The memory limit is the guest's memory; the sandbox's is what moat-vmm needs more. least: bytes. */
int machine_put_memory(struct run_options *run, int64_t least, struct err *err);
/* /dev/kvm is opened by the boundary and handed over. */
int machine_put_accel(struct run_options *run, struct err *err);
/* Beginning with moat-vmm itself: all but the first root and the program. */
int machine_put_kernel(struct run_options *run, const char *kernel, struct err *err);
int machine_put_initrd(struct run_options *run, const char *host, unsigned n, struct err *err);
int machine_put_program(struct run_options *run, const struct packed_root *root, const char *hostname,
                        const struct strv *words, const struct strv *modules, struct err *err);

/* machine_boot.c. The kernel as an ELF file, absolute, unpacked where it is compressed, and the directory of its
 * modules where it lies beside a directory boot/, else NULL. */
int machine_kernel(struct arena *a, const char *file, const char **elf, const char **modules, struct err *err);
/* An initramfs with our init and the modules of that directory that the machine's devices need, absolute; *modules:
 * where they lie in it, in the order of loading. */
int machine_init_archive(struct arena *a, const char *from, const char **file, struct strv *modules, struct err *err);

#endif
