/* SPDX-License-Identifier: Apache-2.0 */
/* A classic BPF interpreter for struct seccomp_data, written from the manual of the machine and not from the compiler.
 */
#ifndef MOAT_TESTS_BPF_INTERP_H
#define MOAT_TESTS_BPF_INTERP_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>

struct bpf_run {
    uint32_t verdict;
    uint32_t steps;
    uint32_t arg_loads; /* of arguments or the instruction pointer: what keeps the kernel from answering beforehand */
};

/* 0, or -1 when the program leaves its bounds, does what seccomp does not allow, or has no end. */
int bpf_interp(const struct sock_filter *insns, uint32_t n, const struct seccomp_data *data, struct bpf_run *out);

#endif
