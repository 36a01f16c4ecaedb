/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks (what Linux calls threads) and processes (its thread groups), and what tasks share by clone(2)'s flags. Each
 * shared thing counts its holders; X_get adds one, X_put takes one away and frees the last.
 */
#ifndef MOAT_LINUX_TASK_TASK_H
#define MOAT_LINUX_TASK_TASK_H

#include "linux/core/heap.h"
#include "linux/core/list.h"
#include "linux/core/sched.h"
#include "linux/core/wait.h"
#include "linux/platform.h"
#include "linux/task/signal.h"

#include <linux/resource.h>

struct mm;         /* mm/mm.h */
struct files;      /* fs/fd.h */
struct fs_context; /* fs/vfs.h: root, cwd, umask */

#define CRED_GROUPS 32
struct cred { /* never changed: replaced whole */
    uint32_t refs;
    uint32_t uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
    uint64_t caps_permitted, caps_effective, caps_inheritable, caps_bounding, caps_ambient;
    uint32_t n_groups, groups[CRED_GROUPS];
    uint32_t securebits; /* SECBIT_* of prctl(2) */
    bool no_new_privs;
};
extern struct heap_type cred_type;
struct cred *cred_get(struct cred *);
void cred_put(struct cred *);
struct cred *cred_copy(const struct cred *); /* one holder; NULL */

struct process {
    int32_t pid; /* that of its first task */
    int32_t pgid, sid;
    uint32_t n_tasks;
    struct list tasks; /* of task.in_process */
    struct list all;   /* of every process */
    struct process *parent;
    struct list children, sibling;
    struct task *leader;           /* the first task, kept as a zombie until the process is reaped */
    struct task *alone;            /* execve: this task waits until it is the only one; NULL */
    struct signal_shared *signals; /* actions: shared by CLONE_SIGHAND; NULL: a zombie */
    struct pending shared_pending; /* signals for any of its tasks */
    struct wait_queue child_ended; /* wait4 of its tasks */
    struct wait_queue signalled;   /* signalfd of its tasks */
    struct list pidfds;            /* struct pidfd: told when it has ended */
    int32_t exit_signal;           /* to the parent; 0: none */
    int32_t exit_status;           /* as wait4 gives it */
    int32_t vfork_parent;          /* tid of the task that waits until this process has a program of its own; 0 */
    int32_t stop_signal;           /* why it is stopped */
    bool exiting, zombie, stopped, stop_reported, continued, execed, child_subreaper;
    bool dumpable;
    int32_t group_exit_code; /* as wait4 gives it; valid when exiting */
    uint32_t personality;
    struct rlimit limits[RLIM_NLIMITS];
    struct timer real_timer; /* ITIMER_REAL */
    uint64_t real_interval;
    struct list posix_timers;
    int32_t next_timer_id;
    uint64_t utime, stime, started; /* ns; of its ended tasks */
    uint64_t children_utime, children_stime;
    int32_t session_keys, process_keys;       /* keyrings, by serial number; 0: none (keys.h) */
    uint64_t pages_peak, children_pages_peak; /* most pages mapped, of memory it had; of its waited-for children */
    struct tty *tty;                          /* the controlling terminal; NULL */
    int32_t tty_lost_group;                   /* of a leader whose terminal was hung up: what was in the foreground */
    char *exe_path;                           /* FIELD_BYTES: of /proc/PID/exe */
    uint32_t exe_path_size;
    int32_t oom_score_adj;
    uint64_t timer_virtual, timer_virtual_interval; /* ITIMER_VIRTUAL: the utime at which it ends, ns; 0: not set */
    uint64_t timer_prof, timer_prof_interval;       /* ITIMER_PROF: the same of utime + stime */
    struct timer cpu_timer;                         /* looks at those two, and at timers of CPU clocks */
    uint32_t streams; /* linux_spawn(): its set of platform.streams, told when it has ended; 0: none */
};
extern struct heap_type process_type;

