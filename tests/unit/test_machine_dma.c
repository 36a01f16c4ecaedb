/* SPDX-License-Identifier: Apache-2.0 */
/* The 8237 pair by its ports, and transfers as a device makes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "machine/dev/dma.h"

#define MEMORY (UINT32_C(1) << 20)

static _Alignas(4096) uint8_t memory[MEMORY];
static struct gmem gmem;
static struct bus ports;
static struct dma dma;
static unsigned written;

static void told(void *owner, gpa_t gpa, uint64_t n)
{
    written += (unsigned)n;
}

static int make(void **state)
{
    const struct gmem_region region = {.base = 0, .bytes = MEMORY, .host = memory};
    memset(&gmem, 0, sizeof(gmem));
    memset(&ports, 0, sizeof(ports));
    memset(memory, 0, sizeof(memory));
    written = 0;
    gmem.written = told;
    assert_int_equal(gmem_add(&gmem, &region), 0);
    assert_int_equal(dma_init(&dma, &ports, &gmem), 0);
    return 0;
}

static void out(uint16_t port, uint8_t value)
{
    bus_write(&ports, port, 1, value);
}
static uint8_t in(uint16_t port)
{
    return (uint8_t)bus_read(&ports, port, 1);
}

static const uint16_t pages[8] = {0x87, 0x83, 0x81, 0x82, 0x8f, 0x8b, 0x89, 0x8a};

static uint16_t reg(unsigned channel, unsigned number)
{
    return (uint16_t)(channel < 4 ? number : 0xc0 + number * 2);
}

/* address: as the chip has it, words of channels 5 to 7. mode: without the channel's number. */
static void program(unsigned channel, uint8_t mode, uint8_t page, uint16_t address, uint16_t count)
{
    const unsigned in_chip = channel & 3;
    out(reg(channel, 0x0a), (uint8_t)(4 | in_chip));
    out(reg(channel, 0x0c), 0);
    out(reg(channel, 0x0b), (uint8_t)(mode | in_chip));
    out(reg(channel, in_chip * 2), (uint8_t)address);
    out(reg(channel, in_chip * 2), (uint8_t)(address >> 8));
    out(reg(channel, in_chip * 2 + 1), (uint8_t)count);
    out(reg(channel, in_chip * 2 + 1), (uint8_t)(count >> 8));
    out(pages[channel], page);
    out(reg(channel, 0x0a), (uint8_t)in_chip);
}

static uint16_t read_word(unsigned channel, unsigned number)
{
    out(reg(channel, 0x0c), 0);
    uint16_t value = in(reg(channel, number));
    return (uint16_t)(value | in(reg(channel, number)) << 8);
}

enum { INTO = 0x44, FROM = 0x48, VERIFY = 0x40, AUTO = 0x10, DOWN = 0x20 };

/* ---- Registers --------------------------------------------------------------------------------------------------- */

static void test_dma_address_and_count_are_written_and_read_by_the_flip_flop(void **state)
{
    for (unsigned channel = 0; channel < 8; channel++) {
        program(channel, INTO, 0, (uint16_t)(0x1234 + channel), (uint16_t)(0x5678 + channel));
        assert_int_equal(read_word(channel, (channel & 3) * 2), 0x1234 + channel);
        assert_int_equal(read_word(channel, (channel & 3) * 2 + 1), 0x5678 + channel);
    }
    out(0x0c, 0);
    out(0x00, 0xaa); /* the low byte alone; clearing the flip-flop makes the next one low again */
    out(0x0c, 0);
    out(0x00, 0xbb);
    assert_int_equal(read_word(0, 0), 0x12bb);
}

static void test_dma_page_registers_keep_what_was_written(void **state)
{
    for (uint16_t port = 0x80; port < 0x90; port++)
        out(port, (uint8_t)(port * 3));
    for (uint16_t port = 0x80; port < 0x90; port++)
        assert_int_equal(in(port), (uint8_t)(port * 3));
}

static void test_dma_masks_shut_channels_one_by_one_and_together(void **state)
{
    assert_false(dma_ready(&dma, 2)); /* as after a reset */
    out(0x0a, 2);
    assert_true(dma_ready(&dma, 2));
    assert_false(dma_ready(&dma, 1));
    out(0x0e, 0); /* all of them open */
    for (unsigned channel = 0; channel < 4; channel++)
        assert_true(dma_ready(&dma, channel));
    out(0x0f, 0x0b);
    assert_int_equal(in(0x0f) & 15, 0x0b);
    assert_true(dma_ready(&dma, 2));
    assert_false(dma_ready(&dma, 3));
    out(0x08, 4); /* the whole chip is off */
    assert_false(dma_ready(&dma, 2));
    out(0x08, 0);
    assert_true(dma_ready(&dma, 2));
    out(0x0d, 0); /* master clear */
    assert_false(dma_ready(&dma, 2));
    assert_int_equal(in(0x0f) & 15, 15);
}

