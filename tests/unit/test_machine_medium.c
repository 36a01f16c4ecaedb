/* SPDX-License-Identifier: Apache-2.0 */
/* A disk as a controller has it, over a back end that answers what the test says. */
#include "machine/dev/medium.h"

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

#define SLOTS   8u
#define SECTORS 2880u
#define BYTES   (SECTORS * UINT64_C(512))

static struct medium medium;
static struct backend backend;
static struct ring other; /* the I/O process's side */
static struct ring_shared *shared;
static uint8_t own[MEDIUM_BUFFER];
static unsigned kicks, dones, changes, waits, chain;
static int64_t last;
static bool gone;           /* the back end, while somebody waits */
static int64_t waited_with; /* what is answered to who waits */

static void done(void *owner, int64_t result)
{
    assert_ptr_equal(owner, &medium);
    assert_false(medium.busy);
    dones++, last = result;
    if (chain && chain--)
        assert_int_equal(medium_read(&medium, 0, 512), 0);
}

static void changed(void *owner)
{
    assert_ptr_equal(owner, &medium);
    changes++;
}

static void kick(struct backend *b)
{
    assert_ptr_equal(b, &backend);
    kicks++;
}

/* ---- the I/O process ---- */

static bool taken(struct ring_request *q)
{
    return ring_take(&other, q) == 1;
}

static void answer(uint64_t id, int64_t result)
{
    assert_int_equal(ring_answer(&other, &(struct ring_answer){id, result}, &(bool){false}), 0);
}

/* The next request that is one for bytes; others stay unanswered. */
static struct ring_request next(void)
{
    struct ring_request q;

    do
        assert_true(taken(&q));
    while (q.operation == RING_TELL);
    return q;
}

static bool wait_for(struct backend *b)
{
    struct ring_request q;

    (void)b;
    waits++;
    if (gone)
        return false;
    while (taken(&q))
        if (q.operation != RING_TELL)
            answer(q.id, waited_with == 1 ? (int64_t)q.segments[0].length : waited_with);
    return true;
}

static void make(bool removable, bool present, bool read_only)
{
    shared = aligned_alloc(4096, (ring_bytes(SLOTS) + 4095) & ~(size_t)4095);
    memset(shared, 0, ring_bytes(SLOTS));
    backend = (struct backend){.own = own, .own_bytes = sizeof own, .kick = kick, .wait = wait_for};
    ring_init(&backend.ring, shared, SLOTS, true);
    ring_init(&other, shared, SLOTS, false);
    kicks = dones = changes = waits = chain = 0;
    last = INT64_MIN, gone = false, waited_with = 1;
    medium_init(&medium, &backend, removable, present, BYTES, read_only);
    medium_connect(&medium, done, changed, &medium);
}

static int make_drive(void **state)
{
    (void)state;
    make(true, true, false);
    return 0;
}

static int make_disk(void **state)
{
    (void)state;
    make(false, true, false);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    free(shared);
    return 0;
}

static int64_t word(uint32_t generation, uint64_t flags, uint32_t sectors)
{
    return (int64_t)((uint64_t)generation << RING_MEDIUM_GENERATION_AT | flags | sectors);
}

/* ---- requests ---- */

static void test_medium_asks_for_the_rings_own_pages_and_tells_from_poll(void **state)
{
    struct ring_request q;

    (void)state;
    assert_ptr_equal(medium.buffer, own);
    assert_int_equal(medium_read(&medium, 1024, 18 * 512), 0);
    assert_true(medium.busy);
    q = next();
    assert_int_equal(q.operation, RING_READ);
    assert_int_equal(q.offset, 1024);
    assert_int_equal(q.length, 0); /* the generation */
    assert_int_equal(q.n_segments, 1);
    assert_int_equal(q.segments[0].region, RING_OWN);
    assert_int_equal(q.segments[0].offset, 0);
    assert_int_equal(q.segments[0].length, 18 * 512);
    answer(q.id, 18 * 512);
    assert_int_equal(dones, 0);
    medium_poll(&medium);
    assert_int_equal(dones, 1);
    assert_int_equal(last, 18 * 512);
    assert_false(medium.busy);
    medium_poll(&medium);
    assert_int_equal(dones, 1);
}

static void test_medium_wakes_who_sleeps(void **state)
{
    (void)state;
    assert_int_equal(medium_sync(&medium), 0);
    assert_int_equal(kicks, 0);
    struct ring_request q = next();
    answer(q.id, 0);
    medium_poll(&medium);
    assert_int_equal(last, 0);
    while (taken(&q))
        ;
    assert_false(ring_sleep(&other));
    assert_int_equal(medium_write(&medium, 0, 512), 0);
    assert_int_equal(kicks, 1);
}

