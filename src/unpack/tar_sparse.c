/* SPDX-License-Identifier: Apache-2.0 */
/* Maps of sparse files in GNU's four formats (old, 0.0, 0.1, 1.0; "Sparse Formats" of the GNU tar manual). Trust: none.
 */
#include "unpack/tar_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int tar_sparse_add(struct tar_pending *p, uint64_t offset, uint64_t size, struct err *err)
{
    if (p->n_segments == TAR_SEGMENTS_MAX)
        return err_set(err, -E2BIG, "tar: a sparse file of more than %u pieces", TAR_SEGMENTS_MAX);
    if (p->n_segments == p->cap_segments) {
        size_t cap = p->cap_segments ? p->cap_segments * 2 : 16;
        struct tar_segment *more = realloc(p->segments, cap * sizeof *more);
        if (!more)
            return err_set(err, -ENOMEM, "out of memory");
        p->segments = more;
        p->cap_segments = cap;
    }
    p->segments[p->n_segments++] = (struct tar_segment){offset, size};
    return 0;
}

int tar_sparse_map(struct tar_pending *p, char *value, struct err *err)
{
    uint64_t v[2];
    unsigned have = 0;

    while (value && *value) {
        char *comma = strchr(value, ',');
        if (comma)
            *comma = 0;
        if (!tar_decimal(value, &v[have]))
            return err_set(err, -EINVAL, "tar: the map of a sparse file is no list of numbers");
        have ^= 1;
        if (!have) {
            int r = tar_sparse_add(p, v[0], v[1], err);
            if (r < 0)
                return r;
        }
        value = comma ? comma + 1 : NULL;
    }
    return have ? err_set(err, -EINVAL, "tar: the map of a sparse file has an odd number of members") : 0;
}

/* A cursor over the decimal lines at the head of the data. */
struct lines {
    struct tar *t;
    char block[TAR_BLOCK];
    size_t at;
};

static int next_line(struct lines *l, uint64_t *out, struct err *err)
{
    char text[24];
    size_t n = 0;

    for (;;) {
        if (l->at == TAR_BLOCK) {
            if (l->t->data_left < TAR_BLOCK)
                return err_set(err, -EINVAL, "tar: the map of a sparse file is cut off");
            int r = tar_take(l->t, l->block, TAR_BLOCK, err);
            if (r < 0)
                return r;
            l->t->data_left -= TAR_BLOCK;
            l->at = 0;
        }
        char c = l->block[l->at++];
        if (c == '\n')
            break;
        if (n == sizeof text - 1)
            return err_set(err, -EINVAL, "tar: the map of a sparse file is no list of numbers");
        text[n++] = c;
    }
    text[n] = 0;
    return strlen(text) == n && tar_decimal(text, out)
               ? 0
               : err_set(err, -EINVAL, "tar: the map of a sparse file is no list of numbers");
}

int tar_sparse_from_data(struct tar *t, struct err *err)
{
    struct lines l = {.t = t, .at = TAR_BLOCK};
    uint64_t count, offset, size;
    int r = next_line(&l, &count, err);

    if (r < 0)
        return r;
    t->pending->n_segments = 0;
    for (uint64_t i = 0; i < count; i++)
        if ((r = next_line(&l, &offset, err)) < 0 || (r = next_line(&l, &size, err)) < 0 ||
            (r = tar_sparse_add(t->pending, offset, size, err)) < 0)
            return r;
    return 0;
}

static int old_segments(struct tar_pending *p, const char *at, unsigned n, struct err *err)
{
    for (unsigned i = 0; i < n; i++, at += 24) {
        uint64_t offset, size;
        if (!at[0])
            return 0;
        int r = tar_number(at, 12, "sparse offset", &offset, err);
        if (r < 0 || (r = tar_number(at + 12, 12, "sparse size", &size, err)) < 0 ||
            (r = tar_sparse_add(p, offset, size, err)) < 0)
            return r;
    }
    return 0;
}

int tar_sparse_old(struct tar *t, struct err *err)
{
    enum { AT_SEGMENTS = 386, AT_EXTENDED = 482, AT_REAL_SIZE = 483, AT_BLOCK_EXTENDED = 504 };
    struct tar_pending *p = t->pending;
    char block[TAR_BLOCK];
    bool extended = p->header[AT_EXTENDED] != 0;
    int r = tar_number(p->header + AT_REAL_SIZE, 12, "real size", &p->real_size, err);

    p->has_real_size = true;
    if (r < 0 || (r = old_segments(p, p->header + AT_SEGMENTS, 4, err)) < 0)
        return r;
    /* Each block costs the stream 512 bytes, and the segments are counted: it ends. */
    while (extended) {
        if ((r = tar_take(t, block, TAR_BLOCK, err)) < 0 || (r = old_segments(p, block, 21, err)) < 0)
            return r;
        extended = block[AT_BLOCK_EXTENDED] != 0;
    }
    return 0;
}

int tar_sparse_check(const struct tar_pending *p, uint64_t stored, struct err *err)
{
    uint64_t end = 0, sum = 0;

    for (size_t i = 0; i < p->n_segments; i++) {
        const struct tar_segment *s = &p->segments[i];
        uint64_t stop;
        if (s->offset < end || __builtin_add_overflow(s->offset, s->size, &stop) || stop > p->real_size)
            return err_set(err, -EINVAL, "tar: the map of a sparse file is out of order");
        end = stop;
        sum += s->size;
    }
    if (sum != stored)
        return err_set(err, -EINVAL, "tar: the map of a sparse file does not fit its data");
    return 0;
}
