/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the monitor: the descriptors it is started with, and what its hands (children that do one heavy
 * thing and end) report to it. */
#ifndef MOAT_SANDBOX_MONITOR_INTERNAL_H
#define MOAT_SANDBOX_MONITOR_INTERNAL_H

#include "boundary/control.h"
#include "sandbox/log.h"
#include "sandbox/sandbox.h"

#include <stdatomic.h>
#include <sys/wait.h>

/* Fixed numbers over the exec. */
enum monitor_fd {
    MONITOR_STDIN = 0, /* the workload's */
    MONITOR_ROOT = 3,  /* ROOT */
    MONITOR_STATE,     /* ROOT/ID, locked by who started us until the start is done */
    MONITOR_LISTEN,    /* control.sock */
    MONITOR_LOCK,      /* monitor.lock, locked */
    MONITOR_READY,     /* pipe for one struct monitor_ready */
    MONITOR_LAYER,     /* LAYER, where the log is */
    MONITOR_INPUT,     /* our end of its standard input, where that is kept open; else nothing of use */
    MONITOR_FDS
};

struct monitor_ready {
    int32_t code; /* 0 or -errno */
    int32_t not_run;
    char text[ERR_TEXT_MAX];
};

/* What the monitor knows of its sandbox: told by a hand that read the documents, so that it need not. */
struct monitor_facts {
    int32_t code; /* of what the hand was to do; not 0: text says why */
    int32_t not_run;
    char text[ERR_TEXT_MAX];

    const struct boundary *boundary;
    int32_t pid;      /* 0: none */
    int32_t last_pid; /* the same, or that of the process which has ended */
    uint64_t pid_key;
    uint32_t run;
    int64_t age_ms; /* of the process */
    int32_t stop_signal;
    int64_t timeout_ms, stop_timeout_ms;
    uint64_t log_size;
    uint32_t log_files;
    uint32_t restarts; /* so far */
    bool recorded;     /* state.json is there */
    bool ended;        /* exit.json is of this run */
    bool terminal;
    /* after an end */
    bool restart, removed;
    struct sandbox_end end;
};

/* How a run ended, for hand_end(). */
struct monitor_end {
    int wait_status;
    bool lost;      /* the status is not known */
    bool half_made; /* the start was cut short */
    bool again;     /* this end is on record: only the decision about it has changed */
    bool finish;    /* this end is on record, and so is the decision: what follows it is done once more */
    bool timed_out, manual, remove;
    uint32_t run, restarts;
    char error[ERR_TEXT_MAX];
};

/* As a shell has it; 255: not known. */
static inline int monitor_exit_code(const struct monitor_end *e)
{
    int st = e->wait_status;

    return e->lost ? 255 : WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
}

struct monitor_hands {
    const char *id, *root_path;
    int console_socket; /* where the terminal's master goes; -1 */
    bool input;         /* its standard input is kept open: MONITOR_INPUT is the other end */
    int out[2];         /* stdout, stderr of the workload: the pipes, open for both */
};

/* Who died under the guard. */
struct monitor_death {
    pid_t pid;
    int status;
};

/* Seen by guard and monitor. */
struct monitor_shared {
    _Atomic uint32_t pump;        /* the guard takes the pipes into the log: the two below say how */
    _Atomic uint32_t asked, done; /* to empty the pipes: how often */
    uint64_t log_size;
    uint32_t log_files;
};

/* What guard and monitor have in common, made before the first fork. */
struct monitor_common {
    struct monitor_hands hands;
    struct monitor_shared *shared;
    int kick, drained; /* eventfds: to the guard, from it */
    int console[2];    /* [0] ours: the message with the terminal's master stays queued, so it outlives us */
    int status[2];     /* of struct monitor_death: children that came to the guard */
};

/* How a monitor comes to be: at the command of a start; of a recovery; made by a guard whose monitor died. */
enum monitor_birth { BORN_START, BORN_RECOVER, BORN_AGAIN };

/* ---- the monitor's own ------------------------------------------------------------------------------------- */

#define CLIENTS_MAX 64

enum waits { WAITS_NOT, WAITS_END, WAITS_STOP, WAITS_REMOVE };

struct client {
    int fd; /* -1: free */
    enum waits waits;
    uint32_t serial;
};

struct monitor {
    struct monitor_common *common;
    struct monitor_facts facts;
    struct log log; /* of a terminal; else the guard has it */
    int guard;      /* pidfd of our parent; -1: it is dead */
    pid_t guard_pid;
    int master; /* of the terminal; -1 */
    int pidfd;  /* of the workload; -1: not running */
    bool child; /* the workload is our child, else its status comes from the guard */
    bool known; /* .death is the workload's */
    struct monitor_death death;
    bool manual, remove, timed_out, over, restarting;
    bool held;  /* what is slow to take apart waits for our end */
    bool tried; /* to remove it: what m.facts say is about that */
    uint32_t restarts;
    int64_t started, time_limit, kill_at, thaw_at, restart_at; /* CLOCK_MONOTONIC ms; 0: none */
    int64_t backoff;
    int64_t terminal_again; /* leave the terminal alone until then */
    int64_t guard_again;    /* no child could be made to go on in our place: not before then */
    struct client clients[CLIENTS_MAX];
};

extern struct monitor monitor; /* monitor.c */

void monitor_signal(int signo);                   /* to the workload */
void monitor_stop(int signo, int64_t timeout_ms); /* by signo, after timeout_ms by SIGKILL: no restart */
/* monitor_requests.c. finished: it has ended for good; else one run has, and another will follow. */
void monitor_tell(bool finished);
void monitor_serve(struct client *c);
void monitor_accept(void);

/* ---- both --------------------------------------------------------------------------------------------------- */

/* monitor.c: never returns. */
void monitor_run(struct monitor_common *c, enum monitor_birth birth, pid_t guard);
/* monitor_guard.c */
void guard_go_on(struct monitor_common *c, pid_t child); /* the caller is now the guard of its child; never returns */
void monitor_slim(void);
void monitor_pump_start(struct monitor_common *c, uint64_t log_size, uint32_t log_files);
void monitor_drain_ask(struct monitor_common *c);
bool monitor_drained(struct monitor_common *c);

/* What the monitor ignores, the workload must not. */
extern const int monitor_ignored[];
extern const size_t n_monitor_ignored;

/* Each forks, does its work in the child, and waits for it. 0 when the child reported (facts->code is its result), or
 * -errno when it died. */
int hand_look(const struct monitor_hands *h, struct monitor_facts *out);
int hand_start(const struct monitor_hands *h, struct monitor_facts *out);
int hand_thaw(const struct monitor_hands *h, struct monitor_facts *out);
int hand_end(const struct monitor_hands *h, const struct monitor_end *e, struct monitor_facts *out);

#endif
