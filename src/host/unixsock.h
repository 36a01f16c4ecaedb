/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets with a name in a directory that is open: the name may be as long as a name may be, since the address goes by
 * /proc/self/fd. All close-on-exec. */
#ifndef MOAT_HOST_UNIXSOCK_H
#define MOAT_HOST_UNIXSOCK_H

#include <stddef.h>

/* type as in socket(2) (SOCK_STREAM | SOCK_NONBLOCK ...). dirfd AT_FDCWD: `name` is a path, at most 107 bytes of it
 * (-ENAMETOOLONG). A descriptor or -errno. */
int unixsock_connect(int dirfd, const char *name, int type);
/* Makes it, mode 0600, and listens. */
int unixsock_listen(int dirfd, const char *name, int type, int backlog);

/* The one descriptor of the next message, close-on-exec; what else it brings is closed. flags: MSG_PEEK leaves the
 * message, and the next who receives gets the descriptor too; MSG_DONTWAIT. A descriptor; -EPIPE: the peer is gone, or
 * brought none; -errno. */
int unixsock_receive_fd(int sock, int flags);

#define UNIXSOCK_FDS_MAX 80

/* One message of len > 0 bytes with n descriptors, at most UNIXSOCK_FDS_MAX, which stay the caller's. 0 or -errno. */
int unixsock_send_fds(int sock, const int *fds, size_t n, const void *payload, size_t len);

#endif
