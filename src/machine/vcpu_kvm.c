/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct vcpu_ops over the host's KVM (linux/kvm.h; Linux, Documentation/virt/kvm/api.rst). Interrupt controllers and
 * timers are the machine's own and not the kernel's, so that the machine is the same one behind every engine: ports,
 * registers in memory and the MSRs of clock and APIC come out to struct cpu_bus. The host's process makes the calls of
 * ioctls[] and no others once create() has returned.
 *
 * What the guest's exits say (ports, lengths, counts) is the host kernel's word, and checked all the same.
 */
#include "machine/vcpu_kvm.h"
#include "cpu/registers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KICK_SIGNAL     SIGUSR2
#define TSS_AT          0xfffbd000u /* three pages that no device has: Intel's virtual-8086 monitor of real mode */
#define IDENTITY_MAP_AT 0xfffbc000u
#define MSR_KVM_FIRST   0x4b564d00u /* kvmclock and its kin */
#define MSR_KVM_OLD     0x11u
#define MSR_DEADLINE    0x6e0u

static struct vcpu_kvm *of(struct vcpu *v)
{
    return (struct vcpu_kvm *)(void *)v;
}

static void on_kick(int signal)
{
    (void)signal; /* that it came ends the ioctl */
}

/* ---- Making one ---------------------------------------------------------------------------------------------------- */

static int fail(struct vcpu_kvm *k, const char *what)
{
    const int error = errno;

    snprintf(k->failure, sizeof k->failure, "%s: %s", what, strerror(error));
    return -error;
}

/* The leaves of the model that KVM can give. What it must not promise: the APIC's x2 mode and the kernel's own
 * paravirtual features, as both would be the kernel's APIC's. */
static int set_cpuid(struct vcpu_kvm *k)
{
    static const uint32_t leaves[] = {0, 1, 2, 4, 6, 7, 0xd, 0x15, 0x16, 0x40000000, 0x40000001, 0x40000010,
                                      0x80000000, 0x80000001, 0x80000002, 0x80000003, 0x80000004, 0x80000005,
                                      0x80000006, 0x80000007, 0x80000008};
    struct {
        struct kvm_cpuid2 head;
        struct kvm_cpuid_entry2 entries[KVM_CPUID_MOST];
    } list = {.head.nent = 0};

    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
        const unsigned subleaves = leaves[i] == 4 ? 4 : leaves[i] == 0xd ? 3 : 1;
        for (unsigned s = 0; s < subleaves; s++) {
            struct cpuid_answer a = cpu_model_cpuid(&k->model, leaves[i], s);
            if (leaves[i] == 1)
                a.ecx &= ~(1u << 21); /* x2APIC */
            list.entries[list.head.nent++] = (struct kvm_cpuid_entry2){
                .function = leaves[i],
                .index = s,
                .flags = subleaves > 1 ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
                .eax = a.eax,
                .ebx = a.ebx,
                .ecx = a.ecx,
                .edx = a.edx};
        }
    }
    return ioctl(k->fd, KVM_SET_CPUID2, &list) < 0 ? fail(k, "KVM_SET_CPUID2") : 0;
}

/* These MSRs come out to us. Without the capability the guest has no deadline timer and no clock: it is refused. */
static int set_msr_filter(struct vcpu_kvm *k)
{
    static uint8_t none[2];
    struct kvm_enable_cap cap = {.cap = KVM_CAP_X86_USER_SPACE_MSR,
                                 .args = {KVM_MSR_EXIT_REASON_FILTER | KVM_MSR_EXIT_REASON_UNKNOWN |
                                          KVM_MSR_EXIT_REASON_INVAL}};
    struct kvm_msr_filter filter = {.flags = KVM_MSR_FILTER_DEFAULT_ALLOW};
    static const uint32_t ours[] = {MSR_KVM_FIRST, MSR_KVM_OLD, MSR_DEADLINE};

    for (unsigned i = 0; i < sizeof ours / sizeof *ours; i++)
        filter.ranges[i] = (struct kvm_msr_filter_range){.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
                                                         .nmsrs = i ? 1 : 8,
                                                         .base = ours[i],
                                                         .bitmap = none};
    if (ioctl(k->vm, KVM_ENABLE_CAP, &cap) < 0 || ioctl(k->vm, KVM_X86_SET_MSR_FILTER, &filter) < 0)
        return fail(k, "KVM_CAP_X86_USER_SPACE_MSR (Linux 5.10 has it)");
    return 0;
}

