/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel for tests of moat-vmm: flat, entered by multiboot in 32-bit mode. The command line is its name and a letter; what
 * the letter does stands in the table at the end. It has no stack to lose and no interrupt: what it waits for it asks for.
 */
#define COM1 0x3f8
#define COM2 0x2f8

        .code32
        .text
        .globl _start
_start:
header:
        .long 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
        .long header, _start, 0, 0, entry

entry:
        cli
        movl $stack, %esp
        movl 16(%ebx), %esi             /* the command line: multiboot's record, offset 16 */
1:      lodsb                           /* over the name */
        testb %al, %al
        jz unknown
        cmpb $' ', %al
        jne 1b
        lodsb
        movl $table, %ebx
2:      cmpb $0, (%ebx)
        je unknown
        cmpb %al, (%ebx)
        je 3f
        addl $5, %ebx
        jmp 2b
3:      call *1(%ebx)
        jmp power_off
unknown:
        movl $what, %esi
        call print
        jmp power_off

/* The text at esi, to the port whose base is in ebp. */
print:
        movl $COM1, %ebp
print_to:
        lodsb
        testb %al, %al
        jz 1f
        call put
        jmp print_to
1:      ret

/* al to it, when it takes one. */
put:
        movb %al, %ah
        leal 5(%ebp), %edx
1:      inb %dx, %al
        testb $0x20, %al
        jz 1b
        movb %ah, %al
        movl %ebp, %edx
        outb %al, %dx
        ret

/* A byte that has come there, in al. */
get:
        leal 5(%ebp), %edx
1:      inb %dx, %al
        testb $1, %al
        jz 1b
        movl %ebp, %edx
        inb %dx, %al
        ret

/* ---- what a letter does ---- */

power_off:
        movl $0x604, %edx
        movl $0x3400, %eax              /* SLP_EN, SLP_TYP 5 */
        outw %ax, %dx
idle:
        movl $ready, %esi
        call print
1:      hlt                             /* for ever: interrupts are off */
        jmp 1b
spin:
        movl $ready, %esi
        call print
1:      jmp 1b
reset:
        movl $0xcf9, %edx
        movb $6, %al
        outb %al, %dx
        jmp idle
panic:
        movl $0x505, %edx
        movb $1, %al
        outb %al, %dx
        jmp idle
triple:
        lidt none
        int3
debug_exit:
        movl $0xf4, %edx
        movl $5, %eax
        outl %eax, %dx
        jmp idle
/* Every byte back until a q. */
echo:
        movl $ready, %esi
        call print
1:      call get
        cmpb $'q', %al
        je 2f
        call put
        jmp 1b
2:      ret
/* 300,000 bytes: all values that are no line ends, over and over. */
flood:
        movl $COM1, %ebp
        movl $300000, %ecx
        movb $0, %bl
1:      addb $1, %bl
        movb %bl, %al
        call put
        loop 1b
        ret
/* Registers that nobody has, and memory that is none. */
nothing:
        movl $0x4321, %edx
        inb %dx, %al
        movl $0xf0000000, %eax
        movl %eax, (%eax)
        ret
/* The channel: output, error, 3 bytes of input echoed, and an end of 42. */
channel:
        movl $COM2, %ebp
        movl $frames, %esi
        movl $(frames_end - frames), %ecx
1:      lodsb
        call put
        loop 1b
        call frame                      /* of input */
        movl $input, %esi
        movl $8, %ecx
2:      lodsb
        call put
        loop 2b
        movl $exit, %esi
        movl $5, %ecx
3:      lodsb
        call put
        loop 3b
        ret
/* Says what signals come, as output, until one is 15. */
signals:
        movl $COM2, %ebp
        movl $tell_ready, %esi
        movl $13, %ecx
1:      lodsb
        call put
        loop 1b
2:      call frame
        movb input + 4, %al
        addb $'0', %al
        cmpb $('0' + 15), %al
        je 4f
        movb %al, tell + 4
        movl $tell, %esi
        movl $5, %ecx
3:      lodsb
        call put
        loop 3b
        jmp 2b
4:      ret
/* A frame from the channel, into input. */
frame:
        movl $input, %edi
        movl $4, %ecx
1:      call get
        stosb
        loop 1b
        movzwl input + 2, %ecx
        jecxz 3f
2:      call get
        stosb
        loop 2b
3:      movb $16, input                 /* as output */
        ret

table:
        .byte 'i'; .long idle
        .byte 's'; .long spin
        .byte 'o'; .long power_off
        .byte 'r'; .long reset
        .byte 'p'; .long panic
        .byte 't'; .long triple
        .byte 'x'; .long debug_exit
        .byte 'e'; .long echo
        .byte 'f'; .long flood
        .byte 'n'; .long nothing
        .byte 'c'; .long channel
        .byte 'g'; .long signals
        .byte 0

none:   .word 0
        .long 0
ready:  .asciz "ready\n"
what:   .asciz "no such letter\n"
frames:
        .byte 20, 0, 0, 0               /* READY */
        .byte 16, 0, 3, 0; .ascii "out"
        .byte 17, 0, 3, 0; .ascii "err"
        .byte 19, 0, 4, 0; .long 4      /* CREDIT */
frames_end:
exit:   .byte 18, 0, 1, 0, 42
tell_ready:
        .byte 20, 0, 0, 0               /* READY: from now on signals are sent */
        .byte 16, 0, 5, 0; .ascii "ready"
tell:   .byte 16, 0, 1, 0, 0
        .balign 16
input:  .skip 64
        .skip 256
stack:
