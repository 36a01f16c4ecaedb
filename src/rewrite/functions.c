/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Step 2 of the scan: which functions belong together (the cold part of one shares the fate of the rest), and where
 * jumps through tables go.
 */
#include "rewrite/scan.h"

#include <string.h>

enum {
    PADDING_MAX = 16,  /* instructions of it between functions */
    STRAIGHT_MAX = 32, /* instructions back to where a table is named */
    TABLE_MAX = 4096,  /* entries */
};

/* The boundary at or before an offset: another place when the budget is used up. */
static size_t function_of(struct scan *s, const struct rewrite_code *c, size_t offset)
{
    size_t at = offset;

    while (at > 0 && !(c->marks[at] & MARK_BOUNDARY) && offset - at < s->budget)
        at--;
    s->budget -= offset - at;
    s->all_indirect |= !s->budget;
    return at;
}

/* ---- Tables ---------------------------------------------------------------------------------------------------- */

static const uint8_t *data_at(const struct rewrite_image *image, uint64_t address, size_t *size)
{
    for (unsigned i = 0; i < image->n_data; i++) {
        const struct rewrite_data *d = &image->data[i];

        if (address - d->address < d->size) {
            *size = d->size - (size_t)(address - d->address);
            return d->bytes + (address - d->address);
        }
    }
    return NULL;
}

/* Entries of a table, which ends at the latest where one leads to no instruction: a few more do no harm. Returns how
 * many: of `bytes` each, 4 as distances from the table, 8 as addresses. */
static unsigned read_table(struct scan *s, uint64_t table, unsigned bytes)
{
    size_t size, offset;
    const uint8_t *p = data_at(s->image, table, &size);
    unsigned n = 0;

    for (; p && n < TABLE_MAX && size - n * (size_t)bytes >= bytes; n++) {
        uint64_t to = 0;
        memcpy(&to, p + n * (size_t)bytes, bytes);
        if (bytes == 4)
            to = table + (uint64_t)(int64_t)(int32_t)to;
        const struct rewrite_code *c = scan_code_at(s->image, to, &offset);
        if (!c || !(c->marks[offset] & MARK_START))
            break;
        c->marks[offset] |= MARK_TARGET;
    }
    s->budget -= s->budget < n ? s->budget : n;
    return n;
}

static bool is_lea_of_data(const struct scan *s, const struct insn *in, uint64_t next, uint64_t *address)
{
    size_t size;

    *address = next + (uint64_t)in->memory.disp;
    return in->name == INSN_LEA && in->memory.rip_relative && data_at(s->image, *address, &size);
}

enum table_search { TABLE_FOUND, TABLE_ELSEWHERE, TABLE_UNKNOWN };

/* The table whose address is put into `base` in a straight line before; or it comes from elsewhere in the function:
 * from another register, or the stack, or from where control joins. */
static enum table_search find_table(const struct scan *s, const struct rewrite_code *c, size_t at, uint8_t base,
                                    uint64_t *table)
{
    struct insn in;

    for (unsigned n = 0; n < STRAIGHT_MAX && !(c->marks[at] & MARK_TARGET); n++) {
        size_t before = scan_step_back(c, at, &in);

        if (before == at || !scan_writes_what_it_says(&in))
            return TABLE_ELSEWHERE;
        if (!scan_writes(&in, base)) {
            at = before;
            continue;
        }
        if (is_lea_of_data(s, &in, c->address + at, table))
            return TABLE_FOUND;
        bool moved = in.name == INSN_MOV && (!in.has_memory || in.memory.base == 4 || in.memory.base == 5);
        return moved ? TABLE_ELSEWHERE : TABLE_UNKNOWN;
    }
    return TABLE_ELSEWHERE;
}

/* Every address of data that the function takes, as a table: one of them is. How many look like one. */
static unsigned read_all_tables(struct scan *s, const struct rewrite_code *c, size_t function)
{
    unsigned n = 0;
    size_t at = function;

    do {
        struct insn in;
        uint64_t table;

        if ((c->marks[at] & MARK_START) && decode_insn(c->bytes + at, c->size - at, DECODE_64, &in) > 0 &&
            is_lea_of_data(s, &in, c->address + at + in.length, &table))
            n += read_table(s, table, 4) >= 2;
        s->budget -= s->budget > 0;
    } while (++at < c->size && s->budget && !(c->marks[at] & MARK_BOUNDARY));
    return n;
}

