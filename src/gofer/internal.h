/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the gofer share: the request when it has been checked, handles, and who serves what. */
#ifndef MOAT_GOFER_INTERNAL_H
#define MOAT_GOFER_INTERNAL_H

#include "gofer/gofer.h"

#include <sys/stat.h>

/* A request whose every field has been checked by its row (request.c): names end with NUL, handles exist and are of a
 * kind that the row takes, and what changes something is below a root that may be changed. */
struct request {
    const struct request_row *row;
    struct files_request r;
    struct handle *of, *other; /* other: of rows that have one */
    char name[FILES_TEXT_MAX + 1], second[FILES_TEXT_MAX + 1];
    const uint8_t *value; /* r.value bytes, wherever they lie */
    uint8_t root_flags;
};

typedef int serve(struct gofer *, const struct request *, struct reply *);

enum text_kind {
    TEXT_NONE,
    TEXT_NAME,  /* one name of a directory */
    TEXT_PATH,  /* several, with a slash between two */
    TEXT_FREE,  /* of a symbolic link */
    TEXT_XATTR, /* user.*, but none that an overlay would obey */
};

struct request_row {
    const char *name; /* for messages */
    serve *serve;
    uint8_t of, other;    /* kinds of handles that they may be; 0: it has none */
    uint8_t text, second; /* enum text_kind */
    bool changes;         /* needs a root that may be changed */
    uint32_t flags;       /* bits that may be set; of those that are numbers see where they are served */
    uint32_t value;       /* most bytes */
};

/* 0; -EPROTO; or an errno for the answer. *q is then as above. */
int request_read(struct gofer *, const void *datagram, size_t n, struct request *q);

/* ---- handles ---- */

/* The descriptor becomes the table's, also when there is no room: then it is closed. 0, -ENFILE. */
int handle_make(struct gofer *, int fd, uint8_t kind, uint8_t root, uint32_t *out);
struct handle *handle_of(struct gofer *, uint32_t number); /* NULL */
void handle_free(struct gofer *, uint32_t number);         /* not a root */
/* Opens what the handle stands for anew: -errno. */
int handle_open(const struct gofer *, const struct handle *, int flags);
/* The name by which it is reached below gofer.proc. */
#define HANDLE_NAME 12
void handle_name(const struct handle *, char name[HANDLE_NAME]);

/* ---- what is known of a file ---- */

int attr_of(int fd, struct files_attr *);                    /* by descriptor, O_PATH too */
int attr_at(int dir, const char *name, struct files_attr *); /* a link itself */
uint8_t kind_of(uint32_t mode);                              /* enum handle_kind */
/* A handle for an O_PATH descriptor that was found below `in`, with its attributes; takes the descriptor. -EACCES: it
 * lies on a file system of the kernel's own. */
int enter(struct gofer *, const struct handle *in, int fd, struct reply *);

/* ---- who serves ---- */
serve serve_root, serve_lookup, serve_check, serve_getattr, serve_open, serve_opendir, serve_readdir, serve_readlink,
    serve_statfs, serve_getxattr, serve_listxattr, serve_sync, serve_clunk;
serve serve_setattr, serve_create, serve_tmpfile, serve_mkdir, serve_symlink, serve_link, serve_unlink, serve_rmdir,
    serve_rename, serve_setxattr, serve_removexattr;

#endif
