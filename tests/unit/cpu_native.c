/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side is a page of generated code around the instruction: load the whole state, do it, store the whole
 * state. A signal's handler takes the state from its frame and goes on at the end. Ours is one operation, bound and run
 * without the loop.
 */
#include "cpu_native.h"

#include "cpu/decode/row.h"
#include "cpu/engine.h"
#include "cpu/fpu.h"
#include "cpu/sse.h"

#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ucontext.h>
#include <unistd.h>

static uint8_t *code_page, *data;
static struct native_state *running;
static uint8_t *code_end;
static struct cpu *cpu;

/* ---- Numbers --------------------------------------------------------------------------------------------------- */

static uint64_t seed = 88172645463325252u;

void native_random_seed(uint64_t to)
{
    seed = to * 2862933555777941757u + 3037000493u;
}
uint64_t native_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 2685821657736338717u;
}
static unsigned below(unsigned n)
{
    return (unsigned)((native_random() >> 33) % n);
}

static uint32_t single(void)
{
    static const uint32_t edges[] = {0,          0x80000000, 1,          0x80000001, 0x7fffff,   0x800000,   0x807fffff,
                                     0x3f800000, 0xbf800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000,
                                     0xffc00000, 0x7f800001, 0xff812345, 0x4f000000, 0xcf000000, 0x5f000000, 0x3f000000,
                                     0x3fc00000, 0x40200000, 0x34000000, 0x00800001, 0x4effffff, 0x7effffff};
    return below(4) ? edges[below(sizeof edges / sizeof edges[0])] : (uint32_t)native_random();
}
static uint64_t twice(void)
{
    static const uint64_t edges[] = {0,
                                     0x8000000000000000,
                                     1,
                                     0x8000000000000001,
                                     0xfffffffffffff,
                                     0x10000000000000,
                                     0x3ff0000000000000,
                                     0xbff0000000000000,
                                     0x7fefffffffffffff,
                                     0xffefffffffffffff,
                                     0x7ff0000000000000,
                                     0xfff0000000000000,
                                     0x7ff8000000000000,
                                     0xfff8000000000000,
                                     0x7ff0000000000001,
                                     0xfff1234500000000,
                                     0x41e0000000000000,
                                     0xc1e0000000000000,
                                     0x43e0000000000000,
                                     0xc3e0000000000000,
                                     0x3fe0000000000000,
                                     0x3ff8000000000000,
                                     0x4004000000000000,
                                     0x41dfffffffe00000,
                                     0x47efffffe0000000,
                                     0x380fffffffffffff,
                                     0x3690000000000000};
    return below(4) ? edges[below(sizeof edges / sizeof edges[0])] : native_random();
}
static void ten(uint8_t *out)
{
    static const struct {
        uint16_t exponent;
        uint64_t significand;
    } edges[] = {{0, 0},
                 {0x3fff, 0x8000000000000000},
                 {0x3fff, 0xc000000000000000},
                 {0x3ffe, 0x8000000000000000},
                 {0x4000, 0xa000000000000000},
                 {0x7fff, 0x8000000000000000},
                 {0x7fff, 0xc000000000000000},
                 {0x7fff, 0x8000000000000001},
                 {0x7fff, 0xa000000000000001},
                 {0x7fff, 0},                  /* not a number any more since the 387 */
                 {0x3fff, 0x4000000000000000}, /* nor this */
                 {0, 1},
                 {0, 0x7fffffffffffffff},
                 {0, 0x8000000000000000},
                 {1, 0x8000000000000000},
                 {0x7ffe, 0xffffffffffffffff},
                 {0x403e, 0x8000000000000000},
                 {0x403d, 0xffffffffffffffff},
                 {0x401e, 0x8000000000000000},
                 {0x400e, 0x8000000000000000},
                 {0x4039, 0xde0b6b3a763fffff},
                 {0x403a, 0x8ac7230489e80000},
                 {0x3f81, 0x8000000000000000},
                 {0x3c01, 0x8000000000000000},
                 {0x43fe, 0xfffffffffffff800},
                 {0x407e, 0xffffff0000000000},
                 {0x4007, 0x8100000000000000},
                 {0xc00c, 0xbb80000000000000}};
    uint64_t significand = native_random();
    uint16_t exponent = (uint16_t)native_random();

    if (below(4)) {
        unsigned i = below(sizeof edges / sizeof edges[0]);
        significand = edges[i].significand;
        exponent = (uint16_t)(edges[i].exponent | (below(2) ? 0x8000 : 0));
    } else if (below(2)) {
        significand |= UINT64_C(1) << 63;
        exponent = (uint16_t)((exponent & 0x8000) | (0x3fff - 70 + below(140)));
    }
    memcpy(out, &significand, 8);
    memcpy(out + 8, &exponent, 2);
}
static void sixteen(uint8_t *out)
{
    unsigned kind = below(4);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t v = kind == 0 ? single() : kind == 1 ? (uint32_t)native_random() : below(40);
        memcpy(out + 4 * (size_t)i, &v, 4);
    }
    for (unsigned i = 0; i < 2 && kind == 3; i++) {
        uint64_t v = twice();
        memcpy(out + 8 * (size_t)i, &v, 8);
    }
}

