/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local store of images. Life: store_open() -> lookups, or store_build_begin()/commit() -> store_close().
 * Everything handed out lies in the arena given to store_open().
 *
 *   DATA/images/ID/rootfs/       the tree, with the owners of the archive (the launcher maps them)
 *   DATA/images/ID/config.json   what `moat run` needs to know; written by us, read strictly
 *   DATA/images/.tmp-*           builds and removals under way, held by flock(2); without a holder they are rubbish
 *   DATA/refs/NAME/TAG           the id, as text ('/' in names is '+'); of a pulled name a second line, the registry's
 *                                digest, which may be that of an index; TAG is @HEX of what was pulled by digest
 *
 * All directories are 0700: set-uid files of an image must not be reachable for the host's users.
 */
#ifndef MOAT_IMAGE_STORE_H
#define MOAT_IMAGE_STORE_H

#include "base/err.h"
#include "base/mem.h"
#include "image/reference.h"

#include <stdbool.h>
#include <stdint.h>

struct store {
    struct arena *arena;
    const char *path; /* DATA, absolute */
    int fd, images_fd, refs_fd;
};

/* NULL-terminated, never NULL itself. */
struct image_strings {
    char **v;
    uint32_t n;
};

struct image_config {
    struct image_strings env, cmd, entrypoint; /* env has a PATH always; cmd and entrypoint may both be empty */
    const char *working_dir;                   /* absolute */
    const char *user;                          /* "", "NAME", "UID", "UID:GID" ... as in the image */
    const char *stop_signal;                   /* "" when the image names none */
    struct image_strings labels;               /* "key=value" */
};

struct image {
    char id[IMAGE_ID_LEN + 1];
    const char *rootfs; /* absolute path */
    int dir_fd;         /* shared lock: while it is open the image cannot be removed; owned by the caller */
    int64_t created;    /* seconds since 1970 */
    uint64_t size;      /* bytes in regular files */
    uint64_t entries;
    const char *source; /* what it was imported from */
    bool flat_owners;   /* imported without privilege: all files belong to the importer */
    struct image_config config;
};

/* MOAT_DATA_DIR; else for root /var/lib/moat; else $XDG_DATA_HOME/moat or ~/.local/share/moat. */
int store_default_dir(struct arena *a, const char **path, struct err *err);
/* Makes it, where it is not there yet. 0 or -errno. */
int store_make_dir(const char *path);
/* A data directory must be the caller's own and for nobody else to write, or nothing is read from it or put there. */
int store_check_owner(int fd, const char *path, struct err *err);

/* data_dir NULL: the default. Without `create` a missing store is empty (all fds -1), not an error. */
int store_open(struct store *s, struct arena *a, const char *data_dir, bool create, struct err *err);
void store_close(struct store *s);

/* NAME[:TAG], an id or a unique prefix of one ("sha256:" allowed). -ENOENT, -EBUSY (being removed), -EINVAL. */
int store_resolve(struct store *s, const char *text, struct image *out, struct err *err);

/* One row per reference, and one without a name per image that has none; newest first. */
struct store_row {
    const char *repository, *tag; /* NULL: none */
    const char *digest;           /* "sha256:HEX", what a registry calls it; NULL: it was not pulled */
    char id[IMAGE_ID_LEN + 1];
    int64_t created;
    uint64_t size, entries;
    const char *source;
};
int store_list(struct store *s, struct store_row **rows, size_t *n, struct err *err);

/* The name in the store that is nearest to a mistyped one; NULL when none is near. */
const char *store_nearest(struct store *s, const char *text);

/* Takes a name away, and the image with its last name. By id: refuses (-EEXIST) when it has several names, unless
 * force. */
struct store_removed {
    const char **untagged; /* "name:tag" */
    size_t n_untagged;
    bool deleted;
    char id[IMAGE_ID_LEN + 1];
};
int store_remove(struct store *s, const char *text, bool force, struct store_removed *out, struct err *err);

/* Removes what killed imports and removals left; `removed` counts. Called at every import and by `moat system check`.
 */
int store_clean(struct store *s, unsigned *removed, struct err *err);

/* A build lies in images/.tmp-* until commit renames it. A killed process leaves only that directory. */
struct store_build {
    char name[32];
    int fd;        /* holds the lock */
    int rootfs_fd; /* empty directory to fill */
};
int store_build_begin(struct store *s, struct store_build *b, struct err *err);
/* Writes config.json, makes it image `id` and (ref not NULL) points the name to it. When the id is there already the
 * build is thrown away and only the name is set; *existed says so. Ends the build in every case. */
int store_build_commit(struct store *s, struct store_build *b, const char *id, const char *config, size_t len,
                       const struct reference *ref, bool *existed, struct err *err);
void store_build_discard(struct store *s, struct store_build *b);

int store_tag(struct store *s, const struct reference *ref, const char *id, struct err *err);
bool store_has(struct store *s, const char *id);

#endif
