/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of socket(2), send(2) and recv(2) that the kernel's headers do not give to programs, and struct msghdr. */
#ifndef MOAT_LINUX_NET_ABI_H
#define MOAT_LINUX_NET_ABI_H

#include "linux/platform.h"

#include <asm/socket.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/socket.h>
#include <linux/un.h>

enum { AF_UNSPEC_ = 0, AF_UNIX_ = 1, AF_INET_ = 2, AF_INET6_ = 10 };

enum socket_type { SOCK_STREAM_ = 1, SOCK_DGRAM_ = 2, SOCK_RAW_ = 3, SOCK_SEQPACKET_ = 5 };
#define SOCK_TYPE_MASK 15u
/* SOCK_CLOEXEC and SOCK_NONBLOCK are O_CLOEXEC and O_NONBLOCK. */

enum message_flag {
    MSG_OOB_ = 1,
    MSG_PEEK_ = 2,
    MSG_CTRUNC_ = 8,
    MSG_TRUNC_ = 0x20,
    MSG_DONTWAIT_ = 0x40,
    MSG_EOR_ = 0x80,
    MSG_WAITALL_ = 0x100,
    MSG_NOSIGNAL_ = 0x4000,
    MSG_WAITFORONE_ = 0x10000,
    MSG_CMSG_CLOEXEC_ = 0x40000000,
};

enum { SHUT_READ_ = 0, SHUT_WRITE_ = 1, SHUT_BOTH_ = 2 };
enum { SCM_RIGHTS_ = 1, SCM_CREDENTIALS_ = 2 };
#define SCM_RIGHTS_MOST 253u

struct user_msghdr {
    uint64_t name;
    uint32_t name_size, pad;
    uint64_t iov, n_iov;
    uint64_t control, control_size;
    uint32_t flags, pad2;
};
struct user_cmsghdr {
    uint64_t size;
    int32_t level, type;
};
struct user_ucred {
    int32_t pid;
    uint32_t uid, gid;
};

union socket_name { /* of any family */
    uint16_t family;
    struct sockaddr_un un;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    uint8_t bytes[128];
};

#endif
