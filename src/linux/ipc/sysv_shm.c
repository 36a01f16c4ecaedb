/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory segments: shmget(2), shmat(2), shmdt(2), shmctl(2). A segment is a file in memory; attaching it is a
 * shared mapping. How often it is attached is counted by looking, so no mapping has to tell when it goes: a segment
 * that was marked to be removed is, at the next call or the next end of a process that finds it unattached.
 */
#include "linux/core/sched.h"
#include "linux/core/text.h"
#include "linux/fs/vfs.h"
#include "linux/ipc/sysv.h"
#include "linux/mm/mm.h"
#include "linux/task/task.h"

#include <asm/shmbuf.h>
#include <linux/ipc.h>
#include <linux/mman.h>
#include <linux/shm.h>

#define SIZE_MAX_ (1ull << 40)
#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif
#ifndef SHM_DEST
#define SHM_DEST   01000
#define SHM_LOCKED 02000
#endif

struct ipc_segment {
    struct ipc_object head;
    struct file *file; /* held */
    uint64_t size;
    int64_t attached, detached, changed;
    int32_t maker, last;
};
HEAP_TYPE(ipc_segment, FIELD(ipc_segment, head, FIELD_PLAIN), FIELD(ipc_segment, file, FIELD_REF),
          FIELD(ipc_segment, size, FIELD_PLAIN), FIELD(ipc_segment, attached, FIELD_PLAIN),
          FIELD(ipc_segment, detached, FIELD_PLAIN), FIELD(ipc_segment, changed, FIELD_PLAIN),
          FIELD(ipc_segment, maker, FIELD_PLAIN), FIELD(ipc_segment, last, FIELD_PLAIN));

KERNEL_STATE static struct ipc_table segments;

static void segment_drop(struct ipc_object *o)
{
    struct ipc_segment *s = (struct ipc_segment *)o;
    if (s->file)
        file_put(s->file);
    heap_free(&ipc_segment_type, s);
}

