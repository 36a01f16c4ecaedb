/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: open files over inodes over file systems, names in a tree of directory entries with mounts. A file system is
 * one `struct fs_type`; an inode's behaviour is its ops, an open file's behaviour is its ops. What ops leave NULL is
 * refused as Linux refuses it (the comment says how).
 */
#ifndef MOAT_LINUX_FS_VFS_H
#define MOAT_LINUX_FS_VFS_H

#include "linux/core/heap.h"
#include "linux/core/list.h"
#include "linux/core/modes.h"
#include "linux/core/uaccess.h"
#include "linux/core/wait.h"
#include "linux/platform.h"

#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/stat.h>
#include <linux/time_types.h>

struct task;
struct mm;
struct vma;
struct inode_change;
struct image_sites;
struct xattr;

#define NAME_MAX_ 255
#define PATH_MAX_ 4096
#define LINKS_MAX 40 /* symbolic links followed by one walk, then -ELOOP */

struct inode {
    uint32_t refs;
    uint32_t mode, uid, gid, nlink;
    uint64_t ino, size, blocks;
    uint64_t atime, mtime, ctime; /* ns of the real time */
    uint64_t rdev;
    const struct inode_ops *ops;
    struct superblock *sb;
    struct memobj *object;  /* the contents, of regular files that have a page cache; NULL */
    uint64_t object_offset; /* where in it they begin (image files); page-aligned when it may be mapped */
    const void *bytes;      /* the contents when they are one piece of constant memory (image files); NULL */
    void *own;              /* the file system's */
    uint64_t own_n[2];
    struct pipe *pipe;      /* of a FIFO, while open */
    struct socket *bound;   /* of a socket's name (net/unix.c) */
    struct list locks;      /* record locks and flocks (fs/lock.c) */
    uint32_t writers, text; /* open for writing; being executed: -ETXTBSY */
    uint32_t seals;         /* of memfd_create */
    bool elf;               /* an ELF file (the image knows): placed where it may become executable */
    bool kept;              /* differs from what a lookup would make of it again: its names are not forgotten */
    struct xattr *xattrs;   /* fs/xattr.c */
    struct watch *watches;  /* fs/inotify.c */
};
extern struct heap_type inode_type;

struct dentry {
    uint32_t refs;
    struct dentry *parent; /* held; itself at a root */
    struct inode *inode;   /* held; NULL: the name is known not to exist */
    struct superblock *sb;
    struct list siblings, children, unused;
    struct dentry *same_hash; /* the next one in its bucket */
    struct mount *mounted;    /* what covers it, topmost; NULL */
    uint64_t cookie;          /* of a pinned one: its place among its siblings, for getdents */
    uint32_t hash_value;
    uint16_t length;
    bool hashed;           /* in the tree: its parent holds it in `children`, a lookup finds it */
    bool unlinked, pinned; /* pinned: it is held by being there, as in tmpfs, whose names are its contents */
    char *name;            /* FIELD_BYTES of length + 1 */
};
extern struct heap_type dentry_type;

struct superblock {
    uint32_t refs;
    const struct fs_type *type;
    struct dentry *root;
    uint32_t dev;
    uint32_t flags; /* MS_RDONLY ... */
    void *own;
    uint64_t next_ino, limit_bytes, used_bytes, limit_inodes, used_inodes;
};

struct mount {
    uint32_t refs;
    struct superblock *sb;
    struct dentry *root; /* of the mount: sb->root, or below for a bind */
    struct dentry *at;   /* what it covers */
    struct mount *parent;
    struct mount *below; /* covered at the same place */
    struct list all;
    uint32_t flags, id;
    char *source;
};

struct path { /* both held where a struct owns it */
    struct mount *mount;
    struct dentry *dentry;
};
void path_get(const struct path *);
void path_put(struct path *);

struct fs_context {
    uint32_t refs;
    struct path root, cwd;
    uint32_t umask;
};
struct fs_context *fs_context_get(struct fs_context *);
struct fs_context *fs_context_copy(const struct fs_context *);
void fs_context_put(struct fs_context *);

/* ---- open files ---- */
struct file {
    uint32_t refs;
    uint32_t flags; /* O_*: access mode and status flags */
    const struct file_ops *ops;
    struct path path;    /* anonymous ones (pipes, sockets): a dentry of their own file system */
    struct inode *inode; /* == path.dentry->inode, held by it */
    uint64_t pos;
    void *own;
    uint64_t own_n[2];
    int32_t owner, owner_signal;    /* F_SETOWN, F_SETSIG */
    uint32_t owner_uid, owner_euid; /* of who called F_SETOWN */
    struct async *async;            /* O_ASYNC: async.c; NULL */
    struct list epoll_links;        /* interests of epoll instances in it */
    uint64_t dir_pos;
};
extern struct heap_type file_type;

struct dir_context { /* getdents: emit gives false when the buffer is full */
    uint64_t pos;    /* cookie: of the next entry */
    bool (*emit)(struct dir_context *, const char *name, size_t length, uint64_t ino, uint32_t type, uint64_t next);
};

