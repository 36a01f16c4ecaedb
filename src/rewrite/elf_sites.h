/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls of a whole x86-64 ELF file (ET_EXEC or ET_DYN), rewritten in a writable copy of it.
 *
 *   1. rewrite_elf_needs() says how much memory the rest takes; the caller brings it.
 *   2. rewrite_elf() changes the file's bytes in place and makes the blob of trampolines.
 *   3. The loader maps the blob, readable and executable, `trampolines_address` (plus the load bias of ET_DYN), which
 * is the end of the last PT_LOAD rounded up to a page: what else begins there (the heap) has to begin after it.
 *
 * No memory of its own, no libc but mem*. The file may be hostile: offsets are checked, loops end, a file that is no
 * such ELF is -ENOEXEC with the reason.
 */
#ifndef MOAT_REWRITE_ELF_SITES_H
#define MOAT_REWRITE_ELF_SITES_H

#include "rewrite/rewrite.h"

enum rewrite_elf_reason {
    REWRITE_ELF_OK,
    REWRITE_ELF_NOT_ELF,    /* no ELF file, or cut off in its header */
    REWRITE_ELF_NOT_X86_64, /* another machine, 32 bits, or not little-endian */
    REWRITE_ELF_TYPE,       /* neither ET_EXEC nor ET_DYN */
    REWRITE_ELF_HEADERS,    /* program headers outside the file, of another size, or too many */
    REWRITE_ELF_SEGMENT,    /* a PT_LOAD that lies outside the file, wraps, overlaps or is out of order */
    REWRITE_ELF_WRITABLE,   /* a segment that is writable and executable */
    REWRITE_ELF_CODES,      /* more stretches of code than REWRITE_CODES_MAX */
    REWRITE_ELF_REASONS
};

struct rewrite_elf_needs {
    size_t marks;       /* bytes */
    size_t sites;       /* elements: an upper bound */
    size_t trampolines; /* bytes: an upper bound */
};

struct rewrite_elf {
    /* From the caller: memory of the sizes of rewrite_elf_needs(), and the cell that trampolines jump through. */
    uint8_t *marks;
    struct rewrite_site *sites;
    uint8_t *trampolines;
    uint32_t cell; /* its address, below 2 GiB; never moves with a load bias */
    uint32_t skew; /* bytes of the first page that are something else's: below 4096, a multiple of 16 */

    /* Results. */
    size_t n_sites;
    size_t trampolines_size;         /* bytes; 0 when nothing was rewritten */
    uint64_t trampolines_address;    /* as in the file's p_vaddr; a multiple of 4096, and the skew */
    unsigned states[REWRITE_STATES]; /* how many sites of each enum rewrite_state */
    unsigned why[REWRITE_WHY_COUNT];
};

/* 0, or -ENOEXEC with *reason. The file need not be aligned. */
int rewrite_elf_needs(const uint8_t *file, size_t n, struct rewrite_elf_needs *needs, enum rewrite_elf_reason *reason);

/* 0, or -ENOEXEC with *reason; -ERANGE when code lies farther than 2 GiB from where trampolines go. On failure the file
 * may be half changed. */
int rewrite_elf(uint8_t *file, size_t n, struct rewrite_elf *r, enum rewrite_elf_reason *reason);

/* The reason in words, for a message. */
const char *rewrite_elf_reason_text(enum rewrite_elf_reason reason);

#endif
