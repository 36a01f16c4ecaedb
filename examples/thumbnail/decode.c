/* SPDX-License-Identifier: Apache-2.0 */
/* libpng, and an average over squares of pixels. Knows nothing of libmoat. */
#include "decode.h"

#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <unistd.h>

#define SIDE_MAX 16384

struct source {
    int fd;
    size_t at, have;
    unsigned char bytes[65536];
};

static void from_descriptor(png_structp png, png_bytep to, png_size_t n)
{
    struct source *s = png_get_io_ptr(png);

    while (n > 0) {
        if (s->at == s->have) {
            ssize_t got = read(s->fd, s->bytes, sizeof s->bytes);
            if (got <= 0)
                png_error(png, "the file ends early");
            s->at = 0;
            s->have = (size_t)got;
        }
        size_t k = s->have - s->at < n ? s->have - s->at : n;
        for (size_t i = 0; i < k; i++)
            to[i] = s->bytes[s->at + i];
        to += k;
        n -= k;
        s->at += k;
    }
}

static void quietly(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void give_up(png_structp png, png_const_charp text)
{
    (void)text;
    png_longjmp(png, 1);
}

/* Whatever it holds, as rows of 8-bit RGB. */
static int set_up(png_structp png, png_infop info)
{
    png_read_info(png, info);
    if (png_get_image_width(png, info) > SIDE_MAX || png_get_image_height(png, info) > SIDE_MAX)
        return -EFBIG;
    png_set_expand(png);
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    return png_get_rowbytes(png, info) == 3 * (size_t)png_get_image_width(png, info) ? 0 : -EBADMSG;
}

static void shrink(unsigned char *const *rows, uint32_t w, uint32_t h, uint32_t by, unsigned char *out)
{
    for (uint32_t y = 0; y < h; y += by)
        for (uint32_t x = 0; x < w; x += by) {
            uint32_t sum[3] = {0}, n = 0;
            for (uint32_t v = y; v < y + by && v < h; v++)
                for (uint32_t u = x; u < x + by && u < w; u++, n++)
                    for (int c = 0; c < 3; c++)
                        sum[c] += rows[v][3 * u + (uint32_t)c];
            for (int c = 0; c < 3; c++)
                *out++ = (unsigned char)(sum[c] / n);
        }
}

/* Memory that must be given back whatever libpng jumps over. */
struct work {
    png_structp png;
    png_infop info;
    struct source source;
    uint32_t wide, high;
    unsigned char **rows, *pixels;
};

static int decode(struct work *w)
{
    if (setjmp(png_jmpbuf(w->png)))
        return -EBADMSG;
    png_set_read_fn(w->png, &w->source, from_descriptor);
    int r = set_up(w->png, w->info);
    if (r < 0)
        return r;
    w->wide = png_get_image_width(w->png, w->info);
    w->high = png_get_image_height(w->png, w->info);
    w->rows = calloc(w->high, sizeof *w->rows);
    w->pixels = malloc(3 * (size_t)w->wide * w->high);
    if (!w->rows || !w->pixels)
        return -ENOMEM;
    for (uint32_t y = 0; y < w->high; y++)
        w->rows[y] = w->pixels + 3 * (size_t)w->wide * y;
    png_read_image(w->png, w->rows);
    png_read_end(w->png, NULL);
    return 0;
}

int decode_thumbnail(int fd, uint32_t edge, unsigned char *out, uint32_t *width, uint32_t *height)
{
    struct work *w = edge == 0 || edge > EDGE_MAX ? NULL : calloc(1, sizeof *w);
    int r = -ENOMEM;

    if (!w)
        return edge == 0 || edge > EDGE_MAX ? -EINVAL : r;
    w->source.fd = fd;
    w->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, give_up, quietly);
    w->info = w->png ? png_create_info_struct(w->png) : NULL;
    if (w->info)
        r = decode(w);
    if (r == 0) {
        uint32_t longer = w->wide > w->high ? w->wide : w->high, by = (longer + edge - 1) / edge;
        *width = (w->wide + by - 1) / by;
        *height = (w->high + by - 1) / by;
        shrink(w->rows, w->wide, w->high, by, out);
    }
    png_destroy_read_struct(&w->png, &w->info, NULL);
    free(w->rows);
    free(w->pixels);
    free(w);
    return r;
}