struct text;
struct file_ops {
    int64_t (*read)(struct file *, struct uio *, uint64_t *pos); /* NULL: -EINVAL. May task_block unless O_NONBLOCK */
    int64_t (*write)(struct file *, struct uio *,
                     uint64_t *pos); /* NULL: -EINVAL; O_APPEND is looked at by the file system */
    int64_t (*seek)(struct file *, int64_t offset, int whence); /* NULL: -ESPIPE; vfs_seek for ordinary files */
    int (*read_dir)(struct file *, struct dir_context *);       /* NULL: -ENOTDIR */
    uint32_t (*poll)(struct file *);                            /* ready events; NULL: always EPOLLIN | EPOLLOUT */
    struct wait_queue *(*poll_queue)(struct file *); /* woken with events when poll may have changed; NULL: never */
    int64_t (*ioctl)(struct file *, uint32_t command, struct uptr); /* NULL: -ENOTTY */
    int (*map)(struct file *, struct vma *);                        /* fills vma->object, vma->offset; NULL: -ENODEV */
    int (*sync)(struct file *, bool data);                          /* NULL: -EINVAL */
    int (*allocate)(struct file *, int mode, uint64_t offset, uint64_t n); /* NULL: -EOPNOTSUPP */
    int (*flush)(struct file *);                                           /* at each close(2) */
    void (*show)(struct file *, struct text *); /* lines of its own for /proc/PID/fdinfo; NULL: none */
    void (*release)(struct file *);             /* the last holder is gone */
};

struct inode_ops {
    /* Directories. `at` is the new or looked-up negative dentry; on success its inode is set by dentry_set. Those that
     * take names away or move them change the tree themselves: dentry_drop, dentry_move, dentry_swap. */
    int (*lookup)(struct inode *dir,
                  struct dentry *at); /* 0 with dentry_set(at, NULL or inode). NULL: no more than the pinned names */
    int (*create)(struct inode *dir, struct dentry *at, uint32_t mode,
                  uint64_t rdev); /* files, FIFOs, sockets, devices; NULL: -EROFS */
    int (*mkdir)(struct inode *dir, struct dentry *at, uint32_t mode);
    int (*symlink)(struct inode *dir, struct dentry *at, const char *target);
    int (*link)(struct inode *dir, struct dentry *at, struct inode *);
    int (*unlink)(struct inode *dir, struct dentry *at);
    int (*rmdir)(struct inode *dir, struct dentry *at);
    /* `to` may be negative; of the same kind as `from` unless RENAME_EXCHANGE; -ENOTEMPTY is for the file system. */
    int (*rename)(struct inode *from_dir, struct dentry *from, struct inode *to_dir, struct dentry *to, uint32_t flags);
    int (*tmpfile)(struct inode *dir, struct dentry *at, uint32_t mode); /* O_TMPFILE; NULL: -EOPNOTSUPP */
    /* All. */
    int64_t (*readlink)(struct inode *, char *to, size_t n); /* length, cut to n */
    struct path *(*follow)(struct inode *,
                           struct path *out);   /* magic links of /proc: where they lead, held; NULL: readlink */
    int (*open)(struct inode *, struct file *); /* sets file->ops and own */
    int (*set)(struct inode *, const struct inode_change *); /* NULL: -EPERM */
    void (*fill)(struct inode *); /* refreshes what stat shows, of files made up by the kernel */
    int (*get_xattr)(struct inode *, const char *name, void *to, size_t n); /* NULL: -EOPNOTSUPP */
    int (*set_xattr)(struct inode *, const char *name, const void *from, size_t n, int flags);
    int (*list_xattr)(struct inode *, char *to, size_t n);
    int (*remove_xattr)(struct inode *, const char *name);
    void (*drop)(struct inode *); /* the last holder is gone: frees own */
};

enum inode_change_what {
    CHANGE_MODE = 1,
    CHANGE_UID = 2,
    CHANGE_GID = 4,
    CHANGE_SIZE = 8,
    CHANGE_ATIME = 16,
    CHANGE_MTIME = 32,
    CHANGE_CTIME = 64,
};
struct inode_change {
    uint32_t what, mode, uid, gid;
    uint64_t size, atime, mtime, ctime;
};

struct fs_type {
    const char *name;
    uint64_t magic; /* of statfs */
    /* Makes sb->root. source and options as of mount(2). */
    int (*mount)(struct superblock *, const char *source, const char *options);
    int (*statfs)(struct superblock *, struct statfs *);
    void (*drop)(struct superblock *);
    bool volatile_names;            /* names are looked up again each time (proc) */
    bool (*still)(struct dentry *); /* whether a name that is in the tree is right; NULL: always */
};
extern const struct fs_type tmpfs_type, imgfs_type, overlay_type, procfs_type, sysfs_type, devfs_type;

/* ---- inodes and entries, for file systems ---- */
struct inode *inode_new(struct superblock *, uint32_t mode); /* ids of the current task, times now, one holder; NULL */
struct inode *inode_get(struct inode *);
void inode_put(struct inode *);
void dentry_set(struct dentry *, struct inode *); /* takes the holder; NULL: negative */
struct dentry *dentry_new(struct dentry *parent, const char *name, size_t length); /* not in the tree yet; NULL */
struct dentry *dentry_lookup(struct dentry *parent, const char *name, size_t length,
                             int *error); /* held; asks the file system */
