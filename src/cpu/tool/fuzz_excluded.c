/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is not compared with the host's processor in user mode, each with its reason. Nothing is here because it differs
 * and nobody knows why.
 */
#include "cpu/tool/fuzz.h"

#include <string.h>

struct exclusion {
    enum insn_name name;
    const char *reason;
};

#define ANSWERS   "its answer is the host's own: counters, identity, random numbers, state that the kernel keeps"
#define KERNEL    "it enters the host's kernel, or reads descriptors that are the kernel's"
#define TRANSACT  "the host may have transactions, the model has none"
#define COMPONENT "the host has more state components than the model: what is saved differs by them"
#define POINTERS  "it stores the x87's instruction and data pointers, which hosts keep in different ways"
#define INDICES   "its indices reach whatever else is in the host's process"
#define SELECTORS "it loads selectors at random: those of the kernel's table, which the guest has not"

static const struct exclusion exclusions[] = {
    {INSN_CPUID, ANSWERS},
    {INSN_RDTSC, ANSWERS},
    {INSN_RDTSCP, ANSWERS},
    {INSN_RDPMC, ANSWERS},
    {INSN_RDPID, ANSWERS},
    {INSN_RDPRU, ANSWERS},
    {INSN_RDRAND, ANSWERS},
    {INSN_RDSEED, ANSWERS},
    {INSN_XGETBV, ANSWERS},
    {INSN_RDPKRU, ANSWERS},
    {INSN_WRPKRU, ANSWERS},
    {INSN_INT, KERNEL},
    {INSN_SYSCALL, KERNEL},
    {INSN_SYSENTER, KERNEL},
    {INSN_SGDT, KERNEL},
    {INSN_SIDT, KERNEL},
    {INSN_SLDT, KERNEL},
    {INSN_STR, KERNEL},
    {INSN_SMSW, KERNEL},
    {INSN_LAR, KERNEL},
    {INSN_LSL, KERNEL},
    {INSN_VERR, KERNEL},
    {INSN_VERW, KERNEL},
    {INSN_VMCALL, KERNEL},
    {INSN_VMMCALL, KERNEL},
    {INSN_VMFUNC, KERNEL},
    {INSN_ENCLU, KERNEL},
    {INSN_CALL_FAR, SELECTORS},
    {INSN_JMP_FAR, SELECTORS},
    {INSN_RET_FAR, SELECTORS},
    {INSN_IRET, SELECTORS},
    {INSN_LES, SELECTORS},
    {INSN_LDS, SELECTORS},
    {INSN_LSS, SELECTORS},
    {INSN_LFS, SELECTORS},
    {INSN_LGS, SELECTORS},
    {INSN_XSAVE, COMPONENT},
    {INSN_XSAVEOPT, COMPONENT},
    {INSN_XSAVEC, COMPONENT},
    {INSN_XRSTOR, COMPONENT},
    {INSN_XSAVES, COMPONENT},
    {INSN_XRSTORS, COMPONENT},
    {INSN_FXSAVE, POINTERS},
    {INSN_FNSAVE, POINTERS},
    {INSN_VPGATHERDD, INDICES},
    {INSN_VPGATHERDQ, INDICES},
    {INSN_VPGATHERQD, INDICES},
    {INSN_VPGATHERQQ, INDICES},
    {INSN_VGATHERDPS, INDICES},
    {INSN_VGATHERDPD, INDICES},
    {INSN_VGATHERQPS, INDICES},
    {INSN_VGATHERQPD, INDICES},
    {INSN_PCOMMIT, "processors of today do not know it any more"},
    {INSN_FNSTENV, POINTERS},
    {INSN_UMONITOR, ANSWERS},
    {INSN_UMWAIT, ANSWERS},
    {INSN_TPAUSE, ANSWERS},
};

