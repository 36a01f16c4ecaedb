/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getsockopt(2), setsockopt(2): socket(7), tcp(7), ip(7), ipv6(7). One row per option: what it is and how it is kept.
 * An option of TCP or IP that changes nothing within one machine is taken and told back as its default.
 */
#include "linux/core/call.h"
#include "linux/core/time.h"
#include "linux/fs/fd.h"
#include "linux/net/socket.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <linux/tcp.h>
#include <linux/time_types.h>
#include <string.h>

enum option_kind { OPTION_BOOL, OPTION_INT, OPTION_TIME, OPTION_FIXED, OPTION_OWN };

struct option {
    int level, name;
    uint8_t kind, size;
    uint16_t offset; /* in struct socket */
    int fixed;       /* OPTION_FIXED: what get says; set is taken */
    bool read_only;
};
#define KEPT(kind_, member)                                                                                            \
    .kind = (kind_), .size = sizeof(((struct socket *)0)->member), .offset = (uint16_t)offsetof(struct socket, member)

static const struct option options[] = {
    {SOL_SOCKET, SO_REUSEADDR, KEPT(OPTION_BOOL, reuse_address)},
    {SOL_SOCKET, SO_REUSEPORT, KEPT(OPTION_BOOL, reuse_port)},
    {SOL_SOCKET, SO_KEEPALIVE, KEPT(OPTION_BOOL, keep_alive)},
    {SOL_SOCKET, SO_BROADCAST, KEPT(OPTION_BOOL, broadcast)},
    {SOL_SOCKET, SO_PASSCRED, KEPT(OPTION_BOOL, pass_cred)},
    {SOL_SOCKET, SO_MARK, KEPT(OPTION_INT, mark)},
    {SOL_SOCKET, SO_PRIORITY, KEPT(OPTION_INT, priority)},
    {SOL_SOCKET, SO_RCVTIMEO_OLD, KEPT(OPTION_TIME, receive_timeout)},
    {SOL_SOCKET, SO_SNDTIMEO_OLD, KEPT(OPTION_TIME, send_timeout)},
    {SOL_SOCKET, SO_TYPE, .kind = OPTION_OWN, .read_only = true},
    {SOL_SOCKET, SO_DOMAIN, .kind = OPTION_OWN, .read_only = true},
    {SOL_SOCKET, SO_PROTOCOL, .kind = OPTION_OWN, .read_only = true},
    {SOL_SOCKET, SO_ERROR, .kind = OPTION_OWN, .read_only = true},
    {SOL_SOCKET, SO_ACCEPTCONN, .kind = OPTION_OWN, .read_only = true},
    {SOL_SOCKET, SO_SNDBUF, .kind = OPTION_OWN},
    {SOL_SOCKET, SO_RCVBUF, .kind = OPTION_OWN},
    {SOL_SOCKET, SO_SNDBUFFORCE, .kind = OPTION_OWN},
    {SOL_SOCKET, SO_RCVBUFFORCE, .kind = OPTION_OWN},
    {SOL_SOCKET, SO_PEERCRED, .kind = OPTION_OWN, .read_only = true},
    {SOL_SOCKET, SO_LINGER, .kind = OPTION_OWN},
    {SOL_SOCKET, SO_OOBINLINE, .kind = OPTION_FIXED},
    {SOL_SOCKET, SO_DONTROUTE, .kind = OPTION_FIXED},
    {SOL_SOCKET, SO_RCVLOWAT, .kind = OPTION_FIXED, .fixed = 1},
    {SOL_SOCKET, SO_SNDLOWAT, .kind = OPTION_FIXED, .fixed = 1, .read_only = true},
    {SOL_SOCKET, SO_TIMESTAMP_OLD, .kind = OPTION_FIXED},
    {SOL_SOCKET, SO_INCOMING_CPU, .kind = OPTION_FIXED},
    {IPPROTO_TCP, TCP_NODELAY, KEPT(OPTION_BOOL, no_delay)},
    {IPPROTO_TCP, TCP_MAXSEG, .kind = OPTION_FIXED, .fixed = 65483},
    {IPPROTO_TCP, TCP_CORK, .kind = OPTION_FIXED},
    {IPPROTO_TCP, TCP_KEEPIDLE, .kind = OPTION_FIXED, .fixed = 7200},
    {IPPROTO_TCP, TCP_KEEPINTVL, .kind = OPTION_FIXED, .fixed = 75},
    {IPPROTO_TCP, TCP_KEEPCNT, .kind = OPTION_FIXED, .fixed = 9},
    {IPPROTO_TCP, TCP_SYNCNT, .kind = OPTION_FIXED, .fixed = 6},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, .kind = OPTION_FIXED},
    {IPPROTO_TCP, TCP_QUICKACK, .kind = OPTION_FIXED, .fixed = 1},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, .kind = OPTION_FIXED},
    {IPPROTO_TCP, TCP_FASTOPEN, .kind = OPTION_FIXED},
    {IPPROTO_IP, IP_TOS, .kind = OPTION_FIXED},
    {IPPROTO_IP, IP_TTL, .kind = OPTION_FIXED, .fixed = 64},
    {IPPROTO_IP, IP_RECVERR, .kind = OPTION_FIXED},
    {IPPROTO_IP, IP_FREEBIND, .kind = OPTION_FIXED},
    {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, .kind = OPTION_FIXED},
    {IPPROTO_IP, IP_MTU_DISCOVER, .kind = OPTION_FIXED, .fixed = 1},
    {IPPROTO_IPV6, IPV6_V6ONLY, KEPT(OPTION_BOOL, v6_only)},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, .kind = OPTION_FIXED, .fixed = 64},
    {IPPROTO_IPV6, IPV6_TCLASS, .kind = OPTION_FIXED},
    {IPPROTO_IPV6, IPV6_RECVERR, .kind = OPTION_FIXED},
};

