/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bare loops in 32-bit protected mode without paging, as a ROM of 64 KiB at 0xf0000: bench/cpu runs it on the software CPU
 * and on another emulator. The first eight bytes are written into it by bench/cpu: which loop, and how many times.
 * At the end it posts 0xff at port 0x190, then asks Bochs (port 0x8900) to end.
 *
 *   0  arithmetic on registers
 *   1  memory: a load, an addition in place and a store each, over 64 KiB
 *   2  calls: one direct, one through a register, and their returns
 */
    .code16
    .section .text
    .global start
rom:
which:
    .long 0
count:
    .long 0

    .balign 16
table:
    .quad 0
    .quad 0x00cf9b000000ffff /* code: base 0, 4 GiB, 32-bit */
    .quad 0x00cf93000000ffff /* data */
table_pointer:
    .word . - table - 1
    .long 0xf0000 + table - rom

start:
    cli
    cld
    mov %cs, %ax
    mov %ax, %ds
    lgdtl table_pointer - rom
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    ljmpl $8, $(0xf0000 + protected - rom)

    .code32
protected:
    mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $0x9000, %esp
    /* The loops run in RAM, at 0x10000. */
    mov $(0xf0000 + loops - rom), %esi
    mov $0x10000, %edi
    mov $(loops_end - loops), %ecx
    rep movsb
    mov 0xf0000 + which - rom, %eax
    mov 0xf0000 + count - rom, %ecx
    mov $0x10000, %ebx
    call *%ebx
    mov $0x190, %edx
    mov $0xff, %al
    out %al, %dx
    mov $0x8900, %edx
    mov $(0xf0000 + goodbye - rom), %esi
    mov $8, %ecx
    rep outsb
1:  hlt
    jmp 1b
goodbye:
    .ascii "Shutdown"

    .balign 16
loops:
    cmp $1, %eax
    je memory
    ja calls
    mov $0x12345678, %eax
    mov $0x9e3779b9, %edx
    xor %esi, %esi
1:  add %edx, %eax
    xor %eax, %esi
    lea 7(%eax, %esi, 4), %edi
    and $0x7fffffff, %edi
    sub %edi, %edx
    shl $1, %esi
    dec %ecx
    jnz 1b
    ret

    .balign 16
memory:
    mov $0x20000, %esi
    xor %edi, %edi
    xor %eax, %eax
1:  add (%esi, %edi), %eax
    add %eax, 4(%esi, %edi)
    mov %ecx, 8(%esi, %edi)
    add $12, %edi
    and $0xfffc, %edi
    dec %ecx
    jnz 1b
    ret

    .balign 16
calls:
    mov $(0x10000 + leaf - loops), %ebx
1:  call leaf
    call *%ebx
    dec %ecx
    jnz 1b
    ret
    .balign 16
leaf:
    push %ebp
    mov %esp, %ebp
    inc %eax
    pop %ebp
    ret
loops_end:

    .org 0xfff0
    .code16
    ljmp $0xf000, $(start - rom)
    .org 0x10000
