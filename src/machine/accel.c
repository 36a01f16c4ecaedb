/* SPDX-License-Identifier: Apache-2.0 */
/* See accel.h. Host-facing: makes engines with a page of memory of their own, before this process is shut in. */
#include "machine/accel.h"
#include "cpu/registers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MEMORY       65536u
#define CODE_AT      0x1000u
#define TURNS_MIN    2000u /* of the loop, two instructions each: some milliseconds where each is emulated */
#define TURNS_MAX    UINT32_C(16384000) /* where they are not: until what it costs to enter the guest does not count */
#define TURNS_GLANCE 64000u
#define TRIES        3
#define ENOUGH_NS    UINT64_C(2000000)
#define MOST_NS      UINT64_C(50000000)
#define MODEL        "moat64"
#define HOPELESS     8 /* times as slow */
#define KVM_FACTOR   2 /* KVM is chosen when it is so many times as fast: its guests' exits cost more */

static uint64_t now_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- A machine of one page and nothing else ---------------------------------------------------------------------- */

static uint8_t *page(void *owner, uint64_t gpa, bool *writable)
{
    return gmem_page(owner, gpa, writable);
}

static uint64_t bus_nothing(void *owner, uint64_t gpa, unsigned size)
{
    (void)owner, (void)gpa, (void)size;
    return UINT64_MAX;
}

static void bus_ignore(void *owner, uint64_t gpa, unsigned size, uint64_t value)
{
    (void)owner, (void)gpa, (void)size, (void)value;
}

static uint32_t port_nothing(void *owner, uint16_t port, unsigned size)
{
    (void)owner, (void)port, (void)size;
    return UINT32_MAX;
}

static void port_ignore(void *owner, uint16_t port, unsigned size, uint32_t value)
{
    (void)owner, (void)port, (void)size, (void)value;
}

static int no_interrupt(void *owner)
{
    (void)owner;
    return -1;
}

static uint8_t no_priority(void *owner)
{
    (void)owner;
    return 0;
}

static void any_priority(void *owner, uint8_t tpr)
{
    (void)owner, (void)tpr;
}

static bool no_msr_read(void *owner, uint32_t index, uint64_t *value)
{
    (void)owner, (void)index;
    *value = 0;
    return true;
}

static bool no_msr_write(void *owner, uint32_t index, uint64_t value)
{
    (void)owner, (void)index, (void)value;
    return true;
}

static uint64_t no_time(void *owner)
{
    (void)owner;
    return 0;
}

static bool no_random(void *owner, uint64_t *value)
{
    (void)owner, (void)value;
    return false;
}

static const struct cpu_bus nothing = {.page = page,
                                       .read = bus_nothing,
                                       .write = bus_ignore,
                                       .in = port_nothing,
                                       .out = port_ignore,
                                       .acknowledge = no_interrupt,
                                       .tpr_get = no_priority,
                                       .tpr_set = any_priority,
                                       .msr_read = no_msr_read,
                                       .msr_write = no_msr_write,
                                       .tsc = no_time,
                                       .random = no_random};

/* 32-bit protected mode, flat, ring 0. */
static void enter_loop(struct vcpu_state *s, uint32_t turns)
{
    vcpu_state_reset(s);
    for (unsigned i = 0; i < SEGMENTS; i++)
        s->segments[i] =
            (struct vcpu_segment){.selector = i == SEG_CS ? 8 : 16,
                                  .limit = UINT32_MAX,
                                  .attributes = (i == SEG_CS ? 0xbu : 0x3u) | SEG_S | SEG_P | SEG_DB | SEG_G};
    s->cr0 |= CR0_PE;
    s->rip = CODE_AT;
    s->gpr[GPR_CX] = turns;
}

/* Nanoseconds of this thread's own time, guest's included: others that run beside it do not count. 0: it did not come
 * to its end. */
static uint64_t time_loop(struct vcpu *v, uint32_t turns)
{
    struct vcpu_state state;
    enum vcpu_exit e = VCPU_EXIT_KICK;

    enter_loop(&state, turns);
    if (v->ops->set(v, &state) < 0)
        return 0;
    const uint64_t start = now_ns(CLOCK_MONOTONIC), began = now_ns(CLOCK_THREAD_CPUTIME_ID);
    while ((e == VCPU_EXIT_KICK || e == VCPU_EXIT_BUDGET) && now_ns(CLOCK_MONOTONIC) - start < MOST_NS)
        e = v->ops->run(v, UINT64_C(4) * turns, MOST_NS);
    const uint64_t ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - began;
    return e != VCPU_EXIT_HALT ? 0 : ns ? ns : 1;
}

