/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What host and target say to each other beside the rings: the layout of the shared memory, and the records on the side
 * socket (SEQPACKET), which carries descriptors. Both ends are the same libmoat, of one machine and one build.
 *
 * IN the host's records are trusted by the target; the target's records are hostile from the moment it has read foreign
 * bytes. WIRE_READY and WIRE_FORKED are sent before that.
 */
#ifndef MOAT_LIBMOAT_WIRE_H
#define MOAT_LIBMOAT_WIRE_H

#include "base/err.h"
#include "libmoat/ring.h"

#define WIRE_MAGIC       0x326d6f61u
#define WIRE_SOCKET      3 /* the side socket, in a program that was executed as a target */
#define WIRE_CALLS_MAX   2048
#define WIRE_BUFFERS     64
#define WIRE_NOT_SESSION (~0u)
#define WIRE_METHOD      0xffff0000u /* methods from here on are the library's own */
#define WIRE_CPU_FREE    (-1)
#define WIRE_CPU_NOT(n)  (-2 - (n)) /* any but n */

enum wire_op {
    WIRE_HELLO = 1, /* host -> target: struct wire_hello and the ring's memory */
    WIRE_READY,     /* target -> host: struct wire_ready */
    WIRE_FORK,      /* host -> zygote: struct wire_fork, the ring's memory and the fork's own side socket */
    WIRE_FORKED,    /* zygote -> host: struct wire_forked and a pidfd */
    WIRE_FDS,       /* both ways: struct wire_head alone and descriptors; before the message in the ring */
};

/* The library's own methods: shared buffers. */
enum wire_method {
    WIRE_BUFFER_MAP = WIRE_METHOD, /* struct wire_buffer and a descriptor */
    WIRE_BUFFER_UNMAP,             /* struct wire_buffer */
};

struct wire_head {
    uint32_t magic, op, serial, n_fds;
};

enum wire_flag {
    WIRE_NAMESPACES = 1, /* made when the process was */
    WIRE_USER = 2,       /* the user namespace too */
    WIRE_ZYGOTE = 4,     /* the program is to call moat_zygote_ready() */
    WIRE_SPIN = 8,       /* look for a moment before sleeping */
    WIRE_ROOT = 16,      /* the host is root */
};

struct wire_hello {
    struct wire_head head;
    uint32_t ring_bytes, flags, require; /* enum wire_flag, enum moat_wall */
    uint32_t uid, gid;                   /* to become; 0: stay */
    int32_t cpu;
    uint64_t memory, file_bytes, cpu_seconds;
    uint32_t calls_size; /* names with their NULs */
    char calls[WIRE_CALLS_MAX];
};

struct wire_ready {
    struct wire_head head;
    int32_t code;   /* 0, or why there are no walls */
    uint32_t walls; /* enum moat_wall; WIRE_NOT_SESSION: it did not come so far, and text names what failed */
    char text[ERR_TEXT_MAX];
};

struct wire_fork {
    struct wire_head head;
    uint32_t ring_bytes;
    int32_t cpu;
};

struct wire_forked {
    struct wire_head head;
    int32_t code;
};

struct wire_buffer {
    uint32_t id, writable;
    uint64_t size;
};

/*
 * The shared memory: the reply ring's data, struct wire_page, the request ring's data, and what fills the last page.
 * The rings begin next to the indexes, the reply ring at its end: a target that is asked little touches one page.
 */
struct wire_page {
    struct ring_shared request, reply;
    uint32_t owner; /* the target's thread that serves, in its own numbering: see robust futexes in serve.c */
    char pad[124];
};
#define WIRE_NEAR 2048u /* bytes of the reply ring that lie on the page of the indexes */
_Static_assert(sizeof(struct wire_page) == 512, "the request ring's data is aligned, and some of it on that page");

static inline size_t wire_bytes(uint32_t ring_bytes)
{
    return 2 * (size_t)ring_bytes + 4096;
}

/* One side's view of both rings, over a mapping of wire_bytes(). Returns the shared page's struct. */
static inline struct wire_page *wire_rings(void *map, uint32_t ring_bytes, struct ring *request, struct ring *reply)
{
    unsigned char *replies = (unsigned char *)map + 4096 - WIRE_NEAR;
    struct wire_page *page = (struct wire_page *)(void *)(replies + ring_bytes);

    ring_init(request, &page->request, page + 1, ring_bytes, 0, "the request ring");
    ring_init(reply, &page->reply, replies, ring_bytes, ring_bytes - WIRE_NEAR, "the reply ring");
    return page;
}

/* Sends one record. 0 or -errno; -EPIPE and -ECONNRESET: the peer is gone. */
int wire_send(int sock, const void *record, size_t size, const int *fds, unsigned n_fds);
/* Receives one record of exactly `size` bytes and of this op, with at most max_fds descriptors (close-on-exec, the
 * caller's). flags: MSG_DONTWAIT or 0. 0; -ECONNRESET: the peer is gone; -EPROTO: anything else, nothing stays open. */
int wire_receive(int sock, uint32_t op, void *record, size_t size, int *fds, unsigned max_fds, unsigned *n_fds,
                 int flags);

#endif
