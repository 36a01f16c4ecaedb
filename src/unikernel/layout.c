/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See layout.h. Small files lie behind the tables, then come, on pages, the kernel, large files and ELF files, the
 * program last. Pure.
 */
#include "unikernel/layout.h"

#include "guest/unikernel/layout.h"
#include "unikernel/sites.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define PREMAPS_MOST 256 /* rows that the tender takes */
#define MAPPED_LEAST                                                                                                   \
    65536 /* bytes of a file from which on it begins on a page, so that it is not copied to be mapped */
#define TEXT_ROUND ((uint64_t)2 << 20)
#define TEXT_MOST  ((uint64_t)1536 << 20) /* what there is below the tender, with room for the image (layout.h) */

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

static uint64_t up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

static uint64_t string_bytes(const struct strv *v)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < v->n; i++)
        n += strlen(v->v[i]) + 1;
    return n;
}

static char *put_string(char *to, const char *s)
{
    return (char *)memcpy(to, s, strlen(s) + 1) + strlen(s) + 1;
}

static uint64_t blob_size(const struct tree_file *f)
{
    return f->sites ? up(f->sites->blob_size, ELF_PAGE) : 0;
}

/* Of an ELF file with its trampolines, in its own addresses. */
static uint64_t end_of(const struct tree_file *f)
{
    return blob_size(f) ? f->sites->address + blob_size(f) : f->elf->high;
}

/* Behind all ELF files that cannot be moved: they may be executed later, and lie there then. */
static uint64_t behind_fixed(const struct tree *t)
{
    uint64_t at = TEXT_LOW;

    for (uint32_t i = 0; i < t->n_files; i++) {
        const struct tree_file *f = t->nodes[i]->file;
        if (f->elf && f->elf->fixed && end_of(f) > at && end_of(f) <= IMAGE_LOW)
            at = end_of(f);
    }
    return at;
}

/* Whether a program of the image executes another, or itself once more. */
static bool executes(const struct tree *t)
{
    for (uint32_t i = 0; i < t->n_files; i++) {
        const struct sites *s = t->nodes[i]->file->sites;
        for (uint32_t k = 0; s && k < s->n; k++)
            if (s->v[k].nr == SYS_execve || s->v[k].nr == SYS_execveat)
                return true;
    }
    return false;
}

/* All ELF files, and as much again for what is opened later and for the gaps between them. Who makes code reserves room
 * for it by half a GiB (V8). */
static uint64_t text_size(const struct image *im)
{
    uint64_t n = behind_fixed(&im->tree) - TEXT_LOW;

    if (im->jit)
        return TEXT_MOST;
    if (!im->dynamic && !executes(&im->tree))
        return 0;
    for (uint32_t i = 0; i < im->tree.n_files; i++) {
        const struct tree_file *f = im->tree.nodes[i]->file;
        if (f->elf && end_of(f) > f->elf->low)
            n += 2 * (end_of(f) - f->elf->low);
    }
    n = up(n, TEXT_ROUND);
    return n < TEXT_MOST ? n : TEXT_MOST;
}

static int make_boot(struct layout *l)
{
    struct image *im = l->im;
    const uint64_t strings = strlen(im->path) + strlen(im->cwd) + 2 + string_bytes(&im->args) + string_bytes(&im->env);
    struct image_boot *b = arena_alloc(im->arena, sizeof *b + strings);

    if (!b || strings > UINT32_MAX)
        return no_memory(l->err);
    im->text = text_size(im);
    *b = (struct image_boot){.entry = im->files ? KERNEL_BASE : im->kernel.entry,
                             .text = im->text,
                             .memory = im->memory,
                             .flags = (im->jit ? IMAGE_JIT : 0) | (im->ready ? IMAGE_READY : 0) |
                                      (im->files ? IMAGE_FILES : 0),
                             .n_args = im->args.n,
                             .n_env = im->env.n,
                             .strings = (uint32_t)strings};
    char *to = put_string(put_string((char *)(b + 1), im->path), im->cwd);
    for (uint32_t i = 0; i < im->args.n; i++)
        to = put_string(to, im->args.v[i]);
    for (uint32_t i = 0; i < im->env.n; i++)
        to = put_string(to, im->env.v[i]);
    l->boot = b;
    l->header.sections[IMAGE_BOOT] = (struct image_section){.size = sizeof *b + strings, .record = sizeof *b};
    return 0;
}

