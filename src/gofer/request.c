/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a datagram to a request: one row for each kind, which says what it may hold. Nothing is opened or changed here.
 * A record that no kernel of ours would send (sizes that do not add up, a name with a slash, an unknown flag) is the
 * end of the service; one that a right kernel may send at a wrong time (a handle that is gone, a root that may not be
 * changed) is answered with an error.
 */
#include "gofer/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>

#define ANY      (HANDLE_DIRECTORY | HANDLE_REGULAR | HANDLE_LINK | HANDLE_SPECIAL)
#define CONTENTS (HANDLE_DIRECTORY | HANDLE_REGULAR)
#define DIR      HANDLE_DIRECTORY

static const struct request_row rows[FILES_OPS] = {
    [FILES_ROOT] = {"root", serve_root, .of = ANY},
    [FILES_LOOKUP] = {"lookup", serve_lookup, .of = DIR, .text = TEXT_PATH},
    [FILES_CHECK] = {"check", serve_check, .of = DIR, .text = TEXT_NAME},
    [FILES_GETATTR] = {"getattr", serve_getattr, .of = ANY},
    [FILES_SETATTR] = {"setattr", serve_setattr, .of = CONTENTS | HANDLE_LINK, .changes = true},
    [FILES_OPEN] = {"open", serve_open, .of = HANDLE_REGULAR | HANDLE_SPECIAL, .flags = O_ACCMODE},
    [FILES_OPENDIR] = {"opendir", serve_opendir, .of = DIR},
    [FILES_READDIR] = {"readdir", serve_readdir, .of = HANDLE_READER, .flags = FILES_REWIND},
    [FILES_CREATE] = {"create", serve_create, .of = DIR, .text = TEXT_NAME, .changes = true},
    [FILES_TMPFILE] = {"tmpfile", serve_tmpfile, .of = DIR, .changes = true},
    [FILES_MKDIR] = {"mkdir", serve_mkdir, .of = DIR, .text = TEXT_NAME, .changes = true},
    [FILES_SYMLINK] = {"symlink", serve_symlink, .of = DIR, .text = TEXT_NAME, .second = TEXT_FREE, .changes = true},
    [FILES_LINK] = {"link", serve_link, .of = HANDLE_REGULAR | HANDLE_LINK, .other = DIR, .text = TEXT_NAME,
                    .changes = true},
    [FILES_UNLINK] = {"unlink", serve_unlink, .of = DIR, .text = TEXT_NAME, .changes = true},
    [FILES_RMDIR] = {"rmdir", serve_rmdir, .of = DIR, .text = TEXT_NAME, .changes = true},
    [FILES_RENAME] = {"rename", serve_rename, .of = DIR, .other = DIR, .text = TEXT_NAME, .second = TEXT_NAME,
                      .changes = true, .flags = RENAME_NOREPLACE | RENAME_EXCHANGE},
    [FILES_READLINK] = {"readlink", serve_readlink, .of = HANDLE_LINK},
    [FILES_STATFS] = {"statfs", serve_statfs, .of = ANY},
    [FILES_GETXATTR] = {"getxattr", serve_getxattr, .of = CONTENTS, .text = TEXT_XATTR},
    [FILES_SETXATTR] = {"setxattr", serve_setxattr, .of = CONTENTS, .text = TEXT_XATTR, .changes = true,
                        .flags = 3 /* XATTR_CREATE, XATTR_REPLACE */, .value = FILES_BYTES_MAX},
    [FILES_LISTXATTR] = {"listxattr", serve_listxattr, .of = CONTENTS},
    [FILES_REMOVEXATTR] = {"removexattr", serve_removexattr, .of = CONTENTS, .text = TEXT_XATTR, .changes = true},
    [FILES_SYNC] = {"sync", serve_sync, .of = CONTENTS, .flags = FILES_DATA},
    [FILES_CLUNK] = {"clunk", serve_clunk, .value = 1024 * sizeof(uint32_t)},
};

