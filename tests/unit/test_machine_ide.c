/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IDE channel and its disks, by their registers as a driver uses them; the medium's other side is ide_fixture.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/ide_driver.h"

static int make_disk(void **state)
{
    *state = rig_make(IDE_DISK, SECTORS * 512, IDE_NONE, 0);
    return 0;
}
static int make_two(void **state)
{
    *state = rig_make(IDE_DISK, SECTORS * 512, IDE_CDROM, 4096 * 2048);
    return 0;
}
static int make_none(void **state)
{
    *state = rig_make(IDE_NONE, 0, IDE_NONE, 0);
    return 0;
}
static int drop(void **state)
{
    rig_free(*state);
    return 0;
}

/* ---- Registers --------------------------------------------------------------------------------------------------- */

static void test_ide_power_on_and_software_reset_leave_the_signature(void **state)
{
    struct rig *r = *state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(rig_in(r, RIG_STATUS), IDLE);
        assert_int_equal(rig_in(r, RIG_ERROR), 1);
        assert_int_equal(rig_in(r, RIG_COUNT), 1);
        assert_int_equal(rig_in(r, RIG_LOW), 1);
        assert_int_equal(rig_in(r, RIG_MID), 0);
        assert_int_equal(rig_in(r, RIG_HIGH), 0);
        rig_out(r, RIG_DEVICE, 0x10);
        assert_int_equal(rig_in(r, RIG_STATUS), 0);
        assert_int_equal(rig_in(r, RIG_MID), 0x14);
        assert_int_equal(rig_in(r, RIG_HIGH), 0xeb);
        rig_out(r, RIG_MID, 0x77);
        rig_control(r, RESET);
        assert_int_equal(rig_alternate(r), BUSY);
        rig_out(r, RIG_MID, 0x77);
        rig_control(r, 0);
        assert_int_equal(rig_in(r, RIG_DEVICE), 0); /* it is the first one's turn again */
    }
}

static void test_ide_diagnostic_is_of_both_and_interrupts(void **state)
{
    struct rig *r = *state;
    rig_out(r, RIG_DEVICE, 0x10);
    rig_out(r, RIG_STATUS, 0x90);
    assert_true(r->line);
    assert_int_equal(rig_in(r, RIG_DEVICE), 0);
    assert_int_equal(rig_in(r, RIG_STATUS), IDLE);
    assert_int_equal(rig_in(r, RIG_ERROR), 1);
    assert_false(r->line);
    rig_out(r, RIG_DEVICE, 0x10);
    assert_int_equal(rig_in(r, RIG_HIGH), 0xeb);
}

static void test_ide_missing_second_device_has_no_status_and_takes_no_command(void **state)
{
    struct rig *r = *state;
    rig_out(r, RIG_DEVICE, 0xb0);
    rig_out(r, RIG_COUNT, 0x55);
    rig_out(r, RIG_LOW, 0xaa);
    assert_int_equal(rig_in(r, RIG_COUNT), 0x55); /* the first one's */
    assert_int_equal(rig_in(r, RIG_LOW), 0xaa);
    assert_int_equal(rig_in(r, RIG_DEVICE), 0xb0);
    rig_out(r, RIG_STATUS, 0xec);
    assert_int_equal(rig_in(r, RIG_STATUS), 0);
    assert_int_equal(rig_alternate(r), 0);
    assert_false(r->line);
    assert_int_equal(bus_read(&r->ports, RIG_BASE, 2), 0xffff);
    rig_out(r, RIG_DEVICE, 0xa0);
    assert_int_equal(rig_in(r, RIG_STATUS), IDLE);
}

static void test_ide_empty_channel_reads_zeros(void **state)
{
    struct rig *r = *state;
    for (unsigned reg = RIG_ERROR; reg <= RIG_STATUS; reg++) {
        rig_out(r, reg, 0xa5);
        assert_int_equal(rig_in(r, reg), 0);
    }
    rig_control(r, RESET);
    assert_int_equal(rig_alternate(r), 0);
    rig_control(r, 0);
    rig_out(r, RIG_STATUS, 0x90);
    assert_int_equal(rig_in(r, RIG_STATUS), 0);
}

