/* SPDX-License-Identifier: Apache-2.0 */
/* `moat kill`: a signal for the first process of a sandbox, SIGKILL unless another is named. The end that may follow is
 * the user's wish, so that its monitor does not start it again. */
#include "cli/commands.h"
#include "cli/sandboxes.h"
#include "policy/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_SIGNAL };

const struct option_row kill_options[] = {
    {"signal", 's', "SIGNAL", "Another signal, by name or number", OPTION_SIGNAL},
};
const size_t n_kill_options = ARRAY_LEN(kill_options);

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    *(const char **)ctx = value;
    return 0;
}

static int ask_monitor(struct sandbox *sb, int signo, struct err *err)
{
    struct control_signal s = {.signo = signo, .manual = 1};
    struct control_record reply;
    _cleanup_fd_ int sock = sandboxes_connect(sb, err);

    if (sock < 0)
        return sock;
    return monitor_ask(sock, CONTROL_SIGNAL, &s, sizeof s, &reply, err);
}

static int kill_one(struct sandbox *sb, void *ctx, struct err *err)
{
    int signo = *(int *)ctx;
    char number[8];
    enum sandbox_status s = sandbox_status(sb);

    /* Between two runs there is no process: what is meant is that no other run follows. */
    if (s == SANDBOX_RESTARTING) {
        struct control_stop stop = {.signo = signo, .timeout_ms = 0};
        struct control_record reply;
        _cleanup_fd_ int sock = sandboxes_connect(sb, err);
        return sock < 0 ? sock : monitor_ask(sock, CONTROL_STOP, &stop, sizeof stop, &reply, err);
    }
    if (s != SANDBOX_RUNNING && s != SANDBOX_PAUSED)
        return err_set(err, -ESRCH, "cannot kill container: %s: container %s is not running", sb->id, sb->id);
    int r = sb->kept ? ask_monitor(sb, signo, err) : sb->inst.boundary->signal(&sb->inst, signo, err);
    if (r == -ENOTCONN || r == -ESRCH || r == -ECONNRESET)
        return err_set(err, r, "cannot kill container: %s: container %s is not running", sb->id, sb->id);
    if (r < 0)
        return r;
    /* A frozen process does not die before it is thawed. */
    if (signo == SIGKILL && s == SANDBOX_PAUSED && sb->inst.boundary->pause)
        sb->inst.boundary->pause(&sb->inst, false, &(struct err){0});
    snprintf(number, sizeof number, "%d", signo);
    sandboxes_event(sb, "kill", "signal", number);
    return 0;
}

int cmd_kill(int argc, char **argv)
{
    const char *name = "KILL";
    struct err err = {0};
    int operand, signo;

    if (options_parse(kill_options, n_kill_options, argc, argv, false, &operand, apply, &name, &err) < 0)
        return command_fail("kill", &err);
    signo = signal_from_name(name);
    if (signo < 0) {
        err_set(&err, -EINVAL, "Invalid signal: %s: a name of signal(7) as TERM, or a number", name);
        return sandboxes_fail("kill", &err);
    }
    return sandboxes_each("kill", argc, argv, operand, kill_one, &signo, true);
}
