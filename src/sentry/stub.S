/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code of a stub: the handler of a guest task's signals, the service, and how a guest task begins. It is copied to
 * STUB_TEXT (stub.h) and only ever runs there. It uses registers alone; memory that it reads is the sentry's to write
 * (STUB_ORDER), or belongs to the guest, and then what is read goes to the guest's own registers and nowhere else.
 * A guest may jump to any of it: what an instruction `syscall` here may do is decided by its filter (filter.c), which
 * knows each of them by its address.
 */
#include "sentry/stub.h"

    .section .rodata.stub, "a", @progbits
    .balign 64
    .globl stub_text, stub_text_end, stub_handler, stub_service

    .macro hostcall name, nr
    movl $\nr, %eax
    syscall
    .globl stub_behind_\name
stub_behind_\name:
    .endm

stub_text:

/* ---- guest tasks ---- */

/* rdi: the signal. rsp: the frame that the host has laid, in this task's slot (or where the guest would have it). */
stub_handler:
    movq %rsp, %rsi
    rdfsbase %rdx
    rdgsbase %r10
stub_parked:
    hostcall park, 39
    cmpq $PARK_FAULT, %rax
    je stub_fault
    jl stub_die
    /* The address of a frame: the task goes on as that says. */
    movq FRAME_FS(%rax), %rcx
    wrfsbase %rcx
    movq FRAME_GS(%rax), %rcx
    wrgsbase %rcx
    leaq 8(%rax), %rsp
    hostcall sigreturn, 15
stub_die:
    movl $1, %edi
    hostcall exit_group, 231
    ud2

/* rsp: its slot. No signal is let through that a guest could cause, so none comes before the filter is there; the sentry
 * lets no task go on that says otherwise. */
stub_task:
    movl $1, %edi                 /* PR_SET_PDEATHSIG */
    movl $9, %esi
    hostcall task_prctl, 157
    testq %rax, %rax
    js stub_die
    xorl %edi, %edi
    movl $-1, %esi
    xorl %edx, %edx
    hostcall task_close_range, 436
    testq %rax, %rax
    js stub_die
    leaq SLOT_ALTSTACK(%rsp), %rdi
    xorl %esi, %esi
    hostcall task_sigaltstack, 131
    testq %rax, %rax
    js stub_die
    movl $1, %edi                 /* SECCOMP_SET_MODE_FILTER */
    xorl %esi, %esi
    movabsq $STUB_FILTER, %rdx
    hostcall task_seccomp, 317
    testq %rax, %rax
    js stub_die
    movl $PARK_BORN, %edi
    leaq SLOT_FRAME(%rsp), %rsi
    rdfsbase %rdx
    rdgsbase %r10
    jmp stub_parked

/* ---- the service ---- */

stub_fault:
    movabsq $(STUB_STACK + STUB_STACK_SIZE), %rsp
    movq $-14, %rax               /* EFAULT */
stub_done:
    movq %rax, %rdi
/* rdi: what the last order came to. */
stub_service:
    hostcall order, 39
    testq %rax, %rax
    js stub_die
    movabsq $STUB_ORDER, %r15
    movq (%r15), %rax
    cmpq $((stub_table_end - stub_table) / 4), %rax
    jae stub_die
    movq 8(%r15), %rdi
    movq 16(%r15), %rsi
    movq 24(%r15), %rdx
    movq 32(%r15), %r10
    movq 40(%r15), %r8
    movq 48(%r15), %r9
    leaq stub_table(%rip), %r11
    movslq (%r11, %rax, 4), %rax
    addq %r11, %rax
    jmp *%rax

stub_do_mmap:
    hostcall mmap, 9
    jmp stub_done
stub_do_munmap:
    hostcall munmap, 11
    jmp stub_done
stub_do_mprotect:
    hostcall mprotect, 10
    jmp stub_done
stub_do_mremap:
    hostcall mremap, 25
    jmp stub_done
stub_do_madvise:
    hostcall madvise, 28
    jmp stub_done
stub_do_close_range:
    hostcall close_range, 436
    jmp stub_done
stub_do_task:
    hostcall task, 56
    testl %eax, %eax
    jnz stub_done
    jmp stub_task
stub_do_cmpxchg:
    movl %esi, %eax
    lock cmpxchgl %edx, (%rdi)
    movl %eax, %eax
    jmp stub_done

/* A copy of the whole stub: what is its parent's alone goes, and it gets a page of orders of its own. */
stub_do_fork:
    hostcall fork, 56
    testl %eax, %eax
    jnz stub_done
    movl $1, %edi
    movl $9, %esi
    hostcall born_prctl, 157
    testq %rax, %rax
    js stub_die
    movabsq $STUB_SLOTS, %rdi
    movl $STUB_SLOTS_SIZE, %esi
    hostcall born_munmap, 11
    testq %rax, %rax
    js stub_die
    movl $ORDER_BORN, %edi
    hostcall born_order, 39
    testq %rax, %rax
    js stub_die
    movq %rax, %r9
    movabsq $STUB_ORDER, %rdi
    movl $0x1000, %esi
    movl $1, %edx                 /* PROT_READ */
    movl $0x11, %r10d             /* MAP_SHARED | MAP_FIXED */
    movl $STUB_FD_MEMORY, %r8d
    hostcall born_mmap, 9
    testq %rax, %rax
    js stub_die
    xorl %edi, %edi
    jmp stub_service

    .balign 4
stub_table:
    .long stub_do_mmap - stub_table
    .long stub_do_munmap - stub_table
    .long stub_do_mprotect - stub_table
    .long stub_do_mremap - stub_table
    .long stub_do_madvise - stub_table
    .long stub_do_close_range - stub_table
    .long stub_do_fork - stub_table
    .long stub_do_task - stub_table
    .long stub_do_cmpxchg - stub_table
stub_table_end:
stub_text_end:

    .section .note.GNU-stack, "", @progbits
