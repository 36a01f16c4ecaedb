/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every kind of address space has (aspace.c, aspace_plain.c): whose an address is, access to pages, and copies
 * between kernel and program, by copy.S alone and after a look that the address is a program's.
 */
#include "guest/unikernel/internal.h"

static bool within(uint64_t at, size_t n, uint64_t low, uint64_t high)
{
    return at >= low && at <= high && n <= high - at;
}

/* Memory that the tender has set apart for programs. */
bool aspace_is_programs(uint64_t at, size_t n)
{
    return within(at, n, boot->data_low, boot->data_high) || within(at, n, boot->text_low, boot->text_high);
}

bool aspace_is_image(uint64_t at, size_t n)
{
    uint64_t low = (uintptr_t)boot->image;

    return within(at, n, low, low + boot->image_size);
}

int aspace_protect_pages(uint64_t at, size_t n, int prot)
{
    for (size_t part; n; at += part, n -= part) {
        part = n < ASPACE_SPAN_MOST ? n : ASPACE_SPAN_MOST;
        long r = gate_mprotect(at, part, prot);
        if (r < 0)
            return (int)r;
    }
    return 0;
}

/* ---- copies ---- */

/* What a program's pointer may lead to: bytes from there on. The kernel's own memory is in reach of the program, but a
 * system call is not a way to it. */
static size_t span(uint64_t at)
{
    if (aspace_is_programs(at, 1))
        return (at < boot->text_high ? boot->text_high : boot->data_high) - at;
    if (aspace_is_image(at, 1))
        return (uintptr_t)boot->image + boot->image_size - at;
    return memobj_holds && memobj_holds(at, 1) ? boot->objects_high - at : 0;
}

static size_t clip(uint64_t at, size_t n)
{
    size_t most = span(at);

    return n < most ? n : most;
}

size_t aspace_copy_in(struct aspace *a, void *to, struct uptr from, size_t n)
{
    (void)a;
    n = clip(from.v, n);
    return n - user_copy(to, (const void *)from.v, n);
}

size_t aspace_copy_out(struct aspace *a, struct uptr to, const void *from, size_t n)
{
    (void)a;
    n = clip(to.v, n);
    return n - user_copy((void *)to.v, from, n);
}

int64_t aspace_copy_str(struct aspace *a, char *to, struct uptr from, size_t n)
{
    size_t most = clip(from.v, n);
    int64_t length;

    (void)a;
    if (!most && n)
        return -EFAULT;
    length = user_string(to, (const void *)from.v, most);
    return length == (int64_t)most && most < n ? -EFAULT : length;
}

size_t aspace_zero(struct aspace *a, struct uptr to, size_t n)
{
    (void)a;
    n = clip(to.v, n);
    return n - user_zero((void *)to.v, n);
}

int aspace_load32(struct aspace *a, struct uptr at, uint32_t *value)
{
    (void)a;
    return clip(at.v, 4) < 4 ? -EFAULT : user_load32((const void *)at.v, value);
}

int aspace_cmpxchg32(struct aspace *a, struct uptr at, uint32_t *value, uint32_t with)
{
    (void)a;
    return clip(at.v, 4) < 4 ? -EFAULT : user_cmpxchg32((void *)at.v, value, with);
}
