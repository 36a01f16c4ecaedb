/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V IPC in /proc: /proc/sysvipc, and of /proc/sys/kernel how many objects of a kind there may be and which id
 * the next one gets (proc_sys_kernel(5)).
 */
#include "linux/ipc/sysv.h"
#include "linux/kfs/proc.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <linux/capability.h>

/* A decimal number, with a minus or without, and blanks around it; false: there is none. */
static bool number_of(const char *text, size_t n, int64_t *out)
{
    size_t i = 0;
    int64_t v = 0;
    while (i < n && (text[i] == ' ' || text[i] == '\t'))
        i++;
    bool minus = i < n && text[i] == '-';
    size_t first = i += minus;
    for (; i < n && text[i] >= '0' && text[i] <= '9' && v <= INT32_MAX; i++)
        v = v * 10 + (text[i] - '0');
    *out = minus ? -v : v;
    return i > first && v <= INT32_MAX;
}

/* ---- how many ---- */

static int show_most(struct text *out, const struct ipc_table *t)
{
    text_printf(out, "%u\n", IPC_OBJECTS - t->fewer);
    return 0;
}

static int64_t store_most(struct ipc_table *t, const char *text, size_t n)
{
    int64_t v;
    if (!capable(current, CAP_SYS_RESOURCE))
        return -EPERM;
    if (!number_of(text, n, &v) || v < 0)
        return -EINVAL;
    t->fewer = v < (int64_t)IPC_OBJECTS ? IPC_OBJECTS - (uint32_t)v : 0;
    return (int64_t)n;
}

/* ---- which id ---- */

static int show_next(struct text *out, const struct ipc_table *t)
{
    text_printf(out, "%d\n", (int)t->next_id - 1);
    return 0;
}

static int64_t store_next(struct ipc_table *t, const char *text, size_t n)
{
    int64_t v;
    if (!capable(current, CAP_SYS_ADMIN))
        return -EPERM;
    if (!number_of(text, n, &v))
        return -EINVAL;
    t->next_id = v < 0 ? 0 : v + 1;
    return (int64_t)n;
}

/* ---- rows ---- */

/* What is in a file of the three, each of which may be absent. */
#define SETTING(name, table, what)                                                                                     \
    int name##_show(const struct made_key *key, struct text *out)                                                      \
    {                                                                                                                  \
        return table ? show_##what(out, table()) : -ENOENT;                                                            \
    }                                                                                                                  \
    int64_t name##_store(const struct made_key *key, const char *text, size_t n)                                       \
    {                                                                                                                  \
        return table ? store_##what(table(), text, n) : -ENOENT;                                                       \
    }
SETTING(proc_msgmni, sysv_msg_table, most)
SETTING(proc_shmmni, sysv_shm_table, most)
SETTING(proc_msg_next_id, sysv_msg_table, next)
SETTING(proc_sem_next_id, sysv_sem_table, next)
SETTING(proc_shm_next_id, sysv_shm_table, next)

#define LIST(name, of)                                                                                                 \
    static int name(const struct made_key *key, struct text *out)                                                      \
    {                                                                                                                  \
        if (of)                                                                                                        \
            of(out);                                                                                                   \
        return 0;                                                                                                      \
    }
LIST(msg_list, sysv_msg_list)
LIST(sem_list, sysv_sem_list)
LIST(shm_list, sysv_shm_list)

const struct made_node proc_sysvipc_rows[] = {
    {.name = "msg", .mode = PROC_FILE, .show = msg_list},
    {.name = "sem", .mode = PROC_FILE, .show = sem_list},
    {.name = "shm", .mode = PROC_FILE, .show = shm_list},
    {0},
};
