/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a PC tells software of itself: PCI's configuration space, fw_cfg's files, the orders and tables of ACPI (carried
 * out here as firmware would), the bytes of CMOS, and power management. All through ports, as a guest reaches it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/dev/acpi_loader.h"
#include "unit/machine_fixture.h"

#define MIB UINT64_C(1048576)
#define ROM (256u << 10)

static _Alignas(4096) uint8_t rom[ROM];
static const uint8_t display_rom[1024] = {0x55, 0xaa, 2, 0xcb, [1023] = 0x42};

static const struct pc_setup with_firmware = {.firmware = rom,
                                              .firmware_bytes = ROM,
                                              .display_firmware = display_rom,
                                              .display_firmware_bytes = sizeof(display_rom),
                                              .boot = "adc",
                                              .floppy_types = {FDC_1440K, FDC_1440K}};

static int make_pc(void **state)
{
    *state = fixture_make_pc(64 * MIB, "moat64", &with_firmware);
    return 0;
}
static int drop(void **state)
{
    fixture_free(*state);
    return 0;
}

static uint32_t in(struct fixture *f, uint16_t port, unsigned size)
{
    return (uint32_t)bus_read(&f->machine.ports, port, size);
}
static void out(struct fixture *f, uint16_t port, unsigned size, uint32_t value)
{
    bus_write(&f->machine.ports, port, size, value);
}

/* ---- PCI --------------------------------------------------------------------------------------------------------- */

enum { HOST = 0, ISA = 1 << 3, IDE = 1 << 3 | 1, POWER = 1 << 3 | 3 }; /* device and function on bus 0 */

static void choose(struct fixture *f, unsigned where, unsigned at)
{
    out(f, 0xcf8, 4, UINT32_C(1) << 31 | where << 8 | (at & ~3u));
}
static uint32_t config(struct fixture *f, unsigned where, unsigned at, unsigned size)
{
    choose(f, where, at);
    return in(f, (uint16_t)(0xcfc + at % 4), size);
}
static void set_config(struct fixture *f, unsigned where, unsigned at, unsigned size, uint32_t value)
{
    choose(f, where, at);
    out(f, (uint16_t)(0xcfc + at % 4), size, value);
}

static void test_pci_functions_are_those_of_a_440fx(void **state)
{
    static const struct {
        const char *label;
        unsigned where;
        uint32_t id, class_and_revision;
        uint8_t header;
    } cases[] = {
        {"host bridge", HOST, 0x12378086, 0x06000002, 0x00},
        {"ISA bridge", ISA, 0x70008086, 0x06010000, 0x80},
        {"IDE", IDE, 0x70108086, 0x01010000, 0x00},
        {"power management", POWER, 0x71138086, 0x06800003, 0x00},
    };
    struct fixture *f = *state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("# %s\n", cases[i].label);
        assert_int_equal(config(f, cases[i].where, 0, 4), cases[i].id);
        assert_int_equal(config(f, cases[i].where, 8, 4), cases[i].class_and_revision);
        assert_int_equal(config(f, cases[i].where, 0xe, 1), cases[i].header);
        assert_int_equal(config(f, cases[i].where, 0x3d, 1), 0); /* no interrupt */
    }
    assert_int_equal(config(f, HOST, 0x2c, 2), 0x1af4); /* by which SeaBIOS knows the platform */
    assert_int_equal(config(f, HOST, 0x2e, 2), 0x1100);
    assert_int_equal(config(f, POWER, 0x40, 4), 0x601); /* where power.h has its ports */
}

static void test_pci_nobody_reads_ones(void **state)
{
    static const struct {
        const char *label;
        uint32_t address;
    } cases[] = {
        {"function 2 of device 1", UINT32_C(0x80000a00)},
        {"function 1 of device 0", UINT32_C(0x80000100)},
        {"device 2", UINT32_C(0x80001000)},
        {"device 31", UINT32_C(0x8000f800)},
        {"bus 1", UINT32_C(0x80010000)},
        {"bus 255", UINT32_C(0x80ff0000)},
        {"not enabled", UINT32_C(0x00000000)},
    };
    struct fixture *f = *state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("# %s\n", cases[i].label);
        out(f, 0xcf8, 4, cases[i].address);
        assert_int_equal(in(f, 0xcfc, 4), UINT32_MAX);
        out(f, 0xcfc, 4, 0);
        assert_int_equal(in(f, 0xcfe, 2), 0xffff);
        assert_int_equal(in(f, 0xcff, 1), 0xff);
    }
    assert_int_equal(config(f, HOST, 0, 4), 0x12378086);
}

