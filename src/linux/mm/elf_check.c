/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks an ELF file's headers. They come from whoever wrote the file, so each is copied once, every sum is made so
 * that it cannot wrap, and what does not make sense is refused by name. Touches nothing but its arguments, and the
 * file.
 */
#include "linux/core/text.h"
#include "linux/fs/vfs.h"
#include "linux/mm/area.h"
#include "linux/mm/elf.h"

#include <asm/errno.h>
#include <asm/mman.h>
#include <string.h>

#define ALIGN_MAX (1ull << 30)

#define refuse(error, ...)                                                                                             \
    do {                                                                                                               \
        text_format(why, why_size, __VA_ARGS__);                                                                       \
        return -(error);                                                                                               \
    } while (0)

int elf_check_header(struct elf_plan *plan, const struct elf64_hdr *h, uint64_t size, char *why, size_t why_size)
{
    memset(plan, 0, sizeof *plan);
    if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
        refuse(ENOEXEC, "not an ELF file");
    if (h->e_ident[EI_CLASS] != ELFCLASS64)
        refuse(ENOEXEC, "a 32-bit program: only 64-bit ones run here");
    if (h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_ident[EI_VERSION] != EV_CURRENT)
        refuse(ENOEXEC, "not a little-endian ELF file of version 1");
    if (h->e_machine != EM_X86_64)
        refuse(ENOEXEC, "a program for machine %u: only x86-64 (62) runs here", (unsigned)h->e_machine);
    if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
        refuse(ENOEXEC, "neither a program nor a shared object (ELF type %u)", (unsigned)h->e_type);
    if (h->e_phentsize != sizeof(struct elf64_phdr))
        refuse(ENOEXEC, "program headers of %u bytes instead of 56", (unsigned)h->e_phentsize);
    if (!h->e_phnum || h->e_phnum > ELF_HEADERS)
        refuse(ENOEXEC, "%u program headers: 1 to %u are possible", (unsigned)h->e_phnum, ELF_HEADERS);
    if (!within(0, size, h->e_phoff, (uint64_t)h->e_phnum * sizeof(struct elf64_phdr)))
        refuse(ENOEXEC, "program headers lie behind the end of the file");
    plan->fixed = h->e_type == ET_EXEC;
    plan->entry = h->e_entry;
    plan->n_headers = h->e_phnum;
    plan->align = PAGE_SIZE;
    return 0;
}

static int prot_of(uint32_t flags)
{
    return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);
}

static int check_load(struct elf_plan *plan, const struct elf64_phdr *p, uint64_t size, char *why, size_t why_size)
{
    if (!p->p_memsz)
        return 0;
    unsigned n = plan->n;
    if (n == ELF_SEGMENTS)
        refuse(ENOEXEC, "more than %u segments", ELF_SEGMENTS);
    if (p->p_filesz > p->p_memsz)
        refuse(ENOEXEC, "segment %u has more bytes in the file than in memory", n);
    if (!within(0, size, p->p_offset, p->p_filesz))
        refuse(ENOEXEC, "segment %u lies behind the end of the file", n);
    if (!within(0, ADDRESS_END, p->p_vaddr, p->p_memsz))
        refuse(ENOEXEC, "segment %u wraps or lies above what a program may use", n);
    if ((p->p_vaddr ^ p->p_offset) & (PAGE_SIZE - 1))
        refuse(ENOEXEC, "segment %u lies at different places within a page in the file and in memory", n);
    if (p->p_align > ALIGN_MAX || (p->p_align & (p->p_align - 1)))
        refuse(ENOEXEC, "segment %u has an alignment that is no power of two up to 1 GiB", n);
    int prot = prot_of(p->p_flags);
    if ((prot & PROT_WRITE) && (prot & PROT_EXEC))
        refuse(EACCES, "segment %u is both writable and executable", n);
    if (n && page_down(p->p_vaddr) < plan->high)
        refuse(ENOEXEC, "segment %u overlaps the one before it, or is out of order", n);
    plan->segments[plan->n++] = (struct elf_segment){p->p_vaddr, p->p_memsz, p->p_offset, p->p_filesz, prot};
    plan->low = n ? plan->low : page_down(p->p_vaddr);
    plan->high = page_up(p->p_vaddr + p->p_memsz);
    plan->align = p->p_align > plan->align ? p->p_align : plan->align;
    return 0;
}

int elf_check_row(struct elf_plan *plan, const struct elf64_phdr *p, uint64_t size, char *why, size_t why_size)
{
    if (p->p_type == PT_LOAD)
        return check_load(plan, p, size, why, why_size);
    if (p->p_type != PT_INTERP)
        return 0;
    if (plan->interp_size)
        refuse(ENOEXEC, "two interpreters are named");
    if (p->p_filesz < 2 || p->p_filesz > ELF_INTERP || !within(0, size, p->p_offset, p->p_filesz))
        refuse(ENOEXEC, "the interpreter's name is empty, too long, or behind the end of the file");
    plan->interp_offset = p->p_offset, plan->interp_size = p->p_filesz;
    return 0;
}

int elf_check_end(struct elf_plan *plan, const struct elf64_hdr *h, char *why, size_t why_size)
{
    bool entry = false;
    if (!plan->n)
        refuse(ENOEXEC, "no segment to load");
    uint64_t headers = plan->n_headers * sizeof(struct elf64_phdr);
    for (uint32_t i = 0; i < plan->n; i++) {
        const struct elf_segment *s = &plan->segments[i];
        entry |= (s->prot & PROT_EXEC) && within(s->address, s->address + s->memory, plan->entry, 1);
        if (!plan->headers && within(s->offset, s->offset + s->file, h->e_phoff, headers))
            plan->headers = s->address + (h->e_phoff - s->offset);
    }
    if (!entry)
        refuse(ENOEXEC, "the entry point lies in no executable segment");
    return 0;
}

int elf_read(struct elf_plan *plan, struct file *file, char *why, size_t why_size)
{
    struct elf64_hdr h;
    struct elf64_phdr rows[8];
    uint64_t size = file->inode->size;
    int64_t got = vfs_read_kernel(file, &h, sizeof h, 0);
    if (got < 0)
        refuse(-(int)got, "cannot read its header");
    if (got < (int64_t)sizeof h)
        refuse(ENOEXEC, got < SELFMAG || memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 ? "not an ELF file"
                                                                                 : "the ELF header is cut off");
    int r = elf_check_header(plan, &h, size, why, why_size);
    for (uint32_t i = 0; i < h.e_phnum && !r; i += 8) {
        uint32_t n = h.e_phnum - i < 8 ? h.e_phnum - i : 8;
        got = vfs_read_kernel(file, rows, n * sizeof *rows, h.e_phoff + i * sizeof *rows);
        if (got < (int64_t)(n * sizeof *rows))
            refuse(got < 0 ? -(int)got : ENOEXEC, "cannot read its program headers");
        for (uint32_t k = 0; k < n && !r; k++)
            r = elf_check_row(plan, &rows[k], size, why, why_size);
    }
    return r ? r : elf_check_end(plan, &h, why, why_size);
}
