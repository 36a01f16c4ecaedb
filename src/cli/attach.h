/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command that is attached to a kept sandbox: its output is what its log gets, its input goes to the descriptor that
 * its monitor hands out. Any number may be attached; none of them, however slow, holds the workload up.
 */
#ifndef MOAT_CLI_ATTACH_H
#define MOAT_CLI_ATTACH_H

#include "sandbox/sandbox.h"

#include "sandbox/log.h"

struct attach {
    bool terminal; /* it has one: ours goes into raw mode while we read from it */
    bool input;    /* our standard input goes to it */
    int input_fd;  /* and there: taken; 0: its monitor is asked where */
    bool no_sig_proxy;
    const char *detach_keys; /* NULL: ctrl-p,ctrl-q */

    struct log_reader log;  /* private */
    int dir_fd;             /* private: of its log */
    bool detached;          /* out: left by the keys; it goes on */
    struct sandbox_end end; /* out */
};

/* Output counts from here on: before the sandbox is started, or whenever one joins it. */
int attach_open(struct sandbox *sb, struct attach *a, struct err *err);
/* What a sandbox without a terminal that is about to start gets as its standard input: our own, as it is; but not a
 * terminal, which it could go on reading when we are gone: then one end of a socket, whose other end attach_run()
 * writes what is typed to. A descriptor, the caller's to close when it is not 0; or -errno. */
int attach_stdin(struct attach *a, struct err *err);
/* Until it has ended and all its output is written, or the keys were typed. *status as a shell has it. */
int attach_run(struct sandbox *sb, struct attach *a, int *status, struct err *err);

#endif
