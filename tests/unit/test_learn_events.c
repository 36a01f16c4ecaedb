/* SPDX-License-Identifier: Apache-2.0 */
/* Events of the broker and beginnings of programs: what is taken, and that nothing else is. */
#include "learn/event.h"

#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_event_is_read_whole_or_refused(void **state)
{
    static const struct {
        const char *line;
        int result;
        uint32_t access;
    } cases[] = {
        {"{\"learn\":\"openat\",\"access\":[\"read\"],\"path\":\"/a\",\"asked\":\"/"
         "a\",\"exists\":true,\"creates\":false}",
         0, PATH_STAT | PATH_READ},
        {"{\"learn\":\"openat\",\"access\":[\"read\",\"write\"],\"path\":\"/a\",\"asked\":\"/b\",\"more\":1}", 0,
         PATH_STAT | PATH_READ | PATH_WRITE},
        {"{\"learn\":\"openat\",\"access\":[\"fly\"],\"path\":\"/a\",\"asked\":\"/a\"}", -EINVAL, 0},
        {"{\"learn\":\"openat\",\"access\":[1],\"path\":\"/a\",\"asked\":\"/a\"}", -EINVAL, 0},
        {"{\"learn\":\"openat\",\"access\":\"read\",\"path\":\"/a\",\"asked\":\"/a\"}", -EINVAL, 0},
        {"{\"learn\":\"openat\",\"access\":[],\"path\":\"/a\"}", -EINVAL, 0},
        {"{\"learn\":1,\"access\":[],\"path\":\"/a\",\"asked\":\"/a\"}", -EINVAL, 0},
        {"{\"denied\":\"openat\",\"access\":[],\"path\":\"/a\",\"asked\":\"/a\"}", -EINVAL, 0},
        {"{}", -EINVAL, 0},
        {"[]", -EINVAL, 0},
        {"{\"learn\":\"op", -EINVAL, 0},
        {"", -EINVAL, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct learn_event e;
        struct err err = {0};
        struct arena a;
        char line[512];
        size_t len = (size_t)snprintf(line, sizeof line, "%s", cases[i].line);

        assert_int_equal(arena_init(&a, 1 << 20), 0);
        int r = learn_event_read(&a, line, len, &e, &err);
        if (r != cases[i].result)
            fail_msg("%s: got %d", cases[i].line, r);
        if (r == 0)
            assert_int_equal(e.access, cases[i].access);
        arena_free(&a);
    }
}

static void test_script_names_its_interpreter(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"#!/bin/sh\necho", "/bin/sh"},
        {"#! /usr/bin/env python3\n", "/usr/bin/env"},
        {"#!/bin/sh -e\n", "/bin/sh"},
        {"#!\t/bin/sh\t-e\n", "/bin/sh"},
        {"#!/bin/sh", "/bin/sh"},
        {"#!\n/bin/sh", ""},
        {"#!", ""},
        {"# /bin/sh\n", ""},
        {"", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct learn_image image;
        learn_image_read(cases[i].text, strlen(cases[i].text), &image);
        assert_string_equal(image.interpreter, cases[i].want);
        assert_false(image.library);
    }
}

struct elf {
    Elf64_Ehdr eh;
    Elf64_Phdr ph[3];
    char interp[32];
};

static struct elf make_elf(void)
{
    struct elf e = {
        .eh = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB},
               .e_type = ET_DYN,
               .e_phoff = offsetof(struct elf, ph),
               .e_phentsize = sizeof(Elf64_Phdr),
               .e_phnum = 2},
        .ph = {{.p_type = PT_LOAD, .p_flags = PF_R | PF_X},
               {.p_type = PT_INTERP, .p_offset = offsetof(struct elf, interp), .p_filesz = 15}},
        .interp = "/lib64/ld.so.2",
    };

    return e;
}

static void test_elf_names_its_loader(void **state)
{
    struct elf e = make_elf();
    struct learn_image image;

    learn_image_read(&e, sizeof e, &image);
    assert_string_equal(image.interpreter, "/lib64/ld.so.2");
    assert_true(image.library);
    e.ph[0].p_flags = PF_R;
    learn_image_read(&e, sizeof e, &image);
    assert_false(image.library);
    /* Beyond what was read: told where. */
    e.ph[1].p_offset = 1 << 20;
    learn_image_read(&e, sizeof e, &image);
    assert_string_equal(image.interpreter, "");
    assert_int_equal(image.offset, 1 << 20);
    assert_int_equal(image.size, 15);
    e.eh.e_ident[EI_CLASS] = ELFCLASS32;
    learn_image_read(&e, sizeof e, &image);
    assert_true(image.elf32);
}

static void test_elf_that_lies_is_read_within_its_bytes(void **state)
{
    struct learn_image image;

    for (size_t cut = 0; cut <= sizeof(struct elf); cut++) {
        struct elf e = make_elf();
        char *copy = malloc(cut + 1); /* so that a sanitizer sees a byte too much */
        memcpy(copy, &e, cut);
        learn_image_read(copy, cut, &image);
        free(copy);
    }
    struct elf e = make_elf();
    e.eh.e_phoff = UINT64_MAX - 8;
    learn_image_read(&e, sizeof e, &image);
    assert_false(image.library);
    e = make_elf();
    e.eh.e_phnum = UINT16_MAX;
    learn_image_read(&e, sizeof e, &image);
    e = make_elf();
    e.ph[1].p_offset = UINT64_MAX - 4;
    learn_image_read(&e, sizeof e, &image);
    assert_string_equal(image.interpreter, "");
    e = make_elf();
    e.ph[1].p_filesz = UINT64_MAX;
    learn_image_read(&e, sizeof e, &image);
    assert_int_equal(image.size, 0);
    e = make_elf();
    memset(e.interp, 'x', sizeof e.interp);
    learn_image_read(&e, sizeof e, &image);
    assert_string_equal(image.interpreter, "xxxxxxxxxxxxxx");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_is_read_whole_or_refused),
        cmocka_unit_test(test_script_names_its_interpreter),
        cmocka_unit_test(test_elf_names_its_loader),
        cmocka_unit_test(test_elf_that_lies_is_read_within_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
