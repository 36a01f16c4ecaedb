/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model-specific registers (Intel volume 4). Those that only hold a number are rows: where it is, which bits it may
 * have. Others have a function; the APIC's and the clock's are the bus's. One that nobody has is #GP, as on a
 * processor.
 */
#include "cpu/system.h"

#include <stddef.h>

/* ---- Registers that are a number ----------------------------------------------------------------------------------
 */

enum msr_check { CHECK_BITS, CHECK_CANONICAL };

struct msr_row {
    uint32_t index;
    uint16_t at; /* in struct vcpu_msrs */
    uint8_t check;
    uint64_t valid; /* bits that may be set */
};
#define AT(field) offsetof(struct vcpu_msrs, field)

static const struct msr_row numbers[] = {
    {MSR_SYSENTER_CS, AT(sysenter_cs), CHECK_BITS, 0xffffffff},
    {MSR_SYSENTER_ESP, AT(sysenter_esp), CHECK_CANONICAL, 0},
    {MSR_SYSENTER_EIP, AT(sysenter_eip), CHECK_CANONICAL, 0},
    {MSR_STAR, AT(star), CHECK_BITS, ~UINT64_C(0)},
    {MSR_LSTAR, AT(lstar), CHECK_CANONICAL, 0},
    {MSR_CSTAR, AT(cstar), CHECK_CANONICAL, 0},
    {MSR_SFMASK, AT(sfmask), CHECK_BITS, 0xffffffff},
    {MSR_KERNEL_GS_BASE, AT(kernel_gs_base), CHECK_CANONICAL, 0},
    {MSR_TSC_AUX, AT(tsc_aux), CHECK_BITS, 0xffffffff},
    {MSR_MISC_ENABLE, AT(misc_enable), CHECK_BITS, 0x400c51889},
    {MSR_DEBUGCTL, AT(debugctl), CHECK_BITS, 3}, /* held, without effect */
    {MSR_BIOS_SIGN, AT(bios_sign), CHECK_BITS, ~UINT64_C(0)},
    {MSR_MCG_STATUS, AT(mcg_status), CHECK_BITS, 7},
};

static const struct msr_row *number_find(uint32_t index)
{
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].index == index)
            return &numbers[i];
    return NULL;
}

static uint64_t *number_at(struct cpu *cpu, const struct msr_row *row)
{
    return (uint64_t *)(void *)((char *)&cpu->msrs + row->at);
}

static bool number_write(struct cpu *cpu, const struct msr_row *row, uint64_t value)
{
    const uint64_t read_only = row->index == MSR_MISC_ENABLE ? 0x1880 : 0;
    uint64_t *at = number_at(cpu, row);

    if (row->check == CHECK_CANONICAL ? !address_canonical(value) : (value & ~row->valid) != 0)
        return false;
    *at = (*at & read_only) | (value & ~read_only);
    return true;
}

/* Registers that read as this and take nothing, so that systems go on that ask without care. */
static const struct {
    uint32_t index;
    bool amd;
    uint64_t value;
} constants[] = {
    {MSR_PLATFORM_ID, false, 0},
    {MSR_MTRR_CAP, false, 0x508}, /* eight, the fixed ones, write combining */
    {MSR_MCG_CAP, false, 0},      /* no banks */
    {0x2a, false, 0},             /* EBL_CR_POWERON */
    {0x34, false, 0},             /* SMI_COUNT */
    {0xce, false, 0},             /* PLATFORM_INFO */
    {0x140, false, 0},            /* MISC_FEATURES_ENABLES */
    {MSR_PERF_STATUS, false, 0},
    {0x199, false, 0},     /* PERF_CTL */
    {0x606, false, 0},     /* RAPL_POWER_UNIT */
    {0xc0010010, true, 0}, /* SYSCFG */
    {0xc0010015, true, 0}, /* HWCR */
    {0xc001001f, true, 0}, /* NB_CFG */
    {0xc0010055, true, 0}, /* INT_PENDING */
    {0xc0010112, true, 0}, /* SMM_ADDR */
    {0xc0010113, true, 0}, /* SMM_MASK */
    {0xc0011020, true, 0}, /* LS_CFG */
    {0xc0011022, true, 0}, /* DC_CFG */
    {0xc001102a, true, 0}, /* BU_CFG2 */
    {0xc0011029, true, 2}, /* DE_CFG: lfence waits */
};

static bool constant_find(const struct cpu *cpu, uint32_t index, uint64_t *value)
{
    for (unsigned i = 0; i < sizeof constants / sizeof *constants; i++)
        if (constants[i].index == index && (!constants[i].amd || cpu->model.amd)) {
            *value = constants[i].value;
            return true;
        }
    *value = 0;
    return cpu->model.amd && index - 0xc0010000 < 8; /* the K7's counters, which count nothing */
}

