/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program finds mounted at its start: the image under an overlay in memory (or an empty tmpfs), and on
 * directories that are made if they are missing: /tmp, /run, /dev/shm, and /proc, /sys, /dev as far as they are linked.
 */
#include "linux/core/boot.h"
#include "linux/core/text.h"
#include "linux/fs/hostfs.h"
#include "linux/fs/imgfs.h"
#include "linux/fs/internal.h"

#include <string.h>

#define LAYERS_MAX    8
#define CWD_MADE_MOST 512 /* bytes of a working directory that is made */

extern const struct fs_type procfs_type __attribute__((weak));
extern const struct fs_type sysfs_type __attribute__((weak));
extern const struct fs_type devfs_type __attribute__((weak));
extern const struct fs_type devpts_type __attribute__((weak));

/* ---- the root ---- */

static int layers_make(const struct linux_config *c, struct superblock *layers[LAYERS_MAX], uint32_t *n, char *why,
                       size_t why_size)
{
    uint64_t at = 0;
    while (at < c->image_size) {
        struct imgfs_image image;
        uint64_t used;
        if (*n == LAYERS_MAX)
            return -E2BIG;
        int r = imgfs_check((const uint8_t *)c->image + at, c->image_size - at, &image, &used, why, why_size);
        if (r)
            return r;
        image.object = c->image_object;
        image.object_offset = at;
        r = imgfs_superblock(&image, &layers[*n]);
        if (r) {
            text_format(why, why_size, "the image's root directory cannot be read");
            return r;
        }
        ++*n;
        at = (at + used + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    }
    return 0;
}

/* The mount that is the root; NULL. */
static const struct linux_mount *root_of_host(const struct linux_config *c)
{
    for (uint32_t i = 0; i < c->n_mounts; i++)
        if (c->mounts[i].kind == LINUX_MOUNT_HOST && !strcmp(c->mounts[i].place, "/"))
            return &c->mounts[i];
    return NULL;
}

static int host_superblock(const struct linux_mount *m, uint32_t more, struct superblock **out, char *why,
                           size_t why_size)
{
    int r = hostfs_superblock ? hostfs_superblock(m->root, m->flags | more, out) : -ENODEV;
    if (r)
        text_format(why, why_size, "the files of the host for %s cannot be had (error %d)", m->place, -r);
    return r;
}

static int overlay_root(struct superblock *const *layers, uint32_t n)
{
    struct superblock *sb = NULL;
    int r = overlay_superblock(layers, n, &sb);
    if (!r)
        r = mount_superblock(sb, "overlay", NULL, 0);
    superblock_put(sb);
    return r;
}

/* A directory of the host, never written to: what changes is in memory above it. */
static int root_from_host(const struct linux_mount *m, char *why, size_t why_size)
{
    struct superblock *lower;
    int r = host_superblock(m, LINUX_MOUNT_RDONLY | LINUX_MOUNT_CACHED, &lower, why, why_size);
    if (r)
        return r;
    r = S_ISDIR(lower->root->inode->mode) ? overlay_root(&lower, 1) : -ENOTDIR;
    superblock_put(lower);
    return r;
}

static int root_from_image(const struct linux_config *c, char *why, size_t why_size)
{
    struct superblock *layers[LAYERS_MAX];
    uint32_t n = 0;
    int r = layers_make(c, layers, &n, why, why_size);
    if (!r)
        r = overlay_root(layers, n);
    while (n)
        superblock_put(layers[--n]);
    return r;
}

static int root_make(const struct linux_config *c, char *why, size_t why_size)
{
    struct superblock *sb;
    const struct linux_mount *host = root_of_host(c);
    if (host)
        return root_from_host(host, why, why_size);
    if (c->image)
        return root_from_image(c, why, why_size);
    int r = superblock_new(&tmpfs_type, NULL, "mode=755", 0, &sb);
    if (!r) {
        r = mount_superblock(sb, "tmpfs", NULL, 0);
        superblock_put(sb);
    }
    return r;
}

/* ---- what is mounted in it ---- */

/* The directory, made when it is missing. -ENOTDIR and the like when there is something else. */
static int directory_at(const char *name, uint32_t mode, struct path *out)
{
    struct path dir = {0};
    const char *last;
    size_t n;
    int r = walk_parent(AT_FDCWD, name, 0, &dir, &last, &n);
    if (r)
        return r;
    struct dentry *d = dentry_lookup(dir.dentry, last, n, &r);
    const struct inode_ops *ops = dir.dentry->inode->ops;
    if (d && !d->inode)
        r = ops->mkdir ? ops->mkdir(dir.dentry->inode, d, mode) : -EROFS;
    dentry_put(d);
    path_put(&dir);
    return r ? r : walk(AT_FDCWD, name, WALK_FOLLOW | WALK_DIRECTORY, out);
}

/* The same for a regular file. */
static int file_at(const char *name, struct path *out)
{
    struct path dir = {0};
    const char *last;
    size_t n;
    int r = walk_parent(AT_FDCWD, name, 0, &dir, &last, &n);
    if (r)
        return r;
    struct dentry *d = dentry_lookup(dir.dentry, last, n, &r);
    const struct inode_ops *ops = dir.dentry->inode->ops;
    if (d && !d->inode)
        r = ops->create ? ops->create(dir.dentry->inode, d, S_IFREG | 0644, 0) : -EROFS;
    dentry_put(d);
    path_put(&dir);
    return r ? r : walk(AT_FDCWD, name, WALK_FOLLOW, out);
}

struct boot_mount {
    const struct fs_type *type;
    const char *at, *options;
    uint32_t flags, mode;
};

static int mount_one(const struct boot_mount *m)
{
    PATH at = {0};
    struct superblock *sb;
    int r = directory_at(m->at, m->mode, &at);
    if (!r)
        r = superblock_new(m->type, m->type->name, m->options, 0, &sb);
    if (r)
        return r;
    r = mount_superblock(sb, m->type->name, &at, m->flags);
    superblock_put(sb);
    return r;
}

/* An image that has something in /tmp keeps it: only an empty or missing directory is covered. */
static bool is_bare(const char *name)
{
    PATH p = {0};
    if (walk(AT_FDCWD, name, WALK_FOLLOW, &p))
        return true;
    return S_ISDIR(p.dentry->inode->mode) && directory_is_empty(p.dentry) > 0;
}

/* The caller mounts something else there. */
static bool is_given(const struct linux_config *c, const char *place)
{
    for (uint32_t i = 0; i < c->n_mounts; i++)
        if (!strcmp(c->mounts[i].place, place))
            return true;
    return false;
}

static int mounts_make(const struct linux_config *c, char *why, size_t why_size)
{
    const uint32_t safe = MS_NOSUID | MS_NODEV;
    const struct boot_mount mounts[] = {
        {&procfs_type, "/proc", NULL, safe | MS_NOEXEC, 0555},
        {&sysfs_type, "/sys", NULL, safe | MS_NOEXEC, 0555},
        {&devfs_type, "/dev", NULL, MS_NOSUID, 0755},
        {&devpts_type, "/dev/pts", "mode=620,ptmxmode=666,gid=5", MS_NOSUID | MS_NOEXEC, 0755},
        {&tmpfs_type, "/dev/shm", NULL, safe, 01777},
        {&tmpfs_type, "/tmp", NULL, safe, 01777},
        {&tmpfs_type, "/run", "mode=755", safe, 0755},
    };
    for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
        const struct boot_mount *m = &mounts[i];
        if (!m->type || is_given(c, m->at) || (m->type == &tmpfs_type && !is_bare(m->at)))
            continue;
        int r = mount_one(m);
        if (r) {
            text_format(why, why_size, "cannot mount %s on %s (error %d)", m->type->name, m->at, -r);
            return r;
        }
    }
    return 0;
}

