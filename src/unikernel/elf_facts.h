/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What packing has to know of an ELF file: which machine, which interpreter and libraries it asks for, how much address
 * space it takes (elf(5), gABI chapters 4 and 5). The bytes are hostile: each offset is checked, loops end. Strings are
 * borrowed from the bytes. Pure.
 */
#ifndef MOAT_UNIKERNEL_ELF_FACTS_H
#define MOAT_UNIKERNEL_ELF_FACTS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_LOADS_MOST  16
#define ELF_NEEDED_MOST 256
#define ELF_PAGE        4096u

struct elf_load {
    uint64_t address, memory; /* as the file says: not rounded */
    uint64_t offset, file;
    uint32_t prot; /* PROT_* */
};

struct elf_facts {
    bool fixed; /* ET_EXEC */
    bool executable_stack;
    uint64_t entry;
    uint64_t low, high; /* of all that is loaded, rounded to pages */
    uint64_t headers;   /* address of the program headers; 0: they are not loaded */
    unsigned n_headers;
    const char *interpreter, *soname, *rpath, *runpath; /* NULL: none */
    const char *needed[ELF_NEEDED_MOST];
    unsigned n_needed;
    struct elf_load loads[ELF_LOADS_MOST];
    unsigned n_loads;
};

/* Whether it begins as an ELF file does. */
bool elf_looks_like(const void *bytes, size_t n);

/* 0, or -ENOEXEC with a sentence that does not name the file: another machine, cut off, nonsense. */
int elf_facts_read(const uint8_t *bytes, size_t n, struct elf_facts *out, struct err *err);

#endif
