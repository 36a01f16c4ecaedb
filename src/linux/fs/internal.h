/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share, and nobody else needs: walks in steps, paths of users, permissions of names. */
#ifndef MOAT_LINUX_FS_INTERNAL_H
#define MOAT_LINUX_FS_INTERNAL_H

#include "linux/core/call.h"
#include "linux/core/time.h"
#include "linux/fs/fd.h"
#include "linux/fs/vfs.h"
#include "linux/task/task.h"

#include <asm/fcntl.h>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/inotify.h>
#include <linux/mount.h>

#define O_ACCESS_      3u /* O_ACCMODE */
#define MAY_EXEC       1u
#define MAY_WRITE      2u
#define MAY_READ       4u
#define RW_COUNT_MAX   0x7ffff000ull /* bytes of one call: INT_MAX less a page, as Linux */
#define FILE_SIZE_MAX  0x7fffffffffffffffull
#define LINK_COUNT_MAX 0xffffffffu

/* ---- the room's state (README): all that is not reached from a task ---- */
struct fs_state {
    struct dentry **names; /* buckets of all hashed dentries; made anew after a restore */
    uint32_t names_mask, names_n;
    struct list unused; /* dentries that nobody holds, the longest unused first */
    uint32_t unused_n;
    struct mount *anonymous;        /* of files without a name */
    struct superblock *memory;      /* of memfds */
    struct path boot_root;          /* while there is no task with a context */
    struct wait_queue lock_changed; /* who waits for a lock */
    struct list lock_waits;         /* of whom, for deadlocks */
    uint32_t next_dev, next_mount, next_cookie;
    uint32_t watches_n;   /* of all inotify instances: with none, nobody looks */
    uint64_t memory_size; /* what statfs shows where there is no limit */
    uint64_t limit;       /* bytes of a file system in memory unless it is mounted with another: half the memory */
};
extern struct fs_state fs_state;

extern struct heap_type mount_type, fs_context_type;

/* A kernel may be linked of what a program calls and no more (a whole archive member comes for each name that is
 * referred to). Where there are dentries, no file is bare. */
#define NEEDS_ANONYMOUS static const void *const needs_anonymous __attribute__((used)) = &file_anonymous

/* ---- dentries ---- */
int dentry_table_init(void);
uint32_t name_hash(const char *name, size_t length);
/* The cached one, held; NULL: not known. */
struct dentry *dentry_find(struct dentry *parent, const char *name, size_t length);
void dentry_trim(uint32_t most);              /* of those that nobody holds no more stay */
void dentry_hash(struct dentry *);            /* into the tree */
void dentry_forget_children(struct dentry *); /* of a directory that is removed: the negative ones */
void dentry_tree_free(struct dentry *root);   /* nobody holds any of it */
bool dentry_below(const struct dentry *, const struct dentry *top); /* it, or something above it, is `top` */

/* ---- mounts and superblocks ---- */
struct mount *mount_get(struct mount *);
void mount_put(struct mount *);
/* What covers `dentry` in `mount`; NULL. */
struct mount *mount_lookup(const struct mount *, const struct dentry *);
bool mount_covers(const struct path *); /* something is mounted there */
int mount_write(const struct mount *);  /* 0, or -EROFS */
int superblock_new(const struct fs_type *, const char *source, const char *options, uint32_t flags,
                   struct superblock **);
/* One whose `own` is there before it is mounted. Takes own (also when it fails: by type->drop). */
int superblock_new_own(const struct fs_type *, void *own, uint32_t flags, struct superblock **);
void superblock_put(struct superblock *);
/* A mount of the whole superblock at boot: a copy of its holder is taken. `at` NULL: the root of all. */
int mount_superblock(struct superblock *, const char *source, const struct path *at, uint32_t flags);
bool path_is_root(const struct path *, const struct path *root);
const struct path *task_root(void); /* of the current task */

