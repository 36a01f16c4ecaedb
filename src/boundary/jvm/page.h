/* SPDX-License-Identifier: Apache-2.0 */
/* moat's side of the page that it shares with libexec/moat-jvm (jvm/meter.h). */
#ifndef MOAT_BOUNDARY_JVM_PAGE_H
#define MOAT_BOUNDARY_JVM_PAGE_H

#include "boundary/boundary.h"
#include "jvm/meter.h"

/* A fresh page in the state directory, for one run; *fd is to be the workload's. 0 or -errno. */
int page_make(int state_fd, int *fd);
/* Asks the virtual machine and waits a while for the answer. -ENODATA: it has nothing to say now; -ETIMEDOUT;
 * -EPROTO: what stands in the page is none of its figures. */
int page_ask(int state_fd, struct meter *out);
/* A copy of what stands there now, and it is a page. A descriptor of its file, for what lies behind it; -errno. */
int page_copy(int state_fd, struct jvm_meter *copy);
/* Which limit ended it; ENDED_OTHERWISE too where the page is not to be believed. */
enum boundary_end page_end(int state_fd);

#endif
