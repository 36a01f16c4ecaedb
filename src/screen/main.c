/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-screen: the bytes of machine/screen.h on descriptor 0 become a PNG file on descriptor 1. Who wrote them may be a
 * guest that has taken over its machine process: shut in before a byte is read, checked whole before one is used.
 */
#include "base/io.h"
#include "machine/screen.h"
#include "screen/jail.h"
#include "screen/png.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCREEN_FAILED 125

/* What a monitor shows that gets no picture. */
enum { BLANK_WIDTH = 640, BLANK_HEIGHT = 400 };
static const uint8_t black[BLANK_WIDTH * BLANK_HEIGHT];

static int fail(const struct err *err)
{
    fprintf(stderr, "moat: %s\n", err->text);
    return SCREEN_FAILED;
}

static int convert(struct err *err)
{
    uint8_t *bytes = malloc(SCREEN_BYTES_MOST + 1);
    ssize_t n = bytes ? io_read_full(0, bytes, SCREEN_BYTES_MOST + 1) : -ENOMEM;
    const uint8_t *cells, *palette, *pixels;
    struct screen_header h;

    if (n < 0)
        return err_sys(err, (int)n, "read the display");
    if (screen_check(bytes, (uint64_t)n, &h, &cells, &palette, &pixels) < 0)
        return err_set(err, -EINVAL, "what came is not a display (%zd bytes of at most %zu)", n,
                       (size_t)SCREEN_BYTES_MOST);
    if (h.mode == SCREEN_BLANK)
        return png_write_indices(1, BLANK_WIDTH, BLANK_HEIGHT, (const uint8_t[768]){0}, black, err);
    return png_write_indices(1, h.width, h.height, palette, pixels, err);
}

int main(int argc, char **argv)
{
    struct err err = {0};

    if (argc != 2 || strcmp(argv[1], "png") != 0) {
        err_set(&err, -EINVAL, "moat-screen is started by moat vm screenshot");
        return fail(&err);
    }
    return screen_jail_enter(&err) < 0 || convert(&err) < 0 ? fail(&err) : 0;
}
