/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of the machine through their ports, with a clock that the test sets: timer, clock, serial port, power,
 * and what kvm-unit-tests want.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "unit/machine_fixture.h"

#define MIB      UINT64_C(1048576)
#define MS       UINT64_C(1000000)
#define IRQ_OF_0 2 /* the timer's pin of the I/O APIC */

static bool line(const struct fixture *f, unsigned gsi)
{
    return f->machine.ioapic.state.lines >> gsi & 1;
}

static int make_micro(void **state)
{
    *state = fixture_make(MACHINE_MICRO, 16 * MIB, "moat64");
    return 0;
}
static int make_kut(void **state)
{
    *state = fixture_make(MACHINE_KUT, 64 * MIB, "moat64");
    return 0;
}
static int drop(void **state)
{
    fixture_free(*state);
    return 0;
}

/* ---- 8254 -------------------------------------------------------------------------------------------------------- */

static uint16_t read_count(struct fixture *f, unsigned channel)
{
    fixture_out(f, 0x43, (uint8_t)(channel << 6)); /* latch */
    uint16_t count = fixture_in(f, (uint16_t)(0x40 + channel));
    return (uint16_t)(count | fixture_in(f, (uint16_t)(0x40 + channel)) << 8);
}

static void test_pit_rate_generator_interrupts_each_period(void **state)
{
    struct fixture *f = *state;
    fixture_out(f, 0x43, 0x34); /* channel 0, both bytes, mode 2 */
    fixture_out(f, 0x40, 0x9c);
    fixture_out(f, 0x40, 0x2e); /* 11932: 10 ms */
    fixture_out(f, 0x20, 0x11); /* the 8259s are set up; all lines are open */
    fixture_out(f, 0x21, 0x20);
    fixture_out(f, 0x21, 0x04);
    fixture_out(f, 0x21, 0x01);
    fixture_out(f, 0x21, 0x00);
    for (unsigned i = 0; i < 3; i++) {
        fixture_pass(f, 9 * MS);
        assert_false(f->intr);
        fixture_pass(f, 1 * MS + 10000);
        assert_true(f->intr);
        assert_int_equal(fixture_bus()->acknowledge(&f->machine), 0x20);
        fixture_out(f, 0x20, 0x20);
        assert_false(f->intr);
    }
}

static void test_pit_count_runs_down_and_is_latched(void **state)
{
    struct fixture *f = *state;
    fixture_out(f, 0x43, 0xb0); /* channel 2, both bytes, mode 0 */
    fixture_out(f, 0x42, 0x00);
    fixture_out(f, 0x42, 0x80);
    assert_int_equal(read_count(f, 2), 0x8000);
    assert_int_equal(fixture_in(f, 0x61) & 0x20, 0);
    f->counter += 10 * MS;
    assert_in_range(read_count(f, 2), 0x8000 - 11933, 0x8000 - 11931);
    fixture_out(f, 0x43, 0x80);
    f->counter += 10 * MS; /* a latched count stands still */
    uint16_t count = fixture_in(f, 0x42);
    count |= (uint16_t)(fixture_in(f, 0x42) << 8);
    assert_in_range(count, 0x8000 - 11933, 0x8000 - 11931);
    f->counter += 10 * MS;
    assert_int_equal(fixture_in(f, 0x61) & 0x20, 0x20); /* the terminal count: the output is up */
}

static void test_pit_single_count_interrupts_once(void **state)
{
    struct fixture *f = *state;
    fixture_out(f, 0x43, 0x30);
    fixture_out(f, 0x40, 0xff);
    fixture_out(f, 0x40, 0x00);
    assert_false(line(f, IRQ_OF_0));
    fixture_pass(f, MS);
    assert_true(line(f, IRQ_OF_0));
    assert_int_equal(f->machine.pit.timer.due, NEVER);
}

