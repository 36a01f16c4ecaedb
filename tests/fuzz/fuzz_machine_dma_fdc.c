/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floppy and DMA controllers as a guest could drive them: registers in any order and of any width, whole commands with
 * numbers that are near the sensible ones, channels programmed at random, while time passes, disks of all sizes come
 * and go, requests fail, answers come late, and records are saved and loaded, some of them made up. After each step
 * both states are ones that would be accepted from a snapshot, and the line is what the registers say. The back end
 * ends the program when it is asked for what lies beyond a disk.
 */
#include "input.h"
#include "tests/unit/floppy_fixture.h"

static const uint16_t ports[] = {0x3f0, 0x3f2, 0x3f4, 0x3f5, 0x3f7, 0x00, 0x04, 0x05, 0x08, 0x0a, 0x0b,
                                 0x0c,  0x0d,  0x0f,  0x80,  0x81,  0xc0, 0xd0, 0xd4, 0xd6, 0xde, 0x8b};
static const uint64_t sizes[] = {0,        KB(160),  KB(180),  KB(320),  KB(360),  KB(720),
                                 KB(1200), KB(1440), KB(1680), KB(1722), KB(2880), KB(1440) - 512};
/* Each with the bits that may be set besides, and its length. */
static const uint8_t commands[][3] = {
    {0x06, 0xe0, 9}, {0x05, 0xc0, 9}, {0x0c, 0xe0, 9}, {0x09, 0xc0, 9}, {0x02, 0x40, 9},
    {0x16, 0xe0, 9}, {0x0a, 0x40, 2}, {0x0d, 0x40, 6}, {0x07, 0x00, 2}, {0x08, 0x00, 1},
    {0x03, 0x00, 3}, {0x04, 0x00, 2}, {0x0f, 0x00, 3}, {0x8f, 0x40, 3}, {0x13, 0x00, 4},
    {0x0e, 0x00, 1}, {0x12, 0x00, 2}, {0x14, 0x80, 1}, {0x10, 0x00, 1},
};

static uint16_t port(struct input *in)
{
    const uint8_t which = (uint8_t)take(in, 1);
    return (uint16_t)(ports[which % (sizeof(ports) / sizeof(ports[0]))] + (which >> 6));
}

/* To where a driver would have brought it: a command can be given. */
static void make_ready(struct desk *d, struct input *in)
{
    uint8_t out[16];
    desk_out(d, FDC_DOR, 0x3c);
    desk_out(d, FDC_CHANGE, take(in, 1) & 3);
    (void)desk_result(d, out);
}

static void command(struct desk *d, struct input *in)
{
    const uint8_t *c = commands[take(in, 1) % (sizeof(commands) / sizeof(commands[0]))];
    uint8_t bytes[9];
    bytes[0] = c[0] | (c[1] & (uint8_t)take(in, 1));
    for (unsigned i = 1; i < c[2]; i++)
        bytes[i] = (uint8_t)take(in, 1);
    if (c[2] == 9 && (bytes[8] & 1)) { /* the id of a sector that could be there */
        bytes[1] &= 0x85;
        bytes[2] = d->fdc.state.drive[bytes[1] & 1].track;
        bytes[3] = bytes[1] >> 2 & 1;
        bytes[4] = bytes[4] % 37;
        bytes[5] = 2;
        bytes[6] = bytes[6] % 40;
        bytes[0] |= 0x40;
    }
    (void)desk_command(d, bytes, c[2]);
}

/* A whole track's ids, mostly right ones. */
static void put_ids(struct desk *d, struct input *in)
{
    const uint32_t at = (uint32_t)take(in, 2);
    const uint8_t sectors = (uint8_t)(take(in, 1) % 40), drive = take(in, 1) & 5;
    const uint8_t bytes[6] = {0x4d, drive, 2, sectors, 0, (uint8_t)take(in, 1)};
    for (uint8_t i = 0; i < sectors; i++) {
        const uint8_t id[4] = {d->fdc.state.drive[drive & 1].track, drive >> 2, (uint8_t)(i + 1), 2};
        memcpy(d->memory + at + i * 4, id, 4);
    }
    if (take(in, 1) & 1)
        d->memory[at + take(in, 1)] ^= (uint8_t)take(in, 1);
    desk_channel(d, false, at, sectors * 4u, false);
    (void)desk_command(d, bytes, 6);
}

static void move_bytes(struct desk *d, struct input *in)
{
    const uint8_t how = (uint8_t)take(in, 1);
    const unsigned n = how & 0x80 ? 520 : how;
    for (unsigned i = 0; i < n; i++) {
        if (how & 1)
            (void)desk_in(d, FDC_DATA);
        else
            desk_out(d, FDC_DATA, (uint8_t)i);
    }
}

