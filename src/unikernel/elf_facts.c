/* SPDX-License-Identifier: Apache-2.0 */
/* See elf_facts.h. Pure; every structure is copied out of the bytes before it is looked at. */
#include "unikernel/elf_facts.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define DYNAMIC_MOST 4096 /* entries looked at */

struct elf {
    const uint8_t *bytes;
    size_t n;
    struct elf_facts *facts;
};

static bool take(const struct elf *e, uint64_t offset, void *out, size_t n)
{
    if (n > e->n || offset > e->n - n)
        return false;
    memcpy(out, e->bytes + offset, n);
    return true;
}

/* A string that ends within [offset, offset + n); NULL. */
static const char *string_at(const struct elf *e, uint64_t offset, uint64_t n)
{
    if (offset >= e->n)
        return NULL;
    if (n > e->n - offset)
        n = e->n - offset;
    return memchr(e->bytes + offset, 0, n) ? (const char *)e->bytes + offset : NULL;
}

bool elf_looks_like(const void *bytes, size_t n)
{
    return n >= SELFMAG && !memcmp(bytes, ELFMAG, SELFMAG);
}

static int check_header(const struct elf *e, Elf64_Ehdr *h, struct err *err)
{
    if (!elf_looks_like(e->bytes, e->n) || !take(e, 0, h, sizeof *h))
        return err_set(err, -ENOEXEC, "it is no ELF file");
    if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64)
        return err_set(err, -ENOEXEC, "it is for another machine (ELF machine %u, %d bits): x86-64 is what runs here",
                       h->e_machine, h->e_ident[EI_CLASS] == ELFCLASS32 ? 32 : 64);
    if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
        return err_set(err, -ENOEXEC, "it is neither a program nor a library (ELF type %u)", h->e_type);
    if (h->e_phentsize != sizeof(Elf64_Phdr) || !h->e_phnum)
        return err_set(err, -ENOEXEC, "it has no program headers");
    return 0;
}

static void note_headers(struct elf_facts *f, const Elf64_Ehdr *h)
{
    const uint64_t size = (uint64_t)h->e_phnum * sizeof(Elf64_Phdr);

    f->n_headers = h->e_phnum;
    for (unsigned i = 0; i < f->n_loads; i++)
        if (h->e_phoff >= f->loads[i].offset && h->e_phoff - f->loads[i].offset <= f->loads[i].file &&
            size <= f->loads[i].file - (h->e_phoff - f->loads[i].offset))
            f->headers = f->loads[i].address + (h->e_phoff - f->loads[i].offset);
}

static int add_load(struct elf_facts *f, const Elf64_Phdr *p, size_t n, struct err *err)
{
    const uint64_t low = p->p_vaddr & ~(uint64_t)(ELF_PAGE - 1);
    const uint64_t end = p->p_vaddr + p->p_memsz;

    if (f->n_loads == ELF_LOADS_MOST)
        return err_set(err, -ENOEXEC, "it has more than %d segments", ELF_LOADS_MOST);
    if (p->p_offset > n || p->p_filesz > n - p->p_offset || p->p_filesz > p->p_memsz || end < p->p_vaddr ||
        end > UINT64_C(1) << 47 || (p->p_vaddr - p->p_offset) % ELF_PAGE)
        return err_set(err, -ENOEXEC, "segment %u lies outside of the file, or of all addresses", f->n_loads);
    if (f->n_loads && p->p_vaddr < f->loads[f->n_loads - 1].address + f->loads[f->n_loads - 1].memory)
        return err_set(err, -ENOEXEC, "segment %u overlaps the one before it", f->n_loads);
    f->loads[f->n_loads++] =
        (struct elf_load){p->p_vaddr, p->p_memsz, p->p_offset, p->p_filesz,
                          (p->p_flags & PF_R ? PROT_READ : 0u) | (p->p_flags & PF_W ? PROT_WRITE : 0u) |
                              (p->p_flags & PF_X ? PROT_EXEC : 0u)};
    if (f->n_loads == 1)
        f->low = low;
    f->high = (end + ELF_PAGE - 1) & ~(uint64_t)(ELF_PAGE - 1);
    return 0;
}

/* Where in the file an address of a segment lies; UINT64_MAX: nowhere. */
static uint64_t offset_of(const struct elf_facts *f, uint64_t address)
{
    for (unsigned i = 0; i < f->n_loads; i++) {
        const struct elf_load *l = &f->loads[i];
        if (address >= l->address && address - l->address < l->file)
            return l->offset + (address - l->address);
    }
    return UINT64_MAX;
}

