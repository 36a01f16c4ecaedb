/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's heap. The arena begins with one `struct page` for each of its pages; behind them lie the pages, handed
 * out from the low end on, so that what was never needed was never touched. Free pages are runs in lists by size, with
 * the run's length at both its ends, so that neighbours are found and joined. Objects lie in slabs of one page; the
 * first few of each size share the nursery, since a small kernel should touch few pages.
 * Touches only the arena. Kept safe by the page's own record: freeing what is not there ends in kernel_panic().
 */
#include "linux/core/heap.h"

#include "linux/core/panic.h"
#include "linux/core/poison.h"

#include <string.h>

#define NONE          UINT32_MAX
#define RUN_LISTS     20
#define COMMIT_PAGES  64u
#define SMALL_MAX     2688u
#define NURSERY_PAGES 10u
#define NURSERY_EACH  6144u             /* bytes of objects of one size that may lie there */
#define BYTES_MAX     ((size_t)1 << 20) /* of heap_alloc */
#define RELEASE_PAGES 64u               /* a free run of so many pages is given back to the host */

enum page_state { PAGE_UNUSED, PAGE_FREE, PAGE_RUN, PAGE_SLAB, PAGE_NURSERY };

struct page {
    uint32_t next, prev; /* free: its list; slab: its class's slabs that have room */
    union {
        uint32_t n; /* free or used run: pages, at both ends */
        struct {
            uint16_t used, fresh; /* slab: objects in use; those from `fresh` on never were */
        };
    };
    uint16_t first_free; /* slab: offset of the first object that was freed + 1; 0: none */
    uint8_t state;
    uint8_t class; /* slab: its class; free: 1 when it reads as zero */
};
_Static_assert(sizeof(struct page) == 16, "256 pages are told of by one");

static const uint16_t class_sizes[] = {16,  32,  48,  64,  80,  96,  112,  128,  160,  208,
                                       256, 320, 384, 512, 640, 768, 1024, 1344, 2048, 2688};
#define CLASSES (sizeof(class_sizes) / sizeof(class_sizes[0]))

struct size_class {
    void *nursery_free;
    uint32_t nursed; /* bytes of its objects in the nursery */
    uint32_t slabs;  /* first slab with room */
};

KERNEL_STATE static struct heap {
    uint8_t *base;      /* page 0 */
    struct page *pages; /* at the arena's start */
    uint32_t n, top;    /* pages there are; pages that were ever used */
    uint32_t ready;     /* pages that are committed */
    uint8_t *infos_ready;
    uint32_t lists[RUN_LISTS];
    struct size_class classes[CLASSES];
    uint8_t *nursery, *nursery_end; /* what is left of it */
    bool nursery_made;
    uint64_t used;
} heap;

void heap_init(void *arena, size_t size, size_t ready)
{
    heap = (struct heap){0};
    size_t pages = size / PAGE_SIZE;
    if (pages >= NONE)
        pages = NONE - 1;
    size_t infos = (pages * sizeof(struct page) + PAGE_SIZE - 1) / PAGE_SIZE;
    heap.pages = arena, heap.base = (uint8_t *)arena + infos * PAGE_SIZE;
    heap.n = (uint32_t)(pages - infos);
    heap.infos_ready = (uint8_t *)arena + (ready < infos * PAGE_SIZE ? ready : infos * PAGE_SIZE);
    heap.ready = ready > infos * PAGE_SIZE ? (uint32_t)(ready / PAGE_SIZE - infos) : 0;
    for (size_t i = 0; i < RUN_LISTS; i++)
        heap.lists[i] = NONE;
    for (size_t i = 0; i < CLASSES; i++)
        heap.classes[i].slabs = NONE;
}

/* ---- pages ---- */

static void *page_at(uint32_t i)
{
    return heap.base + (size_t)i * PAGE_SIZE;
}

static unsigned list_of(uint32_t n)
{
    unsigned i = 31u - (unsigned)__builtin_clz(n);
    return i < RUN_LISTS ? i : RUN_LISTS - 1;
}

static void run_insert(uint32_t at, uint32_t n, bool zero)
{
    struct page *p = &heap.pages[at], *end = &heap.pages[at + n - 1];
    uint32_t *list = &heap.lists[list_of(n)];
    *end = *p = (struct page){.next = *list, .prev = NONE, .n = n, .state = PAGE_FREE, .class = zero};
    if (*list != NONE)
        heap.pages[*list].prev = at;
    *list = at;
}

static void run_remove(uint32_t at)
{
    struct page *p = &heap.pages[at];
    if (p->prev != NONE)
        heap.pages[p->prev].next = p->next;
    else
        heap.lists[list_of(p->n)] = p->next;
    if (p->next != NONE)
        heap.pages[p->next].prev = p->prev;
}

