/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels as ELF files of 32 and 64 bits: program headers and one note. Headers are copied out whole, then looked at;
 * no more than PROGRAMS_MAX and NOTES_MAX of them.
 */
#include "machine/boot.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#define PROGRAMS_MAX 64u
#define NOTES_MAX    1024u

#define NOTE_PHYS32_ENTRY 18u /* XEN_ELFNOTE_PHYS32_ENTRY */

struct program {
    uint32_t type;
    uint64_t offset, physical, in_file, in_memory;
};

struct head {
    bool is_64;
    uint64_t entry, programs;
    unsigned n, each;
};

static int refuse(const char **why, const char *sentence)
{
    *why = sentence;
    return -ENOEXEC;
}

static int read_at(const struct boot_file *f, uint64_t offset, void *to, uint64_t n, const char **why)
{
    if (offset > f->bytes || n > f->bytes - offset)
        return refuse(why, "the ELF file is shorter than its headers say");
    int r = f->read(f->owner, offset, to, n);
    if (r != 0)
        *why = "reading the file failed";
    return r;
}

static int read_head(const struct boot_file *f, struct head *h, const char **why)
{
    union {
        unsigned char ident[EI_NIDENT];
        Elf32_Ehdr of_32;
        Elf64_Ehdr of_64;
    } e;
    int r;
    memset(&e, 0, sizeof(e));
    if ((r = read_at(f, 0, &e, sizeof(e.of_32), why)) != 0)
        return r;
    if (memcmp(e.ident, ELFMAG, SELFMAG) != 0 || e.ident[EI_DATA] != ELFDATA2LSB)
        return refuse(why, "not an ELF file");
    h->is_64 = e.ident[EI_CLASS] == ELFCLASS64;
    if (!h->is_64) {
        *h = (struct head){false, e.of_32.e_entry, e.of_32.e_phoff, e.of_32.e_phnum, e.of_32.e_phentsize};
        if (e.of_32.e_machine != EM_386 || h->each < sizeof(Elf32_Phdr))
            return refuse(why, "the ELF file is of another machine");
    } else {
        if ((r = read_at(f, 0, &e, sizeof(e.of_64), why)) != 0)
            return r;
        *h = (struct head){true, e.of_64.e_entry, e.of_64.e_phoff, e.of_64.e_phnum, e.of_64.e_phentsize};
        if (e.of_64.e_machine != EM_X86_64 || h->each < sizeof(Elf64_Phdr))
            return refuse(why, "the ELF file is of another machine");
    }
    if (h->n == 0 || h->n > PROGRAMS_MAX)
        return refuse(why, "the ELF file has no program headers, or more than 64");
    return 0;
}

static int read_program(const struct boot_file *f, const struct head *h, unsigned i, struct program *p,
                        const char **why)
{
    union {
        Elf32_Phdr of_32;
        Elf64_Phdr of_64;
    } e;
    uint64_t at = h->programs + (uint64_t)i * h->each;
    int r = read_at(f, at < h->programs ? UINT64_MAX : at, &e, h->is_64 ? sizeof(e.of_64) : sizeof(e.of_32), why);
    if (r != 0)
        return r;
    if (h->is_64)
        *p = (struct program){e.of_64.p_type, e.of_64.p_offset, e.of_64.p_paddr, e.of_64.p_filesz, e.of_64.p_memsz};
    else
        *p = (struct program){e.of_32.p_type, e.of_32.p_offset, e.of_32.p_paddr, e.of_32.p_filesz, e.of_32.p_memsz};
    return 0;
}

/* Looks through one segment of notes; *entry stays 0 when the one that is wanted is not among them. */
static int find_entry(const struct boot_file *f, const struct program *p, uint64_t *entry, const char **why)
{
    uint64_t at = 0;
    int r;
    for (unsigned i = 0; i < NOTES_MAX && at + sizeof(Elf64_Nhdr) <= p->in_file; i++) {
        Elf64_Nhdr n; /* the same in both classes */
        char name[4] = "";
        uint64_t body, offset = p->offset + at;
        if (offset < p->offset)
            return refuse(why, "the ELF file's notes make no sense");
        if ((r = read_at(f, offset, &n, sizeof(n), why)) != 0)
            return r;
        body = sizeof(n) + (((uint64_t)n.n_namesz + 3) & ~UINT64_C(3));
        if (n.n_type == NOTE_PHYS32_ENTRY && n.n_namesz == 4 && (n.n_descsz == 4 || n.n_descsz == 8)) {
            if ((r = read_at(f, offset + sizeof(n), name, sizeof(name), why)) != 0)
                return r;
            if (memcmp(name, "Xen", 4) == 0)
                return read_at(f, offset + body, entry, n.n_descsz, why);
        }
        at += body + (((uint64_t)n.n_descsz + 3) & ~UINT64_C(3));
    }
    return 0;
}

int boot_elf_read(const struct boot_file *f, struct boot_elf *out, const char **why)
{
    struct head h;
    struct program p;
    int r;
    *out = (struct boot_elf){.pvh_entry = 0};
    if ((r = read_head(f, &h, why)) != 0)
        return r;
    out->is_64 = h.is_64;
    out->entry = h.entry;
    for (unsigned i = 0; i < h.n && out->pvh_entry == 0; i++) {
        if ((r = read_program(f, &h, i, &p, why)) != 0)
            return r;
        if (p.type == PT_NOTE && (r = find_entry(f, &p, &out->pvh_entry, why)) != 0)
            return r;
    }
    if (out->pvh_entry > UINT32_MAX)
        return refuse(why, "the kernel's PVH entry is not below 4 GiB");
    return 0;
}

int boot_elf_load(struct machine *m, const struct boot_file *f, struct boot_elf *elf, const char **why)
{
    struct head h;
    struct program p;
    int r;
    if ((r = read_head(f, &h, why)) != 0)
        return r;
    elf->lowest = UINT64_MAX;
    elf->end = 0;
    for (unsigned i = 0; i < h.n; i++) {
        if ((r = read_program(f, &h, i, &p, why)) != 0)
            return r;
        if (p.type != PT_LOAD || p.in_memory == 0)
            continue;
        if (p.in_file > p.in_memory)
            return refuse(why, "a segment of the ELF file is longer in the file than in memory");
        if ((r = boot_copy(m, f, p.offset, p.in_file, p.physical, p.in_memory, why)) != 0)
            return r;
        if (p.physical < elf->lowest)
            elf->lowest = p.physical;
        if (p.physical + p.in_memory > elf->end)
            elf->end = p.physical + p.in_memory;
    }
    if (elf->end == 0)
        return refuse(why, "the ELF file has nothing to load");
    return 0;
}
