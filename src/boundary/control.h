/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control protocol: how a command speaks to the monitor of a sandbox, and a monitor to an engine. One record is one
 * SEQPACKET message: this header and, behind it, the payload of its type; descriptors travel beside it (SCM_RIGHTS)
 * where a type says so. Every request is answered by one record of the same type with CONTROL_REPLY set and the same
 * serial; `wait` and `stop` are answered when the thing has happened.
 *
 * Version rule: fields and types are only added, at the end; a reader takes the first `length` bytes it knows and
 * zeroes the rest. A record of a higher version is answered with -EPROTONOSUPPORT. Integers are the host's own: both
 * ends run on one machine. Trust: the socket lies in a directory of mode 0700; still each record is copied once, its
 * length checked, and the copy used.
 */
#ifndef MOAT_BOUNDARY_CONTROL_H
#define MOAT_BOUNDARY_CONTROL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROL_MAGIC       0x74616f6du /* "moat" */
#define CONTROL_VERSION     1
#define CONTROL_REPLY       0x8000u
#define CONTROL_PAYLOAD_MAX 1024

enum control_type {
    CONTROL_SIGNAL = 1, /* control_signal <- */
    CONTROL_STOP,       /* control_stop   <- control_end, when it has ended */
    CONTROL_WAIT,       /* ->            <- control_end, when it has ended and will not be restarted */
    CONTROL_INPUT,      /* ->            <- and a descriptor: the write end of its standard input, or its terminal */
    CONTROL_RESIZE,     /* control_resize <- */
    CONTROL_RELOAD,     /* ->            <- sandbox.json was changed */
    CONTROL_REMOVE,     /* ->            <- killed when it runs, and all of it removed */
    /* to an engine, on engine.sock (boundary/engine.h) */
    CONTROL_SNAPSHOT,   /* control_snapshot and a descriptor: an empty file, open for writing <- when it is whole */
    CONTROL_DESCRIPTOR, /* a descriptor that its command line names; before it starts, unanswered; and of CONTROL_SPAWN
                         */
    CONTROL_SPAWN, /* control_spawn, behind the descriptors stdin, stdout, stderr and words <- when its program runs, or
                      why not. Then SIGNAL and RESIZE are its own, unanswered, and CONTROL_WAIT comes when it has ended;
                      a connection that is closed before is its SIGKILL, unless it was detached */
    /* to the I/O process of a PC, on media.sock */
    CONTROL_INSERT, /* control_insert and a descriptor: a medium, locked <- what was in the drive is gone */
    CONTROL_EJECT,  /* control_eject <- and so it is here; -ENOMEDIUM: the drive was empty */
    /* to the machine process of a PC, on engine.sock */
    CONTROL_SCREEN,  /* -> and a descriptor: an empty file, open for writing <- when machine/screen.h's bytes are there
                      */
    CONTROL_KEYS,    /* control_keys <- when all will be pressed; -EAGAIN: there is no room for them now */
    CONTROL_MACHINE, /* control_machine <- */
    CONTROL_TYPES
};

struct control_header {
    uint32_t magic;
    uint16_t version;
    uint16_t type;   /* enum control_type, CONTROL_REPLY in answers */
    uint32_t length; /* of the payload */
    uint32_t serial; /* chosen by who asks */
    int32_t code;    /* answers: 0 or a negative errno, and then the payload is a sentence */
    uint32_t unused; /* 0 */
};
_Static_assert(sizeof(struct control_header) == 24, "the header is part of the protocol");

struct control_signal {
    int32_t signo;
    uint32_t manual; /* 1: an end that follows is wanted: no restart */
};
struct control_stop {
    int32_t signo;      /* 0: the sandbox's own stop signal */
    int32_t timeout_ms; /* until SIGKILL; -1: the sandbox's own; 0: at once */
};
struct control_snapshot {
    uint32_t flags; /* CONTROL_SNAPSHOT_ENDS */
};
#define CONTROL_SNAPSHOT_ENDS 1u /* it does not go on */

#define CONTROL_GROUPS 32
struct control_spawn { /* words: a file with cwd, arguments, environment, each with its NUL */
    uint32_t flags;    /* CONTROL_SPAWN_* */
    uint32_t n_args, n_env;
    uint32_t uid, gid, n_groups, groups[CONTROL_GROUPS];
    uint16_t rows, cols; /* with CONTROL_SPAWN_TERMINAL */
};
#define CONTROL_SPAWN_TERMINAL 1u /* the descriptors are a terminal, which is raw */
#define CONTROL_SPAWN_DETACHED 2u

struct control_resize {
    uint16_t rows, cols;
};
struct control_end {
    int32_t exit_code; /* as a shell has it: 128 + signal */
    uint32_t oom_killed;
    char reason[24]; /* enum of exit.json */
};

enum control_drive { CONTROL_FLOPPY0, CONTROL_FLOPPY1, CONTROL_CDROM0, CONTROL_DRIVES };
struct control_insert {
    uint32_t drive; /* enum control_drive */
    uint32_t flags; /* CONTROL_INSERT_* */
};
#define CONTROL_INSERT_READ_ONLY 1u
struct control_eject {
    uint32_t drive; /* enum control_drive */
};

#define CONTROL_KEYS_MOST 256
struct control_keys {
    uint32_t n;
    uint16_t keys[CONTROL_KEYS_MOST]; /* machine/dev/i8042.h: a press or a release each; only n are sent */
};
enum control_machine_what { CONTROL_MACHINE_RESET = 1, CONTROL_MACHINE_POWER_BUTTON };
struct control_machine {
    uint32_t what; /* enum control_machine_what */
};

struct control_record {
    struct control_header header;
    char payload[CONTROL_PAYLOAD_MAX];
    int fd; /* that came with it, owned by the receiver; -1 */
};

/* Sends one record. fd -1: none; it stays the caller's. 0 or -errno. Never blocks: -EAGAIN when the peer does not read.
 */
int control_send(int sock, uint16_t type, uint32_t serial, int32_t code, const void *payload, size_t length, int fd);
/* The same without a descriptor, by write(2) and whether it comes or not: for who answers behind a filter. The payload
 * is at most CONTROL_PAYLOAD_MAX bytes. */
void control_write(int fd, uint16_t type, uint32_t serial, int32_t code, const void *payload, uint32_t length);
/* To a request: 0, or why not. */
void control_answer(int fd, const struct control_header *to, int32_t code, const char *why);
/* Receives one record and checks it. 1: a record; 0: the peer is gone; -EAGAIN, -EPROTO (malformed),
 * -EPROTONOSUPPORT, -errno. With block false it does not wait. */
int control_receive(int sock, struct control_record *r, bool block);
/* The payload as a struct of `size` bytes: what the sender did not send is zero. */
void control_payload(const struct control_record *r, void *out, size_t size);

#endif
