/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio over its registers: status, features, queues, faults and resets, and the block device with a back end of the
 * tests' own (virtio_bench.h). Devices that are streams are in test_machine_virtio_streams.c.
 */
#include "virtio_bench.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>

static int make_block(void **state)
{
    struct virtio_bench *b = virtio_bench_make();
    const struct irq_line line = driver_line(&b->driver);

    virtio_block_init(&b->block, &b->driver.memory, &b->driver.backend, &line, DISK_BYTES + 100, false, "moat-0");
    b->driver.device = &b->block.device;
    *state = b;
    return 0;
}

/* ---- registers and status ---- */

static void test_registers_are_those_of_the_specification(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;

    assert_int_equal(driver_read(d, 0), 0x74726976);
    assert_int_equal(driver_read(d, 4), 2);
    assert_int_equal(driver_read(d, 8), 2);
    assert_int_equal(driver_read(d, 0x34), 128);
    driver_write(d, 0x30, 1); /* it has one queue */
    assert_int_equal(driver_read(d, 0x34), 0);
    driver_write(d, 0x44, 1);
    assert_int_equal(driver_read(d, 0x44), 0);
    assert_int_equal(driver_read(d, 0xb0), UINT32_MAX); /* no shared memory */
    assert_int_equal(driver_read(d, 0x100), 64);        /* sectors: what is left over is not seen */
    assert_int_equal(virtio_mmio_read(d->device, 0x100, 8), 64);
    assert_int_equal(virtio_mmio_read(d->device, 0x114, 4), 512);
    assert_int_equal(virtio_mmio_read(d->device, 0x13c, 4), 0); /* behind the configuration, and over its end */
    assert_int_equal(virtio_mmio_read(d->device, 0x13f, 8), 0);
    assert_int_equal(virtio_mmio_read(d->device, 0x1ff, 1), 0);
    assert_int_equal(virtio_mmio_read(d->device, 0, 2), 0);
    assert_true(driver_offered(d) & VIRTIO_VERSION_1);
}