struct dentry *dentry_get(struct dentry *);
void dentry_put(struct dentry *);
void dentry_drop(struct dentry *); /* out of the tree: removed, renamed over; harmless when it is */
void dentry_pin(struct dentry *);  /* it stays in the tree until it is dropped: has to be hashed or be hashed soon */
void dentry_move(struct dentry *from, struct dentry *to); /* `from` takes the place of `to`, which is dropped */
void dentry_swap(struct dentry *, struct dentry *);
void dentry_forget(struct dentry *); /* out of the tree with all below it, not removed: a lookup asks anew */

/* ---- what other rooms have of files; weak: a kernel may be linked without them ---- */
int fifo_open(struct inode *, struct file *);   /* ipc: -ENXIO when it is missing */
int device_open(struct inode *, struct file *); /* kfs: character and block devices, by inode->rdev; -ENXIO */
void epoll_file_gone(struct file *);            /* ipc: the last holder is gone, epoll_links is not empty */

/* ---- walking ---- */
enum walk_flag {
    WALK_FOLLOW = 1,    /* a link at the end is followed */
    WALK_PARENT = 2,    /* stop before the last name, which is left in `last` */
    WALK_DIRECTORY = 4, /* the end has to be a directory */
    WALK_EMPTY = 8,     /* AT_EMPTY_PATH */
    WALK_NO_LINKS = 16,
    WALK_BENEATH = 32,
    WALK_IN_ROOT = 64,
    WALK_NO_MOUNTS = 128,
    WALK_NO_MAGIC = 256, /* openat2 */
};
/* `path` is the kernel's copy. out is held. */
int walk(int dirfd, const char *path, uint32_t flags, struct path *out);
int walk_parent(int dirfd, const char *path, uint32_t flags, struct path *parent, const char **last, size_t *length);
int walk_user(int dirfd, struct uptr path, uint32_t flags, struct path *out); /* copies the path in first */
/* The absolute name as this task sees it, into the end of buf: its start, or NULL (-ENAMETOOLONG). */
char *path_name(const struct path *, char *buf, size_t n);

int vfs_permission(struct inode *, uint32_t mask); /* MAY_* of access(2): R_OK, W_OK, X_OK; fsuid and capabilities */
int vfs_open(const struct path *, uint32_t flags, struct file **);                           /* one holder */
int vfs_open_at(int dirfd, const char *path, uint32_t flags, uint32_t mode, struct file **); /* the whole of openat */
/* A node for a socket's name, from the cwd: S_IFSOCK | (0777 & ~umask); *out is held. -EEXIST. */
int vfs_make_socket(const char *path, struct inode **out);
int vfs_stat(const struct path *, struct stat *);
void inode_stat(struct inode *, struct stat *);
int64_t vfs_seek(struct file *, int64_t offset, int whence);              /* by inode->size */
int64_t vfs_read_kernel(struct file *, void *to, size_t n, uint64_t pos); /* whole or to the end */
/* bind(2) of a socket to a name: its new inode, held. -EADDRINUSE, and what mknod would say. */
/* An open file in memory without a name, for memfd_create: size 0, seals 0, O_RDWR. path_name gives `name`. */
int tmpfs_anonymous(const char *name, struct file **out);
int vfs_mount(const char *type, const char *source, const struct path *at, uint32_t flags, const char *options);
int vfs_mount_at(const char *type, const char *source, const char *at, uint32_t flags,
                 const char *options); /* at boot */
extern struct list mount_all;
extern struct mount *mount_root;
/* The row of an ELF file with rewritten calls, and the object of the image, in which the row's blob lies; NULL. */
const struct image_sites *imgfs_sites(struct inode *, struct memobj **object);

struct file *file_get(struct file *);
void file_put(struct file *);
/* An open file without a name in the tree: path_name gives pipe:[ino], socket:[ino] for the names "pipe", "socket" of
 * S_IFIFO and S_IFSOCK, other names as they are ("anon_inode:[eventfd]"). One holder; NULL. */
struct file *file_anonymous(const char *name, uint32_t mode, const struct file_ops *, uint32_t flags, void *own);
/* One that has not even an inode of its own: for a kernel without file_anonymous (weak there). */
struct file *file_bare(const struct file_ops *, uint32_t flags, void *own);
/* Wakes who polls this file. */
void file_changed(struct file *, uint32_t events);

/* An address of a page-cache page, for file systems whose contents are in inode->object. */
int64_t object_read(struct inode *, struct uio *, uint64_t pos);
int64_t object_write(struct inode *, struct uio *,
                     uint64_t pos); /* grows inode->size; -ENOSPC by the superblock's limit */

/* aio.c, where there are asynchronous reads and writes: the contexts of an address space that goes. */
struct mm;
void aio_mm_gone(const struct mm *) __attribute__((weak));

#endif
