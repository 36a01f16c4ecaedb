/* SPDX-License-Identifier: Apache-2.0 */
/* Where the host's kernel begins: the words lie on the stack (System V ABI for x86-64, 3.4.1). */
    .section .text.start, "ax", @progbits
    .globl _start
    .type _start, @function
_start:
    xorl %ebp, %ebp
    movq %rsp, %rdi
    andq $-16, %rsp
    callq tender_start
    ud2
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
