/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct vcpu_ops over the host's KVM (linux/kvm.h; Linux, Documentation/virt/kvm/api.rst). Interrupt controllers and
 * timers are the machine's own and not the kernel's, so that the machine is the same one behind every engine: ports,
 * registers in memory and the MSRs of clock and APIC come out to struct cpu_bus. Once create() has returned, the calls
 * made are those that machine/filter.c lets KVM's processor have.
 *
 * What the guest's exits say (ports, lengths, counts) is the host kernel's word, and checked all the same.
 */
#include "machine/vcpu_kvm.h"
#include "cpu/registers.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SETTLE_TRIES 24
#define SETTLE_NS    UINT64_C(20000) /* and twice as long each time */

/* Who computes on this thread now: for the signal handler. Its address tells threads apart. */
static _Thread_local struct vcpu_kvm *computing;

static struct vcpu_kvm *of(struct vcpu *v)
{
    return (struct vcpu_kvm *)(void *)v;
}

static bool taken(uint32_t *flag)
{
    return __atomic_exchange_n(flag, 0, __ATOMIC_ACQ_REL);
}

static bool is_up(const uint32_t *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void set_immediate_exit(struct vcpu_kvm *k, bool on)
{
    __atomic_store_n(&k->run->immediate_exit, (uint8_t)on, __ATOMIC_RELEASE);
}

/* That a signal comes ends KVM_RUN; one that comes just before is seen by it in the page that it shares with us. */
static void ask_to_return(struct vcpu_kvm *k)
{
    __atomic_store_n(&k->kicked, 1, __ATOMIC_RELEASE);
    set_immediate_exit(k, true);
}

static void on_kick(int signal)
{
    (void)signal;
    if (computing)
        ask_to_return(computing);
}

/* ---- Making one ----------------------------------------------------------------------------------------------------
 */

static int handle_kicks(struct vcpu_kvm *k)
{
    const struct sigaction action = {.sa_handler = on_kick};
    sigset_t kick;

    sigemptyset(&kick);
    sigaddset(&kick, KVM_KICK_SIGNAL);
    if (sigaction(KVM_KICK_SIGNAL, &action, NULL) < 0 || sigprocmask(SIG_UNBLOCK, &kick, NULL) < 0)
        return vcpu_kvm_fail(k, "a signal");
    return 0;
}

static void kvm_destroy(struct vcpu *v)
{
    vcpu_kvm_unmake(of(v));
    free(v);
}

/* On the thread that will call run(). */
static int kvm_create(struct vcpu **out, const struct cpu_bus *bus, const struct cpu_model *model, struct gmem *memory,
                      char why[160])
{
    struct vcpu_kvm *k = calloc(1, sizeof *k);
    struct vcpu_state reset;
    int r;

    if (!k) {
        snprintf(why, 160, "out of memory");
        return -ENOMEM;
    }
    *k = (struct vcpu_kvm){.vcpu.ops = &vcpu_kvm, .bus = *bus, .model = *model, .memory = memory};
    k->kvm = k->vm = k->fd = -1;
    k->thread_own = &computing;
    vcpu_state_reset(&reset);
    reset.gpr[GPR_DX] = model->signature;
    if ((r = vcpu_kvm_make(k)) == 0 && (r = handle_kicks(k)) == 0)
        r = vcpu_kvm_set(&k->vcpu, &reset);
    if (r < 0) {
        snprintf(why, 160, "%s", k->failure);
        kvm_destroy(&k->vcpu);
        return r;
    }
    *out = &k->vcpu;
    return 0;
}

/* ---- Exits ---------------------------------------------------------------------------------------------------------
 */

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

/* The guest's counter is the machine's and an offset, which the machine's deadline timer has to know of. */
static bool counter_write(struct vcpu_kvm *k, uint32_t index, uint64_t value)
{
    k->kept.tsc_adjust = index == MSR_TSC_ADJUST ? value : value - k->bus.tsc(k->bus.owner);
    k->bus.msr_write(k->bus.owner, MSR_TSC_ADJUST, k->kept.tsc_adjust);
    return vcpu_kvm_set_counter(k) == 0;
}

static bool msr_write(struct vcpu_kvm *k, uint32_t index, uint64_t value)
{
    if (index == MSR_TSC || index == MSR_TSC_ADJUST)
        return counter_write(k, index, value);
    return k->bus.msr_write(k->bus.owner, index, value) && (index != MSR_APIC_BASE || vcpu_kvm_set_apic_base(k) == 0);
}

static bool msr_read(struct vcpu_kvm *k, uint32_t index, uint64_t *value)
{
    *value = k->kept.tsc_adjust;
    return index == MSR_TSC_ADJUST || k->bus.msr_read(k->bus.owner, index, value);
}

static void msr_access(struct vcpu_kvm *k)
{
    const bool read = k->run->exit_reason == KVM_EXIT_X86_RDMSR;
    const uint32_t index = k->run->msr.index;
    uint64_t value = k->run->msr.data;
    const bool known = read ? msr_read(k, index, &value) : msr_write(k, index, value);

    if (!known && k->bus.note)
        k->bus.note(k->bus.owner, read ? "rdmsr" : "wrmsr", index, value);
    if (read)
        k->run->msr.data = value;
    k->run->msr.error = !known;
}

static enum vcpu_exit failed(struct vcpu_kvm *k, const char *what, unsigned long number)
{
    snprintf(k->failure, sizeof k->failure, "KVM: %s (%lu)", what, number);
    return VCPU_EXIT_FAILED;
}

/* ---- Running -------------------------------------------------------------------------------------------------------
 */

/* Hands over what waits, where the guest would take it now, and asks to be told when it would. */
static int offer_interrupts(struct vcpu_kvm *k)
{
    if (taken(&k->nmi)) {
        if (ioctl(k->fd, KVM_NMI, 0) < 0)
            return vcpu_kvm_fail(k, "KVM_NMI");
        k->halted = false;
    }
    if (is_up(&k->intr) && k->run->ready_for_interrupt_injection && k->run->if_flag) {
        const int vector = k->bus.acknowledge(k->bus.owner);
        const struct kvm_interrupt interrupt = {.irq = (uint32_t)vector};
        if (vector >= 0) {
            if (ioctl(k->fd, KVM_INTERRUPT, &interrupt) < 0)
                return vcpu_kvm_fail(k, "KVM_INTERRUPT");
            k->halted = false;
        }
    }
    k->run->request_interrupt_window = (uint8_t)is_up(&k->intr);
    return 0;
}

static void arm(struct vcpu_kvm *k, uint64_t ns)
{
    const struct itimerspec when = {.it_value = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)}};

    timer_settime(k->timer, 0, &when, NULL);
}

