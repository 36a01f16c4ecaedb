/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CD-ROM drive: packets as a driver sends them, media that come and go, what the drive says then. The medium's other
 * side is ide_fixture.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/ide_fixture.h"

enum { READY = 0x40, DATA = 0x08, FAILED = 0x01, ABORTED = 0x04 };
#define BLOCKS UINT64_C(4096)
#define BYTES  (BLOCKS * 2048)

static int make_cd(void **state)
{
    *state = rig_make(IDE_CDROM, BYTES, IDE_NONE, 0);
    return 0;
}
static int make_empty(void **state)
{
    *state = rig_make(IDE_CDROM, 0, IDE_NONE, 0);
    return 0;
}
static int drop(void **state)
{
    rig_free(*state);
    return 0;
}

/* ---- A driver ---------------------------------------------------------------------------------------------------- */

struct reply {
    uint8_t bytes[65536];
    uint32_t n, largest; /* of the blocks */
    unsigned blocks;
    uint8_t key, code, qualifier; /* when it was refused */
};

static void begin(struct rig *r, const uint8_t packet[12], uint16_t limit)
{
    rig_out(r, RIG_ERROR, 0);
    rig_out(r, RIG_MID, limit & 0xff);
    rig_out(r, RIG_HIGH, limit >> 8);
    rig_out(r, RIG_STATUS, 0xa0);
    assert_int_equal(rig_wait(r), READY | DATA);
    assert_int_equal(rig_in(r, RIG_COUNT), 1); /* it wants the command */
    assert_false(r->line);
    rig_write(r, packet, 12);
}

/* All of the data, block by block. False: it was refused. */
static bool take(struct rig *r, struct reply *to)
{
    uint8_t status;
    while ((status = rig_wait(r)) & DATA) {
        const uint32_t n = rig_in(r, RIG_MID) | (uint32_t)rig_in(r, RIG_HIGH) << 8;
        static uint8_t block[65536];
        assert_int_equal(rig_in(r, RIG_COUNT), 2); /* data, to the guest */
        rig_read(r, block, n);
        if (to->n + n <= sizeof(to->bytes))
            memcpy(to->bytes + to->n, block, n);
        to->n += n, to->blocks++;
        to->largest = n > to->largest ? n : to->largest;
    }
    assert_int_equal(rig_in(r, RIG_COUNT), 3); /* the end */
    return !(status & FAILED);
}

static bool ask(struct rig *r, const uint8_t packet[12], uint16_t limit, struct reply *to)
{
    static const uint8_t sense[12] = {0x03, 0, 0, 0, 18};
    struct reply why = {0};
    memset(to, 0, sizeof(*to));
    begin(r, packet, limit);
    if (take(r, to))
        return true;
    to->key = rig_in(r, RIG_ERROR) >> 4;
    assert_int_equal(rig_in(r, RIG_ERROR) & 15, ABORTED);
    begin(r, sense, 18);
    assert_true(take(r, &why));
    assert_int_equal(why.n, 18);
    assert_int_equal(why.bytes[0], 0x70);
    assert_int_equal(why.bytes[2], to->key);
    to->code = why.bytes[12], to->qualifier = why.bytes[13];
    return false;
}

static void assert_refused(struct rig *r, const uint8_t packet[12], const char *label, uint8_t key, uint8_t code,
                           uint8_t qualifier)
{
    static struct reply got;
    if (ask(r, packet, 4096, &got))
        fail_msg("%s: it was done, with %u bytes", label, got.n);
    if (got.key != key || got.code != code || got.qualifier != qualifier)
        fail_msg("%s: %x/%02x/%02x", label, got.key, got.code, got.qualifier);
}

static uint32_t big(const uint8_t *at, unsigned n)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < n; i++)
        value = value << 8 | at[i];
    return value;
}

static void assert_blocks(const struct reply *got, uint64_t lba, uint32_t n)
{
    assert_int_equal(got->n, n * 2048);
    for (uint64_t i = 0; i < got->n && i < sizeof(got->bytes); i += 8) {
        uint64_t offset;
        memcpy(&offset, got->bytes + i, 8);
        assert_int_equal(offset, lba * 2048 + i);
    }
}

