/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a processor as a record: made, loaded, checked, and what it is after a reset. The check says of bytes
 * from outside whether a processor could be in such a state; what it lets through cannot make the engine fail.
 */
#include "cpu/features.h"
#include "cpu/system.h"

#include <errno.h>

/* ---- After a reset (Intel 3A table 9-1) -----------------------------------------------------------------------------
 */

void vcpu_state_reset(struct vcpu_state *s)
{
    uint32_t data = SEG_P | SEG_S | TYPE_WRITABLE | TYPE_ACCESSED;

    memset(s, 0, sizeof *s);
    s->version = VCPU_STATE_VERSION;
    s->bytes = sizeof *s;
    s->rip = 0xfff0;
    s->rflags = RFLAGS_ONE;
    s->gpr[GPR_DX] = 0x600;
    for (unsigned i = 0; i < SEGMENTS; i++)
        s->segments[i] = (struct vcpu_segment){.limit = 0xffff, .attributes = data};
    s->segments[SEG_CS] =
        (struct vcpu_segment){.base = 0xffff0000, .limit = 0xffff, .attributes = data | TYPE_CODE, .selector = 0xf000};
    s->ldtr = (struct vcpu_segment){.limit = 0xffff, .attributes = SEG_P | TYPE_LDT};
    s->tr = (struct vcpu_segment){.limit = 0xffff, .attributes = SEG_P | TYPE_TSS_BUSY};
    s->gdtr.limit = s->idtr.limit = 0xffff;
    s->cr0 = CR0_CD | CR0_NW | CR0_ET;
    s->xcr0 = 1;
    s->dr[6] = DR6_FIXED;
    s->dr[7] = DR7_FIXED;
    s->msrs.pat = UINT64_C(0x0007040600070406);
    s->msrs.misc_enable = 0x1801; /* fast strings; no branch traces, no event samples */
    /* x87 as after finit, but for what a reset leaves: control 0x40 (Intel 3A 9.1.1); mxcsr */
    s->xsave[0] = 0x40;
    s->xsave[4] = 0xff; /* tags in short form: all full */
    s->xsave[24] = 0x80;
    s->xsave[25] = 0x1f;
    s->xsave[28] = 0xff;
    s->xsave[29] = 0xff;
    s->xsave[512] = 3;
}

void cpu_reset(struct cpu *cpu)
{
    struct vcpu_state s;

    vcpu_state_reset(&s);
    s.gpr[GPR_DX] = cpu->model.signature;
    cpu_state_set(cpu, &s);
    fpu_reset(cpu);
}

/* ---- Made and loaded ------------------------------------------------------------------------------------------- */

void cpu_state_get(struct cpu *cpu, struct vcpu_state *out)
{
    memset(out, 0, sizeof *out);
    out->version = VCPU_STATE_VERSION;
    out->bytes = sizeof *out;
    memcpy(out->gpr, cpu->gpr, sizeof out->gpr);
    out->rip = cpu->rip;
    out->rflags = cpu_rflags(cpu);
    memcpy(out->segments, cpu->segments, sizeof out->segments);
    out->ldtr = cpu->ldtr;
    out->tr = cpu->tr;
    out->gdtr = cpu->gdtr;
    out->idtr = cpu->idtr;
    out->cr0 = cpu->cr0;
    out->cr2 = cpu->cr2;
    out->cr3 = cpu->cr3;
    out->cr4 = cpu->cr4;
    out->cr8 = cpu->bus.tpr_get ? cpu->bus.tpr_get(cpu->bus.owner) >> 4 : 0;
    out->xcr0 = cpu->xcr0;
    memcpy(out->dr, cpu->dr, sizeof out->dr);
    out->tsc = (cpu->bus.tsc ? cpu->bus.tsc(cpu->bus.owner) : 0) + cpu->msrs.tsc_adjust;
    out->msrs = cpu->msrs;
    out->shadow_sti = cpu->shadow_sti;
    out->shadow_ss = cpu->shadow_ss;
    out->nmi_masked = cpu->nmi_masked;
    out->nmi_pending = cpu->nmi_pending || (__atomic_load_n(&cpu->attention, __ATOMIC_RELAXED) & ATTENTION_NMI);
    out->halted = cpu->halted;
    fpu_to_xsave(cpu, out->xsave);
}