/* VCPU_EXIT_BUDGET: done, and the guest could go on. What it reads gets to it when it is entered again. */
static enum vcpu_exit handle(struct vcpu_kvm *k)
{
    switch (k->run->exit_reason) {
    case KVM_EXIT_IO:
        port_access(k);
        break;
    case KVM_EXIT_MMIO:
        memory_access(k);
        break;
    case KVM_EXIT_X86_RDMSR:
    case KVM_EXIT_X86_WRMSR:
        msr_access(k);
        break;
    case KVM_EXIT_IRQ_WINDOW_OPEN:
    case KVM_EXIT_SET_TPR:
        break;
    case KVM_EXIT_HLT:
        k->halted = true;
        break;
    case KVM_EXIT_SHUTDOWN:
        return VCPU_EXIT_SHUTDOWN;
    case KVM_EXIT_INTERNAL_ERROR:
        return failed(k, "internal error: what the guest does cannot be emulated", k->run->internal.suberror);
    case KVM_EXIT_FAIL_ENTRY:
        return failed(k, "the processor refused to enter the guest",
                      (unsigned long)k->run->fail_entry.hardware_entry_failure_reason);
    default:
        return failed(k, "an exit that nothing is known of", k->run->exit_reason);
    }
    return VCPU_EXIT_BUDGET;
}

