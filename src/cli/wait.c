/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat wait`: until sandboxes have ended for good, then the exit status of each. A kept one is asked of its monitor,
 * or of its records; one in the foreground leaves no record, so the kernel is asked, where it tells (Linux 6.14).
 */
#include "cli/commands.h"
#include "cli/sandboxes.h"
#include "host/pidfd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* A foreground run: its maker reaps it and removes it. */
static int wait_foreground(struct sandbox *sb, int *code, struct err *err)
{
    struct pollfd p = {.fd = sb->inst.pidfd, .events = POLLIN};
    int st;

    if (sb->inst.pid <= 0)
        return err_set(err, -ESRCH, "container %s has ended, and what runs in the foreground leaves no status", sb->id);
    while (poll(&p, 1, -1) < 0 && errno == EINTR)
        ;
    /* Until it is reaped there is no status to ask for; then the descriptor hangs up. */
    for (int i = 0; i < 100 && !(p.revents & POLLHUP); i++) {
        p.events = 0;
        poll(&p, 1, 20);
    }
    if (pidfd_exit_status(sb->inst.pidfd, &st) < 0)
        return err_set(err, -ENODATA,
                       "container %s has ended; it ran in the foreground and this kernel does not tell "
                       "the status of another's child (Linux 6.14 does)",
                       sb->id);
    *code = WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
    return 0;
}

static int wait_kept(struct sandbox *sb, int *code, struct err *err)
{
    struct control_record reply;
    struct control_end end;
    int r;

    for (int tries = 0; tries < 100; tries++) { /* a monitor that is killed is followed by another */
        _cleanup_fd_ int sock = sandboxes_connect(sb, err);
        if (sock == -ENOTCONN)
            break;
        if (sock < 0)
            return sock;
        if ((r = monitor_ask(sock, CONTROL_WAIT, NULL, 0, &reply, err)) == 0) {
            control_payload(&reply, &end, sizeof end);
            *code = end.exit_code;
            return 0;
        }
        if (r != -ECONNRESET && r != -EPIPE)
            return r;
    }
    /* Nobody is there: it has ended, or was never started. */
    struct sandbox_end e;
    if ((r = end_read(sb, &e, err)) < 0)
        return r;
    if (!e.known && sb->started)
        return err_set(err, -ENOENT, "No such container: %s: it was removed meanwhile", sb->id);
    *code = e.known ? e.exit_code : 0;
    return 0;
}

static int wait_one(struct sandbox *sb, void *ctx, struct err *err)
{
    int code = 0, r = sb->kept ? wait_kept(sb, &code, err) : wait_foreground(sb, &code, err);

    if (r == 0)
        printf("%d\n", code);
    return r;
}

int cmd_wait(int argc, char **argv)
{
    struct err err = {0};
    int operand;

    if (options_parse(NULL, 0, argc, argv, false, &operand, NULL, NULL, &err) < 0)
        return command_fail("wait", &err);
    return sandboxes_each("wait", argc, argv, operand, wait_one, NULL, false);
}
