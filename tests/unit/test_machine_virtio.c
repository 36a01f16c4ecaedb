/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio devices over their registers, with a driver and a back end of the tests' own. */
#include "virtio_driver.h"

#include "machine/dev/virtio_block.h"
#include "machine/dev/virtio_console.h"
#include "machine/dev/virtio_net.h"
#include "machine/dev/virtio_random.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>

static struct driver d;
static struct virtio_block block;
static struct virtio_device plain;

#define DISK_BYTES (64u * 512)
static uint8_t disk[DISK_BYTES];
static unsigned syncs;
static struct ring_request last;     /* that the back end was asked */
static struct ring_request held[16]; /* requests that it has not answered */
static unsigned n_held;
static bool hold;

/* ---- a back end ---- */

static int64_t disk_result(const struct ring_request *q)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < q->n_segments; i++)
        bytes += q->segments[i].length;
    switch (q->operation) {
    case RING_READ:
        return (int64_t)driver_copy(&d, q, disk + q->offset, bytes, true);
    case RING_WRITE:
        return (int64_t)driver_copy(&d, q, disk + q->offset, bytes, false);
    case RING_SYNC:
        syncs++;
        return 0;
    default:
        memset(disk + q->offset, q->operation == RING_ZERO ? 0 : 0xdd, q->length);
        return 0;
    }
}

static void serve(struct driver *driver)
{
    struct ring_request q;

    while (ring_take(&driver->far, &q) > 0) {
        if (q.operation == RING_CANCEL) {
            for (unsigned i = 0; i < n_held; i++)
                driver_answer(driver, held[i].id, held[i].operation == RING_READ ? -ECANCELED : 0);
            n_held = 0;
            driver_answer(driver, q.id, 0);
            continue;
        }
        last = q;
        if (hold)
            held[n_held++] = q;
        else
            driver_answer(driver, q.id, disk_result(&q));
    }
    ring_sleep(&driver->far);
}

static int make(void **state)
{
    (void)state;
    driver_memory(&d);
    d.serve = serve;
    memset(&plain, 0, sizeof plain);
    memset(&block, 0, sizeof block);
    syncs = n_held = 0;
    hold = false;
    for (unsigned i = 0; i < DISK_BYTES; i++)
        disk[i] = (uint8_t)(i / 512 + i);
    return 0;
}

static int make_block(void **state)
{
    struct irq_line line;

    make(state);
    line = driver_line(&d);
    virtio_block_init(&block, &d.memory, &d.backend, &line, DISK_BYTES + 100, false, "moat-0");
    d.device = &block.device;
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    driver_free(&d);
    return 0;
}

/* ---- registers and status ---- */

static void test_registers_are_those_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(driver_read(&d, 0), 0x74726976);
    assert_int_equal(driver_read(&d, 4), 2);
    assert_int_equal(driver_read(&d, 8), 2);
    assert_int_equal(driver_read(&d, 0x34), 128);
    driver_write(&d, 0x30, 1); /* it has one queue */
    assert_int_equal(driver_read(&d, 0x34), 0);
    driver_write(&d, 0x44, 1);
    assert_int_equal(driver_read(&d, 0x44), 0);
    assert_int_equal(driver_read(&d, 0xb0), UINT32_MAX); /* no shared memory */
    assert_int_equal(driver_read(&d, 0x100), 64);        /* sectors: what is left over is not seen */
    assert_int_equal(virtio_mmio_read(d.device, 0x100, 8), 64);
    assert_int_equal(virtio_mmio_read(d.device, 0x114, 4), 512);
    assert_int_equal(virtio_mmio_read(d.device, 0x13c, 4), 0); /* behind the configuration, and over its end */
    assert_int_equal(virtio_mmio_read(d.device, 0x13f, 8), 0);
    assert_int_equal(virtio_mmio_read(d.device, 0x1ff, 1), 0);
    assert_int_equal(virtio_mmio_read(d.device, 0, 2), 0);
    assert_true(driver_offered(&d) & VIRTIO_VERSION_1);
}

