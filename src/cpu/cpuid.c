/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models of processors, and what CPUID says of each (Intel 2A, CPUID; AMD 3, appendix E). A model is a row: a vendor, a
 * signature and a set of features, of which only those are offered that src/cpu implements. The names that QEMU uses
 * are known as well, so that tests and guests made for it find what they ask for.
 */
#include "cpu/features.h"
#include "cpu/system.h"

#include <errno.h>

/* ---- Models ---------------------------------------------------------------------------------------------------- */

/* What every 64-bit processor has; the first ones had little more. */
static const uint16_t features_first[] = {
    CPU_FPU,
    CPU_DE,
    CPU_PSE,
    CPU_TSC,
    CPU_MSR,
    CPU_PAE,
    CPU_MCE,
    CPU_CX8,
    CPU_APIC,
    CPU_SEP,
    CPU_MTRR,
    CPU_PGE,
    CPU_MCA,
    CPU_CMOV,
    CPU_PAT,
    CPU_PSE36,
    CPU_CLFLUSH,
    CPU_MMX,
    CPU_FXSR,
    CPU_SSE,
    CPU_SSE2,
    CPU_SYSCALL,
    CPU_NX,
    CPU_LM,
    CPU_SSE3,
    CPU_CX16,
    CPU_LAHF64,
    CPU_X2APIC,
    CPU_TSC_DEADLINE,
    CPU_HYPERVISOR,
    CPU_PREFETCHW,
    CPU_ARAT,
    CPU_INVARIANT_TSC,
    CPU_FDP_EXCEPTION_ONLY,
    CPU_ZERO_FCS_FDS,
};
/* The rest of what is implemented. */
static const uint16_t features_rest[] = {
    CPU_SSSE3,      CPU_SSE41,    CPU_SSE42,      CPU_MOVBE,    CPU_POPCNT,   CPU_XSAVE,     CPU_RDRAND,
    CPU_SELF_SNOOP, CPU_FSGSBASE, CPU_TSC_ADJUST, CPU_SMEP,     CPU_ERMS,     CPU_RDSEED,    CPU_SMAP,
    CPU_CLFLUSHOPT, CPU_CLWB,     CPU_UMIP,       CPU_RDPID,    CPU_FSRM,     CPU_SPEC_CTRL, CPU_ARCH_CAPABILITIES,
    CPU_LZCNT,      CPU_PAGES_1G, CPU_RDTSCP,     CPU_BHI_CTRL, CPU_XSAVEOPT,
};

/* Implemented, but of a generation that had more than this processor has. */
static const uint16_t features_later[] = {CPU_BMI1, CPU_BMI2, CPU_ADX,       CPU_PKS,  CPU_PCOMMIT,   CPU_AVX,
                                          CPU_AVX2, CPU_AES,  CPU_PCLMULQDQ, CPU_VAES, CPU_VPCLMULQDQ};

enum model_age { FIRST, REST, LATER };
struct model_row {
    const char *name;
    bool amd;
    uint8_t age; /* enum model_age */
    uint32_t signature;
};

static const char intel[13] = "GenuineIntel", amd[13] = "AuthenticAMD", ours[13] = "moatmoatmoat",
                  kvm[13] = "KVMKVMKVM\0\0\0";

/* The signature of moat64 is of no processor that was made: nobody has a list of errata for it. */
static const struct model_row models[] = {
    {"moat64", false, REST, 0xf06d1},         {"max", false, LATER, 0xf06d1},
    {"host", false, LATER, 0xf06d1},          {"qemu64", true, FIRST, 0x60fb1},
    {"kvm64", false, FIRST, 0xf61},           {"qemu32", false, FIRST, 0x663},
    {"Opteron_G1", true, FIRST, 0xf61},       {"EPYC", true, REST, 0x800f12},
    {"IvyBridge", false, REST, 0x306a9},      {"Skylake-Client", false, REST, 0x506e3},
    {"Skylake-Server", false, REST, 0x50654}, {"80286", false, FIRST, 0x200},
};
static const char model_names[] =
    "moat64, max, host, qemu64, kvm64, qemu32, Opteron_G1, EPYC, IvyBridge, Skylake-Client, Skylake-Server, "
    "80286 (as far as real mode can tell)";

static const struct {
    const char *text;
    uint16_t feature;
} feature_names[] = {
#define FEATURE(name, text, word, bit) {text, CPU_##name},
#include "cpu/features.def"
};