static struct ipc_object *segment_make(const struct args *a)
{
    char name[32];
    struct ipc_segment *s = heap_new(&ipc_segment_type);
    if (!s)
        return NULL;
    text_format(name, sizeof(name), "/SYSV%08x (deleted)", arg_u32(a, 0));
    s->size = a->v[1], s->maker = current->process->pid, s->changed = ipc_seconds();
    uint64_t pages = (s->size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    const struct inode_change size = {.what = CHANGE_SIZE, .size = pages};
    if (tmpfs_anonymous(name, &s->file))
        s->file = NULL;
    else if (!s->file->inode->ops->set(s->file->inode, &size))
        return &s->head;
    segment_drop(&s->head);
    return NULL;
}

static int segment_check_new(const struct args *a)
{
    return !a->v[1] || a->v[1] > SIZE_MAX_ ? -EINVAL : 0;
}

static int segment_check_found(const struct ipc_object *o, const struct args *a)
{
    return a->v[1] > ((const struct ipc_segment *)o)->size ? -EINVAL : 0;
}

static const struct ipc_kind segment_kind = {segment_make, segment_check_new, segment_check_found, segment_drop};

/* ---- who has it attached ---- */

static struct mm *mm_of(const struct process *p)
{
    list_each (t, (struct list *)(uintptr_t)&p->tasks, struct task, in_process)
        if (t->mm)
            return t->mm;
    return NULL;
}

static uint64_t attachments(const struct ipc_segment *s)
{
    uint64_t n = 0;
    list_each (p, &process_all, struct process, all) {
        struct mm *mm = mm_of(p);
        for (struct vma *v = mm ? vma_first(mm) : NULL; v; v = vma_next(v))
            n += v->file == s->file && !vma_file_offset(v);
    }
    return n;
}

/* Removes what was marked and is not attached any more. */
static void sweep(void)
{
    for (uint32_t i = 0; i < segments.n; i++) {
        struct ipc_segment *s = (struct ipc_segment *)segments.rows[i];
        if (s && (s->head.mode & SHM_DEST) && !attachments(s))
            ipc_remove(&segments, &segment_kind, &s->head);
    }
}

void sysv_shm_sweep(void)
{
    if (segments.used)
        sweep();
}

/* ---- calls ---- */

int64_t sys_shmget(struct task *t, const struct args *a)
{
    sweep();
    return ipc_get(&segments, &segment_kind, a, arg_int(a, 2));
}

int64_t sys_shmat(struct task *t, const struct args *a)
{
    int flags = arg_int(a, 2), how = MAP_SHARED;
    uint64_t at = a->v[1];
    sweep();
    struct ipc_segment *s = (struct ipc_segment *)ipc_find(&segments, arg_int(a, 0));
    if (!s)
        return -EINVAL;
    if (at % PAGE_SIZE && !(flags & SHM_RND))
        return -EINVAL;
    at &= ~(PAGE_SIZE - 1);
    if (!at && (flags & SHM_REMAP))
        return -EINVAL;
    if (at)
        how |= flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE;
    bool writes = !(flags & SHM_RDONLY);
    int r = ipc_may(&s->head, writes ? 6 : 4);
    if (r)
        return r;
    int prot = PROT_READ | (writes ? PROT_WRITE : 0) | (flags & SHM_EXEC ? PROT_EXEC : 0);
    int64_t got = mm_map(t->mm, at, s->size, prot, how, s->file, 0);
    if (got < 0)
        return got == -EEXIST ? -EINVAL : got;
    s->attached = ipc_seconds(), s->last = t->process->pid;
    return got;
}

static struct ipc_segment *segment_of(const struct file *f)
{
    for (uint32_t i = 0; i < segments.n; i++) {
        struct ipc_segment *s = (struct ipc_segment *)segments.rows[i];
        if (s && s->file == f)
            return s;
    }
    return NULL;
}

int64_t sys_shmdt(struct task *t, const struct args *a)
{
    uint64_t at = a->v[0], end;
    struct vma *v = at % PAGE_SIZE ? NULL : vma_find(t->mm, at);
    struct ipc_segment *s = v && v->file && v->start == at && !vma_file_offset(v) ? segment_of(v->file) : NULL;
    if (!s)
        return -EINVAL;
    end = at + ((s->size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1));
    for (uint64_t next = at; next < end;) {
        v = vma_find(t->mm, next);
        uint64_t stop = v && v->end < end ? v->end : v ? end : next + PAGE_SIZE;
        int r = 0;
        if (v && v->file == s->file && v->start - at == vma_file_offset(v))
            r = mm_unmap(t->mm, v->start, v->end - v->start);
        if (r)
            return r;
        next = stop;
    }
    s->detached = ipc_seconds(), s->last = t->process->pid;
    sweep();
    return 0;
}

static int segment_show(struct ipc_segment *s, struct uptr to)
{
    struct shmid64_ds d = {.shm_segsz = s->size,
                           .shm_atime = s->attached,
                           .shm_dtime = s->detached,
                           .shm_ctime = s->changed,
                           .shm_cpid = s->maker,
                           .shm_lpid = s->last,
                           .shm_nattch = attachments(s)};
    ipc_perm_show(&s->head, &d.shm_perm);
    return put_user(to, d);
}

static int segment_set(struct ipc_segment *s, struct uptr from)
{
    struct shmid64_ds d;
    if (get_user(d, from))
        return -EFAULT;
    ipc_perm_set(&s->head, &d.shm_perm);
    s->changed = ipc_seconds();
    return 0;
}

static int64_t segments_show(int command, struct uptr to)
{
    if (command == SHM_INFO) {
        struct shm_info i = {.used_ids = (int)segments.used};
        for (uint32_t k = 0; k < segments.n; k++)
            if (segments.rows[k])
                i.shm_tot += ((struct ipc_segment *)segments.rows[k])->size / PAGE_SIZE;
        i.shm_rss = i.shm_tot;
        if (put_user(to, i))
            return -EFAULT;
    } else {
        struct shminfo64 i = {.shmmax = SIZE_MAX_,
                              .shmmin = 1,
                              .shmmni = IPC_OBJECTS - segments.fewer,
                              .shmseg = IPC_OBJECTS,
                              .shmall = SIZE_MAX_ / PAGE_SIZE};
        if (put_user(to, i))
            return -EFAULT;
    }
    return ipc_last_row(&segments);
}

/* Of a row of the table: its id. */
static int64_t segment_of_row(int32_t row, int command, struct uptr to)
{
    struct ipc_segment *s = (struct ipc_segment *)ipc_at(&segments, row);
    if (!s)
        return -EINVAL;
    int r = command == SHM_STAT ? ipc_may(&s->head, 4) : 0;
    if (!r)
        r = segment_show(s, to);
    return r ? r : s->head.id;
}

/* At once, or when nobody has it attached any more; till then nobody finds it by its key. */
static int segment_remove(struct ipc_segment *s)
{
    s->head.mode |= SHM_DEST, s->head.key = IPC_PRIVATE;
    sweep();
    return 0;
}

int64_t sys_shmctl(struct task *t, const struct args *a)
{
    int command = arg_int(a, 1) & ~IPC_64, r;
    sweep();
    if (command == IPC_INFO || command == SHM_INFO)
        return segments_show(command, arg_ptr(a, 2));
    if (command == SHM_STAT || command == SHM_STAT_ANY)
        return segment_of_row(arg_int(a, 0), command, arg_ptr(a, 2));
    struct ipc_segment *s = (struct ipc_segment *)ipc_find(&segments, arg_int(a, 0));
    if (!s)
        return -EINVAL;
    switch (command) {
    case IPC_STAT:
        return (r = ipc_may(&s->head, 4)) ? r : segment_show(s, arg_ptr(a, 2));
    case IPC_SET:
        return (r = ipc_owns(&s->head)) ? r : segment_set(s, arg_ptr(a, 2));
    case IPC_RMID:
        return (r = ipc_owns(&s->head)) ? r : segment_remove(s);
    case SHM_LOCK:
        return (r = ipc_owns(&s->head)) ? r : (s->head.mode |= SHM_LOCKED, 0);
    case SHM_UNLOCK:
        return (r = ipc_owns(&s->head)) ? r : (s->head.mode &= ~(uint32_t)SHM_LOCKED, 0);
    }
    return -EINVAL;
}

/* ---- for /proc ---- */

struct ipc_table *sysv_shm_table(void)
{
    return &segments;
}

void sysv_shm_list(struct text *out)
{
    text_printf(out, "%10s %10s %5s %21s %5s %5s  %5s %5s %5s %5s %5s %10s %10s %10s %21s %21s\n", "key", "shmid",
                "perms", "size", "cpid", "lpid", "nattch", "uid", "gid", "cuid", "cgid", "atime", "dtime", "ctime",
                "rss", "swap");
    for (uint32_t i = 0; i < segments.n; i++) {
        struct ipc_segment *s = (struct ipc_segment *)segments.rows[i];
        if (!s)
            continue;
        text_printf(out, "%10d %10d  %4o %21lu %5d %5d  %5lu %5u %5u %5u %5u %10lu %10lu %10lu %21lu %21lu\n",
                    s->head.key, s->head.id, s->head.mode, s->size, s->maker, s->last, (uint64_t)attachments(s),
                    s->head.uid, s->head.gid, s->head.cuid, s->head.cgid, (uint64_t)s->attached, (uint64_t)s->detached,
                    (uint64_t)s->changed, s->size, 0ul);
    }
}
