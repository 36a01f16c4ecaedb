/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/fd and fdinfo: links that lead to the open files themselves, whatever their names are now. */
#include "linux/fs/fd.h"
#include "linux/kfs/proc.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <string.h>

/* The open file of the key, held; NULL: it is closed, or not the current task's to see. */
static struct file *proc_fd_file(const struct made_key *key)
{
    struct task *t = proc_task(key);
    return t && t->files && proc_may_look(t) ? files_file(t->files, key->number) : NULL;
}

static int proc_fd_follow(const struct made_key *key, struct path *out)
{
    struct file *f = proc_fd_file(key);
    if (!f)
        return -ENOENT;
    *out = f->path;
    path_get(out);
    file_put(f);
    return 0;
}

static int64_t proc_fd_link(const struct made_key *key, char *to, size_t n)
{
    char room[PATH_MAX_];
    struct file *f = proc_fd_file(key);
    if (!f)
        return -ENOENT;
    const char *name = path_name(&f->path, room, sizeof(room));
    int64_t r = -ENAMETOOLONG;
    if (name) {
        size_t length = strlen(name);
        r = (int64_t)(length < n ? length : n);
        memcpy(to, name, (size_t)r);
    }
    file_put(f);
    return r;
}

/* The permissions of a link show how its file is open. */
static int proc_fd_seen(const struct made_key *key, uint32_t *mode, uint32_t *uid, uint32_t *gid)
{
    struct file *f = proc_fd_file(key);
    if (!f)
        return -ENOENT;
    uint32_t access = f->flags & O_ACCMODE;
    *mode = S_IFLNK | 0100 | (access != O_WRONLY ? 0400 : 0) | (access != O_RDONLY ? 0200 : 0);
    file_put(f);
    struct task *t = proc_task(key);
    if (t)
        *uid = t->cred->euid, *gid = t->cred->egid;
    return 0;
}

static int proc_fdinfo_show(const struct made_key *key, struct text *out)
{
    struct task *t = proc_task(key);
    struct file *f = proc_fd_file(key);
    if (!t || !f)
        return -ENOENT;
    uint32_t flags = f->flags | (files_cloexec(t->files, key->number) ? (uint32_t)O_CLOEXEC : 0);
    text_printf(out, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t%u\nino:\t%lu\n", f->pos, flags,
                f->path.mount ? f->path.mount->id : 0, f->inode ? f->inode->ino : 0);
    if (f->ops->show)
        f->ops->show(f, out);
    file_put(f);
    return 0;
}

static const struct made_node proc_fd_entry = {
    .name = "fd", .mode = PROC_LINK, .link = proc_fd_link, .follow = proc_fd_follow, .seen = proc_fd_seen};
static const struct made_node proc_fdinfo_entry = {.name = "fdinfo", .mode = S_IFREG | 0400, .show = proc_fdinfo_show};

static bool proc_fd_is(struct made_key *key, const char *name, size_t n)
{
    key->number = proc_number(name, n);
    struct file *f = key->number >= 0 ? proc_fd_file(key) : NULL;
    if (f)
        file_put(f);
    return f;
}

static const struct made_node *proc_fd_find(struct made_key *key, const char *name, size_t n)
{
    return proc_fd_is(key, name, n) ? &proc_fd_entry : NULL;
}

static const struct made_node *proc_fdinfo_find(struct made_key *key, const char *name, size_t n)
{
    return proc_fd_is(key, name, n) ? &proc_fdinfo_entry : NULL;
}

static bool proc_fd_next(struct made_key *key, uint64_t *cookie, char *name, size_t room)
{
    struct task *t = proc_task(key);
    int fd = t && t->files && proc_may_look(t) ? files_next(t->files, (int)*cookie) : -1;
    if (fd < 0)
        return false;
    *cookie = (uint64_t)fd;
    key->number = fd;
    text_format(name, room, "%d", fd);
    return true;
}

static const struct made_node *proc_fd_list(struct made_key *key, uint64_t *cookie, char *name, size_t room)
{
    return proc_fd_next(key, cookie, name, room) ? &proc_fd_entry : NULL;
}

static const struct made_node *proc_fdinfo_list(struct made_key *key, uint64_t *cookie, char *name, size_t room)
{
    return proc_fd_next(key, cookie, name, room) ? &proc_fdinfo_entry : NULL;
}

static int proc_fd_owner(const struct made_key *key, uint32_t *mode, uint32_t *uid, uint32_t *gid)
{
    struct task *t = proc_task(key);
    if (!t)
        return -ESRCH;
    *uid = t->cred->euid, *gid = t->cred->egid;
    return 0;
}

const struct made_node proc_fd_node = {
    .name = "fd", .mode = S_IFDIR | 0500, .find = proc_fd_find, .list = proc_fd_list, .seen = proc_fd_owner};
const struct made_node proc_fdinfo_node = {.name = "fdinfo",
                                           .mode = S_IFDIR | 0555,
                                           .find = proc_fdinfo_find,
                                           .list = proc_fdinfo_list,
                                           .seen = proc_fd_owner};
