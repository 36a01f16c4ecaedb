/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of descriptors: leaves of 64 below branches of 64 leaves, so that the lowest free descriptor is found by
 * bits, and a table of three costs one small object. Shared by CLONE_FILES, copied by fork.
 */
#include "linux/fs/internal.h"

#include <linux/close_range.h>

#pragma weak lock_close

#define WIDTH    64u
#define BRANCHES 256u
#define FD_MOST  ((int)(WIDTH * WIDTH * BRANCHES)) /* 1048576, as fs.nr_open */

struct fd_leaf {
    uint64_t used, cloexec;
    struct file *file[WIDTH];
};
struct fd_branch {
    uint64_t full; /* leaves without a free place */
    struct fd_leaf *leaf[WIDTH];
};
struct files {
    uint32_t refs, end;   /* end: no descriptor from here on has ever been used */
    struct fd_leaf first; /* most tables have no other */
    struct fd_branch *branch[BRANCHES];
};

HEAP_TYPE(fd_leaf, FIELD(fd_leaf, used, FIELD_PLAIN), FIELD(fd_leaf, cloexec, FIELD_PLAIN),
          FIELD(fd_leaf, file, FIELD_REF));
HEAP_TYPE(fd_branch, FIELD(fd_branch, full, FIELD_PLAIN), FIELD(fd_branch, leaf, FIELD_REF));
HEAP_TYPE(files, FIELD(files, refs, FIELD_PLAIN), FIELD(files, end, FIELD_PLAIN), FIELD(files, first, FIELD_PLAIN),
          FIELD(files, branch, FIELD_REF));

/* ---- places ---- */

static struct fd_leaf *leaf_of(struct files *t, uint32_t fd)
{
    if (fd < WIDTH)
        return &t->first;
    if (fd >= (uint32_t)FD_MOST)
        return NULL;
    const struct fd_branch *b = t->branch[fd / WIDTH / WIDTH];
    return b ? b->leaf[fd / WIDTH % WIDTH] : NULL;
}

static struct file *at(struct files *t, uint32_t fd)
{
    struct fd_leaf *l = leaf_of(t, fd);
    return l ? l->file[fd % WIDTH] : NULL;
}

/* The leaf of a descriptor that is going to be used. NULL: out of memory. */
static struct fd_leaf *leaf_make(struct files *t, uint32_t fd)
{
    struct fd_leaf *l = leaf_of(t, fd);
    if (l)
        return l;
    struct fd_branch **b = &t->branch[fd / WIDTH / WIDTH];
    if (!*b && !(*b = heap_new(&fd_branch_type)))
        return NULL;
    return (*b)->leaf[fd / WIDTH % WIDTH] = heap_new(&fd_leaf_type);
}

/* Whether every descriptor of this leaf is used, kept where the search looks. */
static void note_full(struct files *t, uint32_t fd, const struct fd_leaf *l)
{
    struct fd_branch *b = t->branch[fd / WIDTH / WIDTH];
    uint64_t bit = 1ull << (fd / WIDTH % WIDTH);
    if (!b && l->used == UINT64_MAX) /* only the first leaf may be without its branch */
        b = t->branch[0] = heap_new(&fd_branch_type);
    if (b)
        b->full = l->used == UINT64_MAX ? b->full | bit : b->full & ~bit;
}

static void put(struct files *t, uint32_t fd, struct fd_leaf *l, struct file *f, bool cloexec)
{
    uint64_t bit = 1ull << fd % WIDTH;
    l->file[fd % WIDTH] = f;
    l->used |= bit;
    l->cloexec = cloexec ? l->cloexec | bit : l->cloexec & ~bit;
    if (fd >= t->end)
        t->end = fd + 1;
    note_full(t, fd, l);
}

static struct file *take(struct files *t, uint32_t fd)
{
    struct fd_leaf *l = leaf_of(t, fd);
    struct file *f = l ? l->file[fd % WIDTH] : NULL;
    if (f) {
        l->file[fd % WIDTH] = NULL;
        l->used &= ~(1ull << fd % WIDTH);
        l->cloexec &= ~(1ull << fd % WIDTH);
        note_full(t, fd, l);
    }
    return f;
}

