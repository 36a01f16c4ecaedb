/* SPDX-License-Identifier: Apache-2.0 */
/* Calls about the machine as a whole: names, sizes, random bytes, the kernel's log (which is empty). */
#include "linux/core/misc.h"

#include "linux/core/boot.h"
#include "linux/core/call.h"
#include "linux/core/heap.h"
#include "linux/core/random.h"
#include "linux/core/release.h"
#include "linux/core/sched.h"
#include "linux/core/time.h"
#include "linux/mm/mm.h"
#include "linux/task/task.h"

#include <linux/capability.h>
#include <linux/random.h>
#include <linux/sysinfo.h>
#include <string.h>

KERNEL_STATE static struct misc {
    struct new_utsname names;
} misc;

static void name_set(char to[__NEW_UTS_LEN + 1], const char *from, size_t n)
{
    if (n > __NEW_UTS_LEN)
        n = __NEW_UTS_LEN;
    memset(to, 0, __NEW_UTS_LEN + 1);
    memcpy(to, from, n);
}

void misc_init(const char *hostname)
{
    struct new_utsname *u = &misc.names;
    if (!hostname)
        hostname = "moat";
    name_set(u->sysname, "Linux", 5);
    name_set(u->nodename, hostname, strlen(hostname));
    name_set(u->release, LINUX_RELEASE, strlen(LINUX_RELEASE));
    name_set(u->version, LINUX_VERSION, strlen(LINUX_VERSION));
    name_set(u->machine, "x86_64", 6);
    name_set(u->domainname, "(none)", 6);
}

const struct new_utsname *misc_names(void)
{
    return &misc.names;
}

const char *hostname_get(void)
{
    return misc.names.nodename;
}

int hostname_set(const char *name, size_t n)
{
    if (n > __NEW_UTS_LEN)
        return -EINVAL;
    name_set(misc.names.nodename, name, n);
    return 0;
}

int64_t sys_uname(struct task *t, const struct args *a)
{
    return put_user(arg_ptr(a, 0), misc.names);
}

static int64_t name_from_user(struct task *t, const struct args *a, char to[__NEW_UTS_LEN + 1])
{
    char name[__NEW_UTS_LEN];
    int n = arg_int(a, 1);
    if (!capable(t, CAP_SYS_ADMIN))
        return -EPERM;
    if (n < 0 || n > __NEW_UTS_LEN)
        return -EINVAL;
    if (copy_in(name, arg_ptr(a, 0), (size_t)n))
        return -EFAULT;
    name_set(to, name, (size_t)n);
    return 0;
}

int64_t sys_sethostname(struct task *t, const struct args *a)
{
    return name_from_user(t, a, misc.names.nodename);
}

int64_t sys_setdomainname(struct task *t, const struct args *a)
{
    return name_from_user(t, a, misc.names.domainname);
}

/* sysinfo(2). What is free is not known where the host commits memory as it is touched: all that may still be mapped.
 */
int64_t sys_sysinfo(struct task *t, const struct args *a)
{
    struct sysinfo s = {.mem_unit = 1};
    uint64_t used = heap_used();
    s.uptime = (long)(clock_now() / SECOND);
    s.totalram = boot_config->memory_limit ? boot_config->memory_limit : (uint64_t)1 << 30;
    if (t->mm)
        used += t->mm->pages_mapped * PAGE_SIZE;
    s.freeram = used < s.totalram ? s.totalram - used : 0;
    unsigned tasks = 0;
    list_each (p, &process_all, struct process, all)
        tasks += p->n_tasks;
    s.procs = (uint16_t)(tasks > UINT16_MAX ? UINT16_MAX : tasks);
    return put_user(arg_ptr(a, 0), s);
}

/* getrandom(2): the pool is ready from the start on, so no flag changes anything. */
int64_t sys_getrandom(struct task *t, const struct args *a)
{
    uint8_t part[256];
    uint64_t n = a->v[1], done = 0, most = INT32_MAX & ~(PAGE_SIZE - 1);
    uint32_t flags = arg_u32(a, 2);
    if (flags & ~(uint32_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    if ((flags & GRND_RANDOM) && (flags & GRND_INSECURE))
        return -EINVAL;
    struct uio to;
    uio_user(&to, arg_ptr(a, 0), n < most ? n : most);
    while (to.left) {
        size_t now = to.left < sizeof(part) ? to.left : sizeof(part);
        random_bytes(part, now);
        int64_t r = uio_put(&to, part, now);
        if (r < 0 && !done)
            return r;
        if (r > 0)
            done += (uint64_t)r;
        if (r < (int64_t)now)
            break;
    }
    return (int64_t)done;
}

enum syslog_action {
    LOG_CLOSE,
    LOG_OPEN,
    LOG_READ,
    LOG_READ_ALL,
    LOG_READ_CLEAR,
    LOG_CLEAR,
    LOG_OFF,
    LOG_ON,
    LOG_LEVEL,
    LOG_UNREAD,
    LOG_SIZE
};

/* syslog(2) of a log in which nothing is ever written. */
int64_t sys_syslog(struct task *t, const struct args *a)
{
    int action = arg_int(a, 0), n = arg_int(a, 2);
    if (action < LOG_CLOSE || action > LOG_SIZE)
        return -EINVAL;
    if (action != LOG_READ_ALL && action != LOG_SIZE && !capable(t, CAP_SYSLOG))
        return -EPERM;
    if (action >= LOG_READ && action <= LOG_READ_CLEAR && (n < 0 || !a->v[1]))
        return -EINVAL;
    if (action == LOG_LEVEL && (n < 1 || n > 8))
        return -EINVAL;
    return action == LOG_SIZE ? (int64_t)PAGE_SIZE : 0;
}

int64_t sys_getcpu(struct task *t, const struct args *a)
{
    uint32_t cpu = t->vcpu, node = 0;
    if (a->v[0] && put_user(arg_ptr(a, 0), cpu))
        return -EFAULT;
    if (a->v[1] && put_user(arg_ptr(a, 1), node))
        return -EFAULT;
    return 0;
}
