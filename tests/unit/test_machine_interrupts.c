/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a line to a vector: the 8259 pair, the I/O APIC, the local APIC with its timer, and how the machine joins them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "unit/machine_fixture.h"

#define MIB     UINT64_C(1048576)
#define APIC(r) (LAPIC_BASE + (r))

enum { TPR = 0x80, EOI = 0xb0, LDR = 0xd0, DFR = 0xe0, SVR = 0xf0, ISR = 0x100, TMR = 0x180, IRR = 0x200, ESR = 0x280 };
enum { ICR = 0x300, ICR_HIGH = 0x310, LVTT = 0x320, LVT0 = 0x350, LVT1 = 0x360, LVTE = 0x370, TMICT = 0x380 };
enum { TMCCT = 0x390, TDCR = 0x3e0 };
enum { MSR_BASE = 0x1b, MSR_DEADLINE = 0x6e0, MSR_ICR = 0x830, MSR_SELF = 0x83f };

static int make(void **state)
{
    *state = fixture_make(MACHINE_MICRO, 16 * MIB, "moat64");
    return 0;
}
static int drop(void **state)
{
    fixture_free(*state);
    return 0;
}

static uint32_t apic(struct fixture *f, uint32_t reg)
{
    return (uint32_t)fixture_bus()->read(&f->machine, APIC(reg), 4);
}
static void set_apic(struct fixture *f, uint32_t reg, uint32_t value)
{
    fixture_bus()->write(&f->machine, APIC(reg), 4, value);
}
static int acknowledge(struct fixture *f)
{
    return fixture_bus()->acknowledge(&f->machine);
}
static bool write_msr(struct fixture *f, uint32_t index, uint64_t value)
{
    return fixture_bus()->msr_write(&f->machine, index, value);
}
static uint64_t read_msr(struct fixture *f, uint32_t index)
{
    uint64_t value = 0;
    assert_true(fixture_bus()->msr_read(&f->machine, index, &value));
    return value;
}
static void enable(struct fixture *f)
{
    set_apic(f, SVR, 0x1ff);
    set_apic(f, LVT0, 0x10000);
}
static void set_pin(struct fixture *f, unsigned pin, uint64_t entry)
{
    for (unsigned half = 0; half < 2; half++) {
        bus_write(&f->machine.registers, IOAPIC_BASE, 4, 0x10 + 2 * pin + half);
        bus_write(&f->machine.registers, IOAPIC_BASE + 0x10, 4, entry >> 32 * half);
    }
}
static uint64_t pin(struct fixture *f, unsigned n)
{
    return f->machine.ioapic.state.pins[n];
}

/* ---- 8259 -------------------------------------------------------------------------------------------------------- */

static void pic_setup(struct fixture *f, uint8_t icw4)
{
    static const struct {
        uint16_t port;
        uint8_t base, cascade;
    } chips[] = {{0x20, 0x30, 4}, {0xa0, 0x38, 2}};
    for (unsigned i = 0; i < 2; i++) {
        fixture_out(f, chips[i].port, 0x11);
        fixture_out(f, chips[i].port + 1, chips[i].base);
        fixture_out(f, chips[i].port + 1, chips[i].cascade);
        fixture_out(f, chips[i].port + 1, icw4);
        fixture_out(f, chips[i].port + 1, 0x00);
    }
}
static void pulse(struct fixture *f, unsigned line)
{
    machine_set_line(&f->machine, line, true);
    machine_set_line(&f->machine, line, false);
}

static void test_pic_takes_lines_by_priority(void **state)
{
    struct fixture *f = *state;
    pic_setup(f, 1);
    pulse(f, 5);
    pulse(f, 12);
    pulse(f, 1);
    assert_true(f->intr);
    assert_int_equal(acknowledge(f), 0x31);
    assert_false(f->intr); /* nothing above it */
    fixture_out(f, 0x20, 0x20);
    assert_int_equal(acknowledge(f), 0x38 + 4);
    fixture_out(f, 0xa0, 0x20);
    fixture_out(f, 0x20, 0x20);
    assert_int_equal(acknowledge(f), 0x35);
    fixture_out(f, 0x20, 0x65); /* the end of 5, by its name */
    assert_false(f->intr);
}

