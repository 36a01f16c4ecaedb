/* SPDX-License-Identifier: Apache-2.0 */
/* The gate page (guest/unikernel/gate.h), which the linker puts at its fixed address. */
#include "guest/unikernel/gate.h"

    .macro body nr
    .balign GATE_BODY, 0xcc
    movq %rcx, %r10
    movl $\nr, %eax
    syscall
    ret
    .endm

    .section .gate, "ax", @progbits
    .globl gate_page
gate_page:
    .ascii "MOATGATE"
    .long GATE_VERSION, 0
    .quad KERNEL_ENTRY
    .org GATE_BODIES, 0xcc
#define X(name, nr) body nr;
    GATE_CALLS(X)
#undef X
    .org 4096, 0xcc

    .globl layout_gate
    .set layout_gate, GATE_BASE

    .section .note.GNU-stack, "", @progbits
