/* SPDX-License-Identifier: Apache-2.0 */
/* Character devices: mem(4), null(4), random(4), console(4). One row each. */
#include "linux/kfs/device.h"

#include "linux/core/random.h"
#include "linux/mm/mm.h"
#include "linux/task/task.h"
#include "linux/tty/tty.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/eventpoll.h>
#include <linux/random.h>

#pragma weak tty_device_open

static int64_t null_read(struct file *f, struct uio *u, uint64_t *pos)
{
    return 0;
}

/* Takes all, and looks at none of it. */
static int64_t null_write(struct file *f, struct uio *u, uint64_t *pos)
{
    int64_t n = (int64_t)u->left;
    u->left = 0;
    return n;
}

static int64_t zero_read(struct file *f, struct uio *u, uint64_t *pos)
{
    return uio_put_zero(u, u->left);
}
static int64_t full_write(struct file *f, struct uio *u, uint64_t *pos)
{
    return -ENOSPC;
}

static int64_t random_read(struct file *f, struct uio *u, uint64_t *pos)
{
    uint8_t bytes[256];
    int64_t done = 0;
    while (u->left) {
        size_t want = u->left < sizeof(bytes) ? u->left : sizeof(bytes);
        random_bytes(bytes, want);
        int64_t n = uio_put(u, bytes, want);
        if (n <= 0)
            return done ? done : n;
        done += n;
        if ((size_t)n < want)
            break;
    }
    return done;
}

/* random(4): the pool is always full (/proc/sys/kernel/random/entropy_avail). */
static int64_t random_ioctl(struct file *f, uint32_t command, struct uptr to)
{
    const int bits = RANDOM_POOL_BITS;
    return command == RNDGETENTCNT ? put_user(to, bits) : -ENOTTY;
}

static uint32_t device_ready(struct file *f)
{
    return EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM;
}
static int64_t device_seek(struct file *f, int64_t offset, int whence)
{
    return (int64_t)(f->pos = 0);
}

/* A mapping of /dev/zero is anonymous memory: no object. */
static int zero_map(struct file *f, struct vma *v)
{
    return 0;
}

static const struct file_ops null_ops = {.read = null_read, .write = null_write, .seek = device_seek};
static const struct file_ops zero_ops = {.read = zero_read, .write = null_write, .seek = device_seek, .map = zero_map};
static const struct file_ops full_ops = {.read = zero_read, .write = full_write, .seek = device_seek};
static const struct file_ops random_ops = {
    .read = random_read, .write = null_write, .seek = device_seek, .poll = device_ready, .ioctl = random_ioctl};

static const struct device {
    uint64_t number;
    const struct file_ops *ops;
} devices[] = {
    {DEVICE(1, 3), &null_ops},   {DEVICE(1, 5), &zero_ops},   {DEVICE(1, 7), &full_ops},
    {DEVICE(1, 8), &random_ops}, {DEVICE(1, 9), &random_ops},
};

int device_open(struct inode *i, struct file *f)
{
    for (size_t n = 0; n < sizeof(devices) / sizeof(devices[0]); n++)
        if (devices[n].number == i->rdev && S_ISCHR(i->mode)) {
            f->ops = devices[n].ops;
            return 0;
        }
    return tty_device_open && S_ISCHR(i->mode) ? tty_device_open(i, f) : -ENXIO;
}