/* ---- walking, step by step (open needs its last name twice) ---- */
#define WALK_STACK 4
struct walk_text {
    const char *at, *end;
    struct inode *held; /* whose target it is; NULL: the caller's path */
    char *copy;         /* of a target that had to be copied: PATH_MAX_ bytes */
};
struct walk {
    struct path at;   /* where it stands; held */
    struct path root; /* of absolute names and where .. ends; held */
    uint32_t flags, links, depth;
    bool directory; /* the end has to be a directory: a slash followed the last name */
    struct walk_text text, small[WALK_STACK], *stack; /* what comes after the target that is being read */
    const char *name;                                 /* WALK_PARENT: the last name; length 0: the path is the root */
    size_t length;
};
/* After walk_begin, walk_end has to come, whatever happened. */
int walk_begin(struct walk *, int dirfd, const char *path, uint32_t flags);
int walk_go(struct walk *); /* to the end, or to the parent of the last name */
void walk_end(struct walk *);
/* The link is the last name of a WALK_PARENT: goes on to the parent of what it names. */
int walk_follow(struct walk *, const struct path *link);
/* `name` in w->at: the child and what is mounted on it, held. A negative dentry is no error. */
int walk_child(struct walk *, const char *name, size_t length, struct path *child);
static inline bool name_is_dots(const char *name, size_t length) /* . or .. */
{
    return length && length <= 2 && name[0] == '.' && name[length - 1] == '.';
}

/* A path of the user, copied in: -ENOENT for an empty one unless `empty`, -ENAMETOOLONG, -EFAULT, -ENOMEM. */
struct user_path {
    char *text;
    char small[200];
};
int user_path_get(struct user_path *, struct uptr, bool empty);
void user_path_put(struct user_path *);
#define USER_PATH __attribute__((cleanup(user_path_put))) struct user_path
#define PATH      __attribute__((cleanup(path_put))) struct path
void file_cleanup(struct file **);
#define FILE_HELD __attribute__((cleanup(file_cleanup))) struct file

/* ---- permissions ---- */
bool inode_owned(const struct inode *);           /* owner or CAP_FOWNER */
bool in_group(const struct task *, uint32_t gid); /* fsgid or a supplementary one */
int may_create(const struct path *dir);           /* a name in it: -EROFS, -ENOENT, -EACCES */
int may_delete(const struct path *dir, const struct dentry *victim, bool directory);
uint32_t mode_of_new(const struct inode *dir, uint32_t mode); /* S_ISGID as Linux leaves it */

/* ---- inodes ---- */
uint64_t fs_now(void);
int vfs_set(const struct path *, struct inode *, struct inode_change *); /* after its checks: ctime, read-only */
int vfs_truncate(const struct path *, struct inode *, uint64_t size);
void inode_kill_privileges(struct inode *); /* set-id bits go when the contents change */
void inode_touch(const struct path *);      /* atime, as relatime; for files by file_touch */
void file_touch(struct file *);
void inode_changed(struct inode *);                   /* mtime and ctime */
int inode_grow_room(struct inode *, uint64_t blocks); /* of the superblock's limit, in pages */

/* The text of a symbolic link, which is held with the inode: NULL, it has to be copied by readlink. */
static inline const char *inode_target(const struct inode *i, size_t *n)
{
    *n = i->size;
    return i->bytes;
}

/* ---- the contents of files in memory (fs/object.c) ---- */
int object_make(struct inode *);               /* inode->object is there */
int object_resize(struct inode *, uint64_t n); /* inode->size; shrinking gives pages back */
void object_free(struct inode *);
int object_discard(struct inode *, uint64_t from, uint64_t to); /* becomes a hole */
int object_reserve(struct inode *, uint64_t from, uint64_t to); /* pages are there; -ENOSPC */
uint64_t object_next_data(struct inode *, uint64_t pos);        /* size: no more */
uint64_t object_next_hole(struct inode *, uint64_t pos);

/* ---- tmpfs, which overlay and memfd are made of ---- */
extern const struct inode_ops tmpfs_file_ops, tmpfs_directory_ops, tmpfs_link_ops, tmpfs_special_ops;
extern const struct file_ops tmpfs_open_ops;
struct inode *tmpfs_inode(struct superblock *, struct inode *dir, uint32_t mode, uint64_t rdev);
void tmpfs_drop(struct inode *);
int tmpfs_set(struct inode *, const struct inode_change *);

