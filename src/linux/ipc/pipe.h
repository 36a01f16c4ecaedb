/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes and FIFOs, pipe(7): a ring of bytes between the ends. */
#ifndef MOAT_LINUX_IPC_PIPE_H
#define MOAT_LINUX_IPC_PIPE_H

#include "linux/fs/vfs.h"
#include "linux/ipc/ring.h"

#define PIPE_ATOMIC   4096u      /* PIPE_BUF: a write up to this goes in whole */
#define PIPE_CAPACITY 65536u     /* as Linux's default */
#define PIPE_MOST     (1u << 20) /* /proc/sys/fs/pipe-max-size */
#define PIPE_SAYABLE  (1u << 31) /* F_SETPIPE_SZ of more is no size */

struct pipe {
    uint32_t refs;                       /* open ends, and an inode that has it */
    uint32_t readers, writers;           /* open files of each kind */
    uint32_t readers_ever, writers_ever; /* opens so far: a FIFO's open waits for a change */
    bool unnamed;                        /* of pipe(2): opening it by /proc/self/fd waits for nobody */
    struct ring ring;
    struct wait_queue changed;
};
extern struct heap_type pipe_type;
extern const struct file_ops pipe_ops;

/* What splice(2) needs: bytes in, room; both ends under the same rules as read and write. */
int64_t pipe_take(struct pipe *, struct uio *to, bool keep); /* never waits; 0: empty */
int64_t pipe_give(struct pipe *, struct uio *from);          /* never waits; 0: full; -EPIPE */
struct pipe *pipe_of(struct file *);                         /* NULL: not a pipe */
/* Waits until there is something to read (room: to write). 0, -EAGAIN when not `wait`, -ERESTARTSYS. */
int pipe_wait_data(struct pipe *, bool wait);
int pipe_wait_room(struct pipe *, uint32_t n, bool wait);

/* open(2) of a FIFO's inode: waits for the other end. */
int fifo_open(struct inode *, struct file *);
int64_t pipe_capacity(struct file *);                     /* F_GETPIPE_SZ; -EBADF */
int64_t pipe_set_capacity(struct file *, uint32_t bytes); /* F_SETPIPE_SZ: the new one; -EBUSY, -EPERM, -EBADF */

#endif
