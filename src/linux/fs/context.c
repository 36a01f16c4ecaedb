/* SPDX-License-Identifier: Apache-2.0 */
/* A task's place in the tree: root and working directory, shared by CLONE_FS. */
#include "linux/fs/internal.h"

HEAP_TYPE(fs_context, FIELD(fs_context, refs, FIELD_PLAIN), FIELD(fs_context, root, FIELD_PLAIN),
          FIELD(fs_context, cwd, FIELD_PLAIN), FIELD(fs_context, umask, FIELD_PLAIN));

const struct path *task_root(void)
{
    return current && current->fs ? &current->fs->root : &fs_state.boot_root;
}

struct fs_context *fs_context_get(struct fs_context *c)
{
    c->refs++;
    return c;
}

struct fs_context *fs_context_copy(const struct fs_context *from)
{
    struct fs_context *c = heap_new(&fs_context_type);
    if (!c)
        return NULL;
    *c = *from;
    c->refs = 1;
    if (c->root.mount)
        path_get(&c->root), path_get(&c->cwd);
    return c;
}

void fs_context_put(struct fs_context *c)
{
    if (!c || --c->refs)
        return;
    path_put(&c->root);
    path_put(&c->cwd);
    heap_free(&fs_context_type, c);
}
