/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a path to a dentry, path_resolution(7) and openat2(2). A walk is a loop over the names of a text; the target of
 * a symbolic link becomes the text, and what followed the link waits on a small stack. Bounds: LINKS_MAX links, names
 * of NAME_MAX_, texts of PATH_MAX_ bytes. Asks file systems for names they have not told yet; changes nothing.
 */
#include "linux/fs/internal.h"

#include <string.h>

/* ---- paths of the user ---- */

int user_path_get(struct user_path *p, struct uptr from, bool empty)
{
    p->text = p->small;
    int64_t n = copy_string_in(p->small, from, sizeof(p->small));
    if (n == -ENAMETOOLONG) {
        p->text = heap_alloc(PATH_MAX_);
        if (!p->text)
            return -ENOMEM;
        n = copy_string_in(p->text, from, PATH_MAX_);
    }
    if (n < 0)
        return (int)n;
    return n || empty ? 0 : -ENOENT;
}

void user_path_put(struct user_path *p)
{
    if (p->text && p->text != p->small)
        heap_release(p->text, PATH_MAX_);
    p->text = NULL;
}

/* ---- the texts ---- */

static void text_release(struct walk_text *x)
{
    if (x->copy)
        heap_release(x->copy, PATH_MAX_);
    inode_put(x->held);
    *x = (struct walk_text){0};
}

/* What is left of the text waits until the target is done. */
static int text_push(struct walk *w, struct walk_text target)
{
    while (w->text.at < w->text.end && *w->text.at == '/')
        w->text.at++;
    if (w->text.at == w->text.end) { /* nothing is left */
        text_release(&w->text);
        w->text = target;
        return 0;
    }
    if (w->depth == WALK_STACK && w->stack == w->small) {
        w->stack = heap_alloc(LINKS_MAX * sizeof(struct walk_text));
        if (!w->stack) {
            w->stack = w->small;
            text_release(&target);
            return -ENOMEM;
        }
        memcpy(w->stack, w->small, sizeof(w->small));
    }
    w->stack[w->depth++] = w->text; /* at most LINKS_MAX: each is a link */
    w->text = target;
    return 0;
}

static bool text_pop(struct walk *w)
{
    text_release(&w->text);
    if (!w->depth)
        return false;
    w->text = w->stack[--w->depth];
    return true;
}

/* ---- where it stands ---- */

static void stand(struct walk *w, const struct path *to)
{
    struct path old = w->at;
    path_get(to);
    w->at = *to;
    path_put(&old);
}

/* Takes the holders of `to`. */
static void stand_steal(struct walk *w, struct path to)
{
    path_put(&w->at);
    w->at = to;
}

static int to_root(struct walk *w)
{
    if (w->flags & WALK_BENEATH)
        return -EXDEV;
    if (w->flags & WALK_NO_MOUNTS && w->root.mount != w->at.mount)
        return -EXDEV;
    stand(w, &w->root);
    return 0;
}

/* Onto what is mounted there. */
static int onto_mounts(const struct walk *w, struct path *p)
{
    for (struct mount *m; p->dentry->mounted && (m = mount_lookup(p->mount, p->dentry));) {
        if (w->flags & WALK_NO_MOUNTS)
            return -EXDEV;
        struct path top = {m, m->root};
        path_get(&top);
        path_put(p);
        *p = top;
    }
    return 0;
}

static int to_parent(struct walk *w)
{
    if (path_is_root(&w->at, &w->root))
        return w->flags & WALK_BENEATH ? -EXDEV : 0;
    struct path p = w->at;
    while (p.dentry == p.mount->root && p.mount->parent) {
        if (w->flags & WALK_NO_MOUNTS)
            return -EXDEV;
        p = (struct path){p.mount->parent, p.mount->at};
        if (path_is_root(&p, &w->root))
            break;
    }
    if (p.dentry != p.mount->root && !path_is_root(&p, &w->root))
        p.dentry = p.dentry->parent;
    path_get(&p);
    int r = onto_mounts(w, &p);
    stand_steal(w, p);
    return r;
}

int walk_child(struct walk *w, const char *name, size_t length, struct path *child)
{
    int r;
    struct dentry *d = dentry_lookup(w->at.dentry, name, length, &r);
    if (!d)
        return r;
    *child = (struct path){mount_get(w->at.mount), d};
    if (d->mounted && (r = onto_mounts(w, child)))
        path_put(child);
    return r;
}

/* ---- links ---- */

static int follow_magic(struct walk *w, struct inode *i)
{
    struct path to = {0};
    if (w->flags & WALK_NO_MAGIC)
        return -ELOOP;
    if (w->flags & (WALK_BENEATH | WALK_IN_ROOT))
        return -EXDEV;
    if (!i->ops->follow(i, &to))
        return -ENOENT;
    if (w->flags & WALK_NO_MOUNTS && to.mount != w->at.mount) {
        path_put(&to);
        return -EXDEV;
    }
    stand_steal(w, to);
    return 0;
}

/* The link's target as a text, which holds the inode, or is a copy. */
static int read_target(struct inode *i, struct walk_text *x)
{
    size_t n;
    const char *target = inode_target(i, &n);
    if (!target) {
        if (!i->ops->readlink)
            return -EINVAL;
        char *copy = heap_alloc(PATH_MAX_);
        if (!copy)
            return -ENOMEM;
        int64_t r = i->ops->readlink(i, copy, PATH_MAX_);
        if (r < 0) {
            heap_release(copy, PATH_MAX_);
            return (int)r;
        }
        *x = (struct walk_text){.at = copy, .end = copy + r, .copy = copy};
    } else {
        *x = (struct walk_text){.at = target, .end = target + n, .held = inode_get(i)};
    }
    if (x->at == x->end) {
        text_release(x);
        return -ENOENT;
    }
    return 0;
}

