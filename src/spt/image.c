/* SPDX-License-Identifier: Apache-2.0 */
/* See image.h. Pure; each record is copied, and the copy is checked and used. */
#include "spt/image.h"

#include "guest/unikernel/gate.h"
#include "guest/unikernel/layout.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE            4096ull
#define TRAP_STACK_MOST (1ull << 20)

struct reader {
    const uint8_t *image;
    uint64_t size;
    struct image_header header;
    const char **why;
};

static int no(struct reader *r, const char *why)
{
    *r->why = why;
    return -ENOEXEC;
}

static int read_header(struct reader *r)
{
    if (r->size < sizeof r->header)
        return no(r, "it is no image of moat: shorter than a header (moat pack and moat build make images)");
    memcpy(&r->header, r->image, sizeof r->header);
    if (memcmp(r->header.magic, IMAGE_MAGIC, sizeof r->header.magic))
        return no(r, "it is no image of moat (moat pack and moat build make images)");
    if (r->header.version != IMAGE_VERSION)
        return no(r, "its version is another than this moat's: make it anew");
    if (r->header.machine != EM_X86_64)
        return no(r, "it is for another processor than x86-64");
    if (r->header.size > r->size)
        return no(r, "it is cut off: it says that it is longer");
    if (r->header.size < r->size)
        return no(r, "something was put behind it: it says that it is shorter");
    if (r->header.n_sections != IMAGE_SECTIONS)
        return no(r, "its sections are not those of its version");
    return 0;
}

static int check_sections(struct reader *r)
{
    static const uint32_t records[IMAGE_SECTIONS] = {[IMAGE_KERNEL] = sizeof(struct image_segment),
                                                     [IMAGE_MANIFEST] = 1,
                                                     [IMAGE_BOOT] = sizeof(struct image_boot),
                                                     [IMAGE_PREMAPS] = sizeof(struct image_segment),
                                                     [IMAGE_INODES] = sizeof(struct image_inode),
                                                     [IMAGE_ENTRIES] = sizeof(struct image_entry),
                                                     [IMAGE_NAMES] = 1,
                                                     [IMAGE_SITES] = sizeof(struct image_sites),
                                                     [IMAGE_SITE] = sizeof(struct image_site),
                                                     [IMAGE_DATA] = 1};

    for (int i = 0; i < IMAGE_SECTIONS; i++) {
        const struct image_section *s = &r->header.sections[i];
        if (s->offset > r->size || s->size > r->size - s->offset)
            return no(r, "a section lies outside of it");
        if (s->record != records[i])
            return no(r, "a section has records of another size");
        if (records[i] != 1 && s->offset % 8)
            return no(r, "a section is not aligned");
        if (i != IMAGE_BOOT && s->size % records[i])
            return no(r, "a section ends within a record");
    }
    return 0;
}

/* Strings: that each of them ends within the section. */
static int read_boot(struct reader *r, struct image_parts *out)
{
    const struct image_section *s = &r->header.sections[IMAGE_BOOT];
    const struct image_boot *b = &out->boot;

    if (s->size < sizeof *b)
        return no(r, "it does not say how it starts");
    memcpy(&out->boot, r->image + s->offset, sizeof *b);
    if (b->strings > s->size - sizeof *b || b->n_args > IMAGE_STRINGS_MOST || b->n_env > IMAGE_STRINGS_MOST)
        return no(r, "its words of the start are cut off");
    const char *strings = (const char *)r->image + s->offset + sizeof *b, *end = strings + b->strings;
    out->program = strings;
    for (uint64_t i = 0; i < 2ull + b->n_args + b->n_env; i++) {
        const char *at = memchr(strings, 0, (size_t)(end - strings));
        if (!at)
            return no(r, "its words of the start are cut off");
        strings = at + 1;
        if (i == 0)
            out->cwd = strings;
        if (i == 1)
            out->args = strings;
    }
    if (b->flags & ~(IMAGE_JIT | IMAGE_READY | IMAGE_FILES))
        return no(r, "it has flags that this moat does not know");
    if (b->entry != KERNEL_BASE || b->text % PAGE || b->text > KERNEL_BASE)
        return no(r, "its kernel or its text is for another layout of memory: make it anew");
    return 0;
}

static uint64_t page_up(uint64_t n)
{
    return (n + PAGE - 1) & ~(PAGE - 1);
}

