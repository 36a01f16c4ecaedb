/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address space of a program that never unmaps, protects, moves or maps files (`moat build`), in the place of
 * aspace.c: memory becomes usable, and that is all. What the tender has mapped stays as it is. The operations that are
 * missing are asked for by system calls that such a kernel does not have (src/unikernel/tools.c, linux/mm/plain.c).
 */
#include "guest/unikernel/internal.h"

static struct aspace {
    bool unused;
} only;

static struct aspace *plain_create(struct aspace_range *r)
{
    *r = (struct aspace_range){.low = boot->data_low,
                               .high = boot->data_high,
                               .text_low = boot->text_low,
                               .text_high = boot->text_high,
                               .shared = true};
    return &only;
}

static void plain_destroy(struct aspace *a)
{
    (void)a;
}

/* From linux/mm/plain.c alone: in the data range, anonymous, never executable. */
static int plain_map(struct aspace *a, uint64_t at, size_t n, int prot, bool shared, struct memobj *object,
                     uint64_t offset)
{
    (void)a, (void)shared, (void)object, (void)offset;
    return aspace_protect_pages(at, n, prot);
}

const struct aspace_ops aspace_ops = {.create = plain_create,
                                      .destroy = plain_destroy,
                                      .map = plain_map,
                                      .copy_in = aspace_copy_in,
                                      .copy_out = aspace_copy_out,
                                      .copy_str = aspace_copy_str,
                                      .zero = aspace_zero,
                                      .load32 = aspace_load32,
                                      .cmpxchg32 = aspace_cmpxchg32};

/* What `moat build` asks for by name to have this one. */
extern const struct aspace_ops aspace_plain __attribute__((alias("aspace_ops")));
