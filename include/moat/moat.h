/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmoat: one program in two processes. The host is trusted and decides; the target reads hostile bytes, can reach no
 * file, no network and no other process, and is assumed to be taken over. They share one sealed memory with two rings.
 *
 * LIFE
 *   host     fill struct moat_target_options -> moat_target_spawn() (a program) or moat_target_fork() (a function)
 *            -> moat_call(), or moat_call_begin() .. moat_call_end() -> moat_target_free()
 *            after a failure: moat_target_restart(), which gives a fresh target, or moat_target_free()
 *   target   main() { read what start-up needs; moat_session_enter(); return moat_serve(); }
 *   zygote   main() { read what start-up needs; moat_zygote_ready(); return moat_serve(); }, where ready returns once
 * in every fork. The host: moat_zygote_start() -> moat_zygote_spawn() as often as wanted -> moat_zygote_free() buffer
 * moat_buffer_create() -> moat_buffer_share() with targets -> moat_buffer_free()
 *
 * OWNERSHIP  What a function makes is the caller's, and ends with its _free(), which takes NULL. Options are copied,
 *   except `methods`, which must outlive the target. A struct moat_call and the memory it names are lent from begin to
 *   end. Descriptors that are sent stay the sender's; descriptors that were received are the receiver's to close.
 *
 * ERRORS  0, or a negative errno with one sentence in struct moat_error (untouched on success, may be NULL):
 *   -EPROTO      the target broke the protocol (a length, an index, a reply nobody asked for): it was killed
 *   -ETIMEDOUT   it missed the deadline: it was killed
 *   -ECONNRESET  it ended; the sentence says how. -ENOTCONN: it had ended before
 *   -EINVAL      the request is against the row of its method, or not permitted in this state: nothing was sent
 *   -EAGAIN      begin: too much is under way, end a call first; restart: too often
 *   A call that was answered returns 0 and has the function's own result (0 or a negative errno) in `result`.
 *
 * THREADS  One thread at a time may use one target, or one buffer, or one zygote with all its targets; others do not
 *   disturb them. A target dies with the *thread* that started it. There is no hidden thread and no signal handler. A
 *   program that was executed is a child like others, with SIGCHLD, and may be waited for; a fork is not seen by
 * wait(2). moat_target_fork() needs a process of one thread, and the target then holds a copy of all its memory: fork
 * before there are secrets.
 *
 * TRUST  Whatever comes from a target is hostile: declare fields of replies as moat_tainted_* and open them with a
 *   bound. Memory of a shared buffer may change while it is looked at: copy first (moat_buffer_read()), then check.
 */
#ifndef MOAT_MOAT_H
#define MOAT_MOAT_H

#include <moat/taint.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef MOAT_API
#define MOAT_API
#endif

struct moat_error {
    int code;        /* negative errno */
    char text[1024]; /* one line, lower case, no full stop */
};

/* ---- methods: one table, compiled into both sides --------------------------------------------------------------- */

#define MOAT_FDS_MAX 8

/* What the function of a method sees; target side. The bytes are the target's own copy. */
struct moat_request {
    struct moat_session *session;
    void *context; /* of moat_serve() */
    uint32_t method;
    const void *bytes; /* aligned to 16; request_min .. request_max of them */
    size_t size;
    int fds[MOAT_FDS_MAX]; /* that came along; closed after the function unless it writes -1 there */
    unsigned n_fds;
    void *reply; /* OUT: up to reply_max bytes; reply_size is 0 on entry */
    size_t reply_size;
    int reply_fds[MOAT_FDS_MAX]; /* OUT: sent along, and closed afterwards */
    unsigned n_reply_fds;
};

/* 0, or a negative errno: that and no bytes are then the reply. */
typedef int moat_function(struct moat_request *request);

#define MOAT_STATE(n)   (1u << (n)) /* states are 0 .. 31; a target starts in 0 */
#define MOAT_STATES_ALL (~0u)
#define MOAT_GO(n)      ((n) + 1u) /* for `next` */

