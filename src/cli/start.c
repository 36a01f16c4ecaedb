/* SPDX-License-Identifier: Apache-2.0 */
/* `moat start`, `stop`, `restart`, `attach`: the commands that move a kept sandbox from one state to another through
 * its monitor. */
#include "base/clock.h"
#include "cli/attach.h"
#include "cli/commands.h"
#include "cli/make.h"
#include "cli/sandboxes.h"
#include "policy/flags.h"
#include "policy/names.h"
#include "sandbox/events.h"
#include "sandbox/monitor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCK_MS    20000
#define STOP_TRIES 100

enum {
    OPTION_ATTACH,
    OPTION_INTERACTIVE,
    OPTION_DETACH_KEYS,
    OPTION_TIME,
    OPTION_SIGNAL,
    OPTION_NO_STDIN,
    OPTION_SIG_PROXY
};

const struct option_row start_options[] = {
    {"attach", 'a', NULL, "Show its output, and end with its exit status", OPTION_ATTACH},
    {"interactive", 'i', NULL, "Connect the standard input", OPTION_INTERACTIVE},
    {"detach-keys", 0, "KEYS", "Keys that leave a terminal (ctrl-p,ctrl-q)", OPTION_DETACH_KEYS},
};
const size_t n_start_options = ARRAY_LEN(start_options);
const struct option_row stop_options[] = {
    {"time", 't', "SECONDS", "From the stop signal to SIGKILL (10, or --stop-timeout)", OPTION_TIME},
    {"timeout", 0, "SECONDS", NULL, OPTION_TIME},
    {"signal", 's', "SIGNAL", "Instead of its own stop signal", OPTION_SIGNAL},
};
const size_t n_stop_options = ARRAY_LEN(stop_options);
const struct option_row attach_options[] = {
    {"no-stdin", 0, NULL, "Do not connect the standard input", OPTION_NO_STDIN},
    {"sig-proxy", 0, NULL, "Pass signals on (true)", OPTION_SIG_PROXY},
    {"detach-keys", 0, "KEYS", "Keys that leave a terminal (ctrl-p,ctrl-q)", OPTION_DETACH_KEYS},
};
const size_t n_attach_options = ARRAY_LEN(attach_options);

struct request {
    struct arena arena;
    const char *command;
    bool attach, interactive, no_stdin, no_sig_proxy;
    const char *keys;
    int32_t timeout_ms; /* -1: its own */
    int signo;          /* 0: its own */
};

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct request *q = ctx;
    bool on = !strcmp(value, "true");
    int64_t n;

    switch (id) {
    case OPTION_ATTACH:
        q->attach = on;
        return 0;
    case OPTION_INTERACTIVE:
        q->interactive = on;
        return 0;
    case OPTION_NO_STDIN:
        q->no_stdin = on;
        return 0;
    case OPTION_SIG_PROXY:
        q->no_sig_proxy = !on;
        return 0;
    case OPTION_DETACH_KEYS:
        q->keys = value;
        return 0;
    case OPTION_SIGNAL:
        q->signo = signal_from_name(value);
        return q->signo > 0 ? 0 : err_set(err, -EINVAL, "--signal %s: no such signal", value);
    default:
        if (flag_parse_i64(value, -1, 2000000, &n) < 0)
            return err_set(err, -EINVAL, "--time %s: whole seconds; -1 waits without end", value);
        q->timeout_ms = n < 0 ? INT32_MAX : (int32_t)(n * 1000);
        return 0;
    }
}

/* ---- start -------------------------------------------------------------------------------------------------- */

/* One that is being removed may have lost already what says that it is kept: its end is waited for. */
static int need_kept(struct sandbox *sb, struct err *err)
{
    struct err gone = {0};

    if (sb->kept)
        return 0;
    if (sb->inst.pid <= 0 && sandbox_lock(sb, LOCK_MS, &gone) == -ENOENT)
        return err_set(err, -ENOENT, "%s", gone.text);
    return sb->kept ? 0
                    : err_set(err, -EINVAL,
                              "%s: is not one that can be started (it was made with --rm, or by an engine)", sb->id);
}

