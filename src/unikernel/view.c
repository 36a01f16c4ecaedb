/* SPDX-License-Identifier: Apache-2.0 */
/* See view.h. Pure. */
#include "unikernel/view.h"

#include "base/mem.h"
#include "base/sha256.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PAGE 4096u

static int bad(struct err *err, const char *what)
{
    return err_set(err, -ENOEXEC, "%s", what);
}

/* Whether [offset, offset + n) lies in the file. */
static bool inside(const struct image_view *v, uint64_t offset, uint64_t n)
{
    return offset <= v->size && n <= v->size - offset;
}

static const struct {
    uint32_t record;
    const char *name;
} kinds[IMAGE_SECTIONS] = {[IMAGE_KERNEL] = {sizeof(struct image_segment), "the kernel's segments"},
                           [IMAGE_MANIFEST] = {1, "the manifest"},
                           [IMAGE_BOOT] = {sizeof(struct image_boot), "the boot record"},
                           [IMAGE_PREMAPS] = {sizeof(struct image_segment), "the program's segments"},
                           [IMAGE_INODES] = {sizeof(struct image_inode), "the inodes"},
                           [IMAGE_ENTRIES] = {sizeof(struct image_entry), "the names' table"},
                           [IMAGE_NAMES] = {1, "the names"},
                           [IMAGE_SITES] = {sizeof(struct image_sites), "the tables of sites"},
                           [IMAGE_SITE] = {sizeof(struct image_site), "the sites"},
                           [IMAGE_DATA] = {1, "the contents"}};

static int check_header(struct image_view *v, struct err *err)
{
    struct image_header *h = &v->header;

    if (v->size < sizeof *h || memcmp(v->bytes, IMAGE_MAGIC, sizeof h->magic))
        return bad(err, "it is no image of a unikernel: moat pack makes one of a program");
    memcpy(h, v->bytes, sizeof *h);
    if (h->version != IMAGE_VERSION)
        return err_set(err, -ENOEXEC, "it is an image of version %u, and this moat reads %u: pack it anew", h->version,
                       IMAGE_VERSION);
    if (h->machine != EM_X86_64)
        return err_set(err, -ENOEXEC, "it is for another machine (ELF machine %u): x86-64 is what runs here",
                       h->machine);
    if (h->size != v->size)
        return err_set(err, -ENOEXEC, "it has %llu bytes, and says that it had %llu: it is cut off or damaged",
                       (unsigned long long)v->size, (unsigned long long)h->size);
    if (h->n_sections != IMAGE_SECTIONS)
        return bad(err, "it is damaged: its sections are not those of its version");
    for (int i = 0; i < IMAGE_SECTIONS; i++) {
        const struct image_section *s = &h->sections[i];
        if (!inside(v, s->offset, s->size) || s->offset % 8 || s->record != kinds[i].record ||
            (i != IMAGE_BOOT && s->size % s->record))
            return err_set(err, -ENOEXEC, "it is damaged: %s lie outside of it", kinds[i].name);
    }
    return 0;
}

static const void *table(const struct image_view *v, enum image_section_kind kind, uint64_t *n)
{
    const struct image_section *s = &v->header.sections[kind];

    *n = s->size / s->record;
    return v->bytes + s->offset;
}

static int check_boot(struct image_view *v, struct err *err)
{
    const struct image_section *s = &v->header.sections[IMAGE_BOOT];
    uint64_t strings = 0;

    if (s->size < sizeof v->boot)
        return bad(err, "it is damaged: the boot record is cut off");
    memcpy(&v->boot, v->bytes + s->offset, sizeof v->boot);
    v->strings = (const char *)v->bytes + s->offset + sizeof v->boot;
    if (v->boot.strings > s->size - sizeof v->boot)
        return bad(err, "it is damaged: the boot record's strings lie outside of it");
    for (uint32_t i = 0; i < v->boot.strings; i++)
        strings += !v->strings[i];
    if (strings != (uint64_t)v->boot.n_args + v->boot.n_env + 2 || v->strings[v->boot.strings - 1])
        return bad(err, "it is damaged: the boot record's strings are not as many as it says");
    return 0;
}

