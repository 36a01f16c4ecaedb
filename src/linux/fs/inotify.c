/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inotify(7): instances are open files with a queue of events; a watch hangs on an inode and on its instance. A watch
 * does not hold its inode: when the inode is freed the watch says IN_DELETE_SELF and goes. A watched inode is `kept`,
 * so that it is not forgotten and made anew while it is only a cache. The bounds are Linux's defaults.
 */
#include "linux/core/text.h"
#include "linux/fs/internal.h"

#include <asm/ioctls.h>
#include <linux/eventpoll.h>
#include <string.h>

#define EVENTS_MAX  16384u /* fs.inotify.max_queued_events */
#define WATCHES_MAX 65536u

struct event {
    struct list queue;
    int32_t wd;
    uint32_t mask, cookie, name_size;
    char *name; /* NULL: none; else with its NUL */
};
struct instance {
    int32_t next_wd;
    uint32_t n_events, n_watches;
    struct list events, watches;
    struct wait_queue changed;
};
struct watch {
    struct watch *next; /* of the same inode */
    struct list in_instance;
    struct instance *instance;
    struct inode *inode;
    uint32_t mask;
    int32_t wd;
};

HEAP_TYPE(event, FIELD(event, queue, FIELD_LIST), FIELD(event, wd, FIELD_PLAIN), FIELD(event, mask, FIELD_PLAIN),
          FIELD(event, cookie, FIELD_PLAIN), FIELD(event, name_size, FIELD_PLAIN), FIELD(event, name, FIELD_BYTES));
HEAP_TYPE(instance, FIELD(instance, next_wd, FIELD_PLAIN), FIELD(instance, n_events, FIELD_PLAIN),
          FIELD(instance, n_watches, FIELD_PLAIN), FIELD(instance, events, FIELD_LIST),
          FIELD(instance, watches, FIELD_LIST), FIELD(instance, changed, FIELD_NONE));
HEAP_TYPE(watch, FIELD(watch, next, FIELD_REF), FIELD(watch, in_instance, FIELD_LIST),
          FIELD(watch, instance, FIELD_REF), FIELD(watch, inode, FIELD_REF), FIELD(watch, mask, FIELD_PLAIN),
          FIELD(watch, wd, FIELD_PLAIN));

/* ---- events ---- */

static void event_free(struct event *e)
{
    list_remove(&e->queue);
    if (e->name)
        heap_release(e->name, e->name_size);
    heap_free(&event_type, e);
}

static bool repeats(const struct instance *i, const struct event *e, const char *name, size_t n)
{
    if (list_empty(&i->events))
        return false;
    const struct event *last = list_entry(i->events.prev, struct event, queue);
    return last->wd == e->wd && last->mask == e->mask && last->cookie == e->cookie &&
           last->name_size == (name ? n + 1 : 0) && (!name || !memcmp(last->name, name, n));
}

/* One that cannot be queued (too many, no memory) is told by IN_Q_OVERFLOW, once. */
static void event_put(struct instance *i, const struct event *what, const char *name, size_t n)
{
    if (repeats(i, what, name, n))
        return;
    bool full = i->n_events >= EVENTS_MAX;
    if (i->n_events > EVENTS_MAX)
        return;
    struct event *e = heap_new(&event_type);
    if (!e)
        return;
    *e = *what;
    list_init(&e->queue);
    if (full)
        e->wd = -1, e->mask = IN_Q_OVERFLOW, e->cookie = 0;
    else if (name && (e->name = heap_alloc(n + 1))) {
        memcpy(e->name, name, n);
        e->name_size = (uint32_t)n + 1;
    }
    list_append(&i->events, &e->queue);
    i->n_events++;
    wait_wake(&i->changed, EPOLLIN | EPOLLRDNORM, 1 << 30);
}

static void watch_end(struct watch *w)
{
    struct watch **at = &w->inode->watches;
    const struct event ignored = {.wd = w->wd, .mask = IN_IGNORED};
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    list_remove(&w->in_instance);
    w->instance->n_watches--;
    fs_state.watches_n--;
    event_put(w->instance, &ignored, NULL, 0);
    heap_free(&watch_type, w);
}

/* `except`: not to watches with this flag. */
static void tell_but(struct inode *i, uint32_t except, uint32_t mask, uint32_t cookie, const char *name, size_t n)
{
    for (struct watch *w = i->watches, *next; w; w = next) {
        next = w->next;
        if (!(w->mask & mask & IN_ALL_EVENTS) || w->mask & except)
            continue;
        const struct event e = {.wd = w->wd, .mask = mask, .cookie = cookie};
        event_put(w->instance, &e, name, n);
        if (w->mask & IN_ONESHOT)
            watch_end(w);
    }
}

static void tell(struct inode *i, uint32_t mask, uint32_t cookie, const char *name, size_t n)
{
    tell_but(i, 0, mask, cookie, name, n);
}

/* ---- what the other files of this room report ---- */