struct moat_method {
    uint32_t method;                   /* its own index in the table */
    const char *name;                  /* for messages */
    uint32_t states;                   /* permitted in these: MOAT_STATE(0) | ... */
    uint32_t next;                     /* 0: the state stays; MOAT_GO(n): the state after its result was 0 */
    uint32_t request_min, request_max; /* bytes */
    uint32_t reply_max;                /* bytes */
    uint8_t fds_in, fds_out;           /* at most so many descriptors, to the target and from it */
    moat_function *function;           /* may be NULL in the host */
};

/* ---- targets, host side ----------------------------------------------------------------------------------------- */

/* What stands around a target; moat_target_walls(). The filter of system calls always does. */
enum moat_wall {
    MOAT_WALL_NAMESPACES = 1, /* pid, network, mount, ipc, uts */
    MOAT_WALL_USER = 2,       /* a user namespace of its own */
    MOAT_WALL_IDENTITY = 4,   /* not the uid of root; for callers who are root */
    MOAT_WALL_ROOT = 8,       /* an empty root directory */
    MOAT_WALL_LANDLOCK = 16,
    MOAT_WALL_FILTER = 32,
};

enum moat_placement {
    MOAT_PLACE_AUTO = 0, /* on the caller's processor while calls are short, anywhere else else */
    MOAT_PLACE_TOGETHER, /* always on the caller's processor: the cheapest wake */
    MOAT_PLACE_FREE,     /* where the scheduler likes; both sides sleep */
    MOAT_PLACE_APART,    /* on another processor, both sides look for a moment before they sleep: for begin and end */
};

struct moat_target_options {
    const char *path;            /* spawn: the program, executed as it is */
    const char *const *argv;     /* NULL: the path alone */
    const char *const *environ_; /* NULL: empty */
    const struct moat_method *methods;
    uint32_t n_methods;
    int deadline_ms;          /* of each call; 0: 10,000; -1: none */
    int start_ms;             /* until it is ready; 0: 10,000 */
    uint32_t ring_bytes;      /* of each ring, a power of two from 4,096 to 16 MiB; 0: 65,536. A message fits in one */
    uint64_t memory;          /* bytes of address space; 0: 4 GiB; UINT64_MAX: no limit */
    uint64_t file_bytes;      /* how far it may write in a file that it is handed */
    uint64_t cpu_seconds;     /* 0: no limit */
    const char *const *calls; /* system calls allowed beyond libmoat's list, NULL-terminated; NULL: none */
    bool keep_stderr;         /* it writes to the host's descriptor 2: for debugging, since it may write anything */
    uint32_t require;         /* enum moat_wall bits: fail rather than start without them */
    uint32_t placement;       /* enum moat_placement */
    uint32_t restarts;        /* at most so many within restart_seconds; 0: 5 */
    uint32_t restart_seconds; /* 0: 10 */
};

struct moat_target;
struct moat_session;

MOAT_API int moat_target_spawn(const struct moat_target_options *options, struct moat_target **target,
                               struct moat_error *error);
/* entry runs behind the walls; what it returns is the exit status. It never returns into the host's code. */
MOAT_API int moat_target_fork(const struct moat_target_options *options,
                              int (*entry)(struct moat_session *session, void *context), void *context,
                              struct moat_target **target, struct moat_error *error);
/* Kills what is left and starts it afresh: state 0, the same shared buffers. Calls that were not ended fail. */
MOAT_API int moat_target_restart(struct moat_target *target, struct moat_error *error);
/* Kills it, waits for it, frees all. */
MOAT_API void moat_target_free(struct moat_target *target);

MOAT_API uint32_t moat_target_walls(const struct moat_target *target);
MOAT_API uint32_t moat_target_state(const struct moat_target *target);
/* Its pid as the host sees it; -1 when it has ended. Not to be waited for. */
MOAT_API int moat_target_pid(struct moat_target *target);
/* The wait status of a target that ended; -1 while it runs, or where the kernel does not tell (forks of a zygote before
 * Linux 6.15). */
MOAT_API int moat_target_status(struct moat_target *target);

/* ---- calls, host side ------------------------------------------------------------------------------------------- */

