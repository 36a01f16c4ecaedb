/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory by its address: which region, how much of a range is in it, and copies that go over regions that touch.
 * Touches only the regions. What keeps it safe: each call checks its whole range before it copies a byte.
 */
#include "machine/gmem.h"

#include <errno.h>
#include <string.h>

#define PAGE UINT64_C(4096)

static const struct gmem_region *region_of(const struct gmem *m, gpa_t gpa)
{
    for (unsigned i = 0; i < m->n; i++) {
        if (gpa - m->regions[i].base < m->regions[i].bytes)
            return &m->regions[i];
    }
    return NULL;
}

int gmem_add(struct gmem *m, const struct gmem_region *region)
{
    unsigned at = 0;
    if (region->bytes == 0 || (region->base | region->bytes) % PAGE != 0 ||
        region->base + region->bytes < region->base || region->host == NULL)
        return -EINVAL;
    if (m->n == GMEM_REGIONS_MAX)
        return -ENOSPC;
    while (at < m->n && m->regions[at].base < region->base)
        at++;
    if (at > 0 && m->regions[at - 1].base + m->regions[at - 1].bytes > region->base)
        return -EINVAL;
    if (at < m->n && region->base + region->bytes > m->regions[at].base)
        return -EINVAL;
    memmove(&m->regions[at + 1], &m->regions[at], (m->n - at) * sizeof(m->regions[0]));
    m->regions[at] = *region;
    m->n++;
    return 0;
}

/* Is there memory for the whole of the range? */
static bool covered(const struct gmem *m, gpa_t gpa, uint64_t n)
{
    if (gpa + n < gpa)
        return false;
    while (n > 0) {
        const struct gmem_region *r = region_of(m, gpa);
        if (r == NULL)
            return false;
        uint64_t here = r->bytes - (gpa - r->base);
        if (here >= n)
            return true;
        gpa += here;
        n -= here;
    }
    return true;
}

/* The first stretch of a range that is covered: where it lies, and how many of its bytes are there. */
static uint8_t *stretch(const struct gmem *m, gpa_t gpa, uint64_t n, uint64_t *here)
{
    const struct gmem_region *r = region_of(m, gpa);
    uint64_t in = gpa - r->base;
    *here = r->bytes - in < n ? r->bytes - in : n;
    return r->host + in;
}

int gmem_read(const struct gmem *m, gpa_t gpa, void *out, uint64_t n)
{
    uint8_t *to = out;
    if (!covered(m, gpa, n))
        return -EFAULT;
    while (n > 0) {
        uint64_t here;
        const uint8_t *from = stretch(m, gpa, n, &here);
        memcpy(to, from, here);
        to += here;
        gpa += here;
        n -= here;
    }
    return 0;
}

int gmem_write(struct gmem *m, gpa_t gpa, const void *in, uint64_t n)
{
    const uint8_t *from = in;
    gpa_t first = gpa;
    uint64_t all = n;
    if (!covered(m, gpa, n))
        return -EFAULT;
    while (n > 0) {
        uint64_t here;
        uint8_t *to = stretch(m, gpa, n, &here);
        memcpy(to, from, here);
        from += here;
        gpa += here;
        n -= here;
    }
    gmem_was_written(m, first, all);
    return 0;
}

int gmem_fill(struct gmem *m, gpa_t gpa, uint8_t byte, uint64_t n)
{
    gpa_t first = gpa;
    uint64_t all = n;
    if (!covered(m, gpa, n))
        return -EFAULT;
    while (n > 0) {
        uint64_t here;
        uint8_t *to = stretch(m, gpa, n, &here);
        memset(to, byte, here);
        gpa += here;
        n -= here;
    }
    gmem_was_written(m, first, all);
    return 0;
}

/* Where an aligned number lies; NULL when it is not aligned or not there, and is copied byte by byte or refused. */
static void *aligned(const struct gmem *m, gpa_t gpa, unsigned size)
{
    const struct gmem_region *r = gpa % size == 0 ? region_of(m, gpa) : NULL;
    return r != NULL ? r->host + (gpa - r->base) : NULL;
}

#define GMEM_NUMBER(bits)                                                                                              \
    int gmem_read##bits(const struct gmem *m, gpa_t gpa, uint##bits##_t *out)                                          \
    {                                                                                                                  \
        const uint##bits##_t *at = aligned(m, gpa, bits / 8);                                                          \
        if (at == NULL)                                                                                                \
            return gmem_read(m, gpa, out, bits / 8);                                                                   \
        *out = __atomic_load_n(at, __ATOMIC_ACQUIRE);                                                                  \
        return 0;                                                                                                      \
    }                                                                                                                  \
    int gmem_write##bits(struct gmem *m, gpa_t gpa, uint##bits##_t v)                                                  \
    {                                                                                                                  \
        uint##bits##_t *at = aligned(m, gpa, bits / 8);                                                                \
        if (at == NULL)                                                                                                \
            return gmem_write(m, gpa, &v, bits / 8);                                                                   \
        __atomic_store_n(at, v, __ATOMIC_RELEASE);                                                                     \
        gmem_was_written(m, gpa, bits / 8);                                                                            \
        return 0;                                                                                                      \
    }
GMEM_NUMBER(16)
GMEM_NUMBER(32)
GMEM_NUMBER(64)
#undef GMEM_NUMBER

int gmem_locate(const struct gmem *m, gpa_t gpa, uint64_t n, unsigned *region, uint64_t *offset)
{
    const struct gmem_region *r = region_of(m, gpa);
    if (r == NULL || n > r->bytes - (gpa - r->base))
        return -EFAULT;
    *region = (unsigned)(r - m->regions);
    *offset = gpa - r->base;
    return 0;
}

uint8_t *gmem_page(const struct gmem *m, gpa_t gpa, bool *writable)
{
    const struct gmem_region *r = region_of(m, gpa);
    if (r == NULL)
        return NULL;
    *writable = !(r->flags & GMEM_ROM);
    return r->host + ((gpa - r->base) & ~(PAGE - 1));
}

void gmem_was_written(struct gmem *m, gpa_t gpa, uint64_t n)
{
    if (m->written != NULL && n > 0)
        m->written(m->owner, gpa, n);
}
