/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Step 3 of the scan: what can be done with each `syscall`. A window is taken only where nothing enters it: no direct
 * branch of all the code, no address that an instruction, a table or the caller names, and, when it is more than one
 * instruction, no jump in the function whose targets are not known.
 */
#include "rewrite/scan.h"

#include <errno.h>
#include <string.h>

enum {
    BACK_MAX = 24,      /* bytes before a site that are looked at: a window is 5 to 19 long */
    PRECEDING_MAX = 12, /* instructions of them */
    NUMBER_MAX = 64,    /* instructions back to where a number may have been put */
    PADDING_MAX = 64,   /* bytes of padding that are looked at */
    PADDING_ALIGN = 8,  /* where it ends */
    BUDGET_FACTOR = 64, /* steps for each byte of code */
};

#define NOWHERE SIZE_MAX

/* ---- Bytes that a site has -------------------------------------------------------------------------------- */

static bool is_free(const struct rewrite_code *c, size_t from, size_t bytes)
{
    for (size_t at = from; at < from + bytes; at++)
        if (c->marks[at] & MARK_TAKEN)
            return false;
    return true;
}

static void take(const struct rewrite_code *c, size_t from, size_t bytes)
{
    for (size_t at = from; at < from + bytes; at++)
        c->marks[at] |= MARK_TAKEN;
}

/* ---- Sites --------------------------------------------------------------------------------------------------- */

/* What lies straight before a site, nearest first. */
struct before {
    unsigned n;
    size_t at[PRECEDING_MAX];
    struct insn insn[PRECEDING_MAX];
};

/* Instructions that follow each other up to `site`, back to where control does not come straight from. */
static void look_back(const struct rewrite_code *c, size_t site, struct before *b)
{
    size_t at = site;

    for (b->n = 0; b->n < PRECEDING_MAX && site - at < BACK_MAX; b->n++) {
        if ((c->marks[at] & MARK_BOUNDARY) && !(c->marks[at] & MARK_FALLS))
            return;
        size_t before = scan_step_back(c, at, &b->insn[b->n]);
        if (before == at)
            return;
        at = b->at[b->n] = before;
    }
}

/* The number in eax at the site, where the instructions straight before put a constant there, perhaps through another
 * register, and nobody comes in between. */
static int32_t number(const struct rewrite_code *c, size_t site)
{
    uint8_t reg = 0;
    size_t at = site;

    for (unsigned n = 0; n < NUMBER_MAX && !(c->marks[at] & MARK_TARGET); n++) {
        struct insn in;
        size_t before = scan_step_back(c, at, &in);
        const struct insn_operand *from = &in.operands[1];

        if (before == at || !scan_writes_what_it_says(&in))
            return -1;
        at = before;
        if (!scan_writes(&in, reg))
            continue;
        if (in.name == INSN_XOR && from->kind == OPERAND_REGISTER && from->reg == reg && in.operands[0].bytes >= 4)
            return 0;
        if (in.name != INSN_MOV || in.operands[0].bytes < 4)
            return -1;
        if (from->kind == OPERAND_IMMEDIATE)
            return in.imm >= 0 && in.imm <= INT32_MAX ? (int32_t)in.imm : -1;
        if (from->kind != OPERAND_REGISTER || from->registers != REGISTERS_GENERAL)
            return -1;
        reg = from->reg;
    }
    return -1;
}

/* Does the same at another place, but for its distance to what it addresses. */
static bool can_move(const struct insn *in)
{
    switch (in->class) {
    case CLASS_NOP:
        return in->name == INSN_NOP;
    case CLASS_INT:
    case CLASS_X87:
    case CLASS_MMX:
    case CLASS_SSE:
    case CLASS_AVX:
    case CLASS_AVX512:
        return !in->memory.rip_relative || (in->address_bytes == 8 && in->disp_bytes == 4);
    default:
        return false;
    }
}

static bool entered(const struct rewrite_code *c, size_t from, size_t to)
{
    for (size_t at = from + 1; at < to; at++)
        if (c->marks[at] & MARK_TARGET)
            return true;
    return false;
}

