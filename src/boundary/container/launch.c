/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launcher's side of a container: everything that needs the host's view or privilege, in a fixed order. Opens
 * namespaces, the root and bind sources; makes the cgroup; clones the set-up stage; writes id maps; shifts trees into
 * the user namespace; runs runtime hooks; reads the reports. On failure all that was made is undone before returning.
 */
#include "base/io.h"
#include "boundary/container/container.h"
#include "boundary/container/sync.h"
#include "guest/enter.h"
#include "host/clone.h"
#include "host/idmap.h"
#include "host/mountapi.h"
#include "host/netlink.h"
#include "host/unixsock.h"
#include "policy/names.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Below this the kernel kills the set-up stage for memory, and with it the launcher, whose memory it shares. */
#define MEMORY_LEAST (128 * 1024)
/* The kernel's work grows with the square of mounts that lie over each other: this is seconds, ten times as much is
 * hours. */
#define MOUNTS_MOST 10000
/* Of the start alone, not of the policy: the number is another at each. */
#define HANDED_VARIABLE "MOAT_HANDED_FD="

static char setup_stack[256 * 1024] __attribute__((aligned(64)));

static int open_namespaces(struct launch *l, struct err *err)
{
    const struct policy *p = l->policy;

    for (int kind = 0; kind < NS_KINDS; kind++) {
        l->ns_fds[kind] = -1;
        if (p->ns[kind].how == NS_NEW && kind != NS_CGROUP && kind != NS_TIME)
            l->clone_flags |= ns_clone_flag(kind);
        if (p->ns[kind].how != NS_JOIN)
            continue;
        l->ns_fds[kind] = open(p->ns[kind].path, O_RDONLY | O_CLOEXEC);
        if (l->ns_fds[kind] < 0)
            return err_sys(err, -errno, "linux.namespaces %s: %s", ns_name(kind), p->ns[kind].path);
        if (ioctl_ns_type(l->ns_fds[kind]) != (int)ns_clone_flag(kind))
            return err_set(err, -EINVAL, "linux.namespaces %s: %s is not a %s namespace", ns_name(kind),
                           p->ns[kind].path, ns_name(kind));
    }
    if (p->ns[NS_MNT].how != NS_NEW && l->inst->root_path && !strcmp(l->inst->root_path, "/"))
        return err_set(err, -EINVAL,
                       "root.path / without a mount namespace of its own: the host's root cannot be the sandbox's");
    if (p->n_net_devices && p->ns[NS_NET].how == NS_HOST)
        return err_set(err, -EINVAL, "linux.netDevices %s: needs a network namespace (add {\"type\": \"network\"})",
                       p->net_devices[0].host_name);
    l->own_user_ns = p->ns[NS_USER].how != NS_HOST;
    return 0;
}

static const char *in_bundle(struct instance *inst, const char *path)
{
    return !path || path[0] == '/' ? path : arena_printf(inst->arena, "%s/%s", inst->bundle, path);
}

/* Whether the set-up stage can open bind sources itself, which keeps the kernel's list of mounts in the policy's order:
 * not with other ids than ours, and not where a tree must be id-mapped. */
static bool opened_by_setup(const struct launch *l, const struct mount_rule *m)
{
    /* A tree through which mounts shall reach the host ("rshared" in a sandbox that is itself so) is copied where it is
     * still the host's own: the set-up stage has only slaves. */
    bool both_ways = m->propagation & MS_SHARED && l->policy->rootfs_propagation & MS_SHARED;

    return l->inst->rootless || (!l->own_user_ns && m->idmap == IDMAP_NO && !both_ways);
}

static bool lies_below(const struct strv *paths, const char *dir)
{
    size_t n = strlen(dir);

    for (uint32_t i = 0; i < paths->n; i++)
        if (!strncmp(paths->v[i], dir, n))
            return true;
    return false;
}

/* The cgroup mount can be made behind masks and devices, when the group is ready, if nothing lies below it: its index.
 */
static int64_t late_cgroup_mount(const struct policy *p)
{
    const struct mount_rule *last = p->n_mounts ? &p->mounts[p->n_mounts - 1] : NULL;

    if (!last || last->bind || !last->type || strncmp(last->type, "cgroup", 6) ||
        lies_below(&p->masked_paths, last->destination) || lies_below(&p->readonly_paths, last->destination))
        return -1;
    return p->n_mounts - 1;
}

