/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O process's side of the rings against a machine process that may write anything into the shared pages, as
 * requests and as raw bytes, between any two passes. Whatever it asks for: no more is answered than was asked, nothing
 * but the memory that both share is touched (the sanitizer sees to that), the disk keeps its size, and a read-only one
 * its contents.
 */
#include "input.h"
#include "machine/io.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM   0x4000u
#define OWN   4096u
#define SLOTS 8u
#define DISK  (16u * 512)
#define STEPS 64

/* Small, near an end, or anything. */
static uint64_t number(struct input *in, uint64_t end)
{
    switch (take(in, 1) & 3) {
    case 0:
        return take(in, 1);
    case 1:
        return end - take(in, 1);
    case 2:
        return take(in, 2);
    default:
        return take(in, 8);
    }
}

static struct ring_request request(struct input *in)
{
    static const uint32_t regions[] = {0, 1, 2, RING_OWN, GMEM_REGIONS_MAX, 0x7fffffff};
    struct ring_request q = {.id = take(in, 1),
                             .operation = (uint16_t)(take(in, 1) % 40),
                             .n_segments = (uint16_t)(take(in, 1) % (RING_SEGMENTS + 2)),
                             .offset = number(in, DISK),
                             .length = number(in, DISK)};

    for (unsigned i = 0; i < q.n_segments && i < RING_SEGMENTS; i++)
        q.segments[i] = (struct ring_segment){regions[take(in, 1) % 6], (uint32_t)number(in, RAM), number(in, RAM)};
    return q;
}

static int file_of(size_t bytes)
{
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);

    check(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0);
    return fd;
}

/* What is made once: all inputs have the same memory and files. */
static struct world {
    struct ring_shared *shared;
    uint8_t *ram, *rom, *own;
    struct gmem memory;
    int kicked, answers, zeros, sink, disk, fixed, words;
} world;

static void make_world(void)
{
    struct world *w = &world;

    if (w->shared)
        return;
    w->shared = aligned_alloc(64, (ring_bytes(SLOTS) + 63) & ~(size_t)63);
    w->ram = malloc(RAM), w->rom = calloc(1, 4096), w->own = malloc(OWN);
    check(w->shared && w->ram && w->rom && w->own);
    gmem_add(&w->memory, &(struct gmem_region){.bytes = RAM, .host = w->ram});
    gmem_add(&w->memory, &(struct gmem_region){.base = RAM, .bytes = 4096, .host = w->rom, .flags = GMEM_ROM});
    w->kicked = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), w->answers = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    w->zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    w->sink = file_of(0), w->disk = file_of(DISK), w->fixed = file_of(DISK), w->words = file_of(DISK);
    check(w->kicked >= 0 && w->answers >= 0 && w->zeros >= 0);
}

static void put(struct ring_shared *shared, struct ring *machine, const struct ring_request *q)
{
    struct ring_request *to = (struct ring_request *)(void *)(shared->answers + SLOTS) + (machine->put & (SLOTS - 1));

    memcpy(to, q, sizeof *q);
    machine->put++, machine->in_flight++;
    __atomic_store_n(&shared->request_head, machine->put, __ATOMIC_RELEASE);
}

/* One step of the attacker, then one of the I/O process. False: that has had enough. */
static bool step(struct input *in, struct ring_shared *shared, struct ring *machine, struct io_server *s)
{
    const uint8_t what = (uint8_t)take(in, 1);
    const bool channel = s->ports[0]->ops == &io_channel;
    struct ring_answer a;

    if ((what & 7) == 7) { /* anything, anywhere */
        const uint64_t at = take(in, 2) % (ring_bytes(SLOTS) - 8), word = take(in, 8);
        memcpy((uint8_t *)shared + at, &word, 8);
    } else if (machine->in_flight < SLOTS) {
        const struct ring_request q = request(in);
        put(shared, machine, &q);
    }
    /* The channel's output is the fuzzer's own: it is never ready. */
    const int r = io_server_pass(s, take(in, 1) & (channel ? 1 : 3));
    check(s->ports[0]->ring.in_flight <= SLOTS);
    while (ring_answered(machine, &a) == 1)
        ;
    return r == 0;
}

static struct io_port *make_port(uint8_t kind)
{
    static const struct io_ops *const kinds[] = {&io_stream, &io_channel, &io_random, &io_block, &io_block, &io_net};
    const struct world *w = &world;
    const int descriptors[][2] = {{w->zeros, w->sink}, {w->zeros, -1},       {-1, -1},
                                  {w->disk, w->disk},  {w->fixed, w->fixed}, {w->words, w->sink}};
    struct io_port *p = calloc(1, sizeof *p);

    check(p && io_port_init(p, kinds[kind], w->shared, SLOTS, &w->memory) == 0);
    p->own = w->own, p->own_bytes = OWN;
    p->in = descriptors[kind][0], p->out = descriptors[kind][1];
    p->bytes = DISK, p->read_only = kind == 4;
    if (p->ops == &io_channel)
        p->channel = io_channel_new();
    return p;
}

static void finish(struct io_port *p)
{
    static const uint8_t zeros[DISK];
    uint8_t bytes[DISK];

    check(lseek(world.disk, 0, SEEK_END) == DISK && lseek(world.fixed, 0, SEEK_END) == DISK);
    check(pread(world.fixed, bytes, DISK, 0) == DISK);
    check(memcmp(bytes, zeros, DISK) == 0 && memcmp(world.rom, zeros, 4096) == 0);
    check(ftruncate(world.sink, 0) == 0 && lseek(world.sink, 0, SEEK_SET) == 0 && lseek(world.words, 0, SEEK_SET) == 0);
    free(p->reads.q);
    free(p->writes.q);
    free(p->channel);
    free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct ring machine;

    make_world();
    memset(world.shared, 0, ring_bytes(SLOTS));
    struct io_port *p = make_port((uint8_t)(take(&in, 1) % 6));
    memset(world.ram, 0, RAM); /* what the guest writes: the input, again and again */
    for (size_t at = 0; in.left && at < RAM; at += in.left)
        memcpy(world.ram + at, in.at, in.left < RAM - at ? in.left : RAM - at);
    memcpy(world.own, world.ram, OWN);
    ring_init(&machine, world.shared, SLOTS, true);
    struct io_server s = {.ports = {p}, .n = 1, .kicked = world.kicked, .answers = world.answers};
    for (unsigned i = 0; i < STEPS && in.left && step(&in, world.shared, &machine, &s); i++)
        ;
    finish(p);
    return 0;
}
