/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What moat asks of a running sentry, by records of boundary/control.h on a socket that moat made and handed over.
 * Life: control_prepare() before anything is shut in -> control_descriptors() and control_serve() around each wait of
 * hostops.poll. One thread. Host calls from then on: accept4, recvmsg, sendmsg, read, write, pread64, poll, close.
 */
#ifndef MOAT_SENTRY_CONTROL_H
#define MOAT_SENTRY_CONTROL_H

#include "linux/platform.h"

#include <poll.h>

#define CONTROL_SESSIONS    32 /* programs that were started from outside, at once */
#define CONTROL_DESCRIPTORS (1 + 4 * CONTROL_SESSIONS)

/* Descriptors that moat has opened; -1: not given. Close-on-exec, from 64 on. */
struct control_given {
    int image, gofer;
    int oom; /* oom_score_adj of this process (proc(5)) */
};

/* Takes what waits on the socket of MOAT_HANDED_FD, and keeps it. Without the variable nothing is given, and nothing is
 * served. 0, or -errno and a sentence in *why. */
int control_prepare(struct control_given *out, const char **why);

/* Puts what is to be waited for into fds, at most CONTROL_DESCRIPTORS: how many. Streams only with HOST_EVENT_STREAMS
 * in `interest`. */
unsigned control_descriptors(struct pollfd *fds, uint32_t interest);

/* Whether there is more to wait for than somebody who begins to ask, which is told by SIGIO. */
bool control_waits(void);
/* All that has come, now. */
void control_look(void);
/* HOST_EVENT_STREAMS, when it is in `interest` and a stream that is watched is ready. */
uint32_t control_streams_ready(uint32_t interest);

/* Behind poll(2), with the same array: obeys what has come. Without the kernel's lock. HOST_EVENT_STREAMS, when a
 * stream that was watched may be ready, or-ed with HOST_EVENT_WAKE, when the kernel has work. */
uint32_t control_serve(const struct pollfd *fds, unsigned n);

/* For struct platform. */
extern const struct stream_ops control_streams;

#endif
