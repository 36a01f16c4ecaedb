/* SPDX-License-Identifier: Apache-2.0 */
/* A PC as a whole: what the processor sees below 1 MiB, the A20 gate, the ways to reset, and its record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "unit/machine_fixture.h"

#define RAM      (UINT64_C(16) << 20)
#define ROM      (256u << 10)
#define PAM_BASE 0x59u

static _Alignas(4096) uint8_t rom[ROM];

static struct fixture *pc_with_firmware(void)
{
    const struct pc_setup setup = {.firmware = rom, .firmware_bytes = ROM, .boot = "a", .debug_exit = true};
    for (unsigned i = 0; i < ROM; i++)
        rom[i] = (uint8_t)(i >> 12) | 0x80;
    return fixture_make_pc(RAM, "moat64", &setup);
}

static uint8_t *page(uint64_t gpa, bool *writable)
{
    return fixture_bus()->page(fixture_bus()->owner, gpa, writable);
}

static void set_pam(struct fixture *f, unsigned reg, uint8_t value)
{
    bus_write(&f->machine.ports, 0xcf8, 4, 0x80000000u | ((PAM_BASE + reg) & ~3u));
    bus_write(&f->machine.ports, 0xcfc + ((PAM_BASE + reg) & 3), 1, value);
}

static void below_1_mib_is_as_pam_says(void **state)
{
    struct fixture *f = pc_with_firmware();
    bool w;

    assert_ptr_equal(page(0x9f000, &w), f->memory + 0x9f000);
    assert_true(w);
    assert_null(page(0xa0000, &w)); /* the display's window */
    assert_null(page(0xbf000, &w));
    assert_null(page(0xc0000, &w)); /* nobody has a ROM there */
    assert_ptr_equal(page(0xf0000, &w), rom + ROM - 0x10000);
    assert_false(w);
    assert_ptr_equal(page(0xe0000, &w), rom + ROM - 0x20000);
    assert_ptr_equal(page(0x100000, &w), f->memory + 0x100000);
    set_pam(f, 0, 0x30); /* 0xf0000 is RAM, to be read and written */
    assert_ptr_equal(page(0xf0000, &w), f->memory + 0xf0000);
    assert_true(w);
    set_pam(f, 0, 0x10);
    assert_ptr_equal(page(0xff000, &w), f->memory + 0xff000);
    assert_false(w);
    set_pam(f, 1, 0x31); /* 0xc0000 to be read alone, 0xc4000 read and written */
    assert_ptr_equal(page(0xc0000, &w), f->memory + 0xc0000);
    assert_false(w);
    assert_ptr_equal(page(0xc4000, &w), f->memory + 0xc4000);
    assert_true(w);
    assert_null(page(0xc8000, &w));
    assert_true(f->map_changes >= 3);
    fixture_free(f);
}

static void the_firmware_lies_below_4_gib(void **state)
{
    struct fixture *f = pc_with_firmware();
    bool w = true;

    assert_ptr_equal(page(0xfffff000, &w), rom + ROM - 0x1000);
    assert_false(w);
    assert_ptr_equal(page(0xfffc0000, &w), rom);
    assert_null(page(0xfffbf000, &w));
    fixture_free(f);
}

static void a_kernel_that_is_entered_has_ram_in_the_place_of_rom(void **state)
{
    const struct pc_setup setup = {.boot = "a"};
    struct fixture *f = fixture_make_pc(RAM, "moat64", &setup);
    bool w = false;

    assert_ptr_equal(page(0xe0000, &w), f->memory + 0xe0000);
    assert_true(w);
    machine_end(&f->machine, MACHINE_RESET);
    assert_int_equal(f->machine.end, MACHINE_RESET);
    fixture_free(f);
}

static void a_shut_gate_makes_bit_20_nothing(void **state)
{
    struct fixture *f = pc_with_firmware();
    bool w;

    assert_ptr_equal(page(0x100000, &w), f->memory + 0x100000);
    fixture_out(f, 0x92, 0);
    assert_int_equal(fixture_in(f, 0x92) & 2, 0);
    assert_ptr_equal(page(0x100000, &w), f->memory);
    assert_ptr_equal(page(0x300000, &w), f->memory + 0x200000);
    fixture_out(f, 0x64, 0xdf); /* the keyboard controller has it too */
    assert_int_equal(fixture_in(f, 0x92) & 2, 2);
    assert_ptr_equal(page(0x100000, &w), f->memory + 0x100000);
    fixture_free(f);
}

