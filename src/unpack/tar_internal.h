/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by tar.c, tar_pax.c and tar_sparse.c only. */
#ifndef MOAT_UNPACK_TAR_INTERNAL_H
#define MOAT_UNPACK_TAR_INTERNAL_H

#include "unpack/tar.h"

#define TAR_BLOCK 512

struct tar_pending {
    char header[TAR_BLOCK];
    char *pax, *long_path, *long_link; /* malloced; entry strings point into them */
    char path[260], link[101];         /* from the header itself */
    /* what the pax records said */
    const char *pax_path, *pax_link, *sparse_name;
    bool has_size, has_uid, has_gid, has_mtime;
    uint64_t size, uid, gid;
    int64_t mtime;
    uint32_t mtime_nsec;
    /* GNU.sparse: 0.0 and 0.1 fill the map from records, 1.0 from the data */
    bool sparse, sparse_in_data, has_real_size;
    uint64_t real_size, sparse_offset;
    struct tar_segment *segments; /* malloced */
    size_t n_segments, cap_segments;
};

/* Exactly n bytes; -EINVAL "cut off" when the stream ends before. */
int tar_take(struct tar *t, void *buf, size_t n, struct err *err);
/* Octal or GNU base-256; -EINVAL. */
int tar_number(const char *field, size_t n, const char *what, uint64_t *out, struct err *err);
/* Decimal digits, all of s. */
bool tar_decimal(const char *s, uint64_t *out);

/* Parses text[0..len) into p (text is changed and kept). Xattrs go to e. */
int tar_pax_read(struct tar_pending *p, struct tar_entry *e, char *text, size_t len, struct err *err);

int tar_sparse_add(struct tar_pending *p, uint64_t offset, uint64_t size, struct err *err);
/* "offset,size,offset,size..." of format 0.1 */
int tar_sparse_map(struct tar_pending *p, char *value, struct err *err);
/* Format 1.0: the map is the first blocks of the data. */
int tar_sparse_from_data(struct tar *t, struct err *err);
/* Type 'S': four segments in the header, more in blocks behind it. */
int tar_sparse_old(struct tar *t, struct err *err);
/* Ascending, inside the file, and together as long as the data. */
int tar_sparse_check(const struct tar_pending *p, uint64_t stored, struct err *err);

#endif
