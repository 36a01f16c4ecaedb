/* SPDX-License-Identifier: Apache-2.0 */
/* Whether bytes are UTF-8. */
#ifndef MOAT_BASE_UTF8_H
#define MOAT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the first well-formed sequence of n > 0 bytes (Unicode 15, table 3-7: shortest form, no surrogates, up to
 * U+10FFFF); 0 when there is none. */
unsigned utf8_sequence(const uint8_t *p, size_t n);
bool utf8_valid(const uint8_t *p, size_t n);

#endif
