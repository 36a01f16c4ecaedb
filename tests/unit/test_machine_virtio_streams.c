/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio's devices that are streams: console, random bytes, network card; with a back end that holds what it is asked
 * (virtio_bench.h). Registers and the block device are in test_machine_virtio.c.
 */
#include "virtio_bench.h"

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

/* What is to be initialised: a device whose requests wait until the test answers them. */
static struct virtio_bench *make_stream(void **state)
{
    struct virtio_bench *b = virtio_bench_make();

    b->driver.device = &b->plain;
    b->hold = true;
    *state = b;
    return b;
}

/* ---- console ---- */

static int make_console(void **state)
{
    struct virtio_bench *b = make_stream(state);
    const struct irq_line line = driver_line(&b->driver);

    virtio_console_init(&b->plain, &b->driver.memory, &b->driver.backend, &line);
    return 0;
}

static void test_console_sends_and_receives(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    const struct driver_piece in[] = {{BODY, 100, true}}, out[] = {{BODY + 512, 5, false}, {BODY + 600, 6, false}};
    uint8_t bytes[16] = {0};
    uint32_t written;
    uint16_t head;

    assert_true(driver_start(d, 0, 8));
    driver_add(d, 0, in, 1);
    driver_add(d, 0, in, 1);
    driver_notify(d, 0);
    assert_int_equal(b->n_held, 1); /* one read at a time is enough, and leaves room for output */
    assert_int_equal(b->held[0].operation, RING_READ);
    memcpy(d->ram + BODY + 512, "hello", 5);
    memcpy(d->ram + BODY + 600, " world", 6);
    driver_add(d, 1, out, 2);
    driver_notify(d, 1);
    assert_int_equal(b->n_held, 2);
    assert_int_equal(b->held[1].operation, RING_WRITE);
    assert_int_equal(driver_copy(d, &b->held[1], bytes, 11, false), 11);
    assert_string_equal((char *)bytes, "hello world");
    driver_copy(d, &b->held[0], "typed", 5, true);
    driver_answer(d, b->held[0].id, 5);
    driver_answer(d, b->held[1].id, 11);
    b->n_held = 0;
    virtio_poll(d->device);
    assert_int_equal(driver_used(d, 0, &head, &written), 1);
    assert_int_equal(written, 5);
    assert_memory_equal(d->ram + BODY, "typed", 5);
    assert_int_equal(driver_used(d, 1, &head, &written), 1);
    assert_int_equal(b->n_held, 1); /* the second buffer waits for more */
}

/* What waits for ever is called back before the state is saved, and asked for again afterwards. */
static void test_console_keeps_its_buffers_over_a_record(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    const struct driver_piece in[] = {{BODY, 100, true}};
    struct virtio_state record;
    const char *why;
    uint32_t written;
    uint16_t head;

    assert_true(driver_start(d, 0, 8));
    driver_add(d, 0, in, 1);
    driver_notify(d, 0);
    assert_int_equal(b->n_held, 1);
    d->device->ops->device.saving(d->device);
    assert_int_equal(b->n_held, 0);
    record = d->device->state;
    assert_int_equal(record.queues[0].last_available, 0);
    driver_write(d, 0x70, 0);
    assert_int_equal(d->device->ops->device.check(&record, &why), 0);
    d->device->state = record;
    d->device->ops->device.loaded(d->device);
    assert_int_equal(b->n_held, 1);
    driver_copy(d, &b->held[0], "x", 1, true);
    driver_answer(d, b->held[0].id, 1);
    virtio_poll(d->device);
    assert_int_equal(driver_used(d, 0, &head, &written), 1);
    assert_int_equal(d->ram[BODY], 'x');
    record.queues[0].size = 3;
    assert_int_equal(d->device->ops->device.check(&record, &why), -EINVAL);
    record.queues[0].size = 0;
    assert_int_equal(d->device->ops->device.check(&record, &why), -EINVAL);
}

/* Reads are given back at once; writes wait for a reader, and the cancelling for them. */
static void serve_unread(struct driver *driver)
{
    struct virtio_bench *b = (struct virtio_bench *)driver;
    struct ring_request q;
    unsigned kept = 0;

    while (ring_take(&driver->far, &q) > 0)
        b->held[b->n_held++] = q;
    for (unsigned i = 0; i < b->n_held && b->held[b->n_held - 1].operation == RING_CANCEL; i++) {
        if (b->held[i].operation == RING_READ)
            driver_answer(driver, b->held[i].id, -ECANCELED);
        else
            b->held[kept++] = b->held[i];
    }
    b->n_held = kept ? kept : b->n_held;
    ring_sleep(&driver->far);
}