/* The shortest window that ends at `end` (with or before the `syscall` at `site`); why not, else. */
static enum rewrite_why window(const struct rewrite_code *c, size_t site, size_t end, bool indirect,
                               const struct before *b, struct rewrite_site *out)
{
    unsigned i = 0;

    for (;; i++) {
        if (i == b->n)
            return REWRITE_WHY_SHORT;
        if (!can_move(&b->insn[i]))
            return REWRITE_WHY_PINNED;
        if (end - b->at[i] >= REWRITE_JUMP_BYTES)
            break;
    }
    if (entered(c, b->at[i], end))
        return REWRITE_WHY_ENTERED;
    if (indirect && (i > 0 || end > site))
        return REWRITE_WHY_INDIRECT;
    out->state = REWRITE_WINDOW;
    out->window = c->address + b->at[i];
    out->length = (uint8_t)(end - b->at[i]);
    return REWRITE_WHY_NONE;
}

static bool is_mov_nr(const struct before *b)
{
    return b->n && b->insn[0].opcode == 0xb8 && b->insn[0].length == 5 && b->insn[0].map == 0 &&
           b->insn[0].encoding == ENCODING_LEGACY;
}

/* Whether the bytes from `at` on that do nothing are padding that nobody comes to: behind an instruction that does not
 * go on, up to an address that compilers align to. Their end, or `at`. */
static size_t padding(const struct rewrite_code *c, size_t at)
{
    size_t end = at;
    struct insn in;

    if (scan_step_back(c, at, &in) == at || !scan_ends_path(&in) || in.class == CLASS_CALL ||
        in.class == CLASS_CALL_INDIRECT)
        return at;
    while (end < c->size && end - at < PADDING_MAX && (c->marks[end] & (MARK_START | MARK_TARGET)) == MARK_START) {
        int length = decode_insn(c->bytes + end, c->size - end, DECODE_64, &in);
        if (length < 0 || in.name != INSN_NOP || entered(c, end, end + (size_t)length))
            break;
        end += (size_t)length;
    }
    return (c->address + end) % PADDING_ALIGN == 0 || end == c->size ? end : at;
}

/* The lowest room of so many bytes in padding at or above `from` that a short jump which ends at `next` reaches;
 * NOWHERE. */
static size_t find_room(const struct rewrite_code *c, size_t next, size_t from, size_t bytes)
{
    size_t first = next > 128 ? next - 128 : 1, last = c->size - next > 127 ? next + 127 : c->size - 1;

    if (from < first)
        from = first;
    for (size_t at = first > PADDING_MAX ? first - PADDING_MAX : 1; at <= last; at++) {
        size_t end = c->marks[at] & MARK_START ? padding(c, at) : at;

        for (size_t hole = at > from ? at : from; hole <= last && hole + bytes <= end; hole++)
            if (is_free(c, hole, bytes))
                return hole;
    }
    return NOWHERE;
}

/* Takes room for the jump in padding near the site, and for another short jump on the way if it is not that near. */
static void island(const struct rewrite_code *c, size_t site, struct rewrite_site *out)
{
    size_t next = site + SYSCALL_BYTES, hop = NOWHERE, hole = find_room(c, next, 0, REWRITE_JUMP_BYTES);

    while (hole == NOWHERE) {
        hop = find_room(c, next, hop == NOWHERE ? 0 : hop + 1, SYSCALL_BYTES);
        if (hop == NOWHERE)
            return;
        hole = find_room(c, hop + SYSCALL_BYTES, 0, REWRITE_JUMP_BYTES);
        if (hole != NOWHERE && hole < hop + SYSCALL_BYTES && hop < hole + REWRITE_JUMP_BYTES)
            hole = NOWHERE;
    }
    if (hop != NOWHERE) {
        take(c, hop, SYSCALL_BYTES);
        out->hop = c->address + hop;
    }
    take(c, hole, REWRITE_JUMP_BYTES);
    out->state = REWRITE_ISLAND;
    out->window = c->address + hole;
    out->length = REWRITE_JUMP_BYTES;
}