static void test_ide_registers_keep_the_value_before(void **state)
{
    struct rig *r = *state;
    address48(r, UINT64_C(0x112233445566), 0x7788);
    rig_control(r, PREVIOUS | NO_INTERRUPT);
    assert_int_equal(rig_in(r, RIG_COUNT), 0x77);
    assert_int_equal(rig_in(r, RIG_LOW), 0x33);
    assert_int_equal(rig_in(r, RIG_MID), 0x22);
    assert_int_equal(rig_in(r, RIG_HIGH), 0x11);
    rig_out(r, RIG_DEVICE, LBA); /* any write shows the new ones again */
    assert_int_equal(rig_in(r, RIG_COUNT), 0x88);
    assert_int_equal(rig_in(r, RIG_LOW), 0x66);
    assert_int_equal(rig_in(r, RIG_MID), 0x55);
    assert_int_equal(rig_in(r, RIG_HIGH), 0x44);
}

static void test_ide_interrupt_is_seen_by_the_status_and_not_by_the_alternate_one(void **state)
{
    struct rig *r = *state;
    rig_out(r, RIG_STATUS, 0xe5);
    assert_true(r->line);
    assert_int_equal(rig_alternate(r), IDLE);
    assert_true(r->line);
    rig_control(r, NO_INTERRUPT);
    assert_false(r->line);
    rig_control(r, 0);
    assert_true(r->line);
    assert_int_equal(rig_in(r, RIG_STATUS), IDLE);
    assert_false(r->line);
}

static void test_ide_interrupt_is_that_of_the_selected_device(void **state)
{
    struct rig *r = *state;
    r->drive[0].holds = true;
    address28(r, 0, 1);
    rig_out(r, RIG_STATUS, 0x40);
    rig_out(r, RIG_DEVICE, 0x10);
    r->drive[0].holds = false;
    rig_poll(r);
    assert_false(r->line);
    rig_out(r, RIG_DEVICE, LBA);
    assert_true(r->line);
    assert_int_equal(rig_in(r, RIG_STATUS), IDLE);
}

static void test_ide_busy_device_takes_neither_registers_nor_commands(void **state)
{
    struct rig *r = *state;
    r->drive[0].holds = true;
    address28(r, 5, 1);
    rig_out(r, RIG_STATUS, 0x20);
    assert_int_equal(rig_alternate(r), BUSY | IDLE);
    rig_out(r, RIG_LOW, 99);
    rig_out(r, RIG_STATUS, 0xec);
    assert_int_equal(bus_read(&r->ports, RIG_BASE, 2), 0xffff);
    assert_int_equal(rig_in(r, RIG_LOW), 5);
    r->drive[0].holds = false;
    read_sectors(r, 5, 1, 1);
}

static void test_ide_status_of_a_busy_device_takes_the_answer(void **state)
{
    struct rig *r = *state;
    address28(r, 5, 1);
    rig_out(r, RIG_STATUS, 0x20);
    assert_int_equal(rig_alternate(r), BUSY | IDLE);
    drive_serve(&r->drive[0]); /* and nobody has polled */
    assert_int_equal(rig_alternate(r), IDLE | DATA);
    assert_true(r->line);
    read_sectors(r, 5, 1, 1);
}

static void test_ide_data_register_is_of_any_width(void **state)
{
    struct rig *r = *state;
    uint8_t bytes[512];
    uint16_t at = 0;
    address28(r, 3, 1);
    assert_int_equal(run(r, 0x20), IDLE | DATA);
    for (unsigned size = 1; at < 512; size = size == 4 ? 1 : size * 2) {
        const unsigned now = 512u - at < size ? 512u - at : size;
        const uint64_t value = bus_read(&r->ports, RIG_BASE, size);
        memcpy(bytes + at, &value, now);
        at = (uint16_t)(at + now);
    }
    assert_sector(bytes, 3);
    fill(bytes, 1, 1);
    address28(r, 4, 1);
    assert_int_equal(run(r, 0x30), IDLE | DATA);
    for (unsigned i = 0; i < 512; i += 4) {
        uint32_t value;
        memcpy(&value, bytes + i, 4);
        bus_write(&r->ports, RIG_BASE, 4, value);
    }
    assert_int_equal(rig_wait(r), IDLE);
    assert_memory_equal(r->drive[0].written + 4 * 512, bytes, 512);
}

/* ---- What is given up -------------------------------------------------------------------------------------------- */

