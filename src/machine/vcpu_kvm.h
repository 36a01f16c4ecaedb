/* SPDX-License-Identifier: Apache-2.0 */
/* A processor that the host's KVM computes: what vcpu_kvm.c and vcpu_kvm_state.c share. Private to the two. */
#ifndef MOAT_MACHINE_VCPU_KVM_H
#define MOAT_MACHINE_VCPU_KVM_H

#include "machine/vcpu.h"

#include <linux/kvm.h>
#include <sys/types.h>
#include <time.h>

#define KVM_CPUID_MOST 96

struct vcpu_kvm {
    struct vcpu vcpu;
    struct cpu_bus bus;
    struct cpu_model model;
    struct gmem *memory;
    int kvm, vm, fd;     /* /dev/kvm, the machine, its one processor */
    struct kvm_run *run; /* shared with the kernel */
    size_t run_bytes;
    unsigned slots; /* of memory that are in use */
    timer_t timer;
    bool has_timer;
    pid_t thread; /* that calls run(); 0: nobody has yet */
    uint32_t kicked, intr, nmi; /* atomic: other threads set them */
    bool stopping, halted;
    uint64_t apic_base;
    char failure[160];
};

int vcpu_kvm_get(struct vcpu *v, struct vcpu_state *out);
int vcpu_kvm_set(struct vcpu *v, const struct vcpu_state *s);

#endif