/* For sites that are still trapped, once all are decided. */
static void islands(const struct rewrite_image *image, struct rewrite_site *sites, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t at;
        const struct rewrite_code *c = scan_code_at(image, sites[i].address, &at);

        if (c && sites[i].state == REWRITE_TRAPPED && sites[i].why != REWRITE_WHY_UNSWEPT)
            island(c, at, &sites[i]);
    }
}

static void decide(const struct rewrite_code *c, size_t at, bool doubtful, bool indirect, struct rewrite_site *out)
{
    struct before b;

    *out = (struct rewrite_site){.address = c->address + at,
                                 .window = c->address + at,
                                 .trampoline = REWRITE_NO_TRAMPOLINE,
                                 .nr = -1,
                                 .why = REWRITE_WHY_UNSWEPT};
    if (doubtful)
        return;
    look_back(c, at, &b);
    out->nr = number(c, at);
    if (is_mov_nr(&b) && !entered(c, b.at[0], at)) {
        out->state = REWRITE_MOV;
        out->why = REWRITE_WHY_NONE;
        out->window = c->address + b.at[0];
        out->length = REWRITE_JUMP_BYTES;
        return;
    }
    out->why = window(c, at, at, indirect, &b, out);
    if (out->why)
        out->why = window(c, at, at + SYSCALL_BYTES, indirect, &b, out);
}

/* Takes the bytes that a site changes or keeps. Others have them only where instructions overlap, which is no sane
 * code. */
static void own(const struct rewrite_code *c, struct rewrite_site *s)
{
    size_t at = (size_t)(s->address - c->address), from = (size_t)(s->window - c->address);
    size_t end =
        s->state == REWRITE_TRAPPED || from + s->length < at + SYSCALL_BYTES ? at + SYSCALL_BYTES : from + s->length;

    if (!is_free(c, from, end - from)) {
        s->state = REWRITE_TRAPPED;
        s->why = REWRITE_WHY_UNSWEPT;
        s->window = s->address;
        s->length = 0;
        from = at;
        end = at + SYSCALL_BYTES;
    }
    take(c, from, end - from);
}

static int sites_of(const struct scan *s, const struct rewrite_code *c, struct rewrite_site *sites, size_t max,
                    size_t *n)
{
    bool doubtful = !c->sweep_all;
    size_t function = 0;

    for (size_t at = 0; at < c->size; at++)
        c->marks[at] &= (uint8_t)~MARK_TAKEN;
    for (size_t at = 0; at < c->size; at++) {
        uint8_t m = c->marks[at];

        if (m & MARK_BOUNDARY) {
            function = at;
            doubtful = false;
        }
        if (m & MARK_BROKEN)
            doubtful = true;
        bool unswept =
            !c->sweep_all && !(m & MARK_START) && at + 1 < c->size && c->bytes[at] == 0x0f && c->bytes[at + 1] == 0x05;
        if (!(m & MARK_SYSCALL) && !unswept)
            continue;
        if (*n == max)
            return -ENOSPC;
        decide(c, at, doubtful || unswept, s->all_indirect || (c->marks[function] & MARK_INDIRECT), &sites[*n]);
        own(c, &sites[(*n)++]);
    }
    return 0;
}

int rewrite_scan(struct rewrite_image *image, struct rewrite_site *sites, size_t max)
{
    struct scan s = {.image = image};
    size_t n = 0;
    int r = 0;

    for (unsigned i = 0; i < image->n; i++)
        s.budget += BUDGET_FACTOR * (uint64_t)image->code[i].size;
    scan_sweep(&s);
    scan_functions(&s);
    for (unsigned i = 0; i < image->n && r == 0; i++)
        r = sites_of(&s, &image->code[i], sites, max, &n);
    if (r < 0)
        return r;
    islands(image, sites, n);
    return (int)n;
}