static uint32_t lowest_free(struct files *t, uint32_t fd)
{
    while (fd < t->end) {
        struct fd_branch *b = t->branch[fd / WIDTH / WIDTH];
        if (b && b->full >> (fd / WIDTH % WIDTH) & 1) { /* on to the next leaf with a free place */
            uint64_t leaves = ~b->full & (UINT64_MAX << (fd / WIDTH % WIDTH));
            uint32_t branch = fd / WIDTH / WIDTH * WIDTH * WIDTH;
            fd = leaves ? branch + (uint32_t)__builtin_ctzll(leaves) * WIDTH : branch + WIDTH * WIDTH;
            continue;
        }
        const struct fd_leaf *l = leaf_of(t, fd);
        uint64_t free = l ? ~l->used & (UINT64_MAX << fd % WIDTH) : UINT64_MAX << fd % WIDTH;
        if (free)
            return fd / WIDTH * WIDTH + (uint32_t)__builtin_ctzll(free);
        fd = (fd / WIDTH + 1) * WIDTH;
    }
    return fd;
}

/* ---- tables ---- */

struct files *files_new(void)
{
    struct files *t = heap_new(&files_type);
    if (t)
        t->refs = 1;
    return t;
}

struct files *files_get(struct files *t)
{
    t->refs++;
    return t;
}

struct files *files_copy(struct files *from)
{
    struct files *t = files_new();
    for (int fd = t ? files_next(from, 0) : -1; fd >= 0; fd = files_next(from, fd + 1)) {
        struct fd_leaf *l = leaf_make(t, (uint32_t)fd);
        if (!l) {
            files_put(t);
            return NULL;
        }
        put(t, (uint32_t)fd, l, file_get(at(from, (uint32_t)fd)), files_cloexec(from, fd));
    }
    return t;
}

static int close_file(struct files *t, struct file *f)
{
    int r = f->ops->flush ? f->ops->flush(f) : 0;
    if (lock_close && f->inode && !(f->flags & O_PATH) && !list_empty(&f->inode->locks))
        lock_close(t, f->inode);
    file_put(f);
    return r;
}

void files_put(struct files *t)
{
    if (!t || --t->refs)
        return;
    for (int fd = files_next(t, 0); fd >= 0; fd = files_next(t, fd + 1))
        (void)close_file(t, take(t, (uint32_t)fd));
    for (uint32_t b = 0; b < BRANCHES; b++) {
        for (uint32_t l = 0; t->branch[b] && l < WIDTH; l++)
            if (t->branch[b]->leaf[l])
                heap_free(&fd_leaf_type, t->branch[b]->leaf[l]);
        if (t->branch[b])
            heap_free(&fd_branch_type, t->branch[b]);
    }
    heap_free(&files_type, t);
}

int files_next(struct files *t, int from)
{
    for (uint32_t fd = from < 0 ? 0 : (uint32_t)from; fd < t->end; fd = (fd / WIDTH + 1) * WIDTH) {
        const struct fd_leaf *l = leaf_of(t, fd);
        uint64_t used = l ? l->used & (UINT64_MAX << fd % WIDTH) : 0;
        if (used)
            return (int)(fd / WIDTH * WIDTH) + __builtin_ctzll(used);
    }
    return -1;
}

struct file *files_file(struct files *t, int fd)
{
    struct file *f = at(t, (uint32_t)fd);
    return f ? file_get(f) : NULL;
}

bool files_cloexec(struct files *t, int fd)
{
    const struct fd_leaf *l = leaf_of(t, (uint32_t)fd);
    return l && l->cloexec >> (uint32_t)fd % WIDTH & 1;
}

void files_close_on_exec(struct files *t)
{
    for (int fd = files_next(t, 0); fd >= 0; fd = files_next(t, fd + 1))
        if (files_cloexec(t, fd))
            (void)close_file(t, take(t, (uint32_t)fd));
}

/* ---- the current task's ---- */

struct file *fd_get_path(int fd)
{
    struct file *f = at(current->files, (uint32_t)fd);
    return f ? file_get(f) : NULL;
}

struct file *fd_get(int fd)
{
    struct file *f = at(current->files, (uint32_t)fd);
    return f && !(f->flags & O_PATH) ? file_get(f) : NULL;
}

static bool fd_allowed(uint32_t fd)
{
    return fd < task_limit(current, RLIMIT_NOFILE) && fd < (uint32_t)FD_MOST;
}

int fd_room(void)
{
    return fd_allowed(lowest_free(current->files, 0)) ? 0 : -EMFILE;
}

int fd_install(struct file *f, bool cloexec, int from)
{
    struct files *t = current->files;
    uint32_t fd = lowest_free(t, (uint32_t)from);
    if (!fd_allowed(fd))
        return -EMFILE;
    struct fd_leaf *l = leaf_make(t, fd);
    if (!l)
        return -ENOMEM;
    put(t, fd, l, f, cloexec);
    return (int)fd;
}