static void put(void *at, uint64_t v, unsigned n)
{
    memcpy(at, &v, n);
}

void native_random_state(struct native_state *s, bool unmasked)
{
    memset(s, 0, sizeof *s);
    uint32_t control = 0x40 | (below(4) ? 0x300 : below(4) << 8) | (below(2) ? below(4) << 10 : 0) | 0x3f;
    uint32_t status = below(8) << 11 | (below(2) ? (uint32_t)native_random() & 0x477f : 0);
    uint32_t mxcsr =
        0x1f80 | (below(2) ? below(4) << 13 : 0) | (below(4) == 0) << 15 | (below(4) == 0) << 6 | below(64);
    if (below(2))
        mxcsr &= ~63u;
    if (unmasked) {
        control &= ~(uint32_t)(1 << below(6) | (below(2) ? 1 << below(6) : 0));
        mxcsr &= ~(uint32_t)(128 << below(6) | (below(2) ? 128 << below(6) : 0));
        if (below(8))
            status &= ~(~control & 63);
    }
    put(s->fx, control, 2);
    put(s->fx + 2, status, 2);
    s->fx[4] = below(3) ? 0xff : (uint8_t)native_random();
    put(s->fx + 24, mxcsr, 4);
    for (unsigned i = 0; i < 8; i++)
        ten(s->fx + 32 + 16 * (size_t)i);
    for (unsigned i = 0; i < 16; i++)
        sixteen(s->fx + 160 + 16 * (size_t)i);
    for (unsigned i = 0; i < NATIVE_MEMORY; i += 16)
        sixteen(s->memory + i);
    for (unsigned i = 0; i < sizeof s->high && native_has(CLASS_AVX); i += 16)
        sixteen(s->high + i);
    s->rax = below(2) ? native_random() : below(40) - 20u;
    s->rdx = below(2) ? native_random() : below(40) - 20u;
    s->rcx = native_random();
    /* aligned, or not, or over the end of a page */
    s->rsi = s->rdi = (uint64_t)(uintptr_t)data + (below(3) ? 0 : below(2) ? below(64) : NATIVE_MEMORY / 2 - below(20));
    uint8_t *operand = s->memory + (s->rsi - (uint64_t)(uintptr_t)data);
    if (below(2))
        ten(operand);
    if (below(8) == 0) /* decimal */
        for (unsigned i = 0; i < 9; i++)
            operand[i] = (uint8_t)(below(10) << 4 | below(10));
    s->flags = 0x202 | (native_random() & FLAGS_ARITHMETIC);
}

/* ---- Which host ------------------------------------------------------------------------------------------------- */

/* CPUID is slow where it is emulated: once. */
static bool alike, has_avx2;