static void test_dma_requests_by_software_are_told(void **state)
{
    out(0x09, 5);
    out(0x09, 7);
    assert_int_equal(in(0x08), 0xa0);
    out(0x09, 1);
    assert_int_equal(in(0x08), 0x80);
    assert_int_equal(in(0x0d), 0); /* nothing has gone from memory to memory */
    out(0x0d, 0);
    assert_int_equal(in(0x08), 0);
}

static void test_dma_first_chip_goes_through_the_cascade(void **state)
{
    out(0x0e, 0);
    out(0xd4, 4); /* channel 4 is masked */
    assert_false(dma_ready(&dma, 2));
    out(0xd4, 0);
    assert_true(dma_ready(&dma, 2));
    out(0xd0, 4); /* the second chip is off */
    assert_false(dma_ready(&dma, 2));
    out(0xd0, 0);
    out(0xd4, 1);
    assert_true(dma_ready(&dma, 5));
    assert_false(dma_ready(&dma, 4)); /* never a device's */
}

static void test_dma_registers_of_other_widths_are_bytes(void **state)
{
    program(1, INTO, 0, 0, 0);
    out(0x0c, 0);
    bus_write(&ports, 0x02, 2, 0x3412); /* address' low byte, and count's high one: the flip-flop is the chip's */
    assert_int_equal(read_word(1, 2), 0x12);
    assert_int_equal(read_word(1, 3), 0x3400);
    bus_write(&ports, 0x80, 4, 0x44332211);
    assert_int_equal(in(0x81), 0x22);
    assert_int_equal(bus_read(&ports, 0x80, 4), 0x44332211);
}

/* ---- Transfers --------------------------------------------------------------------------------------------------- */

static void test_dma_bytes_go_into_memory_and_the_count_runs_out(void **state)
{
    bool terminal;
    uint8_t bytes[] = "0123456789abcdef";
    program(2, INTO, 0x03, 0x4000, 15);
    assert_int_equal(dma_transfer(&dma, 2, bytes, 10, true, &terminal), 10);
    assert_false(terminal);
    assert_int_equal(in(0x08) & 4, 0);
    assert_int_equal(read_word(2, 5), 5);
    assert_int_equal(dma_transfer(&dma, 2, bytes + 10, 10, true, &terminal), 6);
    assert_true(terminal);
    assert_memory_equal(memory + 0x34000, bytes, 16);
    assert_int_equal(memory[0x34010], 0);
    assert_int_equal(written, 16);
    assert_int_equal(read_word(2, 4), 0x4010);
    assert_int_equal(read_word(2, 5), 0xffff);
    assert_int_equal(in(0x08), 4); /* told once */
    assert_int_equal(in(0x08), 0);
    assert_false(dma_ready(&dma, 2));
    assert_int_equal(dma_transfer(&dma, 2, bytes, 1, true, &terminal), 0);
}

static void test_dma_bytes_come_from_memory(void **state)
{
    bool terminal;
    uint8_t bytes[6] = {0};
    memcpy(memory + 0xfffe, "ABCDEF", 6);
    program(3, FROM, 0x00, 0xfffe, 1);
    assert_int_equal(dma_transfer(&dma, 3, bytes, 6, false, &terminal), 2);
    assert_true(terminal);
    assert_memory_equal(bytes, "AB\0\0\0\0", 6);
}

static void test_dma_address_wraps_within_its_page(void **state)
{
    bool terminal;
    uint8_t bytes[4] = {1, 2, 3, 4};
    program(0, INTO, 0x01, 0xfffe, 0xffff);
    assert_int_equal(dma_transfer(&dma, 0, bytes, 4, true, &terminal), 4);
    assert_memory_equal(memory + 0x1fffe, bytes, 2);
    assert_memory_equal(memory + 0x10000, bytes + 2, 2);
    assert_int_equal(memory[0x20000], 0);
}

static void test_dma_words_are_of_128_kib_and_bit_16_is_the_address(void **state)
{
    bool terminal;
    uint8_t bytes[5] = {1, 2, 3, 4, 5};
    program(5, INTO, 0x03, 0xffff, 9); /* page bit 0 is not used: 0x20000 + 0x1fffe */
    assert_int_equal(dma_transfer(&dma, 5, bytes, 5, true, &terminal), 4);
    assert_memory_equal(memory + 0x3fffe, bytes, 2);
    assert_memory_equal(memory + 0x20000, bytes + 2, 2);
    assert_int_equal(memory[0x20002], 0);
    assert_int_equal(read_word(5, 3), 7);
    program(6, FROM, 0x02, 0, 0);
    assert_int_equal(dma_transfer(&dma, 6, bytes, 4, false, &terminal), 2);
    assert_true(terminal);
    assert_int_equal(bytes[0], 3);
    assert_int_equal(in(0xd0), 4);
}

static void test_dma_counts_down_where_the_mode_says(void **state)
{
    bool terminal;
    uint8_t bytes[4] = {1, 2, 3, 4};
    program(1, INTO | DOWN, 0x02, 0x0001, 3);
    assert_int_equal(dma_transfer(&dma, 1, bytes, 4, true, &terminal), 4);
    assert_true(terminal);
    assert_memory_equal(memory + 0x20000, "\2\1", 2);
    assert_memory_equal(memory + 0x2fffe, "\4\3", 2);
}

