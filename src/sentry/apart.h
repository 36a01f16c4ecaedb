/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What platforms under src/linux have in common whose guests are processes of their own: the sentry, and the split
 * platform of the tests (tests/platform-split), which moves its guests by ptrace(2). Here are page-cache objects as
 * pieces of one memfd, copies between the kernel and a guest, and the plainer part of the world. What differs is given
 * by the platform: the functions at the end of this file.
 */
#ifndef MOAT_SENTRY_APART_H
#define MOAT_SENTRY_APART_H

#include "linux/linux.h"
#include "linux/platform.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define EXIT_OWN_ERROR 125

/* Descriptors in guest processes by which objects are mapped. */
enum { APART_OBJECTS = 3, APART_IMAGE = 4 };

/* ---- memobj.c ---- */
extern const struct memobj_ops apart_memobj;
/* The file that all objects lie in: a descriptor, or ends. */
int objects_init(void);
/* The same in two steps: the file, and its mapping here. */
int objects_file(void);
void objects_map(void);
struct memobj *objects_image(const void *image, size_t size);
/* aspace_ops.map of all but files of the host, where the place is one that may be. */
int apart_map(struct aspace *, uint64_t at, size_t n, int prot, bool shared, struct memobj *, uint64_t offset);
/* A file of the host, by descriptors that stay the caller's (linux/files.h, object). */
struct memobj *objects_host(struct memobj *of, int fd, bool writable);
bool objects_is_host(const struct memobj *);
/* The one to map it by: shared, so that it may become writable if it is open for that. */
int objects_host_fd(const struct memobj *, bool shared);

/* ---- copy.c: aspace_ops ---- */
size_t apart_copy_in(struct aspace *, void *to, struct uptr from, size_t n);
size_t apart_copy_out(struct aspace *, struct uptr to, const void *from, size_t n);
int64_t apart_copy_str(struct aspace *, char *to, struct uptr from, size_t n);
size_t apart_zero(struct aspace *, struct uptr to, size_t n);
#define APART_COPY_OPS                                                                                                 \
    .copy_in = apart_copy_in, .copy_out = apart_copy_out, .copy_str = apart_copy_str, .zero = apart_zero

/* ---- world.c: hostops ---- */
uint64_t apart_clock(enum host_clock);
int64_t apart_console_read(void *to, size_t n);
int64_t apart_console_write(enum host_stream, const void *from, size_t n);
short apart_console_event(int stream); /* of poll(2), by which console_read or _write would not give -EAGAIN */
int apart_memory(enum host_memory, void *at, size_t n);
int apart_random(void *to, size_t n);
int apart_net_rx(struct host_frame *, int n);
int apart_net_tx(const struct host_frame *, int n);
int64_t apart_block_read(uint32_t device, void *to, size_t n, uint64_t offset);
int64_t apart_block_write(uint32_t device, const void *from, size_t n, uint64_t offset);
#define APART_HOST_OPS                                                                                                 \
    .clock = apart_clock, .net_rx = apart_net_rx, .net_tx = apart_net_tx, .block_read = apart_block_read,              \
    .block_write = apart_block_write, .console_read = apart_console_read, .console_write = apart_console_write,        \
    .memory = apart_memory, .random = apart_random

/* ---- bridge.c: what of struct task is the platform's business ---- */
struct regs *bridge_regs(struct task *);
void **bridge_slot(struct task *);
struct aspace *bridge_aspace(struct task *);
bool bridge_killed(const struct task *); /* it never goes back to its program */

/* ---- the platform's ---- */
/* mmap(2) in a guest's process: 0 or -errno. */
int apart_mmap(struct aspace *, uint64_t at, size_t n, int prot, int flags, int fd, uint64_t offset);
pid_t apart_pid(const struct aspace *);   /* a process in which the guest's memory is */
size_t apart_clip(uint64_t at, size_t n); /* of n bytes from `at` on, how many can be a guest's */
/* "NAME: text", and the end with EXIT_OWN_ERROR. */
_Noreturn void apart_fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
