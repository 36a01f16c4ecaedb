/* SPDX-License-Identifier: Apache-2.0 */
/* fcntl(2): what is about every open file; descriptors are in fd.c, locks in lock.c. */
#include "linux/fs/internal.h"
#include "linux/ipc/pipe.h"
#include "linux/mm/mm.h"

#include <linux/memfd.h>

NEEDS_ANONYMOUS;

#pragma weak pipe_capacity
#pragma weak vma_first
#pragma weak vma_next
#pragma weak pipe_set_capacity

#define SETTABLE (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | FASYNC)

static int set_flags(struct file *f, int fd, uint32_t flags)
{
    if (flags & O_NOATIME && !(f->flags & O_NOATIME) && !inode_owned(f->inode))
        return -EPERM;
    if ((flags ^ f->flags) & FASYNC && async_set) {
        int r = async_set(f, fd, flags & FASYNC);
        if (r)
            return r;
    }
    f->flags = (f->flags & ~(uint32_t)SETTABLE) | (flags & SETTABLE);
    return 0;
}

/* ---- who gets signals: F_SETOWN; negative is a process group ---- */

static int set_owner(struct file *f, int32_t who)
{
    if (who > 0 && !process_find(who) && !task_find(who))
        return -ESRCH;
    f->owner = who;
    f->owner_uid = current->cred->uid, f->owner_euid = current->cred->euid;
    return 0;
}

static int64_t set_owner_ex(struct file *f, struct uptr from)
{
    struct f_owner_ex ex;
    int r = get_user(ex, from);
    if (r)
        return r;
    if (ex.type < F_OWNER_TID || ex.type > F_OWNER_PGRP)
        return -EINVAL;
    return set_owner(f, ex.type == F_OWNER_PGRP ? -ex.pid : ex.pid);
}

static int64_t get_owner_ex(const struct file *f, struct uptr to)
{
    struct f_owner_ex ex = {.type = f->owner < 0 ? F_OWNER_PGRP : F_OWNER_PID,
                            .pid = f->owner < 0 ? -f->owner : f->owner};
    return put_user(to, ex);
}

/* ---- seals: of files in memory; only memfd_create leaves them open to change ---- */

static bool has_seals(const struct file *f)
{
    return f->inode && S_ISREG(f->inode->mode) && f->inode->sb->type == &tmpfs_type;
}

/* Whether somebody has it mapped so that what is written there, now or after mprotect(2), is written to the file. */
static bool mapped_for_writing(const struct inode *i)
{
    list_each (p, &process_all, struct process, all)
        list_each (t, &p->tasks, struct task, in_process)
            for (struct vma *v = t->mm ? vma_first(t->mm) : NULL; v; v = vma_next(v))
                if (v->file && v->file->inode == i && v->flags & VMA_SHARED && !(v->flags & VMA_MAYWRITE_NOT))
                    return true;
    return false;
}

static int64_t add_seals(struct file *f, uint64_t seals)
{
    struct inode *i = f->inode;
    if (!has_seals(f) || seals & ~0x3full)
        return -EINVAL;
    if (!(f->flags & O_ACCESS_))
        return -EPERM;
    if (i->seals & F_SEAL_SEAL)
        return -EPERM;
    if (seals & F_SEAL_WRITE && !(i->seals & F_SEAL_WRITE) && mapped_for_writing(i))
        return -EBUSY;
    i->seals |= (uint32_t)seals;
    return 0;
}

/* A lock may have been waited for: if the descriptor was closed meanwhile, its locks are gone, and so is this one. */
static int64_t lock_by_fd(struct file *f, int fd, int command, struct uptr at)
{
    int64_t r = lock_fcntl(f, command, at);
    if (r || command != F_SETLKW)
        return r;
    FILE_HELD *now = fd_get_path(fd);
    if (now == f)
        return 0;
    lock_close(current->files, f->inode);
    return -EBADF;
}

static int64_t control(struct file *f, int command, const struct args *a)
{
    uint64_t v = a->v[2];
    switch (command) {
    case F_GETFL:
        return f->flags & ~(uint32_t)O_CLOEXEC;
    case F_SETFL:
        return set_flags(f, arg_int(a, 0), (uint32_t)v);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return lock_by_fd(f, arg_int(a, 0), command, arg_ptr(a, 2));
    case F_SETOWN:
        return set_owner(f, (int32_t)v);
    case F_GETOWN:
        return f->owner;
    case F_SETOWN_EX:
        return set_owner_ex(f, arg_ptr(a, 2));
    case F_GETOWN_EX:
        return get_owner_ex(f, arg_ptr(a, 2));
    case F_SETSIG:
        if (v > SIGNAL_COUNT)
            return -EINVAL;
        f->owner_signal = (int32_t)v;
        return 0;
    case F_GETSIG:
        return f->owner_signal;
    case F_GETPIPE_SZ:
        return pipe_capacity ? pipe_capacity(f) : -EBADF;
    case F_SETPIPE_SZ:
        return pipe_set_capacity ? pipe_set_capacity(f, v > UINT32_MAX ? UINT32_MAX : (uint32_t)v) : -EBADF;
    case F_ADD_SEALS:
        return add_seals(f, v);
    case F_GET_SEALS:
        return has_seals(f) ? (int64_t)f->inode->seals : -EINVAL;
    default:
        return -EINVAL;
    }
}

int64_t sys_fcntl(struct task *t, const struct args *a)
{
    int command = arg_int(a, 1);
    int64_t r = fd_fcntl(arg_int(a, 0), command, a->v[2]);
    if (r != -ENOSYS)
        return r;
    FILE_HELD *f = fd_get_path(arg_int(a, 0));
    if (!f || (f->flags & O_PATH && command != F_GETFL))
        return -EBADF;
    return control(f, command, a);
}