static void test_pci_address_is_a_register_of_32_bits(void **state)
{
    struct fixture *f = *state;
    out(f, 0xcf8, 4, 0xffffffff); /* reserved bits and the lowest two are none */
    assert_int_equal(in(f, 0xcf8, 4), 0x80fffffc);
    out(f, 0xcf8, 4, 0x80000000);
    out(f, 0xcfb, 1, 0x01); /* how Linux and others look for mechanism 1 */
    out(f, 0xcf8, 2, 0x1234);
    out(f, 0xcfa, 2, 0x1234);
    assert_int_equal(in(f, 0xcf8, 4), 0x80000000);
    assert_int_equal(in(f, 0xcf8, 1), 0xff);
    assert_int_equal(in(f, 0xcfa, 2), 0xffff);
    assert_int_equal(in(f, 0xcfc, 2), 0x8086);
    assert_int_equal(in(f, 0xcfd, 1), 0x80);
    assert_int_equal(in(f, 0xcfe, 2), 0x1237);
}

static void test_pci_registers_take_what_they_may(void **state)
{
    static const struct {
        const char *label;
        unsigned where, at, size;
        uint32_t write, then;
    } cases[] = {
        {"an identity", HOST, 0x00, 4, 0, 0x12378086},
        {"a host bridge's command: memory and bus master are always on", HOST, 0x04, 2, 0, 0x0006},
        {"a host bridge's command: PERR and SERR", HOST, 0x04, 2, 0xffff, 0x0146},
        {"status is not written", HOST, 0x06, 2, 0xffff, 0x0280},
        {"the latency timer", HOST, 0x0d, 1, 0xff, 0xf8},
        {"a base address", HOST, 0x10, 4, UINT32_MAX, 0},
        {"an option ROM's address", HOST, 0x30, 4, UINT32_MAX, 0},
        {"the subsystem", HOST, 0x2c, 4, 0, 0x11001af4},
        {"PAM0 has no lower half", HOST, 0x59, 1, 0xff, 0x30},
        {"PAM1 and PAM2", HOST, 0x5a, 2, 0xffff, 0x3333},
        {"PAM3 to PAM6", HOST, 0x5c, 4, UINT32_MAX, 0x33333333},
        {"SMRAM cannot be opened", HOST, 0x72, 1, 0xff, 0x02},
        {"an ISA bridge's command", ISA, 0x04, 2, 0, 0x0007},
        {"X-bus chip selects", ISA, 0x4e, 2, 0xffff, 0x01ff},
        {"a PIRQ route", ISA, 0x61, 1, 0xff, 0x8f},
        {"all PIRQ routes", ISA, 0x60, 4, 0x0b0b0a0a, 0x0b0b0a0a},
        {"an IDE function's command", IDE, 0x04, 2, 0xffff, 0x0005},
        {"it has no bus master's ports", IDE, 0x20, 4, UINT32_MAX, 0},
        {"no native mode", IDE, 0x09, 1, 0xff, 0},
        {"the first channel's timing", IDE, 0x40, 2, 0xffff, 0xf3ff},
        {"the second channel is shut off", IDE, 0x42, 2, 0x0000, 0x0000},
        {"ACPI's ports stay where they are", POWER, 0x40, 4, 0xb001, 0x601},
        {"ACPI's ports are on", POWER, 0x80, 1, 0xff, 0x01},
        {"system management is set up already", POWER, 0x58, 4, 0, 0x02000000},
        {"an interrupt line", POWER, 0x3c, 1, 0x0b, 0x0b},
        {"SMBus's base", POWER, 0x90, 4, 0x12345700, 0x5701},
        {"SMBus stays off", POWER, 0xd2, 1, 0xff, 0},
    };
    struct fixture *f = *state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_config(f, cases[i].where, cases[i].at, cases[i].size, cases[i].write);
        if (config(f, cases[i].where, cases[i].at, cases[i].size) != cases[i].then)
            fail_msg("%s: %#x", cases[i].label, config(f, cases[i].where, cases[i].at, cases[i].size));
    }
}