int fd_install_pair(struct file *f[2], bool cloexec, int out[2])
{
    out[0] = fd_install(f[0], cloexec, 0);
    if (out[0] < 0)
        return out[0];
    out[1] = fd_install(f[1], cloexec, 0);
    if (out[1] < 0) { /* f[0] stays the caller's */
        (void)take(current->files, (uint32_t)out[0]);
        return out[1];
    }
    return 0;
}

int fd_close(int fd)
{
    struct file *f = take(current->files, (uint32_t)fd);
    return f ? close_file(current->files, f) : -EBADF;
}

/* ---- calls ---- */

int64_t sys_close(struct task *t, const struct args *a)
{
    int r = fd_close(arg_int(a, 0));
    return r == -ERESTARTSYS ? -EINTR : r; /* the descriptor is gone: never again */
}

int64_t sys_close_range(struct task *t, const struct args *a)
{
    uint32_t from = arg_u32(a, 0), to = arg_u32(a, 1), flags = arg_u32(a, 2);
    if (flags & ~(uint32_t)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || from > to)
        return -EINVAL;
    if (flags & CLOSE_RANGE_UNSHARE && t->files->refs > 1) {
        struct files *own = files_copy(t->files);
        if (!own)
            return -ENOMEM;
        files_put(t->files);
        t->files = own;
    }
    if (from >= (uint32_t)FD_MOST)
        return 0;
    for (int fd = files_next(t->files, (int)from); fd >= 0 && (uint32_t)fd <= to; fd = files_next(t->files, fd + 1)) {
        if (flags & CLOSE_RANGE_CLOEXEC)
            leaf_of(t->files, (uint32_t)fd)->cloexec |= 1ull << (uint32_t)fd % WIDTH;
        else
            (void)fd_close(fd);
    }
    return 0;
}

static int64_t duplicate(int old, int from, bool cloexec)
{
    FILE_HELD *f = fd_get_path(old);
    if (!f)
        return -EBADF;
    int fd = fd_install(file_get(f), cloexec, from);
    if (fd < 0)
        file_put(f);
    return fd;
}

int64_t sys_dup(struct task *t, const struct args *a)
{
    return duplicate(arg_int(a, 0), 0, false);
}

static int64_t duplicate_to(struct task *t, int old, uint32_t new, bool cloexec)
{
    FILE_HELD *f = fd_get_path(old);
    if (new >= task_limit(t, RLIMIT_NOFILE) || new >= (uint32_t)FD_MOST || !f)
        return -EBADF;
    struct fd_leaf *l = leaf_make(t->files, new);
    if (!l)
        return -ENOMEM;
    struct file *before = take(t->files, new);
    put(t->files, new, l, file_get(f), cloexec);
    if (before)
        (void)close_file(t->files, before);
    return (int)new;
}

int64_t sys_dup2(struct task *t, const struct args *a)
{
    int old = arg_int(a, 0), new = arg_int(a, 1);
    if (old == new) {
        FILE_HELD *f = fd_get_path(old);
        return f ? old : -EBADF;
    }
    return duplicate_to(t, old, (uint32_t) new, false);
}

int64_t sys_dup3(struct task *t, const struct args *a)
{
    int old = arg_int(a, 0), new = arg_int(a, 1), flags = arg_int(a, 2);
    if (flags & ~O_CLOEXEC || old == new)
        return -EINVAL;
    return duplicate_to(t, old, (uint32_t) new, flags & O_CLOEXEC);
}

/* F_DUPFD, F_GETFD and their kin, which are about the descriptor; -ENOSYS: not one of them. */
int64_t fd_fcntl(int fd, int command, uint64_t argument)
{
    struct fd_leaf *l = leaf_of(current->files, (uint32_t)fd);
    if (!l || !l->file[(uint32_t)fd % WIDTH])
        return -EBADF;
    uint64_t bit = 1ull << (uint32_t)fd % WIDTH;
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        if (argument >= task_limit(current, RLIMIT_NOFILE) || argument >= (uint64_t)FD_MOST)
            return -EINVAL;
        return duplicate(fd, (int)argument, command == F_DUPFD_CLOEXEC);
    case F_GETFD:
        return l->cloexec & bit ? FD_CLOEXEC : 0;
    case F_SETFD:
        fd_set_cloexec(fd, argument & FD_CLOEXEC);
        return 0;
    default:
        return -ENOSYS;
    }
}

void fd_set_cloexec(int fd, bool on)
{
    struct fd_leaf *l = leaf_of(current->files, (uint32_t)fd);
    uint64_t bit = 1ull << (uint32_t)fd % WIDTH;
    if (l && l->used & bit)
        l->cloexec = on ? l->cloexec | bit : l->cloexec & ~bit;
}
