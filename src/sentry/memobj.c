/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages that files are made of. All objects lie in one sparse memfd, which is mapped here once and whole, and which
 * every guest process has as a descriptor; the image is a second file, constant. An object is cut into extents, each 16
 * times as large as the one before, so it grows without moving, whoever has it mapped: page p lies in the extent of the
 * highest 16^i <= p (page 0 in the first). A file that is 64 KiB has one, one of 64 GiB has six. What an object leaves
 * is punched out of the file, so it reads as zero, and kept for the next.
 * Under the kernel's lock.
 */
#include "sentry/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXTENTS   7
#define FILE_SIZE (1ull << 38) /* 256 GiB of address space and file offsets, which cost nothing */

struct memobj {
    uint64_t at[EXTENTS];    /* offset in the file, plus 1; 0: not there */
    const uint8_t *constant; /* the image's bytes; NULL: an ordinary object */
    uint64_t pages;          /* of the image */
    bool host;               /* a file of the host, whose pages are its own */
    int fds[2];              /* borrowed: to read it, to write it too; -1 */
};

struct piece {
    struct piece *next;
    uint64_t at;
};

static struct {
    int fd;
    uint8_t *base;
    uint64_t top; /* what was never used begins here */
    struct piece *free[EXTENTS];
} objects;

int objects_file(void)
{
    objects.fd = memfd_create("objects", MFD_CLOEXEC);
    if (objects.fd < 0 || ftruncate(objects.fd, FILE_SIZE))
        apart_fatal("memory for files: %s", strerror(errno));
    return objects.fd;
}

void objects_map(void)
{
    objects.base = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, objects.fd, 0);
    if (objects.base == MAP_FAILED)
        apart_fatal("address space for files: %s", strerror(errno));
}

int objects_init(void)
{
    int fd = objects_file();
    objects_map();
    return fd;
}

struct memobj *objects_image(const void *image, size_t size)
{
    static struct memobj of_image;
    of_image = (struct memobj){.constant = image, .pages = (size + PAGE_SIZE - 1) / PAGE_SIZE};
    return &of_image;
}

static bool is_image(const struct memobj *o)
{
    return o->constant;
}

struct memobj *objects_host(struct memobj *o, int fd, bool writable)
{
    if (!o && (o = calloc(1, sizeof(*o))))
        o->host = true, o->fds[0] = o->fds[1] = -1;
    if (o)
        o->fds[writable] = fd;
    return o;
}

bool objects_is_host(const struct memobj *o)
{
    return o->host;
}

int objects_host_fd(const struct memobj *o, bool shared)
{
    return o->fds[shared ? o->fds[1] >= 0 : o->fds[0] < 0];
}

/* ---- extents ---- */

static uint64_t extent_first(unsigned i) /* its first page in the object */
{
    return i ? 1ull << 4 * i : 0;
}

static uint64_t extent_pages(unsigned i)
{
    return extent_first(i + 1) - extent_first(i);
}

static unsigned extent_of(uint64_t page)
{
    return page < 16 ? 0 : (63u - (unsigned)__builtin_clzll(page)) / 4;
}

static bool extent_make(struct memobj *o, unsigned i)
{
    struct piece *p = objects.free[i];
    if (o->at[i])
        return true;
    if (p) {
        objects.free[i] = p->next;
        o->at[i] = p->at;
        free(p);
        return true;
    }
    uint64_t n = extent_pages(i) * PAGE_SIZE;
    if (n > FILE_SIZE - objects.top)
        return false;
    o->at[i] = objects.top + 1;
    objects.top += n;
    return true;
}

static void punch(uint64_t from, uint64_t n)
{
    if (n && fallocate(objects.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)n))
        apart_fatal("a hole in the memory for files: %s", strerror(errno));
}

/* Pages from `page` on, at most n, that lie one behind the other in one file: which of the guest processes'
 * descriptors, and the offset in bytes. The number of them; 0: out of memory. */
static uint64_t pages_find(struct memobj *o, uint64_t page, uint64_t n, int *fd, uint64_t *offset)
{
    unsigned i = extent_of(page);
    *fd = APART_IMAGE, *offset = page * PAGE_SIZE;
    if (o->constant)
        return n;
    if (i >= EXTENTS || !extent_make(o, i))
        return 0;
    uint64_t in = page - extent_first(i), left = extent_pages(i) - in;
    *fd = APART_OBJECTS, *offset = o->at[i] - 1 + in * PAGE_SIZE;
    return n < left ? n : left;
}