static void test_console_is_saved_while_nobody_reads_its_output(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    const struct driver_piece in[] = {{BODY, 100, true}}, out[] = {{BODY + 512, 5, false}};
    struct virtio_state record;
    uint32_t written;
    uint16_t head;

    d->serve = serve_unread;
    assert_true(driver_start(d, 0, 8));
    driver_add(d, 1, out, 1);
    driver_add(d, 1, out, 1);
    driver_notify(d, 1);
    driver_add(d, 0, in, 1);
    driver_notify(d, 0);
    assert_int_equal(b->n_held, 3);
    assert_int_equal(d->device->ops->device.saving(d->device), 0);
    assert_int_equal(b->n_held, 3); /* both writes, and the cancelling */
    record = d->device->state;
    assert_int_equal(record.queues[0].last_available, 0);
    assert_int_equal(record.queues[1].last_available, 0); /* whoever goes on from there writes them himself */
    virtio_saved(d->device);
    assert_int_equal(d->device->state.queues[1].last_available, 2);
    assert_int_equal(b->n_held, 4); /* it is asked for input again, and for nothing twice */
    assert_int_equal(b->held[3].operation, RING_READ);
    for (unsigned i = 0; i < 3; i++)
        driver_answer(d, b->held[i].id, i < 2 ? 5 : 0);
    virtio_poll(d->device);
    assert_int_equal(driver_used(d, 1, &head, &written), 1);
    assert_int_equal(driver_used(d, 1, &head, &written), 1);
    assert_int_equal(driver_used(d, 1, &head, &written), 0);
}

/* A buffer that got nothing is still the driver's: there may be input where the machine goes on. */
static void test_console_keeps_its_buffers_at_the_end_of_its_input(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    const struct driver_piece in[] = {{BODY, 100, true}};
    struct virtio_state record;
    uint32_t written;
    uint16_t head;

    assert_true(driver_start(d, 0, 8));
    driver_add(d, 0, in, 1);
    driver_add(d, 0, in, 1);
    driver_notify(d, 0);
    assert_int_equal(b->n_held, 1);
    driver_answer(d, b->held[0].id, 0);
    b->n_held = 0;
    virtio_poll(d->device);
    driver_notify(d, 0);
    assert_int_equal(b->n_held, 0); /* nobody asks again */
    assert_int_equal(driver_used(d, 0, &head, &written), 0);
    assert_int_equal(d->device->ops->device.saving(d->device), 0);
    record = d->device->state;

    struct irq_line line = driver_line(d);
    memset(&b->plain, 0, sizeof b->plain);
    virtio_console_init(&b->plain, &d->memory, &d->backend, &line);
    b->plain.state = record;
    b->plain.ops->device.loaded(&b->plain);
    assert_int_equal(b->n_held, 1);
    driver_copy(d, &b->held[0], "x", 1, true);
    driver_answer(d, b->held[0].id, 1);
    virtio_poll(d->device);
    assert_int_equal(driver_used(d, 0, &head, &written), 1);
    assert_int_equal(written, 1);
}

static void test_console_tells_a_new_size(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;

    assert_true(driver_start(d, VIRTIO_BIT(0), 8));
    const uint32_t generation = driver_read(d, 0xfc);
    virtio_console_resize(d->device, 132, 43);
    assert_int_equal(virtio_mmio_read(d->device, 0x100, 2), 132);
    assert_int_equal(virtio_mmio_read(d->device, 0x102, 2), 43);
    assert_int_not_equal(driver_read(d, 0xfc), generation);
    assert_int_equal(driver_read(d, 0x60), 2);
}

/* ---- random ---- */

static int make_random(void **state)
{
    struct virtio_bench *b = make_stream(state);
    const struct irq_line line = driver_line(&b->driver);

    virtio_random_init(&b->plain, &b->driver.memory, &b->driver.backend, &line);
    return 0;
}

