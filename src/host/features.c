/* SPDX-License-Identifier: Apache-2.0 */
#include "host/features.h"

#include "base/io.h"
#include "host/subid.h"
#include "host/sys.h"
#include "policy/names.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

static bool sysctl_is(const char *path, int value)
{
    char text[32];

    return io_read_small(AT_FDCWD, path, text, sizeof text) > 0 && atoi(text) == value;
}

/* Ubuntu's restriction strikes whom no AppArmor profile names. */
static bool is_unconfined(void)
{
    char text[256];

    return io_read_small(AT_FDCWD, "/proc/self/attr/apparmor/current", text, sizeof text) > 0 &&
           !strncmp(text, "unconfined", 10);
}

static const char *user_namespaces_why_not(void)
{
    bool root = geteuid() == 0;

    if (!has_namespace(NS_USER))
        return "this kernel has no user namespaces (CONFIG_USER_NS)";
    if (sysctl_is("/proc/sys/user/max_user_namespaces", 0))
        return "user namespaces are off (sysctl user.max_user_namespaces is 0)";
    if (!root && sysctl_is("/proc/sys/kernel/unprivileged_userns_clone", 0))
        return "user namespaces are off for all but root (sysctl kernel.unprivileged_userns_clone is 0)";
    if (!root && sysctl_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1) && is_unconfined())
        return "AppArmor restricts user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns is 1): root "
               "allows them by a profile with `userns,` for the moat program, or by setting it to 0";
    return NULL;
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
        return f->userns_why_not;
    return NULL;
}

static const struct cgroup_host *known_cgroups;

void features_know(const struct cgroup_host *cgroups)
{
    known_cgroups = cgroups;
}

void features_probe(struct features *f)
{
    static const int needed[] = {NS_MNT, NS_PID, NS_NET, NS_IPC, NS_UTS};

    features_probe_start(f);
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        f->namespaces &= has_namespace(needed[i]);
    f->why_not = what_is_missing(f);
}

bool features_time_namespace(void)
{
    return has_namespace(NS_TIME);
}

void features_probe_start(struct features *f)
{
    struct cgroup_host cgroups = {0};
    struct err ignored = {0};
    uint32_t action = SECCOMP_RET_ERRNO;

    *f = (struct features){.namespaces = true};
    f->seccomp_filter = sys(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
    f->mount_api = sys(SYS_fsopen, NULL, 0) != -ENOSYS && sys(SYS_mount_setattr, -1, "", 0, NULL, 0) != -ENOSYS;
    uint64_t caps = effective_capabilities();
    f->privileged = caps >> CAP_SYS_ADMIN & 1;
    f->resource_capability = caps >> CAP_SYS_RESOURCE & 1;
    f->userns_why_not = user_namespaces_why_not();
    f->user_namespaces_allowed = !f->userns_why_not;
    f->chrooted = !f->privileged && is_chrooted(); /* of no matter to who may make mount namespaces anyway */
    long abi = sys(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    f->landlock_abi = abi > 0 ? (int)abi : 0;
    if (known_cgroups)
        cgroups = *known_cgroups;
    f->cgroups = known_cgroups || cgroup_host_probe(&cgroups, &ignored) == 0 ? cgroups.layout : CGROUP_NONE;
    f->user = geteuid() != 0;
    if (f->user) {
        struct subid ids;
        subid_find(&ids);
        f->one_id = ids.why_not;
        f->ids = ids.why_not ? 1 : 1 + ids.uid[1].count;
        cgroup_delegation_find(&cgroups, &f->delegation);
    }
}

#define DELEGATE                                                                                                       \
    "start moat from a group that is given to you (systemd-run --user --scope -p Delegate=yes COMMAND), or let root "  \
    "make one and chown it"

const char *features_delegate_remedy(void)
{
    return DELEGATE;
}

/* What a user has, and what root, a package or a setting would add. */
static const char *user_summary(const struct features *f, struct arena *a)
{
    char controllers[256] = "";
    size_t n = 0;

    for (unsigned c = 0; c < CG_CONTROLLERS && n < sizeof controllers - 32; c++)
        if (f->delegation.controllers >> c & 1)
            n += (size_t)snprintf(controllers + n, sizeof controllers - n, " %s",
                                  cgroup_controller_name((enum cgroup_controller)c));
    const char *ids =
        f->one_id
            ? arena_printf(a, "one user id, so programs that change owners or users fail (for more: %s)", f->one_id)
            : arena_printf(a, "%u user ids", f->ids);
    const char *limits = n ? arena_printf(a, "limits by the controllers%s", controllers)
                           : "no limits on memory, processors and processes (for them: " DELEGATE ")";
    return arena_printf(a, "not root: %s; %s; no id-mapped binds, no device rules", ids ? ids : "",
                        limits ? limits : "");
}

const char *features_summary(const struct features *f, struct arena *a)
{
    char landlock[32];

    snprintf(landlock, sizeof landlock, f->landlock_abi ? "Landlock ABI %d" : "no Landlock", f->landlock_abi);
    return arena_printf(a, "cgroups %s, %s, %s, %s", cgroup_layout_name(f->cgroups), landlock,
                        has_filesystem("overlay") ? "overlay" : "no overlay",
                        f->user         ? user_summary(f, a)
                        : f->privileged ? "root"
                                        : "root without CAP_SYS_ADMIN");
}

bool features_listener(void)
{
    struct sock_filter allow = {.code = BPF_RET | BPF_K, .k = SECCOMP_RET_ALLOW};
    struct sock_fprog program = {1, &allow};
    int status = 1;
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        _exit(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) < 0);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
