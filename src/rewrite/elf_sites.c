/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole ELF file: which of its bytes are code, what it says of functions, and the order of things. Reads headers by
 * copies of checked ranges; every offset of the file is checked against its size before it is followed.
 *
 * Code is the executable sections where there is a table of sections that fits the segments, else the executable
 * segments, of which only what is reached is swept. Functions are known from symbols and .eh_frame; any aligned word of
 * data that is an address of code (relocations, tables, symbols) counts as a way in.
 */
#include "rewrite/elf_sites.h"

#include "rewrite/frames.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

enum { SEGMENTS_MAX = REWRITE_DATA_MAX, SECTIONS_MAX = 4096, PAGE_BYTES = 4096, TRAMPOLINE_ALIGN = 16 };

struct elf {
    uint8_t *bytes;
    size_t n;
    Elf64_Ehdr header;
    Elf64_Phdr segments[SEGMENTS_MAX];
    struct rewrite_image image;
    struct frames_file file;
    uint64_t end, frame_header; /* of the last segment's memory; address of .eh_frame_hdr, or 0 */
    enum rewrite_elf_reason reason;
};

static bool within(const struct elf *e, uint64_t offset, uint64_t size)
{
    return offset <= e->n && size <= e->n - offset;
}

static bool refuse(struct elf *e, enum rewrite_elf_reason reason)
{
    e->reason = reason;
    return false;
}

/* ---- Headers ------------------------------------------------------------------------------------------------- */

static bool read_header(struct elf *e)
{
    Elf64_Ehdr *h = &e->header;

    if (!within(e, 0, sizeof *h) || memcmp(e->bytes, ELFMAG, SELFMAG) != 0)
        return refuse(e, REWRITE_ELF_NOT_ELF);
    memcpy(h, e->bytes, sizeof *h);
    if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64)
        return refuse(e, REWRITE_ELF_NOT_X86_64);
    if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
        return refuse(e, REWRITE_ELF_TYPE);
    if (h->e_phentsize != sizeof(Elf64_Phdr) || !h->e_phnum || h->e_phnum > SEGMENTS_MAX ||
        !within(e, h->e_phoff, h->e_phnum * sizeof(Elf64_Phdr)))
        return refuse(e, REWRITE_ELF_HEADERS);
    memcpy(e->segments, e->bytes + h->e_phoff, h->e_phnum * sizeof(Elf64_Phdr));
    return true;
}

static bool read_load(struct elf *e, const Elf64_Phdr *p)
{
    if (!within(e, p->p_offset, p->p_filesz) || p->p_filesz > p->p_memsz || p->p_vaddr < e->end ||
        p->p_memsz > INT64_MAX - PAGE_BYTES || p->p_vaddr > INT64_MAX - PAGE_BYTES - p->p_memsz)
        return refuse(e, REWRITE_ELF_SEGMENT);
    if ((p->p_flags & (PF_W | PF_X)) == (PF_W | PF_X))
        return refuse(e, REWRITE_ELF_WRITABLE);
    e->file.segments[e->file.n_segments++] =
        (struct frames_segment){.offset = p->p_offset, .size = p->p_filesz, .address = p->p_vaddr};
    e->image.data[e->image.n_data++] =
        (struct rewrite_data){.bytes = e->bytes + p->p_offset, .size = (size_t)p->p_filesz, .address = p->p_vaddr};
    e->end = p->p_vaddr + p->p_memsz;
    return true;
}

static bool read_segments(struct elf *e)
{
    e->file.bytes = e->bytes;
    for (unsigned i = 0; i < e->header.e_phnum; i++) {
        const Elf64_Phdr *p = &e->segments[i];

        if (p->p_type == PT_LOAD && !read_load(e, p))
            return false;
        if (p->p_type == PT_GNU_EH_FRAME)
            e->frame_header = p->p_vaddr;
    }
    return true;
}

/* ---- Sections ------------------------------------------------------------------------------------------------ */

static bool section(const struct elf *e, unsigned i, Elf64_Shdr *s)
{
    const Elf64_Ehdr *h = &e->header;

    if (h->e_shentsize != sizeof *s || i >= h->e_shnum || h->e_shnum > SECTIONS_MAX ||
        !within(e, h->e_shoff, h->e_shnum * sizeof *s))
        return false;
    memcpy(s, e->bytes + h->e_shoff + i * sizeof *s, sizeof *s);
    return true;
}

/* Whether the section's bytes are those that an executable segment maps at its address. */
static bool is_mapped(const struct elf *e, const Elf64_Shdr *s)
{
    for (unsigned i = 0; i < e->header.e_phnum; i++) {
        const Elf64_Phdr *p = &e->segments[i];

        if (p->p_type == PT_LOAD && (p->p_flags & PF_X) && s->sh_addr >= p->p_vaddr &&
            s->sh_addr - p->p_vaddr <= p->p_filesz && s->sh_size <= p->p_filesz - (s->sh_addr - p->p_vaddr))
            return s->sh_offset - p->p_offset == s->sh_addr - p->p_vaddr;
    }
    return false;
}

