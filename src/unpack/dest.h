/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The destination tree: the only place where files are made. Life: dest_init() -> dest_path() + dest_* per entry ->
 * dest_finish() -> dest_free(). A path is cleaned by dest_path() first; parents are opened by openat2(2), so neither
 * ".." nor a symbolic link can lead outside, whatever the tree holds; the last component is never followed.
 */
#ifndef MOAT_UNPACK_DEST_H
#define MOAT_UNPACK_DEST_H

#include "base/err.h"
#include "unpack/inodes.h"

#include <stdbool.h>
#include <stdint.h>

#define DEST_PATH_MAX  4096
#define DEST_DEPTH_MAX 512 /* below the usual limit of descriptors */

struct dest_attributes {
    uint32_t mode, uid, gid, mtime_nsec;
    int64_t mtime;
};

struct dest_directory; /* attributes that wait for dest_finish() */

struct dest {
    int root;    /* directory; borrowed */
    bool layer;  /* whiteouts apply; symbolic links in parents are followed, inside the root */
    bool owners; /* may set owners */
    uint64_t max_bytes, max_entries;
    uint64_t bytes, entries, skipped_devices, skipped_special, dropped_xattrs;
    char skipped[256];          /* name of the first thing skipped */
    char parent[DEST_PATH_MAX]; /* path of parent_fd */
    int parent_fd;
    struct inodes made; /* by this layer; kept only when .layer */
    struct dest_directory *directories;
    size_t n_directories, cap_directories;
};

void dest_init(struct dest *d, int root, bool layer, bool owners);
void dest_free(struct dest *d);

/* "./a//b/" and "/a/b" become "a/b", the root becomes "". ".." anywhere is refused (-EPERM), too long or too deep
 * (-ENAMETOOLONG). */
int dest_path(const char *in, char out[DEST_PATH_MAX], struct err *err);

/* The directory that holds path (made when absent) and the last component. *fd is borrowed: valid until the next dest_
 * call. */
int dest_parent(struct dest *d, const char *path, bool make, int *fd, const char **name, struct err *err);

/* Each replaces what is there, except that a directory stays. All count against the limits. */
int dest_make_directory(struct dest *d, const char *path, const struct dest_attributes *a, struct err *err);
int dest_make_symlink(struct dest *d, const char *path, const char *target, const struct dest_attributes *a,
                      struct err *err);
int dest_make_fifo(struct dest *d, const char *path, const struct dest_attributes *a, struct err *err);
int dest_make_hardlink(struct dest *d, const char *path, const char *target, struct err *err);
/* An empty file open for writing; the caller fills it, sets xattrs after dest_set_attributes(), and closes. */
int dest_make_file(struct dest *d, const char *path, int *fd, struct err *err);
int dest_set_attributes(struct dest *d, int fd, const struct dest_attributes *a, struct err *err);

/* user.* but not user.overlay.* (an overlay mounted by a user reads them), and security.capability. */
bool dest_xattr_allowed(const char *name);
/* Filters by name, counts what is dropped; what the file system refuses is dropped too. */
void dest_set_xattr(struct dest *d, int fd, const char *name, const void *value, size_t size);

/* Counts bytes against max_bytes: before they are written. */
int dest_count_bytes(struct dest *d, uint64_t n, struct err *err);
int dest_write_at(int fd, const char *bytes, size_t n, uint64_t offset, struct err *err);

/* Whiteouts: only what is not of this layer goes. */
int dest_remove_lower(struct dest *d, const char *path, struct err *err);
int dest_remove_lower_children(struct dest *d, const char *path, struct err *err);

void dest_note_skipped(struct dest *d, uint64_t *counter, const char *path);
void dest_forget_parent(struct dest *d);

/* An open descriptor of a directory of the tree. */
int dest_open_directory(struct dest *d, const char *path, int flags, int *fd);

/* Modes and times of directories: last, since writing into a directory changes its time and may need its permission. */
int dest_finish(struct dest *d, struct err *err);

#endif
