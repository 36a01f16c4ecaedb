/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of compressed kernels: a good one, and what may be wrong with one. */
#include "bootfile/bzimage.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SECTORS 2
#define AT      ((SECTORS + 1) * 512 + 0x100)

static uint8_t file[4096];

static void put32(size_t at, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        file[at + i] = (uint8_t)(v >> 8 * i);
}

static void make(void)
{
    memset(file, 0, sizeof file);
    file[0x1f1] = SECTORS;
    memcpy(file + 0x202, "HdrS", 4);
    file[0x206] = 0x0f;
    file[0x207] = 2;
    put32(0x248, 0x100);
    put32(0x24c, 64);
    put32(AT + 60, 100000);
}

static void refused(size_t n, const char *word)
{
    struct bzimage image;
    struct err err = {0};

    assert_int_equal(bzimage_read(&image, file, n, &err), -ENOEXEC);
    assert_non_null(strstr(err.text, word));
}

static void a_good_one_is_found(void **state)
{
    struct bzimage image;
    struct err err = {0};

    (void)state;
    make();
    assert_int_equal(bzimage_read(&image, file, sizeof file, &err), 0);
    assert_ptr_equal(image.payload, file + AT);
    assert_int_equal(image.length, 64);
    assert_int_equal(image.unpacked, 100000);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    make();
    refused(0x200, "no bzImage");
    refused(AT + 63, "cut short");
    file[0x202] = 'h';
    refused(sizeof file, "no bzImage");
    make();
    file[0x206] = 7;
    refused(sizeof file, "2.07");
    make();
    put32(0x248, UINT32_MAX);
    refused(sizeof file, "cut short");
    make();
    put32(0x24c, UINT32_MAX);
    refused(sizeof file, "cut short");
    put32(0x24c, 4);
    refused(sizeof file, "cut short");
    make();
    put32(AT + 60, UINT32_MAX);
    refused(sizeof file, "4294967295 bytes");
    put32(AT + 60, 3);
    refused(sizeof file, "3 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_good_one_is_found), cmocka_unit_test(what_is_wrong_is_said)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
