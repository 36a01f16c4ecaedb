/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one address space: its memory was mapped by the tender, without access, and becomes usable by mprotect(2). A
 * mapping of a file is a copy of its pages, but for those of the first program, which the tender has mapped, and for
 * shared ones, which lie where the object's pages are for good.
 *
 * Pages that are not mapped hold zeroes and have no access: they are given back by madvise(2) when they are unmapped.
 * Where a premap of the tender is, giving back brings the image's bytes, so there they are zeroed by hand.
 */
#include "guest/unikernel/internal.h"
#include "linux/fs/imgfs_format.h"

#include <asm/mman.h>
#include <string.h>

/* mm/ keeps the books; there is nothing to keep here. */
static struct aspace {
    bool unused;
} only;

static struct aspace *aspace_create(struct aspace_range *r)
{
    *r = (struct aspace_range){.low = boot->data_low,
                               .high = boot->data_high,
                               .text_low = boot->text_low,
                               .text_high = boot->text_high,
                               .shared = true,
                               .jit = boot->jit};
    return &only;
}

static void aspace_destroy(struct aspace *a)
{
    (void)a;
}

static int aspace_fork(struct aspace *a, struct aspace **out)
{
    (void)a, (void)out;
    return -ENOSYS;
}

static int give_back(uint64_t at, size_t n)
{
    for (size_t part; n; at += part, n -= part) {
        part = n < ASPACE_SPAN_MOST ? n : ASPACE_SPAN_MOST;
        long r = gate_madvise(at, part, MADV_DONTNEED);
        if (r < 0)
            return (int)r;
    }
    return 0;
}

/* ---- what the tender has mapped ---- */

#define PREMAPS_MOST 256 /* those behind are mapped, but never found */

/* The file's pages, or those behind them, of a premap belong to somebody already. */
enum { FILE_TAKEN = 1, REST_TAKEN = 2 };
static uint8_t taken[PREMAPS_MOST];

