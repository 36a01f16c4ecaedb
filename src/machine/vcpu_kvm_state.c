/* SPDX-License-Identifier: Apache-2.0 */
/* struct vcpu_state from and to KVM's own structs (Linux, Documentation/virt/kvm/api.rst), piece by piece. */
#include "machine/vcpu_kvm.h"
#include "cpu/registers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define PIECE(k, request, record)                                                                                      \
    if (ioctl((k)->fd, request, record) < 0)                                                                           \
    return failed(k, #request)

static struct vcpu_kvm *of(struct vcpu *v)
{
    return (struct vcpu_kvm *)(void *)v;
}

static int failed(struct vcpu_kvm *k, const char *what)
{
    const int error = errno;

    snprintf(k->failure, sizeof k->failure, "%s: %s", what, strerror(error));
    return -error;
}

/* ---- MSRs ------------------------------------------------------------------------------------------------------ */

struct msr_list {
    struct kvm_msrs head;
    struct kvm_msr_entry entries[64];
};

struct msr_place {
    uint32_t index;
    uint16_t offset; /* in struct vcpu_msrs */
};
#define PLACE(index, member) {index, offsetof(struct vcpu_msrs, member)}
static const struct msr_place places[] = {
    PLACE(MSR_STAR, star),
    PLACE(MSR_LSTAR, lstar),
    PLACE(MSR_CSTAR, cstar),
    PLACE(MSR_SFMASK, sfmask),
    PLACE(MSR_KERNEL_GS_BASE, kernel_gs_base),
    PLACE(MSR_SYSENTER_CS, sysenter_cs),
    PLACE(MSR_SYSENTER_ESP, sysenter_esp),
    PLACE(MSR_SYSENTER_EIP, sysenter_eip),
    PLACE(MSR_PAT, pat),
    PLACE(MSR_TSC_AUX, tsc_aux),
    PLACE(MSR_MISC_ENABLE, misc_enable),
    PLACE(MSR_MTRR_DEF, mtrr_def),
};
#define PLACES (sizeof places / sizeof *places)

/* KVM stops at the first that it does not know: one at a time, so that one that this host lacks is left out alone. */
static int msr_one(struct vcpu_kvm *k, bool set, uint32_t index, uint64_t *value)
{
    struct msr_list list = {.head.nmsrs = 1, .entries = {{.index = index, .data = set ? *value : 0}}};
    const int n = ioctl(k->fd, set ? KVM_SET_MSRS : KVM_GET_MSRS, &list);

    if (n < 0)
        return failed(k, set ? "KVM_SET_MSRS" : "KVM_GET_MSRS");
    if (n == 1 && !set)
        *value = list.entries[0].data;
    return 0;
}

static int mtrrs(struct vcpu_kvm *k, bool set, struct vcpu_msrs *m)
{
    static const uint32_t fixed[11] = {MSR_MTRR_FIX64K, MSR_MTRR_FIX16K, MSR_MTRR_FIX16K + 1, MSR_MTRR_FIX4K,
                                       MSR_MTRR_FIX4K + 1, MSR_MTRR_FIX4K + 2, MSR_MTRR_FIX4K + 3, MSR_MTRR_FIX4K + 4,
                                       MSR_MTRR_FIX4K + 5, MSR_MTRR_FIX4K + 6, MSR_MTRR_FIX4K + 7};
    int r = 0;

    for (unsigned i = 0; i < 11 && r == 0; i++)
        r = msr_one(k, set, fixed[i], &m->mtrr_fixed[i]);
    for (unsigned i = 0; i < 8 && r == 0; i++)
        if ((r = msr_one(k, set, MSR_MTRR_BASE + 2 * i, &m->mtrr_base[i])) == 0)
            r = msr_one(k, set, MSR_MTRR_BASE + 2 * i + 1, &m->mtrr_mask[i]);
    return r;
}

static int all_msrs(struct vcpu_kvm *k, bool set, struct vcpu_msrs *m)
{
    int r = 0;

    for (size_t i = 0; i < PLACES && r == 0; i++)
        r = msr_one(k, set, places[i].index, (uint64_t *)(void *)((uint8_t *)m + places[i].offset));
    return r == 0 ? mtrrs(k, set, m) : r;
}

/* ---- Segments -------------------------------------------------------------------------------------------------- */

static struct vcpu_segment segment_from(const struct kvm_segment *s)
{
    return (struct vcpu_segment){.base = s->base,
                                 .limit = s->limit,
                                 .selector = s->selector,
                                 .attributes = s->type | (uint32_t)s->s << 4 | (uint32_t)s->dpl << SEG_DPL_SHIFT |
                                               (uint32_t)s->present << 7 | (uint32_t)s->avl << 12 |
                                               (uint32_t)s->l << 13 | (uint32_t)s->db << 14 | (uint32_t)s->g << 15 |
                                               (s->unusable ? SEG_UNUSABLE : 0)};
}

static struct kvm_segment segment_to(const struct vcpu_segment *s)
{
    const uint32_t a = s->attributes;

    return (struct kvm_segment){.base = s->base,
                                .limit = s->limit,
                                .selector = s->selector,
                                .type = a & SEG_TYPE,
                                .s = a >> 4 & 1,
                                .dpl = a >> SEG_DPL_SHIFT & 3,
                                .present = a >> 7 & 1,
                                .avl = a >> 12 & 1,
                                .l = a >> 13 & 1,
                                .db = a >> 14 & 1,
                                .g = a >> 15 & 1,
                                .unusable = a & SEG_UNUSABLE || !(a & SEG_P)};
}

static void sregs_get(const struct kvm_sregs *s, struct vcpu_state *out)
{
    const struct kvm_segment *const all[SEGMENTS] = {&s->es, &s->cs, &s->ss, &s->ds, &s->fs, &s->gs};

    for (unsigned i = 0; i < SEGMENTS; i++)
        out->segments[i] = segment_from(all[i]);
    out->ldtr = segment_from(&s->ldt);
    out->tr = segment_from(&s->tr);
    out->gdtr = (struct vcpu_table){.base = s->gdt.base, .limit = s->gdt.limit};
    out->idtr = (struct vcpu_table){.base = s->idt.base, .limit = s->idt.limit};
    out->cr0 = s->cr0;
    out->cr2 = s->cr2;
    out->cr3 = s->cr3;
    out->cr4 = s->cr4;
    out->cr8 = s->cr8;
    out->msrs.efer = s->efer;
}

static void sregs_set(struct kvm_sregs *s, const struct vcpu_state *in)
{
    struct kvm_segment *const all[SEGMENTS] = {&s->es, &s->cs, &s->ss, &s->ds, &s->fs, &s->gs};

    for (unsigned i = 0; i < SEGMENTS; i++)
        *all[i] = segment_to(&in->segments[i]);
    s->ldt = segment_to(&in->ldtr);
    s->tr = segment_to(&in->tr);
    s->gdt = (struct kvm_dtable){.base = in->gdtr.base, .limit = (uint16_t)in->gdtr.limit};
    s->idt = (struct kvm_dtable){.base = in->idtr.base, .limit = (uint16_t)in->idtr.limit};
    s->cr0 = in->cr0;
    s->cr2 = in->cr2;
    s->cr3 = in->cr3;
    s->cr4 = in->cr4;
    s->cr8 = in->cr8;
    s->efer = in->msrs.efer;
    memset(s->interrupt_bitmap, 0, sizeof s->interrupt_bitmap);
}

/* ---- General registers: KVM's order is its own ------------------------------------------------------------------ */

#define REGISTERS(X)                                                                                                   \
    X(GPR_AX, rax) X(GPR_CX, rcx) X(GPR_DX, rdx) X(GPR_BX, rbx) X(GPR_SP, rsp) X(GPR_BP, rbp) X(GPR_SI, rsi)          \
    X(GPR_DI, rdi) X(8, r8) X(9, r9) X(10, r10) X(11, r11) X(12, r12) X(13, r13) X(14, r14) X(15, r15)

static void regs_get(const struct kvm_regs *r, struct vcpu_state *out)
{
#define X(n, name) out->gpr[n] = r->name;
    REGISTERS(X)
#undef X
    out->rip = r->rip;
    out->rflags = r->rflags;
}

static struct kvm_regs regs_from(const struct vcpu_state *s)
{
    struct kvm_regs r = {.rip = s->rip, .rflags = s->rflags};
#define X(n, name) r.name = s->gpr[n];
    REGISTERS(X)
#undef X
    return r;
}

/* ---- The whole ------------------------------------------------------------------------------------------------- */

static int get_rest(struct vcpu_kvm *k, struct vcpu_state *out)
{
    struct kvm_debugregs debug;
    struct kvm_vcpu_events events;
    struct kvm_xcrs xcrs;
    struct kvm_xsave xsave;

    PIECE(k, KVM_GET_DEBUGREGS, &debug);
    PIECE(k, KVM_GET_VCPU_EVENTS, &events);
    PIECE(k, KVM_GET_XSAVE, &xsave);
    memcpy(out->dr, debug.db, 4 * sizeof *debug.db);
    out->dr[6] = debug.dr6;
    out->dr[7] = debug.dr7;
    out->shadow_sti = out->shadow_ss = events.interrupt.shadow != 0;
    out->nmi_masked = events.nmi.masked;
    out->nmi_pending = events.nmi.pending != 0;
    memcpy(out->xsave, xsave.region, sizeof out->xsave);
    out->xcr0 = 1;
    if (ioctl(k->fd, KVM_GET_XCRS, &xcrs) == 0 && xcrs.nr_xcrs)
        out->xcr0 = xcrs.xcrs[0].value;
    return 0;
}

int vcpu_kvm_get(struct vcpu *v, struct vcpu_state *out)
{
    struct vcpu_kvm *k = of(v);
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    int r;

    memset(out, 0, sizeof *out);
    out->version = VCPU_STATE_VERSION;
    out->bytes = sizeof *out;
    PIECE(k, KVM_GET_REGS, &regs);
    PIECE(k, KVM_GET_SREGS, &sregs);
    regs_get(&regs, out);
    sregs_get(&sregs, out);
    out->tsc = k->bus.tsc(k->bus.owner);
    out->halted = k->halted;
    if ((r = get_rest(k, out)) < 0 || (r = all_msrs(k, false, &out->msrs)) < 0)
        return r;
    return 0;
}

static int set_rest(struct vcpu_kvm *k, const struct vcpu_state *s)
{
    struct kvm_debugregs debug = {.dr6 = s->dr[6], .dr7 = s->dr[7]};
    struct kvm_vcpu_events events;
    struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs = {{.xcr = 0, .value = s->xcr0}}};
    struct kvm_xsave xsave;

    memset(&events, 0, sizeof events);
    memset(&xsave, 0, sizeof xsave);
    memcpy(debug.db, s->dr, 4 * sizeof *debug.db);
    memcpy(xsave.region, s->xsave, sizeof s->xsave);
    events.interrupt.shadow = s->shadow_sti || s->shadow_ss ? KVM_X86_SHADOW_INT_STI : 0;
    events.nmi.masked = s->nmi_masked;
    events.nmi.pending = s->nmi_pending;
    events.flags = KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_NMI_PENDING;
    if (ioctl(k->fd, KVM_SET_XCRS, &xcrs) < 0 && s->xcr0 != 1)
        return failed(k, "KVM_SET_XCRS");
    PIECE(k, KVM_SET_XSAVE, &xsave);
    PIECE(k, KVM_SET_DEBUGREGS, &debug);
    PIECE(k, KVM_SET_VCPU_EVENTS, &events);
    return 0;
}

int vcpu_kvm_set(struct vcpu *v, const struct vcpu_state *s)
{
    struct vcpu_kvm *k = of(v);
    struct kvm_regs regs = regs_from(s);
    struct kvm_sregs sregs;
    struct vcpu_msrs msrs = s->msrs;
    uint64_t tsc = k->bus.tsc(k->bus.owner), apic_base = 0;
    int r;

    PIECE(k, KVM_GET_SREGS, &sregs);
    sregs_set(&sregs, s);
    k->bus.msr_read(k->bus.owner, MSR_APIC_BASE, &apic_base);
    sregs.apic_base = k->apic_base = apic_base;
    PIECE(k, KVM_SET_SREGS, &sregs);
    PIECE(k, KVM_SET_REGS, &regs);
    if ((r = set_rest(k, s)) < 0 || (r = all_msrs(k, true, &msrs)) < 0 ||
        (r = msr_one(k, true, MSR_TSC, &tsc)) < 0)
        return r;
    k->halted = s->halted;
    return 0;
}