/* ---- what the caller wants mounted ---- */

/* Directories of the place that are missing are made, and at the end what can be covered: a directory or a file. */
static int place_at(const char *place, bool directory, struct path *out)
{
    char name[PATH_MAX_];
    size_t n = strlen(place);
    if (*place != '/' || n >= sizeof(name))
        return -EINVAL;
    for (size_t i = 1; i <= n; i++) {
        if (i < n && place[i] != '/')
            continue;
        memcpy(name, place, i);
        name[i] = 0;
        path_put(out);
        int r = i == n && !directory ? file_at(name, out) : directory_at(name, 0755, out);
        if (r)
            return r;
    }
    return 0;
}

static int mount_given(const struct linux_mount *m, char *why, size_t why_size)
{
    PATH at = {0};
    struct superblock *sb;
    uint32_t flags = MS_NODEV;
    int r = m->kind == LINUX_MOUNT_HOST ? host_superblock(m, 0, &sb, why, why_size)
                                        : superblock_new(&tmpfs_type, "tmpfs", m->options, 0, &sb);
    if (r)
        return r;
    flags |= m->flags & LINUX_MOUNT_RDONLY ? MS_RDONLY : 0;
    flags |= m->flags & LINUX_MOUNT_NOSUID ? MS_NOSUID : 0;
    flags |= m->flags & LINUX_MOUNT_NOEXEC ? MS_NOEXEC : 0;
    if (m->kind == LINUX_MOUNT_TMPFS && !(m->flags & LINUX_MOUNT_NODEV))
        flags &= ~(uint32_t)MS_NODEV;
    r = place_at(m->place, S_ISDIR(sb->root->inode->mode), &at);
    if (!r)
        r = mount_superblock(sb, sb->type->name, &at, flags);
    superblock_put(sb);
    return r;
}

