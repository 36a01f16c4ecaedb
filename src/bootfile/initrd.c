/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A root file system becomes an initramfs. The root may come from anybody: it is descriptor 3, and before a name of it
 * is looked at this process shuts itself in, so that it can read below that root, write standard output, and nothing
 * else. Entries are sorted by name, so the same root makes the same bytes. Extended attributes are not in the format.
 */
#include "base/cpio.h"
#include "bootfile/bootfile.h"
#include "confine/walls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ROOT        3
#define INITRD_MOST ((uint64_t)16 << 30)
#define MEMORY      ((uint64_t)4 << 30)
#define DEPTH_MOST  128
#define NAME_ROOM   4096

static int shut_in(struct err *err)
{
    const struct walls walls = {
        .who = "the packer of roots", .source = ROOT, .file_bytes = INITRD_MOST, .memory = MEMORY};

    return walls_enter_packer(&walls, err);
}

/* ---- files with several names ------------------------------------------------------------------------------------ */

static struct linked {
    dev_t device;
    ino_t inode;
    uint32_t number; /* in the archive; 0: free */
} * links;
static size_t n_links, links_room;

static struct linked *find_link(dev_t device, ino_t inode)
{
    size_t at = (size_t)(inode * 0x9e3779b97f4a7c15u ^ device) & (links_room - 1);

    while (links[at].number && (links[at].device != device || links[at].inode != inode))
        at = (at + 1) & (links_room - 1);
    return &links[at];
}

static int grow_links(void)
{
    struct linked *old = links;
    const size_t room = links_room;

    if (links && n_links * 2 < links_room)
        return 0;
    links_room = room ? room * 2 : 1024;
    links = calloc(links_room, sizeof *links);
    if (!links)
        return -ENOMEM;
    for (size_t i = 0; i < room; i++)
        if (old[i].number)
            *find_link(old[i].device, old[i].inode) = old[i];
    free(old);
    return 0;
}

/* ---- entries ------------------------------------------------------------------------------------------------------
 */

static int put_file(struct cpio *c, int dir, const char *name, struct cpio_entry *e)
{
    static uint8_t bytes[1 << 18];
    struct stat st;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r;

    if (fd < 0)
        return -errno;
    r = fstat(fd, &st) < 0 ? -errno : !S_ISREG(st.st_mode) ? -ESTALE : 0;
    e->bytes = r == 0 ? (uint64_t)st.st_size : 0;
    if (r == 0)
        r = cpio_entry(c, e);
    for (uint64_t left = e->bytes; r == 0 && left;) {
        ssize_t n = read(fd, bytes, left < sizeof bytes ? left : sizeof bytes);
        r = n < 0 ? -errno : n == 0 ? -ESTALE : cpio_bytes(c, bytes, (size_t)n);
        left -= n > 0 ? (uint64_t)n : 0;
    }
    close(fd);
    return r;
}

static int put_link(struct cpio *c, int dir, const char *name, struct cpio_entry *e)
{
    char target[NAME_ROOM];
    ssize_t n = readlinkat(dir, name, target, sizeof target);

    if (n < 0)
        return -errno;
    e->bytes = (uint64_t)n;
    int r = cpio_entry(c, e);
    return r == 0 && n ? cpio_bytes(c, target, (size_t)n) : r;
}

/* Whether another name of the file is in the archive already. */
static int seen(struct cpio *c, const struct stat *st, struct cpio_entry *e, bool *is)
{
    int r = grow_links();

    *is = false;
    if (r < 0)
        return r;
    struct linked *l = find_link(st->st_dev, st->st_ino);
    *is = l->number != 0;
    if (!*is) {
        *l = (struct linked){st->st_dev, st->st_ino, ++c->last};
        n_links++;
    }
    e->inode = l->number;
    e->links = (uint32_t)st->st_nlink;
    return 0;
}

static int put_directory(struct cpio *c, int fd, char *path, size_t n, unsigned depth, struct err *err);

static int put_entry(struct cpio *c, int dir, char *path, size_t n, const char *name, unsigned depth, struct err *err)
{
    struct stat st;
    bool again = false;
    const size_t length = strlen(name), whole = n + (n ? 1 : 0) + length;
    int r = 0;

    if (whole >= NAME_ROOM)
        return err_set(err, -ENAMETOOLONG, "%.*s/%s: the name is too long for an initramfs", (int)n, path, name);
    if (n)
        path[n] = '/';
    memcpy(path + whole - length, name, length + 1);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(err, -errno, "%s", path);
    struct cpio_entry e = {.name = path,
                           .mode = st.st_mode,
                           .uid = st.st_uid,
                           .gid = st.st_gid,
                           .mtime = st.st_mtime,
                           .major = major(st.st_rdev),
                           .minor = minor(st.st_rdev)};
    if (S_ISSOCK(st.st_mode))
        return 0; /* nobody listens there */
    if (S_ISREG(st.st_mode) && st.st_nlink > 1)
        r = seen(c, &st, &e, &again);
    if (r == 0)
        r = S_ISREG(st.st_mode) && !again ? put_file(c, dir, name, &e)
            : S_ISLNK(st.st_mode)         ? put_link(c, dir, name, &e)
                                          : cpio_entry(c, &e);
    if (r == -EFBIG)
        return err_set(err, r, "%s: an initramfs holds files of up to 4 GiB", path);
    if (r < 0)
        return err_sys(err, r, "%s", path);
    if (!S_ISDIR(st.st_mode))
        return 0;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? err_sys(err, -errno, "%s", path) : put_directory(c, fd, path, whole, depth + 1, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **read_names(DIR *d, size_t *n)
{
    char **names = NULL;
    const struct dirent *e;

    for (*n = 0; (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (!(*n & (*n - 1))) {
            char **more = realloc(names, (*n ? *n * 2 : 1) * sizeof *names);
            if (!more)
                break;
            names = more;
        }
        if (!(names[*n] = strdup(e->d_name)))
            break;
        ++*n;
    }
    if (*n)
        qsort(names, *n, sizeof *names, by_name);
    return names;
}

/* Takes fd. */
static int put_directory(struct cpio *c, int fd, char *path, size_t n, unsigned depth, struct err *err)
{
    DIR *d = depth < DEPTH_MOST ? fdopendir(fd) : NULL;
    size_t count = 0;
    int r = 0;

    if (!d) {
        close(fd);
        return err_set(err, -ELOOP, "%.*s: directories are nested too deep", (int)n, path);
    }
    errno = 0;
    char **names = read_names(d, &count);
    if (errno)
        r = err_sys(err, -errno, "%.*s", (int)n, path);
    for (size_t i = 0; i < count; i++) {
        if (r == 0)
            r = put_entry(c, dirfd(d), path, n, names[i], depth, err);
        free(names[i]);
    }
    free(names);
    closedir(d);
    path[n] = 0;
    return r;
}

int initrd_main(void)
{
    static struct cpio archive = {.fd = 1};
    static char path[NAME_ROOM + 1];
    struct err err = {0};
    int r = shut_in(&err);

    if (r == 0)
        r = put_directory(&archive, openat(ROOT, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), path, 0, 0, &err);
    if (r == 0 && (r = cpio_end(&archive)) < 0)
        err_sys(&err, r, "write the initramfs");
    return r < 0 ? bootfile_fail(&err) : 0;
}
