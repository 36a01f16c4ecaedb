/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A picture by libpng. Its errors come back by a jump to png_write_indices(), which has no object of its own that would
 * have to be released then but libpng's; what an error is called is kept in the state that libpng hands back.
 */
#include "screen/png.h"

#include "base/io.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>

struct png_file {
    int fd;
    int code; /* of what failed: 0 nothing, else -errno */
};

static void write_bytes(png_structp png, png_bytep bytes, size_t n)
{
    struct png_file *file = png_get_io_ptr(png);

    if ((file->code = io_write_all(file->fd, bytes, n)) < 0)
        png_error(png, "write");
}

static void flush(png_structp png)
{
}

static void failed(png_structp png, png_const_charp text)
{
    struct png_file *file = png_get_error_ptr(png);

    if (file->code == 0)
        file->code = -ENOMEM; /* with sizes within bounds nothing else is left */
    longjmp(png_jmpbuf(png), 1);
}

static void warned(png_structp png, png_const_charp text)
{
}

static void write_picture(png_structp png, png_infop info, uint32_t width, uint32_t height, const uint8_t *palette,
                          const uint8_t *pixels)
{
    png_color colours[256];

    for (unsigned i = 0; i < 256; i++)
        colours[i] = (png_color){palette[3 * i], palette[3 * i + 1], palette[3 * i + 2]};
    png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_set_PLTE(png, info, colours, 256);
    png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE); /* indices have no neighbours */
    png_write_info(png, info);
    for (uint32_t y = 0; y < height; y++)
        png_write_row(png, pixels + (size_t)y * width);
    png_write_end(png, NULL);
}

int png_write_indices(int fd, uint32_t width, uint32_t height, const uint8_t *palette, const uint8_t *pixels,
                      struct err *err)
{
    struct png_file file = {.fd = fd};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &file, failed, warned);
    png_infop info = png ? png_create_info_struct(png) : NULL;

    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return err_set(err, -ENOMEM, "out of memory");
    }
    if (setjmp(png_jmpbuf(png)) == 0) {
        png_set_write_fn(png, &file, write_bytes, flush);
        write_picture(png, info, width, height, palette, pixels);
    }
    png_destroy_write_struct(&png, &info);
    return file.code < 0 ? err_sys(err, file.code, "write the picture") : 0;
}
