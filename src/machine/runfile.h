/* SPDX-License-Identifier: Apache-2.0 */
/* The archive with the one file that tells guest/init what to run (guest/init/run.h), from moat-vmm's command line. */
#ifndef MOAT_MACHINE_RUNFILE_H
#define MOAT_MACHINE_RUNFILE_H

#include <stddef.h>

/* Writes it to fd, a new file: each of `words` as it is (a letter of run.h and a text), each of `program` as an
 * argument. 0, -E2BIG (over RUN_MOST bytes) or an error of write(2). */
int runfile_write(int fd, char *const *words, size_t n_words, char *const *program, size_t n_program);

#endif