static void test_features_that_were_not_offered_are_refused(void **state)
{
    (void)state;
    assert_false(driver_start(&d, VIRTIO_BIT(5), 8)); /* read-only */
    assert_int_equal(driver_read(&d, 0x70), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    driver_write(&d, 0x70, 15); /* and it does not start without them */
    assert_int_equal(driver_read(&d, 0x70) & VIRTIO_DRIVER_OK, 0);
    driver_agree(&d, VIRTIO_EVENT_INDEX); /* without VERSION_1 */
    assert_int_equal(driver_read(&d, 0x70) & VIRTIO_FEATURES_OK, 0);
    assert_true(driver_start(&d, VIRTIO_EVENT_INDEX | VIRTIO_INDIRECT, 8));
    driver_write(&d, 0x24, 0);
    driver_write(&d, 0x20, 0); /* too late */
    assert_true(virtio_accepted(d.device, VIRTIO_EVENT_INDEX));
}

static void test_a_queue_that_is_ready_is_changed_no_more(void **state)
{
    (void)state;
    assert_true(driver_start(&d, 0, 8));
    driver_write(&d, 0x80, 0xdead0000);
    driver_write(&d, 0x38, 4);
    driver_write(&d, 0x44, 0);
    assert_int_equal(driver_read(&d, 0x44), 1);
    assert_int_equal(d.device->state.queues[0].descriptors, driver_descriptors(0));
    assert_int_equal(d.device->state.queues[0].size, 8);
}

static void test_a_queue_that_is_no_memory_needs_a_reset(void **state)
{
    (void)state;
    driver_agree(&d, VIRTIO_VERSION_1);
    driver_write(&d, 0x38, 8);
    driver_write(&d, 0x80, 0xdead0000);
    driver_write(&d, 0x44, 1);
    assert_int_equal(driver_read(&d, 0x44), 0);
    assert_true(driver_read(&d, 0x70) & VIRTIO_NEEDS_RESET);
    assert_non_null(d.device->fault);
    assert_true(driver_start(&d, 0, 8));
}

/* ---- block ---- */

#define HEADER DRIVER_DATA
#define BODY   (DRIVER_DATA + 0x1000u)
#define STATUS (DRIVER_DATA + 0x8000u)

static void write_header(uint32_t type, uint64_t sector)
{
    const uint32_t words[2] = {type, 0};

    memcpy(d.ram + HEADER, words, 8);
    memcpy(d.ram + HEADER + 8, &sector, 8);
    d.ram[STATUS] = 0xee;
}

/* The status that a request ends with, and *written of its used entry. 0xee: it did not end. */
static uint8_t request(uint32_t type, uint64_t sector, uint32_t bytes, uint32_t *written)
{
    const bool in = type == 0 || type == 8;
    const struct driver_piece pieces[] = {{HEADER, 16, false}, {BODY, bytes, in}, {STATUS, 1, true}};
    uint16_t head;

    write_header(type, sector);
    driver_add(&d, 0, pieces, 3);
    driver_notify(&d, 0);
    virtio_poll(d.device);
    virtio_poll(d.device); /* a write that is written through takes two */
    if (!driver_used(&d, 0, &head, written))
        return 0xee;
    return d.ram[STATUS];
}

static void test_block_reads_and_writes_sectors(void **state)
{
    uint32_t written;

    (void)state;
    assert_true(driver_start(&d, VIRTIO_BIT(9), 8));
    assert_int_equal(request(0, 3, 1024, &written), 0);
    assert_int_equal(written, 1025);
    assert_memory_equal(d.ram + BODY, disk + 3 * 512, 1024);
    assert_true(d.written >= 1024); /* decoded code must hear of it */
    assert_true(d.line);
    assert_int_equal(driver_read(&d, 0x60), 1);
    driver_write(&d, 0x64, 1);
    assert_false(d.line);
    memset(d.ram + BODY, 0x5a, 512);
    assert_int_equal(request(1, 63, 512, &written), 0);
    assert_int_equal(written, 1);
    assert_memory_equal(disk + 63 * 512, d.ram + BODY, 512);
    assert_int_equal(syncs, 0);
    assert_int_equal(request(4, 0, 0, &written), 0);
    assert_int_equal(syncs, 1);
}

/* Without guest memory of its own the back end gets the bytes in the ring's pages, and has them copied from there. */
static void test_block_by_way_of_the_rings_own_pages(void **state)
{
    uint32_t written;

    (void)state;
    d.backend.bounce = 1024;
    assert_true(driver_start(&d, VIRTIO_BIT(9), 8));
    assert_int_equal(request(0, 3, 1024, &written), 0);
    assert_int_equal(written, 1025);
    assert_int_equal(last.segments[0].region, RING_OWN);
    assert_memory_equal(d.ram + BODY, disk + 3 * 512, 1024);
    memset(d.ram + BODY, 0x5a, 512);
    assert_int_equal(request(1, 63, 512, &written), 0);
    assert_int_equal(last.n_segments, 1);
    assert_int_equal(last.segments[0].region, RING_OWN);
    assert_memory_equal(disk + 63 * 512, d.ram + BODY, 512);
    assert_int_equal(request(0, 3, 1536, &written), 1); /* more than there is room for */
    assert_int_equal(request(4, 0, 0, &written), 0);
}

/* Where the header, the data and the status begin is the driver's affair. */
static void test_block_takes_a_request_in_odd_pieces(void **state)
{
    const struct driver_piece pieces[] = {
        {HEADER, 5, false},      {HEADER + 5, 10, false}, {HEADER + 15, 1, false}, {BODY, 100, true},
        {BODY + 200, 411, true}, {BODY + 700, 2, true}, /* the last byte of the data, and the status */
    };
    uint16_t head;
    uint32_t written;

    (void)state;
    assert_true(driver_start(&d, 0, 8));
    write_header(0, 1);
    driver_add(&d, 0, pieces, 6);
    driver_notify(&d, 0);
    virtio_poll(d.device);
    assert_int_equal(driver_used(&d, 0, &head, &written), 1);
    assert_int_equal(written, 513);
    assert_memory_equal(d.ram + BODY, disk + 512, 100);
    assert_memory_equal(d.ram + BODY + 200, disk + 612, 411);
    assert_int_equal(d.ram[BODY + 700], disk[1023]);
    assert_int_equal(d.ram[BODY + 701], 0);
}

static void test_block_refuses_what_is_not_on_the_disk(void **state)
{
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

    (void)state;
    assert_true(driver_start(&d, VIRTIO_BIT(9), 8));
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const uint64_t range[2] = {99, 1};
        memset(&last, 0, sizeof last);
        memcpy(d.ram + BODY, range, sizeof range);
        const uint8_t status = request(rows[i].type, rows[i].sector, rows[i].bytes, &written);
        if (status != rows[i].status || last.operation)
            fail_msg("row %u: status %u, the back end was asked for %u", i, status, last.operation);
    }
}

