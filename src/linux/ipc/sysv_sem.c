/* SPDX-License-Identifier: Apache-2.0 */
/* Semaphore sets: semget(2), semop(2), semctl(2), with what SEM_UNDO takes back when a process ends. */
#include "linux/core/sched.h"
#include "linux/core/text.h"
#include "linux/ipc/sysv.h"
#include "linux/ipc/when.h"
#include "linux/task/task.h"

#include <asm/sembuf.h>
#include <linux/ipc.h>
#include <linux/sem.h>
#include <string.h>

#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif
#define SETS_SEMS 2048u /* in one set */
#define OPS       500u
#define VALUE_MAX 32767

struct ipc_sem {
    uint16_t value, waiting_more, waiting_zero;
    int32_t pid;
};

struct ipc_sems {
    struct ipc_object head;
    uint32_t n;
    struct ipc_sem *sems; /* FIELD_BYTES of n */
    int64_t operated, changed;
    struct wait_queue moved;
};
HEAP_TYPE(ipc_sems, FIELD(ipc_sems, head, FIELD_PLAIN), FIELD(ipc_sems, n, FIELD_PLAIN),
          FIELD(ipc_sems, sems, FIELD_BYTES), FIELD(ipc_sems, operated, FIELD_PLAIN),
          FIELD(ipc_sems, changed, FIELD_PLAIN), FIELD(ipc_sems, moved, FIELD_NONE));

struct ipc_undo { /* of one process in one set */
    struct list link;
    int32_t pid, id;
    uint32_t n;
    int16_t *adjust; /* FIELD_BYTES of n: what is added at its end */
};
HEAP_TYPE(ipc_undo, FIELD(ipc_undo, link, FIELD_LIST), FIELD(ipc_undo, pid, FIELD_PLAIN),
          FIELD(ipc_undo, id, FIELD_PLAIN), FIELD(ipc_undo, n, FIELD_PLAIN), FIELD(ipc_undo, adjust, FIELD_BYTES));

KERNEL_STATE static struct {
    struct ipc_table sets;
    struct list undos;
} sem;

static struct ipc_object *sems_make(const struct args *a)
{
    struct ipc_sems *s = heap_new(&ipc_sems_type);
    if (!s)
        return NULL;
    s->n = arg_u32(a, 1);
    s->sems = heap_alloc(s->n * sizeof(*s->sems));
    if (!s->sems) {
        heap_free(&ipc_sems_type, s);
        return NULL;
    }
    wait_queue_init(&s->moved);
    s->changed = ipc_seconds();
    return &s->head;
}

static int sems_check_new(const struct args *a)
{
    return arg_int(a, 1) < 1 || arg_u32(a, 1) > SETS_SEMS ? -EINVAL : 0;
}

static int sems_check_found(const struct ipc_object *o, const struct args *a)
{
    return arg_int(a, 1) < 0 || arg_u32(a, 1) > ((const struct ipc_sems *)o)->n ? -EINVAL : 0;
}

static void sems_drop(struct ipc_object *o)
{
    struct ipc_sems *s = (struct ipc_sems *)o;
    heap_release(s->sems, s->n * sizeof(*s->sems));
    heap_free(&ipc_sems_type, s);
}

static const struct ipc_kind sems_kind = {sems_make, sems_check_new, sems_check_found, sems_drop};

int64_t sys_semget(struct task *t, const struct args *a)
{
    if (arg_int(a, 1) < 0)
        return -EINVAL;
    return ipc_get(&sem.sets, &sems_kind, a, arg_int(a, 2));
}

/* ---- SEM_UNDO ---- */

static void undo_free(struct ipc_undo *u)
{
    list_remove(&u->link);
    heap_release(u->adjust, u->n * sizeof(*u->adjust));
    heap_free(&ipc_undo_type, u);
}

static struct ipc_undo *undo_of(const struct ipc_sems *s, int32_t pid)
{
    if (!sem.undos.next)
        list_init(&sem.undos);
    list_each (u, &sem.undos, struct ipc_undo, link)
        if (u->pid == pid && u->id == s->head.id)
            return u;
    struct ipc_undo *u = heap_new(&ipc_undo_type);
    if (!u)
        return NULL;
    list_init(&u->link);
    u->pid = pid, u->id = s->head.id, u->n = s->n;
    u->adjust = heap_alloc(s->n * sizeof(*u->adjust));
    if (!u->adjust) {
        heap_free(&ipc_undo_type, u);
        return NULL;
    }
    list_append(&sem.undos, &u->link);
    return u;
}

