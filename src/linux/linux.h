/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a platform calls of the kernel.
 *   1. linux_boot(): the kernel's heap is made, the root file system mounted, the first program loaded.
 *   2. linux_run() on each virtual CPU: never returns; ends by hostops.exit.
 *   3. linux_trap() whenever guest code has trapped.
 */
#ifndef MOAT_LINUX_LINUX_H
#define MOAT_LINUX_LINUX_H

#include "linux/platform.h"

/* A program whose segments the platform has mapped itself: a kernel that was linked for it needs no loader. */
struct linux_ready {
    uint64_t entry, headers, n_headers; /* addresses: AT_ENTRY, AT_PHDR; AT_PHNUM */
    uint64_t end;                       /* of its last segment, a page */
};

/* What is mounted besides what every program finds. In the order given, after that; a missing place is made. */
enum linux_mount_kind { LINUX_MOUNT_HOST, LINUX_MOUNT_TMPFS };
enum linux_mount_flag {
    LINUX_MOUNT_RDONLY = 1,
    LINUX_MOUNT_NOSUID = 2,
    LINUX_MOUNT_NODEV = 4, /* always so for files of the host */
    LINUX_MOUNT_NOEXEC = 8,
    LINUX_MOUNT_CACHED = 16, /* nobody else changes it: what is known of names and files is not asked for again */
};
struct linux_mount {
    const char *place;   /* absolute. "/" of LINUX_MOUNT_HOST: below the overlay, instead of an image; never written */
    uint32_t kind, root; /* root: its number at the gofer */
    uint32_t flags;
    const char *options; /* of tmpfs: "size=1m,mode=700"; NULL */
};

/* What to boot. All of it is borrowed and stays valid for ever. */
struct linux_config {
    void *arena; /* the kernel's heap: page-aligned, at an address of the platform's choice */
    size_t arena_size;
    size_t arena_ready; /* bytes from its start that need no HOST_MEMORY_COMMIT; the platform's choice */
    const void *image;  /* file systems of fs/imgfs_format.h, lowest first; NULL: an empty tmpfs is the root */
    size_t image_size;
    struct memobj *image_object; /* the same bytes, for mapping */
    const char *const *argv;     /* argv[0] is the program's path unless `program` says otherwise; NULL-terminated */
    const char *const *envp;
    const char *program;             /* NULL: argv[0] */
    const struct linux_ready *ready; /* NULL: the program is loaded by its path */
    const char *cwd;                 /* NULL: / */
    const char *hostname;
    uint64_t memory_limit; /* bytes of guest memory, 0: what the range holds */
    uint32_t max_tasks;    /* 0: 4096 */
    uint32_t uid, gid;
    bool trace;                  /* system calls in the form of strace on HOST_TRACE */
    bool read_only;              /* nothing may be written in the root file system */
    uint32_t umask;              /* of the first process */
    uint64_t files_limit;        /* RLIMIT_NOFILE; 0: 1024 */
    const uint64_t (*limits)[2]; /* soft, hard, by RLIMIT_*: those of which a bit is set */
    uint32_t limits_given;
    const struct linux_mount *mounts;
    uint32_t n_mounts;
    const uint32_t *groups; /* of the first process, beside gid */
    uint32_t n_groups;
    uint64_t caps_dropped; /* capabilities that no program has, a bit each */
    bool terminal; /* HOST_STDIN and HOST_STDOUT are a terminal, which is raw: descriptors 0 to 2 are one of ours */
    uint32_t rows, columns; /* its window; 0: not known */
};

/* 0, or -errno with a sentence in `why` (what, which, why not). */
int linux_boot(const struct platform *, const struct linux_config *, char *why, size_t why_size);

/* Runs tasks on this thread, whose own stack is the scheduler's. */
_Noreturn void linux_run(uint32_t vcpu);

/* Guest code of `t` trapped; t->regs are filled. Called on t's kernel stack, at its top, without the kernel's lock.
 * Does not return: it ends in task_ops.start or in another task. */
_Noreturn void linux_trap(struct task *t, const struct trap *);

/* The same for a system call where the platform can go straight back: the result, and whether it may (false: the full
 * registers have to be in t->regs, and linux_trap_finish() is next). Runs the handler on the current stack. */
bool linux_syscall(struct task *t, int64_t *result);
_Noreturn void linux_trap_finish(struct task *t);

/* A platform whose guests run elsewhere: t has trapped; a virtual CPU will call linux_trap on its stack. Any thread. */
void linux_trap_ready(struct task *t, const struct trap *);

/* A signal from outside for the first process: 0, -ESRCH. Called from hostops.poll, from task_ops.start or before
 * linux_trap, never from a signal handler: there the platform only notes it. Takes the kernel's lock, unless `locked`.
 */
int linux_signal(int signo, bool locked);

/* One more program, in a process without parent and with a session of its own. All is borrowed during the call. */
struct linux_program {
    const char *const *argv, *const *envp; /* NULL-terminated; argv[0] is looked for in PATH of envp */
    const char *cwd;
    uint32_t uid, gid, n_groups;
    const uint32_t *groups;
    uint32_t streams; /* a set of platform.streams: its descriptors 0, 1 and 2; told when it has ended */
    bool terminal;    /* the set is a terminal of the host's, which is raw: the program gets one of ours */
    uint16_t rows, columns;
};
/* Its process, or -errno with a sentence in `why`, and then the set is closed. Called where linux_signal may be,
 * without the kernel's lock, on a thread whose stack is none of the kernel's. */
int32_t linux_spawn(const struct linux_program *, char *why, size_t why_size);
/* A signal for a process of linux_spawn() that has not ended yet: 0, -ESRCH. */
int linux_signal_to(int32_t pid, int signo, bool locked);

/* The window of the terminal has another size: whoever uses it gets SIGWINCH. `set`: of linux_spawn(). Called where
 * linux_signal may be, without the kernel's lock. 0, -ENOTTY: there is no terminal. */
int linux_window(uint32_t rows, uint32_t columns);
int linux_window_of(uint32_t set, uint32_t rows, uint32_t columns);

/* A platform whose guests run elsewhere: what t ran on is gone or does not answer. Its process ends as by SIGKILL; t,
 * if it was in its program, comes back no more. Where linux_signal may be called. */
void linux_task_lost(struct task *t, bool locked);

/* The task whose kernel stack this is. */
struct task *linux_current(uint32_t vcpu);

struct linux_stats {
    uint64_t tasks, processes, system_calls, switches, heap_bytes, guest_bytes;
};
void linux_stats(struct linux_stats *);

#endif
