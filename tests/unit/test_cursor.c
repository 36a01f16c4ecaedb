/* SPDX-License-Identifier: Apache-2.0 */
/* Reads from hostile bytes: LEB128 at the edges of each width, ends, and a fault that stays. UTF-8. */
#include "base/cursor.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "wasm/module/leb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_leb_of_each_width_is_read_or_refused_by_name(void **state)
{
    static const struct {
        const char *label, *bytes;
        size_t n;
        unsigned bits;
        bool is_signed;
        uint64_t value;
        unsigned used; /* 0: refused */
        const char *fault;
    } cases[] = {
        {"u32 one byte", "\x7f", 1, 32, false, 127, 1, NULL},
        {"u32 two bytes", "\x80\x01", 2, 32, false, 128, 2, NULL},
        {"u32 padded", "\x83\x80\x80\x80\x00", 5, 32, false, 3, 5, NULL},
        {"u32 largest", "\xff\xff\xff\xff\x0f", 5, 32, false, UINT32_MAX, 5, NULL},
        {"u32 33 bits", "\xff\xff\xff\xff\x1f", 5, 32, false, 0, 0, "integer too large"},
        {"u32 six bytes", "\x80\x80\x80\x80\x80\x00", 6, 32, false, 0, 0, "integer representation too long"},
        {"u32 cut", "\x80\x80", 2, 32, false, 0, 0, "unexpected end"},
        {"u32 nothing", "", 0, 32, false, 0, 0, "unexpected end"},
        {"u1", "\x01", 1, 1, false, 1, 1, NULL},
        {"u1 large", "\x02", 1, 1, false, 0, 0, "integer too large"},
        {"u7 large", "\x80\x01", 2, 7, false, 0, 0, "integer representation too long"},
        {"u64 largest", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, 64, false, UINT64_MAX, 10, NULL},
        {"u64 65 bits", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x03", 10, 64, false, 0, 0, "integer too large"},
        {"s32 minus one", "\x7f", 1, 32, true, UINT64_MAX, 1, NULL},
        {"s32 64", "\xc0\x00", 2, 32, true, 64, 2, NULL},
        {"s32 least", "\x80\x80\x80\x80\x78", 5, 32, true, 0xffffffff80000000u, 5, NULL},
        {"s32 largest", "\xff\xff\xff\xff\x07", 5, 32, true, INT32_MAX, 5, NULL},
        {"s32 sign bits differ", "\x80\x80\x80\x80\x70", 5, 32, true, 0, 0, "integer too large"},
        {"s32 too large", "\xff\xff\xff\xff\x0f", 5, 32, true, 0, 0, "integer too large"},
        {"s33 2^32 - 1", "\xff\xff\xff\xff\x0f", 5, 33, true, UINT32_MAX, 5, NULL},
        {"s33 least", "\x80\x80\x80\x80\x70", 5, 33, true, 0xffffffff00000000u, 5, NULL},
        {"s33 too small", "\x80\x80\x80\x80\x60", 5, 33, true, 0, 0, "integer too large"},
        {"s64 least", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f", 10, 64, true, 1ull << 63, 10, NULL},
        {"s64 sign bits differ", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7e", 10, 64, true, 0, 0, "integer too large"},
        {"s64 eleven", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11, 64, true, 0, 0,
         "integer representation too long"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const uint8_t *p = (const uint8_t *)cases[i].bytes;
        const char *fault = NULL;
        uint64_t value = 99;
        unsigned used = leb_decode(p, p + cases[i].n, cases[i].bits, cases[i].is_signed, &value, &fault);
        if (used != cases[i].used || value != cases[i].value)
            fail_msg("%s: %u bytes, value %llx", cases[i].label, used, (unsigned long long)value);
        if (!used && strcmp(fault, cases[i].fault) != 0)
            fail_msg("%s: '%s'", cases[i].label, fault);
    }
}

/* Both readers give the same for what is well formed. */
static void test_leb_readers_without_checks_agree(void **state)
{
    (void)state;
    for (unsigned width = 32; width <= 64; width += 32) {
        for (unsigned i = 0; i < 100000; i++) {
            uint64_t x = i * 0x9e3779b97f4a7c15u ^ (uint64_t)i << 31;
            int64_t value = width == 32 ? (int32_t)(x >> (i % 32)) : (int64_t)x >> (i % 64);
            uint8_t buf[10];
            unsigned n = 0;
            for (int64_t rest = value;; rest >>= 7) {
                bool last = rest >= -64 && rest < 64;
                buf[n++] = (uint8_t)((rest & 0x7f) | (last ? 0 : 0x80));
                if (last)
                    break;
            }
            const uint8_t *p = buf;
            const char *fault;
            uint64_t checked;
            assert_int_equal(leb_decode(buf, buf + n, width, true, &checked, &fault), n);
            assert_true((int64_t)checked == value);
            assert_true((width == 32 ? wasm_read_s32(&p) : wasm_read_s64(&p)) == value);
            assert_ptr_equal(p, buf + n);
            p = buf;
            wasm_skip_leb(&p);
            assert_ptr_equal(p, buf + n);
        }
    }
    const uint8_t largest[] = {0xff, 0xff, 0xff, 0xff, 0x0f}, *p = largest;
    assert_int_equal(wasm_read_u32(&p), UINT32_MAX);
}

static void test_cursor_fault_stays_and_gives_zero(void **state)
{
    static const uint8_t bytes[] = {1, 2, 0x80};
    struct cursor c = cursor_make(bytes, sizeof bytes);

    (void)state;
    assert_int_equal(cursor_u8(&c), 1);
    assert_int_equal(cursor_leb_u32(&c), 2);
    assert_int_equal(cursor_leb_u32(&c), 0);
    assert_string_equal(c.fault, "unexpected end");
    assert_ptr_equal(c.fault_at, bytes + 2);
    assert_int_equal(cursor_left(&c), 0);
    assert_null(cursor_bytes(&c, 1));
    assert_int_equal(cursor_u32le(&c), 0);
    assert_string_equal(c.fault, "unexpected end");
    assert_false(cursor_done(&c));
}

static void test_cursor_part_is_bounded(void **state)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 5};
    struct cursor c = cursor_make(bytes, sizeof bytes);

    (void)state;
    struct cursor part = cursor_part(&c, 4);
    assert_int_equal(cursor_u32le(&part), 0x04030201);
    assert_true(cursor_done(&part));
    assert_int_equal(cursor_u8(&part), 0);
    assert_false(cursor_done(&part));
    assert_int_equal(cursor_left(&c), 1);
    part = cursor_part(&c, SIZE_MAX);
    assert_int_equal(cursor_left(&part), 0);
    assert_string_equal(c.fault, "unexpected end: length out of bounds");
}

static void test_utf8_is_told_from_other_bytes(void **state)
{
    static const struct {
        const char *label, *text;
        bool valid;
    } cases[] = {
        {"empty", "", true},
        {"two, three, four", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", true},
        {"last", "\xf4\x8f\xbf\xbf", true},
        {"beyond", "\xf4\x90\x80\x80", false},
        {"surrogate", "\xed\xa0\x80", false},
        {"before surrogates", "\xed\x9f\xbf", true},
        {"overlong 2", "\xc1\xbf", false},
        {"overlong 3", "\xe0\x9f\xbf", false},
        {"overlong 4", "\xf0\x8f\xbf\xbf", false},
        {"cut", "a\xe2\x82", false},
        {"continuation alone", "\x80", false},
        {"third is none", "\xe2\x82z", false},
        {"ff", "\xff", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (utf8_valid((const uint8_t *)cases[i].text, strlen(cases[i].text)) != cases[i].valid)
            fail_msg("%s", cases[i].label);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leb_of_each_width_is_read_or_refused_by_name),
        cmocka_unit_test(test_leb_readers_without_checks_agree),
        cmocka_unit_test(test_cursor_fault_stays_and_gives_zero),
        cmocka_unit_test(test_cursor_part_is_bounded),
        cmocka_unit_test(test_utf8_is_told_from_other_bytes),
    };
    return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
