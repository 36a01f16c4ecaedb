/* SPDX-License-Identifier: Apache-2.0 */
/* The I/O process's side of the rings, against a machine process that asks for what it likes. */
#include "machine/channel.h"
#include "machine/io.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define RAM   0x10000u
#define SLOTS 16u
#define DISK  (64u * 512)

static struct gmem memory;
static uint8_t *ram, *rom, own[4096];
static struct ring_shared *shared;
static struct ring machine;
static struct io_port port;
static struct io_server server;
static int disk = -1, pair[2] = {-1, -1}, inside[2] = {-1, -1}, outside[2] = {-1, -1};

static void make(const struct io_ops *ops)
{
    shared = aligned_alloc(4096, (ring_bytes(SLOTS) + 4095) & ~(size_t)4095);
    memset(shared, 0, ring_bytes(SLOTS));
    ram = calloc(1, RAM);
    rom = calloc(1, 4096);
    memset(&memory, 0, sizeof memory);
    gmem_add(&memory, &(struct gmem_region){.bytes = RAM, .host = ram});
    gmem_add(&memory, &(struct gmem_region){.base = RAM, .bytes = 4096, .host = rom, .flags = GMEM_ROM});
    memset(&port, 0, sizeof port);
    assert_int_equal(io_port_init(&port, ops, shared, SLOTS, &memory), 0);
    port.own = own, port.own_bytes = sizeof own;
    port.in = port.out = -1;
    ring_init(&machine, shared, SLOTS, true);
    server = (struct io_server){.ports = {&port}, .n = 1};
    server.kicked = eventfd(0, EFD_NONBLOCK), server.answers = eventfd(0, EFD_NONBLOCK);
}

