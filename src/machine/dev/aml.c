/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terms of ACPI's bytecode, each as the specification's section 20.2 writes it. Pure.
 */
#include "machine/dev/aml.h"

#include <string.h>

enum {
    OP_ZERO = 0x00,
    OP_ONE = 0x01,
    OP_NAME = 0x08,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_LONG = 0x0c,
    OP_STRING = 0x0d,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_EXTENDED = 0x5b,
    OP_DEVICE = 0x82,
};
#define LENGTH_BYTES 3u /* of a package length here, always: up to 2^20 */

void aml_byte(struct aml *a, uint8_t byte)
{
    if (a->used < a->room)
        a->bytes[a->used++] = byte;
    else
        a->full = true;
}

void aml_bytes(struct aml *a, const void *bytes, uint32_t n)
{
    const uint8_t *from = bytes;
    for (uint32_t i = 0; i < n; i++)
        aml_byte(a, from[i]);
}

void aml_word(struct aml *a, uint16_t word)
{
    aml_byte(a, (uint8_t)word);
    aml_byte(a, (uint8_t)(word >> 8));
}

void aml_long(struct aml *a, uint32_t word)
{
    aml_word(a, (uint16_t)word);
    aml_word(a, (uint16_t)(word >> 16));
}

/* 20.2.4: the length counts itself. It is filled in at the end. */
static uint32_t begin_length(struct aml *a)
{
    uint32_t at = a->used;
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        aml_byte(a, 0);
    return at;
}

void aml_end(struct aml *a, uint32_t begun)
{
    uint32_t n = a->used - begun;
    if (a->full)
        return;
    a->bytes[begun] = (uint8_t)((LENGTH_BYTES - 1) << 6 | (n & 0xf));
    a->bytes[begun + 1] = (uint8_t)(n >> 4);
    a->bytes[begun + 2] = (uint8_t)(n >> 12);
}

/* Names have four characters; shorter ones end in underscores. */
static void name_segment(struct aml *a, const char *name)
{
    for (unsigned i = 0; i < 4; i++)
        aml_byte(a, *name != '\0' ? (uint8_t)*name++ : '_');
}

uint32_t aml_begin_scope(struct aml *a, const char *root_name)
{
    aml_byte(a, OP_SCOPE);
    uint32_t begun = begin_length(a);
    aml_byte(a, '\\');
    name_segment(a, root_name);
    return begun;
}

uint32_t aml_begin_device(struct aml *a, const char *name)
{
    aml_byte(a, OP_EXTENDED);
    aml_byte(a, OP_DEVICE);
    uint32_t begun = begin_length(a);
    name_segment(a, name);
    return begun;
}

uint32_t aml_begin_package(struct aml *a, uint8_t elements)
{
    aml_byte(a, OP_PACKAGE);
    uint32_t begun = begin_length(a);
    aml_byte(a, elements);
    return begun;
}

void aml_name(struct aml *a, const char *name)
{
    aml_byte(a, OP_NAME);
    name_segment(a, name);
}

void aml_integer(struct aml *a, uint32_t value)
{
    if (value <= 1) {
        aml_byte(a, value ? OP_ONE : OP_ZERO);
    } else if (value <= 0xff) {
        aml_byte(a, OP_BYTE);
        aml_byte(a, (uint8_t)value);
    } else if (value <= 0xffff) {
        aml_byte(a, OP_WORD);
        aml_word(a, (uint16_t)value);
    } else {
        aml_byte(a, OP_LONG);
        aml_long(a, value);
    }
}

void aml_string(struct aml *a, const char *text)
{
    aml_byte(a, OP_STRING);
    do
        aml_byte(a, (uint8_t)*text);
    while (*text++ != '\0');
}

static uint32_t hex(char c)
{
    return c <= '9' ? (uint32_t)(c - '0') : (uint32_t)(c - 'A' + 10);
}

/* 6.1.5 _HID: three letters of five bits and four digits, the bytes of it in big-endian order. */
void aml_eisa_id(struct aml *a, const char *id)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < 3; i++)
        v = v << 5 | (uint32_t)(id[i] - 0x40);
    for (unsigned i = 3; i < 7; i++)
        v = v << 4 | hex(id[i]);
    aml_byte(a, OP_LONG);
    aml_long(a, __builtin_bswap32(v));
}