bool native_has(enum insn_class class)
{
    unsigned eax, ebx, ecx = 0, edx;

    if (class == CLASS_AVX)
        return has_avx2;
    __get_cpuid(1, &eax, &ebx, &ecx, &edx);
    return class == CLASS_SYSTEM ? ecx >> 27 & 1 /* OSXSAVE */ : ecx >> 20 & 1 /* SSE4.2 */;
}

bool native_is_alike(void)
{
    return alike;
}

static bool find_out_whether_alike(void)
{
    unsigned eax, ebx, ecx, edx;
    char vendor[13] = "";

    if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx))
        return false;
    memcpy(vendor, &ebx, 4);
    memcpy(vendor + 4, &edx, 4);
    memcpy(vendor + 8, &ecx, 4);
    if (strcmp(vendor, "GenuineIntel") != 0 || !__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
        return false;
    return ebx >> 6 & ebx >> 13 & 1;
}

/* Images with pointers in them. */
static bool has_pointers(enum insn_name name)
{
    return name == INSN_FNSTENV || name == INSN_FNSAVE || name == INSN_FXSAVE || name == INSN_XSAVE ||
           name == INSN_XSAVEOPT;
}

/* ---- The host ---------------------------------------------------------------------------------------------------- */

static void on_signal(int number, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;

    running->signal = number;
    const uint8_t *frame = (const uint8_t *)uc->uc_mcontext.fpregs;
    memcpy(running->fx, frame, 416);
    if (has_avx2) {
        memset(running->high, 0, sizeof running->high);
        if (frame[512] & 4) /* else in their first state */
            memcpy(running->high, frame + 576, sizeof running->high);
    }
    uc->uc_mcontext.fpregs->cwd = 0x37f;
    uc->uc_mcontext.fpregs->swd = 0;
    uc->uc_mcontext.fpregs->mxcsr = 0x1f80;
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)code_end;
}

static uint8_t *emit(uint8_t *at, const char *bytes, unsigned n)
{
    memcpy(at, bytes, n);
    return at + n;
}
#define EMIT(at, bytes) emit(at, bytes, sizeof(bytes) - 1)

/* vinsertf128 (18) and vextractf128 (19) of all upper halves: to and from [r15 + their place in the state]. */
static uint8_t *host_halves(uint8_t *at, uint8_t opcode)
{
    for (unsigned i = 0; i < 16 && has_avx2; i++) {
        unsigned vvvv = opcode == 0x18 ? i : 0;
        uint32_t place = (uint32_t)(offsetof(struct native_state, high) + 16 * (size_t)i);

        *at++ = 0xc4;
        *at++ = (uint8_t)((i < 8 ? 0x80 : 0) | 0x43);
        *at++ = (uint8_t)((~vvvv & 15) << 3 | 5);
        *at++ = opcode;
        *at++ = (uint8_t)(0x87 | (i & 7) << 3);
        memcpy(at, &place, 4);
        at += 4;
        *at++ = 1;
    }
    return at;
}

/* mov between rax, rcx, rdx, rsi, rdi and their places in the state. */
static uint8_t *host_generals(uint8_t *at, uint8_t opcode)
{
    static const uint8_t numbers[] = {0, 1, 2, 6, 7};

    for (unsigned i = 0; i < sizeof numbers; i++) {
        uint32_t place = (uint32_t)(offsetof(struct native_state, rax) + 8 * (size_t)i);
        *at++ = 0x49;
        *at++ = opcode;
        *at++ = (uint8_t)(0x87 | numbers[i] << 3);
        memcpy(at, &place, 4);
        at += 4;
    }
    return at;
}
static uint8_t *host_flags(uint8_t *at, uint8_t modrm)
{
    uint32_t place = (uint32_t)offsetof(struct native_state, flags);

    *at++ = 0x41;
    *at++ = modrm < 0xb0 ? 0x8f : 0xff;
    *at++ = modrm;
    memcpy(at, &place, 4);
    return at + 4;
}

