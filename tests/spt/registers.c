/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What x86-64 Linux keeps through a system call: all registers but rax, rcx (the address behind the instruction) and
 * r11 (the flags), the 128 bytes below the stack pointer, flags, vector registers. Two sites: one whose number is just
 * before the instruction, which is rewritten; and one that is branched to, which traps.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct state {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, flags, rsp, behind;
    uint64_t red[16];
    uint8_t vectors[16][16];
};

/* Loads everything from `in`, makes the call, stores everything in `out`. Flags: as in in->flags. */
void call_rewritten(const struct state *in, struct state *out);
void call_trapped(const struct state *in, struct state *out);

/* Kept across: pointer to out on the stack above the red zone. */
#define LOAD                                                                                                           \
    "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rsi; sub $8, %rsp\n"                      \
    "mov %rdi, %rax\n"                                                                                                 \
    "mov %rsp, saved_sp(%rip)\n"                                                                                       \
    "lea -128(%rsp), %rdi; lea 144(%rax), %rsi; mov $16, %ecx; rep movsq\n"                                            \
    "movdqu 272(%rax), %xmm0; movdqu 288(%rax), %xmm1; movdqu 304(%rax), %xmm2; movdqu 320(%rax), %xmm3\n"             \
    "movdqu 336(%rax), %xmm4; movdqu 352(%rax), %xmm5; movdqu 368(%rax), %xmm6; movdqu 384(%rax), %xmm7\n"             \
    "movdqu 400(%rax), %xmm8; movdqu 416(%rax), %xmm9; movdqu 432(%rax), %xmm10; movdqu 448(%rax), %xmm11\n"           \
    "movdqu 464(%rax), %xmm12; movdqu 480(%rax), %xmm13; movdqu 496(%rax), %xmm14; movdqu 512(%rax), %xmm15\n"         \
    "lea 8(%rsp), %rsp; mov 120(%rax), %rcx; push %rcx; popfq; lea -8(%rsp), %rsp\n"                                   \
    "mov %rsp, saved_sp(%rip)\n"                                                                                       \
    "mov 144(%rax), %rcx; mov %rcx, -128(%rsp); mov 152(%rax), %rcx; mov %rcx, -120(%rsp)\n"                           \
    "mov 264(%rax), %rcx; mov %rcx, -8(%rsp)\n"                                                                        \
    "mov 8(%rax), %rbx; mov 24(%rax), %rdx; mov 32(%rax), %rsi; mov 40(%rax), %rdi; mov 48(%rax), %rbp\n"              \
    "mov 56(%rax), %r8; mov 64(%rax), %r9; mov 72(%rax), %r10; mov 88(%rax), %r12; mov 96(%rax), %r13\n"               \
    "mov 104(%rax), %r14; mov 112(%rax), %r15; mov $0, %r11d; mov $0, %ecx\n"

/* rsp is checked, and then trusted again. */
#define STORE                                                                                                          \
    "mov %rsp, stored_sp(%rip); mov %rcx, stored_cx(%rip); mov saved_sp(%rip), %rsp\n"                                 \
    "mov 8(%rsp), %rcx\n"                                                                                              \
    "mov %rax, 0(%rcx); mov %rbx, 8(%rcx); mov %rdx, 24(%rcx); mov %rsi, 32(%rcx); mov %rdi, 40(%rcx)\n"               \
    "mov %rbp, 48(%rcx); mov %r8, 56(%rcx); mov %r9, 64(%rcx); mov %r10, 72(%rcx); mov %r11, 80(%rcx)\n"               \
    "mov %r12, 88(%rcx); mov %r13, 96(%rcx); mov %r14, 104(%rcx); mov %r15, 112(%rcx)\n"                               \
    "mov stored_cx(%rip), %rax; mov %rax, 16(%rcx); mov stored_sp(%rip), %rax; mov %rax, 128(%rcx)\n"                  \
    "mov -128(%rsp), %rax; mov %rax, 144(%rcx); mov -120(%rsp), %rax; mov %rax, 152(%rcx)\n"                           \
    "mov -112(%rsp), %rax; mov %rax, 160(%rcx); mov -104(%rsp), %rax; mov %rax, 168(%rcx)\n"                           \
    "mov -96(%rsp), %rax; mov %rax, 176(%rcx); mov -88(%rsp), %rax; mov %rax, 184(%rcx)\n"                             \
    "mov -80(%rsp), %rax; mov %rax, 192(%rcx); mov -72(%rsp), %rax; mov %rax, 200(%rcx)\n"                             \
    "mov -64(%rsp), %rax; mov %rax, 208(%rcx); mov -56(%rsp), %rax; mov %rax, 216(%rcx)\n"                             \
    "mov -48(%rsp), %rax; mov %rax, 224(%rcx); mov -40(%rsp), %rax; mov %rax, 232(%rcx)\n"                             \
    "mov -32(%rsp), %rax; mov %rax, 240(%rcx); mov -24(%rsp), %rax; mov %rax, 248(%rcx)\n"                             \
    "mov -16(%rsp), %rax; mov %rax, 256(%rcx); mov -8(%rsp), %rax; mov %rax, 264(%rcx)\n"                              \
    "pushfq; pop %rax; mov %rax, 120(%rcx); cld\n"                                                                     \
    "movdqu %xmm0, 272(%rcx); movdqu %xmm1, 288(%rcx); movdqu %xmm2, 304(%rcx); movdqu %xmm3, 320(%rcx)\n"             \
    "movdqu %xmm4, 336(%rcx); movdqu %xmm5, 352(%rcx); movdqu %xmm6, 368(%rcx); movdqu %xmm7, 384(%rcx)\n"             \
    "movdqu %xmm8, 400(%rcx); movdqu %xmm9, 416(%rcx); movdqu %xmm10, 432(%rcx); movdqu %xmm11, 448(%rcx)\n"           \
    "movdqu %xmm12, 464(%rcx); movdqu %xmm13, 480(%rcx); movdqu %xmm14, 496(%rcx); movdqu %xmm15, 512(%rcx)\n"

