/* SPDX-License-Identifier: Apache-2.0 */
/* The public header as the library's own files see it, and the way from our errors to its errors. */
#ifndef MOAT_LIBMOAT_API_H
#define MOAT_LIBMOAT_API_H

#include "base/err.h"

/* Everything else is compiled with hidden visibility. */
#define MOAT_API __attribute__((visibility("default")))
#include <moat/moat.h>

#include <string.h>

_Static_assert(sizeof((struct moat_error *)0)->text == ERR_TEXT_MAX, "one length of a sentence");

/* r of an inner function, as an outer one returns it. */
static inline int api_result(int r, const struct err *err, struct moat_error *error)
{
    if (r < 0 && error) {
        error->code = r;
        memcpy(error->text, err->text, sizeof error->text);
    }
    return r;
}

#endif
