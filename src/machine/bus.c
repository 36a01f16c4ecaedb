/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges of a bus, found by halving. An access that no range holds whole is taken apart into bytes.
 */
#include "machine/bus.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* The last range that begins at or below the address, or NULL. */
static const struct bus_range *below(const struct bus *b, uint64_t address)
{
    unsigned low = 0, high = b->n;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (b->ranges[middle].base <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? &b->ranges[low - 1] : NULL;
}

int bus_add(struct bus *b, const struct bus_range *range)
{
    unsigned at = 0;
    if (range->length == 0 || range->base + (range->length - 1) < range->base)
        return -EINVAL;
    if (b->n == BUS_RANGES_MAX)
        return -ENOSPC;
    while (at < b->n && b->ranges[at].base < range->base)
        at++;
    if (at > 0 && range->base - b->ranges[at - 1].base < b->ranges[at - 1].length)
        return -EINVAL;
    if (at < b->n && b->ranges[at].base - range->base < range->length)
        return -EINVAL;
    memmove(&b->ranges[at + 1], &b->ranges[at], (b->n - at) * sizeof(b->ranges[0]));
    b->ranges[at] = *range;
    b->n++;
    return 0;
}

static uint64_t ones(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * size) - 1;
}

/* Does this access lie whole in one range, or in none? NULL and false: in none; NULL and true: it is to be split. */
static const struct bus_range *find(struct bus *b, uint64_t address, unsigned size, bool *split)
{
    const struct bus_range *first = below(b, address), *last = below(b, address + size - 1);
    bool in_first = first != NULL && address - first->base < first->length;
    bool in_last = last != NULL && address + size - 1 - last->base < last->length;
    *split = (in_first || in_last) && (first != last || !in_first || !in_last);
    if (!in_first || !in_last || first != last)
        return NULL;
    b->recent = (unsigned)(first - b->ranges);
    return first;
}

static inline const struct bus_range *whole(struct bus *b, uint64_t address, unsigned size, bool *split)
{
    const struct bus_range *r = &b->ranges[b->recent];
    const uint64_t at = address - r->base;
    if (at < r->length && size <= r->length - at)
        return r;
    return find(b, address, size, split);
}

uint64_t bus_read(struct bus *b, uint64_t address, unsigned size)
{
    bool split;
    const struct bus_range *r = whole(b, address, size, &split);
    if (r != NULL)
        return r->read != NULL ? r->read(r->device, address - r->base, size) & ones(size) : ones(size);
    if (split && size > 1) {
        uint64_t value = 0;
        for (unsigned i = 0; i < size; i++)
            value |= bus_read(b, address + i, 1) << 8 * i;
        return value;
    }
    if (b->unassigned != NULL)
        b->unassigned(b->owner, false, address, size, 0);
    return ones(size);
}

void bus_write(struct bus *b, uint64_t address, unsigned size, uint64_t value)
{
    bool split;
    const struct bus_range *r = whole(b, address, size, &split);
    value &= ones(size);
    if (r != NULL) {
        if (r->write != NULL)
            r->write(r->device, address - r->base, size, value);
    } else if (split && size > 1) {
        for (unsigned i = 0; i < size; i++)
            bus_write(b, address + i, 1, value >> 8 * i & 0xff);
    } else if (b->unassigned != NULL) {
        b->unassigned(b->owner, true, address, size, value);
    }
}

static const struct bus_range *range_of(struct bus *b, uint64_t address, uint64_t span, unsigned size)
{
    bool split;
    const struct bus_range *r = whole(b, address, size, &split);
    return r != NULL && span <= r->length - (address - r->base) ? r : NULL;
}

uint32_t bus_read_many(struct bus *b, uint64_t address, uint64_t span, unsigned size, void *bytes, uint32_t count)
{
    const struct bus_range *r = range_of(b, address, span, size);
    return r != NULL && r->read_many != NULL ? r->read_many(r->device, address - r->base, size, bytes, count) : 0;
}

uint32_t bus_write_many(struct bus *b, uint64_t address, uint64_t span, unsigned size, const void *bytes,
                        uint32_t count)
{
    const struct bus_range *r = range_of(b, address, span, size);
    return r != NULL && r->write_many != NULL ? r->write_many(r->device, address - r->base, size, bytes, count) : 0;
}
