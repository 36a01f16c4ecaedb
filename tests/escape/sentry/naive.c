/* SPDX-License-Identifier: Apache-2.0 */
/* The sentry (src/sentry) whose guest tasks have no filter of their own, only that of services: its one instruction
 * lets everything pass. What attacks are held against: those on a service's instructions succeed here. */
#include "sentry/stub_filter.h"

#include <linux/seccomp.h>

int __wrap_stub_filter_guest(struct sock_filter room[STUB_FILTER_ROOM], struct sock_filter **out);
int __wrap_stub_filter_guest(struct sock_filter room[STUB_FILTER_ROOM], struct sock_filter **out)
{
    room[0] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    *out = room;
    return 1;
}
