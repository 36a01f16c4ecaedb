/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev/pts: the names of pseudo terminals, and its own ptmx. Each mount is an instance of its own, whose numbers begin
 * at 0; /dev/ptmx makes terminals in the one that is mounted beside it. A terminal keeps the inode of its name, so that
 * owner and mode stay; the name goes with the master.
 */
#include "linux/core/text.h"
#include "linux/kfs/device.h"
#include "linux/tty/internal.h"

#include <string.h>

#define DEVPTS_MAGIC 0x1cd1
#define NUMBERS_MOST (1u << 20) /* as Linux's NR_UNIX98_PTY_MAX */
#define TOTAL_MOST   4096u      /* of all instances: each costs some 30 KiB */
#define GIVEN_NOT    UINT32_MAX

struct devpts_home {
    struct list terminals; /* struct tty.of_home, in the order of their numbers */
    struct inode *ptmx;    /* held */
    uint32_t uid, gid;     /* of new names; GIVEN_NOT: those of who makes them */
    uint32_t mode, ptmx_mode, most;
};
HEAP_TYPE(devpts_home, FIELD(devpts_home, terminals, FIELD_LIST), FIELD(devpts_home, ptmx, FIELD_REF),
          FIELD(devpts_home, uid, FIELD_PLAIN), FIELD(devpts_home, gid, FIELD_PLAIN),
          FIELD(devpts_home, mode, FIELD_PLAIN), FIELD(devpts_home, ptmx_mode, FIELD_PLAIN),
          FIELD(devpts_home, most, FIELD_PLAIN));

KERNEL_STATE static uint32_t total;

/* ---- inodes ---- */

static int pts_set(struct inode *i, const struct inode_change *c)
{
    if (c->what & CHANGE_SIZE)
        return -EPERM;
    if (c->what & CHANGE_MODE)
        i->mode = (i->mode & S_IFMT) | (c->mode & 07777);
    if (c->what & CHANGE_UID)
        i->uid = c->uid;
    if (c->what & CHANGE_GID)
        i->gid = c->gid;
    if (c->what & CHANGE_ATIME)
        i->atime = c->atime;
    if (c->what & CHANGE_MTIME)
        i->mtime = c->mtime;
    if (c->what & CHANGE_CTIME)
        i->ctime = c->ctime;
    return 0;
}

static int pts_open(struct inode *i, struct file *f)
{
    return tty_open(i->own, f, !(f->flags & O_NOCTTY));
}

static void pts_drop(struct inode *i)
{
    tty_put(i->own);
}

static const struct inode_ops pts_ops = {.open = pts_open, .set = pts_set, .drop = pts_drop};
static const struct inode_ops ptmx_ops = {.set = pts_set}; /* opened as the device that it is */

/* ---- the directory ---- */

/* The first one whose number is at least this; NULL. */
static struct tty *terminal_from(const struct devpts_home *d, uint64_t number)
{
    list_each (t, &d->terminals, struct tty, of_home)
        if (t->number >= number)
            return t;
    return NULL;
}

/* -1: no number, or not written as the kernel does. */
static int64_t number_of(const char *name, size_t n)
{
    int64_t v = 0;
    if (!n || n > 7 || (n > 1 && name[0] == '0'))
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (name[i] < '0' || name[i] > '9')
            return -1;
        v = v * 10 + (name[i] - '0');
    }
    return v;
}

static int root_lookup(struct inode *dir, struct dentry *at)
{
    const struct devpts_home *d = dir->sb->own;
    struct inode *found = NULL;
    int64_t number = number_of(at->name, at->length);
    const struct tty *t = number >= 0 ? terminal_from(d, (uint64_t)number) : NULL;
    if (t && t->number == number)
        found = t->name;
    else if (at->length == 4 && !memcmp(at->name, "ptmx", 4))
        found = d->ptmx;
    dentry_set(at, found ? inode_get(found) : NULL);
    return 0;
}

#define PLACE_FIRST 3u /* behind ., .. and ptmx: the place for number 0 */

