/* SPDX-License-Identifier: Apache-2.0 */
/* See making.h. The archive is written by a process that hostile classes may have taken over: of the two files here it
 * is shown the one to read and the other to write, and the directory never. */
#include "classcache/making.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a static archive of HotSpot begins with, in the byte order of the machine; written last. */
#define MAGIC 0xf00baba2u

static void remove_files(int fd)
{
    unlinkat(fd, CLASS_MAKING_LIST, 0);
    unlinkat(fd, CLASS_MAKING_ARCHIVE, 0);
}

/* Locked, and still the directory of that name: who clears removes it while he holds the lock. */
static int lock(const struct class_cache *c, const char *name)
{
    struct stat mine, named;
    _cleanup_fd_ int fd = openat(c->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    if (fstat(fd, &mine) < 0 || fstatat(c->fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0 || mine.st_ino != named.st_ino ||
        mine.st_dev != named.st_dev)
        return -EBUSY;
    return steal_fd(&fd);
}

static int fill(struct class_making *m, const char *list, size_t length)
{
    remove_files(m->fd); /* of one who died */
    _cleanup_fd_ int fd = openat(m->fd, CLASS_MAKING_LIST, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
    int r = fd < 0 ? -errno : io_write_all(fd, list, length);

    if (r < 0)
        return r;
    m->archive_fd = openat(m->fd, CLASS_MAKING_ARCHIVE, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    /* Who writes it has other ids where the file system knows no maps of them; the directory is ours alone. */
    return m->archive_fd < 0 || fchmod(m->archive_fd, 0666) < 0 ? -errno : 0;
}

int class_making_begin(struct class_making *m, struct arena *a, const struct class_cache *c, const char *key,
                       const char *list, size_t length, struct err *err)
{
    char name[NAME_MAX];

    *m = (struct class_making){.cache = c, .fd = -1, .archive_fd = -1};
    if (strlen(key) != CLASS_KEY_SIZE - 1)
        return err_set(err, -EINVAL, "class archive: %s is no key", key);
    strcpy(m->key, key);
    snprintf(name, sizeof name, "%s" CLASS_MAKING, key);
    m->path = arena_printf(a, "%s/%s", c->path, name);
    if (!m->path)
        return err_set(err, -ENOMEM, "class archive: no memory for its name");
    if (mkdirat(c->fd, name, 0700) < 0 && errno != EEXIST)
        return err_sys(err, -errno, "class archive: %s", m->path);
    m->fd = lock(c, name);
    if (m->fd < 0)
        return m->fd == -EBUSY ? err_set(err, -EBUSY, "class archive: it is being made already")
                               : err_sys(err, m->fd, "class archive: %s", m->path);
    int r = fill(m, list, length);
    if (r < 0)
        class_making_end(m);
    return r < 0 ? err_sys(err, r, "class archive: %s", m->path) : 0;
}

/* Through the descriptor that we made it with: another file of that name is none of ours. */
static bool is_archive(const struct class_making *m)
{
    struct stat st, named;
    uint32_t magic;

    return fstat(m->archive_fd, &st) == 0 && fstatat(m->fd, CLASS_MAKING_ARCHIVE, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_ino == named.st_ino && st.st_dev == named.st_dev && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
           st.st_uid == geteuid() && st.st_size >= CLASS_ARCHIVE_LEAST && (uint64_t)st.st_size <= CLASS_ARCHIVE_MOST &&
           pread(m->archive_fd, &magic, sizeof magic, 0) == sizeof magic && magic == MAGIC;
}

static int move_archive(struct class_making *m)
{
    char name[NAME_MAX];

    snprintf(name, sizeof name, "%s.jsa", m->key);
    if (syscall(SYS_renameat2, m->fd, CLASS_MAKING_ARCHIVE, m->cache->fd, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS) /* a file system without that flag: the other one may be replaced, too */
        return -errno;
    return renameat(m->fd, CLASS_MAKING_ARCHIVE, m->cache->fd, name) < 0 ? -errno : 0;
}

int class_making_finish(struct class_making *m)
{
    char note[NAME_MAX];

    if (!is_archive(m))
        return -EPROTO;
    /* The machine does not look for holes in it: it has to be on the disk before it has its name. */
    if (fchmod(m->archive_fd, 0444) < 0 || fsync(m->archive_fd) < 0)
        return -errno;
    int r = move_archive(m);
    snprintf(note, sizeof note, "%s" CLASS_CACHE_SEEN, m->key);
    if (r == 0)
        unlinkat(m->cache->fd, note, 0);
    return r;
}

void class_making_end(struct class_making *m)
{
    char name[NAME_MAX];

    snprintf(name, sizeof name, "%s" CLASS_MAKING, m->key);
    if (m->fd >= 0) {
        remove_files(m->fd);
        unlinkat(m->cache->fd, name, AT_REMOVEDIR);
    }
    cleanup_fd(&m->archive_fd);
    cleanup_fd(&m->fd);
    m->fd = m->archive_fd = -1;
}

void class_making_clear(const struct class_cache *c, const char *name)
{
    _cleanup_fd_ int fd = lock(c, name);

    if (fd < 0)
        return;
    remove_files(fd);
    unlinkat(c->fd, name, AT_REMOVEDIR);
}
