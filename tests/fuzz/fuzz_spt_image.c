/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the tender's check of an image. The input is laid over an image that is right, in pieces of {offset,
 * length, bytes}, or is the image itself. What is taken must be what the tender may map and read without a look.
 */
#include "../unit/spt_image.h"
#include "guest/unikernel/layout.h"
#include "spt/image.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_segment(const struct image_segment *s, uint64_t low, uint64_t high, uint64_t size)
{
    if (s->address < low || s->address >= high || s->memory > high - s->address || s->file > s->memory ||
        s->offset > size || s->file > size - s->offset || (s->prot & 6) == 6 || s->address % 4096)
        abort();
}

static void check_premap(const uint8_t *image, size_t size, const struct image_parts *p, uint32_t i, uint64_t *end)
{
    struct image_segment s;
    const char *why;

    if (image_premap(image, size, p, i, end, TENDER_BASE, &s, &why) < 0)
        abort();
    check_segment(&s, TEXT_LOW, TENDER_BASE, size);
}

static void check(const uint8_t *image, size_t size)
{
    struct image_parts p;
    uint64_t end = TEXT_LOW;
    const char *why = NULL, *s;

    if (image_check(image, size, &p, &why) < 0) {
        if (!why || !*why)
            abort();
        return;
    }
    for (uint32_t i = 0; i < p.n_kernel; i++)
        check_segment(&p.kernel[i], KERNEL_BASE, KERNEL_LIMIT, size);
    for (uint32_t i = 0; i < p.n_premaps; i++)
        check_premap(image, size, &p, i, &end);
    if (p.program + strlen(p.program) + 1 != p.cwd || p.cwd + strlen(p.cwd) + 1 != p.args)
        abort();
    s = p.args;
    for (uint32_t i = 0; i < p.boot.n_args + p.boot.n_env; i++)
        s += strlen(s) + 1;
    if (s > (const char *)image + size)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    struct sample s;

    if (!exact)
        return 0;
    if (size)
        memcpy(exact, data, size);
    check(exact, size);
    free(exact);
    sample_make(&s);
    while (size > 3) {
        size_t offset = data[0] | (size_t)(data[1] & 0x1f) << 8, n = data[2] % 16u;
        data += 3, size -= 3;
        n = n < size ? n : size;
        n = n < sizeof s - offset ? n : sizeof s - offset;
        memcpy((uint8_t *)&s + offset, data, n);
        data += n, size -= n;
    }
    check((const uint8_t *)&s, sizeof s);
    return 0;
}