/* Features of QEMU's names that may be asked for, and are not offered. */
static const char *const absent[] = {"vmx",    "svm",      "pcid",           "pku",        "la57",          "npt",
                                     "skinit", "vmx-mbec", "host-phys-bits", "migratable", "hv_passthrough"};

static size_t text_length(const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}

static bool text_is(const char *text, size_t n, const char *word)
{
    return text_length(word) == n && !memcmp(text, word, n);
}

static void feature_set(struct cpu_model *m, unsigned feature, bool on)
{
    uint32_t bit = 1u << feature % 32;

    m->features[feature / 32] = on ? m->features[feature / 32] | bit : m->features[feature / 32] & ~bit;
}

struct feature_set {
    const uint16_t *features;
    unsigned n;
};
#define SET(array)                                                                                                     \
    {                                                                                                                  \
        array, sizeof array / sizeof *array                                                                            \
    }
static const struct feature_set feature_sets[] = {SET(features_first), SET(features_rest), SET(features_later)};

/* These are done by the host's own instructions: it has them, and its system keeps their registers (Intel 1, 14.3). */
static bool host_has(enum cpu_feature feature)
{
    uint32_t eax = 1, ebx, ecx = 0, edx, low, high;

    __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    if (feature == CPU_AES || feature == CPU_PCLMULQDQ)
        return ecx >> feature % 32 & 1;
    if (!(ecx >> 27 & 1) || !(ecx >> CPU_AVX % 32 & 1)) /* OSXSAVE */
        return false;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & XCR0_AVX_STATE) != XCR0_AVX_STATE || feature == CPU_AVX)
        return (low & XCR0_AVX_STATE) == XCR0_AVX_STATE;
    eax = 7;
    ecx = 0;
    __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return (feature == CPU_AVX2 ? ebx : ecx) >> feature % 32 & 1;
}

static bool of_the_host(unsigned feature)
{
    return feature == CPU_AVX || feature == CPU_AVX2 || feature == CPU_AES || feature == CPU_PCLMULQDQ ||
           feature == CPU_VAES || feature == CPU_VPCLMULQDQ;
}

static bool feature_offered(unsigned feature)
{
    if (of_the_host(feature) && !host_has((enum cpu_feature)feature))
        return false;
    for (unsigned age = FIRST; age <= LATER; age++)
        for (unsigned i = 0; i < feature_sets[age].n; i++)
            if (feature_sets[age].features[i] == feature)
                return true;
    return false;
}

static void model_vendor(struct cpu_model *m, const char *vendor)
{
    memcpy(m->vendor, vendor, sizeof m->vendor);
    m->amd = !memcmp(vendor, amd, sizeof m->vendor);
}

static bool feature_change(struct cpu_model *m, const char *text, size_t n, bool on)
{
    for (unsigned i = 0; i < sizeof feature_names / sizeof *feature_names; i++)
        if (text_is(text, n, feature_names[i].text)) {
            feature_set(m, feature_names[i].feature, on && feature_offered(feature_names[i].feature));
            return true;
        }
    for (unsigned i = 0; i < sizeof absent / sizeof *absent; i++)
        if (text_is(text, n, absent[i]))
            return true;
    return false;
}

/* One of what follows a model's name: +feature, -feature, feature, name=value. */
static bool model_change(struct cpu_model *m, const char *text, size_t n)
{
    static const char vendor[] = "vendor=", bits[] = "phys-bits=";
    const size_t vendor_n = sizeof vendor - 1, bits_n = sizeof bits - 1;
    size_t word;

    if (n && (*text == '+' || *text == '-'))
        return feature_change(m, text + 1, n - 1, *text == '+');
    if (n == vendor_n + sizeof m->vendor && !memcmp(text, vendor, vendor_n)) {
        model_vendor(m, text + vendor_n);
        return true;
    }
    if (n == bits_n + 2 && !memcmp(text, bits, bits_n) && text[bits_n] >= '3' && text[bits_n] <= '4' &&
        text[bits_n + 1] >= '0' && text[bits_n + 1] <= '9') {
        m->physical_bits = (uint32_t)((text[bits_n] - '0') * 10 + text[bits_n + 1] - '0');
        return m->physical_bits >= 36 && m->physical_bits <= 46;
    }
    for (word = 0; word < n && text[word] != '='; word++)
        ;
    return feature_change(m, text, word, word == n || !text_is(text + word, n - word, "=off"));
}