static void test_pci_parts_of_a_register_leave_the_others(void **state)
{
    struct fixture *f = *state;
    set_config(f, ISA, 0x60, 4, 0x0b0b0a0a);
    set_config(f, ISA, 0x61, 1, 0x05);
    set_config(f, ISA, 0x62, 2, 0x0706);
    assert_int_equal(config(f, ISA, 0x60, 4), 0x0706050a);
    out(f, 0xcfd, 4, 0x0c0c0c0c); /* what lies beyond the data port is nobody's */
    assert_int_equal(config(f, ISA, 0x60, 4), 0x0c0c0c0a);
}

static void test_pci_pam_segments_are_told_apart(void **state)
{
    struct fixture *f = *state;
    for (unsigned n = 0; n < PCI_PAM_SEGMENTS; n++) {
        const unsigned at = n == 12 ? 0x59 : 0x5a + n / 2, shift = n == 12 || n % 2 ? 4 : 0;
        const unsigned before = f->map_changes;
        set_config(f, HOST, at, 1, PAM_READ << shift);
        for (unsigned k = 0; k < PCI_PAM_SEGMENTS; k++)
            assert_int_equal(pci_pam(&f->pc.pci, k), k == n ? PAM_READ : 0);
        assert_true(f->map_changes > before);
        set_config(f, HOST, at, 1, (PAM_READ | PAM_WRITE) << shift);
        assert_int_equal(pci_pam(&f->pc.pci, n), PAM_READ | PAM_WRITE);
        set_config(f, HOST, at, 1, 0);
    }
    const unsigned before = f->map_changes;
    set_config(f, HOST, 0x5c, 4, 0xcccccccc); /* bits that are none change nothing */
    set_config(f, ISA, 0x5c, 4, 0xffffffff);
    assert_int_equal(f->map_changes, before);
}

static void test_pci_reset_control_lies_among_them(void **state)
{
    struct fixture *f = *state;
    choose(f, ISA, 0);
    out(f, 0xcf9, 1, 2);
    assert_int_equal(in(f, 0xcf9, 1), 2);
    assert_false(f->machine.begin_anew);
    assert_int_equal(in(f, 0xcf8, 4), 0x80000800);
    out(f, 0xcf8, 4, 0x80000604); /* byte 1 of an address resets nobody */
    assert_false(f->machine.begin_anew);
    out(f, 0xcf9, 1, 6);
    assert_true(f->machine.begin_anew);
}

static void test_pci_reset_puts_all_registers_back(void **state)
{
    struct fixture *f = *state;
    const struct pci_state before = f->pc.pci.state;
    set_config(f, HOST, 0x5c, 4, 0x33333333);
    set_config(f, IDE, 0x40, 4, 0);
    out(f, 0xcf9, 1, 2);
    const unsigned changes = f->map_changes;
    pci_ops.reset(&f->pc.pci);
    assert_memory_equal(&f->pc.pci.state, &before, sizeof(before));
    assert_true(f->map_changes > changes);
}

static void test_pci_record_holds_what_can_be_alone(void **state)
{
    struct fixture *f = *state;
    struct pci_state s = f->pc.pci.state;
    const char *why = NULL;
    assert_int_equal(pci_ops.check(&s, &why), 0);
    s.config[PCI_HOST][0x5a] = 0x31;
    s.address = 0x80ffff00;
    assert_int_equal(pci_ops.check(&s, &why), 0);
    s.config[PCI_HOST][0] = 0x87;
    assert_int_equal(pci_ops.check(&s, &why), -EINVAL);
    assert_non_null(why);
    s = f->pc.pci.state;
    s.config[PCI_POWER][0x41] = 0xb0;
    assert_int_equal(pci_ops.check(&s, &why), -EINVAL);
    s = f->pc.pci.state;
    s.config[PCI_IDE][0x10] = 1;
    assert_int_equal(pci_ops.check(&s, &why), -EINVAL);
    s = f->pc.pci.state;
    s.address = 1;
    assert_int_equal(pci_ops.check(&s, &why), -EINVAL);
    s = f->pc.pci.state;
    s.reset_control = 4;
    assert_int_equal(pci_ops.check(&s, &why), -EINVAL);
}

/* ---- fw_cfg ------------------------------------------------------------------------------------------------------ */

