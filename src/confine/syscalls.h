/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of system calls as the compiler of filters sees it: one look-up by name answers for every architecture.
 * The public functions syscall_number() and syscall_name() are declared in confine/seccomp.h.
 */
#ifndef MOAT_CONFINE_SYSCALLS_H
#define MOAT_CONFINE_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>

enum syscall_arch { SYSCALL_X86_64, SYSCALL_I386, SYSCALL_AARCH64, SYSCALL_ARM, SYSCALL_ARCHES };

#define SYSCALL_NAME_MAX 32

struct syscall_row {
    char name[SYSCALL_NAME_MAX];    /* padded with zeros, so that it compares as four words */
    int32_t number[SYSCALL_ARCHES]; /* -1: no such call there */
};

/* On 32-bit x86 the socket and System V calls also go through one multiplexing call, told apart by its argument 0. */
struct syscall_mux_row {
    const char *name, *through;
    uint32_t selector;
};

/* The 32-bit arm calls that are no part of the common numbering (set_tls and its like) begin here. */
#define SYSCALL_ARM_PRIVATE 0xf0000

/* AUDIT_ARCH_*: its column, or -1 when there is no table for it. */
int syscall_arch_column(uint32_t arch);

/* Index of a name's row, or -1. */
int syscall_row_find(const char *name);
const struct syscall_row *syscall_row_at(int i); /* NULL beyond the last */

/* The row of a multiplexed call, or NULL. */
const struct syscall_mux_row *syscall_mux_find(const char *name);

#endif
