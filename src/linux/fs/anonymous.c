/* SPDX-License-Identifier: Apache-2.0 */
/* Open files without a name: pipes, sockets, event files. They have inodes and dentries in a file system of their own,
 * which is made with the first of them and is mounted nowhere. */
#include "linux/fs/internal.h"

#include <string.h>

static int anonymous_mount(struct superblock *sb, const char *source, const char *options)
{
    struct inode *i = inode_new(sb, S_IFDIR | 0700);
    if (!i)
        return -ENOMEM;
    sb->root = dentry_new(NULL, "", 0);
    if (!sb->root) {
        inode_put(i);
        return -ENOMEM;
    }
    sb->root->sb = sb;
    dentry_set(sb->root, i);
    return 0;
}

static const struct fs_type anonymous_type = {.name = "anon", .magic = 0x09041934, .mount = anonymous_mount};

static struct mount *anonymous(void)
{
    struct superblock *sb;
    if (fs_state.anonymous)
        return fs_state.anonymous;
    if (superblock_new(&anonymous_type, NULL, NULL, 0, &sb))
        return NULL;
    struct mount *m = heap_new(&mount_type);
    if (!m) {
        superblock_put(sb);
        return NULL;
    }
    m->refs = 1;
    m->sb = sb;
    m->root = dentry_get(sb->root);
    list_init(&m->all);
    return fs_state.anonymous = m;
}

struct file *file_anonymous(const char *name, uint32_t mode, const struct file_ops *ops, uint32_t flags, void *own)
{
    struct mount *m = anonymous();
    struct file *f = m ? file_new() : NULL;
    struct dentry *d = f ? dentry_new(NULL, name, strlen(name)) : NULL;
    struct inode *i = d ? inode_new(m->sb, mode) : NULL;
    if (!i) {
        dentry_put(d);
        file_put(f);
        return NULL;
    }
    d->sb = m->sb;
    dentry_set(d, i);
    f->path = (struct path){mount_get(m), d};
    f->inode = i;
    f->ops = ops;
    f->flags = flags;
    f->own = own;
    if (file_writes_contents(f))
        i->writers++;
    return f;
}