static void test_block_says_who_it_is(void **state)
{
    uint32_t written;

    (void)state;
    assert_true(driver_start(&d, 0, 8));
    memset(d.ram + BODY, 0xff, 32);
    assert_int_equal(request(8, 0, 20, &written), 0);
    assert_int_equal(written, 21);
    assert_memory_equal(d.ram + BODY, "moat-0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff", 21);
}

static void test_block_discards_and_zeroes(void **state)
{
    struct {
        uint64_t sector;
        uint32_t sectors, flags;
    } range = {2, 3, 0};
    uint8_t zeroes[512] = {0};
    uint32_t written;

    (void)state;
    assert_true(driver_start(&d, VIRTIO_BIT(9) | VIRTIO_BIT(13) | VIRTIO_BIT(14), 8));
    memcpy(d.ram + BODY, &range, 16);
    assert_int_equal(request(11, 0, 16, &written), 0);
    assert_int_equal(last.operation, RING_DISCARD);
    assert_int_equal(last.offset, 1024);
    assert_int_equal(last.length, 1536);
    range.flags = 1;
    memcpy(d.ram + BODY, &range, 16);
    assert_int_equal(request(11, 0, 16, &written), 2); /* unmap is write zeroes' flag */
    assert_int_equal(request(13, 0, 16, &written), 0);
    assert_memory_equal(disk + 1024, zeroes, 512);
    range.sectors = 1 << 16;
    memcpy(d.ram + BODY, &range, 16);
    assert_int_equal(request(13, 0, 16, &written), 1);
}