static const uint8_t test_unit_ready[12] = {0x00};
static const uint8_t eject[12] = {0x1b, 0, 0, 0, 2}, load[12] = {0x1b, 0, 0, 0, 3};
static const uint8_t media_event[12] = {0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8};

/* ---- What it is -------------------------------------------------------------------------------------------------- */

static void test_cdrom_disk_commands_say_what_it_is(void **state)
{
    static const uint8_t commands[] = {0xec, 0x20};
    struct rig *r = *state;
    for (unsigned i = 0; i < sizeof(commands); i++) {
        rig_out(r, RIG_MID, 0);
        rig_out(r, RIG_STATUS, commands[i]);
        assert_int_equal(rig_wait(r), READY | FAILED);
        assert_int_equal(rig_in(r, RIG_ERROR), ABORTED);
        assert_int_equal(rig_in(r, RIG_MID), 0x14);
        assert_int_equal(rig_in(r, RIG_HIGH), 0xeb);
    }
    rig_out(r, RIG_STATUS, 0x30);
    assert_int_equal(rig_wait(r), READY | FAILED);
}

static void test_cdrom_identify_packet_device(void **state)
{
    struct rig *r = *state;
    uint16_t w[256];
    rig_out(r, RIG_STATUS, 0xa1);
    assert_int_equal(rig_wait(r), READY | DATA);
    rig_read(r, w, 512);
    assert_int_equal(rig_wait(r), READY);
    assert_int_equal(r->edges, 1);
    assert_int_equal(w[0], 0x85c0);
    assert_int_equal(w[49] & 0x0300, 0x0200);
    assert_int_equal(w[82] & 0x10, 0x10);
    assert_memory_equal(w + 27, "omtaC -DOR M", 12);
}

static void test_cdrom_device_reset_ends_whatever_it_does(void **state)
{
    static const uint8_t read[12] = {0x28, 0, 0, 0, 0, 1, 0, 0, 4};
    struct rig *r = *state;
    static struct reply got;
    r->drive[0].holds = true;
    begin(r, read, 2048);
    assert_int_equal(rig_alternate(r) & 0x80, 0x80);
    rig_out(r, RIG_STATUS, 0x08);
    assert_int_equal(rig_in(r, RIG_STATUS), 0);
    assert_false(r->line);
    assert_int_equal(rig_in(r, RIG_HIGH), 0xeb);
    begin(r, read, 2048);
    r->drive[0].holds = false;
    memset(&got, 0, sizeof(got));
    assert_true(take(r, &got));
    assert_blocks(&got, 1, 4);
}

static void test_cdrom_inquiry_has_no_pages(void **state)
{
    static const uint8_t inquiry[12] = {0x12, 0, 0, 0, 36}, page80[12] = {0x12, 1, 0x80, 0, 36},
                         page83[12] = {0x12, 1, 0x83, 0, 36}, page0[12] = {0x12, 1, 0, 0, 36};
    struct rig *r = *state;
    static struct reply got;
    assert_true(ask(r, inquiry, 64, &got));
    assert_int_equal(got.n, 36);
    assert_int_equal(got.bytes[0], 5);
    assert_int_equal(got.bytes[1], 0x80);
    assert_int_equal(got.bytes[3] & 15, 1);
    assert_int_equal(got.bytes[4], 31);
    assert_memory_equal(got.bytes + 8, "moat    CD-ROM          1   ", 28);
    assert_refused(r, page80, "page 80", 5, 0x24, 0);
    assert_refused(r, page83, "page 83", 5, 0x24, 0);
    assert_refused(r, page0, "page 0", 5, 0x24, 0);
}

static void test_cdrom_command_that_is_not_there_is_illegal(void **state)
{
    static const uint8_t codes[] = {0x04, 0x0a, 0x2a, 0x42, 0x55, 0xa0, 0xad, 0xff};
    struct rig *r = *state;
    for (unsigned i = 0; i < sizeof(codes); i++) {
        const uint8_t packet[12] = {codes[i]};
        assert_refused(r, packet, "no such command", 5, 0x20, 0);
    }
}

/* ---- Data -------------------------------------------------------------------------------------------------------- */

