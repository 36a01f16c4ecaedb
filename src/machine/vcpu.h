/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A processor of the machine, whatever does the computing: our own (vcpu_soft.c), KVM (vcpu_kvm.c); on bare hardware
 * later AMD's SVM or Intel's VMX. Ports, registers in memory, interrupts and time reach the machine through struct
 * cpu_bus in all cases, on the thread that called run(). The local APIC is the machine's (cpu/lapic.h), not the
 * engine's: interrupts are offered by the line and acknowledged, as on an old PC.
 */
#ifndef MOAT_MACHINE_VCPU_H
#define MOAT_MACHINE_VCPU_H

#include "cpu/cpu.h"
#include "machine/gmem.h"

enum vcpu_exit {
    VCPU_EXIT_BUDGET,   /* soft: as many instructions as asked for */
    VCPU_EXIT_KICK,     /* kick(), or time is up */
    VCPU_EXIT_HALT,     /* nothing to do before an interrupt */
    VCPU_EXIT_SHUTDOWN, /* triple fault */
    VCPU_EXIT_STOP,     /* a device asked for it */
    VCPU_EXIT_FAILED,   /* the engine cannot go on: failure() says why */
};

struct vcpu;

struct vcpu_ops {
    const char *name; /* "soft", "kvm" */
    /* All descriptors and memory that it will ever need are taken here. 0, or negative errno, and `why` says what is
     * missing and where there is one the remedy. *out is freed by destroy. */
    int (*create)(struct vcpu **out, const struct cpu_bus *bus, const struct cpu_model *model, struct gmem *memory,
                  char why[160]);
    void (*destroy)(struct vcpu *v);
    /* Until something comes up; an engine that counts ends after `budget` instructions, another after `ns` nanoseconds.
     */
    enum vcpu_exit (*run)(struct vcpu *v, uint64_t budget, uint64_t ns);
    void (*kick)(struct vcpu *v); /* from any thread or signal handler */
    void (*set_intr)(struct vcpu *v, bool up);
    void (*set_nmi)(struct vcpu *v);
    void (*stop)(struct vcpu *v); /* from a bus function */
    int (*get)(struct vcpu *v, struct vcpu_state *out);
    int (*set)(struct vcpu *v, const struct vcpu_state *s);
    void (*memory_written)(struct vcpu *v, gpa_t gpa, uint64_t n);
    int (*map_changed)(struct vcpu *v);
    int (*counter_moved)(struct vcpu *v); /* bus.tsc() has leapt: the machine's clock was loaded */
    uint64_t (*executed)(struct vcpu *v); /* instructions; 0 when the engine does not count */
    const char *(*failure)(struct vcpu *v);
};

struct vcpu {
    const struct vcpu_ops *ops;
};

extern const struct vcpu_ops vcpu_soft, vcpu_kvm;

#endif
