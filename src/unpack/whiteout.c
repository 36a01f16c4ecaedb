/* SPDX-License-Identifier: Apache-2.0 */
/* What OCI layers take away (image-spec, "Whiteouts"): only things of lower layers, whatever the order in the layer. */
#include "base/mem.h"
#include "image/tree.h"
#include "unpack/dest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int dest_remove_lower(struct dest *d, const char *path, struct err *err)
{
    const char *name;
    struct stat st;
    struct err why = {0};
    int dirfd, r = dest_parent(d, path, false, &dirfd, &name, &why);

    if (r == -ENOENT || r == -ENOTDIR)
        return 0; /* nothing to take away */
    if (r < 0)
        return err_set(err, r, "%s", why.text);
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    return inodes_has(&d->made, 0, st.st_ino) ? 0 : tree_remove(dirfd, name, err);
}

static int list_names(int dirfd, char ***names, size_t *n, struct err *err)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    size_t cap = 0;

    if (!dir)
        return err_sys(err, -errno, "read a directory");
    for (struct dirent *e; (e = readdir(dir));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (*n == cap) {
            cap = cap ? cap * 2 : 32;
            char **more = realloc(*names, cap * sizeof *more);
            if (!more)
                break;
            *names = more;
        }
        if (!((*names)[*n] = strdup(e->d_name)))
            break;
        ++*n;
    }
    closedir(dir);
    return 0;
}

/* A directory of this layer may be one of a lower layer too: its lower children go as well, so descend by path. */
int dest_remove_lower_children(struct dest *d, const char *path, struct err *err)
{
    _cleanup_fd_ int fd = -1;
    char **names = NULL, below[DEST_PATH_MAX];
    size_t n = 0;

    if (dest_open_directory(d, path, O_RDONLY, &fd) < 0)
        return 0;
    int r = list_names(fd, &names, &n, err);
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        if (r == 0 && fstatat(fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0) {
            size_t k = strlen(path);
            if (!inodes_has(&d->made, 0, st.st_ino)) {
                r = tree_remove(fd, names[i], err);
            } else if (S_ISDIR(st.st_mode) && k + strlen(names[i]) + 2 < sizeof below) {
                strcpy(below, path);
                if (k)
                    below[k++] = '/';
                strcpy(below + k, names[i]);
                r = dest_remove_lower_children(d, below, err);
            }
        }
        free(names[i]);
    }
    free(names);
    dest_forget_parent(d);
    return r;
}
