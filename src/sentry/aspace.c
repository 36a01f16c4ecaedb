/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address spaces: each is a stub. Mappings are host calls that its service is ordered to make; bytes are copied by
 * apart.h's. No page of a guest is ever mapped here but those of objects, which are the kernel's own.
 */
#include "sentry/files.h"
#include "sentry/sentry.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define GUEST_LOW  0x10000ull /* vm.mmap_min_addr */
#define GUEST_HIGH STUB_LOW

/* ---- whole ones ---- */

static struct aspace *aspace_create(struct aspace_range *r)
{
    *r = (struct aspace_range){
        .low = GUEST_LOW, .high = GUEST_HIGH, .text_low = GUEST_LOW, .text_high = GUEST_HIGH, .jit = true, .wx = true};
    return stub_copy(NULL);
}

static void aspace_destroy(struct aspace *as)
{
    stub_leave(as);
}

static int aspace_fork(struct aspace *as, struct aspace **out)
{
    *out = stub_copy(as);
    return *out ? 0 : -ENOMEM;
}

/* Whose service is gone has no memory left, and its pid may be another's. */
pid_t apart_pid(const struct aspace *as)
{
    return as->dead ? -1 : as->pid;
}

/* ---- mappings ---- */

size_t apart_clip(uint64_t at, size_t n)
{
    size_t most = at >= GUEST_LOW && at < GUEST_HIGH ? GUEST_HIGH - at : 0;
    return n < most ? n : most;
}

static int may_be(uint64_t at, size_t n)
{
    return apart_clip(at, n) < n || at % PAGE_SIZE || n % PAGE_SIZE ? -EINVAL : 0;
}

int apart_mmap(struct aspace *as, uint64_t at, size_t n, int prot, int flags, int fd, uint64_t offset)
{
    int64_t r = stub_order(as, ORDER_mmap, at, n, (uint64_t)prot, (uint64_t)flags, (uint64_t)fd, offset);
    return r < 0 ? (int)r : 0;
}

static int map_any(struct aspace *as, uint64_t at, size_t n, int prot, bool shared, struct memobj *object,
                   uint64_t offset)
{
    if (object && objects_is_host(object))
        return files_map(as, at, n, prot, shared, object, offset);
    return apart_map(as, at, n, prot, shared, object, offset);
}

/* Where it fails nothing may be left of what was there, nor of what is half there: its pages are another's soon. */
static int aspace_map(struct aspace *as, uint64_t at, size_t n, int prot, bool shared, struct memobj *object,
                      uint64_t offset)
{
    int r = may_be(at, n);
    if (r)
        return r;
    r = map_any(as, at, n, prot, shared, object, offset);
    if (r && stub_order(as, ORDER_munmap, at, n, 0, 0, 0, 0))
        stub_end(as);
    return r;
}

static int aspace_unmap(struct aspace *as, uint64_t at, size_t n)
{
    int r = may_be(at, n);
    return r ? r : (int)stub_order(as, ORDER_munmap, at, n, 0, 0, 0, 0);
}

static int aspace_protect(struct aspace *as, uint64_t at, size_t n, int prot)
{
    int r = may_be(at, n);
    return r ? r : (int)stub_order(as, ORDER_mprotect, at, n, (uint64_t)prot, 0, 0, 0);
}

static int aspace_advise(struct aspace *as, uint64_t at, size_t n, int advice)
{
    if (advice != MADV_DONTNEED)
        return 0;
    int r = may_be(at, n);
    return r ? r : (int)stub_order(as, ORDER_madvise, at, n, MADV_DONTNEED, 0, 0, 0);
}

static uint64_t aspace_where(struct aspace *as, struct memobj *object, uint64_t offset, size_t n, bool shared)
{
    return 0;
}

/* What is one mapping here may be several for the host, which moves one at a time: then in halves. */
static int move_pages(struct aspace *as, uint64_t from, uint64_t to, size_t n)
{
    int64_t r = stub_order(as, ORDER_mremap, from, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, to, 0);
    if (r != -EFAULT || n == PAGE_SIZE)
        return r < 0 ? (int)r : 0;
    size_t half = n / PAGE_SIZE / 2 * PAGE_SIZE;
    int e = move_pages(as, from, to, half);
    if (e)
        return e;
    e = move_pages(as, from + half, to + half, n - half);
    if (e) /* one half is here and one there, which no kernel could tell its program */
        stub_end(as);
    return e;
}

static int aspace_move(struct aspace *as, uint64_t from, size_t from_n, uint64_t to, size_t to_n, int prot)
{
    size_t n = from_n < to_n ? from_n : to_n;
    int r = to_n > n ? aspace_map(as, to + n, to_n - n, prot, false, NULL, 0) : 0;
    if (!r)
        r = move_pages(as, from, to, n);
    return r || from_n == n ? r : aspace_unmap(as, from + n, from_n - n);
}

/* ---- words ---- */

static int load32(struct aspace *as, struct uptr at, uint32_t *value)
{
    return apart_copy_in(as, value, at, sizeof(*value)) == sizeof(*value) ? 0 : -EFAULT;
}

static int cmpxchg32(struct aspace *as, struct uptr at, uint32_t *value, uint32_t with)
{
    if (at.v % sizeof(*value) || apart_clip(at.v, sizeof(*value)) < sizeof(*value))
        return -EFAULT;
    int64_t r = stub_order(as, ORDER_cmpxchg, at.v, *value, with, 0, 0, 0);
    if (r < 0)
        return -EFAULT;
    *value = (uint32_t)r;
    return 0;
}

const struct aspace_ops sentry_aspace = {.create = aspace_create,
                                         .destroy = aspace_destroy,
                                         .fork = aspace_fork,
                                         .map = aspace_map,
                                         .unmap = aspace_unmap,
                                         .protect = aspace_protect,
                                         .advise = aspace_advise,
                                         .move = aspace_move,
                                         .where = aspace_where,
                                         APART_COPY_OPS,
                                         .load32 = load32,
                                         .cmpxchg32 = cmpxchg32};