static void select_item(struct fixture *f, uint16_t item)
{
    out(f, 0x510, 2, item);
}
static uint64_t big_endian(struct fixture *f, unsigned bytes)
{
    uint64_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | fixture_in(f, 0x511);
    return value;
}

/* The number of a file by its name, as firmware finds it; 0: there is none. */
static uint16_t find_file(struct fixture *f, const char *name, uint32_t *bytes)
{
    char last[56] = "", here[56];
    select_item(f, 0x19);
    uint32_t n = (uint32_t)big_endian(f, 4);
    uint16_t found = 0;
    assert_in_range(n, 1, FWCFG_FILES);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t size = (uint32_t)big_endian(f, 4);
        uint16_t item = (uint16_t)big_endian(f, 2);
        assert_int_equal(big_endian(f, 2), 0);
        for (unsigned k = 0; k < sizeof(here); k++)
            here[k] = (char)fixture_in(f, 0x511);
        assert_int_equal(here[55], 0);
        assert_true(strcmp(last, here) < 0);
        assert_int_equal(item, 0x20 + i);
        memcpy(last, here, sizeof(here));
        if (strcmp(here, name) == 0)
            found = item, *bytes = size;
    }
    assert_int_equal(big_endian(f, 4), 0); /* and nothing behind */
    return found;
}

static uint32_t read_file(struct fixture *f, const char *name, uint8_t *to, uint32_t room)
{
    uint32_t n = 0;
    uint16_t item = find_file(f, name, &n);
    if (item == 0)
        return 0;
    assert_in_range(n, 1, room);
    select_item(f, item);
    for (uint32_t i = 0; i < n; i++)
        to[i] = fixture_in(f, 0x511);
    assert_int_equal(fixture_in(f, 0x511), 0); /* behind the end */
    return n;
}

static void test_fwcfg_numbers_are_told(void **state)
{
    struct fixture *f = *state;
    select_item(f, 0);
    assert_int_equal(big_endian(f, 4), 0x51454d55); /* QEMU */
    select_item(f, 1);
    assert_int_equal(fixture_in(f, 0x511), 1); /* without DMA */
    select_item(f, 5);
    assert_int_equal(fixture_in(f, 0x511), 1);
    select_item(f, 0x8002); /* interrupt 0 is pin 2, as the MADT says */
    assert_int_equal(fixture_in(f, 0x511), 1);
    select_item(f, 0x8000); /* no tables of the old kind */
    assert_int_equal(big_endian(f, 8), 0);
    out(f, 0x511, 1, 0x55); /* nothing is written */
    assert_int_equal(in(f, 0x510, 2), 0);
}

static void test_fwcfg_files_are_read_by_their_number(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[sizeof(display_rom)];
    uint32_t n;
    assert_int_equal(read_file(f, "vgaroms/vgabios.bin", bytes, sizeof(bytes)), sizeof(display_rom));
    assert_memory_equal(bytes, display_rom, sizeof(display_rom));
    assert_int_equal(read_file(f, "etc/show-boot-menu", bytes, sizeof(bytes)), 2);
    assert_int_equal(bytes[0] | bytes[1] << 8, 0);
    assert_int_equal(find_file(f, "etc/nothing", &n), 0);
    select_item(f, find_file(f, "vgaroms/vgabios.bin", &n)); /* from its beginning, each time that it is chosen */
    assert_int_equal(fixture_in(f, 0x511), 0x55);
    select_item(f, 0x20 + FWCFG_FILES);
    assert_int_equal(big_endian(f, 8), 0);
}

static void test_fwcfg_takes_so_many_files_and_short_names(void **state)
{
    static char names[FWCFG_FILES + 1][8];
    struct fwcfg f;
    struct bus ports = {.n = 0};
    char name[57];
    assert_int_equal(fwcfg_init(&f, &ports, MIB, 1), 0);
    memset(name, 'x', sizeof(name));
    name[56] = '\0';
    assert_int_equal(fwcfg_add(&f, name, "y", 1), -ENOSPC);
    name[55] = '\0';
    assert_int_equal(fwcfg_add(&f, name, "y", 1), 0);
    for (unsigned i = 1; i < FWCFG_FILES; i++) {
        snprintf(names[i], sizeof(names[i]), "f%u", FWCFG_FILES - i);
        assert_int_equal(fwcfg_add(&f, names[i], names[i], 1), 0);
    }
    assert_int_equal(fwcfg_add(&f, "more", "y", 1), -ENOSPC);
    for (unsigned i = 1; i < f.n_files; i++)
        assert_true(strcmp(f.files[i - 1].name, f.files[i].name) < 0);
}

