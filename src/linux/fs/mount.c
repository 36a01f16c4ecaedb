/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Superblocks and mounts. A mount in the tree has one holder for being there; it holds its superblock, the dentry it
 * covers and its parent. Mounts that cover the same dentry (under different parents) are chained from it. Paths hold
 * their mount, so what is detached lazily lives until the last of them goes.
 */
#include "linux/fs/internal.h"

#include <string.h>

/* umount2(2): the kernel's headers keep them to themselves. */
enum { MNT_FORCE = 1, MNT_DETACH = 2, MNT_EXPIRE = 4, UMOUNT_NOFOLLOW = 8 };

HEAP_TYPE(superblock, FIELD(superblock, refs, FIELD_PLAIN), FIELD(superblock, type, FIELD_OPS),
          FIELD(superblock, root, FIELD_REF), FIELD(superblock, dev, FIELD_PLAIN),
          FIELD(superblock, flags, FIELD_PLAIN), FIELD(superblock, own, FIELD_REF),
          FIELD(superblock, next_ino, FIELD_PLAIN), FIELD(superblock, limit_bytes, FIELD_PLAIN),
          FIELD(superblock, used_bytes, FIELD_PLAIN), FIELD(superblock, limit_inodes, FIELD_PLAIN),
          FIELD(superblock, used_inodes, FIELD_PLAIN));
HEAP_TYPE(mount, FIELD(mount, refs, FIELD_PLAIN), FIELD(mount, sb, FIELD_REF), FIELD(mount, root, FIELD_REF),
          FIELD(mount, at, FIELD_REF), FIELD(mount, parent, FIELD_REF), FIELD(mount, below, FIELD_REF),
          FIELD(mount, all, FIELD_LIST), FIELD(mount, flags, FIELD_PLAIN), FIELD(mount, id, FIELD_PLAIN),
          FIELD(mount, source, FIELD_BYTES));

KERNEL_STATE struct list mount_all;
KERNEL_STATE struct mount *mount_root;

extern const struct fs_type procfs_type __attribute__((weak));
extern const struct fs_type sysfs_type __attribute__((weak));
extern const struct fs_type devfs_type __attribute__((weak));
extern const struct fs_type devpts_type __attribute__((weak));

/* What mount(2) knows by name. The overlay and the image are mounted at boot only. */
static const struct fs_type *type_by_name(const char *name)
{
    const struct fs_type *const types[] = {&tmpfs_type, &procfs_type, &sysfs_type, &devfs_type, &devpts_type};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (types[i] && !strcmp(types[i]->name, name))
            return types[i];
    return NULL;
}

/* ---- superblocks ---- */

static int superblock_mount(const struct fs_type *type, void *own, const char *source, const char *options,
                            uint32_t flags, struct superblock **out)
{
    struct superblock *sb = heap_new(&superblock_type);
    if (!sb)
        return -ENOMEM;
    sb->refs = 1;
    sb->type = type;
    sb->own = own;
    sb->flags = flags & MS_RDONLY;
    sb->dev = ++fs_state.next_dev;
    int r = type->mount(sb, source, options);
    if (r)
        superblock_put(sb);
    else
        *out = sb;
    return r;
}

int superblock_new(const struct fs_type *type, const char *source, const char *options, uint32_t flags,
                   struct superblock **out)
{
    return superblock_mount(type, NULL, source, options, flags, out);
}

int superblock_new_own(const struct fs_type *type, void *own, uint32_t flags, struct superblock **out)
{
    return superblock_mount(type, own, NULL, NULL, flags, out);
}

void superblock_put(struct superblock *sb)
{
    if (!sb || --sb->refs)
        return;
    if (sb->root)
        dentry_tree_free(sb->root);
    if (sb->type->drop)
        sb->type->drop(sb);
    heap_free(&superblock_type, sb);
}

/* ---- mounts ---- */

struct mount *mount_get(struct mount *m)
{
    m->refs++;
    return m;
}

static char *copy_text(const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = heap_alloc(n);
    if (copy)
        memcpy(copy, text, n);
    return copy;
}

