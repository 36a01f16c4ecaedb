/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 against the examples NIST publishes, on both sets of rounds, and in every way of cutting the input. */
#include "base/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *label, *text, *hex;
    unsigned repeat;
} cases[] = {
    {"empty", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 1},
    {"abc", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 1},
    {"448 bits", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", 1},
    {"896 bits",
     "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
     "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1", 1},
    {"a million a", "aaaaaaaaaa", "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", 100000},
};

static void check_cases(const char *rounds)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sha256 s;
        uint8_t digest[SHA256_SIZE];
        char hex[SHA256_HEX_SIZE];

        sha256_init(&s);
        for (unsigned k = 0; k < cases[i].repeat; k++)
            sha256_update(&s, cases[i].text, strlen(cases[i].text));
        sha256_final(&s, digest);
        sha256_hex(digest, hex);
        if (strcmp(hex, cases[i].hex))
            fail_msg("%s, %s rounds: expected %s, got %s", cases[i].label, rounds, cases[i].hex, hex);
    }
}

static void test_sha256_of_nist_examples_is_theirs(void **state)
{
    (void)state;
    check_cases("the processor's");
    sha256_force_portable(1);
    check_cases("portable");
    sha256_force_portable(0);
}

static void test_sha256_of_input_in_pieces_equals_that_in_one(void **state)
{
    uint8_t data[300];
    char whole[SHA256_HEX_SIZE], pieces[SHA256_HEX_SIZE];
    uint8_t digest[SHA256_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 37 + 11);
    for (size_t len = 0; len <= sizeof data; len++) {
        sha256_force_portable(1);
        sha256_hex_of(data, len, whole);
        sha256_force_portable(0);
        for (size_t step = 1; step < 140; step += 7) {
            struct sha256 s;
            sha256_init(&s);
            for (size_t at = 0; at < len; at += step)
                sha256_update(&s, data + at, len - at < step ? len - at : step);
            sha256_final(&s, digest);
            sha256_hex(digest, pieces);
            if (strcmp(whole, pieces))
                fail_msg("%zu bytes in steps of %zu: %s, in one: %s", len, step, pieces, whole);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256_of_nist_examples_is_theirs),
        cmocka_unit_test(test_sha256_of_input_in_pieces_equals_that_in_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