struct task {
    struct regs regs; /* first: assembler knows its place */
    void *kernel_stack_top;
    void *kernel_sp; /* saved while another runs */
    uint32_t work;   /* not 0: sched_user_return has something to do */
    uint32_t state;  /* enum task_state */
    void *platform;  /* the platform's own */
    int32_t tid;
    uint32_t vcpu;
    struct process *process;
    struct list in_process, in_queue, by_id;
    struct mm *mm;
    struct files *files;
    struct fs_context *fs;
    struct cred *cred;
    struct trap trap;   /* of linux_trap_ready, or being handled */
    bool trapped;       /* linux_trap_ready has been called, and nobody has looked at it yet */
    struct timer timer; /* of task_block */
    bool woken, timed_out;
    bool killed;                    /* ends as soon as it comes by */
    bool exiting;                   /* takes no more signals */
    bool gone;                      /* its kernel stack is given back */
    uint64_t utime, stime, entered; /* ns on a CPU; when it got there last */
    uint64_t burst;                 /* ns on a CPU since it was woken last */
    int64_t call_nr;                /* of the call in progress; -1: none */
    /* Signals */
    uint64_t blocked, saved_blocked;
    uint64_t sigwait;     /* rt_sigtimedwait: wake it for these, blocked or not */
    bool restore_blocked; /* sigsuspend, ppoll: saved_blocked comes back when the handler was set up */
    struct pending pending;
    struct altstack altstack;
    struct restart restart;
    struct wait_queue signalled;
    /* Threads */
    struct uptr clear_child_tid, robust_list;
    char name[16];
    int32_t parent_death_signal;
    int32_t thread_keys, request_keys; /* its keyring; KEY_REQKEY_DEFL_* (keys.h) */
    int32_t exit_code;                 /* as wait4 gives it */
    int32_t vfork_wait;                /* pid of the child that it waits for in vfork; 0 */
    uint64_t timer_slack;
    struct futex_waiter *futex;
    /* What sched_setattr(2) and the like keep: one policy runs all. */
    int32_t nice;
    uint32_t policy, rt_priority;
    bool reset_on_fork;
    uint64_t affinity;
    uint32_t ioprio;
};
extern struct heap_type task_type;

struct task *task_find(int32_t tid);       /* NULL; valid until the next task_block */
struct process *process_find(int32_t pid); /* zombies too; NULL */
extern struct list process_all;
extern struct process *process_init; /* pid 1: the first program */
struct task_counts {
    uint32_t tasks, processes; /* that exist, zombies too */
    uint32_t tasks_max;        /* clone beyond it is -EAGAIN; linux_boot sets it */
};
extern struct task_counts task_counts;
/* ns on a CPU up to now: of one task; of a process with its ended tasks. */
struct cpu_times {
    uint64_t user, system;
};
struct cpu_times task_cpu_times(const struct task *);
struct cpu_times process_cpu_times(const struct process *);

/* The first task of the kernel: no program yet. */
struct task *task_boot(uint32_t uid, uint32_t gid);
/* Starts `path` in the current task (execve), argv and envp being the kernel's or the user's. On success its registers
 * are those of the new program. */
struct exec_strings {
    const char *const *kernel; /* NULL-terminated; or */
    struct uptr user;
};
int task_exec(struct task *, int dirfd, const char *path, int flags, struct exec_strings argv,
              struct exec_strings envp);
const char *task_exec_reason(void); /* why the last one failed, if there is more to say than its errno; "" */

_Noreturn void task_exit(int status);                  /* the current one; status as exit(2) takes it */
_Noreturn void task_exit_group(int status, int signo); /* the whole process; signo != 0: it died of that */

bool capable(const struct task *, int cap);
/* Whether t may look into this one: its memory, its descriptors (ptrace(2), access mode checking). */
bool task_may_trace(const struct task *t, const struct task *of);
#define task_limit(t, which) ((t)->process->limits[which].rlim_cur)

#endif
