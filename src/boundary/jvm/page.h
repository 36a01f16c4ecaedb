/* SPDX-License-Identifier: Apache-2.0 */
/* The JVM adaptor's own parts: moat's side of the page that it shares with libexec/moat-jvm (jvm/meter.h), and what its
 * policy is enforced by. */
#ifndef MOAT_BOUNDARY_JVM_PAGE_H
#define MOAT_BOUNDARY_JVM_PAGE_H

#include "boundary/boundary.h"

#define PAGE_FILE "jvm" /* in the state directory */

/* A fresh page in the state directory, for one run; *fd is to be the workload's. 0 or -errno. */
int page_make(int state_fd, int *fd);
/* Asks the virtual machine and waits a while for the answer. -ENODATA: it has nothing to say now; -ETIMEDOUT;
 * -EPROTO: what stands in the page is none of its figures. */
int page_ask(int state_fd, struct meter *out);
/* Which limit ended it; LIMIT_NONE too where the page is not to be believed. */
enum boundary_limit page_end(int state_fd);

/* lower.c. Whether moat-jvm's command line has a word of its own: before what is to run, and no value of another. */
bool jvm_has_word(const struct strv *argv, const char *wanted);
int jvm_lower(const struct policy *p, struct lowering *out, struct err *err);

#endif
