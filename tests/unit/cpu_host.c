/* SPDX-License-Identifier: Apache-2.0 */
/* See cpu_host.h. The instruction lies in a page of its own, between a jump in, with all registers loaded, and one out.
 */
#include "cpu_host.h"

#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <setjmp.h>

#include <cmocka.h>

/* ---- On the host ------------------------------------------------------------------------------------------------- */

void *host_now, *host_target, *host_stack, *host_rdi; /* what the assembly below keeps while it has no registers */
void host_enter(struct host_state *s, const void *code);
void host_exit(void);

__asm__(".text\n"
        ".globl host_enter\n"
        ".type host_enter, @function\n"
        "host_enter:\n"
        "  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "  mov %rdi, host_now(%rip)\n"
        "  mov %rsi, host_target(%rip)\n"
        "  pushq 128(%rdi); popfq\n"
        "  mov %rsp, host_stack(%rip)\n"
        "  mov (%rdi), %rax; mov 8(%rdi), %rcx; mov 16(%rdi), %rdx; mov 24(%rdi), %rbx\n"
        "  mov 40(%rdi), %rbp; mov 48(%rdi), %rsi\n"
        "  mov 64(%rdi), %r8; mov 72(%rdi), %r9; mov 80(%rdi), %r10; mov 88(%rdi), %r11\n"
        "  mov 96(%rdi), %r12; mov 104(%rdi), %r13; mov 112(%rdi), %r14; mov 120(%rdi), %r15\n"
        "  mov 56(%rdi), %rdi\n"
        "  jmp *host_target(%rip)\n"
        ".globl host_exit\n"
        ".type host_exit, @function\n"
        "host_exit:\n"
        "  mov %rdi, host_rdi(%rip)\n"
        "  mov host_now(%rip), %rdi\n"
        "  mov %rax, (%rdi); mov %rcx, 8(%rdi); mov %rdx, 16(%rdi); mov %rbx, 24(%rdi)\n"
        "  mov %rbp, 40(%rdi); mov %rsi, 48(%rdi)\n"
        "  mov %r8, 64(%rdi); mov %r9, 72(%rdi); mov %r10, 80(%rdi); mov %r11, 88(%rdi)\n"
        "  mov %r12, 96(%rdi); mov %r13, 104(%rdi); mov %r14, 112(%rdi); mov %r15, 120(%rdi)\n"
        "  mov host_rdi(%rip), %rax\n"
        "  mov %rax, 56(%rdi)\n"
        "  mov host_stack(%rip), %rsp\n"
        "  pushfq; popq 128(%rdi)\n"
        "  cld\n"
        "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "  ret\n");

static sigjmp_buf failed;
static uint8_t *host_page;

static void on_signal(int n)
{
    siglongjmp(failed, n);
}

/* -1, or the vector. */
static int host_run(struct host_state *s)
{
    static const int signals[] = {SIGFPE, SIGILL, SIGSEGV};
    struct sigaction old[3], action = {.sa_handler = on_signal};
    int n;

    for (unsigned i = 0; i < 3; i++)
        sigaction(signals[i], &action, &old[i]);
    n = sigsetjmp(failed, 1);
    if (n == 0)
        host_enter(s, host_page);
    for (unsigned i = 0; i < 3; i++)
        sigaction(signals[i], &old[i], NULL);
    return n == 0 ? -1 : n == SIGFPE ? VECTOR_DE : n == SIGILL ? VECTOR_UD : VECTOR_PF;
}

/* jmp *0(%rip), and the address. */
static void host_code(const struct code *code)
{
    static const uint8_t jump[] = {0xff, 0x25, 0, 0, 0, 0};
    void (*to)(void) = host_exit;

    assert_int_equal(mprotect(host_page, 4096, PROT_READ | PROT_WRITE), 0);
    memcpy(host_page, code->bytes, code->n);
    memcpy(host_page + code->n, jump, sizeof jump);
    memcpy(host_page + code->n + sizeof jump, &to, sizeof to);
    assert_int_equal(mprotect(host_page, 4096, PROT_READ | PROT_EXEC), 0);
}

/* ---- Both ----------------------------------------------------------------------------------------------------------
 */

enum { GUEST_IDT = 0x9000, GUEST_HANDLERS = 0x12000 };

/* Exception n leads to GUEST_HANDLERS + 16 * n. */
static void guest_interrupts(struct board *b)
{
    struct vcpu_state s;

    for (unsigned n = 0; n < 32; n++) {
        board_write64(b, GUEST_IDT + 16 * n,
                      UINT64_C(0x8e0000080000) | (GUEST_HANDLERS >> 16) * (UINT64_C(1) << 48) |
                          (((GUEST_HANDLERS + 16 * n) & 0xffff)));
        board_write64(b, GUEST_IDT + 16 * n + 8, 0);
    }
    cpu_state_get(b->cpu, &s);
    s.idtr = (struct vcpu_table){.base = GUEST_IDT, .limit = 32 * 16 - 1};
    cpu_state_set(b->cpu, &s);
}

/* -1, or the vector of the exception that the instruction was. */
static int guest_vector(struct cpu *cpu)
{
    int vector = -1;

    if (cpu->fault.pending) {
        vector = cpu->fault.vector;
        cpu->fault.pending = false;
    } else if (cpu->rip >= GUEST_HANDLERS && cpu->rip < GUEST_HANDLERS + 512) {
        vector = (int)(cpu->rip - GUEST_HANDLERS) / 16;
    }
    cpu->gpr[GPR_SP] = BOARD_STACK;
    return vector;
}

struct pair *pair_make(void)
{
    struct pair *p = calloc(1, sizeof *p);
    void *data = mmap((void *)(uintptr_t)(HOST_DATA - 4096), 3 * 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    assert_non_null(p);
    if (data != (void *)(uintptr_t)(HOST_DATA - 4096)) {
        free(p);
        print_message("# no memory at %#x here\n", HOST_DATA);
        skip();
    }
    host_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(host_page, MAP_FAILED);
    p->board = board_make(BOARD_64);
    guest_interrupts(p->board);
    return p;
}

void pair_free(struct pair *p)
{
    board_free(p->board);
    munmap((void *)(uintptr_t)(HOST_DATA - 4096), 3 * 4096);
    munmap(host_page, 4096);
    free(p);
}

void pair_code(struct pair *p, struct code code)
{
    p->code = code;
    host_code(&code);
    board_code(p->board, code.bytes, code.n);
}

static void guest_start(struct pair *p)
{
    struct cpu *cpu = p->board->cpu;

    for (unsigned i = 0; i < 16; i++)
        if (i != GPR_SP)
            cpu->gpr[i] = p->in.gpr[i];
    flags_set(&cpu->flags, (uint32_t)p->in.flags & FLAGS_SIX);
    cpu->rflags = (cpu->rflags & ~(uint64_t)FLAG_D) | (p->in.flags & FLAG_D);
    cpu->rip = BOARD_CODE;
    memcpy(p->board->ram + HOST_DATA, p->data, sizeof p->data);
}

static void complain(const struct pair *p, const char *label, const struct host_state *host, int vector, int ours)
{
    const struct cpu *cpu = p->board->cpu;

    print_error("%s:", label);
    for (unsigned i = 0; i < p->code.n; i++)
        print_error(" %02x", p->code.bytes[i]);
    print_error("\n  vector: host %d, ours %d; flags before %03x, host %03x, ours %03x\n", vector, ours,
                (unsigned)p->in.flags & 0xfff, (unsigned)host->flags & 0xfff, (unsigned)cpu_rflags(cpu) & 0xfff);
    for (unsigned i = 0; i < 16; i++)
        if (i != GPR_SP)
            print_error("  %2u before %016llx, host %016llx, ours %016llx%s\n", i, (unsigned long long)p->in.gpr[i],
                        (unsigned long long)host->gpr[i], (unsigned long long)cpu->gpr[i],
                        host->gpr[i] == cpu->gpr[i] ? "" : " <");
    for (unsigned i = 0; i < HOST_DATA_BYTES; i++) {
        uint8_t there = ((const uint8_t *)(uintptr_t)HOST_DATA)[i], here = p->board->ram[HOST_DATA + i];
        if (there != here)
            print_error("  byte %u before %02x, host %02x, ours %02x\n", i, p->data[i], there, here);
    }
}

int pair_compare(struct pair *p, uint32_t ignored_flags, const char *label)
{
    struct cpu *cpu = p->board->cpu;
    struct host_state host = p->in;
    uint64_t flags = (FLAGS_SIX | FLAG_D) & ~ignored_flags;
    int vector, ours;

    memcpy((void *)(uintptr_t)HOST_DATA, p->data, sizeof p->data);
    host.flags = (p->in.flags & (FLAGS_SIX | FLAG_D)) | 0x202;
    vector = host_run(&host);
    if (vector >= 0) { /* registers are as they were */
        host = p->in;
        memcpy((void *)(uintptr_t)HOST_DATA, p->data, sizeof p->data);
    }
    guest_start(p);
    cpu_run(cpu, 1);
    ours = guest_vector(cpu);
    bool same = memcmp(p->board->ram + HOST_DATA, (void *)(uintptr_t)HOST_DATA, HOST_DATA_BYTES) == 0 &&
                ours == vector && (vector >= 0 || cpu->rip == BOARD_CODE + p->code.n) &&
                ((cpu_rflags(cpu) ^ host.flags) & flags) == 0;

    for (unsigned i = 0; i < 16; i++)
        same &= i == GPR_SP || cpu->gpr[i] == host.gpr[i];
    if (!same)
        complain(p, label, &host, vector, ours);
    assert_true(same);
    p->compared++;
    return vector;
}

/* ---- Encoding ------------------------------------------------------------------------------------------------------
 */

static void emit(struct code *c, unsigned byte)
{
    c->bytes[c->n++] = (uint8_t)byte;
}

static void emit_prefixes(struct code *c, unsigned size, uint32_t opcode, unsigned reg, unsigned rm)
{
    unsigned rex = size == 8 ? 8 : 0;
    bool high = (reg & ENCODE_AH) || (rm & ENCODE_AH);

    if (size == 2)
        emit(c, 0x66);
    if (opcode >> 24)
        emit(c, opcode >> 24);
    rex |= (reg & 15) >= 8 && !(reg & ENCODE_AH) ? 4 : 0;
    rex |= !(rm & ENCODE_MEMORY) && (rm & 15) >= 8 && !(rm & ENCODE_AH) ? 1 : 0;
    if (rex || (size == 1 && !high))
        emit(c, 0x40 | rex);
}

struct code encode_imm(unsigned size, uint32_t opcode, unsigned reg, unsigned rm, unsigned imm_bytes, uint64_t imm)
{
    struct code c = {.n = 0};
    unsigned r = reg & ENCODE_AH ? 4 + (reg & 3) : reg & 7, m = rm & ENCODE_AH ? 4 + (rm & 3) : rm & 7;

    emit_prefixes(&c, size, opcode, reg, rm);
    if (opcode & 0xff0000)
        emit(&c, opcode >> 16 & 0xff);
    if (opcode & 0xffff00)
        emit(&c, opcode >> 8 & 0xff);
    emit(&c, opcode & 0xff);
    if (rm & ENCODE_MEMORY) {
        emit(&c, 0x44 | r << 3);
        emit(&c, 0x7e); /* rsi + 2 * rdi */
        emit(&c, 0x10);
    } else {
        emit(&c, 0xc0 | r << 3 | m);
    }
    for (unsigned i = 0; i < imm_bytes; i++)
        emit(&c, imm >> 8 * i & 0xff);
    return c;
}

struct code encode(unsigned size, uint32_t opcode, unsigned reg, unsigned rm)
{
    return encode_imm(size, opcode, reg, rm, 0, 0);
}

/* ---- Values
 * ---------------------------------------------------------------------------------------------------------- */

const uint64_t edges[] = {
    0,
    1,
    2,
    7,
    0x0f,
    0x10,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x10000,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    UINT64_C(0x100000000),
    UINT64_C(0x7fffffffffffffff),
    UINT64_C(0x8000000000000000),
    UINT64_C(0xfffffffffffffffe),
    UINT64_C(0xffffffffffffffff),
    UINT64_C(0x8080808080808080),
    UINT64_C(0xa5a51234deadbeef),
    UINT64_C(0x5a5aedcb21524110),
};
const unsigned edges_count = sizeof edges / sizeof *edges;

uint64_t pair_random(void)
{
    static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

void pair_fill(struct pair *p)
{
    for (unsigned i = 0; i < 16; i++)
        p->in.gpr[i] = pair_random();
    p->in.gpr[GPR_SI] = HOST_DATA + 0x30;
    p->in.gpr[GPR_DI] = 0x20;
    for (unsigned i = 0; i < HOST_DATA_BYTES; i++)
        p->data[i] = (uint8_t)(pair_random() >> 20);
}
