/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which engine computes here: a few thousand instructions of ring 0 are run on each and timed. KVM beneath another
 * hypervisor may be there and emulate a guest's kernel a thousand times slower than it runs; our own processor is the
 * faster one then.
 */
#ifndef MOAT_MACHINE_ACCEL_H
#define MOAT_MACHINE_ACCEL_H

#include "machine/vcpu.h"

/* /dev/kvm, where somebody has opened it for us (control.c): used in its place, borrowed, until another is given, or
 * -1: none. */
void kvm_device_give(int fd);
/* A descriptor of its own, or -1 and errno. */
int kvm_device_open(void);

struct accel_rate {
    uint64_t per_second; /* instructions of a loop in ring 0; 0: it is not there */
    char why_not[160];
};

/* Takes some milliseconds; makes and destroys an engine of its own. */
void accel_measure(const struct vcpu_ops *ops, struct accel_rate *out);

/* "auto", "kvm", "soft" (NULL: auto). auto takes some milliseconds where there is KVM, and soft where it cannot be had.
 */
const struct vcpu_ops *accel_choose(const char *word);

#endif