static void change_media(struct desk *d, struct input *in)
{
    const uint8_t what = (uint8_t)take(in, 1);
    struct drive *drive = &d->drive[what >> 7];
    switch (what >> 5 & 3) {
    case 0:
    case 1:
        drive->read_only = what >> 4 & 1;
        drive_insert(drive, sizes[(what & 15) % (sizeof(sizes) / sizeof(sizes[0]))]);
        break;
    case 2:
        drive->holds ^= true;
        break;
    default:
        drive->fail = what & 1 ? -EIO : -EROFS;
        break;
    }
}

static void program(struct desk *d, struct input *in)
{
    const uint8_t how = (uint8_t)take(in, 1);
    const uint32_t address = (uint32_t)take(in, 3);
    desk_channel(d, how & 1, address, (uint32_t)take(in, how & 2 ? 1 : 2) + 1, how & 4);
    if (how & 0x10)
        desk_out(d, 0x0b, how);
}

/* Back from a record: its own, or one that somebody made up and that was taken. */
static void reload(struct desk *d, struct input *in)
{
    const uint8_t how = (uint8_t)take(in, 1);
    static struct fdc_state s;
    struct dma_state dma = d->dma.state;
    const char *why;
    if (fdc_ops.saving(&d->fdc) != 0)
        return;
    s = d->fdc.state;
    check(fdc_ops.check(&s, &why) == 0 && dma_ops.check(&dma, &why) == 0);
    for (unsigned i = 0; i < (how & 7u); i++)
        ((uint8_t *)&s)[take(in, 2) % sizeof(s)] = (uint8_t)take(in, 1);
    for (unsigned i = 0; i < (how >> 3 & 3u); i++)
        ((uint8_t *)&dma)[take(in, 1) % sizeof(dma)] = (uint8_t)take(in, 1);
    if (fdc_ops.check(&s, &why) == 0) {
        d->fdc.state = s;
        fdc_ops.loaded(&d->fdc);
    }
    if (dma_ops.check(&dma, &why) == 0)
        d->dma.state = dma;
}

static void step(struct desk *d, struct input *in)
{
    const uint8_t what = (uint8_t)take(in, 1);
    const unsigned size = 1u << (what >> 4 & 3) % 3;
    uint16_t where;
    switch (what & 15) {
    case 0:
        bus_read(&d->ports, port(in), size);
        break;
    case 1:
    case 2:
        where = port(in);
        bus_write(&d->ports, where, size, take(in, size));
        break;
    case 3:
        make_ready(d, in);
        break;
    case 4:
    case 5:
    case 6:
        command(d, in);
        break;
    case 7:
        put_ids(d, in);
        break;
    case 8:
    case 9:
        move_bytes(d, in);
        break;
    case 10:
        program(d, in);
        break;
    case 11:
        change_media(d, in);
        break;
    case 12:
        reload(d, in);
        break;
    case 13:
        if (what & 0x80)
            fdc_ops.reset(&d->fdc);
        if (what & 0x40)
            dma_ops.reset(&d->dma);
        break;
    default:
        desk_pass(d, take(in, 1) << (what >> 4) * 2);
        break;
    }
}

static void hold(struct desk *d)
{
    const struct fdc_state *s = &d->fdc.state;
    const char *why;
    bool up = s->result_pending || s->reset_pending || s->phase == 3;
    check(dma_ops.check(&d->dma.state, &why) == 0);
    if (fdc_ops.saving(&d->fdc) == 0)
        check(fdc_ops.check(s, &why) == 0);
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        up |= s->drive[i].sense != 0;
        check(s->drive[i].due >= d->fdc.timer.due);
    }
    check(d->line == (up && (s->dor & 12) == 12));
    check(s->due >= d->fdc.timer.due && s->reset_due >= d->fdc.timer.due);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct desk *d;
    struct input in = {data, size};
    if (d == NULL)
        d = desk_make(FDC_1440K, KB(1440), FDC_1200K, KB(360));
    /* Another pair of controllers; memory and disks are as the case before has left them. */
    memset(&d->ports, 0, sizeof(d->ports));
    memset(&d->timers, 0, sizeof(d->timers));
    d->counter = 0;
    d->line = false;
    d->types[0] = (enum fdc_drive_type)(take(&in, 1) % 6);
    d->types[1] = (enum fdc_drive_type)(take(&in, 1) % 6);
    for (unsigned i = 0; i < FDC_MEDIA; i++) {
        struct drive *drive = &d->drive[i];
        uint8_t *kept = drive->written;
        memset(drive, 0, sizeof(*drive));
        drive_make(drive, true, sizes[take(&in, 1) % (sizeof(sizes) / sizeof(sizes[0]))], false, 8);
        free(drive->written);
        drive->written = kept;
        drive->kept = FLOPPY_MOST;
    }
    desk_devices(d);
    for (unsigned i = 0; in.left > 0 && i < 4096; i++) {
        step(d, &in);
        hold(d);
    }
    return 0;
}
