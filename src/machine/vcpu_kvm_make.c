/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a machine of KVM's with one processor: descriptors, memory, what CPUID says, which MSRs come out to us. All of
 * it is done before this process is shut in, and with calls that are not allowed afterwards.
 */
#include "cpu/registers.h"
#include "machine/accel.h"
#include "machine/vcpu_kvm.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TSS_AT          0xfffbd000u /* three pages that no device has: Intel's virtual-8086 monitor of real mode */
#define IDENTITY_MAP_AT 0xfffbc000u
#define CPUID_MOST      128

/* ---- CPUID ---------------------------------------------------------------------------------------------------------
 */

/* struct kvm_cpuid2, with room. */
struct cpuid_list {
    uint32_t n, zero;
    struct kvm_cpuid_entry2 entries[CPUID_MOST];
};

/* Leaves whose answers are features: only what KVM has as well is said. `ours`: what is there though KVM does not list
 * it, since the machine has it. */
static const struct feature_leaf {
    uint32_t leaf, subleaf;
    uint32_t eax, ebx, ecx, edx; /* which registers hold features: all ones */
    uint32_t ours_ecx;
} feature_leaves[] = {
    {1, 0, 0, 0, UINT32_MAX, UINT32_MAX, 1u << 21 | 1u << 24 | 1u << 31}, /* x2APIC, deadline timer, hypervisor */
    {7, 0, 0, UINT32_MAX, UINT32_MAX, UINT32_MAX, 0},
    {0xd, 0, UINT32_MAX, 0, 0, 0, 0},
    {0xd, 1, UINT32_MAX, 0, 0, 0, 0},
    {0x80000001, 0, 0, 0, UINT32_MAX, UINT32_MAX, 0},
    {0x80000008, 0, 0, UINT32_MAX, 0, 0, 0},
};