static void test_features_that_were_not_offered_are_refused(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;

    assert_false(driver_start(d, VIRTIO_BIT(5), 8)); /* read-only */
    assert_int_equal(driver_read(d, 0x70), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    driver_write(d, 0x70, 15); /* and it does not start without them */
    assert_int_equal(driver_read(d, 0x70) & VIRTIO_DRIVER_OK, 0);
    driver_agree(d, VIRTIO_EVENT_INDEX); /* without VERSION_1 */
    assert_int_equal(driver_read(d, 0x70) & VIRTIO_FEATURES_OK, 0);
    assert_true(driver_start(d, VIRTIO_EVENT_INDEX | VIRTIO_INDIRECT, 8));
    driver_write(d, 0x24, 0);
    driver_write(d, 0x20, 0); /* too late */
    assert_true(virtio_accepted(d->device, VIRTIO_EVENT_INDEX));
}

static void test_a_queue_that_is_ready_is_changed_no_more(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;

    assert_true(driver_start(d, 0, 8));
    driver_write(d, 0x80, 0xdead0000);
    driver_write(d, 0x38, 4);
    driver_write(d, 0x44, 0);
    assert_int_equal(driver_read(d, 0x44), 1);
    assert_int_equal(d->device->state.queues[0].descriptors, driver_descriptors(0));
    assert_int_equal(d->device->state.queues[0].size, 8);
}

static void test_a_queue_that_is_no_memory_needs_a_reset(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;

    driver_agree(d, VIRTIO_VERSION_1);
    driver_write(d, 0x38, 8);
    driver_write(d, 0x80, 0xdead0000);
    driver_write(d, 0x44, 1);
    assert_int_equal(driver_read(d, 0x44), 0);
    assert_true(driver_read(d, 0x70) & VIRTIO_NEEDS_RESET);
    assert_non_null(d->device->fault);
    assert_true(driver_start(d, 0, 8));
}

/* ---- block ---- */

#define HEADER DRIVER_DATA
#define STATUS (DRIVER_DATA + 0x8000u)

static void write_header(struct driver *d, uint32_t type, uint64_t sector)
{
    const uint32_t words[2] = {type, 0};

    memcpy(d->ram + HEADER, words, 8);
    memcpy(d->ram + HEADER + 8, &sector, 8);
    d->ram[STATUS] = 0xee;
}

/* The status that a request ends with, and *written of its used entry. 0xee: it did not end. */
static uint8_t request(struct driver *d, uint32_t type, uint64_t sector, uint32_t bytes, uint32_t *written)
{
    const bool in = type == 0 || type == 8;
    const struct driver_piece pieces[] = {{HEADER, 16, false}, {BODY, bytes, in}, {STATUS, 1, true}};
    uint16_t head;

    write_header(d, type, sector);
    driver_add(d, 0, pieces, 3);
    driver_notify(d, 0);
    virtio_poll(d->device);
    virtio_poll(d->device); /* a write that is written through takes two */
    if (!driver_used(d, 0, &head, written))
        return 0xee;
    return d->ram[STATUS];
}

static void test_block_reads_and_writes_sectors(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    uint32_t written;

    assert_true(driver_start(d, VIRTIO_BIT(9), 8));
    assert_int_equal(request(d, 0, 3, 1024, &written), 0);
    assert_int_equal(written, 1025);
    assert_memory_equal(d->ram + BODY, b->disk + 3 * 512, 1024);
    assert_true(d->written >= 1024); /* decoded code must hear of it */
    assert_true(d->line);
    assert_int_equal(driver_read(d, 0x60), 1);
    driver_write(d, 0x64, 1);
    assert_false(d->line);
    memset(d->ram + BODY, 0x5a, 512);
    assert_int_equal(request(d, 1, 63, 512, &written), 0);
    assert_int_equal(written, 1);
    assert_memory_equal(b->disk + 63 * 512, d->ram + BODY, 512);
    assert_int_equal(b->syncs, 0);
    assert_int_equal(request(d, 4, 0, 0, &written), 0);
    assert_int_equal(b->syncs, 1);
}

/* Without guest memory of its own the back end gets the bytes in the ring's pages, and has them copied from there. */
static void test_block_by_way_of_the_rings_own_pages(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    uint32_t written;

    d->backend.bounce = 1024;
    assert_true(driver_start(d, VIRTIO_BIT(9), 8));
    assert_int_equal(request(d, 0, 3, 1024, &written), 0);
    assert_int_equal(written, 1025);
    assert_int_equal(b->last.segments[0].region, RING_OWN);
    assert_memory_equal(d->ram + BODY, b->disk + 3 * 512, 1024);
    memset(d->ram + BODY, 0x5a, 512);
    assert_int_equal(request(d, 1, 63, 512, &written), 0);
    assert_int_equal(b->last.n_segments, 1);
    assert_int_equal(b->last.segments[0].region, RING_OWN);
    assert_memory_equal(b->disk + 63 * 512, d->ram + BODY, 512);
    assert_int_equal(request(d, 0, 3, 1536, &written), 1); /* more than there is room for */
    assert_int_equal(request(d, 4, 0, 0, &written), 0);
}

/* Where the header, the data and the status begin is the driver's affair. */
static void test_block_takes_a_request_in_odd_pieces(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    const struct driver_piece pieces[] = {
        {HEADER, 5, false},      {HEADER + 5, 10, false}, {HEADER + 15, 1, false}, {BODY, 100, true},
        {BODY + 200, 411, true}, {BODY + 700, 2, true}, /* the last byte of the data, and the status */
    };
    uint16_t head;
    uint32_t written;

    assert_true(driver_start(d, 0, 8));
    write_header(d, 0, 1);
    driver_add(d, 0, pieces, 6);
    driver_notify(d, 0);
    virtio_poll(d->device);
    assert_int_equal(driver_used(d, 0, &head, &written), 1);
    assert_int_equal(written, 513);
    assert_memory_equal(d->ram + BODY, b->disk + 512, 100);
    assert_memory_equal(d->ram + BODY + 200, b->disk + 612, 411);
    assert_int_equal(d->ram[BODY + 700], b->disk[1023]);
    assert_int_equal(d->ram[BODY + 701], 0);
}

static void test_block_refuses_what_is_not_on_the_disk(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    static const struct {
        uint32_t type;
        uint64_t sector;
        uint32_t bytes;
        uint8_t status;
    } rows[] = {
        {0, 64, 512, 1},
        {0, 63, 1024, 1},
        {0, UINT64_MAX, 512, 1},
        {0, UINT64_MAX / 512, 1024, 1},
        {1, 64, 512, 1},
        {1, 1, 100, 1},
        {1, 0, 511, 1},
        {2, 0, 512, 2},
        {99, 0, 0, 2},
        {8, 0, 19, 1},
        {11, 0, 16, 1} /* range of sectors 99 on */,
        {11, 0, 15, 2},
        {13, 0, 32, 2},
    };
    uint32_t written;

    assert_true(driver_start(d, VIRTIO_BIT(9), 8));
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const uint64_t range[2] = {99, 1};
        memset(&b->last, 0, sizeof b->last);
        memcpy(d->ram + BODY, range, sizeof range);
        const uint8_t status = request(d, rows[i].type, rows[i].sector, rows[i].bytes, &written);
        if (status != rows[i].status || b->last.operation)
            fail_msg("row %u: status %u, the back end was asked for %u", i, status, b->last.operation);
    }
}