static uint8_t *host_prologue(uint8_t *at)
{
    at = EMIT(at, "\x53\x55\x41\x54\x41\x55\x41\x56\x41\x57"); /* push rbx, rbp, r12 to r15 */
    at = EMIT(at, "\x49\x89\xff");                             /* mov r15, rdi */
    at = EMIT(at, "\x49\x0f\xae\x0f");                         /* fxrstor64 [r15] */
    at = host_halves(at, 0x18);
    at = host_generals(at, 0x8b);
    return EMIT(host_flags(at, 0xb7), "\x9d"); /* push [r15 + flags]; popf */
}
static uint8_t *host_epilogue(uint8_t *at)
{
    at = host_flags(EMIT(at, "\x9c"), 0x87); /* pushf; pop [r15 + flags] */
    at = host_generals(at, 0x89);
    at = host_halves(at, 0x19);
    at = EMIT(at, "\x49\x0f\xae\x07"); /* fxsave64 [r15] */
    code_end = at;
    at = EMIT(at, "\xdb\xe3"); /* fninit */
    if (has_avx2)
        at = EMIT(at, "\xc5\xf8\x77"); /* vzeroupper */
    return EMIT(at, "\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5d\x5b\xc3");
}

static uint8_t *instruction; /* where it lies in the page */

/* The test framework has handlers of its own: ours are there only for the time of an instruction. */
static const int signals[] = {SIGFPE, SIGSEGV, SIGILL};
enum { SIGNALS = sizeof signals / sizeof signals[0] };

static void call_host(struct native_state *s)
{
    struct sigaction ours = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO}, before[SIGNALS];

    for (unsigned i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &ours, &before[i]);
    ((void (*)(struct native_state *))(uintptr_t)code_page)(s);
    for (unsigned i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &before[i], NULL);
}

void native_host(struct native_state *s, const uint8_t *code, unsigned length)
{
    uint32_t usual;

    memcpy(instruction, code, length);
    host_epilogue(instruction + length);
    memcpy(data, s->memory, NATIVE_MEMORY);
    s->signal = 0;
    running = s;
    __asm__ volatile("stmxcsr %0" : "=m"(usual));
    call_host(s);
    __asm__ volatile("ldmxcsr %0" ::"m"(usual));
    memcpy(s->memory, data, NATIVE_MEMORY);
}

/* ---- Ours ---------------------------------------------------------------------------------------------------------
 */

static void stop(struct cpu *c, const struct op *op)
{
}

static int signal_of(enum vector v)
{
    return v == VECTOR_MF || v == VECTOR_XM ? SIGFPE : v == VECTOR_UD ? SIGILL : SIGSEGV;
}

static void state_in(const struct native_state *s)
{
    static uint8_t image[VCPU_XSAVE_BYTES];

    memset(image, 0, sizeof image);
    memcpy(image, s->fx, 512);
    memcpy(image + 576, s->high, sizeof s->high);
    image[512] = 7;
    fpu_from_xsave(cpu, image);
    cpu->gpr[GPR_AX] = s->rax;
    cpu->gpr[GPR_CX] = s->rcx;
    cpu->gpr[GPR_DX] = s->rdx;
    cpu->gpr[GPR_SI] = s->rsi;
    cpu->gpr[GPR_DI] = s->rdi;
    flags_set(&cpu->flags, (uint32_t)s->flags & FLAGS_ARITHMETIC);
    memcpy(data, s->memory, NATIVE_MEMORY);
}
static void state_out(struct native_state *s)
{
    static uint8_t image[VCPU_XSAVE_BYTES];

    fpu_to_xsave(cpu, image);
    memcpy(s->fx, image, 416);
    memcpy(s->high, image + 576, sizeof s->high);
    s->rax = cpu->gpr[GPR_AX];
    s->rcx = cpu->gpr[GPR_CX];
    s->rdx = cpu->gpr[GPR_DX];
    s->rsi = cpu->gpr[GPR_SI];
    s->rdi = cpu->gpr[GPR_DI];
    uint8_t *operand = s->memory + (s->rsi - (uint64_t)(uintptr_t)data);
    if (below(2))
        ten(operand);
    if (below(8) == 0) /* decimal */
        for (unsigned i = 0; i < 9; i++)
            operand[i] = (uint8_t)(below(10) << 4 | below(10));
    s->flags = 0x202 | flags_get(&cpu->flags);
    memcpy(s->memory, data, NATIVE_MEMORY);
}

