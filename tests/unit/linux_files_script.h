/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of file system calls as text, which run on the host's kernel and on src/linux, so that the results can be
 * compared line by line. A line is
 *
 *     [x =] call argument...
 *
 * `call` is a row of the table in linux_files_script.c, which says what each argument is: a path, an octal mode, flags
 * by name (a|b) or a number, a descriptor (@x, kept by an earlier line; cwd for AT_FDCWD), bytes to write. The log has
 * a line for each: its text, and the result or the name of the error, and what the call gave back. A line `# ...` says
 * what follows. Descriptors, inode numbers and times are not logged, but compared by calls that say so.
 */
#ifndef MOAT_TEST_LINUX_FILES_SCRIPT_H
#define MOAT_TEST_LINUX_FILES_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct script_world {
    int64_t (*call)(int64_t nr, const uint64_t v[6]); /* -errno */
    void *(*memory)(size_t n);                        /* that calls can read and write; never freed here */
};

/* The log is cut at n; it is always NUL-ended. A line that cannot be read is logged as such. */
void script_run(const struct script_world *, const char *const *lines, char *log, size_t n);

/* The same by a child process in a new directory of a tmpfs of the host. 0; 1: there is none. */
int script_run_natively(const char *const *lines, char *log, size_t n);
bool script_host_since(int major, int minor); /* the host's kernel is not older */

#endif