static uint64_t best_time(struct vcpu *v, uint32_t turns)
{
    uint64_t best = 0;

    for (unsigned i = 0; i < TRIES; i++) {
        const uint64_t ns = time_loop(v, turns);
        if (ns && (!best || ns < best))
            best = ns;
    }
    return best;
}

/* An engine with the loop in its memory. */
struct trial {
    struct gmem memory;
    struct vcpu *v; /* NULL: it cannot be had */
    uint8_t *host;
};

static void trial_end(struct trial *t)
{
    if (t->v)
        t->v->ops->destroy(t->v);
    if (t->host)
        munmap(t->host, MEMORY);
}

static bool trial_begin(struct trial *t, const struct vcpu_ops *ops, char why[160])
{
    static const uint8_t code[] = {0x49, 0x75, 0xfd, 0xf4}; /* dec ecx; jnz -3; hlt */
    struct cpu_bus bus = nothing;
    struct cpu_model model;
    const char *names;
    void *host = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    *t = (struct trial){.host = host == MAP_FAILED ? NULL : host};
    if (!t->host || cpu_model_find(MODEL, &model, &names) < 0) {
        snprintf(why, 160, "out of memory");
        return false;
    }
    memcpy(t->host + CODE_AT, code, sizeof code);
    gmem_add(&t->memory, &(struct gmem_region){.base = 0, .bytes = MEMORY, .host = t->host});
    bus.owner = &t->memory;
    return ops->create(&t->v, &bus, &model, &t->memory, why) == 0;
}

/* More and more turns, until they take long enough. */
static uint64_t rate_of(struct vcpu *v)
{
    uint64_t rate = 1;

    for (uint32_t turns = TURNS_MIN; turns <= TURNS_MAX; turns *= 8) {
        const uint64_t ns = best_time(v, turns);
        if (ns)
            rate = 2 * turns * UINT64_C(1000000000) / ns;
        if (!ns || ns > ENOUGH_NS)
            break;
    }
    return rate;
}

void accel_measure(const struct vcpu_ops *ops, struct accel_rate *out)
{
    struct trial t;

    memset(out, 0, sizeof *out);
    if (trial_begin(&t, ops, out->why_not))
        out->per_second = rate_of(t.v);
    trial_end(&t);
}

static int given = -1;

void kvm_device_give(int fd)
{
    given = fd;
}

int kvm_device_open(void)
{
    return given >= 0 ? fcntl(given, F_DUPFD_CLOEXEC, 3) : open("/dev/kvm", O_RDWR | O_CLOEXEC);
}

/* By a glance: this is done at each start. A few thousand instructions tell an engine that emulates each; where they do
 * not, some more tell which is the faster one, what it costs to enter the guest being small then. */
static bool kvm_is_faster(struct vcpu *kvm, struct vcpu *soft)
{
    static const uint32_t turns[] = {TURNS_MIN, TURNS_GLANCE};
    uint64_t theirs = 0, ours = 0;

    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        theirs = best_time(kvm, turns[i]);
        ours = best_time(soft, turns[i]);
        if (!theirs || theirs > HOPELESS * ours)
            return false;
    }
    return KVM_FACTOR * theirs < ours;
}

const struct vcpu_ops *accel_choose(const char *word)
{
    struct trial kvm = {.v = NULL}, soft = {.v = NULL};
    char why[160];

    if (word && !strcmp(word, "soft"))
        return &vcpu_soft;
    if (word && !strcmp(word, "kvm"))
        return &vcpu_kvm;
    if (given < 0 && access("/dev/kvm", R_OK | W_OK) < 0)
        return &vcpu_soft;
    const bool both = trial_begin(&kvm, &vcpu_kvm, why) && trial_begin(&soft, &vcpu_soft, why);
    const bool faster = both && kvm_is_faster(kvm.v, soft.v);
    trial_end(&kvm);
    trial_end(&soft);
    return faster ? &vcpu_kvm : &vcpu_soft;
}
