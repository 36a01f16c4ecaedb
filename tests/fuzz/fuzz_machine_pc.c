/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole PC as a guest that has taken it over could drive it, all devices at once: any port and register, whole
 * commands of the disk controllers, while time passes, media come and go, fail or keep the machine waiting, keys are
 * pressed, somebody looks at the display, resets come, and the machine is saved and goes on from records that somebody
 * has changed. After each step each record is one that would be accepted, and the firmware is as it was. Back ends end
 * the program when they are asked for what lies beyond a medium.
 */
#include "input.h"
#include "machine/screen.h"
#include "tests/unit/drive_fixture.h"
#include "tests/unit/machine_fixture.h"

#include <stdio.h>

#define ROM    (128u << 10)
#define RAM    (UINT64_C(8) << 20)
#define KEPT   8u
#define DRIVES 4u /* two floppies, the disk, the CD-ROM */

static _Alignas(4096) uint8_t rom[ROM];

struct machines {
    struct fixture *f, fresh;
    struct drive *drive[DRIVES], *fresh_drive[DRIVES];
};

/* Where somebody is, and how far it goes. */
static const struct {
    uint16_t base;
    uint8_t n;
} ports[] = {{0x1f0, 8}, {0x170, 8}, {0x3f0, 8}, {0x3f0, 8}, {0x376, 1}, {0x3c0, 32}, {0x3b0, 16}, {0x60, 5},
             {0x00, 16}, {0xc0, 32}, {0x80, 16}, {0x92, 1},  {0xcf8, 8}, {0x510, 2},  {0x600, 16}, {0x70, 2},
             {0xb2, 2},  {0x402, 1}, {0x20, 2},  {0xa0, 2},  {0x4d0, 2}, {0x40, 4},   {0x61, 1},   {0x3f8, 8},
             {0x2f8, 8}, {0x505, 1}, {0x1f7, 1}, {0x177, 1}, {0x3f5, 1}, {0xe9, 1}};

static uint16_t port(struct input *in)
{
    const unsigned i = take(in, 1) % (sizeof(ports) / sizeof(ports[0]));
    return (uint16_t)(ports[i].base + take(in, 1) % ports[i].n);
}

/* ---- Whole commands ---------------------------------------------------------------------------------------------- */

static void channel(struct fixture *f, struct input *in)
{
    const uint8_t how = (uint8_t)take(in, 1);
    fixture_out(f, 0x0a, 6);
    fixture_out(f, 0x0c, 0);
    fixture_out(f, 0x0b, how & 0x80 ? how : how & 1 ? 0x46 : 0x4a);
    for (unsigned i = 0; i < 4; i++)
        fixture_out(f, (uint16_t)(0x04 + i / 2), (uint8_t)take(in, 1));
    fixture_out(f, 0x81, (uint8_t)take(in, 1));
    fixture_out(f, 0x0a, 2);
}

static void floppy(struct fixture *f, struct input *in)
{
    static const uint8_t commands[] = {0x46, 0xe6, 0xc6, 0x45, 0xc5, 0x4d, 0x4a, 0x42, 0x4c, 0x56,
                                       0x07, 0x0f, 0x8f, 0xcf, 0x03, 0x13, 0x08, 0x12, 0x94, 0x0e};
    const uint8_t how = (uint8_t)take(in, 1);
    fixture_out(f, 0x3f2, how & 0x80 ? (uint8_t)take(in, 1) : 0x3c);
    fixture_out(f, 0x3f7, how >> 5 & 2);
    for (unsigned i = 0; i < 8; i++) /* what was left of a result */
        (void)fixture_in(f, 0x3f5);
    fixture_out(f, 0x3f5, commands[(how & 31) % sizeof(commands)]);
    for (unsigned i = 0; i < 8 && (fixture_in(f, 0x3f4) & 0xd0) == 0x90; i++)
        fixture_out(f, 0x3f5, i == 0 ? take(in, 1) & 5 : i == 4 ? 2 : (uint8_t)(take(in, 1) % 40));
}

static void disk(struct fixture *f, struct input *in)
{
    static const uint8_t commands[] = {0x20, 0x30, 0x24, 0x34, 0x29, 0x39, 0xc4, 0xc5, 0xc6, 0x40,
                                       0x42, 0xec, 0xa1, 0xe7, 0xef, 0x91, 0x08, 0x90, 0x27, 0xf8};
    const uint8_t how = (uint8_t)take(in, 1);
    const uint16_t base = how & 0x80 ? 0x170 : 0x1f0;
    for (unsigned i = 1; i < 7; i++)
        fixture_out(f, (uint16_t)(base + i), i == 4 || i == 5 ? take(in, 1) & 1 : (uint8_t)take(in, 1));
    fixture_out(f, (uint16_t)(base + 6), how & 0x40 ? 0x40 : 0);
    fixture_out(f, (uint16_t)(base + 7), commands[(how & 31) % sizeof(commands)]);
}