/* ---- Types of memory ------------------------------------------------------------------------------------------------
 */

static bool memory_type(uint64_t type, bool uncached_minus)
{
    return type < 8 && (0x73u | (uncached_minus ? 0x80u : 0)) >> type & 1; /* 0, 1, 4, 5, 6; 7 of the PAT alone */
}

static bool memory_types(uint64_t eight, bool uncached_minus)
{
    for (unsigned i = 0; i < 64; i += 8)
        if (!memory_type(eight >> i & 0xff, uncached_minus))
            return false;
    return true;
}

/* Of the fixed ranges: which of the eleven. */
static bool mtrr_fixed(uint32_t index, unsigned *n)
{
    if (index == MSR_MTRR_FIX64K)
        *n = 0;
    else if (index - MSR_MTRR_FIX16K < 2)
        *n = 1 + index - MSR_MTRR_FIX16K;
    else if (index - MSR_MTRR_FIX4K < 8)
        *n = 3 + index - MSR_MTRR_FIX4K;
    else
        return false;
    return true;
}

static uint64_t *mtrr_find(struct cpu *cpu, uint32_t index)
{
    struct vcpu_msrs *m = &cpu->msrs;
    unsigned n;

    if (!cpu_model_has(&cpu->model, CPU_MTRR))
        return NULL;
    if (index == MSR_MTRR_DEF)
        return &m->mtrr_def;
    if (mtrr_fixed(index, &n))
        return &m->mtrr_fixed[n];
    n = index - MSR_MTRR_BASE;
    if (n < 16)
        return n & 1 ? &m->mtrr_mask[n / 2] : &m->mtrr_base[n / 2];
    return NULL;
}

static bool mtrr_valid(const struct cpu *cpu, uint32_t index, uint64_t value)
{
    uint64_t address = ((UINT64_C(1) << cpu->model.physical_bits) - 1) & ~PAGE_OFFSET;

    if (index == MSR_MTRR_DEF)
        return !(value & ~UINT64_C(0xcff)) && memory_type(value & 0xff, false);
    if (index >= MSR_MTRR_FIX64K)
        return memory_types(value, false);
    if (index & 1)
        return !(value & ~(address | 0x800));
    return !(value & ~(address | 0xff)) && memory_type(value & 0xff, false);
}

/* ---- Those with a meaning of their own ----------------------------------------------------------------------------
 */

/* Nothing of what other processors leak can be seen here; and returns and branches are not guessed. */
static uint64_t architectural_capabilities(void)
{
    return 1 << 0 /* RDCL_NO */ | 1 << 1 /* IBRS_ALL */ | 1 << 3 /* SKIP_L1DFL */ | 1 << 4 /* SSB_NO */ |
           1 << 5 /* MDS_NO */ | 1 << 6 /* PSCHANGE_MC_NO */ | 1 << 8 /* TAA_NO */ | 1 << 13 /* SBDR_SSDP_NO */ |
           1 << 14 /* FBSDP_NO */ | 1 << 15 /* PSDP_NO */ | 1 << 20 /* BHI_NO */ | 1 << 24 /* PBRSB_NO */ |
           1 << 26 /* GDS_NO */ | 1 << 27 /* RFDS_NO */ | UINT64_C(1) << 62 /* ITS_NO */;
}

/* The clock's owner is told, for deadlines count by it; he need not listen. */
static void tsc_adjust(struct cpu *cpu, uint64_t adjust)
{
    cpu->msrs.tsc_adjust = adjust;
    if (cpu->bus.msr_write)
        cpu->bus.msr_write(cpu->bus.owner, MSR_TSC_ADJUST, adjust);
}

static uint64_t clock_now(const struct cpu *cpu)
{
    return cpu->bus.tsc ? cpu->bus.tsc(cpu->bus.owner) : 0;
}

static bool special_read(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    const struct cpu_model *model = &cpu->model;

    switch (index) {
    case MSR_TSC:
        *value = clock_now(cpu) + cpu->msrs.tsc_adjust;
        return true;
    case MSR_TSC_ADJUST:
        *value = cpu->msrs.tsc_adjust;
        return cpu_model_has(model, CPU_TSC_ADJUST);
    case MSR_SPEC_CTRL:
        *value = cpu->msrs.spec_ctrl;
        return cpu_model_has(model, CPU_SPEC_CTRL);
    case 0x10a:
        *value = architectural_capabilities();
        return cpu_model_has(model, CPU_ARCH_CAPABILITIES);
    case MSR_PAT:
        *value = cpu->msrs.pat;
        return true;
    case MSR_PKRS:
        *value = cpu->msrs.pkrs;
        return cpu_model_has(model, CPU_PKS);
    case MSR_EFER:
        *value = cpu->msrs.efer;
        return true;
    case MSR_FS_BASE:
        *value = cpu->segments[SEG_FS].base;
        return cpu_model_has(model, CPU_LM);
    case MSR_GS_BASE:
        *value = cpu->segments[SEG_GS].base;
        return cpu_model_has(model, CPU_LM);
    default:
        return false;
    }
}

