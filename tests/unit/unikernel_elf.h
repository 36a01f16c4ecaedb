/* SPDX-License-Identifier: Apache-2.0 */
/* Small ELF files of x86-64, made in memory for tests of packing: a segment of code, a dynamic section, symbols. */
#ifndef MOAT_TESTS_UNIKERNEL_ELF_H
#define MOAT_TESTS_UNIKERNEL_ELF_H

#include <stddef.h>
#include <stdint.h>

struct small_elf {
    const char *interpreter, *runpath, *rpath, *needed[4]; /* NULL: none */
    uint16_t machine;                                      /* 0: x86-64 */
    const uint8_t *code;                                   /* at 0x1000, NULL: none */
    size_t code_size;
    struct small_symbol {
        const char *name;
        uint64_t at, size; /* in the code */
    } symbols[4];
};

/* Writes it into `out`, of 8 KiB and zeroed here. Its size. */
size_t small_elf_make(const struct small_elf *e, uint8_t *out);
#define SMALL_ELF_SIZE 8192

#endif
