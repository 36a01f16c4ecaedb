/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of file system calls (linux_files_script.h) on the host's kernel and on src/linux: equal line by line. */
#ifndef MOAT_TEST_LINUX_FILES_COMPARE_H
#define MOAT_TEST_LINUX_FILES_COMPARE_H

#include "linux_files_script.h"
#include "linux_harness.h"

/* Fails the current test at the first line that differs; skips it where the host has no tmpfs. Both sides start in an
 * empty directory; or, with an image, ours in its /tmp/here, and the host's in a directory in which `prelude` made the
 * same. A line that begins with [6.6] is for hosts since Linux 6.6, one with [root] for root, one with [memory] for our
 * own file systems in memory: left out elsewhere. */
void script_compare(const void *image, size_t image_size, const char *const *prelude, const char *const *lines);

/* A test that has it runs our side on a directory of the host, mounted at /tmp/here: what of struct harness is to be
 * set for a new, empty one. */
void script_on_host(struct harness *) __attribute__((weak));
void script_on_host_end(void) __attribute__((weak));

#endif
