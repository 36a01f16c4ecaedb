/* SPDX-License-Identifier: Apache-2.0 */
/* Reads .eh_frame. The file may be hostile: each read is within bytes that were given, each record moves on. */
#include "rewrite/frames.h"

#include <string.h>

struct cursor {
    const uint8_t *bytes;
    uint64_t at, size, address; /* address of bytes[0] */
    bool failed;
};

/* How pointers are encoded (DW_EH_PE_...): format in the low half, what they are relative to in the upper one. */
enum { PE_UDATA2 = 2, PE_UDATA4, PE_UDATA8, PE_SDATA2 = 10, PE_SDATA4, PE_SDATA8, PE_PCREL = 0x10, PE_OMIT = 0xff };

struct cie {
    uint64_t address;
    uint8_t code, lsda; /* encodings of addresses, of pointers to tables of landing pads */
    bool sized, signal, valid;
};

const uint8_t *frames_at(const struct frames_file *f, uint64_t address, uint64_t *size)
{
    for (unsigned i = 0; i < f->n_segments; i++) {
        const struct frames_segment *s = &f->segments[i];

        if (address - s->address < s->size) {
            *size = s->size - (address - s->address);
            return f->bytes + s->offset + (address - s->address);
        }
    }
    return NULL;
}

static struct cursor cursor_at(const struct frames_file *f, uint64_t address)
{
    struct cursor c = {.address = address};

    c.bytes = frames_at(f, address, &c.size);
    c.failed = !c.bytes;
    return c;
}

static uint64_t fixed(struct cursor *c, unsigned bytes)
{
    uint64_t v = 0;

    if (c->failed || c->size - c->at < bytes) {
        c->failed = true;
        return 0;
    }
    memcpy(&v, c->bytes + c->at, bytes);
    c->at += bytes;
    return v;
}

/* Signed ones are read as well: what is needed of them is where they end. */
static uint64_t leb(struct cursor *c)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint64_t byte = fixed(c, 1);
        v |= (byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return v;
    }
    c->failed = true;
    return 0;
}

static uint64_t pointer(struct cursor *c, uint8_t encoding)
{
    uint64_t here = c->address + c->at, v;

    switch (encoding & 15) {
    case 0:
    case PE_UDATA8:
    case PE_SDATA8:
        v = fixed(c, 8);
        break;
    case 1:
        v = leb(c);
        break;
    case PE_UDATA2:
        v = fixed(c, 2);
        break;
    case PE_SDATA2:
        v = (uint64_t)(int16_t)fixed(c, 2);
        break;
    case PE_UDATA4:
        v = fixed(c, 4);
        break;
    case PE_SDATA4:
        v = (uint64_t)(int32_t)fixed(c, 4);
        break;
    default:
        c->failed = true;
        return 0;
    }
    if ((encoding & 0x70) == PE_PCREL)
        return v + here;
    c->failed |= (encoding & 0x70) != 0;
    return v;
}

static struct cie read_cie(const struct frames_file *f, uint64_t address)
{
    struct cursor c = cursor_at(f, address);
    struct cie cie = {.address = address, .lsda = PE_OMIT};
    char letters[8] = "";

    fixed(&c, 8); /* length, and 0: a CIE */
    uint64_t version = fixed(&c, 1);
    for (unsigned i = 0; i < sizeof letters; i++)
        if (!(letters[i] = (char)fixed(&c, 1)))
            break;
    leb(&c); /* alignment of code, of data; where the return address is */
    leb(&c);
    if (version == 1)
        fixed(&c, 1);
    else
        leb(&c);
    cie.sized = letters[0] == 'z';
    if (cie.sized)
        leb(&c);
    for (const char *p = letters + cie.sized; p < letters + sizeof letters && *p; p++) {
        if (*p == 'R')
            cie.code = (uint8_t)fixed(&c, 1);
        else if (*p == 'L')
            cie.lsda = (uint8_t)fixed(&c, 1);
        else if (*p == 'P') /* & 0x6f: not what it is relative to, only how long it is */
            pointer(&c, (uint8_t)fixed(&c, 1) & 15);
        else if (*p == 'S')
            cie.signal = true;
        else if (*p != 'B')
            c.failed = true;
    }
    cie.valid = !c.failed && !letters[sizeof letters - 1];
    return cie;
}

/* Landing pads of a function: where an exception comes back to. */
static void read_lsda(const struct frames_file *f, uint64_t address, uint64_t function, struct rewrite_image *image)
{
    struct cursor c = cursor_at(f, address);
    uint8_t start_encoding = (uint8_t)fixed(&c, 1);
    uint64_t start = start_encoding == PE_OMIT ? function : pointer(&c, start_encoding);

    if ((uint8_t)fixed(&c, 1) != PE_OMIT)
        leb(&c); /* where types end */
    uint8_t encoding = (uint8_t)fixed(&c, 1);
    uint64_t length = leb(&c), end = c.at + length;

    if (length > c.size - c.at)
        return;
    while (!c.failed && c.at < end) {
        pointer(&c, encoding);
        pointer(&c, encoding);
        uint64_t pad = pointer(&c, encoding);
        leb(&c);
        if (!c.failed && pad)
            rewrite_entry(image, start + pad, REWRITE_ENTRY_TARGET);
    }
}

static void read_fde(const struct frames_file *f, struct cursor *c, const struct cie *cie, struct rewrite_image *image)
{
    uint64_t start = pointer(c, cie->code), length = pointer(c, cie->code & 15), where;

    if (c->failed)
        return;
    /* The frame of a signal handler's return begins a byte before its function, for unwinders that look before pc. */
    if (cie->signal && length) {
        start++;
        length--;
    }
    rewrite_entry(image, start, REWRITE_ENTRY_FUNCTION);
    rewrite_entry(image, start + length, REWRITE_ENTRY_END);
    if (!cie->sized || cie->lsda == PE_OMIT)
        return;
    leb(c);
    where = c->address + c->at;
    uint64_t lsda = pointer(c, cie->lsda & 0x7f);
    if (!c->failed && lsda && lsda != where)
        read_lsda(f, lsda, start, image);
}

void frames_entries(const struct frames_file *f, uint64_t eh_frame, struct rewrite_image *image)
{
    struct cursor c = cursor_at(f, eh_frame);
    struct cie cie = {0};

    for (;;) {
        uint64_t length = fixed(&c, 4), at = c.at;

        if (c.failed || length < 4 || length > c.size - at) /* 0 ends it; 64-bit lengths are not made */
            return;
        uint64_t id = fixed(&c, 4);
        if (id) {
            uint64_t of = c.address + at - id;
            if (!cie.valid || cie.address != of)
                cie = read_cie(f, of);
            struct cursor fde = c;
            fde.size = at + length;
            if (cie.valid)
                read_fde(f, &fde, &cie, image);
        }
        c.at = at + length;
    }
}
