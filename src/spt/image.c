/* SPDX-License-Identifier: Apache-2.0 */
/* See image.h. Pure; each record is copied, and the copy is checked and used. */
#include "spt/image.h"

#include "guest/unikernel/boot.h"
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
    if (b->flags & ~IMAGE_JIT)
        return no(r, "it has flags that this moat does not know");
    if (b->entry != KERNEL_BASE || b->text % PAGE || b->text > KERNEL_BASE)
        return no(r, "its kernel or its text is for another layout of memory: make it anew");
    return 0;
}

/* Segments in order, apart, on pages, within [low, high); never writable and executable. */
static int read_segments(struct reader *r, enum image_section_kind kind, struct image_segment *out, uint32_t most,
                         uint32_t *n, uint64_t low, uint64_t high)
{
    const struct image_section *s = &r->header.sections[kind];
    uint64_t count = s->size / sizeof *out, end = low;

    if (count > most)
        return no(r, "it has too many segments");
    memcpy(out, r->image + s->offset, s->size);
    *n = (uint32_t)count;
    for (uint32_t i = 0; i < count; i++) {
        const struct image_segment *g = &out[i];
        if (g->address % PAGE || g->offset % PAGE || g->file > g->memory || !g->memory)
            return no(r, "a segment is not made of pages");
        if (g->offset > r->size || g->file > r->size - g->offset)
            return no(r, "a segment lies outside of it");
        if (g->address < end || g->address >= high || g->memory > high - g->address)
            return no(r, "a segment is out of order, or where it must not be");
        if (g->prot & ~(uint32_t)(PROT_READ | PROT_WRITE | PROT_EXEC) ||
            (g->prot & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC))
            return no(r, "a segment is writable and executable");
        end = g->address + ((g->memory + PAGE - 1) & ~(PAGE - 1));
    }
    return 0;
}

/* The header of the kernel itself: that the tender jumps to and installs nothing else than what is the kernel's. */
static int check_kernel(struct reader *r, const struct image_parts *p)
{
    const struct image_segment *first = &p->kernel[0];
    struct kernel_header h;

    if (!p->n_kernel || first->address != KERNEL_BASE || first->file < sizeof h ||
        first->prot != (PROT_READ | PROT_EXEC))
        return no(r, "it has no kernel where one belongs");
    memcpy(&h, r->image + first->offset, sizeof h);
    if (memcmp(h.magic, KERNEL_MAGIC, sizeof h.magic) || h.version != KERNEL_VERSION || h.gate_version != GATE_VERSION)
        return no(r, "its kernel is of another version than this moat's: make it anew");
    if (h.start - KERNEL_BASE >= first->file || h.signal - KERNEL_BASE >= first->file)
        return no(r, "its kernel begins outside of itself");
    if (!h.trap_stack_size || h.trap_stack_size > TRAP_STACK_MOST)
        return no(r, "its kernel has no stack for traps");
    return 0;
}

int image_check(const void *image, uint64_t size, struct image_parts *out, const char **why)
{
    struct reader r = {.image = image, .size = size, .why = why};
    int e = read_header(&r);

    memset(out, 0, sizeof *out);
    if (e == 0)
        e = check_sections(&r);
    if (e == 0)
        e = read_boot(&r, out);
    if (e == 0)
        e = read_segments(&r, IMAGE_KERNEL, out->kernel, IMAGE_KERNEL_SEGMENTS, &out->n_kernel, KERNEL_BASE,
                          KERNEL_LIMIT);
    if (e == 0)
        e = check_kernel(&r, out);
    if (e == 0)
        e = read_segments(&r, IMAGE_PREMAPS, out->premaps, IMAGE_PREMAPS_MOST, &out->n_premaps, TEXT_LOW, TENDER_BASE);
    if (e == 0)
        out->premaps_there = (const void *)(r.image + r.header.sections[IMAGE_PREMAPS].offset);
    return e;
}
