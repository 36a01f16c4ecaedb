/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record by which a launcher tells moat-broker what it may answer. It lies in a sealed memfd (descriptor
 * BROKER_FD_RECORD of the broker), native layout; offsets count from the start of the record, 0 means absent; strings
 * end with NUL. The broker checks it whole before it uses any of it, although the launcher is trusted: the check is
 * what a fuzzer can reach.
 *
 * Life: the launcher spawns the broker -> the broker opens nothing but what it was given -> the launcher sends
 * BROKER_SAY_TARGET with the descriptors of the target's user namespace and of the target's pidfd -> the broker enters
 * the user namespace, shuts itself in, says BROKER_SAY_READY -> moat-enter sends the seccomp listener over
 * BROKER_FD_LISTENER
 * -> calls are answered until the listener hangs up.
 *
 * Version rule: both sides are built together; any change of layout bumps BROKER_VERSION and the broker refuses others.
 */
#ifndef MOAT_BROKER_RECORD_H
#define MOAT_BROKER_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define BROKER_MAGIC      0x6b6f7262u /* "brok" */
#define BROKER_VERSION    1
#define BROKER_RECORD_MAX (4u << 20)
#define BROKER_PATHS_MAX  4096
#define BROKER_NET_MAX    4096
#define BROKER_TREES_MAX  64

/* The broker's descriptors at its start. */
enum broker_fd {
    BROKER_FD_RECORD = 3,
    BROKER_FD_LISTENER, /* SOCK_SEQPACKET: receives the seccomp listener from moat-enter (SCM_RIGHTS) */
    BROKER_FD_CONTROL,  /* SOCK_SEQPACKET to the launcher: broker_say records; its hang-up before READY ends the broker,
                           later it is no matter */
    BROKER_FD_EVENTS,   /* pipe: one JSON object a line for each denial (docs/schema/denial.schema.json) */
    BROKER_FD_PROC,     /* O_PATH directory: a procfs that shows the target */
    BROKER_FD_HOST,     /* O_PATH directory: the host's root, only to see whether a denied path exists; or /dev/null */
    BROKER_FD_DNS,      /* UDP socket bound to 127.0.0.1:53 inside the target's network namespace; or /dev/null */
    BROKER_FD_LIFELINE, /* write end of a pipe; kept open and never used: its hang-up ends the target */
    BROKER_FD_FIRST_TREE, /* the trees of brokered path rules follow, in the order of `tree` */
};

enum broker_flags {
    BROKER_DENY_LOG = 1 << 0, /* file calls that the kernel's walls will refuse are reported */
    BROKER_TERMINAL = 1 << 1, /* and a readable line goes to standard error */
    BROKER_LEARN = 1 << 2,    /* nothing is refused: every use is reported as an event, for `moat learn` */
};

struct broker_path {
    uint32_t guest;   /* offset: clean absolute path inside */
    uint32_t host;    /* offset: the path on the host, for reports */
    uint32_t verdict; /* enum path_verdict (policy/policy.h) */
    uint32_t access;  /* enum path_access */
    int32_t tree;     /* PATH_BROKER: index of its tree descriptor; else -1 */
    uint32_t is_file; /* the tree descriptor is the parent directory, and the rule is of one name in it */
};

struct broker_net {
    uint32_t host; /* offset of the text of struct net_rule.host */
    uint16_t first, last;
    uint32_t protocols;
    uint32_t listen;
};

struct broker_record {
    uint32_t magic, version;
    uint32_t size;                   /* whole record with its tail */
    uint32_t flags;                  /* enum broker_flags */
    uint32_t paths, n_paths;         /* offset of struct broker_path[], sorted by guest */
    uint32_t net, n_net;             /* offset of struct broker_net[] */
    uint32_t resolvers, n_resolvers; /* offset of uint32_t[]: offsets of address strings of the host's name servers */
    uint32_t sandbox;                /* offset: the sandbox's name, for reports */
    uint32_t n_trees;
    uint32_t uid, gid; /* inside: the target's, which the broker takes */
};

_Static_assert(sizeof(struct broker_path) == 24, "layout changed: bump BROKER_VERSION");
_Static_assert(sizeof(struct broker_net) == 16, "layout changed: bump BROKER_VERSION");
_Static_assert(sizeof(struct broker_record) == 56, "layout changed: bump BROKER_VERSION");

enum broker_say {
    BROKER_SAY_TARGET =
        1, /* launcher -> broker; two descriptors: user namespace (or none of its own: only the pidfd), pidfd */
    BROKER_SAY_READY,  /* broker -> launcher: shut in; waits for the listener */
    BROKER_SAY_FAILED, /* broker -> launcher: text says why; the broker ends */
};

struct broker_word {
    uint32_t magic, what; /* BROKER_MAGIC, enum broker_say */
    int32_t code;         /* -errno of BROKER_SAY_FAILED */
    char text[244];
};
_Static_assert(sizeof(struct broker_word) == 256, "layout changed: bump BROKER_VERSION");

#endif
