/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of moat-vmm: options.def, and the guest program's words behind --program. Pure. */
#ifndef MOAT_MACHINE_OPTIONS_H
#define MOAT_MACHINE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_INITRDS  8
#define OPTIONS_DISKS    8
#define OPTIONS_RUNS     512
#define OPTIONS_FLOPPIES 2

#define OPTIONS_MEMORY ((uint64_t)256 << 20) /* bytes of guest memory, when nobody says otherwise */

enum options_console { CONSOLE_DEFAULT, CONSOLE_SERIAL, CONSOLE_STDERR, CONSOLE_VIRTIO, CONSOLE_DISPLAY, CONSOLE_NONE };

struct options_disk {
    char path[4096]; /* "": none */
    bool read_only;
};

struct vmm_options {
    const char *kernel, *append, *cpu; /* all borrowed from argv; cpu NULL: the default */
    const char *initrds[OPTIONS_INITRDS];
    char *runs[OPTIONS_RUNS];
    char *const *program; /* its words, n_program of them; 0: none */
    struct options_disk disks[OPTIONS_DISKS];
    unsigned n_initrds, n_runs, n_program, n_disks;
    uint64_t memory;   /* 0: as usual, or as the snapshot has it */
    const char *accel; /* auto, kvm, soft */
    enum options_console console;
    const char *tap, *restore; /* NULL: none */
    int tap_fd, control_fd;    /* -1 */
    uint8_t mac[6];
    bool kut, pc; /* neither: micro */
    bool channel, debug, rates;
    const char *firmware, *display_firmware; /* of a PC; NULL: none */
    const char *boot;                        /* NULL: as the firmware is wont to */
    struct options_disk floppies[OPTIONS_FLOPPIES], cdrom, hda;
    unsigned n_floppies;
};

/* 0, or -EINVAL with what is wrong: a sentence, and the word that it is about. */
int vmm_options_parse(int argc, char **argv, struct vmm_options *out, const char **why, const char **word);

#endif