static void test_pit_read_back_tells_status(void **state)
{
    struct fixture *f = *state;
    fixture_out(f, 0x43, 0x36);
    fixture_out(f, 0x43, 0xe2); /* status of channel 0 */
    assert_int_equal(fixture_in(f, 0x40), 0xf6);
    fixture_out(f, 0x40, 0x00);
    fixture_out(f, 0x40, 0x10);
    fixture_out(f, 0x43, 0xe2);
    assert_int_equal(fixture_in(f, 0x40), 0xb6);
}

static void test_pit_counts_in_bcd(void **state)
{
    struct fixture *f = *state;
    fixture_out(f, 0x43, 0xb1);
    fixture_out(f, 0x42, 0x00);
    fixture_out(f, 0x42, 0x00); /* 10000 */
    f->counter += 1677000;      /* 2001 ticks less a little */
    assert_in_range(read_count(f, 2), 0x7999, 0x8000);
}

/* ---- MC146818 ---------------------------------------------------------------------------------------------------- */

static uint8_t cmos(struct fixture *f, uint8_t index)
{
    fixture_out(f, 0x70, index);
    return fixture_in(f, 0x71);
}
static void set_cmos(struct fixture *f, uint8_t index, uint8_t value)
{
    fixture_out(f, 0x70, index);
    fixture_out(f, 0x71, value);
}

static void test_rtc_time_is_the_one_that_was_given(void **state)
{
    struct fixture *f = *state;
    /* 10^9 seconds after 1970: 2001-09-09 01:46:40, a Sunday. */
    assert_int_equal(cmos(f, 0), 0x40);
    assert_int_equal(cmos(f, 2), 0x46);
    assert_int_equal(cmos(f, 4), 0x01);
    assert_int_equal(cmos(f, 6), 1);
    assert_int_equal(cmos(f, 7), 0x09);
    assert_int_equal(cmos(f, 8), 0x09);
    assert_int_equal(cmos(f, 9), 0x01);
    assert_int_equal(cmos(f, 0x32), 0x20);
    f->counter += 25 * SECOND_NS;
    assert_int_equal(cmos(f, 0), 0x05);
    assert_int_equal(cmos(f, 2), 0x47);
}

static void test_rtc_time_can_be_set_and_goes_on(void **state)
{
    struct fixture *f = *state;
    set_cmos(f, 0xb, 0x86); /* stop, binary, 24 hours */
    set_cmos(f, 0x32, 20);
    set_cmos(f, 9, 24);
    set_cmos(f, 8, 2);
    set_cmos(f, 7, 28);
    set_cmos(f, 4, 23);
    set_cmos(f, 2, 59);
    set_cmos(f, 0, 59);
    f->counter += 5 * SECOND_NS;
    assert_int_equal(cmos(f, 0), 59);
    set_cmos(f, 0xb, 0x06);
    f->counter += 2 * SECOND_NS;
    assert_int_equal(cmos(f, 0), 1);
    assert_int_equal(cmos(f, 7), 29); /* 2024 has one */
    assert_int_equal(cmos(f, 8), 2);
    assert_int_equal(cmos(f, 6), 5);
}

static void test_rtc_hours_of_twelve(void **state)
{
    struct fixture *f = *state;
    set_cmos(f, 0xb, 0x00); /* BCD, 12 hours */
    assert_int_equal(cmos(f, 4), 0x01);
    set_cmos(f, 4, 0x92);
    assert_int_equal(cmos(f, 4), 0x92); /* noon */
    set_cmos(f, 0xb, 0x02);
    assert_int_equal(cmos(f, 4), 0x12);
}

static void test_rtc_update_interrupt_comes_each_second(void **state)
{
    struct fixture *f = *state;
    set_cmos(f, 0xb, 0x12);
    for (unsigned i = 0; i < 2; i++) {
        assert_false(line(f, 8));
        fixture_pass(f, SECOND_NS);
        assert_true(line(f, 8));
        assert_int_equal(cmos(f, 0xc) & 0x90, 0x90);
        assert_false(line(f, 8));
    }
}

