/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/ids.h"

#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_BLOCK 8u      /* 2^19 / 65,536 */
#define BLOCKS      65535u  /* the last one would hold (uid_t)-1 */
#define GRANTS_MAX  131072u /* of both files; one that is overlooked could be given out twice */
#define GRANTS_FILE (4u << 20)

struct grant {
    uint64_t from, to;
};

/* name:first:count lines. The file is the administrator's; a line we cannot read is passed over. */
static int read_grants(struct sandbox *sb, const char *path, struct grant *out, size_t *at, struct err *err)
{
    char *text;
    size_t len, n = *at;
    int r = io_read_file(sb->arena, AT_FDCWD, path, GRANTS_FILE, &text, &len);

    if (r < 0)
        return r == -ENOENT ? 0 : err_sys(err, r, "id ranges of users in %s", path);
    for (char *line = text; line && *line;) {
        char *end = strchr(line, '\n'), *colon = strchr(line, ':');
        if (colon && (!end || colon < end)) {
            char *rest;
            uint64_t first = strtoull(colon + 1, &rest, 10);
            uint64_t count = *rest == ':' ? strtoull(rest + 1, NULL, 10) : 0;
            if (count && n == GRANTS_MAX)
                return err_set(err, -E2BIG, "id ranges of users: more than %u of them in %s", GRANTS_MAX, path);
            if (count)
                out[n++] = (struct grant){first, first + count};
        }
        line = end ? end + 1 : NULL;
    }
    *at = n;
    return 0;
}

static bool is_granted(const struct grant *g, size_t n, uint64_t from)
{
    for (size_t i = 0; i < n; i++)
        if (from < g[i].to && g[i].from < from + IDS_BLOCK)
            return true;
    return false;
}

int ids_reserve(struct sandbox *sb, struct err *err)
{
    struct grant *grants = arena_array(sb->arena, GRANTS_MAX, sizeof *grants);
    uint32_t hash = 2166136261u;
    size_t n = 0;

    int r = grants ? read_grants(sb, "/etc/subuid", grants, &n, err)
                   : err_set(err, -ENOMEM, "no memory for id ranges of users");
    if (r < 0 || (r = read_grants(sb, "/etc/subgid", grants, &n, err)) < 0)
        return r;
    int dir = openat(sb->root_fd, ".ids", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 && errno == ENOENT && (mkdirat(sb->root_fd, ".ids", 0700) == 0 || errno == EEXIST))
        dir = openat(sb->root_fd, ".ids", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_sys(err, -errno, "id ranges in %s/.ids", sb->root_path);
    /* ids_clean() takes it alone. What we link below belongs to a directory that is there already, so it is not stale.
     */
    while (flock(dir, LOCK_SH) < 0 && errno == EINTR)
        ;
    /* Start at a place the id gives: parallel starts do not race for the same file, and ids are not reused at once. */
    for (const char *c = sb->id; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    r = -ENOSPC;
    for (uint32_t i = 0; i < BLOCKS - FIRST_BLOCK && r == -ENOSPC; i++) {
        uint32_t block = FIRST_BLOCK + (hash + i) % (BLOCKS - FIRST_BLOCK);
        char name[16];
        if (is_granted(grants, n, (uint64_t)block * IDS_BLOCK))
            continue;
        snprintf(name, sizeof name, "%u", block);
        if (symlinkat(sb->id, dir, name) == 0) {
            sb->id_block = block * IDS_BLOCK;
            r = 0;
        } else if (errno != EEXIST) {
            r = -errno;
        }
    }
    close(dir);
    return r == -ENOSPC
               ? err_set(
                     err, r,
                     "no free range of user ids: all blocks in %s/.ids are taken; moat system check clears stale ones",
                     sb->root_path)
           : r < 0 ? err_sys(err, r, "id ranges in %s/.ids", sb->root_path)
                   : 0;
}

void ids_release(struct sandbox *sb)
{
    char name[32];

    if (!sb->id_block)
        return;
    snprintf(name, sizeof name, ".ids/%u", sb->id_block / IDS_BLOCK);
    unlinkat(sb->root_fd, name, 0);
    sb->id_block = 0;
}

int ids_clean(struct sandbox *root, unsigned *released)
{
    int fd = openat(root->root_fd, ".ids", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    while (dir && flock(fd, LOCK_EX) < 0 && errno == EINTR)
        ;
    while (dir && (e = readdir(dir))) {
        char id[SANDBOX_ID_MAX + 1];
        struct stat st;
        ssize_t n = readlinkat(fd, e->d_name, id, sizeof id - 1);
        if (n <= 0)
            continue;
        id[n] = 0;
        if (fstatat(root->root_fd, id, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
            unlinkat(fd, e->d_name, 0) == 0)
            (*released)++;
    }
    if (dir)
        closedir(dir);
    return 0;
}
