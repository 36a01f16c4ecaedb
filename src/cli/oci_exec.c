/* SPDX-License-Identifier: Apache-2.0 */
/* exec, ps. */
#include "base/io.h"
#include "base/json.h"
#include "cli/oci.h"
#include "host/unixsock.h"
#include "policy/flags.h"
#include "policy/names.h"
#include "sandbox/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESS_MAX (4u << 20)

static int parse_user(const char *text, struct process *pr, struct err *err)
{
    int64_t uid, gid = 0;
    char buf[64];
    const char *colon = strchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : strlen(text);

    if (n >= sizeof buf)
        return err_set(err, -EINVAL, "--user %s: UID[:GID] as numbers", text);
    memcpy(buf, text, n);
    buf[n] = 0;
    if (flag_parse_i64(buf, 0, UINT32_MAX - 1, &uid) < 0 ||
        (colon && flag_parse_i64(colon + 1, 0, UINT32_MAX - 1, &gid) < 0))
        return err_set(err, -EINVAL, "--user %s: UID[:GID] as numbers", text);
    pr->user.uid = (uint32_t)uid;
    if (colon)
        pr->user.gid = (uint32_t)gid;
    return 0;
}

static int parse_groups(struct oci *o, struct process *pr, struct err *err)
{
    const char *c = o->additional_gids;
    uint32_t *groups = arena_array(&o->arena, pr->user.n_groups + 64, sizeof *groups);
    uint32_t n = pr->user.n_groups, max = n + 64;

    if (!groups)
        return err_set(err, -ENOMEM, "no memory for groups");
    if (n)
        memcpy(groups, pr->user.groups, n * sizeof *groups);
    while (*c && n < max) {
        char *end;
        unsigned long v = strtoul(c, &end, 10);
        if (end == c || v >= UINT32_MAX || (*end && *end != ','))
            return err_set(err, -EINVAL, "--additional-gids %s: numbers with commas between", o->additional_gids);
        groups[n++] = (uint32_t)v;
        c = *end ? end + 1 : end;
    }
    pr->user.groups = groups;
    pr->user.n_groups = n;
    return 0;
}

static int add_env(struct oci *o, struct process *pr, struct err *err)
{
    char **v = arena_array(&o->arena, pr->env.n + o->n_env + 1, sizeof *v);
    uint32_t n = 0;

    if (!v)
        return err_set(err, -ENOMEM, "no memory for the environment");
    for (uint32_t i = 0; i < pr->env.n; i++) {
        bool replaced = false;
        for (uint32_t k = 0; k < o->n_env; k++) {
            size_t len = strcspn(o->env[k], "=");
            replaced |= !strncmp(pr->env.v[i], o->env[k], len) && pr->env.v[i][len] == '=';
        }
        if (!replaced)
            v[n++] = pr->env.v[i];
    }
    for (uint32_t k = 0; k < o->n_env; k++) {
        if (!strchr(o->env[k], '='))
            return err_set(err, -EINVAL, "--env %s: NAME=VALUE", o->env[k]);
        v[n++] = (char *)(uintptr_t)o->env[k];
    }
    pr->env = (struct strv){v, n};
    return 0;
}

static int process_from_flags(struct oci *o, struct process *pr, struct err *err)
{
    int r = 0;

    pr->terminal = o->tty;
    pr->argv = (struct strv){o->argv + 1, (uint32_t)(o->argc - 1)};
    if (o->argc < 2)
        return err_set(err, -EINVAL, "exec: no command given");
    if (o->cwd)
        pr->cwd = o->cwd;
    if (o->user)
        r = parse_user(o->user, pr, err);
    if (r == 0 && o->additional_gids)
        r = parse_groups(o, pr, err);
    if (r == 0 && o->n_env)
        r = add_env(o, pr, err);
    for (uint32_t i = 0; i < o->n_caps && r == 0; i++) {
        int cap = cap_from_name(o->caps[i]);
        if (cap < 0)
            return err_set(err, -EINVAL, "--cap %s: no such capability", o->caps[i]);
        uint64_t bit = 1ULL << cap;
        pr->caps.set = true;
        pr->caps.bounding |= bit;
        pr->caps.effective |= bit;
        pr->caps.permitted |= bit;
    }
    if (o->no_new_privs)
        pr->no_new_privs = true;
    return r;
}

static int read_process(struct oci *o, struct sandbox *sb, struct process *pr, struct err *err)
{
    char *text;
    size_t len;

    *pr = sb->policy.process;
    pr->rows = pr->cols = 0;
    if (!o->process_file)
        return process_from_flags(o, pr, err);
    int r = strcmp(o->process_file, "-") ? io_read_file(&o->arena, AT_FDCWD, o->process_file, PROCESS_MAX, &text, &len)
                                         : io_read_fd(&o->arena, 0, PROCESS_MAX, &text, &len);
    if (r < 0)
        return err_sys(err, r, "--process %s", o->process_file);
    *pr = (struct process){.cwd = "/"};
    r = policy_read_oci_process(&o->arena, pr, text, len, err);
    if (r < 0)
        return err_wrap(err, "--process %s", o->process_file);
    if (pr->apparmor_profile && *pr->apparmor_profile)
        return err_set(err, -ENOTSUP, "process.apparmorProfile %s: this build applies none; leave it out",
                       pr->apparmor_profile);
    if (pr->selinux_label && *pr->selinux_label)
        return err_set(err, -ENOTSUP, "process.selinuxLabel %s: this build applies none; leave it out",
                       pr->selinux_label);
    return 0;
}