int native_ours(struct native_state *s, const uint8_t *code, unsigned length)
{
    static struct op ops[NATIVE_INSTRUCTIONS + 1];
    bool ends;
    unsigned n = 0;

    state_in(s);
    cpu->fault.pending = false;
    cpu->gpr[GPR_BLOCK] = (uint64_t)(uintptr_t)instruction;
    for (unsigned at = 0; at < length && n < NATIVE_INSTRUCTIONS; n++) {
        ops[n] = (struct op){.offset = (uint16_t)at};
        at += (unsigned)cpu_bind(cpu, code + at, length - at, &ops[n], &ends);
    }
    ops[n] = (struct op){.run = stop};
    cpu->op = &ops[0];
    fpu_enter(cpu);
    ops[0].run(cpu, &ops[0]);
    fpu_leave(cpu);
    int fault = cpu->fault.pending ? (int)cpu->fault.vector : NATIVE_NO_FAULT;
    s->signal = cpu->fault.pending ? signal_of((enum vector)fault) : 0;
    cpu->fault.pending = false;
    state_out(s);
    return fault;
}

struct cpu *native_cpu(void)
{
    return cpu;
}

/* ---- Making both ----------------------------------------------------------------------------------------------------
 */

static uint8_t *no_page(void *owner, uint64_t gpa, bool *writable)
{
    return NULL;
}
static uint64_t no_read(void *owner, uint64_t gpa, unsigned size)
{
    return 0;
}
static void no_write(void *owner, uint64_t gpa, unsigned size, uint64_t value)
{
}

static void page_is_itself(uint64_t page)
{
    *tlb_slot(cpu, page) = (struct tlb_entry){page, page, page, 0};
}

uint8_t *native_setup(void)
{
    static const struct cpu_bus bus = {.page = no_page, .read = no_read, .write = no_write};
    struct cpu_model model;
    const char *names;
    size_t bytes = cpu_bytes(64);

    if (data)
        return data;
    code_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code_page == MAP_FAILED || pages == MAP_FAILED || memory == MAP_FAILED)
        abort();
    data = pages + 4096 - NATIVE_MEMORY / 2;
    __builtin_cpu_init();
    has_avx2 = __builtin_cpu_supports("avx2");
    alike = find_out_whether_alike();
    instruction = host_prologue(code_page);
    cpu_model_find("max", &model, &names);
    cpu = cpu_make(memory, bytes, &bus, &model);
    cpu->cr0 = CR0_PE | CR0_MP | CR0_NE | CR0_PG;
    cpu->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | CR4_PAE;
    cpu->xcr0 = has_avx2 ? 7 : 3;
    cpu->msrs.efer = EFER_LME | EFER_LMA;
    cpu->segments[SEG_CS].attributes = 0x9b | SEG_L | SEG_P | SEG_S;
    cpu->mode = MODE_LONG;
    cpu->code_size = cpu->stack_size = 8;
    cpu->flat = true;
    fpu_mode_changed(cpu);
    page_is_itself((uint64_t)(uintptr_t)pages);
    page_is_itself((uint64_t)(uintptr_t)pages + 4096);
    return data;
}

/* ---- Comparing ------------------------------------------------------------------------------------------------------
 */

static char line[4096];

static void bytes_text(char *out, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        sprintf(out + 2 * (size_t)i, "%02x", bytes[n - 1 - i]);
}

static bool differs(const char *what, const void *host, const void *ours, unsigned n)
{
    char a[40], b[40];

    if (!memcmp(host, ours, n))
        return false;
    bytes_text(a, host, n);
    bytes_text(b, ours, n);
    snprintf(line + strlen(line), sizeof line - strlen(line), " %s: host %s, ours %s;", what, a, b);
    return true;
}