static void test_rtc_periodic_interrupt_has_its_rate(void **state)
{
    struct fixture *f = *state;
    set_cmos(f, 0xa, 0x26); /* 1024 Hz */
    set_cmos(f, 0xb, 0x42);
    fixture_pass(f, 900000);
    assert_false(line(f, 8));
    fixture_pass(f, 100000);
    assert_true(line(f, 8));
    assert_int_equal(cmos(f, 0xc) & 0xc0, 0xc0);
}

static void test_rtc_alarm_rings_at_its_time_and_not_before(void **state)
{
    struct fixture *f = *state;
    set_cmos(f, 1, 0x45); /* at second 45 */
    set_cmos(f, 3, 0xc0);
    set_cmos(f, 5, 0xc0);
    set_cmos(f, 0xb, 0x22);
    for (unsigned i = 0; i < 4; i++) {
        fixture_pass(f, SECOND_NS);
        assert_false(line(f, 8));
    }
    fixture_pass(f, SECOND_NS);
    assert_true(line(f, 8));
    assert_int_equal(cmos(f, 0xc) & 0xa0, 0xa0);
}

/* It is 1:46:40. Time passes in one go, as for a guest that does not look for a day. */
static void test_rtc_alarm_is_found_in_whatever_time_has_passed(void **state)
{
    static const struct {
        const char *label;
        uint8_t hour, minute, second;
        uint64_t not_yet, then; /* seconds; 0: never */
    } cases[] = {
        {"this minute", 0xc0, 0xc0, 0x45, 4, 5},
        {"the next hour", 0xc0, 0x46, 0x39, 3598, 3599},
        {"after midnight", 0x00, 0x00, 0x00, 79999, 80000},
        {"a second ago", 0x01, 0x46, 0x39, 86398, 86399},
        {"every second", 0xc0, 0xc0, 0xc0, 0, 1},
        {"a second that is none", 0xc0, 0xc0, 0x61, 300000, 0},
        {"an hour that is none", 0x24, 0xc0, 0xc0, 300000, 0},
    };
    struct fixture *f = *state;
    set_cmos(f, 0xb, 0x22);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned late = 0; late < 2; late++) {
            f->counter = 0;
            set_cmos(f, 0xb, 0x02);
            set_cmos(f, 1, cases[i].second);
            set_cmos(f, 3, cases[i].minute);
            set_cmos(f, 5, cases[i].hour);
            set_cmos(f, 0xb, 0x22); /* from now on */
            fixture_pass(f, SECOND_NS * (late ? cases[i].then : cases[i].not_yet));
            if (line(f, 8) != (late && cases[i].then))
                fail_msg("%s: the line is %s", cases[i].label, late ? "down" : "up");
            cmos(f, 0xc);
        }
    }
}

static void test_rtc_tells_of_memory(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(cmos(f, 0x17) | cmos(f, 0x18) << 8, 15 * 1024);
}

/* ---- 16550A ------------------------------------------------------------------------------------------------------ */

static void test_uart_sends_bytes_at_once(void **state)
{
    struct fixture *f = *state;
    for (const char *p = "moat"; *p != '\0'; p++) {
        assert_int_equal(fixture_in(f, 0x3fd) & 0x60, 0x60);
        fixture_out(f, 0x3f8, (uint8_t)*p);
    }
    assert_string_equal(f->sent, "moat");
}

static void test_uart_keeps_what_is_not_taken_and_tells_so(void **state)
{
    struct fixture *f = *state;
    fixture_out(f, 0x3fa, 0x01);
    f->refuse = 3; /* two writes, and the first poll */
    fixture_out(f, 0x3f8, 'a');
    fixture_out(f, 0x3f8, 'b');
    assert_int_equal(fixture_in(f, 0x3fd) & 0x60, 0);
    f->refuse = 1;
    uart_poll(&f->machine.uart[0]);
    assert_int_equal(fixture_in(f, 0x3fd) & 0x60, 0);
    uart_poll(&f->machine.uart[0]);
    assert_int_equal(fixture_in(f, 0x3fd) & 0x60, 0x60);
    assert_string_equal(f->sent, "ab");
}

