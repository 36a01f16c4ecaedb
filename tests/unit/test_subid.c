/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of /etc/subuid: which range a user gets. */
#include "base/mem.h"
#include "host/subid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_subid_text_gives_the_range_of_its_user(void **state)
{
    static const struct {
        const char *label, *text;
        uint32_t first, count; /* 0: none */
    } cases[] = {
        {"by name", "ann:1:1\nbob:100000:65536\n", 100000, 65536},
        {"without a line end", "bob:100000:65536", 100000, 65536},
        {"by number", "1001:200000:10\n", 200000, 10},
        {"the largest", "bob:100000:10\nbob:300000:70000\nbob:200000:20\n", 300000, 70000},
        {"the beginning of a name is another's", "bobby:100000:65536\nbo:5000:10\n", 0, 0},
        {"a number is no beginning either", "10011:100000:65536\n", 0, 0},
        {"empty", "", 0, 0},
        {"root's own id is not given away", "bob:0:65536\n", 0, 0},
        {"nor the user's a second time", "bob:1000:10\n", 0, 0},
        {"beyond the last id", "bob:4294967290:10\n", 0, 0},
        {"beyond 32 bits", "bob:4294967296:10\nbob:100000:4294967296\n", 0, 0},
        {"beyond 64 bits", "bob:99999999999999999999999:10\n", 0, 0},
        {"no count", "bob:100000\nbob:100000:\nbob:100000:0\n", 0, 0},
        {"something behind the count", "bob:100000:65536:7\nbob:100000:65536 \n", 0, 0},
        {"a sign", "bob:-1:10\nbob:100000:-1\nbob:+100000:10\n", 0, 0},
        {"a bad line before a good one", "::\nbob\n:1:1\nbob:x:y\nbob:100000:65536\n", 100000, 65536},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t first = 0, count = 0;
        bool found = subid_parse(cases[i].text, "bob", 1001, &first, &count);
        if (found != (cases[i].count > 0) || first != cases[i].first || count != cases[i].count)
            fail_msg("%s: got %d %u %u", cases[i].label, found, first, count);
    }
}

static void test_subid_user_without_a_name_is_found_by_number(void **state)
{
    uint32_t first = 0, count = 0;

    (void)state;
    assert_true(subid_parse("bob:5000:9\n1001:100000:65536\n", NULL, 1001, &first, &count));
    assert_int_equal(first, 100000);
    assert_int_equal(count, 65536);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subid_text_gives_the_range_of_its_user),
        cmocka_unit_test(test_subid_user_without_a_name_is_found_by_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
