/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of the harness. One region holds all guest pages: first what tests allocate (stacks, user_alloc), then where
 * mappings may become executable, then the rest. What a page allows is in a table, which copies look at. Pages of
 * page-cache objects lie in one memfd, so that shared mappings are real ones.
 */
#include "linux_harness_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REGION  ((uint8_t *)0x200000000000)
#define OWN     (16u << 20) /* of tests */
#define POOL    (64u << 20)
#define MAPPED  8u
#define STACK   16u /* of a guest, where copies do not go if the test wants it so */
#define NO_SLOT UINT32_MAX

struct page {
    uint8_t prot; /* PROT_*, MAPPED */
    struct memobj *object;
    uint64_t of;
};

struct memobj {
    struct memobj *next_all;
    const uint8_t *image; /* constant bytes instead of pages */
    size_t n;             /* rows of slots, or pages of the image */
    uint32_t *slots;      /* page of the pool + 1; 0: a hole */
    bool host;            /* a file of the host, by a descriptor: fds, the second one for writing too; -1 */
    int fds[2];
};

static struct memory {
    size_t size;
    struct page *pages;
    size_t own_top;
    bool shy_stacks;
    int fd;
    uint8_t *pool;
    uint32_t pool_top, *pool_free, n_pool_free;
    struct memobj *objects;
    uint8_t *image;
    size_t image_size;
    struct memobj *image_object;
    void *kept[4096];
    size_t n_kept;
} m = {.fd = -1};

struct aspace {
    int unused;
};
static struct aspace the_one;

/* ---- address spaces ---- */

static struct page *page_of(uint64_t at)
{
    uint64_t base = (uint64_t)(uintptr_t)REGION;
    return at < base || at - base >= m.size ? NULL : &m.pages[(at - base) / PAGE_SIZE];
}

static void *address(uint64_t at)
{
    return (void *)(uintptr_t)at;
}

static void pages_set(uint64_t at, size_t n, uint8_t prot)
{
    for (size_t i = 0; i < n; i += PAGE_SIZE)
        *page_of(at + i) = (struct page){.prot = prot};
}

static bool inside(uint64_t at, size_t n)
{
    return n && page_of(at) && at + n > at && page_of(at + n - 1);
}

static struct aspace *as_create(struct aspace_range *r)
{
    uint64_t base = (uint64_t)(uintptr_t)REGION;
    uint64_t text = base + OWN, data = text + (m.size - OWN) / 4 / PAGE_SIZE * PAGE_SIZE;
    *r = (struct aspace_range){.low = data, .high = base + m.size, .text_low = text, .text_high = data, .shared = true};
    return &the_one;
}

static void as_destroy(struct aspace *as)
{
}

static int as_fork(struct aspace *as, struct aspace **to)
{
    return -ENOSYS;
}

static void *object_get(struct memobj *o, uint64_t page, bool make);