struct moat_call {
    uint32_t method;
    const void *request; /* copied by begin */
    size_t request_size;
    void *reply; /* where the reply is copied to, once */
    size_t reply_max;
    const int *fds; /* sent along */
    unsigned n_fds;
    int deadline_ms; /* from begin; 0: the target's; -1: none */
    /* OUT */
    int result;        /* of the function: 0 or a negative errno */
    size_t reply_size; /* at most reply_max */
    int reply_fds[MOAT_FDS_MAX];
    unsigned n_reply_fds;
    /* private */
    uint32_t serial, state;
    int64_t began_ms;
    struct moat_call *next;
};

/* begin and end in one. */
MOAT_API int moat_call(struct moat_target *target, struct moat_call *call, struct moat_error *error);
/* Sends, never waits. Calls are carried out one after the other, in the order of begin, and may be ended in any. */
MOAT_API int moat_call_begin(struct moat_target *target, struct moat_call *call, struct moat_error *error);
MOAT_API int moat_call_end(struct moat_target *target, struct moat_call *call, struct moat_error *error);
/* Whether end would not wait. */
MOAT_API bool moat_call_is_done(struct moat_target *target, struct moat_call *call);
/* The reply of a call that was ended, as bytes that cannot be used unchecked. */
static inline moat_tainted_bytes moat_call_reply(const struct moat_call *call)
{
    return moat_taint_bytes(call->reply, call->reply_size);
}

/* ---- shared buffers --------------------------------------------------------------------------------------------- */

enum moat_buffer_mode {
    MOAT_BUFFER_WRITTEN = 0, /* the target reads and writes it */
    MOAT_BUFFER_READ,        /* the target can only read it; before Linux 5.1: -ENOTSUP */
};

struct moat_buffer;

MOAT_API int moat_buffer_create(size_t size, uint32_t mode, struct moat_buffer **buffer, struct moat_error *error);
/* Ends the sharing too; memory goes when the targets' mappings go. */
MOAT_API void moat_buffer_free(struct moat_buffer *buffer);
/* The target maps it; *id is its number there, for requests. A buffer is shared with one target at a time. */
MOAT_API int moat_buffer_share(struct moat_buffer *buffer, struct moat_target *target, uint32_t *id,
                               struct moat_error *error);
MOAT_API int moat_buffer_unshare(struct moat_buffer *buffer, struct moat_error *error);
/* The host's mapping, for writing. Reading it in place is reading what a target may change meanwhile. */
MOAT_API void *moat_buffer_memory(struct moat_buffer *buffer);
MOAT_API size_t moat_buffer_size(const struct moat_buffer *buffer);
/* Copies out n bytes from an offset that the target named: -ERANGE when they do not lie within. */
MOAT_API int moat_buffer_read(const struct moat_buffer *buffer, moat_tainted_offset from, void *to, size_t n);

/* ---- target side ------------------------------------------------------------------------------------------------ */

/* Raises the walls. From here on there are descriptors 0, 1, 2 and the library's own, and few system calls. */
MOAT_API int moat_session_enter(struct moat_session **session, struct moat_error *error);
/* Raises the walls and waits; returns in each fork that a host asks for. Under moat_target_spawn() it is the same as
 * moat_session_enter(). The process must have one thread. */
MOAT_API int moat_zygote_ready(struct moat_session **session, struct moat_error *error);
/* Answers calls until the host ends it, so it returns on failure alone. A host that breaks the protocol ends it too. */
MOAT_API int moat_serve(struct moat_session *session, const struct moat_method *methods, uint32_t n_methods,
                        void *context, struct moat_error *error);
/* A buffer that the host shared. -ENOENT. The memory is writable when the host made it so. */
MOAT_API int moat_session_buffer(struct moat_session *session, uint32_t id, void **memory, size_t *size);

/* ---- zygotes, host side ----------------------------------------------------------------------------------------- */

struct moat_zygote;

/* Starts the program of the options, which calls moat_zygote_ready(). */
MOAT_API int moat_zygote_start(const struct moat_target_options *options, struct moat_zygote **zygote,
                               struct moat_error *error);
/* One fork. Targets of a zygote die with it; moat_target_restart() takes another fork. */
/* Does not wait: if the zygote cannot fork, the first call says so. */
MOAT_API int moat_zygote_spawn(struct moat_zygote *zygote, struct moat_target **target, struct moat_error *error);
/* Free its targets first. */
MOAT_API void moat_zygote_free(struct moat_zygote *zygote);

#ifdef __cplusplus
}
#endif

#endif
