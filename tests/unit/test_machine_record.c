/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine as a whole: how it ends, when it waits, its clock in guest memory, and its state as records and back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit/machine_fixture.h"

#define MIB UINT64_C(1048576)

static int make(void **state)
{
    *state = fixture_make(MACHINE_KUT, 16 * MIB, "moat64");
    return 0;
}
static int drop(void **state)
{
    fixture_free(*state);
    return 0;
}

/* ---- Running ----------------------------------------------------------------------------------------------------- */

static void test_machine_triple_fault_and_failure_are_ends(void **state)
{
    struct fixture *f = *state;
    f->exit = VCPU_EXIT_SHUTDOWN;
    assert_int_equal(machine_run(&f->machine), MACHINE_TRIPLE_FAULT);
    f->machine.end = MACHINE_RUNS;
    f->exit = VCPU_EXIT_FAILED;
    assert_int_equal(machine_run(&f->machine), MACHINE_FAILED);
}

static void test_machine_halted_waits_for_the_next_timer(void **state)
{
    struct fixture *f = *state;
    fixture_bus()->write(&f->machine, LAPIC_BASE + 0xf0, 4, 0x1ff);
    fixture_bus()->write(&f->machine, LAPIC_BASE + 0x320, 4, 0x40045);
    assert_true(fixture_bus()->msr_write(&f->machine, 0x6e0, 123456));
    f->exit = VCPU_EXIT_HALT;
    assert_int_equal(machine_run(&f->machine), MACHINE_FAILED); /* the fixture ends a wait without an end */
    assert_int_equal(f->counter, 123457);
    assert_int_equal(f->waited, NEVER);
    assert_true(f->intr);
}

static void test_machine_stop_comes_back_and_it_goes_on(void **state)
{
    struct fixture *f = *state;
    f->exit = VCPU_EXIT_BUDGET;
    machine_stop(&f->machine);
    assert_int_equal(f->kicks, 1);
    assert_int_equal(machine_run(&f->machine), MACHINE_RUNS);
    f->exit = VCPU_EXIT_SHUTDOWN;
    assert_int_equal(machine_run(&f->machine), MACHINE_TRIPLE_FAULT);
}

static void test_machine_timer_set_early_ends_the_slice(void **state)
{
    struct fixture *f = *state;
    f->exit = VCPU_EXIT_SHUTDOWN;
    machine_run(&f->machine); /* a slice as long as they are */
    f->kicks = 0;
    timer_set(&f->machine.lapic_timer, f->machine.slice_until + 1);
    assert_int_equal(f->kicks, 0);
    timer_set(&f->machine.lapic_timer, f->machine.slice_until - 1);
    assert_int_equal(f->kicks, 1);
}

/* ---- kvmclock ---------------------------------------------------------------------------------------------------- */

static void test_kvmclock_records_say_what_the_counter_means(void **state)
{
    struct fixture *f = *state;
    uint32_t version, multiplier, seconds;
    uint64_t timestamp, at;
    int8_t shift;
    f->counter = 5 * SECOND_NS;
    assert_true(fixture_bus()->msr_write(&f->machine, 0x3b, 777));
    assert_true(fixture_bus()->msr_write(&f->machine, 0x4b564d01, 0x5000 | 1));
    assert_true(fixture_bus()->msr_read(&f->machine, 0x4b564d01, &at));
    assert_int_equal(at, 0x5001);
    gmem_read32(&f->machine.memory, 0x5000, &version);
    gmem_read64(&f->machine.memory, 0x5008, &timestamp);
    gmem_read32(&f->machine.memory, 0x5018, &multiplier);
    gmem_read(&f->machine.memory, 0x501c, &shift, 1);
    assert_int_equal(version, 2);
    assert_int_equal(timestamp, 777);
    uint64_t delta = f->counter + 777 - timestamp;
    delta = shift < 0 ? delta >> -shift : delta << shift;
    assert_in_range((uint64_t)((unsigned __int128)delta * multiplier >> 32), f->counter - 2, f->counter + 2);
    assert_true(fixture_bus()->msr_write(&f->machine, 0x4b564d00, 0x6000));
    gmem_read32(&f->machine.memory, 0x6004, &seconds);
    assert_int_equal(seconds, 1000000000);
    assert_true(fixture_bus()->msr_write(&f->machine, 0x4b564d01, UINT64_MAX)); /* nowhere: nothing happens */
}