static void test_uart_interrupts_for_what_is_wanted(void **state)
{
    struct fixture *f = *state;
    fixture_out(f, 0x3fc, 0x08); /* OUT2 */
    fixture_out(f, 0x3f9, 0x02);
    assert_true(line(f, 4)); /* the transmitter is empty */
    assert_int_equal(fixture_in(f, 0x3fa), 0x02);
    assert_false(line(f, 4)); /* reading it was the answer */
    fixture_out(f, 0x3f8, 'x');
    assert_true(line(f, 4));
    fixture_out(f, 0x3f9, 0x01);
    assert_false(line(f, 4));
    assert_int_equal(uart_receive(&f->machine.uart[0], (const uint8_t *)"y", 1), 1);
    assert_true(line(f, 4));
    assert_int_equal(fixture_in(f, 0x3fa), 0x04);
    assert_int_equal(fixture_in(f, 0x3f8), 'y');
    assert_false(line(f, 4));
    fixture_out(f, 0x3fc, 0x00);
    uart_receive(&f->machine.uart[0], (const uint8_t *)"z", 1);
    assert_false(line(f, 4)); /* OUT2 keeps the line down */
}

static void test_uart_fifo_takes_what_it_has_room_for(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[20];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(uart_receive(&f->machine.uart[0], bytes, 20), 1); /* without a FIFO */
    fixture_out(f, 0x3fa, 0xc1);                                       /* with one it is empty again */
    assert_int_equal(uart_receive(&f->machine.uart[0], bytes, 20), 16);
    assert_int_equal(uart_room(&f->machine.uart[0]), 0);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(fixture_in(f, 0x3f8), i);
    assert_int_equal(fixture_in(f, 0x3fd) & 1, 0);
}

static void test_uart_loop_and_divisor(void **state)
{
    struct fixture *f = *state;
    fixture_out(f, 0x3fc, 0x1a);
    assert_int_equal(fixture_in(f, 0x3fe) & 0xf0, 0x90); /* RTS is CTS, OUT2 is DCD */
    fixture_out(f, 0x3f8, 'l');
    assert_int_equal(fixture_in(f, 0x3f8), 'l');
    assert_int_equal(f->n_sent, 0);
    fixture_out(f, 0x3fb, 0x83);
    fixture_out(f, 0x3f8, 0x01);
    fixture_out(f, 0x3f9, 0x00);
    assert_int_equal(fixture_in(f, 0x3f8), 0x01);
    fixture_out(f, 0x3fb, 0x03);
    assert_int_equal(fixture_in(f, 0x3f9), 0x00);
}

static void test_uart_last_words_make_a_reset_a_panic(void **state)
{
    static const struct {
        const char *label, *text;
        enum machine_end end;
    } cases[] = {
        {"a reset", "reboot: Restarting system\n", MACHINE_RESET},
        {"a panic", "[ 1.0] Kernel panic - not syncing: x\n", MACHINE_PANIC},
        {"words that begin twice", "KKernel Kernel panic - not syncing", MACHINE_PANIC},
        {"words that do not end", "Kernel panic - not synced", MACHINE_RESET},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture *f = fixture_make(MACHINE_MICRO, 16 * MIB, "moat64");
        print_message("# %s\n", cases[i].label);
        for (const char *p = cases[i].text; *p != '\0'; p++)
            fixture_out(f, 0x3f8, (uint8_t)*p);
        assert_int_equal(f->machine.end, MACHINE_RUNS);
        fixture_out(f, 0xcf9, 6);
        assert_int_equal(f->machine.end, cases[i].end);
        fixture_free(f);
    }
}

/* ---- Power ------------------------------------------------------------------------------------------------------- */

