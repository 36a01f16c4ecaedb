/* SPDX-License-Identifier: Apache-2.0 */
/* base/mem.h and base/err.h. */
#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static void test_arena_alloc_gives_zeroed_aligned_memory(void **state)
{
    struct arena a;

    (void)state;
    assert_int_equal(arena_init(&a, 65536), 0);
    char *first = arena_alloc(&a, 3);
    char *second = arena_alloc(&a, 100);
    assert_non_null(first);
    assert_int_equal((uintptr_t)second % 16, 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(second[i], 0);
    arena_free(&a);
}

static void test_arena_full_returns_null_and_stays_usable(void **state)
{
    struct arena a;
    volatile size_t most = SIZE_MAX; /* hidden from the compiler, which knows better */

    (void)state;
    assert_int_equal(arena_init(&a, 4096), 0);
    assert_null(arena_alloc(&a, 4097));
    assert_null(arena_alloc(&a, most));
    assert_null(arena_array(&a, most / 2, 3));
    assert_non_null(arena_alloc(&a, 4096));
    assert_null(arena_alloc(&a, 1));
    arena_free(&a);
}

static void test_arena_printf_long_text_is_whole(void **state)
{
    struct arena a;
    char want[2000];

    (void)state;
    memset(want, 'x', sizeof want - 1);
    want[sizeof want - 1] = 0;
    assert_int_equal(arena_init(&a, 65536), 0);
    assert_string_equal(arena_printf(&a, "%s", want), want);
    arena_free(&a);
}

static void test_err_wrap_puts_outer_before_inner(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(err_sys(&e, -ENOENT, "file %s", "x"), -ENOENT);
    assert_int_equal(err_wrap(&e, "mount %d", 3), -ENOENT);
    assert_string_equal(e.text, "mount 3: file x: No such file or directory");
}

static void test_err_set_long_text_is_cut_not_overrun(void **state)
{
    struct err e = {0};
    char big[3 * ERR_TEXT_MAX];

    (void)state;
    memset(big, 'y', sizeof big - 1);
    big[sizeof big - 1] = 0;
    err_set(&e, -EINVAL, "%s", big);
    err_wrap(&e, "%s", big);
    assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_alloc_gives_zeroed_aligned_memory),
        cmocka_unit_test(test_arena_full_returns_null_and_stays_usable),
        cmocka_unit_test(test_arena_printf_long_text_is_whole),
        cmocka_unit_test(test_err_wrap_puts_outer_before_inner),
        cmocka_unit_test(test_err_set_long_text_is_cut_not_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
