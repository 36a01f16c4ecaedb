/* SPDX-License-Identifier: Apache-2.0 */
/* Text that the kernel makes: a small printf without floating point. Pure but for the heap of growing texts. */
#include "linux/core/text.h"

#include "linux/core/heap.h"

#include <stdint.h>
#include <string.h>

#define TEXT_FIRST 512
#define TEXT_MOST  (1u << 20) /* heap_alloc's own bound */

void text_fixed(struct text *t, char *room, size_t n)
{
    *t = (struct text){.bytes = room, .room = n};
}
void text_growing(struct text *t)
{
    *t = (struct text){.grows = true};
}

void text_free(struct text *t)
{
    if (t->grows && t->bytes)
        heap_release(t->bytes, t->room);
    *t = (struct text){.grows = t->grows};
}

static void text_grow(struct text *t, size_t n)
{
    size_t room = t->room ? t->room : TEXT_FIRST;
    while (room < t->n + n && room < TEXT_MOST)
        room *= 2;
    if (room <= t->room)
        return;
    char *bytes = heap_alloc(room);
    if (!bytes)
        return;
    if (t->bytes)
        memcpy(bytes, t->bytes, t->n), heap_release(t->bytes, t->room);
    t->bytes = bytes, t->room = room;
}

void text_put(struct text *t, const char *from, size_t n)
{
    if (t->grows && t->n + n > t->room)
        text_grow(t, n);
    if (n > t->room - t->n)
        n = t->room - t->n, t->cut = true;
    if (n)
        memcpy(t->bytes + t->n, from, n);
    t->n += n;
}

const char *text_end(struct text *t)
{
    if (t->grows && t->n == t->room)
        text_grow(t, 1);
    if (!t->room)
        return "";
    if (t->n == t->room)
        t->n--, t->cut = true;
    t->bytes[t->n] = 0;
    return t->bytes;
}

struct directive {
    bool left, zero, wide;
    int width, precision; /* -1: none */
};

static void text_pad(struct text *t, char with, int n)
{
    while (n-- > 0)
        text_put(t, &with, 1);
}

static void text_field(struct text *t, const struct directive *d, const char *s, size_t n)
{
    int pad = d->width > (int)n ? d->width - (int)n : 0;
    if (!d->left)
        text_pad(t, ' ', pad);
    text_put(t, s, n);
    if (d->left)
        text_pad(t, ' ', pad);
}

static void text_number(struct text *t, const struct directive *d, uint64_t v, unsigned base, bool negative)
{
    char digits[24];
    int n = 0;
    do
        digits[sizeof(digits) - 1 - (size_t)n++] = "0123456789abcdef"[v % base];
    while ((v /= base));
    int length = n + negative, zeros = d->zero && !d->left && d->width > length ? d->width - length : 0;
    int pad = d->width > length + zeros ? d->width - length - zeros : 0;
    if (!d->left)
        text_pad(t, ' ', pad);
    if (negative)
        text_put(t, "-", 1);
    text_pad(t, '0', zeros);
    text_put(t, digits + sizeof(digits) - n, (size_t)n);
    if (d->left)
        text_pad(t, ' ', pad);
}

/* Reads flags, width, precision and length behind a `%`; returns where the conversion stands. */
static const char *text_directive(const char *f, struct directive *d, va_list *args)
{
    *d = (struct directive){.precision = -1};
    for (;; f++) {
        if (*f == '-')
            d->left = true;
        else if (*f == '0')
            d->zero = true;
        else
            break;
    }
    if (*f == '*')
        d->width = va_arg(*args, int), f++;
    for (; *f >= '0' && *f <= '9'; f++)
        d->width = d->width * 10 + (*f - '0');
    if (*f == '.') {
        d->precision = 0;
        if (*++f == '*')
            d->precision = va_arg(*args, int), f++;
        for (; *f >= '0' && *f <= '9'; f++)
            d->precision = d->precision * 10 + (*f - '0');
    }
    for (; *f == 'l' || *f == 'z' || *f == 'j'; f++)
        d->wide = true;
    return f;
}

static size_t text_length(const char *s, int most)
{
    size_t n = 0;
    while ((most < 0 || n < (size_t)most) && s[n])
        n++;
    return n;
}

static void text_convert(struct text *t, const struct directive *d, char what, va_list *args)
{
    if (what == 's') {
        const char *s = va_arg(*args, const char *);
        if (!s)
            s = "(null)";
        text_field(t, d, s, text_length(s, d->precision));
    } else if (what == 'c') {
        char c = (char)va_arg(*args, int);
        text_field(t, d, &c, 1);
    } else if (what == 'd' || what == 'i') {
        int64_t v = d->wide ? va_arg(*args, long) : va_arg(*args, int);
        text_number(t, d, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10, v < 0);
    } else if (what == 'p') {
        text_put(t, "0x", 2);
        text_number(t, d, (uintptr_t)va_arg(*args, void *), 16, false);
    } else {
        uint64_t v = d->wide ? va_arg(*args, unsigned long) : va_arg(*args, unsigned);
        text_number(t, d, v, what == 'x' ? 16 : what == 'o' ? 8 : 10, false);
    }
}

void text_vprintf(struct text *t, const char *format, va_list from)
{
    va_list args;
    va_copy(args, from);
    while (*format) {
        size_t n = 0;
        while (format[n] && format[n] != '%')
            n++;
        text_put(t, format, n);
        format += n;
        if (!*format)
            break;
        struct directive d;
        format = text_directive(format + 1, &d, &args);
        if (*format == '%')
            text_put(t, "%", 1);
        else if (*format)
            text_convert(t, &d, *format, &args);
        else
            break;
        format++;
    }
    va_end(args);
}

void text_printf(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_vprintf(t, format, args);
    va_end(args);
}

size_t text_format(char *to, size_t n, const char *format, ...)
{
    struct text t;
    va_list args;
    text_fixed(&t, to, n);
    va_start(args, format);
    text_vprintf(&t, format, args);
    va_end(args);
    text_end(&t);
    return t.n;
}
