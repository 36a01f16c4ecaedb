/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of attempts. A row is {id, function, what it attempts, ...}; its function makes the attempt once, undoes
 * what it did, and says what it saw. Each attempt has a process of its own, so it may leave that in any state.
 */
#ifndef MOAT_PROBE_H
#define MOAT_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum outcome { BLOCKED, ESCAPED, ABSENT, OUTCOMES };

struct seen {
    enum outcome outcome;
    char text[240]; /* printable, one line */
};

enum needs {
    NEEDS_ROOT = 1 << 0,   /* an ordinary user of the host has none of it either */
    NEEDS_TOKEN = 1 << 1,  /* an escape only with the canaries' secret in its text */
    NEEDS_FILTER = 1 << 2, /* only a filter of system calls stands before it */
    NEEDS_KERNEL = 1 << 3, /* a matter of the kernel that answers: an escape only where that is the host's */
};

struct probe {
    const char *id;
    void (*run)(const struct probe *p, struct seen *s);
    const char *attempt; /* "opens /proc/kcore for reading" */
    unsigned needs;
    const char *arg;     /* a path, or the name of a fact */
    long number, second; /* flags, numbers of calls */
};

struct probe_class {
    const char *name;
    const struct probe *rows;
    size_t n;
};

extern const struct probe_class names_class, arguments_class, processes_class, descriptors_class, kernel_class,
    tty_class, ipc_class, rings_class;

/* ---- what an attempt says ----------------------------------------------------------------------------------- */

void say_escaped(struct seen *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void say_blocked(struct seen *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void say_absent(struct seen *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Blocked, with the name of errno; absent where that says that this kernel has nothing of the kind. */
void say_errno(struct seen *s, const char *what);
/* By the result of a call: escaped with that evidence, or say_errno(). */
void say_result(struct seen *s, long result, const char *evidence);
/* The same for a call whose arguments are wrong in a way that is seen only behind the check of rights: one of these
 * errors is the open door. Ended by 0. */
void say_behind(struct seen *s, long result, const int *errors, const char *evidence);
#define BEHIND(...) ((const int[]){__VA_ARGS__, 0})
const char *errno_name(int e);
/* When it began: its boot_id; false when it does not say. */
bool kernel_boot(char *out, size_t size);
/* The facts `kernel` and `boot` say that another than the host's answers here. */
bool has_own_kernel(void);
/* What has escaped was done to that: blocked. */
void say_own_kernel(struct seen *s);
/* "RELEASE VERSION" of the kernel that answers; false when it does not say. */
bool kernel_is(char *out, size_t size);
/* What was refused for want of a capability that this process has not is absent: on a host whose root lacks it. */
void say_without(struct seen *s, int cap, const char *name);

/* ---- facts of the host -------------------------------------------------------------------------------------- */

/* NULL when the runner did not say. */
const char *fact(const char *name);
/* The same; says absent when there is none. */
const char *need_fact(const char *name, struct seen *s);
/* 0 when there is none. */
long fact_number(const char *name);
bool facts_add(char *word);

/* The canaries' process outside; 0 with s said when there is none, or its number is another's here. */
pid_t outside_pid(struct seen *s);

/* ---- what several classes attempt --------------------------------------------------------------------------- */

/* Row functions: arg is a path of the kernel (absent where it is not), number the flags of open(2). */
void attempt_open(const struct probe *p, struct seen *s);
/* Reads it and shows its first word; a file without a byte in it is blocked. */
void attempt_read(const struct probe *p, struct seen *s);
/* The same for the file that a fact names, where no such file is a refusal. */
void attempt_read_fact(const struct probe *p, struct seen *s);
/* number is a call; without arguments it fails with EINVAL, EFAULT or the like behind its check of rights. */
void attempt_call(const struct probe *p, struct seen *s);
/* number is the family, second the type. */
void attempt_socket(const struct probe *p, struct seen *s);

/* Reads from fd, a file relative to dir, an address; on success escaped, with the words. false: nothing was said. */
bool show_fd(struct seen *s, int fd, const char *where);
bool show_file(struct seen *s, int dir, const char *path);
/* The secret file from whatever directory dir is: by its name, and by its path far above. */
bool show_secret_from(struct seen *s, int dir);

/* A socket hears, or sends on, the host's interface: escaped only where that is to be seen. */
void host_link(struct seen *s, int fd);

/* A new private directory in a place that can be written; NULL with s said. */
const char *scratch_dir(struct seen *s);
/* Removes it again, where the attempt left it empty. */
void scratch_drop(void);

/* A child that runs f and hands its result on; -errno, and a death by a signal is -ENOSYS (a filter's). */
int in_child(int (*f)(void *), void *ctx);

/* A terminal of our own, made the controlling one of this process; -errno. */
int own_terminal(int *master);

int surface_print(bool json);
int plant(const char *dir);
/* Executes a command with the secret as a key in its session keyring. */
int keyed(char **argv);
/* What another program prints that was started by an attempt: the secret, once more. */
int witness(void);

#endif
