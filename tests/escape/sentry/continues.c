/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sentry (src/sentry) as if it were taken over: where its kernel says that there is no such call, it has the host
 * make it, in the stub. Its filter cannot forbid that, so what is told is what it may be done with
 * (src/sentry/stub_filter.c). With TELL_ALL in its environment it has filters that tell everything, where it succeeds.
 */
#include "sentry/sentry.h"
#include "sentry/stub_filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>

int __real_stub_filter_service(bool trap, struct sock_filter room[STUB_FILTER_ROOM], struct sock_filter **out);
int __wrap_stub_filter_service(bool trap, struct sock_filter room[STUB_FILTER_ROOM], struct sock_filter **out);
int __wrap_stub_filter_service(bool trap, struct sock_filter room[STUB_FILTER_ROOM], struct sock_filter **out)
{
    const struct sock_filter more[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, STUB_LOW >> 32, 1, 0), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)};
    int n = __real_stub_filter_service(trap, room, out);
    if (!getenv("TELL_ALL") || n < 0)
        return n;
    *out -= 3;
    for (int i = 0; i < 3; i++)
        (*out)[i] = more[i];
    return n + 3;
}

int __wrap_notify_answer(uint64_t id, uint64_t value);
int __wrap_notify_answer(uint64_t id, uint64_t value)
{
    struct seccomp_notif_resp answer = {.id = id, .val = (int64_t)value};
    if (value == (uint64_t)-ENOSYS)
        answer = (struct seccomp_notif_resp){.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    return ioctl(notify_fd(), SECCOMP_IOCTL_NOTIF_SEND, &answer) ? -errno : 0;
}