static const struct kvm_cpuid_entry2 *find(const struct cpuid_list *list, uint32_t leaf, uint32_t subleaf)
{
    static const struct kvm_cpuid_entry2 none;

    for (uint32_t i = 0; i < list->n; i++)
        if (list->entries[i].function == leaf &&
            (list->entries[i].index == subleaf || !(list->entries[i].flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
            return &list->entries[i];
    return &none;
}

static void restrict_to(struct kvm_cpuid_entry2 *e, const struct cpuid_list *supported)
{
    for (size_t i = 0; i < sizeof feature_leaves / sizeof *feature_leaves; i++) {
        const struct feature_leaf *f = &feature_leaves[i];
        if (f->leaf != e->function || f->subleaf != e->index)
            continue;
        const struct kvm_cpuid_entry2 *s = find(supported, f->leaf, f->subleaf);
        e->eax &= s->eax | ~f->eax;
        e->ebx &= s->ebx | ~f->ebx;
        e->ecx &= s->ecx | ~f->ecx | f->ours_ecx;
        e->edx &= s->edx | ~f->edx;
    }
}

/* The leaves of the model, as far as KVM can give what they say. */
static int set_cpuid(struct vcpu_kvm *k)
{
    static const uint32_t leaves[] = {0,          1,          2,          4,          6,          7,
                                      0xb,        0xd,        0x15,       0x16,       0x40000000, 0x40000001,
                                      0x40000010, 0x80000000, 0x80000001, 0x80000002, 0x80000003, 0x80000004,
                                      0x80000005, 0x80000006, 0x80000007, 0x80000008};
    struct cpuid_list supported = {.n = CPUID_MOST}, list = {.n = 0};

    if (ioctl(k->kvm, KVM_GET_SUPPORTED_CPUID, &supported) < 0)
        return vcpu_kvm_fail(k, "KVM_GET_SUPPORTED_CPUID");
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
        const unsigned subleaves = leaves[i] == 4 ? 4 : leaves[i] == 0xb ? 2 : leaves[i] == 0xd ? 3 : 1;
        for (unsigned s = 0; s < subleaves; s++) {
            const struct cpuid_answer a = cpu_model_cpuid(&k->model, leaves[i], s);
            struct kvm_cpuid_entry2 *e = &list.entries[list.n++];
            *e = (struct kvm_cpuid_entry2){.function = leaves[i],
                                           .index = s,
                                           .flags = subleaves > 1 ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
                                           .eax = a.eax,
                                           .ebx = a.ebx,
                                           .ecx = a.ecx,
                                           .edx = a.edx};
            restrict_to(e, &supported);
            if (e->function == 1 && !k->has_deadline)
                e->ecx &= ~(1u << 24);
        }
    }
    return ioctl(k->fd, KVM_SET_CPUID2, &list) < 0 ? vcpu_kvm_fail(k, "KVM_SET_CPUID2") : 0;
}

/* ---- MSRs that come out to us --------------------------------------------------------------------------------------
 */

/* Clocks and the deadline timer are the machine's. Writes of the counter come, as the machine's timers follow it. The
 * x2APIC's registers come by themselves, as KVM has no APIC in this machine; its base has to be asked for. */
static int set_msr_filter(struct vcpu_kvm *k)
{
    static const struct {
        uint32_t flags, first, n;
    } ours[] = {
        {KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE, 0x4b564d00u, 8}, /* kvmclock and its kin */
        {KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE, 0x11u, 2},       /* and its old numbers */
        {KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE, KVM_MSR_DEADLINE, 1},
        {KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE, MSR_APIC_BASE, 1},
        {KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE, MSR_TSC_ADJUST, 1},
        {KVM_MSR_FILTER_WRITE, MSR_TSC, 1},
    };
    static uint64_t none[1]; /* a bit for each: not allowed */
    struct kvm_enable_cap cap = {
        .cap = KVM_CAP_X86_USER_SPACE_MSR,
        .args = {KVM_MSR_EXIT_REASON_FILTER | KVM_MSR_EXIT_REASON_UNKNOWN | KVM_MSR_EXIT_REASON_INVAL}};
    struct kvm_msr_filter filter = {.flags = KVM_MSR_FILTER_DEFAULT_ALLOW};

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        filter.ranges[i] = (struct kvm_msr_filter_range){
            .flags = ours[i].flags, .nmsrs = ours[i].n, .base = ours[i].first, .bitmap = (uint8_t *)none};
    if (ioctl(k->vm, KVM_ENABLE_CAP, &cap) < 0 || ioctl(k->vm, KVM_X86_SET_MSR_FILTER, &filter) < 0)
        return vcpu_kvm_fail(k, "KVM_CAP_X86_USER_SPACE_MSR, which Linux has since 5.10");
    return 0;
}

/* ---- Memory --------------------------------------------------------------------------------------------------------
 */

static int set_slot(struct vcpu_kvm *k, unsigned slot, const struct gmem_region *r)
{
    const struct kvm_userspace_memory_region one = {.slot = slot,
                                                    .flags = r->flags & GMEM_ROM ? KVM_MEM_READONLY : 0,
                                                    .guest_phys_addr = r->base,
                                                    .memory_size = r->bytes,
                                                    .userspace_addr = (uintptr_t)r->host};

    return ioctl(k->vm, KVM_SET_USER_MEMORY_REGION, &one) < 0 ? vcpu_kvm_fail(k, "KVM_SET_USER_MEMORY_REGION") : 0;
}

static bool same(const struct gmem_region *a, const struct gmem_region *b)
{
    return a->base == b->base && a->bytes == b->bytes && a->host == b->host && a->flags == b->flags;
}

/* Nothing is asked of the kernel when nothing has changed. Else all slots are emptied first: one may now lie where
 * another was. */
int vcpu_kvm_map(struct vcpu_kvm *k)
{
    bool changed = k->n_slots != k->memory->n;
    int r = 0;

    for (unsigned i = 0; i < k->memory->n && !changed; i++)
        changed = !same(&k->slots[i], &k->memory->regions[i]);
    for (; changed && k->n_slots > 0 && r == 0; k->n_slots--)
        r = set_slot(k, k->n_slots - 1, &(struct gmem_region){0});
    while (r == 0 && k->n_slots < k->memory->n) {
        k->slots[k->n_slots] = k->memory->regions[k->n_slots];
        if ((r = set_slot(k, k->n_slots, &k->slots[k->n_slots])) == 0)
            k->n_slots++;
    }
    return r;
}

/* ---- The whole -----------------------------------------------------------------------------------------------------
 */

/* What is missing, and what to do about it: this is read by who asked for KVM. */
static int cannot_open(struct vcpu_kvm *k)
{
    const int error = errno;
    const char *what = strerror(error);

    if (error == ENOENT || error == ENODEV || error == ENXIO)
        what = "there is none: load the module kvm-intel or kvm-amd, or take --accel soft, which needs no KVM";
    else if (error == EACCES || error == EPERM)
        what = "not permitted: it is for the group kvm (usermod -aG kvm USER); --accel soft needs no KVM";
    snprintf(k->failure, sizeof k->failure, "/dev/kvm: %s", what);
    return -error;
}

static int make_processor(struct vcpu_kvm *k)
{
    const int bytes = ioctl(k->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

    k->fd = ioctl(k->vm, KVM_CREATE_VCPU, 0);
    if (bytes < (int)sizeof *k->run || k->fd < 0)
        return vcpu_kvm_fail(k, "KVM_CREATE_VCPU");
    void *run = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, k->fd, 0);
    if (run == MAP_FAILED)
        return vcpu_kvm_fail(k, "map the processor's page");
    k->run = run;
    k->run_bytes = (size_t)bytes;
    return 0;
}

/* With Intel's preemption timer KVM takes a guest's write of the deadline itself, before it looks at the filter, and
 * loses it when the APIC is not its own (arch/x86/kvm/x86.c, handle_fastpath_set_tscdeadline). It does not where guests
 * may wait by mwait. CPUID says nothing of that instruction; a guest that has it all the same keeps its processor busy,
 * as any loop would. */
static bool deadline_comes_to_us(struct vcpu_kvm *k)
{
    const struct kvm_enable_cap cap = {.cap = KVM_CAP_X86_DISABLE_EXITS, .args = {KVM_X86_DISABLE_EXITS_MWAIT}};
    unsigned a, b, c, d;

    if (!__get_cpuid(0, &a, &b, &c, &d) || b != signature_INTEL_ebx)
        return true;
    return ioctl(k->kvm, KVM_CHECK_EXTENSION, KVM_CAP_X86_DISABLE_EXITS) & KVM_X86_DISABLE_EXITS_MWAIT &&
           ioctl(k->vm, KVM_ENABLE_CAP, &cap) == 0;
}

static int make_machine(struct vcpu_kvm *k)
{
    const uint64_t identity = IDENTITY_MAP_AT;

    k->kvm = kvm_device_open();
    if (k->kvm < 0)
        return cannot_open(k);
    if (ioctl(k->kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
        return errno = ENOTSUP, vcpu_kvm_fail(k, "KVM_GET_API_VERSION");
    if (ioctl(k->kvm, KVM_CHECK_EXTENSION, KVM_CAP_IMMEDIATE_EXIT) <= 0)
        return errno = ENOTSUP, vcpu_kvm_fail(k, "KVM_CAP_IMMEDIATE_EXIT");
    k->vm = ioctl(k->kvm, KVM_CREATE_VM, 0);
    if (k->vm < 0)
        return vcpu_kvm_fail(k, "KVM_CREATE_VM");
    k->has_deadline = deadline_comes_to_us(k);
    ioctl(k->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
    ioctl(k->vm, KVM_SET_TSS_ADDR, (unsigned long)TSS_AT); /* both: AMD's needs neither, and says so */
    return 0;
}

static int make_timer(struct vcpu_kvm *k)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = KVM_KICK_SIGNAL};

    k->thread = (pid_t)syscall(SYS_gettid);
#ifdef sigev_notify_thread_id
    event.sigev_notify_thread_id = k->thread;
#else
    event._sigev_un._tid = k->thread;
#endif
    if (timer_create(CLOCK_MONOTONIC, &event, &k->timer) < 0)
        return vcpu_kvm_fail(k, "a timer");
    k->has_timer = true;
    return 0;
}

int vcpu_kvm_make(struct vcpu_kvm *k)
{
    int r = make_machine(k);

    if (r == 0)
        r = set_msr_filter(k);
    if (r == 0)
        r = vcpu_kvm_map(k);
    if (r == 0)
        r = make_processor(k);
    if (r == 0)
        r = set_cpuid(k);
    if (r == 0)
        r = make_timer(k);
    if (r == 0) { /* machines are made by it, and this one is */
        close(k->kvm);
        k->kvm = -1;
    }
    return r;
}

void vcpu_kvm_unmake(struct vcpu_kvm *k)
{
    const int all[] = {k->fd, k->vm, k->kvm};

    if (k->has_timer)
        timer_delete(k->timer);
    if (k->run)
        munmap(k->run, k->run_bytes);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] >= 0)
            close(all[i]);
}