static uint32_t with_kind(const struct inode *i, uint32_t event)
{
    return S_ISDIR(i->mode) ? event | IN_ISDIR : event;
}

void watch_path(const struct path *p, uint32_t event)
{
    const struct dentry *d = p->dentry;
    struct inode *i = d->inode;
    if (!fs_state.watches_n)
        return;
    event = with_kind(i, event);
    if (d->parent != d && d->parent->inode)
        tell_but(d->parent->inode, d->unlinked ? IN_EXCL_UNLINK : 0, event, 0, d->name, d->length);
    tell(i, event, 0, NULL, 0);
}

void watch_file(struct file *f, uint32_t event)
{
    if (fs_state.watches_n && f->path.dentry && f->inode && f->path.mount != fs_state.anonymous)
        watch_path(&f->path, event);
}

void watch_name(const struct path *dir, const struct dentry *d, uint32_t event)
{
    if (fs_state.watches_n)
        tell(dir->dentry->inode, d->inode ? with_kind(d->inode, event) : event, 0, d->name, d->length);
}

void watch_inode(struct inode *i, uint32_t event)
{
    if (fs_state.watches_n)
        tell(i, event, 0, NULL, 0);
}

void watch_removed(const struct path *dir, const struct dentry *d, struct inode *i)
{
    if (!fs_state.watches_n)
        return;
    if (!S_ISDIR(i->mode))
        tell(i, IN_ATTRIB, 0, NULL, 0);
    tell(dir->dentry->inode, with_kind(i, IN_DELETE), 0, d->name, d->length);
}

static void tell_move(const struct path *from_dir, const char *from, size_t from_n, const struct path *to_dir,
                      const char *to, size_t to_n, struct inode *moved, struct inode *over)
{
    uint32_t cookie = ++fs_state.next_cookie;
    tell(from_dir->dentry->inode, with_kind(moved, IN_MOVED_FROM), cookie, from, from_n);
    tell(to_dir->dentry->inode, with_kind(moved, IN_MOVED_TO), cookie, to, to_n);
    if (over && !S_ISDIR(over->mode))
        tell(over, IN_ATTRIB, 0, NULL, 0);
    tell(moved, IN_MOVE_SELF, 0, NULL, 0);
}

void watch_moved(const struct path *from_dir, const char *from, size_t from_n, const struct path *to_dir,
                 const char *to, size_t to_n, struct inode *moved, struct inode *over, uint32_t flags)
{
    if (!fs_state.watches_n)
        return;
    bool exchange = flags & RENAME_EXCHANGE;
    tell_move(from_dir, from, from_n, to_dir, to, to_n, moved, exchange ? NULL : over);
    if (exchange)
        tell_move(to_dir, to, to_n, from_dir, from, from_n, over, NULL);
}

void watch_gone(struct inode *i)
{
    tell(i, IN_DELETE_SELF, 0, NULL, 0);
    while (i->watches)
        watch_end(i->watches);
}

/* ---- instances ---- */

static void instance_release(struct file *f)
{
    struct instance *i = f->own;
    list_each (w, &i->watches, struct watch, in_instance) {
        watch_end(w);
    }
    list_each (e, &i->events, struct event, queue) {
        event_free(e);
    }
    heap_free(&instance_type, i);
}

static int wait_for_event(struct instance *i, bool wait)
{
    struct waiter w;
    int r = 0;
    if (!list_empty(&i->events))
        return 0;
    if (!wait)
        return -EAGAIN;
    wait_begin(&w);
    wait_on(&w, &i->changed);
    while (list_empty(&i->events) && !(r = task_block(NEVER)))
        continue;
    wait_end(&w);
    return r;
}

/* Its record for the user: name_size rounded up, padded with zeroes. */
static int64_t event_out(struct uio *u, const struct event *e)
{
    size_t padded = (e->name_size + sizeof(struct inotify_event) - 1) & ~(sizeof(struct inotify_event) - 1);
    const struct inotify_event head = {.wd = e->wd, .mask = e->mask, .cookie = e->cookie, .len = (uint32_t)padded};
    if (u->left < sizeof(head) + padded)
        return 0;
    int64_t r = uio_put(u, &head, sizeof(head));
    if (r == (int64_t)sizeof(head) && e->name_size)
        r = uio_put(u, e->name, e->name_size);
    if (r > 0 && padded > e->name_size)
        r = uio_put_zero(u, padded - e->name_size);
    return r < 0 ? r : (int64_t)(sizeof(head) + padded);
}

static int64_t instance_read(struct file *f, struct uio *u, uint64_t *pos)
{
    struct instance *i = f->own;
    int64_t done = 0, r = wait_for_event(i, !(f->flags & O_NONBLOCK));
    if (r)
        return r;
    list_each (e, &i->events, struct event, queue) {
        r = event_out(u, e);
        if (r <= 0)
            break;
        done += r;
        i->n_events--;
        event_free(e);
    }
    return done ? done : r ? r : -EINVAL;
}

