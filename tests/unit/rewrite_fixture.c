/* SPDX-License-Identifier: Apache-2.0 */
/* The assembler side of the rewriter's tests. */
#include "rewrite_fixture.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>

_Static_assert(offsetof(struct piece_state, seen) == 0x100 && offsetof(struct piece_state, out) == 0x200 &&
                   offsetof(struct piece_state, host_rsp) == 0x300 && offsetof(struct piece_state, calls) == 0x318,
               "the assembler text knows these");

#define SAVE(at)                                                                                                       \
    "mov %rax," at "+0x00\n mov %rcx," at "+0x08\n mov %rdx," at "+0x10\n mov %rbx," at "+0x18\n"                      \
    "mov %rsp," at "+0x20\n mov %rbp," at "+0x28\n mov %rsi," at "+0x30\n mov %rdi," at "+0x38\n"                      \
    "mov %r8," at "+0x40\n mov %r9," at "+0x48\n mov %r10," at "+0x50\n mov %r11," at "+0x58\n"                        \
    "mov %r12," at "+0x60\n mov %r13," at "+0x68\n mov %r14," at "+0x70\n mov %r15," at "+0x78\n"

void piece_entry(void);
void piece_exit(void);

__asm__(".text\n"
        ".globl piece_run, piece_entry, piece_exit\n"
        "piece_run:\n"
        "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "mov %rdi,0x20308\n"
        "mov %rsp,0x20300\n"
        "pushq 0x20080\n popfq\n"
        "mov 0x20000,%rax\n mov 0x20008,%rcx\n mov 0x20010,%rdx\n mov 0x20018,%rbx\n"
        "mov 0x20028,%rbp\n mov 0x20030,%rsi\n mov 0x20038,%rdi\n"
        "mov 0x20040,%r8\n mov 0x20048,%r9\n mov 0x20050,%r10\n mov 0x20058,%r11\n"
        "mov 0x20060,%r12\n mov 0x20068,%r13\n mov 0x20070,%r14\n mov 0x20078,%r15\n"
        "mov 0x20020,%rsp\n"
        "jmp *0x20308\n"

        "piece_entry:\n" SAVE("0x20100") /* */
        "mov 0x20300,%rsp\n"
        "pushfq\n popq 0x20180\n"
        "incq 0x20318\n"
        "mov 0x20180,%r11\n push %r11\n popfq\n"
        "mov 0x20310,%rax\n"
        "mov 0x20120,%rsp\n"
        "jmp *%rcx\n"

        "piece_exit:\n" SAVE("0x20200") /* */
        "mov 0x20300,%rsp\n"
        "pushfq\n popq 0x20280\n"
        "cld\n"
        "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
        "ret\n");

struct piece_state *piece_state(void)
{
    static struct piece_state *state;

    if (state)
        return state;
    void *p = mmap((void *)PIECE_STATE_ADDRESS, 4096, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (p != (void *)PIECE_STATE_ADDRESS) {
        perror("mmap of the state's page");
        return NULL;
    }
    state = p;
    *(uint64_t *)PIECE_ENTRY_CELL = (uint64_t)(uintptr_t)piece_entry;
    *(uint64_t *)PIECE_EXIT_CELL = (uint64_t)(uintptr_t)piece_exit;
    return state;
}