static int follow(struct walk *w, const struct path *link)
{
    struct inode *i = link->dentry->inode;
    struct walk_text target;
    if (++w->links > LINKS_MAX || w->flags & WALK_NO_LINKS)
        return -ELOOP;
    inode_touch(link);
    if (i->ops->follow)
        return follow_magic(w, i);
    int r = read_target(i, &target);
    if (!r)
        r = text_push(w, target);
    return r || *w->text.at != '/' ? r : to_root(w);
}

/* ---- the walk ---- */

/* The next name of the text; 0: the text is at its end. */
static size_t next_name(struct walk *w, const char **name)
{
    const char *p = w->text.at, *end = w->text.end;
    while (p < end && *p == '/')
        p++;
    *name = p;
    while (p < end && *p != '/')
        p++;
    w->text.at = p;
    return (size_t)(p - *name);
}

/* Whether only slashes are left of everything. */
static bool at_last(const struct walk *w, bool *slash)
{
    const char *p = w->text.at;
    *slash = p < w->text.end;
    while (p < w->text.end && *p == '/')
        p++;
    return p == w->text.end && !w->depth;
}

static int step(struct walk *w, const char *name, size_t n, bool last)
{
    struct path child;
    if (name_is_dots(name, n))
        return n == 2 ? to_parent(w) : 0;
    int r = walk_child(w, name, n, &child);
    if (r)
        return r;
    const struct inode *i = child.dentry->inode;
    if (!i)
        r = -ENOENT;
    else if (S_ISLNK(i->mode) && (!last || w->flags & WALK_FOLLOW || w->directory))
        r = follow(w, &child);
    else {
        stand_steal(w, child);
        return 0;
    }
    path_put(&child);
    return r;
}

static bool stands_on_directory(const struct walk *w)
{
    const struct inode *i = w->at.dentry->inode;
    return i && S_ISDIR(i->mode);
}

int walk_go(struct walk *w)
{
    for (;;) {
        bool slash;
        size_t n = next_name(w, &w->name);
        w->length = n;
        if (!n) {
            if (w->depth || !(w->flags & WALK_PARENT)) {
                if (text_pop(w))
                    continue;
            }
            break;
        }
        if (!stands_on_directory(w))
            return -ENOTDIR;
        int r = vfs_permission(w->at.dentry->inode, MAY_EXEC);
        if (r)
            return r;
        bool last = at_last(w, &slash);
        if (last)
            w->directory |= slash;
        if (last && w->flags & WALK_PARENT)
            return 0;
        r = step(w, w->name, n, last);
        if (r)
            return r;
    }
    return (w->directory || w->flags & WALK_DIRECTORY) && !(w->flags & WALK_PARENT) && !stands_on_directory(w)
               ? -ENOTDIR
               : 0;
}

int walk_follow(struct walk *w, const struct path *link)
{
    int r = follow(w, link);
    if (r)
        return r;
    if (link->dentry->inode->ops->follow) { /* it stands there already */
        w->length = 0;
        return 0;
    }
    return walk_go(w);
}

/* Where a relative path begins. */
static int start(struct walk *w, int dirfd, bool empty)
{
    if (dirfd == AT_FDCWD) {
        stand(w, current && current->fs ? &current->fs->cwd : task_root());
        return 0;
    }
    FILE_HELD *f = fd_get_path(dirfd);
    if (!f)
        return -EBADF;
    if (!empty && !S_ISDIR(f->inode->mode))
        return -ENOTDIR;
    stand(w, &f->path);
    return 0;
}

int walk_begin(struct walk *w, int dirfd, const char *path, uint32_t flags)
{
    size_t n = strlen(path);
    *w = (struct walk){.flags = flags, .text = {.at = path, .end = path + n}};
    w->stack = w->small;
    int r = 0;
    if (!n && !(flags & WALK_EMPTY))
        return -ENOENT;
    if (*path != '/' || flags & (WALK_BENEATH | WALK_IN_ROOT))
        r = start(w, dirfd, !n);
    if (r)
        return r;
    w->root = flags & (WALK_BENEATH | WALK_IN_ROOT) ? w->at : *task_root();
    path_get(&w->root);
    if (*path == '/') {
        if (flags & WALK_BENEATH)
            return -EXDEV;
        stand(w, &w->root);
    }
    return 0;
}

void walk_end(struct walk *w)
{
    while (text_pop(w))
        continue;
    if (w->stack != w->small)
        heap_release(w->stack, LINKS_MAX * sizeof(struct walk_text));
    path_put(&w->at);
    path_put(&w->root);
}

int walk(int dirfd, const char *path, uint32_t flags, struct path *out)
{
    struct walk w;
    int r = walk_begin(&w, dirfd, path, flags);
    if (!r)
        r = walk_go(&w);
    if (!r) {
        *out = w.at;
        w.at = (struct path){0};
    }
    walk_end(&w);
    return r;
}

int walk_parent(int dirfd, const char *path, uint32_t flags, struct path *parent, const char **last, size_t *length)
{
    struct walk w;
    int r = walk_begin(&w, dirfd, path, flags | WALK_PARENT);
    if (!r)
        r = walk_go(&w);
    if (!r) {
        *parent = w.at;
        w.at = (struct path){0};
        *last = w.name, *length = w.length;
    }
    walk_end(&w);
    return r;
}

int walk_user(int dirfd, struct uptr path, uint32_t flags, struct path *out)
{
    USER_PATH p = {0};
    int r = user_path_get(&p, path, flags & WALK_EMPTY);
    return r ? r : walk(dirfd, p.text, flags, out);
}