void mount_put(struct mount *m)
{
    while (m && !--m->refs) {
        struct mount *parent = m->parent;
        dentry_put(m->root);
        dentry_put(m->at);
        superblock_put(m->sb);
        if (m->source)
            heap_release(m->source, strlen(m->source) + 1);
        heap_free(&mount_type, m);
        m = parent;
    }
}

/* Not in the tree yet; one holder. Takes a holder of its own of sb and root. */
static struct mount *mount_new(struct superblock *sb, struct dentry *root, const char *source, uint32_t flags)
{
    struct mount *m = heap_new(&mount_type);
    if (!m)
        return NULL;
    m->refs = 1;
    m->id = ++fs_state.next_mount;
    m->flags = flags;
    m->source = copy_text(source ? source : "none");
    list_init(&m->all);
    m->sb = sb;
    sb->refs++;
    m->root = dentry_get(root);
    return m;
}

static void mount_attach(struct mount *m, const struct path *at)
{
    if (at) {
        m->parent = mount_get(at->mount);
        m->at = dentry_get(at->dentry);
        m->below = m->at->mounted;
        m->at->mounted = m;
    }
    list_append(&mount_all, &m->all);
}

static void mount_detach(struct mount *m)
{
    if (m->at) {
        struct mount **at = &m->at->mounted;
        while (*at != m)
            at = &(*at)->below;
        *at = m->below;
        dentry_put(m->at);
        mount_put(m->parent);
        m->below = m->parent = NULL, m->at = NULL;
    }
    list_remove(&m->all);
    mount_put(m);
}

struct mount *mount_lookup(const struct mount *in, const struct dentry *at)
{
    for (struct mount *m = at->mounted; m; m = m->below)
        if (m->parent == in)
            return m;
    return NULL;
}

bool mount_covers(const struct path *p)
{
    return p->dentry->mounted && mount_lookup(p->mount, p->dentry);
}

int mount_write(const struct mount *m)
{
    return (m->flags | m->sb->flags) & MS_RDONLY ? -EROFS : 0;
}

static const uint32_t mount_flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME;

int mount_superblock(struct superblock *sb, const char *source, const struct path *at, uint32_t flags)
{
    struct mount *m = mount_new(sb, sb->root, source, flags & mount_flags);
    if (!m)
        return -ENOMEM;
    if (at && S_ISDIR(at->dentry->inode->mode) != S_ISDIR(sb->root->inode->mode)) {
        mount_put(m);
        return -ENOTDIR;
    }
    mount_attach(m, at);
    if (!mount_root)
        mount_root = m;
    return 0;
}

int vfs_mount(const char *type_name, const char *source, const struct path *at, uint32_t flags, const char *options)
{
    const struct fs_type *type = type_by_name(type_name);
    struct superblock *sb;
    if (!type)
        return -ENODEV;
    int r = superblock_new(type, source, options, 0, &sb);
    if (r)
        return r;
    r = mount_superblock(sb, source, at, flags);
    superblock_put(sb);
    return r;
}

int vfs_mount_at(const char *type, const char *source, const char *at, uint32_t flags, const char *options)
{
    PATH p = {0};
    int r = walk(AT_FDCWD, at, WALK_FOLLOW, &p);
    return r ? r : vfs_mount(type, source, &p, flags, options);
}

/* ---- paths and contexts ---- */

void path_get(const struct path *p)
{
    mount_get(p->mount);
    dentry_get(p->dentry);
}

void path_put(struct path *p)
{
    dentry_put(p->dentry);
    mount_put(p->mount);
    *p = (struct path){0};
}

bool path_is_root(const struct path *p, const struct path *root)
{
    return p->dentry == root->dentry && p->mount == root->mount;
}

/* ---- mount(2), umount2(2) ---- */

static int mount_bind(const char *source, const struct path *at, uint32_t flags)
{
    PATH from = {0};
    int r = walk(AT_FDCWD, source, WALK_FOLLOW, &from);
    if (r)
        return r;
    if (S_ISDIR(from.dentry->inode->mode) != S_ISDIR(at->dentry->inode->mode))
        return -ENOTDIR;
    struct mount *m = mount_new(from.mount->sb, from.dentry, source, from.mount->flags);
    if (!m)
        return -ENOMEM;
    mount_attach(m, at);
    return 0;
}

