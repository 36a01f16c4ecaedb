/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private: the state of the broker process, and one call on its way through it. One thread, one call at a time; all of
 * it has a fixed size, so a target cannot make the broker grow.
 *
 * The life of a call: notify.c receives it -> calls.c finds its row, copies its paths out of the target's memory once,
 * and checks that the target still waits -> resolve.c says where each path leads -> the service answers it
 * (files_*.c, net.c), or the kernel does (ANSWER_CONTINUE, which grants nothing) -> notify.c sends the answer.
 */
#ifndef MOAT_BROKER_BROKER_H
#define MOAT_BROKER_BROKER_H

#include "base/mem.h"
#include "broker/path.h"
#include "broker/rules.h"

#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A brokered directory, twice. `change` has what the rule gives; `show` is read-only where this process could make it
 * so (views.h): what is opened for reading is opened there, so that no second opening of it by the target, as through
 * /proc/self/fd, can write. */
struct tree {
    int change, show;
};

struct broker {
    struct rules rules;
    struct tree trees[BROKER_TREES_MAX];
    bool absent[BROKER_PATHS_MAX]; /* per rule: nothing can ever be under its name in the target's own root */
    bool views;                    /* the trees are views, and this process's root holds nothing else */
    bool by_name;                  /* they are found in the mount namespace by the rules' host paths */
    bool hears_end;                /* receiving a call ends when no target is left (Linux 6.11) */
    int listener, events, proc, host, dns;
    int looker;   /* looker.h; -1 */
    int own_fds;  /* O_PATH: /proc/self/fd */
    int own_root; /* O_PATH: with views, this process's root directory */
    int root;     /* O_PATH: the target's root directory; -1 before the first call that needs it */
};

/* How a call takes the last name of a path. */
enum last_name {
    LAST_FOLLOWED, /* a link there is followed */
    LAST_KEPT,     /* it is not */
    LAST_NAMED,    /* the call makes, removes or replaces the name itself: its directory is what is looked up */
};

enum spot_kind {
    SPOT_KERNEL,   /* in the target's own root, or nobody's: the kernel decides, under the target's walls */
    SPOT_BROKERED, /* under a brokered rule, and nothing of the target's own root is there */
};

/* Where a path leads. */
struct spot {
    enum spot_kind kind;
    const struct rule *rule; /* of the place it leads to; NULL: none */
    bool exists;             /* SPOT_KERNEL: in the target's root */
    bool readonly;           /* SPOT_KERNEL: there, and its file system is read-only for the target */
    bool system;             /* SPOT_KERNEL: below /proc, /dev or /sys, or it could not be looked at */
    bool way;                /* SPOT_KERNEL: it leads to a rule, or is above one, where no name of the kernel's goes:
                                it can be looked at */
    bool ours;               /* it starts at a descriptor that the broker gave: never left to the kernel */
    bool opened;             /* SPOT_BROKERED: fd is no O_PATH: it was opened with the call's `quick` flags */
    int error;               /* SPOT_BROKERED: what looking it up gave; -ENOENT: not there */
    int fd;                  /* SPOT_BROKERED, error 0: O_PATH; of LAST_NAMED the directory; -1 */
    bool is_top;             /* LAST_NAMED: it is the rule's own directory, which is not changed by its name */
    char asked[PATH_SIZE];   /* absolute, as the target wrote it */
    char guest[PATH_SIZE];   /* clean, links followed as far as they could be */
    char name[256 + 1];      /* LAST_NAMED: with one slash behind it where the target wrote one */
};

enum answer {
    ANSWER_VALUE,    /* value, or error */
    ANSWER_CONTINUE, /* the kernel runs the call. Never a grant: the target may have changed what it points to */
    ANSWER_LATER,    /* net.c sends it */
};

struct call_row;
struct call {
    struct seccomp_notif n;
    const struct call_row *row;
    unsigned n_paths;
    int8_t dir[2], path[2]; /* arguments: as the row says, unless decode() knows better */
    enum last_name last[2];
    uint32_t access[2];          /* enum path_access, of each path */
    uint64_t flags, mode, scope; /* decoded by some services */
    uint64_t quick;   /* opening for reading alone: where one rule holds for a whole tree it is opened at once
                         with these flags; 0: it is looked up first */
    bool changes;     /* it needs the writable view */
    unsigned creates; /* bit i: path i need not be there yet */
    char text[2][PATH_SIZE];
    struct spot spots[2];
    enum answer answer;
    int64_t value;
    int fd; /* becomes a descriptor of the target; -1 */
    bool cloexec;
};