static void test_fwcfg_goes_on_in_a_file_after_it_was_loaded(void **state)
{
    struct fixture *f = *state;
    uint32_t n;
    select_item(f, find_file(f, "vgaroms/vgabios.bin", &n));
    for (unsigned i = 0; i < 1023; i++)
        (void)fixture_in(f, 0x511);
    const struct fwcfg_state saved = f->machine.fwcfg.state;
    fwcfg_ops.reset(&f->machine.fwcfg);
    assert_int_equal(fixture_in(f, 0x511), 'Q');
    f->machine.fwcfg.state = saved;
    assert_int_equal(fixture_in(f, 0x511), 0x42);
}

static void test_firmware_is_told_of_all_memory(void **state)
{
    const struct {
        uint64_t ram;
        unsigned n;
        uint64_t base[2], bytes[2];
    } cases[] = {
        {16 * MIB, 1, {0}, {16 * MIB}},
        {3072 * MIB, 1, {0}, {3072 * MIB}},
        {5120 * MIB, 2, {0, 4096 * MIB}, {3072 * MIB, 2048 * MIB}},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture *f = fixture_make_pc(cases[i].ram, "moat64", &with_firmware);
        uint8_t map[200];
        assert_int_equal(read_file(f, "etc/e820", map, sizeof(map)), 20 * cases[i].n);
        for (unsigned k = 0; k < cases[i].n; k++) {
            assert_memory_equal(map + 20 * k, &cases[i].base[k], 8);
            assert_memory_equal(map + 20 * k + 8, &cases[i].bytes[k], 8);
            assert_memory_equal(map + 20 * k + 16, "\1\0\0\0", 4);
        }
        fixture_free(f);
    }
}

/* ---- CMOS -------------------------------------------------------------------------------------------------------- */

static uint8_t cmos(struct fixture *f, uint8_t index)
{
    fixture_out(f, 0x70, index);
    return fixture_in(f, 0x71);
}

static void test_cmos_tells_of_floppies_and_boot_order(void **state)
{
    static const struct {
        const char *label, *boot;
        enum fdc_drive_type a, b;
        uint8_t types, equipment, order, third;
    } cases[] = {
        {"two drives", "adc", FDC_1440K, FDC_1440K, 0x44, 0x47, 0x31, 0x20},
        {"one drive", "c", FDC_2880K, FDC_NONE, 0x50, 0x07, 0x02, 0x00},
        {"the second alone", "d", FDC_NONE, FDC_360K, 0x01, 0x07, 0x03, 0x00},
        {"none", "cd", FDC_NONE, FDC_NONE, 0x00, 0x06, 0x32, 0x00},
        {"nothing is said", NULL, FDC_1200K, FDC_720K, 0x23, 0x47, 0x00, 0x00},
        {"a letter that is nothing", "xda", FDC_1200K, FDC_720K, 0x23, 0x47, 0x13, 0x00},
        {"more than there is room for", "acdcda", FDC_1200K, FDC_720K, 0x23, 0x47, 0x21, 0x30},
    };
    for (unsigned firmware = 0; firmware < 2; firmware++) {
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            struct pc_setup setup = with_firmware;
            setup.firmware = firmware ? rom : NULL;
            setup.boot = cases[i].boot;
            setup.floppy_types[0] = cases[i].a;
            setup.floppy_types[1] = cases[i].b;
            struct fixture *f = fixture_make_pc(16 * MIB, "moat64", &setup);
            print_message("# %s\n", cases[i].label);
            assert_int_equal(cmos(f, 0x10), cases[i].types);
            assert_int_equal(cmos(f, 0x14), cases[i].equipment);
            assert_int_equal(cmos(f, 0x3d), cases[i].order);
            assert_int_equal(cmos(f, 0x38), cases[i].third);
            assert_int_equal(cmos(f, 0x0f), 0);
            fixture_free(f);
        }
    }
}