/* On pages, from *end on and below `high`, behind which *end then is; never writable and executable. */
static int check_segment(struct reader *r, const struct image_segment *g, uint64_t *end, uint64_t high)
{
    if (g->address % PAGE || g->offset % PAGE || g->file > g->memory || !g->memory)
        return no(r, "a segment is not made of pages");
    if (g->offset > r->size || g->file > r->size - g->offset)
        return no(r, "a segment lies outside of it");
    if (g->address < *end || g->address >= high || g->memory > high - g->address)
        return no(r, "a segment is out of order, or where it must not be");
    if (g->prot & ~(uint32_t)(PROT_READ | PROT_WRITE | PROT_EXEC) ||
        (g->prot & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC))
        return no(r, "a segment is writable and executable");
    *end = g->address + page_up(g->memory);
    return 0;
}

static int read_kernel(struct reader *r, struct image_parts *out)
{
    const struct image_section *s = &r->header.sections[IMAGE_KERNEL];
    uint64_t n = s->size / sizeof out->kernel[0], end = KERNEL_BASE;
    int e = 0;

    if (n > IMAGE_KERNEL_SEGMENTS)
        return no(r, "it has too many segments");
    memcpy(out->kernel, r->image + s->offset, s->size);
    out->n_kernel = (uint32_t)n;
    for (uint32_t i = 0; i < n && e == 0; i++)
        e = check_segment(r, &out->kernel[i], &end, KERNEL_LIMIT);
    return e;
}

int image_premap(const void *image, uint64_t size, const struct image_parts *p, uint32_t i, uint64_t *end,
                 uint64_t high, struct image_segment *out, const char **why)
{
    struct reader r = {.image = image, .size = size, .why = why};

    memcpy(out, &p->premaps[i], sizeof *out);
    return check_segment(&r, out, end, high);
}

static int check_premaps(struct reader *r, struct image_parts *out)
{
    const struct image_section *s = &r->header.sections[IMAGE_PREMAPS];
    uint64_t n = s->size / sizeof *out->premaps, end = TEXT_LOW;
    struct image_segment g;
    int e = 0;

    if (n > IMAGE_PREMAPS_MOST)
        return no(r, "it has too many segments");
    out->premaps = (const void *)(r->image + s->offset);
    out->n_premaps = (uint32_t)n;
    out->premaps_low = out->premaps_high = 0;
    for (uint32_t i = 0; i < n && e == 0; i++) {
        e = image_premap(r->image, r->size, out, i, &end, TENDER_BASE, &g, r->why);
        if (i == 0)
            out->premaps_low = g.address;
        out->premaps_high = end;
    }
    return e;
}

/* The header of the kernel itself: that the tender jumps to and installs nothing else than what is the kernel's. */
static int check_kernel(struct reader *r, struct image_parts *p)
{
    const struct image_segment *first = &p->kernel[0];
    struct kernel_header *h = &p->kernel_header;

    if (p->boot.flags & IMAGE_FILES)
        return p->n_kernel ? no(r, "it says that it holds files alone, and has a kernel") : 0;
    if (!p->n_kernel || first->address != KERNEL_BASE || first->file < sizeof *h ||
        first->prot != (PROT_READ | PROT_EXEC))
        return no(r, "it has no kernel where one belongs");
    memcpy(h, r->image + first->offset, sizeof *h);
    if (memcmp(h->magic, KERNEL_MAGIC, sizeof h->magic) || h->version != KERNEL_VERSION ||
        h->gate_version != GATE_VERSION)
        return no(r, "its kernel is of another version than this moat's: make it anew");
    if (h->start - KERNEL_BASE >= first->file || h->signal - KERNEL_BASE >= first->file)
        return no(r, "its kernel begins outside of itself");
    if (!h->trap_stack_size || h->trap_stack_size > TRAP_STACK_MOST)
        return no(r, "its kernel has no stack for traps");
    return 0;
}

int image_check(const void *image, uint64_t size, struct image_parts *out, const char **why)
{
    struct reader r = {.image = image, .size = size, .why = why};
    int e = read_header(&r);

    out->n_kernel = out->n_premaps = 0;
    if (e == 0)
        e = check_sections(&r);
    if (e == 0)
        e = read_boot(&r, out);
    if (e == 0)
        e = read_kernel(&r, out);
    if (e == 0)
        e = check_kernel(&r, out);
    if (e == 0)
        e = check_premaps(&r, out);
    return e;
}
