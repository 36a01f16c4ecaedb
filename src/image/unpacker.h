/* SPDX-License-Identifier: Apache-2.0 */
/* Runs libexec/moat-unpack: finds it, starts it, feeds it, hears its last word. */
#ifndef MOAT_IMAGE_UNPACKER_H
#define MOAT_IMAGE_UNPACKER_H

#include "base/err.h"
#include "base/mem.h"
#include "base/sha256.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define UNPACK_BYTES_MAX   ((uint64_t)64 << 30)
#define UNPACK_ENTRIES_MAX 10000000u

struct unpack_result {
    uint64_t bytes, entries, skipped_devices, skipped_special, dropped_xattrs;
    bool flat_owners;
    uint8_t digest[SHA256_SIZE]; /* of the archive's bytes, or of what was copied */
    char skipped[128];           /* printable; first thing that was skipped */
};

/* done of total bytes; total 0: not known. */
typedef void unpack_progress(void *ctx, uint64_t done, uint64_t total);

struct unpack_job {
    int dest;              /* directory; borrowed, as the next two */
    int archive;           /* file or pipe to read; -1: copy */
    int source;            /* directory to copy */
    bool layer;            /* whiteouts apply */
    uint64_t archive_size; /* for progress and the exact length; 0: until the end */
    const char *sha256;    /* hex the bytes must have; NULL: any. Implies the exact length */
    uint64_t max_bytes, max_entries;
    uint64_t exclude_dev, exclude_ino;
    unpack_progress *progress; /* may be NULL */
    void *ctx;
    const volatile sig_atomic_t *interrupted; /* may be NULL; set: give up */
};

/* The archive's bytes are hashed as they are handed over, so what was hashed is what was unpacked. -EINTR when
 * *interrupted is set. */
int unpack_run(struct arena *a, const struct unpack_job *job, struct unpack_result *out, struct err *err);

#endif