/* Values that were set, or a set that is gone (number UINT32_MAX): nobody takes anything back there. */
static void undo_forget(const struct ipc_sems *s, uint32_t number)
{
    if (!sem.undos.next)
        return;
    list_each (u, &sem.undos, struct ipc_undo, link) {
        if (u->id != s->head.id)
            continue;
        if (number == UINT32_MAX)
            undo_free(u);
        else
            u->adjust[number] = 0;
    }
}

void sysv_sem_process_gone(int32_t pid)
{
    if (!sem.undos.next)
        return;
    list_each (u, &sem.undos, struct ipc_undo, link) {
        if (u->pid != pid)
            continue;
        struct ipc_sems *s = (struct ipc_sems *)ipc_find(&sem.sets, u->id);
        for (uint32_t i = 0; s && i < u->n; i++) {
            int value = s->sems[i].value + u->adjust[i];
            if (!u->adjust[i])
                continue;
            s->sems[i].value = (uint16_t)(value < 0 ? 0 : value > VALUE_MAX ? VALUE_MAX : value);
            s->sems[i].pid = pid;
        }
        if (s)
            wait_wake_all(&s->moved);
        undo_free(u);
    }
}

/* ---- semop ---- */

struct operation {
    struct ipc_sems *set;
    struct sembuf *ops;
    uint32_t n;
    struct ipc_undo *undo; /* NULL: nothing to be taken back */
};

/* All or nothing. 0; -EAGAIN with *blocked: the operation that has to wait; -ERANGE. */
static int operate(struct operation *o, uint32_t *blocked)
{
    uint32_t i = 0;
    int r = 0;
    for (; i < o->n; i++) {
        struct sembuf *op = &o->ops[i];
        struct ipc_sem *s = &o->set->sems[op->sem_num];
        int value = s->value + op->sem_op, adjust = 0;
        if (op->sem_flg & SEM_UNDO)
            adjust = o->undo->adjust[op->sem_num] - op->sem_op;
        if (value > VALUE_MAX || adjust > VALUE_MAX || adjust < -VALUE_MAX - 1)
            r = -ERANGE;
        else if (op->sem_op ? value < 0 : s->value != 0)
            r = -EAGAIN;
        if (r)
            break;
        s->value = (uint16_t)value;
        if (op->sem_flg & SEM_UNDO)
            o->undo->adjust[op->sem_num] = (int16_t)adjust;
    }
    *blocked = i;
    if (!r) {
        for (i = 0; i < o->n; i++)
            o->set->sems[o->ops[i].sem_num].pid = current->process->pid;
        return 0;
    }
    while (i-- > 0) {
        struct sembuf *op = &o->ops[i];
        struct ipc_sem *s = &o->set->sems[op->sem_num];
        s->value = (uint16_t)(s->value - op->sem_op);
        if (op->sem_flg & SEM_UNDO)
            o->undo->adjust[op->sem_num] = (int16_t)(o->undo->adjust[op->sem_num] + op->sem_op);
    }
    return r;
}

static int sems_wait(struct ipc_sems *s, const struct sembuf *op, uint64_t deadline)
{
    struct waiter w;
    uint16_t number = op->sem_num;
    bool zero = !op->sem_op;
    s->head.refs++;
    if (zero)
        s->sems[number].waiting_zero++;
    else
        s->sems[number].waiting_more++;
    wait_begin(&w);
    wait_on(&w, &s->moved);
    int r = task_block(deadline);
    wait_end(&w);
    if (zero)
        s->sems[number].waiting_zero--;
    else
        s->sems[number].waiting_more--;
    bool removed = s->head.removed;
    ipc_put(&sems_kind, &s->head);
    if (removed)
        return -EIDRM;
    return r == -ETIMEDOUT ? -EAGAIN : r == -ERESTARTSYS ? -EINTR : r;
}