static void test_block_says_who_it_is(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    uint32_t written;

    assert_true(driver_start(d, 0, 8));
    memset(d->ram + BODY, 0xff, 32);
    assert_int_equal(request(d, 8, 0, 20, &written), 0);
    assert_int_equal(written, 21);
    assert_memory_equal(d->ram + BODY, "moat-0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff", 21);
}

static void test_block_discards_and_zeroes(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    struct {
        uint64_t sector;
        uint32_t sectors, flags;
    } range = {2, 3, 0};
    uint8_t zeroes[512] = {0};
    uint32_t written;

    assert_true(driver_start(d, VIRTIO_BIT(9) | VIRTIO_BIT(13) | VIRTIO_BIT(14), 8));
    memcpy(d->ram + BODY, &range, 16);
    assert_int_equal(request(d, 11, 0, 16, &written), 0);
    assert_int_equal(b->last.operation, RING_DISCARD);
    assert_int_equal(b->last.offset, 1024);
    assert_int_equal(b->last.length, 1536);
    range.flags = 1;
    memcpy(d->ram + BODY, &range, 16);
    assert_int_equal(request(d, 11, 0, 16, &written), 2); /* unmap is write zeroes' flag */
    assert_int_equal(request(d, 13, 0, 16, &written), 0);
    assert_memory_equal(b->disk + 1024, zeroes, 512);
    range.sectors = 1 << 16;
    memcpy(d->ram + BODY, &range, 16);
    assert_int_equal(request(d, 13, 0, 16, &written), 1);
}

static void test_block_without_flushes_writes_through(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    uint32_t written;

    assert_true(driver_start(d, 0, 8));
    assert_int_equal(request(d, 1, 0, 512, &written), 0);
    assert_int_equal(written, 1);
    assert_int_equal(b->syncs, 1);
}

static void test_block_ends_requests_in_the_order_of_their_answers(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    const struct driver_piece flush[] = {{HEADER, 16, false}, {STATUS, 1, true}};
    uint32_t written;
    uint16_t head, heads[3];

    b->hold = true;
    assert_true(driver_start(d, VIRTIO_BIT(9), 8));
    write_header(d, 4, 0);
    for (unsigned i = 0; i < 3; i++)
        heads[i] = driver_add(d, 0, flush, 2);
    driver_notify(d, 0);
    assert_int_equal(b->n_held, 3);
    assert_int_equal(driver_used(d, 0, &head, &written), 0);
    driver_answer(d, b->held[2].id, 0);
    driver_answer(d, b->held[0].id, -EIO);
    virtio_poll(d->device);
    assert_int_equal(driver_used(d, 0, &head, &written), 1);
    assert_int_equal(head, heads[2]);
    assert_int_equal(driver_used(d, 0, &head, &written), 1);
    assert_int_equal(head, heads[0]);
    assert_int_equal(d->ram[STATUS], 1);
    assert_int_equal(driver_used(d, 0, &head, &written), 0);
    b->n_held = 0;
    driver_answer(d, b->held[1].id, 0);
    virtio_poll(d->device);
    assert_int_equal(driver_used(d, 0, &head, &written), 1);
    assert_int_equal(d->ram[STATUS], 0);
}

