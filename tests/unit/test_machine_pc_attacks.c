/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that means ill, with all of a PC's registers in its hands: what it does to its drives, its memory and its
 * clock in the midst of something else, and what of it somebody outside could notice. No processor computes here;
 * test_machine_pc_code.c has what a guest's code can do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "unit/drive_fixture.h"
#include "unit/machine_fixture.h"

#define RAM    (UINT64_C(8) << 20)
#define ROM    (128u << 10)
#define FLOPPY (1440u << 10)
#define CD     (40u * 2048)
#define MS     (SECOND_NS / 1000)

enum { CD_BASE = 0x170, CD_MID = 0x174, CD_HIGH, CD_DEVICE, CD_STATUS, CD_CONTROL = 0x376 };
enum { BUSY = 0x80, DATA = 8, ERROR = 1 };
enum { TO_MEMORY = 0x46, FROM_MEMORY = 0x4a };

static _Alignas(4096) uint8_t rom[ROM];

struct attack {
    struct fixture *f;
    struct drive *floppy, *disk, *cd;
};

/* ---- The machine ------------------------------------------------------------------------------------------------- */

static struct drive *drive(bool removable, uint64_t bytes, bool read_only, uint32_t kept)
{
    struct drive *d = aligned_alloc(64, (sizeof(*d) + 63) & ~(size_t)63);
    assert_non_null(d);
    memset(d, 0, sizeof(*d));
    drive_make(d, removable, bytes, read_only, kept);
    return d;
}

static void begin(struct attack *a)
{
    a->floppy = drive(true, FLOPPY, false, FLOPPY);
    a->disk = drive(false, 700 * 512, false, 700 * 512);
    a->cd = drive(true, CD, true, CD);
    const struct pc_setup setup = {.firmware = rom,
                                   .firmware_bytes = ROM,
                                   .boot = "a",
                                   .floppies = {&a->floppy->medium},
                                   .floppy_types = {FDC_1440K, FDC_1440K},
                                   .disks = {&a->disk->medium, NULL, &a->cd->medium},
                                   .disk_kinds = {IDE_DISK, IDE_NONE, IDE_CDROM}};
    memset(rom, 0x90, sizeof(rom));
    a->f = fixture_make_pc(RAM, "moat64", &setup);
}

static void end(struct attack *a)
{
    struct drive *all[] = {a->floppy, a->disk, a->cd};
    fixture_free(a->f);
    for (unsigned i = 0; i < 3; i++) {
        free(all[i]->written);
        free(all[i]);
    }
}

static void poll_media(struct attack *a)
{
    struct drive *all[] = {a->floppy, a->disk, a->cd};
    for (unsigned i = 0; i < 3; i++) {
        medium_poll(&all[i]->medium);
        drive_serve(all[i]);
        medium_poll(&all[i]->medium);
    }
}

/* Time passes, in steps in which media answer. */
static void pass(struct attack *a, uint64_t ns)
{
    for (uint64_t at = 0; at < ns; at += MS) {
        fixture_pass(a->f, MS);
        poll_media(a);
    }
}

static void out(struct attack *a, uint16_t port, uint8_t value)
{
    fixture_out(a->f, port, value);
}

static uint8_t in(struct attack *a, uint16_t port)
{
    return fixture_in(a->f, port);
}

/* ---- Drivers ----------------------------------------------------------------------------------------------------- */

static void packet(struct attack *a, const uint8_t bytes[12])
{
    out(a, CD_DEVICE, 0);
    out(a, CD_MID, 0);
    out(a, CD_HIGH, 8);
    out(a, CD_STATUS, 0xa0);
    for (unsigned i = 0; i < 12; i += 2)
        bus_write(&a->f->machine.ports, CD_BASE, 2, (uint64_t)bytes[i] | (uint64_t)bytes[i + 1] << 8);
}

static void cd_wait(struct attack *a)
{
    for (unsigned i = 0; i < 64 && (in(a, CD_CONTROL) & BUSY); i++)
        poll_media(a);
    assert_false(in(a, CD_CONTROL) & BUSY);
}

static void read_block(struct attack *a, uint8_t lba)
{
    const uint8_t bytes[12] = {0x28, 0, 0, 0, 0, lba, 0, 0, 1};
    packet(a, bytes);
}

