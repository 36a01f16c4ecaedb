/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the archives that Linux unpacks into its first root ("newc", Documentation/driver-api/early-userspace/
 * buffer-format.rst): entry after entry, then the end. Archives may follow one another; each is a multiple of four
 * bytes. A directory must come before what is in it. Life: {.fd} -> cpio_entry() [-> cpio_bytes() ...] -> cpio_end().
 */
#ifndef MOAT_BASE_CPIO_H
#define MOAT_BASE_CPIO_H

#include <stddef.h>
#include <stdint.h>

#define CPIO_FILE_MOST UINT32_MAX /* bytes: the format has eight digits */

struct cpio {
    int fd;            /* borrowed; written in order */
    uint32_t last;     /* number of the last inode that was given out */
    uint64_t expected; /* bytes of the entry's file that are still to come */
    uint64_t written;
    size_t n;
    uint8_t buffer[1 << 16];
};

struct cpio_entry {
    const char *name; /* from the root, without a slash at its beginning */
    uint32_t mode;    /* with the type */
    uint32_t uid, gid;
    uint64_t bytes;        /* of a file, or the target of a link: they follow by cpio_bytes() */
    uint32_t major, minor; /* of a device */
    int64_t mtime;         /* seconds; outside of 32 bits it is cut */
    uint32_t inode;        /* 0: a new one. One that an earlier entry had: another name of that file, with 0 bytes */
    uint32_t links;        /* 0: one */
};

/* 0; -EFBIG (bytes, or a name of over 4095); an error of write(2). */
int cpio_entry(struct cpio *c, const struct cpio_entry *e);
/* As many as were announced in all, else -EINVAL. */
int cpio_bytes(struct cpio *c, const void *bytes, size_t n);
int cpio_end(struct cpio *c);

/* A whole small file, root's. */
int cpio_file(struct cpio *c, const char *name, uint32_t mode, const void *bytes, size_t n);

#endif