static void test_disk_reset_while_it_reads_drops_the_answer(void **state)
{
    struct rig *r = *state;
    r->drive[0].holds = true;
    address28(r, 10, 1);
    rig_out(r, RIG_STATUS, 0x20);
    rig_control(r, RESET);
    rig_control(r, 0);
    address28(r, 20, 1);
    rig_out(r, RIG_STATUS, 0x20); /* waits for the other one's end */
    assert_int_equal(rig_alternate(r), BUSY | IDLE);
    r->drive[0].holds = false;
    read_sectors(r, 20, 1, 1);
    assert_int_equal(r->drive[0].reads, 2);
}

static void test_disk_command_in_the_middle_of_data_takes_their_place(void **state)
{
    struct rig *r = *state;
    uint16_t w[256];
    uint8_t bytes[512];
    address28(r, 10, 8);
    assert_int_equal(run(r, 0x20), IDLE | DATA);
    rig_read(r, bytes, 100);
    identify(r, w);
    assert_int_equal(w[60], SECTORS & 0xffff);
    address28(r, 30, 2);
    assert_int_equal(run(r, 0x30), IDLE | DATA);
    rig_write(r, bytes, 100);
    address28(r, 30, 1);
    rig_out(r, RIG_STATUS, 0x20);
    read_sectors(r, 30, 1, 1); /* nothing was written */
}

/* ---- Records ----------------------------------------------------------------------------------------------------- */

/* The channel's record goes to another machine, whose back end is as full as the first one's was. */
static struct rig *move(struct rig *r)
{
    struct rig *other = rig_make(r->kinds[0], r->drive[0].bytes, r->kinds[1], r->drive[1].bytes);
    const char *why;
    assert_int_equal(medium_pause(&r->drive[0].medium), 0);
    assert_int_equal(ide_ops.check(&r->ide.state, &why), 0);
    memcpy(other->drive[0].written, r->drive[0].written, DRIVE_WRITTEN);
    memcpy(&other->ide.state, &r->ide.state, sizeof(r->ide.state));
    ide_ops.loaded(&other->ide);
    return other;
}

static void test_disk_read_goes_on_after_a_snapshot(void **state)
{
    struct rig *r = *state, *other;
    uint8_t bytes[512];
    address28(r, 500, 40);
    assert_int_equal(run(r, 0x20), IDLE | DATA);
    rig_read(r, bytes, 256);
    other = move(r);
    rig_read(other, bytes + 256, 256);
    assert_sector(bytes, 500);
    read_sectors(other, 501, 39, 1);
    rig_free(other);
}

static void test_disk_write_goes_on_after_a_snapshot(void **state)
{
    static uint8_t bytes[60 * 512];
    struct rig *r = *state, *other;
    fill(bytes, 60, 9);
    address28(r, 500, 60);
    assert_int_equal(run(r, 0x30), IDLE | DATA);
    for (unsigned i = 0; i < 10; i++) {
        rig_write(r, bytes + 512 * i, 512);
        assert_int_equal(rig_wait(r), IDLE | DATA);
    }
    rig_write(r, bytes + 5120, 100);
    other = move(r);
    rig_write(other, bytes + 5220, 412);
    write_sectors(other, bytes + 11 * 512, 49, 1);
    assert_memory_equal(other->drive[0].written + 500 * 512, bytes, sizeof(bytes));
    rig_free(other);
}

static void test_disk_snapshot_waits_for_what_is_under_way(void **state)
{
    struct rig *r = *state, *other;
    r->drive[0].holds = true;
    address28(r, 800, 2);
    rig_out(r, RIG_STATUS, 0x20);
    other = move(r);
    assert_true(other->line);
    read_sectors(other, 800, 2, 1);
    rig_free(other);
}

static void test_disk_record_that_waits_for_its_medium_asks_again(void **state)
{
    struct rig *r = *state;
    static struct ide_state saved;
    r->drive[0].holds = true;
    address28(r, 800, 2);
    rig_out(r, RIG_STATUS, 0x20);
    saved = r->ide.state;
    rig_wait(r);
    memcpy(&r->ide.state, &saved, sizeof(saved));
    ide_ops.loaded(&r->ide);
    r->drive[0].holds = false;
    read_sectors(r, 800, 2, 1);
}

