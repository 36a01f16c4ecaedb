/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages that files are made of. The image is one object, constant, where the tender has mapped it. Every other object
 * has a piece of address space of its own, in which page i lies at i pages from the start: so a file is one stretch of
 * memory, and a shared mapping of it is that stretch. Address space costs nothing; pages of it come with their first
 * use and are given back by madvise(2).
 *
 * A piece has one of few sizes. An object that outgrows its own moves to the next, unless somebody holds a page of it
 * or it is mapped; what is free is kept for the next object.
 */
#include "guest/unikernel/internal.h"
#include "linux/core/heap.h"

#include <asm/mman.h>
#include <string.h>

/* Pages: 64 KiB, 1 MiB, 16 MiB, 256 MiB, 4 GiB, 32 GiB. The last bitmap is as large as heap_alloc() gives. */
static const uint64_t sizes[] = {1u << 4, 1u << 8, 1u << 12, 1u << 16, 1u << 20, 1u << 23};
#define SIZES   (sizeof sizes / sizeof sizes[0])
#define NO_SIZE SIZES
/* Pages that an object has room for from its first shared mapping on: 256 MiB. */
#define PINNED_ROOM (1u << 16)

struct memobj {
    uint64_t at;   /* 0: no piece yet */
    uint64_t *map; /* a bit for each page that is there; `small` while 64 are enough */
    uint64_t small;
    uint32_t size;              /* which of `sizes` */
    uint32_t held;              /* pages, by get */
    uint64_t pin_low, pin_high; /* pages that are or were mapped: it never moves again, and any of them may be there */
};

/* A piece that an object has left. */
struct piece {
    struct piece *next;
    uint64_t at;
};

static struct {
    uint64_t next; /* address space that was never used; 0: not begun */
    struct piece *free[SIZES];
} room;

static struct memobj image_object;

struct memobj *memobj_image(void)
{
    image_object.at = (uintptr_t)boot->image;
    return &image_object;
}

const void *memobj_constant(const struct memobj *o)
{
    return o == &image_object ? boot->image : NULL;
}

bool memobj_holds(uint64_t at, size_t n)
{
    return at >= boot->objects_low && at <= room.next && n <= room.next - at;
}

/* ---- pieces ---- */

static uint64_t piece_take(uint32_t size)
{
    struct piece *p = room.free[size];
    uint64_t at;

    if (p) {
        room.free[size] = p->next;
        at = p->at;
        heap_release(p, sizeof *p);
        return at;
    }
    if (!room.next)
        room.next = boot->objects_low;
    if (sizes[size] * PAGE_SIZE > boot->objects_high - room.next)
        return 0;
    at = room.next;
    room.next += sizes[size] * PAGE_SIZE;
    return at;
}

/* Its pages are given back; without memory to remember it, its address space is lost. */
static void piece_leave(uint32_t size, uint64_t at)
{
    struct piece *p = heap_alloc(sizeof *p);

    for (uint64_t n = sizes[size] * PAGE_SIZE, part; n; at += part, n -= part) {
        part = n < 1ul << 31 ? n : 1ul << 31;
        gate_madvise(at, part, MADV_DONTNEED);
    }
    if (!p)
        return;
    *p = (struct piece){.next = room.free[size], .at = at - sizes[size] * PAGE_SIZE};
    room.free[size] = p;
}

/* ---- which pages are there ---- */

static bool is_pinned(const struct memobj *o)
{
    return o->pin_low < o->pin_high;
}

/* A program may have written a mapped page without a word. */
static bool has(const struct memobj *o, uint64_t page)
{
    return o->map[page / 64] >> page % 64 & 1 || (page >= o->pin_low && page < o->pin_high);
}

/* The first page >= `page` with a bit. */
static uint64_t next_bit(const struct memobj *o, uint64_t page)
{
    while (o->at && page < sizes[o->size]) {
        uint64_t word = o->map[page / 64] >> page % 64;
        if (word)
            return page + (unsigned)__builtin_ctzll(word);
        page = (page / 64 + 1) * 64;
    }
    return UINT64_MAX;
}

static uint64_t *map_make(struct memobj *o, uint32_t size)
{
    return sizes[size] <= 64 ? &o->small : heap_alloc(sizes[size] / 8);
}

static void map_free(struct memobj *o)
{
    if (o->map && o->map != &o->small)
        heap_release(o->map, sizes[o->size] / 8);
    o->map = NULL;
}

static void *address(const struct memobj *o, uint64_t page)
{
    return (void *)(o->at + page * PAGE_SIZE);
}

