/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gofer: what moat-gofer does for one sentry (README.md). Everything that a request names is a handle of a table, a
 * number, or one name without a slash; the only thing opened by a path is what lies below a root that was handed over.
 *
 * Life: gofer_begin() -> gofer_root() for each -> gofer_serve() for each request -> gofer_end(). Tests and the fuzzer
 * do the same in their own process.
 */
#ifndef MOAT_GOFER_GOFER_H
#define MOAT_GOFER_GOFER_H

#include "linux/files.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define GOFER_HANDLES_MAX 16384u

enum handle_kind {
    HANDLE_FREE,
    HANDLE_DIRECTORY = 1,
    HANDLE_REGULAR = 2,
    HANDLE_LINK = 4,
    HANDLE_SPECIAL = 8, /* a device, FIFO or socket: looked at, never opened */
    HANDLE_READER = 16, /* a directory that is open for reading */
};

struct handle {
    int fd; /* O_PATH but for readers */
    uint8_t kind;
    uint8_t root;  /* below which it was found */
    uint32_t next; /* of free ones */
};

struct gofer {
    int proc; /* /proc/self/fd: how what a handle stands for is opened */
    uint32_t n_roots;
    uint8_t roots[FILES_ROOTS_MAX]; /* enum files_root_flag */
    uint64_t root_dev[FILES_ROOTS_MAX];
    struct handle handles[GOFER_HANDLES_MAX];
    uint32_t most, top, free; /* how many there may be; the first never used; the first of those given back */
};

/* One answer on its way out. */
struct reply {
    struct files_answer a;
    int fd; /* to be sent with it and then closed; -1 */
    uint8_t bytes[FILES_BYTES_MAX];
};

/* proc: an open directory /proc/self/fd of this process. most: handles, at most GOFER_HANDLES_MAX. */
void gofer_begin(struct gofer *, int proc, uint32_t most);
/* The next root: an O_PATH descriptor of a directory or a regular file, which becomes the gofer's. 0; -EINVAL: another
 * kind of file; -EACCES: a file system of the kernel's own (base/kernelfs.h); -errno. */
int gofer_root(struct gofer *, int fd, uint32_t flags);
void gofer_end(struct gofer *);

/* A datagram of n bytes, which is read once. 0 with the answer in *reply; -EPROTO: no kernel of ours sends this, so it
 * has been taken over, and there is no answer. */
int gofer_serve(struct gofer *, const void *datagram, size_t n, struct reply *reply);

#endif
