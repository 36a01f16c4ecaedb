/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes calls of `syscall` instructions: 64-bit machine code is changed so that a site jumps to a trampoline of its
 * own, and that jumps through a cell to whoever serves system calls, who then returns to where the instruction would
 * have gone on.
 *
 *   1. rewrite_scan() sweeps over the code, and finds the sites and what can be done with each (`state`).
 *   2. rewrite_emit() makes the trampoline of a site, where the caller says.
 *   3. rewrite_patch() overwrites the site's window with a jump to it.
 * elf_sites.h does all three for a file.
 *
 * The server at the cell sees every register but rcx and rip as `syscall` leaves them to the kernel: rax the number,
 * rcx the address after the instruction, flags untouched, nothing pushed (the red zone is whole). It puts the flags
 * into r11, as the processor would, and returns by jumping to rcx.
 *
 * No memory of its own, no libc but mem*, no state: safe for threads on different code. Code may be hostile: what is
 * found in it decides only what is written into it and into its trampolines.
 */
#ifndef MOAT_REWRITE_REWRITE_H
#define MOAT_REWRITE_REWRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rewrite_state {
    /* Left alone: the instruction stays, and somebody must catch it. */
    REWRITE_TRAPPED,
    /* `mov $nr,%eax` just before becomes the jump; `syscall` stays for who branches to it, and traps. */
    REWRITE_MOV,
    /* Whole instructions before, or before and itself, are moved into the trampoline. */
    REWRITE_WINDOW,
    /* `syscall` becomes a short jump to padding nearby, which becomes the jump. */
    REWRITE_ISLAND,
    REWRITE_STATES
};

/* Why a site is trapped, or would be without an island. */
enum rewrite_why {
    REWRITE_WHY_NONE,
    REWRITE_WHY_UNSWEPT,  /* no sweep reaches it, or what is before it does not decode: perhaps no instruction */
    REWRITE_WHY_SHORT,    /* too little before it that belongs to the same function */
    REWRITE_WHY_ENTERED,  /* something branches into the window */
    REWRITE_WHY_INDIRECT, /* the function has a jump whose targets are not known */
    REWRITE_WHY_PINNED,   /* an instruction of the window cannot be moved */
    REWRITE_WHY_COUNT
};

struct rewrite_site {
    uint64_t address;    /* of the `syscall` */
    uint64_t window;     /* where the jump to the trampoline goes; of REWRITE_ISLAND in padding, before or behind */
    uint64_t hop;        /* of REWRITE_ISLAND: where a second short jump is, on the way to the window; else 0 */
    uint32_t trampoline; /* offset in the blob of trampolines; REWRITE_NO_TRAMPOLINE when trapped */
    int32_t nr;          /* number of the call; -1: not plain to see, or others branch to the `syscall` */
    uint8_t state;       /* enum rewrite_state */
    uint8_t why;         /* enum rewrite_why, of REWRITE_TRAPPED and REWRITE_ISLAND */
    uint8_t length;      /* bytes of the window: 5; of REWRITE_WINDOW more, the `syscall` last in it or behind it */
};
#define REWRITE_NO_TRAMPOLINE  UINT32_MAX
#define REWRITE_JUMP_BYTES     5
#define REWRITE_TRAMPOLINE_MAX 64 /* bytes, a multiple of the alignment 16 */

/* A stretch of executable code. `marks` is the scan's memory: a byte for each byte of code, zeroed by the caller. */
struct rewrite_code {
    const uint8_t *bytes;
    uint64_t address; /* of bytes[0] */
    size_t size;
    uint8_t *marks;
    bool sweep_all; /* all of it is instructions; else only what a function start leads to */
};

/* Kinds of address that a caller of the scan knows. */
enum rewrite_entry {
    REWRITE_ENTRY_TARGET,   /* control may come here from anywhere: a landing pad, an address that is taken */
    REWRITE_ENTRY_FUNCTION, /* the same, and a function begins here */
    REWRITE_ENTRY_END       /* a function ends before here */
};

/* What lies beside the code: tables of jumps are read there. It may overlap the code. */
struct rewrite_data {
    const uint8_t *bytes;
    uint64_t address;
    size_t size;
};

/* All code that may branch into each other: stretches that do not overlap, by address; and the data that it uses. */
#define REWRITE_CODES_MAX 32
#define REWRITE_DATA_MAX  64
struct rewrite_image {
    struct rewrite_code code[REWRITE_CODES_MAX];
    unsigned n;
    struct rewrite_data data[REWRITE_DATA_MAX];
    unsigned n_data;
    bool absolute; /* it lies at these addresses and nowhere else: a number may be an address of it */
};

/* Tells the scan of an address; others than those of the image are ignored. Call it before the scan. */
void rewrite_entry(struct rewrite_image *image, uint64_t address, enum rewrite_entry kind);

/* Finds the sites, in order of address: at most `max`. Returns how many there are, or -ENOSPC. */
int rewrite_scan(struct rewrite_image *image, struct rewrite_site *sites, size_t max);

/* Makes the trampoline of a site that is not trapped, to lie at `address`, in `out` of REWRITE_TRAMPOLINE_MAX bytes,
 * jumping through the pointer at `cell` (below 2 GiB). Call it before rewrite_patch(). Returns its length in bytes, or
 * -ERANGE when something is farther than 2 GiB from it. */
int rewrite_emit(const struct rewrite_image *image, const struct rewrite_site *site, uint64_t address, uint32_t cell,
                 uint8_t *out);

/* Writes the jump to the trampoline at `address` into the code, of which `code` is a writable view of `stretch->bytes`:
 * over the window, what is left of it becoming int3; of REWRITE_ISLAND the short jumps too. Returns 0 or -ERANGE. */
int rewrite_patch(const struct rewrite_code *stretch, uint8_t *code, const struct rewrite_site *site, uint64_t address);

#endif
