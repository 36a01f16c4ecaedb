/* SPDX-License-Identifier: Apache-2.0 */
/* Private to mm/: what an ELF file asks for, checked before anything is mapped. System V ABI, chapter 5; elf(5). */
#ifndef MOAT_LINUX_MM_ELF_H
#define MOAT_LINUX_MM_ELF_H

#include "linux/mm/mm.h"

#include <linux/elf.h>

#define ELF_SEGMENTS 64  /* PT_LOAD rows of a file */
#define ELF_HEADERS  512 /* program headers of a file */
#define ELF_INTERP   256 /* bytes of the interpreter's path with its NUL */

struct elf_segment {
    uint64_t address, memory; /* bytes in memory from `address` on */
    uint64_t offset, file;    /* bytes in the file from `offset` on; the rest is zero */
    int32_t prot;
};
struct elf_plan {
    struct elf_segment segments[ELF_SEGMENTS]; /* in order of address, no two on one page */
    uint32_t n;
    bool fixed;              /* ET_EXEC: at its own addresses */
    uint64_t entry, headers; /* addresses in the file's own numbers; headers 0: they are in no segment */
    uint32_t n_headers;
    uint64_t align;                      /* of the load bias: a power of two, at least a page */
    uint64_t low, high;                  /* whole pages from the first segment to the end of the last */
    uint64_t interp_offset, interp_size; /* size 0: none */
};

/* Checks of what was read; pure. `size` is the file's. The plan is filled row by row: elf_check_header first, then each
 * program header, then elf_check_end. `why` gets a sentence. 0, -ENOEXEC, -EACCES. */
int elf_check_header(struct elf_plan *, const struct elf64_hdr *, uint64_t size, char *why, size_t why_size);
int elf_check_row(struct elf_plan *, const struct elf64_phdr *, uint64_t size, char *why, size_t why_size);
int elf_check_end(struct elf_plan *, const struct elf64_hdr *, char *why, size_t why_size);
/* The three over a file. Also -errno of reading it. */
int elf_read(struct elf_plan *, struct file *, char *why, size_t why_size);

#endif