/* Pages that were never used, made usable. They read as zero. */
static uint32_t run_fresh(uint32_t n)
{
    if (n > heap.n - heap.top)
        return NONE;
    uint32_t at = heap.top, end = at + n;
    while ((uint8_t *)&heap.pages[end] > heap.infos_ready) {
        if (platform.host.memory(HOST_MEMORY_COMMIT, heap.infos_ready, PAGE_SIZE))
            return NONE;
        heap.infos_ready += PAGE_SIZE;
    }
    if (end > heap.ready) {
        uint32_t more = end - heap.ready;
        if (more < COMMIT_PAGES)
            more = COMMIT_PAGES < heap.n - heap.ready ? COMMIT_PAGES : heap.n - heap.ready;
        if (platform.host.memory(HOST_MEMORY_COMMIT, page_at(heap.ready), (size_t)more * PAGE_SIZE))
            return NONE;
        heap.ready += more;
    }
    heap.top = end;
    return at;
}

/* A free run of at least n pages, out of its list. */
static uint32_t run_find(uint32_t n)
{
    for (unsigned i = list_of(n); i < RUN_LISTS; i++) {
        for (uint32_t at = heap.lists[i]; at != NONE; at = heap.pages[at].next) {
            if (heap.pages[at].n < n)
                continue;
            run_remove(at);
            return at;
        }
    }
    return NONE;
}

/* n pages, as they are: *zero says whether they read as zero. */
static uint32_t run_take(uint32_t n, bool *zero)
{
    uint32_t at = run_find(n);
    if (at == NONE) {
        at = run_fresh(n), *zero = true;
        if (at == NONE)
            return NONE;
    } else {
        uint32_t have = heap.pages[at].n;
        *zero = heap.pages[at].class;
        if (have > n)
            run_insert(at + n, have - n, *zero);
    }
    heap.pages[at] = heap.pages[at + n - 1] = (struct page){.n = n, .state = PAGE_RUN};
    return at;
}

static void run_give(uint32_t at, uint32_t n)
{
    bool zero = false;
    uint32_t own = n;
    if (at && heap.pages[at - 1].state == PAGE_FREE) {
        uint32_t before = heap.pages[at - 1].n;
        run_remove(at - before);
        zero = heap.pages[at - before].class;
        at -= before, n += before;
    }
    if (at + n < heap.top && heap.pages[at + n].state == PAGE_FREE) {
        uint32_t behind = heap.pages[at + n].n;
        zero = zero && heap.pages[at + n].class;
        run_remove(at + n), n += behind;
    }
    zero = false; /* the pages given back have been used */
    if (n >= RELEASE_PAGES && own >= RELEASE_PAGES / 4)
        zero = !platform.host.memory(HOST_MEMORY_RELEASE, page_at(at), (size_t)n * PAGE_SIZE);
    run_insert(at, n, zero);
}

void *heap_pages(size_t n)
{
    bool zero;
    if (!n || n > heap.n)
        return NULL;
    uint32_t at = run_take((uint32_t)n, &zero);
    if (at == NONE)
        return NULL;
    heap.used += n * PAGE_SIZE;
    unpoison(page_at(at), n * PAGE_SIZE);
    if (!zero)
        memset(page_at(at), 0, n * PAGE_SIZE);
    return page_at(at);
}

static uint32_t page_of(const void *p)
{
    size_t offset = (size_t)((const uint8_t *)p - heap.base);
    if ((const uint8_t *)p < heap.base || offset / PAGE_SIZE >= heap.top)
        kernel_panic("heap: not an address of it");
    return (uint32_t)(offset / PAGE_SIZE);
}

void heap_pages_free(void *p, size_t n)
{
    if (!p)
        return;
    uint32_t at = page_of(p);
    if (heap.pages[at].state != PAGE_RUN || heap.pages[at].n != n || p != page_at(at))
        kernel_panic("heap: pages freed that are not in use");
    heap.used -= n * PAGE_SIZE;
    poison(p, n * PAGE_SIZE);
    run_give(at, (uint32_t)n);
}

/* ---- objects ---- */

