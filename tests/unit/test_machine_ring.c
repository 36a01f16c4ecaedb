/* SPDX-License-Identifier: Apache-2.0 */
/* Rings between the machine process and the I/O process: order, counts, who is kicked, and a side that lies. */
#include "machine/ring.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 4u

static struct ring_shared *shared;
static struct ring machine, io;

static int make(void **state)
{
    (void)state;
    shared = aligned_alloc(64, (ring_bytes(RING_SLOTS_MAX) + 63) & ~(size_t)63);
    memset(shared, 0, ring_bytes(RING_SLOTS_MAX));
    ring_init(&machine, shared, SLOTS, true);
    ring_init(&io, shared, SLOTS, false);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    free(shared);
    return 0;
}

static struct ring_request request(uint64_t id, uint16_t segments)
{
    struct ring_request q = {.id = id, .operation = RING_READ, .n_segments = segments, .offset = id * 3};

    for (unsigned i = 0; i < segments && i < RING_SEGMENTS; i++)
        q.segments[i] = (struct ring_segment){i, (uint32_t)id, id + i};
    return q;
}

static int submit(uint64_t id, bool *kick)
{
    const struct ring_request q = request(id, (uint16_t)(id % (RING_SEGMENTS + 1)));

    return ring_submit(&machine, &q, kick);
}

static void test_ring_hands_requests_over_whole_and_in_order(void **state)
{
    struct ring_request got;
    bool kick = false;

    (void)state;
    for (uint64_t id = 0; id < 40; id++) {
        const struct ring_request want = request(id, (uint16_t)(id % (RING_SEGMENTS + 1)));
        assert_int_equal(ring_submit(&machine, &want, &kick), 0);
        memset(&got, 0xee, sizeof got);
        assert_int_equal(ring_take(&io, &got), 1);
        assert_memory_equal(&got, &want, offsetof(struct ring_request, segments) + want.n_segments * 16);
        assert_int_equal(ring_take(&io, &got), 0);
        assert_int_equal(ring_answer(&io, &(struct ring_answer){id, -5}, &kick), 0);
        struct ring_answer a;
        assert_int_equal(ring_answered(&machine, &a), 1);
        assert_int_equal(a.id, id);
        assert_int_equal(a.result, -5);
        assert_int_equal(ring_answered(&machine, &a), 0);
    }
    assert_false(kick);
}

static void test_ring_takes_answers_in_any_order_and_refuses_more_than_it_has_places(void **state)
{
    static const uint64_t order[] = {2, 0, 3, 1};
    struct ring_request q;
    struct ring_answer a;
    bool kick = false;

    (void)state;
    for (int round = 0; round < 5; round++) {
        for (uint64_t id = 0; id < SLOTS; id++)
            assert_int_equal(submit(id, &kick), 0);
        assert_int_equal(submit(9, &kick), -EAGAIN);
        for (unsigned i = 0; i < SLOTS; i++)
            assert_int_equal(ring_take(&io, &q), 1);
        for (unsigned i = 0; i < SLOTS; i++)
            assert_int_equal(ring_answer(&io, &(struct ring_answer){order[i], 1}, &kick), 0);
        assert_int_equal(ring_answer(&io, &(struct ring_answer){0, 1}, &kick), -EINVAL);
        assert_int_equal(submit(9, &kick), -EAGAIN);
        for (unsigned i = 0; i < SLOTS; i++) {
            assert_int_equal(ring_answered(&machine, &a), 1);
            assert_int_equal(a.id, order[i]);
        }
    }
}

