/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat vm text` and `moat vm screenshot`. What the machine wrote has been checked by boundary/vm (sizes), its
 * characters become printable ones here, and the picture is drawn as PNG by libexec/moat-screen, a process that can do
 * nothing else.
 */
#include "base/io.h"
#include "base/json.h"
#include "boundary/vm/vm.h"
#include "cli/vm_cmd.h"
#include "host/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PICTURE_MS   30000
#define PICTURE_MOST ((size_t)8 << 20)
#define UTF8_MOST    3 /* bytes of a character of CP437 */

/* ---- characters ------------------------------------------------------------------------------------------------- */

static size_t put_utf8(char *out, uint16_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3f));
    out[2] = (char)(0x80 | (c & 0x3f));
    return 3;
}

/* A row without the blanks at its end; `line` has room for all of it. */
static void take_line(const struct vm_screen *s, uint32_t row, char *line)
{
    const uint8_t *cell = s->cells + 2 * row * s->header.columns;
    size_t n = 0, end = 0;

    for (uint32_t i = 0; i < s->header.columns; i++) {
        const uint16_t c = screen_unicode(cell[2 * i]);
        n += put_utf8(line + n, c);
        if (c != ' ' && c != 0xa0)
            end = n;
    }
    line[end] = 0;
}

static void print_json(const struct vm_screen *s, struct json_writer *w)
{
    static const char *const modes[] = {
        [SCREEN_BLANK] = "blank", [SCREEN_TEXT] = "text", [SCREEN_GRAPHICS] = "graphics"};
    const struct screen_header *h = &s->header;
    char line[UTF8_MOST * SCREEN_COLUMNS + 1];

    json_object_begin(w, NULL);
    json_string(w, "mode", modes[h->mode]);
    json_uint(w, "columns", h->columns);
    json_uint(w, "rows", h->rows);
    json_object_begin(w, "cursor");
    json_uint(w, "x", h->cursor_x);
    json_uint(w, "y", h->cursor_y);
    json_bool(w, "on", h->cursor_on);
    json_object_end(w);
    json_uint(w, "width", h->width);
    json_uint(w, "height", h->height);
    json_array_begin(w, "lines");
    for (uint32_t i = 0; i < h->rows; i++) {
        take_line(s, i, line);
        json_string(w, NULL, line);
    }
    json_array_end(w);
    json_object_end(w);
}

int vm_text(struct vm_request *q, struct err *err)
{
    struct vm_screen s;
    char line[UTF8_MOST * SCREEN_COLUMNS + 1];
    int r = vm_screen(&q->sb.inst, &q->arena, &s, err);

    if (r < 0)
        return r;
    if (q->json) {
        struct json_writer w = {.indent = 2};
        print_json(&s, &w);
        return command_print_json(&w, err);
    }
    if (s.header.mode == SCREEN_GRAPHICS)
        return err_set(err, -ENOMSG, "sandbox %s: it shows a picture of %u x %u points: moat vm screenshot %s FILE.png",
                       q->sb.id, s.header.width, s.header.height, q->sb.id);
    for (uint32_t i = 0; i < s.header.rows; i++) {
        take_line(&s, i, line);
        puts(line);
    }
    return 0;
}

/* ---- the picture ------------------------------------------------------------------------------------------------ */

static int draw(struct vm_request *q, const struct vm_screen *s, char **png, size_t *n, struct err *err)
{
    static char program[] = "moat-screen", verb[] = "png";
    char *argv[] = {program, verb, NULL};
    _cleanup_fd_ int file = memfd_create("screen", MFD_CLOEXEC);
    int r = file < 0 ? -errno : io_write_all(file, s->bytes, s->n);

    if (r == 0 && lseek(file, 0, SEEK_SET) < 0)
        r = -errno;
    return r < 0 ? err_sys(err, r, "a file for the picture")
                 : helper_ask(&q->arena, argv, file, PICTURE_MS, PICTURE_MOST, png, n, err);
}

/* Whole, or not at all. */
static int keep(struct vm_request *q, const char *file, const char *png, size_t n, struct err *err)
{
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    const char *in = !slash ? "." : slash == file ? "/" : arena_strndup(&q->arena, file, (size_t)(slash - file));
    _cleanup_fd_ int dir = in ? open(in, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (dir < 0)
        return err_sys(err, in ? -errno : -ENOMEM, "%s", file);
    int r = *name ? io_replace_file(dir, name, png, n, 0666) : -EISDIR;
    if (r == -ENOTSUP)
        return err_set(err, r, "%s is a link, a pipe or a device, which a picture would replace: `- > %s` writes to it",
                       file, file);
    return r < 0 ? err_sys(err, r, "%s", file) : 0;
}

int vm_screenshot(struct vm_request *q, struct err *err)
{
    const char *file = q->operands[0];
    struct vm_screen s;
    char *png;
    size_t n;
    int r = vm_screen(&q->sb.inst, &q->arena, &s, err);

    if (r < 0)
        return r;
    if (s.header.mode == SCREEN_BLANK)
        return err_set(err, -ENOMSG, "sandbox %s: its display is off", q->sb.id);
    if (!strcmp(file, "-") && isatty(1))
        return err_set(err, -EINVAL, "a picture is nothing for a terminal: name a file, or put the output elsewhere");
    if ((r = draw(q, &s, &png, &n, err)) < 0)
        return r;
    if (strcmp(file, "-"))
        return keep(q, file, png, n, err);
    return fwrite(png, 1, n, stdout) == n ? 0 : err_sys(err, -errno, "the standard output");
}
