/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target's side. Life: session_open() reads what the host says over the side socket -> session_walls() -> the ring
 * is served (serve.c); a zygote serves no ring, but forks for each request (zygote.c).
 */
#ifndef MOAT_LIBMOAT_SESSION_H
#define MOAT_LIBMOAT_SESSION_H

#include "libmoat/api.h"
#include "libmoat/wire.h"

#include <linux/futex.h>
#include <sched.h>

#define SESSION_SMALL 512

struct session_buffer {
    void *memory;
    size_t size;
};

struct moat_session {
    int sock;
    uint32_t flags; /* enum wire_flag */
    uint32_t walls; /* enum moat_wall */
    bool root;      /* still the host's uid 0: limits on processes do not bind it */
    struct wire_page *page;
    struct ring request, reply;
    uint32_t state;
    int32_t cpu;       /* the last wish of the host, which was followed */
    cpu_set_t allowed; /* at the start */
    /* The kernel wakes the host when we end: see serve.c. */
    struct robust_list_head robust;
    struct robust_list robust_node;
    /* Room for small messages, so that a fork of a zygote need not touch the heap. */
    unsigned char small[SESSION_SMALL] __attribute__((aligned(16)));
    struct session_buffer buffers[WIRE_BUFFERS];
    struct err err; /* of whatever failed last; here, since a fork of a zygote should not touch another page of stack */
};

/* The host's first record, its ring mapped. -ENOTCONN: nobody started this process as a target. */
int session_open(int sock, struct moat_session *s, struct wire_hello *hello, struct err *err);
/* No way back after it. */
int session_walls(struct moat_session *s, const struct wire_hello *hello, struct err *err);
/* Tells the host that the walls stand, or why they do not. */
int session_ready(struct moat_session *s, const struct err *err);
/* All of the above for a process that serves; a zygote goes on from there. */
int session_start(int sock, struct moat_session *s, bool may_be_zygote, struct err *err);

/* Maps the ring that the host made; the descriptor stays the caller's. */
int session_map(struct moat_session *s, int fd, uint32_t ring_bytes, struct err *err);
/* Has the kernel tell the host, at our end, whatever ends us. */
void session_announce(struct moat_session *s);
/* Goes where the host wants us (WIRE_CPU_*). */
void session_follow(struct moat_session *s, int32_t cpu);

#endif
