/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set-up stage: runs once in the cloned process, in its new namespaces, and ends by executing moat-enter. It shares
 * memory and descriptors with the launcher, so it allocates nothing, keeps off errno (host/sys.h only) and writes only
 * its own stack and the fields of struct launch that are its to write. The image and what it mounts are hostile.
 */
#include "boundary/container/container.h"
#include "boundary/container/sync.h"
#include "host/idmap.h"
#include "host/mountapi.h"
#include "policy/names.h"

#include <linux/capability.h>
#include <linux/if.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/vfs.h>

static int launcher_gone(struct launch *l)
{
    return err_set(&l->err, -EPIPE, "launcher went away"); /* nobody reads it: ends the set-up */
}

static int join_namespaces(struct launch *l)
{
    /* The user namespace first: it brings the privilege for those it owns. The pid namespace was entered by the
     * launcher before the clone, time namespaces are entered by moat-enter (they refuse a shared address space). */
    for (int kind = NS_USER; kind < NS_KINDS; kind++) {
        if (l->ns_fds[kind] < 0 || kind == NS_PID || kind == NS_TIME)
            continue;
        int r = (int)sys(SYS_setns, l->ns_fds[kind], ns_clone_flag(kind));
        if (r < 0)
            return err_sys(&l->err, r, "linux.namespaces %s: cannot join %s", ns_name(kind), l->policy->ns[kind].path);
    }
    return 0;
}

static int become_inner_root(struct launch *l)
{
    if (!l->own_user_ns)
        return 0;
    int r = (int)sys(SYS_setresgid, 0, 0, 0);
    if (r == 0)
        r = (int)sys(SYS_setresuid, 0, 0, 0);
    if (r == 0 && (!l->inst->rootless || !idmap_is_single(&l->policy->gid_maps)))
        r = (int)sys(SYS_setgroups, 0, NULL);
    return r < 0 ? err_sys(
                       &l->err, r,
                       "user namespace: its root is not mapped; linux.uidMappings and gidMappings need an entry for 0")
                 : 0;
}

int group_enter(struct launch *l)
{
    const struct cgroup *cg = &l->inst->cgroup;

    if (l->in_group)
        return 0;
    if (l->wait_group && !sync_wait(&l->go, GO_GROUP, NULL, l->launcher_fd))
        return launcher_gone(l);
    l->in_group = true;
    for (uint32_t i = 0; cg->host && i < cg->host->n; i++) {
        if (cg->join_fds[i] < 0 || cg->host->h[i].v2) /* v2: cloned into it */
            continue;
        long r = sys(SYS_write, cg->join_fds[i], "0", 1);
        if (r < 0)
            return err_sys(&l->err, (int)r, "cgroup: cannot enter %s%s", cg->host->h[i].mountpoint, cg->path);
    }
    if (l->policy->ns[NS_CGROUP].how == NS_NEW) { /* after joining the group, which becomes its root */
        int r = (int)sys(SYS_unshare, CLONE_NEWCGROUP);
        if (r < 0)
            return err_sys(&l->err, r, "linux.namespaces cgroup: cannot be made");
    }
    return 0;
}

