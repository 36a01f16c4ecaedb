/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the host's file system share (hostfs*.c), and how the boot mounts one. */
#ifndef MOAT_LINUX_FS_HOSTFS_H
#define MOAT_LINUX_FS_HOSTFS_H

#include "linux/fs/internal.h"

#define HOST_BUCKETS (PAGE_SIZE / sizeof(struct inode *))

/* Of a superblock. */
struct host_own {
    uint32_t root;         /* its number, and its handle */
    bool cached;           /* nobody else changes it: names and attributes are not asked for again */
    uint64_t dev;          /* of the root */
    struct inode **inodes; /* by (dev, ino): HOST_BUCKETS */
    struct inode *spare;   /* held: made last, with a descriptor that nobody has opened yet */
};

/* Of an inode. */
struct host_inode {
    struct inode *next; /* in its bucket */
    uint64_t dev, ino;
    uint64_t told; /* call_count() when attributes came last: in the same call they are as they are now */
    uint32_t handle;
    int32_t fds[3];        /* by O_RDONLY, O_WRONLY, O_RDWR; -1 */
    uint32_t opens;        /* open files that use them */
    struct memobj *object; /* its pages, once it was mapped; uses them too */
};

static inline struct host_own *host_own(const struct inode *i)
{
    return i->sb->own;
}
static inline struct host_inode *host_inode(const struct inode *i)
{
    return i->own;
}

/* A file system over a root of the gofer: LINUX_MOUNT_CACHED of flags matters. -ENODEV: the platform has none. */
int hostfs_superblock(uint32_t root, uint32_t flags, struct superblock **out) __attribute__((weak));

/* Makes of the overlay's new inode one whose contents are read from `lower` by calls (overlay_file.c). */
int overlay_below(struct inode *, struct inode *lower) __attribute__((weak));

/* ---- hostfs.c ---- */
/* Asks. a.error; without files of the host -ENODEV. */
int host_call(struct files_call *);
/* The same about an inode: c->r.op and what belongs to it are set. */
int host_ask(const struct inode *, struct files_call *);
/* With a name. */
int host_ask_name(const struct inode *dir, const struct dentry *at, struct files_call *);
void host_apply(struct inode *, const struct files_attr *);
/* What `c` found or made: the inode that it is already, or a new one; held. The handle becomes its own. */
int host_found(struct superblock *, const struct files_call *c, struct inode **out);
uint64_t host_number(const struct host_own *, uint64_t dev, uint64_t ino); /* as guests see it */
void host_clunk(uint32_t handle);

/* ---- hostfs_file.c ---- */
extern const struct inode_ops hostfs_file_ops;
void host_close_all(struct host_inode *);
void host_spare_keep(struct inode *, int fd); /* for the open that follows its creation */
void host_spare_drop(struct host_own *);
void host_refresh(struct inode *); /* attributes as they are now */

/* ---- hostfs_names.c ---- */
extern const struct inode_ops hostfs_directory_ops;

/* ---- of all inodes ---- */
void hostfs_drop(struct inode *);
int hostfs_set(struct inode *, const struct inode_change *);
int hostfs_get_xattr(struct inode *, const char *name, void *to, size_t n);
int hostfs_set_xattr(struct inode *, const char *name, const void *from, size_t n, int flags);
int hostfs_list_xattr(struct inode *, char *to, size_t n);
int hostfs_remove_xattr(struct inode *, const char *name);
#define HOSTFS_OPS                                                                                                     \
    .set = hostfs_set, .fill = host_refresh, .get_xattr = hostfs_get_xattr, .set_xattr = hostfs_set_xattr,             \
    .list_xattr = hostfs_list_xattr, .remove_xattr = hostfs_remove_xattr, .drop = hostfs_drop

#endif
