/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies from and to the program's memory. Each instruction that may fault has a row in the exception table: the
 * address of the instruction, and that to go on at. Between them nothing is pushed, so a handler has only to change rip.
 */
    .macro fixup from to
    .pushsection .exceptions, "a", @progbits
    .long \from, \to
    .popsection
    .endm

    .macro function name
    .section .text.\name, "ax", @progbits
    .globl \name
    .type \name, @function
\name:
    .endm

/* size_t user_copy(void *to, const void *from, size_t n): bytes that could not be copied. */
    function user_copy
    cmpq $16, %rdx
    ja 3f
    cmpq $8, %rdx
    jb 1f
10: movq (%rsi), %rax
11: movq -8(%rsi,%rdx), %rcx
12: movq %rax, (%rdi)
13: movq %rcx, -8(%rdi,%rdx)
    xorl %eax, %eax
    ret
1:  cmpq $4, %rdx
    jb 3f
14: movl (%rsi), %eax
15: movl -4(%rsi,%rdx), %ecx
16: movl %eax, (%rdi)
17: movl %ecx, -4(%rdi,%rdx)
    xorl %eax, %eax
    ret
3:  movq %rdx, %rcx
4:  rep movsb
5:  movq %rcx, %rax
    ret
    fixup 10b, 3b
    fixup 11b, 3b
    fixup 12b, 3b
    fixup 13b, 3b
    fixup 14b, 3b
    fixup 15b, 3b
    fixup 16b, 3b
    fixup 17b, 3b
    fixup 4b, 5b
    .size user_copy, . - user_copy

/* size_t user_zero(void *to, size_t n): bytes that could not be written. */
    function user_zero
    movq %rsi, %rcx
    xorl %eax, %eax
1:  rep stosb
2:  movq %rcx, %rax
    ret
    fixup 1b, 2b
    .size user_zero, . - user_zero

/* long user_string(char *to, const char *from, size_t n): its length without the NUL, n when there is none, -EFAULT. */
    function user_string
    xorl %eax, %eax
1:  cmpq %rdx, %rax
    je 3f
2:  movb (%rsi,%rax), %cl
    movb %cl, (%rdi,%rax)
    testb %cl, %cl
    jz 3f
    incq %rax
    jmp 1b
3:  ret
4:  movq $-14, %rax
    ret
    fixup 2b, 4b
    .size user_string, . - user_string

/* int user_load32(const void *from, uint32_t *value): 0, -EFAULT. */
    function user_load32
1:  movl (%rdi), %ecx
    movl %ecx, (%rsi)
    xorl %eax, %eax
    ret
2:  movl $-14, %eax
    ret
    fixup 1b, 2b
    .size user_load32, . - user_load32

/* int user_cmpxchg32(void *at, uint32_t *value, uint32_t with): 0, -EFAULT. */
    function user_cmpxchg32
    movl (%rsi), %eax
1:  lock cmpxchgl %edx, (%rdi)
    movl %eax, (%rsi)
    xorl %eax, %eax
    ret
2:  movl $-14, %eax
    ret
    fixup 1b, 2b
    .size user_cmpxchg32, . - user_cmpxchg32

/* int state_restore(const void *image, uint64_t mask): XRSTOR; 0, or -EINVAL when the processor refuses it. */
    function state_restore
    movq %rsi, %rdx
    movl %esi, %eax
    shrq $32, %rdx
1:  xrstor64 (%rdi)
    xorl %eax, %eax
    ret
2:  movl $-22, %eax
    ret
    fixup 1b, 2b
    .size state_restore, . - state_restore

/* void state_save(void *image, uint64_t mask): XSAVE in the standard form. */
    function state_save
    movq %rsi, %rdx
    movl %esi, %eax
    shrq $32, %rdx
    xsave64 (%rdi)
    ret
    .size state_save, . - state_save

    .section .note.GNU-stack, "", @progbits
