/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Advisory locks: record locks of processes and of open files (fcntl(2)) and flock(2). They lie in the inode's list. An
 * owner is a table of descriptors (record locks) or an open file (the others). Who waits is on one queue for all locks,
 * since there are few of them: each looks again at its own.
 */
#include "linux/fs/internal.h"

#include <string.h>

NEEDS_ANONYMOUS;

enum lock_kind { LOCK_RECORD, LOCK_OPEN_FILE, LOCK_FLOCK };

struct lock {
    struct list in_inode;
    const void *owner; /* struct files or struct file: compared, never followed */
    uint64_t from, to; /* both included */
    uint32_t kind;
    int32_t pid;
    bool exclusive;
};
/* A task that waits for a record lock of a process, for deadlocks: lives on its stack. */
struct lock_wait {
    struct list all;
    const void *owner, *holder;
};

HEAP_TYPE(lock, FIELD(lock, in_inode, FIELD_LIST), FIELD(lock, owner, FIELD_REF), FIELD(lock, from, FIELD_PLAIN),
          FIELD(lock, to, FIELD_PLAIN), FIELD(lock, kind, FIELD_PLAIN), FIELD(lock, pid, FIELD_PLAIN),
          FIELD(lock, exclusive, FIELD_PLAIN));

#define LOCK_END  FILE_SIZE_MAX
#define LOCKS_MAX 4096u /* of one owner in one inode: each is a piece of kernel memory */

/* ---- the queue of those who wait ---- */

static struct wait_queue *waiting(void)
{
    if (!fs_state.lock_changed.waiters.next) {
        wait_queue_init(&fs_state.lock_changed);
        list_init(&fs_state.lock_waits);
    }
    return &fs_state.lock_changed;
}

static void changed(void)
{
    if (fs_state.lock_changed.waiters.next)
        wait_wake_all(&fs_state.lock_changed);
}

/* ---- the list of an inode ---- */

static void lock_drop(struct lock *l)
{
    list_remove(&l->in_inode);
    heap_free(&lock_type, l);
}

/* flock and record locks do not see each other. */
static bool same_world(const struct lock *l, uint32_t kind)
{
    return (l->kind == LOCK_FLOCK) == (kind == LOCK_FLOCK);
}

/* Of those of the owner that is found first the one that begins first, which F_GETLK shows. */
static struct lock *conflict(struct inode *i, const struct lock *want)
{
    struct lock *first = NULL;
    list_each (l, &i->locks, struct lock, in_inode) {
        if (same_world(l, want->kind) && l->owner != want->owner && l->from <= want->to && want->from <= l->to &&
            (l->exclusive || want->exclusive) && (!first || (l->owner == first->owner && l->from < first->from)))
            first = l;
    }
    return first;
}

static struct lock *lock_copy(const struct lock *from)
{
    struct lock *l = heap_new(&lock_type);
    if (l) {
        *l = *from;
        list_init(&l->in_inode);
    }
    return l;
}

static uint32_t count(struct inode *i, const void *owner)
{
    uint32_t n = 0;
    list_each (l, &i->locks, struct lock, in_inode) {
        n += l->owner == owner;
    }
    return n;
}

/* Takes [from, to] away from what `owner` has; `spare` becomes the second half of one that is split. */
static void carve(struct inode *i, const struct lock *range, struct lock **spare)
{
    list_each (l, &i->locks, struct lock, in_inode) {
        if (l->owner != range->owner || !same_world(l, range->kind) || l->to < range->from || l->from > range->to)
            continue;
        if (l->from < range->from && l->to > range->to) {
            **spare = *l;
            (*spare)->from = range->to + 1;
            list_append(&i->locks, &(*spare)->in_inode);
            *spare = NULL;
            l->to = range->from - 1;
            return;
        }
        if (l->from < range->from)
            l->to = range->from - 1;
        else if (l->to > range->to)
            l->from = range->to + 1;
        else
            lock_drop(l);
    }
}