static const struct option *option_find(const struct socket *s, int level, int name)
{
    if (level == IPPROTO_TCP && (s->family == AF_UNIX_ || s->type != SOCK_STREAM_))
        return NULL;
    if ((level == IPPROTO_IP && s->family == AF_UNIX_) || (level == IPPROTO_IPV6 && s->family != AF_INET6_))
        return NULL;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (options[i].level == level && options[i].name == name)
            return &options[i];
    return NULL;
}

static bool level_is_known(const struct socket *s, int level)
{
    if (s->family == AF_UNIX_)
        return level == SOL_SOCKET;
    return level == SOL_SOCKET || level == IPPROTO_IP || (level == IPPROTO_IPV6 && s->family == AF_INET6_) ||
           level == (s->type == SOCK_STREAM_ ? IPPROTO_TCP : IPPROTO_UDP);
}

/* What is not known is refused as Linux does. */
static int option_unknown(const struct socket *s, int level)
{
    if (level == SOL_SOCKET)
        return -ENOPROTOOPT;
    return s->family == AF_UNIX_ ? -EOPNOTSUPP : -ENOPROTOOPT;
}

/* ---- get ---- */

static int option_own(struct socket *s, int name)
{
    switch (name) {
    case SO_TYPE:
        return s->type;
    case SO_DOMAIN:
        return s->family;
    case SO_PROTOCOL:
        return s->protocol;
    case SO_ERROR:
        return -socket_take_error(s);
    case SO_ACCEPTCONN:
        return s->listening;
    case SO_SNDBUF:
        return (int)s->send_buffer;
    case SO_RCVBUF:
        return (int)(s->type == SOCK_STREAM_ ? s->in.capacity : s->packet_limit);
    default:
        return 0;
    }
}

static int64_t option_out(const struct args *a, int32_t room, const void *value, int32_t n)
{
    if (n > room)
        n = room;
    if (copy_out(arg_ptr(a, 3), value, (size_t)n))
        return -EFAULT;
    return put_user(arg_ptr(a, 4), n);
}

