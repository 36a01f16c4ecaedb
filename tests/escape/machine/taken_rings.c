/* SPDX-License-Identifier: Apache-2.0 */
/* What a taken-over machine process asks the I/O process for. Needs two disks: the first to be written, the second not.
 */
#include "taken.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS  20000
#define KICKS   200000
#define SECONDS 10

int __real_io_pieces(const struct io_port *p, const struct ring_request *q, bool into, struct iovec out[RING_SEGMENTS],
                     uint64_t *bytes);
int __wrap_io_pieces(const struct io_port *p, const struct ring_request *q, bool into, struct iovec out[RING_SEGMENTS],
                     uint64_t *bytes);

/* ---- an I/O process that believes all ---- */

bool taken_credulous(void)
{
    return getenv("CREDULOUS") != NULL;
}

int taken_fork_credulous(struct vmm *v, int (*parts)(struct vmm *v))
{
    uint64_t bytes[IO_PORTS];

    for (unsigned i = 0; i < v->n_ports; i++) {
        bytes[i] = v->ports[i].io.bytes;
        if (bytes[i])
            v->ports[i].io.bytes = INT64_MAX;
    }
    const int r = parts(v);
    for (unsigned i = 0; i < v->n_ports; i++)
        v->ports[i].io.bytes = bytes[i];
    return r;
}

int __wrap_io_pieces(const struct io_port *p, const struct ring_request *q, bool into, struct iovec out[RING_SEGMENTS],
                     uint64_t *bytes)
{
    if (!taken_credulous())
        return __real_io_pieces(p, q, into, out, bytes);
    *bytes = 0;
    for (unsigned i = 0; i < q->n_segments; i++) {
        uint8_t *host = q->segments[i].region == RING_OWN ? p->own : p->memory->regions[0].host; /* a drive's: none */
        out[i] = (struct iovec){host + q->segments[i].offset, q->segments[i].length};
        *bytes += q->segments[i].length;
    }
    return q->n_segments;
}

/* ---- asking ---- */

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec;
}

static void kick(struct vmm_port *p)
{
    p->backend.kick(&p->backend);
}

/* False: the I/O process has ended, or says nothing. */
static bool wait_for(struct vmm *v, struct vmm_port *p, struct ring_answer *a)
{
    const uint64_t end = now() + SECONDS;
    struct pollfd f[] = {{v->answers, POLLIN, 0}, {v->life[0], POLLIN, 0}};
    const struct timespec tenth = {0, 100000000};
    uint64_t count;

    while (now() < end) {
        if (ring_answered(&p->backend.ring, a) == 1)
            return true;
        if (ring_sleep(&p->backend.ring))
            continue;
        if (ppoll(f, 2, &tenth, NULL) > 0 && f[1].revents)
            return false;
        if (f[0].revents && read(v->answers, &count, sizeof count) < 0)
            continue;
    }
    return false;
}

bool taken_ask(struct vmm *v, struct vmm_port *p, const struct ring_request *q, int64_t *result)
{
    struct ring_answer a;
    bool sleeps = false;

    if (ring_submit(&p->backend.ring, q, &sleeps) < 0)
        return false;
    kick(p);
    if (!wait_for(v, p, &a))
        return false;
    *result = a.result;
    return true;
}

enum taken taken_alive(struct vmm *v)
{
    const struct ring_request q = {.operation = RING_READ, .n_segments = 1, .segments = {{0, 64, 0x10000}}};
    int64_t result;

    return taken_ask(v, v->random, &q, &result) && result == 64 ? HELD : NO_ANSWER;
}

enum taken taken_refused(struct vmm *v, struct vmm_port *p, const struct ring_request *q)
{
    int64_t result;

    if (!taken_ask(v, p, q, &result))
        return NO_ANSWER;
    return result >= 0 ? ESCAPED : HELD;
}

/* ---- rows ---- */

static enum taken outside(struct vmm *v)
{
    const uint64_t all = v->machine.memory.regions[0].bytes;
    struct vmm_port *ports[] = {v->disks[0], v->serial};
    const struct ring_segment segments[] = {
        {RING_OWN, 512, v->serial->io.own_bytes},
        {RING_OWN, v->serial->io.own_bytes + 1, 0},
        {0, 4096, all - 4095},
        {0, 512, all},
        {0, 512, UINT64_MAX - 511},
        {0, 512, UINT64_MAX},
        {0, 512, (uint64_t)1 << 63},
        {0, 0, 0},
        {v->machine.memory.n, 512, 0},
        {GMEM_REGIONS_MAX, 512, 0},
        {0x7fffffff, 512, 0},
        {RING_OWN - 1, 512, 0},
    };
    enum taken r = HELD;

    for (unsigned p = 0; p < 2; p++)
        for (unsigned i = 0; i < sizeof segments / sizeof segments[0] && r == HELD; i++)
            for (uint16_t operation = RING_READ; operation <= RING_WRITE && r == HELD; operation++) {
                struct ring_request q = {
                    .operation = operation, .n_segments = 2, .segments = {{0, 512, 0}, segments[i]}};
                r = taken_refused(v, ports[p], &q);
            }
    return r == HELD ? taken_alive(v) : r;
}

static enum taken too_much(struct vmm *v)
{
    struct ring_request q = {.operation = RING_WRITE, .n_segments = RING_SEGMENTS};

    for (unsigned i = 0; i < RING_SEGMENTS; i++)
        q.segments[i] = (struct ring_segment){0, 1 << 20, 0};
    const enum taken r = taken_refused(v, v->disks[0], &q);
    return r == HELD ? taken_alive(v) : r;
}

