/* SPDX-License-Identifier: Apache-2.0 */
/* The queue between a hostile driver and a device: what is a chain, what is none, and who is told of what. */
#include "machine/dev/virtqueue.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RAM   0x10000u
#define ROM   0x10000u /* behind it */
#define DESC  0x1000u
#define AVAIL 0x2000u
#define USED  0x3000u
#define TABLE 0x4000u /* an indirect one */
#define DATA  0x8000u
#define SIZE  8u

enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };

static uint8_t *ram, *rom;
static struct gmem memory;
static struct virtqueue queue;
static struct virtq_chain chain;
static uint16_t offered;

static int make(void **state)
{
    (void)state;
    ram = calloc(1, RAM);
    rom = calloc(1, 4096);
    memset(&memory, 0, sizeof memory);
    gmem_add(&memory, &(struct gmem_region){.bytes = RAM, .host = ram});
    gmem_add(&memory, &(struct gmem_region){.base = ROM, .bytes = 4096, .host = rom, .flags = GMEM_ROM});
    queue = (struct virtqueue){.size_max = 256, .size = SIZE, .descriptors = DESC, .driver = AVAIL, .device = USED};
    queue.indirect = 1;
    offered = 0;
    assert_int_equal(virtqueue_start(&queue, &memory), 0);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    free(ram);
    free(rom);
    return 0;
}

static void describe(uint64_t table, uint16_t n, uint64_t gpa, uint32_t length, uint16_t flags, uint16_t next)
{
    gmem_write64(&memory, table + 16 * n, gpa);
    gmem_write32(&memory, table + 16 * n + 8, length);
    gmem_write16(&memory, table + 16 * n + 12, flags);
    gmem_write16(&memory, table + 16 * n + 14, next);
}

static void offer(uint16_t head)
{
    gmem_write16(&memory, AVAIL + 4 + 2 * (offered % SIZE), head);
    gmem_write16(&memory, AVAIL + 2, ++offered);
}

static int take(void)
{
    return virtqueue_take(&queue, &memory, &chain);
}

static void test_queue_gives_chains_in_the_order_they_were_offered(void **state)
{
    (void)state;
    assert_int_equal(take(), 0);
    for (uint16_t round = 0; round < 3 * SIZE; round++) {
        describe(DESC, 3, DATA, 16, NEXT, 5);
        describe(DESC, 5, DATA + 16, 0, NEXT, 1); /* of nothing: left out */
        describe(DESC, 1, DATA + 32, 7, NEXT | WRITE, 0);
        describe(DESC, 0, DATA + 64, 100, WRITE, 0);
        offer(3);
        assert_int_equal(take(), 1);
        assert_int_equal(chain.head, 3);
        assert_int_equal(chain.n, 3);
        assert_int_equal(chain.n_readable, 1);
        assert_int_equal(chain.readable, 16);
        assert_int_equal(chain.writable, 107);
        assert_int_equal(chain.pieces[1].offset, DATA + 32);
        assert_int_equal(virtq_chain_writable_at(&chain, 106), DATA + 64 + 99);
        assert_int_equal(take(), 0);
        assert_int_equal(virtqueue_use(&queue, &memory, chain.head, 107), 0);
        uint32_t id, length;
        uint16_t index;
        gmem_read32(&memory, USED + 4 + 8 * (round % SIZE), &id);
        gmem_read32(&memory, USED + 8 + 8 * (round % SIZE), &length);
        gmem_read16(&memory, USED + 2, &index);
        assert_int_equal(id, 3);
        assert_int_equal(length, 107);
        assert_int_equal(index, round + 1);
    }
}

static void test_queue_follows_an_indirect_table(void **state)
{
    uint8_t bytes[12];

    (void)state;
    describe(DESC, 0, DATA, 4, NEXT, 1);
    describe(DESC, 1, TABLE, 3 * 16, INDIRECT, 0);
    describe(TABLE, 0, DATA + 100, 8, NEXT, 2);
    describe(TABLE, 2, DATA + 200, 8, WRITE, 0);
    memcpy(ram + DATA, "abcd", 4);
    memcpy(ram + DATA + 100, "efghijkl", 8);
    offer(0);
    assert_int_equal(take(), 1);
    assert_int_equal(chain.n, 3);
    assert_int_equal(chain.readable, 12);
    assert_int_equal(virtq_chain_read(&chain, &memory, 0, bytes, 12), 0);
    assert_memory_equal(bytes, "abcdefghijkl", 12);
    assert_int_equal(virtq_chain_read(&chain, &memory, 3, bytes, 2), 0);
    assert_memory_equal(bytes, "de", 2);
    assert_int_equal(virtq_chain_read(&chain, &memory, 11, bytes, 2), -EFAULT);
    assert_int_equal(virtq_chain_write(&chain, &memory, 6, "xy", 2), 0);
    assert_memory_equal(ram + DATA + 206, "xy", 2);
    assert_int_equal(virtq_chain_write(&chain, &memory, 7, "xy", 2), -EFAULT);
}

