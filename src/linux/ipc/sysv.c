/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of System V objects: ids, keys, permissions (sysvipc(7)). An id is row + 32768 * a number that grows. */
#include "linux/ipc/sysv.h"

#include "linux/core/sched.h"
#include "linux/core/time.h"
#include "linux/task/task.h"

#include <linux/capability.h>
#include <linux/ipc.h>
#include <string.h>

#define ROWS_FIRST 8u
#define ID_STEP    32768u

static struct ipc_object *by_key(struct ipc_table *t, int32_t key)
{
    if (key == IPC_PRIVATE)
        return NULL;
    for (uint32_t i = 0; i < t->n; i++)
        if (t->rows[i] && t->rows[i]->key == key)
            return t->rows[i];
    return NULL;
}

struct ipc_object *ipc_find(struct ipc_table *t, int32_t id)
{
    if (id < 0 || (uint32_t)id % ID_STEP >= t->n)
        return NULL;
    struct ipc_object *o = t->rows[(uint32_t)id % ID_STEP];
    return o && o->id == id ? o : NULL;
}

static bool grow(struct ipc_table *t)
{
    uint32_t n = t->n ? t->n * 2 : ROWS_FIRST;
    struct ipc_object **rows = n <= IPC_OBJECTS ? heap_alloc(n * sizeof(*rows)) : NULL;
    if (!rows)
        return false;
    if (t->n)
        memcpy(rows, t->rows, t->n * sizeof(*rows));
    heap_release(t->rows, t->n * sizeof(*rows));
    t->rows = rows, t->n = n;
    return true;
}

struct ipc_object *ipc_at(const struct ipc_table *t, int32_t row)
{
    return row >= 0 && (uint32_t)row % ID_STEP < t->n ? t->rows[(uint32_t)row % ID_STEP] : NULL;
}

int64_t ipc_last_row(const struct ipc_table *t)
{
    uint32_t n = t->n;
    while (n && !t->rows[n - 1])
        n--;
    return n ? (int64_t)n - 1 : 0;
}

/* The row of the id that was asked for, if there is room for it; else the first that is free. */
static uint32_t free_row(struct ipc_table *t)
{
    uint32_t row = t->next_id ? (uint32_t)(t->next_id - 1) % ID_STEP : IPC_OBJECTS;
    while (row < IPC_OBJECTS && row >= t->n && grow(t))
        continue;
    if (row < t->n && !t->rows[row])
        return row;
    for (row = 0; row < t->n && t->rows[row];)
        row++;
    return row;
}

static int64_t insert(struct ipc_table *t, struct ipc_object *o, int32_t key, int flags)
{
    uint32_t row = free_row(t);
    const struct cred *c = current->cred;
    t->sequence = t->next_id ? (uint32_t)(t->next_id - 1) / ID_STEP : (t->sequence + 1) % (INT32_MAX / ID_STEP);
    t->next_id = 0;
    o->key = key, o->id = (int32_t)(row + t->sequence * ID_STEP), o->refs = 1;
    o->uid = o->cuid = c->euid, o->gid = o->cgid = c->egid, o->mode = (uint32_t)flags & 0777;
    t->rows[row] = o, t->used++;
    return o->id;
}

int64_t ipc_get(struct ipc_table *t, const struct ipc_kind *kind, const struct args *a, int flags)
{
    int32_t key = arg_int(a, 0);
    struct ipc_object *o = by_key(t, key);
    if (o) {
        if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
            return -EEXIST;
        int r = kind->check_found(o, a);
        if (!r)
            r = ipc_may(o, ((uint32_t)flags >> 6 | (uint32_t)flags >> 3 | (uint32_t)flags) & 6);
        return r ? r : o->id;
    }
    if (key != IPC_PRIVATE && !(flags & IPC_CREAT))
        return -ENOENT;
    int r = kind->check_new(a);
    if (r)
        return r;
    if (t->used >= IPC_OBJECTS - t->fewer)
        return -ENOSPC;
    if (t->used == t->n && !grow(t))
        return -ENOMEM;
    o = kind->make(a);
    return o ? insert(t, o, key, flags) : -ENOMEM;
}

static bool in_group(uint32_t gid)
{
    const struct cred *c = current->cred;
    if (c->egid == gid)
        return true;
    for (uint32_t i = 0; i < c->n_groups; i++)
        if (c->groups[i] == gid)
            return true;
    return false;
}

int ipc_may(const struct ipc_object *o, uint32_t want)
{
    uint32_t euid = current->cred->euid, mode = o->mode;
    if (euid == o->uid || euid == o->cuid)
        mode >>= 6;
    else if (in_group(o->gid) || in_group(o->cgid))
        mode >>= 3;
    return !(want & ~mode) || capable(current, CAP_IPC_OWNER) ? 0 : -EACCES;
}

int ipc_owns(const struct ipc_object *o)
{
    uint32_t euid = current->cred->euid;
    return euid == o->uid || euid == o->cuid || capable(current, CAP_SYS_ADMIN) ? 0 : -EPERM;
}

void ipc_put(const struct ipc_kind *kind, struct ipc_object *o)
{
    if (!--o->refs)
        kind->drop(o);
}

void ipc_remove(struct ipc_table *t, const struct ipc_kind *kind, struct ipc_object *o)
{
    t->rows[(uint32_t)o->id % ID_STEP] = NULL, t->used--;
    o->removed = true;
    ipc_put(kind, o);
}

void ipc_perm_show(const struct ipc_object *o, struct ipc64_perm *p)
{
    *p = (struct ipc64_perm){.key = o->key,
                             .uid = o->uid,
                             .gid = o->gid,
                             .cuid = o->cuid,
                             .cgid = o->cgid,
                             .mode = o->mode,
                             .seq = (unsigned short)((uint32_t)o->id / ID_STEP)};
}

void ipc_perm_set(struct ipc_object *o, const struct ipc64_perm *p)
{
    o->uid = p->uid, o->gid = p->gid;
    o->mode = (o->mode & ~0777u) | (p->mode & 0777);
}

int64_t ipc_seconds(void)
{
    return (int64_t)(clock_realtime() / SECOND);
}

void sysv_process_gone(int32_t pid)
{
    if (sysv_sem_process_gone)
        sysv_sem_process_gone(pid);
    if (sysv_shm_sweep)
        sysv_shm_sweep();
}
