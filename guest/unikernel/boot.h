/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tender and the kernel tell each other, once: the kernel by a header at the start of its first segment, the
 * tender by a record on its own stack, whose address it hands to the kernel's start.
 *
 * Version rule: a change that an older reader would misread gets a new KERNEL_VERSION; the tender refuses others, so
 * images are made anew for it. Both sides are built from this file for the same machine.
 */
#ifndef MOAT_GUEST_UNIKERNEL_BOOT_H
#define MOAT_GUEST_UNIKERNEL_BOOT_H

#define BOOT_LIMITS    16
#define KERNEL_MAGIC   "MOATKERN"
#define KERNEL_VERSION 2

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stdint.h>

/* At KERNEL_BASE; image_boot.entry is its address. Written by entry.S. */
struct kernel_header {
    char magic[8];
    uint32_t version, gate_version;
    uint64_t start;           /* void start(const struct boot *), on the tender's stack */
    uint64_t signal;          /* void signal(int, siginfo_t *, void *): every signal that the tender lets through */
    uint64_t trap_stack_size; /* bytes that it needs as a stack of its own */
    uint64_t timed;           /* 0: it never sets the timer */
    uint64_t plain;           /* not 0: of programs' memory it makes more usable, and that is all */
};
_Static_assert(sizeof(struct kernel_header) == 56, "entry.S writes it");

/* How to treat a standard stream. */
enum boot_stream {
    BOOT_STREAM_READY, /* never waits: a regular file, a null device */
    BOOT_STREAM_POLL,  /* may wait: asked before each call, and written to in pieces of PIPE_BUF at most */
};

/* All of it stays where it is and is only read. */
struct boot {
    uint32_t version;
    uint32_t streams[3]; /* enum boot_stream of descriptors 0 to 2 */
    const void *image;   /* the whole file */
    uint64_t image_size;
    uint64_t text_low, text_high;       /* equal: nothing may become executable */
    uint64_t data_low, data_high;       /* no access yet */
    uint64_t heap_low, heap_high;       /* zeroed, readable and writable */
    uint64_t objects_low, objects_high; /* the same */
    uint64_t stack_low, stack_high;     /* the tender's, which the kernel's start runs on */
    uint64_t vdso;                      /* ELF header of the host's vDSO */
    uint64_t started;                   /* CLOCK_MONOTONIC of now, in ns */
    uint64_t hwcap;                     /* AT_HWCAP */
    uint64_t memory_limit;              /* bytes; 0: none but the host's */
    int32_t control;                    /* descriptor; -1: none */
    int32_t timer;                      /* of timer_create(2): CLOCK_MONOTONIC, SIGALRM; -1: none */
    uint32_t uid, gid, umask;           /* of the first program */
    uint32_t max_tasks;                 /* 0: the kernel's own */
    uint64_t files_limit;               /* 0: the same */
    uint64_t limits[BOOT_LIMITS][2];    /* of setrlimit(2), by number: soft, hard */
    uint32_t limits_given;              /* a bit each */
    const void *premaps;                /* struct image_segment[]: mapped already */
    uint32_t n_premaps;
    bool trace, read_only, jit;
    bool write_back; /* the block device may be written */
    bool ready;      /* the kernel has no loader: these four are of linux_ready */
    uint64_t program_entry, program_headers, n_program_headers, program_end;
    int32_t block;    /* descriptor of the block device; -1: none */
    const char *name; /* of the image, for messages */
    const char *program, *cwd, *hostname;
    const char *const *argv, *const *envp; /* NULL-terminated */
    uint8_t seed[64];
};
#endif

#endif
