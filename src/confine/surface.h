/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What filters that are installed leave of a system call: classic BPF programs, as the kernel hands them out, followed
 * over all arguments at once. A jump that depends on an argument goes both ways; where the call may be made from is
 * tried out, address by address, so that filters which tell places apart are read together. What is said to be refused
 * is refused; what is said to be possible may need arguments that exclude each other. Pure.
 */
#ifndef MOAT_CONFINE_SURFACE_H
#define MOAT_CONFINE_SURFACE_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

/* What may become of a call. */
enum surface {
    SURFACE_ALLOWED = 1,  /* the host's kernel makes it */
    SURFACE_ANSWERED = 2, /* SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE: another process does, and may let it be made */
    SURFACE_REFUSED = 4,  /* an error, a signal, the end */
};

#define SURFACE_FILTERS_MOST 64

struct surface_filters {
    const struct sock_filter *v[SURFACE_FILTERS_MOST];
    size_t length[SURFACE_FILTERS_MOST];
    unsigned n;
};

/* SURFACE_*, or-ed: of all arguments and places, for a call of that number under all filters. Without filters:
 * SURFACE_ALLOWED. */
unsigned surface_of(const struct surface_filters *f, uint32_t arch, uint32_t number);

#endif
