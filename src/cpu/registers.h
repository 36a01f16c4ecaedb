/* SPDX-License-Identifier: Apache-2.0 */
/* Bits of the control registers, of rflags beyond the arithmetic ones, of the debug registers, and numbers of the
 * model-specific ones (Intel 3A chapter 2, 3B chapter 18, volume 4). Constants only. */
#ifndef MOAT_CPU_REGISTERS_H
#define MOAT_CPU_REGISTERS_H

#include <stdint.h>

#define CR0_PE UINT64_C(0x1)
#define CR0_MP UINT64_C(0x2)
#define CR0_EM UINT64_C(0x4)
#define CR0_TS UINT64_C(0x8)
#define CR0_ET UINT64_C(0x10)
#define CR0_NE UINT64_C(0x20)
#define CR0_WP UINT64_C(0x10000)
#define CR0_AM UINT64_C(0x40000)
#define CR0_NW UINT64_C(0x20000000)
#define CR0_CD UINT64_C(0x40000000)
#define CR0_PG UINT64_C(0x80000000)

#define CR4_VME        UINT64_C(0x1)
#define CR4_PVI        UINT64_C(0x2)
#define CR4_TSD        UINT64_C(0x4)
#define CR4_DE         UINT64_C(0x8)
#define CR4_PSE        UINT64_C(0x10)
#define CR4_PAE        UINT64_C(0x20)
#define CR4_MCE        UINT64_C(0x40)
#define CR4_PGE        UINT64_C(0x80)
#define CR4_PCE        UINT64_C(0x100)
#define CR4_OSFXSR     UINT64_C(0x200)
#define CR4_OSXMMEXCPT UINT64_C(0x400)
#define CR4_UMIP       UINT64_C(0x800)
#define CR4_LA57       UINT64_C(0x1000)
#define CR4_FSGSBASE   UINT64_C(0x10000)
#define CR4_PCIDE      UINT64_C(0x20000)
#define CR4_OSXSAVE    UINT64_C(0x40000)
/* XCR0: what AVX needs besides x87 */
#define XCR0_AVX_STATE UINT64_C(0x6)
#define CR4_SMEP       UINT64_C(0x100000)
#define CR4_SMAP       UINT64_C(0x200000)
#define CR4_PKE        UINT64_C(0x400000)
#define CR4_PKS        UINT64_C(0x1000000)

#define EFER_SCE UINT64_C(0x1)
#define EFER_LME UINT64_C(0x100)
#define EFER_LMA UINT64_C(0x400)
#define EFER_NXE UINT64_C(0x800)

#define RFLAGS_ONE        UINT64_C(0x2) /* always set */
#define RFLAGS_TF         UINT64_C(0x100)
#define RFLAGS_IF         UINT64_C(0x200)
#define RFLAGS_DF         UINT64_C(0x400)
#define RFLAGS_IOPL       UINT64_C(0x3000)
#define RFLAGS_IOPL_SHIFT 12
#define RFLAGS_NT         UINT64_C(0x4000)
#define RFLAGS_RF         UINT64_C(0x10000)
#define RFLAGS_VM         UINT64_C(0x20000)
#define RFLAGS_AC         UINT64_C(0x40000)
#define RFLAGS_VIF        UINT64_C(0x80000)
#define RFLAGS_VIP        UINT64_C(0x100000)
#define RFLAGS_ID         UINT64_C(0x200000)
#define RFLAGS_ALL        UINT64_C(0x3f7fd7) /* those that exist, without bit 1 */

#define DR6_BD    UINT64_C(0x2000)
#define DR6_BS    UINT64_C(0x4000)
#define DR6_BT    UINT64_C(0x8000)
#define DR6_FIXED UINT64_C(0xffff0ff0) /* read as ones */
#define DR7_GD    UINT64_C(0x2000)
#define DR7_FIXED UINT64_C(0x400)
#define DR7_VALID UINT64_C(0xffff23ff)

enum cpu_msr {
    MSR_TSC = 0x10,
    MSR_PLATFORM_ID = 0x17,
    MSR_APIC_BASE = 0x1b,
    MSR_FEATURE_CONTROL = 0x3a,
    MSR_TSC_ADJUST = 0x3b,
    MSR_SPEC_CTRL = 0x48,
    MSR_PRED_CMD = 0x49,
    MSR_BIOS_UPDATE = 0x79,
    MSR_BIOS_SIGN = 0x8b,
    MSR_MTRR_CAP = 0xfe,
    MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_ESP = 0x175,
    MSR_SYSENTER_EIP = 0x176,
    MSR_MCG_CAP = 0x179,
    MSR_MCG_STATUS = 0x17a,
    MSR_PERF_STATUS = 0x198,
    MSR_MISC_ENABLE = 0x1a0,
    MSR_DEBUGCTL = 0x1d9,
    MSR_MTRR_BASE = 0x200, /* base and mask by turns, eight of each */
    MSR_MTRR_FIX64K = 0x250,
    MSR_MTRR_FIX16K = 0x258, /* two */
    MSR_MTRR_FIX4K = 0x268,  /* eight */
    MSR_PAT = 0x277,
    MSR_MTRR_DEF = 0x2ff,
    MSR_PKRS = 0x6e1,
    MSR_EFER = 0xc0000080,
    MSR_STAR = 0xc0000081,
    MSR_LSTAR = 0xc0000082,
    MSR_CSTAR = 0xc0000083,
    MSR_SFMASK = 0xc0000084,
    MSR_FS_BASE = 0xc0000100,
    MSR_GS_BASE = 0xc0000101,
    MSR_KERNEL_GS_BASE = 0xc0000102,
    MSR_TSC_AUX = 0xc0000103,
};

#endif
