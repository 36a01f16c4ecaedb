/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V IPC, sysvipc(7): what message queues, semaphore sets and shared segments have in common: a key, an id, an
 * owner, a table. Private to ipc/sysv*.c.
 */
#ifndef MOAT_LINUX_IPC_SYSV_H
#define MOAT_LINUX_IPC_SYSV_H

#include "linux/core/call.h"
#include "linux/core/heap.h"
#include "linux/core/wait.h"

#include <asm/ipcbuf.h>

struct ipc_object { /* the head of each */
    int32_t key, id;
    uint32_t uid, gid, cuid, cgid, mode;
    uint32_t refs; /* the table's, and of those who wait */
    bool removed;  /* no longer in the table */
};

#define IPC_OBJECTS 1024u /* of each kind, at most */
struct ipc_table {
    struct ipc_object **rows; /* FIELD_BYTES of n */
    uint32_t n, used, sequence;
    uint32_t fewer;  /* than IPC_OBJECTS at most, by /proc/sys/kernel/msgmni and the like */
    int64_t next_id; /* 1 + the id that the next object gets, if that is free; 0: none is asked for */
};

/* What a kind does with a new object, and with one that is found by its key. */
struct ipc_kind {
    struct ipc_object *(*make)(const struct args *); /* zeroed and filled, without its head; NULL: -ENOMEM */
    int (*check_new)(const struct args *);           /* 0, -errno */
    int (*check_found)(const struct ipc_object *, const struct args *);
    void (*drop)(struct ipc_object *); /* the last holder is gone */
};

/* msgget(2) and its kin: key in argument 0, `flags` with the mode. The id or -errno. */
int64_t ipc_get(struct ipc_table *, const struct ipc_kind *, const struct args *, int flags);
struct ipc_object *ipc_find(struct ipc_table *, int32_t id); /* NULL: -EINVAL; valid until the next task_block */
/* May the current task read (4) or write (2) it: 0, -EACCES. */
int ipc_may(const struct ipc_object *, uint32_t want);
struct ipc_object *ipc_at(const struct ipc_table *,
                          int32_t row);         /* or an id with that row, for MSG_STAT; NULL: -EINVAL */
int64_t ipc_last_row(const struct ipc_table *); /* that is used; 0 where none is */
int ipc_owns(const struct ipc_object *);        /* 0, -EPERM: for IPC_SET and IPC_RMID */
void ipc_remove(struct ipc_table *, const struct ipc_kind *, struct ipc_object *);
void ipc_put(const struct ipc_kind *, struct ipc_object *);
void ipc_perm_show(const struct ipc_object *, struct ipc64_perm *);
void ipc_perm_set(struct ipc_object *, const struct ipc64_perm *);
int64_t ipc_seconds(void);

/* A process ends: task/ calls the first one, weakly. What its semaphore operations marked SEM_UNDO is taken back;
 * segments that only waited for their last mapping go. */
void sysv_process_gone(int32_t pid);
/* For /proc/sys/kernel and /proc/sysvipc. */
struct text;
struct ipc_table *sysv_msg_table(void) __attribute__((weak));
struct ipc_table *sysv_sem_table(void) __attribute__((weak));
struct ipc_table *sysv_shm_table(void) __attribute__((weak));
void sysv_msg_list(struct text *) __attribute__((weak));
void sysv_sem_list(struct text *) __attribute__((weak));
void sysv_shm_list(struct text *) __attribute__((weak));

void sysv_sem_process_gone(int32_t pid) __attribute__((weak));
void sysv_shm_sweep(void) __attribute__((weak));

#endif