static void packet(struct fixture *f, struct input *in)
{
    static const uint8_t packets[] = {0x00, 0x03, 0x12, 0x1a, 0x1b, 0x1e, 0x25, 0x28, 0x2b,
                                      0x43, 0x46, 0x4a, 0x51, 0x5a, 0xa8, 0xbd, 0xbe};
    const uint8_t how = (uint8_t)take(in, 1);
    uint8_t bytes[12] = {0};
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (how & 0x80) || i == 4 || i == 5 || i > 7 ? (uint8_t)take(in, 1) : 0;
    bytes[0] = packets[how % sizeof(packets)];
    fixture_out(f, 0x176, 0);
    fixture_out(f, 0x171, 0);
    fixture_out(f, 0x174, (uint8_t)take(in, 1));
    fixture_out(f, 0x175, (uint8_t)take(in, 1));
    fixture_out(f, 0x177, 0xa0);
    for (unsigned i = 0; i < sizeof(bytes); i += 2)
        bus_write(&f->machine.ports, 0x170, 2, (uint64_t)bytes[i] | (uint64_t)bytes[i + 1] << 8);
}

/* Of a block of data: some, or all that there can be. */
static void data(struct fixture *f, struct input *in)
{
    const uint8_t how = (uint8_t)take(in, 1);
    const uint16_t where = how & 4 ? 0x3f5 : how & 8 ? 0x170 : 0x1f0;
    const unsigned size = how & 4 ? 1 : 1u << how % 3, n = how & 0x80 ? 9000 : how;
    for (unsigned i = 0; i < n; i++) {
        if (how & 0x40)
            bus_write(&f->machine.ports, where, size, i);
        else
            bus_read(&f->machine.ports, where, size);
    }
}

/* ---- The world around it ----------------------------------------------------------------------------------------- */

static void poll_media(const struct machines *all)
{
    for (unsigned i = 0; i < DRIVES; i++) {
        medium_poll(&all->drive[i]->medium);
        drive_serve(all->drive[i]);
        medium_poll(&all->drive[i]->medium);
        if (all->drive[i]->medium.stalled)
            medium_retry(&all->drive[i]->medium);
    }
}

static void change_media(const struct machines *all, struct input *in)
{
    static const uint32_t floppies[] = {0, 1440, 720, 360, 2880, 1200, 160, 1680};
    const uint8_t what = (uint8_t)take(in, 1);
    struct drive *d = all->drive[what & 3];
    if ((what & 0xc) == 0)
        d->holds ^= true;
    else if ((what & 0xc) == 4)
        d->fail = what & 0x10 ? -EIO : what & 0x20 ? -ENOSPC : -EROFS;
    else if (d->removable)
        drive_insert(d, (what & 3) == 3 ? (uint64_t)(what >> 4) * 2048 * 3 : floppies[what >> 5] * UINT64_C(1024));
}

static void look(struct fixture *f)
{
    const uint8_t *at[3];
    struct screen_header h;
    uint8_t *bytes = malloc(SCREEN_BYTES_MOST);
    check(bytes != NULL);
    const uint32_t n = screen_build(&f->pc.vga, bytes);
    check(screen_check(bytes, n, &h, &at[0], &at[1], &at[2]) == 0);
    free(bytes);
}

/* ---- Records ----------------------------------------------------------------------------------------------------- */

/* Saved, some bytes of it changed, and loaded: device by device, as far as it is accepted. */
static void reload(struct fixture *f, struct input *in)
{
    struct machine *m = &f->machine;
    const uint8_t how = (uint8_t)take(in, 1);
    const char *why = NULL;
    for (unsigned i = 0; i < m->n_devices; i++)
        if (m->devices[i].ops->saving != NULL && m->devices[i].ops->saving(m->devices[i].device) != 0)
            return;
    for (unsigned i = 0; i < m->n_devices; i++) {
        const struct machine_device *d = &m->devices[i];
        uint8_t *copy = malloc(d->ops->state_bytes);
        check(copy != NULL);
        memcpy(copy, d->device, d->ops->state_bytes);
        for (unsigned n = (how & 31) == i ? how >> 5 : 0; n > 0; n--)
            copy[take(in, 3) % d->ops->state_bytes] ^= (uint8_t)take(in, 1);
        if (machine_load(m, d->ops->name, d->number, d->ops->version, copy, d->ops->state_bytes, &why) != 0)
            check(why != NULL);
        free(copy);
    }
    (void)machine_loaded(m); /* the processor's is missing */
}

