/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-vmm: a machine as two processes. Life, each step once: vmm_open() makes of the command line files that are
 * mapped or open, guest memory, rings, eventfds. vmm_fork(): the I/O process keeps files, terminal and tap devices,
 * shuts itself in and serves the rings; it never returns. The machine process keeps memory, rings, eventfds, the
 * control descriptor, KVM's. vmm_devices(): the machine's devices over the rings. vmm_shut_in(): its filter; from here
 * on nothing is opened, mapped or started. Then boot_load() or snapshot_load(), machine_run(), and the end.
 *
 * Functions return 0, or the exit status that the process ends with, having said why on standard error.
 */
#ifndef MOAT_MACHINE_VMM_H
#define MOAT_MACHINE_VMM_H

#include "machine/dev/medium.h"
#include "machine/dev/stream.h"
#include "machine/dev/virtio_block.h"
#include "machine/display.h"
#include "machine/filter.h"
#include "machine/io.h"
#include "machine/machine.h"
#include "machine/options.h"
#include "machine/pc.h"
#include "machine/snapshot.h"

#include <sys/types.h>

#define EXIT_OWN_ERROR   125 /* README.md of the project */
#define EXIT_NOT_INVOKED 126
#define EXIT_NOT_FOUND   127

/* Descriptors of both processes, at these numbers once they are apart. */
enum {
    VMM_ANSWERS = 3, /* an eventfd: answers for the machine */
    VMM_LIFE = 4,    /* a pipe: the I/O process has the end for writing, and so lives */
    VMM_CONTROL = 5, /* of the machine process, up to VISITORS but for the kicks */
    VMM_LISTENING = 6,
    VMM_END = 7,
    VMM_KICKS = 8, /* eventfds, one for each server */
    VMM_MEMORY = 23,
    VMM_VISITORS = 24, /* connections, and files that come by them: the first VMM_CLIENTS are of who came early */
    VMM_DISKS = 32,    /* of the I/O process */
    VMM_MEDIUM = 40,   /* of a PC's drives, VMM_MEDIA of them, whose media come and go */
    VMM_TAPS = 48,
    VMM_KVM = 49, /* /dev/kvm, of the machine process, until its processor is made */
};

/* A PC's disks and drives. */
enum { VMM_FLOPPY0, VMM_FLOPPY1, VMM_CDROM, VMM_HDA, VMM_MEDIA };

#define VMM_CLIENTS 4 /* connections at a time */
#define VMM_BROUGHT 4 /* descriptors that one record may bring (control.c of the boundary); all but one are closed */

/* A ring as both sides have it before they part. */
struct vmm_port {
    struct io_port io;
    struct backend backend;
    unsigned server;
};

struct vmm_file { /* mapped, to be read only */
    const uint8_t *bytes;
    uint64_t n;
};

struct vmm {
    struct vmm_options options;
    struct machine machine;
    const struct vcpu_ops *engine;
    int memory; /* the memfd of guest memory; -1 once it is mapped */
    struct vmm_file kernel, initrds[OPTIONS_INITRDS + 1];
    unsigned n_initrds;
    struct snapshot_header snapshot; /* of --restore; its records are `kernel` */
    int snapshot_fd;
    char cpu[SNAPSHOT_CPU]; /* the model's name */

    struct vmm_port ports[IO_PORTS];
    unsigned n_ports, n_servers, n_disks;
    struct vmm_port *serial, *messages, *channel, *console, *random, *disks[OPTIONS_DISKS], *net; /* NULL: none */
    int answers, kicks[IO_PORTS], life[2], control;
    struct vmm_port *media[VMM_MEDIA], *display; /* of a PC; NULL: none */
    int media_listening;                         /* the I/O process's own socket, by which media come; -1 */
    int listening; /* moat's socket, to which it connects when it has something to say; -1 */
    int end;       /* a file for one word: how it ended; -1 */
    int kvm;       /* /dev/kvm, opened by moat; -1 */
    int vm;        /* KVM's machine, of a PC, whose map of memory changes; -1 */
    int clients[VMM_CLIENTS];
    uint64_t look_at; /* nanoseconds of the machine's: when somebody is looked for again */
    pid_t io;

    /* The machine process's. */
    struct stream serial_stream, message_stream, channel_stream;
    struct virtio_device console_device, random_device, net_device;
    struct virtio_block disk_devices[OPTIONS_DISKS];
    struct virtio_device *virtio[3 + OPTIONS_DISKS];
    unsigned n_virtio;
    struct pc pc;
    struct pc_setup pc_setup;
    struct medium medium[VMM_MEDIA];
    uint64_t media_retry_at; /* nanoseconds of the machine's: when a write that found no room is tried again */
    uint32_t media_told;     /* of which this was said: a bit for each */
    struct io_door door;     /* the I/O process's */
    struct stream display_stream;
    struct display screen;
    uint8_t *firmware, *display_firmware; /* mapped; NULL: none */
    uint32_t firmware_bytes, display_firmware_bytes;
    char debug_line[120]; /* what the firmware says, up to its end */
    unsigned n_debug_line;
    bool stalled;      /* a write of the guest's waits for room on the host */
    uint64_t retry_at; /* nanoseconds of the machine's */
    bool io_gone, killed;
    int killed_by; /* a signal's number */
    bool button;   /* it was pressed: the next signal ends the machine */
};

