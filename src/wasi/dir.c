/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listing a directory. A cookie is the number of an entry, counted from the start: none of the file system's own
 * cookies gets out. What getdents64(2) gave last is kept, and a listing goes on from there, so that a program which
 * removes what it lists misses nothing; who goes back further than that, or to 0, has it counted anew.
 */
#include "wasi/program.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct wasi_listing {
    uint64_t first;    /* cookie of the first entry in bytes[] */
    uint32_t used, at; /* bytes; where the entry with cookie `cookie` starts */
    uint64_t cookie;
    bool root; /* of a preopen */
    uint64_t ino;
    _Alignas(8) uint8_t bytes[8192];
};

/* linux_dirent64 of getdents64(2). */
struct entry {
    uint64_t ino;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

void listing_free(struct wasi_listing *l)
{
    free(l);
}

static enum wasi_filetype type_of(uint8_t type)
{
    /* A name of a socket, as in stat.c. */
    static const uint8_t types[] = {
        [DT_BLK] = FILETYPE_BLOCK_DEVICE, [DT_CHR] = FILETYPE_CHARACTER_DEVICE, [DT_DIR] = FILETYPE_DIRECTORY,
        [DT_REG] = FILETYPE_REGULAR_FILE, [DT_LNK] = FILETYPE_SYMBOLIC_LINK,    [DT_SOCK] = FILETYPE_SOCKET_STREAM};

    return type < ARRAY_LEN(types) ? types[type] : FILETYPE_UNKNOWN;
}

static int start(const struct wasi *w, struct wasi_fd *f)
{
    struct stat st;

    if (!f->listing)
        f->listing = malloc(sizeof *f->listing);
    if (!f->listing)
        return -ENOMEM;
    f->listing->first = f->listing->cookie = f->listing->used = f->listing->at = 0;
    f->listing->root = false;
    if (fstat(f->host, &st) < 0 || lseek(f->host, 0, SEEK_SET) < 0)
        return errno == EBADF ? -EACCES : -errno; /* O_PATH: a directory that cannot be listed */
    f->listing->ino = st.st_ino;
    for (uint32_t i = 0; i < w->n_origins; i++)
        f->listing->root |= st.st_ino == w->origins[i].ino && st.st_dev == w->origins[i].dev;
    return 0;
}

/* The entry at l->at, after more of them were fetched when that was the last: 1; 0 at the end. */
static int current(const struct wasi_fd *f, const struct entry **out)
{
    struct wasi_listing *l = f->listing;

    if (l->at >= l->used) {
        long n = syscall(SYS_getdents64, f->host, l->bytes, sizeof l->bytes);
        if (n <= 0)
            return n < 0 ? -errno : 0;
        l->first = l->cookie;
        l->used = (uint32_t)n;
        l->at = 0;
    }
    *out = (const struct entry *)(l->bytes + l->at);
    return 1;
}

static void next(struct wasi_listing *l, const struct entry *e)
{
    l->at += e->length;
    l->cookie++;
}

static int go_to(struct wasi_call *c, struct wasi_fd *f, uint64_t cookie)
{
    struct wasi_listing *l = f->listing;
    const struct entry *e;
    int r;

    if (!l || cookie == 0 || cookie < l->first) {
        if ((r = start(c->wasi, f)) < 0)
            return r;
        l = f->listing;
    } else if (cookie < l->cookie) {
        l->cookie = l->first;
        l->at = 0;
    }
    while (l->cookie < cookie) {
        if (l->at >= l->used && wasi_interrupted(c->wasi))
            return -EINTR;
        if ((r = current(f, &e)) <= 0)
            return r;
        next(l, e);
    }
    return 1;
}

/* A record and its name, cut where the program's buffer ends: a full buffer says that there is more. */
static uint32_t put_entry(const struct wasi_listing *l, const struct entry *e, uint8_t *to, uint32_t room)
{
    struct wasi_dirent d;
    size_t length = strlen(e->name);

    memset(&d, 0, sizeof d);
    d.next = l->cookie + 1;
    d.ino = l->root && !strcmp(e->name, "..") ? l->ino : e->ino; /* what is above a preopen is nobody's business */
    d.name_length = (uint32_t)length;
    d.type = (uint8_t)type_of(e->type);
    uint32_t head = room < sizeof d ? room : (uint32_t)sizeof d;
    uint32_t tail = room - head < length ? room - head : (uint32_t)length;
    memcpy(to, &d, head);
    memcpy(to + head, e->name, tail);
    return head + tail;
}

int wasi_fd_readdir(struct wasi_call *c)
{
    uint32_t room = c->args[2].i32, done = 0;
    uint8_t *to = memory_span(c->memory, call_address(c, 1), room);
    const struct entry *e;
    struct wasi_fd *f;
    int r = fd_get(c->wasi, c->args[0].i32, RIGHT_FD_READDIR, &f);

    if (r == 0)
        r = to ? memory_check(c->memory, call_address(c, 4), sizeof done) : -EFAULT;
    if (r == 0 && f->kind != WASI_DIRECTORY)
        r = -ENOTDIR;
    if (r == 0)
        r = go_to(c, f, c->args[3].i64);
    while (r > 0 && done < room) {
        if (f->listing->at >= f->listing->used && wasi_interrupted(c->wasi))
            return -EINTR;
        r = current(f, &e);
        if (r > 0) {
            done += put_entry(f->listing, e, to + done, room - done);
            next(f->listing, e);
        }
    }
    return r < 0 ? r : call_put(c, 4, &done, sizeof done);
}