static void hold(const struct machines *all)
{
    const struct machine *m = &all->f->machine;
    const char *why = "";
    for (unsigned i = 0; i < m->n_devices; i++) {
        const struct machine_device *d = &m->devices[i];
        bool busy = false;
        for (unsigned n = 0; n < DRIVES; n++)
            busy |= all->drive[n]->medium.busy;
        if (strcmp(d->ops->name, "fdc") == 0 && busy) /* it waits for its medium, and is not saved then */
            continue;
        if (d->ops->check(d->device, &why) != 0) {
            fprintf(stderr, "%s: %s\n", d->ops->name, why);
            abort();
        }
    }
    for (unsigned i = 0; i < DRIVES; i++)
        check(!all->drive[i]->medium.lost);
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

static void world(struct machines *all, struct input *in, uint8_t what)
{
    struct fixture *f = all->f;
    const uint16_t key = (uint16_t)(take(in, 2) & 0x1ff);
    switch (what >> 4) {
    case 0:
        machine_reset(&f->machine);
        break;
    case 1:
        power_button(&f->machine.power);
        break;
    case 2:
        (void)typist_put(&f->pc.typist, &key, 1);
        break;
    case 3:
        i8042_mouse(&f->pc.keyboard, (int8_t)key, key >> 5, 0, key & 7);
        break;
    case 4:
        look(f);
        break;
    default:
        if (f->machine.begin_anew)
            machine_reset(&f->machine);
        break;
    }
}

static void step(struct machines *all, struct input *in)
{
    struct fixture *f = all->f;
    struct machine *m = &f->machine;
    const uint8_t what = (uint8_t)take(in, 1);
    const unsigned size = 1u << (what >> 4 & 3) % 3;
    uint64_t at;
    switch (what & 15) {
    case 0:
        bus_read(&m->ports, port(in), size);
        break;
    case 1:
    case 2:
        at = port(in);
        bus_write(&m->ports, at, size, take(in, size));
        break;
    case 3:
        bus_read(&m->registers, VGA_WINDOW + take(in, 3) % VGA_WINDOW_BYTES, size);
        break;
    case 4:
        at = take(in, 3) % VGA_WINDOW_BYTES;
        bus_write(&m->registers, VGA_WINDOW + at, size, take(in, size));
        break;
    case 5:
        channel(f, in);
        break;
    case 6:
        floppy(f, in);
        break;
    case 7:
        disk(f, in);
        break;
    case 8:
        packet(f, in);
        break;
    case 9:
        data(f, in);
        break;
    case 10:
        change_media(all, in);
        break;
    case 11:
        reload(f, in);
        break;
    case 12:
        world(all, in, what);
        break;
    case 13:
        poll_media(all);
        break;
    default:
        fixture_pass(f, take(in, 1) << (what >> 4) * 2);
        poll_media(all);
        break;
    }
    all->f->machine.end = MACHINE_RUNS;
}

/* ---- One input --------------------------------------------------------------------------------------------------- */

static void *zeros(size_t n)
{
    void *at = aligned_alloc(64, (n + 63) & ~(size_t)63);
    check(at != NULL);
    return memset(at, 0, n);
}

static void make(struct machines *all)
{
    static const uint64_t bytes[DRIVES] = {1440 << 10, 360 << 10, 700 * 512, 40 * 2048};
    struct pc_setup setup = {.firmware = rom,
                             .firmware_bytes = ROM,
                             .boot = "acd",
                             .floppy_types = {FDC_1440K, FDC_1200K},
                             .disk_kinds = {IDE_DISK, IDE_NONE, IDE_CDROM}};
    for (unsigned i = 0; i < DRIVES; i++) {
        all->drive[i] = zeros(sizeof(struct drive));
        drive_make(all->drive[i], i != 2, bytes[i], i == 3, KEPT);
        if (i < 2)
            setup.floppies[i] = &all->drive[i]->medium;
        else
            setup.disks[i == 2 ? 0 : 2] = &all->drive[i]->medium;
    }
    all->f = fixture_make_pc(RAM, "moat64", &setup);
    all->fresh = *all->f;
    for (unsigned i = 0; i < DRIVES; i++) {
        all->fresh_drive[i] = zeros(sizeof(struct drive));
        memcpy(all->fresh_drive[i], all->drive[i], sizeof(struct drive));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct machines all;
    struct input in = {bytes, size};
    if (all.f == NULL)
        make(&all);
    *all.f = all.fresh; /* at the same place, since devices know where they are */
    for (unsigned i = 0; i < DRIVES; i++)
        memcpy(all.drive[i], all.fresh_drive[i], sizeof(struct drive));
    for (unsigned i = 0; in.left > 0 && i < 1024; i++) {
        step(&all, &in);
        hold(&all);
    }
    for (unsigned i = 0; i < ROM; i += 997)
        check(rom[i] == 0);
    return 0;
}
