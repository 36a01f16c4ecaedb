/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink(7): one socket a namespace, one request at a time. Answers come from the kernel; they are walked with its
 * own bounds (NLMSG_OK, RTA_OK) all the same.
 */
#include "host/netlink.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESSES_MAX 64
#define LINKS_MAX     256

struct request {
    struct nlmsghdr head;
    union {
        struct ifinfomsg link;
        struct ifaddrmsg address;
    };
    char attributes[256];
};

struct address {
    struct ifaddrmsg info;
    uint8_t local[16], peer[16];
    uint8_t len;
};

struct addresses {
    struct address v[ADDRESSES_MAX];
    unsigned n;
};
struct links {
    int v[LINKS_MAX];
    unsigned n;
};

static void begin(struct request *rq, uint16_t type, uint16_t flags, size_t body)
{
    *rq = (struct request){
        .head = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(body), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags}};
}

static void add_attribute(struct request *rq, unsigned short type, const void *data, size_t len)
{
    struct rtattr *a = (struct rtattr *)((char *)rq + NLMSG_ALIGN(rq->head.nlmsg_len));

    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(len);
    memcpy(RTA_DATA(a), data, len);
    rq->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(rq->head.nlmsg_len) + RTA_ALIGN(a->rta_len));
}

/* Sends; calls take() for each answer until the kernel says done or gives its error. */
static int transact(int s, const struct request *rq, void (*take)(void *ctx, const struct nlmsghdr *), void *ctx)
{
    char buf[32768] __attribute__((aligned(8)));

    if (send(s, rq, rq->head.nlmsg_len, 0) < 0)
        return -errno;
    for (;;) {
        ssize_t len = recv(s, buf, sizeof buf, 0);
        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0)
            return len < 0 ? -errno : -EBADMSG;
        unsigned left = (unsigned)len;
        for (struct nlmsghdr *h = (struct nlmsghdr *)buf; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
            if (h->nlmsg_type == NLMSG_DONE)
                return 0;
            if (h->nlmsg_type == NLMSG_ERROR)
                return ((struct nlmsgerr *)NLMSG_DATA(h))->error;
            if (take)
                take(ctx, h);
        }
    }
}

static void take_link(void *ctx, const struct nlmsghdr *h)
{
    struct links *l = ctx;

    if (h->nlmsg_type == RTM_NEWLINK && l->n < LINKS_MAX)
        l->v[l->n++] = ((struct ifinfomsg *)NLMSG_DATA(h))->ifi_index;
}

static int list_links(int s, struct links *out)
{
    struct request rq;

    out->n = 0;
    begin(&rq, RTM_GETLINK, NLM_F_DUMP, sizeof rq.link);
    return transact(s, &rq, take_link, out);
}

struct address_filter {
    unsigned index;
    struct addresses *out;
};

static void take_address(void *ctx, const struct nlmsghdr *h)
{
    const struct address_filter *f = ctx;
    const struct ifaddrmsg *info = NLMSG_DATA(h);
    struct address a = {.info = *info};
    uint32_t flags = info->ifa_flags;
    int left = (int)IFA_PAYLOAD(h);

    if (h->nlmsg_type != RTM_NEWADDR || info->ifa_index != f->index || info->ifa_scope != RT_SCOPE_UNIVERSE)
        return;
    for (struct rtattr *r = IFA_RTA(info); RTA_OK(r, left); r = RTA_NEXT(r, left)) {
        size_t len = RTA_PAYLOAD(r);
        if (r->rta_type == IFA_FLAGS && len >= sizeof flags)
            memcpy(&flags, RTA_DATA(r), sizeof flags);
        if ((r->rta_type == IFA_LOCAL || r->rta_type == IFA_ADDRESS) && len <= sizeof a.local) {
            memcpy(r->rta_type == IFA_LOCAL ? a.local : a.peer, RTA_DATA(r), len);
            a.len = (uint8_t)len;
        }
    }
    if (flags & IFA_F_PERMANENT && a.len && f->out->n < ADDRESSES_MAX) {
        if (info->ifa_family == AF_INET6)
            memcpy(a.local, a.peer, sizeof a.local);
        f->out->v[f->out->n++] = a;
    }
}