static void test_dma_begins_again_by_itself(void **state)
{
    bool terminal;
    uint8_t bytes[4] = {1, 2, 3, 4};
    program(2, INTO | AUTO, 0x00, 0x100, 2);
    assert_int_equal(dma_transfer(&dma, 2, bytes, 4, true, &terminal), 3);
    assert_true(terminal);
    assert_true(dma_ready(&dma, 2));
    assert_int_equal(read_word(2, 4), 0x100);
    assert_int_equal(read_word(2, 5), 2);
    assert_int_equal(dma_transfer(&dma, 2, bytes + 3, 1, true, &terminal), 1);
    assert_memory_equal(memory + 0x100, "\4\2\3", 3);
}

static void test_dma_verify_counts_and_moves_nothing(void **state)
{
    bool terminal;
    uint8_t bytes[4] = {1, 2, 3, 4};
    program(2, VERIFY, 0x00, 0x100, 3);
    assert_int_equal(dma_transfer(&dma, 2, bytes, 2, true, &terminal), 2);
    assert_int_equal(memory[0x100], 0);
    assert_int_equal(dma_transfer(&dma, 2, bytes, 2, false, &terminal), 2);
    assert_true(terminal);
    assert_memory_equal(bytes, "\xff\xff\3\4", 4);
}

static void test_dma_direction_that_disagrees_moves_nothing(void **state)
{
    bool terminal;
    uint8_t bytes[4] = {1, 2, 3, 4};
    program(2, FROM, 0x00, 0x100, 3);
    assert_int_equal(dma_transfer(&dma, 2, bytes, 4, true, &terminal), 0);
    program(2, INTO, 0x00, 0x100, 3);
    assert_int_equal(dma_transfer(&dma, 2, bytes, 4, false, &terminal), 0);
    program(2, 0x4c, 0x00, 0x100, 3); /* no direction that there is */
    assert_int_equal(dma_transfer(&dma, 2, bytes, 4, true, &terminal), 0);
    assert_int_equal(read_word(2, 5), 3);
}

static void test_dma_no_memory_reads_as_ones(void **state)
{
    bool terminal;
    uint8_t bytes[8] = {0};
    memset(memory + MEMORY - 2, 7, 2);
    program(2, FROM, 0x0f, 0xfffe, 0xffff);
    assert_int_equal(dma_transfer(&dma, 2, bytes, 2, false, &terminal), 2);
    assert_memory_equal(bytes, "\7\7", 2);
    program(2, FROM, 0x10, 0x0000, 0xffff);
    assert_int_equal(dma_transfer(&dma, 2, bytes, 4, false, &terminal), 4);
    assert_memory_equal(bytes, "\xff\xff\xff\xff", 4);
    program(2, INTO, 0xff, 0xfff0, 0xffff);
    assert_int_equal(dma_transfer(&dma, 2, bytes, 8, true, &terminal), 8);
    assert_int_equal(written, 0);
}

/* ---- Records ----------------------------------------------------------------------------------------------------- */

static void test_dma_state_that_cannot_be_is_refused(void **state)
{
    const char *why = NULL;
    struct dma_state s = dma.state;
    assert_int_equal(dma_ops.check(&s, &why), 0);
    s.chip[1].masked = 0x10;
    assert_int_not_equal(dma_ops.check(&s, &why), 0);
    assert_non_null(why);
    s = dma.state;
    s.chip[0].flip_flop = 2;
    assert_int_not_equal(dma_ops.check(&s, &why), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_dma_address_and_count_are_written_and_read_by_the_flip_flop, make),
        cmocka_unit_test_setup(test_dma_page_registers_keep_what_was_written, make),
        cmocka_unit_test_setup(test_dma_masks_shut_channels_one_by_one_and_together, make),
        cmocka_unit_test_setup(test_dma_requests_by_software_are_told, make),
        cmocka_unit_test_setup(test_dma_first_chip_goes_through_the_cascade, make),
        cmocka_unit_test_setup(test_dma_registers_of_other_widths_are_bytes, make),
        cmocka_unit_test_setup(test_dma_bytes_go_into_memory_and_the_count_runs_out, make),
        cmocka_unit_test_setup(test_dma_bytes_come_from_memory, make),
        cmocka_unit_test_setup(test_dma_address_wraps_within_its_page, make),
        cmocka_unit_test_setup(test_dma_words_are_of_128_kib_and_bit_16_is_the_address, make),
        cmocka_unit_test_setup(test_dma_counts_down_where_the_mode_says, make),
        cmocka_unit_test_setup(test_dma_begins_again_by_itself, make),
        cmocka_unit_test_setup(test_dma_verify_counts_and_moves_nothing, make),
        cmocka_unit_test_setup(test_dma_direction_that_disagrees_moves_nothing, make),
        cmocka_unit_test_setup(test_dma_no_memory_reads_as_ones, make),
        cmocka_unit_test_setup(test_dma_state_that_cannot_be_is_refused, make),
    };
    return cmocka_run_group_tests_name("machine_dma", tests, NULL, NULL);
}
