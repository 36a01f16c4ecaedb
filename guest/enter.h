/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record between a launcher and moat-enter, the last stage before a workload's first instruction.
 *
 * moat-enter is a few KiB of freestanding code. The launcher writes it and this record into one sealed memfd and the
 * set-up stage executes that, so the program that a workload can find behind /proc/PID/exe is never a file of the host
 * (the attack class of CVE-2019-5736): it is a memfd nobody can write. The record lies in the same memfd at
 * ENTER_RECORD_OFFSET, little-endian native layout; offsets count from the start of the record, 0 means absent.
 * argv[1..] and the environment of moat-enter are those of the workload.
 *
 * Version rule: both sides are built together; any change of layout bumps ENTER_VERSION and moat-enter refuses others.
 */
#ifndef MOAT_GUEST_ENTER_H
#define MOAT_GUEST_ENTER_H

#include <stddef.h>
#include <stdint.h>

#define ENTER_MAGIC         0x746e656du /* "ment" */
#define ENTER_VERSION       4
#define ENTER_RECORD_OFFSET 16384 /* the ELF file must be smaller */
#define ENTER_RECORD_MAX    (1u << 20)

enum enter_flags {
    ENTER_NO_NEW_PRIVS = 1 << 0,
    ENTER_SET_CAPS = 1 << 1,   /* caps[] below is meant */
    ENTER_WAIT_START = 1 << 2, /* report ENTER_READY, then wait on start_fd for the order to go on */
    ENTER_PDEATHSIG = 1 << 3,  /* die with the launcher (foreground runs) */
    ENTER_FORK = 1 << 4,       /* after joining a pid namespace: go on in a child with the same parent */
    ENTER_SETSID = 1 << 5,
    ENTER_CTTY = 1 << 6,       /* stdin becomes the controlling terminal */
    ENTER_LANDLOCK = 1 << 7,   /* fence the file system at the root: magic links to files outside do not open */
    ENTER_SET_GROUPS = 1 << 8, /* setgroups(2) is allowed in this user namespace */
    ENTER_INIT = 1 << 9,       /* be a minimal init: run the workload as a child, reap, forward signals */
    ENTER_PERSONALITY = 1 << 10,
    ENTER_UMASK = 1 << 11,
    ENTER_SECCOMP = 1 << 12,
    ENTER_SET_UID = 1 << 13,       /* become root of the joined user namespace before anything else */
    ENTER_CONSOLE = 1 << 14,       /* open a terminal on the inside and send its master over console_fd */
    ENTER_CONSOLE_MOUNT = 1 << 15, /* and bind it on /dev/console, which exists */
    ENTER_ONE_FILTER = 1 << 16, /* ENTER_INIT: the filter lets an init work, so it is installed once, before the fork */
};

enum {
    ENTER_CAP_BOUNDING,
    ENTER_CAP_EFFECTIVE,
    ENTER_CAP_INHERITABLE,
    ENTER_CAP_PERMITTED,
    ENTER_CAP_AMBIENT,
    ENTER_CAPS
};

struct enter_rlimit {
    uint32_t resource, reserved;
    uint64_t soft, hard;
};

/* A startContainer hook: executed inside, state on its stdin. */
struct enter_hook {
    uint32_t path, argv, env; /* offsets; argv and env: arrays of string offsets ended by 0 */
    int32_t timeout_s;        /* 0: none */
};

/* A rule of Landlock. What is not there is left out: its name may be one of the defaults. */
struct enter_path {
    uint32_t path, file; /* offset; file: 1 where the rights are those of a file, so a directory gets none */
    uint64_t rights;     /* LANDLOCK_ACCESS_FS_*; what this kernel does not know is left out */
};