/* More than the ring has places: the rest waits in its queue, and comes when there is room. */
static void test_block_takes_more_requests_than_the_ring_has_places(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    const struct driver_piece flush[] = {{HEADER, 16, false}, {STATUS, 1, true}};
    uint32_t written;
    uint16_t head;

    b->hold = true;
    assert_true(driver_start(d, VIRTIO_BIT(9) | VIRTIO_EVENT_INDEX, 64));
    write_header(d, 4, 0);
    for (unsigned i = 0; i < 30; i++)
        driver_add(d, 0, flush, 2);
    driver_notify(d, 0);
    assert_int_equal(b->n_held, DRIVER_SLOTS);
    b->hold = false;
    for (unsigned i = 0; i < DRIVER_SLOTS; i++)
        driver_answer(d, b->held[i].id, 0);
    b->n_held = 0;
    virtio_poll(d->device);
    virtio_poll(d->device);
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(driver_used(d, 0, &head, &written), 1);
    assert_int_equal(driver_used(d, 0, &head, &written), 0);
}

static void test_block_that_is_read_only_is_not_written(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    const struct irq_line line = driver_line(d);
    uint32_t written;

    memset(&b->block, 0, sizeof b->block);
    virtio_block_init(&b->block, &d->memory, &d->backend, &line, DISK_BYTES, true, "a name of more than twenty bytes");
    assert_true(driver_offered(d) & VIRTIO_BIT(5));
    assert_true(driver_start(d, VIRTIO_BIT(5), 8));
    memset(&b->last, 0, sizeof b->last);
    assert_int_equal(request(d, 1, 0, 512, &written), 1);
    memset(d->ram + BODY, 0, 16);
    assert_int_equal(request(d, 13, 0, 16, &written), 1);
    assert_int_equal(b->last.operation, 0);
    assert_int_equal(request(d, 0, 0, 512, &written), 0);
}

/* ---- faults, resets, records ---- */

static void test_a_bad_chain_stops_the_device_until_it_is_reset(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    const struct driver_piece good[] = {{HEADER, 16, false}, {STATUS, 1, true}};
    const struct driver_piece bad[] = {{DRIVER_RAM * 2, 16, false}, {STATUS, 1, true}};
    uint32_t written;
    uint16_t head;

    assert_true(driver_start(d, VIRTIO_BIT(9), 8));
    driver_add(d, 0, bad, 2);
    write_header(d, 4, 0);
    driver_add(d, 0, good, 2);
    driver_notify(d, 0);
    assert_true(driver_read(d, 0x70) & VIRTIO_NEEDS_RESET);
    assert_int_equal(driver_read(d, 0x60), 2); /* the driver is told by a change of the configuration */
    assert_true(d->line);
    driver_notify(d, 0);
    virtio_poll(d->device);
    assert_int_equal(driver_used(d, 0, &head, &written), 0);
    assert_true(driver_start(d, VIRTIO_BIT(9), 8));
    assert_false(d->line);
    assert_int_equal(request(d, 4, 0, 0, &written), 0);
}

static void test_a_request_without_header_or_status_needs_a_reset(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    static const struct driver_piece rows[][2] = {
        {{HEADER, 15, false}, {STATUS, 1, true}},
        {{HEADER, 16, false}, {BODY, 16, false}},
    };

    for (unsigned i = 0; i < 2; i++) {
        assert_true(driver_start(d, VIRTIO_BIT(9), 8));
        write_header(d, 4, 0);
        driver_add(d, 0, rows[i], 2);
        driver_notify(d, 0);
        assert_true(driver_read(d, 0x70) & VIRTIO_NEEDS_RESET);
    }
}

