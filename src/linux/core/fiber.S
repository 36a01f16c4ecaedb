/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel stacks: from one to another. What C keeps over a call is on the stack that is left. */
    .text
    .section .text.fiber_switch, "ax", @progbits
    .globl fiber_switch
    .type fiber_switch, @function
/* void fiber_switch(void **save, void *to): *save becomes this stack, whose caller goes on when it is switched to. */
fiber_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size fiber_switch, . - fiber_switch

    .globl fiber_begin
    .type fiber_begin, @function
/* Where a new stack begins: rbx is called with r12. */
fiber_begin:
    movq %r12, %rdi
    xorl %ebp, %ebp
    callq *%rbx
    ud2
    .size fiber_begin, . - fiber_begin
    .section .note.GNU-stack, "", @progbits
