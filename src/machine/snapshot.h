/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine as a file: a header of one page, the records of its devices and its processor, then guest memory, whose
 * empty pages are holes. Written by the machine process behind its filter, to a file that came open. Read by another
 * one: the header before it shuts itself in, since that says what to map, and the records after.
 *
 * Version rule: another layout of the header or of what is around the records is another version, and is refused; what
 * is added behind its end is zero in older files, where that means what it did before. Each record has a version of its
 * own (machine.h).
 */
#ifndef MOAT_MACHINE_SNAPSHOT_H
#define MOAT_MACHINE_SNAPSHOT_H

#include <stdint.h>

#define SNAPSHOT_MAGIC       "MOATVM\n"
#define SNAPSHOT_VERSION     1u
#define SNAPSHOT_RECORD_AT   4096u
#define SNAPSHOT_RECORD_MOST (2u << 20) /* of a PC: the display's memory, and sectors that are on their way */
#define SNAPSHOT_CPU         64

enum snapshot_kind { SNAPSHOT_MICRO, SNAPSHOT_KUT, SNAPSHOT_PC, SNAPSHOT_KINDS };

struct snapshot_header {
    char magic[8];
    uint32_t version;
    uint32_t kind; /* enum snapshot_kind */
    uint64_t record_bytes, record_sum;
    uint64_t memory_at, memory_bytes;
    uint32_t n_disks, net, console, channel; /* which devices there are, in this order */
    char cpu[SNAPSHOT_CPU];                  /* the model's name, ended by a zero */
    uint64_t hz;                             /* of its counter; 0: of a moat-vmm that did not write it */
    uint32_t silent, zero;                   /* nothing had come of the channel: init had not begun */
    uint32_t floppies[2], hda, zero2;        /* a PC's: enum fdc_drive_type of its drives; whether it has a disk */
    uint64_t firmware_sum;                   /* and of its firmware, which is not in the snapshot; 0: it had none */
};

struct vmm;

/* Into an empty file. 0, or -errno and a constant sentence. The machine goes on afterwards. */
int snapshot_write(struct vmm *v, int fd, const char **why);

/* The header of --restore's file is looked at, and its records are copied. 0 or an exit status. */
int snapshot_open(struct vmm *v);
/* Guest memory, for this process alone. 0 or an exit status. */
int snapshot_map_memory(struct vmm *v);
/* The records. 0, or -EINVAL and a sentence. */
int snapshot_load(struct vmm *v, const char **why);

#endif
