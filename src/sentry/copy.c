/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes between the kernel and a guest in another process, by process_vm_readv(2) and process_vm_writev(2), which look
 * at the pages' protection as the guest's own accesses would. Addresses are cut to what can be a guest's first.
 */
#include "sentry/apart.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#define PIECES 64 /* pages of one copy */

/* The guest's side, cut at its pages: the host does a piece whole or not at all. */
static size_t pieces_make(struct iovec pieces[PIECES], uint64_t at, size_t n, size_t *bytes)
{
    size_t k = 0;
    for (*bytes = 0; k < PIECES && *bytes < n; k++) {
        size_t part = PAGE_SIZE - (at + *bytes) % PAGE_SIZE;
        if (part > n - *bytes)
            part = n - *bytes;
        pieces[k] = (struct iovec){(void *)(uintptr_t)(at + *bytes), part};
        *bytes += part;
    }
    return k;
}

static size_t copy(struct aspace *as, void *own, uint64_t at, size_t n, bool out)
{
    struct iovec pieces[PIECES];
    size_t done = 0, bytes;
    n = apart_clip(at, n);
    while (done < n) {
        size_t k = pieces_make(pieces, at + done, n - done, &bytes);
        struct iovec here = {(uint8_t *)own + done, bytes};
        ssize_t r = out ? process_vm_writev(apart_pid(as), &here, 1, pieces, k, 0)
                        : process_vm_readv(apart_pid(as), &here, 1, pieces, k, 0);
        if (r <= 0)
            break;
        done += (size_t)r;
    }
    return done;
}

size_t apart_copy_in(struct aspace *as, void *to, struct uptr from, size_t n)
{
    return copy(as, to, from.v, n, false);
}

size_t apart_copy_out(struct aspace *as, struct uptr to, const void *from, size_t n)
{
    return copy(as, (void *)(uintptr_t)from, to.v, n, true);
}

size_t apart_zero(struct aspace *as, struct uptr to, size_t n)
{
    static const uint8_t zeroes[16 * PAGE_SIZE];
    size_t done = 0;
    while (done < n) {
        size_t part = n - done < sizeof(zeroes) ? n - done : sizeof(zeroes);
        size_t r = apart_copy_out(as, (struct uptr){to.v + done}, zeroes, part);
        done += r;
        if (r < part)
            break;
    }
    return done;
}

int64_t apart_copy_str(struct aspace *as, char *to, struct uptr from, size_t n)
{
    size_t done = 0;
    while (done < n) {
        size_t part = PAGE_SIZE - (from.v + done) % PAGE_SIZE;
        part = part < n - done ? part : n - done;
        size_t r = copy(as, to + done, from.v + done, part, false);
        const char *end = memchr(to + done, 0, r);
        if (end)
            return end - to;
        done += r;
        if (r < part)
            return -EFAULT;
    }
    return (int64_t)n;
}
