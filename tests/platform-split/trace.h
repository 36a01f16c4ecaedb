/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that trace share: only the tracer's thread comes to any of it. */
#ifndef MOAT_TEST_PLATFORM_SPLIT_TRACE_H
#define MOAT_TEST_PLATFORM_SPLIT_TRACE_H

#include "split.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#define ADDRESS_END 0x7ffffffff000ull /* no address of a process lies above */

/* ptrace(2)'s requests are an enum of the C library's. */
#define TRACE(request, tid, address, data)                                                                             \
    ptrace((request), (tid), (void *)(uintptr_t)(address), (void *)(uintptr_t)(data))

static inline pid_t wait_for(pid_t tid, int *status)
{
    pid_t r;
    do
        r = waitpid(tid, status, __WALL);
    while (r < 0 && errno == EINTR);
    return r;
}

static inline int event_of(int status)
{
    return status >> 16;
}

static inline bool is_gone(int status)
{
    return WIFEXITED(status) || WIFSIGNALED(status);
}

/* stub.c: segments and flags of any thread, all else 0. */
extern struct user_regs_struct stub_fresh;
/* The first guest process. */
extern struct aspace stub_first;
/* Something new that the leader makes by clone(2), at its first stop: its tid, or -errno. */
int64_t stub_born(struct aspace *, uint64_t flags);

/* thread.c: a thread has been seen to stop, or to end. */
void guest_stopped(pid_t tid, int status);
/* All threads of a process that is being killed. */
void guest_reap(const struct aspace *);

#endif