/* ---- Records ----------------------------------------------------------------------------------------------------- */

struct record {
    char name[16];
    uint32_t number, version, n;
    uint8_t *bytes;
};
struct records {
    struct record all[40];
    unsigned n;
    int fail_at;
};

static int put(void *owner, const char *name, uint32_t number, uint32_t version, const void *bytes, uint32_t n)
{
    struct records *r = owner;
    struct record *to = &r->all[r->n];
    if (r->fail_at > 0 && r->n + 1 == (unsigned)r->fail_at)
        return -ENOSPC;
    strncpy(to->name, name, sizeof(to->name) - 1);
    to->number = number;
    to->version = version;
    to->n = n;
    to->bytes = malloc(n);
    memcpy(to->bytes, bytes, n);
    r->n++;
    return 0;
}

static void free_records(struct records *r)
{
    for (unsigned i = 0; i < r->n; i++)
        free(r->all[i].bytes);
}

static void test_machine_state_goes_to_another_machine(void **state)
{
    struct fixture *f = *state;
    struct records saved = {.n = 0}, again = {.n = 0};
    const char *why;
    fixture_bus()->write(&f->machine, LAPIC_BASE + 0xf0, 4, 0x1ff);
    fixture_bus()->write(&f->machine, LAPIC_BASE + 0x350, 4, 0x10000);
    fixture_bus()->write(&f->machine, LAPIC_BASE + 0x300, 4, 0x40045);
    fixture_out(f, 0x43, 0x34);
    fixture_out(f, 0x40, 0x00);
    fixture_out(f, 0x40, 0x10);
    fixture_out(f, 0x3ff, 0x5a);
    bus_write(&f->machine.ports, 0xe0, 4, 0x12345678);
    vcpu_state_reset(&f->state);
    f->state.gpr[3] = 99;
    f->counter = 1000000;
    assert_int_equal(machine_save(&f->machine, &saved, put), 0);
    assert_string_equal(saved.all[0].name, "clock");
    assert_string_equal(saved.all[saved.n - 1].name, "cpu");

    struct fixture *g = fixture_make(MACHINE_KUT, 16 * MIB, "moat64");
    g->counter = 42;
    for (unsigned i = 0; i < saved.n; i++) {
        const struct record *r = &saved.all[i];
        assert_int_equal(machine_load(&g->machine, r->name, r->number, r->version, r->bytes, r->n, &why), 0);
    }
    assert_int_equal(machine_loaded(&g->machine), 0);
    assert_int_equal(clock_now(&g->machine.clock), 1000000);
    assert_true(g->intr);
    assert_int_equal(fixture_bus()->acknowledge(&g->machine), 0x45);
    assert_int_equal(fixture_in(g, 0x3ff), 0x5a);
    assert_int_equal(bus_read(&g->machine.ports, 0xe0, 4), 0x12345678);
    assert_int_equal(g->state.gpr[3], 99);
    assert_int_equal(g->machine.pit.timer.due, f->machine.pit.timer.due);

    clock_set_wall(&g->machine.clock, UINT64_C(1000000077) * SECOND_NS); /* the time of the day has gone on */
    fixture_out(g, 0x70, 0);
    assert_int_equal(fixture_in(g, 0x71), 0x57);
    assert_int_equal(clock_now(&g->machine.clock), 1000000);

    fixture_bus()->write(&g->machine, LAPIC_BASE + 0xb0, 4, 0);
    assert_int_equal(machine_save(&g->machine, &again, put), 0);
    assert_int_equal(again.n, saved.n);
    free_records(&saved);
    free_records(&again);
    fixture_free(g);
}

