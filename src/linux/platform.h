/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam below the Linux-ABI kernel: everything that src/linux may call outside itself, beside mem*(3). One kernel is
 * built for every platform: the unikernel (guest/unikernel: one address space, one host thread), the sentry and the
 * split platform of the tests (the kernel in a process of its own, guests in others, several host threads).
 *
 * Life: the platform fills `struct platform`, calls linux_boot() (linux.h) and then linux_run() on each host thread
 * that shall be a virtual CPU. From there on the kernel calls the operations below, and the platform reports traps of
 * guest code by linux_trap().
 *
 * Rules. A user address is a struct uptr: it is never dereferenced, only handed to aspace_ops. Errors are negative
 * errno numbers. Times are nanoseconds. No operation blocks but hostops.poll. Every operation may be called on any
 * virtual CPU while the kernel's lock is held; they call back into the kernel only where it is said.
 */
#ifndef MOAT_LINUX_PLATFORM_H
#define MOAT_LINUX_PLATFORM_H

#include "linux/files.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul

struct task;   /* task/task.h */
struct aspace; /* the platform's own: one per address space */
struct memobj; /* the platform's own: pages that files and shared mappings are made of */

/* An address of guest code. */
struct uptr {
    uint64_t v;
};

/* General registers of a guest task, in the order in which system-call arguments lie. While the guest runs they are the
 * platform's; from linux_trap() until task_ops.start() they are the kernel's to read and to change. */
struct regs {
    uint64_t rdi, rsi, rdx, r10, r8, r9; /* arguments 0 to 5 of a system call */
    uint64_t rax;                        /* system call: its number; then its result */
    uint64_t rbx, rbp, r12, r13, r14, r15;
    uint64_t rcx, r11; /* a system call clobbers them: return address and flags */
    uint64_t rip, rflags, rsp;
    uint64_t fs_base, gs_base;
};

/* ---- the world: at most twelve ---------------------------------------------------------------------------------- */

enum host_clock { HOST_MONOTONIC, HOST_REALTIME };

/* Streams of the console. */
enum host_stream { HOST_STDIN, HOST_STDOUT, HOST_STDERR, HOST_TRACE, HOST_STREAMS };

/* What poll waits for and reports, or-ed. */
enum host_event {
    HOST_EVENT_STDIN = 1 << HOST_STDIN,   /* console_read would not give -EAGAIN */
    HOST_EVENT_STDOUT = 1 << HOST_STDOUT, /* console_write would not give -EAGAIN */
    HOST_EVENT_STDERR = 1 << HOST_STDERR,
    HOST_EVENT_NET = 1 << 4,  /* net_rx has frames */
    HOST_EVENT_WAKE = 1 << 5, /* vcpu(HOST_VCPU_WAKE), or the platform has work: a trap was reported, a signal came */
    HOST_EVENT_STREAMS = 1 << 6, /* a stream of stream_ops.watch may be ready */
};

enum host_memory {
    HOST_MEMORY_COMMIT,  /* pages of the kernel's arena become usable, zeroed */
    HOST_MEMORY_RELEASE, /* their contents are given back; they stay usable and read as zero */
    HOST_MEMORY_GUARD,   /* no access: below a kernel stack */
};

enum host_vcpu {
    HOST_VCPU_START,
    HOST_VCPU_WAKE,
    HOST_VCPU_PAUSE, /* the calling one waits for the kernel's lock: its host thread may let others run */
};

struct host_frame {
    void *data;
    uint32_t length; /* rx: room in, bytes out */
};

