/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the host: the sentry's side of the gofer's socket (linux/files.h, src/gofer). What it does by itself is work
 * on descriptors that came over that socket; it opens none.
 */
#ifndef MOAT_SENTRY_FILES_H
#define MOAT_SENTRY_FILES_H

#include "linux/files.h"

/* The table for struct platform; the socket becomes its own. `object` as in struct files_ops; NULL: no mappings. */
const struct files_ops *files_begin(int gofer_socket, struct memobj *(*object)(struct memobj *, int fd, bool writable));
void files_end(void); /* the socket is closed: every request fails from now on */

struct aspace;
/* files_map.c: aspace.map of a memobj of objects_host(). */
int files_map(struct aspace *, uint64_t at, size_t n, int prot, bool shared, const struct memobj *, uint64_t offset);

/* ---- files_host.c: what is done by descriptor ---- */
int64_t files_host_read(int fd, void *to, size_t n, uint64_t offset);
int64_t files_host_write(int fd, const void *from, size_t n, uint64_t offset, bool synced);
int64_t files_host_append(int fd, const void *from, size_t n, bool synced, uint64_t *end);
int64_t files_host_seek(int fd, uint64_t offset, int whence);
int files_host_stat(int fd, struct files_attr *);
int files_host_allocate(int fd, int mode, uint64_t offset, uint64_t n);
void files_host_close(int fd);
/* Their places in struct files_ops. */
#define FILES_HOST_OPS                                                                                                 \
    .read = files_host_read, .write = files_host_write, .append = files_host_append, .seek = files_host_seek,          \
    .stat = files_host_stat, .allocate = files_host_allocate, .close = files_host_close

#endif