/* One entry into the guest. VCPU_EXIT_KICK: it was interrupted; what it had begun outside is complete. */
static enum vcpu_exit enter(struct vcpu_kvm *k)
{
    const uint8_t priority = k->bus.tpr_get(k->bus.owner); /* whose upper half is cr8 */

    k->run->cr8 = priority >> 4;
    const int r = ioctl(k->fd, KVM_RUN, 0), error = errno;
    if (k->run->cr8 != priority >> 4)
        k->bus.tpr_set(k->bus.owner, (uint8_t)(k->run->cr8 << 4));
    if (r == 0)
        return handle(k);
    return error == EINTR || error == EAGAIN ? VCPU_EXIT_KICK : failed(k, "KVM_RUN", (unsigned long)error);
}

/* Is an exception or interrupt on its way into the guest? No state of a processor could be taken. */
static bool event_under_way(struct vcpu_kvm *k)
{
    struct kvm_vcpu_events e;

    if (ioctl(k->fd, KVM_GET_VCPU_EVENTS, &e) < 0)
        return false;
    return e.exception.injected || e.exception.pending || e.interrupt.injected || e.nmi.injected;
}

/* Lets the guest run on for moments until it is between two instructions. */
static enum vcpu_exit settle(struct vcpu_kvm *k)
{
    enum vcpu_exit e = VCPU_EXIT_KICK;

    k->between = !event_under_way(k);
    for (unsigned i = 0; !k->between && i < SETTLE_TRIES && e == VCPU_EXIT_KICK; i++) {
        set_immediate_exit(k, false);
        arm(k, SETTLE_NS << i);
        do {
            e = enter(k);
            if (k->stopping)
                set_immediate_exit(k, true);
        } while (e == VCPU_EXIT_BUDGET && !k->halted);
        k->between = !event_under_way(k);
    }
    return e == VCPU_EXIT_BUDGET ? VCPU_EXIT_HALT : e;
}

/* Until it is to come back. VCPU_EXIT_KICK: also when a device has stopped it. */
static enum vcpu_exit compute(struct vcpu_kvm *k)
{
    enum vcpu_exit e = VCPU_EXIT_BUDGET;

    while (e == VCPU_EXIT_BUDGET) {
        if (!k->stopping && offer_interrupts(k) < 0)
            e = VCPU_EXIT_FAILED;
        else if (k->halted)
            e = VCPU_EXIT_HALT;
        else
            e = enter(k);
        if (k->stopping)
            set_immediate_exit(k, true); /* the access is completed, and no more */
    }
    return e;
}

static enum vcpu_exit kvm_run(struct vcpu *v, uint64_t budget, uint64_t ns)
{
    struct vcpu_kvm *k = of(v);

    (void)budget;
    k->stopping = false;
    k->between = true;
    set_immediate_exit(k, false);
    computing = k;
    if (is_up(&k->kicked))
        set_immediate_exit(k, true);
    arm(k, ns ? ns : 1);
    enum vcpu_exit e = compute(k);
    if (e == VCPU_EXIT_KICK) {
        __atomic_store_n(&k->kicked, 0, __ATOMIC_RELEASE);
        e = k->stopping ? VCPU_EXIT_STOP : settle(k);
    }
    arm(k, 0);
    computing = NULL;
    return e == VCPU_EXIT_KICK && k->stopping ? VCPU_EXIT_STOP : e;
}

/* From another thread a signal has to end KVM_RUN; on its own it is not in there. */
static void kvm_kick(struct vcpu *v)
{
    struct vcpu_kvm *k = of(v);

    ask_to_return(k);
    if (k->thread_own != &computing)
        syscall(SYS_tgkill, getpid(), k->thread, KVM_KICK_SIGNAL);
}

static void kvm_set_intr(struct vcpu *v, bool up)
{
    __atomic_store_n(&of(v)->intr, up, __ATOMIC_RELEASE);
}

static void kvm_set_nmi(struct vcpu *v)
{
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
    return vcpu_kvm_map(of(v));
}

static int kvm_counter_moved(struct vcpu *v)
{
    return vcpu_kvm_set_counter(of(v));
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
    .counter_moved = kvm_counter_moved,
    .executed = kvm_executed,
    .failure = kvm_failure,
};