static int root_read_dir(struct file *f, struct dir_context *c)
{
    const struct devpts_home *d = f->inode->sb->own;
    const struct inode *dir = f->inode, *up = f->path.dentry->parent->inode;
    if (c->pos == 0 && c->emit(c, ".", 1, dir->ino, S_IFDIR >> 12, 1))
        c->pos = 1;
    if (c->pos == 1 && c->emit(c, "..", 2, up->ino, S_IFDIR >> 12, 2))
        c->pos = 2;
    if (c->pos == 2 && c->emit(c, "ptmx", 4, d->ptmx->ino, S_IFCHR >> 12, PLACE_FIRST))
        c->pos = PLACE_FIRST;
    const struct tty *t;
    while (c->pos >= PLACE_FIRST && (t = terminal_from(d, c->pos - PLACE_FIRST))) {
        char name[16];
        size_t n = text_format(name, sizeof(name), "%u", t->number);
        if (!c->emit(c, name, n, t->name->ino, S_IFCHR >> 12, PLACE_FIRST + t->number + 1))
            break;
        c->pos = PLACE_FIRST + t->number + 1;
    }
    return 0;
}

static const struct file_ops root_file_ops = {.read_dir = root_read_dir, .seek = vfs_seek};

static int root_open(struct inode *i, struct file *f)
{
    f->ops = &root_file_ops;
    return 0;
}

static const struct inode_ops root_ops = {.lookup = root_lookup, .open = root_open, .set = pts_set};

/* ---- mounting ---- */

/* Digits of a base up to the next comma. */
static bool option_value(const char **p, uint32_t base, uint32_t *value)
{
    const char *s = *p;
    uint64_t v = 0;
    for (; *s >= '0' && *s < (char)('0' + base) && v < UINT32_MAX; s++)
        v = v * base + (uint64_t)(*s - '0');
    bool good = s != *p && v <= INT32_MAX && (!*s || *s == ',');
    *p = s, *value = (uint32_t)v;
    return good;
}

static int options_read(struct devpts_home *d, const char *p)
{
    const struct {
        const char *name;
        uint32_t *value;
        uint32_t base;
    } rows[] = {{"uid=", &d->uid, 10},
                {"gid=", &d->gid, 10},
                {"mode=", &d->mode, 8},
                {"ptmxmode=", &d->ptmx_mode, 8},
                {"max=", &d->most, 10}};
    while (p && *p) {
        bool known = !strncmp(p, "newinstance", 11) && (!p[11] || p[11] == ',');
        if (known)
            p += 11; /* each mount is one */
        for (size_t i = 0; !known && i < sizeof(rows) / sizeof(rows[0]); i++) {
            size_t n = strlen(rows[i].name);
            if (strncmp(p, rows[i].name, n) != 0)
                continue;
            p += n;
            if (!option_value(&p, rows[i].base, rows[i].value))
                return -EINVAL;
            known = true;
        }
        if (!known)
            return -EINVAL;
        p += *p == ',';
    }
    d->mode &= 07777, d->ptmx_mode &= 07777;
    if (d->most > NUMBERS_MOST)
        return -EINVAL;
    return 0;
}

static struct inode *root_inode(struct superblock *sb, uint32_t mode, uint64_t ino, const struct inode_ops *ops)
{
    struct inode *i = inode_new(sb, mode);
    if (!i)
        return NULL;
    i->uid = i->gid = 0;
    i->ino = ino;
    i->nlink = S_ISDIR(mode) ? 2 : 1;
    i->ops = ops;
    return i;
}