static void test_cmos_bytes_outlive_a_reset(void **state)
{
    struct fixture *f = *state;
    fixture_out(f, 0x70, 0x0f);
    fixture_out(f, 0x71, 0x05);
    fixture_out(f, 0x70, 0x7f);
    fixture_out(f, 0x71, 0xaa);
    fixture_out(f, 0x70, 0x0b);
    fixture_out(f, 0x71, 0x7e); /* binary, 24 hours, all interrupts and the square wave */
    fixture_out(f, 0x70, 0x04);
    fixture_out(f, 0x71, 17); /* the hour */
    rtc_ops.reset(&f->machine.rtc);
    assert_int_equal(cmos(f, 0x0f), 0x05);
    assert_int_equal(cmos(f, 0x7f), 0xaa);
    assert_int_equal(cmos(f, 0x0b), 0x06);
    assert_int_equal(cmos(f, 0x04), 17);
    assert_int_equal(cmos(f, 0x10), 0x44);
    fixture_pass(f, 2 * SECOND_NS);
    assert_int_equal(f->machine.rtc.timer.due, NEVER); /* no interrupt is wanted any more */
}

static void test_cmos_registers_of_the_clock_are_not_set_as_bytes(void **state)
{
    struct fixture *f = *state;
    const struct rtc_state before = f->machine.rtc.state;
    rtc_set_byte(&f->machine.rtc, 0x0b, 0xff);
    rtc_set_byte(&f->machine.rtc, 0x04, 0xff);
    rtc_set_byte(&f->machine.rtc, 0x32, 0xff);
    rtc_set_byte(&f->machine.rtc, RTC_BYTES, 0xff);
    assert_memory_equal(&f->machine.rtc.state, &before, sizeof(before));
    rtc_set_byte(&f->machine.rtc, RTC_BYTES - 1, 0xa5);
    assert_int_equal(cmos(f, RTC_BYTES - 1), 0xa5);
}

/* ---- ACPI -------------------------------------------------------------------------------------------------------- */

struct loaded {
    const char *name;
    uint8_t bytes[16384];
    uint32_t n;
    uint64_t at; /* where it was laid */
};

static uint8_t sum(const uint8_t *bytes, uint64_t n)
{
    uint8_t s = 0;
    while (n-- > 0)
        s = (uint8_t)(s + *bytes++);
    return s;
}
static uint64_t little_endian(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;
    memcpy(&value, at, bytes);
    return value;
}

static struct loaded *by_name(struct loaded files[2], const uint8_t *name)
{
    assert_int_equal(name[55], 0);
    for (unsigned i = 0; i < 2; i++) {
        if (files[i].n > 0 && strcmp(files[i].name, (const char *)name) == 0)
            return &files[i];
    }
    fail_msg("an order about %s, which was not loaded", (const char *)name);
    return NULL;
}

/* Carries the orders out, as QEMU's description of them says: the first file is the RSDP, the second the tables. */
static void load_tables(struct fixture *f, struct loaded files[2])
{
    uint8_t orders[128 * 32];
    const uint32_t n = read_file(f, "etc/table-loader", orders, sizeof(orders));
    files[0] = (struct loaded){.name = ACPI_LOADER_RSDP, .at = 0xf5ab0};
    files[1] = (struct loaded){.name = ACPI_LOADER_FILE, .at = 0x3ffe040};
    assert_true(n > 0 && n % 128 == 0);
    for (const uint8_t *o = orders; o < orders + n; o += 128) {
        struct loaded *file;
        uint32_t at;
        switch (little_endian(o, 4)) {
        case 1:
            file = &files[strcmp((const char *)o + 4, ACPI_LOADER_FILE) == 0];
            assert_string_equal((const char *)o + 4, file->name);
            assert_int_equal(file->n, 0); /* once each */
            file->n = read_file(f, file->name, file->bytes, sizeof(file->bytes));
            assert_int_equal(o[64], file == &files[0] ? 2 : 1);
            assert_int_equal(file->at % little_endian(o + 60, 4), 0);
            break;
        case 2:
            file = by_name(files, o + 4);
            at = (uint32_t)little_endian(o + 116, 4);
            assert_true(o[120] == 4 || o[120] == 8);
            assert_in_range(at, 0, file->n - o[120]);
            uint64_t value = little_endian(file->bytes + at, o[120]);
            assert_in_range(value, 0, by_name(files, o + 60)->n - 1);
            value += by_name(files, o + 60)->at;
            memcpy(file->bytes + at, &value, o[120]);
            break;
        case 3:
            file = by_name(files, o + 4);
            assert_in_range(little_endian(o + 64, 4) + little_endian(o + 68, 4), 1, file->n);
            at = (uint32_t)little_endian(o + 60, 4);
            assert_in_range(at, little_endian(o + 64, 4), little_endian(o + 64, 4) + little_endian(o + 68, 4) - 1);
            file->bytes[at] =
                (uint8_t)(file->bytes[at] - sum(file->bytes + little_endian(o + 64, 4), little_endian(o + 68, 4)));
            break;
        default:
            fail_msg("order %llu", (unsigned long long)little_endian(o, 4));
        }
    }
}