/* What answers one kind of call. The defaults hold for each path, unless decode() changes them in the call. */
struct service {
    const char *deed; /* "open" ...: for messages; NULL: as the access says */
    uint32_t access;
    enum last_name last;
    uint32_t nofollow;                               /* the flag that makes it LAST_KEPT; 0: none */
    bool changes;                                    /* it needs the writable view of a tree */
    unsigned creates;                                /* bit i: it makes what path i names */
    bool looks;                                      /* it asks only what is there */
    bool network;                                    /* no path: serve() does all of it */
    int (*decode)(struct broker *b, struct call *c); /* may be NULL; reads the target's memory, has no effects */
    int (*serve)(struct broker *b, struct call *c);  /* a path is brokered. 0 or -errno for the target; -ESRCH: gone */
};

/* One row per system call: confine/notify_calls.h. Indexes of arguments; -1: there is none. */
struct call_row {
    const char *name;
    const struct service *service;
    int8_t dir[2], path[2], flags, only;
};

/* Closes it, and forgets it. */
static inline void fd_drop(int *fd)
{
    cleanup_fd(fd);
    *fd = -1;
}

static inline uint64_t call_arg(const struct call *c, int i)
{
    return i < 0 ? 0 : c->n.data.args[i];
}

/* notify.c. notify_init() before the process is shut in. */
int notify_init(struct broker *b, struct err *err);
/* Until no target is left: 0. */
int notify_run(struct broker *b, struct err *err);
/* Whether the target still waits for this answer: else what was read of it is of somebody else. */
bool notify_waits(const struct broker *b, uint64_t id);
void notify_send(struct broker *b, uint64_t id, enum answer answer, int64_t value, int error);
/* Installs fd in the target, at `at` (-1: the lowest free) and answers with it; 0 or -errno, when nothing was sent. */
int notify_send_fd(struct broker *b, uint64_t id, int fd, bool cloexec);
int notify_put_fd(struct broker *b, uint64_t id, int fd, int at, bool cloexec);

/* calls.c */
void calls_init(void);
void calls_answer(struct broker *b, struct call *c);
/* For services: -EACCES after a report, unless the rule of spot i gives its access. */
int call_judge(struct broker *b, struct call *c, int i);
/* The same for the first path, and then the error that its look-up met. */
int call_found(struct broker *b, struct call *c);

/* target.c: the target's memory and directories. -EFAULT, -ENAMETOOLONG, -ESRCH, -EPERM. */
int target_read(const struct call *c, void *to, uint64_t from, size_t n);
int target_string(const struct call *c, char *to, size_t size, uint64_t from);
/* Only while the target waits: else -ESRCH. */
int target_write(const struct broker *b, const struct call *c, uint64_t to, const void *from, size_t n);
int target_open(const struct broker *b, const struct call *c, const char *what);
mode_t target_umask(const struct broker *b, const struct call *c);

/* resolve.c: fills spot i from c->last[i]. 0, or -errno for the target. `changes`: looked up in the writable view. */
int resolve(struct broker *b, struct call *c, int i, const char *text, bool changes);
void spot_close(struct spot *s);
/* For reports: whether the directory above a name that is not there is in the target's root; sets s->readonly. */
bool spot_parent(const struct broker *b, struct spot *s);

/* shut.c */
int shut_in(struct broker *b, int userns, struct err *err);

/* denials.c */
enum refusal {
    REFUSED_NO_RULE,     /* no rule names it */
    REFUSED_BY_RULE,     /* the rule there gives less */
    REFUSED_UNSUPPORTED, /* brokered paths cannot have it */
    REFUSED_UNSEEN,      /* no rule names it, and whether the host has it could not be seen */
};
void report_init(const struct broker *b);
void denial_path(struct broker *b, const struct call *c, int i, enum refusal why);
/* An event of learn mode. */
void learned_path(struct broker *b, const struct call *c, int i);

#endif