const char *native_difference(const struct native_state *host, const struct native_state *ours)
{
    char name[24];

    line[0] = 0;
    if (host->signal != ours->signal)
        sprintf(line, " signal: host %d, ours %d;", host->signal, ours->signal);
    uint16_t compared = native_is_alike() ? 0xffff : (uint16_t)~X87_CONDITIONS, status[2];
    memcpy(&status[0], host->fx + 2, 2);
    memcpy(&status[1], ours->fx + 2, 2);
    status[0] &= compared;
    status[1] &= compared;
    differs("control", host->fx, ours->fx, 2);
    differs("status", &status[0], &status[1], 2);
    differs("tags", host->fx + 4, ours->fx + 4, 1);
    if (native_is_alike()) {
        differs("opcode", host->fx + 6, ours->fx + 6, 2);
        differs("ip", host->fx + 8, ours->fx + 8, 8);
        differs("dp", host->fx + 16, ours->fx + 16, 8);
    }
    differs("mxcsr", host->fx + 24, ours->fx + 24, 4);
    for (unsigned i = 0; i < 8; i++) {
        sprintf(name, "st%u", i);
        differs(name, host->fx + 32 + 16 * (size_t)i, ours->fx + 32 + 16 * (size_t)i, 10);
    }
    for (unsigned i = 0; i < 16; i++) {
        sprintf(name, "xmm%u", i);
        differs(name, host->fx + 160 + 16 * (size_t)i, ours->fx + 160 + 16 * (size_t)i, 16);
        sprintf(name, "upper half of ymm%u", i);
        differs(name, host->high + 16 * (size_t)i, ours->high + 16 * (size_t)i, 16);
    }
    if (!host->signal || !ours->signal) {
        differs("rax", &host->rax, &ours->rax, 8);
        differs("rcx", &host->rcx, &ours->rcx, 8);
        differs("rdx", &host->rdx, &ours->rdx, 8);
        differs("rsi", &host->rsi, &ours->rsi, 8);
        differs("flags", &host->flags, &ours->flags, 2);
    }
    for (unsigned i = 0; i < NATIVE_MEMORY; i += 16) {
        sprintf(name, "[%u]", i);
        differs(name, host->memory + i, ours->memory + i, 16);
    }
    return line[0] ? line : NULL;
}

/* ---- Rows of the table
 * ------------------------------------------------------------------------------------------------ */

static unsigned field(const struct insn_row *row, unsigned shift, unsigned bits, unsigned otherwise)
{
    unsigned all = (1u << bits) - 1;
    return (row->mask >> shift & all) == all ? row->match >> shift & all : otherwise;
}

static bool has_place(const struct insn_row *row, unsigned first, unsigned last)
{
    for (uint64_t words = row->operands; words & 63; words >>= 16)
        if ((words & 63) >= first && (words & 63) <= last)
            return true;
    return false;
}

/* The same with VEX; vectors of indices are behind rsi. */
static unsigned encode_vex(const struct insn_row *row, uint8_t *out)
{
    unsigned w = field(row, FORM_W, 1, below(2)), l = field(row, FORM_L, 2, below(2)) & 1, n = 0;
    unsigned vvvv = has_place(row, PLACE_H, PLACE_H) ? below(16) : 0, reg = below(16), rm = below(16);
    unsigned digit = field(row, FORM_DIGIT, 3, reg & 7);
    bool memory = !field(row, FORM_MOD, 1, below(2)), indices = has_place(row, PLACE_VM, PLACE_VM);

    if (has_place(row, PLACE_G, PLACE_G))
        reg = digit = below(3);
    if (memory)
        rm = indices ? 4 : 6;
    else if (has_place(row, PLACE_E, PLACE_E))
        rm = below(3);
    unsigned x = indices ? below(2) : 0;
    out[n++] = 0xc4;
    out[n++] = (uint8_t)((reg < 8) << 7 | !x << 6 | (rm < 8) << 5 | row->map);
    out[n++] = (uint8_t)(w << 7 | (~vvvv & 15) << 3 | l << 2 | field(row, FORM_PP, 2, 0));
    out[n++] = row->opcode;
    if (row->modrm)
        out[n++] = (uint8_t)((memory ? 0 : 0xc0) | digit << 3 | (rm & 7));
    if (indices)
        out[n++] = (uint8_t)(below(4) << 6 | below(8) << 3 | 6);
    out[n] = (uint8_t)native_random();
    return n;
}

