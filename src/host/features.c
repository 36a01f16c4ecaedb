/* SPDX-License-Identifier: Apache-2.0 */
#include "host/features.h"

#include "base/io.h"
#include "host/sys.h"
#include "policy/names.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool has_namespace(int kind)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/ns/%s", ns_proc_name(kind));
    return access(path, F_OK) == 0;
}

static bool has_filesystem(const char *name)
{
    char text[4096], *line;

    if (io_read_small(AT_FDCWD, "/proc/filesystems", text, sizeof text) < 0)
        return false;
    for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        const char *tab = strrchr(line, '\t');
        if (tab && !strcmp(tab + 1, name))
            return true;
    }
    return false;
}

/* A process in a chroot sees its root as something else than the root of its mount namespace: mountinfo then shows no
 * "/". */
static bool is_chrooted(void)
{
    char text[65536];
    ssize_t n = io_read_small(AT_FDCWD, "/proc/self/mountinfo", text, sizeof text);

    return n > 0 && !strstr(text, " / / ") && !strstr(text, " / rw") && !strstr(text, " / ro");
}

static bool user_namespaces_allowed(void)
{
    char text[32];

    if (io_read_small(AT_FDCWD, "/proc/sys/user/max_user_namespaces", text, sizeof text) > 0 && atoi(text) == 0)
        return false;
    if (geteuid() != 0 &&
        io_read_small(AT_FDCWD, "/proc/sys/kernel/unprivileged_userns_clone", text, sizeof text) > 0 && atoi(text) == 0)
        return false;
    return has_namespace(NS_USER);
}

static uint64_t effective_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};

    return sys(SYS_capget, &head, data) < 0 ? 0 : (uint64_t)data[0].effective | (uint64_t)data[1].effective << 32;
}

static const char *what_is_missing(const struct features *f)
{
    if (!f->mount_api)
        return "the kernel has no fsopen/open_tree/mount_setattr: Linux 5.12 or newer is needed";
    if (!f->seccomp_filter)
        return "the kernel has no seccomp filters: CONFIG_SECCOMP_FILTER is needed";
    if (!f->namespaces)
        return "the kernel lacks namespaces: CONFIG_NAMESPACES with all kinds is needed";
    if (!f->privileged && f->chrooted)
        return "this process is in a chroot, and the kernel refuses user namespaces there: enter the root with "
               "pivot_root";
    if (!f->privileged && !f->user_namespaces_allowed)
        return "not root, and user namespaces are off (sysctl user.max_user_namespaces, "
               "kernel.unprivileged_userns_clone)";
    return NULL;
}

void features_probe(struct features *f)
{
    static const int needed[] = {NS_MNT, NS_PID, NS_NET, NS_IPC, NS_UTS};
    struct cgroup_host cgroups = {0};
    struct err ignored = {0};
    uint32_t action = SECCOMP_RET_ERRNO;

    *f = (struct features){.namespaces = true};
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        f->namespaces &= has_namespace(needed[i]);
    f->time_namespace = has_namespace(NS_TIME);
    f->seccomp_filter = sys(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
    f->mount_api = sys(SYS_fsopen, NULL, 0) != -ENOSYS && sys(SYS_mount_setattr, -1, "", 0, NULL, 0) != -ENOSYS;
    f->overlay = has_filesystem("overlay");
    uint64_t caps = effective_capabilities();
    f->privileged = caps >> CAP_SYS_ADMIN & 1;
    f->resource_capability = caps >> CAP_SYS_RESOURCE & 1;
    f->user_namespaces_allowed = user_namespaces_allowed();
    f->chrooted = is_chrooted();
    long abi = sys(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    f->landlock_abi = abi > 0 ? (int)abi : 0;
    f->cgroups = cgroup_host_probe(&cgroups, &ignored) == 0 ? cgroups.layout : CGROUP_NONE;
    f->why_not = what_is_missing(f);
}

const char *features_summary(const struct features *f, struct arena *a)
{
    char landlock[32];

    snprintf(landlock, sizeof landlock, f->landlock_abi ? "Landlock ABI %d" : "no Landlock", f->landlock_abi);
    return arena_printf(a, "cgroups %s, %s, %s, %s", cgroup_layout_name(f->cgroups), landlock,
                        f->overlay ? "overlay" : "no overlay",
                        f->privileged ? "root" : "not root: one user id, no limits");
}
