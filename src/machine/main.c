/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-vmm: a machine in software (or KVM's), as two processes; vmm.h has the steps. It trusts its command line, and
 * nothing that is in the files that are named there: kernel and disks are looked at behind the filters.
 */
#include "machine/accel.h"
#include "machine/boot.h"
#include "machine/vcpu_kvm.h"
#include "machine/vmm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static struct vmm vmm = {.memory = -1,
                         .control = -1,
                         .media_listening = -1,
                         .vm = -1,
                         .listening = -1,
                         .end = -1,
                         .kvm = -1,
                         .clients = {-1, -1, -1, -1}};

int vmm_fail(int status, const char *subject, const char *what, int error)
{
    const char *words[] = {"moat-vmm: ", subject, ": ", what, error ? ": " : "", error ? strerror(-error) : "", "\n"};
    struct iovec v[sizeof words / sizeof words[0]];

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        v[i] = (struct iovec){(void *)(uintptr_t)words[i], strlen(words[i])};
    if (writev(2, v, sizeof words / sizeof words[0]) < 0)
        return status; /* nobody to tell */
    return status;
}

/* ---- the kernel ---- */

static int read_file(void *owner, uint64_t offset, void *to, uint64_t n)
{
    const struct vmm_file *f = owner;

    memcpy(to, f->bytes + offset, n);
    return 0;
}

static struct boot_file boot_file(struct vmm_file *f)
{
    return (struct boot_file){f, f->n, read_file};
}

static int load_snapshot(struct vmm *v)
{
    const char *why;

    if (snapshot_load(v, &why) == 0)
        return 0;
    vmm_say(v, v->options.restore, why);
    stream_flush(&v->message_stream);
    return EXIT_NOT_INVOKED;
}

static int load_kernel(struct vmm *v)
{
    struct boot_file initrds[OPTIONS_INITRDS + 1];
    const struct boot_setup setup = {boot_file(&v->kernel), initrds, v->n_initrds, v->options.append};
    const char *why;

    for (unsigned i = 0; i < v->n_initrds; i++)
        initrds[i] = boot_file(&v->initrds[i]);
    if (boot_load(&v->machine, &setup, &why) == 0)
        return 0;
    vmm_say(v, v->options.kernel, why);
    stream_flush(&v->message_stream);
    return EXIT_NOT_INVOKED;
}

static int begin_at_firmware(struct vmm *v)
{
    machine_reset(&v->machine);
    return 0;
}

/* ---- the machine ---- */

/* A snapshot's counter goes on at its rate. On our own processor any; on KVM it is the host's. */
static int fit_counter(struct vmm *v, const struct counter_mark *began)
{
    const uint64_t hz = v->options.restore ? v->snapshot.hz : 0;

    if (v->engine != &vcpu_kvm || !hz || counter_is(began, hz))
        return 0;
    if (!strcmp(v->options.accel, "kvm"))
        return vmm_fail(EXIT_NOT_INVOKED, v->options.restore,
                        "--accel kvm: its counter (TSC) ran at another rate than this host's: --accel soft goes on", 0);
    v->engine = &vcpu_soft;
    return 0;
}