static uint64_t page_up(uint64_t v)
{
    return (v + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

static uint32_t n_premaps(void)
{
    return boot->n_premaps < PREMAPS_MOST ? boot->n_premaps : PREMAPS_MOST;
}

static const struct image_segment *premap(uint32_t i)
{
    return (const struct image_segment *)boot->premaps + i;
}

static uint64_t premap_file_end(const struct image_segment *p)
{
    return p->address + page_up(p->file);
}

static uint64_t premap_end(const struct image_segment *p)
{
    return p->address + page_up(p->memory);
}

/* The premap that begins at this place of the image and belongs to nobody; NULL. */
static const struct image_segment *premap_of(uint64_t offset)
{
    for (uint32_t i = 0; i < n_premaps(); i++)
        if (premap(i)->file && premap(i)->offset == offset && !(taken[i] & FILE_TAKEN))
            return premap(i);
    return NULL;
}

/*
 * Whether [at, at + n) is just what the tender has mapped, and nobody had it: the pages of a segment, the zeroes behind
 * them, or a whole file whose segments will be asked for one by one (as ld.so does), which takes nothing yet.
 */
static bool take_premap(uint64_t at, size_t n, int prot, bool of_image, uint64_t offset)
{
    for (uint32_t i = 0; i < n_premaps(); i++) {
        const struct image_segment *p = premap(i);
        if (of_image && at == p->address && offset == p->offset && !(taken[i] & FILE_TAKEN)) {
            if (at + n == premap_file_end(p) && (int)p->prot == prot) {
                taken[i] |= FILE_TAKEN;
                return true;
            }
            return at + n > premap_end(p);
        }
        if (!of_image && at == premap_file_end(p) && at + n == premap_end(p) && (int)p->prot == prot &&
            !(taken[i] & REST_TAKEN)) {
            taken[i] |= REST_TAKEN;
            return true;
        }
    }
    return false;
}

/* Something else comes to lie there: true when pages of the tender's are there, which are not zeroes when given back.
 */
static bool over_premaps(uint64_t at, size_t n)
{
    bool over = false;

    for (uint32_t i = 0; i < n_premaps(); i++)
        if (at < premap_end(premap(i)) && premap(i)->address < at + n) {
            taken[i] = FILE_TAKEN | REST_TAKEN;
            over = true;
        }
    return over;
}

/* ---- mappings ---- */

/* Nothing is mapped there, so it is zero and has no access. */
static int map_anonymous(uint64_t at, size_t n, int prot)
{
    bool over = over_premaps(at, n);
    int r = over ? aspace_protect_pages(at, n, PROT_READ | PROT_WRITE) : 0;

    if (over && r == 0 && user_zero((void *)at, n))
        r = -EFAULT;
    return r || (prot == PROT_NONE && !over) ? r : aspace_protect_pages(at, n, prot);
}

/* A piece of the object's contents, or zeroes where there are none. */
static int fill(uint64_t at, size_t n, struct memobj *object, uint64_t offset)
{
    const uint8_t *constant = memobj_constant(object);

    if (constant) {
        size_t there = offset < boot->image_size ? boot->image_size - offset : 0;
        there = there < n ? there : n;
        return user_copy((void *)at, constant + offset, there) || user_zero((void *)(at + there), n - there) ? -EIO : 0;
    }
    for (size_t done = 0; done < n; done += PAGE_SIZE) {
        uint64_t page = (offset + done) / PAGE_SIZE;
        const void *from = memobj_ops.get(object, page, false);
        if (from)
            memcpy((void *)(at + done), from, PAGE_SIZE);
        else
            memset((void *)(at + done), 0, PAGE_SIZE);
        if (from)
            memobj_ops.put(object, page, false);
    }
    return 0;
}

static int map_copy(uint64_t at, size_t n, int prot, struct memobj *object, uint64_t offset)
{
    over_premaps(at, n);
    int r = aspace_protect_pages(at, n, PROT_READ | PROT_WRITE);
    if (r == 0)
        r = fill(at, n, object, offset);
    return r || prot == (PROT_READ | PROT_WRITE) ? r : aspace_protect_pages(at, n, prot);
}

static uint64_t aspace_where(struct aspace *a, struct memobj *object, uint64_t offset, size_t n, bool shared)
{
    (void)a;
    if (!memobj_constant(object))
        return shared ? memobj_pin(object, offset / PAGE_SIZE, n / PAGE_SIZE) : 0;
    if (shared)
        return offset < boot->image_size ? (uintptr_t)boot->image + offset : 0;
    const struct image_segment *p = premap_of(offset);
    return p ? p->address : 0;
}

static int aspace_map(struct aspace *a, uint64_t at, size_t n, int prot, bool shared, struct memobj *object,
                      uint64_t offset)
{
    if ((prot & PROT_WRITE) && (prot & PROT_EXEC))
        return -EACCES;
    if (shared && object) {
        if ((prot & PROT_EXEC) || (memobj_constant(object) && (prot & PROT_WRITE)))
            return -EACCES;
        return at == aspace_where(a, object, offset, n, true) ? 0 : -ENODEV;
    }
    if (!aspace_is_programs(at, n))
        return -EINVAL;
    if (take_premap(at, n, prot, object && memobj_constant(object), offset))
        return 0;
    return object ? map_copy(at, n, prot, object, offset) : map_anonymous(at, n, prot);
}

static int aspace_unmap(struct aspace *a, uint64_t at, size_t n)
{
    (void)a;
    if (!aspace_is_programs(at, n)) /* pages of an object, which stay where they are */
        return 0;
    over_premaps(at, n);
    int r = give_back(at, n);
    return r ? r : aspace_protect_pages(at, n, PROT_NONE);
}

static int aspace_protect(struct aspace *a, uint64_t at, size_t n, int prot)
{
    (void)a;
    if ((prot & PROT_WRITE) && (prot & PROT_EXEC))
        return -EACCES;
    if (aspace_is_programs(at, n))
        return aspace_protect_pages(at, n, prot);
    return (prot & PROT_EXEC) || ((prot & PROT_WRITE) && aspace_is_image(at, n)) ? -EACCES : 0;
}

static int aspace_advise(struct aspace *a, uint64_t at, size_t n, int advice)
{
    (void)a;
    return advice == MADV_DONTNEED && aspace_is_programs(at, n) ? give_back(at, n) : 0;
}

static int aspace_move(struct aspace *a, uint64_t from, size_t from_n, uint64_t to, size_t to_n, int prot)
{
    size_t n = from_n < to_n ? from_n : to_n;
    int r = map_anonymous(to, to_n, PROT_READ | PROT_WRITE);

    if (r == 0 && user_copy((void *)to, (void *)from, n)) { /* no access to it: until it is copied there is */
        r = aspace_protect_pages(from, from_n, PROT_READ);
        if (r == 0 && user_copy((void *)to, (void *)from, n))
            r = -EFAULT;
    }
    if (r == 0 && prot != (PROT_READ | PROT_WRITE))
        r = aspace_protect_pages(to, to_n, prot);
    return r ? r : aspace_unmap(a, from, from_n);
}

const struct aspace_ops aspace_ops = {.create = aspace_create,
                                      .destroy = aspace_destroy,
                                      .fork = aspace_fork,
                                      .map = aspace_map,
                                      .unmap = aspace_unmap,
                                      .protect = aspace_protect,
                                      .advise = aspace_advise,
                                      .move = aspace_move,
                                      .where = aspace_where,
                                      .copy_in = aspace_copy_in,
                                      .copy_out = aspace_copy_out,
                                      .copy_str = aspace_copy_str,
                                      .zero = aspace_zero,
                                      .load32 = aspace_load32,
                                      .cmpxchg32 = aspace_cmpxchg32};
