/* SPDX-License-Identifier: Apache-2.0 */
/* The way of the harness's guests into the kernel and back: struct regs at the head of struct task (platform.h). */
#define RDI 0
#define RSI 8
#define RDX 16
#define R10 24
#define R8 32
#define R9 40
#define RAX 48
#define RBX 56
#define RBP 64
#define R12 72
#define R13 80
#define R14 88
#define R15 96
#define RCX 104
#define R11 112
#define RIP 120
#define RFLAGS 128
#define RSP 136
#define STACK 160
    .text

/* int64_t guest_call(nr, a, b, c, d, e, f): what `syscall` sees, with the caller's rip and rsp as after the return. */
    .globl guest_call
    .type guest_call, @function
guest_call:
    movq harness_task(%rip), %rax
    movq %rdi, RAX(%rax)
    movq %rsi, RDI(%rax)
    movq %rdx, RSI(%rax)
    movq %rcx, RDX(%rax)
    movq %r8, R10(%rax)
    movq %r9, R8(%rax)
    movq 8(%rsp), %rcx
    movq %rcx, R9(%rax)
    movq (%rsp), %rcx
    movq %rcx, RIP(%rax)
    movq %rcx, RCX(%rax)
    leaq 8(%rsp), %rcx
    movq %rcx, RSP(%rax)
    jmp enter
    .size guest_call, . - guest_call

/* What call-preserved registers hold, then onto the kernel's stack. */
enter:
    movq %rbx, RBX(%rax)
    movq %rbp, RBP(%rax)
    movq %r12, R12(%rax)
    movq %r13, R13(%rax)
    movq %r14, R14(%rax)
    movq %r15, R15(%rax)
    pushfq
    popq %rcx
    movq %rcx, RFLAGS(%rax)
    movq %rcx, R11(%rax)
    movq %rax, %rdi
    movq STACK(%rax), %rsp
    xorl %ebp, %ebp
    cld
    call harness_entered
    ud2

/* int64_t guest_clone_call(flags, stack top, ptid, ctid, fn, of): the child calls fn(of) on the new stack. */
    .globl guest_clone_call
    .type guest_clone_call, @function
guest_clone_call:
    movq harness_task(%rip), %rax
    movq %r8, -16(%rsi)
    movq %r9, -8(%rsi)
    subq $16, %rsi
    movq $56, RAX(%rax)
    movq %rdi, RDI(%rax)
    movq %rsi, RSI(%rax)
    movq %rdx, RDX(%rax)
    movq %rcx, R10(%rax)
    movq $0, R8(%rax)
    movq $0, R9(%rax)
    leaq 1f(%rip), %rcx
    movq %rcx, RIP(%rax)
    movq %rcx, RCX(%rax)
    movq %rsp, RSP(%rax)
    jmp enter
1:  testq %rax, %rax
    jz 2f
    ret
2:  popq %rax
    popq %rdi
    xorl %ebp, %ebp
    call *%rax
    movl $60, %edi
    xorl %esi, %esi
    call guest_call
    ud2
    .size guest_clone_call, . - guest_clone_call

/* Where a guest function that returns comes to: exit_group(0). */
    .globl guest_end
guest_end:
    movl $231, %edi
    xorl %esi, %esi
    call guest_call
    ud2

    .globl guest_restorer
    .type guest_restorer, @function
guest_restorer:
    movq harness_task(%rip), %rax
    movq $15, RAX(%rax)
    movq %rsp, RSP(%rax)
    jmp enter
    .size guest_restorer, . - guest_restorer

/* void harness_kick_call(void): a guest that is interrupted here. */
    .globl harness_kick_call
    .type harness_kick_call, @function
harness_kick_call:
    movq harness_task(%rip), %rax
    movq $-1, RAX(%rax)
    movq (%rsp), %rcx
    movq %rcx, RIP(%rax)
    leaq 8(%rsp), %rcx
    movq %rcx, RSP(%rax)
    movl $1, harness_kicked(%rip)
    jmp enter
    .size harness_kick_call, . - harness_kick_call

/* void harness_resume(const struct regs *): all registers, by iretq. */
    .globl harness_resume
    .type harness_resume, @function
harness_resume:
    movl %ss, %eax
    pushq %rax
    pushq RSP(%rdi)
    pushq RFLAGS(%rdi)
    movl %cs, %eax
    pushq %rax
    pushq RIP(%rdi)
    movq RSI(%rdi), %rsi
    movq RDX(%rdi), %rdx
    movq R10(%rdi), %r10
    movq R8(%rdi), %r8
    movq R9(%rdi), %r9
    movq RAX(%rdi), %rax
    movq RBX(%rdi), %rbx
    movq RBP(%rdi), %rbp
    movq R12(%rdi), %r12
    movq R13(%rdi), %r13
    movq R14(%rdi), %r14
    movq R15(%rdi), %r15
    movq RCX(%rdi), %rcx
    movq R11(%rdi), %r11
    movq RDI(%rdi), %rdi
    iretq
    .size harness_resume, . - harness_resume
    .section .note.GNU-stack, "", @progbits