#define LEAVE "add $8, %rsp; pop %rsi; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n"

__asm__(".pushsection .bss; .balign 8; saved_sp: .skip 8; stored_sp: .skip 8; stored_cx: .skip 8; .popsection\n"
        ".text\n.globl call_rewritten\n.type call_rewritten, @function\ncall_rewritten:\n" LOAD
        "mov $39, %eax\nsyscall\n.globl behind_rewritten\nbehind_rewritten:\n" STORE LEAVE
        ".size call_rewritten, . - call_rewritten\n"
        ".globl call_trapped\n.type call_trapped, @function\ncall_trapped:\n" LOAD
        "mov $39, %eax\njmp 1f\nnop\nmov $0x666, %eax\n1: syscall\n.globl behind_trapped\nbehind_trapped:\n" STORE LEAVE
        ".size call_trapped, . - call_trapped\n");

extern const char behind_rewritten[], behind_trapped[];

static int failures;

static void expect(const char *site, const char *what, uint64_t got, uint64_t want)
{
    if (got == want)
        return;
    printf("FAILURE: %s: %s is 0x%lx, was 0x%lx\n", site, what, (unsigned long)got, (unsigned long)want);
    failures++;
}

#define FLAGS_SEEN 0x4cd5ul /* what a program sets; not interrupts, and nothing that is always set */

static void try(const char *site, void (*call)(const struct state *, struct state *), const char *behind,
                uint64_t flags)
{
    struct state in, out;

    for (size_t i = 0; i < sizeof in / 8; i++)
        ((uint64_t *)&in)[i] = 0x1111111111111111ul * (i % 15 + 1) + i;
    in.flags = flags;
    memset(&out, 0, sizeof out);
    call(&in, &out);
    expect(site, "the result", out.rax, (uint64_t)getpid());
    expect(site, "rbx", out.rbx, in.rbx);
    expect(site, "rdx", out.rdx, in.rdx);
    expect(site, "rsi", out.rsi, in.rsi);
    expect(site, "rdi", out.rdi, in.rdi);
    expect(site, "rbp", out.rbp, in.rbp);
    expect(site, "r8", out.r8, in.r8);
    expect(site, "r9", out.r9, in.r9);
    expect(site, "r10", out.r10, in.r10);
    expect(site, "r12", out.r12, in.r12);
    expect(site, "r13", out.r13, in.r13);
    expect(site, "r14", out.r14, in.r14);
    expect(site, "r15", out.r15, in.r15);
    expect(site, "rcx", out.rcx, (uintptr_t)behind);
    expect(site, "the flags", out.flags & FLAGS_SEEN, flags & FLAGS_SEEN);
    expect(site, "r11", out.r11 & FLAGS_SEEN, flags & FLAGS_SEEN);
    for (int i = 0; i < 16; i++)
        expect(site, "the red zone", out.red[i], in.red[i]);
    if (memcmp(in.vectors, out.vectors, sizeof in.vectors)) {
        printf("FAILURE: %s: vector registers\n", site);
        failures++;
    }
}

int main(void)
{
    static const uint64_t flags[] = {0x202, 0x202 | 0x8d5, 0x202 | 0x800, 0x202 | 0x41, 0x202 | 0x400, 0x202 | 0xcd5};

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        try("rewritten", call_rewritten, behind_rewritten, flags[i]);
        try("trapped", call_trapped, behind_trapped, flags[i]);
    }
    if (!failures)
        puts("all kept");
    return failures != 0;
}