static void count(struct layout *l)
{
    const struct tree *t = &l->im->tree;

    for (uint32_t i = 0; i < t->n_files; i++) {
        const struct tree_node *node = t->nodes[i];
        if (S_ISDIR(node->file->mode))
            for (const struct tree_node *c = node->children; c; c = c->next) {
                l->n_entries++;
                l->n_names += strlen(c->name) + 1;
            }
        if (node->file->sites) {
            l->n_sites++;
            l->n_site += node->file->sites->n;
            l->im->sites += node->file->sites->n;
            l->im->trapped += node->file->sites->trapped;
        }
    }
}

static void make_entries(struct layout *l, const struct tree_node *dir)
{
    dir->file->offset = l->n_entries;
    for (const struct tree_node *c = dir->children; c; c = c->next) {
        const size_t n = strlen(c->name);
        l->entries[l->n_entries++] = (struct image_entry){.inode = c->file->number,
                                                          .name = (uint32_t)l->n_names,
                                                          .length = (uint16_t)n,
                                                          .type = (uint16_t)((c->file->mode & S_IFMT) >> 12)};
        memcpy(l->names + l->n_names, c->name, n + 1);
        l->n_names += n + 1;
    }
}

static void make_sites(struct layout *l, struct tree_file *f)
{
    const struct sites *s = f->sites;

    f->row = (uint32_t)l->n_sites + 1;
    l->sites[l->n_sites++] = (struct image_sites){.inode = f->number,
                                                  .first = (uint32_t)l->n_site,
                                                  .n = s->n,
                                                  .trapped = s->trapped,
                                                  .blob_size = s->blob_size,
                                                  .address = s->address};
    if (s->n)
        memcpy(l->site + l->n_site, s->v, s->n * sizeof *s->v);
    l->n_site += s->n;
}

static int make_tables(struct layout *l)
{
    struct arena *a = l->im->arena;
    const struct tree *t = &l->im->tree;

    count(l);
    if (l->n_names > UINT32_MAX || l->n_site > UINT32_MAX || !(l->names = arena_alloc(a, l->n_names + 1)) ||
        !(l->entries = arena_array(a, l->n_entries + 1, sizeof *l->entries)) ||
        !(l->sites = arena_array(a, l->n_sites + 1, sizeof *l->sites)) ||
        !(l->site = arena_array(a, l->n_site + 1, sizeof *l->site)) ||
        !(l->inodes = arena_array(a, t->n_files, sizeof *l->inodes)) ||
        !(l->order = arena_array(a, t->n_files, sizeof(struct tree_file *))))
        return no_memory(l->err);
    l->n_entries = l->n_names = l->n_sites = l->n_site = 0;
    for (uint32_t i = 0; i < t->n_files; i++) {
        if (S_ISDIR(t->nodes[i]->file->mode))
            make_entries(l, t->nodes[i]);
        if (t->nodes[i]->file->sites)
            make_sites(l, t->nodes[i]->file);
    }
    return 0;
}

