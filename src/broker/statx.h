/* SPDX-License-Identifier: Apache-2.0 */
/* statx(2), as the kernel lays it out: musl of this age has no structure for it. */
#ifndef MOAT_BROKER_STATX_H
#define MOAT_BROKER_STATX_H

#include <stddef.h>
#include <stdint.h>

struct file_facts {
    uint32_t mask, block_size;
    uint64_t attributes;
    uint32_t links, uid, gid;
    uint16_t mode, pad;
    uint64_t ino, size, blocks, attributes_mask;
    struct {
        int64_t seconds;
        uint32_t nanoseconds, pad;
    } times[4];
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t mount;
    uint64_t spare[13];
};
_Static_assert(offsetof(struct file_facts, mount) == 0x90 && sizeof(struct file_facts) == 256, "struct statx");

#define FACT_INO   0x100u
#define FACT_MOUNT 0x1000u /* Linux 5.8 */

#endif
