/* SPDX-License-Identifier: Apache-2.0 */
#include "host/netlink.h"

#include "base/mem.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct link_request {
    struct nlmsghdr head;
    struct ifinfomsg info;
    char attributes[128];
};

static void add_attribute(struct link_request *rq, unsigned short type, const void *data, size_t len)
{
    struct rtattr *a = (struct rtattr *)((char *)rq + NLMSG_ALIGN(rq->head.nlmsg_len));

    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(len);
    memcpy(RTA_DATA(a), data, len);
    rq->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(rq->head.nlmsg_len) + RTA_ALIGN(a->rta_len));
}

static int transact(const struct link_request *rq)
{
    struct {
        struct nlmsghdr head;
        struct nlmsgerr error;
        char rest[512];
    } answer = {0};
    _cleanup_fd_ int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (s < 0 || send(s, rq, rq->head.nlmsg_len, 0) < 0 ||
        recv(s, &answer, sizeof answer, 0) < (ssize_t)sizeof answer.head)
        return -errno;
    return answer.head.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EBADMSG;
}

int netlink_move_device(const char *name, const char *new_name, pid_t pid, struct err *err)
{
    struct link_request rq = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof rq.info),
                                       .nlmsg_type = RTM_NEWLINK,
                                       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK}};
    uint32_t target = (uint32_t)pid;

    rq.info.ifi_index = (int)if_nametoindex(name);
    if (!rq.info.ifi_index)
        return err_set(err, -ENODEV, "no interface %s on this host", name);
    if (new_name && strlen(new_name) >= IFNAMSIZ)
        return err_set(err, -EINVAL, "name %s is longer than %d characters", new_name, IFNAMSIZ - 1);
    add_attribute(&rq, IFLA_NET_NS_PID, &target, sizeof target);
    if (new_name)
        add_attribute(&rq, IFLA_IFNAME, new_name, strlen(new_name) + 1);
    int r = transact(&rq);
    return r < 0 ? err_sys(err, r, "cannot move it into the sandbox") : 0;
}
