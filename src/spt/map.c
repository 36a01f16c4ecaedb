/* SPDX-License-Identifier: Apache-2.0 */
/* All mappings that there will ever be: the filter lets none be made later. Addresses are layout.h's, and each must be
 * free: nothing of the tender's own is ever covered. */
#include "spt/tender.h"

#include "guest/unikernel/layout.h"
#include "spt/host.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PAGE 4096ull

static uint64_t page_up(uint64_t n)
{
    return (n + PAGE - 1) & ~(PAGE - 1);
}

static int map(uint64_t at, uint64_t n, int prot, int flags, int fd, uint64_t offset)
{
    long r = host(mmap, at, n, prot, flags, fd, offset);

    return r == (long)at ? 0 : r < 0 ? (int)r : -EEXIST;
}

_Static_assert(KERNEL_LIMIT + DATA_SIZE + HEAP_SIZE + OBJECTS_SIZE + 2 * BEHIND_SIZE < IMAGE_FAR, "BEHIND_SIZE");

#define MAP_ANEW (MAP_PRIVATE | MAP_FIXED_NOREPLACE)
#define MAP_BARE (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE)

static int no_room(const struct tender *t, const char *what, int error)
{
    return tender_fail(EXIT_OWN_ERROR, t->options.image, what, error);
}

static int map_image(struct tender *t)
{
    struct stat st;

    if (host(fstat, t->image_fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
        return tender_fail(EXIT_NOT_INVOKED, t->options.image, "it is no file with anything in it", 0);
    uint64_t size = (uint64_t)st.st_size, at = TENDER_BASE - page_up(size);
    if (size > TENDER_BASE - IMAGE_LOW)
        at = IMAGE_FAR;
    int r = map(at, size, PROT_READ, MAP_ANEW, t->image_fd, 0);
    t->boot.image = (const void *)at, t->boot.image_size = size;
    return r < 0 ? no_room(t, "map the image", r) : 0;
}

/* Pages of the file, then zeroes. What is behind the bytes of its last page is of something else. */
static int map_segment(const struct tender *t, const struct image_segment *s, int flags, bool clean)
{
    const uint64_t file = page_up(s->file), memory = page_up(s->memory);
    int r = 0;

    if (file)
        r = map(s->address, file, (int)s->prot, MAP_PRIVATE | flags, t->image_fd, s->offset);
    if (r == 0 && clean && (s->prot & PROT_WRITE) && s->file < file && s->memory > s->file)
        memset((void *)(s->address + s->file), 0, file - s->file);
    if (r == 0 && memory > file)
        r = map(s->address + file, memory - file, (int)s->prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1,
                0);
    return r;
}

static int map_kernel(struct tender *t)
{
    for (uint32_t i = 0; i < t->image.n_kernel; i++) {
        int r = map_segment(t, &t->image.kernel[i], MAP_FIXED_NOREPLACE, true);
        if (r < 0)
            return no_room(t, "map the kernel", r);
    }
    t->kernel = &t->image.kernel_header;
    return 0;
}

static int map_premaps(struct tender *t, int flags)
{
    const struct image_parts *p = &t->image;
    const bool clean = p->boot.flags & IMAGE_READY; /* else whoever loads the program does that, as on Linux */
    uint64_t end = TEXT_LOW;
    struct image_segment s;
    const char *why;
    int r = 0;

    for (uint32_t i = 0; i < p->n_premaps && r == 0; i++) {
        r = image_premap(t->boot.image, t->boot.image_size, p, i, &end, t->boot.text_high, &s, &why);
        if (r == 0)
            r = map_segment(t, &s, flags, clean);
    }
    return r;
}

/* The program lies in what was set apart for all of them. */
static int map_text(struct tender *t)
{
    const struct image_parts *p = &t->image;
    uint64_t low = TEXT_LOW, high = TEXT_LOW + p->boot.text;
    int r = 0;

    if (p->n_premaps && !p->boot.text)
        low = p->premaps_low;
    if (p->premaps_high > high)
        high = p->premaps_high;
    if (high > TENDER_BASE || (t->boot.image_size <= TENDER_BASE - IMAGE_LOW && high > (uintptr_t)t->boot.image))
        return no_room(t, "its text is larger than the room for it", 0);
    t->boot.text_low = low, t->boot.text_high = high;
    if (p->boot.text)
        r = map(low, high - low, PROT_NONE, MAP_BARE, -1, 0);
    if (r == 0)
        r = map_premaps(t, p->boot.text ? MAP_FIXED : MAP_FIXED_NOREPLACE);
    t->boot.premaps = p->premaps, t->boot.n_premaps = p->n_premaps;
    return r < 0 ? no_room(t, "map the program", r) : 0;
}

static int map_memory(struct tender *t)
{
    const struct image_segment *last = &t->image.kernel[t->image.n_kernel - 1];
    struct boot *b = &t->boot;

    b->data_low = page_up(last->address + last->memory) + PAGE;
    b->data_high = ((b->data_low + DATA_SIZE) & ~(uint64_t)(DATA_HIGH_ALIGN - 1)) + DATA_HIGH_SKEW;
    uint64_t stack = b->data_high + PAGE; /* of traps: there is a hole below it */
    b->heap_low = stack + page_up(t->kernel->trap_stack_size);
    b->heap_high = b->objects_low = b->heap_low + HEAP_SIZE;
    b->objects_high = (b->objects_low + OBJECTS_SIZE) & ~(uint64_t)(BEHIND_SIZE - 1);
    int r = map(b->data_low, b->data_high - b->data_low, PROT_NONE, MAP_BARE, -1, 0);
    if (r == 0)
        r = map(stack, b->objects_high - stack, PROT_READ | PROT_WRITE, MAP_BARE, -1, 0);
    return r < 0 ? no_room(t, "reserve address space: the limit of ulimit -v must be 450 GB or none", r) : 0;
}

int tender_map(struct tender *t)
{
    const char *why;
    int r = map_image(t);

    if (r)
        return r;
    if (image_check(t->boot.image, t->boot.image_size, &t->image, &why) < 0)
        return tender_fail(EXIT_NOT_INVOKED, t->options.image, why, 0);
    if (t->image.boot.flags & IMAGE_FILES)
        return tender_fail(EXIT_NOT_INVOKED, t->options.image,
                           "it holds files alone, and no kernel (-b sentry has one)", 0);
    if ((r = map_kernel(t)) || (r = map_text(t)))
        return r;
    return map_memory(t);
}
