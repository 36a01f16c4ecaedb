/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private: calls on addresses, and the name service. What may be reached is net/gate.h's word; this is its hands.
 *
 * No call of this group is ever left to the kernel with ANSWER_CONTINUE, but those that can reach nothing: a target
 * that was given a socket of the host's network could put it under the number of another, and another address into its
 * memory, between our look and the kernel's. So each call is done here, on the socket that was looked at.
 *
 * Files: net.c (services), net_socket.c (the target's sockets, and new ones), net_wait.c (what cannot be answered at
 * once), net_names.c (the name service).
 */
#ifndef MOAT_BROKER_NET_H
#define MOAT_BROKER_NET_H

#include "broker/broker.h"
#include "net/gate.h"

#include <poll.h>
#include <sys/un.h>

#define NET_WAITS_MAX 64
#define NET_NAMES_MAX 64
#define NET_POLL_MAX  (NET_WAITS_MAX + NET_NAMES_MAX + 1)

extern struct gate net_gate;

/* The rules into the gate, and what has to be known before the process is shut in. */
int net_init(struct broker *b, struct err *err);

/* What the network part waits for beside the listener, and for how long at most (-1: for ever). */
unsigned net_poll(struct broker *b, struct pollfd *fds, int *timeout);
void net_events(struct broker *b, const struct pollfd *fds, unsigned n);

/* ---- net.c, for net_send.c: an address as the target gave it, copied -------------------------------------------- */

struct net_said {
    union {
        struct sockaddr any;
        struct sockaddr_un local;
        struct sockaddr_storage storage;
    } u;
    socklen_t length;
};
struct net_socket;

/* -EINVAL, -EFAULT. */
int net_address_read(const struct call *c, uint64_t from, uint64_t length, struct net_said *out);
int net_family(const struct net_said *a); /* -1: there is none */
bool net_is_internet(const struct net_socket *s);
bool net_is_loopback(const struct net_address *a);
bool net_has_path(const struct net_said *a);
/* The address by which we reach the socket of that path; *at must stay open until then. */
int net_path(struct broker *b, struct call *c, const struct net_said *a, struct sockaddr_un *to, int *at);

/* net_learn.c: the names that a message asks for, told in learn mode. */
void net_learn_names(struct broker *b, const struct call *c);

/* net_send.c: sendto(2), sendmsg(2), sendmmsg(2), done here. */
int net_send(struct broker *b, struct call *c);

/* ---- net_socket.c ------------------------------------------------------------------------------------------------ */

/* A socket of the target's: our own descriptor of the same open file. */
struct net_socket {
    int fd;
    int domain, type, protocol;
    bool hosts;    /* it lies in the host's network namespace: the broker gave it */
    bool nonblock; /* its file flag */
    bool cloexec;  /* of the target's descriptor */
};

int net_socket_init(void);
/* -EBADF, -ENOTSOCK, -ESRCH ... The descriptor is the caller's. */
int net_socket_get(const struct broker *b, const struct call *c, struct net_socket *out);
/* Our descriptor of what the target has under a number; the caller asks notify_waits(). */
int net_get_fd(const struct broker *b, const struct call *c, int number);
/* A socket of the host's network like it: family, type and the options that programs set; not blocking. */
int net_socket_like(const struct net_socket *s);
int net_set_nonblock(int fd, bool on);

/* ---- net_wait.c -------------------------------------------------------------------------------------------------- */

/* A connect(2) that is under way, or a message that found no room. */
struct net_wait {
    struct seccomp_notif n;
    int fd;     /* that connects or sends */
    bool again; /* the call is done once more */
    int number; /* the target's descriptor that it is put in the place of; -1: it is the target's own socket */
    bool cloexec;
    int64_t until; /* clock_ms(); 0: as long as the protocol tries */
};

/* Takes fd. false: there are too many, and fd is closed. */
bool net_wait_add(struct broker *b, const struct net_wait *w);

unsigned net_wait_poll(const struct broker *b, struct pollfd *fds, int *timeout);
void net_wait_events(struct broker *b, const struct pollfd *fds, unsigned n);

/* ---- net_names.c ------------------------------------------------------------------------------------------------- */

int net_names_init(struct broker *b, struct err *err);
unsigned net_names_poll(const struct broker *b, struct pollfd *fds, int *timeout);
void net_names_events(struct broker *b, const struct pollfd *fds, unsigned n);

#endif