/* A chain of as many descriptors as the queue has is one; with an indirect table the same. */
static void test_queue_takes_the_longest_chain(void **state)
{
    (void)state;
    for (uint16_t i = 0; i < SIZE; i++)
        describe(DESC, i, DATA + i, 1, i + 1u < SIZE ? NEXT : 0, (uint16_t)(i + 1));
    offer(0);
    assert_int_equal(take(), 1);
    assert_int_equal(chain.n, SIZE);
    describe(DESC, 0, TABLE, SIZE * 16, INDIRECT, 0);
    for (uint16_t i = 0; i < SIZE; i++)
        describe(TABLE, i, DATA + i, 1, i + 1u < SIZE ? NEXT : 0, (uint16_t)(i + 1));
    offer(0);
    assert_int_equal(take(), 1);
    assert_int_equal(chain.n, SIZE);
}

struct bad {
    const char *label;
    struct {
        uint64_t table, gpa;
        uint16_t n, flags, next;
        uint32_t length;
    } d[3];
    const char *fault; /* words of it */
};

static const struct bad bads[] = {
    {"a loop of one", {{DESC, DATA, 0, NEXT, 0, 1}}, "longer"},
    {"a loop of nothing", {{DESC, DATA, 0, NEXT, 0, 0}}, "longer"},
    {"a loop of two", {{DESC, DATA, 0, NEXT, 1, 1}, {DESC, DATA, 1, NEXT, 0, 1}}, "longer"},
    {"next too large", {{DESC, DATA, 0, NEXT, SIZE, 1}}, "number"},
    {"no memory", {{DESC, 0x20000, 0, 0, 0, 1}}, "no memory"},
    {"over the end", {{DESC, ROM + 4096 - 1, 0, 0, 0, 2}}, "no memory"},
    {"from one region into the next", {{DESC, RAM - 1, 0, 0, 0, 2}}, "no memory"},
    {"wraps", {{DESC, UINT64_MAX - 3, 0, 0, 0, 8}}, "no memory"},
    {"writes what is read-only", {{DESC, ROM, 0, WRITE, 0, 8}}, "read-only"},
    {"readable behind writable", {{DESC, DATA, 0, WRITE | NEXT, 1, 1}, {DESC, DATA, 1, 0, 0, 1}}, "readable"},
    {"too many bytes", {{DESC, DATA, 0, 0, 0, UINT32_MAX}}, "too many"},
    {"indirect with next", {{DESC, TABLE, 0, INDIRECT | NEXT, 1, 32}}, "indirect"},
    {"indirect of no size", {{DESC, TABLE, 0, INDIRECT, 0, 0}}, "indirect"},
    {"indirect of half a descriptor", {{DESC, TABLE, 0, INDIRECT, 0, 24}}, "indirect"},
    {"indirect that is larger than the queue", {{DESC, TABLE, 0, INDIRECT, 0, 16 * (SIZE + 1)}}, "indirect"},
    {"indirect in indirect", {{DESC, TABLE, 0, INDIRECT, 0, 16}, {TABLE, TABLE, 0, INDIRECT, 0, 16}}, "indirect"},
    {"indirect that is no memory", {{DESC, 0x20000, 0, INDIRECT, 0, 16}}, "no memory"},
    {"next beyond an indirect table", {{DESC, TABLE, 0, INDIRECT, 0, 16}, {TABLE, DATA, 0, NEXT, 1, 1}}, "number"},
    {"a loop in an indirect table", {{DESC, TABLE, 0, INDIRECT, 0, 16}, {TABLE, DATA, 0, NEXT, 0, 1}}, "longer"},
};

static void test_queue_ends_at_what_is_no_chain(void **state)
{
    for (unsigned i = 0; i < sizeof bads / sizeof bads[0]; i++) {
        unmake(state);
        make(state);
        for (unsigned k = 0; k < 3; k++)
            if (bads[i].d[k].table)
                describe(bads[i].d[k].table, bads[i].d[k].n, bads[i].d[k].gpa, bads[i].d[k].length, bads[i].d[k].flags,
                         bads[i].d[k].next);
        offer(0);
        const int r = take();
        if (r != -EPROTO || !chain.fault || !strstr(chain.fault, bads[i].fault))
            fail_msg("%s: got %d, \"%s\"", bads[i].label, r, chain.fault ? chain.fault : "");
        describe(DESC, 0, DATA, 1, 0, 0); /* it does not come back */
        assert_int_equal(take(), -EPROTO);
        assert_int_equal(virtqueue_use(&queue, &memory, 0, 0), -EPROTO);
    }
}