static void test_medium_refuses_what_cannot_be(void **state)
{
    static const struct {
        const char *label;
        uint64_t offset;
        uint32_t n;
        int want;
    } rows[] = {
        {"no bytes", 0, 0, -EINVAL},
        {"too many", 0, MEDIUM_BUFFER + 1, -EINVAL},
        {"beyond the end", BYTES, 512, -EINVAL},
        {"over the end", BYTES - 511, 512, -EINVAL},
        {"a sum that wraps", UINT64_MAX - 511, 512, -EINVAL},
        {"all that there can be", BYTES - MEDIUM_BUFFER, MEDIUM_BUFFER, 0},
        {"another one meanwhile", 0, 512, -EBUSY},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const int r = medium_read(&medium, rows[i].offset, rows[i].n);
        if (r != rows[i].want || medium.busy != (rows[i].want != -EINVAL))
            fail_msg("%s: got %d", rows[i].label, r);
    }
    assert_int_equal(medium_sync(&medium), -EBUSY);
}

static void test_medium_that_is_not_there_or_read_only_refuses(void **state)
{
    struct ring_request q;

    (void)state;
    medium.read_only = true;
    assert_int_equal(medium_write(&medium, 0, 512), -EROFS);
    medium.present = false;
    assert_int_equal(medium_read(&medium, 0, 512), -ENOMEDIUM);
    assert_int_equal(medium_sync(&medium), -ENOMEDIUM);
    assert_false(taken(&q));
    medium_init(&medium, NULL, false, true, BYTES, false);
    assert_int_equal(medium_read(&medium, 0, 512), -ENOMEDIUM);
    assert_false(medium.present);
    medium_poll(&medium);
    medium_eject(&medium);
    medium_retry(&medium);
    assert_int_equal(medium_pause(&medium), 0);
}

/* ---- what comes back ---- */

struct lie {
    const char *label;
    enum ring_operation operation;
    int64_t result, drive, disk; /* what is told, of a drive and of a fixed disk */
};

static void check_lies(bool removable)
{
    static const struct lie rows[] = {
        {"all of it", RING_READ, 1024, 1024, 1024},
        {"more than was asked for", RING_READ, 1025, -EIO, -EIO},
        {"much more", RING_READ, INT64_MAX, -EIO, -EIO},
        {"less: the file was cut", RING_READ, 512, -EIO, -EIO},
        {"nothing", RING_READ, 0, -EIO, -EIO},
        {"the least number", RING_READ, INT64_MIN, -EIO, -EIO},
        {"no errno", RING_READ, -4096, -EIO, -EIO},
        {"another error", RING_READ, -EACCES, -EIO, -EIO},
        {"no medium", RING_READ, -ENOMEDIUM, -ENOMEDIUM, -EIO},
        {"a read that cannot be written", RING_READ, -EROFS, -EIO, -EIO},
        {"a read without room", RING_READ, -ENOSPC, -EIO, -EIO},
        {"all written", RING_WRITE, 1024, 1024, 1024},
        {"less written", RING_WRITE, 1023, -EIO, -EIO},
        {"a write that cannot be", RING_WRITE, -EROFS, -EROFS, -EROFS},
        {"a write to no medium", RING_WRITE, -ENOMEDIUM, -ENOMEDIUM, -EIO},
        {"synced", RING_SYNC, 0, 0, 0},
        {"bytes of a sync", RING_SYNC, 1024, -EIO, -EIO},
        {"a sync without room", RING_SYNC, -ENOSPC, -EIO, -EIO},
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct lie *l = &rows[i];
        const int r = l->operation == RING_READ    ? medium_read(&medium, 512, 1024)
                      : l->operation == RING_WRITE ? medium_write(&medium, 512, 1024)
                                                   : medium_sync(&medium);
        const unsigned before = dones;
        assert_int_equal(r, 0);
        const struct ring_request q = next();
        assert_int_equal(q.operation, l->operation);
        answer(q.id, l->result);
        medium_poll(&medium);
        if (dones != before + 1 || last != (removable ? l->drive : l->disk) || medium_stalled(&medium))
            fail_msg("%s: got %lld", l->label, (long long)last);
    }
}

static void test_drive_tells_nothing_that_was_not_asked_for(void **state)
{
    (void)state;
    check_lies(true);
}

static void test_disk_tells_nothing_that_was_not_asked_for(void **state)
{
    (void)state;
    check_lies(false);
}