static void close_pair(int *fds)
{
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

static int unmake(void **state)
{
    (void)state;
    free(shared);
    free(ram);
    free(rom);
    free(port.reads.q);
    free(port.writes.q);
    free(port.channel);
    close(server.kicked);
    close(server.answers);
    if (disk >= 0)
        close(disk);
    disk = -1;
    close_pair(pair);
    close_pair(inside);
    close_pair(outside);
    return 0;
}

static int make_block(void **state)
{
    (void)state;
    make(&io_block);
    disk = memfd_create("disk", MFD_CLOEXEC);
    assert_int_equal(ftruncate(disk, DISK), 0);
    for (unsigned i = 0; i < DISK; i++) {
        const uint8_t byte = (uint8_t)(i / 512 + i);
        assert_int_equal(pwrite(disk, &byte, 1, i), 1);
    }
    port.in = port.out = disk;
    port.bytes = DISK;
    return 0;
}

static int make_stream(void **state)
{
    (void)state;
    make(&io_stream);
    assert_int_equal(pipe(inside), 0);
    assert_int_equal(pipe(outside), 0);
    port.in = inside[0], port.out = outside[1];
    return 0;
}

static int make_random(void **state)
{
    (void)state;
    make(&io_random);
    return 0;
}

static int make_net(void **state)
{
    (void)state;
    make(&io_net);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
    port.in = port.out = pair[0];
    return 0;
}

static void submit(const struct ring_request *q)
{
    bool kick = false;

    assert_int_equal(ring_submit(&machine, q, &kick), 0);
}

static void pass(uint64_t ready)
{
    assert_int_equal(io_server_pass(&server, ready), 0);
}

static bool answered(uint64_t id, int64_t *result)
{
    struct ring_answer a;

    if (ring_answered(&machine, &a) != 1)
        return false;
    assert_int_equal(a.id, id);
    *result = a.result;
    return true;
}

/* The answer of one request; it must come. */
static int64_t ask(const struct ring_request *q)
{
    int64_t result = INT64_MIN;

    submit(q);
    pass(3);
    assert_true(answered(q->id, &result));
    return result;
}

/* ---- what no request may reach ---- */

struct bad {
    const char *label;
    uint16_t operation, n;
    uint32_t zero;
    struct ring_segment s[3];
};

#define BLOCK(label, ...)                                                                                              \
    {                                                                                                                  \
        label, RING_READ, 1, 0,                                                                                        \
        {                                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

static void test_requests_outside_of_memory_are_refused(void **state)
{
    static const struct bad rows[] = {
        BLOCK("a region that is not there", {2, 512, 0}),
        BLOCK("another", {RING_OWN - 1, 512, 0}),
        BLOCK("over the end", {0, 512, RAM - 511}),
        BLOCK("behind the end", {0, 512, RAM}),
        BLOCK("an offset that wraps", {0, 512, UINT64_MAX - 255}),
        BLOCK("of no length", {0, 0, 0}),
        BLOCK("of a length that wraps", {0, UINT32_MAX, 512}),
        BLOCK("read-only memory", {1, 512, 0}),
        BLOCK("over the end of the ring's own pages", {RING_OWN, 512, sizeof own - 511}),
        {"the second piece", RING_READ, 2, 0, {{0, 512, 0}, {0, 512, RAM}}},
        {"a word that is to be zero", RING_READ, 1, 1, {{0, 512, 0}}},
        {"an operation that is none", 0, 1, 0, {{0, 512, 0}}},
        {"another that is none", 31, 1, 0, {{0, 512, 0}}},
        {"a large one", UINT16_MAX, 1, 0, {{0, 512, 0}}},
        {"one that a disk does not know", RING_TELL, 0, 0, {{0}}},
    };
    uint8_t before[sizeof own];

    (void)state;
    memset(ram, 0xee, RAM);
    memset(rom, 0xee, 4096);
    memset(own, 0xee, sizeof own);
    memcpy(before, own, sizeof own);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ring_request q = {
            .id = i, .operation = rows[i].operation, .n_segments = rows[i].n, .zero = rows[i].zero};
        memcpy(q.segments, rows[i].s, sizeof rows[i].s);
        const int64_t r = ask(&q);
        if (r != -EINVAL)
            fail_msg("%s: got %lld", rows[i].label, (long long)r);
    }
    assert_memory_equal(own, before, sizeof own);
    assert_int_equal(rom[0], 0xee);
    for (unsigned i = 0; i < RAM; i++)
        assert_int_equal(ram[i], 0xee);
}

static void test_a_request_of_too_many_bytes_is_refused(void **state)
{
    struct gmem_region *large = &memory.regions[0];
    struct ring_request q = {.id = 1, .operation = RING_WRITE, .n_segments = RING_SEGMENTS};

    (void)state;
    large->bytes = UINT64_C(1) << 30; /* nothing is touched */
    for (unsigned i = 0; i < RING_SEGMENTS; i++)
        q.segments[i] = (struct ring_segment){0, RING_DATA_LIMIT / RING_SEGMENTS + (i == 0), 0};
    assert_int_equal(ask(&q), -EINVAL);
}

static void test_a_machine_that_counts_wrongly_ends_the_server(void **state)
{
    (void)state;
    shared->request_head = SLOTS + 1;
    assert_int_equal(io_server_pass(&server, 0), -EPIPE);
}

/* ---- disks ---- */

static void test_disk_reads_and_writes_where_it_is_asked_to(void **state)
{
    struct ring_request q = {.id = 7, .operation = RING_READ, .offset = 1000, .n_segments = 2};
    uint8_t bytes[600];

    (void)state;
    q.segments[0] = (struct ring_segment){0, 100, 5};
    q.segments[1] = (struct ring_segment){RING_OWN, 500, 7};
    assert_int_equal(ask(&q), 600);
    assert_int_equal(pread(disk, bytes, 600, 1000), 600);
    assert_memory_equal(ram + 5, bytes, 100);
    assert_memory_equal(own + 7, bytes + 100, 500);
    memset(ram, 0x5a, 512);
    q = (struct ring_request){.id = 8, .operation = RING_WRITE, .offset = DISK - 512, .n_segments = 1};
    q.segments[0] = (struct ring_segment){0, 512, 0};
    assert_int_equal(ask(&q), 512);
    assert_int_equal(pread(disk, bytes, 512, DISK - 512), 512);
    assert_memory_equal(bytes, ram, 512);
    q = (struct ring_request){.id = 9, .operation = RING_SYNC};
    assert_int_equal(ask(&q), 0);
}

static void test_disk_does_not_grow_or_shrink(void **state)
{
    static const struct {
        uint16_t operation;
        uint64_t offset, length;
    } rows[] = {
        {RING_WRITE, DISK - 511, 0},       {RING_WRITE, DISK, 0},
        {RING_READ, DISK - 511, 0},        {RING_READ, UINT64_MAX, 0},
        {RING_WRITE, UINT64_MAX - 511, 0}, {RING_ZERO, DISK - 1, 2},
        {RING_DISCARD, 0, DISK + 1},       {RING_ZERO, UINT64_MAX, 2},
        {RING_DISCARD, 1, UINT64_MAX},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ring_request q = {.id = i, .operation = rows[i].operation, .offset = rows[i].offset};
        q.length = rows[i].length;
        q.n_segments = q.operation == RING_READ || q.operation == RING_WRITE;
        q.segments[0] = (struct ring_segment){0, 512, 0};
        if (ask(&q) != -EINVAL || lseek(disk, 0, SEEK_END) != DISK)
            fail_msg("row %u", i);
    }
}

static void test_disk_zeroes_and_discards_ranges(void **state)
{
    struct ring_request q = {.id = 1, .operation = RING_ZERO, .offset = 100, .length = 5000};
    uint8_t bytes[5002], zeroes[5000] = {0};

    (void)state;
    assert_int_equal(ask(&q), 0);
    assert_int_equal(pread(disk, bytes, sizeof bytes, 99), (ssize_t)sizeof bytes);
    assert_int_equal(bytes[0], 99);
    assert_memory_equal(bytes + 1, zeroes, 5000);
    assert_int_equal(bytes[5001], (uint8_t)(5100 / 512 + 5100));
    q.operation = RING_DISCARD, q.length = 0;
    assert_int_equal(ask(&q), 0);
}

static void test_disk_that_is_read_only_is_only_read(void **state)
{
    static const uint16_t operations[] = {RING_WRITE, RING_ZERO, RING_DISCARD};
    struct ring_request q = {.id = 1, .operation = RING_READ, .n_segments = 1, .segments = {{0, 512, 0}}};

    (void)state;
    port.read_only = true;
    assert_int_equal(ask(&q), 512);
    for (unsigned i = 0; i < 3; i++) {
        q.operation = operations[i];
        q.length = 512;
        assert_int_equal(ask(&q), -EROFS);
    }
    q = (struct ring_request){.id = 2, .operation = RING_SYNC};
    assert_int_equal(ask(&q), 0);
}

static void test_disk_whose_file_became_shorter_reads_less(void **state)
{
    struct ring_request q = {.id = 1, .operation = RING_READ, .n_segments = 1, .segments = {{0, 1024, 0}}};

    (void)state;
    assert_int_equal(ftruncate(disk, 700), 0);
    assert_int_equal(ask(&q), 700);
}

static void test_random_fills_and_is_bounded(void **state)
{
    struct ring_request q = {
        .id = 1, .operation = RING_READ, .n_segments = 2, .segments = {{0, 64, 0}, {0, 60000, 100}}};
    uint8_t zeroes[64] = {0};

    (void)state;
    assert_int_equal(ask(&q), 4096);
    assert_memory_not_equal(ram, zeroes, 64);
    assert_memory_not_equal(ram + 100, zeroes, 64);
    assert_memory_equal(ram + 100 + 4096 - 64, zeroes, 64);
}

/* ---- streams ---- */

static void test_stream_waits_for_input_and_gives_what_there_is(void **state)
{
    struct ring_request q = {.id = 5, .operation = RING_READ, .n_segments = 1, .segments = {{RING_OWN, 100, 10}}};
    int64_t result;
    bool in = false, out = false;

    (void)state;
    submit(&q);
    pass(0);
    assert_false(answered(5, &result));
    port.ops->wants(&port, &in, &out);
    assert_true(in && !out);
    assert_int_equal(write(inside[1], "typed", 5), 5);
    pass(1);
    assert_true(answered(5, &result));
    assert_int_equal(result, 5);
    assert_memory_equal(own + 10, "typed", 5);
    close(inside[1]);
    inside[1] = -1;
    submit(&q);
    pass(1);
    assert_true(answered(5, &result));
    assert_int_equal(result, 0); /* its end */
}

/* A pipe that nobody reads is never waited for in a call: this test would hang. */
static void test_stream_writes_all_as_fast_as_it_is_read(void **state)
{
    struct ring_request q = {
        .id = 6, .operation = RING_WRITE, .n_segments = 2, .segments = {{0, 40000, 1}, {0, 20000, 3}}};
    static uint8_t got[60000];
    size_t n = 0;
    int64_t result = -1;

    (void)state;
    for (unsigned i = 0; i < RAM; i++)
        ram[i] = (uint8_t)(i * 7 + i / 256);
    assert_true(fcntl(outside[0], F_SETPIPE_SZ, 4096) >= 0);
    submit(&q);
    pass(0);
    for (unsigned turns = 0; n < sizeof got && turns < 1000; turns++) {
        struct pollfd p = {outside[1], POLLOUT, 0};
        poll(&p, 1, 0);
        pass(p.revents & POLLOUT ? 2 : 0);
        p = (struct pollfd){outside[0], POLLIN, 0};
        if (poll(&p, 1, 0) == 1)
            n += (size_t)read(outside[0], got + n, sizeof got - n);
    }
    assert_int_equal(n, sizeof got);
    assert_memory_equal(got, ram + 1, 40000);
    assert_memory_equal(got + 40000, ram + 3, 20000);
    assert_true(answered(6, &result));
    assert_int_equal(result, 60000);
}

static void test_stream_that_is_cancelled_gives_its_reads_back_and_ends_its_writes(void **state)
{
    const struct ring_request read = {.id = 1, .operation = RING_READ, .n_segments = 1, .segments = {{0, 8, 0}}};
    const struct ring_request wr = {.id = 2, .operation = RING_WRITE, .n_segments = 1, .segments = {{0, 8, 0}}};
    int64_t result;

    (void)state;
    submit(&read);
    submit(&wr);
    submit(&(struct ring_request){.id = 3, .operation = RING_CANCEL});
    pass(0);
    assert_true(answered(1, &result));
    assert_int_equal(result, -ECANCELED);
    assert_false(answered(3, &result)); /* the write comes first */
    pass(2);
    assert_true(answered(2, &result));
    assert_int_equal(result, 8);
    assert_true(answered(3, &result));
    assert_int_equal(result, 0);
}

static void test_stream_that_is_cancelled_again_gives_its_reads_back_at_once(void **state)
{
    struct ring_request read = {.id = 1, .operation = RING_READ, .n_segments = 1, .segments = {{0, 8, 0}}};
    const struct ring_request wr = {.id = 2, .operation = RING_WRITE, .n_segments = 1, .segments = {{0, 8, 0}}};
    int64_t result;

    (void)state;
    submit(&wr);
    for (unsigned turn = 0; turn < 2; turn++) {
        read.id = 10 + turn;
        submit(&read);
        submit(&(struct ring_request){.id = 20 + turn, .operation = RING_CANCEL});
        pass(0);
        assert_true(answered(10 + turn, &result));
        assert_int_equal(result, -ECANCELED);
    }
    assert_true(answered(21, &result));
    assert_int_equal(result, -EALREADY);
    assert_false(answered(20, &result)); /* the write comes first */
    pass(2);
    assert_true(answered(2, &result));
    assert_true(answered(20, &result));
    assert_int_equal(result, 0);
}

static void test_stream_without_descriptors_ends_and_loses(void **state)
{
    struct ring_request q = {.id = 1, .operation = RING_READ, .n_segments = 1, .segments = {{0, 8, 0}}};

    (void)state;
    port.in = port.out = -1;
    assert_int_equal(ask(&q), 0);
    q.operation = RING_WRITE;
    assert_int_equal(ask(&q), 8);
}

/* ---- frames ---- */

static void test_net_without_headers_makes_and_drops_them(void **state)
{
    struct ring_request out = {
        .id = 1, .operation = RING_WRITE, .n_segments = 2, .segments = {{0, 20, 0}, {0, 50, 100}}};
    struct ring_request in = {
        .id = 2, .operation = RING_READ, .n_segments = 2, .segments = {{0, 5, 0}, {0, 1500, 200}}};
    uint8_t frame[100], want[58];

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        ram[i] = (uint8_t)i;
    assert_int_equal(ask(&out), 70);
    assert_int_equal(recv(pair[1], frame, sizeof frame, 0), 58);
    memcpy(want, ram + 12, 8);
    memcpy(want + 8, ram + 100, 50);
    assert_memory_equal(frame, want, 58);
    memset(ram, 0xff, 1000);
    assert_int_equal(send(pair[1], want, 58, 0), 58);
    assert_int_equal(ask(&in), 70);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(ram[i], 0);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(ram[200 + i], 0);
    assert_memory_equal(ram + 207, want, 58);
}

/* Offloads that nobody has offered: the host's kernel is not to read what a guest made up. */
static void test_net_with_headers_sends_its_own(void **state)
{
    struct ring_request q = {.id = 1, .operation = RING_WRITE, .n_segments = 2, .segments = {{0, 5, 0}, {0, 65, 5}}};
    const uint8_t zeros[12] = {0};
    uint8_t frame[100];

    (void)state;
    port.header = true;
    memset(ram, 0x44, 100);
    assert_int_equal(ask(&q), 70);
    assert_int_equal(recv(pair[1], frame, sizeof frame, 0), 70);
    assert_memory_equal(frame, zeros, 12);
    assert_memory_equal(frame + 12, ram + 12, 58);
}

/* ---- the channel ---- */

static int saved[2] = {-1, -1};

/* Standard output and error are pipes while such a test runs. */
static int make_channel(void **state)
{
    (void)state;
    make(&io_channel);
    port.channel = io_channel_new();
    assert_non_null(port.channel);
    assert_int_equal(pipe(inside), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, outside), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    port.in = inside[0];
    return 0;
}

static void swap_streams(bool away)
{
    for (int i = 0; i < 2; i++) {
        if (away) {
            saved[i] = dup(i + 1);
            dup2(i == 0 ? outside[1] : pair[1], i + 1);
        } else {
            dup2(saved[i], i + 1);
            close(saved[i]);
        }
    }
}

static void frame(uint32_t *at, enum channel_type type, const void *bytes, uint32_t n)
{
    channel_header(own + *at, type, n);
    memcpy(own + *at + CHANNEL_HEADER, bytes, n);
    *at += CHANNEL_HEADER + n;
}

/* What the guest sends, in requests of `step` bytes. */
static void send_frames(uint32_t n, uint32_t step)
{
    swap_streams(true);
    for (uint32_t at = 0; at < n; at += step) {
        struct ring_request q = {.id = at, .operation = RING_WRITE, .n_segments = 1};
        int64_t result = -1;
        q.segments[0] = (struct ring_segment){RING_OWN, n - at < step ? n - at : step, at};
        submit(&q);
        for (unsigned i = 0; i < 8 && !answered(at, &result); i++)
            io_server_pass(&server, 2);
    }
    swap_streams(false);
}

static void test_channel_tells_output_from_errors_and_keeps_the_exit(void **state)
{
    char text[64];
    int64_t result;

    (void)state;
    for (uint32_t step = 1; step < 64; step += 31) {
        uint32_t n = 0;
        frame(&n, CHANNEL_READY, "", 0);
        frame(&n, CHANNEL_OUTPUT, "out", 3);
        frame(&n, CHANNEL_ERROR, "err", 3);
        frame(&n, CHANNEL_OUTPUT, "put", 3);
        frame(&n, 200, "?", 1); /* of a later init */
        send_frames(n, step);
        assert_int_equal(read(outside[0], text, sizeof text), 6);
        assert_memory_equal(text, "output", 6);
        assert_int_equal(read(pair[0], text, sizeof text), 3);
        assert_memory_equal(text, "err", 3);
    }
    const struct ring_request exit = {.id = 1, .operation = RING_TELL, .offset = RING_WORD_EXIT};
    assert_int_equal(ask(&exit), -ENODATA);
    uint32_t n = 0;
    frame(&n, CHANNEL_EXIT, "\x2a", 1);
    frame(&n, CHANNEL_EXIT, "\x00", 1); /* the first one holds */
    send_frames(n, n);
    assert_int_equal(ask(&exit), 42);
    (void)result;
}

static void test_channel_gives_input_under_credit_and_words_first(void **state)
{
    const struct ring_request more = {.id = 9, .operation = RING_READ, .n_segments = 1, .segments = {{0, 6, 0}}};
    const uint32_t credit = 3;
    uint32_t n = 0, ready = 0;
    int64_t result;

    (void)state;
    assert_int_equal(write(inside[1], "abcdef", 6), 6);
    submit(&more);
    pass(1);
    assert_false(answered(9, &result)); /* no credit yet */
    const struct ring_request word = {.id = 8, .operation = RING_TELL, .offset = RING_WORD_SIGNAL, .length = 15};
    assert_int_equal(ring_submit(&machine, &word, &(bool){false}), 0);
    pass(0);
    assert_true(answered(8, &result));
    assert_int_equal(result, 0);
    assert_false(answered(9, &result)); /* a signal waits for who hears it */
    frame(&ready, CHANNEL_READY, "", 0);
    send_frames(ready, ready);
    assert_true(answered(9, &result));
    assert_int_equal(result, 5);
    assert_memory_equal(ram, "\x02\0\x01\0\x0f", 5);
    frame(&n, CHANNEL_CREDIT, &credit, 4);
    send_frames(n, n);
    submit(&more);
    pass(1);
    assert_true(answered(9, &result));
    assert_memory_equal(ram, "\x01\0\x03\0ab", 6);
    submit(&more);
    pass(1);
    assert_true(answered(9, &result));
    assert_int_equal(result, 1);
    assert_int_equal(ram[0], 'c');
    submit(&more);
    pass(1);
    assert_false(answered(9, &result)); /* the credit is used up */
}

static void test_channel_of_a_resumed_machine_listens_from_the_marker_on(void **state)
{
    const struct ring_request more = {.id = 9, .operation = RING_READ, .n_segments = 1, .segments = {{0, 6, 0}}};
    char text[64];
    int64_t result;
    uint32_t n = 0;

    (void)state;
    assert_int_equal(io_channel_resume(port.channel, false), 0);
    memset(ram, 0xff, 6);
    submit(&more);
    pass(0);
    assert_true(answered(9, &result)); /* whether or not anybody is heard */
    assert_int_equal(result, 6);
    assert_memory_equal(ram, "\0\0\0\0\0\0", 6);
    frame(&n, CHANNEL_OUTPUT, "half", 4); /* of the other listener's */
    memcpy(own + n, CHANNEL_MARKER, CHANNEL_MARKER_BYTES);
    n += CHANNEL_MARKER_BYTES;
    frame(&n, CHANNEL_OUTPUT, "mine", 4);
    send_frames(n, 7);
    assert_int_equal(read(outside[0], text, sizeof text), 4);
    assert_memory_equal(text, "mine", 4);
}

/* Its init begins as any, and is told the time when it is heard. */
static void test_channel_of_a_machine_that_was_saved_before_its_init_began_listens_at_once(void **state)
{
    const struct ring_request more = {.id = 9, .operation = RING_READ, .n_segments = 1, .segments = {{0, 4, 0}}};
    char text[64];
    int64_t result;
    uint32_t n = 0;

    (void)state;
    assert_int_equal(io_channel_resume(port.channel, true), 0);
    submit(&more);
    pass(0);
    assert_false(answered(9, &result));
    frame(&n, CHANNEL_OUTPUT, "early", 5);
    frame(&n, CHANNEL_READY, "", 0);
    send_frames(n, n);
    assert_true(answered(9, &result));
    assert_int_equal(ram[0], CHANNEL_FRESH);
    assert_int_equal(ram[2], sizeof(struct channel_resumed));
    assert_int_equal(read(outside[0], text, sizeof text), 5);
    assert_memory_equal(text, "early", 5);
}

static void test_channel_that_speaks_no_frames_is_closed(void **state)
{
    char text[64];
    uint32_t n = 0;

    (void)state;
    memcpy(own, "\x10\x01\xff\xff", 4);
    n = 4;
    frame(&n, CHANNEL_OUTPUT, "out", 3);
    frame(&n, CHANNEL_EXIT, "\0", 1);
    send_frames(n, n);
    assert_int_equal(read(outside[0], text, sizeof text), -1);
    const struct ring_request exit = {.id = 1, .operation = RING_TELL, .offset = RING_WORD_EXIT};
    assert_int_equal(ask(&exit), -ENODATA);
}

/* ---- the loop ---- */

static void *serve(void *unused)
{
    io_serve(&server);
    return unused;
}

static void test_server_sleeps_until_it_is_kicked(void **state)
{
    struct ring_request q = {.id = 1, .operation = RING_READ, .n_segments = 1, .segments = {{0, 512, 0}}};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
    for (unsigned i = 0; i < 200; i++) {
        const uint64_t one = 1;
        struct pollfd p = {server.answers, POLLIN, 0};
        bool kick = false;
        int64_t result = 0;
        uint64_t count;

        q.id = i;
        assert_int_equal(ring_submit(&machine, &q, &kick), 0);
        if (kick)
            assert_int_equal(write(server.kicked, &one, sizeof one), 8);
        while (!ring_sleep(&machine) && poll(&p, 1, 20000) == 1 && read(server.answers, &count, 8) == 8)
            ;
        assert_true(answered(i, &result));
        assert_int_equal(result, 512);
    }
    shared->request_head += SLOTS + 1; /* ends it */
    assert_int_equal(write(server.kicked, &(uint64_t){1}, 8), 8);
    pthread_join(thread, NULL);
}

int main(void)
{
#define T(kind, name) cmocka_unit_test_setup_teardown(name, make_##kind, unmake)
    const struct CMUnitTest tests[] = {
        T(block, test_requests_outside_of_memory_are_refused),
        T(block, test_a_request_of_too_many_bytes_is_refused),
        T(block, test_a_machine_that_counts_wrongly_ends_the_server),
        T(block, test_disk_reads_and_writes_where_it_is_asked_to),
        T(block, test_disk_does_not_grow_or_shrink),
        T(block, test_disk_zeroes_and_discards_ranges),
        T(block, test_disk_that_is_read_only_is_only_read),
        T(block, test_disk_whose_file_became_shorter_reads_less),
        T(random, test_random_fills_and_is_bounded),
        T(stream, test_stream_waits_for_input_and_gives_what_there_is),
        T(stream, test_stream_writes_all_as_fast_as_it_is_read),
        T(stream, test_stream_that_is_cancelled_gives_its_reads_back_and_ends_its_writes),
        T(stream, test_stream_that_is_cancelled_again_gives_its_reads_back_at_once),
        T(stream, test_stream_without_descriptors_ends_and_loses),
        T(net, test_net_without_headers_makes_and_drops_them),
        T(net, test_net_with_headers_sends_its_own),
        T(channel, test_channel_tells_output_from_errors_and_keeps_the_exit),
        T(channel, test_channel_gives_input_under_credit_and_words_first),
        T(channel, test_channel_of_a_resumed_machine_listens_from_the_marker_on),
        T(channel, test_channel_of_a_machine_that_was_saved_before_its_init_began_listens_at_once),
        T(channel, test_channel_that_speaks_no_frames_is_closed),
        T(block, test_server_sleeps_until_it_is_kicked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