static void test_block_without_flushes_writes_through(void **state)
{
    uint32_t written;

    (void)state;
    assert_true(driver_start(&d, 0, 8));
    assert_int_equal(request(1, 0, 512, &written), 0);
    assert_int_equal(written, 1);
    assert_int_equal(syncs, 1);
}

static void test_block_ends_requests_in_the_order_of_their_answers(void **state)
{
    const struct driver_piece flush[] = {{HEADER, 16, false}, {STATUS, 1, true}};
    uint32_t written;
    uint16_t head, heads[3];

    (void)state;
    hold = true;
    assert_true(driver_start(&d, VIRTIO_BIT(9), 8));
    write_header(4, 0);
    for (unsigned i = 0; i < 3; i++)
        heads[i] = driver_add(&d, 0, flush, 2);
    driver_notify(&d, 0);
    assert_int_equal(n_held, 3);
    assert_int_equal(driver_used(&d, 0, &head, &written), 0);
    driver_answer(&d, held[2].id, 0);
    driver_answer(&d, held[0].id, -EIO);
    virtio_poll(d.device);
    assert_int_equal(driver_used(&d, 0, &head, &written), 1);
    assert_int_equal(head, heads[2]);
    assert_int_equal(driver_used(&d, 0, &head, &written), 1);
    assert_int_equal(head, heads[0]);
    assert_int_equal(d.ram[STATUS], 1);
    assert_int_equal(driver_used(&d, 0, &head, &written), 0);
    n_held = 0;
    driver_answer(&d, held[1].id, 0);
    virtio_poll(d.device);
    assert_int_equal(driver_used(&d, 0, &head, &written), 1);
    assert_int_equal(d.ram[STATUS], 0);
}

/* More than the ring has places: the rest waits in its queue, and comes when there is room. */
static void test_block_takes_more_requests_than_the_ring_has_places(void **state)
{
    const struct driver_piece flush[] = {{HEADER, 16, false}, {STATUS, 1, true}};
    uint32_t written;
    uint16_t head;

    (void)state;
    hold = true;
    assert_true(driver_start(&d, VIRTIO_BIT(9) | VIRTIO_EVENT_INDEX, 64));
    write_header(4, 0);
    for (unsigned i = 0; i < 30; i++)
        driver_add(&d, 0, flush, 2);
    driver_notify(&d, 0);
    assert_int_equal(n_held, DRIVER_SLOTS);
    hold = false;
    for (unsigned i = 0; i < DRIVER_SLOTS; i++)
        driver_answer(&d, held[i].id, 0);
    n_held = 0;
    virtio_poll(d.device);
    virtio_poll(d.device);
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(driver_used(&d, 0, &head, &written), 1);
    assert_int_equal(driver_used(&d, 0, &head, &written), 0);
}

static void test_block_that_is_read_only_is_not_written(void **state)
{
    const struct irq_line line = driver_line(&d);
    uint32_t written;

    (void)state;
    memset(&block, 0, sizeof block);
    virtio_block_init(&block, &d.memory, &d.backend, &line, DISK_BYTES, true, "a name of more than twenty bytes");
    assert_true(driver_offered(&d) & VIRTIO_BIT(5));
    assert_true(driver_start(&d, VIRTIO_BIT(5), 8));
    memset(&last, 0, sizeof last);
    assert_int_equal(request(1, 0, 512, &written), 1);
    memset(d.ram + BODY, 0, 16);
    assert_int_equal(request(13, 0, 16, &written), 1);
    assert_int_equal(last.operation, 0);
    assert_int_equal(request(0, 0, 512, &written), 0);
}

/* ---- faults, resets, records ---- */