/* "moat-vmm: SUBJECT: what: why" on standard error; error: negative errno, 0: none. Returns `status`. */
int vmm_fail(int status, const char *subject, const char *what, int error);

int vmm_open(struct vmm *v); /* vmm_open.c */
/* A descriptor away from the numbers that are to be used; the other one is closed. -errno; < 0: errno's. */
int vmm_keep_above(int fd);
int vmm_ports(struct vmm *v); /* vmm_ports.c: rings, and what is behind each */

int vmm_fork(struct vmm *v); /* process.c */
/* `vcpu`: KVM's descriptor; -1. */
int vmm_shut_in(struct vmm *v, enum filter_process process, int vcpu);

int vmm_devices(struct vmm *v); /* vmm_devices.c: the machine's devices, connected */

/* vmm_wait.c: what the machine asks of its host */
void vmm_wait(void *vmm, uint64_t ns);
void vmm_poll(void *vmm);
bool vmm_random(void *vmm, uint64_t *value);
void vmm_note(void *vmm, const char *what, uint64_t number, uint64_t value);
bool vmm_backend_wait(struct backend *b);
void vmm_backend_kick(struct backend *b);
/* A line for people, by way of the I/O process. */
void vmm_say(struct vmm *v, const char *text, const char *more);

/* ---- a PC ---- */
int vmm_pc_open(struct vmm *v);     /* vmm_pc.c: the firmware's files, the terminal of its display */
void vmm_pc_setup(struct vmm *v);   /* before machine_init(): v->pc_setup */
void vmm_pc_devices(struct vmm *v); /* and after it */
void vmm_pc_poll(struct vmm *v);    /* media, display */
uint64_t vmm_pc_wait(const struct vmm *v, uint64_t ns); /* how much of a wait there may be */
void vmm_pc_resize(struct vmm *v, uint16_t rows, uint16_t columns);
void vmm_pc_end(struct vmm *v);
/* What moat asks of it. 0 or -errno: -EOPNOTSUPP when it is no PC. */
int vmm_screen(struct vmm *v, int fd, const char **why);       /* screen.h's bytes, into an empty file */
int vmm_keys(struct vmm *v, const uint16_t *keys, unsigned n); /* -EAGAIN: no room for them now */
int vmm_machine_reset(struct vmm *v);
int vmm_power_button(struct vmm *v);

/* A file of a disk, of any machine, open and locked: nobody else writes to it, and nobody reads it that this one
 * writes. *fd is the caller's (an open file description lock, fcntl(2), goes with it). 0 or an exit status. */
int vmm_disk_open(const struct options_disk *d, int *fd, uint64_t *bytes); /* vmm_media.c */
int vmm_media_open(struct vmm *v);                                         /* those of a PC. 0 or an exit status */
void vmm_media_devices(struct vmm *v);                                     /* v->medium */
void vmm_media_poll(struct vmm *v);
/* How much of a wait there may be: it is tried again then. */
uint64_t vmm_media_wait(const struct vmm *v, uint64_t ns);

/* counter.c: the rate of the host's time stamp counter: what the processor says of it, or counted from the mark on,
 * which is the more exact the longer that is ago. Nobody waits for it. */
struct counter_mark {
    uint64_t ticks, ns;
};
struct counter_mark counter_mark(void);
uint64_t counter_hz(const struct counter_mark *from);
/* Is it `hz`, as far as anybody would notice (clock.h)? Looked at twice before that is denied: it takes milliseconds.
 */
bool counter_is(const struct counter_mark *from, uint64_t hz);

/* signals.c */
int signals_handle(void);  /* from here on they are noted. 0 or -errno */
void signals_ignore(void); /* the I/O process: it ends when the machine process does */
void signals_obey(struct vmm *v);
/* What a signal, or a terminal of another size, does to the guest (0, 0: of the size that it has). 0 or -errno. */
int vmm_signal(struct vmm *v, int signo);
int vmm_resize(struct vmm *v, uint16_t rows, uint16_t columns);
/* control.c: moat's words */
void control_obey(struct vmm *v);
/* Connections that wait, and what they bring before the start: descriptors by name. Who has another word keeps his
 * connection, and has his answer when the machine runs. 0 or an exit status. */
int control_prepare(struct vmm *v);
void control_tell_end(struct vmm *v, int status, const char *reason);

#endif
