/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A display's bytes as moat and moat-screen read them, whoever wrote them. The input is what is changed of a picture
 * that is whole (a mode, then places and bytes), or all of it; what is accepted is read to its last byte.
 */
#include "input.h"
#include "tests/unit/vga_modes.h"

/* Reads each byte that an accepted header speaks of. */
static void use(const uint8_t *bytes, uint64_t n)
{
    const uint8_t *cells, *palette, *pixels;
    struct screen_header h;
    uint64_t sum = 0;
    if (screen_check(bytes, n, &h, &cells, &palette, &pixels) != 0)
        return;
    check(h.columns <= SCREEN_COLUMNS && h.rows <= SCREEN_ROWS && h.width <= SCREEN_WIDTH && h.height <= SCREEN_HEIGHT);
    check(!h.cursor_on || (h.cursor_x < h.columns && h.cursor_y < h.rows));
    check(pixels + (uint64_t)h.width * h.height == bytes + n);
    for (uint32_t i = 0; i < h.columns * h.rows; i++)
        sum += screen_unicode(cells[2 * i]) + cells[2 * i + 1];
    for (uint32_t i = 0; i < h.width * h.height; i++)
        sum += palette[3 * pixels[i] + 2];
    check(sum < UINT32_MAX);
}

/* A picture that is whole: text, graphics, blank. Built once each. */
struct whole {
    uint8_t *bytes;
    uint32_t n;
};

static const struct whole *whole_of(unsigned which)
{
    static const uint8_t modes[] = {3, 0x13, 0x12};
    static struct whole all[4];
    struct whole *w = &all[which & 3];
    if (w->bytes == NULL) {
        struct vga_board *b = vga_board_make();
        w->bytes = malloc(SCREEN_BYTES_MOST);
        check(w->bytes != NULL);
        if (which < sizeof(modes))
            vga_mode_set(b, modes[which]);
        w->n = screen_build(&b->vga, w->bytes);
        vga_board_free(b);
    }
    return w;
}

static void changed(struct input *in)
{
    const uint8_t first = (uint8_t)take(in, 1);
    const struct whole *w = whole_of(first & 3);
    const uint32_t n = first & 0x40 ? w->n - (uint32_t)(take(in, 1) % w->n) : w->n;
    uint8_t *exact = malloc(n); /* so that one byte too many is seen */
    check(exact != NULL);
    memcpy(exact, w->bytes, n);
    for (unsigned i = 0; in->left > 0 && i < 16; i++) {
        const uint32_t at = (uint32_t)take(in, 1) % sizeof(struct screen_header);
        if (at < n)
            exact[at] = (uint8_t)take(in, 1);
    }
    use(exact, n);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    use(data, size);
    if (size > 0)
        changed(&in);
    return 0;
}
