/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of random system calls for the kernel of src/linux, on the harness of the unit tests. A program is a string
 * of bytes: which call, which arguments, by the kinds that syscalls.def gives them; also threads, signals, time that
 * passes. Any string is a program; the same string does the same.
 *
 * Not called: what would make the guest's own processor state random, since guests are part of the test program
 * (rt_sigreturn, clone without a stack of the harness's); and nothing that the kernel maps is executable.
 */
#ifndef MOAT_FUZZ_LINUX_CALLS_H
#define MOAT_FUZZ_LINUX_CALLS_H

#include <stddef.h>
#include <stdint.h>

/* Runs one. Aborts when the kernel does what it never may: ends by an invariant of its own, or lets a restart number
 * out. The number of calls that were made. */
uint64_t linux_calls_run(const uint8_t *program, size_t n);

#endif
