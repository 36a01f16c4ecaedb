/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IDE channel with a disk and a CD-ROM as a guest could drive them: its registers in any order and of any width,
 * while media come and go, requests fail, answers come late, and records are saved and loaded, some of them made up.
 * After each step the state is one that would be accepted from a snapshot, and the line is that of the selected device.
 * The back end ends the program when it is asked for what lies beyond a medium.
 */
#include "input.h"
#include "tests/unit/ide_fixture.h"

#define DISK_BYTES (UINT64_C(700) * 512)

/* Commands that a random byte would seldom be. */
static const uint8_t commands[] = {0x20, 0x30, 0x24, 0x34, 0x29, 0x39, 0xc4, 0xc5, 0xc6, 0x40,
                                   0x42, 0xec, 0xa1, 0xa0, 0xef, 0xe7, 0x91, 0x08, 0x90, 0x27};
static const uint8_t packets[] = {0x00, 0x03, 0x12, 0x1a, 0x1b, 0x1e, 0x25, 0x28, 0x2b,
                                  0x43, 0x46, 0x4a, 0x51, 0x5a, 0xa8, 0xbd, 0xbe};

/* An address that is there, more often than not. */
static void put_address(struct rig *r, struct input *in)
{
    for (unsigned reg = RIG_COUNT; reg <= RIG_LOW; reg++)
        rig_out(r, reg, (uint8_t)take(in, 1));
    rig_out(r, RIG_MID, take(in, 1) & 3);
    rig_out(r, RIG_HIGH, 0);
    rig_out(r, RIG_DEVICE, (uint8_t)((r->ide.state.selected ? 0x10 : 0) | (take(in, 1) & 0x40)));
}

static void put_packet(struct rig *r, struct input *in)
{
    uint8_t packet[12];
    for (unsigned i = 0; i < sizeof(packet); i++)
        packet[i] = (uint8_t)take(in, 1);
    packet[0] = packets[packet[0] % sizeof(packets)];
    if (packet[1] & 1) /* a length that is sensible */
        packet[2] = packet[3] = packet[4] = packet[6] = packet[7] = packet[8] = 0;
    rig_write(r, packet, sizeof(packet));
}

/* Some of a block, or all of it: what is behind that is skipped, since thousands of words are all alike. */
static void move_data(struct rig *r, struct input *in, bool write)
{
    const uint8_t how = (uint8_t)take(in, 1);
    struct ide_device_state *s = &r->ide.state.device[r->ide.state.selected];
    const unsigned size = 1u << how % 3;
    if ((how & 0x80) && (s->phase == IDE_DATA_IN || s->phase == IDE_DATA_OUT) && s->end - s->at > 64)
        s->at = s->end - 64;
    for (uint32_t i = 0; i < (how & 0x7f); i++) {
        if (write)
            bus_write(&r->ports, RIG_BASE, size, i);
        else
            bus_read(&r->ports, RIG_BASE, size);
    }
}

static void change_media(struct rig *r, struct input *in)
{
    struct drive *d = &r->drive[1];
    const uint8_t what = (uint8_t)take(in, 1);
    switch (what % 4) {
    case 0:
        drive_insert(d, 0);
        break;
    case 1:
        drive_insert(d, ((uint64_t)(what >> 2) + 1) * 2048 * 7 + (what & 0x80 ? 512 : 0));
        break;
    case 2:
        r->drive[what >> 2 & 1].holds ^= true;
        break;
    default:
        r->drive[what >> 2 & 1].fail = what & 8 ? -EIO : -EROFS;
        break;
    }
}

/* Back from a record: its own, or one that somebody made up and that was taken. */
static void reload(struct rig *r, struct input *in)
{
    static struct ide_state s;
    const uint8_t how = (uint8_t)take(in, 1);
    const char *why;
    s = r->ide.state;
    for (unsigned i = 0; i < (how & 7); i++) {
        struct ide_device_state *d = &s.device[take(in, 1) & 1];
        ((uint8_t *)d)[take(in, 1) % offsetof(struct ide_device_state, buffer)] = (uint8_t)take(in, 1);
    }
    if (how & 8)
        s.selected ^= 1;
    if (ide_ops.check(&s, &why) != 0)
        return;
    memcpy(&r->ide.state, &s, sizeof(s));
    ide_ops.loaded(&r->ide);
}

static void step(struct rig *r, struct input *in)
{
    const uint8_t what = (uint8_t)take(in, 1);
    const unsigned size = 1u << (what >> 4) % 3, reg = (unsigned)take(in, 1) & 7;
    switch (what & 15) {
    case 0:
        bus_read(&r->ports, RIG_BASE + reg, size);
        break;
    case 1:
    case 2:
        bus_write(&r->ports, RIG_BASE + reg, size, take(in, size));
        break;
    case 3:
        rig_control(r, (uint8_t)take(in, 1));
        break;
    case 4:
        rig_out(r, RIG_DEVICE, (uint8_t)take(in, 1));
        break;
    case 5:
        put_address(r, in);
        break;
    case 6:
    case 7:
        rig_out(r, RIG_STATUS, commands[take(in, 1) % sizeof(commands)]);
        break;
    case 8:
        put_packet(r, in);
        break;
    case 9:
        move_data(r, in, false);
        break;
    case 10:
        move_data(r, in, true);
        break;
    case 11:
        change_media(r, in);
        break;
    case 12:
        reload(r, in);
        break;
    case 13:
        rig_out(r, RIG_ERROR, 0);
        rig_out(r, RIG_STATUS, 0xa0);
        put_packet(r, in);
        break;
    case 14:
        if (what & 0x80)
            ide_ops.reset(&r->ide);
        else
            rig_in(r, RIG_STATUS);
        break;
    default:
        rig_poll(r);
        break;
    }
}

static void hold(const struct rig *r)
{
    const struct ide_state *s = &r->ide.state;
    const char *why;
    check(ide_ops.check(s, &why) == 0);
    check(r->line == (s->pending[s->selected] && !(s->control & 2)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    static struct rig *r, fresh;
    if (r == NULL) {
        r = rig_make(IDE_DISK, DISK_BYTES, IDE_CDROM, 40 * 2048);
        fresh = *r; /* pointers and all: it is put back at the same place */
    }
    *r = fresh;
    for (unsigned i = 0; in.left > 0 && i < 512; i++) {
        step(r, &in);
        hold(r);
    }
    return 0;
}