static void test_a_bad_chain_stops_the_device_until_it_is_reset(void **state)
{
    const struct driver_piece good[] = {{HEADER, 16, false}, {STATUS, 1, true}};
    const struct driver_piece bad[] = {{DRIVER_RAM * 2, 16, false}, {STATUS, 1, true}};
    uint32_t written;
    uint16_t head;

    (void)state;
    assert_true(driver_start(&d, VIRTIO_BIT(9), 8));
    driver_add(&d, 0, bad, 2);
    write_header(4, 0);
    driver_add(&d, 0, good, 2);
    driver_notify(&d, 0);
    assert_true(driver_read(&d, 0x70) & VIRTIO_NEEDS_RESET);
    assert_int_equal(driver_read(&d, 0x60), 2); /* the driver is told by a change of the configuration */
    assert_true(d.line);
    driver_notify(&d, 0);
    virtio_poll(d.device);
    assert_int_equal(driver_used(&d, 0, &head, &written), 0);
    assert_true(driver_start(&d, VIRTIO_BIT(9), 8));
    assert_false(d.line);
    assert_int_equal(request(4, 0, 0, &written), 0);
}

static void test_a_request_without_header_or_status_needs_a_reset(void **state)
{
    static const struct driver_piece rows[][2] = {
        {{HEADER, 15, false}, {STATUS, 1, true}},
        {{HEADER, 16, false}, {BODY, 16, false}},
    };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_true(driver_start(&d, VIRTIO_BIT(9), 8));
        write_header(4, 0);
        driver_add(&d, 0, rows[i], 2);
        driver_notify(&d, 0);
        assert_true(driver_read(&d, 0x70) & VIRTIO_NEEDS_RESET);
    }
}

static void test_a_back_end_that_lies_stops_the_device(void **state)
{
    static const struct ring_answer lies[] = {{5, 0}, {UINT64_MAX - 1, 0}, {0, 1025}, {128, 0}};

    for (unsigned i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        unmake(state);
        make_block(state);
        hold = true;
        assert_true(driver_start(&d, VIRTIO_BIT(9), 8));
        const struct driver_piece pieces[] = {{HEADER, 16, false}, {BODY, 1024, true}, {STATUS, 1, true}};
        write_header(0, 0);
        driver_add(&d, 0, pieces, 3);
        driver_notify(&d, 0);
        assert_int_equal(n_held, 1);
        driver_answer(&d, lies[i].id, lies[i].result);
        virtio_poll(d.device);
        if (!(driver_read(&d, 0x70) & VIRTIO_NEEDS_RESET))
            fail_msg("lie %u was believed", i);
        d.serve = NULL; /* a reset ends all the same */
        driver_write(&d, 0x70, 0);
        assert_int_equal(driver_read(&d, 0x70), 0);
    }
}

static void test_a_reset_waits_for_what_is_under_way_and_forgets_it(void **state)
{
    const struct driver_piece pieces[] = {{HEADER, 16, false}, {BODY, 1024, true}, {STATUS, 1, true}};
    uint32_t written;

    (void)state;
    hold = true;
    assert_true(driver_start(&d, VIRTIO_BIT(9), 8));
    write_header(0, 0);
    driver_add(&d, 0, pieces, 3);
    driver_notify(&d, 0);
    assert_int_equal(n_held, 1);
    driver_write(&d, 0x70, 0);
    assert_int_equal(n_held, 0);
    assert_int_equal(d.backend.ring.in_flight, 0);
    assert_int_equal(d.ram[STATUS], 0xee);
    hold = false;
    assert_true(driver_start(&d, VIRTIO_BIT(9), 8));
    assert_int_equal(request(0, 2, 512, &written), 0);
}

/* ---- streams ---- */

static int make_console(void **state)
{
    struct irq_line line;

    make(state);
    line = driver_line(&d);
    virtio_console_init(&plain, &d.memory, &d.backend, &line);
    d.device = &plain;
    hold = true;
    return 0;
}