static int make_machine(struct vmm *v, const struct counter_mark *began)
{
    const struct vmm_options *o = &v->options;
    struct machine_setup setup = {.kind = o->pc    ? MACHINE_PC
                                          : o->kut ? MACHINE_KUT
                                                   : MACHINE_MICRO,
                                  .engine = v->engine};
    const char *names = "a name of less than 64 characters";
    struct timespec now;

    const char *cpu = o->cpu ? o->cpu : o->kut ? "max" : "moat64";
    const int found = strlen(cpu) >= sizeof v->cpu ? -ENAMETOOLONG : cpu_model_find(cpu, &setup.model, &names);
    if (found == -EINVAL)
        names = "one of its features is not known: they have QEMU's names, as in moat64,-sse4.2";
    if (found < 0)
        return vmm_fail(EXIT_OWN_ERROR, "--cpu", names, 0);
    memcpy(v->cpu, cpu, strlen(cpu) + 1);
    clock_gettime(CLOCK_REALTIME, &now);
    setup.wall_ns = (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
    setup.model.tsc_hz = counter_hz(began);
    setup.model.kvmclock = !o->kut;
    setup.host = (struct machine_host){v, vmm_wait, vmm_poll, vmm_random, o->debug ? vmm_note : NULL};
    if (o->pc) {
        vmm_pc_setup(v);
        setup.pc = &v->pc, setup.pc_setup = &v->pc_setup;
    }
    kvm_device_give(v->kvm);
    const int r = machine_init(&v->machine, &setup);
    if (v->kvm >= 0)
        close(v->kvm); /* the processor has its own */
    if (r < 0 && v->machine.why[0])
        return vmm_fail(EXIT_OWN_ERROR, "processor", v->machine.why, 0);
    return r < 0 ? vmm_fail(EXIT_OWN_ERROR, "machine", "make it", r) : 0;
}

/* ---- the end ---- */

struct end {
    int status;
    const char *reason;
};

static struct end end_of(struct vmm *v, enum machine_end end)
{
    switch (end) {
    case MACHINE_POWEROFF:
        return (struct end){0, "poweroff"};
    case MACHINE_RESET:
        return (struct end){0, "reset"};
    case MACHINE_PANIC:
        return (struct end){1, "panic"};
    case MACHINE_TRIPLE_FAULT:
        return (struct end){1, "triple-fault"};
    case MACHINE_DEBUG_EXIT:
        return (struct end){(int)((v->machine.exit_value << 1 | 1) & 0xff), "exited"};
    case MACHINE_RUNS:
        return (struct end){128 + v->killed_by, "killed"};
    default:
        return (struct end){EXIT_OWN_ERROR, "failed"};
    }
}

/* What the guest has sent is with its reader before this process ends; and whatever it told of its program's end holds
 * for a machine that was switched off. */
static int finish(struct vmm *v, enum machine_end how)
{
    struct end e = end_of(v, how);

    if (how == MACHINE_FAILED && !v->io_gone)
        vmm_say(v, "the processor cannot go on", v->engine->failure(v->machine.vcpu));
    if (!v->killed) {
        stream_flush(&v->serial_stream);
        if (v->display)
            vmm_pc_end(v);
        if (v->channel) {
            stream_flush(&v->channel_stream);
            const int64_t told = stream_tell(&v->channel_stream, RING_WORD_EXIT, 0);
            if (told >= 0 && (how == MACHINE_POWEROFF || how == MACHINE_RESET))
                e.status = (int)told, e.reason = "exited"; /* it is the program that ended */
        }
        stream_flush(&v->message_stream);
    }
    control_tell_end(v, e.status, e.reason);
    return e.status;
}

static enum machine_end run(struct vmm *v)
{
    enum machine_end end;

    do
        end = machine_run(&v->machine);
    while (end == MACHINE_RUNS && !v->killed);
    return end;
}

static int kvm_descriptor(const struct vmm *v)
{
    return v->engine == &vcpu_kvm ? ((const struct vcpu_kvm *)(const void *)v->machine.vcpu)->fd : -1;
}

/* A PC's map of memory changes while it runs: KVM's descriptor for that. */
static int kvm_map_descriptor(const struct vmm *v)
{
    return v->engine == &vcpu_kvm && v->options.pc ? ((const struct vcpu_kvm *)(const void *)v->machine.vcpu)->vm : -1;
}

static int print_rates(void)
{
    struct accel_rate kvm, soft;

    accel_measure(&vcpu_kvm, &kvm);
    accel_measure(&vcpu_soft, &soft);
    printf("{\"kvm\":%llu,\"soft\":%llu,\"whyNot\":\"%s\"}\n", (unsigned long long)kvm.per_second,
           (unsigned long long)soft.per_second, kvm.per_second ? "" : kvm.why_not);
    return 0;
}

/* Those that wait (boundary/engine.h) come now. */
static int handle_signals(void)
{
    const int r = signals_handle();

    return r < 0 ? vmm_fail(EXIT_OWN_ERROR, "start", "handle signals", r) : 0;
}

int main(int argc, char **argv)
{
    const struct counter_mark began = counter_mark();
    struct vmm *v = &vmm;
    const char *why, *word;
    int r;

    if (vmm_options_parse(argc, argv, &v->options, &why, &word) < 0)
        return vmm_fail(EXIT_OWN_ERROR, word, why, 0);
    if (v->options.rates)
        return print_rates();
    if ((r = vmm_open(v)) || (r = vmm_fork(v)) || (r = fit_counter(v, &began)) || (r = make_machine(v, &began)) ||
        (r = vmm_devices(v)) || (r = handle_signals()))
        return r;
    v->vm = kvm_map_descriptor(v);
    if ((r = vmm_shut_in(v, FILTER_MACHINE, kvm_descriptor(v))))
        return r;
    if (!v->options.restore && (r = v->options.kernel ? load_kernel(v) : begin_at_firmware(v)))
        _exit(r);
    clock_set_rate(&v->machine.clock, counter_hz(&began)); /* better known by now, and the guest has not asked yet */
    if (v->options.restore && (r = load_snapshot(v)))
        _exit(r);
    _exit(finish(v, run(v)));
}