static void test_power_s5_turns_off_and_others_do_not(void **state)
{
    struct fixture *f = *state;
    bus_write(&f->machine.ports, 0x604, 2, 3 << 10 | 1 << 13);
    assert_int_equal(f->machine.end, MACHINE_RUNS);
    bus_write(&f->machine.ports, 0x604, 2, POWER_SLEEP_S5 << 10);
    assert_int_equal(f->machine.end, MACHINE_RUNS);
    bus_write(&f->machine.ports, 0x604, 2, POWER_SLEEP_S5 << 10 | 1 << 13);
    assert_int_equal(f->machine.end, MACHINE_POWEROFF);
    assert_int_equal(f->stops, 1);
    fixture_out(f, 0xcf9, 6); /* the first word holds */
    assert_int_equal(f->machine.end, MACHINE_POWEROFF);
}

static void test_power_old_ways_to_reset(void **state)
{
    const struct {
        uint16_t port;
        uint8_t value;
    } ways[] = {{0xcf9, 6}, {0x64, 0xfe}, {0x92, 1}};
    for (unsigned i = 0; i < 3; i++) {
        struct fixture *f = fixture_make(MACHINE_MICRO, 16 * MIB, "moat64");
        fixture_out(f, 0x64, 0xd1);
        fixture_out(f, 0x92, 2);
        fixture_out(f, 0xcf9, 2);
        assert_int_equal(f->machine.end, MACHINE_RUNS);
        fixture_out(f, ways[i].port, ways[i].value);
        assert_int_equal(f->machine.end, MACHINE_RESET);
        fixture_free(f);
    }
}

static void test_power_panic_is_told(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(bus_read(&f->machine.registers, PANIC_BASE, 1), 3);
    bus_write(&f->machine.registers, PANIC_BASE, 1, 1);
    assert_int_equal(f->machine.end, MACHINE_PANIC);
}

static void test_power_timer_runs_at_its_rate(void **state)
{
    struct fixture *f = *state;
    uint32_t before = (uint32_t)bus_read(&f->machine.ports, 0x608, 4);
    f->counter += SECOND_NS;
    assert_in_range((uint32_t)bus_read(&f->machine.ports, 0x608, 4) - before, 3579544, 3579546);
}

static void test_power_button_is_an_event(void **state)
{
    struct fixture *f = *state;
    power_button(&f->machine.power);
    assert_false(line(f, 9));
    bus_write(&f->machine.ports, 0x602, 2, 1 << 8);
    assert_true(line(f, 9));
    assert_int_equal(bus_read(&f->machine.ports, 0x600, 2) & 1 << 8, 1 << 8);
    bus_write(&f->machine.ports, 0x600, 2, 1 << 8);
    assert_false(line(f, 9));
    assert_int_equal(bus_read(&f->machine.ports, 0x604, 2) & 1, 1); /* SCI_EN: never in legacy mode */
}

static void test_power_timer_overflow_is_an_event(void **state)
{
    struct fixture *f = *state;
    bus_write(&f->machine.ports, 0x600, 2, 1);
    bus_write(&f->machine.ports, 0x602, 2, 1);
    assert_false(line(f, 9));
    fixture_pass(f, 3 * SECOND_NS); /* bit 23 changes each 2.34 s */
    assert_true(line(f, 9));
    bus_write(&f->machine.ports, 0x600, 2, 1);
    assert_false(line(f, 9));
}

/* ---- kvm-unit-tests' --------------------------------------------------------------------------------------------- */

static void test_kut_debug_exit_keeps_its_value(void **state)
{
    struct fixture *f = *state;
    bus_write(&f->machine.ports, 0xf4, 4, 0x31);
    assert_int_equal(f->machine.end, MACHINE_DEBUG_EXIT);
    assert_int_equal(f->machine.exit_value, 0x31);
}

