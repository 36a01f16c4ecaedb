/* SPDX-License-Identifier: Apache-2.0 */
/* How much a tree takes on disk. The tree is a workload's: any depth, any names, changing while it is counted. */
#include "cli/usage.h"

#include "cli/sandboxes.h"
#include "image/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 256      /* deeper is not counted: one descriptor a level is open */
#define FILES_MAX 50000000 /* a bound of ours on a loop over foreign names */

static void add(const struct stat *st, struct usage *u)
{
    bool first = S_ISDIR(st->st_mode) || st->st_nlink < 2;

    /* A file of n names is met n times: its n-th part each time comes to the whole. */
    u->bytes += (uint64_t)st->st_blocks * 512 / (first ? 1 : (uint64_t)st->st_nlink);
    u->files++;
}

void usage_at(int parent, const char *name, struct usage *u)
{
    DIR *stack[DEPTH_MAX];
    struct stat top, st;
    int depth = 0;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &top) < 0 || !(stack[0] = fdopendir(fd))) {
        if (fd >= 0)
            close(fd);
        return;
    }
    add(&top, u);
    while (depth >= 0) {
        struct dirent *e = u->files < FILES_MAX ? readdir(stack[depth]) : NULL;
        if (!e) {
            closedir(stack[depth--]);
            continue;
        }
        int here = dirfd(stack[depth]);
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
            fstatat(here, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != top.st_dev)
            continue;
        add(&st, u);
        if (!S_ISDIR(st.st_mode) || depth + 1 == DEPTH_MAX)
            continue;
        fd = openat(here, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        if (dir)
            stack[++depth] = dir;
        else if (fd >= 0)
            close(fd);
    }
}

void usage_path(const char *path, struct usage *u)
{
    if (path)
        usage_at(AT_FDCWD, path, u);
}

static int note_image(struct sandbox *sb, void *ctx, struct err *err)
{
    struct image_uses *u = ctx;
    const char *id = sandboxes_image_id(sb);

    if (!id)
        return 0;
    if (u->n == u->cap) {
        size_t cap = u->cap ? u->cap * 2 : 64;
        void *more = realloc(u->ids, cap * sizeof *u->ids);
        if (!more)
            return err_set(err, -ENOMEM, "out of memory");
        u->ids = more;
        u->cap = cap;
    }
    strcpy(u->ids[u->n++], id);
    return 0;
}

/* A store may serve several state directories (MOAT_RUN_DIR): each layer says where its sandbox is. */
static int note_elsewhere(struct image_uses *u, struct arena *a, const struct stat *own, int layers, const char *name,
                          struct err *err)
{
    char state[4096];
    const char *link = arena_printf(a, "%s/state", name);
    ssize_t n = link ? readlinkat(layers, link, state, sizeof state - 1) : -1;
    char *slash = NULL;
    struct sandbox sb;
    struct stat st;
    int r = 0;

    if (n > 0) {
        state[n] = 0;
        slash = strrchr(state, '/');
    }
    if (!slash || slash == state || strcmp(slash + 1, name) != 0)
        return 0;
    *slash = 0;
    if (sandbox_open_root(&sb, a, arena_strdup(a, state), false, &(struct err){0}) == 0 &&
        fstat(sb.root_fd, &st) == 0 && (st.st_dev != own->st_dev || st.st_ino != own->st_ino) &&
        sandbox_load(&sb, arena_strdup(a, name), &(struct err){0}) == 0)
        r = note_image(&sb, u, err);
    sandboxes_close(&sb);
    return r;
}

static int note_all_elsewhere(struct image_uses *u, struct err *err)
{
    struct arena a, each;
    struct sandbox root;
    struct stat own = {0};
    const char *data;
    int r = arena_init(&a, SANDBOXES_ARENA);

    if (r < 0)
        return err_set(err, r, "out of memory");
    if (sandbox_open_root(&root, &a, NULL, false, &(struct err){0}) == 0)
        fstat(root.root_fd, &own);
    sandboxes_close(&root);
    r = store_default_dir(&a, &data, err);
    int fd = r < 0 ? -1 : open(arena_printf(&a, "%s/layers", data), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *e; r == 0 && dir && (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        if ((r = arena_init(&each, SANDBOXES_ARENA)) < 0)
            return err_set(err, r, "out of memory");
        r = note_elsewhere(u, &each, &own, fd, e->d_name, err);
        arena_free(&each);
    }
    if (dir)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
    arena_free(&a);
    return r;
}

int image_uses_find(struct image_uses *u, struct err *err)
{
    int r = sandboxes_all("system", note_image, u, err);

    return r < 0 ? r : note_all_elsewhere(u, err);
}

unsigned image_uses_count(const struct image_uses *u, const char *id)
{
    unsigned n = 0;

    for (size_t i = 0; i < u->n; i++)
        n += !strcmp(u->ids[i], id);
    return n;
}
