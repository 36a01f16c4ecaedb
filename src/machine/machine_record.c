/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's state as records, and back. What is loaded came from a file that somebody may have changed: each record
 * is checked whole before it takes effect.
 */
#include "machine/machine.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static bool same(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b)
        a++, b++;
    return *a == *b;
}

int machine_save(struct machine *m, void *owner,
                 int (*put)(void *owner, const char *name, uint32_t number, uint32_t version, const void *bytes,
                            uint32_t n))
{
    struct vcpu_state cpu;
    int r;
    if (m->begin_anew) /* that it is due is in no record */
        machine_reset(m);
    for (unsigned i = 0; i < m->n_devices; i++) {
        const struct machine_device *d = &m->devices[i];
        if (d->ops->saving != NULL && (r = d->ops->saving(d->device)) != 0)
            return r;
        if ((r = put(owner, d->ops->name, d->number, d->ops->version, d->device, d->ops->state_bytes)) != 0)
            return r;
    }
    memset(&cpu, 0, sizeof(cpu));
    if ((r = m->vcpu->ops->get(m->vcpu, &cpu)) != 0)
        return r;
    return put(owner, "cpu", 0, VCPU_STATE_VERSION, &cpu, sizeof(cpu));
}

static int load_cpu(struct machine *m, uint32_t version, const void *bytes, uint32_t n, const char **why)
{
    struct vcpu_state s;
    int r;
    if (version != VCPU_STATE_VERSION || n != sizeof(s)) {
        *why = "the processor's record is of another version";
        return -EINVAL;
    }
    memcpy(&s, bytes, sizeof(s));
    if ((r = vcpu_state_check(&s, why)) != 0)
        return r;
    uint32_t priority = m->lapic.state.tpr; /* all of it, where cr8 has the upper half */
    if ((r = m->vcpu->ops->set(m->vcpu, &s)) != 0)
        *why = "the engine does not take the processor's state";
    else
        m->loaded |= UINT64_C(1) << m->n_devices;
    m->lapic.state.tpr = priority;
    return r;
}

/* Each record comes once. */
static bool has_come(const struct machine *m, unsigned i, const char **why)
{
    if (!(m->loaded >> i & 1))
        return false;
    *why = "a record is there twice";
    return true;
}

int machine_load(struct machine *m, const char *name, uint32_t number, uint32_t version, const void *bytes, uint32_t n,
                 const char **why)
{
    if (same(name, "cpu") && number == 0)
        return has_come(m, m->n_devices, why) ? -EINVAL : load_cpu(m, version, bytes, n, why);
    for (unsigned i = 0; i < m->n_devices; i++) {
        const struct machine_device *d = &m->devices[i];
        int r;
        if (!same(name, d->ops->name) || number != d->number)
            continue;
        if (has_come(m, i, why))
            return -EINVAL;
        if (version != d->ops->version || n != d->ops->state_bytes) {
            *why = "a device's record is of another version";
            return -EINVAL;
        }
        if ((r = d->ops->check(bytes, why)) != 0)
            return r;
        memcpy(d->device, bytes, n);
        m->loaded |= UINT64_C(1) << i;
        return 0;
    }
    *why = "there is no such device in this machine";
    return -ENOENT;
}

/* The clock is the first in the list: the others' timers are set by it. */
int machine_loaded(struct machine *m)
{
    const bool all = m->loaded == (UINT64_C(2) << m->n_devices) - 1;
    m->loaded = 0;
    for (unsigned i = 0; i < m->n_devices; i++) {
        const struct machine_device *d = &m->devices[i];
        if (d->ops->loaded != NULL)
            d->ops->loaded(d->device);
    }
    (void)m->vcpu->ops->counter_moved(m->vcpu);
    m->intr = false;
    m->vcpu->ops->set_intr(m->vcpu, false);
    m->lapic.wire.changed(m->lapic.wire.owner);
    return all ? 0 : -EINVAL;
}