static int map_host(uint64_t at, size_t n, int prot, bool shared, const struct memobj *o, uint64_t offset)
{
    int fd = o->fds[1] >= 0 && (shared || o->fds[0] < 0) ? o->fds[1] : o->fds[0];
    const int flags = (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED;
    return mmap(address(at), n, prot, flags, fd, (off_t)offset) == MAP_FAILED ? -errno : 0;
}

static int map_object(uint64_t at, size_t n, int prot, bool shared, struct memobj *o, uint64_t offset)
{
    if (o->host)
        return map_host(at, n, prot, shared, o, offset);
    for (size_t i = 0; i < n; i += PAGE_SIZE) {
        uint64_t page = (offset + i) / PAGE_SIZE;
        const void *from = object_get(o, page, shared);
        if (shared && !from)
            return -ENOMEM;
        if (shared && !o->image) {
            off_t in_pool = (off_t)((const uint8_t *)from - m.pool);
            void *p = mmap(address(at + i), PAGE_SIZE, prot, MAP_SHARED | MAP_FIXED, m.fd, in_pool);
            if (p == MAP_FAILED)
                return -ENOMEM;
            page_of(at + i)->object = o, page_of(at + i)->of = page;
        } else if (from) {
            memcpy(address(at + i), from, PAGE_SIZE);
        }
    }
    return 0;
}

static int as_map(struct aspace *as, uint64_t at, size_t n, int prot, bool shared, struct memobj *o, uint64_t offset)
{
    if (!inside(at, n) || at % PAGE_SIZE || n % PAGE_SIZE || offset % PAGE_SIZE)
        return -EINVAL;
    if ((prot & PROT_EXEC) && ((prot & PROT_WRITE) || m.shy_stacks))
        return -EACCES;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    if (mmap(address(at), n, o ? PROT_READ | PROT_WRITE : prot, flags, -1, 0) == MAP_FAILED)
        return -ENOMEM;
    pages_set(at, n, (uint8_t)((unsigned)prot | MAPPED));
    int r = o ? map_object(at, n, prot, shared, o, offset) : 0;
    if (!r && o && mprotect(address(at), n, prot))
        r = -errno;
    return r;
}

static int as_unmap(struct aspace *as, uint64_t at, size_t n)
{
    if (!inside(at, n))
        return -EINVAL;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    pages_set(at, n, 0);
    return mmap(address(at), n, PROT_NONE, flags, -1, 0) == MAP_FAILED ? -ENOMEM : 0;
}

static int as_protect(struct aspace *as, uint64_t at, size_t n, int prot)
{
    if (!inside(at, n))
        return -EINVAL;
    if ((prot & PROT_EXEC) && ((prot & PROT_WRITE) || m.shy_stacks))
        return -EACCES;
    for (size_t i = 0; i < n; i += PAGE_SIZE) {
        if (!(page_of(at + i)->prot & MAPPED))
            return -ENOMEM;
        page_of(at + i)->prot = (uint8_t)((unsigned)prot | MAPPED);
    }
    return mprotect(address(at), n, prot) ? -errno : 0;
}

static int as_advise(struct aspace *as, uint64_t at, size_t n, int advice)
{
    if (!inside(at, n))
        return -EINVAL;
    if (advice != MADV_DONTNEED)
        return 0;
    for (size_t i = 0; i < n; i += PAGE_SIZE)
        if (!page_of(at + i)->object)
            madvise(address(at + i), PAGE_SIZE, MADV_DONTNEED);
    return 0;
}

static int as_move(struct aspace *as, uint64_t from, size_t from_n, uint64_t to, size_t to_n, int prot)
{
    if (!inside(from, from_n) || !inside(to, to_n))
        return -EINVAL;
    size_t both = from_n < to_n ? from_n : to_n;
    int r = to_n > from_n ? as_map(as, to + both, to_n - both, prot, false, NULL, 0) : 0;
    if (r)
        return r;
    if (mremap(address(from), both, both, MREMAP_MAYMOVE | MREMAP_FIXED, address(to)) == MAP_FAILED)
        return -errno;
    for (size_t i = 0; i < both; i += PAGE_SIZE)
        *page_of(to + i) = *page_of(from + i);
    return as_unmap(as, from, from_n);
}

static uint64_t as_where(struct aspace *as, struct memobj *o, uint64_t offset, size_t n, bool shared)
{
    return 0;
}

/* Guest stacks have red zones of the guests' own code, which are no business of the kernel's copies. */
static void copy_plainly(void *to, const void *from, size_t n)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static void zero_plainly(void *to, size_t n)
{
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(0) : "memory");
}

/* How many of n bytes from `at` on lie in pages that allow `prot`. */
static size_t allowed(uint64_t at, size_t n, int prot)
{
    size_t done = 0;
    while (done < n) {
        const struct page *p = page_of(at + done);
        if (at + done < at || !p || !(p->prot & prot) || (p->prot & STACK))
            break;
        done += PAGE_SIZE - (at + done) % PAGE_SIZE;
    }
    return done < n ? done : n;
}

static size_t copy_in_bytes(struct aspace *as, void *to, struct uptr from, size_t n)
{
    n = allowed(from.v, n, PROT_READ);
    if (n)
        copy_plainly(to, address(from.v), n);
    return n;
}

static size_t copy_out_bytes(struct aspace *as, struct uptr to, const void *from, size_t n)
{
    n = allowed(to.v, n, PROT_WRITE);
    if (n)
        copy_plainly(address(to.v), from, n);
    return n;
}

__attribute__((no_sanitize("address"))) static int64_t copy_text(struct aspace *as, char *to, struct uptr from,
                                                                 size_t n)
{
    size_t can = allowed(from.v, n, PROT_READ);
    for (size_t i = 0; i < can; i++)
        if (!(to[i] = *((const char *)address(from.v) + i)))
            return (int64_t)i;
    return can < n ? -EFAULT : (int64_t)n;
}

static size_t zero_bytes(struct aspace *as, struct uptr to, size_t n)
{
    n = allowed(to.v, n, PROT_WRITE);
    if (n)
        zero_plainly(address(to.v), n);
    return n;
}