static uint32_t instance_poll(struct file *f)
{
    const struct instance *i = f->own;
    return list_empty(&i->events) ? 0 : EPOLLIN | EPOLLRDNORM;
}

static struct wait_queue *instance_queue(struct file *f)
{
    return &((struct instance *)f->own)->changed;
}

static int64_t instance_ioctl(struct file *f, uint32_t command, struct uptr to)
{
    struct instance *i = f->own;
    int32_t n = 0;
    if (command != FIONREAD)
        return -ENOTTY;
    list_each (e, &i->events, struct event, queue) {
        n += (int32_t)(sizeof(struct inotify_event) +
                       ((e->name_size + sizeof(struct inotify_event) - 1) & ~(sizeof(struct inotify_event) - 1)));
    }
    return put_user(to, n);
}

static void instance_show(struct file *f, struct text *out)
{
    struct instance *i = f->own;
    list_each (w, &i->watches, struct watch, in_instance) {
        text_printf(out, "inotify wd:%x ino:%lx sdev:%x mask:%x ignored_mask:0 \n", (uint32_t)w->wd, w->inode->ino,
                    (uint32_t)w->inode->sb->dev, w->mask & (uint32_t)(IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK));
    }
}

static const struct file_ops instance_ops = {
    .show = instance_show,
    .read = instance_read,
    .poll = instance_poll,
    .poll_queue = instance_queue,
    .ioctl = instance_ioctl,
    .release = instance_release,
};

/* ---- calls ---- */

static int64_t instance_make(uint32_t flags)
{
    if (flags & ~(uint32_t)(IN_CLOEXEC | IN_NONBLOCK))
        return -EINVAL;
    struct instance *i = heap_new(&instance_type);
    if (!i)
        return -ENOMEM;
    list_init(&i->events);
    list_init(&i->watches);
    wait_queue_init(&i->changed);
    struct file *f = file_anonymous("anon_inode:inotify", 0600, &instance_ops, O_RDONLY | (flags & O_NONBLOCK), i);
    if (!f) {
        heap_free(&instance_type, i);
        return -ENOMEM;
    }
    int fd = fd_install(f, flags & IN_CLOEXEC, 0);
    if (fd < 0)
        file_put(f);
    return fd;
}

int64_t sys_inotify_init(struct task *t, const struct args *a)
{
    return instance_make(0);
}

int64_t sys_inotify_init1(struct task *t, const struct args *a)
{
    return instance_make(arg_u32(a, 0));
}

static int64_t watch_change(struct watch *w, uint32_t mask)
{
    if (mask & IN_MASK_CREATE)
        return -EEXIST;
    w->mask = mask & IN_MASK_ADD ? w->mask | mask : mask;
    return w->wd;
}

static int64_t watch_make(struct instance *i, struct inode *inode, uint32_t mask)
{
    for (struct watch *w = inode->watches; w; w = w->next)
        if (w->instance == i)
            return watch_change(w, mask);
    if (i->n_watches >= WATCHES_MAX)
        return -ENOSPC;
    struct watch *w = heap_new(&watch_type);
    if (!w)
        return -ENOMEM;
    w->instance = i, w->inode = inode, w->mask = mask;
    w->wd = ++i->next_wd;
    w->next = inode->watches;
    inode->watches = w;
    inode->kept = true;
    list_append(&i->watches, &w->in_instance);
    i->n_watches++;
    fs_state.watches_n++;
    return w->wd;
}

int64_t sys_inotify_add_watch(struct task *t, const struct args *a)
{
    uint32_t mask = arg_u32(a, 2);
    PATH p = {0};
    if (!(mask & (IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW |
                  IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR | IN_ONESHOT)))
        return -EINVAL;
    FILE_HELD *f = fd_get(arg_int(a, 0));
    if (!f)
        return -EBADF;
    if ((mask & (IN_MASK_ADD | IN_MASK_CREATE)) == (IN_MASK_ADD | IN_MASK_CREATE) || f->ops != &instance_ops)
        return -EINVAL;
    int r = walk_user(AT_FDCWD, arg_ptr(a, 1),
                      (mask & IN_DONT_FOLLOW ? 0 : WALK_FOLLOW) | (mask & IN_ONLYDIR ? WALK_DIRECTORY : 0), &p);
    if (!r)
        r = vfs_permission(p.dentry->inode, MAY_READ);
    return r ? r : watch_make(f->own, p.dentry->inode, mask);
}

int64_t sys_inotify_rm_watch(struct task *t, const struct args *a)
{
    FILE_HELD *f = fd_get(arg_int(a, 0));
    if (!f)
        return -EBADF;
    if (f->ops != &instance_ops)
        return -EINVAL;
    struct instance *i = f->own;
    list_each (w, &i->watches, struct watch, in_instance) {
        if (w->wd == arg_int(a, 1)) {
            watch_end(w);
            return 0;
        }
    }
    return -EINVAL;
}