static int mounts_given(const struct linux_config *c, char *why, size_t why_size)
{
    for (uint32_t i = 0; i < c->n_mounts; i++) {
        const struct linux_mount *m = &c->mounts[i];
        if (m == root_of_host(c))
            continue;
        text_format(why, why_size, "no memory for the file systems");
        int r = mount_given(m, why, why_size);
        if (r) {
            text_format(why, why_size, "cannot mount %s on %s (error %d)",
                        m->kind == LINUX_MOUNT_HOST ? "files of the host" : "a tmpfs", m->place, -r);
            return r;
        }
    }
    return 0;
}

/* ---- the first task ---- */

int fs_spawn(const char *cwd, struct fs_context **out)
{
    struct fs_context *context = heap_new(&fs_context_type);
    if (!context)
        return -ENOMEM;
    context->refs = 1;
    context->umask = boot_config->umask & 0777;
    context->root = fs_state.boot_root;
    path_get(&context->root);
    int r = walk(AT_FDCWD, cwd ? cwd : "/", WALK_FOLLOW | WALK_DIRECTORY, &context->cwd);
    if (r) {
        fs_context_put(context);
        return r;
    }
    *out = context;
    return 0;
}

/* A working directory that is missing is made, as a container's is, where the root can be written to. */
static void directories_make(const char *name)
{
    char part[CWD_MADE_MOST];
    struct path made;

    for (size_t i = 1; i < sizeof(part) && name[i - 1]; i++) {
        if (name[i - 1] == '/' || (name[i] && name[i] != '/'))
            continue;
        memcpy(part, name, i);
        part[i] = 0;
        if (directory_at(part, 0755, &made))
            return;
        path_put(&made);
    }
}

static int context_make(const struct linux_config *c, struct fs_context **out, char *why, size_t why_size)
{
    int r = fs_spawn(c->cwd, out);
    if (r == -ENOENT && c->cwd && c->cwd[0] == '/') {
        directories_make(c->cwd);
        r = fs_spawn(c->cwd, out);
    }
    if (r)
        text_format(why, why_size, "the working directory %s is not there (error %d)", c->cwd ? c->cwd : "/", -r);
    return r;
}

int fs_boot(const struct linux_config *c, struct fs_context **context, char *why, size_t why_size)
{
    list_init(&mount_all);
    fs_state.memory_size = c->memory_limit ? c->memory_limit : 1ull << 30;
    fs_state.limit = c->memory_limit / 2 & ~(PAGE_SIZE - 1);
    text_format(why, why_size, "no memory for the file systems");
    int r = dentry_table_init();
    if (!r)
        r = root_make(c, why, why_size);
    if (r)
        return r;
    fs_state.boot_root = (struct path){mount_root, mount_root->root};
    r = mounts_make(c, why, why_size);
    if (!r)
        r = mounts_given(c, why, why_size);
    if (!r)
        r = context_make(c, context, why, why_size);
    if (!r && c->read_only)
        mount_root->flags |= MS_RDONLY;
    if (!r && why_size)
        why[0] = 0;
    return r;
}
