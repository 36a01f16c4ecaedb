/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures that moat-screen writes, read back by libpng's own reader.
 */
#include "screen/png.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct picture {
    uint32_t width, height;
    uint8_t palette[768];
    uint8_t *pixels;
};

static struct picture some_picture(uint32_t width, uint32_t height)
{
    struct picture p = {.width = width, .height = height, .pixels = malloc((size_t)width * height)};

    assert_non_null(p.pixels);
    for (unsigned i = 0; i < sizeof p.palette; i++)
        p.palette[i] = (uint8_t)(i * 7 + i / 256);
    for (uint32_t i = 0; i < width * height; i++)
        p.pixels[i] = (uint8_t)(i * 2654435761u >> 24);
    return p;
}

static int write_picture(const struct picture *p)
{
    struct err err = {0};
    int fd = memfd_create("picture", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(png_write_indices(fd, p->width, p->height, p->palette, p->pixels, &err), 0);
    assert_int_equal(err.code, 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void assert_shows(int fd, const struct picture *p)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    FILE *file = fdopen(fd, "r");

    assert_non_null(file);
    assert_int_not_equal(png_image_begin_read_from_stdio(&image, file), 0);
    assert_int_equal(image.width, p->width);
    assert_int_equal(image.height, p->height);
    assert_true(image.format & PNG_FORMAT_FLAG_COLORMAP);
    image.format = PNG_FORMAT_RGB;
    uint8_t *rgb = malloc(PNG_IMAGE_SIZE(image));
    assert_non_null(rgb);
    assert_int_not_equal(png_image_finish_read(&image, NULL, rgb, 0, NULL), 0);
    for (uint32_t i = 0; i < p->width * p->height; i++)
        assert_memory_equal(rgb + 3 * (size_t)i, p->palette + 3 * p->pixels[i], 3);
    free(rgb);
    fclose(file);
}

static void test_picture_is_read_back_as_it_was(void **state)
{
    static const struct {
        const char *label;
        uint32_t width, height;
    } rows[] = {{"text", 720, 400}, {"one point", 1, 1}, {"one column", 1, 1200}, {"the largest", 1440, 1200}};

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct picture p = some_picture(rows[i].width, rows[i].height);
        print_message("# %s\n", rows[i].label);
        assert_shows(write_picture(&p), &p);
        free(p.pixels);
    }
}

static void test_same_picture_is_the_same_file(void **state)
{
    struct picture p = some_picture(64, 64);
    uint8_t first[16384], second[16384];
    int one = write_picture(&p), other = write_picture(&p);
    ssize_t n = read(one, first, sizeof first);

    assert_true(n > 0);
    assert_int_equal(read(other, second, sizeof second), n);
    assert_memory_equal(first, second, (size_t)n);
    free(p.pixels);
    close(one), close(other);
}

static void test_what_cannot_be_written_is_said(void **state)
{
    struct picture p = some_picture(64, 64);
    struct err err = {0};
    int full = open("/dev/full", O_WRONLY);

    assert_true(full >= 0);
    assert_int_equal(png_write_indices(full, p.width, p.height, p.palette, p.pixels, &err), -ENOSPC);
    assert_string_equal(err.text, "write the picture: No space left on device");
    free(p.pixels);
    close(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_picture_is_read_back_as_it_was),
        cmocka_unit_test(test_same_picture_is_the_same_file),
        cmocka_unit_test(test_what_cannot_be_written_is_said),
    };

    return cmocka_run_group_tests_name("screen_png", tests, NULL, NULL);
}