/* The table at an address, whole and with a right sum. */
static const uint8_t *table(const struct loaded *tables, uint64_t at, const char *signature)
{
    assert_in_range(at, tables->at, tables->at + tables->n - 8);
    const uint8_t *t = tables->bytes + (at - tables->at);
    const uint64_t n = little_endian(t + 4, 4);
    assert_memory_equal(t, signature, 4);
    assert_in_range(n, 8, tables->n - (at - tables->at));
    if (strcmp(signature, "FACS") != 0)
        assert_int_equal(sum(t, n), 0);
    else
        assert_int_equal(at % 64, 0);
    return t;
}

static bool has(const uint8_t *t, const void *bytes, size_t n)
{
    return memmem(t, little_endian(t + 4, 4), bytes, n) != NULL;
}

/* What both ways to a PC's tables lead to. */
static void look_at_tables(const struct loaded *tables, const uint8_t *rsdp)
{
    assert_memory_equal(rsdp, "RSD PTR ", 8);
    assert_int_equal(sum(rsdp, 20), 0);
    assert_int_equal(sum(rsdp, 36), 0);
    const uint8_t *rsdt = table(tables, little_endian(rsdp + 16, 4), "RSDT"),
                  *xsdt = table(tables, little_endian(rsdp + 24, 8), "XSDT");
    assert_int_equal(little_endian(rsdt + 36, 4), little_endian(xsdt + 36, 8));
    assert_int_equal(little_endian(rsdt + 40, 4), little_endian(xsdt + 44, 8));
    const uint8_t *fadt = table(tables, little_endian(xsdt + 36, 8), "FACP");
    (void)table(tables, little_endian(xsdt + 44, 8), "APIC");
    (void)table(tables, little_endian(fadt + 36, 4), "FACS");
    assert_int_equal(little_endian(fadt + 36, 4), little_endian(fadt + 132, 8));
    assert_int_equal(little_endian(fadt + 40, 4), little_endian(fadt + 140, 8));
    assert_int_equal(fadt[109] & 7, 3);    /* ISA devices, an 8042, and VGA */
    assert_int_equal(fadt[112] & 0x10, 0); /* a power button, of the fixed kind */
    const uint8_t *dsdt = table(tables, little_endian(fadt + 40, 4), "DSDT");
    static const struct {
        const char *label;
        uint8_t id[4]; /* as EISA has it */
    } ids[] = {
        {"PCI", {0x41, 0xd0, 0x0a, 0x03}},    {"keyboard", {0x41, 0xd0, 0x03, 0x03}},
        {"mouse", {0x41, 0xd0, 0x0f, 0x13}},  {"floppy", {0x41, 0xd0, 0x07, 0x00}},
        {"serial", {0x41, 0xd0, 0x05, 0x01}}, {"clock", {0x41, 0xd0, 0x0b, 0x00}},
    };
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        print_message("# %s\n", ids[i].label);
        assert_true(has(dsdt, ids[i].id, 4));
    }
    static const uint8_t off[] = {'_', 'S', '5', '_', 0x12, 0x88, 0x00, 0x00, 4, 0, 0, 0, 0};
    assert_true(has(dsdt, off, sizeof(off)));
}

static void test_acpi_orders_make_tables_wherever_they_are_laid(void **state)
{
    struct fixture *f = *state;
    struct loaded *files = calloc(2, sizeof(*files));
    assert_non_null(files);
    load_tables(f, files);
    assert_int_equal(files[0].n, 36);
    look_at_tables(&files[1], files[0].bytes);
    free(files);
}