static int load_word(struct aspace *as, struct uptr at, uint32_t *value)
{
    if (at.v % 4 || allowed(at.v, 4, PROT_READ) < 4)
        return -EFAULT;
    *value = __atomic_load_n((uint32_t *)address(at.v), __ATOMIC_ACQUIRE);
    return 0;
}

static int swap_word(struct aspace *as, struct uptr at, uint32_t *value, uint32_t with)
{
    if (at.v % 4 || allowed(at.v, 4, PROT_WRITE) < 4)
        return -EFAULT;
    __atomic_compare_exchange_n((uint32_t *)address(at.v), value, with, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return 0;
}

/* ---- page-cache objects ---- */

static struct memobj *object_create(void)
{
    struct memobj *o = calloc(1, sizeof(*o));
    if (!o)
        return NULL;
    o->next_all = m.objects, m.objects = o;
    return o;
}

static struct memobj *object_of_host(struct memobj *o, int fd, bool writable)
{
    if (!o && (o = object_create()))
        o->host = true, o->fds[0] = o->fds[1] = -1;
    if (o)
        o->fds[writable] = fd;
    return o;
}

static void slot_free(struct memobj *o, uint64_t page)
{
    uint32_t slot = o->slots[page];
    if (!slot)
        return;
    for (size_t i = 0; i < m.size / PAGE_SIZE; i++) {
        if (m.pages[i].object != o || m.pages[i].of != page)
            continue;
        as_unmap(&the_one, (uint64_t)(uintptr_t)REGION + i * PAGE_SIZE, PAGE_SIZE);
    }
    m.pool_free[m.n_pool_free++] = slot - 1;
    o->slots[page] = 0;
}

static void object_free(struct memobj *o)
{
    free(o->slots);
    free(o);
}

static void object_destroy(struct memobj *o)
{
    for (uint64_t i = 0; !o->image && i < o->n; i++)
        slot_free(o, i);
    for (struct memobj **at = &m.objects; *at; at = &(*at)->next_all) {
        if (*at != o)
            continue;
        *at = o->next_all;
        break;
    }
    object_free(o);
}

static uint32_t slot_make(void)
{
    uint32_t slot = NO_SLOT;
    if (m.n_pool_free)
        slot = m.pool_free[--m.n_pool_free];
    else if (m.pool_top < POOL / PAGE_SIZE)
        slot = m.pool_top++;
    if (slot != NO_SLOT)
        memset(m.pool + (size_t)slot * PAGE_SIZE, 0, PAGE_SIZE);
    return slot;
}

static void *object_get(struct memobj *o, uint64_t page, bool make)
{
    if (o->image)
        return page < o->n ? (void *)(uintptr_t)(o->image + page * PAGE_SIZE) : NULL;
    if (page < o->n && o->slots[page])
        return m.pool + (size_t)(o->slots[page] - 1) * PAGE_SIZE;
    if (!make || page > 1u << 24)
        return NULL;
    if (page >= o->n) {
        size_t n = page * 2 + 16;
        uint32_t *slots = realloc(o->slots, n * sizeof(*slots));
        if (!slots)
            return NULL;
        memset(slots + o->n, 0, (n - o->n) * sizeof(*slots));
        o->slots = slots, o->n = n;
    }
    uint32_t slot = slot_make();
    if (slot == NO_SLOT)
        return NULL;
    o->slots[page] = slot + 1;
    return m.pool + (size_t)slot * PAGE_SIZE;
}

static void object_put(struct memobj *o, uint64_t page, bool dirty)
{
}

static int64_t object_discard(struct memobj *o, uint64_t from, uint64_t to)
{
    int64_t given = 0;
    if (o->image)
        return 0;
    for (uint64_t page = from / PAGE_SIZE; page < o->n && page * PAGE_SIZE < to; page++) {
        if (!o->slots[page])
            continue;
        uint64_t low = page * PAGE_SIZE, high = low + PAGE_SIZE;
        if (from <= low && to >= high) {
            slot_free(o, page), given++;
            continue;
        }
        uint64_t a = from > low ? from : low, b = to < high ? to : high;
        memset(m.pool + (size_t)(o->slots[page] - 1) * PAGE_SIZE + (a - low), 0, b - a);
    }
    return given;
}

static uint64_t object_next(struct memobj *o, uint64_t page)
{
    for (; page < o->n; page++)
        if (o->image || o->slots[page])
            return page;
    return UINT64_MAX;
}

/* ---- of tests ---- */

/* n bytes of guest memory that the kernel's mm knows nothing of, with an unusable page below and above. */
static uint8_t *own(size_t n)
{
    n = (n + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    if (m.own_top + n + PAGE_SIZE > OWN)
        abort();
    uint8_t *p = REGION + m.own_top;
    m.own_top += n + PAGE_SIZE;
    if (mprotect(p, n, PROT_READ | PROT_WRITE))
        abort();
    pages_set((uint64_t)(uintptr_t)p, n, PROT_READ | PROT_WRITE | MAPPED);
    return p;
}

void *memory_stack(size_t n)
{
    uint8_t *low = own(n);
    if (m.shy_stacks)
        pages_set((uint64_t)(uintptr_t)low, n, PROT_READ | PROT_WRITE | MAPPED | STACK);
    return low + n - 64; /* guest_call looks at an argument above its return address */
}

void *memory_xstate(size_t n)
{
    void *p = aligned_alloc(64, (n + 63) / 64 * 64);
    if (!p || m.n_kept == sizeof(m.kept) / sizeof(m.kept[0])) {
        free(p);
        return NULL;
    }
    return m.kept[m.n_kept++] = p;
}

void *user_alloc(size_t n)
{
    return own(n ? n : 1);
}

char *user_string(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(user_alloc(n), s, n);
}

void *user_guarded(size_t n)
{
    size_t room = (n + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    return own(room) + room - n;
}

/* ---- a run ---- */

static void memory_end(void)
{
    while (m.objects) {
        struct memobj *o = m.objects;
        m.objects = o->next_all;
        object_free(o);
    }
    while (m.n_kept)
        free(m.kept[--m.n_kept]);
    if (m.size)
        munmap(REGION, m.size);
    if (m.image)
        munmap(m.image, m.image_size);
    free(m.pages);
    m.pages = NULL, m.size = 0, m.image = NULL, m.image_object = NULL, m.pool_top = m.n_pool_free = 0;
}

static bool image_begin(const struct harness *h)
{
    if (!h->image)
        return true;
    m.image_size = (h->image_size + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    m.image = mmap(NULL, m.image_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m.image == MAP_FAILED || !(m.image_object = object_create()))
        return false;
    memcpy(m.image, h->image, h->image_size);
    m.image_object->image = m.image, m.image_object->n = m.image_size / PAGE_SIZE;
    return !mprotect(m.image, m.image_size, PROT_READ);
}

static bool pool_begin(void)
{
    if (m.fd >= 0)
        return true;
    m.fd = memfd_create("harness", MFD_CLOEXEC);
    if (m.fd < 0 || ftruncate(m.fd, POOL))
        return false;
    m.pool = mmap(NULL, POOL, PROT_READ | PROT_WRITE, MAP_SHARED, m.fd, 0);
    m.pool_free = calloc(POOL / PAGE_SIZE, sizeof(*m.pool_free));
    return m.pool != MAP_FAILED && m.pool_free;
}

bool memory_begin(const struct harness *h, struct platform *p)
{
    memory_end();
    m.own_top = PAGE_SIZE, m.shy_stacks = h->shy_stacks;
    m.size = (h->memory ? h->memory : 64u << 20) + OWN;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    if (mmap(REGION, m.size, PROT_NONE, flags, -1, 0) != REGION)
        return false;
    m.pages = calloc(m.size / PAGE_SIZE, sizeof(*m.pages));
    p->aspace = (struct aspace_ops){.create = as_create,
                                    .destroy = as_destroy,
                                    .fork = as_fork,
                                    .map = as_map,
                                    .unmap = as_unmap,
                                    .protect = as_protect,
                                    .advise = as_advise,
                                    .move = as_move,
                                    .where = as_where,
                                    .copy_in = copy_in_bytes,
                                    .copy_out = copy_out_bytes,
                                    .copy_str = copy_text,
                                    .zero = zero_bytes,
                                    .load32 = load_word,
                                    .cmpxchg32 = swap_word};
    p->memobj = (struct memobj_ops){.create = object_create,
                                    .destroy = object_destroy,
                                    .get = object_get,
                                    .put = object_put,
                                    .discard = object_discard,
                                    .next = object_next};
    return m.pages && pool_begin() && image_begin(h);
}

const struct files_ops *memory_files(const struct harness *h)
{
    static struct files_ops files;
    if (!h->files)
        return NULL;
    files = *h->files;
    files.object = object_of_host;
    return &files;
}

const void *memory_image(void)
{
    return m.image;
}

struct memobj *memory_image_object(void)
{
    return m.image_object;
}