static void test_random_fills_buffers(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    const struct driver_piece in[] = {{BODY, 64, true}, {BODY + 100, 100000, true}}, none[] = {{BODY, 4, false}};
    uint32_t written;
    uint16_t head;

    assert_true(driver_start(d, 0, 8));
    driver_add(d, 0, in, 2);
    driver_notify(d, 0);
    assert_int_equal(b->n_held, 1);
    assert_int_equal(b->held[0].segments[0].length + b->held[0].segments[1].length, 4096);
    driver_answer(d, b->held[0].id, 33);
    virtio_poll(d->device);
    assert_int_equal(driver_used(d, 0, &head, &written), 1);
    assert_int_equal(written, 33);
    driver_add(d, 0, none, 1);
    driver_notify(d, 0);
    assert_int_equal(driver_used(d, 0, &head, &written), 1);
    assert_int_equal(written, 0);
}

/* ---- net ---- */

static int make_net(void **state)
{
    static const uint8_t mac[6] = {2, 0, 0, 1, 2, 3};
    struct virtio_bench *b = make_stream(state);
    const struct irq_line line = driver_line(&b->driver);

    virtio_net_init(&b->plain, &b->driver.memory, &b->driver.backend, &line, mac);
    return 0;
}

static void test_net_has_its_address(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;

    assert_true(driver_offered(d) & VIRTIO_BIT(5));
    assert_int_equal(virtio_mmio_read(d->device, 0x100, 4), 0x01000002);
    assert_int_equal(virtio_mmio_read(d->device, 0x104, 2), 0x0302);
    assert_int_equal(virtio_mmio_read(d->device, 0x106, 2), 1);
}

static void test_net_carries_frames_with_their_header(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    /* The header's last field in two pieces. */
    const struct driver_piece in[] = {{BODY, 11, true}, {BODY + 100, 1600, true}};
    const struct driver_piece out[] = {{BODY + 4096, 12, false}, {BODY + 4200, 60, false}};
    uint8_t frame[80];
    uint32_t written;
    uint16_t head;

    memset(frame, 0x77, sizeof frame);
    assert_true(driver_start(d, 0, 8));
    memset(d->ram + BODY, 0xff, 200);
    driver_add(d, 0, in, 2);
    driver_notify(d, 0);
    driver_add(d, 1, out, 2);
    driver_notify(d, 1);
    assert_int_equal(b->n_held, 2);
    assert_int_equal(b->held[1].segments[1].length, 60);
    driver_copy(d, &b->held[0], frame, 72, true);
    driver_answer(d, b->held[0].id, 72);
    driver_answer(d, b->held[1].id, 72);
    virtio_poll(d->device);
    assert_int_equal(driver_used(d, 0, &head, &written), 1);
    assert_int_equal(written, 72);
    assert_int_equal(d->ram[BODY + 10], 1); /* the number of buffers */
    assert_int_equal(d->ram[BODY + 100], 0);
    assert_int_equal(d->ram[BODY + 101], 0x77);
    assert_int_equal(driver_used(d, 1, &head, &written), 1);
    assert_int_equal(written, 0);
}

static void test_net_drops_what_is_no_frame(void **state)
{
    struct virtio_bench *b = *state;
    struct driver *d = &b->driver;
    const struct driver_piece small[] = {{BODY, 12, false}}, large[] = {{BODY, 65563, false}};
    struct driver_piece many[40];
    uint32_t written;
    uint16_t head;

    assert_true(driver_start(d, 0, 64));
    for (unsigned i = 0; i < 40; i++)
        many[i] = (struct driver_piece){BODY + i * 2, 1, false};
    driver_add(d, 1, small, 1);
    driver_add(d, 1, large, 1);
    driver_add(d, 1, many, 40);
    driver_notify(d, 1);
    assert_int_equal(b->n_held, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(driver_used(d, 1, &head, &written), 1);
}

int main(void)
{
#define T(kind, name) cmocka_unit_test_setup_teardown(name, make_##kind, virtio_bench_drop)
    const struct CMUnitTest tests[] = {
        T(console, test_console_sends_and_receives),
        T(console, test_console_keeps_its_buffers_over_a_record),
        T(console, test_console_is_saved_while_nobody_reads_its_output),
        T(console, test_console_keeps_its_buffers_at_the_end_of_its_input),
        T(console, test_console_tells_a_new_size),
        T(random, test_random_fills_buffers),
        T(net, test_net_has_its_address),
        T(net, test_net_carries_frames_with_their_header),
        T(net, test_net_drops_what_is_no_frame),
    };

    return cmocka_run_group_tests_name("machine_virtio_streams", tests, NULL, NULL);
}
