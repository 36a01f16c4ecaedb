/* SPDX-License-Identifier: Apache-2.0 */
/* Text that the kernel makes (messages, strace lines, /proc): a small printf into a fixed or a growing buffer. */
#ifndef MOAT_LINUX_CORE_TEXT_H
#define MOAT_LINUX_CORE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct text {
    char *bytes;
    size_t n, room;
    bool grows; /* bytes are heap_alloc()ed: text_free */
    bool cut;   /* something did not fit, or memory is out */
};
void text_fixed(struct text *, char *room, size_t n);
void text_growing(struct text *);
void text_free(struct text *);
void text_put(struct text *, const char *from, size_t n);
const char *text_end(struct text *); /* puts a NUL behind it; the text stays the text's */

/* %d %i %u %x %o %c %s %p %%, with l, ll, z, j; width and precision (also *), flags - and 0. */
void text_printf(struct text *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vprintf(struct text *, const char *format, va_list) __attribute__((format(printf, 2, 0)));
/* Into `to` of n > 0 bytes, NUL-ended and cut: its length. */
size_t text_format(char *to, size_t n, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
