/* SPDX-License-Identifier: Apache-2.0 */
/* What targets share that read their input as numbers, one after another. */
#ifndef MOAT_TESTS_FUZZ_INPUT_H
#define MOAT_TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *at;
    size_t left;
};

/* The next n bytes (8 at most), the first one lowest; what is missing at the end is 0. */
static inline uint64_t take(struct input *in, unsigned n)
{
    uint64_t value = 0;

    if (n > in->left)
        n = (unsigned)in->left;
    memcpy(&value, in->at, n);
    in->at += n, in->left -= n;
    return value;
}

static inline void check(bool holds)
{
    if (!holds)
        abort();
}

#endif
