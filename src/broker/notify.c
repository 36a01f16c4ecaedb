/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp listener: receives notifications, one at a time, and sends their answers. The kernel drops a notification
 * whose thread is gone or was interrupted; what is sent for it then fails, and that is no error. Nothing here believes
 * a number or a pointer of the target.
 */
#include "broker/broker.h"
#include "broker/net.h"
#include "host/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Linux 6.6: the answer wakes the target on this CPU, where its data is warm. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS _IOW('!', 4, uint64_t)
#endif
#define SYNC_WAKE_UP 1ull

bool notify_waits(const struct broker *b, uint64_t id)
{
    return sys(SYS_ioctl, b->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

void notify_send(struct broker *b, uint64_t id, enum answer answer, int64_t value, int error)
{
    struct seccomp_notif_resp resp = {.id = id, .val = value, .error = error};

    if (answer == ANSWER_CONTINUE)
        resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    sys(SYS_ioctl, b->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp); /* -ENOENT: nobody waits any more */
}

int notify_put_fd(struct broker *b, uint64_t id, int fd, int at, bool cloexec)
{
    struct seccomp_notif_addfd add = {.id = id,
                                      .flags = SECCOMP_ADDFD_FLAG_SETFD,
                                      .srcfd = (uint32_t)fd,
                                      .newfd = (uint32_t)at,
                                      .newfd_flags = cloexec ? O_CLOEXEC : 0};
    long r = sys(SYS_ioctl, b->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);

    return r == -ENOENT ? -ESRCH : r < 0 ? (int)r : 0;
}

int notify_send_fd(struct broker *b, uint64_t id, int fd, bool cloexec)
{
    struct seccomp_notif_addfd add = {
        .id = id, .flags = SECCOMP_ADDFD_FLAG_SEND, .srcfd = (uint32_t)fd, .newfd_flags = cloexec ? O_CLOEXEC : 0};
    long r = sys(SYS_ioctl, b->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);

    return r == -ENOENT ? -ESRCH : r < 0 ? (int)r : 0;
}

static bool hung_up(const struct broker *b)
{
    struct pollfd p = {.fd = b->listener, .events = POLLIN};

    return poll(&p, 1, 0) == 1 && p.revents & (POLLHUP | POLLERR | POLLNVAL) && !(p.revents & POLLIN);
}

int notify_init(struct broker *b, struct err *err)
{
    struct seccomp_notif_sizes sizes;
    struct utsname u;
    unsigned major = 0, minor = 0;

    if (sys(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0 ||
        sizes.seccomp_notif > sizeof(struct seccomp_notif) ||
        sizes.seccomp_notif_resp > sizeof(struct seccomp_notif_resp))
        return err_set(err, -ENOTSUP, "this kernel's seccomp notifications are not those of Linux 5.5 to 6.18");
    if (uname(&u) == 0 && sscanf(u.release, "%u.%u", &major, &minor) == 2)
        b->hears_end = major > 6 || (major == 6 && minor >= 11);
    return 0;
}

/* Until a call is there to be received. 0: there may be one; 1: none will come any more. */
static int wait_for_call(struct broker *b, struct err *err)
{
    struct pollfd fds[NET_POLL_MAX + 1];
    int timeout;

    for (;;) {
        unsigned n = net_poll(b, fds + 1, &timeout);
        if (!n && timeout < 0 && b->hears_end)
            return 0; /* receiving waits just as well */
        fds[0] = (struct pollfd){.fd = b->listener, .events = POLLIN};
        int k = poll(fds, n + 1, timeout);
        if (k < 0 && errno != EINTR)
            return err_sys(err, -errno, "wait for calls");
        if (k < 0)
            continue;
        net_events(b, fds + 1, n);
        if (fds[0].revents)
            return fds[0].revents & POLLIN ? 0 : 1;
    }
}

int notify_run(struct broker *b, struct err *err)
{
    static struct call call;

    sys(SYS_ioctl, b->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP); /* older kernels: slower */
    for (;;) {
        int k = wait_for_call(b, err);
        if (k != 0)
            return k < 0 ? k : 0;
        memset(&call.n, 0, sizeof call.n); /* the kernel insists */
        long r = sys(SYS_ioctl, b->listener, SECCOMP_IOCTL_NOTIF_RECV, &call.n);
        if (r == 0)
            calls_answer(b, &call);
        else if (r == -ENOENT && hung_up(b))
            return 0;
        else if (r != -ENOENT && r != -EINTR)
            return err_sys(err, (int)r, "receive a call");
    }
}