bool cpu_state_fits(const struct cpu *cpu, const struct vcpu_state *s)
{
    return (s->xcr0 & XCR0_AVX_STATE) != XCR0_AVX_STATE || cpu_model_has(&cpu->model, CPU_AVX);
}

void cpu_state_set(struct cpu *cpu, const struct vcpu_state *s)
{
    memcpy(cpu->gpr, s->gpr, sizeof s->gpr);
    cpu->gpr[GPR_ZERO] = 0;
    cpu->rip = s->rip;
    memcpy(cpu->segments, s->segments, sizeof s->segments);
    cpu->ldtr = s->ldtr;
    cpu->tr = s->tr;
    cpu->gdtr = s->gdtr;
    cpu->idtr = s->idtr;
    cpu->cr0 = s->cr0;
    cpu->cr2 = s->cr2;
    cpu->cr3 = s->cr3;
    cpu->cr4 = s->cr4;
    cpu->xcr0 = s->xcr0;
    memcpy(cpu->dr, s->dr, sizeof s->dr);
    cpu->msrs = s->msrs;
    cpu_flags_set_all(cpu, s->rflags);
    cpu->shadow_sti = s->shadow_sti;
    cpu->shadow_ss = s->shadow_ss;
    cpu->nmi_masked = s->nmi_masked;
    cpu->nmi_pending = s->nmi_pending;
    cpu->halted = s->halted;
    cpu->shutdown = false;
    cpu->stepping = false;
    cpu->debug_pending = 0;
    cpu->fault.pending = false;
    cpu->cpl = cpu->segments[SEG_SS].attributes >> SEG_DPL_SHIFT & 3;
    if (cpu->bus.tpr_set)
        cpu->bus.tpr_set(cpu->bus.owner, (uint8_t)(s->cr8 << 4));
    fpu_from_xsave(cpu, s->xsave);
    cpu_mode_changed(cpu);
    if ((cpu->cr0 & CR0_PG) && (cpu->cr4 & CR4_PAE) && !cpu_long_active(cpu) && !cpu_pdptes_load(cpu, cpu->cr3))
        memset(cpu->pdpte, 0, sizeof cpu->pdpte);
    cpu->fault.pending = false;
    cpu_attention_slow(cpu);
    cpu_forget(cpu);
}

/* ---- Checked --------------------------------------------------------------------------------------------------- */

static const char *check_control(const struct vcpu_state *s)
{
    const uint64_t cr0 =
        CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
    const uint64_t cr4 = 0x1377fff & ~CR4_LA57;
    bool long_active = s->msrs.efer & EFER_LMA;

    if ((s->cr0 & ~cr0) || ((s->cr0 & CR0_PG) && !(s->cr0 & CR0_PE)) || ((s->cr0 & CR0_NW) && !(s->cr0 & CR0_CD)))
        return "cr0 has bits that cannot be";
    if (s->cr4 & ~cr4)
        return "cr4 has bits that cannot be";
    if (s->cr3 >> 52)
        return "cr3 is no address";
    if (s->cr8 > 15)
        return "cr8 is above 15";
    if (s->msrs.efer & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE))
        return "efer has bits that cannot be";
    if (long_active != ((s->msrs.efer & EFER_LME) && (s->cr0 & CR0_PG)) || (long_active && !(s->cr4 & CR4_PAE)))
        return "long mode without paging, or paging without it";
    if (!(s->xcr0 & 1) || (s->xcr0 & ~UINT64_C(7)) || (s->xcr0 & 6) == 4)
        return "xcr0 has bits that cannot be";
    return NULL;
}

static bool segment_valid(const struct vcpu_segment *s)
{
    return !(s->attributes & ~(uint32_t)(0xf0ff | SEG_UNUSABLE)) && !s->zero16 && !s->zero32;
}