static uint32_t read_data(struct attack *a)
{
    return (uint32_t)bus_read(&a->f->machine.ports, CD_BASE, 4);
}

/* The floppy controller's DMA channel: 512 bytes. */
static void channel(struct attack *a, uint8_t mode, uint32_t address)
{
    out(a, 0x0a, 6);
    out(a, 0x0c, 0);
    out(a, 0x0b, mode);
    out(a, 0x04, (uint8_t)address);
    out(a, 0x04, (uint8_t)(address >> 8));
    out(a, 0x81, (uint8_t)(address >> 16));
    out(a, 0x05, 0xff);
    out(a, 0x05, 1);
    out(a, 0x0a, 2);
}

/* One sector of cylinder 0, side 0. */
static void floppy(struct attack *a, uint8_t command, uint8_t sector)
{
    const uint8_t bytes[9] = {command, 0, 0, 0, sector, 2, 18, 0x1b, 0xff};
    for (unsigned i = 0; i < sizeof(bytes); i++)
        out(a, 0x3f5, bytes[i]);
}

/* Out of reset, at 500 kbit/s, and what the reset has to say has been read. */
static void floppy_ready(struct attack *a)
{
    out(a, 0x3f2, 0);
    out(a, 0x3f2, 0x1c);
    out(a, 0x3f7, 0);
    pass(a, 2 * MS);
    for (unsigned i = 0; i < 4; i++) {
        out(a, 0x3f5, 8);
        (void)in(a, 0x3f5);
        (void)in(a, 0x3f5);
    }
}

/* ST0 of a command that is over, and the rest of what it says. */
static uint8_t floppy_result(struct attack *a)
{
    const uint8_t first = in(a, 0x3f5);
    for (unsigned i = 1; i < 7; i++)
        (void)in(a, 0x3f5);
    return first;
}

/* ---- Drives ------------------------------------------------------------------------------------------------------ */

/* With resets in between, by which the drive forgets that it was told, and before anybody has answered. A drive whose
 * ring is full would be lost for its owner, and no snapshot could be made any more. */
static void ejecting_again_and_again_loses_no_drive(void **state)
{
    static const uint8_t eject[12] = {0x1b, 0, 0, 0, 2};
    struct attack a;

    begin(&a);
    poll_media(&a);
    for (unsigned i = 0; i < 64; i++) {
        packet(&a, eject);
        machine_reset(&a.f->machine);
    }
    poll_media(&a);
    assert_false(a.cd->medium.lost);
    assert_int_equal(a.cd->ejects, 1);
    assert_int_equal(medium_pause(&a.cd->medium), 0);
    drive_insert(a.cd, CD); /* its owner puts another one in */
    poll_media(&a);
    assert_true(a.cd->medium.present);
    for (unsigned i = 0; i < 64; i++)
        packet(&a, eject); /* and this can be ejected as well */
    poll_media(&a);
    assert_int_equal(a.cd->ejects, 2);
    assert_false(a.cd->medium.present || a.cd->medium.lost);
    end(&a);
}

static void nothing_of_a_cd_is_read_when_another_is_in(void **state)
{
    struct attack a;

    begin(&a);
    poll_media(&a);
    memset(a.cd->written, 0xaa, CD);
    read_block(&a, 1);
    cd_wait(&a);
    assert_true(in(&a, CD_CONTROL) & DATA);
    assert_int_equal(read_data(&a), 0xaaaaaaaa);
    memset(a.cd->written, 0xbb, CD);
    drive_insert(a.cd, CD);
    poll_media(&a);
    read_block(&a, 1); /* first it is told */
    cd_wait(&a);
    assert_true(in(&a, CD_CONTROL) & ERROR);
    assert_int_equal(read_data(&a), 0xffffffff);
    read_block(&a, 1);
    cd_wait(&a);
    assert_int_equal(read_data(&a), 0xbbbbbbbb);
    end(&a);
}