static int map_memory(struct vcpu_kvm *k)
{
    unsigned slot = 0;

    for (; slot < k->memory->n; slot++) {
        const struct gmem_region *r = &k->memory->regions[slot];
        struct kvm_userspace_memory_region one = {.slot = slot,
                                                  .flags = r->flags & GMEM_ROM ? KVM_MEM_READONLY : 0,
                                                  .guest_phys_addr = r->base,
                                                  .memory_size = r->bytes,
                                                  .userspace_addr = (uintptr_t)r->host};
        if (ioctl(k->vm, KVM_SET_USER_MEMORY_REGION, &one) < 0)
            return fail(k, "KVM_SET_USER_MEMORY_REGION");
    }
    for (; slot < k->slots; slot++) {
        struct kvm_userspace_memory_region none = {.slot = slot};
        if (ioctl(k->vm, KVM_SET_USER_MEMORY_REGION, &none) < 0)
            return fail(k, "KVM_SET_USER_MEMORY_REGION");
    }
    k->slots = k->memory->n;
    return 0;
}

static int make_machine(struct vcpu_kvm *k)
{
    uint64_t identity = IDENTITY_MAP_AT;
    int bytes;

    k->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (k->kvm < 0)
        return fail(k, "/dev/kvm");
    if (ioctl(k->kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
        return errno = ENOTSUP, fail(k, "KVM_GET_API_VERSION");
    k->vm = ioctl(k->kvm, KVM_CREATE_VM, 0);
    if (k->vm < 0)
        return fail(k, "KVM_CREATE_VM");
    ioctl(k->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
    ioctl(k->vm, KVM_SET_TSS_ADDR, (unsigned long)TSS_AT); /* both: AMD's needs neither, and says so */
    bytes = ioctl(k->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    k->fd = ioctl(k->vm, KVM_CREATE_VCPU, 0);
    if (bytes < (int)sizeof *k->run || k->fd < 0)
        return fail(k, "KVM_CREATE_VCPU");
    k->run = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, k->fd, 0);
    if (k->run == MAP_FAILED) {
        k->run = NULL;
        return fail(k, "map the processor's page");
    }
    k->run_bytes = (size_t)bytes;
    return 0;
}

static int make_timer(struct vcpu_kvm *k)
{
    struct sigaction action = {.sa_handler = on_kick};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = KICK_SIGNAL};

    k->thread = (pid_t)syscall(SYS_gettid);
#ifdef sigev_notify_thread_id
    event.sigev_notify_thread_id = k->thread;
#else
    event._sigev_un._tid = k->thread;
#endif
    if (sigaction(KICK_SIGNAL, &action, NULL) < 0 || timer_create(CLOCK_MONOTONIC, &event, &k->timer) < 0)
        return fail(k, "a timer");
    k->has_timer = true;
    return 0;
}

static void kvm_destroy(struct vcpu *v)
{
    struct vcpu_kvm *k = of(v);

    if (k->has_timer)
        timer_delete(k->timer);
    if (k->run)
        munmap(k->run, k->run_bytes);
    close(k->fd);
    close(k->vm);
    close(k->kvm);
    free(k);
}

/* On the thread that will call run(). */
static int kvm_create(struct vcpu **out, const struct cpu_bus *bus, const struct cpu_model *model, struct gmem *memory)
{
    struct vcpu_kvm *k = calloc(1, sizeof *k);
    struct vcpu_state reset;
    int r;

    if (!k)
        return -ENOMEM;
    k->vcpu.ops = &vcpu_kvm;
    k->bus = *bus;
    k->model = *model;
    k->memory = memory;
    k->kvm = k->vm = k->fd = -1;
    if ((r = make_machine(k)) == 0 && (r = map_memory(k)) == 0 && (r = set_msr_filter(k)) == 0 &&
        (r = set_cpuid(k)) == 0 && (r = make_timer(k)) == 0) {
        vcpu_state_reset(&reset);
        r = vcpu_kvm_set(&k->vcpu, &reset);
    }
    if (r < 0) {
        fprintf(stderr, "kvm: %s\n", k->failure);
        kvm_destroy(&k->vcpu);
        return r;
    }
    *out = &k->vcpu;
    return 0;
}

/* ---- Exits --------------------------------------------------------------------------------------------------------- */

static void port_access(struct vcpu_kvm *k)
{
    const unsigned size = k->run->io.size;
    uint8_t *at = (uint8_t *)k->run + k->run->io.data_offset;

    if (size != 1 && size != 2 && size != 4)
        return;
    if (k->run->io.data_offset > k->run_bytes || k->run->io.count > (k->run_bytes - k->run->io.data_offset) / size)
        return;
    for (uint32_t i = 0; i < k->run->io.count; i++, at += size) {
        uint32_t value = 0;
        if (k->run->io.direction == KVM_EXIT_IO_OUT) {
            memcpy(&value, at, size);
            k->bus.out(k->bus.owner, k->run->io.port, size, value);
        } else {
            value = k->bus.in(k->bus.owner, k->run->io.port, size);
            memcpy(at, &value, size);
        }
    }
}

/* As large pieces as the address allows: an access may have any length up to eight. */
static void memory_access(struct vcpu_kvm *k)
{
    uint64_t at = k->run->mmio.phys_addr;
    unsigned left = k->run->mmio.len <= 8 ? k->run->mmio.len : 8;
    uint8_t *bytes = k->run->mmio.data;

    while (left) {
        unsigned size = 8;
        while (size > left || (at & (size - 1) && size > 1))
            size /= 2;
        uint64_t value = 0;
        if (k->run->mmio.is_write) {
            memcpy(&value, bytes, size);
            k->bus.write(k->bus.owner, at, size, value);
        } else {
            value = k->bus.read(k->bus.owner, at, size);
            memcpy(bytes, &value, size);
        }
        at += size;
        bytes += size;
        left -= size;
    }
}

static void msr_access(struct vcpu_kvm *k)
{
    const uint32_t index = k->run->msr.index;
    uint64_t value = 0;
    bool known;

    if (k->run->exit_reason == KVM_EXIT_X86_RDMSR) {
        known = k->bus.msr_read(k->bus.owner, index, &value);
        k->run->msr.data = value;
    } else {
        known = k->bus.msr_write(k->bus.owner, index, k->run->msr.data);
    }
    if (!known && k->bus.note)
        k->bus.note(k->bus.owner, k->run->exit_reason == KVM_EXIT_X86_RDMSR ? "rdmsr" : "wrmsr", index,
                    k->run->msr.data);
    k->run->msr.error = !known;
}

/* Registers of the APIC that KVM keeps and reports: its base (an MSR) and the task's priority (cr8). */
static void take_apic(struct vcpu_kvm *k)
{
    k->bus.tpr_set(k->bus.owner, (uint8_t)k->run->cr8);
    if (k->run->apic_base != k->apic_base && k->bus.msr_write(k->bus.owner, MSR_APIC_BASE, k->run->apic_base))
        k->apic_base = k->run->apic_base;
}

static enum vcpu_exit failed(struct vcpu_kvm *k, const char *what, unsigned long number)
{
    snprintf(k->failure, sizeof k->failure, "KVM: %s (%lu)", what, number);
    return VCPU_EXIT_FAILED;
}

/* ---- Running ------------------------------------------------------------------------------------------------------- */

static bool taken(uint32_t *flag)
{
    return __atomic_exchange_n(flag, 0, __ATOMIC_ACQ_REL);
}

static bool is_up(const uint32_t *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

/* Hands over what waits, where the guest would take it now, and asks to be told when it would. */
static int offer_interrupts(struct vcpu_kvm *k)
{
    if (taken(&k->nmi) && ioctl(k->fd, KVM_NMI, 0) < 0)
        return fail(k, "KVM_NMI");
    if (is_up(&k->intr) && k->run->ready_for_interrupt_injection && k->run->if_flag) {
        const int vector = k->bus.acknowledge(k->bus.owner);
        struct kvm_interrupt interrupt = {.irq = (uint32_t)vector};
        if (vector >= 0) {
            if (ioctl(k->fd, KVM_INTERRUPT, &interrupt) < 0)
                return fail(k, "KVM_INTERRUPT");
            k->halted = false;
        }
    }
    k->run->request_interrupt_window = (uint8_t)is_up(&k->intr);
    return 0;
}

static void arm(struct vcpu_kvm *k, uint64_t ns)
{
    struct itimerspec when = {.it_value = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)}};

    timer_settime(k->timer, 0, &when, NULL);
}

/* One entry into the guest. VCPU_EXIT_BUDGET: handled, go on. */
static enum vcpu_exit enter(struct vcpu_kvm *k)
{
    if (offer_interrupts(k) < 0)
        return VCPU_EXIT_FAILED;
    if (k->halted && !is_up(&k->nmi))
        return VCPU_EXIT_HALT;
    k->run->cr8 = k->bus.tpr_get(k->bus.owner);
    k->run->immediate_exit = (uint8_t)is_up(&k->kicked);
    const int r = ioctl(k->fd, KVM_RUN, 0), error = errno;
    take_apic(k);
    if (r < 0)
        return error == EINTR || error == EAGAIN ? VCPU_EXIT_KICK : failed(k, "KVM_RUN", (unsigned long)error);
    switch (k->run->exit_reason) {
    case KVM_EXIT_IO: port_access(k); break;
    case KVM_EXIT_MMIO: memory_access(k); break;
    case KVM_EXIT_X86_RDMSR:
    case KVM_EXIT_X86_WRMSR: msr_access(k); break;
    case KVM_EXIT_IRQ_WINDOW_OPEN: break;
    case KVM_EXIT_HLT: k->halted = true; break;
    case KVM_EXIT_SHUTDOWN: return VCPU_EXIT_SHUTDOWN;
    case KVM_EXIT_INTR: return VCPU_EXIT_KICK;
    case KVM_EXIT_INTERNAL_ERROR: return failed(k, "internal error: what the guest does cannot be emulated",
                                                k->run->internal.suberror);
    case KVM_EXIT_FAIL_ENTRY: return failed(k, "the processor refused to enter the guest",
                                            (unsigned long)k->run->fail_entry.hardware_entry_failure_reason);
    default: return failed(k, "an exit that nothing is known of", k->run->exit_reason);
    }
    return k->stopping ? VCPU_EXIT_STOP : VCPU_EXIT_BUDGET;
}

static enum vcpu_exit kvm_run(struct vcpu *v, uint64_t budget, uint64_t ns)
{
    struct vcpu_kvm *k = of(v);
    enum vcpu_exit e;

    (void)budget;
    k->stopping = false;
    arm(k, ns ? ns : 1);
    do {
        e = enter(k);
        /* What was read or written takes effect when the guest is entered again: before anything is saved. */
    } while (e == VCPU_EXIT_BUDGET && !is_up(&k->kicked));
    if (e == VCPU_EXIT_BUDGET || e == VCPU_EXIT_STOP) {
        k->run->immediate_exit = 1;
        ioctl(k->fd, KVM_RUN, 0); /* completes the last access and comes back at once */
        take_apic(k);
        if (e == VCPU_EXIT_BUDGET)
            e = VCPU_EXIT_KICK;
    }
    if (e == VCPU_EXIT_KICK)
        taken(&k->kicked);
    arm(k, 0);
    return e;
}

static void kvm_kick(struct vcpu *v)
{
    struct vcpu_kvm *k = of(v);

    __atomic_store_n(&k->kicked, 1, __ATOMIC_RELEASE);
    if (k->run)
        k->run->immediate_exit = 1;
    if (k->thread != (pid_t)syscall(SYS_gettid))
        syscall(SYS_tgkill, getpid(), k->thread, KICK_SIGNAL);
}

static void kvm_set_intr(struct vcpu *v, bool up)
{
    __atomic_store_n(&of(v)->intr, up, __ATOMIC_RELEASE);
}

static void kvm_set_nmi(struct vcpu *v)
{
    of(v)->halted = false;
    __atomic_store_n(&of(v)->nmi, 1, __ATOMIC_RELEASE);
}

static void kvm_stop(struct vcpu *v)
{
    of(v)->stopping = true;
}

static void kvm_memory_written(struct vcpu *v, gpa_t gpa, uint64_t n)
{
    (void)v, (void)gpa, (void)n; /* there is no decoded code of ours */
}

static int kvm_map_changed(struct vcpu *v)
{
    return map_memory(of(v));
}

static uint64_t kvm_executed(struct vcpu *v)
{
    (void)v;
    return 0;
}

static const char *kvm_failure(struct vcpu *v)
{
    return of(v)->failure;
}

const struct vcpu_ops vcpu_kvm = {
    .name = "kvm",
    .create = kvm_create,
    .destroy = kvm_destroy,
    .run = kvm_run,
    .kick = kvm_kick,
    .set_intr = kvm_set_intr,
    .set_nmi = kvm_set_nmi,
    .stop = kvm_stop,
    .get = vcpu_kvm_get,
    .set = vcpu_kvm_set,
    .memory_written = kvm_memory_written,
    .map_changed = kvm_map_changed,
    .executed = kvm_executed,
    .failure = kvm_failure,
};
