/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole PC as the workload (`-b vm`): it starts at its firmware and boots what is in its drives; or it is entered at
 * a kernel as a microVM is (cli/machine.h), with a PC's devices beside. The row (kind.h) is in vm_kind.c; what is asked
 * of one that runs is `moat vm` (vm_cmd.h).
 */
#ifndef MOAT_CLI_VM_KIND_H
#define MOAT_CLI_VM_KIND_H

#include "policy/policy.h"

enum vm_option { VM_FLOPPY, VM_CDROM, VM_HDA, VM_BOOT, VM_DISPLAY, VM_FIRMWARE, VM_DISPLAY_FIRMWARE };

#define VM_ROW(name, value, text, id) {name, 0, value, text, KIND_OPTION(KIND_VM, id)},
#define VM_ROWS                                                                                                        \
    OPTION_HEADING("A whole PC (-b vm)"),                                                                              \
        VM_ROW("floppy", "FILE[,ro]", "What is in drive A:, then B:; `none` leaves one empty", VM_FLOPPY)              \
            VM_ROW("cdrom", "FILE", "An ISO image in its CD-ROM drive", VM_CDROM)                                      \
                VM_ROW("hda", "FILE[,ro]", "Its hard disk: an image, byte for byte", VM_HDA)                           \
                    VM_ROW("boot", "LETTERS", "In this order: a floppy, c disk, d CD-ROM", VM_BOOT)                    \
                        VM_ROW("display", "WHICH", "terminal (the default with -t), or none: moat vm shows it",        \
                               VM_DISPLAY) VM_ROW("firmware", "FILE", "In the place of SeaBIOS", VM_FIRMWARE)          \
                            VM_ROW("display-firmware", "FILE", "In the place of its VGA BIOS; or none",                \
                                   VM_DISPLAY_FIRMWARE)

#define VM_FLOPPIES 2

struct vm_options {
    bool given;                                                       /* any of them */
    const char *floppies[VM_FLOPPIES], *cdrom, *hda, *boot, *display; /* borrowed; NULL: not given */
    const char *firmware, *display_firmware;
    uint32_t n_floppies;
};

struct run_options;

/* For machine_put_kernel(): that it is a PC, and what is in its drives. */
int vm_put_devices(struct run_options *run, struct err *err);

#endif
