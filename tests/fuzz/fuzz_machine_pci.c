/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a PC tells of itself, as a guest could drive it: configuration space, fw_cfg, power management and CMOS, in any
 * order and of any size, with resets, the button, and records saved and loaded in between. After each step each
 * record is one that would be accepted from a snapshot, what cannot be written is as it was, and the processor sees
 * below 1 MiB what PAM says.
 */
#include "input.h"
#include "tests/unit/machine_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ROM (128u << 10)

static _Alignas(4096) uint8_t rom[ROM];

/* Where somebody is, and how far it goes. */
static const struct {
    uint16_t base;
    uint8_t n;
} ports[] = {{0xcf8, 8}, {0xcf8, 8}, {0xcfc, 4}, {0x510, 2}, {0x600, 16}, {0x70, 2}, {0xb2, 2}, {0x505, 1}};

static uint16_t port(struct input *in)
{
    const unsigned i = take(in, 1) % (sizeof(ports) / sizeof(ports[0]));
    return (uint16_t)(ports[i].base + take(in, 1) % ports[i].n);
}

/* The devices of this target, by their records' names. */
static struct machine_device *device(struct machine *m, unsigned n)
{
    static const char *names[] = {"pci", "fwcfg", "power", "rtc"};
    for (unsigned i = 0; i < m->n_devices; i++) {
        if (strcmp(m->devices[i].ops->name, names[n % 4]) == 0)
            return &m->devices[i];
    }
    abort();
}

/* What is saved is accepted, and is the same then. */
static void put_back(struct machine *m)
{
    for (unsigned i = 0; i < 4; i++) {
        const struct machine_device *d = device(m, i);
        const char *why;
        uint8_t *copy = malloc(d->ops->state_bytes);
        check(copy != NULL);
        memcpy(copy, d->device, d->ops->state_bytes);
        check(machine_load(m, d->ops->name, 0, d->ops->version, copy, d->ops->state_bytes, &why) == 0);
        free(copy);
    }
    check(machine_loaded(m) != 0); /* the others are missing */
}

/* A record that somebody made up: refused, or good enough to live with. */
static void load_record(struct fixture *f, struct input *in)
{
    const struct machine_device *d = device(&f->machine, (unsigned)take(in, 1));
    const char *why = NULL;
    uint8_t *copy = malloc(d->ops->state_bytes);
    check(copy != NULL);
    memcpy(copy, d->device, d->ops->state_bytes);
    for (unsigned i = 0, n = take(in, 1) % 8; i < n; i++)
        copy[take(in, 2) % d->ops->state_bytes] = (uint8_t)take(in, 1);
    if (machine_load(&f->machine, d->ops->name, 0, d->ops->version, copy, d->ops->state_bytes, &why) == 0)
        (void)machine_loaded(&f->machine); /* so are they here */
    else
        check(why != NULL);
    free(copy);
}

/* A register of a function that there is, mostly. */
static void configure(struct fixture *f, struct input *in, unsigned size)
{
    static const uint8_t functions[] = {0, 1 << 3, 1 << 3 | 1, 1 << 3 | 3};
    const uint8_t at = (uint8_t)take(in, 1);
    bus_write(&f->machine.ports, 0xcf8, 4, UINT32_C(1) << 31 | (uint32_t)functions[take(in, 1) % 4] << 8 | (at & 0xfc));
    bus_write(&f->machine.ports, 0xcfc + at % 4u, size, take(in, size));
}

static void step(struct fixture *f, struct input *in)
{
    struct machine *m = &f->machine;
    const uint8_t what = (uint8_t)take(in, 1);
    const unsigned size = 1u << (what >> 4 & 3) % 3;
    uint64_t value;
    switch (what & 15) {
    case 0:
    case 1:
    case 2:
        bus_read(&m->ports, port(in), size);
        break;
    case 3:
    case 4:
    case 5:
        value = port(in);
        bus_write(&m->ports, value, size, take(in, size));
        break;
    case 6:
    case 7:
    case 8:
        configure(f, in, size);
        break;
    case 9:
        for (value = take(in, 2) % 4096; value > 0; value--)
            bus_read(&m->ports, 0x511, 1);
        break;
    case 10:
        fixture_pass(f, take(in, size + 2));
        break;
    case 11:
        power_button(&m->power);
        break;
    case 12:
        put_back(m);
        break;
    case 13:
        load_record(f, in);
        break;
    default:
        if (m->begin_anew)
            machine_reset(m);
        break;
    }
}

static void hold_map(const struct fixture *f)
{
    const struct cpu_bus *bus = fixture_bus();
    for (unsigned n = 0; n < PCI_PAM_SEGMENTS; n++) {
        const uint64_t gpa = 0xc0000 + n * 0x4000;
        const unsigned pam = pci_pam(&f->pc.pci, n);
        bool writable = false;
        const uint8_t *page = bus->page(bus->owner, gpa, &writable);
        if (pam & PAM_READ)
            check(page == f->memory + gpa && writable == !!(pam & PAM_WRITE));
        else
            check(page == (gpa < 0xe0000 ? NULL : rom + ROM - 0x20000 + (gpa - 0xe0000)) && !writable);
    }
}

static void hold(struct fixture *f)
{
    static const uint8_t ids[PCI_FUNCTIONS][4] = {
        {0x86, 0x80, 0x37, 0x12}, {0x86, 0x80, 0x00, 0x70}, {0x86, 0x80, 0x10, 0x70}, {0x86, 0x80, 0x13, 0x71}};
    const char *why;
    for (unsigned i = 0; i < 4; i++) {
        const struct machine_device *d = device(&f->machine, i);
        check(d->ops->check(d->device, &why) == 0);
        check(memcmp(f->pc.pci.state.config[i], ids[i], 4) == 0);
    }
    hold_map(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fixture *f, fresh;
    struct input in = {data, size};
    if (f == NULL) {
        const struct pc_setup setup = {.firmware = rom, .firmware_bytes = ROM, .boot = "acd"};
        f = fixture_make_pc(UINT64_C(16) << 20, "moat64", &setup);
        fresh = *f;
    }
    *f = fresh; /* at the same place, since devices know where they are; to make one costs as much as to drive it */
    for (unsigned i = 0; in.left > 0 && i < 4096; i++) {
        step(f, &in);
        hold(f);
    }
    return 0;
}