/* The root and, where needed, bind sources are opened here, where host paths can be reached. */
static int open_trees(struct launch *l, struct err *err)
{
    struct instance *inst = l->inst;
    const struct policy *p = l->policy;

    l->mount_fds = arena_array(inst->arena, p->n_mounts + 1, sizeof *l->mount_fds);
    l->mount_sources = arena_array(inst->arena, p->n_mounts + 1, sizeof *l->mount_sources);
    if (!l->mount_fds || !l->mount_sources)
        return err_set(err, -ENOMEM, "no memory for mounts");
    for (uint32_t i = 0; i < p->n_mounts; i++) {
        l->mount_fds[i] = MOUNT_LATER;
        l->mount_sources[i] = p->mounts[i].bind ? in_bundle(inst, p->mounts[i].source) : NULL;
    }
    l->late_mount = late_cgroup_mount(p);
    if (inst->rootless)
        return 0;
    if (p->private_root) {
        ; /* the set-up stage makes it */
    } else if (inst->layers.data_dir) {
        l->data_fd = mount_clone(AT_FDCWD, inst->layers.data_dir, false);
        if (l->data_fd < 0)
            return err_sys(err, l->data_fd, "image directory %s: cannot be copied as a mount%s", inst->layers.data_dir,
                           l->data_fd == -EPERM ? ", which needs CAP_SYS_ADMIN" : "");
    } else {
        l->root_fd = mount_clone(AT_FDCWD, inst->root_path, true);
        if (l->root_fd == -EINVAL)
            return err_sys(
                err, l->root_fd,
                "root %s: cannot be copied as a mount (is this process in a chroot? enter it with pivot_root instead)",
                inst->root_path);
        if (l->root_fd == -EPERM)
            return err_sys(err, l->root_fd, "root %s: cannot be copied as a mount, which needs CAP_SYS_ADMIN",
                           inst->root_path);
        if (l->root_fd == -ENOSPC)
            return err_sys(err, l->root_fd,
                           "root %s: cannot be copied as a mount (sysctl fs.mount-max or user.max_mnt_namespaces)",
                           inst->root_path);
        if (l->root_fd < 0)
            return err_sys(err, l->root_fd, "root %s", inst->root_path);
    }
    for (uint32_t i = 0; i < p->n_paths && l->shut_fd < 0; i++)
        if (p->paths[i].verdict == PATH_DENY && (l->shut_fd = made_shut_tree(&l->shut_file_fd)) < 0)
            return err_sys(err, l->shut_fd, "deny %s: cannot make what covers it", p->paths[i].guest);
    for (uint32_t i = 0; i < p->n_mounts; i++) {
        const struct mount_rule *m = &p->mounts[i];
        if (!m->bind || opened_by_setup(l, m))
            continue;
        const char *source = l->mount_sources[i];
        l->mount_fds[i] = mount_open_rule(p, m, source);
        if (l->mount_fds[i] < 0 && !(l->mount_fds[i] == -ENOENT && m->optional))
            return err_sys(err, l->mount_fds[i], "mount %s: source %s", m->destination, source ? source : "(none)");
    }
    return 0;
}

/* The group's directories as trees, for a `cgroup` mount. */
static int open_cgroup_trees(struct launch *l, struct err *err)
{
    const struct cgroup *cg = &l->inst->cgroup;
    bool wanted = false;

    for (uint32_t i = 0; i < l->policy->n_mounts; i++)
        wanted |= l->policy->mounts[i].type && !strncmp(l->policy->mounts[i].type, "cgroup", 6);
    for (uint32_t i = 0; wanted && !l->inst->rootless && cg->host && i < cg->host->n; i++) {
        if (cg->dir_fds[i] < 0)
            continue;
        l->cgroup_fds[i] = mount_clone(cg->dir_fds[i], "", false);
        if (l->cgroup_fds[i] < 0)
            return err_sys(err, l->cgroup_fds[i], "cgroup %s%s: cannot be shown inside", cg->host->h[i].mountpoint,
                           cg->path);
    }
    return 0;
}

