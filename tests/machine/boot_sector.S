/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A boot sector for tests of a PC's disks: it is asked over the first serial port for sectors of any drive that the
 * firmware knows, and answers with the firmware's status and the first byte there, as "SS BB" in hexadecimal.
 *
 *      rDS      reads sector S (a digit, from 1 on) of track 0 of drive D (0 and 1: floppies, 8: the first disk)
 *      wDSX     fills it with the letter X
 *      q        switches the machine off
 *
 * A floppy drive answers for the first time after a change that there was one, so there are three attempts.
 */
#define COM1   0x3f8
#define BUFFER 0x8000

        .code16
        .text
        .globl _start
_start:
        ljmp $0, $1f
1:      xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movw $0x7c00, %sp
        cld
        movw $ready, %si
        call print
next:
        call get
        cmpb $'q', %al
        je power_off
        movb $2, %ah
        cmpb $'r', %al
        je 1f
        movb $3, %ah
        cmpb $'w', %al
        jne next
1:      movb %ah, operation
        call get
        subb $'0', %al
        cmpb $8, %al
        jne 1f
        movb $0x80, %al
1:      movb %al, drive
        call get
        subb $'0', %al
        movb %al, sector
        xorb %al, %al
        cmpb $3, operation
        jne 1f
        call get
1:      movw $BUFFER, %di
        movw $512, %cx
        rep stosb

        movw $3, attempts
2:      movb operation, %ah
        movb $1, %al
        movw $BUFFER, %bx
        movb sector, %cl
        xorb %ch, %ch
        xorb %dh, %dh
        movb drive, %dl
        int $0x13
        movb %ah, status
        jnc 3f
        xorb %ah, %ah
        movb drive, %dl
        int $0x13
        decw attempts
        jnz 2b
3:      movb status, %al
        call hex
        movb $' ', %al
        call put
        movb BUFFER, %al
        call hex
        movb $'\n', %al
        call put
        jmp next

power_off:
        movw $0x604, %dx                /* PIIX4's: SLP_EN, SLP_TYP 0 */
        movw $0x2000, %ax
        outw %ax, %dx
1:      hlt
        jmp 1b

/* al in two digits. */
hex:
        pushw %ax
        shrb $4, %al
        call 1f
        popw %ax
        andb $15, %al
1:      addb $'0', %al
        cmpb $'9', %al
        jbe put
        addb $('a' - '9' - 1), %al
/* al, when the port takes one. */
put:
        pushw %ax
        movw $(COM1 + 5), %dx
1:      inb %dx, %al
        testb $0x20, %al
        jz 1b
        popw %ax
        movw $COM1, %dx
        outb %al, %dx
        ret

print:
        lodsb
        testb %al, %al
        jz 1f
        call put
        jmp print
1:      ret

/* A byte that has come, in al; interrupts meanwhile: motors are switched off. ah is kept. */
get:
        sti
        movw $(COM1 + 5), %dx
1:      inb %dx, %al
        testb $1, %al
        jz 1b
        movw $COM1, %dx
        inb %dx, %al
        ret

ready:
        .asciz "ready\n"
attempts:
        .word 0
operation:
        .byte 0
drive:
        .byte 0
sector:
        .byte 0
status:
        .byte 0

        .org 510
        .word 0xaa55