static bool base_write(struct cpu *cpu, unsigned segment, uint64_t value)
{
    if (!cpu_model_has(&cpu->model, CPU_LM) || !address_canonical(value))
        return false;
    cpu->segments[segment].base = value;
    return true;
}

/* The bit that stands for clearing histories, so that a kernel does not do it by a loop at each system call. */
static uint64_t model_bhi(const struct cpu_model *model)
{
    return cpu_model_has(model, CPU_BHI_CTRL) ? UINT64_C(1) << 10 : 0;
}

static bool special_write(struct cpu *cpu, uint32_t index, uint64_t value)
{
    const struct cpu_model *model = &cpu->model;

    switch (index) {
    case MSR_TSC:
        tsc_adjust(cpu, value - clock_now(cpu));
        return true;
    case MSR_TSC_ADJUST:
        if (!cpu_model_has(model, CPU_TSC_ADJUST))
            return false;
        tsc_adjust(cpu, value);
        return true;
    case MSR_SPEC_CTRL:
        if (!cpu_model_has(model, CPU_SPEC_CTRL) || (value & ~(model_bhi(model) | 7)))
            return false;
        cpu->msrs.spec_ctrl = value;
        return true;
    case MSR_PRED_CMD:
        return cpu_model_has(model, CPU_SPEC_CTRL) && value <= 1;
    case MSR_PAT:
        if (!memory_types(value, true))
            return false;
        cpu->msrs.pat = value;
        return true;
    case MSR_PKRS:
        if (!cpu_model_has(model, CPU_PKS) || value >> 32)
            return false;
        cpu->msrs.pkrs = value;
        cpu_tlb_flush(cpu, true);
        return true;
    case MSR_EFER:
        return cpu_efer_write(cpu, value);
    case MSR_FS_BASE:
        return base_write(cpu, SEG_FS, value);
    case MSR_GS_BASE:
        return base_write(cpu, SEG_GS, value);
    case MSR_BIOS_UPDATE:
        return true;
    default:
        return false;
    }
}

static bool is_special(uint32_t index)
{
    static const uint32_t all[] = {MSR_TSC,  MSR_TSC_ADJUST, MSR_SPEC_CTRL, MSR_PRED_CMD,    0x10a,   MSR_PAT,
                                   MSR_EFER, MSR_FS_BASE,    MSR_GS_BASE,   MSR_BIOS_UPDATE, MSR_PKRS};

    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] == index)
            return true;
    return false;
}

/* ---- All of them ----------------------------------------------------------------------------------------------------
 */

static bool unknown(struct cpu *cpu, const char *what, uint32_t index, uint64_t value)
{
    if (cpu->bus.note)
        cpu->bus.note(cpu->bus.owner, what, index, value);
    return false;
}

bool cpu_msr_read(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    const struct msr_row *row = number_find(index);
    const uint64_t *mtrr = mtrr_find(cpu, index);

    if (row) {
        *value = *number_at(cpu, row);
        return true;
    }
    if (mtrr) {
        *value = *mtrr;
        return true;
    }
    if (is_special(index))
        return special_read(cpu, index, value);
    if (constant_find(cpu, index, value) || (cpu->bus.msr_read && cpu->bus.msr_read(cpu->bus.owner, index, value)))
        return true;
    return unknown(cpu, "rdmsr", index, 0);
}

bool cpu_msr_write(struct cpu *cpu, uint32_t index, uint64_t value)
{
    const struct msr_row *row = number_find(index);
    uint64_t *mtrr = mtrr_find(cpu, index), ignored;

    if (row)
        return number_write(cpu, row, value);
    if (mtrr) {
        if (!mtrr_valid(cpu, index, value))
            return false;
        *mtrr = value;
        return true;
    }
    if (is_special(index))
        return special_write(cpu, index, value);
    if (constant_find(cpu, index, &ignored))
        return index != MSR_MTRR_CAP && index != MSR_MCG_CAP;
    if (cpu->bus.msr_write && cpu->bus.msr_write(cpu->bus.owner, index, value))
        return true;
    return unknown(cpu, "wrmsr", index, value);
}