static void model_fill(struct cpu_model *m, const struct model_row *row)
{
    memset(m, 0, sizeof *m);
    m->name = row->name;
    m->physical_bits = 40;
    m->signature = row->signature;
    model_vendor(m, row->amd ? amd : intel);
    for (unsigned age = FIRST; age <= row->age; age++)
        for (unsigned i = 0; i < feature_sets[age].n; i++)
            feature_set(m, feature_sets[age].features[i], feature_offered(feature_sets[age].features[i]));
}

int cpu_model_find(const char *name, struct cpu_model *out, const char **names)
{
    const struct model_row *row = NULL;
    size_t n = 0;

    if (names)
        *names = model_names;
    while (name[n] && name[n] != ',')
        n++;
    for (unsigned i = 0; i < sizeof models / sizeof *models; i++)
        if (text_is(name, n, models[i].name))
            row = &models[i];
    if (!row)
        return -ENOENT;
    model_fill(out, row);
    for (name += n; *name; name += n) {
        name++; /* the comma */
        for (n = 0; name[n] && name[n] != ','; n++)
            ;
        if (!model_change(out, name, n))
            return -EINVAL;
    }
    if (!cpu_model_has(out, CPU_XSAVE)) /* nobody could say that its state is kept */
        feature_set(out, CPU_AVX, false);
    if (!cpu_model_has(out, CPU_AVX)) {
        feature_set(out, CPU_AVX2, false);
        feature_set(out, CPU_VAES, false);
        feature_set(out, CPU_VPCLMULQDQ, false);
    }
    return 0;
}

/* ---- Leaves ---------------------------------------------------------------------------------------------------- */

enum { LEAF_MAX = 0x16, LEAF_HYPERVISOR = 0x40000000, LEAF_HYPERVISOR_MAX = 0x40000010, LEAF_EXTENDED = 0x80000000 };

static uint32_t word_at(const char *text)
{
    uint32_t v;

    memcpy(&v, text, 4);
    return v;
}

/* Type and level, ways, sets: data and instructions of 32 KiB each, 1 MiB, all with lines of 64 bytes. */
static struct cpuid_answer leaf_cache(uint32_t subleaf)
{
    static const struct {
        uint8_t type, level, ways;
        uint16_t sets;
    } rows[] = {{1, 1, 8, 64}, {2, 1, 8, 64}, {3, 2, 16, 1024}};

    if (subleaf >= sizeof rows / sizeof *rows)
        return (struct cpuid_answer){0};
    return (struct cpuid_answer){rows[subleaf].type | rows[subleaf].level << 5 |
                                     1u << 8, /* initializes itself; one thread, one core */
                                 63u | (rows[subleaf].ways - 1u) << 22, rows[subleaf].sets - 1u, 0};
}

static struct cpuid_answer leaf_topology(const struct cpu_model *m, uint32_t subleaf)
{
    if (subleaf > 1)
        return (struct cpuid_answer){0, 0, subleaf, m->apic_id};
    return (struct cpuid_answer){0, 1, subleaf | (subleaf + 1) << 8, m->apic_id};
}

static struct cpuid_answer leaf_xsave(const struct cpu_model *m, uint32_t subleaf)
{
    bool avx = cpu_model_has(m, CPU_AVX);

    if (!cpu_model_has(m, CPU_XSAVE) || subleaf > (avx ? 2 : 1))
        return (struct cpuid_answer){0};
    if (subleaf == 2)
        return (struct cpuid_answer){256, 576, 0, 0}; /* the upper halves: bytes, and where */
    if (subleaf == 1)
        return (struct cpuid_answer){m->features[WORD_XSAVE_EAX], 0, 0, 0};
    /* x87, SSE, AVX; ebx is of those that XCR0 has (cpu_cpuid) */
    return (struct cpuid_answer){avx ? 7 : 3, 576, avx ? VCPU_XSAVE_BYTES : 576, 0};
}

static struct cpuid_answer leaf_basic(const struct cpu_model *m, uint32_t leaf, uint32_t subleaf)
{
    const uint32_t *f = m->features;
    uint32_t megahertz = (uint32_t)(m->tsc_hz / 1000000);