struct enter_record {
    uint32_t magic, version; /* IN */
    uint32_t size;           /* IN: whole record with its tail */
    uint32_t flags;          /* IN: enum enter_flags */
    int32_t report_fd;       /* IN: write end of a pipe, closed on exec; carries enter_report */
    int32_t start_fd;        /* IN: listening AF_UNIX socket (ENTER_WAIT_START), else -1 */
    int32_t listener_fd;     /* IN: connected AF_UNIX socket for a seccomp listener, else -1 */
    int32_t console_fd;      /* IN: connected AF_UNIX socket for a terminal (ENTER_CONSOLE), else -1 */
    int32_t self_fd;         /* IN: this memfd */
    uint32_t keep_fds;       /* IN: descriptors 3 .. 3+n-1 go to the workload */
    int32_t ns_fds[8];       /* IN: namespaces to join, in order; -1 ends */
    int32_t cgroup_fds[16];  /* IN: cgroup.procs files to write "0" into before joining namespaces; -1 ends */
    uint64_t caps[ENTER_CAPS];
    uint32_t uid, gid;
    uint32_t groups, n_groups;   /* offset of uint32_t[] */
    uint32_t rlimits, n_rlimits; /* offset of struct enter_rlimit[] */
    uint32_t bpf, n_bpf;         /* offset of struct sock_filter[], instructions */
    uint32_t seccomp_flags;
    uint32_t umask;
    uint32_t personality;
    uint32_t cwd;                              /* offset of a string */
    uint32_t hooks, n_hooks;                   /* offset of struct enter_hook[] */
    uint32_t state, state_len;                 /* offset of the state JSON for hooks */
    uint32_t seccomp_state, seccomp_state_len; /* offset of the message that goes with the listener */
    uint16_t rows, cols;                       /* terminal size; 0: leave */
    uint32_t paths,
        n_paths;         /* offset of struct enter_path[]: Landlock's rules; 0: the root with all rights is the one */
    int32_t lifeline_fd; /* ENTER_INIT: pipe whose hang-up ends the sandbox, else -1 */
    int32_t handed_fd;   /* IN: the one descriptor beyond keep_fds that the workload gets, under its number; -1: none */
    int32_t program_fd;  /* IN: what is executed; -1: argv[0] is looked up */
    int32_t reserved;
};

_Static_assert(offsetof(struct enter_record, ns_fds) == 40, "layout of enter_record changed: bump ENTER_VERSION");
_Static_assert(offsetof(struct enter_record, caps) == 136, "layout of enter_record changed: bump ENTER_VERSION");
_Static_assert(sizeof(struct enter_record) == 280, "layout of enter_record changed: bump ENTER_VERSION");

enum enter_stage {
    ENTER_READY = 1, /* set up; waiting for the order to start */
    ENTER_FORKED,    /* code: the pid of the process that goes on, in the launcher's pid namespace */
    ENTER_FAILED_BASE = 16,
    ENTER_FAILED_CGROUP = ENTER_FAILED_BASE,
    ENTER_FAILED_SETNS,
    ENTER_FAILED_FORK,
    ENTER_FAILED_CONSOLE,
    ENTER_FAILED_RLIMIT,
    ENTER_FAILED_IDS,
    ENTER_FAILED_CAPS,
    ENTER_FAILED_CWD,
    ENTER_CWD_OUTSIDE,
    ENTER_FAILED_NNP,
    ENTER_FAILED_SECCOMP,
    ENTER_FAILED_LISTENER,
    ENTER_FAILED_LANDLOCK,
    ENTER_FAILED_START,
    ENTER_FAILED_HOOK,
    ENTER_FAILED_PERSONALITY,
    ENTER_FAILED_FDS,
    ENTER_FAILED_EXEC,
};

/* What moat-enter writes into report_fd, and answers on a start connection when it fails after the start. */
struct enter_report {
    uint32_t stage; /* enum enter_stage */
    int32_t code;   /* errno (positive), or as the stage says */
    uint32_t item;  /* which: index of the rlimit, namespace, hook ... */
};

/* What `start` sends over the connection. */
#define ENTER_ORDER_START 'S'

#endif