struct hostops {
    /* Ends everything. signo != 0: the program died of that signal; else status is its exit status. */
    void (*exit)(int status, int signo) __attribute__((noreturn));
    uint64_t (*clock)(enum host_clock);
    /* Waits until one of `interest` is there, a wake-up, or the monotonic deadline (UINT64_MAX: none). Returns what is
     * there; 0: time. May call linux_trap_ready() and linux_signal(). The kernel's lock is not held,
     * unless the deadline is 0: then it never waits. */
    uint32_t (*poll)(uint64_t deadline, uint32_t interest);
    int (*net_rx)(struct host_frame *frames, int n);       /* frames received; 0: none. -ENODEV: no network */
    int (*net_tx)(const struct host_frame *frames, int n); /* frames taken */
    int64_t (*block_read)(uint32_t device, void *to, size_t n, uint64_t offset); /* -ENODEV: no such device */
    int64_t (*block_write)(uint32_t device, const void *from, size_t n, uint64_t offset);
    int64_t (*console_read)(void *to, size_t n);                            /* 0: end; -EAGAIN */
    int64_t (*console_write)(enum host_stream, const void *from, size_t n); /* -EAGAIN; -EPIPE */
    int (*memory)(enum host_memory, void *at, size_t n);
    int (*random)(void *to, size_t n); /* seed material, at most 64 bytes; asked for once, and after a restore */
    int (*vcpu)(enum host_vcpu, uint32_t vcpu); /* -ENOSYS: one is all there is */
};

/* ---- address spaces ---------------------------------------------------------------------------------------------- */

/* PROT_* and MAP_* as in mman.h. */
struct aspace_range {
    uint64_t low, high;           /* anonymous memory, stacks, heaps: [low, high) */
    uint64_t text_low, text_high; /* where a mapping may become executable */
    bool jit;    /* the program makes code of its own: memory of the data range may become executable, too */
    bool shared; /* all address spaces are one: no two of them may use the same address, and fork is -ENOSYS */
    bool wx;     /* memory may be writable and executable at once: that is nobody's danger but the program's own */
};

struct aspace_ops {
    struct aspace *(*create)(struct aspace_range *); /* NULL: out of memory */
    void (*destroy)(struct aspace *);                /* with all its mappings */
    int (*fork)(struct aspace *, struct aspace **);  /* copy on write; -ENOSYS */
    /* [at, at + n) is page-aligned, lies in the range and is free or replaced whole. object NULL: anonymous, zeroed.
     * `shared` false: private. Without range.wx never writable and executable at once: -EACCES (mm/ looks, too). An
     * address that this platform cannot alias for a shared mapping: -ENODEV; where() names one that it can. */
    int (*map)(struct aspace *, uint64_t at, size_t n, int prot, bool shared, struct memobj *object, uint64_t offset);
    int (*unmap)(struct aspace *, uint64_t at, size_t n);
    int (*protect)(struct aspace *, uint64_t at, size_t n, int prot);
    int (*advise)(struct aspace *, uint64_t at, size_t n,
                  int advice); /* MADV_DONTNEED zeroes anonymous pages; hints may be 0 */
    int (*move)(struct aspace *, uint64_t from, size_t from_n, uint64_t to, size_t to_n, int prot);
    /* Where this object should be mapped so that it costs nothing, or has to be for `shared`. 0: anywhere. */
    uint64_t (*where)(struct aspace *, struct memobj *, uint64_t offset, size_t n, bool shared);
    /* Bytes done: less than n when the address cannot be read or written from there on. */
    size_t (*copy_in)(struct aspace *, void *to, struct uptr from, size_t n);
    size_t (*copy_out)(struct aspace *, struct uptr to, const void *from, size_t n);
    /* Up to and with the NUL: its length without it; n: no NUL within n; -EFAULT. */
    int64_t (*copy_str)(struct aspace *, char *to, struct uptr from, size_t n);
    size_t (*zero)(struct aspace *, struct uptr to, size_t n);
    int (*load32)(struct aspace *, struct uptr, uint32_t *value);
    /* *value is compared and becomes what was there. 0, -EFAULT. Atomic against the guest's own threads. */
    int (*cmpxchg32)(struct aspace *, struct uptr, uint32_t *value, uint32_t with);
};

/* ---- page-cache objects ------------------------------------------------------------------------------------------ */

struct memobj_ops {
    struct memobj *(*create)(void); /* empty; NULL: out of memory */
    void (*destroy)(struct memobj *);
    /* The page in the kernel's memory, held until put. `make` false: NULL where there is a hole. */
    void *(*get)(struct memobj *, uint64_t page, bool make);
    void (*put)(struct memobj *, uint64_t page, bool dirty);
    /* Bytes [from, to) become zero: whole pages within are given back (mapped ones are gone from the address spaces),
     * parts of pages are zeroed. The number of pages given back. */
    int64_t (*discard)(struct memobj *, uint64_t from, uint64_t to);
    uint64_t (*next)(struct memobj *, uint64_t page); /* the first page >= page that is no hole; UINT64_MAX: none */
};

