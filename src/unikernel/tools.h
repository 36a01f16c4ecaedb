/* SPDX-License-Identifier: Apache-2.0 */
/* What moat build needs of the host: a compiler, a linker, a directory for what they write; and the names of calls. */
#ifndef MOAT_UNIKERNEL_TOOLS_H
#define MOAT_UNIKERNEL_TOOLS_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

/* Runs a program of PATH with our streams and environment, and waits. -ENOENT: it is not there, and `package` has it;
 * -ECHILD: it has failed, having said why. */
int tools_run(struct arena *a, char *const argv[], const char *package, struct err *err);

/* The directory with musl's libc.a and rcrt1.o. */
int tools_musl(struct arena *a, const char **dir, struct err *err);

/* A new directory in $TMPDIR or /tmp, of ours alone; and away with it and the files in it. Between the two, who asks
 * this process to end (SIGINT, SIGTERM, SIGHUP) is held off until the directory is gone. */
int tools_directory(struct arena *a, const char **dir, struct err *err);
void tools_remove_directory(const char *dir);

/* The name of a system call that the kernel has (src/linux/syscalls.def); NULL: it has none of this number. */
const char *tools_call_name(int nr);
/* The handler that serves it, without "sys_", in a kernel for a program with these calls and, when `ready`, no names of
 * files: a small one where nothing needs the whole (linux/mm/plain.c, linux/task/futex_alone.c). NULL: none. */
const char *tools_handler_name(int nr, const uint8_t calls[64], bool ready);
/* Parts of the kernel in whose place a small one will do for a program with these calls: names of the small ones, one
 * by one: each is a symbol, and libmoat-NAME.a has it. *at begins as 0; NULL: there are no more. */
const char *tools_alone(unsigned *at, const uint8_t calls[64], bool ready);
/* Whether a program with these calls, a bit each, uses names of files: then the kernel has file systems and a loader.
 */
bool tools_calls_use_names(const uint8_t calls[64]);
/* Those of a set, a bit each, with spaces between. NULL: no memory. */
const char *tools_call_names(struct arena *a, const uint8_t calls[64]);

#endif
