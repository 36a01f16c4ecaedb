/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checked queue of all virtio devices alone, against a driver that writes what the input says: descriptors, chains,
 * indirect tables, both rings, indices that wrap, places over a region's end. A second reading of virtio 1.2, below,
 * says of each call what it returns, which pieces a chain has and which bytes of the guest's memory change; both have
 * to agree, and what has changed has been told to who keeps decoded code. (fuzz_machine_virtio.c has the devices around
 * it: a chain that is refused there ends the device, here it is only a chain.)
 */
#include "input.h"
#include "machine/dev/virtqueue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Two regions of RAM that touch, one that the guest cannot write, then nothing. */
#define LOW   0x3000u
#define RAM   0x4000u
#define ALL   0x5000u
#define STEPS 300

enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };

static struct world {
    uint8_t *low, *high, *rom; /* the guest's memory, each on its own so that one byte more is seen */
    uint8_t expected[ALL];     /* what is in it, by this file's account */
    uint8_t told[ALL];         /* what is in it, by what was told */
    uint16_t size, last_available, used, told_used;
    uint64_t descriptors, driver, device;
    bool ready, faulty, indirect, event_index;
    struct gmem memory;
    struct virtqueue queue;
    struct virtq_chain chain;
    bool taken; /* chain is the newest one, and nothing was done with it */
} w;

/* ---- memory ---- */

static uint8_t *host_of(uint64_t gpa)
{
    return gpa < LOW ? w.low + gpa : gpa < RAM ? w.high + (gpa - LOW) : w.rom + (gpa - RAM);
}

static void was_written(void *owner, gpa_t gpa, uint64_t n)
{
    (void)owner;
    check(gpa < ALL && n <= ALL - gpa);
    for (uint64_t i = 0; i < n; i++)
        w.told[gpa + i] = *host_of(gpa + i);
}

/* The driver's own stores: of what is RAM. */
static void store(uint64_t gpa, uint64_t value, unsigned n)
{
    for (unsigned i = 0; i < n && gpa + i < RAM; i++)
        *host_of(gpa + i) = w.expected[gpa + i] = w.told[gpa + i] = (uint8_t)(value >> 8 * i);
}

static void expect(uint64_t gpa, uint64_t value, unsigned n)
{
    memcpy(w.expected + gpa, &value, n);
}

static uint64_t load(uint64_t gpa, unsigned n)
{
    uint64_t value = 0;

    memcpy(&value, w.expected + gpa, n);
    return value;
}

static bool same(const uint8_t *bytes)
{
    return memcmp(bytes, w.low, LOW) == 0 && memcmp(bytes + LOW, w.high, RAM - LOW) == 0 &&
           memcmp(bytes + RAM, w.rom, ALL - RAM) == 0;
}

/* Which region holds all of it, or -1. */
static int region_of(uint64_t gpa, uint64_t n)
{
    static const uint64_t ends[] = {0, LOW, RAM, ALL};

    for (int i = 0; i < 3; i++)
        if (gpa >= ends[i] && gpa < ends[i + 1])
            return n <= ends[i + 1] - gpa ? i : -1;
    return -1;
}

static void make_world(void)
{
    if (!w.low) {
        w.low = malloc(LOW), w.high = malloc(RAM - LOW), w.rom = malloc(ALL - RAM);
        check(w.low && w.high && w.rom);
        gmem_add(&w.memory, &(struct gmem_region){.bytes = LOW, .host = w.low});
        gmem_add(&w.memory, &(struct gmem_region){.base = LOW, .bytes = RAM - LOW, .host = w.high});
        gmem_add(&w.memory, &(struct gmem_region){.base = RAM, .bytes = ALL - RAM, .host = w.rom, .flags = GMEM_ROM});
        w.memory.written = was_written;
    }
    memset(w.low, 0, LOW);
    memset(w.high, 0, RAM - LOW);
    memset(w.rom, 0, ALL - RAM);
    memset(w.expected, 0, ALL);
    memset(w.told, 0, ALL);
}

/* ---- what the specification says ---- */

/* 2.7.5: pieces of the chain at `head`, or -EPROTO. */
static int read_chain(uint16_t head, struct virtq_chain *c)
{
    uint64_t table = w.descriptors, places = w.size, at = head;
    bool inside = false;

    for (unsigned seen = 0; seen <= w.size; seen++) {
        const uint64_t d = table + 16 * at;
        if (at >= places || d + 16 > ALL)
            return -EPROTO;
        const uint64_t gpa = load(d, 8), n = load(d + 8, 4), flags = load(d + 12, 2);
        const bool write = flags & WRITE;
        const int region = region_of(gpa, n);
        if (flags & INDIRECT) {
            if (!w.indirect || inside || flags & NEXT || n == 0 || n % 16 || n / 16 > w.size)
                return -EPROTO;
            table = gpa, places = n / 16, at = 0, inside = true;
            if (gpa >= ALL) /* so that sums stay small */
                return -EPROTO;
            continue;
        }
        if (n) {
            if (c->n == w.size || region < 0 || (write && region == 2) || (!write && c->n > c->n_readable))
                return -EPROTO;
            c->pieces[c->n++] = (struct virtq_piece){.gpa = gpa, .region = (uint32_t)region, .length = (uint32_t)n};
            c->n_readable += !write;
            *(write ? &c->writable : &c->readable) += (uint32_t)n;
        }
        if (!(flags & NEXT))
            return 1;
        at = load(d + 14, 2);
    }
    return -EPROTO;
}