static void place_sections(struct layout *l)
{
    struct image_section *s = l->header.sections;
    const struct {
        enum image_section_kind kind;
        uint64_t n;
        size_t record;
    } sizes[] = {{IMAGE_KERNEL, l->im->kernel.n, sizeof(struct image_segment)},
                 {IMAGE_MANIFEST, s[IMAGE_MANIFEST].size, 1},
                 {IMAGE_PREMAPS, s[IMAGE_PREMAPS].size, sizeof(struct image_segment)},
                 {IMAGE_INODES, l->im->tree.n_files, sizeof *l->inodes},
                 {IMAGE_ENTRIES, l->n_entries, sizeof *l->entries},
                 {IMAGE_NAMES, l->n_names, 1},
                 {IMAGE_SITES, l->n_sites, sizeof *l->sites},
                 {IMAGE_SITE, l->n_site, sizeof *l->site}};
    uint64_t at = sizeof l->header;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        s[sizes[i].kind] = (struct image_section){0, sizes[i].n * sizes[i].record, (uint32_t)sizes[i].record, 0};
    for (int i = 0; i < IMAGE_DATA; i++) {
        s[i].offset = at = up(at, 8);
        at += s[i].size;
    }
    s[IMAGE_DATA] = (struct image_section){up(at, 8), 0, 1, 0};
}

static void place_file(struct layout *l, struct tree_file *f, uint64_t align)
{
    f->offset = l->end = up(l->end, align);
    l->end += f->size;
    l->order[l->n_order++] = f;
    if (f->sites && f->sites->blob_size) {
        struct image_sites *s = &l->sites[f->row - 1];
        s->blob = f->sites->skew ? l->end - l->end % ELF_PAGE : up(l->end, ELF_PAGE);
        l->end = s->blob + f->sites->blob_size;
    }
}

/* Whether it begins on a page. Of files alone nobody has looked which are programs. */
static bool is_mapped(const struct image *im, const struct tree_file *f)
{
    return f->elf || (S_ISREG(f->mode) && (f->size >= MAPPED_LEAST || (im->files && f->mode & 0111)));
}

/* Links' targets and small files, then the kernel, then what may be mapped as it lies. */
static void place_data(struct layout *l)
{
    const struct tree *t = &l->im->tree;
    struct tree_file *program = l->im->program->file;

    l->end = l->header.sections[IMAGE_DATA].offset;
    for (uint32_t i = 0; i < t->n_files; i++) {
        struct tree_file *f = t->nodes[i]->file;
        if (S_ISLNK(f->mode) || (S_ISREG(f->mode) && !is_mapped(l->im, f)))
            place_file(l, f, 8);
    }
    l->kernel = l->end = up(l->end, ELF_PAGE);
    l->end += l->im->kernel.size;
    for (uint32_t i = 0; i < t->n_files; i++) {
        struct tree_file *f = t->nodes[i]->file;
        if (f != program && is_mapped(l->im, f))
            place_file(l, f, ELF_PAGE);
    }
    if (program->elf) /* of a whole root there is none */
        place_file(l, program, ELF_PAGE);
    l->header.sections[IMAGE_DATA].size = l->end - l->header.sections[IMAGE_DATA].offset;
    l->header.size = l->im->size = l->end;
}

static void fill_inodes(struct layout *l)
{
    for (uint32_t i = 0; i < l->im->tree.n_files; i++) {
        const struct tree_file *f = l->im->tree.nodes[i]->file;
        l->inodes[i] = (struct image_inode){.mode = f->mode,
                                            .uid = f->uid,
                                            .gid = f->gid,
                                            .nlink = f->links,
                                            .size = f->size,
                                            .offset = f->offset,
                                            .mtime = f->mtime > 0 ? (uint64_t)f->mtime : 0,
                                            .rdev = (uint32_t)f->rdev,
                                            .sites = f->row};
    }
}

/* As many as the tender takes: others are mapped when they are asked for. */
static int count_premaps(struct layout *l)
{
    struct image *im = l->im;

    for (uint32_t i = 0; i < im->n_mapped; i++) {
        const unsigned n = im->mapped[i]->elf->n_loads + (blob_size(im->mapped[i]) != 0);
        if (l->n_premaps + n > PREMAPS_MOST) {
            im->n_mapped = i;
            break;
        }
        l->n_premaps += n;
    }
    l->premaps = arena_array(im->arena, l->n_premaps + 1, sizeof *l->premaps);
    return l->premaps ? 0 : no_memory(l->err);
}

