/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rewriter. The first byte of an input says what the rest is: bit 0 a whole ELF file, else code, of which bit 1
 * says that all of it is instructions, and bits 4 to 7 where a function begins.
 *
 * Nothing may be written but windows, islands and the sites themselves, which do not overlap; each jump leads to its
 * trampoline, and each trampoline consists of instructions and ends with the jump through the cell.
 */
#include "cpu/decode/decode.h"
#include "rewrite/elf_sites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CODE_ADDRESS = 0x10000000, BLOB_ADDRESS = 0x12000000, CELL = 0x10000 };

static void check(int holds)
{
    if (!holds)
        abort();
}

static void *buffer(size_t n)
{
    void *p = malloc(n ? n : 1);

    check(p != NULL);
    return p;
}

static void check_jump(const uint8_t *code, uint64_t address, uint64_t target)
{
    struct insn in;

    check(decode_insn(code, 15, DECODE_64, &in) > 0 && in.class == CLASS_JUMP);
    check(address + in.length + (uint64_t)in.target == target);
}

static void check_trampoline(const uint8_t *p, int length)
{
    struct insn in = {0};
    int at = 0;

    check(length <= REWRITE_TRAMPOLINE_MAX);
    while (at < length) {
        int n = decode_insn(p + at, (size_t)(length - at), DECODE_64, &in);
        check(n > 0);
        at += n;
    }
    check(in.class == CLASS_JUMP_INDIRECT && in.memory.disp == CELL && in.memory.base == INSN_REGISTER_NONE);
}

/* Marks bytes as a site's: none may have two. */
static void own(uint8_t *owned, size_t size, uint64_t at, size_t n)
{
    check(at <= size && n <= size - at);
    for (size_t i = 0; i < n; i++)
        check(!owned[at + i]++);
}

static void check_code(struct rewrite_image *image, const uint8_t *before, uint8_t *code, size_t size, int n,
                       const struct rewrite_site *sites)
{
    uint8_t *owned = calloc(1, size), trampoline[REWRITE_TRAMPOLINE_MAX], *padded = buffer(size + 15);

    check(owned != NULL);
    for (int i = 0; i < n; i++) {
        const struct rewrite_site *s = &sites[i];
        uint64_t to = BLOB_ADDRESS + (unsigned)i * REWRITE_TRAMPOLINE_MAX;

        check(!i || s->address > s[-1].address);
        if (s->state == REWRITE_TRAPPED)
            continue;
        int length = rewrite_emit(image, s, to, CELL, trampoline);
        check(length > 0 || length == -ERANGE); /* what an instruction addresses may be far from anything */
        if (length < 0)
            continue;
        check_trampoline(trampoline, length);
        own(owned, size, s->window - CODE_ADDRESS, s->length);
        if (s->state == REWRITE_ISLAND)
            own(owned, size, s->address - CODE_ADDRESS, 2);
        if (s->hop)
            own(owned, size, s->hop - CODE_ADDRESS, 2);
        check(rewrite_patch(&image->code[0], code, s, to) == 0);
        memcpy(padded, code, size);
        memset(padded + size, 0, 15);
        check_jump(padded + (s->window - CODE_ADDRESS), s->window, to);
        if (s->state == REWRITE_ISLAND)
            check_jump(padded + (s->address - CODE_ADDRESS), s->address, s->hop ? s->hop : s->window);
        if (s->hop)
            check_jump(padded + (s->hop - CODE_ADDRESS), s->hop, s->window);
    }
    for (size_t i = 0; i < size; i++)
        check(owned[i] || code[i] == before[i]);
    free(owned);
    free(padded);
}

static void fuzz_code(const uint8_t *data, size_t size, unsigned how)
{
    uint8_t *code = buffer(size), *marks = calloc(1, size ? size : 1);
    size_t max = size / 2 + 1;
    struct rewrite_site *sites = buffer(max * sizeof *sites);
    struct rewrite_image image = {.n = 1, .absolute = how & 4};

    check(marks != NULL);
    memcpy(code, data, size);
    image.code[0] = (struct rewrite_code){
        .bytes = code, .address = CODE_ADDRESS, .size = size, .marks = marks, .sweep_all = how & 2};
    image.data[0] = (struct rewrite_data){.bytes = code, .address = CODE_ADDRESS, .size = size};
    image.n_data = 1;
    rewrite_entry(&image, CODE_ADDRESS + (how >> 4), REWRITE_ENTRY_FUNCTION);
    int n = rewrite_scan(&image, sites, max);
    check(n >= 0);
    check_code(&image, data, code, size, n, sites);
    free(code);
    free(marks);
    free(sites);
}

static void fuzz_file(const uint8_t *data, size_t size)
{
    struct rewrite_elf_needs needs;
    enum rewrite_elf_reason reason;
    uint8_t *file = buffer(size);

    memcpy(file, data, size);
    int r = rewrite_elf_needs(file, size, &needs, &reason);
    check(r == 0 ? reason == REWRITE_ELF_OK : r == -ENOEXEC && reason != REWRITE_ELF_OK);
    if (r == 0) {
        struct rewrite_elf e = {.marks = buffer(needs.marks),
                                .sites = buffer(needs.sites * sizeof *e.sites),
                                .trampolines = buffer(needs.trampolines),
                                .cell = CELL};
        r = rewrite_elf(file, size, &e, &reason);
        check(r == 0 || r == -ERANGE);
        check(e.n_sites <= needs.sites && e.trampolines_size <= needs.trampolines && e.trampolines_address % 4096 == 0);
        free(e.marks);
        free(e.sites);
        free(e.trampolines);
    }
    free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    if (data[0] & 1)
        fuzz_file(data + 1, size - 1);
    else
        fuzz_code(data + 1, size - 1, data[0]);
    return 0;
}