static int expected_take(struct virtq_chain *c)
{
    if (w.faulty || !w.ready)
        return w.faulty ? -EPROTO : 0;
    const uint16_t waits = (uint16_t)(load(w.driver + 2, 2) - w.last_available);
    if (waits == 0 && w.event_index)
        expect(w.device + 4 + 8ul * w.size, w.last_available, 2);
    if (waits == 0)
        return 0;
    c->head = (uint16_t)load(w.driver + 4 + 2ul * (w.last_available % w.size), 2);
    if (waits > w.size || read_chain(c->head, c) < 0) {
        w.faulty = true;
        return -EPROTO;
    }
    w.last_available++;
    return 1;
}

/* 2.7.7.2, 2.7.10: used entries since the last time, one after the other: was the one that the driver named among them?
 */
static bool expected_interrupt(void)
{
    bool wanted = false;

    if (w.faulty || !w.ready || w.used == w.told_used)
        return false;
    const uint16_t event = (uint16_t)load(w.driver + 4 + 2ul * w.size, 2);
    for (uint16_t i = w.told_used; i != w.used; i++)
        wanted |= i == event;
    w.told_used = w.used;
    return w.event_index ? wanted : !(load(w.driver, 2) & 1);
}

static bool start_is_right(uint16_t size)
{
    const int driver = region_of(w.driver, 6 + 2ul * size), device = region_of(w.device, 6 + 8ul * size);

    return size && size <= VIRTQ_SIZE_MAX && !(size & (size - 1)) && w.descriptors % 16 == 0 && w.driver % 2 == 0 &&
           w.device % 4 == 0 && region_of(w.descriptors, 16ul * size) >= 0 && driver >= 0 &&
           (device == 0 || device == 1);
}

/* ---- steps ---- */

/* Small, near an end, or anything. */
static uint64_t place(struct input *in)
{
    static const uint64_t places[] = {0, 0x1000, LOW, RAM, ALL, UINT64_MAX, 1u << 31, 0x2000};
    const uint64_t base = places[take(in, 1) & 7];

    return base + take(in, 1) * 4 - take(in, 1);
}

static void start(struct input *in)
{
    const uint8_t how = (uint8_t)take(in, 1);
    const uint16_t index = (uint16_t)take(in, 2);
    uint16_t size = (uint16_t)(1u << (how & 15) % 9);

    w.descriptors = 0, w.driver = 0x1000, w.device = 0x1400; /* of 256 places: 0x1000, 0x206, 0x806 bytes */
    if (how & 16)
        w.descriptors = place(in), w.driver = place(in), w.device = place(in);
    if (take(in, 1) == 0xff)
        size = (uint16_t)take(in, 2);
    w.size = size, w.indirect = how & 32, w.event_index = how & 64, w.taken = false;
    w.last_available = w.used = w.told_used = how & 128 ? index : 0;
    w.queue = (struct virtqueue){.descriptors = w.descriptors,
                                 .driver = w.driver,
                                 .device = w.device,
                                 .size = size,
                                 .size_max = VIRTQ_SIZE_MAX,
                                 .last_available = w.last_available,
                                 .used = w.used,
                                 .told = w.told_used,
                                 .indirect = w.indirect,
                                 .event_index = w.event_index};
    w.ready = start_is_right(size);
    w.faulty = !w.ready;
    check(virtqueue_start(&w.queue, &w.memory) == (w.ready ? 0 : -EPROTO));
    if (w.ready)
        store(w.driver + 2, w.last_available, 2);
}

static void take_chain(void)
{
    static struct virtq_chain c;

    c.n = c.n_readable = 0, c.readable = c.writable = 0;
    const int r = expected_take(&c);
    check(virtqueue_take(&w.queue, &w.memory, &w.chain) == r);
    w.taken = r == 1;
    check((w.chain.fault != NULL) <= (r < 0));
    if (r != 1)
        return;
    check(w.chain.head == c.head && w.chain.n == c.n && w.chain.n_readable == c.n_readable &&
          w.chain.readable == c.readable && w.chain.writable == c.writable);
    for (unsigned i = 0; i < c.n; i++) {
        const struct virtq_piece *p = &w.chain.pieces[i], *e = &c.pieces[i];
        check(p->gpa == e->gpa && p->length == e->length && p->region == e->region);
        check(p->offset == p->gpa - w.memory.regions[p->region].base);
    }
}