static enum taken operations(struct vmm *v)
{
    static const uint16_t odd[] = {0,   RING_CANCEL + 1, 31,     32,        33, 34, 32 + RING_WRITE, 64,
                                   256, 0x8000,          0x8001, UINT16_MAX};
    struct vmm_port *ports[] = {v->disks[0], v->serial, v->random};
    enum taken r = HELD;

    for (unsigned p = 0; p < 3; p++)
        for (unsigned i = 0; i < sizeof odd / sizeof odd[0] && r == HELD; i++) {
            const struct ring_request q = {.operation = odd[i], .offset = UINT64_MAX, .length = UINT64_MAX};
            r = taken_refused(v, ports[p], &q);
        }
    return r == HELD ? taken_alive(v) : r;
}

/* Beyond its end, and the one that is read-only. */
static enum taken disks(struct vmm *v)
{
    const uint64_t end = v->disks[0]->io.bytes;
    const struct ring_request beyond[] = {
        {.operation = RING_WRITE, .offset = end, .n_segments = 1, .segments = {{0, 512, 0}}},
        {.operation = RING_WRITE, .offset = end - 511, .n_segments = 1, .segments = {{0, 512, 0}}},
        {.operation = RING_WRITE, .offset = UINT64_MAX - 511, .n_segments = 1, .segments = {{0, 512, 0}}},
        {.operation = RING_READ, .offset = end, .n_segments = 1, .segments = {{0, 512, 0}}},
        {.operation = RING_ZERO, .offset = end - 512, .length = 513},
        {.operation = RING_ZERO, .offset = 512, .length = UINT64_MAX},
        {.operation = RING_DISCARD, .offset = UINT64_MAX, .length = 2},
    };
    const struct ring_request writes[] = {
        {.operation = RING_WRITE, .n_segments = 1, .segments = {{0, 512, 0}}},
        {.operation = RING_ZERO, .length = 512},
        {.operation = RING_DISCARD, .length = 512},
    };
    enum taken r = HELD;

    for (unsigned i = 0; i < sizeof beyond / sizeof beyond[0] && r == HELD; i++)
        r = taken_refused(v, v->disks[0], &beyond[i]);
    for (unsigned i = 0; i < sizeof writes / sizeof writes[0] && r == HELD; i++)
        r = taken_refused(v, v->disks[1], &writes[i]);
    return r == HELD ? taken_alive(v) : r;
}

/* A request that is another one as soon as it has been looked at. */
static enum taken race(struct vmm *v)
{
    struct vmm_port *p = v->disks[0];
    struct ring *ring = &p->backend.ring;
    const struct ring_request q = {.operation = RING_READ, .n_segments = 1, .segments = {{0, 512, 0}}};

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct ring_request *shared =
            (struct ring_request *)(void *)(ring->shared->answers + ring->slots) + (ring->put & (ring->slots - 1));
        struct ring_answer a;
        bool sleeps = false;
        int r = ring_submit(ring, &q, &sleeps);

        if (sleeps)
            kick(p);
        for (unsigned k = 0; r == 0 && (r = ring_answered(ring, &a)) == 0 && k < 100000; k++) {
            __atomic_store_n(&shared->segments[0].offset, k & 1 ? UINT64_MAX - 255 : 0, __ATOMIC_RELAXED);
            __atomic_store_n(&shared->segments[0].length, k & 2 ? 0x7fffffff : 512, __ATOMIC_RELAXED);
            __atomic_store_n(&shared->segments[0].region, k & 4 ? 0x7fffffff : 0, __ATOMIC_RELAXED);
        }
        if (r == 0 && wait_for(v, p, &a))
            r = 1;
        if (r != 1)
            return NO_ANSWER;
        if (a.result != 512 && a.result != -EINVAL)
            return ESCAPED;
    }
    return taken_alive(v);
}

/* More requests than there are places: nobody asks in good faith any more, and the I/O process ends. */
static enum taken heads(struct vmm *v)
{
    struct ring_shared *shared = v->random->backend.ring.shared;
    struct ring_answer a;

    __atomic_store_n(&shared->request_head, v->random->backend.ring.put + v->random->backend.ring.slots + 1,
                     __ATOMIC_RELEASE);
    kick(v->random);
    wait_for(v, v->random, &a);
    struct pollfd f = {v->life[0], POLLIN, 0};
    const struct timespec some = {SECONDS, 0};
    return ppoll(&f, 1, &some, NULL) == 1 ? HELD : ESCAPED;
}

static enum taken kicks(struct vmm *v)
{
    const uint64_t most = UINT64_MAX - 1, one = 1;

    for (unsigned i = 0; i < v->n_servers; i++)
        if (write(v->kicks[i], &most, sizeof most) < 0)
            return NO_ANSWER;
    if (write(v->answers, &most, sizeof most) < 0 && errno != EAGAIN)
        return NO_ANSWER;
    for (unsigned i = 0; i < KICKS; i++)
        if (write(v->kicks[i % v->n_servers], &one, sizeof one) < 0 && errno != EAGAIN)
            return NO_ANSWER;
    return taken_alive(v);
}

const struct taken_row taken_rings[] = {
    {"outside", outside}, {"too-much", too_much}, {"disks", disks}, {"operations", operations},
    {"race", race},       {"heads", heads},       {"kicks", kicks}, {NULL, NULL},
};
