/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes that are written: trampolines, and the jump to one. A trampoline is
 *
 *      the instructions of the window    (REWRITE_MOV: mov $nr,%eax)
 *      lea  RETURN(%rip),%rcx            the address after the `syscall`
 *      jmp  *CELL
 *
 * and changes no flag and no register but what the moved instructions change, rcx and rip.
 */
#include "cpu/decode/decode.h"
#include "rewrite/rewrite.h"

#include <errno.h>
#include <string.h>

enum { SYSCALL_BYTES = 2, LEA_BYTES = 7, JMP_CELL_BYTES = 7 };

/* The distance from the end of an instruction to an address, where 32 bits hold it. */
static int distance(uint64_t to, uint64_t from_end, uint8_t *out)
{
    int64_t d = (int64_t)(to - from_end);
    int32_t d32 = (int32_t)d;

    if (d != d32)
        return -ERANGE;
    memcpy(out, &d32, sizeof d32);
    return 0;
}

static const uint8_t *bytes_at(const struct rewrite_image *image, uint64_t address, size_t length)
{
    for (unsigned i = 0; i < image->n; i++) {
        const struct rewrite_code *c = &image->code[i];

        if (address - c->address < c->size && c->size - (size_t)(address - c->address) >= length)
            return c->bytes + (address - c->address);
    }
    return NULL;
}

/* Copies instructions from `from` to `to`, `length` bytes, with their distances set right. */
static int move(const uint8_t *bytes, size_t length, uint64_t from, uint64_t to, uint8_t *out)
{
    size_t at = 0;

    memcpy(out, bytes, length);
    while (at < length) {
        struct insn in;
        int n = decode_insn(bytes + at, length - at, DECODE_64, &in);

        if (n < 0)
            return -EINVAL;
        at += (size_t)n;
        if (!in.has_memory || !in.memory.rip_relative)
            continue;
        uint64_t address = from + at + (uint64_t)in.memory.disp;
        if (distance(address, to + at, out + at - (size_t)n + in.disp_offset) < 0)
            return -ERANGE;
    }
    return 0;
}

int rewrite_emit(const struct rewrite_image *image, const struct rewrite_site *site, uint64_t address, uint32_t cell,
                 uint8_t *out)
{
    uint64_t after = site->address + SYSCALL_BYTES, end = site->window + site->length;
    size_t moved = site->state == REWRITE_ISLAND ? 0 : (size_t)(site->length - (end == after ? SYSCALL_BYTES : 0));
    const uint8_t *bytes = bytes_at(image, site->window, moved);

    if (site->state == REWRITE_TRAPPED || !bytes || cell > INT32_MAX ||
        moved + LEA_BYTES + JMP_CELL_BYTES > REWRITE_TRAMPOLINE_MAX)
        return -EINVAL;
    int r = move(bytes, moved, site->window, address, out);
    if (r < 0)
        return r;
    uint8_t *p = out + moved;
    memcpy(p, "\x48\x8d\x0d", 3);
    r = distance(after, address + moved + LEA_BYTES, p + 3);
    if (r < 0)
        return r;
    p += LEA_BYTES;
    memcpy(p, "\xff\x24\x25", 3);
    memcpy(p + 3, &cell, sizeof cell);
    return (int)moved + LEA_BYTES + JMP_CELL_BYTES;
}

static void short_jump(uint8_t *code, uint64_t at, uint64_t to)
{
    code[at] = 0xeb;
    code[at + 1] = (uint8_t)(to - at - SYSCALL_BYTES);
}

int rewrite_patch(const struct rewrite_code *stretch, uint8_t *code, const struct rewrite_site *site, uint64_t address)
{
    uint8_t jump[REWRITE_JUMP_BYTES] = {0xe9};
    uint64_t base = stretch->address, window = site->window - base;
    int r = distance(address, site->window + REWRITE_JUMP_BYTES, jump + 1);

    if (r < 0)
        return r;
    memset(code + window, 0xcc, site->length);
    memcpy(code + window, jump, sizeof jump);
    if (site->state != REWRITE_ISLAND)
        return 0;
    if (site->hop)
        short_jump(code, site->hop - base, window);
    short_jump(code, site->address - base, site->hop ? site->hop - base : window);
    return 0;
}