static void test_pic_mask_keeps_a_request_for_later(void **state)
{
    struct fixture *f = *state;
    pic_setup(f, 1);
    fixture_out(f, 0x21, 0x10);
    pulse(f, 4);
    assert_false(f->intr);
    fixture_out(f, 0x20, 0x0a);
    assert_int_equal(fixture_in(f, 0x20), 0x10);
    fixture_out(f, 0x21, 0x00);
    assert_true(f->intr);
}

static void test_pic_line_of_level_asks_as_long_as_it_is_up(void **state)
{
    struct fixture *f = *state;
    pic_setup(f, 1);
    fixture_out(f, 0x4d1, 0x04); /* line 10 */
    machine_set_line(&f->machine, 10, true);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(f->intr);
        assert_int_equal(acknowledge(f), 0x3a);
        fixture_out(f, 0xa0, 0x20);
        fixture_out(f, 0x20, 0x20);
        assert_true(f->intr);
    }
    machine_set_line(&f->machine, 10, false);
    assert_false(f->intr);
    assert_int_equal(fixture_in(f, 0x4d1), 0x04);
    fixture_out(f, 0x4d0, 0xff);
    assert_int_equal(fixture_in(f, 0x4d0), 0xf8); /* some lines are edges for ever */
}

static void test_pic_automatic_end_and_rotation(void **state)
{
    struct fixture *f = *state;
    pic_setup(f, 3);
    fixture_out(f, 0x20, 0x80); /* rotate */
    pulse(f, 3);
    assert_int_equal(acknowledge(f), 0x33);
    pulse(f, 3);
    pulse(f, 4);
    assert_int_equal(acknowledge(f), 0x34); /* 3 is the lowest now */
    assert_int_equal(acknowledge(f), 0x33);
}

static void test_pic_poll_and_spurious(void **state)
{
    struct fixture *f = *state;
    pic_setup(f, 1);
    fixture_out(f, 0x20, 0x0c);
    assert_int_equal(fixture_in(f, 0x20), 0);
    pulse(f, 6);
    fixture_out(f, 0x20, 0x0c);
    assert_int_equal(fixture_in(f, 0x20), 0x86);
    assert_int_equal(pic_acknowledge(&f->machine.pic), 0x37); /* nobody is there any more */
}

/* ---- Local APIC -------------------------------------------------------------------------------------------------- */

static void test_lapic_self_message_goes_by_priority(void **state)
{
    struct fixture *f = *state;
    enable(f);
    set_apic(f, ICR, 0x40045);
    set_apic(f, ICR, 0x40078);
    assert_int_equal(apic(f, IRR + 0x20), 1 << 5);
    assert_int_equal(acknowledge(f), 0x78);
    assert_int_equal(apic(f, ISR + 0x30), 1 << 24);
    assert_int_equal(acknowledge(f), -1);
    set_apic(f, EOI, 0);
    assert_int_equal(acknowledge(f), 0x45);
    set_apic(f, EOI, 0);
    assert_int_equal(acknowledge(f), -1);
}

static void test_lapic_task_priority_holds_back(void **state)
{
    struct fixture *f = *state;
    enable(f);
    set_apic(f, TPR, 0x40);
    set_apic(f, ICR, 0x40045);
    assert_false(f->intr);
    fixture_bus()->tpr_set(&f->machine, 0x30);
    assert_true(f->intr);
    assert_int_equal(apic(f, TPR), 0x30);
}

static void test_lapic_that_is_off_takes_nothing(void **state)
{
    struct fixture *f = *state;
    set_apic(f, ICR, 0x40045);
    assert_false(f->intr);
    assert_int_equal(apic(f, LVTT), 0x10000);
    set_apic(f, LVTT, 0x45);
    assert_int_equal(apic(f, LVTT), 0x10045); /* masked as long as it is off */
    assert_true(write_msr(f, MSR_BASE, LAPIC_BASE));
    assert_int_equal(apic(f, SVR), 0xffffffff); /* its page is nobody's */
    assert_true(write_msr(f, MSR_BASE, LAPIC_BASE | APIC_BASE_ENABLE));
    assert_int_equal(apic(f, SVR), 0xff);
}