static void test_medium_does_not_hear_answers_to_nothing(void **state)
{
    (void)state;
    assert_int_equal(medium_read(&medium, 0, 512), 0);
    const struct ring_request q = next();
    answer(q.id + 1000, 512);
    medium_poll(&medium);
    assert_int_equal(dones, 0);
    assert_true(medium.busy);
}

static void test_medium_whose_ring_lies_fails_and_asks_no_more(void **state)
{
    (void)state;
    assert_int_equal(medium_read(&medium, 0, 512), 0);
    shared->answer_head = SLOTS + 1;
    medium_poll(&medium);
    assert_int_equal(dones, 1);
    assert_int_equal(last, -EIO);
    assert_int_equal(medium_read(&medium, 0, 512), -EIO);
    assert_int_equal(medium_pause(&medium), -EPIPE);
    const uint32_t before = shared->request_head;
    medium_eject(&medium);
    medium_poll(&medium);
    assert_int_equal(shared->request_head, before);
}

/* One poll does not go on for as long as requests that done() begins are answered at once. */
static void test_medium_gives_the_guest_its_turn(void **state)
{
    struct ring_request q;
    unsigned polls = 0;

    (void)state;
    chain = 100;
    assert_int_equal(medium_read(&medium, 0, 512), 0);
    for (; dones < 101 && polls < 1000; polls++) {
        q = next();
        answer(q.id, 512);
        medium_poll(&medium);
    }
    assert_int_equal(dones, 101);
    assert_int_equal(polls, 101);
}

/* ---- no room ---- */

static void test_write_without_room_waits_and_loses_nothing(void **state)
{
    static const int64_t errors[] = {-ENOSPC, -EDQUOT, -ENOSPC};
    struct ring_request q, again;

    (void)state;
    assert_int_equal(medium_write(&medium, 4096, 2048), 0);
    q = next();
    for (unsigned i = 0; i < 3; i++) {
        answer(q.id, errors[i]);
        medium_poll(&medium);
        assert_true(medium_stalled(&medium) && medium.busy);
        assert_int_equal(dones, 0);
        medium_poll(&medium);
        while (taken(&again))
            assert_int_equal(again.operation, RING_TELL); /* nobody tries before it is time */
        assert_int_equal(medium_pause(&medium), -ENOSPC);
        assert_int_equal(medium_write(&medium, 0, 512), -EBUSY);
        if (i == 0)
            answer(q.id, 2048); /* in the place of the watch's: nobody waits for it now */
        medium_poll(&medium);
        assert_true(medium_stalled(&medium));
        medium_retry(&medium);
        assert_true(medium_stalled(&medium)); /* until it has succeeded */
        again = next();
        assert_int_equal(again.operation, RING_WRITE);
        assert_int_equal(again.offset, 4096);
        assert_int_equal(again.segments[0].length, 2048);
        medium_retry(&medium); /* is one already */
        assert_false(taken(&q));
        q = again;
    }
    answer(q.id, 2048);
    medium_poll(&medium);
    assert_false(medium_stalled(&medium) || medium.busy);
    assert_int_equal(dones, 1);
    assert_int_equal(last, 2048);
}

static void test_write_that_waits_for_room_ends_when_its_medium_is_gone(void **state)
{
    (void)state;
    assert_int_equal(medium_write(&medium, 0, 512), 0);
    answer(next().id, -ENOSPC);
    medium_poll(&medium);
    medium_retry(&medium);
    answer(next().id, -ENOMEDIUM);
    medium_poll(&medium);
    assert_int_equal(last, -ENOMEDIUM);
    assert_false(medium_stalled(&medium));
}

/* ---- media ---- */

static struct ring_request watch(void)
{
    struct ring_request q;

    medium_poll(&medium);
    assert_true(taken(&q));
    assert_int_equal(q.operation, RING_TELL);
    assert_int_equal(q.offset, RING_WORD_MEDIUM);
    assert_int_equal(q.n_segments, 0);
    return q;
}

static void test_drive_watches_for_another_medium(void **state)
{
    struct ring_request q = watch();

    (void)state;
    assert_int_equal(q.length, 0);
    answer(q.id, word(7, RING_MEDIUM_PRESENT | RING_MEDIUM_READ_ONLY, 1440));
    q = watch();
    assert_int_equal(changes, 1);
    assert_int_equal(q.length, 7);
    assert_true(medium.present && medium.read_only);
    assert_int_equal(medium.bytes, 1440 * 512);
    assert_int_equal(medium.generation, 7);
    assert_int_equal(medium_read(&medium, 0, 512), 0);
    assert_int_equal(next().length, 7);
    answer(q.id, word(8, RING_MEDIUM_READ_ONLY, 1440)); /* out: nothing holds but that */
    medium_poll(&medium);
    assert_int_equal(changes, 2);
    assert_false(medium.present || medium.read_only);
    assert_int_equal(medium.bytes, 0);
}

