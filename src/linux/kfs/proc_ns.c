/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/ns and what is about the namespaces in it: namespaces(7), ioctl_ns(2), setns(2), unshare(2). There is one
 * of each kind, in which every program is, so who enters one is where it was. A link leads to a file without a name,
 * which is made anew each time and has the namespace's number.
 */
#include "linux/core/call.h"
#include "linux/fs/fd.h"
#include "linux/kfs/proc.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <string.h>

/* The numbers are those of Linux's own first namespaces (include/linux/proc_ns.h). */
static const struct space {
    const char *name, *kind;
    uint32_t number;
    int flag;
} spaces[] = {
    {"cgroup", "cgroup", 0xeffffffb, CLONE_NEWCGROUP}, {"ipc", "ipc", 0xefffffff, CLONE_NEWIPC},
    {"mnt", "mnt", 0xeffffff8, CLONE_NEWNS},           {"net", "net", 0xeffffff9, CLONE_NEWNET},
    {"pid", "pid", 0xeffffffc, CLONE_NEWPID},          {"pid_for_children", "pid", 0xeffffffc, CLONE_NEWPID},
    {"time", "time", 0xeffffffa, CLONE_NEWTIME},       {"time_for_children", "time", 0xeffffffa, CLONE_NEWTIME},
    {"user", "user", 0xeffffffd, CLONE_NEWUSER},       {"uts", "uts", 0xeffffffe, CLONE_NEWUTS},
};
#define SPACES     ((int32_t)(sizeof(spaces) / sizeof(spaces[0])))
#define SPACE_USER 8
#define ALL_FLAGS                                                                                                      \
    (CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWTIME | CLONE_NEWUSER |      \
     CLONE_NEWUTS)

/* ---- the files ---- */

static int64_t space_ioctl(struct file *f, uint32_t command, struct uptr to);

static const struct file_ops space_ops = {.ioctl = space_ioctl};

static int space_reopen(struct inode *i, struct file *f)
{
    f->ops = &space_ops;
    return 0;
}
static const struct inode_ops space_inode_ops = {.open = space_reopen};

static size_t space_text(int32_t n, char *to, size_t room)
{
    return text_format(to, room, "%s:[%u]", spaces[n].kind, spaces[n].number);
}

static struct file *space_file(int32_t n)
{
    char name[40];
    space_text(n, name, sizeof(name));
    struct file *f = file_anonymous(name, S_IFREG | 0444, &space_ops, O_RDONLY, NULL);
    if (f)
        f->inode->ino = spaces[n].number, f->inode->own_n[0] = (uint64_t)n, f->inode->ops = &space_inode_ops;
    return f;
}

static int64_t space_ioctl(struct file *f, uint32_t command, struct uptr to)
{
    int32_t n = (int32_t)f->inode->own_n[0];
    const uint32_t root = 0;
    switch (command) {
    case NS_GET_NSTYPE:
        return spaces[n].flag;
    case NS_GET_PARENT: /* of the kinds that have one it is out of sight */
        return spaces[n].flag == CLONE_NEWUSER || spaces[n].flag == CLONE_NEWPID ? -EPERM : -EINVAL;
    case NS_GET_OWNER_UID:
        return spaces[n].flag == CLONE_NEWUSER ? put_user(to, root) : -EINVAL;
    case NS_GET_USERNS:
        break;
    default:
        return -ENOTTY;
    }
    if (spaces[n].flag == CLONE_NEWUSER)
        return -EPERM;
    struct file *owner = space_file(SPACE_USER);
    if (!owner)
        return -ENOMEM;
    int fd = fd_install(owner, true, 0);
    if (fd < 0)
        file_put(owner);
    return fd;
}

/* ---- the links ---- */

static int space_follow(const struct made_key *key, struct path *out)
{
    const struct task *t = proc_task(key);
    if (!t)
        return -ESRCH;
    struct file *f = proc_may_look(t) ? space_file(key->number) : NULL;
    if (!f)
        return -EACCES;
    *out = f->path;
    path_get(out);
    file_put(f);
    return 0;
}

static int64_t space_link(const struct made_key *key, char *to, size_t n)
{
    char name[40];
    size_t length = space_text(key->number, name, sizeof(name));
    length = length < n ? length : n;
    memcpy(to, name, length);
    return (int64_t)length;
}

static const struct made_node space_entry = {
    .name = "ns", .mode = PROC_LINK, .link = space_link, .follow = space_follow};

static const struct made_node *space_find(struct made_key *key, const char *name, size_t n)
{
    for (int32_t i = 0; i < SPACES; i++)
        if (strlen(spaces[i].name) == n && !memcmp(spaces[i].name, name, n)) {
            key->number = i;
            return &space_entry;
        }
    return NULL;
}

static const struct made_node *space_list(struct made_key *key, uint64_t *cookie, char *name, size_t room)
{
    if (*cookie >= (uint64_t)SPACES)
        return NULL;
    key->number = (int32_t)*cookie;
    text_format(name, room, "%s", spaces[*cookie].name);
    return &space_entry;
}

const struct made_node proc_ns_node = {.name = "ns", .mode = S_IFDIR | 0511, .find = space_find, .list = space_list};

/* ---- calls ---- */

int64_t sys_setns(struct task *t, const struct args *a)
{
    struct file *f = fd_get(arg_int(a, 0));
    int flag = f && f->ops == &space_ops ? spaces[f->inode->own_n[0]].flag : 0, kind = arg_int(a, 1);
    if (f)
        file_put(f);
    if (!f)
        return -EBADF;
    if (!flag || (kind && kind != flag) || flag == CLONE_NEWUSER) /* it may not be entered by who is in it */
        return -EINVAL;
    return capable(t, CAP_SYS_ADMIN) ? 0 : -EPERM;
}

int64_t sys_unshare(struct task *t, const struct args *a)
{
    const uint64_t known = ALL_FLAGS | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
    uint64_t flags = a->v[0];
    if (flags & ~known)
        return -EINVAL;
    if (flags & ALL_FLAGS) /* one of each kind */
        return flags & CLONE_NEWUSER || capable(t, CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
    if (flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM) && t->process->n_tasks > 1)
        return -EINVAL;
    struct fs_context *fs = flags & CLONE_FS && t->fs->refs > 1 ? fs_context_copy(t->fs) : NULL;
    if (flags & CLONE_FS && t->fs->refs > 1 && !fs)
        return -ENOMEM;
    if (flags & CLONE_FILES) {
        struct files *own = files_copy(t->files);
        if (!own) {
            if (fs)
                fs_context_put(fs);
            return -ENOMEM;
        }
        files_put(t->files);
        t->files = own;
    }
    if (fs) {
        fs_context_put(t->fs);
        t->fs = fs;
    }
    return 0;
}
