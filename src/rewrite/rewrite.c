/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scan: which bytes are instructions, where control may enter, and what can be done with each `syscall`.
 *
 * A byte of marks for each byte of code. Functions are what lies between two BOUNDARY marks: starts that the caller
 * named and targets of direct calls. Jumps between functions join them, so that the cold part of a function shares the
 * fate of the rest. A window is taken only where nothing enters it: no direct branch of all the code, no address that
 * an instruction or the caller names, and, when it is more than one instruction, no computed jump in the function.
 */
#include "rewrite/rewrite.h"

#include "cpu/decode/decode.h"

#include <errno.h>
#include <string.h>

enum {
    MARK_START = 1,     /* an instruction begins here */
    MARK_TARGET = 2,    /* control may come here other than from the instruction before */
    MARK_BOUNDARY = 4,  /* a function begins here, or what is between functions */
    MARK_INDIRECT = 8,  /* at a boundary: the function has a computed jump, or bytes that do not decode */
    MARK_BROKEN = 16,   /* no instruction begins here, though one should: what follows in the function is doubtful */
    MARK_JUMP = 32,     /* an instruction that jumps directly */
    MARK_FALLS = 64,    /* at a boundary: control comes here from the function before, straight on */
    MARK_SYSCALL = 128, /* a `syscall` */
    MARK_TAKEN = MARK_FALLS, /* in padding: by an island */
};

enum {
    PASSES_MAX = 64,    /* over functions that are found by calls; over what jumps join */
    BACK_MAX = 24,      /* bytes before a site that are looked at: a window is 5 to 19 long */
    PRECEDING_MAX = 12, /* instructions of them */
    INSN_BYTES_MAX = 15,
    PADDING_MAX = 16,  /* instructions of it */
    PADDING_ALIGN = 8, /* where it ends */
    SYSCALL_BYTES = 2,
    BUDGET_FACTOR = 64, /* steps for each byte of code */
};

/* Looking for the start of a function costs its length. So that hostile code does not make that a square, all such
 * looks together have a budget; when it is used up every function counts as one with a computed jump. */
struct scan {
    struct rewrite_image *image;
    uint64_t budget;
    bool all_indirect, changed;
};

/* ---- Marks --------------------------------------------------------------------------------------------------- */

/* The stretch that holds an address, and the offset in it; NULL when none does. */
static const struct rewrite_code *code_at(const struct rewrite_image *image, uint64_t address, size_t *offset)
{
    for (unsigned i = 0; i < image->n; i++) {
        const struct rewrite_code *c = &image->code[i];

        if (address - c->address < c->size) {
            *offset = (size_t)(address - c->address);
            return c;
        }
    }
    return NULL;
}

static void mark(const struct rewrite_image *image, uint64_t address, uint8_t bits)
{
    size_t offset;
    const struct rewrite_code *c = code_at(image, address, &offset);

    if (c)
        c->marks[offset] |= bits;
}

void rewrite_entry(struct rewrite_image *image, uint64_t address, enum rewrite_entry kind)
{
    static const uint8_t bits[] = {[REWRITE_ENTRY_TARGET] = MARK_TARGET,
                                   [REWRITE_ENTRY_FUNCTION] = MARK_TARGET | MARK_BOUNDARY,
                                   [REWRITE_ENTRY_END] = MARK_BOUNDARY};

    mark(image, address, bits[kind]);
}

/* The boundary at or before an offset: 0 when there is no mark, or the budget is used up. */
static size_t function_of(struct scan *s, const struct rewrite_code *c, size_t offset)
{
    size_t at = offset;

    while (at > 0 && !(c->marks[at] & MARK_BOUNDARY))
        at--;
    if (offset - at > s->budget) {
        s->budget = 0;
        s->all_indirect = true;
    } else {
        s->budget -= offset - at;
    }
    return at;
}

/* ---- Sweep --------------------------------------------------------------------------------------------------- */

