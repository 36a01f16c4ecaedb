/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory by address, and the two buses: what lies where, what is nowhere, and what goes over an edge.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "machine/bus.h"
#include "machine/gmem.h"

#define PAGE 4096

static _Alignas(4096) uint8_t low[2 * PAGE], next[PAGE], far_[PAGE];
static uint64_t told_at, told_n;

static void told(void *owner, gpa_t gpa, uint64_t n)
{
    told_at = gpa;
    told_n = n;
}

/* Two regions that touch, and a ROM that does not. */
static struct gmem three_regions(void)
{
    struct gmem m = {.written = told};
    const struct gmem_region regions[] = {
        {0x100000, PAGE, far_, 3 * PAGE, GMEM_ROM}, {0, 2 * PAGE, low, 0, 0}, {2 * PAGE, PAGE, next, 2 * PAGE, 0}};
    memset(low, 0x11, sizeof(low));
    memset(next, 0x22, sizeof(next));
    memset(far_, 0x33, sizeof(far_));
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(gmem_add(&m, &regions[i]), 0);
    told_n = 0;
    return m;
}

static void test_gmem_region_that_overlaps_or_wraps_is_refused(void **state)
{
    struct gmem m = three_regions();
    const struct {
        const char *label;
        struct gmem_region region;
    } cases[] = {
        {"the same", {0, PAGE, low, 0, 0}},
        {"the end of another", {PAGE, PAGE, low, 0, 0}},
        {"the beginning of another", {0xff000, 2 * PAGE, low, 0, 0}},
        {"no pages", {0x200000, 100, low, 0, 0}},
        {"nothing", {0x200000, 0, low, 0, 0}},
        {"over the end of all", {UINT64_MAX - PAGE + 1, 2 * PAGE, low, 0, 0}},
        {"no memory", {0x200000, PAGE, NULL, 0, 0}},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("# %s\n", cases[i].label);
        assert_int_equal(gmem_add(&m, &cases[i].region), -EINVAL);
    }
    assert_int_equal(m.n, 3);
}

static void test_gmem_copies_over_regions_that_touch(void **state)
{
    struct gmem m = three_regions();
    uint8_t got[8], put[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    assert_int_equal(gmem_read(&m, 2 * PAGE - 4, got, 8), 0);
    assert_memory_equal(got, "\x11\x11\x11\x11\x22\x22\x22\x22", 8);
    assert_int_equal(gmem_write(&m, 2 * PAGE - 4, put, 8), 0);
    assert_memory_equal(next, put + 4, 4);
    assert_int_equal(told_at, 2 * PAGE - 4);
    assert_int_equal(told_n, 8);
}

static void test_gmem_range_with_a_hole_changes_nothing(void **state)
{
    struct gmem m = three_regions();
    uint8_t got[8] = "unread.";
    const gpa_t at[] = {3 * PAGE - 4, 3 * PAGE, UINT64_MAX - 3, 0x101000 - 4};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(gmem_read(&m, at[i], got, 8), -EFAULT);
        assert_int_equal(gmem_write(&m, at[i], "12345678", 8), -EFAULT);
        assert_int_equal(gmem_fill(&m, at[i], 0, 8), -EFAULT);
    }
    assert_string_equal(got, "unread.");
    assert_int_equal(next[PAGE - 1], 0x22);
    assert_int_equal(told_n, 0);
}

static void test_gmem_numbers_are_little_endian_at_any_alignment(void **state)
{
    struct gmem m = three_regions();
    for (gpa_t at = 2 * PAGE - 8; at <= 2 * PAGE; at++) {
        uint16_t v16;
        uint32_t v32;
        uint64_t v64;
        uint8_t first;
        assert_int_equal(gmem_write64(&m, at, 0x1122334455667788), 0);
        assert_int_equal(gmem_read(&m, at, &first, 1), 0);
        assert_int_equal(first, 0x88);
        assert_int_equal(gmem_read64(&m, at, &v64), 0);
        assert_int_equal(v64, 0x1122334455667788);
        assert_int_equal(gmem_read32(&m, at, &v32), 0);
        assert_int_equal(v32, 0x55667788);
        assert_int_equal(gmem_read16(&m, at, &v16), 0);
        assert_int_equal(v16, 0x7788);
    }
    assert_int_equal(gmem_write32(&m, 3 * PAGE - 2, 0), -EFAULT);
}

static void test_gmem_place_lies_whole_in_one_region(void **state)
{
    struct gmem m = three_regions();
    unsigned region;
    uint64_t offset;
    bool writable;
    assert_int_equal(gmem_locate(&m, 2 * PAGE + 5, PAGE - 5, &region, &offset), 0);
    assert_int_equal(region, 1);
    assert_int_equal(offset, 5);
    assert_int_equal(gmem_locate(&m, 2 * PAGE - 1, 2, &region, &offset), -EFAULT);
    assert_int_equal(gmem_locate(&m, 2 * PAGE, UINT64_MAX, &region, &offset), -EFAULT);
    assert_ptr_equal(gmem_page(&m, PAGE + 7, &writable), low + PAGE);
    assert_true(writable);
    assert_ptr_equal(gmem_page(&m, 0x100000, &writable), far_);
    assert_false(writable);
    assert_null(gmem_page(&m, 0x101000, &writable));
}