static void test_ring_kicks_only_who_sleeps_and_once(void **state)
{
    struct ring_request q;
    bool kick = false;

    (void)state;
    submit(1, &kick);
    assert_false(kick);
    assert_true(ring_sleep(&io)); /* there is something: no sleep */
    submit(2, &kick);
    assert_false(kick);
    while (ring_take(&io, &q) > 0)
        ;
    assert_false(ring_sleep(&io));
    submit(3, &kick);
    assert_true(kick);
    kick = false;
    submit(4, &kick);
    assert_false(kick);
    assert_false(ring_sleep(&machine));
    ring_answer(&io, &(struct ring_answer){1, 0}, &kick);
    assert_true(kick);
    kick = false;
    ring_answer(&io, &(struct ring_answer){2, 0}, &kick);
    assert_false(kick);
    assert_true(ring_pending(&machine));
}

static void test_ring_refuses_too_many_segments(void **state)
{
    struct ring_request q = request(1, RING_SEGMENTS + 1), got;
    bool kick = false;

    (void)state;
    assert_int_equal(ring_submit(&machine, &q, &kick), -EINVAL);
    submit(1, &kick);
    q.n_segments = UINT16_MAX; /* what a machine process that was taken over could write */
    memcpy(shared->answers + SLOTS, &q, offsetof(struct ring_request, segments));
    assert_int_equal(ring_take(&io, &got), -EPIPE);
    assert_int_equal(ring_take(&io, &got), -EPIPE);
    assert_int_equal(ring_answer(&io, &(struct ring_answer){0, 0}, &kick), -EPIPE);
}

static void test_ring_ends_when_the_other_side_counts_wrongly(void **state)
{
    static const uint32_t machine_lies[] = {SLOTS + 1, UINT32_MAX, 0x80000000u};
    static const uint32_t io_lies[] = {2, UINT32_MAX, SLOTS};
    struct ring_request q;
    struct ring_answer a;
    bool kick = false;

    for (unsigned i = 0; i < 3; i++) {
        unmake(state);
        make(state);
        shared->request_head = machine_lies[i];
        assert_int_equal(ring_take(&io, &q), -EPIPE);
        shared->request_head = 0;
        assert_int_equal(ring_take(&io, &q), -EPIPE);
        assert_true(ring_pending(&io));
        submit(1, &kick); /* one is under way, so one answer may be there and no more */
        shared->answer_head = io_lies[i];
        assert_int_equal(ring_answered(&machine, &a), -EPIPE);
        assert_int_equal(submit(2, &kick), -EPIPE);
    }
}

/* ---- two threads ---- */

#define MESSAGES 100000u

static void *serve(void *unused)
{
    struct ring_request q;
    uint64_t sum = 0;
    bool kick = false;

    for (uint32_t n = 0; n < MESSAGES;) {
        if (ring_take(&io, &q) != 1) {
            sched_yield();
            continue;
        }
        for (unsigned i = 0; i < q.n_segments; i++)
            sum += q.segments[i].offset;
        ring_answer(&io, &(struct ring_answer){q.id, (int64_t)sum}, &kick);
        n++;
    }
    return unused;
}

static void test_ring_carries_many_between_two_threads(void **state)
{
    uint64_t want = 0, got = 0;
    bool kick = false;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
    for (uint32_t put = 0, back = 0; back < MESSAGES;) {
        struct ring_answer a;
        if (put < MESSAGES && submit(put, &kick) == 0) {
            for (unsigned i = 0; i < put % (RING_SEGMENTS + 1); i++)
                want += put + i;
            put++;
        }
        const int r = ring_answered(&machine, &a);
        assert_true(r >= 0);
        if (r == 0)
            sched_yield();
        else
            assert_int_equal(a.id, back++), got = (uint64_t)a.result;
    }
    pthread_join(thread, NULL);
    assert_true(got == want);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, unmake)
    const struct CMUnitTest tests[] = {
        T(test_ring_hands_requests_over_whole_and_in_order),
        T(test_ring_takes_answers_in_any_order_and_refuses_more_than_it_has_places),
        T(test_ring_kicks_only_who_sleeps_and_once),
        T(test_ring_refuses_too_many_segments),
        T(test_ring_ends_when_the_other_side_counts_wrongly),
        T(test_ring_carries_many_between_two_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