static void nothing_of_a_floppy_is_read_when_another_is_in(void **state)
{
    struct attack a;

    begin(&a);
    floppy_ready(&a);
    memset(a.floppy->written, 0xaa, FLOPPY);
    channel(&a, TO_MEMORY, 0x5000);
    floppy(&a, 0x46, 1); /* the whole track is in the medium's buffer now */
    pass(&a, 10 * MS);
    assert_int_equal(floppy_result(&a) & 0xc0, 0);
    assert_int_equal(a.f->memory[0x51ff], 0xaa);
    memset(a.floppy->written, 0xbb, FLOPPY);
    drive_insert(a.floppy, FLOPPY);
    poll_media(&a);
    channel(&a, TO_MEMORY, 0x5000);
    floppy(&a, 0x46, 2);
    pass(&a, 10 * MS);
    assert_int_equal(floppy_result(&a) & 0xc0, 0);
    assert_int_equal(a.f->memory[0x5000], 0xbb);
    assert_int_equal(a.f->memory[0x51ff], 0xbb);
    end(&a);
}

/* Answers that come after a reset are of nobody: the same numbers of requests may be another's by then. */
static void what_was_under_way_at_a_reset_is_forgotten(void **state)
{
    struct attack a;

    begin(&a);
    floppy_ready(&a);
    memset(a.floppy->written + 512, 0xcc, 512);
    memset(a.cd->written + 2048, 0xdd, 2048);
    a.floppy->holds = a.cd->holds = true;
    channel(&a, TO_MEMORY, 0x5000);
    floppy(&a, 0x46, 1);
    read_block(&a, 0);
    pass(&a, 2 * MS);
    assert_true(a.floppy->medium.busy && a.cd->medium.busy);
    machine_reset(&a.f->machine);
    assert_true(a.floppy->medium.busy && a.cd->medium.busy);
    floppy_ready(&a);
    channel(&a, TO_MEMORY, 0x6000);
    floppy(&a, 0x46, 2);
    read_block(&a, 1);
    pass(&a, 2 * MS);
    assert_true(in(&a, CD_CONTROL) & BUSY);
    a.floppy->holds = a.cd->holds = false;
    pass(&a, 10 * MS);
    assert_int_equal(floppy_result(&a) & 0xc0, 0);
    assert_int_equal(a.f->memory[0x5000], 0);
    assert_int_equal(a.f->memory[0x6000], 0xcc);
    assert_int_equal(a.f->memory[0x61ff], 0xcc);
    assert_true(in(&a, CD_CONTROL) & DATA);
    assert_int_equal(read_data(&a), 0xdddddddd);
    end(&a);
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

static void dma_writes_no_rom(void **state)
{
    struct attack a;
    bool writable = true;

    begin(&a);
    floppy_ready(&a);
    memset(a.floppy->written, 0xee, FLOPPY);
    channel(&a, TO_MEMORY, 0xf0000);
    floppy(&a, 0x46, 1);
    pass(&a, 10 * MS);
    assert_int_equal(floppy_result(&a) & 0xc0, 0);
    for (unsigned i = 0; i < ROM; i++)
        assert_int_equal(rom[i], 0x90);
    assert_ptr_equal(fixture_bus()->page(fixture_bus()->owner, 0xf0000, &writable), rom + ROM - 0x10000);
    assert_false(writable);
    assert_int_equal(a.f->memory[0xf0000], 0xee); /* the RAM beneath */
    end(&a);
}

static void dma_beyond_memory_is_lost_and_reads_ones(void **state)
{
    struct attack a;

    begin(&a);
    floppy_ready(&a);
    channel(&a, TO_MEMORY, 0xff0000); /* 16 MiB less 64 KiB: half of that is there */
    floppy(&a, 0x46, 1);
    pass(&a, 10 * MS);
    assert_int_equal(floppy_result(&a) & 0xc0, 0);
    for (uint64_t i = 0x10000; i < RAM; i += 512)
        assert_int_equal(a.f->memory[i], 0);
    channel(&a, FROM_MEMORY, 0xff0000);
    floppy(&a, 0x45, 1);
    pass(&a, 10 * MS);
    assert_int_equal(floppy_result(&a) & 0xc0, 0);
    for (unsigned i = 0; i < 512; i++)
        assert_int_equal(a.floppy->written[i], 0xff);
    end(&a);
}

/* ---- Records ----------------------------------------------------------------------------------------------------- */

struct kept {
    struct vcpu_state cpu;
    unsigned n;
};

static int keep(void *owner, const char *name, uint32_t number, uint32_t version, const void *bytes, uint32_t n)
{
    struct kept *k = owner;
    k->n++;
    if (strcmp(name, "cpu") == 0)
        memcpy(&k->cpu, bytes, sizeof(k->cpu));
    return 0;
}

/* Whoever goes on from there would wait for ever for the reset that the guest had asked for. */
static void a_reset_that_is_due_comes_before_a_snapshot(void **state)
{
    struct kept k = {.n = 0};
    struct vcpu_state reset;
    struct attack a;

    begin(&a);
    a.f->state.rip = 0x1234;
    out(&a, 0x64, 0xfe);
    assert_true(a.f->machine.begin_anew);
    assert_int_equal(machine_save(&a.f->machine, &k, keep), 0);
    assert_true(k.n > 10);
    vcpu_state_reset(&reset);
    assert_int_equal(k.cpu.rip, reset.rip);
    assert_false(a.f->machine.begin_anew);
    end(&a);
}

/* A drive whose heads are for ever under way, as nobody but a record can have it. */
static void heads_that_never_arrive_are_refused(void **state)
{
    static struct fdc_state s;
    struct attack a;
    const char *why = NULL;

    begin(&a);
    s = a.f->pc.floppy.state;
    assert_int_equal(fdc_ops.check(&s, &why), 0);
    s.drive[1].seeks = 1;
    assert_int_equal(fdc_ops.check(&s, &why), -EINVAL);
    s.drive[1].due = 5;
    assert_int_equal(fdc_ops.check(&s, &why), 0);
    end(&a);
}

/* By days that no month has: the record would be refused in the end, and with it the snapshot. */
static void a_date_that_is_pushed_on_stays_one(void **state)
{
    static const uint8_t days[] = {0xff, 0x00};
    struct attack a;
    const char *why = NULL;

    begin(&a);
    for (unsigned which = 0; which < 2; which++) {
        out(&a, 0x70, 0x07);
        for (unsigned i = 0; i < 400000; i++)
            out(&a, 0x71, days[which]);
        assert_int_equal(rtc_ops.check(&a.f->machine.rtc.state, &why), 0);
    }
    end(&a);
}

/* ---- Time -------------------------------------------------------------------------------------------------------- */

/* A guest that takes no key lets nothing ring: its machine may sleep. */
static void keys_that_nobody_takes_wait_in_peace(void **state)
{
    const uint16_t key = 0x1e;
    struct attack a;

    begin(&a);
    out(&a, 0x64, 0xad);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(typist_put(&a.f->pc.typist, &key, 1), 0);
    pass(&a, 20 * MS);
    assert_true(a.f->pc.typist.timer.due == NEVER && a.f->pc.keyboard.timer.due == NEVER);
    out(&a, 0x64, 0xae);
    pass(&a, 20 * MS);
    assert_int_equal(in(&a, 0x60), 0x1e);
    end(&a);
}

/* Nobody moves a floppy's bytes: a turn of the disk is waited for, and no longer. */
static void a_channel_that_nobody_opens_ends_the_command(void **state)
{
    struct attack a;

    begin(&a);
    floppy_ready(&a);
    floppy(&a, 0x46, 1);
    pass(&a, 500 * MS);
    assert_int_equal(floppy_result(&a) & 0xc0, 0x40);
    assert_true(a.f->pc.floppy.timer.due == NEVER);
    end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ejecting_again_and_again_loses_no_drive),
        cmocka_unit_test(nothing_of_a_cd_is_read_when_another_is_in),
        cmocka_unit_test(nothing_of_a_floppy_is_read_when_another_is_in),
        cmocka_unit_test(what_was_under_way_at_a_reset_is_forgotten),
        cmocka_unit_test(dma_writes_no_rom),
        cmocka_unit_test(dma_beyond_memory_is_lost_and_reads_ones),
        cmocka_unit_test(a_reset_that_is_due_comes_before_a_snapshot),
        cmocka_unit_test(heads_that_never_arrive_are_refused),
        cmocka_unit_test(a_date_that_is_pushed_on_stays_one),
        cmocka_unit_test(keys_that_nobody_takes_wait_in_peace),
        cmocka_unit_test(a_channel_that_nobody_opens_ends_the_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