static void test_kut_registers_are_as_written(void **state)
{
    struct fixture *f = *state;
    bus_write(&f->machine.ports, 0xe0, 4, 0x12345678);
    assert_int_equal(bus_read(&f->machine.ports, 0xe0, 2), 0x5678);
    bus_write(&f->machine.registers, 0xff00fff8, 8, UINT64_C(0x1122334455667788));
    assert_int_equal(bus_read(&f->machine.registers, 0xff00fffc, 4), 0x11223344);
    bus_write(&f->machine.ports, 0x200e, 4, 1);
    assert_true(line(f, 14));
    bus_write(&f->machine.ports, 0x200e, 4, 0);
    assert_false(line(f, 14));
}

static uint64_t fwcfg(struct fixture *f, uint16_t item, unsigned bytes)
{
    uint64_t value = 0;
    bus_write(&f->machine.ports, 0x510, 2, item);
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)fixture_in(f, 0x511) << 8 * i;
    return value;
}

static void test_kut_fwcfg_tells_of_the_machine(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fwcfg(f, 0, 4), 'Q' | 'E' << 8 | 'M' << 16 | 'U' << 24);
    assert_int_equal(fwcfg(f, 3, 8), 64 * MIB);
    assert_int_equal(fwcfg(f, 5, 2), 1);
    assert_int_equal(fwcfg(f, 0xf, 2), 1);
    assert_int_equal(fwcfg(f, 0x1234, 4), 0);
    assert_int_equal(fwcfg(f, 5, 8), 1); /* behind its end: zeros */
}

static void test_micro_has_none_of_kvm_unit_tests_devices(void **state)
{
    struct fixture *f = *state;
    bus_write(&f->machine.ports, 0xf4, 4, 0x31);
    assert_int_equal(f->machine.end, MACHINE_RUNS);
    assert_int_equal(bus_read(&f->machine.ports, 0x510, 2), 0xffff);
}

int main(void)
{
#define MICRO(name) cmocka_unit_test_setup_teardown(name, make_micro, drop)
#define KUT(name)   cmocka_unit_test_setup_teardown(name, make_kut, drop)
    const struct CMUnitTest tests[] = {
        MICRO(test_pit_rate_generator_interrupts_each_period),
        MICRO(test_pit_count_runs_down_and_is_latched),
        MICRO(test_pit_single_count_interrupts_once),
        MICRO(test_pit_read_back_tells_status),
        MICRO(test_pit_counts_in_bcd),
        MICRO(test_rtc_time_is_the_one_that_was_given),
        MICRO(test_rtc_time_can_be_set_and_goes_on),
        MICRO(test_rtc_hours_of_twelve),
        MICRO(test_rtc_update_interrupt_comes_each_second),
        MICRO(test_rtc_periodic_interrupt_has_its_rate),
        MICRO(test_rtc_alarm_rings_at_its_time_and_not_before),
        MICRO(test_rtc_alarm_is_found_in_whatever_time_has_passed),
        MICRO(test_rtc_tells_of_memory),
        MICRO(test_uart_sends_bytes_at_once),
        MICRO(test_uart_keeps_what_is_not_taken_and_tells_so),
        MICRO(test_uart_interrupts_for_what_is_wanted),
        MICRO(test_uart_fifo_takes_what_it_has_room_for),
        MICRO(test_uart_loop_and_divisor),
        cmocka_unit_test(test_uart_last_words_make_a_reset_a_panic),
        MICRO(test_power_s5_turns_off_and_others_do_not),
        cmocka_unit_test(test_power_old_ways_to_reset),
        MICRO(test_power_panic_is_told),
        MICRO(test_power_timer_runs_at_its_rate),
        MICRO(test_power_button_is_an_event),
        MICRO(test_power_timer_overflow_is_an_event),
        KUT(test_kut_debug_exit_keeps_its_value),
        KUT(test_kut_registers_are_as_written),
        KUT(test_kut_fwcfg_tells_of_the_machine),
        MICRO(test_micro_has_none_of_kvm_unit_tests_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
