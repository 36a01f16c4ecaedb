/* SPDX-License-Identifier: Apache-2.0 */
/* See tree.h. Touches memory only. */
#include "unikernel/tree.h"

#include "base/pathtext.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_MOST 255

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory: the image has too many files");
}

struct tree_file *tree_file_new(struct tree *t, uint32_t mode)
{
    struct tree_file *f = arena_alloc(t->arena, sizeof *f);

    if (f)
        *f = (struct tree_file){.mode = mode, .mtime = t->epoch == INT64_MAX ? 0 : t->epoch};
    return f;
}

int tree_init(struct tree *t, struct arena *a, int64_t epoch, struct err *err)
{
    *t = (struct tree){.arena = a, .epoch = epoch, .n_names = 1};
    t->root = arena_alloc(a, sizeof *t->root);
    if (!t->root || !(t->root->file = tree_file_new(t, S_IFDIR | 0755)))
        return no_memory(err);
    t->root->name = "";
    t->root->parent = t->root;
    return 0;
}

struct tree_node *tree_child(const struct tree_node *dir, const char *name, size_t n)
{
    for (struct tree_node *c = dir->children; c; c = c->next)
        if (!strncmp(c->name, name, n) && !c->name[n])
            return c;
    return NULL;
}

struct tree_node *tree_at(const struct tree *t, const char *path)
{
    struct tree_node *node = t->root;

    while (node && *path) {
        size_t n = strcspn(path += *path == '/', "/");
        if (n)
            node = tree_child(node, path, n);
        path += n;
    }
    return node;
}

const char *tree_path(struct arena *a, const struct tree_node *node)
{
    const char *path = "";

    if (!node->name[0])
        return "/";
    for (; path && node->name[0]; node = node->parent)
        path = arena_printf(a, "/%s%s", node->name, path);
    return path;
}

int tree_place(struct tree *t, struct tree_node *dir, const char *name, size_t n, struct tree_file *f,
               struct tree_node **out, struct err *err)
{
    struct tree_node *node = tree_child(dir, name, n);

    if (node && (node->file == f || (S_ISDIR(node->file->mode) && S_ISDIR(f->mode)))) {
        *out = node;
        return 0;
    }
    if (node)
        return err_set(err, -EEXIST, "%s would be two different files in the image", tree_path(t->arena, node));
    if (n > NAME_MOST)
        return err_set(err, -ENAMETOOLONG, "%.40s...: a name has at most %d bytes", name, NAME_MOST);
    if (t->n_names++ == TREE_MOST || !(node = arena_alloc(t->arena, sizeof *node)) ||
        !(node->name = arena_strndup(t->arena, name, n)))
        return no_memory(err);
    node->parent = dir;
    node->file = f;
    node->next = dir->children;
    dir->children = node;
    dir->n++;
    f->links++;
    *out = node;
    return 0;
}

int tree_directory(struct tree *t, const char *path, uint32_t mode, struct tree_node **out, struct err *err)
{
    struct tree_node *node = t->root;
    int r = 0;

    while (*path && r == 0) {
        size_t n = strcspn(path += *path == '/', "/");
        struct tree_node *next = n ? tree_child(node, path, n) : node;
        if (!next) {
            struct tree_file *f = tree_file_new(t, S_IFDIR | (path[n] ? 0755 : mode));
            r = f ? tree_place(t, node, path, n, f, &next, err) : no_memory(err);
        } else if (!S_ISDIR(next->file->mode)) {
            r = err_set(err, -ENOTDIR, "%s is no directory in the image", tree_path(t->arena, next));
        }
        node = next;
        path += n;
    }
    *out = node;
    return r;
}

/* The directory of a clean path is made; what it has there already stays. */
static int place_new(struct tree *t, const char *path, struct tree_file *f, struct err *err)
{
    const char *slash = strrchr(path, '/');
    const char *parent = arena_strndup(t->arena, path, (size_t)(slash - path));
    struct tree_node *dir, *node;

    if (!f || !parent)
        return no_memory(err);
    int r = tree_directory(t, parent, 0755, &dir, err);
    if (r < 0 || tree_child(dir, slash + 1, strlen(slash + 1)))
        return r;
    return tree_place(t, dir, slash + 1, strlen(slash + 1), f, &node, err);
}

int tree_bytes(struct tree *t, const char *path, const void *bytes, size_t n, struct err *err)
{
    struct tree_file *f = tree_file_new(t, S_IFREG | 0644);
    struct sha256 sha;

    if (f) {
        f->bytes = bytes;
        f->size = n;
        sha256_init(&sha);
        sha256_update(&sha, bytes, n);
        sha256_final(&sha, f->sha256);
    }
    return place_new(t, path, f, err);
}

int tree_text(struct tree *t, const char *path, const char *text, struct err *err)
{
    return tree_bytes(t, path, text, strlen(text), err);
}

int tree_link(struct tree *t, const char *path, const char *target, struct err *err)
{
    struct tree_file *f = tree_file_new(t, S_IFLNK | 0777);

    if (f) {
        f->target = target;
        f->size = strlen(target);
    }
    return place_new(t, path, f, err);
}

/* ---- the order -------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    const struct tree_node *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static int sort_children(struct arena *a, struct tree_node *dir)
{
    struct tree_node **v = arena_array(a, dir->n, sizeof *v);
    uint32_t n = 0;

    if (!v)
        return -ENOMEM;
    for (struct tree_node *c = dir->children; c; c = c->next)
        v[n++] = c;
    qsort(v, n, sizeof *v, by_name);
    for (uint32_t i = 0; i < n; i++)
        v[i]->next = i + 1 < n ? v[i + 1] : NULL;
    dir->children = v[0];
    return 0;
}

/* The node behind this one in a walk that takes directories before what is in them; NULL: it was the last. */
static struct tree_node *next_of(struct tree_node *node)
{
    if (node->children)
        return node->children;
    while (!node->next && node->parent != node)
        node = node->parent;
    return node->next;
}

int tree_finish(struct tree *t, struct err *err)
{
    t->nodes = arena_array(t->arena, t->n_names, sizeof(struct tree_node *));
    if (!t->nodes)
        return no_memory(err);
    t->n_files = 0;
    for (struct tree_node *node = t->root; node; node = next_of(node)) {
        struct tree_file *f = node->file;
        if (node->children && sort_children(t->arena, node) < 0)
            return no_memory(err);
        if (S_ISDIR(f->mode)) { /* "." and those of the directories in it */
            f->links = 2;
            f->size = node->n;
            if (node->parent != node)
                node->parent->file->links++;
        }
        if (node == t->root || !f->number)
            t->nodes[f->number = t->n_files++] = node;
    }
    return 0;
}
