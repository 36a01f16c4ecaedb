/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets: what all families share. A family fills struct socket_ops; calls, options, waiting and messages are here.
 * Every socket has one queue (`changed`), which whoever changes it from the other side wakes: the peer that wrote,
 * read, connected or went away.
 *
 * A connected stream has its incoming bytes in its own ring, so writing is putting into the peer's. Both ends point at
 * each other without holding: who is released first clears the other's pointer.
 */
#ifndef MOAT_LINUX_NET_SOCKET_H
#define MOAT_LINUX_NET_SOCKET_H

#include "linux/fs/vfs.h"
#include "linux/ipc/ring.h"
#include "linux/net/abi.h"

#define SOCKET_BUFFER 262144u /* bytes in a stream's ring, and in a queue of packets, by default */
#define SOCKET_MOST   (1u << 23)
#define BACKLOG_MOST  4096u /* net.core.somaxconn */

/* Open files and a sender's identity on their way through a unix socket. */
struct rights {
    struct list link; /* in the receiver's queue */
    uint64_t at;      /* stream: they belong to the byte at this position */
    uint32_t n;
    bool has_cred;
    struct user_ucred cred;
    struct file *files[]; /* held */
};

struct packet {
    struct list link;
    uint32_t size, name_size;
    union socket_name from;
    struct rights *rights; /* owned; NULL */
    uint8_t *bytes;        /* FIELD_BYTES of `size` */
};

struct inet_address { /* IPv4 as ::ffff:a.b.c.d */
    uint8_t ip[16];
    uint16_t port; /* host order; 0: none */
};

struct socket {
    const struct socket_ops *ops;
    struct file *file; /* the open file over it, not held; NULL: waits to be accepted */
    struct wait_queue changed;
    uint16_t family, type;
    int32_t protocol, error;                                 /* error: positive errno for SO_ERROR, given once */
    bool listening, connected, shut_read, shut_write, ended; /* ended: the other side writes no more */
    struct socket *peer;                                     /* stream: the other end; dgram: where send goes (unix) */
    struct user_ucred cred, peer_cred;
    /* Streams */
    struct ring in;
    uint64_t in_put, in_got; /* bytes ever put into and taken out of `in` */
    struct list rights;      /* of struct rights, by position */
    struct list accepting, in_accepting;
    uint32_t backlog, n_accepting;
    /* Packets */
    struct list packets;
    uint32_t packet_bytes, packet_limit;
    struct list senders; /* unix dgram sockets connected to this one: of in_senders */
    struct list in_senders;
    /* Options */
    uint64_t send_timeout, receive_timeout; /* ns; 0: none */
    uint32_t send_buffer;
    bool reuse_address, reuse_port, keep_alive, broadcast, pass_cred, v6_only, linger, no_delay;
    int32_t linger_seconds, mark, priority;
    /* Names */
    struct inode *bound; /* unix: held */
    char *unix_name;     /* FIELD_BYTES: the sun_path as bound, unix_size bytes */
    uint32_t unix_size;
    struct inet_address local, remote;
    struct list by_name; /* in the family's table */
};
extern struct heap_type socket_type;

struct message {
    struct uio *u;
    uint32_t flags;         /* MSG_* asked for */
    uint32_t out_flags;     /* of recvmsg */
    union socket_name name; /* send: to; receive: from */
    uint32_t name_size;     /* 0: none */
    struct rights *rights;  /* send: taken when sent; receive: owned by the caller */
    bool nonblock;
};

struct socket_ops {
    int (*bind)(struct socket *, const union socket_name *, uint32_t n);
    int (*connect)(struct socket *, const union socket_name *, uint32_t n, bool nonblock);
    int (*listen)(struct socket *);                                    /* NULL: -EOPNOTSUPP */
    uint32_t (*name)(struct socket *, bool peer, union socket_name *); /* its size */
    int64_t (*send)(struct socket *, struct message *);
    int64_t (*receive)(struct socket *, struct message *);
    void (*release)(struct socket *); /* out of the family's tables */
};
struct socket_family {
    uint16_t family;
    int (*create)(struct socket *);                /* by type and protocol: sets ops */
    int (*pair)(struct socket *, struct socket *); /* NULL: -EOPNOTSUPP */
};
extern const struct socket_family unix_family, inet_family, inet6_family;

struct socket *socket_new(uint16_t family, uint16_t type); /* NULL */
void socket_free(struct socket *);                         /* ends it for both sides */
struct socket *socket_of(struct file *);                   /* NULL: no socket */
int socket_file(struct socket *, uint32_t flags); /* a descriptor: takes the socket; -errno: it stays the caller's */
/* The socket of a descriptor of the current task, its file held in *f. -EBADF, -ENOTSOCK. */
int socket_get(int fd, struct file **f, struct socket **);
int socket_take_error(struct socket *); /* -errno, once; 0 */
void socket_wake(struct socket *, uint32_t events);
uint64_t socket_deadline(uint64_t timeout);
/* Waits for the next change of the socket: 0: look again; -EAGAIN (must not wait, or time is over), -ERESTARTSYS. */
int socket_wait(struct socket *, bool nonblock, uint64_t deadline);
uint32_t socket_poll(struct socket *);

/* ---- streams (stream.c) ---- */
void stream_join(struct socket *, struct socket *); /* both are connected */
int64_t stream_send(struct socket *, struct message *);
int64_t stream_receive(struct socket *, struct message *);
void stream_end(struct socket *); /* this side goes: the peer sees its end, or a reset when bytes were not read */
/* A new connection of `client` to `listener`: the server's end stands in its queue, *server. -EAGAIN: the queue is
 * full. */
int stream_connect(struct socket *client, struct socket *listener, struct socket **server);

/* ---- packets (packet.c) ---- */
/* Into the receiver's queue. `from` may be NULL. Waits for room unless nonblock. */
int64_t packet_send(struct socket *from, struct socket *to, struct message *, const union socket_name *name,
                    uint32_t name_size);
int64_t packet_receive(struct socket *, struct message *);
void packets_drop(struct socket *);

/* ---- rights (rights.c) ---- */
struct rights *rights_new(uint32_t n); /* room for n files; NULL */
void rights_free(struct rights *);     /* NULL is fine */
/* Reads the control messages of a sendmsg. *out may be NULL. -EBADF, -EINVAL, -EPERM, -ETOOMANYREFS. */
int rights_read(struct socket *, uint64_t control, uint64_t size, struct rights **out);
/* Writes them for a recvmsg, installing descriptors: bytes written; sets MSG_CTRUNC when they do not fit. */
int64_t rights_write(struct socket *, struct rights *, uint64_t control, uint64_t size, uint32_t flags,
                     uint32_t *out_flags);

#endif