/* What the model may not have while the host has it. Bits of CPUID: leaf, register (0 eax ... 3 edx), bit. */
struct feature {
    enum insn_name name;
    uint32_t leaf;
    uint8_t reg, bit;
};
static const struct feature features[] = {
    {INSN_POPCNT, 1, 2, 23},
    {INSN_CRC32, 1, 2, 20},
    {INSN_MOVBE, 1, 2, 22},
    {INSN_LZCNT, 0x80000001, 2, 5},
    {INSN_TZCNT, 7, 1, 3},
    {INSN_ADCX, 7, 1, 19},
    {INSN_ADOX, 7, 1, 19},
    {INSN_RDFSBASE, 7, 1, 0},
    {INSN_RDGSBASE, 7, 1, 0},
    {INSN_WRFSBASE, 7, 1, 0},
    {INSN_WRGSBASE, 7, 1, 0},
    {INSN_CLFLUSHOPT, 7, 1, 23},
    {INSN_CLWB, 7, 1, 24},
    {INSN_AESENC, 1, 2, 25},
    {INSN_AESENCLAST, 1, 2, 25},
    {INSN_AESDEC, 1, 2, 25},
    {INSN_AESDECLAST, 1, 2, 25},
    {INSN_AESIMC, 1, 2, 25},
    {INSN_AESKEYGENASSIST, 1, 2, 25},
    {INSN_PCLMULQDQ, 1, 2, 1},
    {INSN_SHA1MSG1, 7, 1, 29},
    {INSN_SHA1MSG2, 7, 1, 29},
    {INSN_SHA1NEXTE, 7, 1, 29},
    {INSN_SHA1RNDS4, 7, 1, 29},
    {INSN_SHA256MSG1, 7, 1, 29},
    {INSN_SHA256MSG2, 7, 1, 29},
    {INSN_SHA256RNDS2, 7, 1, 29},
    {INSN_GF2P8AFFINEINVQB, 7, 2, 8},
    {INSN_GF2P8AFFINEQB, 7, 2, 8},
    {INSN_GF2P8MULB, 7, 2, 8},
    {INSN_VAESENC, 7, 2, 9},
    {INSN_VAESENCLAST, 7, 2, 9},
    {INSN_VAESDEC, 7, 2, 9},
    {INSN_VAESDECLAST, 7, 2, 9},
    {INSN_VAESIMC, 1, 2, 25},
    {INSN_VAESKEYGENASSIST, 1, 2, 25},
    {INSN_VPCLMULQDQ, 7, 2, 10},
    {INSN_VGF2P8AFFINEINVQB, 7, 2, 8},
    {INSN_VGF2P8AFFINEQB, 7, 2, 8},
    {INSN_VGF2P8MULB, 7, 2, 8},
    {INSN_VCVTPH2PS, 1, 2, 29},
    {INSN_VCVTPS2PH, 1, 2, 29},
    {INSN_VPDPBUSD, 7, 0, 4}, /* of leaf 7.1: no model has any of it */
    {INSN_VPDPBUSDS, 7, 0, 4},
    {INSN_VPDPWSSD, 7, 0, 4},
    {INSN_VPDPWSSDS, 7, 0, 4},
    {INSN_ANDN, 7, 1, 3},
    {INSN_BLSR, 7, 1, 3},
    {INSN_BLSMSK, 7, 1, 3},
    {INSN_BLSI, 7, 1, 3},
    {INSN_BEXTR, 7, 1, 3},
    {INSN_BZHI, 7, 1, 8},
    {INSN_PEXT, 7, 1, 8},
    {INSN_PDEP, 7, 1, 8},
    {INSN_MULX, 7, 1, 8},
    {INSN_SHLX, 7, 1, 8},
    {INSN_SHRX, 7, 1, 8},
    {INSN_SARX, 7, 1, 8},
    {INSN_RORX, 7, 1, 8},
    {INSN_SERIALIZE, 7, 3, 14},
    {INSN_MOVDIRI, 7, 2, 27},
    {INSN_MOVDIR64B, 7, 2, 28},
    {INSN_INVPCID, 7, 1, 10},
    {INSN_ENQCMD, 7, 2, 29},
    {INSN_ENQCMDS, 7, 2, 29},
    {INSN_PTWRITE, 7, 1, 25},
    {INSN_CLZERO, 0x80000008, 1, 0},
    {INSN_MONITORX, 0x80000001, 2, 29},
    {INSN_MWAITX, 0x80000001, 2, 29},
    {INSN_MCOMMIT, 0x80000008, 1, 8},
};

static bool model_has(const struct cpu_model *model, const struct feature *f)
{
    struct cpuid_answer a = cpu_model_cpuid(model, f->leaf, 0);
    const uint32_t *registers = &a.eax;
    return registers[f->reg] >> f->bit & 1;
}

static const char *excluded_by_name(const struct insn *insn, const struct cpu_model *model)
{
    for (size_t i = 0; i < sizeof exclusions / sizeof *exclusions; i++)
        if (exclusions[i].name == insn->name)
            return exclusions[i].reason;
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        if (features[i].name == insn->name)
            return model_has(model, &features[i]) ? NULL : "the model has it not, the host may";
    if (insn->name >= INSN_VFMADDSUB132PS && insn->name <= INSN_VFNMSUB231SD)
        return "FMA: the model has it not, the host may";
    return NULL;
}

bool fuzz_has_avx(const struct cpu_model *model)
{
    return cpu_model_cpuid(model, 1, 0).ecx >> 28 & 1 && cpu_model_cpuid(model, 7, 0).ebx >> 5 & 1;
}

const char *fuzz_excluded(const struct insn *insn, const struct cpu_model *model)
{
    static const char *known[INSN_NAMES]; /* of names; "" when there is no reason */
    if (insn->class == CLASS_AVX512 || insn->encoding > ENCODING_VEX)
        return "the model has no AVX-512 and XOP, the host may";
    if (insn->class == CLASS_AVX && !fuzz_has_avx(model))
        return "the model has no AVX, the host may";
    if (insn->class == CLASS_TRANSACTION)
        return TRANSACT;
    for (unsigned i = 0; i < insn->n_operands; i++)
        if (insn->operands[i].kind == OPERAND_REGISTER && insn->operands[i].registers == REGISTERS_SEGMENT &&
            (insn->operands[i].access & ACCESS_WRITE))
            return SELECTORS;
    if (!known[insn->name]) {
        const char *reason = excluded_by_name(insn, model);
        known[insn->name] = reason ? reason : "";
    }
    return known[insn->name][0] ? known[insn->name] : NULL;
}
