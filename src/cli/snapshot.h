/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of machines: DATA/snapshots/NAME/ with `state`, which moat-vmm wrote (docs/machine.md), and snapshot.json,
 * what the command line of another moat-vmm needs to go on from it. A directory has its name when both are whole.
 */
#ifndef MOAT_CLI_SNAPSHOT_H
#define MOAT_CLI_SNAPSHOT_H

#include "policy/policy.h"

#define SNAPSHOT_VERSION  1 /* of the document of a microVM */
#define SNAPSHOT_LATER    2 /* and of any other machine, which an older moat must not take for one */
#define SNAPSHOT_STATE    "state"
#define SNAPSHOT_DOCUMENT "snapshot.json"

struct snapshot_disk {
    const char *option; /* "--disk", "--floppy" ... */
    const char *word;   /* "/disk0,ro"; "none" of a drive that was empty */
    const char *host;   /* the file behind it; "": none */
    bool only_read;     /* whatever the word says: firmware, a CD-ROM */
};

struct snapshot {
    const char *state;    /* absolute path of the file */
    const char *boundary; /* "microvm", "vm" */
    const char *image;    /* what it was made of, as it was written */
    int64_t memory;       /* bytes of the guest's */
    struct strv words;    /* moat-vmm's, without kernel, initramfs and files; then the program's own */
    struct snapshot_disk *disks;
    uint32_t n_disks;
};

/* DATA/snapshots, open; `make`: where it is missing it is made. A descriptor, -ENOENT. */
int snapshots_open(struct arena *a, bool make, const char **path, struct err *err);

/* 0 when it may name a snapshot. */
int snapshot_check_name(const char *name, struct err *err);

/* By its name. -ENOENT: there is none; -EINVAL: snapshot.json is damaged. */
int snapshot_read(struct arena *a, const char *name, struct snapshot *out, struct err *err);

#endif