static int list_addresses(int s, unsigned index, struct addresses *out)
{
    struct address_filter f = {index, out};
    struct request rq;

    out->n = 0;
    begin(&rq, RTM_GETADDR, NLM_F_DUMP, sizeof rq.address);
    return transact(s, &rq, take_address, &f);
}

static int add_address(int s, int index, const struct address *a)
{
    struct request rq;

    begin(&rq, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, sizeof rq.address);
    rq.address = a->info;
    rq.address.ifa_index = (unsigned)index;
    add_attribute(&rq, IFA_LOCAL, a->local, a->len);
    add_attribute(&rq, IFA_ADDRESS, a->peer, a->len);
    return transact(s, &rq, NULL, NULL);
}

static int set_up(int s, int index)
{
    struct request rq;

    begin(&rq, RTM_NEWLINK, NLM_F_ACK, sizeof rq.link);
    rq.link.ifi_index = index;
    rq.link.ifi_flags = rq.link.ifi_change = IFF_UP;
    return transact(s, &rq, NULL, NULL);
}

/* A socket in the network namespace of another process. */
static int socket_of(pid_t pid)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    _cleanup_fd_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    _cleanup_fd_ int theirs = open(path, O_RDONLY | O_CLOEXEC);
    if (own < 0 || theirs < 0 || setns(theirs, CLONE_NEWNET) < 0)
        return -errno;
    int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int r = s < 0 ? -errno : s;
    if (setns(own, CLONE_NEWNET) < 0) {
        r = -errno; /* nothing else may be done from here */
        if (s >= 0)
            close(s);
    }
    return r;
}

/* The one that is in `after` and was not in `before`. */
static int new_link(const struct links *before, const struct links *after)
{
    for (unsigned i = 0; i < after->n; i++) {
        bool known = false;
        for (unsigned k = 0; k < before->n; k++)
            known |= after->v[i] == before->v[k];
        if (!known)
            return after->v[i];
    }
    return -ENODEV;
}

static int move(int s, int index, const char *new_name, pid_t pid)
{
    struct request rq;
    uint32_t target = (uint32_t)pid;

    begin(&rq, RTM_NEWLINK, NLM_F_ACK, sizeof rq.link);
    rq.link.ifi_index = index;
    add_attribute(&rq, IFLA_NET_NS_PID, &target, sizeof target);
    if (new_name)
        add_attribute(&rq, IFLA_IFNAME, new_name, strlen(new_name) + 1);
    return transact(s, &rq, NULL, NULL);
}

int netlink_move_device(const char *name, const char *new_name, pid_t pid, struct err *err)
{
    static struct addresses addresses;
    static struct links before, after;
    int index = (int)if_nametoindex(name);

    if (!index)
        return err_set(err, -ENODEV, "no interface %s on this host", name);
    if (new_name && strlen(new_name) >= IFNAMSIZ)
        return err_set(err, -EINVAL, "name %s is longer than %d characters", new_name, IFNAMSIZ - 1);
    _cleanup_fd_ int here = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    _cleanup_fd_ int there = here < 0 ? -errno : socket_of(pid);
    int r = there < 0 ? there : list_addresses(here, (unsigned)index, &addresses);
    if (r == 0)
        r = list_links(there, &before);
    if (r < 0)
        return err_sys(err, r, "cannot ask for interfaces");
    r = move(here, index, new_name, pid);
    if (r == -EEXIST)
        return err_set(err, r, "the name %s is taken inside; give another one", new_name ? new_name : name);
    if (r < 0)
        return err_sys(
            err, r,
            "cannot move it into the sandbox (needs CAP_NET_ADMIN; loopback and some devices stay where they are)");
    if ((r = list_links(there, &after)) == 0)
        r = index = new_link(&before, &after);
    for (unsigned i = 0; i < addresses.n && r >= 0; i++)
        r = add_address(there, index, &addresses.v[i]);
    if (r >= 0)
        r = set_up(there, index);
    return r < 0 ? err_sys(err, r, "moved, but its addresses or its state could not be set") : 0;
}