/* ---- names ---- */

static bool is_name(const char *s, size_t n)
{
    if (!n || n > FILES_NAME_MAX || memchr(s, '/', n) || memchr(s, 0, n))
        return false;
    return !(s[0] == '.' && (n == 1 || (n == 2 && s[1] == '.')));
}

static bool is_path(const char *s, size_t n)
{
    for (;;) {
        const char *slash = memchr(s, '/', n);
        size_t part = slash ? (size_t)(slash - s) : n;
        if (!is_name(s, part))
            return false;
        if (!slash)
            return true;
        s += part + 1, n -= part + 1;
    }
}

static bool is_attribute(const char *s, size_t n)
{
    static const char own[] = "user.", overlay[] = "user.overlay.";
    return n > sizeof own - 1 && n <= FILES_NAME_MAX && !memcmp(s, own, sizeof own - 1) && !memchr(s, 0, n) &&
           !(n >= sizeof overlay - 1 && !memcmp(s, overlay, sizeof overlay - 1));
}

static bool text_fits(uint8_t kind, const char *s, uint32_t n)
{
    switch ((enum text_kind)kind) {
    case TEXT_NONE:
        return !n;
    case TEXT_NAME:
        return is_name(s, n);
    case TEXT_PATH:
        return n && n <= FILES_TEXT_MAX && is_path(s, n);
    case TEXT_FREE:
        return n && n <= FILES_TEXT_MAX && !memchr(s, 0, n);
    case TEXT_XATTR:
        return is_attribute(s, n);
    }
    return false;
}

static void take(char *to, const char *from, uint32_t n)
{
    memcpy(to, from, n);
    to[n] = 0;
}

/* ---- the whole ---- */

/* Sizes, names and flags. */
static bool record_fits(const void *datagram, size_t n, struct request *q)
{
    const char *at = (const char *)datagram + sizeof q->r;
    const struct files_request *r = &q->r;
    if (n < sizeof q->r || n > sizeof q->r + 2 * FILES_TEXT_MAX + FILES_BYTES_MAX)
        return false;
    memcpy(&q->r, datagram, sizeof q->r);
    if (r->op >= FILES_OPS || r->zero || n - sizeof q->r != (uint64_t)r->name + r->second + r->value)
        return false;
    const struct request_row *row = q->row = &rows[r->op];
    if (!text_fits(row->text, at, r->name) || !text_fits(row->second, at + r->name, r->second) ||
        r->flags & ~row->flags || r->value > row->value)
        return false;
    take(q->name, at, r->name);
    take(q->second, at + r->name, r->second);
    q->value = (const uint8_t *)at + r->name + r->second;
    return true;
}

static int wrong_kind(const struct handle *h, uint8_t wanted)
{
    return wanted == DIR && h->kind != HANDLE_READER ? -ENOTDIR : h->kind == HANDLE_SPECIAL ? -EPERM : -EINVAL;
}

static int find(struct gofer *g, uint32_t number, uint8_t kinds, struct handle **out)
{
    *out = kinds ? handle_of(g, number) : NULL;
    if (!kinds)
        return 0;
    if (!*out)
        return -EBADF;
    return (*out)->kind & kinds ? 0 : wrong_kind(*out, kinds);
}

int request_read(struct gofer *g, const void *datagram, size_t n, struct request *q)
{
    if (!record_fits(datagram, n, q))
        return -EPROTO;
    int r = find(g, q->r.handle, q->row->of, &q->of);
    if (!r)
        r = find(g, q->r.other, q->row->other, &q->other);
    if (!r && q->other && q->other->root != q->of->root)
        r = -EXDEV;
    if (r || !q->of)
        return r;
    q->root_flags = g->roots[q->of->root];
    return q->row->changes && !(q->root_flags & FILES_RW) ? -EROFS : 0;
}