static int devpts_mount(struct superblock *sb, const char *source, const char *options)
{
    struct devpts_home *d = heap_new(&devpts_home_type);
    if (!d)
        return -ENOMEM;
    sb->own = d;
    list_init(&d->terminals);
    d->uid = d->gid = GIVEN_NOT;
    d->mode = 0600, d->most = NUMBERS_MOST;
    int r = options_read(d, options);
    if (r)
        return r;
    struct inode *root = root_inode(sb, S_IFDIR | 0755, 1, &root_ops);
    d->ptmx = root_inode(sb, S_IFCHR | d->ptmx_mode, 2, &ptmx_ops);
    sb->root = root && d->ptmx ? dentry_new(NULL, "", 0) : NULL;
    if (!sb->root) {
        inode_put(root);
        return -ENOMEM;
    }
    d->ptmx->rdev = DEVICE(5, 2);
    sb->root->sb = sb;
    dentry_set(sb->root, root);
    return 0;
}

/* The names are gone; terminals that are still in use go on without. */
static void devpts_drop(struct superblock *sb)
{
    struct devpts_home *d = sb->own;
    if (!d)
        return;
    list_each (t, &d->terminals, struct tty, of_home)
        devpts_remove(t);
    inode_put(d->ptmx);
    heap_free(&devpts_home_type, d);
}

const struct fs_type devpts_type = {
    .name = "devpts", .magic = DEVPTS_MAGIC, .mount = devpts_mount, .drop = devpts_drop, .volatile_names = true};

/* ---- terminals and their names ---- */

static bool is_named(const struct dentry *d, const char *name)
{
    size_t n = strlen(name);
    return d->length == n && !memcmp(d->name, name, n);
}

/* The instance of an open ptmx: its own, or what is mounted on "pts" beside it. NULL, as f NULL: the first mount. */
static struct mount *mount_of(const struct file *f)
{
    if (f && f->inode->sb->type == &devpts_type)
        return f->path.mount;
    list_each (m, &mount_all, struct mount, all) {
        if (m->sb->type != &devpts_type || !m->at)
            continue;
        if (!f || (m->parent == f->path.mount && m->at->parent == f->path.dentry->parent && is_named(m->at, "pts")))
            return m;
    }
    return NULL;
}

/* The lowest number that is free, and in front of whom it stands. */
static uint32_t number_free(struct devpts_home *d, struct list **before)
{
    uint32_t number = 0;
    *before = &d->terminals;
    list_each (t, &d->terminals, struct tty, of_home) {
        if (t->number != number) {
            *before = &t->of_home;
            break;
        }
        number++;
    }
    return number;
}

int devpts_add(const struct file *f, struct tty *t)
{
    struct mount *m = mount_of(f);
    if (!m)
        return -ENODEV;
    struct devpts_home *d = m->sb->own;
    struct list *before;
    uint32_t number = number_free(d, &before);
    if (number >= d->most || total >= TOTAL_MOST)
        return -ENOSPC;
    struct inode *i = inode_new(m->sb, S_IFCHR | d->mode);
    if (!i)
        return -ENOMEM;
    i->uid = d->uid == GIVEN_NOT ? i->uid : d->uid;
    i->gid = d->gid == GIVEN_NOT ? i->gid : d->gid;
    i->ino = number + PLACE_FIRST;
    i->nlink = 1;
    i->ops = &pts_ops;
    i->own = t;
    tty_get(t);
    t->number = number, t->name = i;
    i->rdev = tty_device(t);
    list_insert(before, &t->of_home);
    total++;
    return 0;
}

void devpts_remove(struct tty *t)
{
    struct inode *name = t->name;
    if (!name)
        return;
    t->name = NULL;
    list_remove(&t->of_home);
    total--;
    name->nlink = 0;
    inode_put(name); /* which may be the terminal's last holder */
}

int devpts_open_slave(const struct file *master, struct tty *t, uint32_t flags, struct file **out)
{
    struct mount *m = mount_of(master);
    char name[16];
    size_t n = text_format(name, sizeof(name), "%u", t->number);
    int r = -EIO;
    struct dentry *d = m && t->name ? dentry_lookup(m->sb->root, name, n, &r) : NULL;
    if (!d)
        return r;
    struct path at = {m, d};
    r = d->inode && d->inode == t->name ? vfs_open(&at, flags, out) : -EIO;
    dentry_put(d);
    return r;
}