/* Where byte `at` of one direction lies. */
static uint64_t byte_of(const struct virtq_chain *c, bool writable, uint32_t at)
{
    unsigned i = writable ? c->n_readable : 0;

    while (at >= c->pieces[i].length)
        at -= c->pieces[i++].length;
    return c->pieces[i].gpa + at;
}

static void copy(struct input *in, bool writable)
{
    static uint8_t bytes[64];
    const struct virtq_chain *c = &w.chain;
    const uint32_t most = writable ? c->writable : c->readable;
    const uint32_t at = (uint32_t)take(in, 2) % 0x2000, n = (uint32_t)take(in, 1) % sizeof bytes;
    const bool fits = at <= most && n <= most - at;

    if (writable) {
        memset(bytes, (int)take(in, 1), n);
        const int r = virtq_chain_write(c, &w.memory, at, bytes, n);
        check((r == 0) == (fits || n == 0));
        for (uint32_t i = 0; i < n && at + i < most; i++) /* what fits is there, whether all did or not */
            expect(byte_of(c, true, at + i), bytes[i], 1);
        if (at < most)
            check(virtq_chain_writable_at(c, at) == byte_of(c, true, at));
        return;
    }
    check((virtq_chain_read(c, &w.memory, at, bytes, n) == 0) == (fits || n == 0));
    for (uint32_t i = 0; fits && i < n; i++)
        check(bytes[i] == w.expected[byte_of(c, false, at + i)]);
}

static void use(struct input *in)
{
    const uint16_t head = (uint16_t)take(in, 2);
    const uint32_t written = (uint32_t)take(in, 3);
    const bool may = w.ready && !w.faulty;

    if (may) {
        expect(w.device + 4 + 8ul * (w.used % w.size), head | (uint64_t)written << 32, 8);
        expect(w.device + 2, ++w.used, 2);
    }
    check(virtqueue_use(&w.queue, &w.memory, head, written) == (may ? 0 : -EPROTO));
    w.taken = false;
}

static void describe(struct input *in, uint64_t table)
{
    const uint64_t d = table + 16 * (take(in, 1) % 20);
    const uint8_t how = (uint8_t)take(in, 1);
    const uint64_t n = how & 8 ? 0 : how & 64 ? take(in, 4) : 16 * (take(in, 1) % 20) >> (how & 32 ? 2 : 0);

    /* Anywhere, or so that it ends there. */
    store(d, how & 128 ? place(in) - (how & 32 ? n : 0) : 0x2000 + 16 * take(in, 1), 8);
    store(d + 8, n, 4);
    store(d + 12, how & 7, 2);
    store(d + 14, how & 16 ? take(in, 2) : take(in, 1) % 20, 2);
}

static void offer(struct input *in)
{
    const uint64_t index = load(w.driver + 2, 2);

    store(w.driver + 4 + 2 * (index % w.size), take(in, 1) % 24, 2);
    store(w.driver + 2, index + 1, 2);
}

static void step(struct input *in)
{
    const uint8_t what = (uint8_t)take(in, 1);

    switch (what % 12) {
    case 0:
    case 1:
        describe(in, w.ready ? w.descriptors : 0);
        break;
    case 2:
        describe(in, 0x2000 + 16 * take(in, 1));
        break;
    case 3:
        if (w.ready)
            offer(in);
        break;
    case 4:
    case 5:
        take_chain();
        break;
    case 6:
        use(in);
        break;
    case 7:
        check(virtqueue_interrupt_wanted(&w.queue, &w.memory) == expected_interrupt());
        break;
    case 8: /* the used event or flags, the available index, or anything */
        if (w.ready && what & 0x80)
            store(w.driver + (what & 0x40 ? 4 + 2ul * w.size : 0),
                  what & 0x20 ? w.used + take(in, 1) - 2u : take(in, 2), 2);
        else
            store(take(in, 2) % RAM, take(in, 4), 1u << (what >> 6));
        break;
    case 9:
        if (w.taken)
            copy(in, what & 0x80);
        break;
    case 10:
        if (w.taken) {
            virtqueue_untake(&w.queue);
            w.last_available--, w.taken = false;
        }
        break;
    default:
        if (what & 0x80)
            start(in);
        else
            take_chain();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    make_world();
    start(&in);
    for (unsigned i = 0; i < STEPS && in.left; i++) {
        step(&in);
        check(same(w.expected) && same(w.told));
        check(w.queue.last_available == w.last_available && w.queue.used == w.used && w.queue.faulty == w.faulty);
    }
    return 0;
}