static void test_acpi_of_a_pc_without_firmware_lies_in_memory(void **state)
{
    struct pc_setup setup = with_firmware;
    const char *why;
    setup.firmware = NULL;
    struct fixture *f = fixture_make_pc(64 * MIB, "moat64", &setup);
    struct loaded *all = calloc(1, sizeof(*all));
    assert_non_null(all);
    assert_int_equal(boot_tables(&f->machine, &why), 0);
    all->at = BOOT_ACPI;
    all->n = sizeof(all->bytes);
    memcpy(all->bytes, f->memory + BOOT_ACPI, all->n);
    look_at_tables(all, all->bytes);
    free(all);
    fixture_free(f);
}

static void test_acpi_orders_refuse_too_little_room(void **state)
{
    struct acpi_notes notes = {.n_pointers = 3, .n_checksums = 2};
    uint8_t bytes[128 * 7];
    assert_int_equal(acpi_loader(bytes, sizeof(bytes), &notes), sizeof(bytes));
    assert_int_equal(acpi_loader(bytes, sizeof(bytes) - 1, &notes), 0);
}

/* ---- Power ------------------------------------------------------------------------------------------------------- */

static void test_power_of_a_pc_is_off_as_a_piix4_is(void **state)
{
    struct fixture *f = *state;
    out(f, 0x604, 2, POWER_SLEEP_S5 << 10 | 1 << 13);
    assert_int_equal(f->machine.end, MACHINE_RUNS);
    out(f, 0x604, 2, 0x2000); /* what its firmware writes for APM's "off" */
    assert_int_equal(f->machine.end, MACHINE_POWEROFF);
}

static void test_power_commands_are_kept_and_nobody_answers(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(in(f, 0xb2, 2), 0);
    fixture_out(f, 0xb2, 0xf1);
    fixture_out(f, 0xb3, 0x5a);
    assert_int_equal(in(f, 0xb2, 2), 0x5af1);
    out(f, 0xb2, 2, 0x1234);
    assert_int_equal(fixture_in(f, 0xb3), 0x12);
    power_ops.reset(&f->machine.power);
    assert_int_equal(in(f, 0xb2, 2), 0);
}

static void test_power_button_comes_to_a_guest_that_listens(void **state)
{
    struct fixture *f = *state;
    power_button(&f->machine.power);
    power_ops.reset(&f->machine.power); /* what was pressed before a reset is forgotten */
    assert_int_equal(in(f, 0x600, 2) & 1 << 8, 0);
    out(f, 0x602, 2, 1 << 8);
    assert_false(f->machine.ioapic.state.lines >> POWER_IRQ & 1);
    power_button(&f->machine.power);
    assert_true(f->machine.ioapic.state.lines >> POWER_IRQ & 1);
}

int main(void)
{
#define PC(name) cmocka_unit_test_setup_teardown(name, make_pc, drop)
    const struct CMUnitTest tests[] = {
        PC(test_pci_functions_are_those_of_a_440fx),
        PC(test_pci_nobody_reads_ones),
        PC(test_pci_address_is_a_register_of_32_bits),
        PC(test_pci_registers_take_what_they_may),
        PC(test_pci_parts_of_a_register_leave_the_others),
        PC(test_pci_pam_segments_are_told_apart),
        PC(test_pci_reset_control_lies_among_them),
        PC(test_pci_reset_puts_all_registers_back),
        PC(test_pci_record_holds_what_can_be_alone),
        PC(test_fwcfg_numbers_are_told),
        PC(test_fwcfg_files_are_read_by_their_number),
        cmocka_unit_test(test_fwcfg_takes_so_many_files_and_short_names),
        PC(test_fwcfg_goes_on_in_a_file_after_it_was_loaded),
        cmocka_unit_test(test_firmware_is_told_of_all_memory),
        cmocka_unit_test(test_cmos_tells_of_floppies_and_boot_order),
        PC(test_cmos_bytes_outlive_a_reset),
        PC(test_cmos_registers_of_the_clock_are_not_set_as_bytes),
        PC(test_acpi_orders_make_tables_wherever_they_are_laid),
        cmocka_unit_test(test_acpi_of_a_pc_without_firmware_lies_in_memory),
        cmocka_unit_test(test_acpi_orders_refuse_too_little_room),
        PC(test_power_of_a_pc_is_off_as_a_piix4_is),
        PC(test_power_commands_are_kept_and_nobody_answers),
        PC(test_power_button_comes_to_a_guest_that_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