static bool add_code(struct elf *e, uint64_t offset, uint64_t address, uint64_t size, bool sweep_all)
{
    struct rewrite_image *image = &e->image;
    const struct rewrite_code *last = image->n ? &image->code[image->n - 1] : NULL;

    if (image->n == REWRITE_CODES_MAX || (last && address < last->address + last->size))
        return false;
    image->code[image->n++] = (struct rewrite_code){
        .bytes = e->bytes + offset, .address = address, .size = (size_t)size, .sweep_all = sweep_all};
    return true;
}

static bool code_of_sections(struct elf *e)
{
    Elf64_Shdr s;

    for (unsigned i = 0; section(e, i, &s); i++) {
        if (s.sh_type == SHT_NOBITS || !(s.sh_flags & SHF_EXECINSTR) || !(s.sh_flags & SHF_ALLOC) || !s.sh_size)
            continue;
        if (!is_mapped(e, &s) || !add_code(e, s.sh_offset, s.sh_addr, s.sh_size, true))
            return false;
    }
    return e->image.n > 0;
}

static bool find_code(struct elf *e)
{
    e->image.absolute = e->header.e_type == ET_EXEC;
    if (code_of_sections(e))
        return true;
    e->image.n = 0;
    for (unsigned i = 0; i < e->header.e_phnum; i++) {
        const Elf64_Phdr *p = &e->segments[i];

        if (p->p_type == PT_LOAD && (p->p_flags & PF_X) && p->p_filesz &&
            !add_code(e, p->p_offset, p->p_vaddr, p->p_filesz, false))
            return refuse(e, REWRITE_ELF_CODES);
    }
    return true;
}

static bool open_elf(struct elf *e, uint8_t *bytes, size_t n)
{
    memset(e, 0, sizeof *e);
    e->bytes = bytes;
    e->n = n;
    return read_header(e) && read_segments(e) && find_code(e);
}

/* ---- What the file says of functions ------------------------------------------------------------------------- */

static void symbol_entry(struct elf *e, const Elf64_Sym *y)
{
    unsigned type = ELF64_ST_TYPE(y->st_info);

    if (y->st_shndx == SHN_UNDEF || y->st_shndx >= SHN_LORESERVE ||
        (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE))
        return;
    rewrite_entry(&e->image, y->st_value, REWRITE_ENTRY_FUNCTION);
    if (y->st_size)
        rewrite_entry(&e->image, y->st_value + y->st_size, REWRITE_ENTRY_END);
}

static void symbols(struct elf *e)
{
    Elf64_Shdr s;

    for (unsigned i = 0; section(e, i, &s); i++) {
        if ((s.sh_type != SHT_SYMTAB && s.sh_type != SHT_DYNSYM) || !within(e, s.sh_offset, s.sh_size))
            continue;
        for (uint64_t at = 0; s.sh_size - at >= sizeof(Elf64_Sym); at += sizeof(Elf64_Sym)) {
            Elf64_Sym y;
            memcpy(&y, e->bytes + s.sh_offset + at, sizeof y);
            symbol_entry(e, &y);
        }
    }
}

/* The address of .eh_frame: from its header's segment, else the section of that name; 0 when there is none. */
static uint64_t find_frames(const struct elf *e)
{
    static const char name[] = ".eh_frame";
    uint64_t size;
    const uint8_t *header = e->frame_header ? frames_at(&e->file, e->frame_header, &size) : NULL;
    Elf64_Shdr s, names;
    int32_t distance;

    if (header && size >= 8 && header[0] == 1 && header[1] == 0x1b) { /* version; pc-relative, 4 bytes, signed */
        memcpy(&distance, header + 4, sizeof distance);
        return e->frame_header + 4 + (uint64_t)(int64_t)distance;
    }
    if (!section(e, e->header.e_shstrndx, &names) || !within(e, names.sh_offset, names.sh_size))
        return 0;
    for (unsigned i = 0; section(e, i, &s); i++)
        if (s.sh_name < names.sh_size && names.sh_size - s.sh_name >= sizeof name && (s.sh_flags & SHF_ALLOC) &&
            !memcmp(e->bytes + names.sh_offset + s.sh_name, name, sizeof name))
            return s.sh_addr;
    return 0;
}

static const struct rewrite_code *code_of(const struct rewrite_image *image, uint64_t address)
{
    for (unsigned i = 0; i < image->n; i++)
        if (address - image->code[i].address < image->code[i].size)
            return &image->code[i];
    return NULL;
}