/* ---- Buses ------------------------------------------------------------------------------------------------------- */

struct seen {
    uint64_t offset, value;
    unsigned size, n, nobody;
};

static uint64_t seen_read(void *device, uint64_t offset, unsigned size)
{
    struct seen *s = device;
    s->offset = offset;
    s->size = size;
    s->n++;
    return 0xa0 + offset;
}
static void seen_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct seen *s = device;
    *s = (struct seen){offset, value, size, s->n + 1, s->nobody};
}
static void seen_nobody(void *owner, bool write, uint64_t address, unsigned size, uint64_t value)
{
    ((struct seen *)owner)->nobody++;
}

static void test_bus_access_reaches_the_range_it_lies_in(void **state)
{
    struct seen a = {0}, b = {0}, nobody = {0};
    struct bus bus = {.unassigned = seen_nobody, .owner = &nobody};
    assert_int_equal(bus_add(&bus, &(struct bus_range){0x100, 4, "b", &b, seen_read, seen_write}), 0);
    assert_int_equal(bus_add(&bus, &(struct bus_range){0x40, 4, "a", &a, seen_read, seen_write}), 0);
    assert_int_equal(bus_read(&bus, 0x42, 2), 0xa2);
    assert_int_equal(a.offset, 2);
    assert_int_equal(a.size, 2);
    bus_write(&bus, 0x100, 4, UINT64_C(0x1ffffffff));
    assert_int_equal(b.value, 0xffffffff);
    assert_int_equal(bus_read(&bus, 0x44, 1), 0xff);
    assert_int_equal(bus_read(&bus, 0xfff, 8), UINT64_MAX);
    bus_write(&bus, 0x3c, 4, 1);
    assert_int_equal(nobody.nobody, 3);
    assert_int_equal(a.n + b.n, 2);
}

static void test_bus_access_over_an_edge_is_done_byte_by_byte(void **state)
{
    struct seen a = {0}, b = {0}, nobody = {0};
    struct bus bus = {.unassigned = seen_nobody, .owner = &nobody};
    assert_int_equal(bus_add(&bus, &(struct bus_range){0x10, 2, "a", &a, seen_read, seen_write}), 0);
    assert_int_equal(bus_add(&bus, &(struct bus_range){0x12, 1, "b", &b, seen_read, seen_write}), 0);
    assert_int_equal(bus_read(&bus, 0x10, 4), 0xffa0a1a0);
    assert_int_equal(a.n, 2);
    assert_int_equal(b.n, 1);
    assert_int_equal(nobody.nobody, 1);
    bus_write(&bus, 0xf, 2, 0x5566);
    assert_int_equal(a.value, 0x55);
    assert_int_equal(a.size, 1);
}

static void test_bus_range_that_overlaps_is_refused(void **state)
{
    struct bus bus = {.n = 0};
    assert_int_equal(bus_add(&bus, &(struct bus_range){0x10, 4, "a", NULL, NULL, NULL}), 0);
    assert_int_equal(bus_add(&bus, &(struct bus_range){0x13, 1, "b", NULL, NULL, NULL}), -EINVAL);
    assert_int_equal(bus_add(&bus, &(struct bus_range){0xe, 3, "b", NULL, NULL, NULL}), -EINVAL);
    assert_int_equal(bus_add(&bus, &(struct bus_range){0x20, 0, "b", NULL, NULL, NULL}), -EINVAL);
    assert_int_equal(bus_add(&bus, &(struct bus_range){UINT64_MAX, 2, "b", NULL, NULL, NULL}), -EINVAL);
    for (unsigned i = 1; i < BUS_RANGES_MAX; i++)
        assert_int_equal(bus_add(&bus, &(struct bus_range){0x100 + i, 1, "c", NULL, NULL, NULL}), 0);
    assert_int_equal(bus_add(&bus, &(struct bus_range){0x1000, 1, "d", NULL, NULL, NULL}), -ENOSPC);
    assert_int_equal(bus_read(&bus, 0x10, 1), 0xff); /* nobody reads there: all ones */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gmem_region_that_overlaps_or_wraps_is_refused),
        cmocka_unit_test(test_gmem_copies_over_regions_that_touch),
        cmocka_unit_test(test_gmem_range_with_a_hole_changes_nothing),
        cmocka_unit_test(test_gmem_numbers_are_little_endian_at_any_alignment),
        cmocka_unit_test(test_gmem_place_lies_whole_in_one_region),
        cmocka_unit_test(test_bus_access_reaches_the_range_it_lies_in),
        cmocka_unit_test(test_bus_access_over_an_edge_is_done_byte_by_byte),
        cmocka_unit_test(test_bus_range_that_overlaps_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