/* The rest of the group, while the set-up stage mounts: it joins when it has nothing else to do. */
static int finish_group(struct launch *l, struct err *err)
{
    struct instance *inst = l->inst;
    const struct resources *rs = &l->policy->resources;

    if (!l->wait_group)
        return 0;
    int r = cgroup_make(&inst->cgroup, inst->cgroups, inst->cgroup_path, rs, CGROUP_PART_V1, err);
    if (r < 0) /* taken back already, but for the v2 group, in which the set-up stage is until give_up() */
        return r;
    group_note_owner(inst);
    if ((r = cgroup_apply(&inst->cgroup, rs, false, err)) == 0 && (r = open_cgroup_trees(l, err)) == 0)
        sync_set(&l->go, GO_GROUP);
    return r;
}

/* ---- after the clone ---------------------------------------------------------------------------------------- */

static int shift_tree(int tree, bool recursive, int userns, const char *what, struct err *err)
{
    int r = mount_set(tree, recursive, MOUNT_ATTR_IDMAP, 0, 0, userns);

    if (r == -EINVAL)
        return err_set(err, r,
                       "%s: its file system cannot be id-mapped (overlay, network file systems); use --userns host, or "
                       "copy it to a local file system",
                       what);
    return r < 0 ? err_sys(err, r, "%s: cannot be id-mapped", what) : 0;
}

/* Container uid 0 owns what the source's owner owns; everybody else keeps a place of his own; what belongs to the
 * host's root is nobody's inside, unless it is the owner. */
static int bind_owner_map(struct launch *l, int tree, int own_userns, int *userns, struct err *err)
{
    const struct id_maps *maps = &l->policy->uid_maps;
    struct stat st;

    if (fstatat(tree, "", &st, AT_EMPTY_PATH) < 0)
        return err_sys(err, -errno, "bind source");
    if (maps->n != 1 || maps->v[0].inside != 0 || (st.st_uid == 0 && st.st_gid == 0)) {
        *userns = own_userns;
        return 0;
    }
    struct id_map uid[3], gid[3];
    struct id_maps u = {uid, idmap_owner(st.st_uid, &maps->v[0], uid)},
                   g = {gid, idmap_owner(st.st_gid, &maps->v[0], gid)};
    return idmap_userns(&u, &g, userns, err);
}

static int shift_binds(struct launch *l, int own_userns, struct err *err)
{
    const struct policy *p = l->policy;

    for (uint32_t i = 0; i < p->n_mounts; i++) {
        const struct mount_rule *m = &p->mounts[i];
        int userns = -1, r = 0;
        if (l->mount_fds[i] < 0 || m->idmap == IDMAP_NO)
            continue;
        if (m->uid_maps.n || m->gid_maps.n)
            r = idmap_userns(&m->uid_maps, &m->gid_maps, &userns, err);
        else if (l->inst->idmap_binds)
            r = bind_owner_map(l, l->mount_fds[i], own_userns, &userns, err);
        else
            userns = own_userns;
        if (r == 0 && userns < 0)
            r = err_set(err, -EINVAL, "mount %s: idmap needs uidMappings, or a user namespace", m->destination);
        const char *what = r < 0 ? "" : arena_printf(l->inst->arena, "mount %s (source %s)", m->destination, m->source);
        if (r == 0)
            r = shift_tree(l->mount_fds[i], m->idmap == IDMAP_RECURSIVE || m->recursive, userns, what, err);
        if (userns >= 0 && userns != own_userns)
            close(userns);
        if (r < 0)
            return r;
    }
    return 0;
}

static int write_ids(struct launch *l, struct err *err)
{
    struct instance *inst = l->inst;
    char path[64];

    if (l->policy->ns[NS_USER].how == NS_NEW) {
        int r = idmap_write(inst->pid, &l->policy->uid_maps, &l->policy->gid_maps, inst->rootless, err);
        if (r < 0)
            return r;
    }
    bool trees = inst->idmap_root || inst->idmap_binds;
    for (uint32_t i = 0; i < l->policy->n_mounts; i++)
        trees |= l->policy->mounts[i].idmap != IDMAP_NO;
    if (!trees || inst->rootless)
        return 0;
    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)inst->pid);
    _cleanup_fd_ int userns = l->own_user_ns ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    int r = 0;
    if (inst->idmap_root && userns >= 0)
        r = shift_tree(l->data_fd >= 0 ? l->data_fd : l->root_fd, false, userns,
                       inst->root_path ? inst->root_path : "image", err);
    return r < 0 ? r : shift_binds(l, userns, err);
}

