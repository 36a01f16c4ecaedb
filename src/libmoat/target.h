/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of one target. Life: target_new() copies the options -> target_start() makes ring, socket and process
 * -> calls (call.c) -> target_fail() or moat_target_free(); after target_fail() target_start() again is a restart.
 * Everything here is private memory of the host except *page.
 */
#ifndef MOAT_LIBMOAT_TARGET_H
#define MOAT_LIBMOAT_TARGET_H

#include "base/mem.h"
#include "libmoat/api.h"
#include "libmoat/wire.h"

#include <sys/types.h>

/* How a process is started: a program or a function. */
struct plan {
    const char *path;
    char *const *argv, *const *environ_;
    int (*entry)(struct moat_session *session, void *context);
    void *context;
    bool keep_stderr, zygote;
    uint32_t require;
};

/* One that was started. */
struct started {
    int pidfd, sock;
    pid_t pid;
    bool ours;  /* to be reaped; a fork of a zygote is not */
    int never;  /* a negative errno: the zygote could not fork */
    int status; /* of wait(2), once it ended; -1: not known */
    bool ended;
    bool pending;   /* a fork whose zygote has not been heard yet: pidfd is not known */
    uint32_t flags; /* enum wire_flag: the namespaces it got */
    uint32_t walls; /* enum moat_wall, once it is ready */
};

enum call_state { CALL_NONE, CALL_UNDER_WAY, CALL_DONE, CALL_LOST };

struct moat_target {
    struct arena arena; /* the copied options */
    struct moat_target_options o;
    struct plan plan;
    struct moat_zygote *zygote; /* whose fork it is; NULL */
    struct moat_target *next_pending;
    struct started process;
    bool alive; /* not yet found dead */
    int ring;   /* the rings' memory, as a descriptor and mapped */
    void *map;
    struct wire_page *page;
    struct ring request, reply;
    uint32_t state, serial;
    struct moat_call *first, **last; /* under way, in the order of their replies */
    uint32_t reserved;               /* bytes of the reply ring kept for them */
    bool exclusive;                  /* the one under way may change the state */
    int32_t cpu;                     /* what requests say */
    uint32_t short_calls;            /* one after the other */
    struct moat_buffer *buffers;
    struct err why; /* it ended */
    int64_t starts[16];
    uint32_t n_starts;
};

struct moat_buffer {
    void *memory;
    size_t size;
    int fd;
    uint32_t mode, id;
    struct moat_target *target; /* that shares it; NULL */
    struct moat_buffer *next;
};

/* A fork: its options lie in the zygote, which must outlive it. */
int target_of_zygote(struct moat_zygote *z, const struct moat_target_options *o, struct moat_target **t,
                     struct err *err);
int target_new(const struct moat_target_options *o, struct moat_target **t, struct err *err);
int target_start(struct moat_target *t, struct err *err);
/* Kills it, remembers why, and gives up the calls under way. Returns err->code. */
int target_fail(struct moat_target *t, struct err *err);
/* -ENOTCONN with the reason when it has ended. */
int target_alive(struct moat_target *t, struct err *err);
/* Has it ended? Waits up to `ms`; then err says how, as -ECONNRESET. 0: it lives. */
int target_ended(struct moat_target *t, int ms, struct err *err);
void target_drop(struct moat_target *t); /* ring, socket, descriptors */

/* One method of the library's own, to its end. */
int call_own(struct moat_target *t, uint32_t method, const void *bytes, uint32_t size, const int *fd, struct err *err);
int buffer_send(struct moat_buffer *b, struct err *err);

/* process.c. The hello is completed (namespaces, identity) and sent with the descriptor; returns when the process says
 * that its walls stand, within `ms`. */
int process_start(const struct plan *plan, struct wire_hello *hello, int ring, int ms, struct started *p,
                  struct err *err);
void process_kill(const struct started *p);
/* Kills and reaps; closes. Harmless when done before. */
void process_end(struct started *p);
/* 1: it has ended, p->status is set; 0: not within `ms`. */
int process_ended(struct started *p, int ms);
/* poll(2) for reading, over signals. 1, 0: not within `ms` (-1: no limit), -errno. */
int wait_readable(int fd, int ms);
int process_pid(struct started *p);
/* "was killed by signal 11 (Segmentation fault)" */
void process_describe(const struct started *p, char *text, size_t size);
void hello_fill(struct wire_hello *hello, const struct moat_target_options *o, uint32_t ring_bytes, uint32_t flags,
                int32_t cpu);
int32_t target_cpu(struct moat_target *t);

/* zygote.c */
/* Asks for a fork; does not wait for it. Takes rings that a dead fork left, or makes them. */
int zygote_fork(struct moat_zygote *z, struct moat_target *t, struct err *err);
/* Hears what the zygote says of its forks, up to this one; waits up to `ms`. Afterwards pidfd is known, or it ended, or
 * it is still pending; with `must` not the latter: a zygote that does not answer is killed. */
void zygote_collect(struct moat_zygote *z, struct moat_target *t, int ms, bool must);
/* Rings for a fork, and rings of a fork that is dead. */
bool zygote_rings_take(struct moat_zygote *z, int *fd, void **map);
bool zygote_rings_keep(struct moat_zygote *z, int fd, void *map);

#endif
