/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host call that waits, made such that no signal is missed: the handler (signals.c) notes the signal, and where it
 * has interrupted anything between the look at the notes and the end of the call, it goes on at wait_call_cut.
 *
 *     long wait_call(const uint32_t *noted, long nr, long a, long b, long c, long d, long e)
 */
    .text
    .globl wait_call, wait_call_begin, wait_call_end, wait_call_cut
    .type wait_call, @function
wait_call:
    movq %rdi, %r11
    movq %rsi, %rax
    movq %rdx, %rdi
    movq %rcx, %rsi
    movq %r8, %rdx
    movq %r9, %r10
    movq 8(%rsp), %r8
wait_call_begin:
    cmpl $0, (%r11)
    jne wait_call_cut
    syscall
wait_call_end:
    ret
wait_call_cut:
    movq $-4, %rax                /* EINTR */
    ret
    .size wait_call, . - wait_call
    .section .note.GNU-stack, "", @progbits
