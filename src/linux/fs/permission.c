/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may: the rules of path_resolution(7), credentials(7), capabilities(7) and inode(7). Only looks, at inodes and at
 * the current task's credentials. Before the first task there is nobody to refuse.
 */
#include "linux/fs/internal.h"

bool in_group(const struct task *t, uint32_t gid)
{
    const struct cred *c = t->cred;
    if (c->fsgid == gid)
        return true;
    for (uint32_t i = 0; i < c->n_groups; i++)
        if (c->groups[i] == gid)
            return true;
    return false;
}

/* What a capability grants beyond the mode. */
static bool overridden(const struct task *t, uint32_t mode, uint32_t mask)
{
    bool directory = S_ISDIR(mode);
    if ((directory ? !(mask & MAY_WRITE) : mask == MAY_READ) && capable(t, CAP_DAC_READ_SEARCH))
        return true;
    return (directory || !(mask & MAY_EXEC) || mode & 0111) && capable(t, CAP_DAC_OVERRIDE);
}

int vfs_permission(struct inode *i, uint32_t mask)
{
    const struct task *t = current;
    uint32_t mode = i->mode, all = mask | mask << 3 | mask << 6;
    if (mask & MAY_WRITE && i->sb->flags & MS_RDONLY && (S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode)))
        return -EROFS;
    if ((mode & all) == all || !t || !t->cred)
        return 0;
    uint32_t have = t->cred->fsuid == i->uid ? mode >> 6 : in_group(t, i->gid) ? mode >> 3 : mode;
    if ((have & mask) == mask || overridden(t, mode, mask))
        return 0;
    return -EACCES;
}

bool inode_owned(const struct inode *i)
{
    const struct task *t = current;
    return !t || !t->cred || t->cred->fsuid == i->uid || capable(t, CAP_FOWNER);
}

int may_create(const struct path *dir)
{
    int r = mount_write(dir->mount);
    if (r)
        return r;
    return dir->dentry->unlinked ? -ENOENT : vfs_permission(dir->dentry->inode, MAY_WRITE | MAY_EXEC);
}

/* In a sticky directory only the owner of a name or of the directory takes it away. */
static bool sticky_forbids(const struct inode *dir, const struct inode *victim)
{
    const struct task *t = current;
    if (!(dir->mode & S_ISVTX) || !t || !t->cred)
        return false;
    return t->cred->fsuid != victim->uid && t->cred->fsuid != dir->uid && !capable(t, CAP_FOWNER);
}

int may_delete(const struct path *dir, const struct dentry *victim, bool directory)
{
    struct inode *d = dir->dentry->inode, *v = victim->inode;
    if (!v)
        return -ENOENT;
    int r = vfs_permission(d, MAY_WRITE | MAY_EXEC);
    if (r)
        return r;
    if (sticky_forbids(d, v))
        return -EPERM;
    if (directory != S_ISDIR(v->mode))
        return directory ? -ENOTDIR : -EISDIR;
    return dir->dentry->unlinked ? -ENOENT : 0;
}

uint32_t mode_of_new(const struct inode *dir, uint32_t mode)
{
    if (!dir || !(dir->mode & S_ISGID))
        return mode;
    if (S_ISDIR(mode))
        return mode | S_ISGID;
    const struct task *t = current;
    if ((mode & (S_ISGID | 0010)) == (S_ISGID | 0010) && t && t->cred && !in_group(t, dir->gid) &&
        !capable(t, CAP_FSETID))
        return mode & ~(uint32_t)S_ISGID;
    return mode;
}
