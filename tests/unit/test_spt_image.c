/* SPDX-License-Identifier: Apache-2.0 */
/* What the tender takes for an image, and each thing that it refuses. */
#include "guest/unikernel/boot.h"
#include "guest/unikernel/layout.h"
#include "spt/image.h"
#include "spt_image.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct image_parts parts;
static const char *why;

static int check(const struct sample *s, uint64_t size)
{
    why = NULL;
    return image_check(s, size, &parts, &why);
}

static void test_image_that_is_right_is_taken_apart(void **state)
{
    static struct sample s;

    sample_make(&s);
    assert_int_equal(check(&s, sizeof s), 0);
    assert_int_equal(parts.n_kernel, 2);
    assert_int_equal(parts.n_premaps, 2);
    assert_string_equal(parts.program, "/bin/tool");
    assert_string_equal(parts.cwd, "/");
    assert_string_equal(parts.args, "tool");
    assert_ptr_equal(parts.premaps, s.premaps);
}

/* Each page by itself, so that a read beyond the end is seen by the sanitizer too. */
static void test_image_of_any_shorter_length_is_refused(void **state)
{
    static struct sample s;

    sample_make(&s);
    for (size_t n = 0; n < sizeof s; n += n < 1024 ? 1 : 509) {
        uint8_t *cut = malloc(n ? n : 1);
        assert_non_null(cut);
        memcpy(cut, &s, n);
        assert_int_equal(image_check(cut, n, &parts, &why), -ENOEXEC);
        free(cut);
    }
    assert_int_equal(check(&s, sizeof s - 1), -ENOEXEC);
    assert_non_null(strstr(why, "cut off"));
}

static struct sample spoilt;
static struct kernel_header *kernel_of(void)
{
    return (struct kernel_header *)(void *)spoilt.pages[0];
}

#define SPOIL(name, act)                                                                                               \
    static void name(void)                                                                                             \
    {                                                                                                                  \
        act;                                                                                                           \
    }
SPOIL(magic, spoilt.header.magic[0] ^= 1)
SPOIL(version, spoilt.header.version++)
SPOIL(machine, spoilt.header.machine = 183)
SPOIL(longer, spoilt.header.size++)
SPOIL(shorter, spoilt.header.size--)
SPOIL(sections, spoilt.header.n_sections--)
SPOIL(section_outside, spoilt.header.sections[IMAGE_INODES].offset = sizeof spoilt + 8)
SPOIL(section_wraps, spoilt.header.sections[IMAGE_DATA].size = UINT64_MAX)
SPOIL(section_record, spoilt.header.sections[IMAGE_SITE].record++)
SPOIL(section_part, spoilt.header.sections[IMAGE_KERNEL].size--)
SPOIL(section_odd, spoilt.header.sections[IMAGE_PREMAPS].offset += 4)
SPOIL(boot_short, spoilt.header.sections[IMAGE_BOOT].size = sizeof(struct image_boot) - 1)
SPOIL(boot_strings, spoilt.start.boot.strings++)
SPOIL(boot_words, spoilt.start.boot.n_args = IMAGE_STRINGS_MOST + 1)
SPOIL(boot_endless, memset(spoilt.start.strings + 20, 'x', sizeof spoilt.start.strings - 20))
SPOIL(boot_flags, spoilt.start.boot.flags = 4)
SPOIL(boot_entry, spoilt.start.boot.entry += 4096)
SPOIL(boot_text, spoilt.start.boot.text = 100)
SPOIL(boot_text_huge, spoilt.start.boot.text = UINT64_MAX - 4095)
SPOIL(no_kernel, spoilt.header.sections[IMAGE_KERNEL].size = 0)
SPOIL(kernel_writable, spoilt.kernel[0].prot = PROT_READ | PROT_WRITE | PROT_EXEC)
SPOIL(kernel_not_code, spoilt.kernel[0].prot = PROT_READ)
SPOIL(kernel_low, spoilt.kernel[0].address -= 4096)
SPOIL(kernel_over, spoilt.kernel[1].address = KERNEL_BASE)
SPOIL(kernel_far, spoilt.kernel[1].address = KERNEL_LIMIT)
SPOIL(kernel_long, spoilt.kernel[1].memory = KERNEL_LIMIT)
SPOIL(kernel_wraps, spoilt.kernel[1].memory = UINT64_MAX)
SPOIL(kernel_unaligned, spoilt.kernel[1].offset++)
SPOIL(kernel_outside, spoilt.kernel[1].offset = sizeof spoilt)
SPOIL(kernel_file, spoilt.kernel[1].file = 8192)
SPOIL(kernel_magic, kernel_of()->magic[7] = 0)
SPOIL(kernel_version, kernel_of()->version++)
SPOIL(kernel_gate, kernel_of()->gate_version++)
SPOIL(kernel_start, kernel_of()->start = KERNEL_BASE + 4096)
SPOIL(kernel_signal, kernel_of()->signal = 0)
SPOIL(kernel_stack, kernel_of()->trap_stack_size = 1 << 21)
SPOIL(kernel_no_stack, kernel_of()->trap_stack_size = 0)
SPOIL(premap_low, spoilt.premaps[0].address = TEXT_LOW - 4096)
SPOIL(premap_gate, spoilt.premaps[1].address = GATE_BASE)
SPOIL(premap_order, spoilt.premaps[1].address = TEXT_LOW)
SPOIL(premap_empty, spoilt.premaps[0].memory = spoilt.premaps[0].file = 0)
SPOIL(premap_prot, spoilt.premaps[0].prot = 8)

static void test_image_that_is_spoilt_is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *label;
        void (*spoil)(void);
    } cases[] = {
#define CASE(name) {#name, name}
        CASE(magic),           CASE(version),         CASE(machine),          CASE(longer),         CASE(shorter),
        CASE(sections),        CASE(section_outside), CASE(section_wraps),    CASE(section_record), CASE(section_part),
        CASE(section_odd),     CASE(boot_short),      CASE(boot_strings),     CASE(boot_words),     CASE(boot_endless),
        CASE(boot_flags),      CASE(boot_entry),      CASE(boot_text),        CASE(boot_text_huge), CASE(no_kernel),
        CASE(kernel_writable), CASE(kernel_not_code), CASE(kernel_low),       CASE(kernel_over),    CASE(kernel_far),
        CASE(kernel_long),     CASE(kernel_wraps),    CASE(kernel_unaligned), CASE(kernel_outside), CASE(kernel_file),
        CASE(kernel_magic),    CASE(kernel_version),  CASE(kernel_gate),      CASE(kernel_start),   CASE(kernel_signal),
        CASE(kernel_stack),    CASE(kernel_no_stack), CASE(premap_low),       CASE(premap_gate),    CASE(premap_order),
        CASE(premap_empty),    CASE(premap_prot),
#undef CASE
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sample_make(&spoilt);
        cases[i].spoil();
        if (check(&spoilt, sizeof spoilt) != -ENOEXEC || !why || !*why)
            fail_msg("%s: taken, or refused without a reason", cases[i].label);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image_that_is_right_is_taken_apart),
        cmocka_unit_test(test_image_of_any_shorter_length_is_refused),
        cmocka_unit_test(test_image_that_is_spoilt_is_refused_with_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
