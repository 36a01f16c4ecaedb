/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which system calls a program that was linked statically can make: the constants that can be in rax where it has a
 * `syscall`, found by following constants through each of its functions, and through functions like syscall(2) that are
 * handed the number. The program is one that was just compiled: its symbols say where functions begin. What cannot be
 * known is said; nothing is guessed. Pure.
 */
#ifndef MOAT_UNIKERNEL_NUMBERS_H
#define MOAT_UNIKERNEL_NUMBERS_H

#include "base/mem.h"
#include "unikernel/elf_facts.h"

#define NUMBERS_CALLS 512

struct numbers {
    uint8_t calls[NUMBERS_CALLS / 8]; /* a bit each */
    bool all;                         /* no other call can be made */
    const char *unknown;              /* the function where that could not be said; NULL */
    unsigned sites;
};

/* 0, -ENOEXEC without symbols, -ENOMEM. */
int numbers_find(struct arena *a, const uint8_t *elf, size_t n, const struct elf_facts *facts, struct numbers *out,
                 struct err *err);

#endif
