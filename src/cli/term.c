/* SPDX-License-Identifier: Apache-2.0 */
/* Text for people; see term.h. Names printed here may be foreign, so control characters never reach the terminal. */
#include "cli/term.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

unsigned term_columns(void)
{
    struct winsize size;

    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return 80;
    return size.ws_col < 60 ? 60 : size.ws_col > 120 ? 120 : size.ws_col;
}

bool term_has_color(void)
{
    static int known = -1;

    if (known < 0) {
        const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
        known = !(no && *no) && term && strcmp(term, "dumb") != 0 && isatty(STDOUT_FILENO);
    }
    return known;
}

const char *term_on(enum term_style style)
{
    static const char *const sequence[] = {"", "\033[1m", "\033[32m", "\033[33m", "\033[31m", "\033[2m"};

    return term_has_color() ? sequence[style] : "";
}

const char *term_off(void)
{
    return term_has_color() ? "\033[0m" : "";
}

/* Characters in n bytes, which is columns here. */
static unsigned count_characters(const char *text, size_t n)
{
    unsigned count = 0, length;

    for (size_t i = 0; i < n; count++, i += length ? length : 1)
        length = utf8_sequence((const uint8_t *)text + i, n - i);
    return count;
}

/* Puts the first character of n > 0 bytes, or '?' for what a terminal obeys or does not know. Gives the bytes it took.
 */
static size_t put_character(const char *text, size_t n)
{
    const uint8_t *p = (const uint8_t *)text;
    unsigned length = utf8_sequence(p, n);

    if (length && !utf8_is_control(p, length))
        fwrite(text, 1, length, stdout);
    else
        putchar('?');
    return length ? length : 1;
}

static unsigned put_characters(const char *text, size_t n)
{
    unsigned used = 0;

    for (size_t i = 0; i < n; used++)
        i += put_character(text + i, n - i);
    return used;
}

unsigned term_cell(const char *text, unsigned width)
{
    unsigned used = put_characters(text, strlen(text));

    for (; used < width; used++)
        putchar(' ');
    return used;
}

void term_wrap(const char *text, unsigned at, unsigned indent, unsigned columns)
{
    bool first = true;

    for (;;) {
        text += strspn(text, " \n");
        size_t len = strcspn(text, " \n");
        if (!len)
            break;
        unsigned width = count_characters(text, len);
        if (!first && at + 1 + width > columns) {
            printf("\n%*s", (int)indent, "");
            at = indent;
            first = true;
        }
        if (!first) {
            putchar(' ');
            at++;
        }
        put_characters(text, len);
        at += width;
        text += len;
        first = false;
    }
    putchar('\n');
}