/* An encoding of the row, the rest at random. */
static unsigned encode(const struct insn_row *row, uint8_t *out)
{
    static const uint8_t prefixes[] = {0, 0x66, 0xf3, 0xf2};
    if ((row->match >> FORM_ENCODING & 3) == ENCODING_VEX)
        return encode_vex(row, out);
    unsigned n = 0, pp = field(row, FORM_PP, 2, 0);
    bool x87 = row->class == CLASS_X87;
    bool w = field(row, FORM_W, 1, !x87 && below(4) == 0);
    unsigned rex = w * 8u | (x87 ? 0 : below(2) * 4 | below(2));
    bool memory = !field(row, FORM_MOD, 1, below(2));

    if (pp)
        out[n++] = prefixes[pp];
    if (memory)
        rex &= ~1u;
    if (rex || below(4) == 0)
        out[n++] = (uint8_t)(0x40 | rex);
    if (row->map)
        out[n++] = 0x0f;
    if (row->map >= MAP_38)
        out[n++] = row->map == MAP_38 ? 0x38 : 0x3a;
    out[n++] = row->opcode;
    if (row->modrm) {
        unsigned digit = field(row, FORM_DIGIT, 3, below(8)), rm = field(row, FORM_RM, 3, below(8));
        if (!memory)
            out[n++] = (uint8_t)(0xc0 | digit << 3 | rm);
        else
            out[n++] = (uint8_t)(digit << 3 | 6);
    }
    out[n] = (uint8_t)native_random();
    return n;
}

/* General registers other than those of the state would be the compiler's. */
static bool general_registers_fit(const struct insn *insn)
{
    for (unsigned i = 0; i < insn->n_operands; i++) {
        const struct insn_operand *o = &insn->operands[i];
        if (o->kind == OPERAND_REGISTER && o->registers == REGISTERS_GENERAL && o->reg > 2)
            return false;
        if (o->kind == OPERAND_REGISTER && o->registers == REGISTERS_HIGH)
            return false;
    }
    return true;
}

/* Bytes of a random encoding that the decoder takes for this row; 0: none was found. */
static unsigned find_encoding(unsigned row, uint8_t *code)
{
    struct insn insn;

    for (unsigned i = 0; i < 200; i++) {
        unsigned n = encode(&insn_rows[row], code);
        int length = decode_insn(code, n + 1, DECODE_64, &insn);
        if (length > 0 && insn.row == row && general_registers_fit(&insn))
            return (unsigned)length;
    }
    return 0;
}

static unsigned report(enum insn_name name, const uint8_t *code, unsigned length, const struct native_state *before,
                       const char *why)
{
    char text[NATIVE_INSTRUCTIONS * 16 * 3 + 1];
    uint32_t mxcsr, control, status;

    for (unsigned i = 0; i < length; i++)
        sprintf(text + 3 * (size_t)i, "%02x ", code[i]);
    memcpy(&mxcsr, before->fx + 24, 4);
    control = before->fx[0] | (uint32_t)before->fx[1] << 8;
    status = before->fx[2] | (uint32_t)before->fx[3] << 8;
    fprintf(stderr, "%s (%s; mxcsr %x, control %x, status %x, tags %x):%s\n", insn_name_text(name), text, mxcsr,
            control, status, before->fx[4], why);
    return 1;
}

static bool comparable(enum insn_name name)
{
    return native_is_alike() || !has_pointers(name);
}
bool native_lacks(enum insn_name name)
{
    switch (name) {
    case INSN_VGF2P8MULB:
    case INSN_VGF2P8AFFINEQB:
    case INSN_VGF2P8AFFINEINVQB:
    case INSN_VCVTPH2PS:
    case INSN_VCVTPS2PH:
    case INSN_VPDPBUSD:
    case INSN_VPDPBUSDS:
    case INSN_VPDPWSSD:
    case INSN_VPDPWSSDS:
    case INSN_VLDMXCSR: /* test_cpu_xstate.c */
        return true;
    default:
        return (name >= INSN_VFMADDSUB132PS && name <= INSN_VFNMSUB231SD) || !sse_model_has(&cpu->model, name, false);
    }
}