static void test_console_sends_and_receives(void **state)
{
    const struct driver_piece in[] = {{BODY, 100, true}}, out[] = {{BODY + 512, 5, false}, {BODY + 600, 6, false}};
    uint8_t bytes[16] = {0};
    uint32_t written;
    uint16_t head;

    (void)state;
    assert_true(driver_start(&d, 0, 8));
    driver_add(&d, 0, in, 1);
    driver_add(&d, 0, in, 1);
    driver_notify(&d, 0);
    assert_int_equal(n_held, 1); /* one read at a time is enough, and leaves room for output */
    assert_int_equal(held[0].operation, RING_READ);
    memcpy(d.ram + BODY + 512, "hello", 5);
    memcpy(d.ram + BODY + 600, " world", 6);
    driver_add(&d, 1, out, 2);
    driver_notify(&d, 1);
    assert_int_equal(n_held, 2);
    assert_int_equal(held[1].operation, RING_WRITE);
    assert_int_equal(driver_copy(&d, &held[1], bytes, 11, false), 11);
    assert_string_equal((char *)bytes, "hello world");
    driver_copy(&d, &held[0], "typed", 5, true);
    driver_answer(&d, held[0].id, 5);
    driver_answer(&d, held[1].id, 11);
    n_held = 0;
    virtio_poll(d.device);
    assert_int_equal(driver_used(&d, 0, &head, &written), 1);
    assert_int_equal(written, 5);
    assert_memory_equal(d.ram + BODY, "typed", 5);
    assert_int_equal(driver_used(&d, 1, &head, &written), 1);
    assert_int_equal(n_held, 1); /* the second buffer waits for more */
}

/* What waits for ever is called back before the state is saved, and asked for again afterwards. */
static void test_console_keeps_its_buffers_over_a_record(void **state)
{
    const struct driver_piece in[] = {{BODY, 100, true}};
    struct virtio_state record;
    const char *why;
    uint32_t written;
    uint16_t head;

    (void)state;
    assert_true(driver_start(&d, 0, 8));
    driver_add(&d, 0, in, 1);
    driver_notify(&d, 0);
    assert_int_equal(n_held, 1);
    d.device->ops->device.saving(d.device);
    assert_int_equal(n_held, 0);
    record = d.device->state;
    assert_int_equal(record.queues[0].last_available, 0);
    driver_write(&d, 0x70, 0);
    assert_int_equal(d.device->ops->device.check(&record, &why), 0);
    d.device->state = record;
    d.device->ops->device.loaded(d.device);
    assert_int_equal(n_held, 1);
    driver_copy(&d, &held[0], "x", 1, true);
    driver_answer(&d, held[0].id, 1);
    virtio_poll(d.device);
    assert_int_equal(driver_used(&d, 0, &head, &written), 1);
    assert_int_equal(d.ram[BODY], 'x');
    record.queues[0].size = 3;
    assert_int_equal(d.device->ops->device.check(&record, &why), -EINVAL);
    record.queues[0].size = 0;
    assert_int_equal(d.device->ops->device.check(&record, &why), -EINVAL);
}

/* Reads are given back at once; writes wait for a reader, and the cancelling for them. */
static void serve_unread(struct driver *driver)
{
    struct ring_request q;
    unsigned kept = 0;

    while (ring_take(&driver->far, &q) > 0)
        held[n_held++] = q;
    for (unsigned i = 0; i < n_held && held[n_held - 1].operation == RING_CANCEL; i++) {
        if (held[i].operation == RING_READ)
            driver_answer(driver, held[i].id, -ECANCELED);
        else
            held[kept++] = held[i];
    }
    n_held = kept ? kept : n_held;
    ring_sleep(&driver->far);
}