/* Neighbours of the same kind become one, so that a program that locks byte after byte keeps one lock. */
static void join(struct inode *i, struct lock *l)
{
    list_each (other, &i->locks, struct lock, in_inode) {
        if (other == l || other->owner != l->owner || other->kind != l->kind || other->exclusive != l->exclusive)
            continue;
        if (other->to + 1 == l->from)
            l->from = other->from;
        else if (l->to != LOCK_END && l->to + 1 == other->from)
            l->to = other->to;
        else
            continue;
        lock_drop(other);
    }
}

/* ---- setting ---- */

/* `want` has no conflict. unlock: only takes away. */
static int lock_apply(struct inode *i, const struct lock *want, bool unlock)
{
    struct lock *spare = lock_copy(want), *l = unlock ? NULL : lock_copy(want);
    int r = 0;
    if (!spare || (!unlock && !l) || (count(i, want->owner) >= LOCKS_MAX && !unlock)) {
        r = -ENOLCK;
    } else {
        carve(i, want, &spare);
        if (l) {
            list_append(&i->locks, &l->in_inode);
            join(i, l);
            l = NULL;
        }
        changed();
    }
    if (spare)
        heap_free(&lock_type, spare);
    if (l)
        heap_free(&lock_type, l);
    return r;
}

/* Whether `holder` waits, over any number of others, for `owner`. */
static bool deadlock(const void *owner, const void *holder)
{
    for (uint32_t steps = 0; steps < 64; steps++) {
        const void *next = NULL;
        list_each (w, &fs_state.lock_waits, struct lock_wait, all) {
            if (w->owner == holder)
                next = w->holder;
        }
        if (!next)
            return false;
        if (next == owner)
            return true;
        holder = next;
    }
    return false;
}

static int wait_for(struct inode *i, const struct lock *want)
{
    struct waiter w;
    struct lock_wait me = {.owner = want->owner};
    const struct lock *other;
    int r = 0;
    wait_begin(&w);
    wait_on(&w, waiting());
    list_init(&me.all);
    while (!r && (other = conflict(i, want))) {
        if (want->kind == LOCK_RECORD) {
            if (other->kind == LOCK_RECORD && deadlock(want->owner, other->owner)) {
                r = -EDEADLK;
                break;
            }
            list_remove(&me.all);
            me.holder = other->owner;
            list_append(&fs_state.lock_waits, &me.all);
        }
        r = task_block(NEVER);
    }
    list_remove(&me.all);
    wait_end(&w);
    return r;
}

static int lock_set(struct inode *i, const struct lock *want, bool unlock, bool wait)
{
    if (!unlock && conflict(i, want)) {
        if (!wait)
            return -EAGAIN;
        int r = wait_for(i, want);
        if (r)
            return r;
    }
    return lock_apply(i, want, unlock);
}

/* ---- fcntl ---- */

/* l_whence, l_start, l_len as a range. */
static int range_of(const struct file *f, const struct flock *fl, struct lock *out)
{
    int64_t base, from, to;
    switch (fl->l_whence) {
    case SEEK_SET:
        base = 0;
        break;
    case SEEK_CUR:
        base = (int64_t)f->pos;
        break;
    case SEEK_END:
        base = (int64_t)f->inode->size;
        break;
    default:
        return -EINVAL;
    }
    if (__builtin_add_overflow(base, (int64_t)fl->l_start, &from))
        return -EOVERFLOW;
    if (from < 0)
        return -EINVAL;
    to = (int64_t)LOCK_END;
    if (fl->l_len > 0 && __builtin_add_overflow(from, (int64_t)fl->l_len - 1, &to))
        return -EOVERFLOW;
    if (fl->l_len < 0) {
        if (from + fl->l_len < 0)
            return -EINVAL;
        to = from - 1;
        from += fl->l_len;
    }
    out->from = (uint64_t)from, out->to = (uint64_t)to;
    return 0;
}

/* F_OFD_GETLK of F_UNLCK asks for what the open file itself has. */
static struct lock *own(struct inode *i, const struct lock *want)
{
    list_each (l, &i->locks, struct lock, in_inode) {
        if (l->owner == want->owner && l->kind == want->kind && l->from <= want->to && want->from <= l->to)
            return l;
    }
    return NULL;
}

