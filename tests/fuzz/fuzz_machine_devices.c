/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of the machine as a guest could drive them: ports, registers in memory, MSRs, in any order and of any
 * size, while time passes, lines move, interrupts are taken, and states are saved and loaded. After each step what the
 * machine promises of itself must hold: each device's state is one that would be accepted from a snapshot, the
 * processor's line is up when a controller says so, the soonest timer is the soonest.
 */
#include "input.h"
#include "tests/unit/machine_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Where somebody is: an offset of up to 255 is added. */
static const uint16_t ports[] = {0x20,  0xa0,  0x40,  0x60,  0x70,  0x92, 0x2f8,  0x3f8,
                                 0x4d0, 0x510, 0x505, 0x600, 0xcf9, 0xe0, 0x2000, 0xf4};
static const uint64_t registers[] = {LAPIC_BASE, LAPIC_BASE + 0x100, LAPIC_BASE + 0x300, IOAPIC_BASE,        PANIC_BASE,
                                     0xff000000, 0xff00ff80,         0xfedff000,         0xfffffffffffff00f, 0};
static const uint32_t msrs[] = {0x1b, 0x3b, 0x6e0, 0x800, 0x4b564d00, 0x4b564d01, 0x10, 0x11};

static uint16_t port(struct input *in)
{
    return (uint16_t)(ports[take(in, 1) % (sizeof(ports) / sizeof(ports[0]))] + take(in, 1) % 32);
}
static uint64_t address(struct input *in)
{
    uint64_t base = registers[take(in, 1) % (sizeof(registers) / sizeof(registers[0]))];
    uint64_t at = base + take(in, 1);
    return (at & 0xfff) > 4088 ? at & ~UINT64_C(0xfff) : at; /* never over the end of a page */
}
static uint32_t msr(struct input *in)
{
    uint32_t index = msrs[take(in, 1) % (sizeof(msrs) / sizeof(msrs[0]))];
    return index == 0x800 ? index + (uint32_t)take(in, 1) : index;
}

/* What is saved is accepted, and is the same then. */
static int put_back(void *owner, const char *name, uint32_t number, uint32_t version, const void *bytes, uint32_t n)
{
    struct machine *m = owner;
    const char *why;
    uint8_t *copy;
    if (strcmp(name, "cpu") == 0)
        return 0;
    copy = malloc(n);
    check(copy != NULL);
    memcpy(copy, bytes, n);
    check(machine_load(m, name, number, version, copy, n, &why) == 0);
    free(copy);
    return 0;
}

/* A record that somebody made up: refused, or good enough to live with. */
static void load_record(struct fixture *f, struct input *in)
{
    static const char *names[] = {"clock", "lapic", "pic", "ioapic", "pit", "rtc", "uart", "power"};
    const struct machine_device *d = &f->machine.devices[take(in, 1) % 8];
    const char *why;
    uint8_t *copy = malloc(d->ops->state_bytes);
    check(copy != NULL);
    memcpy(copy, d->device, d->ops->state_bytes);
    for (unsigned i = 0, n = take(in, 1) % 8; i < n; i++)
        copy[take(in, 2) % d->ops->state_bytes] = (uint8_t)take(in, 1);
    if (machine_load(&f->machine, names[take(in, 1) % 8], 0, d->ops->version, copy, d->ops->state_bytes, &why) == 0)
        (void)machine_loaded(&f->machine); /* the others are missing */
    free(copy);
}

static void step(struct fixture *f, struct input *in)
{
    static const uint8_t sizes[] = {1, 2, 4, 8};
    const struct cpu_bus *bus = fixture_bus();
    struct machine *m = &f->machine;
    uint8_t what = (uint8_t)take(in, 1), bytes[20];
    unsigned size = sizes[what >> 4 & 3];
    uint64_t value;
    switch (what & 15) {
    case 0:
    case 1:
        bus->in(m, port(in), size > 4 ? 4 : size);
        break;
    case 2:
    case 3:
    case 4:
        value = port(in);
        bus->out(m, (uint16_t)value, size > 4 ? 4 : size, (uint32_t)take(in, size));
        break;
    case 5:
        bus->read(m, address(in), size);
        break;
    case 6:
    case 7:
        value = address(in);
        bus->write(m, value, size, take(in, size));
        break;
    case 8:
        bus->msr_read(m, msr(in), &value);
        break;
    case 9:
        value = msr(in);
        bus->msr_write(m, (uint32_t)value, take(in, size));
        break;
    case 10:
        fixture_pass(f, take(in, size > 4 ? 6 : size));
        break;
    case 11:
        value = take(in, 1);
        machine_set_line(m, value & 31, value & 128);
        break;
    case 12:
        value = (uint64_t)(int64_t)bus->acknowledge(m);
        check((int64_t)value >= -1 && (int64_t)value <= 255);
        break;
    case 13:
        value = take(in, 1) % sizeof(bytes);
        memset(bytes, what, sizeof(bytes));
        uart_receive(&m->uart[what >> 7], bytes, (unsigned)value);
        f->refuse = what >> 4;
        uart_poll(&m->uart[0]);
        break;
    case 14:
        check(machine_save(m, m, put_back) == 0);
        machine_loaded(m);
        break;
    default:
        if (what & 0x80)
            load_record(f, in);
        else
            bus->tpr_set(m, what);
        break;
    }
}

static void hold(const struct fixture *f)
{
    const struct machine *m = &f->machine;
    uint64_t soonest = NEVER;
    const char *why;
    for (unsigned i = 0; i < m->n_devices; i++)
        check(m->devices[i].ops->check(m->devices[i].device, &why) == 0);
    for (unsigned i = 0; i < m->timers.n; i++)
        soonest = m->timers.timer[i]->due < soonest ? m->timers.timer[i]->due : soonest;
    check(soonest == m->timers.soonest);
    check(f->intr == (lapic_pending(&m->lapic) >= 0 || (pic_pending(&m->pic) && lapic_takes_extint(&m->lapic))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fixture *f, fresh;
    struct input in = {data, size};
    if (f == NULL) {
        f = fixture_make(MACHINE_KUT, UINT64_C(16) << 20, "moat64");
        fresh = *f;
    }
    *f = fresh; /* at the same place, since devices know where they are; to make one costs as much as to drive it */
    madvise(f->memory, f->bytes, MADV_DONTNEED);
    for (unsigned i = 0; in.left > 0 && i < 4096; i++) {
        step(f, &in);
        hold(f);
    }
    return 0;
}
