/* SPDX-License-Identifier: Apache-2.0 */
/* Features as CPUID tells of them: which word and bit, and the names by which --cpu adds and takes them away. Data
 * only; cpuid.c has the models made of them. */
#ifndef MOAT_CPU_FEATURES_H
#define MOAT_CPU_FEATURES_H

#include "cpu/cpu.h"

enum feature_word {
    WORD_1_ECX,
    WORD_1_EDX,
    WORD_7_EBX,
    WORD_7_ECX,
    WORD_7_EDX,
    WORD_EXTENDED_ECX, /* leaf 8000_0001 */
    WORD_EXTENDED_EDX,
    WORD_XSAVE_EAX, /* leaf d.1 */
    WORD_POWER_EAX, /* leaf 6 */
    WORD_POWER_EDX, /* leaf 8000_0007 */
    FEATURE_WORDS_USED,
};
_Static_assert(FEATURE_WORDS_USED <= CPU_FEATURE_WORDS, "struct cpu_model has room for them");

#define CPU_FEATURES(row)                                                                                              \
    row(SSE3, "sse3", WORD_1_ECX, 0) row(SSSE3, "ssse3", WORD_1_ECX, 9) row(CX16, "cx16", WORD_1_ECX, 13) row(         \
        SSE41, "sse4.1", WORD_1_ECX, 19) row(SSE42, "sse4.2", WORD_1_ECX, 20) row(X2APIC, "x2apic", WORD_1_ECX, 21)    \
        row(MOVBE, "movbe", WORD_1_ECX, 22) row(POPCNT, "popcnt", WORD_1_ECX, 23)                                      \
            row(TSC_DEADLINE, "tsc-deadline", WORD_1_ECX, 24) row(XSAVE, "xsave", WORD_1_ECX, 26) row(                 \
                RDRAND, "rdrand", WORD_1_ECX, 30) row(HYPERVISOR, "hypervisor", WORD_1_ECX,                            \
                                                      31) row(FPU, "fpu", WORD_1_EDX, 0) row(DE, "de", WORD_1_EDX, 2)  \
                row(PSE, "pse", WORD_1_EDX, 3) row(TSC, "tsc", WORD_1_EDX, 4) row(MSR, "msr", WORD_1_EDX, 5)           \
                    row(PAE, "pae", WORD_1_EDX, 6) row(MCE, "mce", WORD_1_EDX, 7) row(CX8, "cx8", WORD_1_EDX, 8) row(  \
                        APIC, "apic", WORD_1_EDX, 9) row(SEP, "sep", WORD_1_EDX,                                       \
                                                         11) row(MTRR, "mtrr", WORD_1_EDX,                             \
                                                                 12) row(PGE, "pge", WORD_1_EDX,                       \
                                                                         13) row(MCA, "mca", WORD_1_EDX, 14)           \
                        row(CMOV, "cmov", WORD_1_EDX, 15) row(PAT, "pat", WORD_1_EDX,                                  \
                                                              16) row(PSE36, "pse36", WORD_1_EDX,                      \
                                                                      17) row(CLFLUSH, "clflush", WORD_1_EDX,          \
                                                                              19) row(MMX, "mmx", WORD_1_EDX, 23)      \
                            row(FXSR, "fxsr", WORD_1_EDX, 24) row(SSE, "sse", WORD_1_EDX, 25) row(                     \
                                SSE2, "sse2", WORD_1_EDX, 26) row(SELF_SNOOP, "ss", WORD_1_EDX, 27)                    \
                                row(FSGSBASE, "fsgsbase", WORD_7_EBX, 0) row(BMI1, "bmi1", WORD_7_EBX, 3) row(         \
                                    BMI2, "bmi2", WORD_7_EBX,                                                          \
                                    8) row(ADX, "adx", WORD_7_EBX,                                                     \
                                           19) row(TSC_ADJUST, "tsc-adjust", WORD_7_EBX,                               \
                                                   1) row(FDP_EXCEPTION_ONLY, "fdp-excptn-only", WORD_7_EBX,           \
                                                          6) row(SMEP, "smep", WORD_7_EBX, 7)                          \
                                    row(ERMS, "erms", WORD_7_EBX, 9) row(INVPCID, "invpcid", WORD_7_EBX, 10)           \
                                        row(ZERO_FCS_FDS, "zero-fcs-fds", WORD_7_EBX, 13)                              \
                                            row(RDSEED, "rdseed", WORD_7_EBX, 18) row(SMAP, "smap", WORD_7_EBX, 20)    \
                                                row(CLFLUSHOPT, "clflushopt", WORD_7_EBX, 23) row(                     \
                                                    CLWB, "clwb", WORD_7_EBX, 24) row(UMIP, "umip", WORD_7_ECX, 2)     \
                                                    row(RDPID, "rdpid", WORD_7_ECX,                                    \
                                                        22) row(PKS, "pks", WORD_7_ECX, 31)                            \
                                                        row(FSRM, "fsrm", WORD_7_EDX,                                  \
                                                            4) row(SPEC_CTRL, "spec-ctrl", WORD_7_EDX, 26)             \
                                                            row(ARCH_CAPABILITIES, "arch-capabilities", WORD_7_EDX,    \
                                                                29) row(LAHF64, "lahf-lm", WORD_EXTENDED_ECX, 0)       \
                                                                row(LZCNT, "abm", WORD_EXTENDED_ECX, 5) row(           \
                                                                    PREFETCHW, "3dnowprefetch", WORD_EXTENDED_ECX,     \
                                                                    8) row(SYSCALL, "syscall", WORD_EXTENDED_EDX,      \
                                                                           11) row(NX, "nx", WORD_EXTENDED_EDX, 20)    \
                                                                    row(PAGES_1G, "pdpe1gb", WORD_EXTENDED_EDX, 26)    \
                                                                        row(RDTSCP, "rdtscp", WORD_EXTENDED_EDX,       \
                                                                            27) row(LM, "lm", WORD_EXTENDED_EDX, 29)   \
                                                                            row(XSAVEOPT, "xsaveopt", WORD_XSAVE_EAX,  \
                                                                                0)                                     \
                                                                                row(ARAT, "arat", WORD_POWER_EAX, 2)   \
                                                                                    row(INVARIANT_TSC, "invtsc",       \
                                                                                        WORD_POWER_EDX, 8)

enum cpu_feature {
#define FEATURE(name, text, word, bit) CPU_##name = (word)*32 + (bit),
    CPU_FEATURES(FEATURE)
#undef FEATURE
};

static inline bool cpu_model_has(const struct cpu_model *m, enum cpu_feature feature)
{
    return m->features[feature / 32] >> feature % 32 & 1;
}

#endif
