/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the split platform know of each other (README.md). Two kinds of threads: virtual CPUs, on which the
 * kernel runs, and the tracer, the one thread that moves guests. A virtual CPU asks the tracer by tracer_call() and
 * waits; the tracer tells of traps by the inbox (host.c) and never takes the kernel's lock, so neither waits for the
 * other in a ring.
 */
#ifndef MOAT_TEST_PLATFORM_SPLIT_H
#define MOAT_TEST_PLATFORM_SPLIT_H

#include "sentry/apart.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#define EXIT_CANNOT 77 /* the host does not let this process trace another */
#define VCPUS_MOST  8

/* A guest process: its leader runs nothing but what the tracer injects and stands still in between. */
struct aspace {
    struct aspace *next;
    pid_t leader;
    bool dead; /* it was killed from outside */
};

/* A guest task's thread in a guest process. */
struct guest {
    struct guest *next; /* of those with a thread, by tid */
    struct task *task;
    struct aspace *aspace; /* where its thread is */
    pid_t tid;             /* 0: no thread yet */
    bool running;          /* the tracer's: it goes on, and has not been seen to stop */
    bool state_is_new;     /* `state` is to be loaded before it runs */
    uint8_t *state;        /* XSAVE image, of state_size bytes; NULL: the initial one */
};

/* ---- main.c ---- */
extern const char *split_name; /* of the image, for messages */

/* ---- tracer.c ---- */
extern uint32_t state_size; /* of an XSAVE image, as the host gives it */
extern uint64_t state_mask;
#define STATE_MOST 65536u /* state_size is not more */
/* With the first guest process, of which all others are copies. Before there is any other thread. */
void tracer_init(int objects_fd, int image_fd);
/* The calling thread, which is the one that called tracer_init, from now on. */
_Noreturn void tracer_run(void);
/* fn(of) on the tracer; its result. */
int64_t tracer_call(int64_t (*fn)(void *of), void *of);

/* ---- stub.c, thread.c: on the tracer alone ---- */
void stub_init(int objects_fd, int image_fd);
struct aspace *stub_copy(struct aspace *of); /* NULL: the first one. NULL: none could be made */
void stub_kill(struct aspace *);
void stub_kill_all(void);
/* A host call in the process, by its leader: its result or -errno. */
int64_t stub_call(struct aspace *, long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f);
/* n bytes, a multiple of 8, into the gate page. */
void stub_poke(struct aspace *, uint64_t at, const char *bytes, size_t n);
/* *at is loaded; or compared with *value and replaced: *value becomes what was there. 0, -EFAULT. */
int stub_load32(struct aspace *, uint64_t at, uint32_t *value);
int stub_cmpxchg32(struct aspace *, uint64_t at, uint32_t *value, uint32_t with);
int64_t guest_make(struct guest *, struct aspace *); /* its thread. 0, -errno */
void guest_end(struct guest *);                      /* its thread goes, if there is one */
void guest_go(struct guest *);                       /* as its task's registers say */
void guest_interrupt(struct guest *);
int64_t guest_state_get(struct guest *, void *to);
int64_t guest_state_set(struct guest *, const void *from);

/* ---- host.c ---- */
extern const struct hostops split_hostops;
void inbox_init(void);
/* Standard input is a terminal: it becomes raw until the end. Its window; false: it is none. */
bool terminal_take(uint32_t *rows, uint32_t *columns);
void inbox_trap(struct task *, const struct trap *);
void inbox_signal(int signo);
void host_is_vcpu(uint32_t vcpu); /* what the calling thread is */

/* ---- aspace.c, task.c ---- */
extern const struct aspace_ops split_aspace;
extern const struct task_ops split_task;
extern bool split_jit;
extern uint64_t split_text; /* bytes in which code may lie */

/* ---- volumes.c ---- */
/* Takes what the words at argv[1] say of files of the host; true: there was something. */
bool volumes_take(int *argc, char ***argv, struct linux_config *);
const struct files_ops *volumes_files(void); /* NULL: none were given */

#endif
