/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a rewritten static program (or a dynamic linker, which is one) in a child, natively: its calls come through the
 * cell to code that asks the kernel. What still executes a `syscall` of its own is caught, counted and served as well.
 */
#ifndef MOAT_TESTS_REWRITE_PROGRAM_H
#define MOAT_TESTS_REWRITE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct program_result {
    int status;        /* of waitpid */
    char output[8192]; /* standard output and error, cut */
    uint64_t calls;    /* through the cell, of the first process */
    uint64_t trapped;  /* `syscall` instructions that were still executed */
};

/* Where programs have their cell. */
#define PROGRAM_CELL 0x20800

/* Whether this kernel can catch system calls by their address (Linux 5.11). */
bool program_can_run(void);

/* `file` is rewritten; `blob` of its trampolines belongs at `blob_address`. 0, or a negative errno. */
int program_run(const uint8_t *file, const uint8_t *blob, size_t blob_size, uint64_t blob_address,
                const char *const argv[], struct program_result *out);

#endif