int apart_map(struct aspace *as, uint64_t at, size_t n, int prot, bool shared, struct memobj *object, uint64_t offset)
{
    const int flags = (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED | MAP_NORESERVE;
    if (!object)
        return apart_mmap(as, at, n, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    if (shared && is_image(object) && (prot & PROT_WRITE))
        return -EACCES;
    for (size_t done = 0, part; done < n; done += part) {
        uint64_t of, pages;
        int fd;
        pages = pages_find(object, (offset + done) / PAGE_SIZE, (n - done) / PAGE_SIZE, &fd, &of);
        if (!pages)
            return -ENOMEM;
        part = pages * PAGE_SIZE;
        int r = apart_mmap(as, at + done, part, prot, flags, fd, of);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- operations ---- */

static struct memobj *object_create(void)
{
    return calloc(1, sizeof(struct memobj));
}

static void object_destroy(struct memobj *o)
{
    for (unsigned i = 0; i < EXTENTS; i++) {
        struct piece *p = o->at[i] ? malloc(sizeof(*p)) : NULL;
        if (o->at[i])
            punch(o->at[i] - 1, extent_pages(i) * PAGE_SIZE);
        if (!p)
            continue;
        *p = (struct piece){.next = objects.free[i], .at = o->at[i]};
        objects.free[i] = p;
    }
    free(o);
}

static uint64_t next_data(uint64_t from, uint64_t to)
{
    off_t at = lseek(objects.fd, (off_t)from, SEEK_DATA);
    return at < 0 || (uint64_t)at >= to ? UINT64_MAX : (uint64_t)at;
}

/* The first page at or behind this one that is there; pages are there when they have been touched. */
static uint64_t object_next(struct memobj *o, uint64_t page)
{
    if (o->constant)
        return page < o->pages ? page : UINT64_MAX;
    for (unsigned i = extent_of(page); i < EXTENTS; i++) {
        if (!o->at[i])
            continue;
        uint64_t in = page > extent_first(i) ? page - extent_first(i) : 0, low = o->at[i] - 1;
        uint64_t at = next_data(low + in * PAGE_SIZE, low + extent_pages(i) * PAGE_SIZE);
        if (at != UINT64_MAX)
            return extent_first(i) + (at - low) / PAGE_SIZE;
    }
    return UINT64_MAX;
}

static void *object_get(struct memobj *o, uint64_t page, bool make)
{
    unsigned i = extent_of(page);
    if (o->constant)
        return page < o->pages ? (void *)(uintptr_t)(o->constant + page * PAGE_SIZE) : NULL;
    if (i >= EXTENTS || (make ? !extent_make(o, i) : !o->at[i]))
        return NULL;
    uint64_t at = o->at[i] - 1 + (page - extent_first(i)) * PAGE_SIZE;
    if (!make && next_data(at, at + PAGE_SIZE) == UINT64_MAX)
        return NULL;
    return objects.base + at;
}

static void object_put(struct memobj *o, uint64_t page, bool dirty)
{
}

static void zero_part(struct memobj *o, uint64_t from, uint64_t to)
{
    uint8_t *page = from < to ? object_get(o, from / PAGE_SIZE, false) : NULL;
    if (page)
        memset(page + from % PAGE_SIZE, 0, to - from);
}

/* Pages [from, to). */
static int64_t discard_pages(struct memobj *o, uint64_t from, uint64_t to)
{
    int64_t gone = 0;
    for (uint64_t at = object_next(o, from); at < to; at = object_next(o, at + 1))
        gone++;
    for (unsigned i = 0; i < EXTENTS; i++) {
        uint64_t first = extent_first(i), low = from > first ? from : first, high = first + extent_pages(i);
        high = to < high ? to : high;
        if (o->at[i] && low < high)
            punch(o->at[i] - 1 + (low - first) * PAGE_SIZE, (high - low) * PAGE_SIZE);
    }
    return gone;
}

static int64_t object_discard(struct memobj *o, uint64_t from, uint64_t to)
{
    uint64_t first = from / PAGE_SIZE + (from % PAGE_SIZE != 0), last = to / PAGE_SIZE;
    if (o->constant || from >= to)
        return 0;
    if (first > last) { /* within one page */
        zero_part(o, from, to);
        return 0;
    }
    zero_part(o, from, first * PAGE_SIZE);
    zero_part(o, last * PAGE_SIZE, to);
    return first < last ? discard_pages(o, first, last) : 0;
}

const struct memobj_ops apart_memobj = {.create = object_create,
                                        .destroy = object_destroy,
                                        .get = object_get,
                                        .put = object_put,
                                        .discard = object_discard,
                                        .next = object_next};
