/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets in struct task and bits of rflags, for assembler; task.c asserts that they are those of C. */
#ifndef MOAT_GUEST_UNIKERNEL_REGS_H
#define MOAT_GUEST_UNIKERNEL_REGS_H

#define REGS_RDI     0
#define REGS_RSI     8
#define REGS_RDX     16
#define REGS_R10     24
#define REGS_R8      32
#define REGS_R9      40
#define REGS_RAX     48
#define REGS_RBX     56
#define REGS_RBP     64
#define REGS_R12     72
#define REGS_R13     80
#define REGS_R14     88
#define REGS_R15     96
#define REGS_RCX     104
#define REGS_R11     112
#define REGS_RIP     120
#define REGS_RFLAGS  128
#define REGS_RSP     136
#define REGS_FS_BASE 144
#define REGS_GS_BASE 152

#define TASK_KERNEL_STACK 160

#define FLAGS_CLEAN        0x202
#define FLAGS_UNUSUAL      0x44500 /* trap, direction, nested task, alignment check */
#define FLAGS_OVERFLOW_BIT 11

/* User segments of x86-64 Linux. */
#define SEGMENT_CODE  0x33
#define SEGMENT_STACK 0x2b

/* A signal frame with all the extended state there is (AMX: 11 KiB), and the handler's own frames. */
#define TRAP_STACK_SIZE 32768

#endif