static int raise_limits(struct launch *l, struct err *err)
{
    const struct process *pr = &l->policy->process;

    for (uint32_t i = 0; i < pr->n_rlimits; i++) {
        const struct rlimit_rule *want = &pr->rlimits[i];
        struct rlimit have;
        if (getrlimit((unsigned)want->resource, &have) < 0 || want->hard <= (uint64_t)have.rlim_max)
            continue;
        struct rlimit raised = {have.rlim_cur, (rlim_t)want->hard};
        if (prlimit(l->inst->pid, (unsigned)want->resource, &raised, NULL) < 0)
            return err_set(err, -errno,
                           "process.rlimits %s: hard limit %llu is above the %llu in force here, and raising it needs "
                           "CAP_SYS_RESOURCE, which this process lacks; lower the value",
                           rlimit_name(want->resource), (unsigned long long)want->hard,
                           (unsigned long long)have.rlim_max);
    }
    return 0;
}

static int runtime_hooks(struct launch *l, struct err *err)
{
    struct instance *inst = l->inst;
    const struct policy *p = l->policy;
    size_t len = 0;

    if (!l->wait_hooks)
        return 0;
    if (!sync_wait(&l->reached, REACHED_NAMESPACES, &l->alive, -1))
        return 0; /* died first: its error is taken up by the caller */
    for (uint32_t i = 0; i < p->n_net_devices; i++) {
        int r = netlink_move_device(p->net_devices[i].host_name, p->net_devices[i].name, inst->pid, err);
        if (r < 0)
            return err_wrap(err, "linux.netDevices %s", p->net_devices[i].host_name);
    }
    /* prestart is older than the states' names and expects "created" (runtime-spec 1.0); the others run while creating.
     */
    const char *created = state_json(inst, "created", inst->pid, &len);
    if (!created)
        return err_set(err, -ENOMEM, "no memory for the state document");
    int r = hooks_run(&p->hooks[HOOK_PRESTART], "prestart", created, len, err);
    inst->hook_state = state_json(inst, "creating", inst->pid, &len);
    if (!inst->hook_state)
        return err_set(err, -ENOMEM, "no memory for the state document");
    if (r == 0)
        r = hooks_run(&p->hooks[HOOK_CREATE_RUNTIME], "createRuntime", inst->hook_state, len, err);
    return r;
}

/* Processes that share memory share their OOM score: what the set-up stage sets for itself it sets for us. Ours is put
 * back once it has memory of its own. */
static void own_oom_score(const struct process *pr, char value[16], bool restore)
{
    if (!pr->oom_score_adj.set)
        return;
    if (!restore && io_read_small(AT_FDCWD, "/proc/self/oom_score_adj", value, 16) <= 0)
        value[0] = 0;
    if (restore && value[0])
        io_write_at(AT_FDCWD, "/proc/self/oom_score_adj", value);
}

/* ---- the clone ---------------------------------------------------------------------------------------------- */

