/* SPDX-License-Identifier: Apache-2.0 */
/* Text for people; see term.h. Names printed here may be foreign, so control characters never reach the terminal. */
#include "cli/term.h"

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

/* UTF-8 continuation bytes take no column of their own. */
static bool takes_column(unsigned char c)
{
    return (c & 0xc0) != 0x80;
}

static void put_safe(unsigned char c)
{
    putchar(c < 0x20 || c == 0x7f ? '?' : c);
}

unsigned term_cell(const char *text, unsigned width)
{
    unsigned used = 0;

    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        put_safe(*c);
        used += takes_column(*c);
    }
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
        unsigned width = 0;
        for (size_t i = 0; i < len; i++)
            width += takes_column((unsigned char)text[i]);
        if (!first && at + 1 + width > columns) {
            printf("\n%*s", (int)indent, "");
            at = indent;
            first = true;
        }
        if (!first) {
            putchar(' ');
            at++;
        }
        for (size_t i = 0; i < len; i++)
            put_safe((unsigned char)text[i]);
        at += width;
        text += len;
        first = false;
    }
    putchar('\n');
}