static int start_one(struct request *q, const char *word, int *status, struct err *err)
{
    struct sandbox sb;
    int r = sandboxes_load(&sb, &q->arena, word, err);

    if (r < 0)
        return r;
    if ((r = need_kept(&sb, err)) < 0)
        return r;
    if ((r = sandbox_lock(&sb, LOCK_MS, err)) < 0)
        return r;
    bool runs = sb.inst.pid > 0;
    if (!runs && sb.spec.auto_remove && sb.run) { /* its layer was never synchronised, and is not mounted twice */
        sandboxes_close(&sb);
        return err_set(err, -EINVAL, "%s was made with --rm and has ended: moat rm %s", word, word);
    }
    if (runs && sandbox_status(&sb) == SANDBOX_PAUSED) {
        sandboxes_close(&sb);
        return err_set(err, -EBUSY, "cannot start a paused container, try unpause instead");
    }
    struct attach a = {.terminal = sb.policy.process.terminal,
                       .input = q->interactive && (sb.policy.process.terminal || sb.spec.keep_stdin),
                       .detach_keys = q->keys};
    if ((q->attach || q->interactive) && (r = attach_open(&sb, &a, err)) < 0)
        return r;
    if (!runs) {
        int in = q->interactive && !a.terminal ? attach_stdin(&a, err) : -1;
        if (q->interactive && !a.terminal && in < 0)
            return in;
        r = monitor_start(&sb, in, NULL, err);
        if (in > 0)
            close(in);
        if (r == -EALREADY)
            r = 0;
        if (r < 0) {
            *status = 1;
            return r;
        }
    } else {
        sandbox_close(&sb); /* the lock, above all */
        if ((r = sandboxes_load(&sb, &q->arena, word, err)) < 0)
            return r;
    }
    if (q->attach || q->interactive)
        r = attach_run(&sb, &a, status, err);
    else
        puts(word);
    sandboxes_close(&sb);
    return r;
}

int cmd_start(int argc, char **argv)
{
    static struct request q = {.command = "start", .timeout_ms = -1};
    static struct err err;
    int at = 1, status = 0;

    if (arena_init(&q.arena, SANDBOXES_ARENA) < 0)
        return EXIT_MOAT_ERROR;
    if (options_parse(start_options, n_start_options, argc, argv, false, &at, apply, &q, &err) < 0)
        return command_fail("start", &err);
    if (at == argc)
        err_set(&err, -EINVAL, "the name is missing: moat start [OPTIONS] NAME...");
    else if ((q.attach || q.interactive) && argc - at > 1)
        err_set(&err, -EINVAL, "You cannot start and attach multiple containers at once.");
    if (err.code)
        return sandboxes_fail(q.command, &err);
    int worst = 0;
    for (int i = at; i < argc; i++) {
        err = (struct err){0};
        status = 0;
        if (start_one(&q, argv[i], &status, &err) < 0)
            worst = status ? (sandboxes_fail(q.command, &err), status) : sandboxes_fail(q.command, &err);
        else if (status)
            worst = status;
    }
    return argc - at > 1 && worst ? 1 : worst;
}

/* ---- stop --------------------------------------------------------------------------------------------------- */

/* Without a monitor (one in the foreground) we do its work. */
static int stop_ourselves(struct request *q, struct sandbox *sb, struct err *err)
{
    int signo = q->signo ? q->signo : sb->policy.stop_signal ? sb->policy.stop_signal : SIGTERM;
    int64_t left = q->timeout_ms >= 0 ? q->timeout_ms : STOP_SECONDS_DEFAULT * 1000;
    int r = left ? sb->inst.boundary->signal(&sb->inst, signo, err) : 0;

    for (; r == 0 && left > 0; left -= 20) {
        struct pollfd p = {.fd = sb->inst.pidfd, .events = POLLIN};
        if (poll(&p, 1, 20) > 0)
            return 0;
    }
    r = r == 0 ? sb->inst.boundary->signal(&sb->inst, SIGKILL, err) : r;
    for (int i = 0; r == 0 && i < 100; i++)
        if (poll(&(struct pollfd){.fd = sb->inst.pidfd, .events = POLLIN}, 1, 100) > 0)
            return 0;
    return r == -ESRCH ? 0 : r < 0 ? r : err_set(err, -ETIMEDOUT, "%s did not end within 10 s of SIGKILL", sb->id);
}

/* A monitor that is killed meanwhile is followed by another, who gets what is left of the time. */
static int stop_by_monitor(struct request *q, struct sandbox *sb, struct err *err)
{
    struct control_stop order = {q->signo, q->timeout_ms};
    struct control_record reply = {.fd = -1};
    int64_t end = clock_ms() + (q->timeout_ms >= 0 ? q->timeout_ms : sb->spec.stop_timeout_ms);
    int r = -ECONNRESET;

    for (int i = 0; i < STOP_TRIES && (r == -ECONNRESET || r == -EPIPE); i++) {
        int sock = sandboxes_connect(sb, err);
        if (sock == -ENOTCONN || sock == -ENOENT) /* it has ended */
            return 0;
        if (sock < 0)
            return sock;
        if (i)
            order.timeout_ms = end > clock_ms() ? (int32_t)(end - clock_ms()) : 0;
        r = monitor_ask(sock, CONTROL_STOP, &order, sizeof order, &reply, err);
        close(sock);
    }
    return r;
}

