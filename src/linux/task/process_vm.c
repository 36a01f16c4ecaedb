/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process_vm_readv(2), process_vm_writev(2): bytes between the caller's memory and that of a process which it may look
 * into. Both lists are copied once; what is moved passes through a piece of the kernel's memory.
 */
#include "linux/mm/mm.h"
#include "linux/task/internal.h"

/* Moves on in a list of pieces of another process. */
struct remote {
    const struct uio_vec *vecs;
    uint32_t n, at;
    uint64_t done; /* of the one at `at` */
};

/* Where the next bytes lie, and how many of `most` in one piece; 0: the end. */
static size_t remote_next(struct remote *r, size_t most, struct uptr *where)
{
    while (r->at < r->n && r->done == r->vecs[r->at].length)
        r->at++, r->done = 0;
    if (r->at == r->n)
        return 0;
    uint64_t left = r->vecs[r->at].length - r->done;
    *where = uptr(r->vecs[r->at].base + r->done);
    return left < most ? (size_t)left : most;
}

/* One piece: bytes done, fewer at a fault on either side. */
static size_t move(struct aspace *other, bool write, uint8_t *piece, size_t n, struct uptr there, struct uio *here)
{
    if (!write) {
        size_t got = platform.aspace.copy_in(other, piece, there, n);
        int64_t put = got ? uio_put(here, piece, got) : 0;
        return put < 0 ? 0 : (size_t)put;
    }
    int64_t got = uio_get(here, piece, n);
    return got <= 0 ? 0 : platform.aspace.copy_out(other, there, piece, (size_t)got);
}

static int64_t move_all(struct aspace *other, bool write, struct remote *r, struct uio *here)
{
    uint8_t *piece = heap_alloc(PAGE_SIZE);
    struct uptr there;
    int64_t done = 0;
    size_t n;
    if (!piece)
        return -ENOMEM;
    while (here->left && (n = remote_next(r, here->left < PAGE_SIZE ? here->left : PAGE_SIZE, &there))) {
        size_t moved = move(other, write, piece, n, there, here);
        r->done += moved, done += (int64_t)moved;
        if (moved < n) {
            done = done ? done : -EFAULT;
            break;
        }
    }
    heap_release(piece, PAGE_SIZE);
    return done;
}

static int64_t between(struct task *t, const struct args *a, bool write)
{
    struct uio_vec small[8], small_there[8];
    struct uio here, there;
    if (a->v[5])
        return -EINVAL;
    int r = uio_vecs(&here, arg_ptr(a, 1), a->v[2], small);
    if (r)
        return r;
    r = uio_vecs(&there, arg_ptr(a, 3), a->v[4], small_there);
    if (r) {
        uio_vecs_free(&here, small);
        return r;
    }
    const struct task *of = task_find(arg_int(a, 0));
    int64_t done = !of || !of->mm ? -ESRCH : !task_may_trace(t, of) ? -EPERM : 0;
    if (!done) {
        struct remote remote = {.vecs = there.vecs, .n = there.n};
        done = move_all(of->mm->aspace, write, &remote, &here);
    }
    uio_vecs_free(&there, small_there);
    uio_vecs_free(&here, small);
    return done;
}

int64_t sys_process_vm_readv(struct task *t, const struct args *a)
{
    return between(t, a, false);
}

int64_t sys_process_vm_writev(struct task *t, const struct args *a)
{
    return between(t, a, true);
}
