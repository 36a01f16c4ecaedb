/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inodes: birth, death, times, and what stat shows of them. An inode is held by the dentries that name it; open files
 * and mappings hold a dentry. Touches only the heap and the clock. Everything runs under the kernel's lock.
 */
#include "linux/fs/internal.h"

#include <linux/capability.h>

#pragma weak watch_gone
#pragma weak xattr_free

HEAP_TYPE(inode, FIELD(inode, refs, FIELD_PLAIN), FIELD(inode, mode, FIELD_PLAIN), FIELD(inode, uid, FIELD_PLAIN),
          FIELD(inode, gid, FIELD_PLAIN), FIELD(inode, nlink, FIELD_PLAIN), FIELD(inode, ino, FIELD_PLAIN),
          FIELD(inode, size, FIELD_PLAIN), FIELD(inode, blocks, FIELD_PLAIN), FIELD(inode, atime, FIELD_PLAIN),
          FIELD(inode, mtime, FIELD_PLAIN), FIELD(inode, ctime, FIELD_PLAIN), FIELD(inode, rdev, FIELD_PLAIN),
          FIELD(inode, ops, FIELD_OPS), FIELD(inode, sb, FIELD_REF), FIELD(inode, object, FIELD_HANDLE),
          FIELD(inode, object_offset, FIELD_PLAIN), FIELD(inode, bytes, FIELD_HANDLE), FIELD(inode, own, FIELD_REF),
          FIELD(inode, own_n, FIELD_PLAIN), FIELD(inode, pipe, FIELD_REF), FIELD(inode, bound, FIELD_REF),
          FIELD(inode, locks, FIELD_LIST), FIELD(inode, writers, FIELD_PLAIN), FIELD(inode, text, FIELD_PLAIN),
          FIELD(inode, seals, FIELD_PLAIN), FIELD(inode, elf, FIELD_PLAIN), FIELD(inode, kept, FIELD_PLAIN),
          FIELD(inode, xattrs, FIELD_REF), FIELD(inode, watches, FIELD_REF));

static const struct inode_ops no_ops;

uint64_t fs_now(void)
{
    return clock_realtime();
}

struct inode *inode_new(struct superblock *sb, uint32_t mode)
{
    struct inode *i = heap_new(&inode_type);
    if (!i)
        return NULL;
    const struct cred *cred = current && current->cred ? current->cred : NULL;
    i->refs = i->nlink = 1;
    i->mode = mode;
    i->uid = cred ? cred->fsuid : 0;
    i->gid = cred ? cred->fsgid : 0;
    i->atime = i->mtime = i->ctime = fs_now();
    i->sb = sb;
    i->ino = ++sb->next_ino;
    i->ops = &no_ops;
    list_init(&i->locks);
    return i;
}

struct inode *inode_get(struct inode *i)
{
    i->refs++;
    return i;
}

void inode_put(struct inode *i)
{
    if (!i || --i->refs)
        return;
    if (watch_gone && i->watches)
        watch_gone(i);
    if (i->ops->drop)
        i->ops->drop(i);
    if (xattr_free && i->xattrs)
        xattr_free(i);
    heap_free(&inode_type, i);
}

void inode_changed(struct inode *i)
{
    i->mtime = i->ctime = fs_now();
}

/* relatime: a read is noted when the last note is older than the last change. */
void inode_touch(const struct path *p)
{
    struct inode *i = p->dentry->inode;
    if (i->atime > i->mtime && i->atime > i->ctime)
        return;
    if (!(p->mount->flags & MS_NOATIME) && !mount_write(p->mount))
        i->atime = fs_now();
}

void file_touch(struct file *f)
{
    if (!(f->flags & O_NOATIME))
        inode_touch(&f->path);
}

void inode_kill_privileges(struct inode *i)
{
    uint32_t kill = i->mode & S_ISUID;
    if ((i->mode & (S_ISGID | 0010)) == (S_ISGID | 0010))
        kill |= S_ISGID;
    if (kill && S_ISREG(i->mode) && !capable(current, CAP_FSETID)) {
        struct inode_change change = {.what = CHANGE_MODE, .mode = i->mode & ~kill};
        if (i->ops->set)
            (void)i->ops->set(i, &change);
    }
}

int inode_grow_room(struct inode *i, uint64_t pages)
{
    struct superblock *sb = i->sb;
    if (sb->limit_bytes && pages * PAGE_SIZE > sb->limit_bytes - sb->used_bytes)
        return -ENOSPC;
    sb->used_bytes += pages * PAGE_SIZE;
    i->blocks += pages * (PAGE_SIZE / 512);
    return 0;
}

void inode_stat(struct inode *i, struct stat *st)
{
    if (i->ops->fill)
        i->ops->fill(i);
    *st = (struct stat){
        .st_dev = i->sb->dev,
        .st_ino = i->ino,
        .st_nlink = i->nlink,
        .st_mode = i->mode,
        .st_uid = i->uid,
        .st_gid = i->gid,
        .st_rdev = i->rdev,
        .st_size = (long)i->size,
        .st_blksize = (long)PAGE_SIZE,
        .st_blocks = (long)i->blocks,
        .st_atime = i->atime / SECOND,
        .st_atime_nsec = i->atime % SECOND,
        .st_mtime = i->mtime / SECOND,
        .st_mtime_nsec = i->mtime % SECOND,
        .st_ctime = i->ctime / SECOND,
        .st_ctime_nsec = i->ctime % SECOND,
    };
}

int vfs_stat(const struct path *p, struct stat *st)
{
    if (!p->dentry->inode)
        return -ENOENT;
    inode_stat(p->dentry->inode, st);
    return 0;
}

int vfs_set(const struct path *p, struct inode *i, struct inode_change *change)
{
    int r = mount_write(p->mount);
    if (r)
        return r;
    if (!i->ops->set)
        return -EPERM;
    if (!(change->what & CHANGE_CTIME))
        change->what |= CHANGE_CTIME, change->ctime = fs_now();
    return i->ops->set(i, change);
}
