/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launcher's side of a foreground run: waits for the container's first process, hands it the signals the launcher
 * gets, keeps the time limit, and carries the bytes when the container has a terminal of its own.
 *
 * Life: console_block_signals() before the clone -> the child puts the old mask back before its exec -> console_wait()
 * once -> the caller exits, or puts the old mask back itself. Signals stay pending between the first and the third
 * step, so none is lost however short the child lives.
 *
 * Without a terminal the child has the launcher's own descriptors, and nothing is copied. The child should then be in a
 * session of its own: Ctrl-C reaches the launcher alone and goes on from here, once.
 */
#ifndef MOAT_SANDBOX_CONSOLE_H
#define MOAT_SANDBOX_CONSOLE_H

#include "base/err.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct wait_options {
    pid_t pid;             /* a direct child, cloned with SIGCHLD as its exit signal */
    int pidfd;             /* of the same, borrowed; -1: signals go to pid, which is safe until it is reaped here */
    int console_master;    /* pty master, taken (closed on every way out); -1: no terminal */
    int stdin_fd;          /* borrowed; put in raw mode while we run when it is a terminal and keep_stdin is set */
    int stdout_fd;         /* borrowed; its O_NONBLOCK is left as it is */
    bool keep_stdin;       /* -i: with a terminal, stdin is copied to it */
    bool forward_signals;  /* false: they do to the launcher what they always do; the child is left alone */
    int64_t timeout_ms;    /* > 0: from the call on; 0: none */
    int stop_signal;       /* sent when the time is up; 0: SIGTERM */
    int64_t kill_after_ms; /* from stop_signal to SIGKILL */
    /* When set, called in place of signalling the child when the time is up, first with stop_signal, then with SIGKILL:
     * a cgroup can be thawed or killed as a whole. False: not done, signal the child as usual. */
    bool (*on_timeout)(void *ctx, int signo);
    void *ctx; /* for on_timeout */
};

/* Blocks what console_wait() waits for, and undoes an inherited SIG_IGN of SIGCHLD, with which no child can be waited
 * for. *old: the mask to put back in the child. */
int console_block_signals(sigset_t *old);

/* Runs until the child is reaped and, with a terminal, its last output is written. *wait_status as from waitpid(2);
 * *timed_out: the time limit sent a signal. 0 or -errno; on an error the child may still live and is not reaped. */
int console_wait(const struct wait_options *o, int *wait_status, bool *timed_out, struct err *err);

#endif