static void test_ide_record_that_cannot_be_is_refused(void **state)
{
#define FIELD(f, v)                                                                                                    \
    {                                                                                                                  \
#f " = " #v, offsetof(struct ide_state, f), sizeof(((struct ide_state *)0)->f), v                              \
    }
    static const struct {
        const char *label;
        size_t offset, bytes;
        uint32_t value;
    } cases[] = {
        FIELD(selected, 2),
        FIELD(pending[1], 2),
        FIELD(control, 0x10),
        FIELD(device[0].kind, 3),
        FIELD(device[0].kind, IDE_NONE),
        FIELD(device[0].kind, IDE_CDROM),
        FIELD(device[0].phase, IDE_PHASES),
        FIELD(device[0].phase, IDE_IDLE),
        FIELD(device[0].phase, IDE_DATA_OUT),
        FIELD(device[0].phase, IDE_PACKET),
        FIELD(device[0].command, 0x30),
        FIELD(device[0].command, 0xa0),
        FIELD(device[0].command, 0xec),
        FIELD(device[0].status, READY),
        FIELD(device[0].multiple, 3),
        FIELD(device[0].multiple, 32),
        FIELD(device[0].heads, 17),
        FIELD(device[0].at, 513),
        FIELD(device[0].at, 512),
        FIELD(device[0].end, IDE_BUFFER + 512),
        FIELD(device[0].filled, 1024),
        FIELD(device[0].left, 0),
        FIELD(device[0].left, 65537),
    };
    struct rig *r = *state;
    static struct ide_state s;
    const char *why;
    address28(r, 1, 3);
    assert_int_equal(run(r, 0x20), IDLE | DATA);
    assert_int_equal(ide_ops.check(&r->ide.state, &why), 0);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s = r->ide.state;
        memcpy((uint8_t *)&s + cases[i].offset, &cases[i].value, cases[i].bytes);
        if (ide_ops.check(&s, &why) != -EINVAL)
            fail_msg("%s is taken", cases[i].label);
    }
}

static void test_ide_record_of_another_kind_of_device_begins_anew(void **state)
{
    struct rig *r = *state;
    static struct ide_state s;
    s = r->ide.state;
    s.device[0].kind = IDE_CDROM;
    s.device[1].kind = IDE_DISK;
    memcpy(&r->ide.state, &s, sizeof(s));
    ide_ops.loaded(&r->ide);
    assert_int_equal(r->ide.state.device[0].kind, IDE_DISK);
    assert_int_equal(r->ide.state.device[1].kind, IDE_NONE);
    address28(r, 6, 1);
    rig_out(r, RIG_STATUS, 0x20);
    read_sectors(r, 6, 1, 1);
}

int main(void)
{
#define WITH(make, name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        WITH(make_two, test_ide_power_on_and_software_reset_leave_the_signature),
        WITH(make_two, test_ide_diagnostic_is_of_both_and_interrupts),
        WITH(make_disk, test_ide_missing_second_device_has_no_status_and_takes_no_command),
        WITH(make_none, test_ide_empty_channel_reads_zeros),
        WITH(make_disk, test_ide_registers_keep_the_value_before),
        WITH(make_disk, test_ide_interrupt_is_seen_by_the_status_and_not_by_the_alternate_one),
        WITH(make_two, test_ide_interrupt_is_that_of_the_selected_device),
        WITH(make_disk, test_ide_busy_device_takes_neither_registers_nor_commands),
        WITH(make_disk, test_ide_status_of_a_busy_device_takes_the_answer),
        WITH(make_disk, test_ide_data_register_is_of_any_width),
        WITH(make_disk, test_disk_reset_while_it_reads_drops_the_answer),
        WITH(make_disk, test_disk_command_in_the_middle_of_data_takes_their_place),
        WITH(make_disk, test_disk_read_goes_on_after_a_snapshot),
        WITH(make_disk, test_disk_write_goes_on_after_a_snapshot),
        WITH(make_disk, test_disk_snapshot_waits_for_what_is_under_way),
        WITH(make_disk, test_disk_record_that_waits_for_its_medium_asks_again),
        WITH(make_disk, test_ide_record_that_cannot_be_is_refused),
        WITH(make_disk, test_ide_record_of_another_kind_of_device_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
