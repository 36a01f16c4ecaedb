/* SPDX-License-Identifier: Apache-2.0 */
/* ioctl(2): what is about every open file; the rest goes to the file's ops. */
#include "linux/fs/internal.h"

#include <asm/ioctls.h>

static int64_t set_flag_by_int(struct file *f, struct uptr from, uint32_t flag)
{
    int32_t on;
    int r = get_user(on, from);
    if (!r)
        f->flags = on ? f->flags | flag : f->flags & ~flag;
    return r;
}

static int64_t bytes_to_read(const struct file *f, struct uptr to)
{
    int64_t left = (int64_t)f->inode->size - (int64_t)f->pos;
    int32_t n = left > INT32_MAX ? INT32_MAX : left < INT32_MIN ? INT32_MIN : (int32_t)left;
    return put_user(to, n);
}

int64_t sys_ioctl(struct task *t, const struct args *a)
{
    uint32_t command = arg_u32(a, 1);
    int64_t r;
    FILE_HELD *f = fd_get(arg_int(a, 0));
    if (!f)
        return -EBADF;
    switch (command) {
    case FIOCLEX:
    case FIONCLEX:
        fd_set_cloexec(arg_int(a, 0), command == FIOCLEX);
        return 0;
    case FIONBIO:
        return set_flag_by_int(f, arg_ptr(a, 2), O_NONBLOCK);
    case FIOASYNC:
        r = set_flag_by_int(f, arg_ptr(a, 2), FASYNC);
        return r || !async_set ? r : async_set(f, arg_int(a, 0), f->flags & FASYNC);
    case FIONREAD:
        if (S_ISREG(f->inode->mode))
            return bytes_to_read(f, arg_ptr(a, 2));
        break;
    default:
        break;
    }
    return f->ops->ioctl ? f->ops->ioctl(f, command, arg_ptr(a, 2)) : -ENOTTY;
}
