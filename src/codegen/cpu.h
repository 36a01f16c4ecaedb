/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this CPU can do, as far as generated code may ask. CPUID costs microseconds where a hypervisor traps it, so it
 * is executed when its answer is first wanted, at most three times in a process's life. Everything up to SSE2 is in
 * every x86-64. AVX means that the system saves its registers too.
 */
#ifndef MOAT_CODEGEN_CPU_H
#define MOAT_CODEGEN_CPU_H

#include <stdbool.h>

enum code_cpu_feature {
    CODE_CPU_SSSE3,
    CODE_CPU_SSE41,
    CODE_CPU_SSE42,
    CODE_CPU_POPCNT,
    CODE_CPU_MOVBE,
    CODE_CPU_AVX,
    CODE_CPU_FMA,
    CODE_CPU_BMI1,
    CODE_CPU_BMI2,
    CODE_CPU_AVX2,
    CODE_CPU_ERMS, /* fast rep movsb */
    CODE_CPU_LZCNT,
    CODE_CPU_FSGSBASE, /* CPU and kernel; asked of the kernel, no CPUID */
    CODE_CPU_FEATURES,
};

/* Any thread, at any time. */
bool code_cpu_has(enum code_cpu_feature f);

/* A bit for each feature, 1u << CODE_CPU_...: for the key of code that is kept. */
unsigned code_cpu_bits(void);

#endif