/* Targets of a jump through a table; how many, 0 when they are not known. */
static unsigned targets(struct scan *s, const struct rewrite_code *c, size_t at, size_t function, const struct insn *in)
{
    uint64_t table;

    if (in->has_memory)
        return read_table(s, (uint64_t)in->memory.disp, 8);
    switch (find_table(s, c, at, scan_table_base(c, at, in), &table)) {
    case TABLE_FOUND:
        return read_table(s, table, 4);
    case TABLE_ELSEWHERE:
        return read_all_tables(s, c, function);
    default:
        return 0;
    }
}

static void resolve(struct scan *s, const struct rewrite_code *c, size_t at, size_t function)
{
    struct insn in;

    if (decode_insn(c->bytes + at, c->size - at, DECODE_64, &in) < 0 || in.class != CLASS_JUMP_INDIRECT)
        return;
    c->marks[at] &= (uint8_t)~MARK_JUMP;
    if (!targets(s, c, at, function, &in) || !s->budget)
        c->marks[function] |= MARK_INDIRECT;
}

static void resolve_tables(struct scan *s, const struct rewrite_code *c)
{
    size_t function = 0;

    for (size_t at = 0; at < c->size; at++) {
        if (c->marks[at] & MARK_BOUNDARY)
            function = at;
        if (c->marks[at] & MARK_JUMP)
            resolve(s, c, at, function);
    }
}

/* ---- Functions that belong together -------------------------------------------------------------------------- */

static void join(struct scan *s, uint8_t *a, uint8_t *b)
{
    uint8_t both = (*a | *b) & MARK_INDIRECT;

    s->changed |= (*a & both) != both || (*b & both) != both;
    *a |= both;
    *b |= both;
}

/* Whether there is no boundary behind `at` up to `offset`. */
static bool nothing_between(struct scan *s, const struct rewrite_code *c, size_t at, size_t offset)
{
    if (offset <= at || offset - at > s->budget)
        return false;
    s->budget -= offset - at;
    for (size_t i = at + 1; i <= offset; i++)
        if (c->marks[i] & MARK_BOUNDARY)
            return false;
    return true;
}

/* A jump to the start of another function is a call that does not come back, conditional or not; one into it says that
 * the two are one. False when it stays in its function, and need not be looked at again. */
static bool join_jump(struct scan *s, const struct rewrite_code *c, size_t at, size_t function)
{
    struct insn in;
    size_t offset;
    int length = decode_insn(c->bytes + at, c->size - at, DECODE_64, &in);
    const struct rewrite_code *to;

    if (length < 0)
        return false;
    to = scan_code_at(s->image, c->address + at + (uint64_t)length + (uint64_t)in.target, &offset);
    if (!to || (to->marks[offset] & MARK_BOUNDARY))
        return false;
    if (to == c && ((offset >= function && offset <= at) || nothing_between(s, c, at, offset)))
        return false;
    join(s, &c->marks[function], &to->marks[function_of(s, to, offset)]);
    return true;
}

/* Whether control goes on straight over a boundary, perhaps through padding. */
static bool falls_into(const struct rewrite_code *c, size_t boundary)
{
    size_t at = boundary;
    struct insn in;

    for (unsigned n = 0; n < PADDING_MAX; n++) {
        size_t before = scan_step_back(c, at, &in);

        if (before == at)
            return false;
        if (in.name != INSN_NOP && in.name != INSN_INT3) /* what compilers and linkers pad with */
            return !scan_ends_path(&in);
        if (n && (c->marks[at] & MARK_BOUNDARY))
            return c->marks[at] & MARK_FALLS;
        at = before;
    }
    return true;
}

static void join_code(struct scan *s, const struct rewrite_code *c)
{
    size_t function = 0;

    for (size_t at = 0; at < c->size; at++) {
        if (c->marks[at] & MARK_BOUNDARY) {
            if (at > 0 && falls_into(c, at)) {
                c->marks[at] |= MARK_FALLS;
                join(s, &c->marks[function], &c->marks[at]);
            }
            function = at;
        }
        if ((c->marks[at] & MARK_JUMP) && !join_jump(s, c, at, function))
            c->marks[at] &= (uint8_t)~MARK_JUMP;
    }
}

void scan_functions(struct scan *s)
{
    for (unsigned i = 0; i < s->image->n; i++)
        resolve_tables(s, &s->image->code[i]);
    s->changed = true;
    for (unsigned pass = 0; s->changed && !s->all_indirect; pass++) {
        s->changed = false;
        s->all_indirect = pass == PASSES_MAX;
        for (unsigned i = 0; i < s->image->n; i++)
            join_code(s, &s->image->code[i]);
    }
}