/* ---- Resources (6.4) --------------------------------------------------------------------------------------------- */

struct aml_resources aml_begin_resources(struct aml *a)
{
    struct aml_resources r;
    aml_name(a, "_CRS");
    aml_byte(a, OP_BUFFER);
    r.buffer = begin_length(a);
    aml_byte(a, OP_WORD);
    r.size_at = a->used;
    aml_word(a, 0);
    r.begin = a->used;
    return r;
}

void aml_end_resources(struct aml *a, struct aml_resources r)
{
    aml_byte(a, 0x79); /* end tag, checksum 0: none */
    aml_byte(a, 0);
    if (!a->full) {
        a->bytes[r.size_at] = (uint8_t)(a->used - r.begin);
        a->bytes[r.size_at + 1] = (uint8_t)((a->used - r.begin) >> 8);
    }
    aml_end(a, r.buffer);
}

void aml_memory(struct aml *a, uint32_t base, uint32_t bytes)
{
    aml_byte(a, 0x86); /* 6.4.3.4 */
    aml_word(a, 9);
    aml_byte(a, 1); /* it can be written */
    aml_long(a, base);
    aml_long(a, bytes);
}

void aml_io(struct aml *a, uint16_t base, uint8_t bytes)
{
    aml_byte(a, 0x47); /* 6.4.2.5 */
    aml_byte(a, 1);    /* 16 bits are decoded */
    aml_word(a, base);
    aml_word(a, base);
    aml_byte(a, 1);
    aml_byte(a, bytes);
}

void aml_isa_irq(struct aml *a, uint8_t irq)
{
    aml_byte(a, 0x22); /* 6.4.2.1: an edge, active high */
    aml_word(a, (uint16_t)(1u << irq));
}

void aml_interrupt(struct aml *a, uint32_t gsi)
{
    aml_byte(a, 0x89); /* 6.4.3.6 */
    aml_word(a, 6);
    aml_byte(a, 1); /* consumed; level, active high, exclusive */
    aml_byte(a, 1);
    aml_long(a, gsi);
}

void aml_isa_dma(struct aml *a, uint8_t channel)
{
    aml_byte(a, 0x2a); /* 6.4.2.2: compatible speed, no bus master, 8 bits */
    aml_byte(a, (uint8_t)(1u << channel));
    aml_byte(a, 0);
}

enum { SPACE_MEMORY, SPACE_IO, SPACE_BUS };
enum { SPACE_FIXED = 0xc, MEMORY_WRITABLE = 1, IO_WHOLE = 3 };

/* 6.4.3.5.3 */
static void word_space(struct aml *a, uint8_t type, uint8_t flags, uint16_t first, uint16_t last)
{
    aml_byte(a, 0x88);
    aml_word(a, 13);
    aml_byte(a, type);
    aml_byte(a, SPACE_FIXED);
    aml_byte(a, flags);
    aml_word(a, 0); /* granularity */
    aml_word(a, first);
    aml_word(a, last);
    aml_word(a, 0); /* seen at the same place on both sides */
    aml_word(a, (uint16_t)(last - first + 1));
}

void aml_bus_numbers(struct aml *a, uint16_t first, uint16_t last)
{
    word_space(a, SPACE_BUS, 0, first, last);
}

void aml_io_window(struct aml *a, uint16_t first, uint16_t last)
{
    word_space(a, SPACE_IO, IO_WHOLE, first, last);
}

void aml_memory_window(struct aml *a, uint32_t first, uint32_t last)
{
    aml_byte(a, 0x87); /* 6.4.3.5.2 */
    aml_word(a, 23);
    aml_byte(a, SPACE_MEMORY);
    aml_byte(a, SPACE_FIXED);
    aml_byte(a, MEMORY_WRITABLE);
    aml_long(a, 0);
    aml_long(a, first);
    aml_long(a, last);
    aml_long(a, 0);
    aml_long(a, last - first + 1);
}