/* Room for this many pages. */
static int grow(struct memobj *o, uint64_t pages)
{
    uint32_t size = 0;

    while (size < SIZES && sizes[size] < pages)
        size++;
    if (size == NO_SIZE || (o->at && (o->held || is_pinned(o))))
        return -ENOMEM;
    uint64_t *map = map_make(o, size), at = map ? piece_take(size) : 0;
    if (!at) {
        if (map && map != &o->small)
            heap_release(map, sizes[size] / 8);
        return -ENOMEM;
    }
    if (o->at) {
        for (uint64_t i = 0; i < sizes[o->size]; i++)
            if (has(o, i))
                memcpy((void *)(at + i * PAGE_SIZE), address(o, i), PAGE_SIZE);
        memcpy(map, o->map, sizes[o->size] < 64 ? 8 : sizes[o->size] / 8);
        map_free(o);
        piece_leave(o->size, o->at);
    }
    o->at = at, o->size = size, o->map = map;
    return 0;
}

/* ---- operations ---- */

static struct memobj *memobj_create(void)
{
    return heap_alloc(sizeof(struct memobj));
}

static void memobj_destroy(struct memobj *o)
{
    if (o == &image_object)
        return;
    if (o->at)
        piece_leave(o->size, o->at);
    map_free(o);
    heap_release(o, sizeof *o);
}

static void *memobj_get(struct memobj *o, uint64_t page, bool make)
{
    if (o == &image_object)
        return page < boot->image_size / PAGE_SIZE + 1 ? address(o, page) : NULL;
    bool fits = o->at && page < sizes[o->size];
    if (!make && (!fits || !has(o, page)))
        return NULL;
    if (!fits && grow(o, page + 1) < 0)
        return NULL;
    o->map[page / 64] |= 1ull << page % 64;
    o->held++;
    return address(o, page);
}

static void memobj_put(struct memobj *o, uint64_t page, bool dirty)
{
    (void)page, (void)dirty;
    if (o != &image_object)
        o->held--;
}

/* Whole pages [from, to), which are in the piece. Pages that a program has written by itself were never counted. */
static int64_t discard_pages(struct memobj *o, uint64_t from, uint64_t to)
{
    bool any = from < o->pin_high && o->pin_low < to;
    int64_t gone = 0;

    for (uint64_t i = next_bit(o, from); i < to; i = next_bit(o, i + 1)) {
        o->map[i / 64] &= ~(1ull << i % 64);
        gone++;
    }
    for (uint64_t at = from, part; (any || gone) && at < to; at += part) {
        part = to - at < 1u << 19 ? to - at : 1u << 19;
        gate_madvise((uintptr_t)address(o, at), part * PAGE_SIZE, MADV_DONTNEED);
    }
    return gone;
}

static void zero_part(struct memobj *o, uint64_t from, uint64_t to)
{
    if (from < to && has(o, from / PAGE_SIZE))
        memset((uint8_t *)o->at + from, 0, to - from);
}

static int64_t memobj_discard(struct memobj *o, uint64_t from, uint64_t to)
{
    if (o == &image_object || !o->at)
        return 0;
    uint64_t end = sizes[o->size] * PAGE_SIZE;
    to = to < end ? to : end;
    if (from >= to)
        return 0;
    uint64_t first = (from + PAGE_SIZE - 1) / PAGE_SIZE, last = to / PAGE_SIZE;
    if (first > last) { /* within one page */
        zero_part(o, from, to);
        return 0;
    }
    zero_part(o, from, first * PAGE_SIZE);
    zero_part(o, last * PAGE_SIZE, to);
    return discard_pages(o, first, last);
}

static uint64_t memobj_next(struct memobj *o, uint64_t page)
{
    uint64_t pinned = UINT64_MAX, bit;

    if (o == &image_object)
        return page < (boot->image_size + PAGE_SIZE - 1) / PAGE_SIZE ? page : UINT64_MAX;
    if (page < o->pin_high)
        pinned = page < o->pin_low ? o->pin_low : page;
    bit = next_bit(o, page);
    return bit < pinned ? bit : pinned;
}

/* A file that is mapped may grow afterwards (a database's shared index does), and cannot move then: so it first moves
 * to where there is room. It stays where it is when that fails. */
static void make_room(struct memobj *o)
{
    if (!o->held && !is_pinned(o) && (!o->at || sizes[o->size] < PINNED_ROOM))
        (void)grow(o, PINNED_ROOM);
}

uint64_t memobj_pin(struct memobj *o, uint64_t page, uint64_t n)
{
    make_room(o);
    if ((!o->at || page + n > sizes[o->size]) && (page + n < page || grow(o, page + n) < 0))
        return 0;
    if (!is_pinned(o))
        o->pin_low = page, o->pin_high = page + n;
    o->pin_low = page < o->pin_low ? page : o->pin_low;
    o->pin_high = page + n > o->pin_high ? page + n : o->pin_high;
    return (uintptr_t)address(o, page);
}

const struct memobj_ops memobj_ops = {.create = memobj_create,
                                      .destroy = memobj_destroy,
                                      .get = memobj_get,
                                      .put = memobj_put,
                                      .discard = memobj_discard,
                                      .next = memobj_next};
