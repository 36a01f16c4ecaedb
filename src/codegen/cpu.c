/* SPDX-License-Identifier: Apache-2.0 */
/* Features of the CPU: a row each, by the leaf of CPUID that tells; a leaf is asked once. Intel's manual, volume 2,
 * CPUID. */
#include "codegen/cpu.h"

#include <cpuid.h>
#include <stdint.h>
#include <sys/auxv.h>

#define HWCAP2_FSGSBASE_BIT 1 /* asm/hwcap2.h */

enum leaf { LEAF_1_ECX, LEAF_7_EBX, LEAF_EXTENDED_1_ECX, LEAVES, LEAF_KERNEL };

#define LEAF_1_XSAVE   (1u << 26)
#define LEAF_1_OSXSAVE (1u << 27)
#define LEAF_1_AVX     (1u << 28)
#define XCR0_SSE_AVX   6u

static const struct {
    uint8_t leaf, bit;
    uint8_t needs_avx; /* works on the registers that the system must save */
} rows[CODE_CPU_FEATURES] = {
    [CODE_CPU_SSSE3] = {LEAF_1_ECX, 9, 0},
    [CODE_CPU_SSE41] = {LEAF_1_ECX, 19, 0},
    [CODE_CPU_SSE42] = {LEAF_1_ECX, 20, 0},
    [CODE_CPU_MOVBE] = {LEAF_1_ECX, 22, 0},
    [CODE_CPU_POPCNT] = {LEAF_1_ECX, 23, 0},
    [CODE_CPU_FMA] = {LEAF_1_ECX, 12, 1},
    [CODE_CPU_AVX] = {LEAF_1_ECX, 28, 1},
    [CODE_CPU_BMI1] = {LEAF_7_EBX, 3, 0},
    [CODE_CPU_AVX2] = {LEAF_7_EBX, 5, 1},
    [CODE_CPU_BMI2] = {LEAF_7_EBX, 8, 0},
    [CODE_CPU_ERMS] = {LEAF_7_EBX, 9, 0},
    [CODE_CPU_LZCNT] = {LEAF_EXTENDED_1_ECX, 5, 0},
    [CODE_CPU_FSGSBASE] = {LEAF_KERNEL, HWCAP2_FSGSBASE_BIT, 0},
};

/* The answer, with bit 32 set once it is known. Two threads that ask at once write the same. */
static uint64_t answers[LEAVES];

static uint32_t leaf_bits(enum leaf leaf);

static uint32_t ask(enum leaf leaf)
{
    uint32_t eax, ebx, ecx, edx;

    if (leaf == LEAF_1_ECX) {
        __cpuid(1, eax, ebx, ecx, edx);
        return ecx;
    }
    if (leaf == LEAF_EXTENDED_1_ECX) { /* every CPU with 64 bits has it */
        __cpuid(0x80000001u, eax, ebx, ecx, edx);
        return ecx;
    }
    /* A CPU with XSAVE has leaf 13, so leaf 7 means what it says. */
    if (!(leaf_bits(LEAF_1_ECX) & LEAF_1_XSAVE))
        return 0;
    __cpuid_count(7, 0, eax, ebx, ecx, edx);
    return ebx;
}

static uint32_t leaf_bits(enum leaf leaf)
{
    uint64_t known = __atomic_load_n(&answers[leaf], __ATOMIC_RELAXED);

    if (!known) {
        known = (uint64_t)1 << 32 | ask(leaf);
        __atomic_store_n(&answers[leaf], known, __ATOMIC_RELAXED);
    }
    return (uint32_t)known;
}

static bool system_saves_avx(void)
{
    uint32_t low, high, leaf = leaf_bits(LEAF_1_ECX);

    if (!(leaf & LEAF_1_OSXSAVE) || !(leaf & LEAF_1_AVX))
        return false;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & XCR0_SSE_AVX) == XCR0_SSE_AVX;
}

bool code_cpu_has(enum code_cpu_feature f)
{
    enum leaf leaf = rows[f].leaf;
    uint64_t bits = leaf == LEAF_KERNEL ? getauxval(AT_HWCAP2) : leaf_bits(leaf);

    return (bits >> rows[f].bit & 1) && (!rows[f].needs_avx || system_saves_avx());
}

unsigned code_cpu_bits(void)
{
    unsigned bits = 0;

    for (unsigned f = 0; f < CODE_CPU_FEATURES; f++)
        bits |= (unsigned)code_cpu_has(f) << f;
    return bits;
}