#define MEMORY_NAME_SIZE 20 /* what a name adds to a directory's size, as in Linux's tmpfs */
/* Makes the root dentry of a file system in memory. */
int tmpfs_root(struct superblock *, struct inode *); /* takes the inode */
/* Options of tmpfs: size, nr_inodes, mode, uid, gid; -EINVAL. */
int tmpfs_options(struct superblock *, struct inode *root, const char *options);
int64_t tmpfs_seek(struct file *, int64_t offset, int whence);
int tmpfs_sync(struct file *, bool data);
int tmpfs_allocate(struct file *, int mode, uint64_t offset, uint64_t n);
/* Names of a directory in memory. */
int tmpfs_add(struct inode *dir, struct dentry *at, struct inode *); /* takes the inode; NULL: -ENOSPC */
bool tmpfs_has_names(const struct dentry *dir);
int directory_is_empty(struct dentry *dir); /* as its own read_dir shows it: 1, 0, -errno */
/* Emits the pinned names from ctx->pos on, their cookies above `base`. Keeps a cursor in file->own, own_n[0]. */
void memory_emit(struct file *, struct dir_context *, uint64_t base);
void memory_directory_release(struct file *);
bool dir_emit_dots(struct file *, struct dir_context *);
int64_t directory_seek(struct file *, int64_t offset, int whence);
int memory_statfs(struct superblock *, struct statfs *);
struct inode *tmpfs_symlink_inode(struct superblock *, struct inode *dir, const char *target);
int memory_create(struct inode *dir, struct dentry *at, uint32_t mode, uint64_t rdev);
int memory_mkdir(struct inode *dir, struct dentry *at, uint32_t mode);
int memory_symlink(struct inode *dir, struct dentry *at, const char *target);
int memory_tmpfile(struct inode *dir, struct dentry *at, uint32_t mode);
int memory_link(struct inode *dir, struct dentry *at, struct inode *i);
int memory_unlink(struct inode *dir, struct dentry *at);
int memory_rmdir(struct inode *dir, struct dentry *at);
int memory_rename(struct inode *from_dir, struct dentry *from, struct inode *to_dir, struct dentry *to, uint32_t flags);

/* File systems below, lowest first; their holders are copied. */
int overlay_superblock(struct superblock *const *lower, uint32_t n, struct superblock **out);

/* ---- open files ---- */
/* async.c: O_ASYNC is set or taken away by this descriptor (0, -ENOMEM); the file goes. */
int async_set(struct file *, int fd, bool on) __attribute__((weak));
void async_gone(struct file *) __attribute__((weak));
/* A read or a write there, by a file that was opened for it: as its ops. */
int64_t rw_at(struct file *, bool write, struct uio *, uint64_t pos);
int file_size_limit(struct uio *, uint64_t pos); /* RLIMIT_FSIZE: cuts; -EFBIG with SIGXFSZ */
int64_t fd_fcntl(int fd, int command, uint64_t argument);
void fd_set_cloexec(int fd, bool on);
struct file *file_new(void);
/* Whether it counts in inode->writers. */
static inline bool file_writes_contents(const struct file *f)
{
    return f->flags & O_ACCESS_ && !(f->flags & O_PATH) && f->inode && S_ISREG(f->inode->mode);
}
int file_open(struct file *, uint32_t flags); /* path and inode are set: asks the inode for its ops */

/* ---- inotify (fs/inotify.c): what happened to what; `path` of a directory and the dentry in it ---- */
void watch_file(struct file *, uint32_t event);
void watch_path(const struct path *, uint32_t event); /* the inode, and its name in its parent */
void watch_name(const struct path *dir, const struct dentry *, uint32_t event);
void watch_inode(struct inode *, uint32_t event); /* the inode alone */
void watch_removed(const struct path *dir, const struct dentry *, struct inode *);
void watch_moved(const struct path *from_dir, const char *from, size_t from_n, const struct path *to_dir,
                 const char *to, size_t to_n, struct inode *moved, struct inode *over, uint32_t flags);
void watch_gone(struct inode *); /* the inode is freed */

/* ---- locks (fs/lock.c), extended attributes (fs/xattr.c) ---- */
int64_t lock_fcntl(struct file *, int command, struct uptr);
void lock_close(struct files *, struct inode *); /* this table closed a descriptor of it: its record locks go */
void lock_release(struct file *);                /* the open file is gone: flock and OFD locks */
void xattr_free(struct inode *);
int xattr_get(struct inode *, const char *name, void *to, size_t n);
int xattr_set(struct inode *, const char *name, const void *from, size_t n, int flags);
int xattr_list(struct inode *, char *to, size_t n);
int xattr_remove(struct inode *, const char *name);

#endif