    switch (leaf) {
    case 0:
        return (struct cpuid_answer){LEAF_MAX, word_at(m->vendor), word_at(m->vendor + 8), word_at(m->vendor + 4)};
    case 1:
        return (struct cpuid_answer){m->signature, m->apic_id << 24 | 1 << 16 | 8 << 8, f[WORD_1_ECX], f[WORD_1_EDX]};
    case 2:
        return (struct cpuid_answer){0x00feff01, 0, 0, 0}; /* see leaf 4 */
    case 4:
        return leaf_cache(subleaf);
    case 6:
        return (struct cpuid_answer){f[WORD_POWER_EAX], 0, 0, 0};
    case 7:
        if (subleaf == 2)
            return (struct cpuid_answer){0, 0, 0, f[WORD_7_2_EDX]};
        return subleaf ? (struct cpuid_answer){0}
                       : (struct cpuid_answer){2, f[WORD_7_EBX], f[WORD_7_ECX], f[WORD_7_EDX]};
    case 0xb:
        return leaf_topology(m, subleaf);
    case 0xd:
        return leaf_xsave(m, subleaf);
    case 0x15:
        return (struct cpuid_answer){1, 1, (uint32_t)m->tsc_hz, 0};
    case 0x16:
        return (struct cpuid_answer){megahertz, megahertz, 100, 0};
    default:
        return (struct cpuid_answer){0};
    }
}

static struct cpuid_answer leaf_hypervisor(const struct cpu_model *m, uint32_t leaf)
{
    const char *text = m->kvmclock ? kvm : ours;
    uint32_t kilohertz = (uint32_t)(m->tsc_hz / 1000);

    switch (leaf - LEAF_HYPERVISOR) {
    case 0:
        return (struct cpuid_answer){LEAF_HYPERVISOR_MAX, word_at(text), word_at(text + 4), word_at(text + 8)};
    case 1: /* of KVM: clock sources old and new, no port delays, the clock is stable */
        return (struct cpuid_answer){m->kvmclock ? 0x0100000b : 0, 0, 0, 0};
    case 0x10:
        return (struct cpuid_answer){kilohertz, kilohertz, 0, 0};
    default:
        return (struct cpuid_answer){0};
    }
}

static struct cpuid_answer leaf_extended(const struct cpu_model *m, uint32_t leaf)
{
    static const char brand[48] = "moat software processor";
    /* Bits of leaf 1 that AMD repeats here. */
    const uint32_t *f = m->features, repeated = m->amd ? f[WORD_1_EDX] & 0x0183f3ff : 0;

    switch (leaf - LEAF_EXTENDED) {
    case 0:
        return (struct cpuid_answer){LEAF_EXTENDED + 8, word_at(m->vendor), word_at(m->vendor + 8),
                                     word_at(m->vendor + 4)};
    case 1:
        return (struct cpuid_answer){m->amd ? m->signature : 0, 0, f[WORD_EXTENDED_ECX],
                                     f[WORD_EXTENDED_EDX] | repeated};
    case 2:
    case 3:
    case 4: {
        const char *b = brand + (leaf - LEAF_EXTENDED - 2) * 16;
        return (struct cpuid_answer){word_at(b), word_at(b + 4), word_at(b + 8), word_at(b + 12)};
    }
    case 6:
        return (struct cpuid_answer){0, 0, 1024u << 16 | 8 << 12 | 64, 0};
    case 7:
        return (struct cpuid_answer){0, 0, 0, f[WORD_POWER_EDX]};
    case 8:
        return (struct cpuid_answer){m->physical_bits | 48 << 8, 0, 0, 0};
    default:
        return (struct cpuid_answer){0};
    }
}

struct cpuid_answer cpu_model_cpuid(const struct cpu_model *m, uint32_t leaf, uint32_t subleaf)
{
    if (leaf >= LEAF_EXTENDED)
        return leaf_extended(m, leaf);
    if (leaf >= LEAF_HYPERVISOR)
        return cpu_model_has(m, CPU_HYPERVISOR) ? leaf_hypervisor(m, leaf) : (struct cpuid_answer){0};
    return leaf_basic(m, leaf, subleaf);
}

struct cpuid_answer cpu_cpuid(const struct cpu *cpu, uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_answer a = cpu_model_cpuid(&cpu->model, leaf, subleaf);
    uint64_t base;

    if (leaf == 0xd && subleaf == 0 && a.ebx && cpu->xcr0 & 4)
        a.ebx = VCPU_XSAVE_BYTES;
    if (leaf == 1) {
        if (cpu->cr4 & CR4_OSXSAVE)
            a.ecx |= 1u << 27;
        if (!cpu->bus.msr_read || !cpu->bus.msr_read(cpu->bus.owner, MSR_APIC_BASE, &base) || !(base >> 11 & 1))
            a.edx &= ~(1u << 9);
    }
    return a;
}