static bool of_numbers(const struct insn_row *r)
{
    if (r->class == CLASS_AVX) /* but gathers, which need indices that reach memory */
        return has_avx2 && (r->match >> FORM_ENCODING & 3) == ENCODING_VEX && !has_place(r, PLACE_VM, PLACE_VM) &&
               !native_lacks(r->name);
    return (r->class == CLASS_X87 || r->class == CLASS_MMX || r->class == CLASS_SSE) &&
           (r->match >> FORM_ENCODING & 3) == ENCODING_LEGACY;
}

unsigned native_compare_sequences(bool (*left_out)(enum insn_name name), unsigned rounds, bool unmasked)
{
    static struct native_state before, host, ours;
    unsigned failures = 0;

    for (unsigned i = 0; i < rounds && failures < 3; i++) {
        uint8_t code[NATIVE_INSTRUCTIONS * 16];
        unsigned length = 0, n = 0;
        enum insn_name last = INSN_NAMES;

        while (n < NATIVE_INSTRUCTIONS) {
            unsigned row = below(insn_rows_count);
            if (!of_numbers(&insn_rows[row]) || left_out(insn_rows[row].name) || !comparable(insn_rows[row].name))
                continue;
            unsigned one = find_encoding(row, code + length);
            length += one;
            n += one != 0;
            last = insn_rows[row].name;
        }
        native_random_state(&before, unmasked);
        host = ours = before;
        native_host(&host, code, length);
        native_ours(&ours, code, length);
        const char *why = native_difference(&host, &ours);
        if (why)
            failures += report(last, code, length, &before, why);
    }
    return failures;
}

/* Numbers in a gather's vector of indices with which it stays in the memory. */
static void indices_that_fit(struct native_state *s, const uint8_t *code, unsigned length)
{
    struct insn insn;

    decode_insn(code, length, DECODE_64, &insn);
    unsigned each = (insn.opcode & 1) ? 8 : 4;
    for (unsigned at = 0; at < 32; at += each) {
        uint8_t *half = at < 16 ? s->fx + 160 : s->high;
        put(half + 16 * (size_t)insn.memory.index + (at & 15), below(50), each);
    }
}

unsigned native_compare_rows(enum insn_class class, bool (*left_out)(enum insn_name name),
                             void (*prepare)(struct native_state *s, uint8_t *operand, enum insn_name name),
                             unsigned rounds, bool unmasked)
{
    static struct native_state before, host, ours;
    unsigned failures = 0;

    for (unsigned row = 0; row < insn_rows_count; row++) {
        const struct insn_row *r = &insn_rows[row];
        unsigned bad = 0;

        if (r->class != class || (r->match >> FORM_ENCODING & 3) > ENCODING_VEX || left_out(r->name) ||
            !comparable(r->name))
            continue;
        for (unsigned i = 0; i < rounds && bad < 3; i++) {
            uint8_t code[20];
            unsigned length = find_encoding(row, code);
            const char *why;

            native_random_state(&before, unmasked);
            if (has_place(r, PLACE_VM, PLACE_VM))
                indices_that_fit(&before, code, length);
            if (prepare)
                prepare(&before, before.memory + (before.rsi - (uint64_t)(uintptr_t)data), r->name);
            host = ours = before;
            if (length == 0) {
                fprintf(stderr, "%s: no encoding found\n", insn_name_text(r->name));
                bad = 3;
                break;
            }
            native_host(&host, code, length);
            native_ours(&ours, code, length);
            why = native_difference(&host, &ours);
            if (why)
                bad += report(r->name, code, length, &before, why);
        }
        failures += bad;
    }
    return failures;
}
