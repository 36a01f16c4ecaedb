/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the floppy controller's data commands share beside floppy_fixture.h: the nine bytes of a command,
 * its seven of result, and commands that are left under way. A disk's content is that of drive_fixture.h: each sector
 * is another. For tests/unit/test_machine_fdc_read.c and test_machine_fdc_write.c.
 */
#ifndef MOAT_TESTS_FLOPPY_COMMANDS_H
#define MOAT_TESTS_FLOPPY_COMMANDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/floppy_fixture.h"

#define MS     (SECOND_NS / 1000)
#define BUFFER 0x20000u

enum { READ = 0xe6, WRITE = 0xc5, ONE_SIDE = 0x7f };
enum { ABNORMAL = 0x40 };
enum { END = 0x80, OVERRUN = 0x10, NO_DATA = 4, PROTECTED = 2, NO_MARK = 1 };

struct id {
    uint8_t cylinder, head, sector;
};

/* Drive 0 as it is after a driver has found a 1.44 MB disk in it. */
static inline int make(void **state)
{
    struct desk *d = desk_make(FDC_1440K, KB(1440), FDC_1440K, KB(1440));
    desk_begin(d);
    desk_out(d, FDC_CHANGE, 0);
    *state = d;
    return 0;
}
static inline int drop(void **state)
{
    desk_free(*state);
    return 0;
}

/* Where a sector of a 1.44 MB disk lies. */
static inline uint32_t at(struct id id)
{
    return ((id.cylinder * 2u + id.head) * 18 + id.sector - 1) * 512;
}

/* The nine bytes of a command for sectors of 512 bytes. */
static inline void nine(uint8_t bytes[9], uint8_t command, uint8_t drive, struct id id, uint8_t last)
{
    const uint8_t all[9] = {command, (uint8_t)(id.head << 2 | drive), id.cylinder, id.head, id.sector, 2, last, 0x1b,
                            0xff};
    memcpy(bytes, all, 9);
}

/* A command that is given, and no time passes. */
static inline void begin9(struct desk *d, uint8_t command, uint8_t drive, struct id id, uint8_t last)
{
    uint8_t bytes[9];
    nine(bytes, command, drive, id, last);
    assert_true(desk_command(d, bytes, 9));
}

/* A command to its end. */
static inline void run9(struct desk *d, uint8_t command, uint8_t drive, struct id id, uint8_t last, uint8_t out[16])
{
    begin9(d, command, drive, id, last);
    desk_pass(d, SECOND_NS);
    assert_int_equal(desk_result(d, out), 7);
}

static inline void assert_result(const uint8_t out[16], uint8_t st0, uint8_t st1, uint8_t st2, struct id id)
{
    assert_int_equal(out[0], st0);
    assert_int_equal(out[1], st1);
    assert_int_equal(out[2], st2);
    assert_int_equal(out[3], id.cylinder);
    assert_int_equal(out[4], id.head);
    assert_int_equal(out[5], id.sector);
    assert_int_equal(out[6], 2);
}

/* SPECIFY's last bit: bytes go by the data port. */
static inline void without_dma(struct desk *d)
{
    uint8_t out[16];
    assert_int_equal(desk_run(d, (const uint8_t[]){0x03, 0xaf, 0x03}, 3, out), 0);
}

/* ---- What is left under way -------------------------------------------------------------------------------------- */

/* The controller is reset amid a READ of drive 0, whose request stays with the host until drive_goes_on(). */
static inline void reset_amid_read(struct desk *d, struct id id)
{
    d->drive[0].holds = true;
    begin9(d, READ, 0, id, 18);
    desk_pass(d, 1 * MS);
    assert_true(d->drive[0].medium.busy);
    desk_out(d, FDC_MAIN, 0x80);
}

static inline void drive_goes_on(struct desk *d, unsigned drive)
{
    d->drive[drive].holds = false;
    desk_pass(d, 1 * MS);
}

#endif
