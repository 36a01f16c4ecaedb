/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O process: it has what the machine process has not, files, terminals and tap devices, and does with them what
 * the rings ask for. The machine process is hostile, as if the guest had taken it over: a request is copied once, the
 * copy is checked against this process's own table of guest memory and its own sizes of files, and memory that both
 * share is never read twice for one decision.
 *
 * A port is one ring and what is behind it; a server is a thread with some ports. Ports that may wait for their
 * descriptor (streams, the channel, network cards) share one server, each disk has its own. Nothing is shared between
 * servers, so there are no locks. Host-facing: libc and system calls, those of filter.h alone.
 */
#ifndef MOAT_MACHINE_IO_H
#define MOAT_MACHINE_IO_H

#include "machine/gmem.h"
#include "machine/ring.h"

#include <sys/uio.h>

#define IO_PORTS 20

#define IO_LATER INT64_MIN

struct io_port;
struct pollfd;

/* Requests that wait, in order. */
struct io_queue {
    struct ring_request *q; /* `slots` of the ring */
    uint32_t first, n;
    uint64_t done; /* bytes, of the first one */
};

struct io_ops {
    const char *name;
    uint32_t operations; /* a bit for each enum ring_operation; RING_CANCEL is always there */
    /* Done at once: its result; IO_LATER when it will be answered later. Or NULL, and reads and writes wait in the
     * port's queues for work(). */
    int64_t (*now)(struct io_port *p, const struct ring_request *q);
    /* Which of the two descriptors are to be waited for. */
    void (*wants)(const struct io_port *p, bool *in, bool *out);
    /* As much as can be done without waiting. */
    void (*work)(struct io_port *p, bool in_ready, bool out_ready);
    /* RING_TELL; NULL: now() has it */
    int64_t (*tell)(struct io_port *p, uint64_t word, uint64_t argument);
};

struct io_channel;

/* A drive whose medium comes and goes (io_media.c). It is empty while the port's `in` is -1. */
struct io_drive {
    bool floppy;         /* else a CD-ROM */
    uint8_t type;        /* enum fdc_drive_type, of a floppy drive: which media fit */
    int number;          /* the descriptor that each medium of it gets */
    uint32_t generation; /* below RING_MEDIUM_GENERATIONS */
    bool watched;        /* somebody waits for another medium */
    uint64_t watch_id;
};

struct io_port {
    const struct io_ops *ops;
    struct ring ring;
    uint8_t *own; /* the ring's own pages */
    uint32_t own_bytes;
    const struct gmem *memory; /* this process's table */
    int in, out;               /* -1: none: reads end at once, and what is written is lost */
    uint64_t bytes;            /* of a disk's file */
    bool read_only;
    bool header;                /* a network card's descriptor knows the header */
    struct io_channel *channel; /* of a port that has one */
    struct io_drive drive;      /* of a port that is one */
    struct io_queue reads, writes;
    bool cancelling; /* RING_CANCEL waits until the writes are done */
    uint64_t cancel_id;
    bool kick; /* the machine process sleeps and has answers */
};

/* Where moat puts media in and takes them out: a socket to listen on, and connections that speak boundary/control.h. */
#define IO_CLIENTS 4
#define IO_DRIVES  3
struct io_door {
    int listening, clients[IO_CLIENTS]; /* -1: none */
    bool heard[IO_CLIENTS];             /* said something, and it was done */
    unsigned next;                      /* of the clients: who makes room when none has been heard */
    struct io_port *drives[IO_DRIVES];  /* by enum control_drive */
};

struct io_server {
    struct io_port *ports[IO_PORTS];
    unsigned n;
    struct io_door *door; /* NULL: none */
    int kicked;           /* an eventfd: there are requests */
    int answers;          /* the machine's */
};

/* ---- a request's memory (io_pieces.c) ---- */
/* Its pieces as they lie in this process: their number, and *bytes together; -EINVAL when one is not where the guest's
 * memory is, or the request is of no form that there is. `into`: they are to be written. */
int io_pieces(const struct io_port *p, const struct ring_request *q, bool into, struct iovec out[RING_SEGMENTS],
              uint64_t *bytes);
/* The same without the first `skip` bytes, and at most `most`: their number. */
int io_pieces_cut(struct iovec *v, int n, uint64_t skip, uint64_t most);
/* Copies into or out of them: how many bytes. */
uint64_t io_pieces_copy(const struct iovec *v, int n, void *bytes, uint64_t count, bool into);

/* RING_WORD_SIZE: `argument`, or when that is 0 the size of the terminal; -ENOTTY when it is none. */
int64_t io_terminal_size(int fd, uint64_t argument); /* io_stream.c */

/* ---- queues and answers (io_serve.c) ---- */
struct ring_request *io_first(struct io_queue *q); /* NULL: none waits */
void io_answer_first(struct io_port *p, struct io_queue *q, int64_t result);
void io_answer(struct io_port *p, uint64_t id, int64_t result);

/* 0 or -ENOMEM. `shared` lies in memory that both processes have. */
int io_port_init(struct io_port *p, const struct io_ops *ops, struct ring_shared *shared, uint32_t slots,
                 const struct gmem *memory);
/* Takes requests and works until there is nothing left to do without waiting; `ready`: bit 2i the port i's `in` is
 * readable, bit 2i + 1 its `out` writable. -EPIPE: the machine process is not in its right mind. */
int io_server_pass(struct io_server *s, uint64_t ready);
/* For ever, or until -EPIPE. */
int io_serve(struct io_server *s);

extern const struct io_ops io_stream, io_channel, io_random, io_block, io_disk, io_media, io_net;

/* ---- disks (io_block.c) ---- */
/* RING_READ, RING_WRITE, RING_SYNC, RING_DISCARD and RING_ZERO of the port's file: bytes done or -errno. */
int64_t io_block_now(struct io_port *p, const struct ring_request *q);

/* ---- drives (io_media.c) ---- */
/* Puts `fd`, which stays the caller's, into the drive, in the place of what is there. 0; -EINVAL when it is no medium
 * of that drive, -EBADF when it cannot be read (written, when it is not read_only), -errno: *why is a constant
 * sentence. */
int io_media_insert(struct io_port *p, int fd, bool read_only, const char **why);
/* 0, or -ENOMEDIUM: it is empty. */
int io_media_eject(struct io_port *p);
/* A medium's size as a drive has it, of a file's: whole sectors. 0: it fits no such drive. */
uint64_t io_media_bytes(const struct io_drive *d, uint64_t file_bytes);

/* Descriptors to wait for, at most IO_CLIENTS + 1: how many. */
unsigned io_door_poll(const struct io_door *d, struct pollfd *v);
/* Takes who has come, obeys what was said, answers it. Waits for nobody. */
void io_door_work(struct io_door *d);

struct io_channel *io_channel_new(void); /* NULL: no memory */
/* Of a machine that goes on from a snapshot, before it is shut in: init there is told, once it is heard where nothing
 * had come of it yet (`silent`). -errno. */
int io_channel_resume(struct io_channel *c, bool silent);

#endif
