/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vm boundary: a whole PC, which starts at its firmware and boots what is on its disks. The same two processes in
 * the same walls as a microVM (boundary/microvm), with another command line and one socket more.
 */
#include "boundary/broker/adaptor.h"
#include "boundary/container/container.h"
#include "boundary/microvm/microvm.h"
#include "boundary/vm/lower.h"

static int vm_offer(struct arena *a, struct offer *out)
{
    int r = container_offer(a, out);

    out->strength = "the guest has a machine of its own from its firmware on; what it reaches is a PC's devices, in a "
                    "process that owns no file; container walls around it";
    out->speed = microvm_speed(a);
    return r;
}

static int vm_create(struct instance *inst, struct err *err)
{
    static const char *const from[] = {"--firmware", "--kernel", "--restore", NULL};

    return microvm_create_from(inst, from, true, "the policy names neither firmware nor kernel", err);
}

const struct boundary boundary_vm = {
    .name = "vm",
    .offer = vm_offer,
    .lower = vm_lower,
    .create = vm_create,
    MICROVM_VERBS,
};
