/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things lie in the one address space of a unikernel: the only file that knows. Read by the tender (src/spt), the
 * kernel's platform and assembler, so it holds plain numbers. What depends on the image or on the command line is
 * reckoned by the tender and told in struct boot (boot.h).
 *
 *     program text ... image | tender with gate | kernel | program data ........ stacks | kernel heap | file pages
 *
 * Below 2 GiB lies what code refers to by 32-bit addresses: program text with its trampolines, gate, kernel. The rest
 * follows closely, since each stretch of 2 MiB, of 1 GiB and of 512 GiB that is touched costs a page of page table and
 * the time to make it.
 */
#ifndef MOAT_GUEST_UNIKERNEL_LAYOUT_H
#define MOAT_GUEST_UNIKERNEL_LAYOUT_H

/* Programs. Where programs that cannot be moved are linked; image_boot.text bytes from here. */
#define TEXT_LOW 0x400000

/* A program that can be moved, never has more code, and fits in here with its image, begins here: so it shares a page
 * of page table with tender and kernel. */
#define PIE_LOW 0x70000000

/* The image ends where the tender begins; one that would begin below IMAGE_LOW lies at IMAGE_FAR. */
#define IMAGE_LOW   0x60400000
#define IMAGE_FAR   0x10000000000
#define TENDER_BASE 0x70100000

/* The gate page (gate.h), of the tender's first segment. Fixed for ever: the pointer at GATE_ENTRY_CELL is named by
 * every rewritten system call. */
#define GATE_BASE       0x70101000
#define GATE_ENTRY_CELL 0x70101010

/* The kernel's segments: struct kernel_header (boot.h), the entry of system calls, the rest. */
#define KERNEL_BASE  0x70140000
#define KERNEL_ENTRY 0x70140080
#define KERNEL_LIMIT 0x74000000

/* Bytes of address space, of which only what is used costs anything. */
#define DATA_SIZE    0x4000000000 /* 256 GiB: programs reserve much more than they use */
#define HEAP_SIZE    0x10000000   /* 256 MiB: the kernel's own; not what files hold */
#define OBJECTS_SIZE 0x2000000000 /* 128 GiB */
/* Behind all of it so much holds nothing, ever: a length of less than this from within does not reach anything else. */
#define BEHIND_SIZE 0x100000000

/* The top of the data and the start of the heap share a page of page table: this far into 2 MiB. */
#define DATA_HIGH_ALIGN 0x200000
#define DATA_HIGH_SKEW  0x40000

#endif
