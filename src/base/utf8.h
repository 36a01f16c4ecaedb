/* SPDX-License-Identifier: Apache-2.0 */
/* Whether bytes are UTF-8, and what of them a terminal only shows. */
#ifndef MOAT_BASE_UTF8_H
#define MOAT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the first well-formed sequence of n > 0 bytes (Unicode 15, table 3-7: shortest form, no surrogates, up to
 * U+10FFFF); 0 when there is none. */
unsigned utf8_sequence(const uint8_t *p, size_t n);
bool utf8_valid(const uint8_t *p, size_t n);

/* Whether a well-formed sequence of `length` bytes is a control character: C0, DEL, C1. */
bool utf8_is_control(const uint8_t *p, unsigned length);

/* A copy of n bytes without what a terminal obeys (ECMA-48): control characters (C0, DEL, C1: U+0080 to U+009F) are
 * each a '?', and so is each byte that is no UTF-8, where 0x9b alone may be a CSI. It ends with a NUL, before out +
 * size and not within a character. Gives its length; size > 0. */
size_t utf8_printable(char *out, size_t size, const char *text, size_t n);

#endif
