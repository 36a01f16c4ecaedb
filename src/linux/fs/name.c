/* SPDX-License-Identifier: Apache-2.0 */
/* The name of a path, from its end to the task's root: for getcwd(2) and for what /proc shows. */
#include "linux/fs/internal.h"

#include <string.h>

static char *put_front(char *at, const char *buf, const char *text, size_t n)
{
    if (!at || (size_t)(at - buf) < n)
        return NULL;
    at -= n;
    memcpy(at, text, n);
    return at;
}

static char *put_number(char *at, const char *buf, uint64_t v)
{
    char digits[20];
    size_t n = sizeof(digits);
    do
        digits[--n] = (char)('0' + v % 10);
    while (v /= 10);
    return put_front(at, buf, digits + n, sizeof(digits) - n);
}

static char *anonymous_name(const struct dentry *d, char *at, const char *buf)
{
    if (S_ISFIFO(d->inode->mode) || S_ISSOCK(d->inode->mode)) {
        at = put_front(at, buf, "]", 1);
        at = put_number(at, buf, d->inode->ino);
        at = put_front(at, buf, ":[", 2);
    }
    return put_front(at, buf, d->name, d->length);
}

char *path_name(const struct path *p, char *buf, size_t n)
{
    struct mount *m = p->mount;
    struct dentry *d = p->dentry;
    const struct path *root = task_root();
    char *at = n ? put_front(buf + n, buf, "", 1) : NULL;
    if (m == fs_state.anonymous)
        return anonymous_name(d, at, buf);
    if (d->unlinked)
        at = put_front(at, buf, " (deleted)", 10);
    const char *end = at;
    while (at && !(d == root->dentry && m == root->mount)) {
        if (d == m->root) {
            if (!m->parent) /* it is not below the task's root */
                return put_front(put_front(at, buf, at == end ? "/" : "", at == end), buf, "(unreachable)", 13);
            d = m->at, m = m->parent;
            continue;
        }
        at = put_front(at, buf, d->name, d->length);
        at = put_front(at, buf, "/", 1);
        d = d->parent;
    }
    return at == end ? put_front(at, buf, "/", 1) : at;
}
