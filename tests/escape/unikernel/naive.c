/* SPDX-License-Identifier: Apache-2.0 */
/* The tender (src/spt) without its wall: its filter is one instruction, which lets everything pass. What attacks are
 * held against: they succeed here. */
#include "spt/filter.h"

#include <linux/seccomp.h>

int __wrap_filter_make(const struct filter_world *w, struct sock_filter room[FILTER_ROOM], struct sock_filter **out);
int __wrap_filter_make(const struct filter_world *w, struct sock_filter room[FILTER_ROOM], struct sock_filter **out)
{
    (void)w;
    room[0] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    *out = room;
    return 1;
}