/* What the operations ask for may be asked: 0, -EFBIG, -EACCES, -ENOMEM. */
static int operation_begin(struct operation *o)
{
    bool changes = false, undo = false;
    for (uint32_t i = 0; i < o->n; i++) {
        if (o->ops[i].sem_num >= o->set->n)
            return -EFBIG;
        changes |= o->ops[i].sem_op != 0, undo |= (o->ops[i].sem_flg & SEM_UNDO) != 0;
    }
    int r = ipc_may(&o->set->head, changes ? 2 : 4);
    if (r || !undo)
        return r;
    o->undo = undo_of(o->set, current->process->pid);
    return o->undo ? 0 : -ENOMEM;
}

static int64_t operate_all(int32_t id, struct sembuf *ops, uint32_t n, uint64_t deadline)
{
    for (;;) {
        uint32_t blocked = 0;
        struct operation o = {.set = (struct ipc_sems *)ipc_find(&sem.sets, id), .ops = ops, .n = n};
        if (!o.set)
            return -EINVAL;
        int r = operation_begin(&o);
        if (!r)
            r = operate(&o, &blocked);
        if (!r) {
            o.set->operated = ipc_seconds();
            wait_wake_all(&o.set->moved);
            return 0;
        }
        if (r != -EAGAIN || (ops[blocked].sem_flg & IPC_NOWAIT))
            return r;
        if ((r = sems_wait(o.set, &ops[blocked], deadline)))
            return r;
    }
}

static int64_t semop(const struct args *a, uint64_t deadline)
{
    uint64_t n = a->v[2];
    if (!n || arg_int(a, 0) < 0)
        return -EINVAL;
    if (n > OPS)
        return -E2BIG;
    struct sembuf *ops = heap_alloc(n * sizeof(*ops));
    if (!ops)
        return -ENOMEM;
    int64_t r = -EFAULT;
    if (!copy_in(ops, arg_ptr(a, 1), n * sizeof(*ops)))
        r = operate_all(arg_int(a, 0), ops, (uint32_t)n, deadline);
    heap_release(ops, n * sizeof(*ops));
    return r;
}

int64_t sys_semop(struct task *t, const struct args *a)
{
    return semop(a, NEVER);
}

int64_t sys_semtimedop(struct task *t, const struct args *a)
{
    uint64_t deadline = NEVER;
    int r = a->v[3] ? when_relative(arg_ptr(a, 3), &deadline) : 0;
    return r ? r : semop(a, deadline);
}

/* ---- semctl ---- */

static int sems_show(struct ipc_sems *s, struct uptr to)
{
    struct semid64_ds d = {.sem_otime = s->operated, .sem_ctime = s->changed, .sem_nsems = s->n};
    ipc_perm_show(&s->head, &d.sem_perm);
    return put_user(to, d);
}

static int sems_set(struct ipc_sems *s, struct uptr from)
{
    struct semid64_ds d;
    if (get_user(d, from))
        return -EFAULT;
    ipc_perm_set(&s->head, &d.sem_perm);
    s->changed = ipc_seconds();
    return 0;
}

static int values_out(struct ipc_sems *s, struct uptr to)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (put_user(uptr_add(to, i * sizeof(uint16_t)), s->sems[i].value))
            return -EFAULT;
    return 0;
}

static int values_in(struct ipc_sems *s, struct uptr from)
{
    uint16_t *values = heap_alloc(s->n * sizeof(*values));
    if (!values)
        return -ENOMEM;
    int r = copy_in(values, from, s->n * sizeof(*values));
    for (uint32_t i = 0; i < s->n && !r; i++)
        r = values[i] > VALUE_MAX ? -ERANGE : 0;
    for (uint32_t i = 0; i < s->n && !r; i++) {
        s->sems[i].value = values[i], s->sems[i].pid = current->process->pid;
        undo_forget(s, i);
    }
    heap_release(values, s->n * sizeof(*values));
    if (r)
        return r;
    s->changed = ipc_seconds();
    wait_wake_all(&s->moved);
    return 0;
}

static int64_t value_set(struct ipc_sems *s, uint32_t number, int value)
{
    if (value < 0 || value > VALUE_MAX)
        return -ERANGE;
    s->sems[number].value = (uint16_t)value, s->sems[number].pid = current->process->pid;
    s->changed = ipc_seconds();
    undo_forget(s, number);
    wait_wake_all(&s->moved);
    return 0;
}