static bool is_direct_jump(const struct insn *in)
{
    return in->class == CLASS_JUMP || in->class == CLASS_JCC || in->class == CLASS_LOOP || in->name == INSN_XBEGIN;
}

/* Control does not go on behind it. A call goes on, but not where the function ends with it: then it does not come
 * back. */
static bool ends_path(const struct insn *in)
{
    return in->class == CLASS_JUMP || in->class == CLASS_JUMP_INDIRECT || in->class == CLASS_RETURN ||
           in->class == CLASS_CALL || in->class == CLASS_CALL_INDIRECT || in->class == CLASS_TRAP ||
           in->class == CLASS_FAR || in->class == CLASS_INTERRUPT || in->name == INSN_HLT;
}

/* A jump through a fixed cell (a stub to another library) chooses no place in the function; one through a register may.
 */
static bool is_computed_jump(const struct insn *in)
{
    return in->class == CLASS_JUMP_INDIRECT &&
           !(in->has_memory && in->memory.base == INSN_REGISTER_NONE && in->memory.index == INSN_REGISTER_NONE);
}

/* What an instruction says about other places. `next` is the address behind it. */
static void mark_mentions(const struct scan *s, const struct insn *in, uint64_t next)
{
    if (in->n_operands && in->operands[0].kind == OPERAND_TARGET) {
        bool call = in->class == CLASS_CALL;

        mark(s->image, next + (uint64_t)in->target, call ? MARK_TARGET | MARK_BOUNDARY : MARK_TARGET);
        return;
    }
    if (in->has_memory && in->memory.rip_relative && in->name == INSN_LEA)
        mark(s->image, next + (uint64_t)in->memory.disp, MARK_TARGET);
    if (s->image->absolute && in->imm_bytes >= 4)
        mark(s->image, in->imm_bytes == 4 ? (uint32_t)in->imm : (uint64_t)in->imm, MARK_TARGET);
    if (s->image->absolute && in->has_memory && in->disp_bytes >= 4 && in->name == INSN_LEA)
        mark(s->image, (uint64_t)in->memory.disp, MARK_TARGET);
}

/* Marks one instruction; its length, 0 when there is none. `function` is the boundary that it belongs to. */
static size_t sweep_one(const struct scan *s, const struct rewrite_code *c, size_t at, size_t function)
{
    struct insn in;
    int length = decode_insn(c->bytes + at, c->size - at, DECODE_64, &in);

    if (length < 0)
        return 0;
    for (size_t i = at + 1; i < at + (size_t)length; i++)
        if (c->marks[i] & MARK_BOUNDARY)
            return 0;
    c->marks[at] |= MARK_START;
    if (is_direct_jump(&in))
        c->marks[at] |= MARK_JUMP;
    if (in.name == INSN_SYSCALL)
        c->marks[at] |= MARK_SYSCALL;
    if (is_computed_jump(&in))
        c->marks[function] |= MARK_INDIRECT;
    mark_mentions(s, &in, c->address + at + (uint64_t)length);
    return (size_t)length;
}

/* From a boundary on, to the next one that is swept already, or (not sweep_all) to the first bytes that do not decode.
 */
static void sweep_from(const struct scan *s, const struct rewrite_code *c, size_t at)
{
    size_t function = at;

    while (at < c->size && !(c->marks[at] & MARK_START)) {
        if (c->marks[at] & MARK_BOUNDARY)
            function = at;
        size_t length = sweep_one(s, c, at, function);
        if (!length) {
            c->marks[at] |= MARK_BROKEN;
            c->marks[function] |= MARK_INDIRECT;
            if (!c->sweep_all)
                return;
            length = 1;
        }
        at += length;
    }
}

/* Functions that calls have named and that no sweep has met; false when there was none. Where one begins within an
 * instruction that was met, the function that has this is doubtful. */
