/* SPDX-License-Identifier: Apache-2.0 */
/* Names of constants, as strace(1) shows them. */
#ifndef MOAT_LINUX_CORE_STRACE_NAMES_H
#define MOAT_LINUX_CORE_STRACE_NAMES_H

#include "linux/core/text.h"

#include <stdint.h>

struct strace_name {
    uint64_t value;
    const char *name; /* NULL: the end */
};
extern const struct strace_name strace_prot_flags[], strace_map_flags[], strace_wait_flags[], strace_poll_flags[],
    strace_epoll_flags[], strace_clocks[], strace_domains[], strace_whences[];

void strace_flags(struct text *, const struct strace_name *, uint64_t v); /* or-ed; what is left in hexadecimal */
void strace_value(struct text *, const struct strace_name *, uint64_t v);
void strace_open_flags(struct text *, uint32_t v);
void strace_mode(struct text *, uint32_t mode);
void strace_socket_type(struct text *, uint32_t v);
void strace_futex_op(struct text *, uint32_t v);
void strace_clone_flags(struct text *, uint64_t v);
void strace_signal_name(struct text *, int signo, bool whole); /* whole: with SIG */
const char *strace_errno(int error);

#endif
