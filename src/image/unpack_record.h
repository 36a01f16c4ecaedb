/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What moat-unpack tells moat over descriptor 4. Fixed-size records, each one write(2) of at most PIPE_BUF, so never
 * torn. moat copies a record, checks version and kind, and trusts no number further than a lie would hurt only this
 * image. A change of the layout raises the version; both programs are built together, so there is no compatibility
 * beyond that.
 */
#ifndef MOAT_IMAGE_UNPACK_RECORD_H
#define MOAT_IMAGE_UNPACK_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define UNPACK_RECORD_VERSION 1u

enum unpack_fd { UNPACK_FD_ARCHIVE = 0, UNPACK_FD_DEST = 3, UNPACK_FD_REPORT = 4, UNPACK_FD_SOURCE = 5 };

enum unpack_kind { UNPACK_PROGRESS = 1, UNPACK_DONE = 2, UNPACK_FAILED = 3 };

struct unpack_record {
    uint32_t version;
    uint32_t kind;            /* enum unpack_kind */
    uint64_t bytes;           /* of regular files written so far */
    uint64_t entries;         /* so far */
    uint64_t skipped_devices; /* device nodes */
    uint64_t skipped_special; /* sockets, fifos and mount points (copy only) */
    uint64_t dropped_xattrs;
    uint32_t flat_owners; /* owners could not be set */
    uint32_t text_len;    /* of text; UNPACK_FAILED: the reason; UNPACK_DONE: first thing that was skipped */
    uint8_t digest[32];   /* UNPACK_DONE of a copy */
    char text[512];       /* hostile bytes */
};
_Static_assert(sizeof(struct unpack_record) == 600, "record layout");
_Static_assert(offsetof(struct unpack_record, digest) == 56, "record layout");

#endif