static int clone_setup(struct launch *l, struct err *err)
{
    struct instance *inst = l->inst;
    int pidfd = -1, own_pid_ns = -1;

    if (l->ns_fds[NS_PID] >= 0) {
        own_pid_ns = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
        if (own_pid_ns < 0 || setns(l->ns_fds[NS_PID], CLONE_NEWPID) < 0) {
            close_fd(own_pid_ns);
            return err_sys(err, -errno, "linux.namespaces pid: cannot join %s", l->policy->ns[NS_PID].path);
        }
    }
    /* By it the set-up stage sees, in whatever pid namespace, that we died before it asked for a signal. */
    l->launcher_fd = (int)sys(SYS_pidfd_open, getpid(), 0);
    if (l->launcher_fd < 0)
        return err_sys(err, l->launcher_fd, "cannot open ourselves as a pidfd (Linux 5.3)");
    atomic_store(&l->alive, 1);
    struct clone_args args = {
        .flags = l->clone_flags | CLONE_VM | CLONE_FILES | CLONE_PIDFD | CLONE_CHILD_CLEARTID,
        .pidfd = (uint64_t)(uintptr_t)&pidfd,
        .child_tid = (uint64_t)(uintptr_t)&l->alive,
        .exit_signal = SIGCHLD,
        .stack = (uint64_t)(uintptr_t)setup_stack,
        .stack_size = sizeof setup_stack,
    };
    int group = inst->cgroup.host ? cgroup_clone_fd(&inst->cgroup) : -1;
    if (group >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)group;
    }
    long pid = clone3_call(&args, container_setup, l);
    if (own_pid_ns >= 0) {
        setns(own_pid_ns, CLONE_NEWPID);
        close(own_pid_ns);
    }
    if (pid == -EACCES && group >= 0)
        return err_set(err, (int)pid,
                       "cgroup %s: the kernel lets nobody into it from the group that this process is in: start it "
                       "from where it was made, or from another group that is given to you (moat boundaries)",
                       inst->cgroup_path);
    if (pid == -EPERM)
        return err_set(err, (int)pid,
                       "cannot make namespaces: this needs CAP_SYS_ADMIN, or a user namespace (and those are refused "
                       "to a process in a chroot and where user.max_user_namespaces is 0)");
    if (pid == -ENOSPC || pid == -EUSERS)
        return err_sys(err, (int)pid, "cannot make %s: a limit in /proc/sys/user/ is 0 or reached%s",
                       l->clone_flags & CLONE_NEWUSER ? "a user namespace, or another one" : "namespaces",
                       l->clone_flags & CLONE_NEWUSER ? " (sysctl user.max_user_namespaces; without one: --userns host)"
                                                      : "");
    if (pid < 0)
        return err_sys(err, (int)pid, "cannot make the container's process%s",
                       pid == -EAGAIN ? ": a limit on processes is reached (ulimit -u, or pids.max of a cgroup)" : "");
    inst->pid = (pid_t)pid;
    inst->pidfd = pidfd;
    return 0;
}

static int start_socket(struct instance *inst, struct err *err)
{
    int s = unixsock_listen(inst->state_fd, "start.sock", SOCK_STREAM, 4);

    if (s < 0)
        return err_sys(err, s, "start socket in the state directory");
    fcntl(s, F_SETFD, 0); /* moat-enter's */
    return s;
}

static int listener_socket(const char *path, struct err *err)
{
    int s = unixsock_connect(AT_FDCWD, path, SOCK_STREAM);

    if (s < 0)
        return err_sys(err, s, "linux.seccomp.listenerPath %s: no agent listens there", path);
    fcntl(s, F_SETFD, 0); /* moat-enter's */
    return s;
}

/* The launcher's pipe end is close-on-exec only for its own later children: the set-up stage passes it to moat-enter.
 */
static int make_record(struct launch *l, int report_fd, struct err *err)
{
    struct instance *inst = l->inst;
    const struct policy *p = l->policy;
    struct enter_request rq = {.process = &p->process,
                               .policy = p,
                               .report_fd = report_fd,
                               .start_fd = -1,
                               .listener_fd = -1,
                               .console_fd = -1,
                               .lifeline_fd = inst->lifeline,
                               .handed_fd = inst->handed_fd,
                               .program_fd = inst->program_fd,
                               .keep_fds = inst->keep_fds,
                               .set_groups = !inst->rootless || !idmap_is_single(&p->gid_maps)};
    int time_ns[] = {l->ns_fds[NS_TIME], -1};

    if (l->ns_fds[NS_TIME] >= 0) {
        fcntl(time_ns[0], F_SETFD, 0);
        rq.ns_fds = time_ns;
    }
    if (inst->wait_start) {
        rq.flags |= ENTER_WAIT_START;
        if ((rq.start_fd = start_socket(inst, err)) < 0)
            return rq.start_fd;
    }
    /* A session of its own always: in the launcher's, /dev/tty is the user's terminal, and TIOCSTI types into his
     * shell. */
    rq.flags |= ENTER_SETSID | (inst->die_with_launcher ? ENTER_PDEATHSIG : 0) | (p->init ? ENTER_INIT : 0);
    if (p->process.terminal) {
        rq.flags |= ENTER_CONSOLE | ENTER_CTTY | ENTER_CONSOLE_MOUNT;
        rq.console_fd = inst->console_socket;
    }
    if (p->seccomp.set && p->seccomp.listener_path) {
        if ((rq.listener_fd = listener_socket(p->seccomp.listener_path, err)) < 0)
            return rq.listener_fd;
        rq.seccomp_state = state_json_seccomp(inst, 0);
    } else if (inst->listener_socket >= 0) {
        rq.listener_fd = inst->listener_socket;
        rq.seccomp_state = inst->id;
    }
    if (p->hooks[HOOK_START_CONTAINER].n)
        rq.hook_state = state_json(inst, "created", 0, NULL);
    int r = record_make(inst, &rq, &l->enter_fd, &l->enter_argv, err);
    return r;
}

