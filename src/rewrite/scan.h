/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scan's memory and its steps, private to rewrite: sweep.c finds instructions, functions.c what belongs together
 * and where computed jumps go, rewrite.c decides about sites.
 *
 * A byte of marks for each byte of code. Functions are what lies between two MARK_BOUNDARY: starts that the caller
 * named and targets of direct calls.
 */
#ifndef MOAT_REWRITE_SCAN_H
#define MOAT_REWRITE_SCAN_H

#include "cpu/decode/decode.h"
#include "rewrite/rewrite.h"

enum {
    MARK_START = 1,     /* an instruction begins here */
    MARK_TARGET = 2,    /* control may come here other than from the instruction before */
    MARK_BOUNDARY = 4,  /* a function begins here, or what is between functions */
    MARK_INDIRECT = 8,  /* at a boundary: a jump of the function has unknown targets, or bytes of it do not decode */
    MARK_BROKEN = 16,   /* no instruction begins here, though one should: what follows in the function is doubtful */
    MARK_JUMP = 32,     /* an instruction that jumps directly, or through a table */
    MARK_FALLS = 64,    /* at a boundary: control comes here from the function before, straight on */
    MARK_SYSCALL = 128, /* a `syscall` */
    MARK_TAKEN = MARK_JUMP, /* in step 3: a site has this byte */
};

enum { PASSES_MAX = 64, SYSCALL_BYTES = 2 };

/* Looking for the start of a function costs its length. So that hostile code does not make that a square, all such
 * looks together have a budget; when it is used up every function counts as one with unknown targets. */
struct scan {
    struct rewrite_image *image;
    uint64_t budget;
    bool all_indirect, changed;
};

/* The stretch that holds an address, and the offset in it; NULL when none does. */
const struct rewrite_code *scan_code_at(const struct rewrite_image *image, uint64_t address, size_t *offset);

/* Marks the byte at an address, where there is code. */
void scan_mark(const struct rewrite_image *image, uint64_t address, uint8_t bits);

/* The instruction that ends where `offset` is, as it was swept: where it begins, or `offset` when there is none. */
size_t scan_step_back(const struct rewrite_code *c, size_t offset, struct insn *in);

/* Control does not go on behind it. A call goes on, but not where the function ends with it: then it does not come
 * back. */
bool scan_ends_path(const struct insn *in);

/* Whether an instruction changes no general register but those that it writes out, and rsp; whether it writes this one.
 */
bool scan_writes_what_it_says(const struct insn *in);
bool scan_writes(const struct insn *in, uint8_t reg);

/* The base register when a jump goes through a table of distances from the table's own address, as compilers make them:
 * movslq (base,index,4),r; add base,r; jmp *r. Its instruction begins at `at`. Else INSN_REGISTER_NONE. */
uint8_t scan_table_base(const struct rewrite_code *c, size_t at, const struct insn *in);

/* Step 1: MARK_START, MARK_TARGET, MARK_BOUNDARY, MARK_JUMP, MARK_SYSCALL, MARK_BROKEN, and MARK_INDIRECT. */
void scan_sweep(const struct scan *s);

/* Step 2: targets of tables; MARK_INDIRECT of functions that are one; MARK_FALLS. */
void scan_functions(struct scan *s);

#endif
