/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User memory of the current task. Each value is copied once, and only the copy is looked at.
 */
#ifndef MOAT_LINUX_CORE_UACCESS_H
#define MOAT_LINUX_CORE_UACCESS_H

#include "linux/platform.h"

static inline struct uptr uptr(uint64_t v)
{
    return (struct uptr){v};
}
static inline struct uptr uptr_add(struct uptr p, uint64_t n)
{
    return (struct uptr){p.v + n};
}

/* 0 or -EFAULT. */
int copy_in(void *to, struct uptr from, size_t n);
int copy_out(struct uptr to, const void *from, size_t n);
int zero_out(struct uptr to, size_t n);
/* A struct that grows with Linux's releases (clone3, openat2, sched_setattr): `size` bytes as the caller knows it into
 * `known` of ours. What the caller's lacks is zero; what ours lacks has to be zero there: else -E2BIG, as for more than
 * a page. -EFAULT. */
int copy_struct_in(void *to, size_t known, struct uptr from, uint64_t size);
/* A string with its NUL into `to` of n bytes: its length without NUL; -ENAMETOOLONG, -EFAULT. */
int64_t copy_string_in(char *to, struct uptr from, size_t n);

#define get_user(value, from) copy_in(&(value), (from), sizeof(value))
#define put_user(to, value)   copy_out((to), &(value), sizeof(value))

/* Where the bytes of a read or a write come from or go to: user buffers (the current task's), or one of the kernel. A
 * cursor: each put or get moves on. */
#define UIO_MAX 1024 /* IOV_MAX */
struct uio_vec {
    uint64_t base, length;
};
struct uio {
    size_t left;                /* bytes still to go */
    const struct uio_vec *vecs; /* user buffers; NULL: `kernel` */
    uint32_t n, at;
    size_t done_in_vec;
    uint8_t *kernel;
    struct uio_vec one;
};
void uio_user(struct uio *, struct uptr, size_t n);
void uio_kernel(struct uio *, void *, size_t n);
/* Reads an iovec array: *vecs is heap_alloc()ed when n is over 8 (else `small` is used); free with uio_vecs_free. Total
 * cut to INT_MAX & ~4095 as Linux does; -EINVAL, -EFAULT, -ENOMEM. */
int uio_vecs(struct uio *, struct uptr iov, uint64_t n, struct uio_vec small[8]);
void uio_vecs_free(struct uio *, struct uio_vec small[8]);
/* Bytes moved, fewer at the end of the buffers; -EFAULT only when nothing was moved. */
int64_t uio_put(struct uio *, const void *from, size_t n);
int64_t uio_put_zero(struct uio *, size_t n);
int64_t uio_get(struct uio *, void *to, size_t n);

#endif
