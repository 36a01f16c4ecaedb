/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stub has besides its guest's memory: where it lies, what is in it, and the words between it and the sentry.
 * Read by C and by stub.S, so it holds plain numbers. The same in every stub, since each is a copy of the first one.
 *
 *     STUB_TEXT    stub.S, readable and executable
 *     STUB_FILTER  struct sock_fprog and its program: the filter of guest tasks. Readable
 *     STUB_ORDER   struct stub_order, which the sentry writes by a mapping of its own. Readable
 *     STUB_STACK   the service's stack for signals, which it never returns by. Writable, for the guest too
 *     STUB_SLOTS   a slot for each guest task, at the place of its number. Writable, for the guest too
 *
 * Nothing of the guest lies at STUB_LOW or above.
 */
#ifndef MOAT_SENTRY_STUB_H
#define MOAT_SENTRY_STUB_H

#define STUB_LOW        0x7e0000000000
#define STUB_TEXT       0x7e0000000000
#define STUB_FILTER     0x7e0000001000
#define STUB_ORDER      0x7e0000002000
#define STUB_STACK      0x7e0000010000
#define STUB_STACK_SIZE 0x8000
#define STUB_SLOTS      0x7e0010000000
#define STUB_SLOT_SIZE  0x8000
#define STUB_SLOTS_MOST 0x10000
#define STUB_SLOTS_SIZE 0x80000000
#define STUB_HIGH       0x7e0090000000
#define ADDRESS_TOP     0x7ffffffff000 /* of every process */

/* A slot: how to make its stack, what the sentry lets a task go on by, and the stack that the host writes frames on. */
#define SLOT_ALTSTACK   0x0 /* stack_t */
#define SLOT_FRAME      0x100
#define SLOT_XSTATE     0x400
#define SLOT_STACK      0x4000
#define SLOT_STACK_SIZE 0x4000

/* In a frame: the bases of fs and gs, in words that the host keeps nothing in (struct sigcontext, reserved1). */
#define FRAME_FS 240
#define FRAME_GS 248

/* Descriptors of a service; none of them is a guest task's. */
#define STUB_FD_OBJECTS 3
#define STUB_FD_IMAGE   4
#define STUB_FD_MEMORY  5 /* orders and slots */
#define STUB_FD_READY   6 /* the end of a pipe, in the first stub before it serves */
#define STUB_FD_OTHERS  8 /* from here on: host files, while they are being mapped */

/* First argument of ORDER from a process that has just been born: the answer is the offset of its page of orders. */
#define ORDER_BORN 0x6d6f6174
/* Answer to PARK: the address of a frame, or this to the service whose order met a fault. */
#define PARK_FAULT 1
/* PARK without a signal: the first one of a task. */
#define PARK_BORN 0

/* What a service does on order: name, number of the call. The rows of filter.c say which arguments pass. */
#define STUB_ORDERS(X)                                                                                                 \
    X(mmap, 9)                                                                                                         \
    X(munmap, 11)                                                                                                      \
    X(mprotect, 10)                                                                                                    \
    X(mremap, 25)                                                                                                      \
    X(madvise, 28)                                                                                                     \
    X(close_range, 436)                                                                                                \
    X(fork, 56)                                                                                                        \
    X(task, 56)                                                                                                        \
    X(cmpxchg, 0)

/* Every `syscall` instruction in stub.S: name, number. What is behind it is stub_behind_NAME. park and order: the
 * number does not matter, since neither call is ever made. */
#define STUB_CALLS(X)                                                                                                  \
    X(park, 39)                                                                                                        \
    X(sigreturn, 15)                                                                                                   \
    X(order, 39)                                                                                                       \
    X(mmap, 9)                                                                                                         \
    X(munmap, 11)                                                                                                      \
    X(mprotect, 10)                                                                                                    \
    X(mremap, 25)                                                                                                      \
    X(madvise, 28)                                                                                                     \
    X(close_range, 436)                                                                                                \
    X(fork, 56)                                                                                                        \
    X(task, 56)                                                                                                        \
    X(born_prctl, 157)                                                                                                 \
    X(born_munmap, 11)                                                                                                 \
    X(born_order, 39)                                                                                                  \
    X(born_mmap, 9)                                                                                                    \
    X(task_prctl, 157)                                                                                                 \
    X(task_close_range, 436)                                                                                           \
    X(task_seccomp, 317)                                                                                               \
    X(task_sigaltstack, 131)                                                                                           \
    X(exit_group, 231)

#ifndef __ASSEMBLER__
#include <stdint.h>

enum stub_order_kind {
#define X(name, nr) ORDER_##name,
    STUB_ORDERS(X)
#undef X
        ORDERS
};

enum stub_call {
#define X(name, nr) STUB_##name,
    STUB_CALLS(X)
#undef X
        STUB_CALLS_COUNT
};

struct stub_order {
    uint64_t kind;    /* enum stub_order_kind */
    uint64_t args[6]; /* of the call. cmpxchg: address, what is expected, what it becomes */
};
_Static_assert(sizeof(struct stub_order) == 56, "stub.S reads it");

extern const uint8_t stub_text[], stub_text_end[], stub_handler[], stub_service[];
#define X(name, nr) extern const uint8_t stub_behind_##name[];
STUB_CALLS(X)
#undef X

/* Where something of stub.S is in a stub. */
#define STUB_ADDRESS(label) ((uint64_t)STUB_TEXT + (uint64_t)((label)-stub_text))
#endif

#endif