static bool sweep_found(const struct scan *s, const struct rewrite_code *c)
{
    enum { NEW = MARK_BOUNDARY | MARK_TARGET };
    bool found = false;
    size_t function = 0;

    for (size_t at = 0; at < c->size; at++) {
        if (!(c->marks[at] & MARK_BOUNDARY))
            continue;
        if ((c->marks[at] & (NEW | MARK_START | MARK_BROKEN)) == NEW) {
            c->marks[function] |= MARK_INDIRECT;
            sweep_from(s, c, at);
            found = true;
        }
        function = at;
    }
    return found;
}

static void sweep(const struct scan *s)
{
    bool found = true;

    for (unsigned i = 0; i < s->image->n; i++) {
        const struct rewrite_code *c = &s->image->code[i];

        if (c->sweep_all && c->size) {
            c->marks[0] |= MARK_BOUNDARY;
            sweep_from(s, c, 0);
        }
    }
    for (unsigned pass = 0; found && pass < PASSES_MAX; pass++) {
        found = false;
        for (unsigned i = 0; i < s->image->n; i++)
            found |= sweep_found(s, &s->image->code[i]);
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
    to = code_at(s->image, c->address + at + (uint64_t)length + (uint64_t)in.target, &offset);
    if (!to || (to->marks[offset] & MARK_BOUNDARY))
        return false;
    if (to == c && ((offset >= function && offset <= at) || nothing_between(s, c, at, offset)))
        return false;
    join(s, &c->marks[function], &to->marks[function_of(s, to, offset)]);
    return true;
}

/* The instruction straight before an offset, if there is one: where it begins, or the offset itself. */
static size_t step_back(const struct rewrite_code *c, size_t offset, struct insn *in)
{
    for (size_t at = offset; at-- > 0 && offset - at <= INSN_BYTES_MAX;) {
        if (!(c->marks[at] & MARK_START))
            continue;
        int length = decode_insn(c->bytes + at, c->size - at, DECODE_64, in);
        return length > 0 && at + (size_t)length == offset ? at : offset;
    }
    return offset;
}

/* Whether control goes on straight over a boundary, perhaps through padding. */
static bool falls_into(const struct rewrite_code *c, size_t boundary)
{
    size_t at = boundary;
    struct insn in;

    for (unsigned n = 0; n < PADDING_MAX; n++) {
        size_t before = step_back(c, at, &in);

        if (before == at)
            return false;
        if (in.name != INSN_NOP)
            return !ends_path(&in);
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

static void join_functions(struct scan *s)
{
    s->changed = true;
    for (unsigned pass = 0; s->changed && !s->all_indirect; pass++) {
        s->changed = false;
        s->all_indirect = pass == PASSES_MAX;
        for (unsigned i = 0; i < s->image->n; i++)
            join_code(s, &s->image->code[i]);
    }
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
        size_t before = step_back(c, at, &b->insn[b->n]);
        if (before == at)
            return;
        at = b->at[b->n] = before;
    }
}

static bool writes_rax(const struct insn *in)
{
    const struct insn_operand *to = &in->operands[0];

    return to->kind == OPERAND_REGISTER && to->registers <= REGISTERS_HIGH && to->reg == 0 &&
           (to->access & ACCESS_WRITE);
}

/* The number in eax at the site: `mov $nr,%eax` (or rax) or `xor %eax,%eax`, with nothing in between but moves to other
 * registers, and nobody who comes in between. */
static int32_t number(const struct rewrite_code *c, size_t site, const struct before *b)
{
    size_t behind = site;

    for (unsigned i = 0; i < b->n; behind = b->at[i++]) {
        const struct insn *in = &b->insn[i];
        bool moves = in->name == INSN_MOV || in->name == INSN_LEA || in->name == INSN_XOR || in->name == INSN_MOVSXD;

        if ((c->marks[behind] & MARK_TARGET) || !moves)
            return -1;
        if (!writes_rax(in))
            continue;
        if (in->name == INSN_MOV && in->operands[1].kind == OPERAND_IMMEDIATE && in->operands[0].bytes >= 4)
            return in->imm >= 0 && in->imm <= INT32_MAX ? (int32_t)in->imm : -1;
        return in->name == INSN_XOR && in->modrm == 0xc0 && in->operands[0].bytes >= 4 ? 0 : -1;
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

    if (step_back(c, at, &in) == at || !ends_path(&in) || in.class == CLASS_CALL || in.class == CLASS_CALL_INDIRECT)
        return at;
    while (end < c->size && (c->marks[end] & (MARK_START | MARK_TARGET)) == MARK_START) {
        int length = decode_insn(c->bytes + end, c->size - end, DECODE_64, &in);
        if (length < 0 || in.name != INSN_NOP || entered(c, end, end + (size_t)length))
            break;
        end += (size_t)length;
    }
    return (c->address + end) % PADDING_ALIGN == 0 || end == c->size ? end : at;
}

static bool is_free(const struct rewrite_code *c, size_t hole)
{
    for (size_t at = hole; at < hole + REWRITE_JUMP_BYTES; at++)
        if (c->marks[at] & MARK_TAKEN)
            return false;
    return true;
}

/* Takes room for a jump in padding, where a short jump at `site` reaches it: the lowest, as later sites lie higher. */
static bool island(const struct rewrite_code *c, size_t site, size_t *hole)
{
    size_t next = site + SYSCALL_BYTES;
    size_t from = next > 128 ? next - 128 : 1, to = c->size - next > 127 ? next + 127 : c->size - 1;

    for (size_t at = from; at <= to; at++) {
        size_t end = c->marks[at] & MARK_START ? padding(c, at) : at;

        for (*hole = at; *hole <= to && *hole + REWRITE_JUMP_BYTES <= end; ++*hole) {
            if (!is_free(c, *hole))
                continue;
            for (size_t i = 0; i < REWRITE_JUMP_BYTES; i++)
                c->marks[*hole + i] |= MARK_TAKEN;
            return true;
        }
    }
    return false;
}

/* Sites that are still trapped, once all are decided: from here on MARK_FALLS means MARK_TAKEN. */
static void islands(const struct rewrite_image *image, struct rewrite_site *sites, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t at, hole;
        const struct rewrite_code *c;

        if (sites[i].state != REWRITE_TRAPPED || sites[i].why == REWRITE_WHY_UNSWEPT)
            continue;
        c = code_at(image, sites[i].address, &at);
        if (!c || !island(c, at, &hole))
            continue;
        sites[i].state = REWRITE_ISLAND;
        sites[i].window = c->address + hole;
        sites[i].length = REWRITE_JUMP_BYTES;
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
    out->nr = number(c, at, &b);
    if (is_mov_nr(&b) && !entered(c, b.at[0], at)) {
        out->state = REWRITE_MOV;
        out->why = REWRITE_WHY_NONE;
        out->nr = (int32_t)b.insn[0].imm;
        out->window = c->address + b.at[0];
        out->length = REWRITE_JUMP_BYTES;
        return;
    }
    out->why = window(c, at, at, indirect, &b, out);
    if (out->why)
        out->why = window(c, at, at + SYSCALL_BYTES, indirect, &b, out);
}

static int sites_of(const struct scan *s, const struct rewrite_code *c, struct rewrite_site *sites, size_t max,
                    size_t *n)
{
    bool doubtful = !c->sweep_all;
    size_t function = 0;

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
        decide(c, at, doubtful || unswept, s->all_indirect || (c->marks[function] & MARK_INDIRECT), &sites[(*n)++]);
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
    sweep(&s);
    join_functions(&s);
    for (unsigned i = 0; i < image->n && r == 0; i++)
        r = sites_of(&s, &image->code[i], sites, max, &n);
    if (r < 0)
        return r;
    islands(image, sites, n);
    return (int)n;
}
