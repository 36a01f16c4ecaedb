/* SPDX-License-Identifier: Apache-2.0 */
/* create, start, run, state, kill, delete, list. */
#include "base/io.h"
#include "base/json.h"
#include "cli/oci.h"
#include "host/unixsock.h"
#include "policy/names.h"
#include "sandbox/console.h"
#include "sandbox/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONFIG_MAX (16u << 20)

int oci_load(struct oci *o, struct sandbox *sb, struct err *err)
{
    int r = sandbox_open_root(sb, &o->arena, o->root, false, err);

    if (r == -ENOENT)
        return err_set(err, r, "container \"%s\" does not exist", o->argv[0]);
    return r < 0 ? r : sandbox_load(sb, o->argv[0], err);
}

int oci_console_connect(const char *path, struct err *err)
{
    int s = unixsock_connect(AT_FDCWD, path, SOCK_STREAM);

    if (s < 0)
        return err_sys(err, s, "--console-socket %s", path);
    fcntl(s, F_SETFD, 0); /* moat-enter's */
    return s;
}

int oci_write_pid_file(const char *path, pid_t pid, struct err *err)
{
    char text[16];

    if (!path)
        return 0;
    int n = snprintf(text, sizeof text, "%d", (int)pid);
    int r = io_replace_file(AT_FDCWD, path, text, (size_t)n, 0644);
    return r < 0 ? err_sys(err, r, "--pid-file %s", path) : 0;
}

static int read_bundle(struct oci *o, struct sandbox *sb, const char **config, size_t *len, struct err *err)
{
    char *bundle = arena_alloc(&o->arena, PATH_MAX), *text;

    if (!bundle || !realpath(o->bundle ? o->bundle : ".", bundle))
        return err_sys(err, bundle ? -errno : -ENOMEM, "bundle %s", o->bundle ? o->bundle : ".");
    sb->inst.bundle = bundle;
    const char *file = arena_printf(&o->arena, "%s/config.json", bundle);
    int r = file ? io_read_regular(&o->arena, file, CONFIG_MAX, &text, len) : -ENOMEM;
    if (r == -EFBIG)
        return err_set(err, r, "%s: larger than 16 MiB", file);
    if (r == -ENOTSUP)
        return err_set(err, r, "%s: is not a regular file", file);
    if (r < 0)
        return err_sys(err, r, "%s", file);
    *config = arena_strndup(&o->arena, text, *len); /* parsing changes the text */
    if (!*config)
        return err_set(err, -ENOMEM, "no memory for config.json");
    policy_init(&sb->policy, &o->arena, POLICY_FROM_OCI);
    if ((r = policy_read_oci(&sb->policy, text, *len, err)) < 0 || (r = policy_check(&sb->policy, err)) < 0)
        return err_wrap(err, "config.json");
    if (!sb->policy.root_path)
        return err_set(err, -EINVAL, "config.json: root.path is missing");
    sb->inst.root_path = sb->policy.root_path[0] == '/'
                             ? sb->policy.root_path
                             : arena_printf(&o->arena, "%s/%s", bundle, sb->policy.root_path);
    struct stat st;
    if (stat(sb->inst.root_path, &st) < 0 || !S_ISDIR(st.st_mode))
        return err_set(err, -ENOENT, "config.json: root.path %s is not a directory", sb->inst.root_path);
    return 0;
}

/* Everything a config.json asks for that this build cannot do is refused here, before anything is made. */
static int refuse_unsupported(const struct sandbox *sb, struct err *err)
{
    const struct policy *p = &sb->policy;

    if (p->process.apparmor_profile && *p->process.apparmor_profile)
        return err_set(err, -ENOTSUP, "process.apparmorProfile %s: this build applies none; leave it out",
                       p->process.apparmor_profile);
    if (p->process.selinux_label && *p->process.selinux_label)
        return err_set(err, -ENOTSUP, "process.selinuxLabel %s: this build applies none; leave it out",
                       p->process.selinux_label);
    if (p->n_net_devices && p->ns[NS_NET].how == NS_HOST)
        return err_set(err, -EINVAL, "linux.netDevices %s: needs a network namespace to move to",
                       p->net_devices[0].host_name);
    if (p->rdt.set)
        return err_set(err, -ENOTSUP, "linux.intelRdt: not supported by this build; leave it out");
    if (p->mount_label && *p->mount_label && sandbox_warn)
        sandbox_warn("linux.mountLabel is not applied: this build sets no SELinux labels");
    return 0;
}

