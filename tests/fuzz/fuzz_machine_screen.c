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

static void changed(struct input *in)
{
    static const uint8_t modes[] = {3, 0x13, 0x12, 7};
    struct vga_board *b = vga_board_make();
    uint8_t *whole = malloc(SCREEN_BYTES_MOST);
    const uint8_t mode = (uint8_t)take(in, 1);
    check(whole != NULL);
    if (!(mode & 0x80))
        vga_mode_set(b, modes[mode & 3]);
    uint32_t n = screen_build(&b->vga, whole);
    for (unsigned i = 0; in->left > 0 && i < 16; i++) {
        const uint8_t at = (uint8_t)take(in, 1);
        whole[at < sizeof(struct screen_header) ? at : at % sizeof(struct screen_header)] = (uint8_t)take(in, 1);
    }
    if (mode & 0x40)
        n -= (uint32_t)(take(in, 1) % n);
    uint8_t *exact = malloc(n); /* so that one byte too many is seen */
    check(exact != NULL);
    memcpy(exact, whole, n);
    use(exact, n);
    free(exact);
    free(whole);
    vga_board_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    use(data, size);
    if (size > 0)
        changed(&in);
    return 0;
}