static void each_way_to_reset_begins_anew(void **state)
{
    static const struct {
        uint16_t port;
        uint8_t value;
    } ways[] = {{0xcf9, 6}, {0x92, 1}, {0x64, 0xfe}};

    for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct fixture *f = pc_with_firmware();
        bool w;
        set_pam(f, 0, 0x30);
        f->memory[0x5000] = 0x77;
        f->state.rip = 0x1234;
        fixture_out(f, ways[i].port, ways[i].value);
        assert_true(f->machine.begin_anew);
        assert_int_equal(f->machine.end, MACHINE_RUNS);
        machine_reset(&f->machine);
        assert_int_equal(f->state.rip, 0xfff0);
        assert_int_equal(f->state.segments[SEG_CS].base, 0xffff0000);
        assert_ptr_equal(page(0xf0000, &w), rom + ROM - 0x10000);
        assert_int_equal(f->memory[0x5000], 0x77); /* memory stays */
        assert_false(f->machine.begin_anew);
        fixture_free(f);
    }
}

static void a_triple_fault_begins_anew_too(void **state)
{
    struct fixture *f = pc_with_firmware();

    machine_end(&f->machine, MACHINE_TRIPLE_FAULT);
    assert_true(f->machine.begin_anew);
    machine_end(&f->machine, MACHINE_POWEROFF); /* and an end is one */
    assert_int_equal(f->machine.end, MACHINE_POWEROFF);
    fixture_free(f);
}

static void the_debug_exit_ends_it(void **state)
{
    struct fixture *f = pc_with_firmware();

    assert_int_equal(fixture_in(f, 0x402), 0xe9);
    fixture_out(f, 0xf4, 21);
    assert_int_equal(f->machine.end, MACHINE_DEBUG_EXIT);
    assert_int_equal(f->machine.exit_value, 21);
    fixture_free(f);
}

struct saved {
    struct {
        char name[24];
        uint32_t number, version, n;
        uint8_t *bytes;
    } records[64];
    unsigned n;
};

static int put(void *owner, const char *name, uint32_t number, uint32_t version, const void *bytes, uint32_t n)
{
    struct saved *s = owner;
    strcpy(s->records[s->n].name, name);
    s->records[s->n].number = number, s->records[s->n].version = version, s->records[s->n].n = n;
    s->records[s->n].bytes = malloc(n);
    memcpy(s->records[s->n++].bytes, bytes, n);
    return 0;
}

static void another_machine_goes_on_from_its_records(void **state)
{
    static struct saved s;
    struct fixture *f = pc_with_firmware();
    const char *why = "";
    bool w;

    set_pam(f, 0, 0x30);
    fixture_out(f, 0x92, 0);
    assert_int_equal(machine_save(&f->machine, &s, put), 0);
    fixture_free(f);
    f = pc_with_firmware();
    for (unsigned i = 0; i < s.n; i++) {
        const int r = machine_load(&f->machine, s.records[i].name, s.records[i].number, s.records[i].version,
                                   s.records[i].bytes, s.records[i].n, &why);
        if (strcmp(s.records[i].name, "cpu") != 0) /* the fixture's processor has a state of zeros */
            assert_int_equal(r, 0);
        free(s.records[i].bytes);
    }
    (void)machine_loaded(&f->machine);
    assert_ptr_equal(page(0xf0000, &w), f->memory + 0xf0000);
    assert_ptr_equal(page(0x100000, &w), f->memory);
    fixture_free(f);
}

static void a_gate_that_is_neither_is_refused(void **state)
{
    const struct pc_state bad[] = {{.a20 = 2}, {.a20 = 1, .port92 = 2}};
    const char *why = NULL;

    for (unsigned i = 0; i < 2; i++)
        assert_int_not_equal(pc_ops.check(&bad[i], &why), 0);
    assert_non_null(why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(below_1_mib_is_as_pam_says),
        cmocka_unit_test(the_firmware_lies_below_4_gib),
        cmocka_unit_test(a_kernel_that_is_entered_has_ram_in_the_place_of_rom),
        cmocka_unit_test(a_shut_gate_makes_bit_20_nothing),
        cmocka_unit_test(each_way_to_reset_begins_anew),
        cmocka_unit_test(a_triple_fault_begins_anew_too),
        cmocka_unit_test(the_debug_exit_ends_it),
        cmocka_unit_test(another_machine_goes_on_from_its_records),
        cmocka_unit_test(a_gate_that_is_neither_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