static int make(struct oci *o, struct sandbox *sb, bool wait_start, struct err *err)
{
    const char *config = NULL;
    size_t len = 0;

    int r = sandbox_open_root(sb, &o->arena, o->root, true, err);
    if (r < 0 || (r = sandbox_check_id(o->argv[0], err)) < 0 || (r = read_bundle(o, sb, &config, &len, err)) < 0 ||
        (r = refuse_unsupported(sb, err)) < 0)
        return r;
    sb->maker = "moat-oci";
    sb->inst.boundary = &boundary_container;
    if ((r = oci_wasm(sb, err)) < 0)
        return r;
    sb->inst.wait_start = wait_start;
    sb->inst.no_pivot = o->no_pivot;
    sb->inst.no_new_keyring = o->no_new_keyring;
    sb->inst.keep_fds = o->preserve_fds;
    sb->inst.rootless = geteuid() != 0;
    sb->inst.cgroup_path = sandbox_cgroup_path(&o->arena, &sb->policy, o->argv[0], err);
    if (!sb->inst.cgroup_path)
        return err->code ? err->code : err_set(err, -ENOMEM, "no memory for the cgroup path");
    if ((r = cgroup_host_probe(&sb->cgroup_host, err)) < 0)
        return r;
    sb->inst.cgroups = &sb->cgroup_host;
    if ((r = sandbox_reserve(sb, o->argv[0], err)) < 0)
        return r;
    if ((r = sandbox_write_config(sb, config, len, err)) < 0)
        state_remove(sb);
    return r;
}

int oci_create(struct oci *o, struct err *err)
{
    struct sandbox sb;
    bool ready;
    int r = make(o, &sb, true, err);

    if (r < 0)
        return r;
    if (sb.policy.process.terminal && !o->console_socket)
        r = err_set(err, -EINVAL, "process.terminal is true, so create needs --console-socket");
    else if (!sb.policy.process.terminal && o->console_socket)
        r = err_set(err, -EINVAL, "--console-socket is given, but process.terminal is false");
    else if (o->console_socket)
        r = sb.inst.console_socket = oci_console_connect(o->console_socket, err);
    if (r < 0) {
        state_remove(&sb);
        return r;
    }
    if ((r = sandbox_create(&sb, err)) < 0)
        return r;
    r = sb.inst.boundary->settle(&sb.inst, &ready, err);
    if (r == 0 && !ready)
        r = err_set(err, -ECHILD,
                    "the container's process died before it was ready (out of memory or over its pid limit?)");
    if (r == 0)
        r = oci_write_pid_file(o->pid_file, sb.inst.pid, err);
    if (r < 0) {
        sandbox_delete(&sb, true, &(struct err){0});
        return r;
    }
    return 0;
}

int oci_start(struct oci *o, struct err *err)
{
    struct sandbox sb;
    int r = oci_load(o, &sb, err);

    return r < 0 ? r : sandbox_start(&sb, err);
}