static int stop_one(struct request *q, const char *word, struct err *err)
{
    struct sandbox sb;
    int r = sandboxes_load(&sb, &q->arena, word, err);

    if (r < 0)
        return r;
    enum sandbox_status s = sandbox_status(&sb);
    if (s == SANDBOX_PAUSED)
        r = sb.inst.boundary->pause(&sb.inst, false, err);
    if (r == 0 && (s == SANDBOX_RUNNING || s == SANDBOX_PAUSED || s == SANDBOX_RESTARTING)) {
        char signal[16];
        int signo = q->signo ? q->signo : sb.policy.stop_signal ? sb.policy.stop_signal : SIGTERM;
        snprintf(signal, sizeof signal, "%d", q->timeout_ms == 0 ? SIGKILL : signo);
        events_add(&sb, "kill", "signal", signal);
        r = sb.kept ? stop_by_monitor(q, &sb, err) : stop_ourselves(q, &sb, err);
        if (r == 0)
            events_add(&sb, "stop", NULL, NULL);
    }
    sandboxes_close(&sb);
    return r;
}

static int each(struct request *q, int argc, char **argv, int (*one)(struct request *, const char *, struct err *))
{
    static struct err err;
    int at = 1, status = 0;

    q->command = argv[0];
    q->timeout_ms = -1;
    if (arena_init(&q->arena, SANDBOXES_ARENA) < 0)
        return EXIT_MOAT_ERROR;
    if (options_parse(stop_options, n_stop_options, argc, argv, false, &at, apply, q, &err) < 0)
        return command_fail(q->command, &err);
    if (at == argc) {
        err_set(&err, -EINVAL, "the name is missing: moat %s [OPTIONS] NAME...", q->command);
        return sandboxes_fail(q->command, &err);
    }
    for (int i = at; i < argc; i++) {
        err = (struct err){0};
        if (one(q, argv[i], &err) < 0)
            status = sandboxes_fail(q->command, &err);
        else
            puts(argv[i]);
    }
    return fflush(stdout) ? 1 : status;
}

int cmd_stop(int argc, char **argv)
{
    static struct request q;

    return each(&q, argc, argv, stop_one);
}

static int restart_one(struct request *q, const char *word, struct err *err)
{
    struct sandbox sb;
    int r = stop_one(q, word, err);

    if (r < 0 || (r = sandboxes_load(&sb, &q->arena, word, err)) < 0)
        return r;
    if ((r = need_kept(&sb, err)) < 0)
        return r;
    if ((r = sandbox_lock(&sb, LOCK_MS, err)) == 0)
        r = monitor_start(&sb, -1, NULL, err);
    if (r == 0)
        events_add(&sb, "restart", NULL, NULL);
    sandboxes_close(&sb);
    return r;
}

int cmd_restart(int argc, char **argv)
{
    static struct request q;

    return each(&q, argc, argv, restart_one);
}

/* ---- attach ------------------------------------------------------------------------------------------------- */

int cmd_attach(int argc, char **argv)
{
    static struct request q = {.command = "attach", .timeout_ms = -1};
    static struct err err;
    struct sandbox sb;
    int at = 1, status = 0, r;

    if (arena_init(&q.arena, SANDBOXES_ARENA) < 0)
        return EXIT_MOAT_ERROR;
    if (options_parse(attach_options, n_attach_options, argc, argv, false, &at, apply, &q, &err) < 0)
        return command_fail("attach", &err);
    if (argc - at != 1) {
        err_set(&err, -EINVAL, "one name: moat attach [OPTIONS] NAME");
        return sandboxes_fail(q.command, &err);
    }
    if (sandboxes_load(&sb, &q.arena, argv[at], &err) < 0)
        return sandboxes_fail(q.command, &err);
    enum sandbox_status s = sandbox_status(&sb);
    if (s == SANDBOX_PAUSED)
        err_set(&err, -EINVAL, "You cannot attach to a paused container, unpause it first");
    else if (s != SANDBOX_RUNNING && s != SANDBOX_RESTARTING)
        err_set(&err, -EINVAL, "You cannot attach to a stopped container, start it first");
    else if (!sb.kept)
        err_set(&err, -ENOTSUP, "%s runs in the foreground: its streams are those of its caller", sb.id);
    if (!err.code && sb.policy.process.terminal && !q.no_stdin && !isatty(0))
        err_set(&err, -ENOTTY, "the input device is not a TTY (--no-stdin looks on)");
    struct attach a = {.terminal = sb.policy.process.terminal,
                       .input = !q.no_stdin && (sb.policy.process.terminal ? isatty(0) : sb.spec.keep_stdin),
                       .no_sig_proxy = q.no_sig_proxy,
                       .detach_keys = q.keys};
    if (err.code || (r = attach_open(&sb, &a, &err)) < 0 || (r = attach_run(&sb, &a, &status, &err)) < 0)
        return sandboxes_fail(q.command, &err);
    return status;
}
