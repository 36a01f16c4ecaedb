/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: what is pending, what is to be done, frames on the guest's stack. signal(7), sigaction(2). */
#ifndef MOAT_LINUX_TASK_SIGNAL_H
#define MOAT_LINUX_TASK_SIGNAL_H

#include "linux/core/heap.h"
#include "linux/core/list.h"
#include "linux/core/wait.h"
#include "linux/platform.h"

#include <asm/siginfo.h>
#include <asm/signal.h>

struct task;
struct process;

#define SIGNAL_COUNT       64
#define signal_bit(signo)  (1ull << ((signo)-1))
#define SIGNAL_UNBLOCKABLE (signal_bit(SIGKILL) | signal_bit(SIGSTOP))

struct signal_action { /* the kernel's struct sigaction of x86-64 */
    uint64_t handler, flags, restorer, mask;
};
struct signal_shared {
    uint32_t refs;
    struct signal_action actions[SIGNAL_COUNT];
};
struct pending {
    uint64_t set;
    struct list queue; /* of struct queued_signal; a signal may be in the set without one (no memory for it) */
    uint32_t n;
};
struct altstack {
    uint64_t base, size;
    int32_t flags;
};
struct restart { /* what restart_syscall(2) does */
    int64_t (*again)(struct task *);
    uint64_t deadline;
    uint64_t a[4];
};

/* To one task, or to any of a process. `info` is copied; info->si_signo is the signal. 0, or -EAGAIN (queue full). A
 * signal that is ignored is dropped. */
int signal_task(struct task *, const siginfo_t *info);
int signal_process(struct process *, const siginfo_t *info);
int signal_group(int32_t pgid, const siginfo_t *info); /* -ESRCH */
/* The same with only a number: from the kernel (SI_KERNEL). */
int signal_task_number(struct task *, int signo);
int signal_process_number(struct process *, int signo);
/* A fault of the guest: cannot be blocked or ignored. */
void signal_force(struct task *, int signo, int code, uint64_t address);

bool signal_wanted(const struct task *);                /* one is pending and not blocked, or the task is killed */
bool signal_fatal_wanted(const struct task *);          /* and it will end the process */
void signal_block_set(struct task *, uint64_t blocked); /* sigprocmask */
/* Takes the next pending one out of `set`. false: none. */
bool signal_take(struct task *, uint64_t set, siginfo_t *);
/* On the way back to guest code: delivers what is pending; sets up frames, restarts calls, ends or stops the process.
 */
void signal_deliver(struct task *);
/* A temporary mask until the call ends (ppoll, pselect6, epoll_pwait, rt_sigsuspend): the user's sigset, NULL: none. */
int signal_mask_user(struct task *, struct uptr set, uint64_t size);
void signal_mask_end(struct task *,
                     int64_t result); /* back at once unless interrupted, then after the handler is set up */

#endif
