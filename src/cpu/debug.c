/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug exceptions: breakpoints of instructions (faults, before one), of data and ports (traps, after it), single steps
 * and what was left to be raised (Intel 3B chapter 18). While a breakpoint is on, cpu_run() goes step by step and the
 * pages with watched data stay out of the fast translations.
 */
#include "cpu/system.h"

enum { KIND_CODE = 0, KIND_WRITE = 1, KIND_PORT = 2, KIND_DATA = 3 };

static bool enabled(const struct cpu *cpu, unsigned n)
{
    return cpu->dr[7] >> 2 * n & 3;
}
static unsigned kind_of(const struct cpu *cpu, unsigned n)
{
    return cpu->dr[7] >> (16 + 4 * n) & 3;
}
static unsigned length_of(const struct cpu *cpu, unsigned n)
{
    static const uint8_t lengths[] = {1, 2, 8, 4};

    return lengths[cpu->dr[7] >> (18 + 4 * n) & 3];
}

/* Does the range that dr[n] names overlap this one? */
static bool overlaps(const struct cpu *cpu, unsigned n, uint64_t first, unsigned size)
{
    uint64_t length = length_of(cpu, n), begin = cpu->dr[n] & ~(length - 1);

    return begin < first + size && first < begin + length;
}

void cpu_debug_changed(struct cpu *cpu)
{
    cpu_tlb_flush(cpu, true);
    if (cpu->dr[7] & 0xff)
        cpu_attention_slow(cpu);
}

static bool raise_debug(struct cpu *cpu, uint64_t bits)
{
    cpu->fault = (struct cpu_fault){.pending = true, .vector = VECTOR_DB, .dr6 = bits, .rip = cpu->rip};
    return false;
}

bool cpu_debug_before(struct cpu *cpu)
{
    uint64_t linear = cpu->mode == MODE_LONG ? cpu->rip : (uint32_t)(cpu->segments[SEG_CS].base + cpu->rip), bits = 0;

    if (cpu->debug_pending && !cpu->shadow_ss) {
        bits = cpu->debug_pending;
        cpu->debug_pending = 0;
        return raise_debug(cpu, bits);
    }
    cpu->stepping = cpu->rflags & RFLAGS_TF;
    if (cpu->rflags & RFLAGS_RF) { /* holds for one instruction */
        cpu->rflags &= ~RFLAGS_RF;
        return true;
    }
    /* A load of ss keeps back those of the next instruction; not so on AMD's. */
    if ((cpu->shadow_ss && !cpu->model.amd) || !(cpu->dr[7] & 0xff))
        return true;
    for (unsigned n = 0; n < 4; n++)
        if (enabled(cpu, n) && kind_of(cpu, n) == KIND_CODE && length_of(cpu, n) == 1 && cpu->dr[n] == linear)
            bits |= 1u << n;
    return !bits || raise_debug(cpu, bits);
}

void cpu_debug_access(struct cpu *cpu, uint64_t linear, unsigned size, enum access kind)
{
    if (LIKELY(!(cpu->dr[7] & 0xff)) || kind == ACCESS_FETCH)
        return;
    for (unsigned n = 0; n < 4; n++)
        if (enabled(cpu, n) &&
            (kind_of(cpu, n) == KIND_DATA || (kind_of(cpu, n) == KIND_WRITE && kind == ACCESS_STORE)) &&
            overlaps(cpu, n, linear, size))
            cpu->debug_pending |= 1u << n;
}

void cpu_debug_port(struct cpu *cpu, uint16_t port, unsigned size)
{
    if (LIKELY(!(cpu->dr[7] & 0xff)) || !(cpu->cr4 & CR4_DE))
        return;
    for (unsigned n = 0; n < 4; n++)
        if (enabled(cpu, n) && kind_of(cpu, n) == KIND_PORT && overlaps(cpu, n, port, size))
            cpu->debug_pending |= 1u << n;
}

void cpu_debug_after(struct cpu *cpu)
{
    /* A load of ss keeps traps back: what its step would have raised is lost, breakpoints are late. */
    if (cpu->stepping && !cpu->shadow_ss)
        cpu->debug_pending |= DR6_BS;
    cpu->stepping = false;
    if (!cpu->debug_pending || cpu->shadow_ss)
        return;
    raise_debug(cpu, cpu->debug_pending);
    cpu->debug_pending = 0;
}
