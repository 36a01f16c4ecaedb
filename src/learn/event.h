/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker process tells in learn mode (src/broker/README.md): one JSON object a line. And the first bytes of a
 * program, which say what the kernel opens to run it. Both are foreign data: read once, bounded, copied. Pure.
 */
#ifndef MOAT_LEARN_EVENT_H
#define MOAT_LEARN_EVENT_H

#include "learn/learn.h"

#define LEARN_LINE_MAX  65536 /* longer ones are no events */
#define LEARN_IMAGE_MAX 4096  /* bytes of a program that are looked at */

struct learn_event {
    const char *call;     /* "openat" */
    const char *asked;    /* of paths: absolute, as the program wrote it; else NULL */
    const char *path;     /* where that led */
    uint32_t access;      /* enum path_access */
    uint32_t flags, mode; /* of open: O_*; of access: R_OK and its like; else 0 */
    bool exists, creates; /* it was there; the call makes it */
    const char *name;     /* of the network: it was looked up; else NULL */
    int64_t pid;          /* who */
    const char *address;  /* of the network: as --allow-net takes it; else NULL */
};

/* `line` is changed, and must outlive *out. -EINVAL: no event that is known here. */
int learn_event_read(struct arena *a, char *line, size_t len, struct learn_event *out, struct err *err);

struct learn_image {
    bool elf32;            /* its calls are not seen */
    bool library;          /* mapped as code by whoever reads it */
    char interpreter[256]; /* what the kernel opens to run it; "": nothing, or it lies at ... */
    uint64_t offset;       /* ... this place of the file ... */
    uint32_t size;         /* ... with this length; 0: there is none */
};

/* The first n bytes of a file, as many as there are up to LEARN_IMAGE_MAX. */
void learn_image_read(const void *data, size_t n, struct learn_image *out);

#endif