static void test_drive_that_is_told_nonsense_asks_no_more(void **state)
{
    static const int64_t words[] = {-EINVAL, INT64_MIN, INT64_C(0x100000000) /* the one that is in */};

    for (unsigned i = 0; i < 3; i++) {
        struct ring_request q = watch();
        answer(q.id, words[i]);
        medium_poll(&medium);
        medium_poll(&medium);
        assert_int_equal(changes, 0);
        assert_false(taken(&q));
        assert_true(medium.present);
        assert_int_equal(medium.bytes, BYTES);
        unmake(state);
        make_drive(state);
    }
}

static void test_disk_that_is_fixed_watches_for_nothing(void **state)
{
    struct ring_request q;

    (void)state;
    medium_poll(&medium);
    medium_eject(&medium);
    assert_false(taken(&q));
    assert_int_equal(medium_read(&medium, 0, 512), 0);
    assert_int_equal(next().length, 0);
}

static void test_drive_is_opened_by_the_guest_once(void **state)
{
    struct ring_request q = watch(), eject;

    (void)state;
    answer(q.id, word(3, RING_MEDIUM_PRESENT, 2880));
    q = watch();
    medium_eject(&medium);
    assert_true(taken(&eject));
    assert_int_equal(eject.operation, RING_TELL);
    assert_int_equal(eject.offset, RING_WORD_EJECT);
    assert_int_equal(eject.length, 3);
    answer(eject.id, 0);
    medium_poll(&medium);
    assert_true(medium.present); /* the watch says when */
    answer(q.id, word(4, 0, 0));
    medium_poll(&medium);
    assert_int_equal(changes, 2);
    assert_false(medium.present);
    while (taken(&q))
        ;
    medium_eject(&medium);
    assert_false(taken(&eject));
}

/* ---- before a snapshot ---- */

static void test_pause_waits_for_what_is_under_way_and_what_it_begins(void **state)
{
    (void)state;
    chain = 3;
    assert_int_equal(medium_read(&medium, 0, 512), 0);
    assert_int_equal(medium_pause(&medium), 0);
    assert_int_equal(dones, 4);
    assert_false(medium.busy);
    assert_in_range(waits, 1, 4);
    waits = 0;
    assert_int_equal(medium_pause(&medium), 0);
    assert_int_equal(waits, 0);
}

static void test_pause_fails_when_it_would_wait_for_ever(void **state)
{
    (void)state;
    assert_int_equal(medium_write(&medium, 0, 512), 0);
    gone = true;
    assert_int_equal(medium_pause(&medium), -EPIPE);
    gone = false, waited_with = -ENOSPC;
    assert_int_equal(medium_pause(&medium), -ENOSPC);
    assert_int_equal(dones, 0);
}

int main(void)
{
#define T(kind, name) cmocka_unit_test_setup_teardown(name, make_##kind, unmake)
    const struct CMUnitTest tests[] = {
        T(drive, test_medium_asks_for_the_rings_own_pages_and_tells_from_poll),
        T(drive, test_medium_wakes_who_sleeps),
        T(drive, test_medium_refuses_what_cannot_be),
        T(drive, test_medium_that_is_not_there_or_read_only_refuses),
        T(drive, test_drive_tells_nothing_that_was_not_asked_for),
        T(disk, test_disk_tells_nothing_that_was_not_asked_for),
        T(drive, test_medium_does_not_hear_answers_to_nothing),
        T(drive, test_medium_whose_ring_lies_fails_and_asks_no_more),
        T(drive, test_medium_gives_the_guest_its_turn),
        T(drive, test_write_without_room_waits_and_loses_nothing),
        T(drive, test_write_that_waits_for_room_ends_when_its_medium_is_gone),
        T(drive, test_drive_watches_for_another_medium),
        T(drive, test_drive_that_is_told_nonsense_asks_no_more),
        T(disk, test_disk_that_is_fixed_watches_for_nothing),
        T(drive, test_drive_is_opened_by_the_guest_once),
        T(drive, test_pause_waits_for_what_is_under_way_and_what_it_begins),
        T(drive, test_pause_fails_when_it_would_wait_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