static void test_cdrom_reads_in_blocks_of_the_byte_count(void **state)
{
    static const struct {
        const char *label;
        uint8_t packet[12];
        uint16_t limit;
        uint32_t lba, n;
        unsigned blocks, reads;
    } cases[] = {
        {"one", {0x28, 0, 0, 0, 0, 16, 0, 0, 1}, 2048, 16, 1, 1, 1},
        {"many, one a block", {0x28, 0, 0, 0, 1, 0, 0, 0, 20}, 2048, 256, 20, 20, 1},
        {"as much as it gives", {0x28, 0, 0, 0, 1, 0, 0, 0, 40}, 0xffff, 256, 40, 3, 1},
        {"odd byte counts are one less", {0x28, 0, 0, 0, 0, 5, 0, 0, 2}, 1025, 5, 2, 4, 1},
        {"no multiple of the sector", {0x28, 0, 0, 0, 0, 5, 0, 0, 3}, 2000, 5, 3, 4, 1},
        {"READ (12)", {0xa8, 0, 0, 0, 0x0f, 0xfe, 0, 0, 0, 2}, 4096, 0xffe, 2, 1, 1},
        {"READ CD", {0xbe, 8, 0, 0, 0, 7, 0, 0, 2, 0x10}, 2048, 7, 2, 2, 1},
        {"READ CD of any type", {0xbe, 0, 0, 0, 0, 7, 0, 0, 1, 0x10}, 2048, 7, 1, 1, 1},
        {"READ CD of nothing", {0xbe, 0, 0, 0, 0, 7, 0, 0, 1, 0}, 2048, 7, 0, 0, 0},
        {"none", {0x28}, 2048, 0, 0, 0, 0},
        {"none at the end", {0x28, 0, 0, 0, 0x10, 0}, 0, 0, 0, 0, 0},
        {"more than a request", {0x28, 0, 0, 0, 0, 0, 0, 0x01, 0}, 2048, 0, 256, 256, 4},
    };
    struct rig *r = *state;
    static struct reply got;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        r->edges = r->drive[0].reads = 0;
        if (!ask(r, cases[i].packet, cases[i].limit, &got))
            fail_msg("%s: refused %x/%02x", cases[i].label, got.key, got.code);
        if (got.blocks != cases[i].blocks || r->edges != cases[i].blocks + 1 || r->drive[0].reads != cases[i].reads ||
            got.largest > cases[i].limit)
            fail_msg("%s: %u blocks, the largest of %u bytes, %u interrupts, %u reads", cases[i].label, got.blocks,
                     got.largest, r->edges, r->drive[0].reads);
        assert_blocks(&got, cases[i].lba, cases[i].n);
    }
}