static void test_console_is_saved_while_nobody_reads_its_output(void **state)
{
    const struct driver_piece in[] = {{BODY, 100, true}}, out[] = {{BODY + 512, 5, false}};
    struct virtio_state record;
    uint32_t written;
    uint16_t head;

    (void)state;
    d.serve = serve_unread;
    assert_true(driver_start(&d, 0, 8));
    driver_add(&d, 1, out, 1);
    driver_add(&d, 1, out, 1);
    driver_notify(&d, 1);
    driver_add(&d, 0, in, 1);
    driver_notify(&d, 0);
    assert_int_equal(n_held, 3);
    assert_int_equal(d.device->ops->device.saving(d.device), 0);
    assert_int_equal(n_held, 3); /* both writes, and the cancelling */
    record = d.device->state;
    assert_int_equal(record.queues[0].last_available, 0);
    assert_int_equal(record.queues[1].last_available, 0); /* whoever goes on from there writes them himself */
    virtio_saved(d.device);
    assert_int_equal(d.device->state.queues[1].last_available, 2);
    assert_int_equal(n_held, 4); /* it is asked for input again, and for nothing twice */
    assert_int_equal(held[3].operation, RING_READ);
    for (unsigned i = 0; i < 3; i++)
        driver_answer(&d, held[i].id, i < 2 ? 5 : 0);
    virtio_poll(d.device);
    assert_int_equal(driver_used(&d, 1, &head, &written), 1);
    assert_int_equal(driver_used(&d, 1, &head, &written), 1);
    assert_int_equal(driver_used(&d, 1, &head, &written), 0);
}

static void test_a_back_end_that_is_gone_has_no_record(void **state)
{
    (void)state;
    assert_true(driver_start(&d, VIRTIO_BIT(9), 8));
    assert_int_equal(d.device->ops->device.saving(d.device), 0);
    d.backend.ring.broken = true;
    assert_int_equal(d.device->ops->device.saving(d.device), -EPIPE);
}

/* A buffer that got nothing is still the driver's: there may be input where the machine goes on. */
static void test_console_keeps_its_buffers_at_the_end_of_its_input(void **state)
{
    const struct driver_piece in[] = {{BODY, 100, true}};
    struct virtio_state record;
    uint32_t written;
    uint16_t head;

    (void)state;
    assert_true(driver_start(&d, 0, 8));
    driver_add(&d, 0, in, 1);
    driver_add(&d, 0, in, 1);
    driver_notify(&d, 0);
    assert_int_equal(n_held, 1);
    driver_answer(&d, held[0].id, 0);
    n_held = 0;
    virtio_poll(d.device);
    driver_notify(&d, 0);
    assert_int_equal(n_held, 0); /* nobody asks again */
    assert_int_equal(driver_used(&d, 0, &head, &written), 0);
    assert_int_equal(d.device->ops->device.saving(d.device), 0);
    record = d.device->state;

    struct irq_line line = driver_line(&d);
    memset(&plain, 0, sizeof plain);
    virtio_console_init(&plain, &d.memory, &d.backend, &line);
    plain.state = record;
    plain.ops->device.loaded(&plain);
    assert_int_equal(n_held, 1);
    driver_copy(&d, &held[0], "x", 1, true);
    driver_answer(&d, held[0].id, 1);
    virtio_poll(d.device);
    assert_int_equal(driver_used(&d, 0, &head, &written), 1);
    assert_int_equal(written, 1);
}

static void test_console_tells_a_new_size(void **state)
{
    (void)state;
    assert_true(driver_start(&d, VIRTIO_BIT(0), 8));
    const uint32_t generation = driver_read(&d, 0xfc);
    virtio_console_resize(d.device, 132, 43);
    assert_int_equal(virtio_mmio_read(d.device, 0x100, 2), 132);
    assert_int_equal(virtio_mmio_read(d.device, 0x102, 2), 43);
    assert_int_not_equal(driver_read(&d, 0xfc), generation);
    assert_int_equal(driver_read(&d, 0x60), 2);
}

static int make_random(void **state)
{
    struct irq_line line;

    make(state);
    line = driver_line(&d);
    virtio_random_init(&plain, &d.memory, &d.backend, &line);
    d.device = &plain;
    hold = true;
    return 0;
}

static void test_random_fills_buffers(void **state)
{
    const struct driver_piece in[] = {{BODY, 64, true}, {BODY + 100, 100000, true}}, none[] = {{BODY, 4, false}};
    uint32_t written;
    uint16_t head;

    (void)state;
    assert_true(driver_start(&d, 0, 8));
    driver_add(&d, 0, in, 2);
    driver_notify(&d, 0);
    assert_int_equal(n_held, 1);
    assert_int_equal(held[0].segments[0].length + held[0].segments[1].length, 4096);
    driver_answer(&d, held[0].id, 33);
    virtio_poll(d.device);
    assert_int_equal(driver_used(&d, 0, &head, &written), 1);
    assert_int_equal(written, 33);
    driver_add(&d, 0, none, 1);
    driver_notify(&d, 0);
    assert_int_equal(driver_used(&d, 0, &head, &written), 1);
    assert_int_equal(written, 0);
}

