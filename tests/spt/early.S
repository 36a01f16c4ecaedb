/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel of an attacker's whose signal handler makes a host call of its own: what it says when that succeeds is
 * FAILURE. With all signals blocked a refused call ends the process by SIGSYS. Linked by the kernel's own script.
 */
#include "guest/unikernel/boot.h"
#include "guest/unikernel/gate.h"

#define NR_GETPID 39

    .section .kernel_header, "a", @progbits
    .globl kernel_header, layout_kernel_base, layout_kernel_entry, system_call_entry
    .set layout_kernel_base, KERNEL_BASE
    .set layout_kernel_entry, KERNEL_ENTRY
kernel_header:
    .ascii KERNEL_MAGIC
    .long KERNEL_VERSION, GATE_VERSION
    .quad start, handler, 65536, 0, 0

    .section .kernel_entry, "ax", @progbits
system_call_entry:
    ud2

    .macro gate call
    movq $(GATE_BASE + GATE_BODIES + GATE_BODY * \call), %rax
    callq *%rax
    .endm

    /* Of the rows of gate.h. */
    .set ROW_WRITE, 1
    .set ROW_PPOLL, 2
    .set ROW_EXIT, 7

    .macro tell text
    movl $1, %edi
    leaq \text(%rip), %rsi
    movl $8, %edx
    gate ROW_WRITE
    .endm

    .text
start:
    tell started
1:  xorl %edi, %edi
    xorl %esi, %esi
    xorl %edx, %edx
    xorl %ecx, %ecx
    gate ROW_PPOLL
    jmp 1b

handler:
    tell arrived
    movl $NR_GETPID, %eax
    syscall
    tell failure
    movl $1, %edi
    gate ROW_EXIT

    .section .rodata, "a", @progbits
started: .ascii "started\n"
arrived: .ascii "handler\n"
failure: .ascii "FAILURE\n"
    .section .note.GNU-stack, "", @progbits