/* Nobody has seen the first rate: time goes on from where it is. */
static void test_clock_of_a_better_known_rate_goes_on_from_where_it_is(void **state)
{
    struct fixture *f = *state;
    f->counter = 5000;
    clock_set_rate(&f->machine.clock, FIXTURE_HZ * 2);
    assert_int_equal(f->machine.clock.state.hz, FIXTURE_HZ * 2);
    assert_int_equal(clock_ticks(&f->machine.clock), 5000);
    f->counter += 2000;
    assert_int_equal(clock_ticks(&f->machine.clock), 7000);
    assert_int_equal(clock_now(&f->machine.clock), 3500);
}

/* A machine that was saved where the counter ran at another rate sees it run at that one, and no other time. */
static void test_clock_of_another_host_runs_at_its_own_rate(void **state)
{
    struct fixture *f = *state;
    struct clock *c = &f->machine.clock;
    struct clock_state saved = c->state;
    const struct {
        uint64_t hz, host_ns, ticks;
    } cases[] = {
        {FIXTURE_HZ * 5 / 2, 4000000, 10000000},
        {FIXTURE_HZ / 4, 4000000, 1000000},
        {FIXTURE_HZ, 4000000, 4000000},
        {FIXTURE_HZ + FIXTURE_HZ / 10000, 4000000, 4000000},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        saved.hz = cases[i].hz, saved.ticks = 123456789012345;
        c->state = saved;
        clock_ops.loaded(c);
        const uint64_t began = clock_now(c);
        assert_int_equal(clock_ticks(c), saved.ticks);
        f->counter += cases[i].host_ns;
        assert_in_range(clock_ticks(c) - saved.ticks, cases[i].ticks - 1, cases[i].ticks);
        assert_in_range(clock_now(c) - began, cases[i].host_ns - 401, cases[i].host_ns + 1);
        clock_set_rate(c, FIXTURE_HZ); /* the host's is looked at again: the machine's own stays */
        assert_int_equal(c->state.hz, cases[i].hz);
        assert_int_equal(clock_ops.saving(c), 0);
        assert_in_range(c->state.ticks - saved.ticks, cases[i].ticks - 1, cases[i].ticks);
    }
    assert_true(clock_rates_agree(2600000000u, 2600600000u));
    assert_false(clock_rates_agree(2600000000u, 2600700000u));
    assert_false(clock_rates_agree(2600700000u, 2600000000u));
    assert_false(clock_rates_agree(UINT64_C(1000000), UINT64_C(1000000000000)));
}

static void test_machine_wants_each_record_once(void **state)
{
    struct fixture *f = *state;
    struct records saved = {.n = 0};
    const char *why = NULL;
    vcpu_state_reset(&f->state);
    assert_int_equal(machine_save(&f->machine, &saved, put), 0);
    for (unsigned missing = 0; missing < saved.n; missing++) {
        for (unsigned i = 0; i < saved.n; i++) {
            const struct record *r = &saved.all[i];
            if (i == missing)
                continue;
            assert_int_equal(machine_load(&f->machine, r->name, r->number, r->version, r->bytes, r->n, &why), 0);
            assert_int_equal(machine_load(&f->machine, r->name, r->number, r->version, r->bytes, r->n, &why), -EINVAL);
            assert_string_equal(why, "a record is there twice");
        }
        assert_int_equal(machine_loaded(&f->machine), -EINVAL);
    }
    free_records(&saved);
}

static void test_machine_save_ends_with_the_writers_error(void **state)
{
    struct fixture *f = *state;
    struct records r = {.fail_at = 3};
    assert_int_equal(machine_save(&f->machine, &r, put), -ENOSPC);
    assert_int_equal(r.n, 2);
    free_records(&r);
}

static int lost(void *device)
{
    (void)device;
    return -EPIPE;
}

