/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All there is to know of one processor, in a form that belongs to no engine: what our own processor (cpu.h) and KVM
 * both load and save, and what a snapshot keeps. A machine saved behind one goes on behind the other.
 *
 * The record is versioned as a whole. Numbers are in the host's order (x86: little). Whoever loads one that came from
 * outside of the process checks it with vcpu_state_check() first.
 */
#ifndef MOAT_CPU_STATE_H
#define MOAT_CPU_STATE_H

#include <stdint.h>

#define VCPU_STATE_VERSION 1

enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEGMENTS };
enum { GPR_AX, GPR_CX, GPR_DX, GPR_BX, GPR_SP, GPR_BP, GPR_SI, GPR_DI, GPRS = 16 };

/* The hidden half of a segment register. Attributes are bits 8 to 23 of a descriptor's upper half, moved down by 8:
 * type 0-3, S 4, DPL 5-6, P 7, AVL 12, L 13, D/B 14, G 15 (Intel 24.4.1 without its "unusable", which is ours: 16). */
enum {
    SEG_TYPE = 0xf,
    SEG_S = 1 << 4,
    SEG_DPL_SHIFT = 5,
    SEG_P = 1 << 7,
    SEG_AVL = 1 << 12,
    SEG_L = 1 << 13,
    SEG_DB = 1 << 14,
    SEG_G = 1 << 15,
    SEG_UNUSABLE = 1 << 16, /* a null selector was loaded */
};
struct vcpu_segment {
    uint64_t base;
    uint32_t limit; /* in bytes, the last that is inside: G is already applied */
    uint32_t attributes;
    uint16_t selector, zero16;
    uint32_t zero32;
};

struct vcpu_table {
    uint64_t base;
    uint32_t limit, zero32;
};

/* Model-specific registers that are state of the processor. Those of the local APIC (base, x2APIC, deadline) and of
 * paravirtual clocks belong to whoever has the APIC and the clock: struct lapic, struct machine. */
struct vcpu_msrs {
    uint64_t efer, star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat, tsc_aux, misc_enable, debugctl;
    uint64_t mtrr_def, mtrr_fixed[11], mtrr_base[8], mtrr_mask[8];
    uint64_t mcg_status, bios_sign;
    uint64_t tsc_adjust; /* the guest's counter is the clock's and this */
    uint64_t spec_ctrl, pkrs;
    uint64_t spare[9];
};

/* XSAVE's standard form: legacy area, header, AVX halves. xstate_bv says what is there. */
#define VCPU_XSAVE_BYTES 832

enum vcpu_event_kind { VCPU_EVENT_NONE, VCPU_EVENT_EXCEPTION, VCPU_EVENT_INTERRUPT, VCPU_EVENT_NMI };

struct vcpu_state {
    uint32_t version, bytes;
    uint64_t gpr[GPRS], rip, rflags;
    struct vcpu_segment segments[SEGMENTS], ldtr, tr;
    struct vcpu_table gdtr, idtr;
    uint64_t cr0, cr2, cr3, cr4, cr8, xcr0;
    uint64_t dr[8]; /* 4 and 5 are 0 */
    uint64_t tsc;   /* the guest's counter when the state was taken, tsc_adjust included */
    struct vcpu_msrs msrs;

    uint8_t shadow_sti, shadow_ss; /* no interrupt before the next instruction has ended */
    uint8_t nmi_masked, nmi_pending;
    uint8_t halted;
    uint8_t waiting_for_sipi;
    uint8_t zero8[2];

    _Alignas(64) uint8_t xsave[VCPU_XSAVE_BYTES];
    uint8_t zero_end[64];
};

/* 0, or -EINVAL when a reserved bit or a combination could not be in a processor; *why is a constant sentence. */
int vcpu_state_check(const struct vcpu_state *s, const char **why);

/* As after a reset (Intel 3A table 9-1). */
void vcpu_state_reset(struct vcpu_state *s);

#endif