static void test_lapic_illegal_vectors_are_errors(void **state)
{
    struct fixture *f = *state;
    enable(f);
    set_apic(f, LVTE, 0x60);
    set_apic(f, ICR, 0x40005);
    assert_int_equal(acknowledge(f), 0x60);
    set_apic(f, ESR, 0);
    assert_int_equal(apic(f, ESR), 0x20);
    set_apic(f, ESR, 0);
    assert_int_equal(apic(f, ESR), 0);
}

static void test_lapic_nmi_reaches_the_processor(void **state)
{
    struct fixture *f = *state;
    enable(f);
    set_apic(f, ICR, 0x44400); /* to itself, NMI */
    assert_int_equal(f->nmis, 1);
    set_apic(f, LVT1, 0x400);
    lapic_nmi_pin(&f->machine.lapic);
    assert_int_equal(f->nmis, 2);
}

static void test_lapic_logical_destinations(void **state)
{
    static const struct {
        const char *label;
        uint32_t dfr, ldr, destination;
        bool meant;
    } cases[] = {
        {"flat, a bit in common", 0xffffffff, 0x05000000, 0x04, true},
        {"flat, none", 0xffffffff, 0x05000000, 0x08, false},
        {"flat, all", 0xffffffff, 0x01000000, 0xff, true},
        {"cluster, ours", 0x0fffffff, 0x24000000, 0x26, true},
        {"cluster, another's", 0x0fffffff, 0x24000000, 0x16, false},
    };
    struct fixture *f = *state;
    enable(f);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("# %s\n", cases[i].label);
        set_apic(f, DFR, cases[i].dfr);
        set_apic(f, LDR, cases[i].ldr);
        set_apic(f, ICR_HIGH, cases[i].destination << 24);
        set_apic(f, ICR, 0x0845);
        assert_int_equal(acknowledge(f), cases[i].meant ? 0x45 : -1);
        set_apic(f, EOI, 0);
    }
}

static void test_lapic_timer_counts_once_or_again(void **state)
{
    struct fixture *f = *state;
    enable(f);
    set_apic(f, TDCR, 0xb); /* by 1: a count is a nanosecond of this clock */
    set_apic(f, LVTT, 0x45);
    set_apic(f, TMICT, 1000);
    fixture_pass(f, 400);
    assert_int_equal(apic(f, TMCCT), 600);
    assert_false(f->intr);
    fixture_pass(f, 700);
    assert_int_equal(apic(f, TMCCT), 0);
    assert_int_equal(acknowledge(f), 0x45);
    set_apic(f, EOI, 0);
    fixture_pass(f, 5000);
    assert_int_equal(acknowledge(f), -1);
    set_apic(f, LVTT, 0x20045); /* a count that has ended stays there */
    assert_int_equal(apic(f, TMCCT), 0);
    set_apic(f, TDCR, 0x1); /* by 4 */
    set_apic(f, TMICT, 1000);
    for (unsigned i = 0; i < 3; i++) {
        fixture_pass(f, 4001);
        assert_int_equal(acknowledge(f), 0x45);
        set_apic(f, EOI, 0);
        assert_int_equal(acknowledge(f), -1);
    }
}

static void test_lapic_deadline_rings_when_the_counter_is_there(void **state)
{
    struct fixture *f = *state;
    enable(f);
    assert_true(write_msr(f, MSR_DEADLINE, 5000));
    assert_int_equal(read_msr(f, MSR_DEADLINE), 0); /* not in this mode */
    set_apic(f, LVTT, 0x40045);
    assert_true(write_msr(f, MSR_DEADLINE, f->counter + 5000));
    fixture_pass(f, 4999);
    assert_int_equal(acknowledge(f), -1);
    fixture_pass(f, 2);
    assert_int_equal(read_msr(f, MSR_DEADLINE), 0);
    assert_int_equal(acknowledge(f), 0x45);
    set_apic(f, EOI, 0);
    assert_true(write_msr(f, MSR_DEADLINE, 1)); /* it has been */
    fixture_pass(f, 0);
    assert_int_equal(acknowledge(f), 0x45);
}

