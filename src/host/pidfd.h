/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells of a process by its pidfd. No state. */
#ifndef MOAT_HOST_PIDFD_H
#define MOAT_HOST_PIDFD_H

#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>

/* <linux/pidfd.h> of Linux 6.13 and 6.14; older headers lack it. */
struct pidfd_info_exit {
    uint64_t mask, cgroupid;
    uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
    int32_t exit_code;
};
_Static_assert(sizeof(struct pidfd_info_exit) == 64, "the first form of struct pidfd_info");
#define PIDFD_GET_INFO_EXIT _IOWR(0xFF, 11, struct pidfd_info_exit)
#define PIDFD_INFO_EXIT     (1u << 3)

/* The wait status of a process that was reaped, by whoever it was. -ENODATA: it was not yet, or this kernel does not
 * tell. */
static inline int pidfd_exit_status(int pidfd, int *wait_status)
{
    struct pidfd_info_exit info = {.mask = PIDFD_INFO_EXIT};

    if (ioctl(pidfd, PIDFD_GET_INFO_EXIT, &info) < 0 || !(info.mask & PIDFD_INFO_EXIT))
        return -ENODATA;
    *wait_status = info.exit_code;
    return 0;
}

#endif