static int make_environment(struct launch *l, struct err *err)
{
    const struct strv *env = &l->policy->process.env;
    int handed = l->inst->handed_fd;

    l->enter_envp = arena_array(l->inst->arena, env->n + 3, sizeof *l->enter_envp);
    if (!l->enter_envp)
        return err_set(err, -ENOMEM, "no memory for process.env");
    for (uint32_t i = 0; i < env->n; i++) {
        if (handed >= 0 && !strncmp(env->v[i], HANDED_VARIABLE, strlen(HANDED_VARIABLE)))
            continue; /* ours is the one that is true */
        l->enter_envp[l->n_envp++] = env->v[i];
        if (!strncmp(env->v[i], "HOME=", 5))
            l->has_home = true;
    }
    if (handed >= 0 && !(l->enter_envp[l->n_envp++] = arena_printf(l->inst->arena, HANDED_VARIABLE "%d", handed)))
        return err_set(err, -ENOMEM, "no memory for process.env");
    return 0;
}

static void nothing_open(struct launch *l)
{
    l->enter_fd = l->root_fd = l->data_fd = l->proc_fd = l->sys_fd = l->shut_fd = l->shut_file_fd = -1;
    for (uint32_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
        l->cgroup_fds[i] = -1;
    for (int i = 0; i < NS_KINDS; i++)
        l->ns_fds[i] = -1;
}

static int prepare(struct launch *l, int *report_fd, struct err *err)
{
    struct instance *inst = l->inst;
    const struct policy *p = l->policy;
    int report[2], r;

    nothing_open(l);
    if (p->n_mounts > MOUNTS_MOST)
        return err_set(err, -E2BIG, "mounts: %u entries; at most %d are made", p->n_mounts, MOUNTS_MOST);
    if (p->resources.memory.limit.set && p->resources.memory.limit.v > 0 && p->resources.memory.limit.v < MEMORY_LEAST)
        return err_set(err, -EINVAL,
                       "linux.resources.memory.limit: %lld is less than a start takes; raise it to 128 KiB or more",
                       (long long)p->resources.memory.limit.v);
    if ((r = open_namespaces(l, err)) < 0 || (r = open_trees(l, err)) < 0 || (r = make_environment(l, err)) < 0)
        return r;
    if (inst->layers.data_dir) {
        const struct layered_root *y = &inst->layers;
        l->overlay_data[0] = y->lower;
        l->overlay_data[1] = y->upper;
        l->overlay_data[2] = y->upper ? y->work : NULL;
    }
    if (inst->cgroups && inst->cgroups->n && inst->cgroup_path) {
        l->wait_group = true;
        if ((r = cgroup_make(&inst->cgroup, inst->cgroups, inst->cgroup_path, &p->resources, CGROUP_PART_V2, err)) < 0)
            return r;
    }
    if (pipe2(report, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "report pipe");
    inst->report_fd = report[0];
    *report_fd = report[1];
    fcntl(report[1], F_SETFD, 0);
    return 0;
}

static void close_trees(struct launch *l)
{
    close_fd(l->root_fd);
    close_fd(l->shut_fd);
    close_fd(l->shut_file_fd);
    close_fd(l->proc_fd);
    close_fd(l->sys_fd);
    close_fd(l->data_fd);
    close_fd(l->enter_fd);
    if (l->launcher_fd > 0)
        close_fd(l->launcher_fd);
    for (uint32_t i = 0; l->mount_fds && i < l->policy->n_mounts; i++)
        close_fd(l->mount_fds[i]);
    for (uint32_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
        close_fd(l->cgroup_fds[i]);
    for (int i = 0; i < NS_KINDS; i++)
        close_fd(l->ns_fds[i]);
}

static int give_up(struct instance *inst)
{
    struct err ignored = {0};

    if (inst->pid > 0) {
        kill(inst->pid, SIGKILL);
        while (waitpid(inst->pid, NULL, __WALL) < 0 && errno == EINTR)
            ;
        inst->pid = 0;
    }
    close_fd(inst->pidfd);
    close_fd(inst->report_fd);
    inst->pidfd = inst->report_fd = -1;
    if (inst->cgroup.host) {
        int r = cgroup_remove(&inst->cgroup, &ignored);
        cgroup_close(&inst->cgroup);
        if (r == 0)
            inst->cgroup.host = NULL;
    }
    return 0;
}

int container_create(struct instance *inst, struct err *err)
{
    struct launch *l = arena_alloc(inst->arena, sizeof *l);
    const struct policy *p = inst->policy;
    int report_fd = -1;
    char oom_score[16];

    inst->pid = 0;
    inst->pidfd = inst->report_fd = -1;
    if (!l)
        return err_set(err, -ENOMEM, "no memory for the launch");
    l->inst = inst;
    l->policy = p;
    own_oom_score(&p->process, oom_score, false);
    sigprocmask(SIG_SETMASK, NULL, &l->mask);
    if (inst->child_mask)
        l->mask = *inst->child_mask;
    int r = prepare(l, &report_fd, err);
    l->wait_ids = l->own_user_ns || p->process.n_rlimits || inst->idmap_root || inst->idmap_binds;
    for (uint32_t i = 0; i < p->n_mounts; i++)
        l->wait_ids |= p->mounts[i].idmap != IDMAP_NO;
    l->wait_hooks = p->hooks[HOOK_PRESTART].n || p->hooks[HOOK_CREATE_RUNTIME].n || p->hooks[HOOK_CREATE_CONTAINER].n ||
                    p->n_net_devices;
    if (r == 0) {
        streams_hand_over(inst, &p->process);
        r = clone_setup(l, err);
    }
    if (r == 0 && l->wait_ids) {
        r = write_ids(l, err);
        if (r == 0)
            r = raise_limits(l, err);
        if (r == 0)
            sync_set(&l->go, GO_IDS);
    }
    if (r == 0)
        r = finish_group(l, err);
    /* While the set-up stage mounts: compiling the filter takes its time, and only the last stage needs it. */
    if (r == 0 && (r = make_record(l, report_fd, err)) == 0)
        sync_set(&l->go, GO_RECORD);
    if (r == 0) {
        r = runtime_hooks(l, err);
        if (r == 0 && l->wait_hooks)
            sync_set(&l->go, GO_HOOKS);
    }
    if (r == 0) {
        /* Cleared by the kernel when the set-up stage executes moat-enter or dies. */
        while (atomic_load(&l->alive)) {
            uint32_t v = atomic_load(&l->alive);
            if (v)
                sys(SYS_futex, &l->alive, FUTEX_WAIT, v, NULL, NULL, 0);
        }
        own_oom_score(&p->process, oom_score, true);
        if (l->err.code) {
            *err = l->err;
            r = l->err.code;
        }
    }
    close_fd(report_fd);
    close_trees(l);
    if (r < 0)
        give_up(inst);
    return r;
}

/* ---- reports and start -------------------------------------------------------------------------------------- */

static int read_report(int fd, struct enter_report *rep)
{
    ssize_t n;

    do
        n = read(fd, rep, sizeof *rep);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof *rep ? 1 : n == 0 ? 0 : -EIO;
}

int container_settle(struct instance *inst, bool *ready, struct err *err)
{
    struct enter_report rep;
    int r;

    *ready = false;
    while ((r = read_report(inst->report_fd, &rep)) > 0) {
        if (rep.stage == ENTER_READY)
            *ready = true;
        else if (rep.stage >= ENTER_FAILED_BASE)
            return report_to_err(inst, &inst->policy->process, &rep, err);
    }
    close_fd(inst->report_fd);
    inst->report_fd = -1;
    return r < 0 ? err_sys(err, r, "report of the last stage") : 0;
}

int container_start(struct instance *inst, struct err *err)
{
    struct enter_report rep;
    char order = ENTER_ORDER_START;
    _cleanup_fd_ int s = unixsock_connect(inst->state_fd, "start.sock", SOCK_STREAM);

    if (s < 0)
        return err_sys(err, s, "cannot start: the created process does not listen any more");
    if (write(s, &order, 1) != 1)
        return err_sys(err, -errno, "cannot start");
    int r = read_report(s, &rep);
    if (r > 0)
        return report_to_err(inst, &inst->policy->process, &rep, err);
    unlinkat(inst->state_fd, "start.sock", 0);
    return 0;
}
