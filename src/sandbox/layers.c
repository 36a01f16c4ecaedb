/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/layers.h"

#include "image/owned.h"
#include "image/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int layers_make(struct sandbox *sb, const char *data_dir, const char *lower, struct err *err)
{
    struct arena *a = sb->arena;
    const char *dir = arena_printf(a, "%s/layers/%s", data_dir, sb->id);

    sb->inst.layers = (struct layered_root){.data_dir = lower ? data_dir : NULL,
                                            .lower = lower,
                                            .upper = arena_printf(a, "layers/%s/upper", sb->id),
                                            .work = arena_printf(a, "layers/%s/work", sb->id)};
    if (!dir || !sb->inst.layers.upper || !sb->inst.layers.work)
        return err_set(err, -ENOMEM, "no memory for the writable layer");
    int made = lower ? 0 : store_make_dir(data_dir); /* without an image nobody may have had one before */
    if (made < 0)
        return err_sys(err, made, "data directory %s: cannot be made (HOME, XDG_DATA_HOME or MOAT_DATA_DIR names it)",
                       data_dir);
    int data = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (data < 0)
        return err_sys(err, -errno, "image directory %s", data_dir);
    int r = store_check_owner(data, data_dir, err);
    if (r < 0) {
        close(data);
        return r;
    }
    r = mkdirat(data, dir + strlen(data_dir) + 1, 0700) == 0 ? 0 : -errno;
    if (r == -ENOENT && (mkdirat(data, "layers", 0700) == 0 || errno == EEXIST))
        r = mkdirat(data, dir + strlen(data_dir) + 1, 0700) == 0 ? 0 : -errno;
    if (r == 0) {
        sb->layer_dir = dir;
        /* Held as long as this process lives: a check of another state directory knows by it that somebody does. */
        int held = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (held < 0 || flock(held, LOCK_EX | LOCK_NB) < 0)
            r = -errno;
        /* For the same check, when nobody holds it because the sandbox does not run. */
        if (r == 0 && sb->root_path[0] == '/' &&
            symlinkat(arena_printf(a, "%s/%s", sb->root_path, sb->id), data,
                      arena_printf(a, "layers/%s/state", sb->id)) < 0)
            r = -errno;
        if (r == 0 && lower &&
            (mkdirat(data, sb->inst.layers.upper, 0755) < 0 || mkdirat(data, sb->inst.layers.work, 0700) < 0))
            r = -errno;
    }
    close(data);
    if (r < 0)
        layers_remove(sb, &(struct err){0});
    return r < 0
               ? err_sys(err, r, "writable layer %s%s", dir,
                         r == -EEXIST ? ": left by a killed run (moat system check), or used from another MOAT_RUN_DIR"
                                      : "")
               : 0;
}

void layers_find(struct sandbox *sb)
{
    const char *data;

    if (store_default_dir(sb->arena, &data, &(struct err){0}) < 0)
        return;
    const char *dir = arena_printf(sb->arena, "%s/layers/%s", data, sb->id);
    int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        sb->layer_dir = dir;
    if (fd >= 0)
        close(fd);
}

int layers_remove(struct sandbox *sb, struct err *err)
{
    if (!sb->layer_dir)
        return 0;
    const char *slash = strrchr(sb->layer_dir, '/');
    char *parent = slash ? arena_strndup(sb->arena, sb->layer_dir, (size_t)(slash - sb->layer_dir)) : NULL;
    int dir = parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (dir < 0)
        return parent && errno == ENOENT ? 0
                                         : err_sys(err, parent ? -errno : -ENOMEM, "writable layer %s", sb->layer_dir);
    int r = owned_tree_remove(dir, slash + 1, err);
    close(dir);
    if (r == 0)
        sb->layer_dir = NULL;
    return r;
}
