/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the sentry know of each other (README.md). One thread: the kernel's one virtual CPU, which also
 * receives what the stubs have to say, in hostops.poll or while it waits for the answer to an order. What comes for
 * others meanwhile is kept, and the kernel told of it at its next poll.
 *
 * A stub is hostile. What comes of it is a notification (a fixed record of the host's) and bytes of a slot, which are
 * copied once; neither is an index or an address of this process before it was checked.
 */
#ifndef MOAT_SENTRY_SENTRY_H
#define MOAT_SENTRY_SENTRY_H

#include "sentry/apart.h"
#include "sentry/frame.h"
#include "sentry/stub.h"

#include <linux/seccomp.h>

#define PATIENCE 10000000000u /* ns: a stub that takes longer to answer is given up */

/* One host task: a service, or what a guest task runs on. It is here until the host has been asked how it ended. */
struct host_task {
    struct host_task *next; /* of those with pids that are alike */
    pid_t pid;
    struct aspace *as;
    struct guest *guest; /* NULL: a service, or one that is being ended */
    uint32_t slot;       /* of a guest task */
    bool service;
};

/* A stub. */
struct aspace {
    pid_t pid;        /* its service's */
    uint64_t waiting; /* the service's ORDER, to be answered with the next order */
    uint32_t order;   /* its page of orders */
    uint32_t live;    /* host tasks of it */
    bool dead;        /* its service is */
    bool left;        /* the kernel has given it up; it is freed when no host task is left */
    uint32_t *slots;  /* that are mapped there and free */
    uint32_t n_slots, room;
};

enum guest_state {
    GUEST_NONE,    /* it has no host task */
    GUEST_RUNNING, /* guest code */
    GUEST_CALLED,  /* waits in a call that was told; what is in `regs` but not in the notification is old */
    GUEST_PARKED,  /* waits in PARK: all registers are in `regs` */
    GUEST_AGAIN,   /* was answered, but had been stopped from outside: it comes again, and is given the same answer */
    GUEST_ENDING,  /* killed, and the kernel is told that it stands when it has been waited for */
    GUEST_ENDING_LOST, /* the same, and the kernel is told that it is lost */
};

struct guest {
    struct task *task;
    struct host_task *host; /* NULL: none yet, or it is gone */
    enum guest_state state;
    uint64_t waiting;       /* the notification to be answered */
    uint64_t answer;        /* AGAIN */
    bool was_parked;        /* AGAIN: in PARK, not in a call */
    bool kick_due;          /* AGAIN: it is to be kicked when it runs */
    struct regs seen;       /* as they came: the short way back is for those of which rax alone has changed */
    bool kicked;            /* the signal is on its way */
    uint64_t kick_deadline; /* monotonic */
    struct guest *kicked_before, *kicked_next;
    bool xstate_is_new;    /* `xstate` is to be loaded before it runs */
    uint8_t *xstate;       /* XSAVE image of state_size bytes; NULL: the initial one */
    uint64_t frame_xstate; /* PARKED: where the host has put the image, from the slot's start; 0: nowhere */
    bool lost;             /* its host task ended by itself, or lied: the kernel is to be told */
    struct guest *next_lost;
};

/* ---- main.c ---- */
extern bool sentry_traps; /* --platform trap */

/* ---- host_call.S ---- */
/* A host call that waits, but not when *noted is not 0, nor when it becomes so: then -EINTR. Else its result. */
long wait_call(const uint32_t *noted, long nr, long a, long b, long c, long d, long e);
extern const uint8_t wait_call_begin[], wait_call_end[], wait_call_cut[];

/* ---- signals.c ---- */
extern uint32_t signals_noted;  /* not 0: signals_take */
extern uint32_t children_noted; /* not 0: signals_take_children */
void signals_init(void);
void signals_begin(void); /* until then nothing is noted but the ends of children */
/* Children that ended, and signals for the first program, whom the kernel is told of. Its lock is free. */
void signals_take(void);
/* Children that ended, alone. */
void signals_take_children(void);

/* ---- zygote.c ---- */
/* The first stub, and the listener. Before there is anything that no stub should have. */
struct aspace *zygote_make(int objects_fd, int image_fd, int memory_fd, bool gate);

/* ---- notify.c ---- */
void notify_init(int listener);
/* The next one, kept or new, which is waited for. 0; -EINTR: signals_noted. */
int notify_next(struct seccomp_notif *);
bool notify_kept(void);
int notify_fd(void);
/* The next one of a certain host task; others are kept. Patience in ns, 0: without end, for those that run nothing of
 * the guest's. 0; -ESRCH: it is gone; -ETIMEDOUT. */
int notify_of(const struct host_task *, struct seccomp_notif *, uint64_t patience);
/* 0; -ENOENT: nobody waits any more. */
int notify_answer(uint64_t id, uint64_t value);
/* A descriptor of ours, in the one that waits: 0, -errno. */
int notify_lend(uint64_t id, int fd, int as);
/* What was kept of it goes: its pid may be another's next. */
void notify_forget(pid_t pid);
bool notify_is(const struct seccomp_notif *, const uint8_t *behind);

/* ---- tasks.c: host tasks ---- */
struct host_task *host_task_find(pid_t pid);
struct host_task *host_task_add(pid_t pid, struct aspace *, struct guest *);
void host_task_end(struct host_task *); /* it is killed; it stays until it has been reaped */
void host_tasks_reap(void);
void host_tasks_end_all(void);

/* ---- service.c: stubs ---- */
struct aspace *stub_first(pid_t pid, uint64_t waiting); /* of the zygote */
struct aspace *stub_copy(struct aspace *of);            /* NULL: of the zygote. NULL: none could be made */
void stub_leave(struct aspace *);
void stub_reaped(struct aspace *); /* one of its host tasks is gone */
void stub_end(struct aspace *);    /* its service can no longer be relied on */
/* An order: its result, -errno; -ESRCH: the service is gone. */
int64_t stub_order(struct aspace *, enum stub_order_kind, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                   uint64_t f);
/* A new host task for a guest, with a slot. 0; -ENOMEM, -EAGAIN, -ESRCH. */
int stub_task(struct aspace *, struct guest *);
void stub_slot_free(struct aspace *, uint32_t slot);
void stub_memory_init(void);
int stub_memory_file(void);

/* ---- guest.c ---- */
extern const struct task_ops sentry_task;
/* What a notification means: whom the kernel is told of by linux_trap_ready. Its lock is free. */
void guest_notified(const struct seccomp_notif *);
void guest_host_gone(struct guest *);
uint64_t guests_deadline(void); /* until when somebody has to answer; UINT64_MAX */
void guests_look(void);         /* who has not is given up; the kernel is told who is lost. Its lock is free */
bool guests_lost(void);         /* somebody is, and the kernel is not told yet */

/* ---- aspace.c, host.c ---- */
extern const struct aspace_ops sentry_aspace;
extern const struct hostops sentry_hostops;

#endif