static unsigned class_of(size_t n)
{
    unsigned low = 0, high = CLASSES - 1;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (class_sizes[middle] < n)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A free object holds the next one's address in its first bytes. */
static void *link_get(const void *object)
{
    void *next;
    unpoison(object, sizeof(next));
    memcpy(&next, object, sizeof(next));
    return next;
}

static void link_set(void *object, void *next, size_t size)
{
    unpoison(object, sizeof(next));
    memcpy(object, &next, sizeof(next));
    poison(object, size);
}

/* Pages one behind the other, of which no more are touched than were given out. */
static void nursery_make(void)
{
    bool zero;
    heap.nursery_made = true;
    uint32_t at = run_take(NURSERY_PAGES, &zero);
    if (at == NONE)
        return;
    for (uint32_t i = 0; i < NURSERY_PAGES; i++)
        heap.pages[at + i] = (struct page){.state = PAGE_NURSERY};
    heap.nursery = page_at(at), heap.nursery_end = heap.nursery + NURSERY_PAGES * PAGE_SIZE;
    poison(heap.nursery, NURSERY_PAGES * PAGE_SIZE);
}

/* One from the nursery; NULL when this size has had its share. */
static void *nursery_take(struct size_class *c, size_t size)
{
    void *p = c->nursery_free;
    if (p) {
        c->nursery_free = link_get(p);
        return p;
    }
    if (!heap.nursery_made)
        nursery_make();
    if (c->nursed + size > NURSERY_EACH || (size_t)(heap.nursery_end - heap.nursery) < size)
        return NULL;
    p = heap.nursery, heap.nursery += size, c->nursed += (uint32_t)size;
    return p;
}

static void slab_out(struct size_class *c, uint32_t at)
{
    struct page *s = &heap.pages[at];
    if (s->prev != NONE)
        heap.pages[s->prev].next = s->next;
    else
        c->slabs = s->next;
    if (s->next != NONE)
        heap.pages[s->next].prev = s->prev;
}

static void slab_in(struct size_class *c, uint32_t at)
{
    struct page *s = &heap.pages[at];
    s->prev = NONE, s->next = c->slabs;
    if (c->slabs != NONE)
        heap.pages[c->slabs].prev = at;
    c->slabs = at;
}

static bool slab_has_room(const struct page *s)
{
    return s->first_free || s->fresh < PAGE_SIZE / class_sizes[s->class];
}

static bool slab_make(struct size_class *c, unsigned class)
{
    bool zero;
    uint32_t at = run_take(1, &zero);
    if (at == NONE)
        return false;
    poison(page_at(at), PAGE_SIZE);
    heap.pages[at] = (struct page){.state = PAGE_SLAB, .class = (uint8_t) class};
    slab_in(c, at);
    return true;
}

static void *slab_take(unsigned class, size_t size)
{
    struct size_class *c = &heap.classes[class];
    if (c->slabs == NONE && !slab_make(c, class))
        return NULL;
    uint32_t at = c->slabs;
    struct page *s = &heap.pages[at];
    uint8_t *page = page_at(at), *p;
    if (s->first_free) {
        p = page + s->first_free - 1;
        const uint8_t *next = link_get(p);
        s->first_free = next ? (uint16_t)(next - page + 1) : 0;
    } else {
        p = page + s->fresh++ * size;
    }
    s->used++;
    if (!slab_has_room(s))
        slab_out(c, at);
    return p;
}

static void *object_take(size_t n)
{
    unsigned class = class_of(n);
    size_t size = class_sizes[class];
    void *p = nursery_take(&heap.classes[class], size);
    if (!p)
        p = slab_take(class, size);
    if (!p)
        return NULL;
    heap.used += size;
    unpoison(p, n);
    return memset(p, 0, n);
}

static void slab_give(struct size_class *c, uint32_t at, void *p, unsigned class)
{
    struct page *s = &heap.pages[at];
    uint8_t *page = page_at(at);
    size_t size = class_sizes[class];
    if (s->state != PAGE_SLAB || s->class != class || !s->used || (size_t)((uint8_t *)p - page) % size)
        kernel_panic("heap: an object freed that is not in use");
    bool had_room = slab_has_room(s);
    link_set(p, s->first_free ? page + s->first_free - 1 : NULL, size);
    s->first_free = (uint16_t)((uint8_t *)p - page + 1);
    s->used--;
    if (!had_room)
        slab_in(c, at);
    if (s->used || (s->next == NONE && s->prev == NONE))
        return; /* the last one with room stays */
    slab_out(c, at);
    *s = (struct page){.n = 1, .state = PAGE_RUN};
    run_give(at, 1);
}

static void object_give(void *p, size_t n)
{
    unsigned class = class_of(n);
    size_t size = class_sizes[class];
    struct size_class *c = &heap.classes[class];
    uint32_t at = page_of(p);
    struct page *s = &heap.pages[at];
    heap.used -= size;
    if (s->state == PAGE_NURSERY) {
        link_set(p, c->nursery_free, size);
        c->nursery_free = p;
        return;
    }
    slab_give(c, at, p, class);
}

void *heap_alloc(size_t n)
{
    if (n <= SMALL_MAX)
        return object_take(n ? n : 1);
    return n <= BYTES_MAX ? heap_pages((n + PAGE_SIZE - 1) / PAGE_SIZE) : NULL;
}

void heap_release(void *bytes, size_t n)
{
    if (!bytes)
        return;
    if (n <= SMALL_MAX)
        object_give(bytes, n ? n : 1);
    else
        heap_pages_free(bytes, (n + PAGE_SIZE - 1) / PAGE_SIZE);
}

void *heap_new(struct heap_type *type)
{
    void *p = heap_alloc(type->size);
    if (p)
        type->live++;
    return p;
}

void heap_free(struct heap_type *type, void *p)
{
    if (!p)
        return;
    type->live--;
    heap_release(p, type->size);
}

uint64_t heap_used(void)
{
    return heap.used;
}
