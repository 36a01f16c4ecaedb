/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own processor (cpu/cpu.h) as the machine's. Takes its memory from the host once.
 */
#include "machine/memory_host.h"
#include "machine/vcpu.h"

#include <errno.h>
#include <string.h>

struct vcpu_soft {
    struct vcpu vcpu;
    struct cpu *cpu;
    size_t bytes; /* of this, and of the processor behind it */
};

#define HEAD 4096u

static struct cpu *cpu_of(struct vcpu *v)
{
    return ((struct vcpu_soft *)v)->cpu;
}

static int soft_create(struct vcpu **out, const struct cpu_bus *bus, const struct cpu_model *model, struct gmem *memory,
                       char why[160])
{
    static const char no_memory[] = "no memory for the processor", unknown[] = "no such processor";
    size_t bytes = cpu_bytes(0);
    uint8_t *pages = memory_host_pages(HEAD + bytes);
    struct vcpu_soft *s = (struct vcpu_soft *)(void *)pages;
    if (s == NULL) {
        memcpy(why, no_memory, sizeof no_memory);
        return -ENOMEM;
    }
    s->vcpu.ops = &vcpu_soft;
    s->bytes = HEAD + bytes;
    s->cpu = cpu_make(pages + HEAD, bytes, bus, model);
    if (s->cpu == NULL) {
        memory_host_free(pages, s->bytes);
        memcpy(why, unknown, sizeof unknown);
        return -EINVAL;
    }
    *out = &s->vcpu;
    return 0;
}

static void soft_destroy(struct vcpu *v)
{
    memory_host_free(v, ((struct vcpu_soft *)v)->bytes);
}

static enum vcpu_exit soft_run(struct vcpu *v, uint64_t budget, uint64_t ns)
{
    switch (cpu_run(cpu_of(v), budget)) {
    case CPU_EXIT_BUDGET:
        return VCPU_EXIT_BUDGET;
    case CPU_EXIT_KICK:
        return VCPU_EXIT_KICK;
    case CPU_EXIT_HALT:
        return VCPU_EXIT_HALT;
    case CPU_EXIT_SHUTDOWN:
        return VCPU_EXIT_SHUTDOWN;
    case CPU_EXIT_STOP:
        return VCPU_EXIT_STOP;
    }
    return VCPU_EXIT_FAILED;
}

static void soft_kick(struct vcpu *v)
{
    cpu_kick(cpu_of(v));
}

static void soft_set_intr(struct vcpu *v, bool up)
{
    cpu_set_intr(cpu_of(v), up);
}

static void soft_set_nmi(struct vcpu *v)
{
    cpu_set_nmi(cpu_of(v));
}

static void soft_stop(struct vcpu *v)
{
    cpu_stop(cpu_of(v));
}

static int soft_get(struct vcpu *v, struct vcpu_state *out)
{
    cpu_state_get(cpu_of(v), out);
    return 0;
}

static int soft_set(struct vcpu *v, const struct vcpu_state *s)
{
    if (!cpu_state_fits(cpu_of(v), s))
        return -EINVAL;
    cpu_state_set(cpu_of(v), s);
    return 0;
}

static void soft_memory_written(struct vcpu *v, gpa_t gpa, uint64_t n)
{
    cpu_memory_written(cpu_of(v), gpa, n);
}

static int soft_map_changed(struct vcpu *v)
{
    cpu_memory_map_changed(cpu_of(v));
    return 0;
}

static int soft_counter_moved(struct vcpu *v)
{
    return 0; /* it is asked each time */
}

static uint64_t soft_executed(struct vcpu *v)
{
    return cpu_executed(cpu_of(v));
}

static const char *soft_failure(struct vcpu *v)
{
    return "";
}

const struct vcpu_ops vcpu_soft = {
    .name = "soft",
    .create = soft_create,
    .destroy = soft_destroy,
    .run = soft_run,
    .kick = soft_kick,
    .set_intr = soft_set_intr,
    .set_nmi = soft_set_nmi,
    .stop = soft_stop,
    .get = soft_get,
    .set = soft_set,
    .memory_written = soft_memory_written,
    .map_changed = soft_map_changed,
    .counter_moved = soft_counter_moved,
    .executed = soft_executed,
    .failure = soft_failure,
};