static void test_lapic_deadline_follows_the_guests_counter(void **state)
{
    struct fixture *f = *state;
    enable(f);
    set_apic(f, LVTT, 0x40045);
    f->counter = 1000000;
    assert_true(write_msr(f, 0x3b, UINT64_C(-900000))); /* IA32_TSC_ADJUST: the guest reads 100000 */
    assert_true(write_msr(f, MSR_DEADLINE, 100500));
    fixture_pass(f, 499);
    assert_int_equal(acknowledge(f), -1);
    fixture_pass(f, 2);
    assert_int_equal(acknowledge(f), 0x45);
}

static void test_x2apic_modes_and_registers(void **state)
{
    uint64_t base = LAPIC_BASE | APIC_BASE_BSP, value;
    struct fixture *f = *state;
    assert_false(fixture_bus()->msr_read(&f->machine, 0x802, &value));
    assert_false(write_msr(f, MSR_BASE, base | APIC_BASE_X2));
    assert_false(write_msr(f, MSR_BASE, base | APIC_BASE_ENABLE | 1));
    assert_true(write_msr(f, MSR_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2));
    assert_false(write_msr(f, MSR_BASE, base | APIC_BASE_ENABLE));
    assert_int_equal(apic(f, SVR), 0xffffffff);
    assert_true(write_msr(f, 0x80f, 0x1ff));
    assert_int_equal(read_msr(f, 0x80d), 1);
    assert_false(write_msr(f, 0x802, 1));                              /* the id is not to be written */
    assert_false(fixture_bus()->msr_read(&f->machine, 0x80b, &value)); /* nor an end to be read */
    assert_false(write_msr(f, 0x80b, 1));
    assert_false(write_msr(f, MSR_SELF, 0x100));
    assert_true(write_msr(f, MSR_SELF, 0x45));
    assert_int_equal(acknowledge(f), 0x45);
    assert_true(write_msr(f, 0x80b, 0));
    assert_true(write_msr(f, MSR_ICR, UINT64_C(0xffffffff00004046)));
    assert_int_equal(acknowledge(f), 0x46);
    assert_true(write_msr(f, MSR_BASE, base));
    assert_false(write_msr(f, MSR_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2));
}

static void test_lapic_moves_where_the_guest_says(void **state)
{
    struct fixture *f = *state;
    bool writable;
    assert_non_null(fixture_bus()->page(&f->machine, 0x200000, &writable));
    assert_true(write_msr(f, MSR_BASE, 0x200000 | APIC_BASE_ENABLE | APIC_BASE_BSP));
    assert_null(fixture_bus()->page(&f->machine, 0x200000, &writable));
    assert_int_equal(fixture_bus()->read(&f->machine, 0x200030, 4), 0x50014);
    assert_int_equal(fixture_bus()->read(&f->machine, APIC(0x30), 4), 0xffffffff);
}

/* ---- I/O APIC ---------------------------------------------------------------------------------------------------- */

static void test_ioapic_edge_is_sent_once_and_lost_when_masked(void **state)
{
    struct fixture *f = *state;
    enable(f);
    set_pin(f, 20, 0x10055);
    machine_set_line(&f->machine, 20, true);
    set_pin(f, 20, 0x55);
    assert_int_equal(acknowledge(f), -1);
    machine_set_line(&f->machine, 20, false);
    machine_set_line(&f->machine, 20, true);
    machine_set_line(&f->machine, 20, true);
    assert_int_equal(acknowledge(f), 0x55);
    pulse(f, 20);
    pulse(f, 20);
    set_apic(f, EOI, 0);
    assert_int_equal(acknowledge(f), 0x55); /* it had risen again meanwhile, how often is not known */
    set_apic(f, EOI, 0);
    assert_int_equal(acknowledge(f), -1);
}