static int check_state(struct oci *o, struct sandbox *sb, struct err *err)
{
    enum sandbox_status s = sandbox_status(sb);

    if (s == SANDBOX_PAUSED && !o->ignore_paused)
        return err_set(err, -EINVAL, "exec: container \"%s\" is paused; resume it, or use --ignore-paused", sb->id);
    if (s != SANDBOX_RUNNING && s != SANDBOX_CREATED && s != SANDBOX_PAUSED)
        return err_set(err, -EINVAL, "exec: container \"%s\" is %s", sb->id, sandbox_status_name(s));
    return 0;
}

int oci_exec(struct oci *o, struct err *err)
{
    struct sandbox sb;
    struct process pr;
    int pair[2] = {-1, -1}, status = 0;
    bool timed_out = false;
    sigset_t old;
    int r = oci_load(o, &sb, err);

    if (r < 0 || (r = check_state(o, &sb, err)) < 0 || (r = read_process(o, &sb, &pr, err)) < 0)
        return r;
    if (o->sub_cgroup && *o->sub_cgroup && strcmp(o->sub_cgroup, "/"))
        return err_set(err, -ENOTSUP, "exec --cgroup %s: sub-groups are not supported by this build", o->sub_cgroup);
    sb.inst.keep_fds = o->preserve_fds;
    sb.inst.die_with_launcher = !o->detach;
    if (pr.terminal && o->console_socket)
        r = sb.inst.console_socket = oci_console_connect(o->console_socket, err);
    else if (pr.terminal && o->detach)
        r = err_set(err, -EINVAL, "exec --detach with a terminal needs --console-socket");
    else if (pr.terminal && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        r = err_sys(err, -errno, "console socket");
    if (r < 0)
        return r;
    if (pair[0] >= 0) {
        fcntl(pair[0], F_SETFD, FD_CLOEXEC);
        sb.inst.console_socket = pair[1];
    }
    if (!o->detach) {
        console_block_signals(&old);
        sb.inst.child_mask = &old;
    }
    if ((r = sb.inst.boundary->exec(&sb.inst, &pr, err)) < 0)
        return r;
    if (pair[1] >= 0)
        close(pair[1]);
    if ((r = oci_write_pid_file(o->pid_file, sb.inst.exec_pid, err)) < 0 || o->detach)
        return r;
    struct wait_options w = {.pid = sb.inst.exec_pid,
                             .pidfd = -1,
                             .console_master = pair[0] >= 0 ? unixsock_receive_fd(pair[0], 0) : -1,
                             .stdin_fd = 0,
                             .stdout_fd = 1,
                             .keep_stdin = true,
                             .forward_signals = true};
    if ((r = console_wait(&w, &status, &timed_out, err)) < 0)
        return r;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The table is ps(1)'s own, of all processes, cut to those inside. */
static int print_ps(struct oci *o, const pid_t *pids, size_t n, struct err *err)
{
    char command[512] = "ps", line[4096];
    int column = -1;

    for (int i = 1; i < o->argc; i++)
        if (strspn(o->argv[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-,=%_.:") !=
                strlen(o->argv[i]) ||
            strlen(command) + strlen(o->argv[i]) + 2 > sizeof command)
            return err_set(err, -EINVAL, "ps: option %s is not understood", o->argv[i]);
        else
            strcat(strcat(command, " "), o->argv[i]);
    if (o->argc < 2)
        strcat(command, " -ef");
    FILE *ps = popen(command, "r");
    if (!ps)
        return err_sys(err, -errno, "ps");
    while (fgets(line, sizeof line, ps)) {
        char copy[4096], *save, *word;
        int field = 0;
        bool shown = false;
        strcpy(copy, line);
        for (word = strtok_r(copy, " \n", &save); word; word = strtok_r(NULL, " \n", &save), field++) {
            if (column < 0 && !strcmp(word, "PID")) {
                column = field;
                shown = true;
                break;
            }
            for (size_t i = 0; field == column && i < n; i++)
                shown |= atoi(word) == (int)pids[i];
        }
        if (shown)
            fputs(line, stdout);
    }
    return pclose(ps) ? err_set(err, -ENOENT, "%s: failed (is ps installed? ps --format json needs none)", command) : 0;
}

int oci_ps(struct oci *o, struct err *err)
{
    struct json_writer w = {0};
    struct sandbox sb;
    pid_t *pids = NULL;
    size_t n = 0;
    int r = oci_load(o, &sb, err);

    if (r < 0)
        return r;
    if (!sb.inst.cgroup.host)
        return err_set(err, -ENOTSUP, "ps: container \"%s\" has no cgroup to list", sb.id);
    if ((r = cgroup_pids(&sb.inst.cgroup, &o->arena, &pids, &n, err)) < 0)
        return r;
    if (!o->format || !strcmp(o->format, "table"))
        return print_ps(o, pids, n, err);
    if (strcmp(o->format, "json"))
        return err_set(err, -EINVAL, "ps --format %s: table or json", o->format);
    json_array_begin(&w, NULL);
    for (size_t i = 0; i < n; i++)
        json_int(&w, NULL, pids[i]);
    json_array_end(&w);
    puts(w.failed ? "[]" : w.buf);
    json_writer_free(&w);
    return fflush(stdout) ? err_sys(err, -errno, "standard output") : 0;
}
