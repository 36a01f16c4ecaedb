/* SPDX-License-Identifier: Apache-2.0 */
/* Where the bytes of reads and writes come from or go to: a cursor over user buffers, or one buffer of the kernel. */
#include "linux/core/heap.h"
#include "linux/core/sched.h"
#include "linux/core/uaccess.h"
#include "linux/mm/mm.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <limits.h>
#include <string.h>

#define SMALL_VECS 8
#define MOST       ((uint64_t)(INT_MAX & ~4095)) /* read(2): no call moves more */

void uio_user(struct uio *u, struct uptr at, size_t n)
{
    if (n > MOST)
        n = MOST;
    *u = (struct uio){.left = n, .n = 1, .one = {at.v, n}};
    u->vecs = &u->one;
}

void uio_kernel(struct uio *u, void *at, size_t n)
{
    *u = (struct uio){.left = n, .kernel = at};
}

int uio_vecs(struct uio *u, struct uptr iov, uint64_t n, struct uio_vec small[SMALL_VECS])
{
    *u = (struct uio){.vecs = small};
    if (n > UIO_MAX)
        return -EINVAL;
    struct uio_vec *vecs = n > SMALL_VECS ? heap_alloc(n * sizeof(*vecs)) : small;
    if (!vecs)
        return -ENOMEM;
    u->vecs = vecs, u->n = (uint32_t)n;
    int r = n ? copy_in(vecs, iov, n * sizeof(*vecs)) : 0;
    uint64_t total = 0;
    for (uint64_t i = 0; i < n && !r; i++) {
        if (vecs[i].length > INT64_MAX)
            r = -EINVAL;
        if (vecs[i].length > MOST - total)
            vecs[i].length = MOST - total;
        total += vecs[i].length;
    }
    u->left = total;
    if (r)
        uio_vecs_free(u, small);
    return r;
}

void uio_vecs_free(struct uio *u, struct uio_vec small[SMALL_VECS])
{
    if (u->vecs && u->vecs != small)
        heap_release((void *)(uintptr_t)u->vecs, u->n * sizeof(*u->vecs));
    u->vecs = NULL;
}

enum way { WAY_PUT, WAY_ZERO, WAY_GET };

static size_t move(enum way way, struct aspace *as, struct uptr user, uint8_t *bytes, size_t n)
{
    switch (way) {
    case WAY_PUT:
        return platform.aspace.copy_out(as, user, bytes, n);
    case WAY_ZERO:
        return platform.aspace.zero(as, user, n);
    case WAY_GET:
        return platform.aspace.copy_in(as, bytes, user, n);
    }
    return 0;
}

static int64_t move_kernel(struct uio *u, enum way way, void *bytes, size_t n)
{
    if (way == WAY_PUT)
        memcpy(u->kernel, bytes, n);
    else if (way == WAY_ZERO)
        memset(u->kernel, 0, n);
    else
        memcpy(bytes, u->kernel, n);
    u->kernel += n, u->left -= n;
    return (int64_t)n;
}

static int64_t uio_move(struct uio *u, enum way way, void *bytes, size_t n)
{
    if (n > u->left)
        n = u->left;
    if (!n)
        return 0;
    if (!u->vecs)
        return move_kernel(u, way, bytes, n);
    if (!current->mm)
        return -EFAULT;
    size_t done = 0;
    while (done < n && u->at < u->n) {
        const struct uio_vec *v = &u->vecs[u->at];
        size_t part = v->length - u->done_in_vec;
        if (part > n - done)
            part = n - done;
        uint8_t *from = way == WAY_ZERO ? NULL : (uint8_t *)bytes + done;
        size_t moved = part ? move(way, current->mm->aspace, uptr(v->base + u->done_in_vec), from, part) : 0;
        done += moved, u->done_in_vec += moved, u->left -= moved;
        if (moved < part)
            return done ? (int64_t)done : -EFAULT;
        if (u->done_in_vec == v->length)
            u->at++, u->done_in_vec = 0;
    }
    return (int64_t)done;
}

int64_t uio_put(struct uio *u, const void *from, size_t n)
{
    return uio_move(u, WAY_PUT, (void *)(uintptr_t)from, n);
}

int64_t uio_put_zero(struct uio *u, size_t n)
{
    return uio_move(u, WAY_ZERO, NULL, n);
}

int64_t uio_get(struct uio *u, void *to, size_t n)
{
    return uio_move(u, WAY_GET, to, n);
}