static int64_t option_get(struct socket *s, const struct args *a)
{
    int32_t room;
    const struct option *o = option_find(s, arg_int(a, 1), arg_int(a, 2));
    if (!o && !level_is_known(s, arg_int(a, 1)))
        return -EOPNOTSUPP;
    if (!o)
        return option_unknown(s, arg_int(a, 1));
    if (get_user(room, arg_ptr(a, 4)))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    if (o->level == SOL_SOCKET && o->name == SO_PEERCRED) {
        struct user_ucred none = {.uid = UINT32_MAX, .gid = UINT32_MAX};
        return option_out(a, room, s->connected ? &s->peer_cred : &none, sizeof(none));
    }
    if (o->level == SOL_SOCKET && o->name == SO_LINGER) {
        int linger[2] = {s->linger, s->linger_seconds};
        return option_out(a, room, linger, sizeof(linger));
    }
    const uint8_t *kept = (const uint8_t *)s + o->offset;
    if (o->kind == OPTION_TIME) {
        uint64_t ns;
        memcpy(&ns, kept, sizeof(ns));
        struct __kernel_old_timeval tv = ns_to_timeval(ns);
        return option_out(a, room, &tv, sizeof(tv));
    }
    int value = o->fixed;
    if (o->kind == OPTION_BOOL)
        value = *kept;
    if (o->kind == OPTION_INT)
        memcpy(&value, kept, sizeof(value));
    if (o->kind == OPTION_OWN)
        value = option_own(s, o->name);
    return option_out(a, room, &value, sizeof(value));
}

/* ---- set ---- */

static int option_set_buffer(struct socket *s, bool receive, int value)
{
    uint32_t n = value < 2048 ? 4096 : (uint32_t)value > SOCKET_MOST / 2 ? SOCKET_MOST : (uint32_t)value * 2;
    if (!receive)
        s->send_buffer = n;
    else if (s->type == SOCK_STREAM_)
        return ring_limit(&s->in, n) == -ENOMEM ? -ENOMEM : 0;
    else
        s->packet_limit = n;
    return 0;
}

static int64_t option_set_own(struct socket *s, const struct option *o, const struct args *a)
{
    int value[2];
    if (arg_u32(a, 4) < sizeof(value[0]))
        return -EINVAL;
    if (o->name == SO_LINGER) {
        if (arg_u32(a, 4) < sizeof(value))
            return -EINVAL;
        if (get_user(value, arg_ptr(a, 3)))
            return -EFAULT;
        s->linger = value[0], s->linger_seconds = value[1];
        return 0;
    }
    if (get_user(value[0], arg_ptr(a, 3)))
        return -EFAULT;
    return option_set_buffer(s, o->name == SO_RCVBUF || o->name == SO_RCVBUFFORCE, value[0]);
}

static int64_t option_set_time(uint8_t *kept, const struct args *a)
{
    struct __kernel_old_timeval tv;
    if (arg_u32(a, 4) < sizeof(tv))
        return -EINVAL;
    if (get_user(tv, arg_ptr(a, 3)))
        return -EFAULT;
    if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
        return -EDOM;
    uint64_t ns =
        tv.tv_sec < 0 || tv.tv_sec > INT32_MAX ? 0 : (uint64_t)tv.tv_sec * SECOND + (uint64_t)tv.tv_usec * 1000;
    memcpy(kept, &ns, sizeof(ns));
    return 0;
}

static int64_t option_set(struct socket *s, const struct args *a)
{
    const struct option *o = option_find(s, arg_int(a, 1), arg_int(a, 2));
    int value;
    if (!o || o->read_only)
        return o ? -ENOPROTOOPT : option_unknown(s, arg_int(a, 1));
    uint8_t *kept = (uint8_t *)s + o->offset;
    if (o->kind == OPTION_TIME)
        return option_set_time(kept, a);
    if (o->kind == OPTION_OWN)
        return option_set_own(s, o, a);
    if (arg_u32(a, 4) < sizeof(value))
        return -EINVAL;
    if (get_user(value, arg_ptr(a, 3)))
        return -EFAULT;
    if (o->kind == OPTION_BOOL)
        *kept = value != 0;
    if (o->kind == OPTION_INT)
        memcpy(kept, &value, sizeof(value));
    return 0;
}

int64_t sys_getsockopt(struct task *t, const struct args *a)
{
    struct file *f;
    struct socket *s;
    int64_t r = socket_get(arg_int(a, 0), &f, &s);
    if (r)
        return r;
    r = option_get(s, a);
    file_put(f);
    return r;
}

int64_t sys_setsockopt(struct task *t, const struct args *a)
{
    struct file *f;
    struct socket *s;
    int64_t r = socket_get(arg_int(a, 0), &f, &s);
    if (r)
        return r;
    r = option_set(s, a);
    file_put(f);
    return r;
}
