/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies in slots: the frames of signals, the host's and ours. The kernel's headers and libc's cannot be had in one
 * file, and frame.c wants the kernel's; so this is apart from sentry.h.
 */
#ifndef MOAT_SENTRY_FRAME_H
#define MOAT_SENTRY_FRAME_H

#include "linux/platform.h"
#include "sentry/stub.h"

#include <stdbool.h>
#include <stdint.h>

#define KICK_SIGNAL 23 /* SIGURG: does nothing where nobody handles it */
/* Signals of stubs by number: what a guest can cause, and the kick. All others are blocked. */
#define STUB_SIGNALS(X) X(4) X(5) X(7) X(8) X(11) X(31) X(KICK_SIGNAL)
#define SIGNAL_BIT(n)   | 1ull << ((n)-1)
#define GUEST_MASK      (~(0ull STUB_SIGNALS(SIGNAL_BIT)))

#define XSTATE_MOST (SLOT_STACK - SLOT_XSTATE - 64)

/* ---- service.c ---- */
uint8_t *slot_memory(uint32_t slot);  /* here */
uint64_t slot_address(uint32_t slot); /* in its stub */

/* ---- frame.c ---- */
extern uint32_t state_size; /* bytes of the XSAVE image in the host's frames */
extern uint64_t state_mask;
void frame_asked(const void *ucontext); /* sets them, by a frame of this process's own */
void slot_init(uint32_t slot);
/* The frame by which the task goes on: its address in the stub. `state`: the image, NULL: `state_at`. */
uint64_t frame_write(uint32_t slot, const struct regs *, const uint8_t *state, uint64_t state_at, bool state_is_new);
struct frame_seen {
    struct regs regs;
    int signo, code;
    uint64_t address, error, number;
    uint64_t call_address;
    uint32_t call_arch;
    uint64_t state_at; /* 0: there is none */
};
/* What a frame at this address of the stub says; false: it does not lie in the slot. */
bool frame_read(uint32_t slot, uint64_t at, struct frame_seen *);
void frame_state_copy(uint32_t slot, uint64_t state_at, uint8_t *to);
/* 0, or -EINVAL: an image that no processor takes. */
int frame_state_check(const uint8_t *image);

#endif
