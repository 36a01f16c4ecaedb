/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor of a kept sandbox: two small processes made of this same executable. The guard is the subreaper: it moves
 * the workload's output from its pipes into the log, and when the monitor dies it makes another, which finds everything
 * in what it inherits and in the sandbox's directory. The monitor is the parent of the workload: it takes its exit
 * status into exit.json, carries its terminal, keeps the time limit, restarts, and answers on control.sock. It never
 * touches a pipe that the workload has, since the workload can hold up who does: so it can always end it. When the
 * guard dies, the monitor becomes the guard and its child goes on. When both are killed the workload goes on; the next
 * command recovers it. What is heavy (reading documents, making, removing) is done by a child that ends at once, so
 * both stay small.
 *
 *   monitor_start()   a command's side: the sandbox is loaded and locked, and does not run
 *   monitor_recover() the same for one whose process lives without a monitor, or whose start was cut short
 *   monitor_main()    behind argv[0] "moat-monitor"
 */
#ifndef MOAT_SANDBOX_MONITOR_H
#define MOAT_SANDBOX_MONITOR_H

#include "boundary/control.h"
#include "sandbox/sandbox.h"

/* stdin_fd: what the workload reads; -1: nothing, or (spec.keep_stdin) a socket that attach writes to. Gives up the
 * lock of sb. 0 when the workload's program runs. *not_run (may be NULL): it was not found (-ENOENT) or cannot be
 * executed, says err. */
int monitor_start(struct sandbox *sb, int stdin_fd, bool *not_run, struct err *err);
int monitor_recover(struct sandbox *sb, struct err *err);
bool monitor_alive(const struct sandbox *sb);
int monitor_main(int argc, char **argv);

/* A command's side of control.sock: connects, waiting for a moment where a monitor is just being made. A descriptor;
 * -ENOTCONN when there is no monitor. */
int monitor_connect(struct sandbox *sb, struct err *err);
/* Sends a request and waits for its answer. The descriptor in *reply is the caller's. */
int monitor_ask(int sock, uint16_t type, const void *payload, size_t length, struct control_record *reply,
                struct err *err);

#endif