/* Words of data that are addresses of code. */
static void data_words(struct elf *e)
{
    for (unsigned i = 0; i < e->file.n_segments; i++) {
        const struct frames_segment *s = &e->file.segments[i];

        for (uint64_t at = -s->address & 7; at <= s->size && s->size - at >= 8; at += 8) {
            const struct rewrite_code *c = code_of(&e->image, s->address + at);
            uint64_t word;

            if (c) {
                at = ((c->address + c->size - s->address + 7) & ~(uint64_t)7) - 8;
                continue;
            }
            memcpy(&word, e->bytes + s->offset + at, sizeof word);
            rewrite_entry(&e->image, word, REWRITE_ENTRY_TARGET);
        }
    }
}

static void entries(struct elf *e)
{
    uint64_t frames = find_frames(e);

    rewrite_entry(&e->image, e->header.e_entry, REWRITE_ENTRY_FUNCTION);
    symbols(e);
    if (frames)
        frames_entries(&e->file, frames, &e->image);
    data_words(e);
}

/* ---- The whole ----------------------------------------------------------------------------------------------- */

static size_t count_pairs(const struct rewrite_code *c)
{
    size_t n = 0;

    for (size_t i = 0; i + 1 < c->size; i++)
        n += c->bytes[i] == 0x0f && c->bytes[i + 1] == 0x05;
    return n;
}

int rewrite_elf_needs(const uint8_t *file, size_t n, struct rewrite_elf_needs *needs, enum rewrite_elf_reason *reason)
{
    struct elf e;
    bool fit = open_elf(&e, (uint8_t *)(uintptr_t)file, n); /* it is not written to here */

    *reason = e.reason;
    *needs = (struct rewrite_elf_needs){0};
    if (!fit)
        return -ENOEXEC;
    for (unsigned i = 0; i < e.image.n; i++) {
        needs->marks += e.image.code[i].size;
        needs->sites += count_pairs(&e.image.code[i]);
    }
    needs->trampolines = needs->sites * REWRITE_TRAMPOLINE_MAX;
    return 0;
}

static int rewrite_sites(struct elf *e, struct rewrite_elf *r)
{
    size_t size = 0;

    for (size_t i = 0; i < r->n_sites; i++) {
        struct rewrite_site *site = &r->sites[i];

        r->states[site->state]++;
        r->why[site->why]++;
        if (site->state == REWRITE_TRAPPED)
            continue;
        memset(r->trampolines + size, 0xcc, REWRITE_TRAMPOLINE_MAX);
        int n = rewrite_emit(&e->image, site, r->trampolines_address + size, r->cell, r->trampolines + size);
        if (n < 0)
            return n;
        const struct rewrite_code *c = code_of(&e->image, site->window);
        int patched = rewrite_patch(c, e->bytes + (c->bytes - e->bytes), site, r->trampolines_address + size);
        if (patched < 0)
            return patched;
        site->trampoline = (uint32_t)size;
        size += (size_t)((n + TRAMPOLINE_ALIGN - 1) & -TRAMPOLINE_ALIGN);
    }
    r->trampolines_size = size;
    return 0;
}

int rewrite_elf(uint8_t *file, size_t n, struct rewrite_elf *r, enum rewrite_elf_reason *reason)
{
    struct elf e;
    size_t marks = 0, max = 0;
    bool fit = open_elf(&e, file, n);

    *reason = e.reason;
    r->n_sites = r->trampolines_size = 0;
    memset(r->states, 0, sizeof r->states);
    memset(r->why, 0, sizeof r->why);
    if (!fit)
        return -ENOEXEC;
    for (unsigned i = 0; i < e.image.n; i++) {
        struct rewrite_code *c = &e.image.code[i];

        c->marks = r->marks + marks;
        memset(c->marks, 0, c->size);
        marks += c->size;
        max += count_pairs(c);
    }
    entries(&e);
    int found = rewrite_scan(&e.image, r->sites, max);
    if (found < 0)
        return found;
    r->n_sites = (size_t)found;
    r->trampolines_address = ((e.end + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1)) + r->skew;
    return rewrite_sites(&e, r);
}

const char *rewrite_elf_reason_text(enum rewrite_elf_reason reason)
{
    static const char *const text[] = {
        [REWRITE_ELF_OK] = "it is fine",
        [REWRITE_ELF_NOT_ELF] = "it is no ELF file",
        [REWRITE_ELF_NOT_X86_64] = "it is not for x86-64",
        [REWRITE_ELF_TYPE] = "it is neither a program nor a shared library",
        [REWRITE_ELF_HEADERS] = "its program headers are damaged, or too many",
        [REWRITE_ELF_SEGMENT] = "a segment of it lies outside the file or over another",
        [REWRITE_ELF_WRITABLE] = "a segment of it is writable and executable",
        [REWRITE_ELF_CODES] = "it has too many stretches of code",
    };

    return (unsigned)reason < REWRITE_ELF_REASONS ? text[reason] : "?";
}
