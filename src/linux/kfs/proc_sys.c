/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/sys: what programs read of the kernel's settings. The host name is set by sethostname(2), System V IPC here. */
#include "linux/core/random.h"
#include "linux/core/release.h"
#include "linux/kfs/proc.h"
#include "linux/task/task.h"

#include <asm/errno.h>

/* A version 4 UUID of 16 random bytes, RFC 9562. */
static void proc_uuid(struct text *out, uint8_t b[16])
{
    b[6] = (uint8_t)((b[6] & 15) | 64), b[8] = (uint8_t)((b[8] & 63) | 128);
    for (int i = 0; i < 16; i++)
        text_printf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
    text_put(out, "\n", 1);
}

static int proc_random_uuid(const struct made_key *key, struct text *out)
{
    uint8_t b[16];
    random_bytes(b, sizeof(b));
    proc_uuid(out, b);
    return 0;
}

static int proc_boot_id(const struct made_key *key, struct text *out)
{
    KERNEL_STATE static struct {
        uint8_t id[16];
        bool made;
    } boot;
    uint8_t b[16];
    if (!boot.made)
        random_bytes(boot.id, sizeof(boot.id)), boot.made = true;
    for (int i = 0; i < 16; i++)
        b[i] = boot.id[i];
    proc_uuid(out, b);
    return 0;
}

static int proc_threads_max(const struct made_key *key, struct text *out)
{
    text_printf(out, "%u\n", task_counts.tasks_max);
    return 0;
}

static int proc_hostname(const struct made_key *key, struct text *out)
{
    text_printf(out, "%s\n", hostname_get());
    return 0;
}

static const struct made_node random_rows[] = {
    {.name = "boot_id", .mode = PROC_FILE, .show = proc_boot_id},
    {.name = "entropy_avail", .mode = PROC_FILE, .constant = "256\n"},
    {.name = "poolsize", .mode = PROC_FILE, .constant = "256\n"},
    {.name = "uuid", .mode = PROC_FILE, .show = proc_random_uuid},
    {0},
};
#define SETTING(name) .mode = S_IFREG | 0644, .show = name##_show, .store = name##_store
static const struct made_node kernel_rows[] = {
    {.name = "cap_last_cap", .mode = PROC_FILE, .constant = "40\n"},
    {.name = "core_pattern", .mode = PROC_FILE, .constant = "core\n"},
    {.name = "domainname", .mode = PROC_FILE, .constant = "(none)\n"},
    {.name = "hostname", .mode = PROC_FILE, .show = proc_hostname},
    {.name = "msg_next_id", SETTING(proc_msg_next_id)},
    {.name = "msgmax", .mode = PROC_FILE, .constant = "8192\n"},
    {.name = "msgmnb", .mode = PROC_FILE, .constant = "16384\n"},
    {.name = "msgmni", SETTING(proc_msgmni)},
    {.name = "ngroups_max", .mode = PROC_FILE, .constant = "65536\n"},
    {.name = "osrelease", .mode = PROC_FILE, .constant = LINUX_RELEASE "\n"},
    {.name = "ostype", .mode = PROC_FILE, .constant = "Linux\n"},
    {.name = "overflowgid", .mode = PROC_FILE, .constant = "65534\n"},
    {.name = "overflowuid", .mode = PROC_FILE, .constant = "65534\n"},
    {.name = "pid_max", .mode = PROC_FILE, .constant = "32768\n"},
    {.name = "random", .mode = PROC_DIR, .children = random_rows},
    {.name = "randomize_va_space", .mode = PROC_FILE, .constant = "2\n"},
    {.name = "sem", .mode = PROC_FILE, .constant = "2048\t1024000000\t500\t1024\n"},
    {.name = "sem_next_id", SETTING(proc_sem_next_id)},
    {.name = "shm_next_id", SETTING(proc_shm_next_id)},
    {.name = "shmall", .mode = PROC_FILE, .constant = "268435456\n"},
    {.name = "shmmax", .mode = PROC_FILE, .constant = "1099511627776\n"},
    {.name = "shmmni", SETTING(proc_shmmni)},
    {.name = "tainted", .mode = PROC_FILE, .constant = "0\n"},
    {.name = "threads-max", .mode = PROC_FILE, .show = proc_threads_max},
    {.name = "version", .mode = PROC_FILE, .constant = LINUX_VERSION "\n"},
    {0},
};
static const struct made_node vm_rows[] = {
    {.name = "max_map_count", .mode = PROC_FILE, .constant = "65530\n"},
    {.name = "mmap_min_addr", .mode = PROC_FILE, .constant = "65536\n"},
    {.name = "overcommit_memory", .mode = PROC_FILE, .constant = "0\n"},
    {.name = "overcommit_ratio", .mode = PROC_FILE, .constant = "50\n"},
    {.name = "swappiness", .mode = PROC_FILE, .constant = "60\n"},
    {0},
};
static const struct made_node inotify_rows[] = {
    {.name = "max_queued_events", .mode = PROC_FILE, .constant = "16384\n"},
    {.name = "max_user_instances", .mode = PROC_FILE, .constant = "128\n"},
    {.name = "max_user_watches", .mode = PROC_FILE, .constant = "65536\n"},
    {0},
};
static const struct made_node fs_rows[] = {
    {.name = "aio-max-nr", .mode = PROC_FILE, .constant = "65536\n"},
    {.name = "file-max", .mode = PROC_FILE, .constant = "9223372036854775807\n"},
    {.name = "inotify", .mode = PROC_DIR, .children = inotify_rows},
    {.name = "nr_open", .mode = PROC_FILE, .constant = "1048576\n"},
    {.name = "pipe-max-size", .mode = PROC_FILE, .constant = "1048576\n"},
    {0},
};
static const struct made_node core_rows[] = {
    {.name = "rmem_max", .mode = PROC_FILE, .constant = "212992\n"},
    {.name = "somaxconn", .mode = PROC_FILE, .constant = "4096\n"},
    {.name = "wmem_max", .mode = PROC_FILE, .constant = "212992\n"},
    {0},
};
static const struct made_node ipv4_rows[] = {
    {.name = "ip_local_port_range", .mode = PROC_FILE, .constant = "32768\t60999\n"},
    {.name = "tcp_max_syn_backlog", .mode = PROC_FILE, .constant = "512\n"},
    {.name = "tcp_rmem", .mode = PROC_FILE, .constant = "4096\t131072\t6291456\n"},
    {.name = "tcp_wmem", .mode = PROC_FILE, .constant = "4096\t16384\t4194304\n"},
    {0},
};
static const struct made_node net_rows[] = {
    {.name = "core", .mode = PROC_DIR, .children = core_rows},
    {.name = "ipv4", .mode = PROC_DIR, .children = ipv4_rows},
    {0},
};
const struct made_node proc_sys_rows[] = {
    {.name = "fs", .mode = PROC_DIR, .children = fs_rows},
    {.name = "kernel", .mode = PROC_DIR, .children = kernel_rows},
    {.name = "net", .mode = PROC_DIR, .children = net_rows},
    {.name = "vm", .mode = PROC_DIR, .children = vm_rows},
    {0},
};
