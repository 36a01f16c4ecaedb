/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an attacker's kernel (taken.c) stands on: it is started by the tender in the place of the kernel of an image,
 * and has what that has, which is the gate, its memory, and a handler of all signals. A call that is trapped, or a
 * fault, comes back here as an answer, so that one sandbox can make them all.
 */
#ifndef MOAT_TESTS_ESCAPE_UNIKERNEL_MACHINE_H
#define MOAT_TESTS_ESCAPE_UNIKERNEL_MACHINE_H

#include "guest/unikernel/boot.h"
#include "guest/unikernel/gate.h"

#include <asm/sigcontext.h>
#include <asm/signal.h>
#include <stdbool.h>
#include <stdint.h>

#define PAGE    4096ul
#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

extern const struct boot *boot;

/* ---- calls: how each came back ---- */
struct answer {
    int signo;     /* 0: it returned; SIGSYS: the filter; else a fault */
    int64_t value; /* what it returned */
};
/* Registers as for a system call, and a `call` to that address. */
struct answer call_at(uint64_t at, uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f);
/* The `syscall` instruction of a body. */
#define INSTRUCTION(call) (GATE_ADDRESS(call) + GATE_SYSCALL)
/* The same by the body of that call, as it is meant. */
int64_t gate(enum gate_call call, uint64_t a, uint64_t b, uint64_t c, uint64_t d);

bool can_read(uint64_t at);
bool can_write(uint64_t at); /* changes nothing */
bool can_run(uint64_t at);   /* a byte of it is executed; false: not even fetched */

/* ---- what the handler does to a frame before it goes back, once ---- */
extern void (*forge)(struct sigcontext *);
/* A fault of its own, so that there is a frame to be forged; the registers behind it come back in *flags. */
struct answer forged(void (*how)(struct sigcontext *), uint64_t *flags);
/* The mask that the next frame restores. */
extern uint64_t forge_mask;

/* Signals that came from outside, or from the timer. */
extern volatile uint64_t signals_seen;

/* ---- words ---- */
/* "ROW\tWORD\tTEXT", and numbers in hexadecimal. */
void say(const char *row, bool held, const char *text, uint64_t number);
void put(const char *text);
_Noreturn void end(int status);
/* "NAME=" among the words of the command line, or "". */
const char *fact(const char *name);
bool equal(const char *a, const char *b);

/* The attacker. */
int attack(int argc, const char *const *argv);

#endif