static int64_t semctl_one(struct ipc_sems *s, int command, uint32_t number, int value)
{
    int r = ipc_may(&s->head, command == SETVAL ? 2 : 4);
    if (r)
        return r;
    if (number >= s->n)
        return -EINVAL;
    const struct ipc_sem *one = &s->sems[number];
    switch (command) {
    case GETVAL:
        return one->value;
    case GETPID:
        return one->pid;
    case GETNCNT:
        return one->waiting_more;
    case GETZCNT:
        return one->waiting_zero;
    default:
        return value_set(s, number, value);
    }
}

static int64_t sets_show(int command, struct uptr to)
{
    struct seminfo i = {.semmap = 1024000000,
                        .semmni = IPC_OBJECTS,
                        .semmns = 1024000000,
                        .semmnu = 1024000000,
                        .semmsl = SETS_SEMS,
                        .semopm = OPS,
                        .semume = OPS,
                        .semusz = 20,
                        .semvmx = VALUE_MAX,
                        .semaem = VALUE_MAX};
    if (command == SEM_INFO) {
        i.semusz = (int)sem.sets.used, i.semaem = 0;
        for (uint32_t k = 0; k < sem.sets.n; k++)
            if (sem.sets.rows[k])
                i.semaem += (int)((struct ipc_sems *)sem.sets.rows[k])->n;
    }
    return put_user(to, i) ? -EFAULT : ipc_last_row(&sem.sets);
}

/* Of a row of the table: its id. */
static int64_t sems_of_row(int32_t row, int command, struct uptr to)
{
    struct ipc_sems *s = (struct ipc_sems *)ipc_at(&sem.sets, row);
    if (!s)
        return -EINVAL;
    int r = command == SEM_STAT ? ipc_may(&s->head, 4) : 0;
    if (!r)
        r = sems_show(s, to);
    return r ? r : s->head.id;
}

int64_t sys_semctl(struct task *t, const struct args *a)
{
    int command = arg_int(a, 2) & ~IPC_64, r;
    if (command == IPC_INFO || command == SEM_INFO)
        return sets_show(command, arg_ptr(a, 3));
    if (command == SEM_STAT || command == SEM_STAT_ANY)
        return sems_of_row(arg_int(a, 0), command, arg_ptr(a, 3));
    struct ipc_sems *s = (struct ipc_sems *)ipc_find(&sem.sets, arg_int(a, 0));
    if (!s)
        return -EINVAL;
    switch (command) {
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
    case SETVAL:
        return semctl_one(s, command, arg_u32(a, 1), arg_int(a, 3));
    case GETALL:
        return (r = ipc_may(&s->head, 4)) ? r : values_out(s, arg_ptr(a, 3));
    case SETALL:
        return (r = ipc_may(&s->head, 2)) ? r : values_in(s, arg_ptr(a, 3));
    case IPC_STAT:
        return (r = ipc_may(&s->head, 4)) ? r : sems_show(s, arg_ptr(a, 3));
    case IPC_SET:
        return (r = ipc_owns(&s->head)) ? r : sems_set(s, arg_ptr(a, 3));
    case IPC_RMID:
        if ((r = ipc_owns(&s->head)))
            return r;
        undo_forget(s, UINT32_MAX);
        wait_wake_all(&s->moved);
        ipc_remove(&sem.sets, &sems_kind, &s->head);
        return 0;
    }
    return -EINVAL;
}

/* ---- for /proc ---- */

struct ipc_table *sysv_sem_table(void)
{
    return &sem.sets;
}

void sysv_sem_list(struct text *out)
{
    text_printf(out, "%10s %10s %5s %10s %5s %5s %5s %5s %10s %10s\n", "key", "semid", "perms", "nsems", "uid", "gid",
                "cuid", "cgid", "otime", "ctime");
    for (uint32_t i = 0; i < sem.sets.n; i++) {
        const struct ipc_sems *s = (struct ipc_sems *)sem.sets.rows[i];
        if (!s)
            continue;
        text_printf(out, "%10d %10d  %4o %10u %5u %5u %5u %5u %10lu %10lu\n", s->head.key, s->head.id, s->head.mode,
                    s->n, s->head.uid, s->head.gid, s->head.cuid, s->head.cgid, (uint64_t)s->operated,
                    (uint64_t)s->changed);
    }
}