/* ---- guest tasks ---------------------------------------------------------------------------------------------------
 */

enum trap_kind {
    TRAP_SYSCALL,
    TRAP_FAULT, /* a CPU exception of guest code */
    TRAP_KICK,  /* task_ops.kick, or the time given to start is over */
};

struct trap {
    enum trap_kind kind;
    int signo, code;  /* TRAP_FAULT: SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP and si_code */
    uint64_t address; /* si_addr */
    uint64_t error;   /* x86 error code and trap number, for the signal frame */
    uint32_t number;
};

struct task_ops {
    /* The guest goes on at task->regs; its next trap comes by linux_trap() at the top of the task's kernel stack, which
     * is therefore given up here. Where guest code runs on this very thread it does not return; where it runs elsewhere
     * it returns at once. `deadline`: monotonic; a TRAP_KICK then (UINT64_MAX: none); one that comes too early is
     * harmless, so a timer that is already set to an earlier time may stay. Called without the kernel's lock where it
     * does not return, and with it where it does (and then no kick that comes later is lost). */
    void (*start)(struct task *, uint64_t deadline);
    /* A running guest traps soon (TRAP_KICK). Harmless when it does not run. */
    void (*kick)(struct task *);
    /* A task is born: extended state and what the platform needs as in `from` (NULL: fresh). 0, -ENOMEM, -EAGAIN. */
    int (*create)(struct task *, const struct task *from);
    /* It has ended; its kernel stack may still be in use until the next switch. */
    void (*destroy)(struct task *);
    /* The XSAVE image (standard form) for signal frames: get returns its size, at most n; set checks what it is given:
     * -EINVAL. n 0 for get: the size alone. set of NULL: the initial state (execve). */
    int64_t (*xstate_get)(struct task *, void *to, size_t n);
    int (*xstate_set)(struct task *, const void *from, size_t n);
    /* A task that made a system call may have come with rdi to r9, rax and rip alone: here the others are fetched,
     * before anybody looks at them or changes them. 0; -ESRCH: its program is lost (linux_task_lost). NULL: all are
     * there. */
    int (*regs_full)(struct task *);
};

/* Streams beside the console's: sets of three, HOST_STDIN to HOST_STDERR, one for each linux_spawn(). A set has a
 * number of the platform's, not 0. */
struct stream_ops {
    int64_t (*read)(uint32_t set, void *to, size_t n);                            /* 0: end; -EAGAIN */
    int64_t (*write)(uint32_t set, enum host_stream, const void *from, size_t n); /* -EAGAIN; -EPIPE */
    bool (*ready)(uint32_t set, enum host_stream); /* read or write would not give -EAGAIN */
    void (*watch)(uint32_t set, enum host_stream); /* it is of interest, once, while HOST_EVENT_STREAMS is */
    void (*close)(uint32_t set, enum host_stream); /* no file holds it any more */
    void (*ended)(uint32_t set, int32_t status);   /* its process has ended; status as wait4 gives it */
};

struct platform {
    const char *name;
    struct hostops host;
    struct aspace_ops aspace;
    struct memobj_ops memobj;
    struct task_ops task;
    const struct files_ops *files;    /* files of the host (files.h); NULL: there are none */
    const struct stream_ops *streams; /* NULL: no linux_spawn() */
    uint32_t vcpus;
    bool elsewhere; /* guests run on threads of their own: task_ops.start returns, traps come by linux_trap_ready */
    uint64_t vdso;  /* address of the vDSO's ELF header in every guest address space; 0: none */
    uint32_t *vdso_asks;  /* not 0: it makes the calls, since a program has set the time. NULL: it always does */
    uint64_t hwcap;       /* AT_HWCAP: edx of CPUID 1 */
    uint32_t xstate_size; /* bytes of the XSAVE image */
    uint64_t xstate_mask; /* XCR0 */
};

/* The one that this kernel was booted on. Set by linux_boot, never changed after. */
extern struct platform platform;

#endif