static void test_a_back_end_that_lies_stops_the_device(void **state)
{
    static const struct ring_answer lies[] = {{5, 0}, {UINT64_MAX - 1, 0}, {0, 1025}, {128, 0}};
    const struct driver_piece pieces[] = {{HEADER, 16, false}, {BODY, 1024, true}, {STATUS, 1, true}};

    for (unsigned i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        virtio_bench_drop(state);
        make_block(state);
        struct virtio_bench *b = *state;
        struct driver *d = &b->driver;
        b->hold = true;
        assert_true(driver_start(d, VIRTIO_BIT(9), 8));
        write_header(d, 0, 0);
        driver_add(d, 0, pieces, 3);
        driver_notify(d, 0);
        assert_int_equal(b->n_held, 1);
        driver_answer(d, lies[i].id, lies[i].result);
        virtio_poll(d->device);
        if (!(driver_read(d, 0x70) & VIRTIO_NEEDS_RESET))
            fail_msg("lie %u was believed", i);
        d->serve = NULL; /* a reset ends all the same */
        driver_write(d, 0x70, 0);
        assert_int_equal(driver_read(d, 0x70), 0);
    }
}

static void test_a_reset_waits_for_what_is_under_way_and_forgets_it(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    const struct driver_piece pieces[] = {{HEADER, 16, false}, {BODY, 1024, true}, {STATUS, 1, true}};
    uint32_t written;

    b->hold = true;
    assert_true(driver_start(d, VIRTIO_BIT(9), 8));
    write_header(d, 0, 0);
    driver_add(d, 0, pieces, 3);
    driver_notify(d, 0);
    assert_int_equal(b->n_held, 1);
    driver_write(d, 0x70, 0);
    assert_int_equal(b->n_held, 0);
    assert_int_equal(d->backend.ring.in_flight, 0);
    assert_int_equal(d->ram[STATUS], 0xee);
    b->hold = false;
    assert_true(driver_start(d, VIRTIO_BIT(9), 8));
    assert_int_equal(request(d, 0, 2, 512, &written), 0);
}

static void test_a_back_end_that_is_gone_has_no_record(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;

    assert_true(driver_start(d, VIRTIO_BIT(9), 8));
    assert_int_equal(d->device->ops->device.saving(d->device), 0);
    d->backend.ring.broken = true;
    assert_int_equal(d->device->ops->device.saving(d->device), -EPIPE);
}

int main(void)
{
#define T(kind, name) cmocka_unit_test_setup_teardown(name, make_##kind, virtio_bench_drop)
    const struct CMUnitTest tests[] = {
        T(block, test_registers_are_those_of_the_specification),
        T(block, test_features_that_were_not_offered_are_refused),
        T(block, test_a_queue_that_is_ready_is_changed_no_more),
        T(block, test_a_queue_that_is_no_memory_needs_a_reset),
        T(block, test_block_reads_and_writes_sectors),
        T(block, test_block_by_way_of_the_rings_own_pages),
        T(block, test_block_takes_a_request_in_odd_pieces),
        T(block, test_block_refuses_what_is_not_on_the_disk),
        T(block, test_block_says_who_it_is),
        T(block, test_block_discards_and_zeroes),
        T(block, test_block_without_flushes_writes_through),
        T(block, test_block_ends_requests_in_the_order_of_their_answers),
        T(block, test_block_takes_more_requests_than_the_ring_has_places),
        T(block, test_block_that_is_read_only_is_not_written),
        T(block, test_a_bad_chain_stops_the_device_until_it_is_reset),
        T(block, test_a_request_without_header_or_status_needs_a_reset),
        T(block, test_a_back_end_that_lies_stops_the_device),
        T(block, test_a_reset_waits_for_what_is_under_way_and_forgets_it),
        T(block, test_a_back_end_that_is_gone_has_no_record),
    };

    return cmocka_run_group_tests_name("machine_virtio", tests, NULL, NULL);
}