static int mount_change(const struct path *at, uint32_t flags)
{
    if (at->dentry != at->mount->root)
        return -EINVAL;
    at->mount->flags = flags & mount_flags;
    return 0;
}

static int mount_move(const char *source, const struct path *at)
{
    PATH from = {0};
    int r = walk(AT_FDCWD, source, WALK_FOLLOW, &from);
    if (r)
        return r;
    struct mount *m = from.mount;
    if (from.dentry != m->root || !m->parent)
        return -EINVAL;
    for (const struct mount *up = at->mount; up; up = up->parent)
        if (up == m)
            return -ELOOP;
    mount_get(m);
    mount_detach(m);
    mount_attach(m, at);
    return 0;
}

/* A string of the user that may be absent: NULL then. */
static int optional_text(struct user_path *p, struct uptr from)
{
    *p = (struct user_path){0};
    return from.v ? user_path_get(p, from, true) : 0;
}

int64_t sys_mount(struct task *t, const struct args *a)
{
    USER_PATH source = {0}, target = {0}, type = {0}, options = {0};
    PATH at = {0};
    uint32_t flags = arg_u32(a, 3);
    int r;
    if ((r = optional_text(&type, arg_ptr(a, 2))) || (r = optional_text(&source, arg_ptr(a, 0))) ||
        (r = optional_text(&options, arg_ptr(a, 4))) || (r = user_path_get(&target, arg_ptr(a, 1), false)) ||
        (r = walk(AT_FDCWD, target.text, WALK_FOLLOW, &at)))
        return r;
    if (!capable(t, CAP_SYS_ADMIN))
        return -EPERM;
    if (S_ISLNK(at.dentry->inode->mode))
        return -ENOENT; /* a descriptor's link in /proc that leads to a link: nothing is mounted on either */
    if (flags & MS_REMOUNT)
        return mount_change(&at, flags);
    if (flags & MS_BIND)
        return source.text ? mount_bind(source.text, &at, flags) : -EINVAL;
    if (flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE))
        return at.dentry == at.mount->root ? 0 : -EINVAL; /* one namespace: nothing is propagated */
    if (flags & MS_MOVE)
        return source.text ? mount_move(source.text, &at) : -EINVAL;
    if (!type.text)
        return -EINVAL;
    return vfs_mount(type.text, source.text, &at, flags, options.text);
}

static bool has_child_mounts(const struct mount *m)
{
    list_each (other, &mount_all, struct mount, all) {
        if (other->parent == m)
            return true;
    }
    return false;
}

/* With all that is mounted below it, the deepest first. */
static void detach_tree(struct mount *top)
{
    for (struct mount *m = top;;) {
        struct mount *child = NULL;
        list_each (other, &mount_all, struct mount, all) {
            if (other->parent == m)
                child = other;
        }
        if (child) {
            m = child;
            continue;
        }
        struct mount *parent = m->parent;
        bool last = m == top;
        mount_detach(m);
        if (last)
            return;
        m = parent;
    }
}

int64_t sys_umount2(struct task *t, const struct args *a)
{
    USER_PATH target = {0};
    PATH at = {0};
    uint32_t flags = arg_u32(a, 1);
    int r;
    if (flags & ~(uint32_t)(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
        return -EINVAL;
    if ((r = user_path_get(&target, arg_ptr(a, 0), false)) ||
        (r = walk(AT_FDCWD, target.text, flags & UMOUNT_NOFOLLOW ? 0 : WALK_FOLLOW, &at)))
        return r;
    struct mount *m = at.mount;
    if (at.dentry != m->root)
        return -EINVAL;
    if (!capable(t, CAP_SYS_ADMIN))
        return -EPERM;
    if (!m->parent || flags & MNT_EXPIRE)
        return flags & MNT_EXPIRE ? (flags & (MNT_FORCE | MNT_DETACH) ? -EINVAL : -EAGAIN) : -EINVAL;
    if (!(flags & MNT_DETACH) && (has_child_mounts(m) || m->refs > 2)) /* the tree's holder, and `at` */
        return -EBUSY;
    detach_tree(m);
    return 0;
}
