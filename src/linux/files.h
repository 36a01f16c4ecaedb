/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the host. The kernel opens none: it asks a gofer, a process that alone opens (src/gofer), and works on the
 * descriptors that it is given. This is both the seam (struct files_ops, which a platform fills) and the records that
 * go over the gofer's socket: one datagram a request, one an answer, with at most one descriptor. Numbers are the
 * machine's own; both ends are of one build.
 *
 * Life: FILES_ROOT of each root -> FILES_LOOKUP and the like make handles, numbers of a table of the gofer ->
 * FILES_CLUNK gives them back. Roots are the handles 0, 1, ... and are never given back.
 */
#ifndef MOAT_LINUX_FILES_H
#define MOAT_LINUX_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILES_ROOTS_MAX 64u
#define FILES_BYTES_MAX 32768u /* that follow a request or an answer */
#define FILES_NAME_MAX  255u
#define FILES_TEXT_MAX  4095u /* of a path, and of a symbolic link */
#define FILES_NONE      UINT32_MAX

enum files_op {
    FILES_ROOT,      /* handle: the root's number. result: enum files_root_flag */
    FILES_LOOKUP,    /* name: a path of names without links, dots, or a slash at an end */
    FILES_CHECK,     /* name: what it stands for now; makes no handle */
    FILES_GETATTR,   /* */
    FILES_SETATTR,   /* what, and of mode, uid, gid, size, atime, mtime those that it names */
    FILES_OPEN,      /* flags: O_RDONLY, O_WRONLY, O_RDWR; a regular file. A descriptor */
    FILES_OPENDIR,   /* a handle for FILES_READDIR */
    FILES_READDIR,   /* flags FILES_REWIND: from the beginning. Bytes: struct linux_dirent64 of getdents64(2); 0: end */
    FILES_CREATE,    /* name, mode, uid, gid: a new regular file, and a descriptor to read and write it */
    FILES_TMPFILE,   /* mode, uid, gid: the same without a name, until FILES_LINK gives it one */
    FILES_MKDIR,     /* the same for a directory, no descriptor */
    FILES_SYMLINK,   /* name, uid, gid; second: the text */
    FILES_LINK,      /* other: the directory; name in it */
    FILES_UNLINK,    /* name */
    FILES_RMDIR,     /* name */
    FILES_RENAME,    /* name; other: the directory of second; flags: RENAME_NOREPLACE, RENAME_EXCHANGE */
    FILES_READLINK,  /* bytes: the text */
    FILES_STATFS,    /* bytes: struct files_statfs */
    FILES_GETXATTR,  /* name: user.*. Bytes: the value; result: its size */
    FILES_SETXATTR,  /* name, value; flags: XATTR_CREATE, XATTR_REPLACE */
    FILES_LISTXATTR, /* bytes: names, each with its NUL */
    FILES_REMOVEXATTR,
    FILES_SYNC,  /* flags FILES_DATA: as fdatasync(2) */
    FILES_CLUNK, /* value: handles, a uint32_t each */
    FILES_OPS,
};

enum files_root_flag { FILES_RW = 1, FILES_NOSUID = 2, FILES_NOEXEC = 4 };
enum files_set { FILES_MODE = 1, FILES_UID = 2, FILES_GID = 4, FILES_SIZE = 8, FILES_ATIME = 16, FILES_MTIME = 32 };
enum { FILES_REWIND = 1, FILES_DATA = 1 };

struct files_attr {
    uint64_t dev, ino, size, blocks; /* blocks of 512 bytes */
    uint64_t rdev;
    uint64_t atime, mtime, ctime; /* ns since 1970; 0 for what was before */
    uint32_t mode, nlink, uid, gid;
};

struct files_statfs {
    uint64_t block; /* bytes of one */
    uint64_t blocks, free, available, files, files_free;
};

/* Behind it: name, second, value, each as long as it says here, and nothing else. */
struct files_request {
    uint32_t op, handle, other, flags;
    uint32_t what, mode, uid, gid;
    uint64_t size, atime, mtime;
    uint32_t name, second, value; /* bytes */
    uint32_t zero;
};

struct files_answer {
    int32_t error;          /* 0 or -errno; then the rest is zero */
    uint32_t handle;        /* a new one; FILES_NONE */
    uint64_t result;        /* as the request says */
    uint32_t bytes;         /* that follow */
    uint32_t has_fd;        /* a descriptor came with it */
    struct files_attr attr; /* of what the request found, made or changed; of the others zero */
};

/* One request with its answer. */
struct files_call {
    struct files_request r;
    const char *name, *second; /* r.name, r.second bytes */
    const void *value;
    struct files_answer a; /* OUT */
    void *to;              /* room for a.bytes; NULL: none is expected */
    uint32_t room;
    int fd; /* OUT: the caller's to close; -1 */
};

struct memobj;

/* What a platform gives that has files of the host. Called under the kernel's lock; unlike the operations of platform.h
 * these may take as long as the disk does. All return 0 or more, or -errno. */
struct files_ops {
    int (*call)(struct files_call *); /* a.error; -EIO: the gofer is gone or its answer makes no sense */
    /* On a descriptor that came by `call`. */
    int64_t (*read)(int fd, void *to, size_t n, uint64_t offset);
    int64_t (*write)(int fd, const void *from, size_t n, uint64_t offset, bool synced);
    /* At the end, whoever else does so; *end is where the bytes end. */
    int64_t (*append)(int fd, const void *from, size_t n, bool synced, uint64_t *end);
    int64_t (*seek)(int fd, uint64_t offset, int whence); /* SEEK_DATA, SEEK_HOLE */
    int (*stat)(int fd, struct files_attr *);
    int (*allocate)(int fd, int mode, uint64_t offset, uint64_t n); /* fallocate(2) */
    void (*close)(int fd);
    /* Pages that are the file's own, for aspace.map: shared mappings are the host's page cache. `of` NULL: a new one;
     * else another descriptor for the same file. The descriptor stays the caller's and stays open until
     * memobj.destroy. NULL: out of memory. The whole member NULL: files cannot be mapped. */
    struct memobj *(*object)(struct memobj *of, int fd, bool writable);
};

#endif