static int write_file(const char *path, const char *text)
{
    int fd = (int)sys(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return fd;
    long r = sys(SYS_write, fd, text, strlen(text));
    close_fd(fd);
    return r < 0 ? (int)r : 0;
}

static int make_time_namespace(struct launch *l)
{
    const struct policy *p = l->policy;
    char text[128];

    if (p->ns[NS_TIME].how != NS_NEW)
        return 0;
    int r = (int)sys(SYS_unshare, CLONE_NEWTIME);
    if (r < 0)
        return err_sys(&l->err, r, "linux.namespaces time: cannot be made (Linux 5.6, CONFIG_TIME_NS)");
    int n = 0;
    if (p->time_monotonic.set)
        n += snprintf(text + n, sizeof text - (size_t)n, "monotonic %lld %u\n", (long long)p->time_monotonic.secs,
                      p->time_monotonic.nanosecs);
    if (p->time_boottime.set)
        n += snprintf(text + n, sizeof text - (size_t)n, "boottime %lld %u\n", (long long)p->time_boottime.secs,
                      p->time_boottime.nanosecs);
    r = n ? write_file("/proc/self/timens_offsets", text) : 0;
    return r < 0 ? err_sys(&l->err, r, "linux.timeOffsets") : 0;
}

static int set_names(struct launch *l)
{
    const struct policy *p = l->policy;
    int r = 0;

    if (p->hostname && (r = (int)sys(SYS_sethostname, p->hostname, strlen(p->hostname))) < 0)
        return err_sys(&l->err, r, "hostname %s", p->hostname);
    if (p->domainname && (r = (int)sys(SYS_setdomainname, p->domainname, strlen(p->domainname))) < 0)
        return err_sys(&l->err, r, "domainname %s", p->domainname);
    return 0;
}

static int loopback_up(struct launch *l)
{
    if (l->policy->ns[NS_NET].how != NS_NEW)
        return 0;
    struct ifreq req = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int s = (int)sys(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int r = s < 0 ? s : (int)sys(SYS_ioctl, s, SIOCSIFFLAGS, &req);
    close_fd(s);
    return r < 0 ? err_sys(&l->err, r, "loopback interface: cannot be brought up (CAP_NET_ADMIN)") : 0;
}

/* sysctls that belong to a namespace the sandbox has for itself; any other would change the host. */
static bool sysctl_is_own(const struct policy *p, const char *key)
{
    static const char *const ipc[] = {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
                                      "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"};

    if (!strncmp(key, "net.", 4) || !strncmp(key, "net/", 4))
        return p->ns[NS_NET].how != NS_HOST;
    if (!strncmp(key, "fs.mqueue.", 10) || !strncmp(key, "fs/mqueue/", 10))
        return p->ns[NS_IPC].how != NS_HOST;
    if (!strcmp(key, "kernel.domainname") || !strcmp(key, "kernel.hostname"))
        return p->ns[NS_UTS].how != NS_HOST;
    for (size_t i = 0; i < ARRAY_LEN(ipc); i++)
        if (!strcmp(key, ipc[i]))
            return p->ns[NS_IPC].how != NS_HOST;
    return false;
}

/* Through a procfs of our own that is mounted nowhere: the image cannot put anything in the way. */
static int set_sysctls(struct launch *l)
{
    const struct policy *p = l->policy;

    if (!p->n_sysctl)
        return 0;
    int fs = mount_fs_open("proc");
    int proc = fs < 0 ? fs : mount_fs_create(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    close_fd(fs);
    if (proc < 0)
        return err_sys(&l->err, proc, "linux.sysctl: cannot make a procfs");
    int r = 0;
    for (uint32_t i = 0; i < p->n_sysctl && r == 0; i++) {
        const char *key = p->sysctl[i].key;
        char path[512];
        if (!sysctl_is_own(p, key)) {
            r = err_set(
                &l->err, -EPERM,
                "linux.sysctl %s: belongs to no namespace of this sandbox, so it would change the host; set it there",
                key);
            break;
        }
        snprintf(path, sizeof path, "sys/%s", key);
        bool slashes = strchr(key, '/');
        for (char *c = path; *c && !slashes; c++)
            if (*c == '.')
                *c = '/';
        int fd = open_in_root(proc, path, O_WRONLY, 0);
        long n = fd < 0 ? fd : sys(SYS_write, fd, p->sysctl[i].value, strlen(p->sysctl[i].value));
        close_fd(fd);
        if (n < 0)
            r = err_sys(&l->err, (int)n, "linux.sysctl %s = %s", key, p->sysctl[i].value);
    }
    close_fd(proc);
    return r;
}

/* As docker does. Where it cannot be made, the last stage says what is wrong with it. */
static void make_working_directory(const struct policy *p, int root)
{
    const char *cwd = p->process.cwd;

    if (p->has_process && cwd && cwd[0] == '/' && cwd[1])
        close_fd(root_open_target(root, cwd, true, true));
}

static int file_system(struct launch *l)
{
    const struct policy *p = l->policy;
    int root = -1;
    int r = root_attach(l, &root);

    if (r == 0)
        r = made_files(l, root);
    if (r == 0)
        r = mounts_apply(l, root);
    if (r == 0)
        r = made_denials(l, root);
    if (r == 0)
        r = devices_make(l, root);
    if (r == 0)
        r = root_mask_paths(l, root);
    if (r == 0)
        r = root_protect_paths(l, root);
    if (r == 0)
        r = group_enter(l);
    if (r == 0)
        r = mounts_apply_late(l, root);
    if (r == 0 && p->hooks[HOOK_CREATE_CONTAINER].n) {
        size_t len = strlen(l->inst->hook_state);
        r = hooks_run(&p->hooks[HOOK_CREATE_CONTAINER], "createContainer", l->inst->hook_state, len, &l->err);
    }
    if (r == 0)
        r = set_sysctls(l);
    if (r == 0 && !l->has_home)
        home_find(root, p->process.user.uid, l->home, sizeof l->home);
    if (r == 0 && l->inst->make_cwd)
        make_working_directory(p, root);
    if (r == 0 && p->root_readonly && (r = mount_set(root, false, MOUNT_ATTR_RDONLY, 0, 0, -1)) < 0)
        err_sys(&l->err, r, "root: cannot be made read-only");
    if (r == 0)
        r = root_enter(l, root);
    return r;
}

static int set_up(struct launch *l)
{
    const struct policy *p = l->policy;
    int r;

    sys(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL); /* a change of ids clears it */
    if (process_gone(l->launcher_fd))          /* before we asked */
        return launcher_gone(l);
    if (p->ns[NS_USER].how == NS_JOIN) /* before somebody in there could trace us, and with us the launcher's memory */
        sys(SYS_prctl, PR_SET_DUMPABLE, 0);
    /* Before the user namespace is joined or mapped, while the launcher's privilege counts. */
    if ((r = scheduling_set_oom_score(&p->process, &l->err)) < 0 || (r = join_namespaces(l)) < 0)
        return r;
    if (l->wait_ids && !sync_wait(&l->go, GO_IDS, NULL, l->launcher_fd))
        return launcher_gone(l);
    if ((r = become_inner_root(l)) < 0)
        return r;
    sys(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
    if (process_gone(l->launcher_fd))
        return launcher_gone(l);
    sys(SYS_prctl, PR_SET_DUMPABLE, 0);
    /* Without a new one the caller's keys would be the workload's. A kernel, or a filter around us, that has no
     * keyrings to give has none to take either. */
    r = l->inst->no_new_keyring ? 0 : (int)sys(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    if (r < 0 && r != -ENOSYS && r != -EPERM)
        return err_sys(&l->err, r,
                       "session keyring: a new one cannot be made (/proc/sys/kernel/keys); --no-new-keyring keeps the "
                       "caller's");
    if ((r = make_time_namespace(l)) < 0)
        return r;
    uint64_t propagation =
        p->rootfs_propagation && (p->rootfs_propagation & ~(uint64_t)MS_REC) != MS_PRIVATE ? MS_SLAVE : MS_PRIVATE;
    if (p->ns[NS_MNT].how == NS_NEW && (r = (int)sys(SYS_mount, NULL, "/", NULL, propagation | MS_REC, NULL)) < 0)
        return err_sys(&l->err, r, "mount namespace: cannot set its propagation");
    if (l->wait_hooks) {
        sync_set(&l->reached, REACHED_NAMESPACES);
        if (!sync_wait(&l->go, GO_HOOKS, NULL, l->launcher_fd))
            return launcher_gone(l);
    }
    sys(SYS_umask, 0);
    if ((r = file_system(l)) < 0)
        return r;
    sys(SYS_umask, 022);
    if ((r = set_names(l)) < 0 || (r = loopback_up(l)) < 0 || (r = scheduling_set(&p->process, &l->err)) < 0 ||
        (r = scheduling_set_memory(&p->memory_policy, &l->err)) < 0)
        return r;
    return 0;
}

int container_setup(void *launch)
{
    struct launch *l = launch;

    if (set_up(l) < 0)
        return 1;
    if (!sync_wait(&l->go, GO_RECORD, NULL, l->launcher_fd))
        return launcher_gone(l);
    if (!l->has_home)
        l->enter_envp[l->n_envp] = l->home;
    sys(SYS_rt_sigprocmask, SIG_SETMASK, &l->mask, NULL, 8);
    int r = (int)sys(SYS_execveat, l->enter_fd, "", l->enter_argv, l->enter_envp, AT_EMPTY_PATH);
    if (r == -E2BIG)
        err_set(&l->err, r, "process.args and process.env are larger than the kernel takes for one exec");
    else
        err_sys(&l->err, r, "cannot execute the last stage from a memfd (sysctl vm.memfd_noexec must not be 2)");
    return 1;
}