static int check_segments(const struct image_view *v, const struct image_segment *s, uint64_t n, struct err *err)
{
    for (uint64_t i = 0; i < n; i++)
        if (s[i].address % PAGE || s[i].memory % PAGE || s[i].offset % PAGE || s[i].file > s[i].memory ||
            !inside(v, s[i].offset, s[i].file) || s[i].address + s[i].memory < s[i].address ||
            (s[i].prot & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC))
            return err_set(err, -ENOEXEC, "it is damaged: segment %llu is not one that can be mapped",
                           (unsigned long long)i);
    return 0;
}

static int check_inode(const struct image_view *v, uint64_t i)
{
    const struct image_inode *f = &v->inodes[i];

    switch (f->mode & S_IFMT) {
    case S_IFDIR:
        return f->offset <= v->n_entries && f->size <= v->n_entries - f->offset;
    case S_IFREG:
    case S_IFLNK:
        return inside(v, f->offset, f->size) && f->sites <= v->n_sites;
    case S_IFIFO:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFSOCK:
        return true;
    default:
        return false;
    }
}

static int check_tree(const struct image_view *v, struct err *err)
{
    if (!v->n_inodes || !S_ISDIR(v->inodes[0].mode))
        return bad(err, "it is damaged: it has no root directory");
    for (uint64_t i = 0; i < v->n_inodes; i++)
        if (!check_inode(v, i))
            return err_set(err, -ENOEXEC, "it is damaged: inode %llu lies outside of it", (unsigned long long)i);
    for (uint64_t i = 0; i < v->n_entries; i++) {
        const struct image_entry *e = &v->entries[i];
        if (e->inode >= v->n_inodes || e->name > v->n_names || e->length > v->n_names - e->name || !e->length)
            return err_set(err, -ENOEXEC, "it is damaged: name %llu lies outside of it", (unsigned long long)i);
    }
    return 0;
}

static int check_sites(const struct image_view *v, struct err *err)
{
    for (uint64_t i = 0; i < v->n_sites; i++) {
        const struct image_sites *s = &v->sites[i];
        if (s->inode >= v->n_inodes || s->first > v->n_site || s->n > v->n_site - s->first || s->trapped > s->n ||
            s->blob % PAGE || !inside(v, s->blob, s->blob_size))
            return err_set(err, -ENOEXEC, "it is damaged: table %llu of sites lies outside of it",
                           (unsigned long long)i);
    }
    return 0;
}

static int check_digest(const struct image_view *v, struct err *err)
{
    uint8_t digest[SHA256_SIZE];
    struct sha256 sha;

    sha256_init(&sha);
    sha256_update(&sha, v->bytes + sizeof v->header, v->size - sizeof v->header);
    sha256_final(&sha, digest);
    return memcmp(digest, v->header.sha256, SHA256_SIZE) ? bad(err, "it is damaged: its contents are not those that "
                                                                    "its sha256 is of")
                                                         : 0;
}

int image_view(struct image_view *v, const uint8_t *bytes, size_t size, bool whole, struct err *err)
{
    int r;

    *v = (struct image_view){.bytes = bytes, .size = size};
    if ((r = check_header(v, err)) < 0)
        return r;
    v->kernel = table(v, IMAGE_KERNEL, &v->n_kernel);
    v->premaps = table(v, IMAGE_PREMAPS, &v->n_premaps);
    v->inodes = table(v, IMAGE_INODES, &v->n_inodes);
    v->entries = table(v, IMAGE_ENTRIES, &v->n_entries);
    v->names = table(v, IMAGE_NAMES, &v->n_names);
    v->manifest = table(v, IMAGE_MANIFEST, &v->n_manifest);
    v->sites = table(v, IMAGE_SITES, &v->n_sites);
    v->site = table(v, IMAGE_SITE, &v->n_site);
    if ((r = check_boot(v, err)) < 0 || (r = check_segments(v, v->kernel, v->n_kernel, err)) < 0 ||
        (r = check_segments(v, v->premaps, v->n_premaps, err)) < 0 || (r = check_tree(v, err)) < 0 ||
        (r = check_sites(v, err)) < 0)
        return r;
    return whole ? check_digest(v, err) : 0;
}

const char *image_view_string(const struct image_view *v, uint32_t n)
{
    const char *s = v->strings;

    while (n--)
        s += strlen(s) + 1;
    return s;
}
