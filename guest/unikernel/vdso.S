/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vDSO that programs see (vdso(7)): a shared object of one page, in place. The clocks that the host's own vDSO
 * answers are asked there, on the program's stack; all else is a system call, made as a rewritten one is. It lies
 * behind the kernel's code, not in it: who is interrupted here is the program.
 */
    .section .vdso, "ax", @progbits
    .balign 4096
    .globl vdso_image
vdso_image:
    .byte 0x7f, 'E', 'L', 'F', 2, 1, 1, 0
    .quad 0
    .short 3, 62 /* ET_DYN, EM_X86_64 */
    .long 1
    .quad 0, headers - vdso_image, 0
    .long 0
    .short 64, 56, 2, 0, 0, 0
headers:
    .long 1, 5 /* PT_LOAD, readable and executable */
    .quad 0, 0, 0, vdso_end - vdso_image, vdso_end - vdso_image, 4096
    .long 2, 4 /* PT_DYNAMIC */
    .quad dynamic - vdso_image, dynamic - vdso_image, dynamic - vdso_image, dynamic_end - dynamic, dynamic_end - dynamic, 8
dynamic:
    .quad 14, name_object - strings /* DT_SONAME */
    .quad 4, hash - vdso_image
    .quad 5, strings - vdso_image
    .quad 6, symbols - vdso_image
    .quad 10, strings_end - strings
    .quad 11, 24
    .quad 0x6ffffff0, versions - vdso_image /* DT_VERSYM */
    .quad 0x6ffffffc, definitions - vdso_image /* DT_VERDEF */
    .quad 0x6ffffffd, 2
    .quad 0, 0
dynamic_end:

/* Versions of the symbols: Go's runtime reads the definitions without asking whether there are any. */
    .balign 4
definitions:
    .short 1, 1, 1, 1 /* VER_FLG_BASE: the object's name */
    .long 0xdeebfa1, 20, 28
    .long name_object - strings, 0
    .short 1, 0, 2, 1
    .long 0x3ae75f6, 20, 0
    .long name_version - strings, 0
versions:
    .short 0, 2, 2, 2, 2, 2

/* One bucket: a chain through all five symbols. */
    .balign 4
hash:
    .long 1, 6, 1
    .long 0, 2, 3, 4, 5, 0

    .macro symbol name
    .long name_\name - strings
    .byte 0x12, 0 /* STB_GLOBAL, STT_FUNC */
    .short 1
    .quad vdso_\name - vdso_image, vdso_\name\()_end - vdso_\name
    .endm
    .balign 8
symbols:
    .skip 24
    symbol clock_gettime
    symbol gettimeofday
    symbol time
    symbol clock_getres
    symbol getcpu

strings:
    .byte 0
name_object: .asciz "linux-vdso.so.1"
name_version: .asciz "LINUX_2.6"
name_clock_gettime: .asciz "__vdso_clock_gettime"
name_gettimeofday: .asciz "__vdso_gettimeofday"
name_time: .asciz "__vdso_time"
name_clock_getres: .asciz "__vdso_clock_getres"
name_getcpu: .asciz "__vdso_getcpu"
strings_end:

/* Makes system call \nr with the caller's arguments, and returns its result: rcx is where it goes on. */
    .macro kernel_call nr
    movl $\nr, %eax
    leaq 9f(%rip), %rcx
    jmp system_call_entry
9:  ret
    .endm

    .macro function name
    .balign 16
vdso_\name:
    .endm

    function clock_gettime
    cmpl $11, %edi
    ja 1f
    movl $0x8f3, %eax /* 0, 1, 4 to 7, 11: realtime, monotonic, raw, coarse, boottime, TAI */
    btl %edi, %eax
    jnc 1f
    cmpl $0, vdso_own_time(%rip)
    jne 1f
    jmpq *vdso_host_clock(%rip)
1:  kernel_call 228
vdso_clock_gettime_end:

    function gettimeofday
    testq %rsi, %rsi /* zones are the kernel's affair */
    jne 1f
    testq %rdi, %rdi
    je 1f
    cmpl $0, vdso_own_time(%rip)
    jne 1f
    pushq %rdi
    subq $16, %rsp
    movq %rsp, %rsi
    xorl %edi, %edi
    callq *vdso_host_clock(%rip)
    movq 8(%rsp), %rax
    xorl %edx, %edx
    movl $1000, %ecx
    divq %rcx
    movq (%rsp), %rcx
    movq 16(%rsp), %rdi
    movq %rcx, (%rdi)
    movq %rax, 8(%rdi)
    addq $24, %rsp
    xorl %eax, %eax
    ret
1:  kernel_call 96
vdso_gettimeofday_end:

    function time
    cmpl $0, vdso_own_time(%rip)
    jne 1f
    pushq %rdi
    subq $16, %rsp
    movq %rsp, %rsi
    movl $5, %edi /* CLOCK_REALTIME_COARSE: as time(2) */
    callq *vdso_host_clock(%rip)
    movq (%rsp), %rax
    movq 16(%rsp), %rdi
    addq $24, %rsp
    testq %rdi, %rdi
    je 2f
    movq %rax, (%rdi)
2:  ret
1:  kernel_call 201
vdso_time_end:

    function clock_getres
    kernel_call 229
vdso_clock_getres_end:

    function getcpu
    testq %rdi, %rdi
    je 1f
    movl $0, (%rdi)
1:  testq %rsi, %rsi
    je 2f
    movl $0, (%rsi)
2:  xorl %eax, %eax
    ret
vdso_getcpu_end:
vdso_end:

/* The host's function, and whether a program has set a time of its own. */
    .section .bss.vdso, "aw", @nobits
    .balign 8
    .globl vdso_host_clock, vdso_own_time
vdso_host_clock: .skip 8
vdso_own_time: .skip 4

    .section .note.GNU-stack, "", @progbits