/* ---- net ---- */

static int make_net(void **state)
{
    static const uint8_t mac[6] = {2, 0, 0, 1, 2, 3};
    struct irq_line line;

    make(state);
    line = driver_line(&d);
    virtio_net_init(&plain, &d.memory, &d.backend, &line, mac);
    d.device = &plain;
    hold = true;
    return 0;
}

static void test_net_has_its_address(void **state)
{
    (void)state;
    assert_true(driver_offered(&d) & VIRTIO_BIT(5));
    assert_int_equal(virtio_mmio_read(d.device, 0x100, 4), 0x01000002);
    assert_int_equal(virtio_mmio_read(d.device, 0x104, 2), 0x0302);
    assert_int_equal(virtio_mmio_read(d.device, 0x106, 2), 1);
}

static void test_net_carries_frames_with_their_header(void **state)
{
    /* The header's last field in two pieces. */
    const struct driver_piece in[] = {{BODY, 11, true}, {BODY + 100, 1600, true}};
    const struct driver_piece out[] = {{BODY + 4096, 12, false}, {BODY + 4200, 60, false}};
    uint8_t frame[80];
    uint32_t written;
    uint16_t head;

    (void)state;
    memset(frame, 0x77, sizeof frame);
    assert_true(driver_start(&d, 0, 8));
    memset(d.ram + BODY, 0xff, 200);
    driver_add(&d, 0, in, 2);
    driver_notify(&d, 0);
    driver_add(&d, 1, out, 2);
    driver_notify(&d, 1);
    assert_int_equal(n_held, 2);
    assert_int_equal(held[1].segments[1].length, 60);
    driver_copy(&d, &held[0], frame, 72, true);
    driver_answer(&d, held[0].id, 72);
    driver_answer(&d, held[1].id, 72);
    virtio_poll(d.device);
    assert_int_equal(driver_used(&d, 0, &head, &written), 1);
    assert_int_equal(written, 72);
    assert_int_equal(d.ram[BODY + 10], 1); /* the number of buffers */
    assert_int_equal(d.ram[BODY + 100], 0);
    assert_int_equal(d.ram[BODY + 101], 0x77);
    assert_int_equal(driver_used(&d, 1, &head, &written), 1);
    assert_int_equal(written, 0);
}

static void test_net_drops_what_is_no_frame(void **state)
{
    const struct driver_piece small[] = {{BODY, 12, false}}, large[] = {{BODY, 65563, false}};
    struct driver_piece many[40];
    uint32_t written;
    uint16_t head;

    (void)state;
    assert_true(driver_start(&d, 0, 64));
    for (unsigned i = 0; i < 40; i++)
        many[i] = (struct driver_piece){BODY + i * 2, 1, false};
    driver_add(&d, 1, small, 1);
    driver_add(&d, 1, large, 1);
    driver_add(&d, 1, many, 40);
    driver_notify(&d, 1);
    assert_int_equal(n_held, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(driver_used(&d, 1, &head, &written), 1);
}

int main(void)
{
#define T(kind, name) cmocka_unit_test_setup_teardown(name, make_##kind, unmake)
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
        T(console, test_console_sends_and_receives),
        T(console, test_console_keeps_its_buffers_over_a_record),
        T(console, test_console_is_saved_while_nobody_reads_its_output),
        T(block, test_a_back_end_that_is_gone_has_no_record),
        T(console, test_console_keeps_its_buffers_at_the_end_of_its_input),
        T(console, test_console_tells_a_new_size),
        T(random, test_random_fills_buffers),
        T(net, test_net_has_its_address),
        T(net, test_net_carries_frames_with_their_header),
        T(net, test_net_drops_what_is_no_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
