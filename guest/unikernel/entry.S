/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How control goes between a program and the kernel where both are in one address space and in ring 3: the header that
 * the tender reads, the entry of rewritten system calls, the ways back to the program, and the stubs to which signal
 * handlers return. trap.c and task.c are the C beside it.
 *
 * Registers of the program are saved in its struct task, which begins with struct regs; task.c asserts the offsets. No
 * code here or in the kernel touches a vector register, so those stay the program's own through a system call.
 */
#include "guest/unikernel/gate.h"
#include "guest/unikernel/boot.h"
#include "guest/unikernel/regs.h"

/* gate_NAME: the bodies of the gate, as functions. */
#define X(name, nr) .globl gate_##name; .set gate_##name, GATE_BASE + GATE_BODIES + GATE_BODY * gate_next; .set gate_next, gate_next + 1;
    .set gate_next, 0
    GATE_CALLS(X)
#undef X
    .globl layout_kernel_base, layout_kernel_entry
    .set layout_kernel_base, KERNEL_BASE
    .set layout_kernel_entry, KERNEL_ENTRY

    .section .kernel_header, "a", @progbits
    .globl kernel_header
kernel_header:
    .ascii KERNEL_MAGIC
    .long KERNEL_VERSION, GATE_VERSION
    .quad platform_start, trap_signal, TRAP_STACK_SIZE
    .weak timer_run, aspace_plain
    .quad timer_run, aspace_plain

/*
 * A rewritten system call: everything is as the program had it, but rcx, which is the address to go on at, and r11,
 * which the call may clobber. It stays on the program's stack for not one push.
 */
    .section .kernel_entry, "ax", @progbits
    .globl system_call_entry
    .type system_call_entry, @function
system_call_entry:
    movq task_running(%rip), %r11
    movq %rdi, REGS_RDI(%r11)
    movq %rsi, REGS_RSI(%r11)
    movq %rdx, REGS_RDX(%r11)
    movq %r10, REGS_R10(%r11)
    movq %r8, REGS_R8(%r11)
    movq %r9, REGS_R9(%r11)
    movq %rax, REGS_RAX(%r11)
    movq %rbx, REGS_RBX(%r11)
    movq %rbp, REGS_RBP(%r11)
    movq %r12, REGS_R12(%r11)
    movq %r13, REGS_R13(%r11)
    movq %r14, REGS_R14(%r11)
    movq %r15, REGS_R15(%r11)
    movq %rcx, REGS_RCX(%r11)
    movq %rcx, REGS_RIP(%r11)
    movq %rsp, REGS_RSP(%r11)
    movq TASK_KERNEL_STACK(%r11), %rsp
    movq %r11, %rbx
    pushfq
    popq %rdx
    movq %rdx, REGS_RFLAGS(%rbx)
    movq %rdx, REGS_R11(%rbx)
    testl $FLAGS_UNUSUAL, %edx
    jnz flags_clean
flags_are_clean:
    movq %rbx, %rdi
    subq $16, %rsp
    movq %rsp, %rsi
    callq linux_syscall
    testb %al, %al
    jz system_call_long
    movq (%rsp), %rax
    movq %rax, REGS_RAX(%rbx)
    movq REGS_FS_BASE(%rbx), %rcx
    cmpq task_fs_base(%rip), %rcx
    jne system_call_long

/* From here on to the jump a signal takes the program's registers from the task, where they are whole. */
    .globl window_return
window_return:
    cmpl $0, trap_pending(%rip)
    jne system_call_long
    testl $FLAGS_UNUSUAL, REGS_RFLAGS(%rbx)
    jnz flags_unusual
    /* sahf gives all of the arithmetic flags but overflow, which comes of adding. */
    movb REGS_RFLAGS(%rbx), %ah
    btl $FLAGS_OVERFLOW_BIT, REGS_RFLAGS(%rbx)
    setc %al
    addb $0x7f, %al
    sahf
