/* SPDX-License-Identifier: Apache-2.0 */
/* Headers and data of a tar stream (POSIX.1 pax, "ustar Interchange Format"). Trust: none; runs confined. */
#include "unpack/tar_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Offsets of the ustar header block. */
enum {
    AT_NAME = 0,
    AT_MODE = 100,
    AT_UID = 108,
    AT_GID = 116,
    AT_SIZE = 124,
    AT_MTIME = 136,
    AT_CHECKSUM = 148,
    AT_TYPE = 156,
    AT_LINK = 157,
    AT_MAGIC = 257,
    AT_PREFIX = 345
};

int tar_init(struct tar *t, tar_source *source, void *ctx, struct err *err)
{
    *t = (struct tar){.source = source, .ctx = ctx, .pending = calloc(1, sizeof *t->pending)};
    return t->pending ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static void forget(struct tar *t)
{
    struct tar_pending *p = t->pending;

    free(p->pax);
    free(p->long_path);
    free(p->long_link);
    free(p->segments);
    *p = (struct tar_pending){0};
    t->entry.n_xattrs = 0;
    t->entry.segments = NULL;
    t->entry.n_segments = 0;
}

void tar_free(struct tar *t)
{
    if (t->pending)
        forget(t);
    free(t->pending);
    t->pending = NULL;
}

static int more(struct tar *t, struct err *err)
{
    return t->avail ? 0 : t->source(t->ctx, &t->bytes, &t->avail, err);
}

/* Reads up to n bytes; *got is smaller only at the end of the stream. */
static int take_some(struct tar *t, char *buf, size_t n, size_t *got, struct err *err)
{
    *got = 0;
    while (*got < n) {
        int r = more(t, err);
        if (r < 0)
            return r;
        if (!t->avail)
            return 0;
        size_t k = t->avail < n - *got ? t->avail : n - *got;
        memcpy(buf + *got, t->bytes, k);
        *got += k;
        t->bytes += k;
        t->avail -= k;
    }
    return 0;
}

static int cut_off(struct err *err)
{
    return err_set(err, -EINVAL, "the archive is cut off: fetch or make it again");
}

int tar_take(struct tar *t, void *buf, size_t n, struct err *err)
{
    size_t got;
    int r = take_some(t, buf, n, &got, err);

    return r < 0 ? r : got < n ? cut_off(err) : 0;
}

static int pass_over(struct tar *t, uint64_t n, struct err *err)
{
    while (n) {
        int r = more(t, err);
        if (r < 0)
            return r;
        if (!t->avail)
            return cut_off(err);
        size_t k = t->avail < n ? t->avail : (size_t)n;
        t->bytes += k;
        t->avail -= k;
        n -= k;
    }
    return 0;
}

int tar_read(struct tar *t, const char **bytes, size_t *n, struct err *err)
{
    *n = 0;
    if (!t->data_left)
        return 0;
    int r = more(t, err);
    if (r < 0)
        return r;
    if (!t->avail)
        return cut_off(err);
    *bytes = t->bytes;
    *n = t->avail < t->data_left ? t->avail : (size_t)t->data_left;
    t->bytes += *n;
    t->avail -= *n;
    t->data_left -= *n;
    return 0;
}

bool tar_decimal(const char *s, uint64_t *out)
{
    uint64_t v = 0;

    if (!*s)
        return false;
    for (; *s; s++)
        if (*s < '0' || *s > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
            return false;
    *out = v;
    return true;
}

int tar_number(const char *field, size_t n, const char *what, uint64_t *out, struct err *err)
{
    const unsigned char *f = (const unsigned char *)field;
    uint64_t v = 0;
    size_t i = 0;

    if (f[0] & 0x80) { /* base-256: the rest of the field, big-endian; 0xff begins a negative one */
        v = f[0] & 0x7f;
        for (i = 1; i < n; i++) {
            if (v >> 56)
                return err_set(err, -EINVAL, "tar header: %s is out of range", what);
            v = v << 8 | f[i];
        }
        *out = v;
        return 0;
    }
    while (i < n && f[i] == ' ')
        i++;
    for (; i < n && f[i] >= '0' && f[i] <= '7'; i++) {
        if (v >> 61)
            return err_set(err, -EINVAL, "tar header: %s is out of range", what);
        v = v << 3 | (uint64_t)(f[i] - '0');
    }
    if (i < n && f[i] != 0 && f[i] != ' ')
        return err_set(err, -EINVAL, "tar header: %s is no octal number", what);
    *out = v;
    return 0;
}

/* Old writers summed signed bytes. */
static bool checksum_right(const char *h)
{
    struct err ignored;
    uint64_t want, plain = 0;
    int64_t with_sign = 0;

    if (tar_number(h + AT_CHECKSUM, 8, "checksum", &want, &ignored) < 0)
        return false;
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        char c = i >= AT_CHECKSUM && i < AT_CHECKSUM + 8 ? ' ' : h[i];
        plain += (unsigned char)c;
        with_sign += (signed char)c;
    }
    return want == plain || (int64_t)want == with_sign;
}

/* One record that describes the next header: its body, NUL-terminated. */
static int read_extension(struct tar *t, uint64_t size, char **text, struct err *err)
{
    if (size > TAR_EXTENSION_MAX)
        return err_set(err, -E2BIG, "tar extension record of %llu bytes: at most %u are read", (unsigned long long)size,
                       TAR_EXTENSION_MAX);
    char *buf = malloc((size_t)size + 1);
    if (!buf)
        return err_set(err, -ENOMEM, "out of memory");
    int r = tar_take(t, buf, (size_t)size, err);
    if (r == 0)
        r = pass_over(t, -size & (TAR_BLOCK - 1), err);
    if (r < 0) {
        free(buf);
        return r;
    }
    buf[size] = 0;
    free(*text);
    *text = buf;
    return 0;
}

static void header_strings(struct tar_pending *p)
{
    const char *h = p->header;
    size_t n = 0;

    if (!memcmp(h + AT_MAGIC, "ustar\0", 6) && h[AT_PREFIX]) { /* GNU's magic is "ustar  ": it has other fields there */
        n = strnlen(h + AT_PREFIX, 155);
        memcpy(p->path, h + AT_PREFIX, n);
        p->path[n++] = '/';
    }
    size_t k = strnlen(h + AT_NAME, 100);
    memcpy(p->path + n, h + AT_NAME, k);
    p->path[n + k] = 0;
    k = strnlen(h + AT_LINK, 100);
    memcpy(p->link, h + AT_LINK, k);
    p->link[k] = 0;
}

static int pick_id(const char *field, bool has, uint64_t pax, const char *what, uint32_t *out, struct err *err)
{
    uint64_t v = pax;

    if (!has) {
        int r = tar_number(field, 8, what, &v, err);
        if (r < 0)
            return r;
    }
    if (v >= UINT32_MAX)
        return err_set(err, -EINVAL, "tar header: %s %llu is out of range", what, (unsigned long long)v);
    *out = (uint32_t)v;
    return 0;
}

/* Times before 1970 and beyond year 2400 are of no use to a file system: they become the bound. */
static int pick_times_and_ids(struct tar_pending *p, struct tar_entry *e, struct err *err)
{
    const char *h = p->header;
    uint64_t mode, mtime = 0;
    int r;

    if ((r = tar_number(h + AT_MODE, 8, "mode", &mode, err)) < 0 ||
        (r = pick_id(h + AT_UID, p->has_uid, p->uid, "uid", &e->uid, err)) < 0 ||
        (r = pick_id(h + AT_GID, p->has_gid, p->gid, "gid", &e->gid, err)) < 0)
        return r;
    e->mode = (uint32_t)mode & 07777;
    e->mtime = p->mtime;
    e->mtime_nsec = p->mtime_nsec;
    if (!p->has_mtime) {
        struct err ignored;
        if (tar_number(h + AT_MTIME, 12, "mtime", &mtime, &ignored) < 0 || mtime > INT64_MAX)
            mtime = 0; /* negative in base-256 */
        e->mtime = (int64_t)mtime;
    }
    if (e->mtime < 0)
        e->mtime = 0;
    if (e->mtime > 13569465600)
        e->mtime = 13569465600;
    return 0;
}

static bool carries_data(char type)
{
    return type == '0' || type == 'D';
}

static int finish_entry(struct tar *t, char type, uint64_t size, struct err *err)
{
    struct tar_pending *p = t->pending;
    struct tar_entry *e = &t->entry;
    int r;

    header_strings(p);
    e->path = p->sparse_name ? p->sparse_name : p->pax_path ? p->pax_path : p->long_path ? p->long_path : p->path;
    e->link = p->pax_link ? p->pax_link : p->long_link ? p->long_link : p->link;
    if (type == '0' && !p->sparse && *e->path && e->path[strlen(e->path) - 1] == '/')
        type = '5'; /* before POSIX, a slash at the end was the mark of a directory */
    if ((r = pick_times_and_ids(p, e, err)) < 0)
        return r;
    /* Links and directories may carry a size that means nothing; only 'D' has a body, of no use here. */
    t->data_left = carries_data(type) ? size : 0;
    t->padding = (uint32_t)(-t->data_left & (TAR_BLOCK - 1));
    e->size = t->data_left;
    e->type = type == 'D' ? '5' : type;
    e->sparse = p->sparse;
    if (!e->sparse)
        return 0;
    if (p->sparse_in_data && (r = tar_sparse_from_data(t, err)) < 0)
        return r;
    e->size = p->has_real_size ? p->real_size : size;
    p->real_size = e->size;
    e->segments = p->segments;
    e->n_segments = p->n_segments;
    return tar_sparse_check(p, t->data_left, err);
}

static int read_header(struct tar *t, char *type, uint64_t *size, bool *end, struct err *err)
{
    struct tar_pending *p = t->pending;
    size_t got;
    int r = take_some(t, p->header, TAR_BLOCK, &got, err);

    *end = got == 0;
    if (r < 0 || *end)
        return r;
    if (got < TAR_BLOCK)
        return cut_off(err);
    static const char zero[TAR_BLOCK];
    *end = !memcmp(p->header, zero, TAR_BLOCK);
    if (*end)
        return 0;
    if (!checksum_right(p->header))
        return err_set(err, -EINVAL,
                       "not a tar archive (a header has a wrong checksum): give a tar file, plain or "
                       "compressed with gzip, xz, zstd or bzip2");
    *type = p->header[AT_TYPE] ? p->header[AT_TYPE] : '0';
    if (*type == '7')
        *type = '0'; /* contiguous file */
    return tar_number(p->header + AT_SIZE, 12, "size", size, err);
}

int tar_next(struct tar *t, struct tar_entry **entry, struct err *err)
{
    struct tar_pending *p = t->pending;
    int r = pass_over(t, t->data_left, err);

    if (r < 0 || (r = pass_over(t, t->padding, err)) < 0)
        return r;
    t->data_left = t->padding = 0;
    forget(t);
    *entry = NULL;
    /* The stream is finite, so is the chain of extension records; the last of a kind wins. */
    for (;;) {
        char type = 0, *global = NULL;
        uint64_t size = 0;
        bool end = false;

        if ((r = read_header(t, &type, &size, &end, err)) < 0 || end)
            return r;
        switch (type) {
        case 'x':
            if (p->pax)
                return err_set(err, -EINVAL, "tar: two pax records before one header");
            if ((r = read_extension(t, size, &p->pax, err)) == 0)
                r = tar_pax_read(p, &t->entry, p->pax, (size_t)size, err);
            break;
        case 'g': /* comments of git and the like; nothing in them describes a file */
            r = read_extension(t, size, &global, err);
            free(global);
            break;
        case 'L':
            r = read_extension(t, size, &p->long_path, err);
            break;
        case 'K':
            r = read_extension(t, size, &p->long_link, err);
            break;
        case 'V': /* label of the volume */
            r = pass_over(t, (size + TAR_BLOCK - 1) & ~(uint64_t)(TAR_BLOCK - 1), err);
            break;
        case 'S':
            p->sparse = true;
            if ((r = tar_sparse_old(t, err)) == 0)
                r = finish_entry(t, '0', size, err);
            *entry = &t->entry;
            return r;
        case '0' ... '6':
        case 'D':
            r = finish_entry(t, type, p->has_size ? p->size : size, err);
            *entry = &t->entry;
            return r;
        default:
            return err_set(err, -EINVAL, "tar: entry of type '%c' (%.100s) is not understood", type, p->header);
        }
        if (r < 0)
            return r;
    }
}
