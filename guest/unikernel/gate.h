/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate page: the only place from which the tender's filter lets a host call pass. It is part of the tender's
 * executable (src/spt/gate.S), readable and executable, the same for every sandbox.
 *
 *     0x00  "MOATGATE"
 *     0x08  uint32_t version, and four bytes of zero
 *     0x10  the entry cell: address of the kernel's entry for rewritten system calls
 *     0x40  one body of 16 bytes for each row below
 *
 * A body is called like a C function: it takes its arguments as one and returns the result or a negative errno. Its
 * `syscall` lies 8 bytes in; what the filter sees as instruction pointer is the address behind that.
 *
 * Version rule: rows are only added at the end; a kernel that needs more than the tender has is refused by version.
 */
#ifndef MOAT_GUEST_UNIKERNEL_GATE_H
#define MOAT_GUEST_UNIKERNEL_GATE_H

#include "guest/unikernel/layout.h"

#define GATE_VERSION 1
#define GATE_BODIES  0x40
#define GATE_BODY    16
#define GATE_SYSCALL 8 /* offset of the instruction in a body */
#define GATE_BEHIND  10

/* name, number of the call on x86-64 */
#define GATE_CALLS(X)                                                                                                  \
    X(read, 0)                                                                                                         \
    X(write, 1)                                                                                                        \
    X(ppoll, 271)                                                                                                      \
    X(mprotect, 10)                                                                                                    \
    X(madvise, 28)                                                                                                     \
    X(timer_settime, 223)                                                                                              \
    X(rt_sigreturn, 15)                                                                                                \
    X(exit_group, 231)                                                                                                 \
    X(preadv, 295)                                                                                                     \
    X(pwritev, 296)

#ifndef __ASSEMBLER__
enum gate_call {
#define X(name, nr) GATE_##name,
    GATE_CALLS(X)
#undef X
        GATE_CALLS_COUNT
};

/* Where a body begins, and what seccomp_data.instruction_pointer is for a call from it. */
#define GATE_ADDRESS(call) ((unsigned long)GATE_BASE + GATE_BODIES + GATE_BODY * (unsigned long)(call))
#define GATE_POINTER(call) (GATE_ADDRESS(call) + GATE_BEHIND)
#endif

#endif