static void test_machine_save_ends_with_a_device_that_does_not_know_how_it_stands(void **state)
{
    static const struct device_ops broken = {.name = "broken", .version = 1, .saving = lost};
    struct fixture *f = *state;
    struct records r = {.n = 0};
    assert_int_equal(machine_add_device(&f->machine, &broken, &r), 0);
    assert_int_equal(machine_save(&f->machine, &r, put), -EPIPE);
    free_records(&r);
}

static void test_machine_record_that_lies_is_refused_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct pic_state pic = f->machine.pic.state, bad_pic = pic;
    struct uart_state bad_uart = f->machine.uart[0].state;
    struct ioapic_state bad_ioapic = f->machine.ioapic.state;
    struct lapic_state bad_lapic = f->machine.lapic.state;
    struct pit_state bad_pit = f->machine.pit.state;
    struct rtc_state bad_rtc = f->machine.rtc.state;
    struct clock_state bad_clock = f->machine.clock.state;
    bad_pic.chip[1].lowest = 8;
    bad_uart.received = 17;
    bad_ioapic.lines = 1u << 24;
    bad_lapic.base = APIC_BASE_X2;
    bad_pit.channel[2].access = 0;
    bad_rtc.index = 128;
    bad_clock.hz = 0;
    const struct {
        const char *label, *name;
        uint32_t number, version;
        const void *bytes;
        uint32_t n;
        int error;
    } cases[] = {
        {"an unknown device", "gpu", 0, 1, &pic, sizeof(pic), -ENOENT},
        {"a third serial port", "uart", 2, 1, &bad_uart, sizeof(bad_uart), -ENOENT},
        {"another version", "pic", 0, 2, &pic, sizeof(pic), -EINVAL},
        {"a byte less", "pic", 0, 1, &pic, sizeof(pic) - 1, -EINVAL},
        {"8259", "pic", 0, 1, &bad_pic, sizeof(bad_pic), -EINVAL},
        {"serial port", "uart", 0, 1, &bad_uart, sizeof(bad_uart), -EINVAL},
        {"I/O APIC", "ioapic", 0, 1, &bad_ioapic, sizeof(bad_ioapic), -EINVAL},
        {"local APIC", "lapic", 0, 1, &bad_lapic, sizeof(bad_lapic), -EINVAL},
        {"8254", "pit", 0, 1, &bad_pit, sizeof(bad_pit), -EINVAL},
        {"CMOS clock", "rtc", 0, 1, &bad_rtc, sizeof(bad_rtc), -EINVAL},
        {"clock", "clock", 0, 1, &bad_clock, sizeof(bad_clock), -EINVAL},
        {"processor", "cpu", 0, VCPU_STATE_VERSION, &pic, sizeof(pic), -EINVAL},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *why = NULL;
        print_message("# %s\n", cases[i].label);
        assert_int_equal(machine_load(&f->machine, cases[i].name, cases[i].number, cases[i].version, cases[i].bytes,
                                      cases[i].n, &why),
                         cases[i].error);
        assert_non_null(why);
    }
    assert_memory_equal(&f->machine.pic.state, &pic, sizeof(pic));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        TEST(test_machine_triple_fault_and_failure_are_ends),
        TEST(test_machine_halted_waits_for_the_next_timer),
        TEST(test_machine_stop_comes_back_and_it_goes_on),
        TEST(test_machine_timer_set_early_ends_the_slice),
        TEST(test_kvmclock_records_say_what_the_counter_means),
        TEST(test_machine_state_goes_to_another_machine),
        TEST(test_clock_of_a_better_known_rate_goes_on_from_where_it_is),
        TEST(test_clock_of_another_host_runs_at_its_own_rate),
        TEST(test_machine_wants_each_record_once),
        TEST(test_machine_save_ends_with_the_writers_error),
        TEST(test_machine_save_ends_with_a_device_that_does_not_know_how_it_stands),
        TEST(test_machine_record_that_lies_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