static int64_t report(struct file *f, const struct lock *want, struct flock *fl, struct uptr to)
{
    const struct lock *l = fl->l_type == F_UNLCK ? own(f->inode, want) : conflict(f->inode, want);
    if (!l) {
        fl->l_type = F_UNLCK;
    } else {
        fl->l_type = l->exclusive ? F_WRLCK : F_RDLCK;
        fl->l_whence = SEEK_SET;
        fl->l_start = (int64_t)l->from;
        fl->l_len = l->to == LOCK_END ? 0 : (int64_t)(l->to - l->from + 1);
        fl->l_pid = l->kind == LOCK_RECORD ? l->pid : -1;
    }
    return put_user(to, *fl);
}

static int check_access(const struct file *f, const struct flock *fl)
{
    uint32_t access = f->flags & O_ACCESS_;
    if (fl->l_type == F_RDLCK)
        return access == O_WRONLY ? -EBADF : 0;
    if (fl->l_type == F_WRLCK)
        return access == O_RDONLY ? -EBADF : 0;
    return fl->l_type == F_UNLCK ? 0 : -EINVAL;
}

int64_t lock_fcntl(struct file *f, int command, struct uptr at)
{
    struct flock fl;
    bool open_file = command == F_OFD_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW;
    bool get = command == F_GETLK || command == F_OFD_GETLK;
    int r = get_user(fl, at);
    if (r)
        return r;
    struct lock want = {.owner = open_file ? (const void *)f : current->files,
                        .kind = open_file ? LOCK_OPEN_FILE : LOCK_RECORD,
                        .pid = current->process->pid,
                        .exclusive = fl.l_type == F_WRLCK};
    if (open_file && fl.l_pid)
        return -EINVAL;
    if (get && fl.l_type != F_RDLCK && fl.l_type != F_WRLCK && !(open_file && fl.l_type == F_UNLCK))
        return -EINVAL;
    r = range_of(f, &fl, &want);
    if (r)
        return r;
    if (get)
        return report(f, &want, &fl, at);
    r = check_access(f, &fl);
    if (r)
        return r;
    return lock_set(f->inode, &want, fl.l_type == F_UNLCK, command == F_SETLKW || command == F_OFD_SETLKW);
}

/* ---- flock ---- */

enum {
    FLOCK_SHARED = 1,
    FLOCK_EXCLUSIVE = 2,
    FLOCK_NOWAIT = 4,
    FLOCK_UNLOCK = 8,
    FLOCK_MANDATORY = 32
}; /* flock(2): LOCK_* */

int64_t sys_flock(struct task *t, const struct args *a)
{
    uint32_t how = arg_u32(a, 1), what = how & ~(uint32_t)FLOCK_NOWAIT;
    FILE_HELD *f = fd_get(arg_int(a, 0));
    if (how & FLOCK_MANDATORY) /* ignored since Linux 5.18 */
        return 0;
    if (what != FLOCK_SHARED && what != FLOCK_EXCLUSIVE && what != FLOCK_UNLOCK)
        return -EINVAL;
    if (!f)
        return -EBADF;
    struct lock want = {
        .owner = f, .kind = LOCK_FLOCK, .to = LOCK_END, .pid = t->process->pid, .exclusive = what == FLOCK_EXCLUSIVE};
    if (what == FLOCK_UNLOCK)
        return lock_set(f->inode, &want, true, false);
    /* A change of the kind lets go of the old one first, as flock(2) says. */
    list_each (l, &f->inode->locks, struct lock, in_inode) {
        if (l->owner == f && l->kind == LOCK_FLOCK) {
            if (l->exclusive == want.exclusive)
                return 0;
            lock_drop(l);
            changed();
        }
    }
    return lock_set(f->inode, &want, false, !(how & FLOCK_NOWAIT));
}

/* ---- the end of an owner ---- */

static void drop_all(struct inode *i, const void *owner)
{
    bool any = false;
    list_each (l, &i->locks, struct lock, in_inode) {
        if (l->owner == owner) {
            lock_drop(l);
            any = true;
        }
    }
    if (any)
        changed();
}

void lock_close(struct files *t, struct inode *i)
{
    drop_all(i, t);
}

void lock_release(struct file *f)
{
    if (!list_empty(&f->inode->locks))
        drop_all(f->inode, f);
}
