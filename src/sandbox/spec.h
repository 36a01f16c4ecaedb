/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sandbox that outlives its maker remembers: ROOT/ID/sandbox.json (struct sandbox_spec, written when all the
 * rest of it is there, rewritten by `update`) and ROOT/ID/exit.json (struct sandbox_end, by its monitor, after each
 * end). A sandbox with a sandbox.json is `kept`: it has a monitor while it runs, and stays when it has ended.
 */
#ifndef MOAT_SANDBOX_SPEC_H
#define MOAT_SANDBOX_SPEC_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

enum restart_policy { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS, RESTART_UNLESS_STOPPED };

struct restart_rule {
    enum restart_policy policy;
    uint32_t max; /* on-failure: 0 is without end */
};

#define LOG_SIZE_DEFAULT     (16u << 20)
#define LOG_FILES_DEFAULT    2u
#define STOP_SECONDS_DEFAULT 10

struct sandbox_spec {
    const char *image;   /* as written: an image's name, or the path of a root or bundle */
    const char *created; /* RFC 3339 */
    struct restart_rule restart;
    bool auto_remove; /* --rm */
    bool keep_stdin;  /* -i while detached: the monitor holds its standard input open */
    int64_t stop_timeout_ms;
    bool log_none;     /* --log-driver none */
    uint64_t log_size; /* bytes a file */
    uint32_t log_files;
    /* what create() needs again at each start; the policy is config.json */
    const char *bundle, *root_path, *cgroup_path, *layer_dir, *data_dir, *layer_lower;
    bool rootless, idmap_root, idmap_binds;
    uint32_t id_block;
};

/* Ends with a NULL name in the table of words. */
enum end_reason {
    END_EXITED,       /* by itself */
    END_SIGNAL,       /* by a signal from inside or from elsewhere */
    END_STOPPED,      /* by stop, kill or rm */
    END_OOM,          /* the memory limit */
    END_PIDS,         /* with an error, after the limit on processes and threads had refused some */
    END_CPU,          /* the limit of processor time (RLIMIT_CPU) */
    END_HEAP,         /* with an error, limits of a boundary's own: Java's heap, */
    END_METASPACE,    /* its classes, */
    END_DIRECT,       /* its memory outside the heap */
    END_POWEROFF,     /* a machine: it switched itself off, */
    END_RESET,        /* it wanted to begin anew, */
    END_PANIC,        /* its kernel gave up, */
    END_TRIPLE_FAULT, /* its processor did */
    END_TIMEOUT,      /* the time limit */
    END_START_FAILED, /* never ran: .error says why */
    END_LOST,         /* ended while nobody of ours lived to see it: the status is not known (255) */
    END_REASONS
};

struct sandbox_end {
    bool known; /* there is an exit.json */
    uint32_t run;
    int exit_code; /* as a shell has it */
    enum end_reason reason;
    bool oom_killed;
    uint64_t pids_limit_hits;
    const char *finished; /* RFC 3339 */
    const char *error;    /* NULL: none */
    uint32_t restarts;
    bool restarting; /* its monitor will start it again */
    bool stopped;    /* on the user's word: no restart */
};

const char *end_reason_name(enum end_reason r); /* "exited", "oom", ... */
/* What a person is told of a limit that ended it, with the option that raises it; NULL: no limit did. */
const char *end_reason_words(enum end_reason r);
const char *restart_policy_name(enum restart_policy p);
/* "no", "on-failure[:N]", "always", "unless-stopped". */
int restart_rule_parse(const char *text, struct restart_rule *out, struct err *err);

struct sandbox;
/* Which of its limits ended a sandbox, by what can be asked before it is taken apart; END_EXITED: none. exit_code as a
 * shell has it. */
enum end_reason end_limit(struct sandbox *sb, int exit_code);

int spec_write(struct sandbox *sb, struct err *err);
/* 0; sb->kept says whether there was one. -EINVAL when it is damaged or of another version. */
int spec_read(struct sandbox *sb, struct err *err);
int end_write(struct sandbox *sb, const struct sandbox_end *e, struct err *err);
int end_read(struct sandbox *sb, struct sandbox_end *e, struct err *err);

/* Now, as RFC 3339 with nanoseconds; arena string. */
char *time_now_text(struct arena *a);
/* RFC 3339, or seconds since 1970 with a fraction -> ns since 1970. */
int time_parse(const char *text, int64_t *ns);

#endif
