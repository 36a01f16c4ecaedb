/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs pieces of machine code with registers of the test's choice, and sees what a rewritten system call brings. Pieces
 * end by jumping through PIECE_EXIT_CELL; the server of calls, at PIECE_ENTRY_CELL, notes all registers, answers with
 * piece_state()->result and goes on at rcx.
 */
#ifndef MOAT_TESTS_REWRITE_FIXTURE_H
#define MOAT_TESTS_REWRITE_FIXTURE_H

#include <stdint.h>

/* Absolute, so that code can reach them with no register: the assembler text below uses the same numbers. */
#define PIECE_STATE_ADDRESS 0x20000
#define PIECE_ENTRY_CELL    0x20800
#define PIECE_EXIT_CELL     0x20808

/* In the order of their numbers, rsp among them, then the flags. */
struct piece_registers {
    uint64_t r[16];
    uint64_t flags;
    uint64_t unused[15];
};

struct piece_state {
    struct piece_registers in;   /* 0x20000 */
    struct piece_registers seen; /* 0x20100: by the server */
    struct piece_registers out;  /* 0x20200 */
    uint64_t host_rsp, start;    /* 0x20300, 0x20308 */
    uint64_t result, calls;      /* 0x20310, 0x20318 */
};

/* Maps the page of the state; NULL with a message when the address is taken. */
struct piece_state *piece_state(void);

/* Jumps to code with state->in; comes back when it exits. */
void piece_run(uint64_t start);

#endif
