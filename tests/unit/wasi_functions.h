/* SPDX-License-Identifier: Apache-2.0 */
/* Every function of WASI by its name and number of arguments, for tests that call any of them. */
#ifndef TEST_WASI_FUNCTIONS_H
#define TEST_WASI_FUNCTIONS_H

#include <stddef.h>

static const struct {
    const char *name;
    size_t n;
} functions[] = {
#define FUNCTION(name, params, results) {#name, sizeof(params) - 1},
#define I32                             "i"
#define I64                             "I"
#define NONE                            ""
#include "wasi/functions.def"
};

#endif