static int exit_status(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

int oci_run(struct oci *o, struct err *err)
{
    struct sandbox sb;
    int pair[2] = {-1, -1}, status = 0;
    bool ready, timed_out = false;
    sigset_t old;
    int r = make(o, &sb, false, err);

    if (r < 0)
        return r;
    if (!sb.policy.has_process)
        r = err_set(err, -EINVAL, "config.json: process is missing, so there is nothing to run");
    else if (sb.policy.process.terminal && o->console_socket)
        r = sb.inst.console_socket = oci_console_connect(o->console_socket, err);
    else if (sb.policy.process.terminal && o->detach)
        r = err_set(err, -EINVAL, "process.terminal is true, so run --detach needs --console-socket");
    else if (sb.policy.process.terminal && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        r = err_sys(err, -errno, "console socket");
    if (pair[0] >= 0) {
        fcntl(pair[0], F_SETFD, FD_CLOEXEC);
        sb.inst.console_socket = pair[1];
    }
    if (r < 0) {
        state_remove(&sb);
        return r;
    }
    if (!o->detach) {
        console_block_signals(&old);
        sb.inst.child_mask = &old;
    }
    sb.inst.die_with_launcher = !o->detach;
    sb.foreground = !o->detach && !o->keep;
    if ((r = sandbox_create(&sb, err)) < 0)
        return r;
    if (pair[1] >= 0)
        close(pair[1]);
    int master = pair[0] >= 0 ? unixsock_receive_fd(pair[0], 0) : -1;
    if (o->detach || o->pid_file || sb.policy.hooks[HOOK_POSTSTART].n) {
        r = sb.inst.boundary->settle(&sb.inst, &ready, err);
        if (r == 0)
            r = oci_write_pid_file(o->pid_file, sb.inst.pid, err);
        if (r < 0) {
            sandbox_delete(&sb, true, &(struct err){0});
            return r;
        }
        sandbox_started(&sb, &(struct err){0});
    }
    if (o->detach)
        return 0;
    struct wait_options w = {.pid = sb.inst.pid,
                             .pidfd = sb.inst.pidfd,
                             .console_master = master,
                             .stdin_fd = 0,
                             .stdout_fd = 1,
                             .keep_stdin = true,
                             .forward_signals = true};
    r = console_wait(&w, &status, &timed_out, err);
    if (r == 0 && sb.inst.report_fd >= 0)
        r = sb.inst.boundary->settle(&sb.inst, &ready, err);
    if (o->keep && r == 0)
        return exit_status(status);
    struct err late = {0};
    sb.inst.pid = 0;
    int bad = sandbox_forget(&sb, &late);
    if (r == 0 && bad < 0) {
        *err = late;
        r = bad;
    }
    return r < 0 ? r : exit_status(status);
}

int oci_state(struct oci *o, struct err *err)
{
    struct json_writer w = {.indent = 2};
    struct sandbox sb;
    int r = oci_load(o, &sb, err);

    if (r < 0)
        return r;
    sandbox_write_state(&sb, &w);
    r = w.failed ? err_set(err, -ENOMEM, "no memory for the state document") : 0;
    if (r == 0)
        puts(w.buf);
    json_writer_free(&w);
    return r == 0 && fflush(stdout) ? err_sys(err, -errno, "standard output") : r;
}

int oci_kill(struct oci *o, struct err *err)
{
    struct sandbox sb;
    const char *name = o->argc > 1 ? o->argv[1] : "TERM";
    int signo = signal_from_name(name);
    int r = oci_load(o, &sb, err);

    if (r < 0)
        return r;
    if (signo < 0)
        return err_set(err, -EINVAL, "kill: unknown signal %s", name);
    enum sandbox_status s = sandbox_status(&sb);
    if (o->all && sb.inst.cgroup.host)
        return cgroup_signal_all(&sb.inst.cgroup, signo, err);
    if (s == SANDBOX_STOPPED || s == SANDBOX_CREATING)
        return err_set(err, -ESRCH, "kill: container \"%s\" is not running: it is %s (process already finished)", sb.id,
                       sandbox_status_name(s));
    r = sb.inst.boundary->signal(&sb.inst, signo, err);
    /* The kernel delivers SIGKILL to a frozen v1 group only once it is thawed. */
    if (r == 0 && signo == SIGKILL && s == SANDBOX_PAUSED)
        r = sb.inst.boundary->pause(&sb.inst, false, err);
    return r;
}

int oci_delete(struct oci *o, struct err *err)
{
    struct sandbox sb;
    int r = oci_load(o, &sb, err);

    if (r == -ENOENT && o->force) {
        *err = (struct err){0};
        return 0;
    }
    return r < 0 ? r : sandbox_delete(&sb, o->force, err);
}

int oci_list_all(struct oci *o, struct err *err)
{
    struct json_writer w = {0};
    struct sandbox root;
    char **ids = NULL;
    size_t n = 0;
    bool json = o->format && !strcmp(o->format, "json");
    int r = sandbox_open_root(&root, &o->arena, o->root, false, err);

    if (r < 0 && r != -ENOENT)
        return r;
    if (r == 0 && (r = sandbox_list(&root, &ids, &n, err)) < 0)
        return r;
    if (o->format && !json && strcmp(o->format, "table"))
        return err_set(err, -EINVAL, "list --format %s: table or json", o->format);
    if (!json && !o->quiet)
        printf("%-32s %-8s %-10s %-40s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED");
    json_array_begin(&w, NULL);
    for (size_t i = 0; i < n; i++) {
        struct sandbox sb;
        struct err e = {0};
        if (o->quiet && !json) {
            puts(ids[i]);
            continue;
        }
        if (sandbox_open_root(&sb, &o->arena, o->root, false, &e) < 0 || sandbox_load(&sb, ids[i], &e) < 0)
            continue; /* deleted meanwhile */
        if (json)
            sandbox_write_state(&sb, &w);
        else
            printf("%-32s %-8d %-10s %-40s %s\n", ids[i], (int)sb.inst.pid, sandbox_status_name(sandbox_status(&sb)),
                   sb.inst.bundle, sb.created ? sb.created : "-");
        cgroup_close(&sb.inst.cgroup);
        close(sb.inst.state_fd);
        close(sb.root_fd);
        if (sb.inst.pidfd >= 0)
            close(sb.inst.pidfd);
    }
    json_array_end(&w);
    if (json && !w.failed)
        puts(w.buf);
    json_writer_free(&w);
    return fflush(stdout) ? err_sys(err, -errno, "standard output") : 0;
}