flags_are_back:
    movq REGS_RDI(%rbx), %rdi
    movq REGS_RSI(%rbx), %rsi
    movq REGS_RDX(%rbx), %rdx
    movq REGS_R10(%rbx), %r10
    movq REGS_R8(%rbx), %r8
    movq REGS_R9(%rbx), %r9
    movq REGS_RSP(%rbx), %rsp
    movq REGS_RIP(%rbx), %rcx
    movq REGS_RFLAGS(%rbx), %r11
    movq REGS_RAX(%rbx), %rax
    movq REGS_RBX(%rbx), %rbx
    jmpq *%rcx
flags_unusual:
    pushq REGS_RFLAGS(%rbx)
    popfq
    jmp flags_are_back
    .globl window_return_end
window_return_end:

/* Single steps, alignment checks and backward strings are the program's, not the kernel's. */
flags_clean:
    pushq $FLAGS_CLEAN
    popfq
    jmp flags_are_clean

system_call_long:
    movq %rbx, %rdi
    movq TASK_KERNEL_STACK(%rbx), %rsp
    xorl %ebp, %ebp
    callq linux_trap_finish
    ud2
    .size system_call_entry, . - system_call_entry

/* void task_resume(struct task *): all registers from the task. After a system call rcx and r11 are free to be what
 * they are; else iretq, which is as good in ring 3 as below it. */
    .section .text.task_resume, "ax", @progbits
    .globl task_resume, window_resume, window_resume_end
    .type task_resume, @function
task_resume:
window_resume:
    cmpl $0, trap_pending(%rip)
    jne resume_not
    movq REGS_RBP(%rdi), %rbp
    movq REGS_R12(%rdi), %r12
    movq REGS_R13(%rdi), %r13
    movq REGS_R14(%rdi), %r14
    movq REGS_R15(%rdi), %r15
    movq TASK_KERNEL_STACK(%rdi), %rsp
    movq REGS_RIP(%rdi), %rcx
    movq REGS_RFLAGS(%rdi), %r11
    cmpq REGS_RCX(%rdi), %rcx
    jne 1f
    cmpq REGS_R11(%rdi), %r11
    jne 1f
    movq %rdi, %rbx
    pushq %r11
    popfq
    jmp flags_are_back
1:  pushq $SEGMENT_STACK
    pushq REGS_RSP(%rdi)
    pushq %r11
    pushq $SEGMENT_CODE
    pushq %rcx
    movq REGS_RSI(%rdi), %rsi
    movq REGS_RDX(%rdi), %rdx
    movq REGS_R10(%rdi), %r10
    movq REGS_R8(%rdi), %r8
    movq REGS_R9(%rdi), %r9
    movq REGS_RAX(%rdi), %rax
    movq REGS_RBX(%rdi), %rbx
    movq REGS_RCX(%rdi), %rcx
    movq REGS_R11(%rdi), %r11
    movq REGS_RDI(%rdi), %rdi
    iretq
window_resume_end:
resume_not:
    movq TASK_KERNEL_STACK(%rdi), %rsp
    xorl %ebp, %ebp
    callq trap_arrived
    ud2
    .size task_resume, . - task_resume

/* Where a signal handler that interrupted the program returns to: rdi is the task, the stack is the task's. */
    .section .text.trap_stub, "ax", @progbits
    .globl trap_stub
    .type trap_stub, @function
trap_stub:
    xorl %ebp, %ebp
    callq trap_arrived
    ud2
    .size trap_stub, . - trap_stub

/* long poll_unless_pending(struct pollfd *, n, struct timespec *): ppoll(2), or -EINTR when a signal has come, however
 * late: one that comes within the window, or within the gate's body in front of its instruction, ends it there. */
    .section .text.poll_unless_pending, "ax", @progbits
    .globl poll_unless_pending, window_poll, window_poll_end, poll_interrupted
    .type poll_unless_pending, @function
poll_unless_pending:
    xorl %ecx, %ecx
    movl $8, %r8d
window_poll:
    cmpl $0, trap_pending(%rip)
    jne poll_interrupted
    jmp gate_ppoll
window_poll_end:
poll_interrupted:
    movq $-4, %rax
    ret
    .size poll_unless_pending, . - poll_unless_pending

    .section .note.GNU-stack, "", @progbits