static void test_queue_ends_at_a_wrong_index_or_head(void **state)
{
    offer(SIZE);
    assert_int_equal(take(), -EPROTO);
    unmake(state);
    make(state);
    gmem_write16(&memory, AVAIL + 2, SIZE + 1);
    assert_int_equal(take(), -EPROTO);
    unmake(state);
    make(state);
    gmem_write16(&memory, AVAIL + 2, 0xffff);
    assert_int_equal(take(), -EPROTO);
}

static void test_queue_without_the_feature_knows_no_indirect_table(void **state)
{
    (void)state;
    queue.indirect = 0;
    describe(DESC, 0, TABLE, 16, INDIRECT, 0);
    describe(TABLE, 0, DATA, 1, 0, 0);
    offer(0);
    assert_int_equal(take(), -EPROTO);
}

static void test_queue_starts_only_over_memory_and_aligned(void **state)
{
    static const struct {
        uint64_t desc, avail, used;
        uint16_t size;
    } rows[] = {
        {DESC, AVAIL, USED, 0},
        {DESC, AVAIL, USED, 3},
        {DESC, AVAIL, USED, 512},
        {DESC + 8, AVAIL, USED, 8},
        {DESC, AVAIL + 1, USED, 8},
        {DESC, AVAIL, USED + 2, 8},
        {DESC, AVAIL, ROM, 8},
        {RAM + 4096 - 64, AVAIL, USED, 8},
        {DESC, ROM + 4096, USED, 8},
        {DESC, AVAIL, RAM - 64, 8},
        {UINT64_MAX - 15, AVAIL, USED, 8},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct virtqueue q = {.size_max = 256, .size = rows[i].size, .descriptors = rows[i].desc};
        q.driver = rows[i].avail, q.device = rows[i].used;
        if (virtqueue_start(&q, &memory) != -EPROTO || q.ready)
            fail_msg("row %u: it started", i);
    }
}

static void test_queue_tells_the_driver_unless_it_asked_not_to(void **state)
{
    (void)state;
    assert_false(virtqueue_interrupt_wanted(&queue, &memory));
    virtqueue_use(&queue, &memory, 0, 0);
    assert_true(virtqueue_interrupt_wanted(&queue, &memory));
    assert_false(virtqueue_interrupt_wanted(&queue, &memory));
    gmem_write16(&memory, AVAIL, 1);
    virtqueue_use(&queue, &memory, 0, 0);
    assert_false(virtqueue_interrupt_wanted(&queue, &memory));
}

static void test_queue_with_event_indices_tells_at_the_index_that_was_asked_for(void **state)
{
    uint16_t wish;

    (void)state;
    queue.event_index = 1;
    queue.used = queue.told = 0xfffe; /* over the wrap */
    gmem_write16(&memory, AVAIL + 4 + 2 * SIZE, 1);
    for (unsigned i = 0; i < 6; i++) {
        virtqueue_use(&queue, &memory, 0, 0);
        if (virtqueue_interrupt_wanted(&queue, &memory) != (i == 3)) /* used goes from 1 to 2 */
            fail_msg("after %u: wrong", i + 1);
    }
    gmem_write16(&memory, AVAIL + 4 + 2 * SIZE, 5); /* a batch that goes past it */
    for (unsigned i = 0; i < 4; i++)
        virtqueue_use(&queue, &memory, 0, 0);
    assert_true(virtqueue_interrupt_wanted(&queue, &memory));
    /* And the other way round: it asks for a notification when it has found nothing. */
    describe(DESC, 0, DATA, 1, 0, 0);
    for (unsigned i = 0; i < 3; i++)
        offer(0);
    assert_int_equal(take(), 1);
    gmem_read16(&memory, USED + 4 + 8 * SIZE, &wish);
    assert_int_equal(wish, 0);
    assert_int_equal(take(), 1);
    assert_int_equal(take(), 1);
    assert_int_equal(take(), 0);
    gmem_read16(&memory, USED + 4 + 8 * SIZE, &wish);
    assert_int_equal(wish, 3);
}

static void test_queue_gives_again_what_was_not_used(void **state)
{
    (void)state;
    describe(DESC, 2, DATA, 1, 0, 0);
    offer(2);
    assert_int_equal(take(), 1);
    assert_int_equal(take(), 0);
    virtqueue_untake(&queue);
    assert_int_equal(take(), 1);
    assert_int_equal(chain.head, 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, unmake)
    const struct CMUnitTest tests[] = {
        T(test_queue_gives_chains_in_the_order_they_were_offered),
        T(test_queue_follows_an_indirect_table),
        T(test_queue_takes_the_longest_chain),
        T(test_queue_ends_at_what_is_no_chain),
        T(test_queue_ends_at_a_wrong_index_or_head),
        T(test_queue_without_the_feature_knows_no_indirect_table),
        T(test_queue_starts_only_over_memory_and_aligned),
        T(test_queue_tells_the_driver_unless_it_asked_not_to),
        T(test_queue_with_event_indices_tells_at_the_index_that_was_asked_for),
        T(test_queue_gives_again_what_was_not_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
