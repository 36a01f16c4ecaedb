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
    WORD_7_2_EDX,   /* leaf 7.2 */
    FEATURE_WORDS_USED,
};
_Static_assert(FEATURE_WORDS_USED <= CPU_FEATURE_WORDS, "struct cpu_model has room for them");

enum cpu_feature {
#define FEATURE(name, text, word, bit) CPU_##name = (word)*32 + (bit),
#include "cpu/features.def"
};

static inline bool cpu_model_has(const struct cpu_model *m, enum cpu_feature feature)
{
    return m->features[feature / 32] >> feature % 32 & 1;
}

#endif
