/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a pax extended header: "LENGTH KEY=VALUE\n". Trust: none; values may hold any byte, NUL too. */
#include "unpack/tar_internal.h"

#include <errno.h>
#include <string.h>

struct record {
    struct tar_pending *p;
    struct tar_entry *e;
    char *key, *value;
    size_t size; /* of the value */
};

static int bad(const struct record *r, struct err *err)
{
    return err_set(err, -EINVAL, "tar: pax record %.40s has the value \"%.80s\", which it cannot have", r->key,
                   r->value);
}

static int text_value(struct record *r, const char **out, struct err *err)
{
    if (strlen(r->value) != r->size)
        return err_set(err, -EINVAL, "tar: pax record %.40s holds a NUL byte", r->key);
    *out = r->size ? r->value : NULL; /* an empty value takes the record back */
    return 0;
}

static int number_value(struct record *r, bool *has, uint64_t *out, struct err *err)
{
    *has = r->size != 0;
    return !*has || (strlen(r->value) == r->size && tar_decimal(r->value, out)) ? 0 : bad(r, err);
}

static int read_path(struct record *r, struct err *err)
{
    return text_value(r, &r->p->pax_path, err);
}

static int read_link(struct record *r, struct err *err)
{
    return text_value(r, &r->p->pax_link, err);
}

static int read_size(struct record *r, struct err *err)
{
    return number_value(r, &r->p->has_size, &r->p->size, err);
}

static int read_uid(struct record *r, struct err *err)
{
    return number_value(r, &r->p->has_uid, &r->p->uid, err);
}

static int read_gid(struct record *r, struct err *err)
{
    return number_value(r, &r->p->has_gid, &r->p->gid, err);
}

static int read_mtime(struct record *r, struct err *err)
{
    bool negative = *r->value == '-';
    char *point = strchr(r->value, '.');
    uint64_t seconds, nsec = 0, scale = 100000000;

    if (strlen(r->value) != r->size)
        return bad(r, err);
    if (point) {
        *point = 0;
        for (const char *d = point + 1; *d; d++, scale /= 10) {
            if (*d < '0' || *d > '9')
                return bad(r, err);
            nsec += (uint64_t)(*d - '0') * scale;
        }
    }
    if (!tar_decimal(r->value + negative, &seconds) || seconds > INT64_MAX)
        return bad(r, err);
    r->p->has_mtime = true;
    r->p->mtime = negative ? 0 : (int64_t)seconds;
    r->p->mtime_nsec = negative ? 0 : (uint32_t)nsec;
    return 0;
}

static int read_sparse_name(struct record *r, struct err *err)
{
    return text_value(r, &r->p->sparse_name, err);
}

static int read_sparse_major(struct record *r, struct err *err)
{
    if (strcmp(r->value, "1") != 0)
        return bad(r, err);
    r->p->sparse = r->p->sparse_in_data = true;
    return 0;
}

static int read_sparse_real_size(struct record *r, struct err *err)
{
    r->p->sparse = true;
    return number_value(r, &r->p->has_real_size, &r->p->real_size, err);
}

static int read_sparse_map(struct record *r, struct err *err)
{
    r->p->sparse = true;
    return strlen(r->value) == r->size ? tar_sparse_map(r->p, r->value, err) : bad(r, err);
}

static int read_sparse_offset(struct record *r, struct err *err)
{
    bool has;

    r->p->sparse = true;
    return number_value(r, &has, &r->p->sparse_offset, err);
}

static int read_sparse_bytes(struct record *r, struct err *err)
{
    uint64_t size = 0;
    bool has;
    int ret = number_value(r, &has, &size, err);

    return ret < 0 ? ret : tar_sparse_add(r->p, r->p->sparse_offset, size, err);
}

static const struct {
    const char *key;
    int (*read)(struct record *r, struct err *err);
} keys[] = {
    {"path", read_path},
    {"linkpath", read_link},
    {"size", read_size},
    {"uid", read_uid},
    {"gid", read_gid},
    {"mtime", read_mtime},
    {"GNU.sparse.name", read_sparse_name},
    {"GNU.sparse.major", read_sparse_major},
    {"GNU.sparse.realsize", read_sparse_real_size}, /* 1.0 */
    {"GNU.sparse.size", read_sparse_real_size},     /* 0.0, 0.1 */
    {"GNU.sparse.map", read_sparse_map},
    {"GNU.sparse.offset", read_sparse_offset},
    {"GNU.sparse.numbytes", read_sparse_bytes},
};

static int apply(struct record *r, struct err *err)
{
    static const char xattr[] = "SCHILY.xattr.";

    if (!strncmp(r->key, xattr, sizeof xattr - 1)) {
        if (r->e->n_xattrs == TAR_XATTRS_MAX)
            return err_set(err, -E2BIG, "tar: more than %d extended attributes on one entry", TAR_XATTRS_MAX);
        r->e->xattrs[r->e->n_xattrs++] = (struct tar_xattr){r->key + sizeof xattr - 1, r->value, r->size};
        return 0;
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strcmp(r->key, keys[i].key))
            return keys[i].read(r, err);
    return 0;
}

int tar_pax_read(struct tar_pending *p, struct tar_entry *e, char *text, size_t len, struct err *err)
{
    for (size_t at = 0; at < len;) {
        size_t n = 0, digits = at;
        while (digits < len && text[digits] >= '0' && text[digits] <= '9' && n <= len)
            n = n * 10 + (size_t)(text[digits++] - '0');
        /* shortest: digits, space, one byte of key, '=', newline */
        if (digits == at || digits >= len || text[digits] != ' ' || n > len - at || n < digits - at + 4 ||
            text[at + n - 1] != '\n')
            return err_set(err, -EINVAL, "tar: a pax record has a wrong length");
        text[at + n - 1] = 0;
        char *key = text + digits + 1, *end = text + at + n - 1;
        char *eq = memchr(key, '=', (size_t)(end - key));
        if (!eq || eq == key)
            return err_set(err, -EINVAL, "tar: a pax record has no key");
        *eq = 0;
        struct record r = {p, e, key, eq + 1, (size_t)(end - eq - 1)};
        int ret = apply(&r, err);
        if (ret < 0)
            return ret;
        at += n;
    }
    return 0;
}
