/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image file, written from front to back once its layout is decided (layout.h). Reads what is packed once more;
 * makes one new file, under its own name only when it is whole.
 */
#include "base/io.h"
#include "unikernel/layout.h"
#include "unikernel/sites.h"
#include "unikernel/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER (1u << 18)

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

static int flush(struct layout *l)
{
    int r = io_write_all(l->fd, l->buffer, l->filled);

    l->filled = 0;
    return r;
}

static int put(void *ctx, const void *bytes, size_t n)
{
    struct layout *l = ctx;
    int r = 0;

    sha256_update(&l->inner, bytes, n);
    l->at += n;
    while (n && r == 0) {
        size_t k = n < BUFFER - l->filled ? n : BUFFER - l->filled;
        memcpy(l->buffer + l->filled, bytes, k);
        l->filled += k;
        bytes = (const uint8_t *)bytes + k;
        n -= k;
        if (l->filled == BUFFER)
            r = flush(l);
    }
    return r;
}

static int pad(struct layout *l, uint64_t to)
{
    static const uint8_t zeroes[ELF_PAGE];

    return put(l, zeroes, to - l->at);
}

static int put_at(struct layout *l, uint64_t offset, const void *bytes, size_t n)
{
    int r = pad(l, offset);

    return r < 0 ? r : put(l, bytes, n);
}

static int put_tables(struct layout *l)
{
    const void *tables[IMAGE_DATA] = {[IMAGE_KERNEL] = l->im->kernel.segments,
                                      [IMAGE_MANIFEST] = l->manifest,
                                      [IMAGE_BOOT] = l->boot,
                                      [IMAGE_PREMAPS] = l->premaps,
                                      [IMAGE_INODES] = l->inodes,
                                      [IMAGE_ENTRIES] = l->entries,
                                      [IMAGE_NAMES] = l->names,
                                      [IMAGE_SITES] = l->sites,
                                      [IMAGE_SITE] = l->site};
    int r = 0;

    for (int i = 0; i < IMAGE_DATA && r == 0; i++)
        r = put_at(l, l->header.sections[i].offset, tables[i], l->header.sections[i].size);
    return r;
}

static int put_file(struct layout *l, const struct tree_file *f)
{
    int r = pad(l, f->offset);

    if (r < 0)
        return err_sys(l->err, r, "write the image");
    if (S_ISLNK(f->mode))
        r = put(l, f->target, f->size);
    else if ((r = source_read(f, put, l, l->err)) < 0)
        return r;
    if (r == 0 && f->sites && f->sites->blob_size)
        r = put_at(l, l->sites[f->row - 1].blob + f->sites->skew, f->sites->blob, f->sites->blob_size - f->sites->skew);
    return r < 0 ? err_sys(l->err, r, "write the image") : 0;
}

static int put_data(struct layout *l)
{
    bool kernel = !l->im->kernel.size; /* of files alone there is none */
    int r = 0;

    for (uint32_t i = 0; i <= l->n_order && r == 0; i++) {
        if (!kernel && (i == l->n_order || l->order[i]->offset > l->kernel)) {
            kernel = true;
            if ((r = put_at(l, l->kernel, l->im->kernel.bytes, l->im->kernel.size)) < 0)
                return err_sys(l->err, r, "write the image");
        }
        if (i < l->n_order)
            r = put_file(l, l->order[i]);
    }
    return r;
}

/* The digest of the whole, for people and caches. */
static int hash_all(struct layout *l)
{
    uint8_t digest[SHA256_SIZE];
    struct sha256 sha;
    ssize_t n;

    sha256_init(&sha);
    for (off_t at = 0; (n = pread(l->fd, l->buffer, BUFFER, at)) > 0; at += n)
        sha256_update(&sha, l->buffer, (size_t)n);
    sha256_final(&sha, digest);
    sha256_hex(digest, l->im->sha256);
    return n < 0 ? -errno : 0;
}

static int write_all(struct layout *l)
{
    int r;

    sha256_init(&l->inner);
    if (lseek(l->fd, sizeof l->header, SEEK_SET) < 0)
        return err_sys(l->err, -errno, "write the image");
    l->at = sizeof l->header;
    if ((r = put_tables(l)) < 0)
        return err_sys(l->err, r, "write the image");
    if ((r = put_data(l)) < 0)
        return r;
    sha256_final(&l->inner, l->header.sha256);
    if ((r = flush(l)) < 0 || (pwrite(l->fd, &l->header, sizeof l->header, 0) != sizeof l->header && (r = -EIO)) ||
        (r = hash_all(l)) < 0)
        return err_sys(l->err, r, "write the image");
    return 0;
}

int image_write_to(struct image *im, int fd, struct err *err)
{
    struct layout *l = arena_alloc(im->arena, sizeof *l);
    int r;

    if (!l || !(l->buffer = arena_alloc(im->arena, BUFFER)))
        return no_memory(err);
    l->im = im;
    l->err = err;
    l->fd = fd;
    return (r = layout_make(l)) < 0 ? r : write_all(l);
}

/* What is at its place is replaced, and there may be something by that name which nobody meant: a device, the program.
 */
static int check_place(const struct tree *t, int dirfd, const char *path, struct err *err)
{
    struct stat st;

    if (fstatat(dirfd, path, &st, 0) < 0)
        return 0; /* the rest says what is wrong with it */
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EEXIST, "it is there already, and no file");
    for (uint32_t i = 0; i < t->n_files; i++) {
        const struct tree_file *f = t->nodes[i]->file;
        if (S_ISREG(f->mode) && f->mode & 0111 && f->ino == st.st_ino && f->dev == st.st_dev)
            return err_set(err, -EEXIST, "it is a program of what is packed: write the image elsewhere");
    }
    return 0;
}

int image_write(struct image *im, int dirfd, const char *path, struct err *err)
{
    const char *temporary = arena_printf(im->arena, "%s.%d.tmp", path, (int)getpid());
    int fd, r;

    if (!temporary)
        return no_memory(err);
    if ((r = check_place(&im->tree, dirfd, path, err)) < 0)
        return r;
    fd = openat(dirfd, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return err_sys(err, -errno, "make %s", temporary);
    r = image_write_to(im, fd, err);
    if (close(fd) < 0 && r == 0)
        r = err_sys(err, -errno, "write %s", path);
    if (r == 0 && renameat(dirfd, temporary, dirfd, path) < 0)
        r = err_sys(err, -errno, "name it %s", path);
    if (r < 0)
        unlinkat(dirfd, temporary, 0);
    return r;
}
