/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tender: a process that maps an image, shuts itself in, and jumps. Life, each step once: options -> descriptors ->
 * tender_map() -> tender_words() -> tender_signals() -> tender_shut_in() -> the kernel's start. The functions return 0,
 * or the exit status that the tender ends with, having said why on standard error.
 *
 * The tender begins by itself (start.S) and makes its own system calls (host.h). Nothing here is on the heap or changes
 * but on the stack, and as little as possible is touched: each page and each call is part of the start of every
 * sandbox.
 */
#ifndef MOAT_SPT_TENDER_H
#define MOAT_SPT_TENDER_H

#include "guest/unikernel/boot.h"
#include "spt/image.h"
#include "spt/options.h"

#define EXIT_OWN_ERROR   125 /* README.md of the project */
#define EXIT_NOT_INVOKED 126
#define EXIT_NOT_FOUND   127

#define TENDER_MEMORY ((uint64_t)1 << 30) /* bytes of guest memory, when nobody says otherwise */

struct tender {
    char **envp;            /* the host's */
    const uint64_t *vector; /* of getauxval(3): type, value, and so on up to AT_NULL */
    struct options options;
    struct image_parts image;
    const struct kernel_header *kernel;
    struct boot boot;
    int image_fd;
    bool handed; /* moat has started it: the image is handed over, and the process's own identity is the program's */
    const char *hostname;
};

/* "moat-spt: SUBJECT: what: why" and the end of the line; error: negative errno, 0: none. Returns `status`. */
int tender_fail(int status, const char *subject, const char *what, int error);

/* Of getauxval(3); 0: it is not there. */
uint64_t tender_auxiliary(const struct tender *, uint64_t type);
/* Of getenv(3). */
const char *tender_environment(const struct tender *, const char *name);

int tender_descriptors(struct tender *);     /* world.c: standard streams, image, control, block device */
int tender_map(struct tender *);             /* map.c: everything that will ever be mapped; the image is checked */
int tender_signals(struct tender *);         /* world.c: handlers, their stack, the timer */
int tender_shut_in(struct tender *);         /* world.c: rights, descriptors, the filter */
_Noreturn void tender_jump(struct tender *); /* world.c: signals are let through, and the kernel starts */

#endif