static const char *check_segments(const struct vcpu_state *s)
{
    const struct vcpu_segment *cs = &s->segments[SEG_CS];
    bool long_active = s->msrs.efer & EFER_LMA;

    for (unsigned i = 0; i < SEGMENTS; i++) {
        if (!segment_valid(&s->segments[i]))
            return "a segment has bits that cannot be";
        if (i < SEG_FS && s->segments[i].base >> 32)
            return "a segment's base is above 4 GiB";
    }
    if (!segment_valid(&s->ldtr) || !segment_valid(&s->tr))
        return "a segment has bits that cannot be";
    if (cs->attributes & SEG_UNUSABLE)
        return "there is no code segment";
    if (long_active && (cs->attributes & (SEG_L | SEG_DB)) == (SEG_L | SEG_DB))
        return "code of 64 bits and of 32";
    if (!address_canonical(s->ldtr.base) || !address_canonical(s->tr.base) || !address_canonical(s->gdtr.base) ||
        !address_canonical(s->idtr.base) || !address_canonical(s->segments[SEG_FS].base) ||
        !address_canonical(s->segments[SEG_GS].base))
        return "a base is not canonical";
    if (s->gdtr.limit > 0xffff || s->idtr.limit > 0xffff || s->gdtr.zero32 || s->idtr.zero32)
        return "a table's limit is above 64 KiB";
    if (long_active && (cs->attributes & SEG_L) ? !address_canonical(s->rip) : s->rip >> 32)
        return "rip is no address";
    return NULL;
}

static const char *check_msrs(const struct vcpu_msrs *m)
{
    const uint64_t addresses[] = {m->lstar, m->cstar, m->kernel_gs_base, m->sysenter_esp, m->sysenter_eip};

    for (unsigned i = 0; i < sizeof addresses / sizeof *addresses; i++)
        if (!address_canonical(addresses[i]))
            return "a register that holds an address holds none";
    for (unsigned i = 0; i < 64; i += 8)
        if ((m->pat >> i & 0xff) > 7 || (m->pat >> i & 0xfe) == 2)
            return "the page attribute table has types that cannot be";
    return NULL;
}

static const char *check_rest(const struct vcpu_state *s)
{
    static const uint8_t zeros[sizeof s->zero_end];
    bool long_active = s->msrs.efer & EFER_LMA;
    uint32_t mxcsr;

    if ((s->rflags & ~(RFLAGS_ALL | RFLAGS_ONE)) || !(s->rflags & RFLAGS_ONE))
        return "rflags has bits that cannot be";
    if ((s->rflags & RFLAGS_VM) && (long_active || !(s->cr0 & CR0_PE)))
        return "virtual-8086 mode in long or real mode";
    if (s->dr[4] || s->dr[5] || s->dr[6] >> 32 || s->dr[7] >> 32)
        return "a debug register has bits that cannot be";
    if (s->shadow_sti > 1 || s->shadow_ss > 1 || s->nmi_masked > 1 || s->nmi_pending > 1 || s->halted > 1 ||
        s->waiting_for_sipi > 1)
        return "a flag is neither 0 nor 1";
    memcpy(&mxcsr, s->xsave + 24, sizeof mxcsr);
    if (mxcsr & ~0xffffu)
        return "mxcsr has bits that cannot be";
    if (s->xsave[512] & ~7 || memcmp(s->xsave + 513, zeros, 63) || memcmp(s->zero_end, zeros, sizeof zeros))
        return "xsave's header, or what is reserved, is not 0";
    return NULL;
}

int vcpu_state_check(const struct vcpu_state *s, const char **why)
{
    const char *wrong = NULL;

    if (s->version != VCPU_STATE_VERSION || s->bytes != sizeof *s)
        wrong = "another version of the record";
    if (!wrong)
        wrong = check_control(s);
    if (!wrong)
        wrong = check_segments(s);
    if (!wrong)
        wrong = check_msrs(&s->msrs);
    if (!wrong)
        wrong = check_rest(s);
    if (wrong && why)
        *why = wrong;
    return wrong ? -EINVAL : 0;
}
