/* SPDX-License-Identifier: Apache-2.0 */
/* The files of /proc, by the files that hold their rows. */
#ifndef MOAT_LINUX_KFS_PROC_H
#define MOAT_LINUX_KFS_PROC_H

#include "linux/kfs/made.h"

struct task;

#define PROC_FILE (S_IFREG | 0444)
#define PROC_DIR  (S_IFDIR | 0555)
#define PROC_LINK (S_IFLNK | 0777)

extern const struct made_node proc_process_node, proc_task_node; /* /proc/PID, /proc/PID/task/TID */
extern const struct made_node proc_sys_rows[];                   /* /proc/sys */
extern const struct made_node proc_net_rows[];                   /* /proc/PID/net */
extern const struct made_node proc_fd_node, proc_fdinfo_node;    /* /proc/PID/fd, fdinfo */
extern const struct made_node proc_ns_node;                      /* /proc/PID/ns */
extern const struct made_node proc_sysvipc_rows[];               /* /proc/sysvipc */
extern const struct made_node proc_root_rows[];

/* proc_sysv.c: of /proc/sys/kernel. */
#define PROC_SETTING(name)                                                                                             \
    int name##_show(const struct made_key *, struct text *);                                                           \
    int64_t name##_store(const struct made_key *, const char *, size_t)
PROC_SETTING(proc_msgmni);
PROC_SETTING(proc_shmmni);
PROC_SETTING(proc_msg_next_id);
PROC_SETTING(proc_sem_next_id);
PROC_SETTING(proc_shm_next_id);

/* The task that a key is about; NULL: it is gone. */
struct task *proc_task(const struct made_key *);
/* A name as decimal number without sign; -1: it is none. */
int32_t proc_number(const char *name, size_t n);
/* Whether the current task may look into this one: its memory map, its descriptors (ptrace(2), access mode checking).
 */
bool proc_may_look(const struct task *);

int proc_show_maps(const struct made_key *, struct text *);
int proc_show_smaps(const struct made_key *, struct text *);
int proc_show_mounts(const struct made_key *, struct text *);
int proc_show_mountinfo(const struct made_key *, struct text *);

#endif