static void test_cdrom_reads_that_cannot_be_are_refused(void **state)
{
    static const struct {
        const char *label;
        uint8_t packet[12];
        uint8_t code;
    } cases[] = {
        {"READ (10) beyond the end", {0x28, 0, 0, 0, 0x0f, 0xff, 0, 0, 2}, 0x21},
        {"READ (12) far beyond it", {0xa8, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 0x21},
        {"SEEK beyond it", {0x2b, 0, 0, 0, 0x10, 0}, 0x21},
        {"READ CD of audio", {0xbe, 1 << 2, 0, 0, 0, 0, 0, 0, 1, 0x10}, 0x64},
        {"READ CD of whole sectors", {0xbe, 0, 0, 0, 0, 0, 0, 0, 1, 0xf8}, 0x24},
        {"READ CD with subchannels", {0xbe, 0, 0, 0, 0, 0, 0, 0, 1, 0x10, 1}, 0x24},
        {"READ TOC of format 5", {0x43, 0, 5, 0, 0, 0, 0, 0, 64}, 0x24},
        {"READ TOC from track 2", {0x43, 0, 0, 0, 0, 0, 2, 0, 64}, 0x24},
        {"GET EVENT without polling", {0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8}, 0x24},
        {"GET CONFIGURATION of no kind", {0x46, 3, 0, 0, 0, 0, 0, 0, 64}, 0x24},
        {"READ DISC INFORMATION of tracks", {0x51, 1, 0, 0, 0, 0, 0, 0, 64}, 0x24},
        {"MODE SENSE of page 5", {0x5a, 0, 5, 0, 0, 0, 0, 0, 64}, 0x24},
        {"MODE SENSE of what was saved", {0x5a, 0, 0xea, 0, 0, 0, 0, 0, 64}, 0x24},
    };
    struct rig *r = *state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_refused(r, cases[i].packet, cases[i].label, 5, cases[i].code, 0);
    assert_int_equal(r->drive[0].reads, 0);
}

static void test_cdrom_error_of_the_host_is_an_unrecovered_read(void **state)
{
    static const uint8_t read[12] = {0x28, 0, 0, 0, 0, 1, 0, 0, 1};
    struct rig *r = *state;
    static struct reply got;
    r->drive[0].fail = -EIO;
    assert_refused(r, read, "a bad sector", 3, 0x11, 0);
    assert_true(ask(r, read, 2048, &got));
    assert_blocks(&got, 1, 1);
}

static void test_cdrom_packet_that_wants_dma_or_no_data_is_aborted(void **state)
{
    static const uint8_t read[12] = {0x28, 0, 0, 0, 0, 1, 0, 0, 1};
    struct rig *r = *state;
    rig_out(r, RIG_ERROR, 1);
    rig_out(r, RIG_STATUS, 0xa0);
    assert_int_equal(rig_wait(r), READY | FAILED);
    assert_int_equal(rig_in(r, RIG_ERROR), ABORTED);
    begin(r, read, 0);
    assert_int_equal(rig_wait(r), READY | FAILED);
    assert_int_equal(rig_in(r, RIG_ERROR), ABORTED);
}

static void test_cdrom_reply_is_as_long_as_was_allocated(void **state)
{
    static const uint8_t inquiry[12] = {0x12, 0, 0, 0, 5}, nothing[12] = {0x12};
    struct rig *r = *state;
    static struct reply got;
    assert_true(ask(r, inquiry, 64, &got));
    assert_int_equal(got.n, 5);
    assert_int_equal(got.bytes[4], 31);
    assert_true(ask(r, nothing, 0, &got));
    assert_int_equal(got.n, 0);
}

/* ---- What it says of its medium ---------------------------------------------------------------------------------- */

static void test_cdrom_capacity_is_of_whole_sectors(void **state)
{
    static const uint8_t capacity[12] = {0x25}, beyond[12] = {0x28, 0, 0, 0, 0, 10, 0, 0, 1};
    struct rig *r = *state;
    static struct reply got;
    assert_true(ask(r, capacity, 8, &got));
    assert_int_equal(got.n, 8);
    assert_int_equal(big(got.bytes, 4), BLOCKS - 1);
    assert_int_equal(big(got.bytes + 4, 4), 2048);
    drive_insert(&r->drive[0], 10 * 2048 + 1536);
    rig_poll(r);
    assert_refused(r, capacity, "another medium", 6, 0x28, 0);
    assert_true(ask(r, capacity, 8, &got));
    assert_int_equal(big(got.bytes, 4), 9);
    assert_refused(r, beyond, "the rest", 5, 0x21, 0);
}

static void test_cdrom_table_of_contents_is_one_track(void **state)
{
    static const uint8_t blocks[12] = {0x43, 0, 0, 0, 0, 0, 0, 0, 64}, minutes[12] = {0x43, 2, 0, 0, 0, 0, 0xaa, 0, 64},
                         sessions[12] = {0x43, 0, 1, 0, 0, 0, 0, 0, 64}, raw[12] = {0x43, 0, 2, 0, 0, 0, 0, 0, 64},
                         old[12] = {0x43, 0, 0, 0, 0, 0, 0, 0, 64, 0x40};
    struct rig *r = *state;
    static struct reply got;
    assert_true(ask(r, blocks, 64, &got));
    assert_int_equal(got.n, 20);
    assert_int_equal(big(got.bytes, 4), 18 << 16 | 0x0101);
    assert_int_equal(big(got.bytes + 4, 4), 0x00140100);
    assert_int_equal(big(got.bytes + 8, 4), 0);
    assert_int_equal(big(got.bytes + 12, 4), 0x0014aa00);
    assert_int_equal(big(got.bytes + 16, 4), BLOCKS);
    assert_true(ask(r, minutes, 64, &got));
    assert_int_equal(got.n, 12);
    assert_int_equal(big(got.bytes + 8, 4), 0 << 16 | 56 << 8 | 46); /* 4096 + 150 frames of 1/75 s */
    assert_true(ask(r, sessions, 64, &got));
    assert_int_equal(got.n, 12);
    assert_int_equal(big(got.bytes + 4, 4), 0x00140100);
    assert_true(ask(r, old, 64, &got));
    assert_int_equal(got.n, 12);
    assert_true(ask(r, raw, 64, &got));
    assert_int_equal(got.n, 4 + 4 * 11);
    assert_int_equal(got.bytes[4 + 22 + 3], 0xa2);
    assert_int_equal(big(got.bytes + 4 + 22 + 8, 3), 0 << 16 | 56 << 8 | 46);
}

static void test_cdrom_configuration_has_the_profile_of_the_medium(void **state)
{
    static const uint8_t all[12] = {0x46, 0, 0, 0, 0, 0, 0, 4, 0}, current[12] = {0x46, 1, 0, 0, 0, 0, 0, 4, 0},
                         one[12] = {0x46, 2, 0, 0x1e, 0, 0, 0, 4, 0};
    struct rig *r = *state;
    static struct reply got;
    for (unsigned i = 0; i < 3; i++) {
        const uint32_t profile = i == 0 ? 0x08 : i == 1 ? 0x10 : 0;
        if (i > 0)
            drive_insert(&r->drive[0], i == 1 ? UINT64_C(4) << 30 : 0);
        rig_poll(r);
        assert_true(ask(r, all, 512, &got)); /* whatever has changed */
        assert_int_equal(big(got.bytes, 4), got.n - 4);
        assert_int_equal(got.n, 8 + 12 + 8 + 8 + 12 + 8 + 4);
        assert_int_equal(big(got.bytes + 6, 2), profile);
        assert_int_equal(got.bytes[8 + 4 + 2], profile == 0x10);
        assert_int_equal(got.bytes[8 + 4 + 6], profile == 0x08);
        assert_true(ask(r, current, 512, &got));
        assert_int_equal(got.n, 8 + 12 + 8 + 8 + (profile == 0 ? 0 : profile == 8 ? 12 + 8 : 12 + 4));
        assert_true(ask(r, one, 512, &got));
        assert_int_equal(got.n, 8 + 8);
        assert_int_equal(got.bytes[8 + 2], profile == 8 ? 1 : 0);
    }
}

static void test_cdrom_disc_is_complete(void **state)
{
    static const uint8_t disc[12] = {0x51, 0, 0, 0, 0, 0, 0, 0, 64}, mechanism[12] = {0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8};
    struct rig *r = *state;
    static struct reply got;
    assert_true(ask(r, disc, 64, &got));
    assert_int_equal(got.n, 34);
    assert_int_equal(big(got.bytes, 2), 32);
    assert_int_equal(got.bytes[2], 0x0e);
    assert_true(ask(r, mechanism, 64, &got));
    assert_int_equal(got.n, 8);
    assert_int_equal(got.bytes[1], 0);
}

static void test_cdrom_mode_pages(void **state)
{
    static const uint8_t all[12] = {0x5a, 0, 0x3f, 0, 0, 0, 0, 1, 0},
                         capabilities[12] = {0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 28}, short_form[12] = {0x1a, 0, 0x01, 0, 64},
                         changeable[12] = {0x5a, 0, 0x6a, 0, 0, 0, 0, 0, 28}, lock[12] = {0x1e, 0, 0, 0, 1};
    struct rig *r = *state;
    static struct reply got;
    assert_true(ask(r, all, 512, &got));
    assert_int_equal(got.n, 8 + 8 + 16 + 20);
    assert_int_equal(big(got.bytes, 2), got.n - 2);
    assert_int_equal(got.bytes[2], 0x01);
    assert_int_equal(got.bytes[8], 0x01);
    assert_int_equal(got.bytes[16], 0x0e);
    assert_int_equal(got.bytes[32], 0x2a);
    assert_true(ask(r, lock, 512, &got));
    assert_true(ask(r, capabilities, 512, &got));
    assert_int_equal(got.n, 28);
    assert_int_equal(big(got.bytes + 8, 2), 0x2a12);
    assert_int_equal(got.bytes[8 + 6], 0x2b); /* a tray, out and in, locked now */
    assert_true(ask(r, changeable, 512, &got));
    assert_int_equal(big(got.bytes + 8, 4), 0x2a120000);
    assert_true(ask(r, short_form, 512, &got));
    assert_int_equal(got.n, 12);
    assert_int_equal(got.bytes[0], 11);
    assert_int_equal(got.bytes[4], 0x01);
}

/* ---- Media that come and go -------------------------------------------------------------------------------------- */

static void test_cdrom_empty_drive_is_not_ready(void **state)
{
    static const uint8_t wants[] = {0x00, 0x25, 0x28, 0x2b, 0x43, 0x51, 0xa8, 0xbe};
    struct rig *r = *state;
    for (unsigned i = 0; i < sizeof(wants); i++) {
        const uint8_t packet[12] = {wants[i]};
        assert_refused(r, packet, "no medium", 2, 0x3a, 1);
    }
}

static void test_cdrom_medium_that_comes_is_told_once(void **state)
{
    static const uint8_t inquiry[12] = {0x12, 0, 0, 0, 36};
    struct rig *r = *state;
    static struct reply got;
    rig_poll(r);
    drive_insert(&r->drive[0], BYTES);
    rig_poll(r);
    assert_true(ask(r, inquiry, 64, &got));
    assert_true(ask(r, media_event, 64, &got));
    assert_int_equal(big(got.bytes, 4), 0x00060410);
    assert_int_equal(big(got.bytes + 4, 2), 0x0202); /* new, and in */
    assert_true(ask(r, media_event, 64, &got));
    assert_int_equal(big(got.bytes + 4, 2), 0x0002);
    assert_refused(r, test_unit_ready, "another medium", 6, 0x28, 0);
    assert_true(ask(r, test_unit_ready, 64, &got));
    drive_insert(&r->drive[0], 0);
    rig_poll(r);
    assert_refused(r, test_unit_ready, "taken out", 2, 0x3a, 1);
    assert_true(ask(r, media_event, 64, &got));
    assert_int_equal(big(got.bytes + 4, 2), 0x0300);
}

static void test_cdrom_sense_tells_of_another_medium_too(void **state)
{
    static const uint8_t sense[12] = {0x03, 0, 0, 0, 18};
    struct rig *r = *state;
    static struct reply got;
    rig_poll(r);
    drive_insert(&r->drive[0], BYTES);
    rig_poll(r);
    assert_true(ask(r, sense, 64, &got));
    assert_int_equal(got.bytes[2], 6);
    assert_int_equal(got.bytes[12], 0x28);
    assert_true(ask(r, sense, 64, &got));
    assert_int_equal(got.bytes[2], 0);
    assert_true(ask(r, test_unit_ready, 64, &got));
}

static void test_cdrom_other_medium_in_the_middle_of_a_read_ends_it(void **state)
{
    static const uint8_t read[12] = {0x28, 0, 0, 0, 0, 0, 0, 0, 64};
    struct rig *r = *state;
    static struct reply got;
    static uint8_t bytes[2048];
    for (unsigned taken = 0; taken < 2; taken++) {
        begin(r, read, 2048);
        assert_int_equal(rig_wait(r), READY | DATA);
        rig_read(r, bytes, 2048);
        drive_insert(&r->drive[0], taken ? 0 : BYTES);
        rig_poll(r);
        memset(&got, 0, sizeof(got));
        assert_false(take(r, &got));
        assert_int_equal(got.n, 15 * 2048); /* what was in the buffer */
        assert_int_equal(rig_in(r, RIG_ERROR) >> 4, taken ? 2 : 6);
    }
}

static void test_cdrom_medium_that_goes_while_it_is_read(void **state)
{
    static const uint8_t read[12] = {0x28, 0, 0, 0, 0, 0, 0, 0, 1};
    struct rig *r = *state;
    static struct reply got;
    rig_poll(r);
    r->drive[0].holds = true;
    begin(r, read, 2048);
    r->drive[0].holds = false;
    drive_insert(&r->drive[0], 0);
    memset(&got, 0, sizeof(got));
    assert_false(take(r, &got));
    assert_int_equal(rig_in(r, RIG_ERROR) >> 4, 2);
}

static void test_cdrom_guest_ejects_unless_it_locked(void **state)
{
    static const uint8_t lock[12] = {0x1e, 0, 0, 0, 1}, unlock[12] = {0x1e};
    struct rig *r = *state;
    static struct reply got;
    rig_poll(r);
    assert_true(ask(r, lock, 64, &got));
    assert_refused(r, eject, "it is locked", 5, 0x53, 2);
    assert_true(ask(r, unlock, 64, &got));
    assert_true(ask(r, eject, 64, &got));
    assert_refused(r, test_unit_ready, "the tray is out", 2, 0x3a, 2);
    rig_poll(r);
    assert_int_equal(r->drive[0].ejects, 1);
    assert_true(ask(r, media_event, 64, &got));
    assert_int_equal(big(got.bytes + 4, 2), 0x0301);
    assert_true(ask(r, load, 64, &got));
    assert_refused(r, test_unit_ready, "nothing comes in with it", 2, 0x3a, 1);
    assert_true(ask(r, eject, 64, &got));
    drive_insert(&r->drive[0], BYTES);
    rig_poll(r);
    assert_refused(r, test_unit_ready, "somebody has put one in", 6, 0x28, 0);
    assert_true(ask(r, test_unit_ready, 64, &got));
}

static void test_cdrom_tray_does_not_come_in_before_the_host_let_go(void **state)
{
    struct rig *r = *state;
    static struct reply got;
    rig_poll(r);
    r->drive[0].holds = true;
    for (unsigned i = 0; i < 2 * DRIVE_SLOTS; i++) {
        assert_true(ask(r, eject, 64, &got));
        assert_true(ask(r, load, 64, &got));
    }
    assert_refused(r, test_unit_ready, "it is on its way out", 2, 0x3a, 2);
    r->drive[0].holds = false;
    rig_poll(r);
    assert_int_equal(r->drive[0].ejects, 1);
    assert_true(ask(r, load, 64, &got));
    assert_refused(r, test_unit_ready, "it is gone", 2, 0x3a, 1);
}

static void test_cdrom_start_and_stop_without_the_tray_do_nothing(void **state)
{
    static const uint8_t stop[12] = {0x1b}, start[12] = {0x1b, 0, 0, 0, 1}, sleep[12] = {0x1b, 0, 0, 0, 0x52};
    struct rig *r = *state;
    static struct reply got;
    assert_true(ask(r, stop, 64, &got) && ask(r, start, 64, &got) && ask(r, sleep, 64, &got));
    assert_true(ask(r, test_unit_ready, 64, &got));
    assert_int_equal(r->drive[0].ejects, 0);
}

/* ---- Records ----------------------------------------------------------------------------------------------------- */

static struct rig *move(struct rig *r, uint64_t bytes)
{
    struct rig *other = rig_make(IDE_CDROM, bytes, IDE_NONE, 0);
    const char *why;
    assert_int_equal(medium_pause(&r->drive[0].medium), 0);
    assert_int_equal(ide_ops.check(&r->ide.state, &why), 0);
    memcpy(&other->ide.state, &r->ide.state, sizeof(r->ide.state));
    ide_ops.loaded(&other->ide);
    return other;
}

static void test_cdrom_read_goes_on_after_a_snapshot(void **state)
{
    static const uint8_t read[12] = {0x28, 0, 0, 0, 0, 9, 0, 0, 40};
    struct rig *r = *state, *other;
    static struct reply got;
    static uint8_t bytes[2048];
    begin(r, read, 2048);
    assert_int_equal(rig_wait(r), READY | DATA);
    rig_read(r, bytes, 2048);
    other = move(r, BYTES);
    memset(&got, 0, sizeof(got));
    assert_true(take(other, &got));
    assert_blocks(&got, 10, 39);
    rig_free(other);
}

static void test_cdrom_other_medium_after_a_snapshot_is_told(void **state)
{
    static const uint8_t read[12] = {0x28, 0, 0, 0, 0, 9, 0, 0, 40};
    static const uint64_t there[] = {BYTES, BYTES + 2048, 0};
    struct rig *r = *state;
    static struct reply got;
    begin(r, read, 2048);
    assert_int_equal(rig_wait(r), READY | DATA);
    for (unsigned i = 0; i < 3; i++) {
        struct rig *other = move(r, there[i]);
        memset(&got, 0, sizeof(got));
        assert_int_equal(take(other, &got), i == 0);
        if (i == 1)
            assert_int_equal(rig_in(other, RIG_ERROR) >> 4, 6);
        if (i == 2)
            assert_refused(other, test_unit_ready, "it is gone", 2, 0x3a, 1);
        rig_free(other);
    }
}

static void test_cdrom_record_that_cannot_be_is_refused(void **state)
{
#define FIELD(f, v)                                                                                                    \
    {                                                                                                                  \
#f " = " #v, offsetof(struct ide_device_state, f), sizeof(((struct ide_device_state *)0)->f), v                \
    }
    static const struct {
        const char *label;
        size_t offset, bytes;
        uint32_t value;
    } cases[] = {
        FIELD(kind, IDE_DISK),
        FIELD(limit, 0),
        FIELD(limit, 3),
        FIELD(limit, IDE_BUFFER + 2),
        FIELD(filled, IDE_BUFFER + 1),
        FIELD(end, 0),
        FIELD(phase, IDE_WRITING),
        FIELD(phase, IDE_DATA_OUT),
        FIELD(phase, IDE_PACKET),
        FIELD(packet[0], 0x12),
        FIELD(attention, 2),
        FIELD(locked, 2),
        FIELD(open, 2),
    };
    static const uint8_t read[12] = {0x28, 0, 0, 0, 0, 9, 0, 0, 40};
    struct rig *r = *state;
    static struct ide_state s;
    const char *why;
    begin(r, read, 2048);
    assert_int_equal(rig_wait(r), READY | DATA);
    assert_int_equal(ide_ops.check(&r->ide.state, &why), 0);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s = r->ide.state;
        memcpy((uint8_t *)&s.device[0] + cases[i].offset, &cases[i].value, cases[i].bytes);
        if (ide_ops.check(&s, &why) != -EINVAL)
            fail_msg("%s is taken", cases[i].label);
    }
}