/* A program that may move, and has no more code than it begins with, lies close to the tender where there is room for
 * it and the image. */
static uint64_t first_address(const struct image *im)
{
    const struct tree_file *f = im->n_mapped ? im->mapped[0] : NULL;

    if (!f || f->elf->fixed || im->text ||
        up(im->size, ELF_PAGE) + up(end_of(f) - f->elf->low, ELF_PAGE) + ELF_PAGE > TENDER_BASE - PIE_LOW)
        return behind_fixed(&im->tree);
    return PIE_LOW;
}

/* Where ELF files lie that are mapped before the program runs: one behind the other, and behind a program that cannot
 * be moved. */
static void place_mapped(struct layout *l)
{
    const struct image *im = l->im;
    uint64_t at = first_address(im);

    for (uint32_t i = 0; i < im->n_mapped; i++) {
        struct tree_file *f = im->mapped[i];
        f->bias = f->elf->fixed ? 0 : at - f->elf->low;
        at = f->elf->fixed ? at : f->bias + end_of(f);
    }
}

static struct image_segment *fill_premaps_of(const struct layout *l, const struct tree_file *file,
                                             struct image_segment *to)
{
    for (unsigned i = 0; i < file->elf->n_loads; i++) {
        const struct elf_load *o = &file->elf->loads[i];
        const uint64_t skew = o->address % ELF_PAGE;
        *to++ = (struct image_segment){.address = o->address - skew + file->bias,
                                       .memory = up(o->memory + skew, ELF_PAGE),
                                       .offset = o->file ? file->offset + o->offset - skew : 0,
                                       .file = o->file ? o->file + skew : 0,
                                       .prot = o->prot,
                                       .inode = file->number};
    }
    if (file->sites && file->sites->blob_size)
        *to++ = (struct image_segment){.address = file->sites->address + file->bias,
                                       .memory = up(file->sites->blob_size, ELF_PAGE),
                                       .offset = l->sites[file->row - 1].blob,
                                       .file = file->sites->blob_size,
                                       .prot = PROT_READ | PROT_EXEC,
                                       .inode = file->number};
    return to;
}

static void fill_premaps(struct layout *l)
{
    struct image_segment *to = l->premaps;

    for (uint32_t i = 0; i < l->im->n_mapped; i++)
        to = fill_premaps_of(l, l->im->mapped[i], to);
}

/* What the kernel would learn from the program's file if it had a loader. */
static void say_ready(const struct image *im, struct image_boot *b)
{
    const struct tree_file *f = im->program->file;

    b->program_entry = f->elf->entry + f->bias;
    b->program_headers = f->elf->headers + f->bias;
    b->n_program_headers = f->elf->n_headers;
    b->program_end = end_of(f) + f->bias;
}

int layout_make(struct layout *l)
{
    struct image *im = l->im;
    int r = count_premaps(l);

    if (r < 0 || (r = make_boot(l)) < 0 || (r = make_tables(l)) < 0)
        return r;
    size_t n;
    if (!(l->manifest = image_manifest(im, &n)))
        return no_memory(l->err);
    l->header.sections[IMAGE_MANIFEST].size = n;
    l->header.sections[IMAGE_PREMAPS].size = l->n_premaps;
    memcpy(l->header.magic, IMAGE_MAGIC, sizeof l->header.magic);
    l->header.version = IMAGE_VERSION;
    l->header.machine = EM_X86_64;
    l->header.n_sections = IMAGE_SECTIONS;
    place_sections(l);
    place_data(l);
    place_mapped(l);
    if (im->ready)
        say_ready(im, l->boot);
    for (unsigned i = 0; i < im->kernel.n; i++)
        if (im->kernel.segments[i].file)
            im->kernel.segments[i].offset += l->kernel;
    fill_inodes(l);
    fill_premaps(l);
    return 0;
}