struct dynamic {
    uint64_t strings, size;
    uint64_t soname, rpath, runpath; /* offsets in the strings; UINT64_MAX: none */
    uint64_t needed[ELF_NEEDED_MOST];
};

static int read_entries(const struct elf *e, const Elf64_Phdr *p, struct dynamic *d, struct err *err)
{
    Elf64_Dyn entry;

    for (uint64_t i = 0; i < DYNAMIC_MOST && i < p->p_filesz / sizeof entry; i++) {
        if (!take(e, p->p_offset + i * sizeof entry, &entry, sizeof entry))
            return err_set(err, -ENOEXEC, "its dynamic section lies outside of the file");
        switch (entry.d_tag) {
        case DT_NULL:
            return 0;
        case DT_STRTAB:
            d->strings = offset_of(e->facts, entry.d_un.d_ptr);
            break;
        case DT_STRSZ:
            d->size = entry.d_un.d_val;
            break;
        case DT_SONAME:
            d->soname = entry.d_un.d_val;
            break;
        case DT_RPATH:
            d->rpath = entry.d_un.d_val;
            break;
        case DT_RUNPATH:
            d->runpath = entry.d_un.d_val;
            break;
        case DT_NEEDED:
            if (e->facts->n_needed == ELF_NEEDED_MOST)
                return err_set(err, -ENOEXEC, "it needs more than %d libraries", ELF_NEEDED_MOST);
            d->needed[e->facts->n_needed++] = entry.d_un.d_val;
            break;
        default:
            break;
        }
    }
    return 0;
}

/* NULL where there is none; *bad when it lies outside. */
static const char *dynamic_string(const struct elf *e, const struct dynamic *d, uint64_t at, bool *bad)
{
    const char *s = NULL;

    if (at == UINT64_MAX)
        return NULL;
    if (d->strings != UINT64_MAX && at < d->size)
        s = string_at(e, d->strings + at, d->size - at);
    *bad |= !s;
    return s;
}

static int read_dynamic(const struct elf *e, const Elf64_Phdr *p, struct err *err)
{
    struct dynamic d = {UINT64_MAX, 0, UINT64_MAX, UINT64_MAX, UINT64_MAX, {0}};
    struct elf_facts *f = e->facts;
    bool bad = false;
    int r = read_entries(e, p, &d, err);

    if (r < 0)
        return r;
    f->soname = dynamic_string(e, &d, d.soname, &bad);
    f->rpath = dynamic_string(e, &d, d.rpath, &bad);
    f->runpath = dynamic_string(e, &d, d.runpath, &bad);
    for (unsigned i = 0; i < f->n_needed; i++)
        f->needed[i] = dynamic_string(e, &d, d.needed[i], &bad);
    return bad ? err_set(err, -ENOEXEC, "a name in its dynamic section lies outside of the file") : 0;
}

int elf_facts_read(const uint8_t *bytes, size_t n, struct elf_facts *out, struct err *err)
{
    struct elf e = {bytes, n, out};
    Elf64_Phdr p, dynamic = {0};
    Elf64_Ehdr h;
    int r;

    memset(out, 0, sizeof *out);
    if ((r = check_header(&e, &h, err)) < 0)
        return r;
    out->fixed = h.e_type == ET_EXEC;
    out->entry = h.e_entry;
    for (unsigned i = 0; i < h.e_phnum && r == 0; i++) {
        if (h.e_phoff > n || !take(&e, h.e_phoff + (uint64_t)i * sizeof p, &p, sizeof p))
            return err_set(err, -ENOEXEC, "its program headers lie outside of the file");
        if (p.p_type == PT_LOAD && p.p_memsz)
            r = add_load(out, &p, n, err);
        else if (p.p_type == PT_DYNAMIC)
            dynamic = p;
        else if (p.p_type == PT_GNU_STACK)
            out->executable_stack = p.p_flags & PF_X;
        else if (p.p_type == PT_INTERP && !(out->interpreter = string_at(&e, p.p_offset, p.p_filesz)))
            r = err_set(err, -ENOEXEC, "the name of its interpreter lies outside of the file");
    }
    if (r == 0 && !out->n_loads)
        r = err_set(err, -ENOEXEC, "it has nothing to load");
    note_headers(out, &h);
    return r == 0 && dynamic.p_type ? read_dynamic(&e, &dynamic, err) : r;
}
