/* SPDX-License-Identifier: Apache-2.0 */
/* struct vcpu_state from and to KVM's own structs (Linux, Documentation/virt/kvm/api.rst), piece by piece. */
#include "cpu/registers.h"
#include "machine/vcpu_kvm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <x86intrin.h>

#define PIECE(k, request, record)                                                                                      \
    if (ioctl((k)->fd, request, record) < 0)                                                                           \
    return vcpu_kvm_fail(k, #request)

#define XSAVE_OF_SOFTWARE 464 /* bytes of the legacy area that no processor touches; the kernel leaves notes there */
#define XSAVE_HEADER      512

static struct vcpu_kvm *of(struct vcpu *v)
{
    return (struct vcpu_kvm *)(void *)v;
}

int vcpu_kvm_fail(struct vcpu_kvm *k, const char *what)
{
    const int error = errno;

    snprintf(k->failure, sizeof k->failure, "KVM: %s: %s", what, strerror(error));
    return -error;
}

/* ---- MSRs ------------------------------------------------------------------------------------------------------ */

/* struct kvm_msrs, of one. */
struct msr_request {
    uint32_t n, zero;
    struct kvm_msr_entry entry;
};

struct msr_place {
    uint32_t index;
    uint16_t offset; /* in struct vcpu_msrs */
    bool needed;     /* what a guest put there it relies on: a host that refuses it cannot have this machine */
};
#define PLACE(index, member, needed)                                                                                   \
    {                                                                                                                  \
        index, offsetof(struct vcpu_msrs, member), needed                                                              \
    }
static const struct msr_place places[] = {
    PLACE(MSR_STAR, star, true),
    PLACE(MSR_LSTAR, lstar, true),
    PLACE(MSR_CSTAR, cstar, true),
    PLACE(MSR_SFMASK, sfmask, true),
    PLACE(MSR_KERNEL_GS_BASE, kernel_gs_base, true),
    PLACE(MSR_SYSENTER_CS, sysenter_cs, true),
    PLACE(MSR_SYSENTER_ESP, sysenter_esp, true),
    PLACE(MSR_SYSENTER_EIP, sysenter_eip, true),
    PLACE(MSR_PAT, pat, true),
    PLACE(MSR_TSC_AUX, tsc_aux, false),
    PLACE(MSR_MISC_ENABLE, misc_enable, false),
    PLACE(MSR_MTRR_DEF, mtrr_def, false),
};
#define PLACES (sizeof places / sizeof *places)

/* KVM stops at the first that it does not know: one at a time, so that one that this host lacks is left out alone. */
static int msr_one(struct vcpu_kvm *k, bool set, uint32_t index, uint64_t *value, bool needed)
{
    struct msr_request one = {.n = 1, .entry = {.index = index, .data = set ? *value : 0}};
    const int n = ioctl(k->fd, set ? KVM_SET_MSRS : KVM_GET_MSRS, &one);

    if (n < 0)
        return vcpu_kvm_fail(k, set ? "KVM_SET_MSRS" : "KVM_GET_MSRS");
    if (n == 1 && !set)
        *value = one.entry.data;
    if (n == 1 || !needed)
        return 0;
    snprintf(k->failure, sizeof k->failure, "KVM: this host's has no register %#x, or not with the value %#llx", index,
             (unsigned long long)*value);
    return -ENOTSUP;
}

static int mtrrs(struct vcpu_kvm *k, bool set, struct vcpu_msrs *m)
{
    static const uint32_t fixed[11] = {MSR_MTRR_FIX64K,    MSR_MTRR_FIX16K,    MSR_MTRR_FIX16K + 1, MSR_MTRR_FIX4K,
                                       MSR_MTRR_FIX4K + 1, MSR_MTRR_FIX4K + 2, MSR_MTRR_FIX4K + 3,  MSR_MTRR_FIX4K + 4,
                                       MSR_MTRR_FIX4K + 5, MSR_MTRR_FIX4K + 6, MSR_MTRR_FIX4K + 7};
    int r = 0;

    for (unsigned i = 0; i < 11 && r == 0; i++)
        r = msr_one(k, set, fixed[i], &m->mtrr_fixed[i], false);
    for (unsigned i = 0; i < 8 && r == 0; i++)
        if ((r = msr_one(k, set, MSR_MTRR_BASE + 2 * i, &m->mtrr_base[i], false)) == 0)
            r = msr_one(k, set, MSR_MTRR_BASE + 2 * i + 1, &m->mtrr_mask[i], false);
    return r;
}

static int all_msrs(struct vcpu_kvm *k, bool set, struct vcpu_msrs *m)
{
    int r = 0;

    for (size_t i = 0; i < PLACES && r == 0; i++)
        r = msr_one(k, set, places[i].index, (uint64_t *)(void *)((uint8_t *)m + places[i].offset), places[i].needed);
    return r == 0 ? mtrrs(k, set, m) : r;
}

int vcpu_kvm_set_apic_base(struct vcpu_kvm *k)
{
    uint64_t base = 0;

    k->bus.msr_read(k->bus.owner, MSR_APIC_BASE, &base);
    return msr_one(k, true, MSR_APIC_BASE, &base, true);
}

/* ---- The counter ----------------------------------------------------------------------------------------------- */

#define FAR_TICKS  (UINT64_C(1) << 42) /* more than a second, of any counter */
#define CALL_TICKS 20000 /* about what a call takes: the guest must not see time before the machine does */

/* Of the machine's counter from the host's: of some tries the one with the least between the two. A guest's that is
 * ahead by that little is better than one that is behind what the machine has told it. */
static uint64_t offset_of(const struct vcpu_kvm *k)
{
    uint64_t best = 0, least = UINT64_MAX;

    for (unsigned i = 0; i < 4; i++) {
        const uint64_t before = __rdtsc(), ticks = k->bus.tsc(k->bus.owner), after = __rdtsc();
        if (after - before < least) {
            least = after - before;
            best = ticks - before;
        }
    }
    return best;
}

/* Since Linux 5.16 the offset from the host's counter can be set. Older ones take a value, and one that is within a
 * second of the counter's for the counter's own: a far one first. */
int vcpu_kvm_set_counter(struct vcpu_kvm *k)
{
    uint64_t offset = offset_of(k) + k->kept.tsc_adjust, value;
    const struct kvm_device_attr attribute = {
        .group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&offset};
    int r;

    if (ioctl(k->fd, KVM_SET_DEVICE_ATTR, &attribute) == 0)
        return 0;
    value = k->bus.tsc(k->bus.owner) + k->kept.tsc_adjust + FAR_TICKS;
    if ((r = msr_one(k, true, MSR_TSC, &value, false)) < 0)
        return r;
    value = k->bus.tsc(k->bus.owner) + k->kept.tsc_adjust + CALL_TICKS;
    return msr_one(k, true, MSR_TSC, &value, false);
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
    X(GPR_AX, rax)                                                                                                     \
    X(GPR_CX, rcx)                                                                                                     \
    X(GPR_DX, rdx)                                                                                                     \
    X(GPR_BX, rbx)                                                                                                     \
    X(GPR_SP, rsp)                                                                                                     \
    X(GPR_BP, rbp)                                                                                                     \
    X(GPR_SI, rsi)                                                                                                     \
    X(GPR_DI, rdi)                                                                                                     \
    X(8, r8)                                                                                                           \
    X(9, r9)                                                                                                           \
    X(10, r10)                                                                                                         \
    X(11, r11)                                                                                                         \
    X(12, r12)                                                                                                         \
    X(13, r13)                                                                                                         \
    X(14, r14)                                                                                                         \
    X(15, r15)

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

static int get_events(struct vcpu_kvm *k, struct vcpu_state *out)
{
    struct kvm_debugregs debug;
    struct kvm_vcpu_events events;

    PIECE(k, KVM_GET_DEBUGREGS, &debug);
    PIECE(k, KVM_GET_VCPU_EVENTS, &events);
    memcpy(out->dr, debug.db, 4 * sizeof *debug.db);
    out->dr[6] = debug.dr6;
    out->dr[7] = debug.dr7;
    out->shadow_sti = (events.interrupt.shadow & KVM_X86_SHADOW_INT_STI) != 0;
    out->shadow_ss = (events.interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS) != 0;
    out->nmi_masked = events.nmi.masked;
    out->nmi_pending = events.nmi.pending || __atomic_load_n(&k->nmi, __ATOMIC_ACQUIRE);
    return 0;
}

/* The record has x87 and SSE always: KVM fills in what is in its first state. */
static int get_xsave(struct vcpu_kvm *k, struct vcpu_state *out)
{
    struct kvm_xcrs xcrs;
    struct kvm_xsave xsave;

    PIECE(k, KVM_GET_XSAVE, &xsave);
    memcpy(out->xsave, xsave.region, sizeof out->xsave);
    memset(out->xsave + XSAVE_OF_SOFTWARE, 0, XSAVE_HEADER - XSAVE_OF_SOFTWARE);
    memset(out->xsave + XSAVE_HEADER + 1, 0, 63);
    out->xsave[XSAVE_HEADER] = (out->xsave[XSAVE_HEADER] & 7) | 3;
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

    if (!k->between)
        return errno = EAGAIN, vcpu_kvm_fail(k, "an interrupt is on its way into the guest");
    memset(out, 0, sizeof *out);
    out->version = VCPU_STATE_VERSION;
    out->bytes = sizeof *out;
    out->msrs = k->kept;
    PIECE(k, KVM_GET_REGS, &regs);
    PIECE(k, KVM_GET_SREGS, &sregs);
    regs_get(&regs, out);
    sregs_get(&sregs, out);
    out->cr8 = k->bus.tpr_get(k->bus.owner) >> 4;
    out->tsc = k->bus.tsc(k->bus.owner) + k->kept.tsc_adjust;
    out->halted = k->halted;
    if ((r = get_events(k, out)) < 0 || (r = get_xsave(k, out)) < 0)
        return r;
    return all_msrs(k, false, &out->msrs);
}

/* Intel's processors know two reasons for it and refuse to be entered with both, or with sti's and IF clear. */
static uint8_t shadow_of(const struct vcpu_state *s)
{
    if (s->shadow_ss)
        return KVM_X86_SHADOW_INT_MOV_SS;
    return s->shadow_sti && s->rflags & RFLAGS_IF ? KVM_X86_SHADOW_INT_STI : 0;
}

static int set_events(struct vcpu_kvm *k, const struct vcpu_state *s)
{
    struct kvm_debugregs debug = {.dr6 = s->dr[6], .dr7 = s->dr[7]};
    struct kvm_vcpu_events events;

    memset(&events, 0, sizeof events);
    memcpy(debug.db, s->dr, 4 * sizeof *debug.db);
    events.interrupt.shadow = shadow_of(s);
    events.nmi.masked = s->nmi_masked;
    events.flags = KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_NMI_PENDING;
    PIECE(k, KVM_SET_DEBUGREGS, &debug);
    PIECE(k, KVM_SET_VCPU_EVENTS, &events);
    __atomic_store_n(&k->nmi, s->nmi_pending, __ATOMIC_RELEASE);
    return 0;
}

static int set_xsave(struct vcpu_kvm *k, const struct vcpu_state *s)
{
    const struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs = {{.xcr = 0, .value = s->xcr0}}};
    struct kvm_xsave xsave;

    memset(&xsave, 0, sizeof xsave);
    memcpy(xsave.region, s->xsave, sizeof s->xsave);
    if (ioctl(k->fd, KVM_SET_XCRS, &xcrs) < 0 && s->xcr0 != 1)
        return vcpu_kvm_fail(k, "KVM_SET_XCRS");
    PIECE(k, KVM_SET_XSAVE, &xsave);
    return 0;
}

/* KVM refuses control bits of what it, or the host, does not have. */
static int set_sregs(struct vcpu_kvm *k, const struct vcpu_state *s)
{
    struct kvm_sregs sregs;

    PIECE(k, KVM_GET_SREGS, &sregs);
    sregs_set(&sregs, s);
    if (ioctl(k->fd, KVM_SET_SREGS, &sregs) == 0)
        return 0;
    snprintf(k->failure, sizeof k->failure,
             "KVM: this host's has not all that cr0 %#llx, cr4 %#llx, efer %#llx ask for", (unsigned long long)s->cr0,
             (unsigned long long)s->cr4, (unsigned long long)s->msrs.efer);
    return -ENOTSUP;
}

int vcpu_kvm_set(struct vcpu *v, const struct vcpu_state *s)
{
    struct vcpu_kvm *k = of(v);
    struct kvm_regs regs = regs_from(s);
    struct vcpu_msrs msrs = s->msrs;
    int r;

    if ((r = set_sregs(k, s)) < 0)
        return r;
    PIECE(k, KVM_SET_REGS, &regs);
    k->kept = s->msrs;
    if ((r = set_events(k, s)) < 0 || (r = set_xsave(k, s)) < 0 || (r = all_msrs(k, true, &msrs)) < 0 ||
        (r = vcpu_kvm_set_apic_base(k)) < 0 || (r = vcpu_kvm_set_counter(k)) < 0)
        return r;
    if (k->bus.tpr_get(k->bus.owner) >> 4 != s->cr8)
        k->bus.tpr_set(k->bus.owner, (uint8_t)(s->cr8 << 4));
    k->halted = s->halted;
    k->between = true;
    /* What KVM_RUN would say: an interrupt may be offered before the first one, and has to when it is halted. */
    k->run->if_flag = (s->rflags & RFLAGS_IF) != 0;
    k->run->ready_for_interrupt_injection = k->run->if_flag && !shadow_of(s);
    return 0;
}