int main(void)
{
#define WITH(make, name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        WITH(make_cd, test_cdrom_disk_commands_say_what_it_is),
        WITH(make_cd, test_cdrom_identify_packet_device),
        WITH(make_cd, test_cdrom_device_reset_ends_whatever_it_does),
        WITH(make_empty, test_cdrom_inquiry_has_no_pages),
        WITH(make_cd, test_cdrom_command_that_is_not_there_is_illegal),
        WITH(make_cd, test_cdrom_reads_in_blocks_of_the_byte_count),
        WITH(make_cd, test_cdrom_reads_that_cannot_be_are_refused),
        WITH(make_cd, test_cdrom_error_of_the_host_is_an_unrecovered_read),
        WITH(make_cd, test_cdrom_packet_that_wants_dma_or_no_data_is_aborted),
        WITH(make_cd, test_cdrom_reply_is_as_long_as_was_allocated),
        WITH(make_cd, test_cdrom_capacity_is_of_whole_sectors),
        WITH(make_cd, test_cdrom_table_of_contents_is_one_track),
        WITH(make_cd, test_cdrom_configuration_has_the_profile_of_the_medium),
        WITH(make_cd, test_cdrom_disc_is_complete),
        WITH(make_cd, test_cdrom_mode_pages),
        WITH(make_empty, test_cdrom_empty_drive_is_not_ready),
        WITH(make_empty, test_cdrom_medium_that_comes_is_told_once),
        WITH(make_empty, test_cdrom_sense_tells_of_another_medium_too),
        WITH(make_cd, test_cdrom_other_medium_in_the_middle_of_a_read_ends_it),
        WITH(make_cd, test_cdrom_medium_that_goes_while_it_is_read),
        WITH(make_cd, test_cdrom_guest_ejects_unless_it_locked),
        WITH(make_cd, test_cdrom_tray_does_not_come_in_before_the_host_let_go),
        WITH(make_cd, test_cdrom_start_and_stop_without_the_tray_do_nothing),
        WITH(make_cd, test_cdrom_read_goes_on_after_a_snapshot),
        WITH(make_cd, test_cdrom_other_medium_after_a_snapshot_is_told),
        WITH(make_cd, test_cdrom_record_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
