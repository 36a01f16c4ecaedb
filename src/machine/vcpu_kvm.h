/* SPDX-License-Identifier: Apache-2.0 */
/* A processor that the host's KVM computes: what vcpu_kvm.c, vcpu_kvm_make.c and vcpu_kvm_state.c share. Private to
 * them. */
#ifndef MOAT_MACHINE_VCPU_KVM_H
#define MOAT_MACHINE_VCPU_KVM_H

#include "machine/vcpu.h"

#include <linux/kvm.h>
#include <sys/types.h>
#include <time.h>

#define KVM_KICK_SIGNAL  SIGVTALRM
#define KVM_MSR_DEADLINE 0x6e0u

struct vcpu_kvm {
    struct vcpu vcpu;
    struct cpu_bus bus;
    struct cpu_model model;
    struct gmem *memory;
    int kvm, vm, fd;     /* /dev/kvm, the machine, its one processor */
    struct kvm_run *run; /* shared with the kernel */
    size_t run_bytes;
    struct gmem_region slots[GMEM_REGIONS_MAX]; /* memory as KVM knows it */
    unsigned n_slots;
    timer_t timer; /* sends KVM_KICK_SIGNAL to the thread that created this */
    bool has_timer;
    bool has_deadline;          /* of the machine's APIC: CPUID says so */
    pid_t thread;               /* that one: it alone calls run() */
    const void *thread_own;     /* its copy of a variable that each thread has: who am I, without a call */
    uint32_t kicked, intr, nmi; /* atomic: other threads and signal handlers set them */
    bool stopping, halted;
    bool between;          /* the guest is between two instructions, nothing under way: a state can be taken */
    struct vcpu_msrs kept; /* of the last set: for those that KVM has no place for; tsc_adjust is the guest's */
    char failure[160];
};

/* vcpu_kvm_make.c. 0 or -errno, and k->failure says why. */
int vcpu_kvm_make(struct vcpu_kvm *k);
int vcpu_kvm_map(struct vcpu_kvm *k);
void vcpu_kvm_unmake(struct vcpu_kvm *k);

/* vcpu_kvm_state.c */
int vcpu_kvm_fail(struct vcpu_kvm *k, const char *what); /* with errno, which it returns negated */
int vcpu_kvm_get(struct vcpu *v, struct vcpu_state *out);
int vcpu_kvm_set(struct vcpu *v, const struct vcpu_state *s);
/* KVM's copy of a register: CPUID, and what x2APIC's registers do, depend on it. */
int vcpu_kvm_set_apic_base(struct vcpu_kvm *k);
/* The guest's counter is the bus's plus k->kept.tsc_adjust from now on. */
int vcpu_kvm_set_counter(struct vcpu_kvm *k);

#endif