static void test_ioapic_level_is_sent_again_until_it_falls(void **state)
{
    struct fixture *f = *state;
    enable(f);
    set_pin(f, 20, 0x8055);
    machine_set_line(&f->machine, 20, true);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(acknowledge(f), 0x55);
        assert_int_equal(apic(f, TMR + 0x20), 1 << 21);
        assert_int_equal(pin(f, 20) >> 14 & 1, 1);
        set_apic(f, EOI, 0);
    }
    assert_int_equal(acknowledge(f), 0x55);
    machine_set_line(&f->machine, 20, false);
    set_apic(f, EOI, 0);
    assert_int_equal(acknowledge(f), -1);
    assert_int_equal(pin(f, 20) >> 14 & 1, 0);
}

static void test_ioapic_sends_to_whom_it_says(void **state)
{
    struct fixture *f = *state;
    enable(f);
    set_pin(f, 20, UINT64_C(0x0500000000000055)); /* processor 5 */
    pulse(f, 20);
    assert_int_equal(acknowledge(f), -1);
    set_pin(f, 20, UINT64_C(0xff00000000000055));
    pulse(f, 20);
    assert_int_equal(acknowledge(f), 0x55);
    set_pin(f, 20, 0x455); /* NMI */
    pulse(f, 20);
    assert_int_equal(f->nmis, 1);
}

static void test_ioapic_registers(void **state)
{
    struct fixture *f = *state;
    struct bus *bus = &f->machine.registers;
    bus_write(bus, IOAPIC_BASE, 4, 1);
    bus_write(bus, IOAPIC_BASE + 0x10, 4, 0);
    assert_int_equal(bus_read(bus, IOAPIC_BASE + 0x10, 4), 0x170011);
    bus_write(bus, IOAPIC_BASE, 4, 0);
    bus_write(bus, IOAPIC_BASE + 0x10, 4, 0xffffffff);
    assert_int_equal(bus_read(bus, IOAPIC_BASE + 0x10, 4), 0x0f000000);
    bus_write(bus, IOAPIC_BASE, 4, 0x10 + 48);
    assert_int_equal(bus_read(bus, IOAPIC_BASE + 0x10, 4), 0xffffffff);
}

/* ---- Both ways at once ------------------------------------------------------------------------------------------- */

static void test_old_controllers_reach_the_processor_through_lint0(void **state)
{
    struct fixture *f = *state;
    pic_setup(f, 1);
    pulse(f, 5);
    assert_true(f->intr);
    set_apic(f, SVR, 0x1ff);
    set_apic(f, LVT0, 0x10700);
    assert_false(f->intr);
    set_apic(f, LVT0, 0x700);
    assert_int_equal(acknowledge(f), 0x35);
}

static void test_timer_of_a_pc_is_pin_2(void **state)
{
    struct fixture *f = *state;
    enable(f);
    set_pin(f, 2, 0x55);
    pulse(f, 0);
    assert_int_equal(acknowledge(f), 0x55);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        TEST(test_pic_takes_lines_by_priority),
        TEST(test_pic_mask_keeps_a_request_for_later),
        TEST(test_pic_line_of_level_asks_as_long_as_it_is_up),
        TEST(test_pic_automatic_end_and_rotation),
        TEST(test_pic_poll_and_spurious),
        TEST(test_lapic_self_message_goes_by_priority),
        TEST(test_lapic_task_priority_holds_back),
        TEST(test_lapic_that_is_off_takes_nothing),
        TEST(test_lapic_illegal_vectors_are_errors),
        TEST(test_lapic_nmi_reaches_the_processor),
        TEST(test_lapic_logical_destinations),
        TEST(test_lapic_timer_counts_once_or_again),
        TEST(test_lapic_deadline_rings_when_the_counter_is_there),
        TEST(test_lapic_deadline_follows_the_guests_counter),
        TEST(test_x2apic_modes_and_registers),
        TEST(test_lapic_moves_where_the_guest_says),
        TEST(test_ioapic_edge_is_sent_once_and_lost_when_masked),
        TEST(test_ioapic_level_is_sent_again_until_it_falls),
        TEST(test_ioapic_sends_to_whom_it_says),
        TEST(test_ioapic_registers),
        TEST(test_old_controllers_reach_the_processor_through_lint0),
        TEST(test_timer_of_a_pc_is_pin_2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
